"""What was last asked of Zoho for each job and what came back, for those who look into a poll."""

from collections import OrderedDict
from threading import Lock

from exporter.model import Exchange, JobKey

MOST_JOBS = 1000
"""The oldest exchanges make room for new ones: this is for looking, not for keeping."""


class Exchanges:
    """Holds the last exchange of each of the jobs polled last, in memory. Thread-safe."""

    def __init__(self, most: int = MOST_JOBS) -> None:
        self._most = most
        self._lock = Lock()
        self._last: OrderedDict[JobKey, Exchange] = OrderedDict()

    def get(self, key: JobKey) -> Exchange | None:
        """Give a job's last exchange, if it is still held."""
        with self._lock:
            return self._last.get(key)

    def note(self, key: JobKey, exchange: Exchange) -> None:
        """Hold a job's exchange in place of the one before."""
        with self._lock:
            self._last[key] = exchange
            self._last.move_to_end(key)
            if len(self._last) > self._most:
                self._last.popitem(last=False)
