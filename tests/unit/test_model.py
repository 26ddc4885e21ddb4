"""The words of the product."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model import (
    Credentials,
    Distribution,
    Growth,
    JobKey,
    JobReport,
    JobSource,
    JobSpec,
    JobState,
    KeptToken,
    ModuleTotals,
    Pause,
    TrackedJob,
)

KEY = JobKey("acme", "Leads", "554023000000506003")


@pytest.mark.parametrize(
    ("state", "is_terminal"),
    [
        (JobState.SCHEDULED, False),
        (JobState.QUEUED, False),
        (JobState.RUNNING, False),
        (JobState.SUSPENDED, False),
        (JobState.COMPLETED, True),
        (JobState.FAILED, True),
        (JobState.UNKNOWN, False),
    ],
)
def test_only_completed_and_failed_are_the_end(state: JobState, *, is_terminal: bool) -> None:
    """A suspended or unknown job may go on, and is asked for again."""
    assert state.is_terminal is is_terminal


def test_the_states_are_zohos_six_and_unknown() -> None:
    """The label `state` has seven values, in this order."""
    assert [str(state) for state in JobState] == [
        "SCHEDULED",
        "QUEUED",
        "RUNNING",
        "SUSPENDED",
        "COMPLETED",
        "FAILED",
        "UNKNOWN",
    ]


def test_a_job_key_reads_as_its_path() -> None:
    """Account, module and id, the id with all its digits."""
    assert str(KEY) == "acme/Leads/554023000000506003"


def test_a_job_key_is_logged_without_hiding_the_records_own_module() -> None:
    """A log record has a `module` attribute, which may not be overwritten."""
    assert KEY.as_fields() == {"account": "acme", "crm_module": "Leads", "job_id": "554023000000506003"}


def test_job_keys_are_equal_and_sorted_by_account_module_and_id() -> None:
    """A page lists jobs in a steady order."""
    keys = [JobKey("b", "A", "1"), JobKey("a", "B", "1"), JobKey("a", "A", "2"), JobKey("a", "A", "10")]
    assert sorted(keys) == [JobKey("a", "A", "10"), JobKey("a", "A", "2"), JobKey("a", "B", "1"), JobKey("b", "A", "1")]
    assert len({KEY, JobKey("acme", "Leads", "554023000000506003")}) == 1


def test_a_job_key_does_not_change() -> None:
    """An identity is frozen."""
    assign: Callable[[JobKey, str, str], None] = setattr
    with pytest.raises(FrozenInstanceError):
        assign(KEY, "job_id", "1")


def test_a_job_that_was_never_reported_is_unknown() -> None:
    """Without a report there is no state to show."""
    job = TrackedJob(JobSpec(KEY, JobSource.CONFIG), first_seen_at=1.0)
    assert (job.state, job.is_terminal) == (JobState.UNKNOWN, False)


def test_a_tracked_job_has_its_reports_state() -> None:
    """The report decides whether the job is latched."""
    report = JobReport(JobState.FAILED, updated=0, failed=50, not_updated=0, total=50)
    job = TrackedJob(JobSpec(KEY, JobSource.CONFIG), first_seen_at=1.0, report=report)
    assert (job.state, job.is_terminal) == (JobState.FAILED, True)


@pytest.mark.parametrize(
    ("value", "counts"),
    [
        (-1.0, (1, 0, 0)),
        (0.5, (1, 0, 0)),
        (1.0, (1, 0, 0)),
        (1.1, (0, 1, 0)),
        (5.0, (0, 1, 0)),
        (5.1, (0, 0, 1)),
        (float("inf"), (0, 0, 1)),
    ],
)
def test_an_observation_falls_at_or_below_its_bound(value: float, counts: tuple[int, ...]) -> None:
    """Bounds are inclusive, as Prometheus' `le` is."""
    distribution = Distribution.empty((1.0, 5.0)).observe(value)
    assert (distribution.counts, distribution.total) == (counts, value)


def test_a_distribution_adds_up_its_observations() -> None:
    """Sum and counts grow; the distribution before stays as it was."""
    empty = Distribution.empty((1.0, 5.0))
    filled = empty.observe(0.5).observe(3.0).observe(3.5).observe(9.0)
    assert filled == Distribution((1.0, 5.0), (1, 2, 1), 16.0)
    assert empty == Distribution((1.0, 5.0), (0, 0, 0), 0.0)


def test_a_distribution_is_read_cumulatively() -> None:
    """Each bound, and infinity, with what is at or below it."""
    assert Distribution((1.0, 5.0), (1, 2, 1), 16.0).cumulative() == ((1.0, 1), (5.0, 3), (float("inf"), 4))


def test_a_distribution_without_bounds_has_infinity_alone() -> None:
    """Everything is at or below infinity."""
    assert Distribution.empty(()).observe(3.0).cumulative() == ((float("inf"), 1),)


@given(
    bounds=st.lists(st.floats(-1e6, 1e6), unique=True, max_size=6).map(sorted).map(tuple),
    values=st.lists(st.floats(-1e6, 1e6), max_size=30),
)
def test_a_distribution_counts_what_is_at_or_below_each_bound(bounds: tuple[float, ...], values: list[float]) -> None:
    """Whatever is observed, the cumulative counts are those of the definition."""
    distribution = Distribution.empty(bounds)
    for value in values:
        distribution = distribution.observe(value)
    expected = [(bound, len([value for value in values if value <= bound])) for bound in (*bounds, float("inf"))]
    assert list(distribution.cumulative()) == expected


def test_empty_totals_have_every_end_and_outcome_at_zero() -> None:
    """Counters are there from the first scrape."""
    bounds = (60.0, 180.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14_400.0, 28_800.0)
    assert ModuleTotals.empty() == ModuleTotals(
        finished={JobState.COMPLETED: 0, JobState.FAILED: 0},
        records={"updated": 0, "failed": 0},
        durations={
            JobState.COMPLETED: Distribution(bounds, (0,) * 11, 0.0),
            JobState.FAILED: Distribution(bounds, (0,) * 11, 0.0),
        },
    )


def test_totals_grow_by_what_a_poll_adds() -> None:
    """Records are added by outcome, an end is counted once, and took as long as it took."""
    before = ModuleTotals.empty()
    running = before.grown(Growth({"updated": 30}))
    ended = running.grown(Growth({"updated": 18, "failed": 2}, JobState.COMPLETED, 61.0))
    assert (running.records, running.finished) == (
        {"updated": 30, "failed": 0},
        {JobState.COMPLETED: 0, JobState.FAILED: 0},
    )
    assert (ended.records, ended.finished) == (
        {"updated": 48, "failed": 2},
        {JobState.COMPLETED: 1, JobState.FAILED: 0},
    )
    assert ended.durations[JobState.COMPLETED].cumulative()[:2] == ((60.0, 0), (180.0, 1))
    assert before == ModuleTotals.empty()


def test_totals_that_lack_a_word_grow_by_it() -> None:
    """Counters kept by an older version, or edited by hand, stop no poll."""
    grown = ModuleTotals({}, {}, {}).grown(Growth({"failed": 2}, JobState.FAILED, 61.0))
    assert (grown.records, grown.finished) == ({"failed": 2}, {JobState.FAILED: 1})
    assert grown.durations[JobState.FAILED].cumulative()[-1] == (float("inf"), 1)


@pytest.mark.parametrize(
    ("now", "is_in_force"),
    [(99.0, False), (100.0, True), (159.0, True), (160.0, False)],
    ids=["a clock set back to before it", "from its first moment", "until its end", "at its end"],
)
def test_pause_lasts_from_its_beginning_to_its_end(now: float, *, is_in_force: bool) -> None:
    """No clock that is set back lengthens it."""
    assert Pause("circuit", "", "", since=100.0, until=160.0, in_a_row=1).is_in_force(now) is is_in_force


def test_secrets_are_shown_nowhere() -> None:
    """What is kept of tokens and credentials does not stand in their representations."""
    shown = f"{Credentials('id', 'secret-1', 'secret-2')!r} {KeptToken('secret-3', 1.0, 'https://x', 'f')!r}"
    assert "secret-" not in shown
