"""Places: who gets the next one."""

import asyncio
import time
from threading import Event

from exporter.web.door.places import Places
from exporter.web.threads import Threads


def test_free_place_goes_to_the_address_that_has_fewest() -> None:
    """However many requests of an eager address have waited longer, and each after the other."""
    begun: list[str] = []

    async def ask() -> None:
        places, is_released = Places(2, 9, Threads()), Event()

        def work(name: str) -> None:
            begun.append(name)
            is_released.wait(30)

        async def enter(name: str, address: str) -> None:
            await places.work(lambda: work(name), address, time.monotonic() + 600)

        tasks = []
        for name in ("eager 1", "eager 2", "eager 3", "eager 4", "modest 1", "other 1", "modest 2", "eager 5"):
            tasks.append(asyncio.create_task(enter(name, name.partition(" ")[0])))
            await asyncio.sleep(0)
        is_released.set()
        await asyncio.gather(*tasks)

    asyncio.run(ask())
    assert set(begun[:4]) == {"eager 1", "eager 2", "modest 1", "other 1"}
    assert set(begun[4:6]) == {"eager 3", "modest 2"}
