"""The account's circuit: a 429 stops all its polls for a while, then one poll tries whether Zoho answers again."""

import random
from collections.abc import Callable
from threading import Lock

from exporter.errors import DeadTokenError, HeldBackError, RefusedError, ThrottledError
from exporter.zoho.cooldown import CoolDown

CIRCUIT = "circuit"
"""Why a poll is held back: Zoho asked the account to pause, or there is no access token."""

SHORT = CoolDown(15, 600)
DAILY = CoolDown(900, 3600)
"""After a 429 about the day's credits: they come back over hours."""


class Circuit:
    """Lets an account's calls through, or not. Thread-safe.

    Args:
        clock: gives Unix seconds.
        draw: gives a number from 0 to 1, so that the exporters of one organisation do not try again together.
    """

    def __init__(self, clock: Callable[[], float], draw: Callable[[], float] = random.random) -> None:
        self._clock = clock
        self._draw = draw
        self._lock = Lock()
        self._open_since = 0.0
        self._open_until = 0.0
        self._refusals = 0
        self._is_trying = False

    @property
    def is_open(self) -> bool:
        """Whether Zoho's pause is still in force."""
        return self._refusals > 0 and self._is_pausing()

    def enter(self) -> bool:
        """Begin a call; once the pause is over, one at a time until one succeeds.

        Returns:
            Whether this call is the one that tries; `leave` wants to know.

        Raises:
            HeldBackError: not now.
        """
        with self._lock:
            if not self._refusals:
                return False
            if self._is_trying or self._is_pausing():
                raise HeldBackError(CIRCUIT, "Zoho asked the account to pause")
            self._is_trying = True
            return True

    def leave(self, failure: Exception | None, *, is_trial: bool) -> None:
        """End a call that `enter` let through. An answer of Zoho's that is no 429 ends the pause for good."""
        with self._lock:
            if is_trial:
                self._is_trying = False
            match failure:
                case ThrottledError() if is_trial or not self._refusals:
                    self._pause(failure)
                case None | RefusedError() | DeadTokenError() if is_trial:
                    self._refusals = 0

    def _is_pausing(self) -> bool:
        # A clock that was set back to before the pause would lengthen it by as much: one call tries instead.
        return self._open_since <= self._clock() < self._open_until

    def _pause(self, error: ThrottledError) -> None:
        self._refusals += 1
        cool_down = DAILY if error.is_daily else SHORT
        pause = max(cool_down.jittered(self._refusals, self._draw()), error.retry_after_seconds or 0.0)
        self._open_since = self._clock()
        self._open_until = self._open_since + pause
