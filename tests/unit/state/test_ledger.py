"""What is booked is never forgotten and never counted less: random days of one account, with kills and odd clocks."""

import shutil
import tempfile
import time
from pathlib import Path

from houses import killed
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from samples import Clock

from exporter.errors import HeldBackError
from exporter.model import JobKey
from exporter.state import AccountState, Claim, Purse, SqliteStore
from exporter.state.ledger import Ledger

DAY = 86_400.0
PATIENCE_SECONDS = 10.0
WAITS = [0.0, 1.0, 59.0, 60.0, 3_600.0, 43_200.0, 86_399.0, 86_460.0, 200_000.0]


class Account(RuleBasedStateMachine):
    """An account with a limit, and a record of each call that was really made, by a clock that nobody sets back."""

    @initialize(limit=st.sampled_from([1, 3, 12, 40]), share=st.sampled_from([None, 1, 3]))
    def start(self, limit: int, share: int | None) -> None:
        """Begin with nothing booked."""
        self.directory = Path(tempfile.mkdtemp())
        self.purse = Purse(limit, share)
        self.clock, self.true_clock = Clock(), Clock()
        self.calls: list[float] = []
        self.probes: list[float] = []
        self.claims: list[Claim] = []
        self.numbers = 0
        self.path = self.directory / "0" / "state.db"
        self.store = SqliteStore(self.path, self.clock)

    @rule(is_probe=st.booleans(), times=st.integers(1, 5))
    def call(self, times: int, *, is_probe: bool) -> None:
        """Make calls that reach Zoho."""
        for _ in range(times):
            claim = self.claim(is_probe=is_probe)
            if claim:
                self.note(claim)
                self.claims.append(claim)

    @rule(is_probe=st.booleans())
    def call_that_is_not_sent(self, *, is_probe: bool) -> None:
        """Make a call that never leaves, and get the credit back."""
        claim = self.claim(is_probe=is_probe)
        if claim:
            self.account.give_back(claim)
            self.account.release(claim)

    @precondition(lambda self: self.claims)
    @rule(is_sent=st.booleans())
    def call_again(self, *, is_sent: bool) -> None:
        """Make a further call under a claim, sent or not."""
        claim = self.claims[-1]
        try:
            self.account.book(claim, self.purse)
        except HeldBackError:
            return
        if is_sent:
            self.note(claim)
        else:
            self.account.give_back(claim)

    @precondition(lambda self: self.claims)
    @rule()
    def end(self) -> None:
        """End a poll."""
        self.account.release(self.claims.pop())

    @rule(count=st.integers(0, 50))
    def expect(self, count: int) -> None:
        """Announce calls."""
        self.account.expect_calls(count, self.purse)

    @rule()
    def rest(self) -> None:
        """End a round."""
        self.account.rest()

    @rule(seconds=st.sampled_from(WAITS))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.now += seconds
        self.true_clock.now += seconds

    @rule(seconds=st.sampled_from([0.1, 60.0, 3_600.0, 100_000.0, 2_600_000.0]))
    def set_the_clock_back(self, seconds: float) -> None:
        """Correct a clock that was ahead."""
        self.clock.now -= seconds

    @rule()
    def restart(self) -> None:
        """Stop in order, and start anew."""
        spent = self.account.used()
        self.account.rest()
        self.store.close()
        self.begin_anew(self.path)
        assert self.account.used() == spent

    @rule()
    def kill(self) -> None:
        """Kill the process when a call has just waited for its credit, and start from what is in the file."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.store.health().behind_since is not None:
            assert time.monotonic() < deadline, "the disk does not follow"
            self.account.wait_written()
        assert self.account.unwritten() == 0
        self.numbers += 1
        left = killed(self.path, self.directory / str(self.numbers))
        self.store.close()
        self.begin_anew(left)

    @invariant()
    def nothing_is_counted_less(self) -> None:
        """What is told as spent is at least what was sent in the last 24 hours."""
        if hasattr(self, "store"):
            assert self.account.used() >= within_a_day(self.calls, self.true_clock.now)
            assert self.account.used(by_probes=True) >= within_a_day(self.probes, self.true_clock.now)

    @invariant()
    def no_day_holds_more_than_the_limit(self) -> None:
        """Neither all calls, nor those for probes."""
        if hasattr(self, "store") and self.calls:
            assert within_a_day(self.calls, self.calls[-1]) <= (self.purse.limit or 0)
            if self.probes and self.purse.for_probes is not None:
                assert within_a_day(self.probes, self.probes[-1]) <= self.purse.for_probes

    def begin_anew(self, path: Path) -> None:
        """Open a file, as a process that holds no claim."""
        self.path = path
        self.claims.clear()
        self.store = SqliteStore(path, self.clock)
        assert self.store.health().errors["load"] == 0

    def claim(self, *, is_probe: bool) -> Claim | None:
        """Claim a job that nobody has claimed."""
        self.numbers += 1
        try:
            return self.account.claim(JobKey("acme", "Leads", str(self.numbers)), self.purse, 60, is_probe=is_probe)
        except HeldBackError:
            return None

    def note(self, claim: Claim) -> None:
        """Write down a call that was sent."""
        self.calls.append(self.true_clock.now)
        if claim.is_probe:
            self.probes.append(self.true_clock.now)

    @property
    def account(self) -> AccountState:
        """The account."""
        return self.store.account("acme")

    def teardown(self) -> None:
        """Close the store."""
        if hasattr(self, "store"):
            self.store.close()
            shutil.rmtree(self.directory)


def test_a_booking_lets_go_of_what_is_back() -> None:
    """Where nobody asks how much is spent, days do not pile up."""
    ledger = Ledger({1000: 5})
    ledger.add((1000 + 1441) * 60)
    assert ledger.changes() == {1000: 0, 2441: 1}


def test_a_call_that_was_expected_is_kept_once() -> None:
    """Two were expected and one has come: that are two, not three."""
    ledger = Ledger({})
    ledger.expect(60_000, 2)
    ledger.add(60_000)
    assert ledger.changes() == {0: 0, 1000: 2}


def within_a_day(times: list[float], end: float) -> int:
    """Count what happened in the 24 hours before a moment, and at it."""
    return sum(end - DAY < at <= end for at in times)


TestAccount = Account.TestCase
TestAccount.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
