"""Connections to Zoho: urllib3's, but each call has one time limit, whatever trickles, and one whole answer or none.

By themselves urllib3 and http.client wait anew for each byte, can't give a name lookup up, take `103 Early Hints` for
the answer, and use a connection again with bytes on it that nobody asked for.
"""

import io
import re
import socket
import ssl
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse, parse_headers
from threading import BoundedSemaphore
from typing import Any, NamedTuple, cast

from urllib3 import HTTPResponse as Packed
from urllib3 import PoolManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ClosedPoolError, HTTPError
from urllib3.util.connection import create_connection

from exporter.waits import waited_for
from exporter.zoho.transport import TlsSocket

FAULTS = (OSError, HTTPException, HTTPError, ValueError)
"""What a connection, http.client and urllib3 raise, a `ValueError` for what they can't read or write."""

LARGEST_BODY_BYTES = 1024 * 1024
_LARGEST_HEAD_BYTES = 1024 * 1024
_LARGEST_REST_BYTES = 2 * 1024 * 1024
_MOST_INTERIM = 8
_BODILESS = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
_FRAMING = re.compile(r"[0-9]+|chunked", re.IGNORECASE)


class OddError(HTTPException):
    """What came is nothing that Zoho sends."""


class Content(NamedTuple):
    """An answer with its body read and unpacked. Header names are lower case, values of one name joined by commas."""

    status: int
    headers: Mapping[str, str]
    data: bytes


@dataclass(eq=False)
class Call(Timeout):
    """How one request is sent, and how far it came; `requests` takes it for a time-out and hands it on to `Pool`.

    It ends by `deadline` on the stopwatch, and tries each address for `connect_seconds`. `lookups` has a place for each
    name lookup that may stand at once. A call that `is_fresh` has a connection of its own.
    """

    connect_seconds: float
    stopwatch: Callable[[], float]
    lookups: BoundedSemaphore
    deadline: float
    is_fresh: bool
    is_unsent: bool | None = None
    """`None` as long as it has not come to the network."""
    is_kept: bool = False
    """Whether its connection served another call before."""
    has_heard: bool = False
    handled: BaseException | None = field(default_factory=sys.exception)
    """What had gone wrong before, and is no reason of what goes wrong in the call."""
    bytes_left: int = _LARGEST_HEAD_BYTES

    def left(self) -> float:
        """Give the seconds that are left, or raise a `TimeoutError` where none are."""
        seconds = self.deadline - self.stopwatch()
        if seconds <= 0:
            raise TimeoutError("the time limit is over")
        return seconds

    def addresses(self, host: str, port: int) -> "list[tuple[Any, ...]]":
        """Look a host up, in a thread that nobody has to wait for: a lookup can't be ended."""
        if not self.lookups.acquire(blocking=False):
            raise TimeoutError("too many name lookups are without an answer")
        return waited_for(partial(self._look_up, host, port), self.left(), "the name lookup")

    def _look_up(self, host: str, port: int) -> "list[tuple[Any, ...]]":
        try:
            return [address for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        finally:
            self.lookups.release()


class _Bytes(io.RawIOBase):
    """What comes off a socket while the call lasts, and no more than is sane."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, call: Call) -> None:
        self._raw = raw
        self._sock = sock
        self._call = call
        self.is_over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self.is_over:
            return 0
        self._sock.settimeout(self._call.left())
        count = self._raw.readinto(buffer) or 0
        self._call.has_heard = self._call.has_heard or count > 0
        self._call.bytes_left -= count
        if self._call.bytes_left < 0:
            raise OddError("an answer without end was cut off")
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class Reply(HTTPResponse):
    """An answer as http.client reads it, from the first final status line on."""

    def __init__(self, sock: socket.socket, debuglevel: int = 0, method: str | None = None, *, call: Call) -> None:
        super().__init__(sock, debuglevel, method)
        self._source = _Bytes(self.fp.detach(), sock, call)
        self.fp = io.BufferedReader(self._source)

    @property
    def is_whole(self) -> bool:
        """Whether its length is told once, it came to that end, and nothing behind it, so that another may follow."""
        framing = [*self.msg.get_all("content-length", []), *self.msg.get_all("transfer-encoding", [])]
        is_framed = len(framing) == 1 and _FRAMING.fullmatch(framing[0]) is not None
        says_close = self.will_close or "close" in ",".join(self.msg.get_all("connection", [])).lower()
        is_sound = self.version == 11 and not self.msg.defects  # noqa: PLR2004 - http.client's number for HTTP/1.1
        return is_sound and is_framed and self.isclosed() and not says_close

    def _close_conn(self) -> None:
        """Let nothing follow where something is left in the buffer: http.client throws it away with the buffer."""
        self._source.is_over = True
        self.will_close = self.will_close or bool(self.fp.peek(1))
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
    """A connection, and the call that it serves."""

    call: Call
    reply: Reply | None = None

    @property
    def is_connected(self) -> bool:
        """Whether it is open, and nothing came on it that nobody asked for."""
        self.sock.settimeout(0)
        try:
            self.sock.recv(1)
        except OSError as error:
            return isinstance(error, BlockingIOError | ssl.SSLWantReadError)
        return False

    def connect(self) -> None:
        """Connect to a server that waits for a request."""
        super().connect()
        if not self.is_connected:
            raise OddError("what answers there speaks before it is asked")

    def discard(self) -> None:
        """Close it, and the answer that it may have handed its socket to."""
        if self.reply is not None:
            self.reply.close()
        self.close()

    def response_class(self, *arguments: object, **keywords: object) -> Reply:  # type: ignore[override]
        """Begin to read an answer."""
        self.reply = Reply(*arguments, **keywords, call=self.call)  # type: ignore[arg-type]
        return self.reply

    def ask(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Send a request, its head and body at once, and give its answer as far as its head."""
        head = "\r\n".join([f"{method} {url} HTTP/1.1", *map(": ".join, headers.items()), "", ""])
        self.sock.settimeout(self.call.left())
        # A server may answer, and close, before it has read the request.
        with suppress(ConnectionError):
            self.sock.sendall(head.encode("latin-1") + body)
        reply = self.response_class(self.sock, method=method)
        reply.begin()
        return reply

    def _new_conn(self) -> socket.socket:
        """Connect to the first address that takes us."""
        call = self.call
        failure: OSError = socket.gaierror(socket.EAI_NONAME, "it has no address")
        for address in call.addresses(self._dns_host, self.port):
            try:
                return create_connection(address[:2], min(call.left(), call.connect_seconds))
            except OSError as error:
                failure = error
        raise failure

    def _tunnel(self) -> None:
        super()._tunnel()
        if isinstance(self.sock, TlsSocket):
            self.sock.left = lambda: self.call.left()  # noqa: PLW0108 - the limit of each call, not of this one


class TlsConnection(Connection, HTTPSConnection):
    """The same over TLS."""


class Pool(HTTPConnectionPool):
    """The connections to one host, on each of which all that came before was asked for. Thread-safe."""

    ConnectionCls = Connection

    def urlopen(  # type: ignore[override]
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], *, timeout: Call
    ) -> Content:
        """Send a request, and give its answer with the body read, as much of it as is sane.

        `headers` are as a request's may be, and complete.
        """
        call, connection, is_sound = timeout, self._take(timeout), False
        is_forwarded = not url.startswith("/")
        try:
            if self.proxy and not call.is_kept and not is_forwarded:
                self._prepare_proxy(connection)
            elif not call.is_kept:
                connection.connect()
            call.is_unsent = False
            reply = connection.ask(method, url, body, {**headers, **self.proxy_headers} if is_forwarded else headers)
            answer = _read(reply, call)
            is_sound = reply.is_whole and bool(answer.data) and not call.is_fresh
        finally:
            if is_sound:
                self._put_conn(connection)
            else:
                connection.discard()
        return answer

    def _take(self, call: Call) -> Connection:
        try:
            connection = cast("Connection", self._new_conn() if call.is_fresh else self._get_conn())
        except ClosedPoolError:  # a refresh ended just now
            connection = cast("Connection", self._new_conn())
        connection.call, connection.reply = call, None
        call.is_kept, call.is_unsent = not connection.is_closed, True
        return connection


def _read(reply: Reply, call: Call) -> Content:
    call.bytes_left = _LARGEST_REST_BYTES
    if call.is_kept and reply.status == HTTPStatus.REQUEST_TIMEOUT:
        call.has_heard = False  # it is about the time before
        raise ConnectionError("HTTP 408")
    headers: dict[str, str] = {}
    for spelling, value in reply.msg.items():
        name = spelling.lower()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    is_redirect = reply.status in Packed.REDIRECT_STATUSES and "location" in headers
    body = b"" if reply.status in _BODILESS or is_redirect else _body(reply, headers)
    if len(body) > LARGEST_BODY_BYTES:
        raise OddError(f"an answer of more than {LARGEST_BODY_BYTES} bytes was cut off (HTTP {reply.status})")
    return Content(reply.status, headers, body)


def _body(reply: Reply, headers: Mapping[str, str]) -> bytes:
    """Read a body, or a little more of it than is sane, and unpack it."""
    if len(set(reply.msg.get_all("content-length", []))) > 1:
        raise HTTPException("the answer has several lengths")
    # Only where it reads all there is, http.client misses what does not come.
    is_bounded = reply.length is not None and reply.length <= LARGEST_BODY_BYTES
    body = reply.read(None if is_bounded else LARGEST_BODY_BYTES + 1)
    if "content-encoding" not in headers:
        return body
    return Packed(io.BytesIO(body), headers, reply.status, preload_content=False).read(LARGEST_BODY_BYTES + 1)


class TlsPool(Pool, HTTPSConnectionPool):
    """The same over TLS."""

    ConnectionCls = TlsConnection


def adopt(manager: PoolManager) -> PoolManager:
    """Let a manager give pools of ours, and close those that it drops."""
    manager.pool_classes_by_scheme = {"http": Pool, "https": TlsPool}
    manager.pools.dispose_func = HTTPConnectionPool.close
    return manager
