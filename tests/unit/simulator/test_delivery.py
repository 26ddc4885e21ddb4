"""Answers as bytes and steps."""

from exporter.simulator.answers import Answer
from exporter.simulator.delivery import Delivery, Send, half, head, whole


def test_a_whole_answer_is_one_write_on_a_lasting_connection() -> None:
    """Status line, headers and body leave together."""
    answer = Answer(200, b"{}", headers=(("X-API-CREDITS-REMAINING", "12"),))
    assert whole(answer) == Delivery(
        (
            Send(
                b"HTTP/1.1 200 OK\r\nServer: ZGS\r\nContent-Type: application/json;charset=UTF-8\r\n"
                b"Content-Length: 2\r\nX-API-CREDITS-REMAINING: 12\r\n\r\n{}"
            ),
        ),
        keeps_alive=True,
    )


def test_no_content_has_no_content_headers() -> None:
    """A 204 has neither a length nor a type."""
    assert head(Answer(204)) == b"HTTP/1.1 204 No Content\r\nServer: ZGS\r\n\r\n"


def test_half_an_answer_promises_the_whole() -> None:
    """The length is that of the body, half of which is missing."""
    sent = half(Answer(200, b"123456", content_type="text/plain"))
    assert sent.data.endswith(b"Content-Length: 6\r\n\r\n123")
