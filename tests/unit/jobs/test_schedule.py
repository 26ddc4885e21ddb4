"""When a job is due."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import FAILURE, NOW, constant_schedule, report, schedule, tracked

from exporter.jobs.outcome import note_failure, note_report
from exporter.jobs.schedule import Schedule
from exporter.model import Delay, JobReport, JobState, PollFailure, TrackedJob

SCHEDULE = schedule()
REFUSAL = PollFailure("NO_PERMISSION", "permission denied", "ask", is_passing=False)
PLENTY = 0.0


def polled(state: JobState = JobState.RUNNING, schedule: Schedule = SCHEDULE) -> TrackedJob:
    """Give a job whose first poll, at `NOW`, found it in a state."""
    job = note_report(tracked(), report(state), NOW)
    return replace(job, next_poll_at=schedule.next_poll_at(job, 0.0))


def waited(state: JobState, seconds: float) -> TrackedJob:
    """Give a job whose poll at `NOW` found nothing new since so many seconds."""
    job = note_report(tracked(), report(state), NOW - seconds)
    return note_report(job, report(state), NOW)


def paced(seconds_left: float) -> TrackedJob:
    """Give a job that has run at 10 records a second for a minute, and needs so many seconds more."""
    total = 600 + round(10 * seconds_left)
    job = tracked()
    for second in (0, 15, 30, 45, 60):
        done = JobReport(JobState.RUNNING, 10 * second, 0, total - 10 * second, total)
        job = note_report(job, done, NOW - 60 + second)
    return job


def failed(failure: PollFailure, times: int) -> TrackedJob:
    """Give a job whose poll at `NOW` failed for so many times in a row."""
    return replace(note_failure(tracked(), failure, NOW), failures_in_a_row=times)


@pytest.mark.parametrize(
    ("job", "seconds"),
    [
        pytest.param(waited(JobState.RUNNING, 0), 15, id="running, no pace yet"),
        pytest.param(waited(JobState.UNKNOWN, 0), 15, id="unknown, just seen"),
        pytest.param(waited(JobState.UNKNOWN, 900), 120, id="unknown for long"),
        pytest.param(waited(JobState.SCHEDULED, 20), 15, id="scheduled, a quarter is too short"),
        pytest.param(waited(JobState.SCHEDULED, 200), 50, id="scheduled, a quarter"),
        pytest.param(waited(JobState.QUEUED, 200), 50, id="queued, a quarter"),
        pytest.param(waited(JobState.QUEUED, 2000), 120, id="queued, a quarter is too long"),
        pytest.param(waited(JobState.RUNNING, 240), 60, id="running without progress"),
        pytest.param(waited(JobState.SUSPENDED, 9000), 300, id="suspended"),
        pytest.param(paced(200), 70, id="running, 35 % of the time left"),
        pytest.param(paced(20), 15, id="running, nearly done"),
        pytest.param(paced(4000), 120, id="running, far from done"),
    ],
)
def test_interval_follows_the_situation(job: TrackedJob, seconds: float) -> None:
    """The table of situations, each with its wait until the next poll."""
    assert (SCHEDULE.next_poll_at(job, 0.0) or 0) - NOW == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("failure", "times", "draw", "seconds"),
    [
        pytest.param(FAILURE, 1, 0.0, 15, id="first fault, no jitter"),
        pytest.param(FAILURE, 1, 1.0, 30, id="first fault, full jitter"),
        pytest.param(FAILURE, 3, 1.0, 120, id="third fault doubles twice"),
        pytest.param(FAILURE, 3, 0.5, 67.5, id="third fault, half the jitter"),
        pytest.param(FAILURE, 99, 1.0, 600, id="many faults"),
        pytest.param(REFUSAL, 1, 1.0, 900, id="first refusal"),
        pytest.param(REFUSAL, 2, 1.0, 1800, id="second refusal"),
        pytest.param(REFUSAL, 99, 1.0, 21_600, id="many refusals"),
        pytest.param(replace(FAILURE, retry_at=NOW + 400), 1, 0.0, 400, id="Zoho asks for longer"),
        pytest.param(replace(FAILURE, retry_at=NOW + 5), 1, 0.0, 15, id="Zoho asks for less"),
        pytest.param(replace(FAILURE, is_account_wide=True), 9, 1.0, 15, id="the account waits, not the job"),
    ],
)
def test_failure_backs_off(failure: PollFailure, times: int, draw: float, seconds: float) -> None:
    """Faults back off with jitter, refusals without, and Zoho's own delay wins when it is longer."""
    assert SCHEDULE.next_poll_at(failed(failure, times), draw) == NOW + seconds


@pytest.mark.parametrize("state", [JobState.COMPLETED, JobState.FAILED])
def test_terminal_job_is_never_due(state: JobState) -> None:
    """An ended job costs nothing, whatever the clock does and however many credits there are."""
    job = polled(state)
    assert (job.next_poll_at, SCHEDULE.due_at(job, PLENTY)) == (None, None)
    assert not SCHEDULE.is_due(job, NOW + 1e9, PLENTY)
    assert not SCHEDULE.is_due(job, NOW - 1e9, PLENTY)


def test_job_never_polled_is_due() -> None:
    """The first scrape polls, however scarce credits are."""
    assert SCHEDULE.is_due(tracked(), NOW, 1.0)
    assert SCHEDULE.due_at(tracked(), 1.0) == NOW


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
def test_live_job_is_due_when_its_interval_is_over(age: float, *, is_due: bool) -> None:
    """A scrape polls once the interval is over, or a clock set back makes nonsense of it."""
    assert SCHEDULE.is_due(polled(), NOW + age, PLENTY) is is_due


def test_polled_job_without_a_plan_is_due() -> None:
    """A job whose next poll was never planned is polled at once."""
    assert SCHEDULE.is_due(replace(polled(), next_poll_at=None), NOW, PLENTY)


def test_zoho_s_own_delay_is_never_cut_short() -> None:
    """The slack for wandering scrapes does not apply where Zoho asked us to wait."""
    job = replace(failed(FAILURE, 1), next_poll_at=NOW + 15)
    assert not SCHEDULE.is_due(job, NOW + 14.9, PLENTY)
    assert SCHEDULE.is_due(job, NOW + 15, PLENTY)


@pytest.mark.parametrize(
    ("pressure", "stretched"),
    [
        pytest.param(0.0, set(), id="plenty"),
        pytest.param(0.2, {"suspended"}, id="suspended first"),
        pytest.param(0.4, {"suspended", "scheduled"}, id="then scheduled"),
        pytest.param(0.7, {"suspended", "scheduled", "slow"}, id="then slow"),
        pytest.param(0.9, {"suspended", "scheduled", "slow", "fast"}, id="fast last"),
    ],
)
def test_scarce_credits_stretch_in_order(pressure: float, stretched: set[str]) -> None:
    """The kinds of jobs give way one after the other."""
    jobs = {
        "suspended": waited(JobState.SUSPENDED, 10),
        "scheduled": waited(JobState.SCHEDULED, 10),
        "slow": paced(4000),
        "fast": paced(20),
    }
    ready = {name: replace(job, next_poll_at=SCHEDULE.next_poll_at(job, 0.0)) for name, job in jobs.items()}
    later = {name for name, job in ready.items() if (SCHEDULE.due_at(job, pressure) or 0) > (job.next_poll_at or 0)}
    assert later == stretched


@pytest.mark.parametrize(
    ("job", "seconds"),
    [
        pytest.param(waited(JobState.SUSPENDED, 10), [300, 3600, 3600, 3600, 3600], id="suspended"),
        pytest.param(waited(JobState.SCHEDULED, 10), [15, 15, 3600, 3600, 3600], id="scheduled"),
        pytest.param(waited(JobState.QUEUED, 10), [15, 15, 3600, 3600, 3600], id="queued"),
        pytest.param(paced(4000), [120, 120, 120, 3600, 3600], id="slow"),
        pytest.param(waited(JobState.RUNNING, 270.4), [67.6, 67.6, 67.6, 3600, 3600], id="just slow"),
        pytest.param(waited(JobState.RUNNING, 270), [67.5, 67.5, 67.5, 67.5, 3600], id="just fast"),
        pytest.param(paced(20), [15, 15, 15, 15, 3600], id="fast"),
    ],
)
def test_each_kind_gives_way_within_its_quarter(job: TrackedJob, seconds: list[float]) -> None:
    """At the end of its quarter of the pressure a kind of job is polled no oftener than it must be."""
    job = replace(job, next_poll_at=SCHEDULE.next_poll_at(job, 0.0))
    due = [SCHEDULE.due_at(job, pressure) for pressure in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert due == [NOW + wait for wait in seconds]


def test_stretch_grows_in_equal_ratios() -> None:
    """Half-way through its quarter a job waits for the geometric mean of its own wait and the longest."""
    assert (SCHEDULE.due_at(polled(), 0.875) or 0) - NOW == pytest.approx(232.379, abs=0.001)


STATES = st.sampled_from([state for state in JobState if not state.is_terminal])
COUNTS = st.none() | st.integers(0, 2**53)
REPORTS = st.builds(JobReport, STATES, COUNTS, COUNTS, COUNTS, COUNTS)
FAILURES = st.builds(
    PollFailure,
    st.just("timeout"),
    st.just(""),
    st.just(""),
    is_passing=st.booleans(),
    retry_at=st.none() | st.floats(NOW, NOW + 86_400),
    is_account_wide=st.booleans(),
)
OUTCOMES = st.lists(st.tuples(st.floats(0, 1e5), REPORTS | FAILURES), min_size=1, max_size=30)
SHARES = st.floats(0, 1)


def lived(outcomes: list[tuple[float, JobReport | PollFailure]], draw: float) -> TrackedJob:
    """Give a job that went through some outcomes, so many seconds apart."""
    job, now = tracked(), NOW
    for wait, outcome in outcomes:
        now += wait
        note = note_report(job, outcome, now) if isinstance(outcome, JobReport) else note_failure(job, outcome, now)
        job = replace(note, next_poll_at=SCHEDULE.next_poll_at(note, draw))
    return job


@given(OUTCOMES, SHARES)
def test_interval_stays_within_its_bounds_for_any_history(
    outcomes: list[tuple[float, JobReport | PollFailure]], draw: float
) -> None:
    """Whatever a job went through, it is polled again between the shortest and the longest wait of its situation."""
    job = lived(outcomes, draw)
    assert job.polled_at is not None
    assert job.next_poll_at is not None
    interval = job.next_poll_at - job.polled_at
    asked = max(0.0, (job.failure.retry_at or 0) - job.polled_at) if job.failure else 0.0
    longest = {True: 600.0, False: 21_600.0}[job.failure.is_passing] if job.failure else 300.0
    assert 15 - 1e-6 <= interval <= max(longest, asked) + 1e-6


@given(OUTCOMES, SHARES, SHARES, SHARES)
def test_stretch_only_lengthens_up_to_the_age_of_stale(
    outcomes: list[tuple[float, JobReport | PollFailure]], draw: float, pressure: float, more: float
) -> None:
    """More pressure never shortens a wait, and never lengthens it beyond `stale_after`."""
    job = lived(outcomes, draw)
    low, high = sorted((pressure, more))
    plain, some, all_ = (SCHEDULE.due_at(job, share) for share in (0.0, low, high))
    assert plain is not None
    assert some is not None
    assert all_ is not None
    assert job.polled_at is not None
    assert plain == job.next_poll_at
    assert plain <= some <= all_ <= max(plain, job.polled_at + 3600)


def test_constant_schedule_polls_at_one_interval() -> None:
    """Tests and demonstrations can ask for the same wait in every situation."""
    constant = constant_schedule(3)
    for job in (polled(JobState.SUSPENDED), paced(4000), failed(REFUSAL, 5)):
        assert constant.next_poll_at(job, 1.0) == NOW + 3


@pytest.mark.parametrize(("seconds", "is_due"), [(0.89, False), (0.9, True)])
def test_a_short_interval_has_a_tenth_of_it_as_slack(seconds: float, *, is_due: bool) -> None:
    """Half a second would be too much of it."""
    constant = constant_schedule(1)
    assert constant.is_due(polled(schedule=constant), NOW + seconds, PLENTY) is is_due


def test_constant_zero_polls_at_each_scrape_until_credits_are_scarce() -> None:
    """Without an interval there is still something to stretch."""
    constant = constant_schedule(0)
    job = polled(schedule=constant)
    assert constant.is_due(job, NOW, PLENTY)
    assert constant.due_at(job, 0.875) == NOW + 60
    assert constant.due_at(job, 1.0) == NOW + 3600


@given(OUTCOMES, SHARES, SHARES, st.floats(-1e6, 1e7))
def test_live_job_never_falls_silent(
    outcomes: list[tuple[float, JobReport | PollFailure]], draw: float, pressure: float, seconds: float
) -> None:
    """A job is due from its time on, and before its last poll: a clock set back does not silence it."""
    job = lived(outcomes, draw)
    due_at = SCHEDULE.due_at(job, pressure)
    assert due_at is not None
    assert job.polled_at is not None
    now = NOW + seconds
    if now >= due_at or now < job.polled_at:
        assert SCHEDULE.is_due(job, now, pressure)
    elif now < due_at - 0.5:
        assert not SCHEDULE.is_due(job, now, pressure)


def seen(state: JobState, *, unchanged: float = 0.0, running: float = 0.0) -> TrackedJob:
    """Give a job whose last good poll was just now: how long nothing changed by then, and how long it had run."""
    given = replace(tracked(), report=report(state), reported_at=NOW, polled_at=NOW, progressed_at=NOW - unchanged)
    return replace(given, started_at=NOW - running) if running else given


@pytest.mark.parametrize(
    ("job", "delay"),
    [
        pytest.param(seen(JobState.RUNNING, unchanged=1800), None, id="quiet for half an hour"),
        pytest.param(seen(JobState.RUNNING, unchanged=1801), Delay.STALLED, id="quiet for longer"),
        pytest.param(seen(JobState.RUNNING, unchanged=1801, running=14_401), Delay.STALLED, id="quiet after hours"),
        pytest.param(seen(JobState.RUNNING, running=14_400), None, id="moves for four hours"),
        pytest.param(seen(JobState.RUNNING, running=14_401), Delay.TAKES_TOO_LONG, id="moves for longer"),
        pytest.param(seen(JobState.QUEUED, unchanged=3600), None, id="queued for an hour"),
        pytest.param(seen(JobState.QUEUED, unchanged=3601), Delay.WAITS_LONG, id="queued for longer"),
        pytest.param(seen(JobState.SCHEDULED, unchanged=3601), Delay.WAITS_LONG, id="scheduled for longer"),
        pytest.param(seen(JobState.SUSPENDED, unchanged=86_400), None, id="suspended"),
        pytest.param(seen(JobState.COMPLETED, unchanged=86_400), None, id="ended"),
        pytest.param(tracked(), None, id="never polled"),
    ],
)
def test_jobs_are_late_from_one_moment_on(job: TrackedJob, delay: Delay | None) -> None:
    """Time is measured between good polls: of the time since the last one nothing is known."""
    assert schedule().delay_of(job) is delay
