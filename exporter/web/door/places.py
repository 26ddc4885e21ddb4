"""How much is worked on at once: each kind of request has places of its own, so that none keeps another one out."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

from starlette.exceptions import HTTPException

from exporter.web.problems import SOON
from exporter.web.threads import Threads

T = TypeVar("T")

NO_TIME = "the time that the request has was over before there was an answer: is its time-out too short?"


class Places:
    """The places of one kind, shared out by address. For use in one event loop.

    A free one goes to the address that has fewest. Where too many wait, one of those is turned away whose address has
    most of them, the newest first.

    Args:
        most: how many requests may be worked on at once, each in a thread.
        most_waiting: how many more may wait for that.
        threads: where they are worked on.
    """

    def __init__(self, most: int, most_waiting: int, threads: Threads) -> None:
        self._most = most
        self._threads = threads
        self._most_waiting = most_waiting
        self._inside: Counter[str] = Counter()
        """How many of each address are worked on."""
        self._waiting: list[tuple[str, asyncio.Future[bool]]] = []
        """The addresses, and whether they get a place."""

    async def work(self, call: Callable[[], T], address: str, deadline: float) -> T:
        """Call it for an address.

        Raises:
            HTTPException: no place becomes free by the deadline, in `time.monotonic` seconds.
        """
        if time.monotonic() >= deadline:
            raise late()
        if not await self._enter(address, deadline):
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, "too many requests at once", SOON)
        try:
            return await self._threads.call(call)
        finally:
            self._leave(address)

    async def _enter(self, address: str, deadline: float) -> bool:
        if self._inside.total() < self._most:
            self._inside[address] += 1
            return True
        turn: tuple[str, asyncio.Future[bool]] = (address, asyncio.get_running_loop().create_future())
        self._waiting.append(turn)
        if len(self._waiting) > self._most_waiting:
            shares = Counter(address for address, _ in self._waiting)
            self._settle(max(reversed(self._waiting), key=lambda turn: shares[turn[0]]), has_place=False)
        await asyncio.wait(turn[1:], timeout=deadline - time.monotonic())
        if not turn[1].done():
            self._settle(turn, has_place=False)
        return turn[1].result()

    def _leave(self, address: str) -> None:
        if self._waiting:
            self._settle(min(self._waiting, key=lambda turn: self._inside[turn[0]]), has_place=True)
        self._inside -= Counter((address,))

    def _settle(self, turn: tuple[str, asyncio.Future[bool]], *, has_place: bool) -> None:
        self._waiting.remove(turn)
        self._inside[turn[0]] += has_place
        turn[1].set_result(has_place)


def late() -> HTTPException:
    """Refuse a request that has no time left, however few there are."""
    return HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, NO_TIME, SOON)
