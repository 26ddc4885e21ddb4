"""Work that may take its time, away from the event loop."""

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar
from weakref import finalize

T = TypeVar("T")
Tasks = SimpleQueue[Callable[[], object] | None]
"""What one thread is to do, one after the other; `None` is the end."""

_MOST_IDLE = 4
"""To begin a thread for each request takes longer than a small page does; more at once are rare."""


class Threads:
    """Calls in threads of their own, and keeps a few for the next calls. For use in one event loop.

    Daemons: work that hangs does not outlive a stop, as it would in a pool's thread.
    """

    def __init__(self) -> None:
        self._idle: list[Tasks] = []
        finalize(self, _dismiss, self._idle)

    async def call(self, call: Callable[[], T]) -> T:
        """Call it in a thread, and give what it gives or raises."""
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[T] = loop.create_future()
        tasks = self._idle.pop() if self._idle else _begun()

        def work() -> None:
            try:
                settle = partial(outcome.set_result, call())
            except BaseException as error:  # noqa: BLE001 - told to whoever waits
                settle = partial(outcome.set_exception, error)
            try:
                loop.call_soon_threadsafe(self._end, tasks, outcome, settle)
            except RuntimeError:  # the loop has ended meanwhile
                tasks.put(None)

        tasks.put(work)
        return await outcome

    def _end(self, tasks: Tasks, outcome: asyncio.Future[T], settle: Callable[[], object]) -> None:
        if len(self._idle) < _MOST_IDLE:
            self._idle.append(tasks)
        else:
            tasks.put(None)
        if not outcome.done():
            settle()


def _begun() -> Tasks:
    tasks: Tasks = SimpleQueue()
    Thread(target=_work, args=(tasks,), name="web work", daemon=True).start()
    return tasks


def _work(tasks: Tasks) -> None:
    while task := tasks.get():
        task()
        del task  # with the answer that it has made


def _dismiss(idle: Iterable[Tasks]) -> None:
    for tasks in idle:
        tasks.put(None)
