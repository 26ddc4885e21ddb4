"""What a report adds to its module's counters."""

import pytest
from samples import NOW, report, tracked

from exporter.jobs.totals import add_report
from exporter.jobs.tracking import note_report
from exporter.model import JobReport, JobState, ModuleTotals

EMPTY = ModuleTotals.empty((60.0, 600.0))


def add(*reports: JobReport, seconds: float = 100.0) -> ModuleTotals:
    """Let reports land one after the other, so many seconds apart."""
    totals, job = EMPTY, tracked()
    for number, one in enumerate(reports):
        after = note_report(job, one, NOW + number * seconds)
        totals, job = add_report(totals, job, after), after
    return totals


@pytest.mark.parametrize(
    ("reports", "records"),
    [
        pytest.param([report(updated=30, failed=2)], {"updated": 30, "failed": 2}, id="the first adds all"),
        pytest.param([report(updated=30), report(updated=45)], {"updated": 45, "failed": 0}, id="growth"),
        pytest.param([report(updated=30), report(updated=30)], {"updated": 30, "failed": 0}, id="standstill"),
        pytest.param([report(updated=30), report(updated=10)], {"updated": 30, "failed": 0}, id="a fall adds nothing"),
        pytest.param([report(updated=None, failed=None)], {"updated": 0, "failed": 0}, id="no counts"),
    ],
)
def test_growth_of_the_counts_is_added(reports: list[JobReport], records: dict[str, int]) -> None:
    """Counters follow the job's counts and never fall."""
    assert add(*reports).records == records


def test_end_is_counted_once_with_its_duration() -> None:
    """A job that ends adds one to its state, and the time since it was first seen RUNNING."""
    totals = add(report(), report(JobState.FAILED), report(JobState.FAILED))
    assert totals.finished == {JobState.COMPLETED: 0, JobState.FAILED: 1}
    assert totals.durations[JobState.FAILED].cumulative() == ((60.0, 0), (600.0, 1), (float("inf"), 1))
    assert totals.durations[JobState.FAILED].total == 100.0


def test_job_never_seen_running_has_no_duration() -> None:
    """Its end is counted; how long it took is not known."""
    totals = add(report(JobState.COMPLETED))
    assert totals.finished[JobState.COMPLETED] == 1
    assert totals.durations[JobState.COMPLETED].cumulative()[-1] == (float("inf"), 0)


def test_clock_set_back_gives_no_negative_duration() -> None:
    """A job that seems to end before it began took no time."""
    totals = add(report(), report(JobState.COMPLETED), seconds=-50.0)
    assert totals.durations[JobState.COMPLETED].total == 0.0
