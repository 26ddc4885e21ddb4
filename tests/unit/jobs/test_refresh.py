"""The main road of a scrape, without a network."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier, Event, Thread

import pytest
from samples import DEALS, LEADS, NOW, Clock, HeldExecutor, report

from exporter.errors import PassingError, RefusedError
from exporter.jobs.refresh import Lane, Refresher
from exporter.jobs.registry import Registry
from exporter.jobs.schedule import Schedule
from exporter.model import JobKey, JobReport, JobSource, JobSpec, JobState, PollFailure

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


class Scene:
    """A refresher of two jobs whose polls run when the test lets them."""

    def __init__(self, answer: Answer) -> None:
        self.clock = Clock()
        self.upstream = Upstream(answer)
        self.executor = HeldExecutor()
        self.registry = Registry()
        self.registry.track([JobSpec(key, JobSource.CONFIG) for key in (LEADS, DEALS)], NOW)
        lanes = {"acme": Lane(self.upstream, self.executor)}
        self.refresher = Refresher(self.registry, lanes, Schedule(15), self.clock)

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
    scene.clock.now += 1e6
    scene.scrape()
    assert len(scene.upstream.asked) == 2
    assert scene.refresher.tallies()["acme"].skipped["terminal"] == 2


def test_next_poll_is_announced() -> None:
    """The registry says when a job is due next."""
    scene = Scene(lambda _: report())
    scene.scrape()
    assert scene.registry.get(LEADS).next_poll_at == NOW + 15


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
    assert scene.registry.get(LEADS).report is None
    scene.executor.run()
    assert scene.registry.get(LEADS).report == report()


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
    assert scene.registry.get(DEALS).report == report()
    assert scene.registry.get(LEADS).failure == PollFailure(
        "NO_PERMISSION", "permission denied", "ask the administrator"
    )
    assert scene.refresher.tallies()["acme"].errors == {("Leads", "NO_PERMISSION"): 1}


def test_unforeseen_error_is_logged_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    """An error of our own ends the poll, not the thread, and leaves a trace."""
    scene = Scene(fail(ZeroDivisionError("boom")))
    scene.scrape()
    failure = scene.registry.get(LEADS).failure
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
    assert scene.registry.get(LEADS).failure is None


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
    registry = Registry()
    registry.track([JobSpec(LEADS, JobSource.CONFIG)], NOW)
    refresher = Refresher(registry, {"acme": Lane(upstream, threads)}, Schedule(15), Clock())
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
    assert registry.get(LEADS).report == report()


def test_concurrency_stays_within_the_lane() -> None:
    """No more polls are under way at once than the account allows."""
    full, waiting = Barrier(3), []

    def answer(key: JobKey) -> JobReport:
        waiting.append(key)
        full.wait(10)  # breaks unless exactly three are under way together
        return report()

    keys = [JobKey("acme", "Leads", str(number)) for number in range(9)]
    registry = Registry()
    registry.track([JobSpec(key, JobSource.CONFIG) for key in keys], NOW)
    lane = Lane.with_threads("acme", answer, 3)
    refresher = Refresher(registry, {"acme": lane}, Schedule(15), Clock())
    refresher.refresh(10)
    refresher.close()
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
    registry = Registry()
    registry.track([JobSpec(key, JobSource.CONFIG) for key in (LEADS, DEALS)], NOW)
    lane = Lane.with_threads("acme", upstream, 1)
    refresher = Refresher(registry, {"acme": lane}, Schedule(15), Clock())
    refresher.refresh(0)
    assert begun.wait(10)
    refresher.close()
    release.set()
    lane.executor.shutdown(wait=True)
    assert upstream.asked == [DEALS]


def test_lost_outcome_is_logged(caplog: pytest.LogCaptureFixture, threads: ThreadPoolExecutor) -> None:
    """An error in what we do with an outcome does not vanish in a thread."""
    caplog.set_level(logging.ERROR)
    registry = Registry()
    registry.track([JobSpec(LEADS, JobSource.CONFIG)], NOW)

    def answer(_: JobKey) -> JobReport:
        return "not a report"  # type: ignore[return-value]

    refresher = Refresher(registry, {"acme": Lane(answer, threads)}, Schedule(15), Clock())
    refresher.refresh(10)
    threads.shutdown(wait=True)
    assert "a poll's outcome was lost" in caplog.text
