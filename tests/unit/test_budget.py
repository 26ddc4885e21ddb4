"""The budget holds, whatever happens: random jobs, scrapes, answers, waits and restarts against the real parts.

Two clocks go on together: Zoho's, by which windows are counted, and the exporter's, which may be set back.
"""

import json
from bisect import bisect_left
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from exporter.jobs.registry import Registry
from exporter.zoho.book import AccountBook
from exporter.zoho.credits import CreditBudget
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from samples import NOW, Clock, HeldExecutor, MemoryJournal, report

from exporter.errors import HeldBackError, PassingError, PollError
from exporter.jobs.refresh import Lane, Refresher
from exporter.jobs.schedule import Schedule
from exporter.model import Account, AccountLedger, Credentials, JobKey, JobReport, JobSource, JobSpec
from exporter.zoho.client import ClientSetup, CreditLimits, ZohoClient
from exporter.zoho.data_centers import Endpoints
from exporter.zoho.transport import Transport, UnsentError
from exporter.zoho.wire import Answer

ANSWERS: Mapping[str, tuple[int, dict[str, object]]] = {
    "running": (200, {"data": [{"Status": "RUNNING", "Updated_Count": 3, "Failed_Count": 0, "Total_Count": 9}]}),
    "scheduled": (200, {"data": [{"Status": "SCHEDULED", "Total_Count": 9}]}),
    "suspended": (200, {"data": [{"Status": "SUSPENDED", "Total_Count": 9}]}),
    "completed": (200, {"data": [{"Status": "COMPLETED", "Updated_Count": 9, "Failed_Count": 0, "Total_Count": 9}]}),
    "dead token": (401, {"code": "INVALID_TOKEN", "message": "invalid oauth token"}),
    "throttled": (429, {"code": "TOO_MANY_REQUESTS", "message": "slow down"}),
    "fault": (500, {"code": "INTERNAL_ERROR", "message": "Internal Server Error"}),
    "refused": (403, {"code": "NO_PERMISSION", "message": "permission denied"}),
}
TOKENS: Mapping[str, tuple[int, dict[str, object]]] = {
    "minted": (200, {"access_token": "1000.abc", "expires_in": 3600}),
    "short-lived": (200, {"access_token": "1000.abc", "expires_in": 61}),
    "throttled": (200, {"error": "Access Denied"}),
    "revoked": (200, {"error": "invalid_code"}),
}
DAY, MINT_WINDOW = 86_400, 600


class Zoho(Transport):
    """Answers as the machine says, and remembers when it was asked."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.true_clock = Clock()
        self.answer, self.token = "running", "minted"
        self.calls: list[float] = []
        self.mints: list[float] = []
        self.remaining: int | None = None

    def get(self, url: str, params: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Answer a status call."""
        del url, params, headers
        if self.answer == "unreachable":
            raise UnsentError("connection", "refused")
        self.calls.append(self.true_clock.now)
        if self.answer == "silence":
            raise PassingError("timeout", "silence")
        credits_left = {} if self.remaining is None else {"x-api-credits-remaining": str(self.remaining)}
        return self._answer(*ANSWERS[self.answer], credits_left)

    def post_form(self, url: str, fields: Mapping[str, str]) -> Answer:
        """Answer a token refresh."""
        del url, fields
        self.mints.append(self.true_clock.now)
        return self._answer(*TOKENS[self.token], {})

    def _answer(self, status: int, body: dict[str, object], headers: dict[str, str]) -> Answer:
        return Answer(status, headers, json.dumps(body).encode(), self.clock.now)


class Budget(RuleBasedStateMachine):
    """An exporter with few credits and a Zoho that may do anything."""

    @initialize(budget=st.sampled_from([0, 1, 3, 12, 100]), jobs=st.integers(1, 6), reserve=st.integers(0, 20))
    def start(self, budget: int, jobs: int, reserve: int) -> None:
        """Begin with a budget and some jobs."""
        self.clock = Clock()
        self.zoho = Zoho(self.clock)
        self.limits = CreditLimits(budget, reserve)
        self.ledger = AccountLedger()
        self.keys = [JobKey("acme", "Leads", str(number)) for number in range(jobs)]
        self.thread = ThreadPoolExecutor(1)
        self.registry = Registry(MemoryJournal())
        self.registry.declare([JobSpec(key, JobSource.CONFIG) for key in self.keys], NOW, accounts={"acme"})
        self.restart()

    @rule()
    def restart(self) -> None:
        """Start anew from what was kept."""
        self.client = ZohoClient(
            ClientSetup(
                Account("acme", "eu", "production", "v8", 5),
                Endpoints("https://accounts.example", "https://api.example"),
                self.zoho,
                lambda: Credentials("id", "secret", "token"),
                self.limits,
            ),
            book=AccountBook(self.ledger, self.keep),
            clock=self.clock,
            stopwatch=self.clock,
            draw=lambda: 0.0,
        )
        lanes = {"acme": Lane(self.client.fetch, self.thread, self.client.pressure)}
        self.refresher = Refresher(self.registry, lanes, Schedule(), clock=self.clock, draw=lambda: 0.0)

    @rule(answer=st.sampled_from([*ANSWERS, "silence", "unreachable"]), remaining=st.none() | st.integers(0, 30))
    def answer(self, answer: str, remaining: int | None) -> None:
        """Let Zoho answer differently from now on."""
        self.zoho.answer, self.zoho.remaining = answer, remaining

    @rule(token=st.sampled_from(list(TOKENS)))
    def tokens(self, token: str) -> None:
        """Let the accounts server answer differently from now on."""
        self.zoho.token = token

    @rule(seconds=st.sampled_from([0.0, 1.0, 15.0, 59.0, 300.0, 3_600.0, 43_200.0, 86_399.0, 90_000.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.pass_time(seconds)

    @rule(seconds=st.sampled_from([0.1, 59.0, 600.0, 3_600.0, 100_000.0, 2_600_000.0]))
    def set_the_clock_back(self, seconds: float) -> None:
        """Correct a clock that was ahead."""
        self.clock.now -= seconds

    @rule(times=st.integers(1, 20), seconds=st.sampled_from([5.0, 15.0, 60.0]))
    def scrape(self, times: int, seconds: float) -> None:
        """Scrape some times in a row."""
        for _ in range(times):
            self.refresher.refresh(30)
            self.pass_time(seconds)

    @rule(key_number=st.integers(0, 5), tokens_die=st.booleans(), seconds=st.sampled_from([0.0, 16.0, 86_399.0]))
    def hammer(self, key_number: int, seconds: float, *, tokens_die: bool) -> None:
        """Poll one job again and again, whatever the schedule says; Zoho may drop each token once minted."""
        if tokens_die:
            self.zoho.answer, self.zoho.token = "dead token", "minted"
        for _ in range(15):
            with suppress(PollError, HeldBackError):
                self.client.fetch(self.keys[key_number % len(self.keys)])
            self.pass_time(seconds)

    @invariant()
    def calls_stay_within_the_budget(self) -> None:
        """No window of 24 hours holds more calls than the budget."""
        assert most_within(self.zoho.calls, DAY) <= (self.limits.daily_budget or 0)

    @invariant()
    def mints_stay_within_the_limit(self) -> None:
        """No window of 10 minutes holds more than 10 mints."""
        assert most_within(self.zoho.mints, MINT_WINDOW) <= 10

    def pass_time(self, seconds: float) -> None:
        """Let both clocks go on."""
        self.clock.now += seconds
        self.zoho.true_clock.now += seconds

    def keep(self, ledger: AccountLedger) -> None:
        """Remember what a restart would find."""
        self.ledger = ledger

    def teardown(self) -> None:
        """End the polling thread."""
        if hasattr(self, "thread"):
            self.thread.shutdown()


def most_within(times: list[float], window: float) -> int:
    """Give the most events that any window of so many seconds holds, its end not included."""
    return max((bisect_left(times, at + window) - start for start, at in enumerate(times)), default=0)


TestBudget = Budget.TestCase
TestBudget.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def test_live_jobs_are_polled_within_stale_after_while_the_budget_allows_that() -> None:
    """Four jobs without an end need 96 credits a day at their slowest: with 200, none is ever older than an hour."""
    clock = Clock()
    budget = CreditBudget(AccountBook(), 200, clock)
    keys = [JobKey("acme", "Leads", str(number)) for number in range(4)]
    registry = Registry(MemoryJournal())
    registry.declare([JobSpec(key, JobSource.CONFIG) for key in keys], NOW, accounts={"acme"})
    executor = HeldExecutor()

    def fetch(_: JobKey) -> JobReport:
        budget.spend()
        return report()

    refresher = Refresher(registry, {"acme": Lane(fetch, executor, budget.pressure)}, Schedule(), clock=clock)
    oldest = 0.0
    for _ in range(3 * DAY // 300):
        refresher.refresh(0)
        executor.run()
        oldest = max(oldest, *(clock.now - (job.reported_at or 0) for job in registry.jobs()))
        clock.now += 300
    assert oldest < 3600
