"""What an account's calls to Zoho cost and how they went, for the metrics and for those who look into a poll."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Lock

from exporter.model import Distribution, Exchange, JobKey

DURATION_BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the request histogram's buckets, seconds."""

MOST_EXCHANGES = 1000
"""The oldest make room for new ones: they are for looking, not for keeping."""

STATUS, TOKEN = "status", "token"
ENDPOINTS = (STATUS, TOKEN)
"""Every value the label `endpoint` can take: the status call and the token refresh."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a meter shows. `is_up` is `None` before the first call."""

    is_up: bool | None = None
    in_flight: int = 0
    credits_spent: int = 0
    durations: Mapping[str, Distribution] = field(
        default_factory=lambda: dict.fromkeys(ENDPOINTS, Distribution.empty(DURATION_BOUNDS))
    )


class Meter:
    """Measures one account's calls. Thread-safe.

    Args:
        stopwatch: gives seconds that never go backwards.
    """

    def __init__(self, stopwatch: Callable[[], float]) -> None:
        self._stopwatch = stopwatch
        self._lock = Lock()
        self._reading = Reading()
        self._exchanges: OrderedDict[JobKey, Exchange] = OrderedDict()

    @contextmanager
    def measure(self, endpoint: str) -> Iterator[None]:
        """Count a call as in flight while it lasts, and observe how long it took, however it ends."""
        started = self._stopwatch()
        self._change(lambda now: replace(now, in_flight=now.in_flight + 1))
        try:
            yield
        finally:
            took = self._stopwatch() - started
            self._change(
                lambda now: replace(now, in_flight=now.in_flight - 1, durations=_observed(now, endpoint, took))
            )

    def spend_credit(self) -> None:
        """Count a status call that reached Zoho, or may have."""
        self._change(lambda now: replace(now, credits_spent=now.credits_spent + 1))

    def note_up(self, *, is_up: bool) -> None:
        """Say whether the last call got an answer of Zoho's."""
        self._change(lambda now: replace(now, is_up=is_up))

    def read(self) -> Reading:
        """Give the readings."""
        return self._reading

    def note_exchange(self, key: JobKey, exchange: Exchange) -> None:
        """Hold what was last asked for a job and what came, in memory."""
        with self._lock:
            self._exchanges[key] = exchange
            self._exchanges.move_to_end(key)
            if len(self._exchanges) > MOST_EXCHANGES:
                self._exchanges.popitem(last=False)

    def exchange(self, key: JobKey) -> Exchange | None:
        """Give what was last asked of Zoho for a job, and what came; `None` where nothing is held."""
        with self._lock:
            return self._exchanges.get(key)

    def _change(self, change: Callable[[Reading], Reading]) -> None:
        with self._lock:
            self._reading = change(self._reading)


def _observed(reading: Reading, endpoint: str, seconds: float) -> Mapping[str, Distribution]:
    return {**reading.durations, endpoint: reading.durations[endpoint].observe(seconds)}
