"""Work that may take its time, away from the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


async def in_thread(call: Callable[[], T]) -> T:
    """Call it in a thread of its own, and give what it gives or raises.

    A daemon: work that hangs does not outlive a stop, as it would in a pool's thread.
    """
    outcome: Future[T] = Future()
    outcome.set_running_or_notify_cancel()

    def run() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:  # noqa: BLE001 - told to whoever waits
            outcome.set_exception(error)

    Thread(target=run, name="web work", daemon=True).start()
    return await asyncio.wrap_future(outcome)
