"""The exporter's own readings: how scrapes go, and which configuration is in force."""

import platform
from collections.abc import Mapping
from threading import Lock

from exporter.model import Distribution, ExporterSnapshot

SCRAPE_BOUNDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the scrape histogram's buckets, seconds."""


class Telemetry:
    """Keeps the exporter's own readings. Thread-safe."""

    def __init__(self, version: str, started_at: float) -> None:
        self._version = version
        self._config_reloaded_at = started_at
        self._config_reload_succeeded = True
        self._lock = Lock()
        self._scrape_durations = Distribution.empty(SCRAPE_BOUNDS)

    def note_scrape(self, seconds: float) -> None:
        """Observe how long a scrape took, its polls included."""
        with self._lock:
            self._scrape_durations = self._scrape_durations.observe(seconds)

    def note_reload(self, at: float, *, succeeded: bool) -> None:
        """Say whether the configuration could be loaded at `at`, Unix seconds; a failure keeps the one in force."""
        with self._lock:
            self._config_reload_succeeded = succeeded
            if succeeded:
                self._config_reloaded_at = at

    def snapshot(
        self, jobs_dropped: Mapping[str, int], store_errors: Mapping[str, int], store_behind_since: float | None
    ) -> ExporterSnapshot:
        """Give the readings, with those of others beside them."""
        with self._lock:
            return ExporterSnapshot(
                version=self._version,
                python_version=platform.python_version(),
                config_reload_succeeded=self._config_reload_succeeded,
                config_reloaded_at=self._config_reloaded_at,
                scrape_durations=self._scrape_durations,
                jobs_dropped=jobs_dropped,
                store_errors=store_errors,
                store_behind_since=store_behind_since,
            )
