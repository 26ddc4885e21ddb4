"""What passes between systemd and the exporter: inherited sockets, notifications and the watchdog."""

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event

import pytest
from starlette.responses import PlainTextResponse

from exporter.app.systemd import Service, doubts, passed_sockets
from exporter.errors import ConfigurationError
from exporter.web.door import Gate, Route, WebServer, bind
from exporter.web.guard import Entry

US = os.getpid()


@pytest.fixture
def channel() -> Iterator[socket.socket]:
    """Listen as systemd does, at an address that is in no file system."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0exporter-test-{US}")
        listening.settimeout(10)
        yield listening


def environ(channel: socket.socket, **variables: str) -> dict[str, str]:
    """Give the variables by which systemd asks to be told."""
    return {"NOTIFY_SOCKET": f"@{channel.getsockname()[1:].decode()}", **variables}


def test_words_reach_systemd(channel: socket.socket) -> None:
    """One datagram for each time, at an abstract address."""
    Service(environ(channel), US).tell("READY=1", "STATUS=fine")
    assert channel.recv(4096) == b"READY=1\nSTATUS=fine"


def test_words_reach_systemd_by_a_path(tmp_path: Path) -> None:
    """The usual address is a file."""
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(path)
        Service({"NOTIFY_SOCKET": path}, US).tell("STOPPING=1")
        assert listening.recv(4096) == b"STOPPING=1"


@pytest.mark.parametrize("address", ["", "/nowhere/at/all", "@nobody listens here"])
def test_nobody_who_asks_is_no_fault(address: str) -> None:
    """Without systemd, or where it is gone, nothing is told and nothing waits; a reload is done all the same."""
    done: list[str] = []
    Service({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000"}, US).tell_reload(lambda: done.append("reload"))
    assert done == ["reload"]


def test_reload_is_told_with_its_time(channel: socket.socket) -> None:
    """So that `systemctl reload` waits for its end, also where it fails."""
    with pytest.raises(ZeroDivisionError):
        Service(environ(channel), US).tell_reload(lambda: 1 // 0)
    told = [channel.recv(4096).decode().splitlines() for _ in range(2)]
    assert [lines[0] for lines in told] == ["RELOADING=1", "READY=1"]
    name, _, micros = told[0][1].partition("=")
    assert name == "MONOTONIC_USEC"
    assert int(micros) > 0


def test_watchdog_is_fed_while_the_server_answers(channel: socket.socket) -> None:
    """The server itself is asked, as anybody would ask it."""
    over, listener = Event(), bind("127.0.0.1", 0)
    gate = Gate([Route("GET", "/-/healthy", lambda _: PlainTextResponse("healthy"), Entry.HEALTH)])
    server = WebServer(gate, listener, on_exit=lambda: None)
    server.start()
    try:
        Service(environ(channel, WATCHDOG_USEC="200000", WATCHDOG_PID=str(US)), US).watch(listener, over)
        assert [channel.recv(4096) for _ in range(3)] == [b"WATCHDOG=1"] * 3
    finally:
        over.set()
        server.stop()


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0"], ids=["nothing", "something else"])
def test_watchdog_is_not_fed_by_a_server_that_hangs(channel: socket.socket, answer: bytes) -> None:
    """A socket that takes connections is not a server that answers."""
    over = Event()
    with bind("127.0.0.1", 0) as silent:
        Service(environ(channel, WATCHDOG_USEC="100000"), US).watch(silent, over)
        for _ in range(2):
            with silent.accept()[0] as asking:
                assert asking.recv(4096).startswith(b"GET /-/healthy ")
                asking.sendall(answer)
                with suppress(ConnectionError):
                    assert asking.recv(4096) == b""
        over.set()
    channel.setblocking(False)
    with pytest.raises(BlockingIOError):
        channel.recv(4096)


@pytest.mark.parametrize("variables", [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}])
def test_watchdog_that_is_not_ours_is_left_alone(channel: socket.socket, variables: dict[str, str]) -> None:
    """Nobody is asked for anything."""
    over = Event()
    over.set()
    with bind("127.0.0.1", 0) as listener:
        Service(environ(channel, **variables), US).watch(listener, over)
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"LISTEN_FDS": "1"},
        {"LISTEN_FDS": "1", "LISTEN_PID": "1"},
        {"LISTEN_FDS": "0", "LISTEN_PID": str(US)},
        {"LISTEN_FDS": "many", "LISTEN_PID": str(US)},
    ],
)
def test_sockets_of_others_are_not_taken(variables: dict[str, str]) -> None:
    """Variables that were meant for a parent are none of ours, and to listen nowhere is refused."""
    with pytest.raises(ConfigurationError) as caught:
        list(passed_sockets(variables, US))
    assert str(caught.value) == (
        "--web.systemd-socket: systemd has passed on no socket: is there a .socket unit, and was it the one that was "
        "started?"
    )


@pytest.mark.parametrize(
    ("variables", "is_used", "has_address", "told"),
    [
        pytest.param({}, False, True, [], id="no systemd"),
        pytest.param({"LISTEN_PID": str(US), "LISTEN_FDS": "1"}, True, False, [], id="sockets that are used"),
        pytest.param(
            {"LISTEN_PID": str(US), "LISTEN_FDS": "1"},
            False,
            False,
            ["LISTEN_FDS: systemd passes on a socket, and nothing listens on it: add --web.systemd-socket"],
            id="sockets that are not",
        ),
        pytest.param({"LISTEN_PID": "1", "LISTEN_FDS": "1"}, False, False, [], id="another one's sockets"),
        pytest.param(
            {},
            True,
            True,
            ["--web.systemd-socket: leaves aside --web.listen-address: only the sockets of systemd are served"],
            id="an address beside them",
        ),
        pytest.param(
            {"WATCHDOG_USEC": "abc"},
            False,
            False,
            ["WATCHDOG_USEC: is no number of microseconds: no watchdog is told"],
            id="a watchdog's time that is none",
        ),
    ],
)
def test_what_systemd_says_in_vain_is_told(
    variables: dict[str, str], told: list[str], *, is_used: bool, has_address: bool
) -> None:
    """Whoever has written the unit learns what it does not do."""
    assert list(map(str, doubts(variables, US, is_used=is_used, has_address=has_address))) == told


def test_systemd_that_can_not_be_reached_is_known() -> None:
    """Nobody waits for it, and the start can say so."""
    assert Service({"NOTIFY_SOCKET": "/nowhere/at/all"}, US).tell("READY=1") is False
    assert Service({}, US).tell("READY=1") is True
