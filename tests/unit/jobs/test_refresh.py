"""The main road of a scrape, without a network."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from threading import Barrier, Event, Thread
from threading import enumerate as threads

import pytest
from samples import DEALS, FAILURE, LEADS, NOW, Clock, constant_schedule, report, schedule, tracked
from upstreams import Answer, PlayedUpstream

from exporter.errors import (
    HeldBackError,
    PassingError,
    PollError,
    RefusedError,
    ThrottledError,
    TokenRefusedError,
)
from exporter.jobs.outcome import note_failure
from exporter.jobs.refresh import Refresher, Skip
from exporter.jobs.table import JobTable, Retention
from exporter.model import JobKey, JobReport, JobSource, JobSpec, JobState, PollFailure, TrackedJob
from exporter.state import Purse, SqliteStore

DAY = 86_400.0
PATIENCE_SECONDS = 10.0
RETENTION = Retention(
    retention_seconds=7 * DAY,
    unknown_retention_seconds=DAY,
    probe_retention_seconds=DAY,
    max_jobs=1000,
    max_probed_jobs=100,
)
NOT_FOUND = RefusedError("NOT_FOUND", "no such job")


def fail(error: Exception) -> Answer:
    """Answer with an error."""

    def answer(_: JobKey) -> JobReport:
        raise error

    return answer


class Scene:
    """A refresher of two jobs, whose polls wait for the upstream's gate."""

    def __init__(
        self,
        answer: Answer = lambda _: report(),
        *,
        keys: tuple[JobKey, ...] = (LEADS, DEALS),
        pressure: float = 0.0,
        max_concurrency: int = 1,
    ) -> None:
        self.clock = Clock()
        self.store = SqliteStore(None, self.clock)
        self.upstream = self.way(answer, pressure=pressure, max_concurrency=max_concurrency)
        self.table = JobTable(self.store, RETENTION)
        self.table.declare([JobSpec(key, JobSource.CONFIG) for key in keys], NOW, accounts={"acme"})
        self.landed: list[bool] = []
        self.refresher = Refresher(
            self.table, {"acme": self.upstream}, constant_schedule(15), clock=self.clock, landed=self.landed.append
        )

    def way(self, answer: Answer, *, pressure: float = 0.0, max_concurrency: int = 1) -> PlayedUpstream:
        """Give a way to Zoho."""
        account = self.store.account("acme")
        return PlayedUpstream(account, answer, pressure=pressure, max_concurrency=max_concurrency)

    def scrape(self, keys: set[JobKey] | None = None) -> None:
        """Poll what is due, and wait until that has landed."""
        self.refresher.refresh(time.monotonic() + PATIENCE_SECONDS, keys)

    def watched(self, key: JobKey) -> TrackedJob:
        """Give a job that must be tracked."""
        job = self.table.get(key)
        assert job is not None
        return job


def eventually(look: Callable[[], bool]) -> None:
    """Wait for what another thread is about to do."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not look():
        assert time.monotonic() < deadline, "gave up"
        Event().wait(0.01)


def started(work: Callable[[], None]) -> Thread:
    """Do something in a thread."""
    thread = Thread(target=work)
    thread.start()
    return thread


def polling() -> list[Thread]:
    """Give the threads that poll."""
    return [thread for thread in threads() if thread.name == "poll-acme"]


def test_due_jobs_are_polled_and_land_in_the_table() -> None:
    """A scrape polls each job once; the reports are there afterwards."""
    scene = Scene()
    scene.scrape()
    assert scene.upstream.asked == [DEALS, LEADS]
    assert [job.report for job in scene.table.jobs()] == [report(), report()]
    assert scene.refresher.tally("acme").polls == {"Deals": 1, "Leads": 1}


def test_fresh_jobs_cost_nothing() -> None:
    """A second scrape within the freshness polls nothing and says so."""
    scene = Scene()
    scene.scrape()
    scene.clock.now += 7
    scene.scrape()
    assert len(scene.upstream.asked) == 2
    assert scene.refresher.tally("acme").skipped["fresh"] == 2


def test_terminal_jobs_are_never_asked_for_again() -> None:
    """A final report is latched."""
    scene = Scene(lambda _: report(JobState.COMPLETED))
    scene.scrape()
    scene.clock.now += 86_400
    scene.scrape()
    assert len(scene.upstream.asked) == 2
    assert scene.refresher.tally("acme").skipped["terminal"] == 2


def test_next_poll_is_announced() -> None:
    """The table says when a job is due next."""
    scene = Scene()
    scene.scrape()
    assert scene.watched(LEADS).next_poll_at == NOW + 15


def test_poll_in_flight_is_joined() -> None:
    """A scrape that finds a poll under way joins it."""
    scene = Scene()
    scene.upstream.gate.clear()
    scene.refresher.refresh(0)
    joining = started(scene.scrape)
    eventually(lambda: scene.refresher.tally("acme").coalesced == 2)
    scene.upstream.gate.set()
    joining.join(PATIENCE_SECONDS)
    tally = scene.refresher.tally("acme")
    assert len(scene.upstream.asked) == 2
    assert tally.coalesced == 2


def test_polls_that_outlive_the_scrape_are_counted_and_land_later() -> None:
    """At the deadline the scrape goes on without them; they land for the next one, and the last says so."""
    scene = Scene()
    scene.upstream.gate.clear()
    scene.refresher.refresh(0)
    assert scene.refresher.tally("acme").skipped["deadline"] == 2
    assert scene.watched(LEADS).report is None
    scene.upstream.gate.set()
    assert scene.upstream.rested.wait(PATIENCE_SECONDS)
    assert scene.watched(LEADS).report == report()
    assert scene.landed == [False, True]


def test_oldest_report_is_renewed_first() -> None:
    """Where the deadline leaves time for one poll, the job polled longest ago gets it."""
    scene = Scene()
    scene.scrape()
    scene.store.account("acme").change(LEADS, lambda job: replace(job, polled_at=NOW - 1))
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
    assert scene.watched(DEALS).report == report()
    assert scene.watched(LEADS).failure == PollFailure(
        "NO_PERMISSION", "permission denied", "ask the administrator", is_passing=False
    )
    assert scene.refresher.tally("acme").errors == {("Leads", "NO_PERMISSION"): 1}


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
    assert scene.watched(LEADS).failure == failure


@pytest.mark.parametrize("reason", ["budget", "circuit"])
def test_poll_held_back_is_no_poll(reason: str) -> None:
    """Where the account may not call, the job stays as it was, nothing is counted as a poll, and the reason is."""
    scene = Scene(fail(HeldBackError(reason, "not now")))
    scene.scrape()
    tally = scene.refresher.tally("acme")
    assert scene.watched(LEADS) == tracked(LEADS)
    assert tally.polls == {}
    assert tally.skipped == {"fresh": 0, "terminal": 0, "budget": 0, "backoff": 0, "circuit": 0, "deadline": 0} | {
        reason: 2
    }


def test_failed_job_backs_off() -> None:
    """A job that waits after a failure is told apart from a fresh one."""
    scene = Scene(fail(PassingError("timeout", "silence")))
    scene.scrape()
    scene.clock.now += 5
    scene.scrape()
    assert scene.refresher.tally("acme").skipped["backoff"] == 2


def test_scarce_credits_stretch_the_interval() -> None:
    """A job that would be due, but for the budget, is counted as held back by it."""
    scene = Scene(lambda _: report(), pressure=0.99)
    scene.scrape()
    scene.clock.now += 15
    scene.scrape()
    assert len(scene.upstream.asked) == 2
    assert scene.refresher.tally("acme").skipped["budget"] == 2


def test_page_shows_the_next_poll_as_the_budget_allows_it() -> None:
    """The announced next poll is the stretched one, and stale reports are not shown."""
    scene = Scene(lambda _: report(), pressure=1.0)
    scene.scrape()
    assert [job.next_poll_at for job in scene.refresher.view()] == [NOW + 3600, NOW + 3600]
    scene.clock.now += 3601
    assert [job.report for job in scene.refresher.view()] == [None, None]


def test_jobs_whose_time_is_over_are_let_go() -> None:
    """A scrape retires ended jobs after their retention."""
    scene = Scene(lambda _: report(JobState.FAILED))
    scene.scrape()
    scene.clock.now += 8 * 86_400
    scene.scrape()
    assert scene.table.jobs() == ()
    assert len(scene.upstream.asked) == 2


def test_unforeseen_error_is_logged_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    """An error of our own ends the poll, not the thread, and leaves a trace."""
    scene = Scene(fail(ZeroDivisionError("boom")))
    scene.scrape()
    failure = scene.watched(LEADS).failure
    assert failure is not None
    assert failure.code == "other"
    assert "a poll ended in a way nobody foresaw" in caplog.text
    assert scene.refresher.tally("acme").errors[("Leads", "other")] == 1


@pytest.mark.parametrize(
    ("end", "told"),
    [
        pytest.param(report(JobState.FAILED), ("WARNING", "job is FAILED"), id="failed"),
        pytest.param(
            report(JobState.COMPLETED, updated=49, failed=1, not_updated=0),
            ("WARNING", "job is COMPLETED"),
            id="in part",
        ),
        pytest.param(
            report(JobState.COMPLETED, updated=49, failed=0, not_updated=1),
            ("WARNING", "job is COMPLETED"),
            id="left out",
        ),
        pytest.param(
            report(JobState.COMPLETED, updated=50, failed=0, not_updated=0), ("INFO", "job is COMPLETED"), id="in full"
        ),
        pytest.param(report(), ("INFO", "job is RUNNING"), id="runs"),
    ],
)
def test_state_is_logged_as_what_it_means(
    caplog: pytest.LogCaptureFixture, end: JobReport, told: tuple[str, str]
) -> None:
    """What a person should look at is a warning; once, however often it is polled."""
    caplog.set_level(logging.INFO)
    scene = Scene(lambda _: end, keys=(LEADS,))
    scene.scrape()
    scene.clock.now += 60
    scene.scrape()
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [told]


def test_job_recovers() -> None:
    """The poll after a failed one clears the failure."""
    scene = Scene(fail(PassingError("timeout", "silence")))
    scene.scrape()
    scene.upstream.answer = lambda _: report()
    scene.clock.now += 15
    scene.scrape()
    assert scene.watched(LEADS).failure is None


def test_concurrent_scrapes_share_each_poll() -> None:
    """Eight scrapes at the same moment ask for each job once."""
    scene = Scene(keys=(LEADS,))
    scene.upstream.gate.clear()
    start = Barrier(9)

    def scrape() -> None:
        start.wait(PATIENCE_SECONDS)
        scene.scrape()

    scrapes = [started(scrape) for _ in range(8)]
    start.wait(PATIENCE_SECONDS)
    assert scene.upstream.begun.wait(PATIENCE_SECONDS)
    scene.upstream.gate.set()
    for thread in scrapes:
        thread.join(PATIENCE_SECONDS)
    assert scene.upstream.asked == [LEADS]
    assert scene.watched(LEADS).report == report()


def test_concurrency_stays_within_the_account() -> None:
    """No more polls are under way at once than the account allows."""
    full, waiting = Barrier(3), []

    def answer(key: JobKey) -> JobReport:
        waiting.append(key)
        full.wait(PATIENCE_SECONDS)  # breaks unless exactly three are under way together
        return report()

    keys = tuple(JobKey("acme", "Leads", str(number)) for number in range(9))
    scene = Scene(answer, keys=keys, max_concurrency=3)
    scene.scrape()
    scene.refresher.close(0)
    assert tuple(sorted(waiting)) == keys
    assert all(job.report == report() for job in scene.table.jobs())


def test_scrape_that_has_waited_enough_goes_on() -> None:
    """Its poll is left to land, and the others wait for it still; what was enough before does not wait at all."""
    scene = Scene(keys=(LEADS,))
    scene.upstream.gate.clear()
    patient, enough = started(scene.scrape), Event()
    assert scene.upstream.begun.wait(PATIENCE_SECONDS)
    hurried = started(lambda: scene.refresher.refresh(time.monotonic() + 600, enough=enough))
    eventually(lambda: scene.refresher.tally("acme").coalesced == 1)
    enough.set()
    hurried.join(PATIENCE_SECONDS)
    scene.refresher.refresh(time.monotonic() + 600, enough=enough)
    waits = hurried.is_alive(), patient.is_alive()
    scene.upstream.gate.set()
    patient.join(PATIENCE_SECONDS)
    assert waits == (False, True)
    assert scene.watched(LEADS).report == report()
    assert scene.refresher.tally("acme").skipped["deadline"] == 2


def test_closed_refresher_drops_what_has_not_begun() -> None:
    """After `close` no poll begins, and none that waits is run."""
    scene = Scene()
    scene.upstream.gate.clear()
    scene.refresher.refresh(0)
    assert scene.upstream.begun.wait(PATIENCE_SECONDS)
    scene.refresher.close(0)
    scene.upstream.gate.set()
    assert scene.upstream.rested.wait(PATIENCE_SECONDS)
    assert scene.upstream.asked == [DEALS]


def test_close_does_not_wait_for_what_has_not_begun(caplog: pytest.LogCaptureFixture) -> None:
    """A stop that drops waiting polls abandons the one under way alone, and is over when that is."""
    scene = Scene()
    scene.upstream.gate.clear()
    scene.refresher.refresh(0)
    assert scene.upstream.begun.wait(PATIENCE_SECONDS)
    scene.refresher.close(0)
    scene.upstream.gate.set()
    assert [vars(record)["polls"] for record in caplog.records if "abandoned" in record.message] == [1]


def test_close_waits_for_polls_under_way_and_for_the_accounts_rest(caplog: pytest.LogCaptureFixture) -> None:
    """What they gave is in the table then, and what was held for others is given back."""
    scene = Scene(keys=(LEADS,))
    scene.upstream.gate.clear()
    scene.upstream.may_rest.clear()
    scene.refresher.refresh(0)
    assert scene.upstream.begun.wait(PATIENCE_SECONDS)
    closing = started(lambda: scene.refresher.close(PATIENCE_SECONDS))
    scene.upstream.gate.set()
    assert scene.upstream.resting.wait(PATIENCE_SECONDS)
    closing.join(0.2)
    assert closing.is_alive()
    scene.upstream.may_rest.set()
    closing.join(PATIENCE_SECONDS)
    assert scene.upstream.rests == 1
    assert scene.watched(LEADS).report == report()
    assert not caplog.text


def test_poll_that_is_abandoned_gives_up_its_right() -> None:
    """Others need not wait until its claim is over."""
    scene = Scene(keys=(LEADS,))
    scene.upstream.gate.clear()
    scene.refresher.refresh(0)
    assert scene.upstream.begun.wait(PATIENCE_SECONDS)
    scene.refresher.close(0)
    scene.upstream.account.claim(LEADS, Purse(None), 60)
    scene.upstream.gate.set()
    assert scene.upstream.rested.wait(PATIENCE_SECONDS)
    assert scene.watched(LEADS).report is None


def test_polling_threads_hold_up_no_end() -> None:
    """The interpreter ends without them, whatever they wait for."""
    scene = Scene(keys=(LEADS,))
    scene.upstream.gate.clear()
    scene.refresher.refresh(0)
    assert scene.upstream.begun.wait(PATIENCE_SECONDS)
    at_work = polling()
    scene.upstream.gate.set()
    assert at_work
    assert all(thread.daemon for thread in at_work)


def test_lost_outcome_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """An error in what we do with an outcome does not vanish in a thread, and leaves no claim behind."""
    caplog.set_level(logging.ERROR)
    scene = Scene(lambda _: "not a report", keys=(LEADS,))  # type: ignore[arg-type, return-value]
    scene.scrape()
    assert scene.upstream.rested.wait(PATIENCE_SECONDS)
    assert "a poll's outcome was lost" in caplog.text
    scene.upstream.answer = lambda _: report()
    scene.scrape()
    assert scene.watched(LEADS).report == report()


def test_scrape_ends_at_its_deadline() -> None:
    """The deadline is a time on the stopwatch, whatever the clock on the wall does; a late poll is left to land."""
    scene, stopwatch = Scene(keys=(LEADS,)), Clock(100.0)
    refresher = Refresher(
        scene.table, {"acme": scene.upstream}, constant_schedule(15), clock=scene.clock, stopwatch=stopwatch
    )
    scene.upstream.gate.clear()
    refresher.refresh(100.0)
    refresher.refresh(99.0)
    scene.upstream.gate.set()
    assert scene.upstream.asked in ([LEADS], [])
    assert refresher.tally("acme").skipped["deadline"] == 2


def test_hurry_releases_who_waits() -> None:
    """A stop lets a scrape under way be written at once with what is there; the poll goes on, and lands."""
    scene = Scene(keys=(LEADS,))
    scene.upstream.gate.clear()
    scrape = started(scene.scrape)
    assert scene.upstream.begun.wait(PATIENCE_SECONDS)
    scene.refresher.hurry()
    scrape.join(PATIENCE_SECONDS / 2)
    assert not scrape.is_alive()
    assert scene.refresher.tally("acme").skipped["deadline"] == 1
    scene.upstream.gate.set()
    assert scene.upstream.rested.wait(PATIENCE_SECONDS)
    assert scene.watched(LEADS).report == report()


def test_scrape_after_hurry_waits_for_nothing() -> None:
    """Requests that come while the process ends are answered with what is there."""
    scene = Scene(keys=(LEADS,))
    scene.upstream.gate.clear()
    scene.refresher.hurry()
    late = started(scene.scrape)
    late.join(PATIENCE_SECONDS / 2)
    assert not late.is_alive()
    scene.upstream.gate.set()


def test_account_rests_once_when_its_round_is_over() -> None:
    """Idle connections are closed after the last of the polls that were begun together, not after each."""
    scene = Scene()
    scene.upstream.gate.clear()
    scene.refresher.refresh(0)
    assert scene.upstream.begun.wait(PATIENCE_SECONDS)
    assert scene.upstream.rests == 0
    scene.upstream.gate.set()
    assert scene.upstream.rested.wait(PATIENCE_SECONDS)
    assert (scene.upstream.asked, scene.upstream.rests) == ([DEALS, LEADS], 1)


def test_scrape_with_nothing_due_does_not_rest() -> None:
    """Nothing was held."""
    scene = Scene()
    scene.scrape()
    assert scene.upstream.rested.wait(PATIENCE_SECONDS)
    scene.scrape()
    assert scene.upstream.rests == 1


def test_calls_are_announced_before_they_are_made() -> None:
    """The credits of all due jobs can share one write; a poll in flight and a fresh job are not counted again."""
    scene = Scene()
    scene.upstream.gate.clear()
    scene.refresher.refresh(0)
    scene.refresher.refresh(0)
    scene.upstream.gate.set()
    assert scene.upstream.rested.wait(PATIENCE_SECONDS)
    scene.scrape()
    scene.clock.now += 15
    scene.scrape()
    assert scene.upstream.expected == [2, 2]


def test_poll_of_a_forgotten_job_lands_nowhere() -> None:
    """A job let go while it is polled stays away; one that is tracked anew does not get the old answer."""
    scene = Scene(keys=())
    scene.table.register([JobSpec(LEADS, JobSource.API)], NOW)
    scene.upstream.gate.clear()
    scene.refresher.refresh(0)
    assert scene.upstream.begun.wait(PATIENCE_SECONDS)
    scene.table.forget(LEADS)
    scene.table.register([JobSpec(LEADS, JobSource.API)], NOW + 1)
    scene.upstream.gate.set()
    assert scene.upstream.rested.wait(PATIENCE_SECONDS)
    assert scene.watched(LEADS) == TrackedJob(JobSpec(LEADS, JobSource.API), first_seen_at=NOW + 1)
    assert scene.store.account("acme").totals()["Leads"].records == {"updated": 0, "failed": 0}


def test_poll_under_way_ends_on_its_old_road() -> None:
    """A reload lets the poll under way land as it began; what waits takes the new road."""
    scene = Scene()
    scene.upstream.gate.clear()
    scene.refresher.refresh(0)
    assert scene.upstream.begun.wait(PATIENCE_SECONDS)
    wider = scene.way(lambda _: report(updated=31), max_concurrency=2)
    scene.refresher.reconfigure({"acme": wider}, constant_schedule(15))
    scene.upstream.gate.set()
    eventually(lambda: scene.watched(DEALS).report == report())
    scene.scrape()
    assert (scene.upstream.asked, wider.asked) == ([DEALS], [LEADS])


@pytest.mark.parametrize("is_gone", [True, False], ids=["it left", "another exporter polled it"])
def test_job_that_waited_for_nothing_is_not_polled(*, is_gone: bool) -> None:
    """Its turn comes, and it is no longer as it was when the scrape found it due."""
    scene = Scene()
    scene.upstream.gate.clear()
    scrape = started(scene.scrape)
    assert scene.upstream.begun.wait(PATIENCE_SECONDS)
    if is_gone:
        scene.store.account("acme").forget([LEADS])
    else:
        scene.store.account("acme").change(LEADS, lambda job: replace(job, polled_at=NOW))
    scene.upstream.gate.set()
    scrape.join(PATIENCE_SECONDS)
    assert scene.upstream.asked == [DEALS]


def test_waiting_polls_end_with_their_account() -> None:
    """A reload that takes an account away lets nothing more be asked of it, and keeps no job from its next poll."""
    scene = Scene()
    scene.upstream.gate.clear()
    scene.refresher.refresh(0)
    assert scene.upstream.begun.wait(PATIENCE_SECONDS)
    scene.refresher.reconfigure({}, constant_schedule(15))
    scene.upstream.gate.set()
    eventually(lambda: not polling())
    assert (scene.upstream.asked, scene.watched(LEADS).report) == ([DEALS], None)
    scene.refresher.reconfigure({"acme": scene.upstream}, constant_schedule(15))
    scene.scrape()
    assert (scene.upstream.asked, scene.watched(LEADS).report) == ([DEALS, LEADS], report())


def test_account_is_made_narrower_at_once() -> None:
    """A reload lets no more polls be under way together than the account allows now, but those that are."""
    keys = tuple(JobKey("acme", "Leads", str(number)) for number in range(9))
    scene = Scene(keys=keys, max_concurrency=3)
    scene.upstream.gate.clear()
    scene.refresher.refresh(0)
    eventually(lambda: len(scene.upstream.asked) == 3)
    narrow = scene.way(lambda _: report())
    narrow.gate.clear()
    scene.refresher.reconfigure({"acme": narrow}, constant_schedule(15))
    scene.upstream.gate.set()
    eventually(lambda: (len(polling()), len(narrow.asked)) == (1, 1))
    assert len(scene.upstream.asked) == 3
    narrow.gate.set()
    scene.scrape()
    assert all(job.report == report() for job in scene.table.jobs())


def test_waiting_job_is_overdue_once_it_is_stale() -> None:
    """Only a job that has waited as long as any may is let through where all others are held back."""
    scene = Scene(keys=(LEADS,))
    scene.scrape()
    scene.clock.now += 3599
    scene.scrape()
    scene.clock.now += 3600
    scene.scrape()
    assert [taken["is_overdue"] for taken in scene.upstream.taken] == [True, False, True]


def probed(scene: Scene, key: JobKey, answer: Answer) -> None:
    """Probe a job that nobody lists."""
    scene.upstream.answer = answer
    scene.table.admit_probe(key, scene.clock.now)
    scene.scrape({key})


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(NOT_FOUND, id="job"),
        pytest.param(RefusedError("INVALID_MODULE", "the module name given seems to be invalid"), id="module"),
        pytest.param(RefusedError("OAUTH_SCOPE_MISMATCH", "invalid oauth scope"), id="module that is not ours"),
    ],
)
def test_made_up_job_is_polled_only_when_it_is_probed(refusal: RefusedError) -> None:
    """Scrapes leave a probed job alone that Zoho does not know, however long; a probe asks once its wait is over."""
    scene = Scene(keys=())
    probed(scene, LEADS, fail(refusal))
    for _ in range(5):
        scene.clock.now += 3600
        scene.scrape()
    assert scene.upstream.asked == [LEADS]
    assert scene.refresher.tally("acme").skipped["backoff"] == 5
    probed(scene, LEADS, fail(refusal))
    probed(scene, LEADS, fail(refusal))
    assert scene.upstream.asked == [LEADS, LEADS]
    probed(scene, DEALS, lambda _: report())
    scene.clock.now += 15
    scene.scrape()
    assert scene.upstream.asked == [LEADS, LEADS, DEALS, DEALS]


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        pytest.param([fail(PassingError("timeout", "silence"))], 2, id="fault that passes"),
        pytest.param([lambda _: report(), fail(RefusedError("NO_PERMISSION", "denied"))], 3, id="known to Zoho before"),
        pytest.param([lambda _: report(), fail(NOT_FOUND)], 2, id="forgotten by Zoho"),
    ],
)
def test_probed_job_that_zoho_may_know_is_polled_by_scrapes(answers: list[Answer], asked: int) -> None:
    """What fails for another reason than that nobody knows it goes on by itself."""
    scene = Scene(keys=())
    for answer in answers:
        probed(scene, LEADS, answer)
        scene.clock.now += 15
    scene.clock.now += 3600
    scene.scrape()
    assert len(scene.upstream.asked) == asked


def test_listed_job_that_zoho_does_not_know_is_polled_by_scrapes() -> None:
    """Its id may be mended at Zoho's side any time."""
    scene = Scene(fail(NOT_FOUND), keys=(LEADS,))
    scene.scrape()
    scene.clock.now += 900
    scene.scrape()
    assert scene.upstream.asked == [LEADS, LEADS]


def test_probed_jobs_are_told_apart_from_others_that_live() -> None:
    """While a listed job lives, one of a probe has its share of the budget only; when all have ended, the whole."""
    scene = Scene(keys=(DEALS,))
    probed(scene, LEADS, lambda _: report())
    scene.upstream.answer = lambda key: report(JobState.COMPLETED if key == DEALS else JobState.RUNNING)
    scene.scrape()
    scene.clock.now += 15
    scene.scrape()
    assert scene.upstream.taken == [
        {"key": LEADS, "is_probe": True, "are_others_live": True, "is_overdue": True},
        {"key": DEALS, "is_probe": False, "are_others_live": True, "is_overdue": True},
        {"key": LEADS, "is_probe": True, "are_others_live": False, "is_overdue": False},
    ]


def test_only_live_jobs_need_credits() -> None:
    """Jobs that have ended, and those that somebody made up, set nothing of the budget aside."""
    scene = Scene(keys=(DEALS,))
    probed(scene, LEADS, fail(NOT_FOUND))
    scene.upstream.needed.clear()
    scene.refresher.view()
    scene.upstream.answer = lambda _: report(JobState.COMPLETED)
    scene.scrape()
    scene.refresher.view()
    assert (scene.upstream.needed[0], scene.upstream.needed[-1]) == (24.0, 0.0)


def test_one_job_is_polled_for_a_probe() -> None:
    """Only the job asked for is looked at and polled."""
    scene = Scene()
    scene.scrape({LEADS})
    assert scene.upstream.asked == [LEADS]
    assert [job.spec.key for job in scene.refresher.view({LEADS})] == [LEADS]


def test_refused_jobs_are_due_again_on_request() -> None:
    """After a reload a refused job is tried at once; one with a passing fault keeps its pause."""
    scene = Scene(fail(RefusedError("NO_PERMISSION", "denied")))
    scene.scrape()
    scene.store.account("acme").change(DEALS, lambda job: note_failure(job, FAILURE, NOW))
    scene.clock.now += 1
    scene.table.retry_refused()
    scene.scrape()
    assert scene.upstream.asked[2:] == [LEADS]


def test_another_way_and_schedule_are_taken() -> None:
    """After a reload polls take the new road, at the new pace, and the counts go on."""
    scene = Scene()
    scene.scrape()
    other = scene.way(lambda _: report(JobState.COMPLETED))
    scene.refresher.reconfigure({"acme": other}, constant_schedule(5))
    scene.clock.now += 20
    scene.scrape()
    assert (scene.upstream.asked, other.asked) == ([DEALS, LEADS], [DEALS, LEADS])
    assert scene.refresher.tally("acme").polls == {"Deals": 2, "Leads": 2}


def test_jobs_of_an_account_that_is_gone_are_left_alone() -> None:
    """Between a reload and the end of its jobs a scrape finds no way to Zoho, and polls nothing."""
    scene = Scene()
    scene.refresher.reconfigure({}, schedule())
    scene.scrape()
    assert (scene.upstream.asked, scene.refresher.tally("acme").polls) == ([], {})


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
    assert scene.refresher.plan(scene.watched(LEADS))[0] is skip
    assert len(scene.upstream.asked) == 2


def logged_outcomes(scene: Scene, *answers: Answer) -> None:
    """Let polls land one after the other, each once it is due."""
    for answer in answers:
        scene.upstream.answer = answer
        scene.scrape()
        scene.clock.now += 15


@pytest.mark.parametrize(
    ("word", "said"),
    [
        pytest.param("", "job is RUNNING", id="a documented state"),
        pytest.param("ARCHIVED", "job is UNKNOWN", id="an undocumented word"),
    ],
)
def test_new_state_is_logged_once(caplog: pytest.LogCaptureFixture, word: str, said: str) -> None:
    """A state is logged when it begins, with the job's identity, and not again."""
    caplog.set_level(logging.INFO)
    outcome = JobReport(JobState.UNKNOWN, 1, 0, 1, 2, undocumented_word=word) if word else report()
    logged_outcomes(Scene(keys=(LEADS,)), *[lambda _: outcome] * 2)
    [record] = caplog.records
    assert record.getMessage() == said
    assert vars(record)["crm_module"] == "Leads"
    assert vars(record)["job_id"] == "3524033000006027001"
    assert vars(record).get("zoho_status", "") == word


def test_failure_is_logged_when_it_begins_and_ends(caplog: pytest.LogCaptureFixture) -> None:
    """A repeated failure logs its change, not each repetition, and says what to do."""
    caplog.set_level(logging.INFO)
    failing = fail(PassingError("timeout", "Zoho fell silent for 8 s", advice="check the network"))
    logged_outcomes(Scene(keys=(LEADS,)), failing, failing, lambda _: report())
    assert [record.getMessage() for record in caplog.records] == [
        "poll failed: Zoho fell silent for 8 s",
        "job is RUNNING",
        "poll works again",
    ]
    assert vars(caplog.records[0])["advice"] == "check the network"


def test_registration_waits_for_no_poll() -> None:
    """No lock is held while Zoho is asked: who registers, forgets or looks at the page goes on at once."""
    scene = Scene(keys=(LEADS,))
    scene.upstream.gate.clear()
    scene.refresher.refresh(0)
    assert scene.upstream.begun.wait(PATIENCE_SECONDS)
    assert scene.table.register([JobSpec(DEALS, JobSource.API)], NOW) == (True,)
    assert [job.spec.key for job in scene.refresher.view()] == [DEALS, LEADS]
    assert scene.table.forget(DEALS)
    scene.upstream.gate.set()
