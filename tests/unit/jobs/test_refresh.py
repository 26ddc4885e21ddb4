"""The main road of a scrape, without a network."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier, Event, Thread

import pytest
from samples import DEALS, FAILURE, LEADS, NOW, Clock, HeldExecutor, MemoryJournal, report, tracked

from exporter.errors import (
    HeldBackError,
    PassingError,
    PollError,
    RefusedError,
    ThrottledError,
    TokenRefusedError,
)
from exporter.jobs.outcome import note_failure
from exporter.jobs.refresh import Lane, Refresher, Skip
from exporter.jobs.schedule import Schedule
from exporter.jobs.table import Registry
from exporter.model import JobKey, JobReport, JobSource, JobSpec, JobState, PollFailure, TrackedJob

Answer = Callable[[JobKey], JobReport]


class Upstream:
    """Answers polls as a test says, and remembers them."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[JobKey] = []

    def __call__(self, key: JobKey) -> JobReport:
        """Answer a poll."""
        self.asked.append(key)
        return self.answer(key)


def fail(error: Exception) -> Answer:
    """Answer with an error."""

    def answer(_: JobKey) -> JobReport:
        raise error

    return answer


def watched(registry: Registry, key: JobKey) -> TrackedJob:
    """Give a job that must be tracked."""
    job = registry.get(key)
    assert job is not None
    return job


class Scene:
    """A refresher of two jobs whose polls run when the test lets them."""

    def __init__(self, answer: Answer, *, pressure: float = 0.0) -> None:
        self.clock = Clock()
        self.upstream = Upstream(answer)
        self.executor = HeldExecutor()
        self.registry = Registry(MemoryJournal())
        self.registry.declare([JobSpec(key, JobSource.CONFIG) for key in (LEADS, DEALS)], NOW, accounts={"acme"})
        lanes = {"acme": Lane(self.upstream, self.executor, lambda _: pressure)}
        self.refresher = Refresher(self.registry, lanes, Schedule.constant(15), clock=self.clock)

    def scrape(self) -> None:
        """Begin polls with no time to wait for them, then let them end."""
        self.refresher.refresh(0)
        self.executor.run()


def test_due_jobs_are_polled_and_land_in_the_registry() -> None:
    """A scrape polls each job once; the reports are there afterwards."""
    scene = Scene(lambda _: report())
    scene.scrape()
    assert scene.upstream.asked == [DEALS, LEADS]
    assert [job.report for job in scene.registry.jobs()] == [report(), report()]
    assert scene.refresher.tallies()["acme"].polls == {"Deals": 1, "Leads": 1}


def test_fresh_jobs_cost_nothing() -> None:
    """A second scrape within the freshness polls nothing and says so."""
    scene = Scene(lambda _: report())
    scene.scrape()
    scene.clock.now += 7
    scene.scrape()
    assert len(scene.upstream.asked) == 2
    assert scene.refresher.tallies()["acme"].skipped["fresh"] == 2


def test_terminal_jobs_are_never_asked_for_again() -> None:
    """A final report is latched."""
    scene = Scene(lambda _: report(JobState.COMPLETED))
    scene.scrape()
    scene.clock.now += 86_400
    scene.scrape()
    assert len(scene.upstream.asked) == 2
    assert scene.refresher.tallies()["acme"].skipped["terminal"] == 2


def test_next_poll_is_announced() -> None:
    """The registry says when a job is due next."""
    scene = Scene(lambda _: report())
    scene.scrape()
    assert watched(scene.registry, LEADS).next_poll_at == NOW + 15


def test_poll_in_flight_is_joined() -> None:
    """A scrape that finds a poll under way joins it."""
    scene = Scene(lambda _: report())
    scene.refresher.refresh(0)
    scene.scrape()
    tally = scene.refresher.tallies()["acme"]
    assert len(scene.upstream.asked) == 2
    assert tally.coalesced == 2


def test_polls_that_outlive_the_scrape_are_counted_and_land_later() -> None:
    """At the deadline the scrape goes on without them; they land for the next one."""
    scene = Scene(lambda _: report())
    scene.refresher.refresh(0)
    assert scene.refresher.tallies()["acme"].skipped["deadline"] == 2
    assert watched(scene.registry, LEADS).report is None
    scene.executor.run()
    assert watched(scene.registry, LEADS).report == report()


def test_oldest_report_is_renewed_first() -> None:
    """Where the deadline leaves time for one poll, the job polled longest ago gets it."""
    scene = Scene(lambda _: report())
    scene.scrape()
    scene.registry.update(LEADS, lambda job: replace(job, polled_at=NOW - 1))
    scene.clock.now += 20
    scene.scrape()
    assert scene.upstream.asked[2:] == [LEADS, DEALS]


def test_failed_poll_is_counted_by_its_code_and_spoils_nothing() -> None:
    """One job's failure leaves the other's report alone."""

    def answer(key: JobKey) -> JobReport:
        if key == LEADS:
            raise RefusedError("NO_PERMISSION", "permission denied", advice="ask the administrator")
        return report()

    scene = Scene(answer)
    scene.scrape()
    assert watched(scene.registry, DEALS).report == report()
    assert watched(scene.registry, LEADS).failure == PollFailure(
        "NO_PERMISSION", "permission denied", "ask the administrator", is_passing=False
    )
    assert scene.refresher.tallies()["acme"].errors == {("Leads", "NO_PERMISSION"): 1}


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        pytest.param(
            PassingError("invalid_response", "HTTP 503", advice="wait", retry_after_seconds=90),
            PollFailure("invalid_response", "HTTP 503", "wait", retry_at=NOW + 90),
            id="passing, with Zoho's own delay",
        ),
        pytest.param(
            ThrottledError("TOO_MANY_REQUESTS", "slow down", advice="wait"),
            PollFailure("TOO_MANY_REQUESTS", "slow down", "wait", is_account_wide=True),
            id="throttled",
        ),
        pytest.param(
            TokenRefusedError("invalid_code", "refused", advice="new token", retry_at=NOW + 900),
            PollFailure("token_refused", "refused", "new token", is_account_wide=True),
            id="no token",
        ),
    ],
)
def test_failure_tells_how_to_go_on(error: PollError, failure: PollFailure) -> None:
    """Whether the fault passes, whom it concerns and when Zoho allows the next attempt reach the schedule."""
    scene = Scene(fail(error))
    scene.scrape()
    assert watched(scene.registry, LEADS).failure == failure


@pytest.mark.parametrize("reason", ["budget", "circuit"])
def test_poll_held_back_is_no_poll(reason: str) -> None:
    """Where the account may not call, the job stays as it was, nothing is counted as a poll, and the reason is."""
    scene = Scene(fail(HeldBackError(reason, "not now")))
    scene.scrape()
    tally = scene.refresher.tallies()["acme"]
    assert watched(scene.registry, LEADS) == tracked(LEADS)
    assert tally.polls == {}
    assert tally.skipped == {"fresh": 0, "terminal": 0, "budget": 0, "backoff": 0, "circuit": 0, "deadline": 2} | {
        reason: 2
    }


def test_failed_job_backs_off() -> None:
    """A job that waits after a failure is told apart from a fresh one."""
    scene = Scene(fail(PassingError("timeout", "silence")))
    scene.scrape()
    scene.clock.now += 5
    scene.scrape()
    assert scene.refresher.tallies()["acme"].skipped["backoff"] == 2


def test_scarce_credits_stretch_the_interval() -> None:
    """A job that would be due, but for the budget, is counted as held back by it."""
    scene = Scene(lambda _: report(), pressure=0.99)
    scene.scrape()
    scene.clock.now += 15
    scene.scrape()
    assert len(scene.upstream.asked) == 2
    assert scene.refresher.tallies()["acme"].skipped["budget"] == 2


def test_page_shows_the_next_poll_as_the_budget_allows_it() -> None:
    """The announced next poll is the stretched one, and stale reports are not shown."""
    scene = Scene(lambda _: report(), pressure=1.0)
    scene.scrape()
    assert [job.next_poll_at for job in scene.refresher.view(3600)] == [NOW + 3600, NOW + 3600]
    scene.clock.now += 3601
    assert [job.report for job in scene.refresher.view(3600)] == [None, None]


def test_jobs_whose_time_is_over_are_let_go() -> None:
    """A scrape retires ended jobs after their retention."""
    scene = Scene(lambda _: report(JobState.FAILED))
    scene.scrape()
    scene.clock.now += 8 * 86_400
    scene.scrape()
    assert scene.registry.jobs() == ()
    assert len(scene.upstream.asked) == 2


def test_unforeseen_error_is_logged_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    """An error of our own ends the poll, not the thread, and leaves a trace."""
    scene = Scene(fail(ZeroDivisionError("boom")))
    scene.scrape()
    failure = watched(scene.registry, LEADS).failure
    assert failure is not None
    assert failure.code == "other"
    assert "a poll ended in a way nobody foresaw" in caplog.text
    assert scene.refresher.tallies()["acme"].errors[("Leads", "other")] == 1


def test_job_recovers() -> None:
    """The poll after a failed one clears the failure."""
    scene = Scene(fail(PassingError("timeout", "silence")))
    scene.scrape()
    scene.upstream.answer = lambda _: report()
    scene.clock.now += 15
    scene.scrape()
    assert watched(scene.registry, LEADS).failure is None


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    """Give real threads."""
    with ThreadPoolExecutor(4) as executor:
        yield executor


def test_concurrent_scrapes_share_each_poll(threads: ThreadPoolExecutor) -> None:
    """Eight scrapes at the same moment ask for each job once."""
    begun, release = Event(), Event()

    def answer(_: JobKey) -> JobReport:
        begun.set()
        assert release.wait(10)
        return report()

    upstream = Upstream(answer)
    registry = Registry(MemoryJournal())
    registry.declare([JobSpec(LEADS, JobSource.CONFIG)], NOW, accounts={"acme"})
    refresher = Refresher(registry, {"acme": Lane(upstream, threads)}, Schedule.constant(15), clock=Clock())
    start = Barrier(9)

    def scrape() -> None:
        start.wait(10)
        refresher.refresh(10)

    scrapes = [Thread(target=scrape) for _ in range(8)]
    for thread in scrapes:
        thread.start()
    start.wait(10)
    assert begun.wait(10)
    release.set()
    for thread in scrapes:
        thread.join(10)
    assert upstream.asked == [LEADS]
    assert watched(registry, LEADS).report == report()


def test_concurrency_stays_within_the_lane() -> None:
    """No more polls are under way at once than the account allows."""
    full, waiting = Barrier(3), []

    def answer(key: JobKey) -> JobReport:
        waiting.append(key)
        full.wait(10)  # breaks unless exactly three are under way together
        return report()

    keys = [JobKey("acme", "Leads", str(number)) for number in range(9)]
    registry = Registry(MemoryJournal())
    registry.declare([JobSpec(key, JobSource.CONFIG) for key in keys], NOW, accounts={"acme"})
    lane = Lane.with_threads("acme", answer, lambda _: 0.0, 3)
    refresher = Refresher(registry, {"acme": lane}, Schedule.constant(15), clock=Clock())
    refresher.refresh(10)
    refresher.close(0)
    assert sorted(waiting) == keys
    assert all(job.report == report() for job in registry.jobs())


def test_closed_refresher_drops_what_has_not_begun() -> None:
    """After `close` no poll begins, and none that waits is run."""
    begun, release = Event(), Event()

    def answer(_: JobKey) -> JobReport:
        begun.set()
        assert release.wait(10)
        return report()

    upstream = Upstream(answer)
    registry = Registry(MemoryJournal())
    registry.declare([JobSpec(key, JobSource.CONFIG) for key in (LEADS, DEALS)], NOW, accounts={"acme"})
    lane = Lane.with_threads("acme", upstream, lambda _: 0.0, 1)
    refresher = Refresher(registry, {"acme": lane}, Schedule.constant(15), clock=Clock())
    refresher.refresh(0)
    assert begun.wait(10)
    refresher.close(0)
    release.set()
    lane.executor.shutdown(wait=True)
    assert upstream.asked == [DEALS]


def test_close_does_not_wait_for_what_has_not_begun(caplog: pytest.LogCaptureFixture) -> None:
    """A stop that drops waiting polls abandons the one under way alone, and is over when that is."""
    begun, release = Event(), Event()

    def answer(_: JobKey) -> JobReport:
        begun.set()
        assert release.wait(10)
        return report()

    registry = Registry(MemoryJournal())
    registry.declare([JobSpec(key, JobSource.CONFIG) for key in (LEADS, DEALS)], NOW, accounts={"acme"})
    lane = Lane.with_threads("acme", answer, lambda _: 0.0, 1)
    refresher = Refresher(registry, {"acme": lane}, Schedule.constant(15), clock=Clock())
    refresher.refresh(0)
    assert begun.wait(10)
    refresher.close(0)
    release.set()
    assert [vars(record)["polls"] for record in caplog.records if "abandoned" in record.message] == [1]


def test_close_waits_for_polls_under_way(caplog: pytest.LogCaptureFixture) -> None:
    """A stop waits for what is under way as long as its grace, and says what it abandons."""
    begun, release = Event(), Event()

    def answer(_: JobKey) -> JobReport:
        begun.set()
        assert release.wait(10)
        return report()

    registry = Registry(MemoryJournal())
    registry.declare([JobSpec(LEADS, JobSource.CONFIG)], NOW, accounts={"acme"})
    lane = Lane.with_threads("acme", answer, lambda _: 0.0, 1)
    refresher = Refresher(registry, {"acme": lane}, Schedule.constant(15), clock=Clock())
    refresher.refresh(0)
    assert begun.wait(10)
    refresher.close(0)
    assert "polls are abandoned" in caplog.text
    release.set()
    refresher.close(10)
    assert watched(registry, LEADS).report == report()


def test_lost_outcome_is_logged(caplog: pytest.LogCaptureFixture, threads: ThreadPoolExecutor) -> None:
    """An error in what we do with an outcome does not vanish in a thread."""
    caplog.set_level(logging.ERROR)
    registry = Registry(MemoryJournal())
    registry.declare([JobSpec(LEADS, JobSource.CONFIG)], NOW, accounts={"acme"})

    def answer(_: JobKey) -> JobReport:
        return "not a report"  # type: ignore[return-value]

    refresher = Refresher(registry, {"acme": Lane(answer, threads)}, Schedule.constant(15), clock=Clock())
    refresher.refresh(10)
    threads.shutdown(wait=True)
    assert "a poll's outcome was lost" in caplog.text


def test_one_job_is_polled_for_a_probe() -> None:
    """Only the job asked for is looked at and polled."""
    scene = Scene(lambda _: report())
    scene.refresher.refresh(0, {LEADS})
    scene.executor.run()
    assert scene.upstream.asked == [LEADS]
    assert [job.spec.key for job in scene.refresher.view(3600, {LEADS})] == [LEADS]


def test_refused_jobs_are_due_again_on_request() -> None:
    """After a reload a refused job is tried at once; one with a passing fault keeps its pause."""
    scene = Scene(fail(RefusedError("NO_PERMISSION", "denied")))
    scene.scrape()
    scene.registry.update(DEALS, lambda job: note_failure(job, FAILURE, NOW))
    scene.clock.now += 1
    scene.refresher.retry_refused()
    scene.scrape()
    assert scene.upstream.asked[2:] == [LEADS]


def test_another_lane_and_schedule_are_taken() -> None:
    """After a reload polls take the new road, at the new pace, and the counts go on."""
    scene = Scene(lambda _: report())
    scene.scrape()
    other = Upstream(lambda _: report(JobState.COMPLETED))
    scene.refresher.reconfigure({"acme": Lane(other, scene.executor)}, Schedule.constant(5))
    scene.clock.now += 20
    scene.scrape()
    assert (scene.upstream.asked, other.asked) == ([DEALS, LEADS], [DEALS, LEADS])
    assert scene.refresher.tallies()["acme"].polls == {"Deals": 2, "Leads": 2}


def test_jobs_of_an_account_that_is_gone_are_left_alone() -> None:
    """Between a reload and the end of its jobs a scrape finds no lane, and polls nothing."""
    scene = Scene(lambda _: report())
    scene.refresher.reconfigure({}, Schedule())
    scene.scrape()
    assert (scene.upstream.asked, scene.refresher.tallies()) == ([], {})


@pytest.mark.parametrize(
    ("answer", "age", "pressure", "skip"),
    [
        pytest.param(lambda _: report(), 7, 0.0, Skip.FRESH, id="fresh"),
        pytest.param(lambda _: report(), 15, 0.0, None, id="due"),
        pytest.param(lambda _: report(), 15, 1.0, Skip.BUDGET, id="credits are scarce"),
        pytest.param(lambda _: report(JobState.COMPLETED), 15, 0.0, Skip.TERMINAL, id="ended"),
        pytest.param(fail(RefusedError("NO_PERMISSION", "denied")), 7, 0.0, Skip.BACKOFF, id="refused"),
    ],
)
def test_plan_tells_what_a_scrape_would_do(answer: Answer, age: float, pressure: float, skip: Skip | None) -> None:
    """A question about a job does not poll it."""
    scene = Scene(answer, pressure=pressure)
    scene.scrape()
    scene.clock.now += age
    assert scene.refresher.plan(watched(scene.registry, LEADS)).skip is skip
    assert len(scene.upstream.asked) == 2
