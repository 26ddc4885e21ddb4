"""HTTP: which paths we answer, who may ask, and the server that carries it."""

from exporter.web.door import Connections, WebServer, bind, prepared
from exporter.web.guard import BearerToken, Guard, WebConfig
from exporter.web.request import Outside
from exporter.web.routes import WebOptions, create_gate

__all__ = [
    "BearerToken",
    "Connections",
    "Guard",
    "Outside",
    "WebConfig",
    "WebOptions",
    "WebServer",
    "bind",
    "create_gate",
    "prepared",
]
