"""A job that Zoho answers with INVALID_TOKEN for ever, beside jobs that go well: on the real parts, scraped fast."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

import pytest
from samples import NOW, Clock, constant_schedule, schedule
from zoho_peer import DEAD_TOKEN, RUNNING, Asked, Peer, Reply, open_account

from exporter.jobs.refresh import Refresher
from exporter.jobs.schedule import Schedule
from exporter.jobs.table import JobTable, Retention
from exporter.model import JobKey, JobSource, JobSpec
from exporter.state import SqliteStore
from exporter.zoho.permits import CreditLimits

SCRAPES = 120
"""Half an hour, a scrape each 15 s."""
RENEWALS = 4
"""Tokens live for ten minutes here: how many half an hour takes."""
GOOD = ("21", "22", "23", "24")


@dataclass
class Scene:
    """An exporter of four jobs that go well and some that do not, scraped each 15 s."""

    faulty: Collection[str]
    max_concurrency: int
    schedule: Schedule = field(default_factory=lambda: constant_schedule(15))

    def __post_init__(self) -> None:
        self.clock = Clock()
        self.watch = Clock(100.0)
        self.peer = Peer(self.clock, self.watch, self.reply)
        self.peer.lifetime_seconds = 600
        self.store = SqliteStore(None, self.clock)
        self.account = open_account(
            self.peer, self.store.account("acme"), CreditLimits(None, 0, None), max_concurrency=self.max_concurrency
        )
        self.table = JobTable(self.store, Retention(1e9, 1e9, 1e9, 1000, 1000))
        specs = [JobSpec(JobKey("acme", "Leads", job_id), JobSource.CONFIG) for job_id in (*self.faulty, *GOOD)]
        self.table.declare(specs, NOW, accounts={"acme"})
        self.refresher = Refresher(
            self.table,
            {"acme": self.account},
            self.schedule,
            clock=self.clock,
            draw=lambda: 0.0,
            stopwatch=self.watch,
        )

    def reply(self, asked: Asked) -> Reply:
        """Answer."""
        return DEAD_TOKEN if asked.job_id in self.faulty else RUNNING

    def scrape(self, times: int = 1, only: Collection[str] | None = None) -> None:
        """Scrape each 15 s."""
        keys = None if only is None else [JobKey("acme", "Leads", job_id) for job_id in only]
        for _ in range(times):
            self.refresher.refresh(self.watch.now + 30, keys)
            self.clock.now += 15
            self.peer.true_clock.now += 15
            self.watch.now += 15

    def polls(self) -> Counter[str]:
        """Give how often each job was asked about with a token that lives."""
        return Counter(asked.job_id for asked in self.peer.accepted)

    def codes(self) -> set[tuple[str, bool]]:
        """Give how the polls of the faulty jobs failed last: the code, and whether that passes."""
        failures = [self.table.get(JobKey("acme", "Leads", job_id)) for job_id in self.faulty]
        return {(job.failure.code, job.failure.is_passing) for job in failures if job and job.failure}


@pytest.mark.parametrize("max_concurrency", [1, 5])
@pytest.mark.parametrize("faulty", [("11",), ("99",), ("11", "12", "99")], ids=["first", "last", "several"])
def test_faulty_jobs_cost_hardly_a_token_and_disturb_nobody(faulty: Collection[str], max_concurrency: int) -> None:
    """The others are polled at each scrape, and no token more is minted than one for each faulty job.

    Several in a row, at first, may be the account's fault: they may cost it pauses of 15 s and 30 s.
    """
    scene = Scene(faulty, max_concurrency)
    scene.scrape(only=GOOD)
    scene.scrape(SCRAPES)
    lost = 0 if len(faulty) == 1 else 3
    assert min(scene.polls()[job_id] for job_id in GOOD) >= SCRAPES + 1 - lost
    assert len(scene.peer.mints) <= RENEWALS + len(faulty) + lost
    assert scene.codes() == {("INVALID_TOKEN", False)}


@pytest.mark.parametrize("max_concurrency", [1, 5])
@pytest.mark.parametrize("faulty", [("11",), ("99",), ("11", "12", "99")], ids=["first", "last", "several"])
def test_faulty_jobs_beside_others_from_the_start_cost_two_pauses_at_most(
    faulty: Collection[str], max_concurrency: int
) -> None:
    """Where no call was ever answered well, the account may pause for 15 s and 30 s; after that all goes as ever."""
    scene = Scene(faulty, max_concurrency)
    scene.scrape(SCRAPES)
    assert min(scene.polls()[job_id] for job_id in GOOD) >= SCRAPES - 3
    assert len(scene.peer.mints) <= RENEWALS + 2 * len(faulty)
    assert scene.codes() == {("INVALID_TOKEN", False)}


@pytest.mark.parametrize("faulty", [("11",), ("11", "12", "99")], ids=["one", "several"])
def test_faulty_jobs_that_are_polled_alone_first_are_known_later(faulty: Collection[str]) -> None:
    """An account of which no call was ever answered well pauses; once one is, the faulty jobs are known."""
    scene = Scene(faulty, 5)
    scene.scrape(only=faulty)
    scene.scrape(SCRAPES)
    assert min(scene.polls()[job_id] for job_id in GOOD) >= SCRAPES - 3
    assert len(scene.peer.mints) <= RENEWALS + 2 * len(faulty)
    assert scene.codes() == {("INVALID_TOKEN", False)}


def test_a_faulty_job_is_polled_as_seldom_as_one_that_is_refused() -> None:
    """It waits a quarter of an hour, then twice as long each time, up to 6 h, and costs a credit each time."""
    scene = Scene(("11",), 5, schedule())
    scene.scrape(24 * 240)
    polls = scene.polls()["11"]
    assert 5 <= polls <= 10


@pytest.mark.parametrize("max_concurrency", [1, 5])
def test_a_token_that_dies_is_replaced_once_beside_a_faulty_job(max_concurrency: int) -> None:
    """Every other job gets its report in the same scrape."""
    scene = Scene(("11", "99"), max_concurrency)
    scene.scrape(only=GOOD)
    scene.scrape(10)
    mints, polls = len(scene.peer.mints), scene.polls()
    deaths = 4
    for _ in range(deaths):
        scene.peer.live.clear()
        scene.scrape(30)
    more = scene.polls()
    assert {job_id: more[job_id] - polls[job_id] for job_id in GOOD} == dict.fromkeys(GOOD, deaths * 30)
    assert len(scene.peer.mints) - mints <= deaths
    assert scene.codes() == {("INVALID_TOKEN", False)}


def test_an_account_whose_tokens_are_never_accepted_mints_ever_fewer() -> None:
    """Each pause is twice as long as the one before, up to ten minutes; no job is taken for the faulty one."""
    scene = Scene((), 5)
    scene.peer.reply = lambda _: DEAD_TOKEN
    scene.scrape(SCRAPES)
    failures = [job.failure for job in scene.table.jobs()]
    assert all(failure is not None and failure.is_passing for failure in failures)
    assert len(scene.peer.mints) <= 2 * 8
