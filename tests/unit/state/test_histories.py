"""Whatever happens to exporters that share a database, in whatever order: one bill, nothing lost or counted twice.

Exporters claim jobs, ask Zoho, and let answers land late or never; they are killed, cut off and restarted, and so is
the database; its clock is set back. Zoho is a model that counts what it is asked.
"""

import time
from dataclasses import dataclass
from functools import partial

import psycopg
import pytest
from databases import Server
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from samples import Clock

from exporter.errors import HeldBackError
from exporter.jobs.outcome import growth_of, note_report
from exporter.model import Growth, JobKey, JobReport, JobSource, JobSpec, JobState, TrackedJob
from exporter.state import Claim, Purse
from exporter.state.postgres import PostgresStore

EXPORTERS = 3
JOBS = 4
TOTAL = 1000
PURSE = Purse(12, 5, 2)
"""Few credits, fewer for probes, and two calls at once."""
LEASE_SECONDS = 10.0
MOST_MINTS, MINT_WINDOW_SECONDS = 2, 600.0
ACCOUNTS_AT_ONCE = 50
DAY_SECONDS = 86_400.0
SETTING_BACK_SECONDS = 40.0
HISTORIES = max(200, settings.default.max_examples if settings.default else 0)
who, which = st.sampled_from(range(EXPORTERS)), st.sampled_from(range(JOBS))


@dataclass(frozen=True, slots=True)
class Call:
    """What Zoho was asked, by whom, and what it said; its answer is still on the way."""

    exporter: int
    claim: Claim
    report: JobReport
    sent_at: float
    elapsed: float


class Fleet:
    """Exporters that live through many histories, each with an account of its own."""

    def __init__(self, server: Server) -> None:
        self.server, self.clock = server, Clock()
        self.url = server.create("histories")
        self.stores = [PostgresStore(self.url, self.clock) for _ in range(EXPORTERS)]
        self.count = 0

    def next_account(self) -> str:
        """Name an account; now and then forget all that were, so that no scrape asks for too many."""
        self.count += 1
        if not self.count % ACCOUNTS_AT_ONCE:
            self.server.clear("histories")
            for exporter in range(EXPORTERS):
                self.restart(exporter)
        return f"a{self.count}"

    def restart(self, exporter: int) -> None:
        """End an exporter, and start it again."""
        self.stores[exporter].close(1.0)
        self.stores[exporter] = PostgresStore(self.url, self.clock)

    def cut(self) -> None:
        """End all connections."""
        with psycopg.connect(self.server.url(), autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'histories'")

    def close(self) -> None:
        """End them all."""
        for store in self.stores:
            store.close(1.0)


class Histories(RuleBasedStateMachine):
    """Exporters on one database, and Zoho."""

    def __init__(self, fleet: Fleet) -> None:
        super().__init__()
        self.fleet, self.clock, self.elapsed = fleet, fleet.clock, 0.0
        alias = fleet.next_account()
        self.keys = [JobKey(alias, "Leads", str(number)) for number in range(JOBS)]
        self.accounts = [store.account(alias) for store in fleet.stores]
        self.set_back_at = -1.0
        self.done = [0] * JOBS
        self.sent: list[float] = []
        self.minted: list[float] = []
        self.calls: list[Call] = []
        self.known: set[JobKey] = set()
        self.shown = [dict[str, float]() for _ in range(EXPORTERS)]

    @rule(exporter=who)
    def scrape(self, exporter: int) -> None:
        """Take up what others wrote."""
        self.fleet.stores[exporter].refresh(time.monotonic() + 10)

    @rule(exporter=who, job=which)
    def register(self, exporter: int, job: int) -> None:
        """Register a job at any of them."""
        self.accounts[exporter].track(JobSpec(self.keys[job], JobSource.API), self.clock.now)
        self.known.add(self.keys[job])

    @rule(exporter=who, job=which, is_probe=st.booleans())
    def ask(self, exporter: int, job: int, *, is_probe: bool) -> None:
        """Ask Zoho for a job that this exporter knows, if it may."""
        account, key = self.accounts[exporter], self.keys[job]
        known = account.get(key)
        if known is None or known.is_terminal:
            return
        try:
            claim = account.claim(key, PURSE, LEASE_SECONDS, is_probe=is_probe)
        except HeldBackError:
            return
        self.sent.append(self.elapsed)
        self.calls.append(Call(exporter, claim, self.said(job), self.clock.now, self.elapsed))

    @precondition(lambda self: self.calls)
    @rule(number=st.integers(0, 99))
    def answer(self, number: int) -> None:
        """Let an answer arrive, on whatever day."""
        call = self.taken(number)
        self.accounts[call.exporter].land(call.claim, partial(noted, call=call))

    @precondition(lambda self: self.calls)
    @rule(number=st.integers(0, 99))
    def fail(self, number: int) -> None:
        """Let a call end without an answer."""
        call = self.taken(number)
        self.accounts[call.exporter].release(call.claim)

    @precondition(lambda self: self.calls)
    @rule()
    def send_nothing(self) -> None:
        """Let the last call come to nothing before it was sent."""
        call = self.calls.pop()
        self.sent.pop()
        self.accounts[call.exporter].give_back(call.claim)

    @rule(exporter=who)
    def mint(self, exporter: int) -> None:
        """Ask for an access token."""
        if self.accounts[exporter].book_mint(MOST_MINTS, MINT_WINDOW_SECONDS) is None:
            self.minted.append(self.elapsed)

    @rule(exporter=who, trouble=st.sampled_from(["kill", "kill", "cut", "back", "back", "back"]))
    def trouble(self, exporter: int, trouble: str) -> None:
        """End an exporter in the middle of whatever it does, or all connections, or set the database's clock back."""
        match trouble:
            case "kill":
                self.fleet.restart(exporter)
                self.accounts[exporter] = self.fleet.stores[exporter].account(self.keys[0].account)
                self.calls = [call for call in self.calls if call.exporter != exporter]
            case "cut":
                self.fleet.cut()
            case "back":
                self.clock.now -= SETTING_BACK_SECONDS
                self.set_back_at = self.elapsed

    @rule(job=which, records=st.integers(0, 700))
    def progress(self, job: int, records: int) -> None:
        """Let Zoho work on a job."""
        self.done[job] = min(TOTAL, self.done[job] + records)

    @rule(seconds=st.sampled_from([1.0, 5.0, 11.0, 61.0, 601.0, 3600.0, DAY_SECONDS / 2]))
    def let_time_pass(self, seconds: float) -> None:
        """Let the database's clock, and all others, run on."""
        self.clock.now += seconds
        self.elapsed += seconds

    @invariant()
    def budget_holds(self) -> None:
        """No more calls in any day than there are credits, tokens in any ten minutes, and places at a time.

        A clock that is set back by more than a lease ends what was claimed before, or a job would wait for as long.
        """
        assert most_within(self.sent, DAY_SECONDS) <= (PURSE.limit or 0)
        assert most_within(self.minted, MINT_WINDOW_SECONDS) <= MOST_MINTS
        since = max(self.set_back_at, self.elapsed - LEASE_SECONDS)
        under_way = [call for call in self.calls if call.elapsed > since]
        assert len(under_way) <= (PURSE.at_once or 0)

    @invariant()
    def nothing_goes_back(self) -> None:
        """No exporter shows less than it has shown, of a job or of a counter, and none that has ended goes on."""
        for exporter, account in enumerate(self.accounts):
            now = dict[str, float]()
            for key, job in account.jobs().items():
                now[key.job_id] = (job.report.updated or 0) + TOTAL * job.is_terminal if job.report else 0
            for totals in account.totals().values():
                now["records"] = totals.records["updated"]
                now["ends"] = totals.finished[JobState.COMPLETED]
            before = self.shown[exporter]
            assert {name: value for name, value in before.items() if now.get(name, 0) < value} == {}
            self.shown[exporter] = now

    def teardown(self) -> None:
        """See that all know the same in the end, and that each record was counted once."""
        for store in self.fleet.stores:
            store.refresh(time.monotonic() + 10)
        jobs = [account.jobs() for account in self.accounts]
        totals = [account.totals() for account in self.accounts]
        used = [account.used() for account in self.accounts]
        assert jobs == [jobs[0]] * EXPORTERS
        assert totals == [totals[0]] * EXPORTERS
        assert used == [used[0]] * EXPORTERS
        assert set(jobs[0]) == self.known
        if totals[0]:
            reports = [job.report for job in jobs[0].values() if job.report]
            assert totals[0]["Leads"].records["updated"] == sum(report.updated or 0 for report in reports)
            assert totals[0]["Leads"].finished[JobState.COMPLETED] == sum(one.state.is_terminal for one in reports)

    def taken(self, number: int) -> Call:
        """Give one of the calls that are under way, and have it so no longer."""
        return self.calls.pop(number % len(self.calls))

    def said(self, job: int) -> JobReport:
        """Give what Zoho says of a job now."""
        done = self.done[job]
        state = JobState.COMPLETED if done == TOTAL else JobState.RUNNING
        return JobReport(state, done, 0, TOTAL - done, TOTAL)


def noted(job: TrackedJob, call: Call) -> tuple[TrackedJob, Growth]:
    """Note what a call gave."""
    after = note_report(job, call.report, call.sent_at)
    return after, growth_of(job, after)


def most_within(times: list[float], seconds: float) -> int:
    """Give how many there are at most in so many seconds."""
    return max((sum(0 <= at - begun < seconds for at in times) for begun in times), default=0)


@pytest.mark.filterwarnings(
    "ignore:Do not use the `random` module"
)  # the pool's threads use it
@pytest.mark.timeout(max(240, HISTORIES))
def test_one_bill_whatever_happens(server: Server) -> None:
    """A few hundred histories; `make histories` tries ten thousand."""
    fleet = Fleet(server)
    how = settings(max_examples=HISTORIES, stateful_step_count=40)
    try:
        run_state_machine_as_test(partial(Histories, fleet), settings=how)
    finally:
        fleet.close()
