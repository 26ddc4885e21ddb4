"""A hostile Zoho: a raw HTTP server that plays exact bytes at any pace, as token endpoint, status call and proxy.

A script is a function that takes a call and gives steps: bytes are sent, a number is a pause in seconds, a `Trickle`
is sent byte by byte, and an `End` ends the connection. After the last step the next call on the connection is read.
"""

import json
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from threading import Event, Lock, Thread
from typing import Self
from urllib.parse import parse_qs, urlsplit

TOKEN = "1000.5f0e7c1b9a3d42e8b6c0d9f1a2e4c6b8"
"""The start of each access token that the peer gives; a number and the account's alias follow."""


class End(Enum):
    """Ways to end a connection."""

    CLOSE = auto()
    RESET = auto()
    HOLD = auto()
    """Say nothing more until the other side goes away."""


@dataclass(frozen=True, slots=True)
class Trickle:
    """Bytes that come one at a time."""

    data: bytes
    pause_seconds: float = 0.3


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came, the `nth` on its connection (from 1)."""

    method: str
    target: str
    headers: dict[str, str]
    body: str
    connection: int
    nth: int
    at: float

    @property
    def job_id(self) -> str:
        """Give the id of the job that is asked about."""
        return parse_qs(urlsplit(self.target).query).get("job_id", [""])[0]

    @property
    def module(self) -> str:
        """Give the module that is asked about."""
        return (urlsplit(self.target).path.split("/") + [""] * 4)[3]

    @property
    def account(self) -> str:
        """Give the alias of the account that calls: the end of its token, or of its client id."""
        client = parse_qs(self.body).get("client_id", [""])[0]
        return (client or self.token).rpartition(".")[2]

    @property
    def token(self) -> str:
        """Give the access token that was sent."""
        return self.headers.get("authorization", "").rpartition(" ")[2]

    @property
    def is_status(self) -> bool:
        """Say whether this is a status call."""
        return "/actions/mass_update" in self.target


Step = bytes | float | Trickle | End
Script = Callable[[Call], Iterable[Step]]


class Peer:
    """The server. Its scripts may be exchanged at any time, and it keeps what it was asked."""

    def __init__(self) -> None:
        self.status: Script = lambda call: [answer(report(updated=int(call.job_id or 0)))]
        self.tokens: Script = self.mint
        self.proxy: Script = lambda _: [End.CLOSE]
        self.calls: list[Call] = []
        self.minted = 0
        self.open_connections: set[int] = set()
        self._lock = Lock()
        self._stopping = Event()
        self._server = socket.create_server(("127.0.0.1", 0), backlog=200)
        self._threads: list[Thread] = []

    @property
    def url(self) -> str:
        """Give where it listens."""
        return f"http://127.0.0.1:{self._server.getsockname()[1]}"

    @property
    def polls(self) -> list[Call]:
        """Give the status calls that came."""
        return [call for call in self.calls if call.is_status]

    @property
    def refreshes(self) -> list[Call]:
        """Give the calls for a token that came."""
        return [call for call in self.calls if "/oauth/" in call.target]

    def asked(self, job_id: str) -> int:
        """Give how often a job was asked about."""
        return sum(call.job_id == job_id for call in self.polls)

    def mint(self, call: Call) -> list[Step]:
        """Give a new token that tells its account."""
        with self._lock:
            self.minted += 1
            token = f"{TOKEN}{self.minted}.{call.account}"
        return [answer({"access_token": token, "expires_in": 3600, "api_domain": self.url})]

    def __enter__(self) -> Self:
        self._run(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for thread in self._threads:
            thread.join(5)

    def _run(self, work: Callable[..., None], *arguments: object) -> None:
        thread = Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        number = 0
        with suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                number += 1
                self._run(self._serve, connection, number)

    def _serve(self, connection: socket.socket, number: int) -> None:
        connection.settimeout(0.5)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.open_connections.add(number)
        nth = 0
        with connection, suppress(OSError):
            while (call := self._read(connection, number, nth := nth + 1)) and self._play(connection, call):
                pass
        self.open_connections.discard(number)

    def _read(self, connection: socket.socket, number: int, nth: int) -> Call | None:
        data = b""
        while b"\r\n\r\n" not in data:
            if not (more := self._receive(connection)):
                return None
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        while len(body) < int(headers.get("content-length", 0)):
            if not (more := self._receive(connection)):
                return None
            body += more
        method, target, _ = first.split(" ")
        call = Call(method, target, headers, body.decode(), number, nth, time.monotonic())
        self.calls.append(call)
        return call

    def _receive(self, connection: socket.socket) -> bytes:
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                return connection.recv(65536)
        return b""

    def _play(self, connection: socket.socket, call: Call) -> bool:
        script = self.proxy if call.method == "CONNECT" else self.status if call.is_status else self.tokens
        return all(self._step(connection, step) and not self._stopping.is_set() for step in script(call))

    def _step(self, connection: socket.socket, step: Step) -> bool:
        match step:
            case bytes():
                connection.sendall(step)
            case Trickle(data, pause_seconds):
                for byte in data:
                    connection.sendall(bytes([byte]))
                    self._stopping.wait(pause_seconds)
            case End.HOLD:
                while self._receive(connection):
                    pass
            case End.RESET:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            case float() | int():
                self._stopping.wait(step)
        return not isinstance(step, End)


def report(
    status: object = "RUNNING", *, updated: object = 0, failed: object = 0, left: object = 1, total: object = 9_999
) -> dict[str, object]:
    """Give what Zoho answers about a job."""
    counts = {"Failed_Count": failed, "Updated_Count": updated, "Not_Updated_Count": left, "Total_Count": total}
    return {"data": [{"Status": status, **counts}]}


def error(code: object, message: str = "of an attack", details: object = None) -> dict[str, object]:
    """Give an error of Zoho."""
    return {"code": code, "details": {} if details is None else details, "message": message, "status": "error"}


def head(status: str = "200 OK", *headers: str) -> bytes:
    """Give a status line and headers, with the empty line behind them."""
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode()


def answer(body: object = b"", status: str = "200 OK", *headers: str) -> bytes:
    """Give a whole answer; a body that is no bytes becomes JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return head(status, "Content-Type: application/json", f"Content-Length: {len(content)}", *headers) + content


def chunked(body: object, trailers: bytes = b"") -> bytes:
    """Give a body in one chunk, with its end."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return b"%x\r\n%b\r\n0\r\n%b\r\n" % (len(content), content, trailers)


def endless(data: bytes, pause_seconds: float) -> Iterator[Step]:
    """Give the same bytes again and again."""
    while True:
        yield data
        yield pause_seconds
