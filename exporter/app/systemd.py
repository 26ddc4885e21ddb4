"""What passes between systemd and us: sockets that it has opened, and how we are.

Source: systemd, sd_listen_fds(3), sd_notify(3) and sd_watchdog_enabled(3).
"""

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from threading import Event, Thread
from typing import TypeAlias

from exporter.errors import Problem
from exporter.files import refused

Address: TypeAlias = tuple[object, ...] | str
FLAG = "--web.systemd-socket"
_FIRST_DESCRIPTOR = 3
_CHECKS = 4
"""How often the server is looked at within the time that the watchdog grants."""


def passed_sockets(environ: Mapping[str, str], process: int) -> Iterator[socket.socket]:
    """Give the listening sockets that systemd has opened for this process.

    Raises:
        ConfigurationError: there are none, or one is none that a web server can listen on.
    """
    count = environ.get("LISTEN_FDS", "") if environ.get("LISTEN_PID") == str(process) else ""
    if not count.isdecimal() or not int(count):
        message = "systemd has passed on no socket: is there a .socket unit, and was it the one that was started?"
        raise refused(FLAG, message)
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    for number in range(int(count)):
        yield _listener(_FIRST_DESCRIPTOR + number, names[number] if number < len(names) else "unknown")


def doubts(environ: Mapping[str, str], process: int, *, is_used: bool, has_address: bool) -> Iterator[Problem]:
    """Warn of what systemd says that nobody listens to, and of what it does not say.

    Args:
        environ: what it says.
        process: our own id.
        is_used: whether we take the sockets that it passes on.
        has_address: whether somebody has also said where to listen.
    """
    if is_used and has_address:
        yield Problem(FLAG, "leaves aside --web.listen-address: only the sockets of systemd are served")
    if not is_used and environ.get("LISTEN_PID") == str(process) and environ.get("LISTEN_FDS", "0") != "0":
        yield Problem("LISTEN_FDS", f"systemd passes on a socket, and nothing listens on it: add {FLAG}")
    if not environ.get("WATCHDOG_USEC", "0").isdecimal():
        yield Problem("WATCHDOG_USEC", "is no number of microseconds: no watchdog is told")


def _listener(descriptor: int, name: str) -> socket.socket:
    try:
        passed = socket.socket(fileno=descriptor)
        passed.set_inheritable(False)
        if passed.type == socket.SOCK_STREAM and passed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return passed
        passed.detach()
    except OSError:
        pass  # no socket at all
    raise refused(FLAG, f"descriptor {descriptor} ({name}) is no socket to listen on: use ListenStream=, and Accept=no")


class Service:
    """Tells systemd how we are; says nothing where it does not ask. Thread-safe.

    Args:
        environ: where it asks.
        process: our own id.
    """

    def __init__(self, environ: Mapping[str, str], process: int) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        micros = environ.get("WATCHDOG_USEC", "") if environ.get("WATCHDOG_PID", str(process)) == str(process) else ""
        self._patience_seconds = int(micros) / 1e6 / _CHECKS if self._address and micros.isdecimal() else 0.0

    def tell(self, *words: str) -> bool:
        """Send words such as `READY=1`. One that can't be sent is lost: nobody may wait for systemd.

        Returns:
            Whether they are sent, or nobody asks for them.
        """
        if not self._address:
            return True
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.setblocking(False)
                # An @ stands for the zero byte of an address that is in no file system.
                channel.sendto("\n".join(words).encode(), self._address.replace("@", "\0", 1))
        except OSError:
            return False
        return True

    def tell_reload(self, reload: Callable[[], object]) -> None:
        """Reload, and let whoever has asked systemd for it wait until it is done."""
        self.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            reload()
        finally:
            self.tell("READY=1")

    def watch(self, listener: socket.socket, over: Event) -> None:
        """Tell systemd's watchdog that all is well, as long as the server answers on its socket; until it is over."""
        if self._patience_seconds:
            arguments = (listener.getsockname(), listener.family, over)
            Thread(target=self._watch, args=arguments, name="watchdog", daemon=True).start()

    def _watch(self, address: Address, family: int, over: Event) -> None:
        while not over.wait(self._patience_seconds):
            if _answers(address, family, self._patience_seconds):
                self.tell("WATCHDOG=1")


def _answers(address: Address, family: int, seconds: float) -> bool:
    """Whether a server answers, whatever: where TLS is spoken it tells us so in plain HTTP."""
    with suppress(OSError), socket.socket(family) as client:
        client.settimeout(seconds)
        client.connect(address)
        client.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return client.recv(5) == b"HTTP/"
    return False
