"""What an account's calls to Zoho cost and how they went, for the metrics and for those who look into a poll."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock

from exporter.model import Distribution, Exchange, JobKey
from exporter.zoho.transport import UnsentError

DURATION_BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the request histogram's buckets, seconds."""

MOST_EXCHANGES = 1000
"""The oldest make room for new ones: they are for looking, not for keeping."""

STATUS, TOKEN = "status", "token"
"""Every value the label `endpoint` can take: the status call and the token refresh."""


class Meter:
    """Measures one account's calls by a stopwatch. Thread-safe; what it gives to read is replaced, never changed."""

    def __init__(self, stopwatch: Callable[[], float]) -> None:
        self._stopwatch = stopwatch
        self._lock = Lock()
        self._exchanges: OrderedDict[JobKey, Exchange] = OrderedDict()
        self.is_up: bool | None = None
        """Whether the last call got an answer of Zoho's; `None` before the first."""
        self.in_flight = 0
        self.credits_spent = 0
        """Status calls that reached Zoho, or may have."""
        self.durations: Mapping[str, Distribution] = dict.fromkeys((STATUS, TOKEN), Distribution.empty(DURATION_BOUNDS))

    @contextmanager
    def measure(self, endpoint: str) -> Iterator[None]:
        """Count a call as in flight while it lasts, and observe how long it took and what it cost, however it ends."""
        started, credits_spent = self._stopwatch(), int(endpoint == STATUS)
        with self._lock:
            self.in_flight += 1
        try:
            yield
        except UnsentError:
            credits_spent = 0
            raise
        finally:
            seconds = self._stopwatch() - started
            with self._lock:
                self.in_flight -= 1
                self.credits_spent += credits_spent
                self.durations = {**self.durations, endpoint: self.durations[endpoint].observe(seconds)}

    def note_exchange(self, key: JobKey, exchange: Exchange) -> None:
        """Hold what was last asked for a job and what came, in memory."""
        with self._lock:
            self._exchanges[key] = exchange
            self._exchanges.move_to_end(key)
            if len(self._exchanges) > MOST_EXCHANGES:
                self._exchanges.popitem(last=False)

    def exchange(self, key: JobKey) -> Exchange | None:
        """Give what was last asked of Zoho for a job, and what came; `None` where nothing is held."""
        return self._exchanges.get(key)
