"""How much is worked on at once: each kind of request has places of its own, so that none keeps another one out."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from threading import Event
from typing import TypeVar

from starlette.exceptions import HTTPException

from exporter.web.problems import SOON
from exporter.web.threads import Threads

T = TypeVar("T")

NO_TIME = "the time that the request has was over before there was an answer: is its time-out too short?"


@dataclass(frozen=True, slots=True, eq=False)
class _Turn:
    """One request, on its place or on the way to it."""

    address: str
    enough: Event
    has_place: asyncio.Future[bool]


class Places:
    """The places of one kind, shared out by address. For use in one event loop.

    A free one goes to the address that has fewest. Where there is none, an address with less than its share makes the
    oldest request of the address that has most come to its end: no address, however eager, keeps another one out. Where
    too many wait, one of those is turned away whose address has most of them, the newest first.

    Args:
        most: how many requests may be worked on at once, each in a thread.
        most_waiting: how many more may wait for that.
        threads: where they are worked on.
    """

    def __init__(self, most: int, most_waiting: int, threads: Threads) -> None:
        self._most = most
        self._threads = threads
        self._most_waiting = most_waiting
        self._inside: dict[_Turn, None] = {}
        """Those that are worked on, the oldest first."""
        self._waiting: list[_Turn] = []

    async def work(self, call: Callable[[], T], address: str, deadline: float, enough: Event) -> T:
        """Call it for an address; once `enough` is set, the call is to wait for nothing more.

        Raises:
            HTTPException: no place becomes free by the deadline, in `time.monotonic` seconds.
        """
        if time.monotonic() >= deadline:
            raise late()
        turn = _Turn(address, enough, asyncio.get_running_loop().create_future())
        if not await self._enter(turn, deadline):
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, "too many requests at once", SOON)
        try:
            return await self._threads.call(call)
        finally:
            self._leave(turn)

    async def _enter(self, turn: _Turn, deadline: float) -> bool:
        if len(self._inside) < self._most:
            self._inside[turn] = None
            return True
        self._waiting.append(turn)
        waiting = _counted(self._waiting)
        if len(self._waiting) > self._most_waiting:
            self._settle(max(reversed(self._waiting), key=lambda one: waiting[one.address]), has_place=False)
        if not turn.has_place.done():
            self._make_room(turn.address, waiting[turn.address])
        await asyncio.wait((turn.has_place,), timeout=deadline - time.monotonic())
        if not turn.has_place.done():
            self._settle(turn, has_place=False)
        return turn.has_place.result()

    def _make_room(self, address: str, claimed: int) -> None:
        """Let the address that has most places give one up, unless the one that claims so many has its share."""
        stayers = [one for one in self._inside if not one.enough.is_set()]
        shares = _counted(stayers)
        most = max(shares.values(), default=0)
        if claimed + shares[address] <= most:
            next(one for one in stayers if shares[one.address] == most).enough.set()

    def _leave(self, turn: _Turn) -> None:
        if self._waiting:
            inside = _counted(self._inside)
            self._settle(min(self._waiting, key=lambda one: inside[one.address]), has_place=True)
        del self._inside[turn]

    def _settle(self, turn: _Turn, *, has_place: bool) -> None:
        self._waiting.remove(turn)
        if has_place:
            self._inside[turn] = None
        turn.has_place.set_result(has_place)


def _counted(turns: Iterable[_Turn]) -> Counter[str]:
    """Give how many there are of each address."""
    return Counter(turn.address for turn in turns)


def late() -> HTTPException:
    """Refuse a request that has no time left, however few there are."""
    return HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, NO_TIME, SOON)
