"""The only place that wires the parts together: settings in, a serving exporter out."""

from exporter.app.application import Application, schedule_of
from exporter.app.direct import Direct, Spent
from exporter.app.inspection import Inspection, inspect
from exporter.app.onboarding import onboarding
from exporter.app.serving import guard_of, serve

__all__ = ["Application", "Direct", "Inspection", "Spent", "guard_of", "inspect", "onboarding", "schedule_of", "serve"]
