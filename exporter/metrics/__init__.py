"""What we expose: the table of families, the pages rendered from it, and our own readings."""

from exporter.metrics.families import JOBS, PROBED, SCRAPED, table
from exporter.metrics.history import MOST_SAMPLES, render_history
from exporter.metrics.page import PROCESS, Pages
from exporter.metrics.telemetry import Telemetry
from exporter.model import Page

__all__ = [
    "JOBS",
    "MOST_SAMPLES",
    "PROBED",
    "PROCESS",
    "SCRAPED",
    "Page",
    "Pages",
    "Telemetry",
    "render_history",
    "table",
]
