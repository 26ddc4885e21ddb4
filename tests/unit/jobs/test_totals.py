"""What a report adds to its module's counters: each record once, whatever the counts do."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import FAILURE, NOW, report, tracked

from exporter.jobs.outcome import growth_of, note_failure, note_report
from exporter.model import JobReport, JobState, ModuleTotals


def add(*reports: JobReport, seconds: float = 100.0) -> ModuleTotals:
    """Let reports land one after the other, so many seconds apart, with a failed poll before each."""
    totals, job = ModuleTotals.empty(), tracked()
    for number, one in enumerate(reports):
        failed = note_failure(job, FAILURE, NOW + number * seconds)
        after = note_report(failed, one, NOW + number * seconds)
        totals, job = totals.grown(growth_of(job, failed)).grown(growth_of(failed, after)), after
    return totals


def updated(*counts: int | None) -> list[JobReport]:
    """Give reports of a job with these counts of updated records, one after the other."""
    return [report(updated=count) for count in counts]


@pytest.mark.parametrize(
    ("reports", "records"),
    [
        pytest.param([report(updated=30, failed=2)], {"updated": 30, "failed": 2}, id="the first adds all"),
        pytest.param([report(updated=30), report(updated=45)], {"updated": 45, "failed": 0}, id="growth"),
        pytest.param([report(updated=30), report(updated=30)], {"updated": 30, "failed": 0}, id="standstill"),
        pytest.param([report(updated=30), report(updated=10)], {"updated": 30, "failed": 0}, id="a fall adds nothing"),
        pytest.param([report(updated=None, failed=None)], {"updated": 0, "failed": 0}, id="no counts"),
        pytest.param(updated(1001, None, 1003, None, 1010), {"updated": 1010, "failed": 0}, id="counts that vanish"),
        pytest.param(updated(None, 7, None, None, 7, 8), {"updated": 8, "failed": 0}, id="counts that come late"),
        pytest.param(updated(30, 5, 35), {"updated": 35, "failed": 0}, id="back and above"),
        pytest.param(updated(30, 5, 30), {"updated": 30, "failed": 0}, id="back and again"),
        pytest.param(updated(30, 0, 0, 12), {"updated": 30, "failed": 0}, id="back to nothing"),
        pytest.param(updated(10, 20) * 5, {"updated": 20, "failed": 0}, id="counts that alternate"),
        pytest.param(updated(30, None, 5, None, 35), {"updated": 35, "failed": 0}, id="back while others vanish"),
        pytest.param(
            [report(updated=10, failed=5), report(updated=5, failed=10), report(updated=12, failed=0)],
            {"updated": 12, "failed": 10},
            id="each outcome has a mark of its own",
        ),
        pytest.param(
            [report(updated=30), report(JobState.SUSPENDED, updated=0), report(JobState.COMPLETED, updated=31)],
            {"updated": 31, "failed": 0},
            id="back in another state",
        ),
    ],
)
def test_each_record_is_counted_once(reports: list[JobReport], records: dict[str, int]) -> None:
    """Counters follow the job's counts and never fall."""
    assert add(*reports).records == records


def test_end_is_counted_once_with_its_duration() -> None:
    """A job that ends adds one to its state, and the time since it was first seen RUNNING."""
    totals = add(report(), report(JobState.FAILED), report(JobState.FAILED))
    assert totals.finished == {JobState.COMPLETED: 0, JobState.FAILED: 1}
    assert totals.durations[JobState.FAILED].cumulative()[:3] == ((60.0, 0), (180.0, 1), (300.0, 1))
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


@given(st.lists(st.tuples(st.none() | st.integers(0, 50), st.none() | st.integers(0, 50)), max_size=12))
def test_totals_are_the_most_that_was_ever_told(counts: list[tuple[int | None, int | None]]) -> None:
    """Whatever the counts of one job do, the counters stand at the highest of each."""
    totals = add(*(report(updated=done, failed=failed) for done, failed in counts))
    assert totals.records == {
        "updated": max((done or 0 for done, _ in counts), default=0),
        "failed": max((failed or 0 for _, failed in counts), default=0),
    }


def test_counters_go_on_where_a_job_is_known_from_before() -> None:
    """A job whose counts were counted before they went back, and whose report came from a file, is not counted anew."""
    job = replace(note_report(tracked(), report(updated=30, failed=1), NOW), counted={"updated": 40})
    after = note_report(job, report(updated=45, failed=1), NOW + 15)
    assert growth_of(job, after).records == {"updated": 5, "failed": 1}
