"""The database's time, known between two questions."""

import time
from collections.abc import Callable
from threading import Lock

SLACK_SECONDS = 0.05
"""A clock that is off by less is not corrected: time would go back a little, again and again."""


class DatabaseClock:
    """Tells the database's time, Unix seconds; this machine's own until it was told. Thread-safe.

    Args:
        stopwatch: gives seconds that never go backwards.
        guess: gives Unix seconds, by this machine.
    """

    def __init__(self, stopwatch: Callable[[], float] = time.monotonic, guess: Callable[[], float] = time.time) -> None:
        self._stopwatch = stopwatch
        self._lock = Lock()
        self._ahead = guess() - stopwatch()
        self._is_told = False

    def __call__(self) -> float:
        """Give the time."""
        return self._stopwatch() + self._ahead

    def learn(self, asked_at: float, told: float) -> None:
        """Take the time that the database told just now, asked at `asked_at` (stopwatch): it read it in between."""
        least, most = told - self._stopwatch(), told - asked_at
        with self._lock:
            ahead = min(max(self._ahead, least), most)
            if not self._is_told or abs(ahead - self._ahead) > SLACK_SECONDS:
                self._ahead, self._is_told = ahead, True
