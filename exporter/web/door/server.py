"""The HTTP server: uvicorn's protocol in an event loop and a thread of its own, on a socket that is bound before it.

Accepting and stopping are our own: asyncio and uvicorn write to the log whatever a client can bring about by them.
"""

import asyncio
import errno
import logging
import os
import socket
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from threading import Thread

from starlette.types import ASGIApp

from exporter.errors import ConfigurationError, Problem
from exporter.waits import waited_for
from exporter.web.door.connections import Connection, Connections
from exporter.web.door.gate import MOST_HEAD_BYTES
from exporter.web.door.protocol import Config, ServerState
from exporter.web.news import News

_log = logging.getLogger(__name__)

# Each connection's TLS begins with a buffer of so much: of 256 KiB, a crowd that says nothing would take all memory.
SSLProtocol.max_size = 16 * 1024

_BACKLOG = 1024
_LOOKUP_SECONDS = 10.0
_ACCEPTED_AT_ONCE = 32
"""How many connections a turn of the loop takes: with few, a newcomer waits long behind a crowd that keeps it busy."""
_REST_SECONDS = 0.5
"""How long nothing is accepted after it has failed."""
_FAREWELL_SECONDS = 1.0
"""How long an answer that says that we stop may take."""
_LOOK_SECONDS = 0.02


def bind(host: str, port: int) -> socket.socket:
    """Listen on an address; an empty host means every address of both IP versions.

    Raises:
        ConfigurationError: the address can't be had.
    """
    is_dual = not host and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if is_dual or ":" in host else socket.AF_INET
    listen = partial(socket.create_server, family=family, backlog=_BACKLOG, dualstack_ipv6=is_dual)
    try:
        listener = waited_for(partial(listen, (host, port)), _LOOKUP_SECONDS, "the name lookup")
    except OSError as error:
        problem = Problem("--web.listen-address", f"can't listen on {host}:{port}: {_reason(error)}")
        raise ConfigurationError((problem,)) from error
    return prepared(listener)


def prepared(listener: socket.socket) -> socket.socket:
    """Give a listening socket, from wherever it came, as the server wants it."""
    if listener.family in {socket.AF_INET, socket.AF_INET6}:
        # Every connection inherits it. Without, the second answer of one waits 40 ms for the client's system.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program listens there, perhaps another exporter; stop it or choose another address"
    # Resolver errors have numbers of their own, below 0, which the system's table does not know.
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or error
    return f"{reason}; choose another address"


class WebServer:
    """Serves an application until it is stopped.

    Args:
        app: what is served.
        listeners: the sockets that it is served on; they are closed with the server.
        on_exit: called in the server's thread when it ends, for whatever reason.
        grace_seconds: how long requests under way may take once the server is told to stop.
        connections: bounds what clients may take, and gives the TLS that is spoken with them.
    """

    def __init__(
        self,
        app: ASGIApp,
        *listeners: socket.socket,
        on_exit: Callable[[], None],
        grace_seconds: float = 5,
        connections: Connections | None = None,
    ) -> None:
        self._connections = connections or Connections()
        self._listeners = listeners
        self._on_exit = on_exit
        self._grace_seconds = grace_seconds
        self._told_to_stop: Future[None] = Future()
        self._state = ServerState()
        self._is_news = News()
        self._config = Config(
            app,
            ws="none",
            log_config=None,
            log_level="critical",  # all that it tells of is what a client did; our own faults the gate tells
            access_log=False,
            proxy_headers=False,
            timeout_keep_alive=round(self._connections.patience.next_request),
            h11_max_incomplete_event_size=MOST_HEAD_BYTES,
        )
        self._thread = Thread(target=self._serve, name="web", daemon=True)

    @property
    def port(self) -> int:
        """The first port that we listen on, also where 0 was asked for; 0 where none is one of TCP."""
        names = (listener.getsockname() for listener in self._listeners)
        return next((int(name[1]) for name in names if isinstance(name, tuple)), 0)

    @property
    def is_quiet(self) -> bool:
        """Whether no request is under way."""
        return not self._state.tasks

    def start(self) -> None:
        """Begin to answer. Connections made since `bind` are waiting and are answered too."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the requests under way within the grace, refuse in words those that are late, and close the socket."""
        if not self._told_to_stop.done():
            self._told_to_stop.set_result(None)
        self._thread.join()
        self._stop_listening()

    def _serve(self) -> None:
        try:
            asyncio.run(self._main())
        except Exception:  # noqa: BLE001 - the edge of the thread
            _log.exception("the web server failed in a way nobody foresaw")
        finally:
            self._on_exit()

    async def _main(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._note)
        for listener in self._listeners:
            listener.setblocking(False)
            self._listen(loop, listener)
        await asyncio.wrap_future(self._told_to_stop)
        for listener in self._listeners:
            loop.remove_reader(listener)
        self._stop_listening()
        await self._take_leave()

    def _stop_listening(self) -> None:
        for listener in self._listeners:
            listener.close()

    async def _take_leave(self) -> None:
        for connection in tuple(self._state.connections):
            connection.shutdown()
        for seconds in (self._grace_seconds, _FAREWELL_SECONDS):
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while self._state.connections or self._state.tasks:  # noqa: ASYNC110 - no event
                        await asyncio.sleep(_LOOK_SECONDS)
            for task in tuple(self._state.tasks):
                task.cancel()  # the gate then answers with a 503
        for connection in tuple(self._connections.open):
            connection.end()

    def _listen(self, loop: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
        if listener.fileno() >= 0:  # not closed meanwhile
            loop.add_reader(listener, self._accept, loop, listener)

    def _accept(self, loop: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):  # whatever crowd waits to be accepted, the others get their turn
            try:
                accepted, address = listener.accept()
            except BlockingIOError:
                return
            except ConnectionError:
                continue
            except OSError as error:
                if self._is_news("accept"):
                    _log.error("no connection can be accepted: %s; raise the limit of open files", error.strerror)
                loop.remove_reader(listener)
                loop.call_later(_REST_SECONDS, self._listen, loop, listener)
                return
            accepted.setblocking(False)
            connection = Connection(self._config, self._state, self._connections)
            # A client of a socket in the file system has no address: all of them are one.
            loop.create_task(connection.begin(accepted, address[0] if isinstance(address, tuple) else ""))

    def _note(self, _: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        error = context.get("exception")
        if self._is_news(f"{context['message']} {type(error)}"):
            extra = {"what": context["message"], "reason": repr(error)[:200]}
            _log.error("the web server failed in a way nobody foresaw", extra=extra)
