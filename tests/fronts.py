"""A front that ends TLS before the exporter, as nginx would, and keeps what comes to it in clear."""

import socket
import ssl
from contextlib import closing, suppress
from threading import Thread

from certificates import Identity


class TlsFront:
    """Listens until it is closed; whatever comes by TLS is passed on as it is.

    Args:
        own: its certificate.
        upstream: where the exporter answers, host and port.
    """

    def __init__(self, own: Identity, upstream: str) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(own.file, own.key)
        host, _, port = upstream.partition(":")
        self._upstream = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.in_clear: list[bytes] = []
        """What came without TLS."""
        Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(30)
        with closing(client), suppress(OSError):
            if client.recv(1, socket.MSG_PEEK) != b"\x16":
                self.in_clear.append(client.recv(65536))
                return
            with (
                self._context.wrap_socket(client, server_side=True) as inside,
                socket.create_connection(self._upstream, timeout=30) as exporter,
            ):
                Thread(target=_pass_on, args=(exporter, inside), daemon=True).start()
                _pass_on(inside, exporter)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while part := source.recv(65536):
            target.sendall(part)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
