"""Claims that are taken before their polls begin, on the way of another question: most polls then ask for none."""

import secrets
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition

from exporter.errors import HeldBackError, NoPlaceError
from exporter.model import JobKey
from exporter.state.port import BUDGET, CIRCUIT, Claim, Purse

TOKEN_BITS = 62


@dataclass(frozen=True, slots=True)
class Want:
    """A claim that is wanted, as `AccountState.claim` takes it, by who knows the job as of a revision."""

    key: JobKey
    known: int
    purse: Purse
    lease_seconds: float
    is_probe: bool
    token: int = field(default_factory=lambda: secrets.randbits(TOKEN_BITS))

    def outcome(self, answer: str) -> Claim | HeldBackError:
        """Say what the database's answer means."""
        match answer:
            case "news":
                return HeldBackError(CIRCUIT, f"another exporter has just polled {self.key}")
            case "claimed":
                return HeldBackError(CIRCUIT, f"{self.key} is polled already")
            case "moved":
                return HeldBackError(CIRCUIT, "another server has just taken over")
            case "busy":
                most = self.purse.at_once
                return NoPlaceError(CIRCUIT, f"{most} calls of the account are under way, which is all it may")
        return no_credit(answer, self.purse) or Claim(self.key, self.token, float(answer), self.is_probe)


def no_credit(answer: str, purse: Purse) -> HeldBackError | None:
    """Say why no credit could be booked, if that is what the database answered."""
    match answer:
        case "limit":
            return HeldBackError(BUDGET, f"all {purse.limit} credits of the last 24 hours' budget are spent")
        case "share":
            return HeldBackError(BUDGET, f"all {purse.for_probes} credits for jobs that only probes brought are spent")
    return None


class Ahead:
    """What claims are expected to be wanted, which are just asked for, and what came of that. Thread-safe."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._expected: OrderedDict[JobKey, Want] = OrderedDict()
        self._first = 0
        """How many of them the next claim asks for at once."""
        self._asked: set[JobKey] = set()
        self._there: dict[JobKey, Claim | HeldBackError] = {}

    def expect(self, wants: Iterable[Want], first: int) -> None:
        """Add claims that will be wanted, in this order, and so many of them at once."""
        with self._changed:
            self._expected.update((want.key, want) for want in wants)
            self._first = max(self._first, first)

    @contextmanager
    def asking(self, key: JobKey | None = None) -> Iterator[Sequence[Want]]:
        """Give those that the caller asks for; whoever wants one of them meanwhile waits for the end.

        It is the next one, to travel along; with a `key` those that are wanted at once, if it is one of them.
        """
        with self._changed:
            wants = self._next(key)
            self._asked.update(want.key for want in wants)
        try:
            yield wants
        finally:
            with self._changed:
                self._asked.difference_update(want.key for want in wants)
                self._changed.notify_all()

    def _next(self, key: JobKey | None) -> Sequence[Want]:
        number = 1
        if key:
            if not self._first or key not in self._expected:
                return []
            self._expected.move_to_end(key, last=False)
            number, self._first = self._first, 0
        return [self._expected.popitem(last=False)[1] for _ in range(min(number, len(self._expected)))]

    def note(self, wants: Iterable[Want], answers: Iterable[str]) -> None:
        """Take what was answered; what may be answered otherwise when it is wanted is asked again then."""
        with self._changed:
            for want, answer in zip(wants, answers, strict=True):
                if answer not in {"busy", "moved"}:
                    self._there[want.key] = want.outcome(answer)

    def take(self, key: JobKey) -> Claim | None:
        """Give the claim on a job if there is one, waiting for one that is just asked for; it is expected no more.

        Raises:
            HeldBackError: it was refused.
        """
        with self._changed:
            self._expected.pop(key, None)
            self._changed.wait_for(lambda: key not in self._asked)
            answer = self._there.pop(key, None)
        if isinstance(answer, HeldBackError):
            raise answer
        return answer

    def leave(self) -> Sequence[Claim]:
        """Expect nothing any more, and give the claims that nobody wanted."""
        with self._changed:
            unused = [answer for answer in self._there.values() if isinstance(answer, Claim)]
            self._expected.clear()
            self._first = 0
            self._there.clear()
            return unused
