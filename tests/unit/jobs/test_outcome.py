"""What a poll's outcome changes in a tracked job."""

from dataclasses import replace

import pytest
from samples import FAILURE, NOW, report, tracked

from exporter.jobs.outcome import fade, note_failure, note_report
from exporter.model import JobReport, JobState, Observation


def test_first_running_report_starts_the_job() -> None:
    """The first RUNNING report gives counts, a start and progress, and no end."""
    job = note_report(tracked(), report(), NOW + 5)
    assert (job.report, job.reported_at, job.polled_at) == (report(), NOW + 5, NOW + 5)
    assert (job.started_at, job.progressed_at, job.finished_at) == (NOW + 5, NOW + 5, None)


def test_start_is_the_first_running_report() -> None:
    """A later RUNNING report does not move the start."""
    job = note_report(note_report(tracked(), report(), NOW + 5), report(updated=31), NOW + 20)
    assert job.started_at == NOW + 5


@pytest.mark.parametrize("state", [JobState.COMPLETED, JobState.FAILED])
def test_both_terminal_states_finish_the_job(state: JobState) -> None:
    """COMPLETED and FAILED both set the end."""
    assert note_report(tracked(), report(state), NOW + 9).finished_at == NOW + 9


@pytest.mark.parametrize(
    ("second", "progressed_at"),
    [
        pytest.param(report(), NOW + 1, id="nothing changed"),
        pytest.param(report(updated=31), NOW + 2, id="updated"),
        pytest.param(report(failed=1), NOW + 2, id="failed"),
        pytest.param(report(not_updated=19), NOW + 2, id="not updated"),
        pytest.param(report(total=60), NOW + 2, id="total"),
        pytest.param(report(updated=None), NOW + 2, id="a count vanished"),
    ],
)
def test_progress_is_any_change_of_a_count(second: JobReport, progressed_at: float) -> None:
    """Progress moves when a count changes and stays when nothing does."""
    job = note_report(note_report(tracked(), report(), NOW + 1), second, NOW + 2)
    assert job.progressed_at == progressed_at


def test_change_of_state_is_progress() -> None:
    """The same counts in another state are progress."""
    job = note_report(note_report(tracked(), report(), NOW + 1), report(JobState.SUSPENDED), NOW + 2)
    assert job.progressed_at == NOW + 2


def test_failure_keeps_the_last_good_report() -> None:
    """A failed poll stands next to the counts, which keep their age."""
    job = note_failure(note_report(tracked(), report(), NOW + 1), FAILURE, NOW + 16)
    assert (job.report, job.reported_at) == (report(), NOW + 1)
    assert (job.failure, job.polled_at) == (FAILURE, NOW + 16)


def test_report_ends_the_failure() -> None:
    """A good poll clears the failure."""
    job = note_report(note_failure(tracked(), FAILURE, NOW + 1), report(), NOW + 2)
    assert job.failure is None


@pytest.mark.parametrize(
    ("state", "age", "is_shown"),
    [
        pytest.param(JobState.RUNNING, 3600, True, id="just fresh enough"),
        pytest.param(JobState.RUNNING, 3601, False, id="too old"),
        pytest.param(JobState.COMPLETED, 1_000_000, True, id="completed never fades"),
        pytest.param(JobState.FAILED, 1_000_000, True, id="failed never fades"),
    ],
)
def test_old_reports_fade_unless_final(state: JobState, age: float, *, is_shown: bool) -> None:
    """Counts disappear after `stale_after`, but those of an ended job stay."""
    job = note_report(tracked(), report(state), NOW)
    assert fade(job, NOW + age, 3600) == (job if is_shown else replace(job, report=None))


def test_job_without_a_report_has_nothing_to_fade() -> None:
    """A job never polled passes unchanged."""
    assert fade(tracked(), NOW + 1_000_000, 3600) == tracked()


def test_reports_are_remembered() -> None:
    """Each change is an observation of the records done, updated or failed; a repetition is none."""
    job = note_report(tracked(), report(JobState.SCHEDULED, updated=0), NOW + 1)
    job = note_report(job, report(updated=7, failed=2), NOW + 2)
    job = note_report(job, report(updated=7, failed=2), NOW + 3)
    assert job.history == (
        Observation(NOW + 1, JobState.SCHEDULED, 0, failed=0, not_updated=20, total=50),
        Observation(NOW + 2, JobState.RUNNING, 9, failed=2, not_updated=20, total=50),
    )
    assert [observation.updated for observation in job.history] == [0, 7]


@pytest.mark.parametrize(
    ("outcome", "failed"),
    [
        pytest.param(report(updated=None), 0, id="no updated"),
        pytest.param(report(failed=None), None, id="no failed"),
    ],
)
def test_half_a_count_is_no_count(outcome: JobReport, failed: int | None) -> None:
    """Without one of the two counts nobody knows how many records are done."""
    [seen] = note_report(tracked(), outcome, NOW).history
    assert seen == Observation(NOW, JobState.RUNNING, None, failed, not_updated=20, total=50)
    assert seen.updated is None


@pytest.mark.parametrize("second", [report(failed=1, updated=29), report(not_updated=19), report(total=60)], ids=str)
def test_change_of_any_count_is_remembered(second: JobReport) -> None:
    """Also one that leaves the records done as they are."""
    job = note_report(note_report(tracked(), report(), NOW + 1), second, NOW + 2)
    assert [observation.at for observation in job.history] == [NOW + 1, NOW + 2]


def test_failures_in_a_row_are_counted_until_a_report() -> None:
    """Each failed poll adds one, a good one begins again at none."""
    job = note_failure(note_failure(tracked(), FAILURE, NOW), FAILURE, NOW + 15)
    assert job.failures_in_a_row == 2
    assert note_report(job, report(), NOW + 30).failures_in_a_row == 0


def test_end_is_estimated_while_the_job_runs() -> None:
    """Ten records in ten seconds and 20 to go; an end that came, or a failed poll, changes that as it should."""
    job = tracked()
    for seconds in (0, 10, 20, 30):
        job = note_report(job, report(updated=seconds), NOW + seconds)
    assert (job.completes_at, job.records_per_second) == (NOW + 50, 1.0)
    assert note_failure(job, FAILURE, NOW + 40).completes_at == NOW + 50
    ended = note_report(job, report(JobState.COMPLETED), NOW + 40)
    assert (ended.completes_at, ended.records_per_second) == (None, None)


def test_counts_that_go_backwards_are_taken_as_they_are() -> None:
    """A lower count replaces the higher one, is progress, and withdraws the estimate."""
    job = tracked()
    for seconds in (0, 10, 20, 30):
        job = note_report(job, report(updated=seconds), NOW + seconds)
    job = note_report(job, report(updated=5), NOW + 40)
    assert job.report == report(updated=5)
    assert job.progressed_at == NOW + 40
    assert job.completes_at is None
