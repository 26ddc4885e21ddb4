"""How many requests are let in: a bucket of tokens, as exporter-toolkit's `rate_limit` has it.

Source: exporter-toolkit, Web configuration; golang.org/x/time/rate.
"""

import time
from collections.abc import Callable


class Limiter:
    """A bucket that begins full, from which each request takes a token. For use in one event loop.

    Args:
        stopwatch: gives seconds that never go backwards.
    """

    def __init__(self, stopwatch: Callable[[], float] = time.monotonic) -> None:
        self._stopwatch = stopwatch
        self._taken = 0.0
        """How many tokens there would be more in a full bucket."""
        self._looked_at = stopwatch()

    def wait_seconds(self, interval_seconds: float, burst: int) -> float:
        """Take a token, or give the seconds until there is one.

        Args:
            interval_seconds: how long a token takes to come back; 0 for no limit.
            burst: how many there are at most.
        """
        now = self._stopwatch()
        back = (now - self._looked_at) / interval_seconds if interval_seconds else self._taken
        self._looked_at, self._taken = now, max(self._taken - back, 0.0)
        if not interval_seconds or self._taken + 1 <= burst:
            self._taken += 1 if interval_seconds else 0
            return 0.0
        return (self._taken + 1 - burst) * interval_seconds
