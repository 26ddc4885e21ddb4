"""Threads for slow work: few are begun, and none outlives who wanted it."""

import asyncio
import gc
import sys
from threading import Event, Thread, current_thread

import pytest

from exporter.web.threads import Threads


def test_calls_one_after_the_other_take_one_thread() -> None:
    """To begin one for each takes longer than a small page."""

    async def ask() -> list[Thread]:
        threads = Threads()
        return [await threads.call(current_thread) for _ in range(5)]

    assert len(set(asyncio.run(ask()))) == 1


def test_calls_at_once_run_side_by_side() -> None:
    """Each waits for the other, and both end."""

    async def ask() -> list[bool]:
        threads, here, there = Threads(), Event(), Event()

        def meet(mine: Event, others: Event) -> bool:
            mine.set()
            return others.wait(30)

        meetings = (threads.call(lambda: meet(here, there)), threads.call(lambda: meet(there, here)))
        return list(await asyncio.gather(*meetings))

    assert asyncio.run(ask()) == [True, True]


def test_error_is_raised_where_it_was_asked_for_and_the_thread_goes_on() -> None:
    """Whatever it is."""

    async def ask() -> int:
        threads = Threads()
        with pytest.raises(SystemExit):
            await threads.call(lambda: sys.exit(3))
        return await threads.call(lambda: 7)

    assert asyncio.run(ask()) == 7


def test_threads_end_with_those_who_wanted_them() -> None:
    """The idle ones, and one that worked when nobody waited any more."""

    async def ask() -> list[Thread]:
        threads, is_released = Threads(), Event()
        idle = await threads.call(current_thread)
        given_up = [asyncio.create_task(threads.call(is_released.wait)) for _ in range(2)]
        await asyncio.sleep(0)
        for task in given_up:
            task.cancel()
        is_released.set()
        return [idle, *[await threads.call(current_thread) for _ in range(2)]]

    known = asyncio.run(ask())
    gc.collect()
    for thread in known:
        thread.join(30)
    assert [thread.is_alive() for thread in known] == [False] * 3


def test_thread_that_outlasts_its_loop_ends_with_its_work() -> None:
    """Nobody is left who could give it another call."""
    is_begun, is_released, working = Event(), Event(), list[Thread]()

    def work() -> None:
        working.append(current_thread())
        is_begun.set()
        is_released.wait(30)

    async def ask() -> None:
        asked = asyncio.create_task(Threads().call(work))
        await asyncio.sleep(0)
        is_begun.wait(30)
        asked.cancel()

    asyncio.run(ask())
    is_released.set()
    [thread] = working
    thread.join(30)
    assert not thread.is_alive()
