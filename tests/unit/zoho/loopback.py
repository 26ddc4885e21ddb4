"""Real servers on loopback, which answer as a test tells them, and the certificate that they show."""

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Self

Behaviour = Callable[[socket.socket], None]
"""What a server does with one connection; the server closes it."""


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for 127.0.0.1, its key, and a folder where OpenSSL finds it by its hash."""

    file: Path
    key: Path
    folder: Path

    def server_context(self) -> ssl.SSLContext:
        """Give the TLS context of a server that shows it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file, self.key)
        return context


class Server:
    """Accepts connections one after the other; each meets the next behaviour, and the last one all others."""

    def __init__(self, behaviours: tuple[Behaviour, ...], context: ssl.SSLContext | None) -> None:
        self._behaviours = behaviours
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = Thread(target=self._serve, daemon=True)
        self._is_closing = False
        self.connections = 0
        self.port = int(self._listener.getsockname()[1])
        self.address = f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_closing = True
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            pass
        self._thread.join(30)
        self._listener.close()
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                if self._is_closing:
                    return
                behaviour = self._behaviours[min(self.connections, len(self._behaviours) - 1)]
                self.connections += 1
                # A client that gives up, as these tests make it, is no fault of the server's.
                with suppress(OSError):
                    self._meet(connection, behaviour)

    def _meet(self, connection: socket.socket, behaviour: Behaviour) -> None:
        if self._context is None:
            behaviour(connection)
            return
        with self._context.wrap_socket(connection, server_side=True) as encrypted:
            behaviour(encrypted)


class Inside:
    """The server's end of TLS within a connection that is itself one of TLS."""

    def __init__(self, connection: socket.socket, context: ssl.SSLContext) -> None:
        self._connection = connection
        self._received, self._sent = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._received, self._sent, server_side=True)

    def receive(self) -> bytes:
        """Give what the client sends; nothing once it has hung up."""
        while True:
            try:
                heard = self._tls.read()
            except ssl.SSLWantReadError:
                self._connection.sendall(self._sent.read())
                received = self._connection.recv(65_536)
                if not received:
                    return b""
                self._received.write(received)
            else:
                return heard

    def send(self, data: bytes) -> None:
        """Send."""
        self._tls.write(data)
        self._connection.sendall(self._sent.read())


StartServer = Callable[..., Server]
"""Starts a server: its behaviours, and `context` for TLS."""
