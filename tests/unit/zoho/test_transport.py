"""HTTP as the exporter allows it: at requests-mock where that shows it, else at real servers on loopback."""

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pytest
import requests
from certificates import open_authority
from programs import Program
from requests_mock import Mocker
from samples import NOW, Clock, transport_options
from unit.zoho.loopback import Behaviour, Certificate, Inside, StartServer

from exporter.errors import ConfigurationError, PassingError, Problem
from exporter.redactor import Redactor
from exporter.zoho.connection import Connection
from exporter.zoho.transport import StaleConnectionError, Transport, TransportOptions, UnsentError, tls_context
from exporter.zoho.wire import Answer

URL = "https://www.zohoapis.com/crm/v8/Leads/actions/mass_update"
SECRET = "1000.token-7f3a"
MIB = 1024 * 1024
QUICK = transport_options(timeout_seconds=0.3, connect_timeout_seconds=0.3)
PATIENT = transport_options(timeout_seconds=30, connect_timeout_seconds=30)


class Caller:
    """A transport whose calls take as long as its options say."""

    def __init__(self, transport: Transport, stopwatch: Callable[[], float]) -> None:
        self.transport = transport
        self._stopwatch = stopwatch

    def get(self, url: str, params: dict[str, str], headers: dict[str, str], *, fresh: bool = False) -> Answer:
        """Fetch."""
        return self.transport.get(url, params, headers, deadline=self._deadline(), fresh=fresh)

    def post_form(self, url: str, fields: dict[str, str]) -> Answer:
        """Post."""
        return self.transport.post_form(url, fields, deadline=self._deadline()).open()

    def post_json(self, url: str, content: dict[str, object], headers: dict[str, str]) -> Answer:
        """Post JSON."""
        return self.transport.post_json(url, content, headers, deadline=self._deadline())

    def _deadline(self) -> float:
        return self._stopwatch() + self.transport.timeout_seconds


OpenTransport = Callable[..., Caller]


@pytest.fixture(scope="session")
def public_context() -> ssl.SSLContext:
    """Give the context that trusts the CAs that come with requests."""
    return tls_context(None)


@pytest.fixture
def open_transport(
    public_context: ssl.SSLContext,
    start_server: StartServer,  # noqa: ARG001 - so that servers outlive the connections to them
) -> Iterator[OpenTransport]:
    """Give a function that opens a transport: `options`, `context` and `stopwatch`."""
    opened: list[Transport] = []

    def open_one(
        options: TransportOptions = PATIENT,
        *,
        context: ssl.SSLContext = public_context,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> Caller:
        transport = Transport(options, context, Redactor(), clock=Clock(), stopwatch=stopwatch)
        opened.append(transport)
        return Caller(transport, stopwatch)

    yield open_one
    for transport in opened:
        transport.close()


@pytest.fixture
def transport(open_transport: OpenTransport) -> Caller:
    """Give a transport that waits for long."""
    return open_transport()


def failure(call: Callable[[], Answer]) -> PassingError:
    """Give the error that a call ends with."""
    with pytest.raises(PassingError) as raised:
        call()
    return raised.value


def read_request(connection: socket.socket) -> bytes:
    """Read one request's head."""
    head = b""
    while b"\r\n\r\n" not in head:
        received = connection.recv(65_536)
        if not received:
            break
        head += received
    return head


def answering(raw: bytes, heard: list[bytes] | None = None) -> Behaviour:
    """Read one request, answer these bytes and hang up."""

    def behave(connection: socket.socket) -> None:
        request = read_request(connection)
        if heard is not None:
            heard.append(request)
        connection.sendall(raw)

    return behave


def wait_for_client(connection: socket.socket) -> None:
    """Wait until the client hangs up."""
    while connection.recv(65_536):
        pass


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


# Requests and answers, at requests-mock.


def test_an_answer_is_handed_over_whole(transport: Caller, requests_mock: Mocker) -> None:
    """Status, headers in lower case, body and time of receipt make an answer."""
    requests_mock.get(
        URL, status_code=404, content=b'{"code":"NOT_FOUND"}', headers={"Content-Type": "application/json", "X-Y": "Z"}
    )
    assert transport.get(URL, {"job_id": "1"}, {}) == Answer(
        404, {"content-type": "application/json", "x-y": "Z"}, b'{"code":"NOT_FOUND"}', NOW
    )


def test_a_get_sends_its_parameters_and_few_headers(transport: Caller, requests_mock: Mocker) -> None:
    """The request has what Zoho needs, no cookie, and asks for no compression."""
    requests_mock.get(URL)
    transport.get(URL, {"job_id": "3524033000006027001"}, {"Authorization": f"Zoho-oauthtoken {SECRET}"})
    request = requests_mock.request_history[0]
    assert request.url == f"{URL}?job_id=3524033000006027001"
    assert dict(request.headers) == {
        "User-Agent": "zoho-mass-update-exporter",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "Connection": "keep-alive",
        "Authorization": f"Zoho-oauthtoken {SECRET}",
    }


def test_form_fields_go_into_the_body(transport: Caller, requests_mock: Mocker) -> None:
    """Secrets stand in the body, encoded, and not in the URL."""
    requests_mock.post("https://accounts.zoho.com/oauth/v2/token")
    transport.post_form("https://accounts.zoho.com/oauth/v2/token", {"client_secret": "a&b=c", "grant_type": "x"})
    request = requests_mock.request_history[0]
    assert request.url == "https://accounts.zoho.com/oauth/v2/token"
    assert request.text == "client_secret=a%26b%3Dc&grant_type=x"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"


def hang_up(connection: socket.socket) -> None:
    """Take a request, and answer nothing."""
    read_request(connection)


def test_json_is_posted_once(transport: Caller, start_server: StartServer) -> None:
    """A connection that breaks before a byte of the answer came is no reason to ask again, as it is for a GET."""
    server = start_server(once_then_hang_up, hang_up)
    transport.get(f"http://{server.address}/", {}, {})
    transport.transport.rest()
    with pytest.raises(PassingError) as caught:
        transport.post_json(f"http://{server.address}/", {"cvid": "7"}, {"Authorization": f"Zoho-oauthtoken {SECRET}"})
    assert not isinstance(caught.value, UnsentError | StaleConnectionError)
    assert server.connections == 2


def test_the_options_reach_the_request(open_transport: OpenTransport, requests_mock: Mocker) -> None:
    """Proxies and the user agent are the configured ones."""
    requests_mock.get(URL)
    options = replace(transport_options(8, 3, {"https": "http://proxy.example:3128"}), user_agent="exporter/1.2")
    open_transport(options).get(URL, {}, {})
    request = requests_mock.request_history[0]
    assert request.proxies == {"https": "http://proxy.example:3128"}
    assert request.headers["User-Agent"] == "exporter/1.2"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location",
    [
        pytest.param("https://evil.example/", id="elsewhere"),
        pytest.param("/crm/v8/Leads", id="relative"),
        pytest.param("http://[", id="broken"),
        pytest.param("", id="empty"),
    ],
)
def test_a_redirect_is_refused(transport: Caller, requests_mock: Mocker, status: int, location: str) -> None:
    """Wherever a redirect points, nothing is sent there, and the error says what to check."""
    requests_mock.get(URL, status_code=status, headers={"Location": location})
    error = failure(lambda: transport.get(URL, {}, {"Authorization": SECRET}))
    assert error.code == "invalid_response"
    assert error.message == f"refused a redirect (HTTP {status}): Zoho's API does not redirect"
    assert "data centre" in error.advice
    assert requests_mock.call_count == 1


def test_the_body_of_a_redirect_is_not_read(transport: Caller, start_server: StartServer) -> None:
    """A redirect with a body without end takes neither memory nor time."""

    def stall(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: https://evil.example/\r\nContent-Length: 4194304\r\n\r\nx")
        wait_for_client(connection)

    error = failure(lambda: transport.get(f"http://{start_server(stall).address}/", {}, {}))
    assert error.message.startswith("refused a redirect")


def test_a_redirect_without_a_location_is_an_answer(transport: Caller, requests_mock: Mocker) -> None:
    """Without a target it is for `wire` to judge."""
    requests_mock.get(URL, status_code=302)
    assert transport.get(URL, {}, {}).status == 302


def test_cookies_are_not_kept(transport: Caller, requests_mock: Mocker) -> None:
    """Zoho's cookies would tie calls together."""
    requests_mock.get(URL, headers={"Set-Cookie": "session=1; Path=/"})
    transport.get(URL, {}, {})
    transport.get(URL, {}, {})
    assert "Cookie" not in requests_mock.request_history[1].headers


def sized(size: int) -> bytes:
    """Give an answer with a body of so many bytes."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (size, b"x" * size)


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB])
def test_a_body_of_up_to_a_mebibyte_is_taken(transport: Caller, start_server: StartServer, size: int) -> None:
    """The cap is far above any status."""
    server = start_server(answering(sized(size)))
    assert len(transport.get(f"http://{server.address}/", {}, {}).body) == size


@pytest.mark.parametrize("size", [MIB + 1, 8 * MIB])
def test_a_larger_body_is_cut_off(transport: Caller, start_server: StartServer, size: int) -> None:
    """A body above the cap is an invalid response, and the rest of it is not read."""

    def stall(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(sized(size)[: MIB + 1024])
        wait_for_client(connection)

    error = failure(lambda: transport.get(f"http://{start_server(stall).address}/", {}, {}))
    assert error.code == "invalid_response"
    assert error.message == "an answer of more than 1048576 bytes was cut off (HTTP 200)"


@pytest.mark.parametrize(
    ("exception", "code"),
    [
        (requests.exceptions.InvalidURL("no host"), "connection"),
        (requests.exceptions.ConnectionError("broken"), "connection"),
        (requests.exceptions.ChunkedEncodingError("broken"), "connection"),
        (requests.exceptions.ContentDecodingError("broken"), "connection"),
        (requests.exceptions.RetryError("broken"), "connection"),
    ],
    ids=["invalid-url", "connection", "chunked", "decoding", "retry"],
)
def test_every_fault_of_requests_is_a_passing_error(
    transport: Caller, requests_mock: Mocker, exception: Exception, code: str
) -> None:
    """A foreign error is translated at the border, with its cause."""
    requests_mock.get(URL, exc=exception)
    error = failure(lambda: transport.get(URL, {}, {"Authorization": SECRET}))
    assert (error.code, error.__cause__) == (code, exception)
    assert error.advice
    assert SECRET not in f"{error!r}"


@pytest.mark.parametrize("url", ["https://", "https://[", "nonsense", "ftp://www.zohoapis.com/", "https://a..b/"])
def test_a_url_that_cannot_be_called_is_a_passing_error(transport: Caller, url: str) -> None:
    """No URL makes an unexpected exception."""
    assert failure(lambda: transport.get(url, {}, {})).code == "connection"


def test_a_token_that_cannot_be_a_header_is_not_shown(transport: Caller) -> None:
    """A token from a damaged state file ends up in no message."""
    error = failure(lambda: transport.get("http://127.0.0.1:1/", {}, {"Authorization": f"Zoho-oauthtoken {SECRET}\n"}))
    assert SECRET not in error.message


# Faults of the network, at real sockets.


def test_a_refused_connection_was_not_sent(transport: Caller) -> None:
    """Nobody listens: no credit can have been spent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
    error = failure(lambda: transport.get(f"http://{address[0]}:{address[1]}/", {}, {}))
    assert (type(error), error.code) == (UnsentError, "connection")
    assert error.message.startswith("no connection to Zoho: ")
    assert "refused" in error.message


Resolve = Callable[[Callable[[], list[int]]], None]
"""Sets what is asked for the ports, on loopback, of `zoho.invalid`."""


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """Give a function that sets how the system resolves `zoho.invalid`."""
    ask_system = socket.getaddrinfo

    def resolve_by(ports: Callable[[], list[int]]) -> None:
        def ask(host: str, *arguments: object, **keywords: object) -> list[Any]:
            if host != "zoho.invalid":
                return ask_system(host, *arguments, **keywords)  # type: ignore[arg-type]
            return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port)) for port in ports()]

        monkeypatch.setattr(socket, "getaddrinfo", ask)

    return resolve_by


def test_an_unknown_host_was_not_sent(transport: Caller, resolve: Resolve) -> None:
    """A name that does not resolve is a fault of the network, and no time-out."""

    def know_none() -> list[int]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    resolve(know_none)
    error = failure(lambda: transport.get("http://zoho.invalid/", {}, {}))
    assert (type(error), error.code) == (UnsentError, "connection")
    assert "Name or service not known" in error.message


def test_a_lookup_without_an_answer_is_given_up(open_transport: OpenTransport, resolve: Resolve) -> None:
    """It stands in a thread that the process does not wait for, and no more of them than there are calls."""
    is_over = Event()

    def stall() -> list[int]:
        is_over.wait(30)
        return []

    resolve(stall)
    transport = open_transport(transport_options(0.3, 0.3, pool_size=1))
    first = failure(lambda: transport.get("http://zoho.invalid/", {}, {}))
    threads = [thread for thread in threading.enumerate() if thread.name == "the name lookup"]
    second = failure(lambda: transport.get("http://zoho.invalid/", {}, {}))
    is_over.set()
    assert [(type(error), error.code) for error in (first, second)] == [(UnsentError, "timeout")] * 2
    assert "the name lookup is without an answer" in first.message
    assert "too many name lookups are without an answer" in second.message
    assert [thread.daemon for thread in threads] == [True]
    threads[0].join(30)
    third = failure(lambda: transport.get("http://zoho.invalid/", {}, {}))
    assert third.code == "connection"


def test_the_next_address_is_tried(transport: Caller, start_server: StartServer, resolve: Resolve) -> None:
    """A host whose first address refuses us may be there at the second."""
    with closing(socket.create_server(("127.0.0.1", 0))) as dead:
        refused = dead.getsockname()[1]
    server = start_server(answering(OK))
    resolve(lambda: [refused, server.port])
    assert transport.get("http://zoho.invalid/", {}, {}).body == b"{}"


@pytest.mark.parametrize("limits", [(0.3, 30), (30, 0.3)], ids=["of-the-call", "of-connecting"])
def test_a_connection_that_is_never_accepted_was_not_sent(
    open_transport: OpenTransport, limits: tuple[float, float]
) -> None:
    """A host that drops packets, as a listener with a full queue does, is a time-out of connecting."""
    with socket.socket() as listener, socket.socket() as filler, socket.socket() as second_filler:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        for queued in (filler, second_filler):
            queued.setblocking(False)
            queued.connect_ex(address)
        transport = open_transport(transport_options(*limits))
        error = failure(lambda: transport.get(f"http://{address[0]}:{address[1]}/", {}, {}))
    assert (type(error), error.code) == (UnsentError, "timeout")
    assert error.message == "no connection to Zoho in time: TimeoutError: timed out"


def test_silence_before_the_headers_is_a_timeout(open_transport: OpenTransport, start_server: StartServer) -> None:
    """A server that takes the request and says nothing is not waited for without end; it may have cost a credit."""
    server = start_server(wait_for_client)
    error = failure(lambda: open_transport(QUICK).get(f"http://{server.address}/", {}, {}))
    assert (type(error), error.code) == (PassingError, "timeout")
    assert error.message == "Zoho gave no whole answer within 0.3 s"


def test_silence_within_the_headers_is_a_timeout(open_transport: OpenTransport, start_server: StartServer) -> None:
    """Half a head is no answer."""

    def stall(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Ty")
        wait_for_client(connection)

    error = failure(lambda: open_transport(QUICK).get(f"http://{start_server(stall).address}/", {}, {}))
    assert (type(error), error.code) == (PassingError, "timeout")


def test_silence_within_the_body_is_a_timeout(open_transport: OpenTransport, start_server: StartServer) -> None:
    """A body that stalls is not waited for without end."""

    def stall(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        wait_for_client(connection)

    error = failure(lambda: open_transport(QUICK).get(f"http://{start_server(stall).address}/", {}, {}))
    assert (type(error), error.code) == (PassingError, "timeout")


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        pytest.param(b"", "RemoteDisconnected: Remote end closed connection without response", id="no-answer"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", "BadStatusLine: SSH-2.0-OpenSSH_9.2", id="not-http"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
            "LineTooLong: got more than 65536 bytes when reading header line",
            id="endless-header",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
            "IncompleteRead(1 bytes read, 99 more expected)",
            id="cut-short",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "ValueError: invalid literal for int() with base 16: b'zz\\r\\n'",
            id="broken-chunk",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
            "IncompleteRead(2 bytes read, 3 more expected)",
            id="chunk-cut-short",
        ),
    ],
)
def test_a_broken_answer_is_a_broken_connection(
    transport: Caller, start_server: StartServer, raw: bytes, told: str
) -> None:
    """An answer that is not whole is none, and its fault is told once."""
    error = failure(lambda: transport.get(f"http://{start_server(answering(raw)).address}/", {}, {}))
    assert (type(error), error.code) == (PassingError, "connection")
    assert error.message == f"the connection to Zoho broke: {told}"


def test_what_went_wrong_before_a_call_is_not_its_fault(transport: Caller, start_server: StartServer) -> None:
    """A disk that is full, say, so that a token is given back."""
    address = start_server(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")).address
    error: PassingError | None = None
    try:
        socket.create_connection(("127.0.0.1", 0))
    except OSError:
        error = failure(lambda: transport.get(f"http://{address}/", {}, {}))
    assert error
    assert error.message == "the connection to Zoho broke: IncompleteRead(1 bytes read, 8 more expected)"


def test_a_reset_within_the_body_is_a_broken_connection(transport: Caller, start_server: StartServer) -> None:
    """A connection that is torn down half-way is a passing fault."""

    def reset(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

    error = failure(lambda: transport.get(f"http://{start_server(reset).address}/", {}, {}))
    assert (type(error), error.code) == (PassingError, "connection")


def test_what_came_of_a_broken_body_is_not_shown(transport: Caller, start_server: StartServer) -> None:
    """A message never quotes a body."""
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncanary-7f3a"
    error = failure(lambda: transport.get(f"http://{start_server(answering(raw)).address}/", {}, {}))
    assert "canary" not in error.message


def test_a_compressed_body_is_taken_though_nobody_asked_for_it(transport: Caller, start_server: StartServer) -> None:
    """A proxy may compress all the same."""
    packed = gzip.compress(b'{"data":[]}')
    raw = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(packed), packed)
    assert transport.get(f"http://{start_server(answering(raw)).address}/", {}, {}).body == b'{"data":[]}'


def test_a_body_of_damaged_compression_is_no_answer(transport: Caller, start_server: StartServer) -> None:
    """What can't be unpacked is nobody's answer, and the connection is not to blame."""
    raw = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip!"
    error = failure(lambda: transport.get(f"http://{start_server(answering(raw)).address}/", {}, {}))
    assert (error.code, error.message) == ("invalid_response", "the answer's compression is damaged")


def test_a_body_that_unpacks_beyond_the_cap_is_cut_off(transport: Caller, start_server: StartServer) -> None:
    """The cap counts what is unpacked."""
    packed = gzip.compress(b"x" * 64 * MIB)
    raw = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(packed), packed)
    error = failure(lambda: transport.get(f"http://{start_server(answering(raw)).address}/", {}, {}))
    assert error.code == "invalid_response"
    assert error.message == "an answer of more than 1048576 bytes was cut off (HTTP 200)"


def dripping(start: bytes, drop: bytes) -> Behaviour:
    """Read a request, send the start of an answer, and then a little, again and again, until the client hangs up."""

    def behave(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(start)
        drip(connection, drop)

    return behave


def drip(connection: socket.socket, drop: bytes) -> None:
    """Send a little every 30 ms until the client hangs up."""
    connection.settimeout(0.03)
    while True:
        try:
            if not connection.recv(65_536):
                return
        except TimeoutError:
            connection.sendall(drop)


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
TRICKLES = pytest.mark.parametrize(
    ("start", "drop"),
    [
        pytest.param(b"", b"H", id="before-the-status-line"),
        pytest.param(b"HTTP/1.1 200 O", b"K", id="status-line"),
        pytest.param(HEAD + b"X: ", b"y", id="header"),
        pytest.param(HEAD, b"X: y\r\n", id="headers"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\nLink: ", b"y", id="interim-header"),
        pytest.param(HEAD + b"Content-Length: 100\r\n\r\n{", b" ", id="announced-length"),
        pytest.param(HEAD + b"Connection: close\r\n\r\n{", b" ", id="no-length"),
        pytest.param(CHUNKED, b"1\r\n{\r\n", id="small-chunks"),
        pytest.param(CHUNKED + b"64\r\n{", b" ", id="one-large-chunk"),
        pytest.param(CHUNKED, b"0", id="chunk-size"),
        pytest.param(CHUNKED + b"2;x=", b"y", id="chunk-extension"),
        pytest.param(CHUNKED + b"2\r\n{}\r\n0\r\nX: ", b"y", id="trailer"),
        pytest.param(CHUNKED + b"2\r\n{}\r\n0\r\n", b"X: y\r\n", id="trailers"),
    ],
)


@pytest.mark.parametrize("scheme", ["http", "https"])
@TRICKLES
def test_an_answer_that_trickles_beyond_the_time_limit_is_given_up(  # noqa: PLR0917 - fixtures and parameters
    open_transport: OpenTransport,
    start_server: StartServer,
    certificate: Certificate,
    start: bytes,
    drop: bytes,
    scheme: str,
) -> None:
    """The time limit bounds the whole call: each byte that arrives does not start it anew."""
    server = start_server(dripping(start, drop), context=certificate.server_context() if scheme == "https" else None)
    transport = open_transport(QUICK, context=tls_context(certificate.file))
    started = time.monotonic()
    error = failure(lambda: transport.get(f"{scheme}://{server.address}/", {}, {}))
    assert (type(error), error.code) == (PassingError, "timeout")
    assert error.message == "Zoho gave no whole answer within 0.3 s"
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 O", HEAD, HEAD + b"X: "], ids=["status-line", "headers", "header"])
def test_a_proxy_whose_answer_trickles_is_given_up(
    open_transport: OpenTransport, start_server: StartServer, start: bytes
) -> None:
    """The answer to CONNECT is inside the limit."""
    proxy = start_server(dripping(start, b"X: y\r\n" if start == HEAD else b"y"))
    transport = open_transport(transport_options(0.3, 0.3, {"https": f"http://{proxy.address}"}))
    error = failure(lambda: transport.get("https://zoho.invalid/", {}, {}))
    assert (type(error), error.code) == (UnsentError, "timeout")


TLS_RECORD = b"\x16\x03\x03\x40\x00\x02"


@pytest.mark.parametrize("start", [b"", TLS_RECORD], ids=["silent", "half-a-record"])
def test_tls_that_trickles_is_given_up(open_transport: OpenTransport, start_server: StartServer, start: bytes) -> None:
    """The handshake is inside the limit."""
    server = start_server(dripping(start, b"\x00" if start else b""))
    error = failure(lambda: open_transport(QUICK).get(f"https://{server.address}/", {}, {}))
    assert (type(error), error.code) == (UnsentError, "timeout")


@pytest.mark.parametrize("stage", ["handshake", "answer"])
def test_tls_within_the_tls_of_a_proxy_that_trickles_is_given_up(
    open_transport: OpenTransport, start_server: StartServer, certificate: Certificate, stage: str
) -> None:
    """Both of two layers of TLS are inside the limit."""

    def tunnel(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        if stage == "handshake":
            connection.sendall(TLS_RECORD)
            drip(connection, b"\x00")
        inside = Inside(connection, certificate.server_context())
        inside.receive()
        inside.send(b"HTTP/1.1 200 O")
        # A record that is announced and trickles.
        connection.sendall(b"\x17\x03\x03\x40\x00")
        drip(connection, b"\x00")

    proxy = start_server(tunnel, context=certificate.server_context())
    options = transport_options(1, 1, {"https": f"https://{proxy.address}"})
    transport = open_transport(options, context=tls_context(certificate.file))
    error = failure(lambda: transport.get("https://127.0.0.1/", {}, {}))
    assert error.code == "timeout"
    assert isinstance(error, UnsentError) == (stage == "handshake")


def test_an_answer_within_tls_within_the_tls_of_a_proxy_is_taken(
    open_transport: OpenTransport, start_server: StartServer, certificate: Certificate
) -> None:
    """A proxy may speak TLS itself; its connection is used again as others are."""

    def tunnel(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        inside = Inside(connection, certificate.server_context())
        while inside.receive():
            inside.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    proxy = start_server(tunnel, context=certificate.server_context())
    options = transport_options(30, 30, {"https": f"https://{proxy.address}"})
    transport = open_transport(options, context=tls_context(certificate.file))
    assert [transport.get("https://127.0.0.1/", {}, {}).body for _ in range(2)] == [b"{}"] * 2
    assert proxy.connections == 1


# One answer, one connection.


@pytest.mark.parametrize(
    "interim",
    [
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n", id="continue"),
        pytest.param(b"HTTP/1.1 102 Processing\r\n\r\n", id="processing"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n", id="early-hints"),
        pytest.param(b"HTTP/1.1 199 Odd\r\nContent-Length: 5\r\n\r\n", id="undocumented"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" * 4, id="eight"),
    ],
)
def test_interim_answers_are_skipped(transport: Caller, start_server: StartServer, interim: bytes) -> None:
    """Each call gets the final answer to its own request, on the same connection."""

    def echo(connection: socket.socket) -> None:
        while request := read_request(connection):
            path = request.split()[1]
            connection.sendall(interim)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(path), path))

    server = start_server(echo)
    bodies = [transport.get(f"http://{server.address}/{number}", {}, {}).body for number in range(3)]
    assert (bodies, server.connections) == ([b"/0", b"/1", b"/2"], 1)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" * 9 + OK, id="nine"),
        pytest.param(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" + OK, id="switching-protocols"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\n\r\n", id="nothing-follows"),
    ],
)
def test_interim_answers_without_end_are_none(transport: Caller, start_server: StartServer, raw: bytes) -> None:
    """A few interim answers are patience's limit, and there is no other protocol."""
    error = failure(lambda: transport.get(f"http://{start_server(answering(raw)).address}/", {}, {}))
    assert (type(error), error.code) == (PassingError, "connection")


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", id="no-content"),
        pytest.param(b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n{}", id="no-content-with-body"),
        pytest.param(
            b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            id="no-content-chunked",
        ),
        pytest.param(b"HTTP/1.1 304 Not Modified\r\n\r\n", id="not-modified"),
        pytest.param(HEAD + b"Content-Length: 0\r\n\r\n", id="empty"),
        pytest.param(CHUNKED + b"0\r\n\r\n", id="empty-chunked"),
        pytest.param(HEAD + b"Content-Length: 2\r\n\r\n{}x", id="a-byte-too-many"),
        pytest.param(CHUNKED + b"2\r\n{}\r\n0\r\n\r\n" + OK, id="a-second-answer"),
        pytest.param(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}", id="http-1.0"),
        pytest.param(HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}", id="close"),
        pytest.param(HEAD + b"Connection: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", id="close-second"),
        pytest.param(HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", id="length-twice"),
        pytest.param(HEAD + b"Content-Length: +2\r\n\r\n{}", id="odd-length"),
        pytest.param(
            HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            id="length-and-chunked",
        ),
        pytest.param(HEAD + b"Content-Length: 2\r\nno colon\r\n\r\n{}", id="header-without-colon"),
        pytest.param(b"HTTP/1.1 302 Found\r\nContent-Length: 2\r\n\r\n{}x", id="redirect-without-location"),
    ],
)
def test_an_answer_that_is_not_sound_costs_its_connection(
    transport: Caller, start_server: StartServer, raw: bytes
) -> None:
    """The next call has a connection of its own, though the server would have kept the first one."""

    def keep(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(raw)
        wait_for_client(connection)

    server = start_server(keep, answering(OK))
    transport.get(f"http://{server.address}/", {}, {})
    assert transport.get(f"http://{server.address}/", {}, {}).body == b"{}"
    assert server.connections == 2


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x", id="lengths-at-odds"),
        pytest.param(CHUNKED + b"-5\r\n{}\r\n0\r\n\r\n", id="negative-chunk"),
        pytest.param(b"HTTP/2 200\r\n\r\n", id="http-2"),
        pytest.param(HEAD + b"Location: /\r\nContent-Length: 100\r\n\r\n{", id="half"),
    ],
)
def test_an_answer_that_cannot_be_read_costs_its_connection(
    transport: Caller, start_server: StartServer, raw: bytes
) -> None:
    """It is a fault, and the neighbours are unharmed."""
    server = start_server(answering(raw), answering(OK))
    assert failure(lambda: transport.get(f"http://{server.address}/", {}, {})).code == "connection"
    assert transport.get(f"http://{server.address}/", {}, {}).body == b"{}"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_bytes_that_nobody_asked_for_cost_the_connection_they_came_on(
    open_transport: OpenTransport, start_server: StartServer, certificate: Certificate, scheme: str
) -> None:
    """What comes between two calls is not taken for the answer to the second one."""
    was_sent = Event()

    def blurt(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")
        connection.sendall(HEAD + b"Content-Length: 2\r\n\r\n[]")
        was_sent.set()
        wait_for_client(connection)

    context = certificate.server_context() if scheme == "https" else None
    server = start_server(blurt, answering(OK), context=context)
    transport = open_transport(context=tls_context(certificate.file))
    for _ in range(2):
        assert transport.get(f"{scheme}://{server.address}/", {}, {}).body == b"{}"
        assert was_sent.wait(30)
    assert server.connections == 2


def test_a_server_that_speaks_first_is_not_silent() -> None:
    """What came before the request can't be its answer."""
    connection = Connection("127.0.0.1", 80)
    connection.sock, peer = socket.socketpair()
    with closing(peer), closing(connection):
        assert connection.is_connected
        peer.sendall(OK)
        assert not connection.is_connected


def kept(connection: socket.socket) -> None:
    """Answer every request, and keep the connection."""
    while read_request(connection):
        connection.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")


def once_then_hang_up(connection: socket.socket) -> None:
    """Answer one request, and hang up at the second."""
    read_request(connection)
    connection.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")
    read_request(connection)


def test_a_kept_connection_that_breaks_before_a_byte_came_is_stale(
    transport: Caller, start_server: StartServer
) -> None:
    """That is told apart, so that the caller can ask again on a fresh connection."""
    server = start_server(once_then_hang_up, answering(OK))
    transport.get(f"http://{server.address}/", {}, {})
    stale = failure(lambda: transport.get(f"http://{server.address}/", {}, {}))
    assert (type(stale), stale.code) == (StaleConnectionError, "connection")
    assert transport.get(f"http://{server.address}/", {}, {}, fresh=True).body == b"{}"


def test_a_kept_connection_whose_time_is_over_is_stale(transport: Caller, start_server: StartServer) -> None:
    """A balancer may say so before it closes an idle connection: that is no answer to the request."""

    def run_out(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")
        read_request(connection)
        connection.sendall(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    server = start_server(run_out)
    transport.get(f"http://{server.address}/", {}, {})
    assert type(failure(lambda: transport.get(f"http://{server.address}/", {}, {}))) is StaleConnectionError


def test_a_kept_connection_that_was_closed_meanwhile_is_not_used(transport: Caller, start_server: StartServer) -> None:
    """A balancer that closes idle connections costs nobody a poll."""
    is_closed = Event()

    def answer_and_close(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")
        connection.shutdown(socket.SHUT_RDWR)
        is_closed.set()

    server = start_server(answer_and_close, answering(OK))
    assert transport.get(f"http://{server.address}/", {}, {}).body == b"{}"
    assert is_closed.wait(30)
    assert transport.get(f"http://{server.address}/", {}, {}).body == b"{}"
    assert server.connections == 2


def test_a_kept_connection_that_breaks_within_the_answer_is_the_polls_failure(
    transport: Caller, start_server: StartServer
) -> None:
    """Once a byte came, the answer was on its way: it is not asked for again."""

    def break_off(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")
        read_request(connection)
        connection.sendall(b"H")

    server = start_server(break_off)
    transport.get(f"http://{server.address}/", {}, {})
    error = failure(lambda: transport.get(f"http://{server.address}/", {}, {}))
    assert (type(error), error.code) == (PassingError, "connection")


def test_a_fresh_call_takes_no_kept_connection(transport: Caller, start_server: StartServer) -> None:
    """A connection that is known to be fresh can't be stale."""
    held: list[socket.socket] = []

    def hold(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")
        held.append(connection.dup())

    server = start_server(hold, answering(OK))
    transport.get(f"http://{server.address}/", {}, {})
    transport.get(f"http://{server.address}/", {}, {}, fresh=True)
    assert server.connections == 2
    with held[0]:
        transport.transport.rest()


def test_connections_are_closed_when_a_refresh_is_over(transport: Caller, start_server: StartServer) -> None:
    """No connection is used in two refreshes."""
    server = start_server(kept)
    for _ in range(2):
        transport.get(f"http://{server.address}/", {}, {})
        transport.transport.rest()
    assert server.connections == 2


def test_a_call_that_outlasts_its_refresh_keeps_no_connection(transport: Caller, start_server: StartServer) -> None:
    """Its connection would be of another refresh."""
    is_asked, may_answer = Event(), Event()

    def behave(connection: socket.socket) -> None:
        read_request(connection)
        is_asked.set()
        assert may_answer.wait(30)
        connection.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")
        wait_for_client(connection)

    server = start_server(behave, answering(OK))
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(transport.get, f"http://{server.address}/", {}, {})
        assert is_asked.wait(30)
        transport.transport.rest()
        may_answer.set()
        assert answer.result(30).body == b"{}"
    assert transport.get(f"http://{server.address}/", {}, {}).body == b"{}"
    assert server.connections == 2


def test_a_form_is_posted_on_a_connection_of_its_own(transport: Caller, start_server: StartServer) -> None:
    """A token is asked for once an hour: its connection is neither a kept one nor kept."""
    server = start_server(once_then_hang_up, once_then_hang_up, answering(OK))
    transport.get(f"http://{server.address}/", {}, {})
    transport.transport.rest()
    for _ in range(2):
        assert transport.post_form(f"http://{server.address}/", {"client_id": "x"}).status == 200
    assert server.connections == 3


@pytest.mark.parametrize(
    "head",
    [
        pytest.param((b"X: " + b"y" * 60_000 + b"\r\n") * 50, id="headers"),
        pytest.param(b"no colon\r\n" + (b"y" * 60_000 + b"\r\n") * 50, id="lines-without-a-colon"),
    ],
)
def test_a_head_without_end_is_cut_off(transport: Caller, start_server: StartServer, head: bytes) -> None:
    """A head of more than a mebibyte is nobody's."""
    error = failure(lambda: transport.get(f"http://{start_server(answering(HEAD + head)).address}/", {}, {}))
    assert (error.code, error.message) == ("invalid_response", "an answer without end was cut off")


def test_a_proxy_without_end_was_not_zohos(open_transport: OpenTransport, start_server: StartServer) -> None:
    """What a proxy pours out instead of a tunnel has cost no credit."""
    proxy = start_server(answering(HEAD + (b"X: " + b"y" * 60_000 + b"\r\n") * 50))
    options = transport_options(30, 30, {"https": f"http://{proxy.address}"})
    error = failure(lambda: open_transport(options).get("https://zoho.invalid/", {}, {}))
    assert (type(error), error.code) == (UnsentError, "invalid_response")


def test_chunks_without_end_are_cut_off(transport: Caller, start_server: StartServer) -> None:
    """An answer that hides its size in chunks' extensions is none."""
    raw = CHUNKED + (b"1;" + b"y" * 60_000 + b"\r\n{\r\n") * 50
    error = failure(lambda: transport.get(f"http://{start_server(answering(raw)).address}/", {}, {}))
    assert (error.code, error.message) == ("invalid_response", "an answer without end was cut off")


# Secrets.


def test_an_answer_has_no_secret_that_was_sent(transport: Caller, start_server: StartServer) -> None:
    """A token that is echoed is hidden in the headers and in the body."""
    body = b'{"code":"X","message":"\\u0031%b"}' % SECRET[1:].encode()
    head = HEAD + b"Content-Type: %b\r\nContent-Length: %d\r\n\r\n" % (SECRET.upper().encode(), len(body))
    server = start_server(answering(head + body))
    answer = transport.get(f"http://{server.address}/", {}, {"Authorization": f"Zoho-oauthtoken {SECRET}"})
    assert answer.headers["content-type"] == "<secret>"
    assert answer.body == b'{"code":"X","message":"<secret>"}'
    assert answer.describe() == f"HTTP 200 with <secret>, {len(body)} bytes"


def test_a_form_that_is_echoed_shows_no_secret(transport: Caller, start_server: StartServer) -> None:
    """All but the public fields of a form are secrets."""
    body = b"client-secret-0a1b and client=5 and refresh%5F2c3d"
    server = start_server(answering(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body))
    fields = {"client_id": "client=5", "client_secret": "client-secret-0a1b", "refresh_token": "refresh_2c3d"}
    assert transport.post_form(f"http://{server.address}/", fields).body == b"<secret> and client=5 and <secret>"


def test_a_status_line_that_echoes_a_secret_is_not_shown(transport: Caller, start_server: StartServer) -> None:
    """Not where it can't be read either."""
    server = start_server(answering(b"NOPE " + SECRET.encode() + b"\r\n\r\n"))
    headers = {"Authorization": f"Zoho-oauthtoken {SECRET}"}
    error = failure(lambda: transport.get(f"http://{server.address}/", {}, headers))
    assert error.message == "the connection to Zoho broke: BadStatusLine: NOPE <secret>"


@pytest.mark.parametrize("echo", [b"proxy-secret", b"PROXY-SECRET", b"dXNlcjpwcm94eS1zZWNyZXQ=", b"proxy%2Dsecret"])
def test_a_proxy_that_echoes_its_password_does_not_show_it(
    open_transport: OpenTransport, start_server: StartServer, echo: bytes
) -> None:
    """In no case and no spelling."""
    proxy = start_server(answering(b"HTTP/1.1 407 who is " + echo + b"\r\nContent-Length: 0\r\n\r\n"))
    options = transport_options(30, 30, {"https": f"http://user:proxy-secret@{proxy.address}"})
    error = failure(lambda: open_transport(options).get("https://zoho.invalid/", {}, {}))
    assert "407 who is <secret>" in error.message


def test_a_proxy_may_be_named_without_its_scheme(open_transport: OpenTransport, start_server: StartServer) -> None:
    """As the environment's may; it hears its password then too, and the password is hidden."""
    heard: list[bytes] = []
    proxy = start_server(answering(b"HTTP/1.1 407 who is proxy-secret\r\nContent-Length: 0\r\n\r\n", heard))
    options = transport_options(30, 30, {"https": f"user:proxy-secret@localhost:{proxy.port}"})
    error = failure(lambda: open_transport(options).get("https://zoho.invalid/", {}, {}))
    assert b"\r\nProxy-Authorization: Basic dXNlcjpwcm94eS1zZWNyZXQ=\r\n" in heard[0]
    assert "407 who is <secret>" in error.message


def test_a_proxy_hears_its_password(open_transport: OpenTransport, start_server: StartServer) -> None:
    """Credentials of the proxy's URL go to the proxy."""
    heard: list[bytes] = []
    proxy = start_server(answering(OK, heard))
    options = transport_options(30, 30, {"http": f"http://user:p%40ss@{proxy.address}"})
    open_transport(options).get("http://zoho.invalid/", {}, {})
    assert b"\r\nProxy-Authorization: Basic dXNlcjpwQHNz\r\n" in heard[0]


# TLS.


def test_a_certificate_that_nobody_vouches_for_is_refused(
    transport: Caller, start_server: StartServer, certificate: Certificate
) -> None:
    """TLS is verified; the request, and the token in it, is not sent."""
    heard: list[bytes] = []
    server = start_server(answering(OK, heard), context=certificate.server_context())
    error = failure(lambda: transport.get(f"https://{server.address}/", {}, {"Authorization": SECRET}))
    assert (type(error), error.code) == (UnsentError, "tls")
    assert "self-signed certificate" in error.message
    assert "ca_bundle" in error.advice
    assert heard == []


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_a_certificate_of_the_configured_bundle_is_accepted(
    open_transport: OpenTransport, start_server: StartServer, certificate: Certificate, kind: str
) -> None:
    """A CA bundle may be a file, or a directory with hashed names."""
    bundle = certificate.file if kind == "file" else certificate.folder
    server = start_server(answering(OK), context=certificate.server_context())
    answer = open_transport(context=tls_context(bundle)).get(f"https://{server.address}/", {}, {})
    assert (answer.status, answer.body) == (200, b"{}")


def test_a_certificate_for_another_name_is_refused(
    open_transport: OpenTransport, start_server: StartServer, certificate: Certificate
) -> None:
    """A trusted certificate counts for its own name alone."""
    server = start_server(answering(OK), context=certificate.server_context())
    transport = open_transport(context=tls_context(certificate.file))
    error = failure(lambda: transport.get(f"https://localhost:{server.port}/", {}, {}))
    assert (type(error), error.code) == (UnsentError, "tls")
    assert "Hostname mismatch, certificate is not valid for 'localhost'" in error.message
    assert "another host" in error.advice


def test_a_certificate_that_breaks_the_rules_is_told_whole(
    open_transport: OpenTransport, start_server: StartServer, program: Program, tmp_path: Path
) -> None:
    """Python is strict from 3.13 on: a company's own CA may be trusted, and its certificate be unsound all the same."""
    extensions = ("basicConstraints=CA:TRUE", "keyUsage=keyCertSign")
    company = open_authority(program("openssl"), tmp_path, "company", *extensions)
    issued = company.issue("server")
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(issued.file, issued.key)
    context = tls_context(company.identity.file)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    server = start_server(answering(OK), context=server_context)
    error = failure(lambda: open_transport(context=context).get(f"https://{server.address}/", {}, {}))
    assert error.message == "the certificate can't be verified: Basic Constraints of CA cert not marked critical"
    assert "breaks the rules for certificates" in error.advice


def test_plain_http_where_tls_is_expected_is_a_tls_fault(transport: Caller, start_server: StartServer) -> None:
    """A server, or a proxy, that speaks no TLS is told as such."""

    def speak_http(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    error = failure(lambda: transport.get(f"https://{start_server(speak_http).address}/", {}, {}))
    assert (type(error), error.code) == (UnsentError, "tls")


def test_tls_that_breaks_after_the_request_may_have_cost_a_credit(
    open_transport: OpenTransport, start_server: StartServer, certificate: Certificate
) -> None:
    """A TLS fault in the answer is no proof that Zoho did not get the request."""
    server_context = certificate.server_context()

    def garble(connection: socket.socket) -> None:
        with server_context.wrap_socket(connection, server_side=True, suppress_ragged_eofs=True) as encrypted:
            read_request(encrypted)
            with socket.socket(fileno=socket.dup(encrypted.fileno())) as plain:
                plain.sendall(b"this is no TLS record")
                wait_for_client(plain)

    server = start_server(garble)
    transport = open_transport(context=tls_context(certificate.file))
    error = failure(lambda: transport.get(f"https://{server.address}/", {}, {}))
    assert type(error) is PassingError


def test_all_connections_share_one_tls_context(
    open_transport: OpenTransport, start_server: StartServer, certificate: Certificate
) -> None:
    """A context is made once: connections of two transports verify with it, and load no other CA bundle."""
    context = tls_context(certificate.file)
    server = start_server(answering(OK), context=certificate.server_context())
    loaded = context.cert_store_stats()
    for transport in (open_transport(context=context), open_transport(context=context)):
        for _ in range(2):
            assert transport.get(f"https://{server.address}/", {}, {}).status == 200
    assert server.connections == 4
    assert context.cert_store_stats() == loaded
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_a_connection_is_used_again(start_server: StartServer, transport: Caller) -> None:
    """Polls one after the other share a connection."""

    def keep_alive(connection: socket.socket) -> None:
        while read_request(connection):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    server = start_server(keep_alive)
    for _ in range(3):
        transport.get(f"http://{server.address}/", {}, {})
    assert server.connections == 1


def test_one_transport_serves_many_threads(
    open_transport: OpenTransport, certificate: Certificate, start_server: StartServer
) -> None:
    """Threads that call at once each get their own answer."""

    def echo(connection: socket.socket) -> None:
        path = read_request(connection).split()[1]
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(path), path))

    server = start_server(echo, context=certificate.server_context())
    transport = open_transport(context=tls_context(certificate.file))
    barrier = Barrier(4)

    def call(number: int) -> bytes:
        barrier.wait(30)
        return transport.get(f"https://{server.address}/{number}", {}, {}).body

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(call, range(4))) == [b"/0", b"/1", b"/2", b"/3"]


@pytest.mark.parametrize("content", [None, b"not a certificate", b""], ids=["missing", "garbage", "empty"])
def test_a_bundle_that_cannot_be_used_is_a_configuration_error(tmp_path: Path, content: bytes | None) -> None:
    """A wrong `ca_bundle` is told at the start, with its path."""
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_bytes(content)
    with pytest.raises(ConfigurationError) as raised:
        tls_context(bundle)
    (problem,) = raised.value.problems
    assert isinstance(problem, Problem)
    assert problem.place == "ca_bundle"
    assert problem.message.startswith(f"{bundle} can't be used as CA certificates: ")
    assert problem.message.endswith("; expected PEM files")


# Environment and proxies.


def test_the_environment_has_no_say(
    open_transport: OpenTransport,
    start_server: StartServer,
    certificate: Certificate,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A .netrc entry, a proxy and a CA bundle of the environment have no effect."""
    (tmp_path / ".netrc").write_text("default login someone password else\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "missing.pem"))
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    heard: list[bytes] = []
    server = start_server(answering(OK, heard), context=certificate.server_context())
    transport = open_transport(context=tls_context(certificate.file))
    transport.get(f"https://{server.address}/", {}, {"Authorization": f"Zoho-oauthtoken {SECRET}"})
    assert f"Authorization: Zoho-oauthtoken {SECRET}\r\n".encode() in heard[0]
    assert b"Basic" not in heard[0]


def test_a_ca_bundle_of_the_environment_does_not_widen_trust(
    transport: Caller, start_server: StartServer, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whom we trust is a setting, not a variable of some other program."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(certificate.file))
    server = start_server(answering(OK), context=certificate.server_context())
    assert failure(lambda: transport.get(f"https://{server.address}/", {}, {})).code == "tls"


def test_a_configured_proxy_is_used(open_transport: OpenTransport, start_server: StartServer) -> None:
    """A plain request goes to the proxy with the whole URL."""
    heard: list[bytes] = []
    proxy = start_server(answering(OK, heard))
    options = transport_options(30, 30, {"http": f"http://{proxy.address}"})
    assert open_transport(options).get("http://zoho.invalid/crm", {}, {}).body == b"{}"
    assert heard[0].startswith(b"GET http://zoho.invalid/crm HTTP/1.1\r\n")


def test_https_goes_through_a_tunnel_of_the_proxy_and_is_verified(
    open_transport: OpenTransport, start_server: StartServer, certificate: Certificate
) -> None:
    """The proxy sees the host and not the request; inside the tunnel TLS is verified with our context."""
    heard: list[bytes] = []
    inside: list[bytes] = []
    server_context = certificate.server_context()

    def tunnel(connection: socket.socket) -> None:
        heard.append(read_request(connection))
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with server_context.wrap_socket(connection, server_side=True) as encrypted:
            answering(OK, inside)(encrypted)

    proxy = start_server(tunnel)
    options = transport_options(30, 30, {"https": f"http://{proxy.address}"})
    transport = open_transport(options, context=tls_context(certificate.file))
    assert transport.get("https://127.0.0.1/crm", {}, {"Authorization": SECRET}).body == b"{}"
    assert heard[0].startswith(b"CONNECT 127.0.0.1:443 HTTP/1")
    assert SECRET.encode() not in heard[0]
    assert f"Authorization: {SECRET}\r\n".encode() in inside[0]


@pytest.mark.parametrize("word", [b"403 Forbidden", b"407 Proxy Authentication Required", b"502 Bad Gateway"])
def test_a_proxy_that_refuses_the_tunnel_was_the_end_of_it(
    open_transport: OpenTransport, start_server: StartServer, word: bytes
) -> None:
    """What a proxy refuses has not reached Zoho; the proxy's password is not shown."""
    proxy = start_server(answering(b"HTTP/1.1 " + word + b"\r\nContent-Length: 0\r\n\r\n"))
    options = transport_options(30, 30, {"https": f"http://user:proxy-secret@{proxy.address}"})
    error = failure(lambda: open_transport(options).get("https://zoho.invalid/", {}, {}))
    assert (type(error), error.code) == (UnsentError, "connection")
    assert word.decode() in error.message
    assert "proxy-secret" not in error.message


def test_a_tls_proxy_is_verified_with_the_configured_bundle(
    open_transport: OpenTransport, start_server: StartServer, certificate: Certificate
) -> None:
    """A proxy that itself speaks TLS is vouched for by `ca_bundle`, as everything else."""
    refusal = answering(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    proxy = start_server(refusal, context=certificate.server_context())
    options = transport_options(30, 30, {"https": f"https://{proxy.address}"})
    transport = open_transport(options, context=tls_context(certificate.file))
    error = failure(lambda: transport.get("https://zoho.invalid/", {}, {}))
    assert (error.code, "403 Forbidden" in error.message) == ("connection", True)


def test_a_tls_proxy_that_nobody_vouches_for_is_a_tls_fault(
    open_transport: OpenTransport, start_server: StartServer, certificate: Certificate
) -> None:
    """The operator is sent to the CA bundle, not to the firewall."""
    proxy = start_server(answering(OK), context=certificate.server_context())
    options = transport_options(30, 30, {"https": f"https://{proxy.address}"})
    error = failure(lambda: open_transport(options).get("https://zoho.invalid/", {}, {}))
    assert (type(error), error.code) == (UnsentError, "tls")
    assert "ca_bundle" in error.advice


def test_a_dead_proxy_was_the_end_of_it(open_transport: OpenTransport) -> None:
    """Without its proxy the exporter does not go around it."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    options = transport_options(30, 30, {"http": f"http://127.0.0.1:{port}"})
    error = failure(lambda: open_transport(options).get("http://zoho.invalid/", {}, {}))
    assert (type(error), error.code) == (UnsentError, "connection")


def test_closing_leaves_a_call_in_flight_alone(transport: Caller, start_server: StartServer) -> None:
    """A call that is under way at the end gets its answer."""
    is_asked, may_answer = Event(), Event()

    def behave(connection: socket.socket) -> None:
        read_request(connection)
        is_asked.set()
        assert may_answer.wait(30)
        connection.sendall(OK)

    server = start_server(behave)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(transport.get, f"http://{server.address}/", {}, {})
        assert is_asked.wait(30)
        transport.transport.close()
        may_answer.set()
        assert answer.result(30).body == b"{}"
