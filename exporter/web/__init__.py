"""HTTP: which paths we answer, who may ask, and the server that carries it."""

from exporter.web.door import Connections, WebServer, bind
from exporter.web.guard import Guard
from exporter.web.options import WebOptions
from exporter.web.routes import create_gate

__all__ = ["Connections", "Guard", "WebOptions", "WebServer", "bind", "create_gate"]
