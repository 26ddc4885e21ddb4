"""Connections that can't be held for nothing: each must get on within its time, and their number is bounded.

asyncio and uvicorn wait for ever for a client that sends its request byte by byte or never reads the answer. Here every
step has a time limit, and where there are too many connections one of those goes that keep us waiting, of the address
that has most of them: Prometheus keeps its own, however many of its scrapes we work on. TLS is begun here too, with a
fresh context for each.
"""

import asyncio
import logging
import resource
import socket
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum, auto
from http import HTTPStatus
from typing import cast

import h11

from exporter.web.door.protocol import Config, H11Protocol, ServerState
from exporter.web.door.writes import OneWrite
from exporter.web.guard import Guard, Tls

_log = logging.getLogger(__name__)

_HTTP_TO_TLS = "Client sent an HTTP request to an HTTPS server. Ask with https:// instead."
_TLS_FAREWELL_SECONDS = 1.0  # a stop waits for clients that do not answer the end of TLS


MOST_AHEAD_BYTES = 16 * 1024
INPUT_END = "input_end"
"""Where a request's `state` has the future that is done once its client sends nothing more."""


class Awaited(StrEnum):
    """What a connection waits for its client to do; `Patience` says how long."""

    HEAD = auto()
    BODY = auto()
    READING = auto()
    NEXT_REQUEST = auto()


_OTHER_FILES = 128
"""How many files are left to everything but connections, those included that come before another one has ended."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client may take, in seconds, and how many may be connected."""

    head: float = 10.0
    """From the connection, TLS included, or from a request's first byte, to the end of the request's head."""
    body: float = 30.0
    """From the head to the end of the body."""
    reading: float = 30.0
    """For an answer that the network's buffers do not hold, also the last one of a connection."""
    next_request: float = 75.0
    """Longer than the usual scrape interval of up to a minute, so that Prometheus keeps its connection."""
    most_connections: int = 256
    most_unread: int = 32
    """How many may be slow to read their answers, each of which is kept in memory."""


class Connections:
    """All connections of a server. For use in one event loop.

    Args:
        tls: gives what a new connection's TLS is made with; left out where none is spoken.
        patience: what clients may take.
    """

    def __init__(
        self, tls: Callable[[], Awaitable[Tls | None]] | None = None, patience: Patience | None = None
    ) -> None:
        self.tls = tls
        self.patience = patience or Patience()
        self.open: set[Connection] = set()
        self._queues: defaultdict[str, defaultdict[Awaited | None, dict[Connection, None]]]
        self._queues = defaultdict(lambda: defaultdict(dict))
        """By address and what is awaited of them, the longest waiting first: a crowd makes no choice a long one."""

    @classmethod
    def behind(cls, guard: Guard, max_requests: int) -> "Connections":
        """Make those of a gate: more than may be inside and wait there, and fewer than there may be files."""
        most = Patience().most_connections + 6 * max_requests
        patience = Patience(most_connections=max(min(most, raise_file_limit() - _OTHER_FILES), 16))
        return cls(guard.tls, patience)

    def enter(self, newcomer: "Connection") -> None:
        """Take in a connection, and end another one when there are too many, or itself where all have more right."""
        self.open.add(newcomer)
        if len(self.open) <= self.patience.most_connections:
            return
        if victim := self._longest(*Awaited):
            self._end(victim)
        else:
            answered = self._longest(None)
            self._end(answered if answered and answered.address != newcomer.address else newcomer)

    def note(self, connection: "Connection", before: Awaited | None) -> None:
        """Put a connection behind those of its address that wait for the same."""
        queues = self._queues[connection.address]
        queues[before].pop(connection, None)
        queues[connection.awaited][connection] = None

    def leave(self, connection: "Connection") -> None:
        """Let go of a connection."""
        self.open.discard(connection)
        queues = self._queues[connection.address]
        queues[connection.awaited].pop(connection, None)
        if not any(queues.values()):
            del self._queues[connection.address]

    def note_unread(self) -> None:
        """End a connection when too many don't read their answers."""
        count = sum(len(queues[Awaited.READING]) for queues in self._queues.values())
        if count > self.patience.most_unread and (victim := self._longest(Awaited.READING)):
            self._end(victim)

    def _longest(self, *kinds: Awaited | None) -> "Connection | None":
        """Find whom to end: of the address that has most, for one client, however eager, does not push out the others.

        Whoever owes us something goes before one that rests.
        """
        shares = {address: sum(len(queues[kind]) for kind in kinds) for address, queues in self._queues.items()}
        if not any(shares.values()):
            return None
        queues = self._queues[max(shares, key=lambda address: shares[address])]
        oldest = [next(iter(queues[kind])) for kind in kinds if queues[kind]]
        return min(oldest, key=lambda one: (one.awaited is Awaited.NEXT_REQUEST, one.waiting_since))

    def _end(self, victim: "Connection") -> None:
        self.leave(victim)
        victim.end()


def raise_file_limit() -> int:
    """Let the process open as many files as it may, and give their number."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return sys.maxsize if most == resource.RLIM_INFINITY else most


class Connection(H11Protocol):
    """One connection: uvicorn's, with a time limit on every step that is the client's."""

    def __init__(self, config: Config, server_state: ServerState, neighbours: Connections) -> None:
        super().__init__(config, server_state, {})
        self._input_end = self.app_state[INPUT_END] = self.loop.create_future()
        self.neighbours = neighbours
        self.address = ""
        self.awaited: Awaited | None = None
        self.waiting_since = 0.0
        self._has_served = False
        self._limit: asyncio.TimerHandle | None = None
        self._tls: Tls | None = None
        self._is_misled = False
        """Whether it speaks HTTP where TLS is spoken."""
        self._end: Callable[[], object] = lambda: None

    async def begin(self, accepted: socket.socket, address: str) -> None:
        """Begin, with TLS where it is spoken; in its time, and not without room for another connection."""
        self.address = address
        if task := asyncio.current_task():
            self._end = task.cancel
        self.neighbours.enter(self)
        self._await(Awaited.HEAD)
        try:
            self._tls = await self.neighbours.tls() if self.neighbours.tls else None
            if self._tls and await self._speaks_http(accepted):
                self._tls, self._is_misled = None, True
            context = self._tls.context if self._tls else None
            farewell = _TLS_FAREWELL_SECONDS if context else None
            await self.loop.connect_accepted_socket(lambda: self, accepted, ssl=context, ssl_shutdown_timeout=farewell)
        except OSError as error:
            _log.debug("a client failed to begin TLS", extra={"reason": str(error)})
        finally:
            if self.transport is None:
                accepted.close()
                self._forget()

    async def _speaks_http(self, accepted: socket.socket) -> bool:
        """Wait for the first byte: a method's is a letter, that of TLS is none."""
        has_come = asyncio.Event()
        self.loop.add_reader(accepted, has_come.set)
        try:
            await has_come.wait()
        finally:
            self.loop.remove_reader(accepted)
        return accepted.recv(1, socket.MSG_PEEK).isalpha()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take what comes, unless the client's certificate is not one of those that may."""
        self._end = transport.abort
        super().connection_made(cast("asyncio.Transport", OneWrite(transport, self.loop)))
        if self._tls and not self._tls.admits(transport.get_extra_info("peercert")):
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take what the client sent."""
        if self._is_misled:
            self.send_400_response(_HTTP_TO_TLS)
            return
        super().data_received(data)
        self._look_ahead()
        self._watch()

    def on_response_complete(self) -> None:
        """Go on to the next request."""
        self._has_served = True
        super().on_response_complete()
        if self._input_end.done() and not self._owes_an_answer:
            self.transport.close()
        self._look_ahead()
        self._watch()

    def pause_writing(self) -> None:
        """Begin to wait for the client to read."""
        super().pause_writing()
        self._await(Awaited.READING)
        self.neighbours.note_unread()

    def resume_writing(self) -> None:
        """Stop to wait for the client to read."""
        super().resume_writing()
        self._await(None)
        self._watch()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer what was asked whole before a client ended what it sends; under TLS the connection ends with that."""
        self._end_input()
        is_asked = self._owes_an_answer and self.conn.their_state is not h11.SEND_BODY and self._tls is None
        if not is_asked:
            self.transport.close()  # asyncio's own end would lose what is held to be one write
            self._watch()
        return is_asked

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._end_input()
        self._forget()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP; h11 knows the status that fits. No answer is followed by another."""
        if self.cycle is not None:
            self.cycle.disconnected = True
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            status = HTTPStatus(getattr(sys.exception(), "error_status_hint", HTTPStatus.BAD_REQUEST))
            head = f"HTTP/1.1 {status} {status.phrase}\r\ncontent-type: text/plain; charset=utf-8\r\n"
            more = f"x-content-type-options: nosniff\r\nconnection: close\r\ncontent-length: {len(msg) + 1}\r\n\r\n"
            self.transport.write(f"{head}{more}{msg}\n".encode())
        self.transport.close()

    def end(self) -> None:
        """End at once, whatever has not been sent yet."""
        self._end()

    def _look_ahead(self) -> None:
        """Read on behind a request under way, which uvicorn does not, but not much: the client's end comes last."""
        if self.conn.their_state is h11.DONE and len(self.conn.trailing_data[0]) < MOST_AHEAD_BYTES:
            self.flow.resume_reading()

    def _watch(self) -> None:
        """Set the time limit of what is awaited now."""
        if self.transport.is_closing():
            self._await(Awaited.READING)
        elif self.awaited is Awaited.READING:
            return
        elif self.conn.their_state is h11.IDLE:
            has_begun = not self._has_served or bool(self.conn.trailing_data[0])
            self._await(Awaited.HEAD if has_begun else Awaited.NEXT_REQUEST)
        elif self.conn.their_state is h11.SEND_BODY:
            self._await(Awaited.BODY)
        else:
            self._await(None)

    def _await(self, awaited: Awaited | None) -> None:
        if awaited is self.awaited:
            return
        before, self.awaited, self.waiting_since = self.awaited, awaited, self.loop.time()
        self.neighbours.note(self, before)
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
        if awaited is not None:
            self._limit = self.loop.call_later(getattr(self.neighbours.patience, awaited), self.end)

    @property
    def _owes_an_answer(self) -> bool:
        return self.conn.our_state in {h11.SEND_RESPONSE, h11.SEND_BODY}

    def _end_input(self) -> None:
        if not self._input_end.done():
            self._input_end.set_result(None)

    def _forget(self) -> None:
        self._await(None)
        self.neighbours.leave(self)
