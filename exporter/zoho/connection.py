"""Connections to Zoho: urllib3's, but each call has one time limit, whatever trickles, and one whole answer or none.

By themselves urllib3 and http.client wait anew for each byte, can't give a name lookup up, take `103 Early Hints` for
the answer, and use a connection again with bytes on it that nobody asked for.
"""

import io
import re
import socket
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse, parse_headers
from threading import BoundedSemaphore, Thread

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.ssl_ import is_ipaddress

LARGEST_HEAD_BYTES = 1024 * 1024
_LARGEST_REST_BYTES = 2 * 1024 * 1024
_MOST_INTERIM = 8
_WHOLE_NUMBER = re.compile(r"[0-9]+")

Address = tuple[int, int, int, str, tuple[object, ...]]
Resolve = Callable[..., Sequence[Address]]
"""What `socket.getaddrinfo` does."""


class EndlessError(HTTPException):
    """More came than any answer of Zoho's has."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How long one call may take: until `deadline` on the stopwatch, and `connect_seconds` for each address in it."""

    deadline: float
    connect_seconds: float
    stopwatch: Callable[[], float]

    def left(self, most: float = float("inf")) -> float:
        """Give the seconds that are left, but no more than `most`.

        Raises:
            TimeoutError: none are.
        """
        seconds = min(self.deadline - self.stopwatch(), most)
        if seconds <= 0:
            raise TimeoutError("the time limit is over")
        return seconds


class Lookups:
    """Asks for the addresses of names. Thread-safe.

    A lookup can't be ended: it stands in a thread that nobody has to wait for.

    Args:
        most: how many may stand at once.
        resolve: asks, and gives the addresses or raises an `OSError`.
    """

    def __init__(self, most: int, resolve: Resolve) -> None:
        self._places = BoundedSemaphore(most)
        self._resolve = resolve

    def addresses(self, host: str, port: int, limit: Limit) -> Sequence[Address]:
        """Give the addresses of a host; one that is itself an address is not asked for.

        Raises:
            OSError: there are none; `TimeoutError` where nobody answered, or has not answered earlier calls yet.
        """
        if is_ipaddress(host):
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        if not self._places.acquire(blocking=False):
            raise TimeoutError("too many name lookups are without an answer")
        found: Future[Sequence[Address]] = Future()
        Thread(target=self._ask, args=(found, host, port), name="zoho-lookup", daemon=True).start()
        try:
            return found.result(limit.left())
        except TimeoutError:
            raise TimeoutError("the name lookup is without an answer") from None

    def _ask(self, found: "Future[Sequence[Address]]", host: str, port: int) -> None:
        try:
            found.set_result(self._resolve(host, port, type=socket.SOCK_STREAM))
        except (OSError, ValueError) as error:
            found.set_exception(error)
        finally:
            self._places.release()


class TlsSocket(ssl.SSLSocket):
    """A TLS socket that keeps a limit itself: a second TLS, within the first one, reads it without asking us."""

    left: Callable[[], float] | None = None

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Receive within the limit, or what is there already where nothing is waited for."""
        if self.left and self.gettimeout():
            self.settimeout(self.left())
        return super().recv(buflen, flags)


class _Bytes(io.RawIOBase):
    """What comes off a socket while the limit lasts, and no more than is sane."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, limit: Limit) -> None:
        self._raw = raw
        self._sock = sock
        self._limit = limit
        self.left = LARGEST_HEAD_BYTES
        self.has_begun = False
        self.is_over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self.is_over:
            return 0
        self._sock.settimeout(self._limit.left())
        count = self._raw.readinto(buffer) or 0
        self.has_begun = self.has_begun or count > 0
        self.left -= count
        if self.left < 0:
            raise EndlessError("an answer without end was cut off")
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class Reply(HTTPResponse):
    """An answer as http.client reads it, from the first final status line on."""

    def __init__(self, sock: socket.socket, debuglevel: int = 0, method: str | None = None, *, limit: Limit) -> None:
        super().__init__(sock, debuglevel, method)
        self.source = _Bytes(self.fp.detach(), sock, limit)
        self.fp = io.BufferedReader(self.source)
        self._has_rest = False

    def begin(self) -> None:
        """Read the head."""
        super().begin()
        self.source.left = _LARGEST_REST_BYTES

    @property
    def is_whole(self) -> bool:
        """Whether it came to its own declared end, and nothing behind it, so that another may follow it."""
        is_sound = self.version == 11 and not self.msg.defects  # noqa: PLR2004 - http.client's number for HTTP/1.1
        says_close = any("close" in word.lower() for word in self.msg.get_all("connection", []))
        return is_sound and self._is_framed() and self.isclosed() and not self._has_rest and not says_close

    def _is_framed(self) -> bool:
        """Whether its length is told once, in one way."""
        lengths = self.msg.get_all("content-length", [])
        codings = [coding.lower() for coding in self.msg.get_all("transfer-encoding", [])]
        if codings:
            return codings == ["chunked"] and not lengths
        return len(lengths) == 1 and _WHOLE_NUMBER.fullmatch(lengths[0]) is not None

    def _close_conn(self) -> None:
        """Look what is left in the buffer: http.client throws it away with the buffer."""
        self.source.is_over = True
        self._has_rest = bool(self.fp.peek(1))
        super()._close_conn()  # type: ignore[misc]

    def _read_status(self) -> tuple[str, int, str]:
        """Skip interim answers: http.client calls this for each status line, also for that of a proxy's tunnel."""
        for _ in range(_MOST_INTERIM + 1):
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if status >= HTTPStatus.OK:
                return version, status, reason
            if status == HTTPStatus.SWITCHING_PROTOCOLS:
                raise HTTPException("it switches to another protocol, which nobody asked for")
            parse_headers(self.fp)
        raise HTTPException(f"more than {_MOST_INTERIM} interim answers came")


class Connection(HTTPConnection):
    """A connection whose calls have a limit each. `limit` and `lookups` are set before it is used."""

    limit: Limit
    lookups: Lookups
    reply: Reply | None = None

    @property
    def is_silent(self) -> bool:
        """Whether it is open, and nothing came on it that nobody asked for."""
        self.sock.settimeout(0)
        try:
            self.sock.recv(1)
        except OSError as error:
            return isinstance(error, BlockingIOError | ssl.SSLWantReadError)
        return False

    def send(self, data: bytes) -> None:  # type: ignore[override]
        """Send within the limit."""
        self.sock.settimeout(self.limit.left())
        super().send(data)

    def discard(self) -> None:
        """Close it, and the answer that it may have handed its socket to."""
        if self.reply is not None:
            self.reply.close()
        self.close()

    def response_class(self, *arguments: object, **keywords: object) -> Reply:  # type: ignore[override]
        """Begin to read an answer."""
        self.reply = Reply(*arguments, **keywords, limit=self.limit)  # type: ignore[arg-type]
        return self.reply

    def _new_conn(self) -> socket.socket:
        """Connect to the first address that takes us."""
        failure: OSError = socket.gaierror(socket.EAI_NONAME, "it has no address")
        for family, kind, protocol, _, address in self.lookups.addresses(self._dns_host, self.port, self.limit):
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(self.limit.left(self.limit.connect_seconds))
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.connect(address)
                sock.settimeout(self.limit.left(self.limit.connect_seconds))
            except OSError as error:
                sock.close()
                failure = error
            else:
                return sock
        raise failure

    def _tunnel(self) -> None:
        super()._tunnel()
        self.sock.settimeout(self.limit.left(self.limit.connect_seconds))
        if isinstance(self.sock, TlsSocket):
            self.sock.left = lambda: self.limit.left()  # noqa: PLW0108 - the limit of each call, not of this one


class TlsConnection(Connection, HTTPSConnection):
    """The same over TLS."""
