"""Garbage collection of all of memory, which stops every thread: while nobody waits for an answer."""

import gc
import sys
from collections.abc import Callable

GROWTH = 1.25
"""How much more must be held than after the last look; Python goes by a quarter too."""
MOST_PUT_OFF = 100
"""After so many smaller looks Python takes the next whole one itself, whoever waits; without us, after ten."""


class Garbage:
    """Takes Python's whole looks upon itself, the first at what a start has left. For one thread.

    `is_quiet` says whether nobody waits for an answer.
    """

    def __init__(self, is_quiet: Callable[[], bool]) -> None:
        self._is_quiet = is_quiet
        self._held = 0

    @staticmethod
    def put_off() -> None:
        """Have Python take whole looks itself only where there is never quiet."""
        young, middle, _ = gc.get_threshold()
        gc.set_threshold(young, middle, MOST_PUT_OFF)

    def look(self) -> None:
        """Take one, if it is time and quiet. To be called now and then."""
        held = sys.getallocatedblocks()
        if held > GROWTH * self._held and self._is_quiet():
            gc.unfreeze()
            gc.collect()
            self._held = sys.getallocatedblocks()
