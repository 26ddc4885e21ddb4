"""What becomes of a poll, and of the next one, for each kind of answer in each way that it may come over the wire."""

import socket
import time
from collections.abc import Callable
from functools import partial

import pytest
from samples import transport_options
from unit.zoho.loopback import Behaviour, StartServer

from exporter.errors import PollError
from exporter.model import JobReport, JobState
from exporter.redactor import Redactor
from exporter.zoho.transport import StaleConnectionError, Transport, tls_context
from exporter.zoho.wire import Answer, decode_report

TOKEN = "1000.token-7f3a"
NEIGHBOUR = (
    b'{"data":[{"Status":"COMPLETED","Failed_Count":0,"Updated_Count":7,"Not_Updated_Count":0,"Total_Count":7}]}'
)
RUNNING = b'{"data":[{"Status":"RUNNING","Failed_Count":0,"Updated_Count":30,"Not_Updated_Count":20,"Total_Count":50}]}'
HTML = b"<html><body>Sorry, 1000.token-7f3a</body></html>"


def declared(status: int, body: bytes) -> bytes:
    """Give an answer whose length is declared."""
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


def chunked(status: int, body: bytes) -> bytes:
    """Give an answer in chunks of a few bytes."""
    chunks = [body[at : at + 7] for at in range(0, len(body), 7)]
    framed = b"".join(b"%x;x=y\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"HTTP/1.1 %d X\r\nTransfer-Encoding: chunked\r\n\r\n%b0\r\nX: y\r\n\r\n" % (status, framed)


def until_the_end(status: int, body: bytes) -> bytes:
    """Give an answer that ends with its connection."""
    return b"HTTP/1.1 %d X\r\nConnection: close\r\n\r\n%b" % (status, body)


def of_http_1_0(status: int, body: bytes) -> bytes:
    """Give an answer of a server that is old."""
    return b"HTTP/1.0 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


def after_hints(status: int, body: bytes) -> bytes:
    """Give an answer behind an interim one."""
    return b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + declared(status, body)


def answering(raw: bytes) -> Behaviour:
    """Answer one request, and hang up."""

    def behave(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(raw)

    return behave


def late(raw: bytes) -> Behaviour:
    """Send a head, and its body only when the client has hung up."""
    head, _, body = raw.partition(b"\r\n\r\n")

    def behave(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(head + b"\r\n\r\n")
        connection.recv(65_536)
        connection.sendall(body)

    return behave


def outcome(transport: Transport, address: str) -> str:
    """Poll, and give the state or the code."""
    try:
        report = decode_report(fetch(transport, address), "Leads")
    except PollError as error:
        return shown(error)
    return report.state.value if report.total == 50 else neighbours(report)


def fetch(transport: Transport, address: str) -> Answer:
    """Ask, and again where the connection was closed meanwhile, as the client does."""
    get = partial(transport.get, f"http://{address}/", {"job_id": "1"}, {"Authorization": f"Zoho-oauthtoken {TOKEN}"})
    try:
        return get(deadline=time.monotonic() + 30)
    except StaleConnectionError:
        return get(deadline=time.monotonic() + 30, fresh=True)


def shown(error: PollError) -> str:
    """Give the code of an error that shows no secret."""
    assert TOKEN not in f"{error.message} {error.advice}"
    return error.code


def neighbours(report: JobReport) -> str:
    """Give the name of the neighbour's report."""
    assert report == JobReport(JobState.COMPLETED, updated=7, failed=0, not_updated=0, total=7)
    return "the neighbour's"


def error(code: str, message: str = "m") -> bytes:
    """Give an error as Zoho writes it."""
    return b'{"code":"%b","details":{},"message":"%b","status":"error"}' % (code.encode(), message.encode())


ANSWERS = [
    pytest.param(200, RUNNING, "RUNNING", id="report"),
    pytest.param(200, b'{"data":[%b]}' % error("NOT_FOUND"), "NOT_FOUND", id="error-inside-data"),
    pytest.param(200, b'{"data":%b}' % error("NOT_FOUND"), "NOT_FOUND", id="error-inside-an-object"),
    pytest.param(200, b'{"data":[]}', "NOT_FOUND", id="no-data"),
    pytest.param(200, HTML, "invalid_response", id="page"),
    pytest.param(200, b"", "invalid_response", id="nothing"),
    pytest.param(200, b" " * 1_048_577, "invalid_response", id="huge"),
    pytest.param(200, RUNNING[:40], "invalid_response", id="half"),
    pytest.param(206, RUNNING, "invalid_response", id="part"),
    pytest.param(400, error("INVALID_MODULE"), "INVALID_MODULE", id="module"),
    pytest.param(400, error("INVALID_DATA", "The jobid given seems to be invalid"), "NOT_FOUND", id="job-id"),
    pytest.param(400, error("MANDATORY_NOT_FOUND"), "MANDATORY_NOT_FOUND", id="mandatory"),
    pytest.param(400, error("INVALID_REQUEST_METHOD"), "INVALID_REQUEST_METHOD", id="method"),
    pytest.param(400, error("AUTHORIZATION_FAILED"), "AUTHORIZATION_FAILED", id="rights"),
    pytest.param(400, error("INVALID_HOST"), "INVALID_HOST", id="host"),
    pytest.param(400, HTML, "invalid_response", id="page-400"),
    pytest.param(401, error("OAUTH_SCOPE_MISMATCH"), "OAUTH_SCOPE_MISMATCH", id="scope"),
    pytest.param(401, error("INVALID_TOKEN"), "INVALID_TOKEN", id="token"),
    pytest.param(401, error("AUTHENTICATION_FAILED"), "AUTHENTICATION_FAILURE", id="authentication"),
    pytest.param(401, HTML, "AUTHENTICATION_FAILURE", id="page-401"),
    pytest.param(403, error("NO_PERMISSION"), "NO_PERMISSION", id="permission"),
    pytest.param(404, error("NOT_FOUND"), "NOT_FOUND", id="not-found"),
    pytest.param(404, error("INVALID_URL_PATTERN"), "INVALID_URL_PATTERN", id="url"),
    pytest.param(404, b'{"code":null}', "NOT_FOUND", id="null-code"),
    pytest.param(404, b"", "NOT_FOUND", id="nothing-404"),
    pytest.param(404, HTML, "invalid_response", id="page-404"),
    pytest.param(429, error("TOO_MANY_REQUESTS"), "TOO_MANY_REQUESTS", id="throttle"),
    pytest.param(429, HTML, "TOO_MANY_REQUESTS", id="page-429"),
    pytest.param(500, error("INTERNAL_ERROR"), "INTERNAL_ERROR", id="fault"),
    pytest.param(502, HTML, "invalid_response", id="page-502"),
    pytest.param(503, b"", "invalid_response", id="nothing-503"),
    pytest.param(999, b"{}", "invalid_response", id="status-of-nobody"),
]


@pytest.mark.parametrize("framed", [declared, chunked, until_the_end, of_http_1_0, after_hints])
@pytest.mark.parametrize(("status", "body", "expected"), ANSWERS)
def test_an_answer_is_one_polls_and_the_next_poll_has_its_own(
    start_server: StartServer, status: int, body: bytes, expected: str, framed: Callable[[int, bytes], bytes]
) -> None:
    """However an answer is framed, it means the same, and nothing of it is left for the neighbour."""
    server = start_server(answering(framed(status, body)), answering(declared(200, NEIGHBOUR)))
    transport = Transport(transport_options(), tls_context(None), Redactor())
    assert outcome(transport, server.address) == expected
    assert outcome(transport, server.address) == "the neighbour's"
    transport.close()


@pytest.mark.parametrize("framed", [declared, chunked])
@pytest.mark.parametrize("body", [b'{"code":"NO_DATA","message":"there is no data to show"}', b"", b"x", RUNNING])
@pytest.mark.parametrize("send", [answering, late], ids=["at-once", "late"])
@pytest.mark.parametrize(("status", "expected"), [(204, "NOT_FOUND"), (304, "invalid_response")])
def test_what_comes_with_an_answer_that_has_no_body_is_nobodys(  # noqa: PLR0917 - fixtures and parameters
    start_server: StartServer,
    status: int,
    expected: str,
    body: bytes,
    framed: Callable[[int, bytes], bytes],
    send: Callable[[bytes], Behaviour],
) -> None:
    """Zoho documents a 204 with a body: it says no more than the 204, and never becomes the neighbour's answer."""
    server = start_server(send(framed(status, body)), answering(declared(200, NEIGHBOUR)))
    transport = Transport(transport_options(), tls_context(None), Redactor())
    assert outcome(transport, server.address) == expected
    assert outcome(transport, server.address) == "the neighbour's"
    transport.close()
