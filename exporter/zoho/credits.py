"""The credit budget: how many calls an account may make in any 24 hours.

Credits are counted by the minute, and a minute's credits come back only 24 hours after its end, so that no window of
24 hours ever holds more than the budget.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from exporter.errors import HeldBackError
from exporter.model import AccountLedger
from exporter.zoho.book import AccountBook

MINUTE_SECONDS = 60
WINDOW_SECONDS = 86_400
PLENTY = 0.5
"""The share of the free budget that may be used before polls are stretched."""
MOST_SET_ASIDE = 0.5
"""The share of the budget that is not free at most: many jobs at once may be short ones, that need no whole day."""
BUDGET = "budget"
"""Why a poll is held back: the account's own budget, or Zoho's remaining credits."""


class CreditBudget:
    """Spends an account's credits, none too many. Thread-safe; `limit` may be changed at any time.

    Args:
        book: keeps what was spent.
        limit: most credits in any 24 hours; 0 for no polling, `None` for no limit.
        clock: gives Unix seconds.
    """

    def __init__(self, book: AccountBook, limit: int | None, clock: Callable[[], float]) -> None:
        self._book = book
        self.limit = limit
        self._clock = clock

    def spend(self) -> int:
        """Take one credit, and give the minute it is booked under.

        Raises:
            HeldBackError: there is none left.
        """
        now = self._clock()
        minute = int(now // MINUTE_SECONDS)
        try:
            self._book.change(lambda ledger: self._spent(ledger, now, minute))
        except HeldBackError:
            # Kept as counted now: credits of the future, of before a clock was set back, would else not come back.
            self._book.change(lambda ledger: replace(ledger, credits_by_minute=_live(ledger.credits_by_minute, now)))
            raise
        return minute

    def give_back(self, minute: int) -> None:
        """Return a credit of a call that never reached Zoho."""
        self._book.change(lambda ledger: replace(ledger, credits_by_minute=_less_one(ledger.credits_by_minute, minute)))

    def used(self) -> int:
        """Give the credits spent in the last 24 hours."""
        return sum(_live(self._book.ledger.credits_by_minute, self._clock()).values())

    def pressure(self, needed: float = 0.0) -> float:
        """Give how scarce credits are: 0 while there are plenty, 1 when none are free.

        Free are those that are not set aside for the `needed` ones: what the live jobs cost in 24 hours at their
        slowest. Without them a busy morning would leave nothing for the rest of the day.
        """
        limit = self.limit
        if limit is None:
            return 0.0
        free = limit - min(needed, MOST_SET_ASIDE * limit)
        used = self.used() / free if free else 1.0
        return min(1.0, max(0.0, (used - PLENTY) / (1 - PLENTY)))

    def _spent(self, ledger: AccountLedger, now: float, minute: int) -> AccountLedger:
        live, limit = _live(ledger.credits_by_minute, now), self.limit
        if limit is not None and sum(live.values()) >= limit:
            raise HeldBackError(BUDGET, f"all {limit} credits of the last 24 hours' budget are spent")
        return replace(ledger, credits_by_minute={**live, minute: live.get(minute, 0) + 1})


def _live(credits_by_minute: Mapping[int, int], now: float) -> dict[int, int]:
    """Give the credits that are not back yet; those of the future, of before a clock was set back, count as new."""
    this_minute = int(now // MINUTE_SECONDS)
    live: dict[int, int] = {}
    for minute, count in credits_by_minute.items():
        booked = min(minute, this_minute)
        if (booked + 1) * MINUTE_SECONDS + WINDOW_SECONDS > now:
            live[booked] = live.get(booked, 0) + count
    return live


def _less_one(credits_by_minute: Mapping[int, int], minute: int) -> dict[int, int]:
    left = {**credits_by_minute, minute: credits_by_minute.get(minute, 0) - 1}
    return {booked: count for booked, count in left.items() if count > 0}
