"""When a job is due."""

from dataclasses import replace

import pytest
from samples import FAILURE, NOW, report, tracked

from exporter.jobs.schedule import Schedule
from exporter.jobs.tracking import note_failure, note_report
from exporter.model import JobState, TrackedJob

SCHEDULE = Schedule.constant(15)


def polled(state: JobState = JobState.RUNNING) -> TrackedJob:
    """Give a job polled at `NOW`."""
    job = note_report(tracked(), report(state), NOW)
    return replace(job, next_poll_at=SCHEDULE.next_poll_at(job))


def test_job_never_polled_is_due() -> None:
    """The first scrape polls."""
    assert SCHEDULE.is_due(tracked(), NOW)


@pytest.mark.parametrize(
    ("age", "is_due"),
    [
        pytest.param(0, False, id="at once"),
        pytest.param(14.4, False, id="still fresh"),
        pytest.param(14.6, True, id="within the jitter of a 15 s scrape interval"),
        pytest.param(15, True, id="old"),
        pytest.param(-0.1, True, id="the clock was set back"),
    ],
)
def test_live_job_is_due_when_no_longer_fresh(age: float, *, is_due: bool) -> None:
    """A job is polled again once its report is older than the freshness."""
    assert SCHEDULE.is_due(polled(), NOW + age) is is_due


@pytest.mark.parametrize("state", [JobState.COMPLETED, JobState.FAILED])
def test_terminal_job_is_never_due(state: JobState) -> None:
    """An ended job costs nothing, whatever the clock does."""
    job = polled(state)
    assert job.next_poll_at is None
    assert not SCHEDULE.is_due(job, NOW + 1e9)
    assert not SCHEDULE.is_due(job, NOW - 1e9)


def test_failed_poll_counts_as_an_attempt() -> None:
    """A job whose poll failed waits for the freshness like any other."""
    job = note_failure(tracked(), FAILURE, NOW)
    assert SCHEDULE.next_poll_at(job) == NOW + 15
