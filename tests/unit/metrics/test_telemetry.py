"""The exporter's own readings."""

import platform

from samples import NOW

from exporter.metrics.telemetry import Telemetry


def test_scrapes_are_observed() -> None:
    """Durations fall into the histogram's buckets."""
    telemetry = Telemetry("1.2.3", NOW)
    telemetry.note_scrape(0.3)
    telemetry.note_scrape(99)
    durations = telemetry.snapshot({}, {}, None).scrape_durations
    assert dict(durations.cumulative())[0.5] == 1
    assert dict(durations.cumulative())[float("inf")] == 2
    assert durations.total == 99.3


def test_start_counts_as_the_first_load() -> None:
    """An exporter that runs has loaded a configuration, at its start."""
    snapshot = Telemetry("1.2.3", NOW).snapshot({"max_jobs": 1}, {"save_job": 2}, NOW - 60)
    assert (snapshot.version, snapshot.config_reloaded_at) == ("1.2.3", NOW)
    assert snapshot.config_reload_succeeded
    assert (snapshot.jobs_dropped, snapshot.store_errors) == ({"max_jobs": 1}, {"save_job": 2})
    assert snapshot.store_behind_since == NOW - 60
    assert snapshot.python_version == platform.python_version()
