"""How much is worked on at once: each kind of request has places of its own, so that none keeps another one out."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from enum import Enum, auto
from typing import TypeVar

from exporter.web.threads import in_thread

T = TypeVar("T")


class Kind(Enum):
    """What a request is about, and so for whose places it asks."""

    HEALTH = auto()
    """Needs no place and no thread: the answer is a constant."""
    READINESS = auto()
    METRICS = auto()
    PROBE = auto()
    OTHER = auto()


class Places:
    """The places of one kind. For use in one event loop.

    Where too many wait, one of those is turned away whose address has most of them, the newest first.

    Args:
        most: how many requests may be worked on at once, each in a thread of its own.
        most_waiting: how many more may wait for that.
    """

    def __init__(self, most: int, most_waiting: int) -> None:
        self._free = most
        self._most_waiting = most_waiting
        self._waiting: list[tuple[str, asyncio.Future[bool]]] = []
        """The addresses, and whether they get a place."""

    async def work(self, call: Callable[[], T], address: str, deadline: float) -> T | None:
        """Call it for an address; `None` where no place becomes free by the deadline, in `time.monotonic` seconds."""
        if time.monotonic() >= deadline or not await self._enter(address, deadline):
            return None
        try:
            return await in_thread(call)
        finally:
            self._leave()

    async def _enter(self, address: str, deadline: float) -> bool:
        if self._free:
            self._free -= 1
            return True
        turn: tuple[str, asyncio.Future[bool]] = (address, asyncio.get_running_loop().create_future())
        self._waiting.append(turn)
        if len(self._waiting) > self._most_waiting:
            self._turn_away()
        await asyncio.wait(turn[1:], timeout=deadline - time.monotonic())
        if turn[1].done():
            return turn[1].result()
        self._waiting.remove(turn)
        return False

    def _leave(self) -> None:
        if self._waiting:
            self._waiting.pop(0)[1].set_result(True)
        else:
            self._free += 1

    def _turn_away(self) -> None:
        shares = Counter(address for address, _ in self._waiting)
        victim = max(reversed(self._waiting), key=lambda turn: shares[turn[0]])
        self._waiting.remove(victim)
        victim[1].set_result(False)
