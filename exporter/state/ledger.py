"""Credits by the minute: how many calls an account made in the last 24 hours. Pure, but for its own memory.

A minute's credits come back only 24 hours after its end, so that no window of 24 hours ever holds more than the limit.
"""

from collections.abc import Mapping

MINUTE_SECONDS = 60
WINDOW_SECONDS = 86_400


class Ledger:
    """Counts credits in a rolling window; each operation costs the same, however long the day. Not thread-safe.

    Args:
        by_minute: credits by the minute (Unix time // 60) they are booked under.
    """

    def __init__(self, by_minute: Mapping[int, int] | None = None) -> None:
        self._minutes = dict(sorted((by_minute or {}).items()))
        self._sum = sum(self._minutes.values())
        self._changed: set[int] = set()

    @staticmethod
    def minute(now: float) -> int:
        """Give the minute that credits are booked under now."""
        return int(now // MINUTE_SECONDS)

    def used(self, now: float) -> int:
        """Give the credits that are not back yet."""
        self._drop_returned(now)
        return self._sum

    def add(self, now: float, count: int = 1) -> int:
        """Book credits, and give the minute they are booked under."""
        self._drop_returned(now)
        minute = self.minute(now)
        self._set(minute, self._minutes.get(minute, 0) + count)
        return minute

    def take_back(self, minute: int | None, count: int = 1) -> None:
        """Return credits of a minute, as many as it still holds."""
        if minute in self._minutes:
            self._set(minute, max(0, self._minutes[minute] - count))

    def oldest(self) -> int | None:
        """Give the first minute that holds a credit."""
        return next(iter(self._minutes), None)

    def by_minute(self) -> dict[int, int]:
        """Give all that is booked."""
        return dict(self._minutes)

    def changes(self) -> dict[int, int]:
        """Give the minutes that have changed since the last call, 0 for those that are gone."""
        changed, self._changed = self._changed, set()
        return {minute: self._minutes.get(minute, 0) for minute in changed}

    def _drop_returned(self, now: float) -> None:
        while self._minutes and (first := next(iter(self._minutes))) <= (now - WINDOW_SECONDS) / MINUTE_SECONDS - 1:
            self._set(first, 0)
        this_minute = self.minute(now)
        if self._minutes and next(reversed(self._minutes)) > this_minute:
            self._count_as_new(this_minute)

    def _count_as_new(self, this_minute: int) -> None:
        """Move credits of the future, of before a clock was set back, to now: they would else come back too late."""
        future = {minute: count for minute, count in self._minutes.items() if minute > this_minute}
        for minute in future:
            self._set(minute, 0)
        self._set(this_minute, self._minutes.get(this_minute, 0) + sum(future.values()))

    def _set(self, minute: int, count: int) -> None:
        self._sum += count - self._minutes.get(minute, 0)
        self._changed.add(minute)
        if count:
            self._minutes[minute] = count
        else:
            self._minutes.pop(minute, None)
