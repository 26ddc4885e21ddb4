"""Several exporters on one database: their scrapes cost what those of one exporter cost."""

import time
from collections.abc import Callable
from dataclasses import replace
from threading import Lock, Thread

import pytest
from houses import House
from psycopg import Cursor
from psycopg.rows import TupleRow
from samples import NOW, Clock, schedule
from upstreams import PlayedUpstream

from exporter.jobs import JobTable, Refresher, Retention
from exporter.model import JobKey, JobReport, JobSource, JobSpec, JobState
from exporter.state import Purse
from exporter.state.postgres.database import TimedConnection

RETENTION = Retention(7 * 86_400.0, 86_400.0, 86_400.0, 1000, 100)
KEYS = [JobKey("acme", "Leads", str(number)) for number in range(12)]


def progress(clock: Clock) -> Callable[[JobKey], JobReport]:
    """Play jobs that wait, run and end, each in its own time."""

    def answer(key: JobKey) -> JobReport:
        number = int(key.job_id)
        done = min(1.0, max(0.0, (clock.now - NOW - 30 * number) / (120 + 30 * number)))
        state = JobState.COMPLETED if done == 1 else JobState.RUNNING if done else JobState.QUEUED
        return JobReport(state, int(1000 * done), 0, 1000 - int(1000 * done), 1000)

    return answer


class Exporter:
    """What polls, on a store that may be shared."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.upstream = PlayedUpstream(house.account, progress(house.clock), max_concurrency=3)
        table = JobTable(house.store, RETENTION)
        table.declare([JobSpec(key, JobSource.CONFIG) for key in KEYS], house.clock.now, accounts={"acme"})
        ways = {"acme": self.upstream}
        self.refresher = Refresher(table, ways, schedule(), clock=house.clock, draw=lambda: 0.5)

    def scrape(self) -> None:
        """Take up the news, and poll what is due."""
        self.house.store.refresh(time.monotonic() + 10)
        self.refresher.refresh(time.monotonic() + 10)


def scrape_together(exporters: list[Exporter], steps: range) -> None:
    """Scrape all at the same instants, every 15 seconds."""
    for step in steps:
        exporters[0].house.clock.now = NOW + 15 * step
        threads = [Thread(target=exporter.scrape) for exporter in exporters]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)


def calls(exporters: list[Exporter]) -> int:
    """Count what Zoho was asked."""
    return sum(len(exporter.upstream.asked) for exporter in exporters)


def test_two_cost_what_one_costs(opened: Callable[[str], House], pair: tuple[House, House]) -> None:
    """Scraped at the same instants they ask Zoho as often, share the work, and count each job once."""
    alone, both = [Exporter(opened("memory"))], [Exporter(house) for house in pair]
    scrape_together(alone, range(64))
    scrape_together(both, range(64))
    assert calls(both) == calls(alone)
    assert min(len(exporter.upstream.asked) for exporter in both) > 0
    for exporter in both:
        exporter.house.store.refresh(time.monotonic() + 10)
        totals = exporter.house.account.totals()["Leads"]
        assert (totals.records["updated"], totals.finished[JobState.COMPLETED]) == (12_000, 12)


def test_place_that_another_has_is_waited_for(pair: tuple[House, House]) -> None:
    """With one call at a time for both, one scrape of both polls all jobs all the same, and each once."""
    both = [Exporter(house) for house in pair]
    for exporter in both:
        exporter.upstream.purse = Purse(None, at_once=1)
    scrape_together(both, range(1))
    assert sorted(key for exporter in both for key in exporter.upstream.asked) == sorted(KEYS)


def test_one_goes_on_with_all_jobs_of_another_that_died(pair: tuple[House, House]) -> None:
    """At its next scrape, but for what the dead one was polling: that waits for its claim to run out."""
    first, second = (Exporter(house) for house in pair)
    scrape_together([first, second], range(10))
    live = [job.spec.key for job in pair[1].account.jobs().values() if not job.is_terminal]
    pair[0].store.refresh(time.monotonic() + 10)
    pair[0].account.claim(live[0], Purse(None), 20)
    pair[0].close()
    scrape_together([second], range(10, 64))
    jobs = pair[1].account.jobs()
    assert {job.state for job in jobs.values()} == {JobState.COMPLETED}
    assert pair[1].account.totals()["Leads"].finished[JobState.COMPLETED] == 12


def test_account_belongs_to_whoever_serves_it(pair: tuple[House, House]) -> None:
    """Who lacks it lets go of nothing, and says when it last left; who serves it says no such thing."""
    here, there = (JobTable(house.store, RETENTION) for house in pair)
    clock = pair[0].clock

    def look() -> None:
        for house in (*pair, pair[0]):
            house.store.refresh(time.monotonic() + 10)

    there.declare([JobSpec(KEYS[0], JobSource.CONFIG)], clock.now, accounts={"acme", "beta"})
    there.register([JobSpec(KEYS[1], JobSource.API)], clock.now)
    look()
    here.declare([], clock.now, accounts={"beta"})
    look()
    assert (here.jobs(), here.get(KEYS[1]), here.departures(clock.now)) == ((), None, ())
    assert here.accounts_dropped(clock.now) == {"acme": NOW}
    assert [job.spec.key for job in there.jobs()] == KEYS[:2]
    assert there.accounts_dropped(clock.now) == {}

    clock.now += 4 * 86_400
    assert here.accounts_dropped(clock.now) == {}
    look()
    for table in (here, there):
        assert table.changed() >= set(KEYS[:2])
        assert not table.changed()
    there.declare([], clock.now, accounts={"beta"})
    look()
    assert {gone.key for gone in there.departures(clock.now)} == set(KEYS[:2])
    assert there.changed() == set(KEYS[:2])
    for table in (here, there):
        assert table.accounts_dropped(clock.now) == {"acme": NOW + 4 * 86_400}

    there.declare([], clock.now, accounts={"acme", "beta"})
    assert [job.spec.key for job in there.jobs()] == [KEYS[1]]  # the listed one is listed no more
    assert there.changed() == set(KEYS[:2])


def test_who_reloads_leaves_what_only_another_lists(pair: tuple[House, House]) -> None:
    """It lets go of what it listed itself; who starts lets go of all that is not listed, for nobody else may."""
    here, there = (JobTable(house.store, RETENTION) for house in pair)

    def declare(table: JobTable, *keys: JobKey, is_complete: bool = True) -> set[JobKey]:
        specs = [JobSpec(key, JobSource.FILE) for key in keys]
        table.declare(specs, NOW, accounts={"acme"}, is_complete=is_complete)
        for house in (*pair, pair[0]):
            house.store.refresh(time.monotonic() + 10)
        return {job.spec.key for job in here.jobs()} | {job.spec.key for job in there.jobs()}

    assert declare(here, KEYS[0]) == set(KEYS[:1])
    assert declare(there, *KEYS[:3]) == set(KEYS[:3])
    pair[1].account.forget([KEYS[2]], retired=True)
    assert declare(here, is_complete=False) == set(KEYS[:2])
    assert declare(here, KEYS[3], is_complete=False) == {*KEYS[:2], KEYS[3]}
    assert declare(here) == {KEYS[1]}
    assert set(pair[1].account.retired()) == {KEYS[2]}
    assert declare(JobTable(pair[0].store, RETENTION)) == set()
    assert not pair[1].account.retired()


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give what the database is asked, one for each trip."""
    trips, execute = list[str](), TimedConnection.execute

    def counted(connection: TimedConnection, query: str, given: list[object]) -> Cursor[TupleRow]:
        trips.append(query)
        return execute(connection, query, given)

    monkeypatch.setattr(TimedConnection, "execute", counted)
    return trips


def test_jobs_that_are_listed_share_their_trips(pair: tuple[House, House], trips: list[str]) -> None:
    """A start with many waits for none; the first scrape tells of them, and later lets go of them, some at a time."""
    table = JobTable(pair[0].store, RETENTION)
    listed = [JobSpec(JobKey("acme", "Leads", str(number)), JobSource.CONFIG) for number in range(250)]
    table.declare(listed, NOW, accounts={"acme"})
    trips.clear()
    pair[0].store.refresh(time.monotonic() + 10)
    assert len(trips) <= 1 + 3
    pair[1].store.refresh(time.monotonic() + 10)
    assert len(pair[1].account.jobs()) == 250
    trips.clear()
    table.declare([], NOW, accounts={"acme"})
    assert len(trips) <= 2
    pair[1].store.refresh(time.monotonic() + 10)
    assert not pair[1].account.jobs()


def test_jobs_that_are_registered_together_share_their_trips(pair: tuple[House, House], trips: list[str]) -> None:
    """All are kept when they are answered, and known to the others; one alone needs a single trip."""
    table = JobTable(pair[0].store, RETENTION)
    table.declare([], NOW, accounts={"acme"})
    specs = [JobSpec(JobKey("acme", "Leads", str(number)), JobSource.API) for number in range(250)]
    for registered, most in ((specs[:1], 1), (specs, 1 + 3)):
        pair[0].store.refresh(time.monotonic() + 10)
        trips.clear()
        table.register(registered, NOW)
        assert pair[0].store.wait_kept(10)
        assert len(trips) <= most
        pair[1].store.look(time.monotonic() + 10)
        assert len(pair[1].account.jobs()) == len(registered)


def test_look_asks_once_and_writes_nothing(pair: tuple[House, House], trips: list[str]) -> None:
    """Whatever is still to be written: who reads does not wait for that."""
    pair[0].account.track(JobSpec(KEYS[0], JobSource.API), NOW)
    pair[1].account.track(JobSpec(KEYS[1], JobSource.API), NOW, later=True)
    trips.clear()
    pair[1].store.look(time.monotonic() + 10)
    assert len(trips) == 1
    assert pair[1].account.jobs().keys() == set(KEYS[:2])


def test_scrape_asks_the_database_once_and_once_for_each_answer(pair: tuple[House, House], trips: list[str]) -> None:
    """And once more before the first call; what Zoho says of its credits travels with an answer, or once behind."""
    exporter, one_at_a_time, left = Exporter(pair[0]), Lock(), list[int]()
    pair[0].store.refresh(time.monotonic() + 10)

    def noted(key: JobKey) -> JobReport:
        with one_at_a_time:
            left.append(int(key.job_id))
            pair[0].account.stand(lambda standing: replace(standing, credits_remaining=int(key.job_id)), can_wait=True)
        return progress(pair[0].clock)(key)

    exporter.upstream.answer = noted
    trips.clear()
    exporter.scrape()
    exporter.refresher.close(10)
    pair[0].account.rest()
    assert len(exporter.upstream.asked) == len(KEYS)
    assert len(trips) <= 3 + len(KEYS)
    pair[1].store.refresh(time.monotonic() + 10)
    assert pair[1].account.standing.credits_remaining == left[-1]
    trips.clear()
    exporter.scrape()
    assert len(trips) == 1
