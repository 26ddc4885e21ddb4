"""The exporter's own readings."""

import platform

from samples import NOW

from exporter.metrics.telemetry import Telemetry


def test_scrapes_are_observed() -> None:
    """Durations fall into the histogram's buckets."""
    telemetry = Telemetry("1.2.3", NOW)
    telemetry.note_scrape(0.3)
    telemetry.note_scrape(99)
    durations = telemetry.reading.scrape_durations
    assert dict(durations.cumulative())[0.5] == 1
    assert dict(durations.cumulative())[float("inf")] == 2
    assert durations.total == 99.3


def test_start_counts_as_the_first_load() -> None:
    """An exporter that runs has loaded a configuration, at its start."""
    reading = Telemetry("1.2.3", NOW).reading
    assert (reading.version, reading.config_reloaded_at) == ("1.2.3", NOW)
    assert reading.config_reload_succeeded
    assert reading.python_version == platform.python_version()


def test_failed_reload_leaves_the_configuration_in_force() -> None:
    """What could not be loaded is told, and since when the one before is in force."""
    telemetry = Telemetry("1.2.3", NOW)
    telemetry.note_reload(NOW + 10, succeeded=True)
    telemetry.note_reload(NOW + 20, succeeded=False)
    assert (telemetry.reading.config_reload_succeeded, telemetry.reading.config_reloaded_at) == (False, NOW + 10)
