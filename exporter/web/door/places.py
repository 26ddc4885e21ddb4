"""How much is worked on at once: each kind of request has places of its own, so that none keeps another one out."""

import asyncio
import time
from collections.abc import Callable
from enum import Enum, auto
from typing import TypeVar

from exporter.web.threads import in_thread

T = TypeVar("T")

_BUSY_THREADS = 8
"""So many work on what only costs time: more of them would be slower together, and a page is not to wait for them."""
_CHECKED_AT_ONCE = 1000


class Kind(Enum):
    """What a request is about, and so for whose places it asks."""

    HEALTH = auto()
    READINESS = auto()
    METRICS = auto()
    PROBE = auto()
    OTHER = auto()


class Places:
    """The places of one kind. For use in one event loop.

    Args:
        most: how many requests may be inside at once.
        threads: how many of them may be worked on at once; all, unless another number is given.
    """

    def __init__(self, most: int, threads: int | None = None) -> None:
        self._free = most
        self._threads = asyncio.Semaphore(min(threads or most, most))

    async def work(self, call: Callable[[], T], deadline: float) -> T | None:
        """Call it in a thread; `None` where there is no place, or where none has become free by the deadline."""
        if not self._free or time.monotonic() >= deadline:
            return None
        self._free -= 1
        try:
            return await self._begun(call) if await self._may_begin(deadline) else None
        finally:
            self._free += 1

    async def _may_begin(self, deadline: float) -> bool:
        try:
            async with asyncio.timeout_at(deadline):
                await self._threads.acquire()
        except TimeoutError:
            return False
        return True

    async def _begun(self, call: Callable[[], T]) -> T:
        try:
            return await in_thread(call)
        finally:
            self._threads.release()


def places_of(kind: Kind, most: int) -> Places:
    """Give the places of a kind where so many requests of it may be worked on at once."""
    match kind:
        case Kind.HEALTH | Kind.READINESS:
            return Places(_CHECKED_AT_ONCE, 2)
        case Kind.OTHER:
            return Places(most, _BUSY_THREADS)
    return Places(most)
