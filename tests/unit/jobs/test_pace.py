"""How fast a running job goes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import NOW, report, tracked

from exporter.jobs.pace import pace_of, remember
from exporter.model import JobState, Observation, TrackedJob

RUNNING = JobState.RUNNING

observations = st.builds(
    Observation,
    at=st.floats(NOW - 1e6, NOW + 1e6),
    state=st.sampled_from(JobState),
    processed=st.none() | st.integers(-(10**400), 10**400) | st.integers(0, 50_000),
)


def seen(*points: tuple[float, int | None], state: JobState = RUNNING) -> tuple[Observation, ...]:
    """Give a history of seconds after `NOW` and records done."""
    return tuple(Observation(NOW + seconds, state, done) for seconds, done in points)


def job_of(
    history: tuple[Observation, ...],
    *,
    total: int | None = 1000,
    reported_at: float = NOW + 60,
    state: JobState = RUNNING,
) -> TrackedJob:
    """Give a job that was last polled a minute after `NOW`."""
    return replace(tracked(), report=report(state, total=total), reported_at=reported_at, history=history)


STEADY = seen((0, 100), (30, 400), (60, 700))


def test_steady_job_ends_when_its_pace_says() -> None:
    """Ten records a second and 300 to go: half a minute."""
    pace = pace_of(job_of(STEADY))
    assert pace is not None
    assert (pace.records_per_second, pace.completes_at) == (10.0, NOW + 90)


def test_one_burst_does_not_move_the_estimate_much() -> None:
    """Half of all records in one gap leave the pace where the other gaps have it."""
    history = seen((0, 0), (15, 15), (30, 30), (45, 530), (60, 545), (75, 560), (90, 575), (105, 590), (120, 605))
    pace = pace_of(job_of(history, reported_at=NOW + 120))
    assert pace is not None
    assert pace.records_per_second == pytest.approx(1.0)


def test_quick_polls_are_looked_at_for_as_long_as_slow_ones() -> None:
    """Polled each second, a job shows its pace too: the look reaches back further than its last twelve changes."""
    history = seen(*((second, 10 * second) for second in range(40)))
    pace = pace_of(job_of(history, reported_at=NOW + 39))
    assert pace is not None
    assert (pace.records_per_second, pace.completes_at) == (10.0, NOW + 100)


def test_silence_since_the_last_change_slows_the_pace() -> None:
    """A job that shows the same count half a minute later is half a minute later, and slower."""
    pace = pace_of(job_of(STEADY, reported_at=NOW + 90))
    assert pace is not None
    assert pace.records_per_second == pytest.approx(25 / 3)
    assert pace.completes_at == pytest.approx(NOW + 126)


def test_only_the_present_run_counts() -> None:
    """What came before a suspension tells nothing of the pace after it."""
    history = (*seen((-900, 1), (-600, 2)), *seen((-300, 2), state=JobState.SUSPENDED), *STEADY)
    assert pace_of(job_of(history)) == pace_of(job_of(STEADY))


def test_counts_that_went_backwards_begin_a_new_run() -> None:
    """Records done before Zoho started over are not records left."""
    assert pace_of(job_of((*seen((-30, 900), (-15, 950)), *STEADY))) == pace_of(job_of(STEADY))


def test_observation_without_counts_is_passed_over() -> None:
    """One poll without counts does not end the estimate."""
    assert pace_of(job_of(seen((0, 100), (30, 400), (45, None), (60, 700)))) == pace_of(job_of(STEADY))


def test_change_of_another_count_tells_nothing_of_the_pace() -> None:
    """Records that were done before are not done again when the total grows."""
    grown = [replace(STEADY[-1], at=NOW + seconds, total=seconds) for seconds in (70, 80, 90, 100)]
    assert pace_of(job_of((*STEADY, *grown), reported_at=NOW + 100)) == pace_of(job_of(STEADY, reported_at=NOW + 100))


def test_more_records_done_than_planned_leave_none() -> None:
    """A job beyond its total ends any moment."""
    pace = pace_of(job_of(STEADY, total=650))
    assert pace is not None
    assert pace.completes_at == NOW + 60


@pytest.mark.parametrize(
    "job",
    [
        pytest.param(tracked(), id="never polled"),
        pytest.param(job_of(()), id="no history"),
        pytest.param(job_of(seen((0, 100), (60, 700))), id="two observations"),
        pytest.param(job_of(seen((0, 100), (5, 150), (19, 290)), reported_at=NOW + 19), id="too short a span"),
        pytest.param(job_of(seen((0, None), (30, None), (60, None))), id="no counts"),
        pytest.param(job_of(STEADY, total=None), id="no total"),
        pytest.param(job_of(STEADY, total=10**400), id="an absurd total"),
        pytest.param(job_of(STEADY, reported_at=NOW + 181), id="stalled"),
        pytest.param(
            job_of(seen((0, 1), (900_000, 2), (1_800_000, 3)), reported_at=NOW + 1_800_000), id="hardly moves"
        ),
        pytest.param(job_of(STEADY, state=JobState.SUSPENDED), id="suspended"),
        pytest.param(job_of(STEADY, state=JobState.COMPLETED), id="completed"),
        pytest.param(job_of(seen((0, 100), (30, 400), (60, 700), state=JobState.QUEUED)), id="queued"),
    ],
)
def test_too_little_to_go_on_gives_no_estimate(job: TrackedJob) -> None:
    """Absent beats wrong."""
    assert pace_of(job) is None


@given(st.lists(observations, max_size=80), st.none() | st.integers(-1, 10**400), st.floats(NOW - 1e6, NOW + 1e6))
def test_estimate_is_never_absurd(history: list[Observation], total: int | None, reported_at: float) -> None:
    """Whatever a history says, a pace is positive and its end lies within a month from the last poll."""
    pace = pace_of(job_of(tuple(history), total=total, reported_at=reported_at))
    if pace is not None:
        assert pace.records_per_second > 0
        seen_at = max(reported_at, history[-1].at)
        assert seen_at <= pace.completes_at <= seen_at + 30 * 86_400 + 1e-3


def test_history_keeps_only_what_changed() -> None:
    """The same count again adds nothing, another count or state does."""
    history: tuple[Observation, ...] = ()
    for observation in (*seen((0, 1), (15, 1), (30, 2)), *seen((45, 2), (60, 2), state=JobState.SUSPENDED)):
        history = remember(history, observation)
    assert history == (*seen((0, 1), (30, 2)), *seen((45, 2), state=JobState.SUSPENDED))


def test_full_history_thins_its_older_half() -> None:
    """The first observation and all recent ones stay; of the others every second."""
    history: tuple[Observation, ...] = ()
    for second in range(65):
        history = remember(history, Observation(NOW + second, RUNNING, second))
    assert len(history) == 49
    assert [observation.processed for observation in history[:3]] == [0, 2, 4]
    assert [observation.processed for observation in history[-2:]] == [63, 64]


@pytest.mark.parametrize("seconds", [pytest.param(15, id="equal times"), pytest.param(10, id="an earlier time")])
def test_clock_set_back_forgets_what_lies_ahead(seconds: float) -> None:
    """What was seen later than now was seen by a wrong clock."""
    [new] = seen((seconds, 3))
    assert remember(seen((0, 1), (15, 2)), new) == (*seen((0, 1)), new)


@given(st.lists(observations, max_size=200))
def test_history_stays_short_and_in_order(polls: list[Observation]) -> None:
    """Any sequence of polls leaves a history that grows strictly in time, ends in the last poll, and is bounded."""
    history: tuple[Observation, ...] = ()
    for observation in polls:
        history = remember(history, observation)
        assert (history[-1].state, history[-1].processed) == (observation.state, observation.processed)
    times = [observation.at for observation in history]
    assert times == sorted(set(times))
    assert len(history) <= 64
