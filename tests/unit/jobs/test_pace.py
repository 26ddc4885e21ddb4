"""How fast a running job goes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import NOW, report, tracked

from exporter.jobs.pace import MOST_OBSERVATIONS, Pace, pace_of, remember
from exporter.jobs.tracking import note_report
from exporter.model import JobReport, JobState, Observation, TrackedJob

TOTAL = 10_000


def ran(*polls: tuple[float, int], total: int | None = TOTAL, state: JobState = JobState.RUNNING) -> TrackedJob:
    """Give a job whose polls found so many records done, each so many seconds after `NOW`."""
    job = tracked()
    for seconds, done in polls:
        job = note_report(job, JobReport(state, done, 0, None, total), NOW + seconds)
    return job


def test_steady_job_is_estimated() -> None:
    """Ten records a second leave 900 s for the other 9,000."""
    assert pace_of(ran((0, 0), (50, 500), (100, 1000))) == Pace(10.0, 900.0, NOW + 1000)


def test_one_burst_does_not_move_the_estimate() -> None:
    """The median of all slopes holds against an outlier."""
    pace = pace_of(ran((0, 0), (20, 200), (40, 400), (60, 3000), (80, 3200), (100, 3400), (120, 3600)))
    assert pace is not None
    assert pace.records_per_second == pytest.approx(30, rel=0.35)


def test_failed_records_are_done_too() -> None:
    """What failed will not be tried again: it counts as progress towards the end."""
    job = tracked()
    for seconds in (0, 50, 100):
        job = note_report(job, JobReport(JobState.RUNNING, 5 * seconds, 5 * seconds, None, TOTAL), NOW + seconds)
    assert pace_of(job) == Pace(10.0, 900.0, NOW + 1000)


@pytest.mark.parametrize(
    "job",
    [
        pytest.param(tracked(), id="never polled"),
        pytest.param(ran((0, 0), (50, 500)), id="two observations"),
        pytest.param(ran((0, 0), (5, 50), (10, 100)), id="too short a span"),
        pytest.param(ran((0, 0), (50, 0), (100, 0)), id="no progress"),
        pytest.param(ran((0, 0), (50, 500), (100, 1000), total=None), id="no total"),
        pytest.param(ran((0, 0), (50, 500), (100, 1000), state=JobState.SUSPENDED), id="suspended"),
        pytest.param(ran((0, 0), (50, 500), (100, 1000), state=JobState.COMPLETED), id="completed"),
        pytest.param(ran((0, 0), (50, 500), (100, 1000), (301, 1000)), id="stalled"),
        pytest.param(ran((0, 1000), (50, 500), (100, 400)), id="counts go backwards"),
        pytest.param(ran((0, 0), (1e5, 1), (2e5, 2)), id="hardly moves"),
    ],
)
def test_too_little_to_go_on_gives_no_estimate(job: TrackedJob) -> None:
    """Silence rather than a guess."""
    assert pace_of(job) is None


def test_short_pause_keeps_the_estimate_and_moves_it() -> None:
    """A job that paused is expected later than before."""
    before = pace_of(ran((0, 0), (50, 500), (100, 1000)))
    after = pace_of(ran((0, 0), (50, 500), (100, 1000), (150, 1000)))
    assert before is not None
    assert after is not None
    assert after.completes_at > before.completes_at


def test_new_run_begins_a_new_estimate() -> None:
    """What a job did before it was suspended says nothing of its pace after."""
    job = ran((0, 0), (50, 5000), (100, 6000))
    job = note_report(job, report(JobState.SUSPENDED, updated=6000, total=TOTAL), NOW + 150)
    for seconds, done in ((200, 6000), (250, 6050), (300, 6100)):
        job = note_report(job, JobReport(JobState.RUNNING, done, 0, None, TOTAL), NOW + seconds)
    assert pace_of(job) == Pace(1.0, 3900.0, NOW + 4200)


def test_history_keeps_only_changes() -> None:
    """A poll that found nothing new adds nothing."""
    assert [one.processed for one in ran((0, 0), (15, 0), (30, 100), (45, 100)).history] == [0, 100]


def test_full_history_thins_its_older_half() -> None:
    """A long job keeps its beginning and its recent past in bounded space."""
    history = ran(*((15.0 * number, 100 * number) for number in range(200)), total=None).history
    assert len(history) <= MOST_OBSERVATIONS
    assert history[0].processed == 0
    assert [one.processed for one in history[-3:]] == [19_700, 19_800, 19_900]


def test_observations_of_a_clock_set_back_are_forgotten() -> None:
    """Time runs forward in a history."""
    old = (Observation(NOW, JobState.RUNNING, 1), Observation(NOW + 50, JobState.RUNNING, 2))
    assert remember(old, Observation(NOW + 20, JobState.RUNNING, 3)) == (
        Observation(NOW, JobState.RUNNING, 1),
        Observation(NOW + 20, JobState.RUNNING, 3),
    )


POLLS = st.lists(
    st.tuples(st.floats(-1e6, 1e6), st.sampled_from(JobState), st.none() | st.integers(-(2**60), 2**60)), max_size=80
)


@given(POLLS, st.none() | st.integers(-5, 2**60))
def test_any_history_gives_a_sane_estimate_or_none(
    polls: list[tuple[float, JobState, int | None]], total: int | None
) -> None:
    """No count and no order of times breaks the estimate, and no end is expected in the past."""
    job = tracked()
    for seconds, state, done in polls:
        job = note_report(job, JobReport(state, done, 0, None, total), NOW + seconds)
    pace = pace_of(job)
    if pace is not None:
        assert pace.records_per_second > 0
        assert pace.seconds_left >= 0
        assert pace.completes_at >= job.history[-1].at
        assert job.state is JobState.RUNNING
    assert len(job.history) <= MOST_OBSERVATIONS
