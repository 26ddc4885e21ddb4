"""The main road of a scrape: which jobs are due, poll them side by side, put what came into the registry.

Nothing polls in the background: no scrape, no credits. A poll that outlives its scrape ends on its own time limit and
lands in the registry for the next one.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from threading import Lock

from exporter.errors import PollError
from exporter.jobs.registry import Registry
from exporter.jobs.schedule import Schedule
from exporter.jobs.tracking import note_failure, note_report
from exporter.model import JobKey, JobReport, PollFailure, PollTally, TrackedJob

_log = logging.getLogger(__name__)

UNFORESEEN = "other"
"""The code of a poll that ended in an error of our own."""


class Skip(StrEnum):
    """Why a scrape did not poll a job, or did not wait for its poll."""

    FRESH = "fresh"
    TERMINAL = "terminal"
    DEADLINE = "deadline"


@dataclass(frozen=True, slots=True)
class Lane:
    """One account's way to Zoho: the call, and the threads that bound how many are under way at once."""

    fetch: Callable[[JobKey], JobReport]
    executor: Executor

    @classmethod
    def with_threads(cls, alias: str, fetch: Callable[[JobKey], JobReport], max_concurrency: int) -> "Lane":
        """Open a lane of `max_concurrency` threads."""
        return cls(fetch, ThreadPoolExecutor(max_concurrency, thread_name_prefix=f"poll-{alias}"))


class _Counts:
    """Counts what became of one account's polls. Guarded by the refresher's lock."""

    def __init__(self) -> None:
        self.polls: Counter[str] = Counter()
        self.errors: Counter[tuple[str, str]] = Counter()
        self.skipped: Counter[str] = Counter(dict.fromkeys(Skip, 0))
        self.coalesced = 0

    def tally(self) -> PollTally:
        return PollTally(dict(self.polls), dict(self.errors), dict(self.skipped), self.coalesced)


class Refresher:
    """Polls due jobs on demand, each at most once at a time. Thread-safe.

    One lock guards the polls in flight and the counts; the registry has its own.
    """

    def __init__(
        self, registry: Registry, lanes: Mapping[str, Lane], schedule: Schedule, clock: Callable[[], float]
    ) -> None:
        self._registry = registry
        self._lanes = lanes
        self._schedule = schedule
        self._clock = clock
        self._lock = Lock()
        self._in_flight: dict[JobKey, Future[None]] = {}
        self._counts = {alias: _Counts() for alias in lanes}

    def refresh(self, timeout_seconds: float) -> None:
        """Poll what is due and wait for it, no longer than `timeout_seconds`."""
        jobs = sorted(self._registry.jobs(), key=lambda job: job.polled_at or 0.0)
        polls = {job.spec.key: poll for job in jobs if (poll := self._poll_if_due(job.spec.key))}
        finished, _ = wait(polls.values(), timeout=max(0.0, timeout_seconds))
        with self._lock:
            for key, poll in polls.items():
                if poll not in finished:
                    self._counts[key.account].skipped[Skip.DEADLINE] += 1

    def tallies(self) -> dict[str, PollTally]:
        """Give the counts of each account, by alias."""
        with self._lock:
            return {alias: counts.tally() for alias, counts in self._counts.items()}

    def close(self) -> None:
        """Start no more polls; those under way end on their own time limit."""
        for lane in self._lanes.values():
            lane.executor.shutdown(wait=False, cancel_futures=True)

    def _poll_if_due(self, key: JobKey) -> Future[None] | None:
        """Start the job's poll, or join the one in flight; `None` when it is not due.

        A poll writes the registry before it leaves `_in_flight`, so one of the two always shows it.
        """
        with self._lock:
            counts = self._counts[key.account]
            if poll := self._in_flight.get(key):
                counts.coalesced += 1
                return poll
            job = self._registry.get(key)
            if not self._schedule.is_due(job, self._clock()):
                counts.skipped[Skip.TERMINAL if job.is_terminal else Skip.FRESH] += 1
                return None
            lane = self._lanes[key.account]
            poll = self._in_flight[key] = lane.executor.submit(self._poll, key, lane.fetch)
        poll.add_done_callback(_log_escaped)
        return poll

    def _poll(self, key: JobKey, fetch: Callable[[JobKey], JobReport]) -> None:
        polled_at = self._clock()
        try:
            outcome = _ask(key, fetch)
            self._count(key, outcome)
            self._registry.update(key, partial(self._note, outcome=outcome, polled_at=polled_at))
        finally:
            with self._lock:
                del self._in_flight[key]

    def _count(self, key: JobKey, outcome: JobReport | PollFailure) -> None:
        with self._lock:
            counts = self._counts[key.account]
            counts.polls[key.module] += 1
            if isinstance(outcome, PollFailure):
                counts.errors[key.module, outcome.code] += 1

    def _note(self, job: TrackedJob, outcome: JobReport | PollFailure, polled_at: float) -> TrackedJob:
        if isinstance(outcome, JobReport):
            noted = note_report(job, outcome, polled_at)
        else:
            noted = note_failure(job, outcome, polled_at)
        return replace(noted, next_poll_at=self._schedule.next_poll_at(noted))


def _ask(key: JobKey, fetch: Callable[[JobKey], JobReport]) -> JobReport | PollFailure:
    """Make the call. This is the outermost edge of a polling thread: whatever happens becomes a failure of the job."""
    try:
        return fetch(key)
    except PollError as error:
        return PollFailure(error.code, error.message, error.advice)
    except Exception:  # noqa: BLE001 - the edge of the thread: logged here, counted by its code
        _log.exception("a poll ended in a way nobody foresaw", extra=key.as_fields())
        return PollFailure(UNFORESEEN, "an error in the exporter itself", "please report it, with the log")


def _log_escaped(poll: Future[None]) -> None:
    """Log what should be impossible: an error in what we do with an outcome, which no one else would ever see."""
    if not poll.cancelled() and (error := poll.exception()):
        _log.error("a poll's outcome was lost", exc_info=error)
