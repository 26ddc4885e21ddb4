"""The exporter's own readings: how scrapes go, and which configuration is in force."""

import platform
from dataclasses import replace
from threading import Lock

from exporter.model import Distribution, ExporterSnapshot

SCRAPE_BOUNDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the scrape histogram's buckets, seconds."""


class Telemetry:
    """Keeps the exporter's own readings, to which others add theirs. Thread-safe."""

    def __init__(self, version: str, started_at: float) -> None:
        self._lock = Lock()
        durations = Distribution.empty(SCRAPE_BOUNDS)
        self.reading = ExporterSnapshot(version, platform.python_version(), True, started_at, durations)

    def note_scrape(self, seconds: float) -> None:
        """Observe how long a scrape took, its polls included."""
        with self._lock:
            self.reading = replace(self.reading, scrape_durations=self.reading.scrape_durations.observe(seconds))

    def note_reload(self, at: float, *, succeeded: bool) -> None:
        """Say whether the configuration could be loaded at `at`, Unix seconds; a failure keeps the one in force."""
        with self._lock:
            in_force_at = at if succeeded else self.reading.config_reloaded_at
            self.reading = replace(self.reading, config_reload_succeeded=succeeded, config_reloaded_at=in_force_at)
