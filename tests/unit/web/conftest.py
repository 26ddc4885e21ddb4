"""A served application."""

from collections.abc import Iterator
from threading import Event

import pytest
from sites import Serve, Site
from starlette.types import ASGIApp

from exporter.web import Connections, WebServer, bind


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
