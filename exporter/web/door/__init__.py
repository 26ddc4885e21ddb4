"""The way in: a socket, bounded connections with TLS, and the gate through which requests come to the routes."""

from exporter.web.door.connections import Connections, Patience
from exporter.web.door.gate import Gate, Route
from exporter.web.door.server import WebServer, bind, prepared

__all__ = ["Connections", "Gate", "Patience", "Route", "WebServer", "bind", "prepared"]
