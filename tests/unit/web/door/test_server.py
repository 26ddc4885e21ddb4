"""The web server's start and stop."""

import asyncio
import errno
import socket
import time
from pathlib import Path
from threading import Event, Thread

import pytest
import requests
from processes import eventually
from sites import Serve
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from exporter.errors import ConfigurationError
from exporter.web.door import Gate, Route, WebServer, bind, prepared
from exporter.web.request import Request


def test_taken_address_is_a_clear_error() -> None:
    """A second exporter on the same port is told so."""
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError) as caught:
            bind("127.0.0.1", port)
    [problem] = caught.value.problems
    assert problem.place == "--web.listen-address"
    assert problem.message == (
        f"can't listen on 127.0.0.1:{port}: another program listens there, perhaps another exporter; "
        "stop it or choose another address"
    )


def test_address_of_another_machine_is_a_clear_error() -> None:
    """An address that this machine does not have is told so."""
    with pytest.raises(ConfigurationError, match="Cannot assign requested address; choose another"):
        bind("192.0.2.1", 10042)


def test_host_name_that_does_not_exist_is_a_clear_error() -> None:
    """A host name that can't be resolved is told so."""
    with pytest.raises(ConfigurationError, match=r"no-such-host\.invalid:0: .*; choose another"):
        bind("no-such-host.invalid", 0)


def test_no_host_means_every_address() -> None:
    """`:10042` listens on both IP versions, where the machine has both."""
    loopbacks = {socket.AF_INET: "127.0.0.1"}
    if socket.has_dualstack_ipv6():
        loopbacks[socket.AF_INET6] = "::1"
    with bind("", 0) as listener:
        for family, loopback in loopbacks.items():
            with socket.socket(family) as client:
                client.settimeout(10)
                client.connect((loopback, listener.getsockname()[1]))


class SlowSite:
    """An application whose answer waits until it is released."""

    def __init__(self) -> None:
        self.begun, self.release = Event(), Event()
        self.app = Gate([Route("GET", "/slow", self.slow), Route("GET", "/", self.quick)])

    def slow(self, _: Request) -> Response:
        """Answer late."""
        self.begun.set()
        self.release.wait(10)
        return PlainTextResponse("late")

    def quick(self, _: Request) -> Response:
        """Answer at once."""
        return PlainTextResponse("quick")


def test_request_under_way_is_answered_before_the_stop() -> None:
    """A stop waits for the page that is being written."""
    site = SlowSite()
    server = WebServer(site.app, bind("127.0.0.1", 0), on_exit=lambda: None)
    server.start()
    answers: list[str] = []
    url = f"http://127.0.0.1:{server.port}/slow"
    client = Thread(target=lambda: answers.append(requests.get(url, timeout=10).text))
    client.start()
    assert site.begun.wait(10)
    stopping = Thread(target=server.stop)
    stopping.start()
    site.release.set()
    client.join(10)
    stopping.join(10)
    assert answers == ["late"]


def test_server_is_quiet_while_no_request_is_under_way() -> None:
    """Also where a connection is kept for the next one."""
    site = SlowSite()
    server = WebServer(site.app, bind("127.0.0.1", 0), on_exit=lambda: None)
    server.start()
    url, answers = f"http://127.0.0.1:{server.port}", list[str]()
    with requests.Session() as session:
        client = Thread(target=lambda: answers.append(session.get(f"{url}/slow", timeout=10).text))
        client.start()
        assert site.begun.wait(10)
        while_busy = server.is_quiet
        site.release.set()
        client.join(10)
        assert eventually(lambda: server.is_quiet, "it is not quiet after its last answer")
    server.stop()
    assert (while_busy, answers) == (False, ["late"])


def test_request_that_is_late_at_the_stop_is_refused_in_words(caplog: pytest.LogCaptureFixture) -> None:
    """Beyond the grace nothing is waited for, and an ordinary stop tells of no error."""
    site = SlowSite()
    server = WebServer(site.app, bind("127.0.0.1", 0), on_exit=lambda: None, grace_seconds=0.1)
    server.start()
    answers: list[requests.Response] = []
    url = f"http://127.0.0.1:{server.port}/slow"
    client = Thread(target=lambda: answers.append(requests.get(url, timeout=10)))
    client.start()
    assert site.begun.wait(10)
    server.stop()
    client.join(10)
    site.release.set()
    assert [(answer.status_code, answer.text) for answer in answers] == [(503, "the exporter is stopping\n")]
    assert [record.getMessage() for record in caplog.records if record.levelname != "DEBUG"] == []


def test_answers_are_sent_at_once() -> None:
    """No answer of a connection waits for the client's system to say that it has the one before."""
    with bind("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


class Starved(socket.socket):
    """A listener whose process may open no more files until a test lets it."""

    failures = 0

    def accept(self) -> tuple[socket.socket, object]:
        """Fail a few times."""
        if self.failures < 3:
            self.failures += 1
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


def test_outage_is_one_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Not one for each connection that can't be accepted; and it is over when there are files again."""
    listener = Starved(fileno=bind("127.0.0.1", 0).detach())
    server = WebServer(SlowSite().app, listener, on_exit=lambda: None)
    server.start()
    try:
        assert requests.get(f"http://127.0.0.1:{server.port}/", timeout=30).text == "quick"
    finally:
        server.stop()
    assert listener.failures == 3
    said = "no connection can be accepted: Too many open files; raise the limit of open files"
    assert [record.getMessage() for record in caplog.records if record.levelname != "DEBUG"] == [said]


def test_client_that_comes_as_we_stop_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    """A connection that comes between the word to stop and the end of listening is not told of in the log."""
    listener = bind("127.0.0.1", 0)
    clients: list[socket.socket] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        """Have the loop find a client the first time that it looks after it was told to stop."""
        stop.start()
        time.sleep(0.2)  # noqa: ASYNC251 - the loop is to be busy while it is told
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: clients.append(socket.create_connection(listener.getsockname())))
        await PlainTextResponse("quick")(scope, receive, send)

    server = WebServer(app, listener, on_exit=lambda: None)
    stop = Thread(target=server.stop)
    server.start()
    assert requests.get(f"http://127.0.0.1:{server.port}/", timeout=30).text == "quick"
    stop.join(30)
    for client in clients:
        client.close()
    assert len(clients) == 1
    assert [record.getMessage() for record in caplog.records if record.levelname != "DEBUG"] == []


def test_silent_clients_delay_nobody(serve: Serve) -> None:
    """Fifty connections that say nothing do not keep a scrape waiting."""
    url = serve(SlowSite().app).url
    port = int(url.rpartition(":")[2])
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(50)]
    try:
        assert requests.get(url, timeout=10).text == "quick"
    finally:
        for connection in silent:
            connection.close()


def test_every_socket_is_served(tmp_path: Path) -> None:
    """Several addresses, and a socket in the file system, such as systemd may pass on; all end with the server."""
    path = str(tmp_path / "exporter.sock")
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(path)
    unix.listen()
    listeners = (prepared(unix), bind("127.0.0.1", 0), bind("127.0.0.2", 0))
    addresses = [listener.getsockname() for listener in listeners]
    server = WebServer(SlowSite().app, *listeners, on_exit=lambda: None)
    server.start()
    try:
        for listener, address in zip(listeners, addresses, strict=True):
            with socket.socket(listener.family) as client:
                client.settimeout(10)
                client.connect(address)
                client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                assert b"".join(iter(lambda: client.recv(65536), b"")).endswith(b"quick")
        assert server.port == addresses[1][1]
    finally:
        server.stop()
    for listener, address in zip(listeners, addresses, strict=True):
        assert listener.fileno() == -1
        with socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET) as client:
            assert client.connect_ex(address) == errno.ECONNREFUSED


def test_end_of_the_server_is_announced() -> None:
    """Whoever waits for the server's end is told of it."""
    ended = Event()
    server = WebServer(SlowSite().app, bind("127.0.0.1", 0), on_exit=ended.set)
    server.start()
    server.stop()
    assert ended.is_set()
