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

    def __init__(self, by_minute: Mapping[int, int]) -> None:
        self._minutes = dict(sorted(by_minute.items()))
        self._sum = sum(self._minutes.values())
        self._changed: set[int] = set()
        self._expected_in = 0
        self.expected = 0
        """Credits that are kept as if they were spent, for calls that are about to come."""

    def used(self, now: float) -> int:
        """Give the credits that are not back yet."""
        self._follow(now)
        return self._sum

    def expect(self, now: float, count: int) -> None:
        """Keep so many credits beside those that are spent, until the calls come that they are for."""
        self._changed |= {self._expected_in, _minute(now)}
        self._expected_in, self.expected = _minute(now), count

    def add(self, now: float) -> int:
        """Book a credit, one of those expected if there are any, and give the minute it is booked under."""
        self._follow(now)
        minute, changed = _minute(now), set(self._changed)
        self._move(minute, 1)
        if self.expected:
            self.expected -= 1
            # Nothing changes in what is kept of a minute that the credit was expected in.
            self._changed = changed | ({minute} ^ {self._expected_in})
        return minute

    def take_back(self, minute: int) -> None:
        """Return a credit of a minute, if it still holds one."""
        if self._minutes.get(minute):
            self._move(minute, -1)

    def changes(self) -> dict[int, int]:
        """Give what is to be kept of the minutes that have changed since the last call, 0 for those that are gone."""
        changed, self._changed = self._changed, set()
        return {minute: self._kept(minute) for minute in changed}

    def _follow(self, now: float) -> None:
        """Drop what is back, and move credits of before a clock was set back to now: they would come back too late."""
        while self._minutes and (first := next(iter(self._minutes))) <= (now - WINDOW_SECONDS) / MINUTE_SECONDS - 1:
            self._move(first, -self._minutes[first])
        future = 0
        while self._minutes and (last := next(reversed(self._minutes))) > _minute(now):
            future += self._minutes[last]
            self._move(last, -self._minutes[last])
        if future:
            self._move(_minute(now), future)

    def _move(self, minute: int, count: int) -> None:
        self._sum += count
        self._minutes[minute] = self._minutes.get(minute, 0) + count
        if not self._minutes[minute]:
            del self._minutes[minute]
        self._changed.add(minute)

    def _kept(self, minute: int) -> int:
        return self._minutes.get(minute, 0) + (self.expected if minute == self._expected_in else 0)


def _minute(now: float) -> int:
    return int(now // MINUTE_SECONDS)
