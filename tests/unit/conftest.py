"""A served application, and logs that are put back."""

import logging
import threading
from collections.abc import Iterator
from threading import Event

import pytest
from sites import Serve, Site
from starlette.types import ASGIApp

from exporter.web.door import Connections, WebServer, bind


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Give a function that serves an application on loopback until the test ends."""
    servers: list[WebServer] = []

    def start(app: ASGIApp, connections: Connections | None = None) -> Site:
        ended = Event()
        server = WebServer(app, bind("127.0.0.1", 0), on_exit=ended.set, connections=connections)
        server.start()
        servers.append(server)
        return Site(f"http://127.0.0.1:{server.port}", ended)

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(autouse=True)
def _kept_logs() -> Iterator[None]:
    """Let a test, or a command that it types, configure the logs; afterwards all is as it was."""
    root, ours = logging.getLogger(), logging.getLogger("exporter")
    kept = (root.handlers[:], root.level, ours.level, logging.raiseExceptions)
    hook = threading.excepthook
    yield
    root.handlers[:], logging.raiseExceptions = kept[0], kept[3]
    root.setLevel(kept[1])
    ours.setLevel(kept[2])
    threading.excepthook = hook
