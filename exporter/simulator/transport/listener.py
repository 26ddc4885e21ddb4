"""The socket side: accepts connections, reads requests, and carries out deliveries step by step.

One daemon thread for each connection. TLS is negotiated there and not while accepting, so that a silent client keeps
nobody waiting.
"""

import contextlib
import logging
import os
import select
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import cast

from exporter.simulator.transport.answer import html_answer
from exporter.simulator.transport.delivery import Delivery, Exchange, Pause, Reset, Send, Stall, whole
from exporter.simulator.transport.request import Request, read_request

logger = logging.getLogger(__name__)

LARGEST_BODY = 1_048_576
LONGEST_LINE = 65_536
STOP_SECONDS = 5.0
POLL_SECONDS = 0.02
RESET_AT_CLOSE = struct.pack("ii", 1, 0)

Serve = Callable[[Request], Exchange]


class HangUpError(Exception):
    """The connection is over in the middle of a delivery: the client left, or we stop, or the faults were cleared."""


class Connections:
    """The open connections, and which of them are in a stall. Thread-safe: one condition guards both sets."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._open: set[socket.socket] = set()
        self._stalled: set[socket.socket] = set()
        self._releases = 0

    @property
    def releases(self) -> int:
        """How often the stalls have been ended."""
        with self._condition:
            return self._releases

    def enter(self, connection: socket.socket) -> None:
        """Take in a connection."""
        with self._condition:
            self._open.add(connection)

    def secure(self, connection: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
        """Put TLS over a connection; the handshake comes with the first read."""
        with self._condition:
            secured = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            self._open.discard(connection)
            self._open.add(secured)
            return secured

    def leave(self, connection: socket.socket) -> None:
        """Let a connection go."""
        with self._condition:
            self._open.discard(connection)
            self._condition.notify_all()

    @contextlib.contextmanager
    def stalling(self, connection: socket.socket, releases: int) -> Iterator[None]:
        """Count a connection among the stalled ones; `releases` is how many there were when its request came.

        Raises:
            HangUpError: The stalls were ended since, so this one has no one left to end it.
        """
        with self._condition:
            if self._releases != releases:
                raise HangUpError("the stall was released before it began")
            self._stalled.add(connection)
        try:
            yield
        finally:
            with self._condition:
                self._stalled.discard(connection)

    def release_stalled(self) -> None:
        """End every stall, and its connection."""
        with self._condition:
            self._releases += 1
            for connection in self._stalled:
                _shut(connection)

    def end(self, timeout_seconds: float) -> bool:
        """End every connection and wait until their threads have let go; whether they did in time."""
        with self._condition:
            for connection in self._open:
                _shut(connection)
            return self._condition.wait_for(lambda: not self._open, timeout_seconds)


def _shut(connection: socket.socket) -> None:
    """End both directions; whoever waits on the connection wakes."""
    with contextlib.suppress(OSError):
        # An SSLSocket's own shutdown first forgets its TLS state, which its thread may be using.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


class Listener(socketserver.ThreadingTCPServer):
    """A listening socket that serves Zoho. `context` makes it speak TLS."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 1_024

    def __init__(self, address: tuple[str, int], serve: Serve, context: ssl.SSLContext | None) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.connections = Connections()
        self.serve_request = serve
        self._context = context
        super().__init__(address, _Conversation)

    @property
    def url(self) -> str:
        """The base URL of both the accounts server and the API."""
        host, port = self.server_address[:2]
        name = f"[{host!s}]" if self.address_family == socket.AF_INET6 else str(host)
        return f"{'https' if self._context else 'http'}://{name}:{port}"

    def get_request(self) -> tuple[socket.socket, object]:
        """Accept a connection that sends small writes at once."""
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connections.enter(connection)
        return connection, address

    def process_request_thread(self, request: object, client_address: object) -> None:
        """Serve one connection to its end, in its own thread."""
        connection = cast("socket.socket", request)  # a TCP server accepts nothing else
        try:
            if self._context is not None:
                connection = self.connections.secure(connection, self._context)
            self.finish_request(connection, client_address)
        except (OSError, HangUpError) as error:
            logger.debug("connection of %s ended: %s", client_address, error)
        finally:
            connection.close()
            self.connections.leave(connection)

    def stop(self) -> None:
        """Stop accepting, end every connection, and return within seconds."""
        self.shutdown()
        self.server_close()
        if not self.connections.end(STOP_SECONDS):
            logger.debug("some connections did not end within %g s", STOP_SECONDS)


class _Conversation(BaseHTTPRequestHandler):
    """One connection: requests in, deliveries out."""

    protocol_version = "HTTP/1.1"
    server: Listener
    connection: socket.socket
    releases: int
    drops_next = False

    def handle_one_request(self) -> None:
        """Read a request of any verb, and deliver what the server makes of it."""
        self.raw_requestline = self.rfile.readline(LONGEST_LINE + 1)
        self.connection.settimeout(None)
        if not self.raw_requestline:
            self.close_connection = True
            return
        if not self.parse_request():
            return
        length = self._body_length()
        if length is None:
            self._deliver(Delivery(whole(html_answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)).steps))
            return
        body = self.rfile.read(length)
        if self.drops_next:
            self.close_connection = True
            return
        self._answer(body)

    def _body_length(self) -> int | None:
        """Give the length of the body that follows; `None` for one that we do not read."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal() or int(length) > LARGEST_BODY:
            return None
        return int(length)

    def _answer(self, body: bytes) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = read_request(self.command, self.path, headers=headers, body=body, own_url=self.server.url)
        self.releases = self.server.connections.releases
        exchange = self.server.serve_request(request)
        with contextlib.ExitStack() as stack:
            stack.callback(exchange.release)
            # The client may send its next request as soon as it has the last byte: the call is over before that.
            *steps, last = exchange.delivery.steps
            self._deliver(replace(exchange.delivery, steps=tuple(steps)))
            if isinstance(last, Send):
                stack.close()
            self._deliver(replace(exchange.delivery, steps=(last,)))
        self.drops_next = exchange.delivery.drops_next
        if exchange.delivery.idle_seconds is not None:
            self.connection.settimeout(exchange.delivery.idle_seconds)

    def _deliver(self, delivery: Delivery) -> None:
        if not delivery.keeps_alive:
            self.close_connection = True
        for step in delivery.steps:
            self._take(step)

    def _take(self, step: Send | Pause | Stall | Reset) -> None:
        match step:
            case Send(data):
                self._send(data)
            case Pause(seconds):
                self._wait(seconds)
            case Stall(seconds):
                with self.server.connections.stalling(self.connection, self.releases):
                    self._wait(seconds)
            case Reset():
                self._reset()

    def _send(self, data: bytes) -> None:
        if self.command == "HEAD":
            data = data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        self.connection.sendall(data)

    def _wait(self, seconds: float | None) -> None:
        """Wait that long, or until the connection is over: a stalled client that leaves frees its thread."""
        poll = select.poll()
        poll.register(self.connection, select.POLLRDHUP)
        if poll.poll(None if seconds is None else seconds * 1_000):
            raise HangUpError("the client left or the stall was released")

    def _reset(self) -> None:
        """Close the descriptor itself, so that the kernel sends RST and no FIN before it."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
        os.close(self.connection.detach())
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Keep standard error clean."""
        logger.debug(format, *args)
