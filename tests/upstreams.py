"""A way to Zoho that a test plays: answers as it is told, remembers what it was asked, claims jobs as the real one."""

from collections.abc import Callable, Collection
from threading import Event, Lock

from exporter.errors import HeldBackError
from exporter.model import JobKey, JobReport, TrackedJob
from exporter.state import AccountState, Claim, Purse
from exporter.state.port import Note

PATIENCE_SECONDS = 10.0
Answer = Callable[[JobKey], JobReport]


class PlayedUpstream:
    """Answers polls once its gate is open, which it is at first.

    Args:
        account: where jobs are claimed and outcomes land.
        answer: what Zoho says of a job, or raises.
        max_concurrency: how many polls at once.
        pressure: how scarce credits are.
    """

    def __init__(
        self, account: AccountState, answer: Answer, *, max_concurrency: int = 1, pressure: float = 0.0
    ) -> None:
        self.account = account
        self.answer = answer
        self.max_concurrency = max_concurrency
        self.scarcity = pressure
        self.gate, self.begun, self.resting, self.may_rest, self.rested = (Event() for _ in range(5))
        self.gate.set()
        self.may_rest.set()
        self.held_back = ""
        self.purse = Purse(None)
        self.asked: list[JobKey] = []
        self.taken: list[dict[str, object]] = []
        self.expected: list[int] = []
        self.needed: list[float] = []
        self.rests = 0
        self._lock = Lock()

    def pressure(self, needed: float) -> float:
        """Say how scarce credits are."""
        self.needed.append(needed)
        return self.scarcity

    def expect(
        self,
        wanted: Collection[tuple[JobKey, bool]],
        first: int,
        *,
        are_others_live: bool,  # noqa: ARG002 - the purse is the test's
    ) -> None:
        """Remember how many calls are to come, and claim as many as are to begin."""
        self.expected.append(len(wanted))
        self.account.expect_claims(wanted, first, self.purse, 60)

    def take(self, key: JobKey, *, is_probe: bool, are_others_live: bool, is_overdue: bool) -> "PlayedPoll":
        """Claim a job, unless polls are held back."""
        with self._lock:
            said = {"is_probe": is_probe, "are_others_live": are_others_live, "is_overdue": is_overdue}
            self.taken.append({"key": key, **said})
        if self.held_back:
            raise HeldBackError(self.held_back, "not now")
        return PlayedPoll(self, self.account.claim(key, self.purse, 60, is_probe=is_probe))

    def rest(self) -> None:
        """Count the rounds that have ended, once it may."""
        self.resting.set()
        assert self.may_rest.wait(PATIENCE_SECONDS), "the test has forgotten a rest"
        self.rests += 1
        self.rested.set()

    def ask(self, key: JobKey) -> JobReport:
        """Answer once the gate is open."""
        with self._lock:
            self.asked.append(key)
        self.begun.set()
        assert self.gate.wait(PATIENCE_SECONDS), "the test has forgotten a poll"
        return self.answer(key)


class PlayedPoll:
    """One poll."""

    def __init__(self, upstream: PlayedUpstream, claim: Claim) -> None:
        self._upstream = upstream
        self._claim = claim
        self._has_landed = False

    def fetch(self) -> JobReport:
        """Ask."""
        return self._upstream.ask(self._claim.key)

    def land(self, note: Note) -> tuple[TrackedJob, TrackedJob] | None:
        """Land."""
        landed = self._upstream.account.land(self._claim, note)
        self._has_landed = landed is not None
        return landed

    def close(self) -> None:
        """Give up the right."""
        if not self._has_landed:
            self._upstream.account.release(self._claim)
