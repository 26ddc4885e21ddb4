"""What an organisation may ask for: credits in a rolling day, and calls at the same time.

Source: Zoho CRM v8, API limits.
"""

import threading
from collections import deque
from collections.abc import Callable

DAY_SECONDS = 86_400.0


class CreditLedger:
    """The credits of the last 24 hours. Thread-safe. `clock` gives Unix seconds."""

    def __init__(self, daily: int, clock: Callable[[], float]) -> None:
        self._daily = daily
        self._clock = clock
        self._lock = threading.Lock()
        self._spent_at: deque[float] = deque()

    def spend(self) -> bool:
        """Spend one credit; `False` when none is left."""
        with self._lock:
            if self._used() >= self._daily:
                return False
            self._spent_at.append(self._clock())
            return True

    def give_back(self) -> None:
        """Take back the newest credit: the call was refused with a 429."""
        with self._lock:
            if self._spent_at:
                self._spent_at.pop()

    @property
    def used(self) -> int:
        """Credits spent in the last 24 hours."""
        with self._lock:
            return self._used()

    @property
    def remaining(self) -> int:
        """Credits left."""
        return self._daily - self.used

    @property
    def announced(self) -> int | None:
        """What `X-API-CREDITS-REMAINING` says: nothing before half of the day's credits are used."""
        remaining = self.remaining
        return remaining if remaining * 2 <= self._daily else None

    def _used(self) -> int:
        """Count the credits, each of which returns a day after it was spent. Call it with the lock held."""
        horizon = self._clock() - DAY_SECONDS
        while self._spent_at and self._spent_at[0] <= horizon:
            self._spent_at.popleft()
        return len(self._spent_at)


class ConcurrencyGate:
    """The CRM calls under way. Thread-safe."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._in_flight = 0
        self._peak = 0

    def enter(self) -> bool:
        """Count a call in; `False` when it is one too many. Each entry needs a `leave`, a refused one too."""
        with self._lock:
            self._in_flight += 1
            self._peak = max(self._peak, self._in_flight)
            return self._in_flight <= self._limit

    def leave(self) -> None:
        """Count a call out."""
        with self._lock:
            self._in_flight -= 1

    def reset_peak(self) -> None:
        """Measure the peak anew."""
        with self._lock:
            self._peak = self._in_flight

    @property
    def in_flight(self) -> int:
        """Calls under way now."""
        with self._lock:
            return self._in_flight

    @property
    def peak(self) -> int:
        """Most calls under way at once since the last reset, refused ones included."""
        with self._lock:
            return self._peak
