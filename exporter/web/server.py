"""The HTTP server: uvicorn, in a thread of its own, on a socket that is bound before anything else starts."""

import errno
import os
import socket
from collections.abc import Callable
from threading import Thread

import uvicorn
from starlette.types import ASGIApp

from exporter.errors import ConfigurationError, Problem
from exporter.web.connections import Connections
from exporter.web.gate import MOST_HEAD_BYTES

_BACKLOG = 128  # asyncio accepts as many in one go, before any of them can be turned away


def bind(host: str, port: int) -> socket.socket:
    """Listen on an address; an empty host means every address of both IP versions.

    Raises:
        ConfigurationError: the address can't be had.
    """
    try:
        if not host and socket.has_dualstack_ipv6():
            return socket.create_server(("", port), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        problem = Problem("--web.listen-address", f"can't listen on {host}:{port}: {_reason(error)}")
        raise ConfigurationError((problem,)) from error


def _reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program listens there, perhaps another exporter; stop it or choose another address"
    # Resolver errors have numbers of their own, below 0, which the system's table does not know.
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
    return f"{reason}; choose another address"


class WebServer:
    """Serves an application until it is stopped.

    Signals stay with the main thread: uvicorn, run in another one, leaves them alone.

    Args:
        on_exit: called in the server's thread when it ends, for whatever reason.
        grace_seconds: how long requests under way may take once the server is told to stop.
        connections: bounds what clients may take, and gives the TLS that is spoken with them.
    """

    def __init__(
        self,
        app: ASGIApp,
        listener: socket.socket,
        *,
        on_exit: Callable[[], None],
        grace_seconds: int = 5,
        connections: Connections | None = None,
    ) -> None:
        connections = connections or Connections()
        self._listener = listener
        self._on_exit = on_exit
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=connections.protocol(),
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="error",  # it warns of each request that is no HTTP: anybody could fill the log
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=round(connections.patience.next_request),
                h11_max_incomplete_event_size=MOST_HEAD_BYTES,
                backlog=_BACKLOG,
                timeout_graceful_shutdown=grace_seconds,
            )
        )
        self._thread = Thread(target=self._serve, name="web", daemon=True)

    @property
    def port(self) -> int:
        """The port that we listen on, also where 0 was asked for."""
        return int(self._listener.getsockname()[1])

    def start(self) -> None:
        """Begin to answer. Connections made since `bind` are waiting and are answered too."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the requests under way, within the grace, and close the socket."""
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        try:
            self._server.run(sockets=[self._listener])
        finally:
            self._on_exit()
