"""The budget holds, whatever happens: random jobs, scrapes, answers, waits and restarts against the real parts.

Two clocks go on together: Zoho's, by which windows are counted, and the exporter's, which may be set back.
"""

from bisect import bisect_left
from collections.abc import Collection, Mapping
from contextlib import closing, suppress
from math import inf
from threading import enumerate as enumerate_threads

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from samples import NOW, Clock, schedule
from zoho_peer import DEAD_TOKEN, RUNNING, Asked, Peer, Reply, open_account

from exporter.errors import HeldBackError, PassingError, PollError, TooManyJobsError
from exporter.jobs.refresh import Refresher
from exporter.jobs.table import JobTable, Retention
from exporter.model import Growth, JobKey, JobSource, JobSpec
from exporter.state import Health, SqliteStore
from exporter.state.account import MemoryAccount
from exporter.state.documents import Changes, Row, Value, decode, encode
from exporter.state.writer import Writer
from exporter.zoho.permits import CreditLimits
from exporter.zoho.transport import StaleConnectionError, UnsentError
from exporter.zoho.wire import Answer, SealedAnswer

ANSWERS: Mapping[str, Reply | PassingError] = {
    "running": RUNNING,
    "scheduled": (200, {"data": [{"Status": "SCHEDULED", "Total_Count": 9}]}),
    "suspended": (200, {"data": [{"Status": "SUSPENDED", "Total_Count": 9}]}),
    "completed": (
        200,
        {"data": [{"Status": "COMPLETED", "Updated_Count": 9, "Failed_Count": 0, "Total_Count": 9}]},
    ),
    "dead token": DEAD_TOKEN,
    "throttled": (429, {"code": "TOO_MANY_REQUESTS", "message": "slow down"}),
    "daily": (429, {"code": "TOO_MANY_REQUESTS", "message": "the credits of the last 24 hours are spent"}),
    "fault": (500, {"code": "INTERNAL_ERROR", "message": "Internal Server Error"}),
    "refused": (403, {"code": "NO_PERMISSION", "message": "permission denied"}),
    "silence": PassingError("timeout", "silence"),
    "unreachable": UnsentError("connection", "refused"),
    "stale": StaleConnectionError("connection", "reset"),
    "stale once": StaleConnectionError("connection", "reset"),
    "stale and unreachable": StaleConnectionError("connection", "reset"),
}
AFTER_STALE: Mapping[str, Reply | PassingError] = {
    "stale once": RUNNING,
    "stale and unreachable": UnsentError("connection", "refused"),
}
"""What is answered on a fresh connection instead."""
TOKENS: Mapping[str, Reply | None] = {
    "minted": None,
    "short-lived": None,
    "never accepted": (200, {"access_token": "1000.of-another-environment", "expires_in": 3600}),
    "throttled": (200, {"error": "Access Denied"}),
    "revoked": (200, {"error": "invalid_code"}),
}
WAITS = (
    0.0,
    1.0,
    15.0,
    39.9,
    40.0,
    59.0,
    60.0,
    300.0,
    600.0,
    3_600.0,
    43_200.0,
    86_340.0,
    86_399.0,
    86_400.0,
    90_000.0,
)
DAY, MINT_WINDOW = 86_400, 600


class Zoho(Peer):
    """Answers as the machine says, and may be the last that a process sees."""

    def __init__(self, clock: Clock, watch: Clock) -> None:
        super().__init__(clock, watch, self._reply)
        self.answer = "running"
        self.is_last_call = False
        self.jump_seconds = 0.0
        self.kept: Mapping[Row, Value] | None = None
        self.store: KeptStore | None = None

    def get(
        self, url: str, params: Mapping[str, str], headers: Mapping[str, str], *, deadline: float, fresh: bool = False
    ) -> Answer:
        """Answer a status call, unless the process is dead."""
        self._check_alive()
        return super().get(url, params, headers, deadline=deadline, fresh=fresh)

    def post_form(self, url: str, fields: Mapping[str, str], *, deadline: float) -> SealedAnswer:
        """Answer a token refresh, unless the process is dead."""
        self._check_alive()
        return super().post_form(url, fields, deadline=deadline)

    def _check_alive(self) -> None:
        """Let the process die in the call that comes now: what it wrote by now is all that a restart finds."""
        if self.kept is not None:
            raise UnsentError("connection", "this process is dead")
        if self.store and self.is_last_call:
            self.kept = dict(self.store.rows)
        if self.store and self.jump_seconds:
            self.clock.now -= self.jump_seconds
            self.jump_seconds = 0.0
            self.store.account("acme").used()  # as any page does that is written meanwhile

    def _reply(self, asked: Asked) -> Reply | PassingError:
        answers = {**ANSWERS, **AFTER_STALE} if asked.is_fresh else ANSWERS
        return answers[self.answer]


class KeptStore(Writer):
    """A store of one account that keeps documents in memory, each written before the next line runs."""

    is_shared = False

    def __init__(self, rows: Mapping[Row, Value], clock: Clock) -> None:
        super().__init__(clock)
        self.rows = {row: decode(encode(value), type(value)) for row, value in rows.items()}
        self._account = MemoryAccount("acme", self.rows, self, clock)

    def put(self, changes: Changes) -> int:
        """Write."""
        for row, value in changes.items():
            if value is None:
                self.rows.pop(row, None)
            else:
                self.rows[row] = value
        return 0

    def wait_kept(self, seconds: float) -> bool:
        """Say that everything is kept."""
        return seconds > 0

    def now(self) -> float:
        """Give the time."""
        return self._clock()

    def accounts(self) -> Collection[str]:
        """Give the account's alias."""
        return ("acme",)

    def account(self, alias: str) -> MemoryAccount:
        """Give the account."""
        assert alias == "acme"
        return self._account

    def refresh(self, deadline: float) -> None:
        """Nobody else writes."""

    def look(self, deadline: float) -> None:
        """Nobody else writes."""

    def health(self) -> Health:
        """All is well."""
        return Health()

    def close(self, grace_seconds: float) -> None:
        """Close nothing."""


class Budget(RuleBasedStateMachine):
    """An exporter with few credits and a Zoho that may do anything."""

    @initialize(budget=st.sampled_from([0, 1, 3, 12, 100]), jobs=st.integers(1, 6), reserve=st.integers(0, 20))
    def start(self, budget: int, jobs: int, reserve: int) -> None:
        """Begin with a budget and some jobs."""
        self.clock, self.watch = Clock(), Clock(0.0)
        self.zoho = Zoho(self.clock, self.watch)
        self.limits = CreditLimits(budget, reserve, None)
        self.keys = [JobKey("acme", "Leads", str(number)) for number in range(jobs)]
        self.probes = [JobKey("acme", "Deals", str(number)) for number in range(100, 103)]
        self.disturbed_at, self.are_probes_alone = -inf, False
        self.refresher: Refresher | None = None
        self.store = KeptStore({}, self.clock)
        self.open()
        self.table.declare([JobSpec(key, JobSource.CONFIG) for key in self.keys], NOW, accounts={"acme"})

    def open(self) -> None:
        """Start a process on what is in the store."""
        self.close()
        self.zoho.store, self.zoho.kept, self.zoho.is_last_call = self.store, None, False
        self.state = self.store.account("acme")
        self.account = open_account(self.zoho, self.state, self.limits, max_concurrency=1)
        self.table = JobTable(self.store, Retention(1e9, 1e9, 1e9, 1000, 2))
        self.refresher = Refresher(
            self.table,
            {"acme": self.account},
            schedule(),
            clock=self.clock,
            draw=lambda: 0.0,
            stopwatch=self.watch,
        )

    @rule()
    def restart(self) -> None:
        """Start anew from what was kept."""
        self.store = KeptStore(self.store.rows, self.clock)
        self.open()

    @rule(is_scrape=st.booleans(), key_number=st.integers(0, 5))
    def die_in_a_call(self, key_number: int, *, is_scrape: bool) -> None:
        """Kill the process while Zoho is asked, and start anew from what it had written by then."""
        self.zoho.is_last_call = True
        if is_scrape:
            self.refresh()
        else:
            self.poll(self.keys[key_number % len(self.keys)])
        if self.zoho.kept is not None:
            self.disturbed_at = self.zoho.true_clock.now  # credits that were booked ahead died with it
            self.store = KeptStore(self.zoho.kept, self.clock)
        self.open()

    @rule(
        answer=st.sampled_from(list(ANSWERS)),
        remaining=st.sampled_from(["", "n/a", "-1"]) | st.integers(0, 30).map(str),
    )
    def answer(self, answer: str, remaining: str) -> None:
        """Let Zoho answer differently from now on."""
        self.zoho.answer, self.zoho.remaining = answer, remaining

    @rule(token=st.sampled_from(list(TOKENS)))
    def tokens(self, token: str) -> None:
        """Let the accounts server answer differently from now on."""
        self.zoho.grant = TOKENS[token]
        self.zoho.lifetime_seconds = 61 if token == "short-lived" else 3600

    @rule()
    def drop_tokens(self) -> None:
        """Let every token die that was minted so far."""
        self.zoho.live.clear()

    @rule(seconds=st.sampled_from(WAITS))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.pass_time(seconds)

    @rule(seconds=st.sampled_from([0.1, 59.0, 600.0, 3_600.0, 100_000.0, 2_600_000.0]))
    def set_the_clock_back(self, seconds: float) -> None:
        """Correct a clock that was ahead."""
        self.clock.now -= seconds
        self.disturbed_at = self.zoho.true_clock.now

    @rule(seconds=st.sampled_from([59.0, 3_600.0, 100_000.0]))
    def set_the_clock_back_in_a_call(self, seconds: float) -> None:
        """Correct a clock that was ahead while Zoho is asked, with credits booked for the calls that follow."""
        self.zoho.jump_seconds = seconds
        self.refresh()
        self.zoho.jump_seconds = 0.0
        self.disturbed_at = self.zoho.true_clock.now

    @rule(times=st.integers(1, 20), seconds=st.sampled_from([5.0, 15.0, 60.0]))
    def scrape(self, times: int, seconds: float) -> None:
        """Scrape some times in a row."""
        for _ in range(times):
            self.refresh()
            self.pass_time(seconds)

    @rule(number=st.integers(0, 2), times=st.integers(1, 20), seconds=st.sampled_from([5.0, 15.0, 3_600.0]))
    def probe(self, number: int, times: int, seconds: float) -> None:
        """Probe a job some times in a row."""
        for _ in range(times):
            with suppress(TooManyJobsError):
                self.table.admit_probe(self.probes[number], self.clock.now)
            self.refresh({self.probes[number]})
            self.pass_time(seconds)

    @rule(key_number=st.integers(0, 5), tokens_die=st.booleans(), seconds=st.sampled_from([0.0, 16.0, 86_399.0]))
    def hammer(self, key_number: int, seconds: float, *, tokens_die: bool) -> None:
        """Poll one job again and again, whatever the schedule says; Zoho may drop each token once minted."""
        if tokens_die:
            self.zoho.answer, self.zoho.grant = "dead token", None
        for _ in range(15):
            self.poll(self.keys[key_number % len(self.keys)])
            self.pass_time(seconds)

    @invariant()
    def calls_stay_within_the_budget(self) -> None:
        """No window of 24 hours holds more calls than the budget."""
        assert most_within(self.calls(), DAY) <= (self.limits.daily_budget or 0)

    @invariant()
    def mints_stay_within_the_limit(self) -> None:
        """No window of 10 minutes holds more than 10 mints."""
        assert most_within(self.zoho.mints, MINT_WINDOW) <= 10

    @invariant()
    def probes_leave_three_quarters_to_others(self) -> None:
        """No window of 24 hours holds more calls for probed jobs than a quarter of the budget, while others live."""
        probed = {key.job_id for key in self.probes}
        calls = [asked.at for asked in self.zoho.calls if asked.job_id in probed]
        assert self.are_probes_alone or most_within(calls, DAY) <= (self.limits.daily_budget or 0) // 4

    @invariant()
    def no_call_is_forgotten_and_no_credit_lost(self) -> None:
        """Each call of the last 24 hours is counted, and nothing else is once a day has passed without a mishap."""
        now, used = self.zoho.true_clock.now, self.state.used()
        assert used >= len([at for at in self.calls() if at > now - DAY])
        if now - self.disturbed_at > DAY + 60:
            assert used <= len([at for at in self.calls() if at >= now - DAY - 60])
            assert MemoryAccount("acme", self.store.rows, Writer(self.clock), self.clock).used() == used

    def calls(self) -> list[float]:
        """Give when Zoho was asked, by its own clock."""
        return [asked.at for asked in self.zoho.calls]

    def refresh(self, keys: Collection[JobKey] | None = None) -> None:
        """Poll what is due, and wait for all of it, and for what was booked ahead to be given back."""
        others = (self.table.get(key) for key in self.keys)
        self.are_probes_alone |= not any(job and not job.is_terminal for job in others)
        assert self.refresher is not None
        self.refresher.refresh(self.watch.now + 1000, keys)
        for thread in enumerate_threads():
            if thread.name == "poll-acme":
                thread.join()

    def poll(self, key: JobKey) -> None:
        """Poll a job, whatever the schedule says."""
        with suppress(PollError, HeldBackError):
            taken = self.account.take(key, is_probe=False, are_others_live=True, is_overdue=False)
            with closing(taken) as poll:
                try:
                    poll.fetch()
                finally:
                    poll.land(lambda job: (job, Growth()))

    def pass_time(self, seconds: float) -> None:
        """Let both clocks go on."""
        self.clock.now += seconds
        self.watch.now += seconds
        self.zoho.true_clock.now += seconds

    def close(self) -> None:
        """End the polling thread."""
        if self.refresher:
            self.refresher.close(30)

    def teardown(self) -> None:
        """End with nothing under way."""
        if hasattr(self, "refresher"):
            self.close()


def most_within(times: list[float], window: float) -> int:
    """Give the most events that any window of so many seconds holds, its end not included."""
    return max((bisect_left(times, at + window) - start for start, at in enumerate(times)), default=0)


TestBudget = Budget.TestCase
TestBudget.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def test_live_jobs_are_polled_within_stale_after_while_the_budget_allows_that() -> None:
    """Four jobs without an end need 96 credits a day at their slowest: with 200, none is ever older than an hour."""
    clock, watch = Clock(), Clock(0.0)
    peer = Peer(clock, watch, lambda _: RUNNING)
    store = SqliteStore(None, clock)
    account = open_account(peer, store.account("acme"), CreditLimits(200, 0, None))
    table = JobTable(store, Retention(1e9, 1e9, 1e9, 1000, 1000))
    keys = [JobKey("acme", "Leads", str(number)) for number in range(4)]
    table.declare([JobSpec(key, JobSource.CONFIG) for key in keys], NOW, accounts={"acme"})
    refresher = Refresher(table, {"acme": account}, schedule(), clock=clock, stopwatch=watch)
    oldest = 0.0
    for _ in range(3 * DAY // 300):
        refresher.refresh(watch.now + 1000)
        oldest = max(oldest, *(clock.now - (job.reported_at or 0) for job in table.jobs()))
        clock.now += 300
    assert oldest < 3600
    refresher.close(30)
