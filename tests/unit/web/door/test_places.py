"""Places: who gets the next one."""

import asyncio
import time
from threading import Event, Semaphore

from exporter.web.door.places import Places
from exporter.web.threads import Threads


def test_free_place_goes_to_the_address_that_has_fewest() -> None:
    """However many requests of an eager address have waited longer, and each after the other."""
    names = ("eager 1", "eager 2", "eager 3", "eager 4", "modest 1", "other 1", "modest 2", "eager 5")
    begun, told, ends = list[str](), Semaphore(0), {name: Event() for name in names}

    async def ask() -> None:
        places = Places(2, 9, Threads())

        def work(name: str) -> None:
            begun.append(name)
            told.release()
            ends[name].wait(30)

        async def enter(name: str, address: str) -> None:
            await places.work(lambda: work(name), address, time.monotonic() + 600, Event())

        tasks = []
        for name in names:
            tasks.append(asyncio.create_task(enter(name, name.partition(" ")[0])))
            await asyncio.sleep(0)
        for name in ("", "", "eager 1", "eager 2", "modest 1", "other 1"):
            if name:
                ends[name].set()
            assert await asyncio.to_thread(told.acquire, timeout=30), "nobody got a place"
        for end in ends.values():
            end.set()
        await asyncio.gather(*tasks)

    asyncio.run(ask())
    assert begun[2:6] == ["modest 1", "other 1", "eager 3", "modest 2"]
