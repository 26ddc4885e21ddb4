"""When something about a job changes by itself, the earliest first."""

import math
from collections.abc import Iterator
from heapq import heappop, heappush

from exporter.model import JobKey


class Agenda:
    """Says which jobs are to be looked at again: never too late, and now and then too early, once for each."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, JobKey]] = []
        self._at: dict[JobKey, float] = {}

    def put(self, key: JobKey, at: float) -> None:
        """Have a job looked at then, unless it will be before; whoever looks says anew when the next time is."""
        if at < self._at.get(key, math.inf):
            self._at[key] = at
            heappush(self._heap, (at, key))

    def take(self, now: float) -> Iterator[JobKey]:
        """Give those whose time has come."""
        while self._heap and self._heap[0][0] <= now:
            at, key = heappop(self._heap)
            if self._at.get(key) == at:
                del self._at[key]
                yield key
