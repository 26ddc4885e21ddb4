"""The only place that wires the parts together: settings in, a serving exporter out."""

from exporter.app.application import Application
from exporter.app.inspection import Inspection, inspect
from exporter.app.serving import guard_of, serve

__all__ = ["Application", "Inspection", "guard_of", "inspect", "serve"]
