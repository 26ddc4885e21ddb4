"""Certificates and real servers on loopback, which answer as a test tells them."""

import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import pytest
from programs import Program

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


@pytest.fixture(scope="session")
def certificate(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Make a certificate that nobody trusts."""
    folder = tmp_path_factory.mktemp("tls")
    made = Certificate(folder / "certificate.pem", folder / "key.pem", folder)
    key_options = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(made.key)]
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    openssl = program("openssl")
    command = [openssl, "req", "-x509", "-days", "2", *key_options, *names, "-out", str(made.file)]
    subprocess.run(command, check=True, capture_output=True)
    subprocess.run([openssl, "rehash", str(folder)], check=True, capture_output=True)
    return made


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

    def __enter__(self) -> "Server":
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


StartServer = Callable[..., Server]


@pytest.fixture
def start_server() -> Iterator[StartServer]:
    """Give a function that starts a server: its behaviours, and `context` for TLS."""
    with ExitStack() as servers:

        def start(*behaviours: Behaviour, context: ssl.SSLContext | None = None) -> Server:
            return servers.enter_context(Server(behaviours, context))

        yield start
