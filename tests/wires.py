"""What stands between an exporter and its database, and loses what it is told to lose."""

import socket
from contextlib import suppress
from enum import Enum, auto
from pathlib import Path
from threading import Event, Lock, Thread

from databases import Server

_SOCKET = ".s.PGSQL.5432"
_ASKING = (b"P", b"Q")
"""How a message begins that asks something; the first one of a connection begins with its length."""
_READY = b"Z\x00\x00\x00\x05"
"""How the last message of an answer begins; one byte follows."""


class Loss(Enum):
    """What becomes of a question."""

    QUESTION = auto()
    """The database never hears of it, and the connection ends."""
    ANSWER = auto()
    """The database does what it was asked; then the connection ends, and nobody is told."""
    SILENCE = auto()
    """Half of the answer comes, on a connection that stays open; nothing ever follows. New ones fare no better."""


class Wire:
    """Passes all on from a socket of its own to a server's, unless it is told otherwise. It reads no answer."""

    def __init__(self, server: Server, directory: Path) -> None:
        self.directory = directory
        self.questions = 0
        self.flowing = Event()
        """While it is not set all bytes wait."""
        self.flowing.set()
        self._server = server
        self._lock = Lock()
        self._loss: Loss | None = None
        self._left = 0
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(directory / _SOCKET))
        self._listener.listen()
        self._sockets = [self._listener]
        Thread(target=self._accept, daemon=True).start()

    def through(self, url: str) -> str:
        """Give how a database of the server is reached through here."""
        return url.replace(str(self._server.directory), str(self.directory))

    def lose(self, loss: Loss, count: int = 1_000_000) -> None:
        """Lose so many questions from now on, or all."""
        with self._lock:
            self._loss, self._left = loss, count

    def mend(self) -> None:
        """Lose nothing more."""
        with self._lock:
            self._left = 0

    def close(self) -> None:
        """Close everything."""
        self.flowing.set()
        for one in self._sockets:
            _end(one)
            one.close()

    def _next_loss(self) -> Loss | None:
        with self._lock:
            is_lost = self._left > 0
            self._left -= is_lost
            return self._loss if is_lost else None

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                upstream = socket.socket(socket.AF_UNIX)
                self._sockets += [client, upstream]
                try:
                    upstream.connect(str(self._server.directory / _SOCKET))
                except OSError:
                    client.close()
                    upstream.close()
                    continue
                Thread(target=self._pass, args=(client, upstream), daemon=True).start()

    def _pass(self, client: socket.socket, upstream: socket.socket) -> None:
        lost: list[Loss] = []
        with client, upstream:
            asking = Thread(target=self._pass_questions, args=(client, upstream, lost), daemon=True)
            asking.start()
            self._pass_answers(client, upstream, lost)
            asking.join()

    def _pass_questions(self, client: socket.socket, upstream: socket.socket, lost: list[Loss]) -> None:
        with suppress(OSError):
            while content := client.recv(65536):
                self.questions += 1
                self.flowing.wait()
                if (content[:1] in _ASKING or self._loss is Loss.SILENCE) and (loss := self._next_loss()):
                    lost.append(loss)
                if Loss.QUESTION in lost:
                    break
                upstream.sendall(content)
        _end(upstream, client)

    def _pass_answers(self, client: socket.socket, upstream: socket.socket, lost: list[Loss]) -> None:
        with suppress(OSError):
            while content := upstream.recv(65536):
                self.flowing.wait()
                if not lost:
                    client.sendall(content)
                    continue
                if Loss.SILENCE in lost[:1]:
                    client.sendall(content[: len(content) // 2])
                    return
                while content[-6:-1] != _READY and (more := upstream.recv(65536)):
                    content = content[-6:] + more
                break
        _end(client, upstream)


def _end(*sockets: socket.socket) -> None:
    for one in sockets:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
