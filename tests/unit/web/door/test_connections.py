"""Connections that clients hold for nothing: each is ended in its time, and their number is bounded."""

import select
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Event

import pytest
import requests
from certificates import open_authority
from processes import eventually
from programs import Program
from sites import Serve, Site
from starlette.responses import PlainTextResponse, Response

from exporter.access import TlsServer
from exporter.web.door import Connections, Gate, Patience, Route
from exporter.web.guard import Tls, open_tls
from exporter.web.request import Request

LARGE = b"x" * 32 * 1024 * 1024
"""More than the network's buffers hold."""
SHORT = 0.2

Dial = Callable[..., socket.socket]


@pytest.fixture
def dial() -> Iterator[Dial]:
    """Give a function that connects, sends bytes, and leaves it at that until the test ends."""
    with ExitStack() as connections:

        def connect(site: Site, sent: bytes = b"", source: str = "127.0.0.1") -> socket.socket:
            host, _, port = site.url.removeprefix("http://").partition(":")
            made = socket.create_connection((host, int(port)), timeout=30, source_address=(source, 0))
            connection = connections.enter_context(made)
            connection.sendall(sent)
            return connection

        yield connect


class Work:
    """A page that takes until a test ends; it counts those who ask for it."""

    def __init__(self) -> None:
        self.begun = 0
        self.released, self.waiting, self.hurried = Event(), Event(), Event()

    def wait(self, request: Request) -> Response:
        """Wait until the client has gone."""
        self.waiting.set()
        if request.enough.wait(30):
            self.hurried.set()
        return PlainTextResponse("done")

    def answer(self, _: Request) -> Response:
        """Work."""
        self.begun += 1
        self.released.wait(30)
        return PlainTextResponse("done")


@pytest.fixture
def work() -> Iterator[Work]:
    """Give a page that takes until the test ends."""
    page = Work()
    yield page
    page.released.set()


@pytest.fixture
def start(serve: Serve, work: Work) -> Callable[..., Site]:
    """Give a function that serves a small, a large and a slow page with little patience."""

    def small(request: Request) -> Response:
        return PlainTextResponse(f"{len(request.body)} bytes")

    def large(_: Request) -> Response:
        return Response(LARGE)

    routes = [
        Route("GET", "/small", small),
        Route("POST", "/small", small),
        Route("GET", "/large", large),
        Route("GET", "/work", work.answer),
    ]
    gate = Gate(routes, granted=lambda _: 600.0)
    return lambda **patience: serve(gate, Connections(patience=Patience(**patience)))


def is_ended(connection: socket.socket) -> bool:
    """Wait for the server to end a connection; what it sent before is read away."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        pass
    return True


def is_open(connection: socket.socket) -> bool:
    """Whether the server holds a connection on which it has nothing to say."""
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False
    finally:
        connection.settimeout(30)


def is_readable(connection: socket.socket) -> bool:
    """Whether something has come."""
    return bool(select.select([connection], [], [], 0)[0])


def answer(connection: socket.socket) -> bytes:
    """Give the answer to one request for the small page."""
    received = b""
    while not received.endswith(b" bytes"):
        received += connection.recv(65536)
    return received


GET = b"GET /small HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"


def test_short_answer_is_one_segment(start: Callable[..., Site], dial: Dial) -> None:
    """Head and body are written together: each request of a kept connection is answered with one packet."""
    connection = dial(start(), GET)
    answer(connection)
    connection.sendall(POST + b"12345")
    answer(connection)
    assert data_segments(connection) == 2


def data_segments(connection: socket.socket) -> int:
    """Give how many segments with data have come; where Linux counts them in `struct tcp_info` (linux/tcp.h)."""
    counted = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 160)
    return int.from_bytes(counted[152:156], sys.byteorder)


@pytest.mark.parametrize(
    ("limit", "sent"),
    [
        pytest.param("head", b"", id="silent"),
        pytest.param("head", b"GET / HT", id="head that does not end"),
        pytest.param("head", GET + b"GET / HT", id="second head that does not end"),
        pytest.param("body", POST + b"123", id="body that does not end"),
        pytest.param("body", POST.replace(b"/small", b"/nowhere"), id="body that nobody reads"),
        pytest.param("next_request", GET, id="nothing after an answer"),
    ],
)
def test_client_that_makes_us_wait_is_left(start: Callable[..., Site], dial: Dial, limit: str, sent: bytes) -> None:
    """Each step has its limit; the others are far off here."""
    site = start(**{"head": 600.0, "body": 600.0, "next_request": 600.0, "reading": 600.0, limit: SHORT})
    assert is_ended(dial(site, sent))
    assert requests.get(f"{site.url}/small", timeout=30).ok


def takes_no_more(connection: socket.socket) -> bool:
    """Whether the server has ended a connection; found without reading from it."""
    try:
        connection.sendall(b"X: y\r\n")
    except ConnectionError:
        return True
    return False


def test_trickle_does_not_move_the_limit(start: Callable[..., Site], dial: Dial) -> None:
    """A byte now and then is no progress."""
    connection = dial(start(head=SHORT), b"GET / HTTP/1.1\r\nHost: x\r\n")
    eventually(lambda: takes_no_more(connection), "a client that trickles is never left")


@pytest.mark.parametrize("header", [b"", b"Connection: close\r\n"], ids=["goes on", "last answer"])
def test_client_that_does_not_read_its_answer_is_left(start: Callable[..., Site], dial: Dial, header: bytes) -> None:
    """What is not read would stay in memory."""
    request = b"GET /large HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n"
    connection = dial(start(head=600.0, reading=SHORT), request)
    eventually(lambda: takes_no_more(connection), "a client that does not read is never left")


def test_client_that_does_all_in_time_is_kept(start: Callable[..., Site], dial: Dial) -> None:
    """Limits end with what they limit: the next request of a connection begins anew."""
    site = start(head=600.0, next_request=600.0)
    connection = dial(site, GET)
    for sent in (POST + b"12345", GET + GET, POST, b"12345"):
        connection.sendall(sent)
    answers = b""
    while answers.count(b"HTTP/1.1 200 OK") < 5 or not answers.endswith(b"5 bytes"):
        answers += connection.recv(65536)
    assert answers.count(b"0 bytes") == 3
    assert is_open(connection)


@pytest.fixture
def tls_site(serve: Serve, tmp_path: Path, program: Program, work: Work) -> Site:
    """Serve with TLS."""
    own = open_authority(program("openssl"), tmp_path).issue("exporter")
    tls = open_tls(TlsServer(own.file, own.key))

    async def give() -> Tls:
        return tls

    gate = Gate([Route("GET", "/", lambda _: PlainTextResponse("0 bytes")), Route("GET", "/waiting", work.wait)])
    return serve(gate, Connections(give, Patience(head=SHORT, reading=600.0)))


@pytest.mark.parametrize("is_told", [True, False])
def test_client_that_has_gone_is_noticed_under_tls(
    tls_site: Site, dial: Dial, work: Work, caplog: pytest.LogCaptureFixture, *, is_told: bool
) -> None:
    """Whether it says so or not, and no line of the log tells of it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    client = context.wrap_socket(dial(tls_site), suppress_ragged_eofs=False)
    client.sendall(b"GET /waiting HTTP/1.1\r\nHost: x\r\n\r\n")
    assert work.waiting.wait(30)
    if is_told:
        client.settimeout(0.0)
        with suppress(OSError):
            client.unwrap()
    client.close()
    assert work.hurried.wait(20)
    assert [record.getMessage() for record in caplog.records if record.levelname != "DEBUG"] == []


@pytest.mark.parametrize(
    "sent", [b"GET /metrics HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", b"o"]
)
def test_http_is_answered_where_tls_is_spoken(tls_site: Site, dial: Dial, sent: bytes) -> None:
    """In the words that Go's exporters have for it, without a look at what is asked; then the connection ends."""
    connection = dial(tls_site, sent)
    answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.endswith(b"\r\n\r\nClient sent an HTTP request to an HTTPS server. Ask with https:// instead.\n")


@pytest.mark.parametrize("sent", [b"", b"\x16", b"\x80\x01"])
def test_silent_client_is_left_where_tls_is_spoken(tls_site: Site, dial: Dial, sent: bytes) -> None:
    """The time for the handshake holds from the first byte that does not come, and nothing is answered."""
    connection = dial(tls_site, sent)
    try:
        assert connection.recv(65536) in {b"", b"\x15\x03\x01\x00\x02\x02\x46"}
    except ConnectionError:
        assert sent


def test_newcomer_takes_the_place_of_who_waited_longest(start: Callable[..., Site], dial: Dial) -> None:
    """The oldest silent connection goes; one that has been served stays although it is older."""
    site = start(most_connections=3)
    served = dial(site, GET)
    answer(served)
    silent = [dial(site, b"") for _ in range(2)]
    newcomer = dial(site, GET)
    assert answer(newcomer).startswith(b"HTTP/1.1 200 OK")
    assert is_ended(silent[0])
    assert is_open(silent[1])
    served.sendall(GET)
    assert answer(served).startswith(b"HTTP/1.1 200 OK")


def test_eager_address_pushes_out_nobody_else(start: Callable[..., Site], dial: Dial) -> None:
    """Whoever holds most connections loses one, although another address has waited longer."""
    site = start(most_connections=3)
    slow = dial(site, b"GET /small HTTP/1.1\r\n", source="127.0.0.2")
    eager = [dial(site) for _ in range(5)]
    assert is_ended(eager[0])
    slow.sendall(b"Host: x\r\n\r\n")
    assert answer(slow).startswith(b"HTTP/1.1 200 OK")


def test_one_address_does_not_hold_every_connection(start: Callable[..., Site], dial: Dial, work: Work) -> None:
    """Even where it keeps us working instead of waiting, another one comes in."""
    site = start(most_connections=2)
    for _ in range(2):
        dial(site, GET.replace(b"small", b"work"))
    eventually(lambda: work.begun == 2, "the work does not begin")
    assert answer(dial(site, GET, source="127.0.0.2")).startswith(b"HTTP/1.1 200 OK")


def test_busy_connections_are_not_ended_for_a_newcomer(start: Callable[..., Site], dial: Dial, work: Work) -> None:
    """Prometheus is one address: of its connections those that we work for stay, and one that rests goes."""
    site = start(most_connections=4)
    resting = dial(site, GET)
    answer(resting)
    busy = [dial(site, GET.replace(b"small", b"work")) for _ in range(3)]
    eventually(lambda: work.begun == 3, "the work does not begin")
    other = dial(site, GET, source="127.0.0.2")
    assert answer(other).startswith(b"HTTP/1.1 200 OK")
    assert is_ended(resting)
    assert [is_open(connection) for connection in busy] == [True] * 3


def test_unread_answers_are_few(start: Callable[..., Site], dial: Dial) -> None:
    """Each is kept in memory, so of those who don't read the first has to go."""
    site = start(most_unread=1)
    request = GET.replace(b"small", b"large")
    first = dial(site, request)
    eventually(lambda: is_readable(first), "the first is not answered")
    second = dial(site, request)
    eventually(lambda: takes_no_more(first), "the first is never left")
    received = 0
    while received < len(LARGE):
        received += len(second.recv(1024 * 1024))
