"""Answers as bytes and steps."""

import pytest

from exporter.simulator.transport import Answer
from exporter.simulator.transport.delivery import Delivery, Send, chunked_head, chunks, half, head, whole


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


def test_a_204_may_have_a_body_all_the_same() -> None:
    """Then it has its headers too."""
    assert head(Answer(204, b"{}", content_type="x")) == (
        b"HTTP/1.1 204 No Content\r\nServer: ZGS\r\nContent-Type: x\r\nContent-Length: 2\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("body", "sent"),
    [(b"", b"0\r\n\r\n"), (b"{}", b"2\r\n{}\r\n0\r\n\r\n"), (b"x" * 17, b"11\r\n" + b"x" * 17 + b"\r\n0\r\n\r\n")],
    ids=["empty", "short", "hexadecimal"],
)
def test_a_body_in_chunks_is_one_chunk_and_its_end(body: bytes, sent: bytes) -> None:
    """The length of a chunk is hexadecimal."""
    assert chunks(body) == sent


def test_the_head_of_chunks_names_them() -> None:
    """In place of a length."""
    assert chunked_head(Answer(200, b"{}", content_type="x")) == (
        b"HTTP/1.1 200 OK\r\nServer: ZGS\r\nContent-Type: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    )


def test_half_an_answer_promises_the_whole() -> None:
    """The length is that of the body, half of which is missing."""
    sent = half(Answer(200, b"123456", content_type="text/plain"))
    assert sent.data.endswith(b"Content-Length: 6\r\n\r\n123")
