"""A client that costs next to nothing and reads all of an answer, so that what is measured is the server."""

import select
import socket
import time
import zlib
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

TEXT: Mapping[str, str] = {"Accept": "text/plain;version=0.0.4"}
PROMETHEUS: Mapping[str, str] = {
    "Accept": "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
    "Accept-Encoding": "gzip",
}
"""What a scrape of Prometheus asks for."""
_PIECE = 1024 * 1024
_PATIENCE_SECONDS = 600.0


class Reply(NamedTuple):
    """An answer as it came, and the seconds from asking to its last byte."""

    head: bytes
    raw: bytes
    seconds: float

    @property
    def body(self) -> bytes:
        """What was sent, out of its chunks; still compressed."""
        return _unchunked(self.raw) if b"chunked" in self.head else self.raw

    @property
    def plain(self) -> bytes:
        """What it says."""
        if b"content-encoding: gzip" not in self.head:
            return self.body
        decoder = zlib.decompressobj(zlib.MAX_WBITS | 16)
        plain = decoder.decompress(self.body)
        if decoder.unused_data or not decoder.eof:
            raise ValueError("the answer is not one gzip member")
        return plain


class Wire:
    """A connection that is kept, if the server lets it; else the next one is made in time."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = parts.netloc
        self._address = parts.hostname or "", parts.port or 0
        self._buffer = memoryview(bytearray(_PIECE))
        self._socket = socket.create_connection(self._address, _PATIENCE_SECONDS)

    def get(self, path: str, headers: Mapping[str, str] = TEXT) -> Reply:
        """Ask, and read to the last byte."""
        return self._exchange("GET", path, headers)

    def post(self, path: str) -> Reply:
        """Post nothing."""
        return self._exchange("POST", path, {"Content-Length": "0"})

    def _connect(self) -> None:
        self._socket.close()
        self._socket = socket.create_connection(self._address, _PATIENCE_SECONDS)

    def _exchange(self, method: str, path: str, headers: Mapping[str, str]) -> Reply:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._host}", *(f"{name}: {headers[name]}" for name in headers)]
        question = "\r\n".join([*lines, "", ""]).encode()
        if select.select([self._socket], [], [], 0)[0]:  # nothing was asked: it can only have ended
            self._connect()
        begun = time.perf_counter()
        self._socket.sendall(question)
        head, body = self._head()
        head = head.lower()
        self._rest(head, body)
        seconds = time.perf_counter() - begun
        if head.startswith(b"http/1.0") or b"connection: close" in head:
            self._connect()
        if not head.split(b" ")[1].startswith(b"2"):
            raise OSError(f"{method} {path}: {head.decode(errors='replace').splitlines()[0]}")
        return Reply(head, bytes(body), seconds)

    def _head(self) -> tuple[bytes, bytearray]:
        text = bytearray()
        while (end := text.find(b"\r\n\r\n")) < 0:
            self._receive(text)
        return bytes(text[:end]), text[end + 4 :]

    def _rest(self, head: bytes, body: bytearray) -> None:
        if b"chunked" in head:
            while not body.endswith(b"\r\n0\r\n\r\n"):
                self._receive(body)
            return
        _, found, rest = head.partition(b"content-length:")
        length = int(rest.split(b"\r\n")[0]) if found else 0
        while len(body) < length:
            self._receive(body)

    def _receive(self, into: bytearray) -> None:
        count = self._socket.recv_into(self._buffer)
        if not count:
            raise OSError("the connection ended in the middle of an answer")
        into += self._buffer[:count]


def _unchunked(raw: bytes) -> bytes:
    at = 0
    pieces: list[bytes] = []
    while True:
        end = raw.index(b"\r\n", at)
        length = int(raw[at:end], 16)
        if not length:
            return b"".join(pieces)
        pieces.append(raw[end + 2 : end + 2 + length])
        at = end + 2 + length + 2
