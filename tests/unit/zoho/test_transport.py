"""HTTP as the exporter allows it: at requests-mock where that shows it, else at real servers on loopback."""

import gzip
import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from io import BytesIO
from pathlib import Path
from threading import Barrier, Event

import pytest
import requests
from requests_mock import Mocker
from samples import NOW, Clock
from unit.zoho.loopback import Behaviour, Certificate, StartServer
from urllib3.connection import HTTPConnection
from urllib3.exceptions import NameResolutionError

from exporter.errors import ConfigurationError, PassingError, Problem
from exporter.zoho.transport import Transport, TransportOptions, UnsentError, tls_context
from exporter.zoho.wire import Answer

URL = "https://www.zohoapis.com/crm/v8/Leads/actions/mass_update"
SECRET = "1000.token-7f3a"
MIB = 1024 * 1024
QUICK = TransportOptions(timeout_seconds=0.3, connect_timeout_seconds=0.3)
PATIENT = TransportOptions(timeout_seconds=30, connect_timeout_seconds=30)

OpenTransport = Callable[..., Transport]


@pytest.fixture(scope="session")
def public_context() -> ssl.SSLContext:
    """Give the context that trusts the CAs that come with requests."""
    return tls_context(None)


@pytest.fixture
def open_transport(public_context: ssl.SSLContext) -> Iterator[OpenTransport]:
    """Give a function that opens a transport: `options`, `context` and `stopwatch`."""
    opened: list[Transport] = []

    def open_one(
        options: TransportOptions = PATIENT,
        *,
        context: ssl.SSLContext = public_context,
        stopwatch: Callable[[], float] = lambda: 0.0,
    ) -> Transport:
        transport = Transport(options, context, Redactor(), clock=Clock(), stopwatch=stopwatch)
        opened.append(transport)
        return transport

    yield open_one
    for transport in opened:
        transport.close()


@pytest.fixture
def transport(open_transport: OpenTransport) -> Transport:
    """Give a transport that waits for long and does not notice the time."""
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


def test_an_answer_is_handed_over_whole(transport: Transport, requests_mock: Mocker) -> None:
    """Status, headers in lower case, body and time of receipt make an answer."""
    requests_mock.get(
        URL, status_code=404, content=b'{"code":"NOT_FOUND"}', headers={"Content-Type": "application/json", "X-Y": "Z"}
    )
    assert transport.get(URL, {"job_id": "1"}, {}) == Answer(
        404, {"content-type": "application/json", "x-y": "Z"}, b'{"code":"NOT_FOUND"}', NOW
    )


def test_a_get_sends_its_parameters_and_few_headers(transport: Transport, requests_mock: Mocker) -> None:
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


def test_form_fields_go_into_the_body(transport: Transport, requests_mock: Mocker) -> None:
    """Secrets stand in the body, encoded, and not in the URL."""
    requests_mock.post("https://accounts.zoho.com/oauth/v2/token")
    transport.post_form("https://accounts.zoho.com/oauth/v2/token", {"client_secret": "a&b=c", "grant_type": "x"})
    request = requests_mock.request_history[0]
    assert request.url == "https://accounts.zoho.com/oauth/v2/token"
    assert request.text == "client_secret=a%26b%3Dc&grant_type=x"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"


def time_limits(timeout: object) -> object:
    """Give a request's time limits, which the stubs of requests-mock take for a number: connecting, reading."""
    return timeout


def test_the_options_reach_the_request(open_transport: OpenTransport, requests_mock: Mocker) -> None:
    """Time limits, proxies and the user agent are the configured ones."""
    requests_mock.get(URL)
    options = TransportOptions(8, 3, {"https": "http://proxy.example:3128"}, user_agent="exporter/1.2")
    open_transport(options).get(URL, {}, {})
    request = requests_mock.request_history[0]
    assert time_limits(request.timeout) == (3, 8)
    assert request.proxies == {"https": "http://proxy.example:3128"}
    assert request.headers["User-Agent"] == "exporter/1.2"


def test_connecting_takes_no_longer_than_the_whole_call(open_transport: OpenTransport, requests_mock: Mocker) -> None:
    """A short time limit shortens that of connecting too."""
    requests_mock.get(URL)
    open_transport(TransportOptions(timeout_seconds=1, connect_timeout_seconds=3)).get(URL, {}, {})
    assert time_limits(requests_mock.request_history[0].timeout) == (1, 1)


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
def test_a_redirect_is_refused(transport: Transport, requests_mock: Mocker, status: int, location: str) -> None:
    """Wherever a redirect points, nothing is sent there, and the error says what to check."""
    requests_mock.get(URL, status_code=status, headers={"Location": location})
    error = failure(lambda: transport.get(URL, {}, {"Authorization": SECRET}))
    assert error.code == "invalid_response"
    assert error.message == f"refused a redirect (HTTP {status}): Zoho's API does not redirect"
    assert "data centre" in error.advice
    assert requests_mock.call_count == 1


class CountingBody(BytesIO):
    """Counts the bytes that are read of it."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, and count."""
        chunk = super().read(size)
        self.taken += len(chunk)
        return chunk


def test_the_body_of_a_redirect_is_not_read(transport: Transport, requests_mock: Mocker) -> None:
    """A redirect with a body without end takes neither memory nor time."""
    body = CountingBody(b"x" * 4 * MIB)
    requests_mock.get(URL, status_code=302, headers={"Location": "https://evil.example/"}, body=body)
    failure(lambda: transport.get(URL, {}, {}))
    assert body.taken <= MIB + 64 * 1024


def test_a_redirect_without_a_location_is_an_answer(transport: Transport, requests_mock: Mocker) -> None:
    """Without a target it is for `wire` to judge."""
    requests_mock.get(URL, status_code=302)
    assert transport.get(URL, {}, {}).status == 302


def test_cookies_are_not_kept(transport: Transport, requests_mock: Mocker) -> None:
    """Zoho's cookies would tie calls together."""
    requests_mock.get(URL, headers={"Set-Cookie": "session=1; Path=/"})
    transport.get(URL, {}, {})
    transport.get(URL, {}, {})
    assert "Cookie" not in requests_mock.request_history[1].headers


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB])
def test_a_body_of_up_to_a_mebibyte_is_taken(transport: Transport, requests_mock: Mocker, size: int) -> None:
    """The cap is far above any status."""
    requests_mock.get(URL, content=b"x" * size)
    assert len(transport.get(URL, {}, {}).body) == size


@pytest.mark.parametrize("size", [MIB + 1, 8 * MIB])
def test_a_larger_body_is_cut_off(transport: Transport, requests_mock: Mocker, size: int) -> None:
    """A body above the cap is an invalid response, and the rest of it is not read."""
    body = CountingBody(b"x" * size)
    requests_mock.get(URL, status_code=200, body=body)
    error = failure(lambda: transport.get(URL, {}, {}))
    assert error.code == "invalid_response"
    assert error.message == "an answer of more than 1048576 bytes was cut off (HTTP 200)"
    assert body.taken <= MIB + 64 * 1024


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
    transport: Transport, requests_mock: Mocker, exception: Exception, code: str
) -> None:
    """A foreign error is translated at the border, with its cause."""
    requests_mock.get(URL, exc=exception)
    error = failure(lambda: transport.get(URL, {}, {"Authorization": SECRET}))
    assert (error.code, error.__cause__) == (code, exception)
    assert error.advice
    assert SECRET not in f"{error!r}"


@pytest.mark.parametrize("url", ["https://", "https://[", "nonsense", "ftp://www.zohoapis.com/", "https://a..b/"])
def test_a_url_that_cannot_be_called_is_a_passing_error(transport: Transport, url: str) -> None:
    """No URL makes an unexpected exception."""
    assert failure(lambda: transport.get(url, {}, {})).code == "connection"


def test_a_token_that_cannot_be_a_header_is_not_shown(transport: Transport) -> None:
    """A token from a damaged state file ends up in no message."""
    error = failure(lambda: transport.get("http://127.0.0.1:1/", {}, {"Authorization": f"Zoho-oauthtoken {SECRET}\n"}))
    assert SECRET not in error.message


# Faults of the network, at real sockets.


def test_a_refused_connection_was_not_sent(transport: Transport) -> None:
    """Nobody listens: no credit can have been spent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
    error = failure(lambda: transport.get(f"http://{address[0]}:{address[1]}/", {}, {}))
    assert (type(error), error.code) == (UnsentError, "connection")
    assert error.message.startswith("no connection to Zoho: ")
    assert "refused" in error.message


def test_an_unknown_host_was_not_sent(transport: Transport, requests_mock: Mocker) -> None:
    """A name that does not resolve is a fault of the network, and no time-out."""
    unresolved = requests.exceptions.ConnectionError("no such name")
    unresolved.__cause__ = NameResolutionError("zoho.invalid", HTTPConnection("zoho.invalid"), socket.gaierror(-2, "x"))
    requests_mock.get(URL, exc=unresolved)
    error = failure(lambda: transport.get(URL, {}, {}))
    assert (type(error), error.code) == (UnsentError, "connection")


def test_a_connection_that_is_never_accepted_was_not_sent(open_transport: OpenTransport) -> None:
    """A host that drops packets, as a listener with a full queue does, is a time-out of connecting."""
    with socket.socket() as listener, socket.socket() as filler, socket.socket() as second_filler:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        for queued in (filler, second_filler):
            queued.setblocking(False)
            queued.connect_ex(address)
        error = failure(lambda: open_transport(QUICK).get(f"http://{address[0]}:{address[1]}/", {}, {}))
    assert (type(error), error.code) == (UnsentError, "timeout")
    assert error.message == "no connection to Zoho within 0.3 s"


def test_silence_before_the_headers_is_a_timeout(open_transport: OpenTransport, start_server: StartServer) -> None:
    """A server that takes the request and says nothing is not waited for without end; it may have cost a credit."""
    server = start_server(wait_for_client)
    error = failure(lambda: open_transport(QUICK).get(f"http://{server.address}/", {}, {}))
    assert (type(error), error.code) == (PassingError, "timeout")
    assert error.message == "Zoho fell silent for 0.3 s"


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
    "raw",
    [
        pytest.param(b"", id="no-answer"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", id="not-http"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", id="endless-header"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", id="cut-short"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", id="broken-chunk"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", id="chunk-cut-short"),
    ],
)
def test_a_broken_answer_is_a_broken_connection(transport: Transport, start_server: StartServer, raw: bytes) -> None:
    """An answer that is not whole is none."""
    error = failure(lambda: transport.get(f"http://{start_server(answering(raw)).address}/", {}, {}))
    assert (type(error), error.code) == (PassingError, "connection")
    assert error.message.startswith("the connection to Zoho broke: ")


def test_a_reset_within_the_body_is_a_broken_connection(transport: Transport, start_server: StartServer) -> None:
    """A connection that is torn down half-way is a passing fault."""

    def reset(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

    error = failure(lambda: transport.get(f"http://{start_server(reset).address}/", {}, {}))
    assert (type(error), error.code) == (PassingError, "connection")


def test_what_came_of_a_broken_body_is_not_shown(transport: Transport, start_server: StartServer) -> None:
    """A message never quotes a body."""
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncanary-7f3a"
    error = failure(lambda: transport.get(f"http://{start_server(answering(raw)).address}/", {}, {}))
    assert "canary" not in error.message


def test_a_compressed_body_is_taken_though_nobody_asked_for_it(transport: Transport, start_server: StartServer) -> None:
    """A proxy may compress all the same."""
    packed = gzip.compress(b'{"data":[]}')
    raw = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(packed), packed)
    assert transport.get(f"http://{start_server(answering(raw)).address}/", {}, {}).body == b'{"data":[]}'


def test_a_body_of_damaged_compression_is_no_answer(transport: Transport, start_server: StartServer) -> None:
    """What can't be unpacked is nobody's answer, and the connection is not to blame."""
    raw = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip!"
    error = failure(lambda: transport.get(f"http://{start_server(answering(raw)).address}/", {}, {}))
    assert (error.code, error.message) == ("invalid_response", "the answer's compression is damaged")


def test_a_body_that_unpacks_beyond_the_cap_is_cut_off(transport: Transport, start_server: StartServer) -> None:
    """The cap counts what is unpacked."""
    packed = gzip.compress(b"x" * 64 * MIB)
    raw = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(packed), packed)
    error = failure(lambda: transport.get(f"http://{start_server(answering(raw)).address}/", {}, {}))
    assert error.code == "invalid_response"
    assert error.message == "an answer of more than 1048576 bytes was cut off (HTTP 200)"


def passing_time(*times: float) -> Callable[[], float]:
    """Give a stopwatch that shows these times, and then the last one for ever."""
    remaining = list(times)
    return lambda: remaining.pop(0) if len(remaining) > 1 else remaining[0]


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"Content-Length: 100\r\n\r\n{", id="announced-length"),
        pytest.param(b"Connection: close\r\n\r\n{", id="no-length"),
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", id="small-chunks"),
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\n64\r\n{", id="one-large-chunk"),
    ],
)
def test_a_body_that_trickles_beyond_the_time_limit_is_given_up(
    open_transport: OpenTransport, start_server: StartServer, head: bytes
) -> None:
    """The time limit bounds the whole call: each byte that arrives does not start it anew."""

    def trickle(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + head)
        wait_for_client(connection)

    options = TransportOptions(timeout_seconds=1, connect_timeout_seconds=1)
    transport = open_transport(options, stopwatch=passing_time(0.0, 1.1))
    error = failure(lambda: transport.get(f"http://{start_server(trickle).address}/", {}, {}))
    assert (type(error), error.code) == (PassingError, "deadline")
    assert error.message == "the answer was still trickling in after 1 s"


def test_a_body_within_the_time_limit_is_taken(open_transport: OpenTransport, start_server: StartServer) -> None:
    """At the very end of the time limit an answer still counts."""
    transport = open_transport(PATIENT, stopwatch=passing_time(0.0, 30.0))
    assert transport.get(f"http://{start_server(answering(OK)).address}/", {}, {}).body == b"{}"


# TLS.


def test_a_certificate_that_nobody_vouches_for_is_refused(
    transport: Transport, start_server: StartServer, certificate: Certificate
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


def test_plain_http_where_tls_is_expected_is_a_tls_fault(transport: Transport, start_server: StartServer) -> None:
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


def test_a_connection_is_used_again(start_server: StartServer, transport: Transport) -> None:
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
    transport: Transport, start_server: StartServer, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
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
    options = TransportOptions(30, 30, {"http": f"http://{proxy.address}"})
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
    options = TransportOptions(30, 30, {"https": f"http://{proxy.address}"})
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
    options = TransportOptions(30, 30, {"https": f"http://user:proxy-secret@{proxy.address}"})
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
    options = TransportOptions(30, 30, {"https": f"https://{proxy.address}"})
    transport = open_transport(options, context=tls_context(certificate.file))
    error = failure(lambda: transport.get("https://zoho.invalid/", {}, {}))
    assert (error.code, "403 Forbidden" in error.message) == ("connection", True)


def test_a_tls_proxy_that_nobody_vouches_for_is_a_tls_fault(
    open_transport: OpenTransport, start_server: StartServer, certificate: Certificate
) -> None:
    """The operator is sent to the CA bundle, not to the firewall."""
    proxy = start_server(answering(OK), context=certificate.server_context())
    options = TransportOptions(30, 30, {"https": f"https://{proxy.address}"})
    error = failure(lambda: open_transport(options).get("https://zoho.invalid/", {}, {}))
    assert (type(error), error.code) == (UnsentError, "tls")
    assert "ca_bundle" in error.advice


def test_a_dead_proxy_was_the_end_of_it(open_transport: OpenTransport) -> None:
    """Without its proxy the exporter does not go around it."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    options = TransportOptions(30, 30, {"http": f"http://127.0.0.1:{port}"})
    error = failure(lambda: open_transport(options).get("http://zoho.invalid/", {}, {}))
    assert (type(error), error.code) == (UnsentError, "connection")


def test_closing_leaves_a_call_in_flight_alone(transport: Transport, start_server: StartServer) -> None:
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
        transport.close()
        may_answer.set()
        assert answer.result(30).body == b"{}"
