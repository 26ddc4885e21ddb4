"""Connections to an exporter: looked up, made, secured and answered in one time limit, whatever hangs or trickles."""

import socket
import time
from collections.abc import Callable
from functools import partial
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from typing import Any

from exporter.cli.jobs.client.answers import TimelyResponse
from exporter.waits import waited_for


class TimelyConnection(HTTPConnection):
    """A connection that does all it does within its time-out, from `connect` on. For one request at a time."""

    lack = ""
    """What there is not yet, in words."""
    response_class = TimelyResponse
    _create_connection: Callable[..., socket.socket]

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - http.client's own
        super().__init__(*arguments, **named)
        self._create_connection = self._connected
        self._until = 0.0

    def connect(self) -> None:
        """Connect, and be ready to ask."""
        self._until = time.monotonic() + (self.timeout or 0.0)
        super().connect()
        self.lack = "no whole answer has come"

    def getresponse(self) -> HTTPResponse:
        """Give the answer, which has the time that is left."""
        self.sock.settimeout(self._left())
        return super().getresponse()

    def _left(self) -> float:
        seconds = self._until - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("timed out")
        return seconds

    def _connected(self, where: tuple[str, int], *_: object) -> socket.socket:
        """Connect to the first address of a name that takes us."""
        self.lack = "the name lookup is without an answer"
        ask = partial(socket.getaddrinfo, *where, type=socket.SOCK_STREAM)
        addresses = waited_for(ask, self._left(), "the name lookup")
        self.lack = "no connection is made"
        failure: OSError = socket.gaierror(socket.EAI_NONAME, "it has no address")
        for *_kind, (host, port, *_more) in addresses:
            try:
                return socket.create_connection((str(host), int(port)), self._left())
            except OSError as error:
                failure = error
        raise failure


class TimelyTlsConnection(TimelyConnection, HTTPSConnection):
    """The same over TLS."""
