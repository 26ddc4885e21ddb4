"""What we expose: the table of families, the pages rendered from it, and our own readings."""

from exporter.metrics.families import JOBS, PROBED, SCRAPED, table
from exporter.metrics.page import render
from exporter.metrics.telemetry import Telemetry

__all__ = ["JOBS", "PROBED", "SCRAPED", "Telemetry", "render", "table"]
