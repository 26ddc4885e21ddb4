"""Changes of an account's standing that can wait for an answer to take them along."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import reduce
from threading import Lock
from typing import TypeAlias

from exporter.model import Standing

Change: TypeAlias = Callable[[Standing], Standing]


class Changes:
    """Those that wait, in their order. Thread-safe."""

    def __init__(self) -> None:
        self._lock, self._travels = Lock(), Lock()
        self._waiting: list[Change] = []

    def add(self, change: Change) -> None:
        """Have one wait."""
        with self._lock:
            self._waiting.append(change)

    @contextmanager
    def travelling(self) -> Iterator[list[Change]]:
        """Give those that wait, to one question at a time, or they would overtake each other; what is left waits on."""
        if not self._travels.acquire(blocking=False):
            yield []
            return
        with self._lock:
            changes, self._waiting = self._waiting, []
        try:
            yield changes
        finally:
            with self._lock:
                self._waiting[:0] = changes
            self._travels.release()


def changed(standing: Standing, changes: Iterable[Change]) -> Standing:
    """Give what changes make of a standing, one after the other."""
    return reduce(lambda one, change: change(one), changes, standing)
