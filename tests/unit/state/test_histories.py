"""Whatever happens to exporters that share a database, in whatever order: one bill, nothing lost or counted twice.

Exporters claim jobs, ask Zoho, and let answers land late or never, however long they slept meanwhile; people say things
of jobs, and the last word is to stand; exporters are killed, and cut off from the database, which hears of their
questions or not; it ends all connections, is restarted, and its clock is set back. Zoho is a model that counts what it
is asked.
"""

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Event

import psycopg
import pytest
from databases import Server, ask, fall_back, keep
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from samples import Clock
from wires import Loss, Wire

from exporter.errors import HeldBackError
from exporter.jobs.outcome import growth_of, note_report
from exporter.model import Growth, JobKey, JobReport, JobSource, JobSpec, JobState, TrackedJob
from exporter.state import Claim, Purse
from exporter.state.postgres import PostgresStore

EXPORTERS = 3
JOBS = 2
TOTAL = 1000
PURSES = [Purse(4, 2, 1), Purse(30, 3, 1), Purse(30, 15, 2)]
"""Few credits or some, fewer for probes, and one call at once or two."""
LEASE_SECONDS = 10.0
MOST_MINTS, MINT_WINDOW_SECONDS = 2, 600.0
ACCOUNTS_AT_ONCE = 50
DAY_SECONDS = 86_400.0
SETTING_BACK_SECONDS = 40.0
HISTORIES = max(200, settings.default.max_examples if settings.default else 0)
SPANS_SECONDS = (1.0, 11.0, 11.0, 61.0, 601.0, DAY_SECONDS / 2)
EVENTS = (*["ask"] * 8, *["answer"] * 6, *["time"] * 4, *["scrape"] * 3)
EVENTS += ("probe", "probe", "fail", "unsent", "register", *["say"] * 5, "mint", "mint", "kill", "cut", "back")
EVENTS += ("stutter", "part", "meet", "meet", "restart")
ASKING = (*["register"] * 5, *["untrack"] * 5, *["poll"] * 3, *["part"] * 2, "unheard", *["meet"] * 3, "kill", "cut")
ASKING += (*["standby"] * 4,)
REST_SECONDS = 0.03
MOST_STUTTERS = 2
LOSSES = (Loss.ANSWER, Loss.QUESTION)
who, which = st.integers(0, EXPORTERS - 1), st.integers(0, JOBS - 1)


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

    def __init__(self, server: Server, name: str, directories: list[Path]) -> None:
        self.server, self.name, self.clock = server, name, Clock()
        self.url = server.create(name)
        self.wires = [Wire(server, directory) for directory in directories]
        self.stores = [self.open(exporter) for exporter in range(EXPORTERS)]
        self.count, self.starts = 0, 0

    def next_account(self) -> str:
        """Name an account; now and then forget all that were, so that no scrape asks for too many."""
        self.count += 1
        if not self.count % ACCOUNTS_AT_ONCE:
            self.server.clear(self.name)
            for exporter in range(EXPORTERS):
                self.restart(exporter)
        return f"a{self.count}"

    def open(self, exporter: int) -> PostgresStore:
        """Start an exporter."""
        return PostgresStore(self.wires[exporter].through(self.url), self.clock, rest_seconds=REST_SECONDS)

    def restart(self, exporter: int) -> None:
        """End an exporter, and start it again, where the database can be reached."""
        self.wires[exporter].mend()
        self.stores[exporter].close(1.0)
        self.stores[exporter] = self.open(exporter)

    def meet(self, exporter: int) -> None:
        """Have an exporter reach the database again, and wait until it has."""
        self.wires[exporter].mend()
        deadline = time.monotonic() + 10
        while True:
            self.stores[exporter].refresh(deadline)
            if not self.stores[exporter].health().is_failing:
                return
            assert time.monotonic() < deadline, "it does not come back"
            Event().wait(REST_SECONDS)

    def cut(self) -> None:
        """End all connections, and wait until they have: one that is ending may still write, and not say so."""
        with psycopg.connect(self.server.url(), autocommit=True) as connection:
            ended = connection.execute(
                "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [self.name]
            )
            pids = [pid for pid, _ in ended]
            while connection.execute("SELECT pid FROM pg_stat_activity WHERE pid = ANY(%s)", [pids]).fetchone():
                pass

    def restart_server(self) -> None:
        """Have the database be one that has just been started, as exporters see it."""
        self.starts += 1
        head = "CREATE OR REPLACE FUNCTION zoho_mass_update.lineage() RETURNS text LANGUAGE sql STABLE"
        ask(self.server, self.name, f"{head} AS $$ SELECT '{self.starts}' $$")
        self.cut()

    def close(self) -> None:
        """End them all."""
        for store in self.stores:
            store.close(1.0)
        for wire in self.wires:
            wire.close()


class Histories(RuleBasedStateMachine):
    """Exporters on one database, and Zoho."""

    def __init__(self, fleet: Fleet) -> None:
        super().__init__()
        self.fleet, self.clock, self.elapsed = fleet, fleet.clock, 0.0
        alias = fleet.next_account()
        self.keys = [JobKey(alias, "Leads", str(number)) for number in range(JOBS)]
        self.accounts = [store.account(alias) for store in fleet.stores]
        self.purse, self.set_back_at = PURSES[0], -1.0
        self.done = [0] * JOBS
        self.landed: list[JobReport | None] = [None] * JOBS
        self.claims: dict[JobKey, int] = {}
        self.sent: list[float] = []
        self.minted: list[float] = []
        self.calls: list[Call] = []
        self.words: list[list[float | None]] = [[None] for _ in range(JOBS)]
        """Of each job those that may stand in the end: the last that was surely heard, and what was said since."""
        self.parted: set[int] = set()
        self.shown = [dict[str, float]() for _ in range(EXPORTERS)]

    @initialize(purse=st.sampled_from(PURSES))
    def register_all(self, purse: Purse) -> None:
        """Have all jobs tracked, and known to all but the last exporter."""
        self.purse = purse
        for key in self.keys:
            self.accounts[0].track(JobSpec(key, JobSource.API), self.clock.now)
        for exporter in range(EXPORTERS - 1):
            self.scrape(exporter)

    # One rule, for of several the machine leaves out most of them in most histories.
    @rule(event=st.sampled_from(EVENTS), exporter=who, job=which, number=st.integers(0, 400))
    def happen(self, event: str, exporter: int, job: int, number: int) -> None:
        """Let one thing happen; what the number is of is the event's own."""
        match event:
            case "ask" | "probe":
                self.ask(exporter, job, number, is_probe=event == "probe")
            case "register":
                self.accounts[exporter].track(JobSpec(self.keys[job], JobSource.CONFIG), self.clock.now)
            case "say" if self.accounts[exporter].get(self.keys[job]):
                self.say(exporter, job, is_taken_back=bool(number % 2))
            case "mint":
                if self.accounts[exporter].book_mint(MOST_MINTS, MINT_WINDOW_SECONDS) is None:
                    self.minted.append(self.elapsed)
            case "scrape":
                self.scrape(exporter)
            case "time":
                seconds = SPANS_SECONDS[number % len(SPANS_SECONDS)]
                self.clock.now += seconds
                self.elapsed += seconds
            case "answer" | "fail" | "unsent" if self.calls:
                self.end(event, self.calls.pop(number % len(self.calls)))
            case "stutter" | "part" | "meet":
                self.loosen(event, exporter, number)
            case _:
                self.trouble(event, exporter)

    @invariant()
    def budget_holds(self) -> None:
        """No more calls in any day than there are credits, tokens in any ten minutes, and places at a time.

        A clock that is set back by more than a lease ends what was claimed before, or a job would wait for as long.
        """
        assert most_within(self.sent, DAY_SECONDS) <= (self.purse.limit or 0)
        assert most_within(self.minted, MINT_WINDOW_SECONDS) <= MOST_MINTS
        since = max(self.set_back_at, self.elapsed - LEASE_SECONDS)
        under_way = [call for call in self.calls if call.elapsed > since]
        assert len(under_way) <= (self.purse.at_once or 0)

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
        for exporter in (*range(EXPORTERS), *range(EXPORTERS)):  # the last one may have news for the first
            self.fleet.meet(exporter)
        jobs = [account.jobs() for account in self.accounts]
        totals = [account.totals() for account in self.accounts]
        used = [account.used() for account in self.accounts]
        assert jobs == [jobs[0]] * EXPORTERS
        assert totals == [totals[0]] * EXPORTERS
        assert used == [used[0]] * EXPORTERS
        assert set(jobs[0]) == set(self.keys)
        for key, words in zip(self.keys, self.words, strict=True):
            assert jobs[0][key].acknowledged_at in words
        if totals[0]:
            reports = [job.report for job in jobs[0].values() if job.report]
            assert totals[0]["Leads"].records["updated"] == sum(report.updated or 0 for report in reports)
            assert totals[0]["Leads"].finished[JobState.COMPLETED] == sum(one.state.is_terminal for one in reports)

    def scrape(self, exporter: int) -> None:
        """Have the scrape before end, and take up what others wrote."""
        self.accounts[exporter].rest()
        self.fleet.stores[exporter].refresh(time.monotonic() + 10)

    def say(self, exporter: int, job: int, *, is_taken_back: bool) -> None:
        """Say something of a job, as a person does, or take it back: never at the same moment as another one.

        Once a clock was set back, which is the last can't be told.
        """
        self.clock.now += 1e-3
        self.elapsed += 1e-3
        account, key, word = self.accounts[exporter], self.keys[job], None if is_taken_back else self.elapsed
        self.fleet.stores[exporter].refresh(time.monotonic() + 10)
        account.change(key, lambda known: replace(known, acknowledged_at=word), says={"acknowledged_at"})
        is_heard = not self.fleet.stores[exporter].health().is_failing
        self.words[job] = [word] if is_heard and self.set_back_at < 0 else [*self.words[job], word]

    def end(self, event: str, call: Call) -> None:
        """Let a call end, on whatever day; once another has claimed the job since, its answer changes nothing."""
        account, key = self.accounts[call.exporter], call.claim.key
        match event:
            case "fail":
                account.release(call.claim)
            case "unsent":
                self.sent.remove(call.elapsed)
                account.give_back(call.claim)
                account.release(call.claim)
            case "answer" if call.exporter in self.parted:
                self.calls.append(call)  # it lands when they meet again, or never
            case "answer":
                job = self.keys.index(key)
                account.land(call.claim, partial(noted, call=call))
                known = account.get(key)
                # What it says of itself counts for nothing here: whether it has landed may have been lost on the way.
                if known and known.report != self.landed[job]:
                    assert (self.claims[key], known.report) == (call.claim.token, call.report)
                    self.landed[job] = known.report

    def loosen(self, event: str, exporter: int, number: int) -> None:
        """Lose some of an exporter's next questions or their answers, or all until they meet again."""
        loss, wire = LOSSES[number % len(LOSSES)], self.fleet.wires[exporter]
        match event:
            case "meet" if exporter in self.parted:
                self.fleet.meet(exporter)
                self.parted.discard(exporter)
            case "part":
                wire.lose(loss)
                self.parted.add(exporter)
            case "stutter" if exporter not in self.parted:
                wire.lose(loss, 1 + number % MOST_STUTTERS)

    def trouble(self, event: str, exporter: int) -> None:
        """End an exporter in the middle of whatever it does, or all connections, or set the database's clock back."""
        match event:
            case "kill":
                self.fleet.restart(exporter)
                self.parted.discard(exporter)
                self.accounts[exporter] = self.fleet.stores[exporter].account(self.keys[0].account)
                self.calls = [call for call in self.calls if call.exporter != exporter]
            case "cut":
                self.fleet.cut()
            case "restart":
                self.fleet.restart_server()
            case "back":
                self.clock.now -= SETTING_BACK_SECONDS
                self.set_back_at = self.elapsed

    def ask(self, exporter: int, job: int, more: int, *, is_probe: bool) -> None:
        """Let Zoho work on a job, and ask for it if this exporter knows it and may."""
        account, key = self.accounts[exporter], self.keys[job]
        self.done[job] = done = min(TOTAL, self.done[job] + more)
        if more % 2:
            account.expect_claims([(one, is_probe) for one in self.keys], more % 3, self.purse, LEASE_SECONDS)
        known = account.get(key)
        if known is None or known.is_terminal:
            return
        with suppress(HeldBackError):
            claim = account.claim(key, self.purse, LEASE_SECONDS, is_probe=is_probe)
            state = JobState.COMPLETED if done == TOTAL else JobState.RUNNING
            self.sent.append(self.elapsed)
            said = JobReport(state, done, 0, TOTAL - done, TOTAL)
            assert known.report == self.landed[job], "who asks knows what was answered last"
            self.claims[key] = claim.token
            self.calls.append(Call(exporter, claim, said, self.clock.now, self.elapsed))


class Registrations(RuleBasedStateMachine):
    """Exporters that are asked to track jobs and to let go of them, and what is to be tracked in the end."""

    def __init__(self, fleet: Fleet) -> None:
        super().__init__()
        self.fleet, self.clock = fleet, fleet.clock
        alias = fleet.next_account()
        self.keys = [JobKey(alias, "Leads", str(number)) for number in range(JOBS)]
        self.accounts = [store.account(alias) for store in fleet.stores]
        self.words: list[list[bool]] = [[False] for _ in range(JOBS)]
        """Of each job whether it may be there in the end: as was surely heard last, or said since."""
        self.may_lag, self.is_kept = False, False

    @initialize(may_lag=st.booleans())
    def begin(self, *, may_lag: bool) -> None:
        """Say whether a standby may take over that lags: what nobody knows who was killed is lost then."""
        self.may_lag = may_lag

    @rule(event=st.sampled_from(ASKING), exporter=who, job=which)
    def happen(self, event: str, exporter: int, job: int) -> None:
        """Let one thing happen."""
        job *= not self.may_lag  # more comes of one
        store, account, key = self.fleet.stores[exporter], self.accounts[exporter], self.keys[job]
        self.clock.now += 1e-3
        match event:
            case "register" | "untrack":
                store.refresh(time.monotonic() + 10)
                if event == "register":
                    account.track(JobSpec(key, JobSource.API), self.clock.now, says={"spec.source"})
                elif account.get(key):
                    account.forget([key])
                else:
                    return
                is_there, is_heard = event == "register", not store.health().is_failing
                self.words[job] = [is_there] if is_heard else [*self.words[job], is_there]
            case "poll":
                with suppress(HeldBackError):
                    claim = account.claim(key, PURSES[-1], LEASE_SECONDS)
                    account.land(claim, lambda known: (replace(known, polled_at=self.clock.now), Growth()))
            case "meet":
                self.fleet.meet(exporter)
            case _:
                self.trouble(event, exporter)

    def trouble(self, event: str, exporter: int) -> None:
        """Have an exporter be killed or cut off, all connections end, or a standby hear of no more and take over."""
        match event:
            case "kill" if not self.may_lag:
                self.fleet.restart(exporter)
                self.accounts[exporter] = self.fleet.stores[exporter].account(self.keys[0].account)
            case "standby" if self.may_lag and not self.is_kept:
                keep(self.fleet.server, self.fleet.name)
                self.is_kept = True
            case "standby" if self.is_kept:
                fall_back(self.fleet.server, self.fleet.name)
                self.fleet.restart_server()
                self.is_kept = False
            case "cut":
                self.fleet.cut()
            case "part" | "unheard":
                self.fleet.wires[exporter].lose(Loss.ANSWER if event == "unheard" else Loss.QUESTION)

    def teardown(self) -> None:
        """See that all know the same in the end, and that it is what was said last."""
        for exporter in (*range(EXPORTERS), *range(EXPORTERS)):
            self.fleet.meet(exporter)
        jobs = [account.jobs() for account in self.accounts]
        assert jobs == [jobs[0]] * EXPORTERS
        for key, words in zip(self.keys, self.words, strict=True):
            assert (key in jobs[0]) in words


def noted(job: TrackedJob, call: Call) -> tuple[TrackedJob, Growth]:
    """Note what a call gave."""
    after = note_report(job, call.report, call.sent_at)
    return after, growth_of(job, after)


def most_within(times: list[float], seconds: float) -> int:
    """Give how many there are at most in so many seconds."""
    return max((sum(0 <= at - begun < seconds for at in times) for begun in times), default=0)


@pytest.mark.filterwarnings("ignore:Do not use the `random` module")  # the pool's threads use it
@pytest.mark.timeout(3 * HISTORIES)
@pytest.mark.parametrize(("machine", "share"), [(Histories, 1), (Registrations, 2)])
def test_one_bill_and_the_last_word_whatever_happens(
    server: Server, tmp_path_factory: pytest.TempPathFactory, machine: type[Histories | Registrations], share: int
) -> None:
    """A few hundred histories; `make histories` tries ten thousand."""
    fleet = Fleet(server, machine.__name__.lower(), [tmp_path_factory.mktemp("w") for _ in range(EXPORTERS)])
    how = settings(max_examples=HISTORIES // share, stateful_step_count=30)
    try:
        run_state_machine_as_test(partial(machine, fleet), settings=how)  # type: ignore[arg-type] # all that makes one
    finally:
        fleet.close()
