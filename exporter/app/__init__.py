"""The only place that wires the parts together: settings in, a serving exporter out."""

from exporter.app.application import Application
from exporter.app.entrance import Entrance
from exporter.app.serving import Source, serve

__all__ = ["Application", "Entrance", "Source", "serve"]
