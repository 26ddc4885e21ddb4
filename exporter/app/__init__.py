"""The only place that wires the parts together: settings in, a serving exporter out."""

from exporter.app.application import Application
from exporter.app.serving import guard_of, serve

__all__ = ["Application", "guard_of", "serve"]
