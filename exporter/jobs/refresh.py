"""The main road of a scrape: which jobs are due, poll them side by side, put what came into the registry.

Nothing polls in the background: no scrape, no credits. A poll that outlives its scrape ends on its own time limit and
lands in the registry for the next one.
"""

import logging
import random
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from threading import Lock

from exporter.errors import HeldBackError, PollError, RefusedError, ThrottledError, TokenRefusedError
from exporter.jobs.registry import Registry
from exporter.jobs.schedule import Schedule
from exporter.jobs.tracking import fade, note_failure, note_report
from exporter.model import JobKey, JobReport, PollFailure, PollTally, TrackedJob

_log = logging.getLogger(__name__)

Fetch = Callable[[JobKey], JobReport]

UNFORESEEN = "other"
"""The code of a poll that ended in an error of our own."""


class Skip(StrEnum):
    """Why a scrape did not poll a job, or did not wait for its poll. `BUDGET` and `CIRCUIT` are the account's word."""

    FRESH = "fresh"
    TERMINAL = "terminal"
    BUDGET = "budget"
    BACKOFF = "backoff"
    CIRCUIT = "circuit"
    DEADLINE = "deadline"


@dataclass(frozen=True, slots=True)
class Lane:
    """One account's way to Zoho: the call, the threads that bound how many are under way, and its budget's pressure.

    `fetch` raises `PollError` or `HeldBackError`; `pressure` gives 0 for plenty of credits to 1 for none, told how many
    the account's live jobs take in a day at their slowest.
    """

    fetch: Fetch
    executor: Executor
    pressure: Callable[[float], float] = lambda _: 0.0

    @classmethod
    def with_threads(cls, alias: str, fetch: Fetch, pressure: Callable[[float], float], max_concurrency: int) -> "Lane":
        """Open a lane of `max_concurrency` threads."""
        return cls(fetch, ThreadPoolExecutor(max_concurrency, thread_name_prefix=f"poll-{alias}"), pressure)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a scrape would do with a job now: why it would not poll it (`None` for a poll), and when it is due."""

    skip: Skip | None
    due_at: float | None


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

    Args:
        registry: the table of jobs.
        lanes: the way to Zoho of each account, by alias.
        schedule: when a job is due.
        clock: gives Unix seconds.
        draw: gives random numbers from 0 to 1, to spread attempts after faults.
    """

    def __init__(
        self,
        registry: Registry,
        lanes: Mapping[str, Lane],
        schedule: Schedule,
        *,
        clock: Callable[[], float],
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._registry = registry
        self._lanes = lanes
        self._schedule = schedule
        self._clock = clock
        self._draw = draw
        self._lock = Lock()
        self._in_flight: dict[JobKey, Future[None]] = {}
        self._counts = {alias: _Counts() for alias in lanes}

    def reconfigure(self, lanes: Mapping[str, Lane], schedule: Schedule) -> None:
        """Take other lanes and another schedule; polls under way end on the lane they began on, counts go on."""
        with self._lock:
            replaced = [lane for alias, lane in self._lanes.items() if lanes.get(alias) is not lane]
            self._lanes, self._schedule = lanes, schedule
            for alias in lanes:
                self._counts.setdefault(alias, _Counts())
        for lane in replaced:
            lane.executor.shutdown(wait=False)

    def retry_refused(self) -> None:
        """Make jobs due that Zoho refused: a person may have mended what was wrong."""
        for job in self._registry.jobs():
            if job.failure and not job.failure.is_passing:
                self._registry.update(job.spec.key, lambda refused: replace(refused, next_poll_at=refused.polled_at))

    def refresh(self, timeout_seconds: float, keys: Collection[JobKey] | None = None) -> None:
        """Poll what is due, of `keys` alone where they are given, and wait for it, no longer than `timeout_seconds`."""
        self._registry.retire(self._clock())
        pressures = self._pressures()
        jobs = sorted(self._jobs(keys), key=lambda job: job.polled_at or 0.0)
        wanted = [job.spec.key for job in jobs]
        polls = {key: poll for key in wanted if (poll := self._poll_if_due(key, pressures.get(key.account, 0.0)))}
        finished, _ = wait(polls.values(), timeout=max(0.0, timeout_seconds))
        for key, poll in polls.items():
            if poll not in finished:
                self._skip(key, Skip.DEADLINE)

    def view(self, stale_after_seconds: float, keys: Collection[JobKey] | None = None) -> tuple[TrackedJob, ...]:
        """Give the jobs, of `keys` alone where they are given, as a page shows them.

        That is without reports that are too old, and with the next poll as it stands.
        """
        now, pressures = self._clock(), self._pressures()
        planned = (
            replace(job, next_poll_at=self._schedule.due_at(job, pressures.get(job.spec.key.account, 0.0)))
            for job in self._jobs(keys)
        )
        return tuple(fade(job, now, stale_after_seconds) for job in planned)

    def plan(self, job: TrackedJob) -> Plan:
        """Say what a scrape would do with a job now, without doing it."""
        pressure = self._pressures().get(job.spec.key.account, 0.0)
        return Plan(self._reason_to_skip(job, pressure), self._schedule.due_at(job, pressure))

    def _jobs(self, keys: Collection[JobKey] | None) -> tuple[TrackedJob, ...]:
        if keys is None:
            return self._registry.jobs()
        return tuple(job for key in sorted(keys) if (job := self._registry.get(key)))

    def _pressures(self) -> dict[str, float]:
        live = self._registry.live_jobs()
        fewest = self._schedule.fewest_polls_a_day
        return {alias: lane.pressure(live[alias] * fewest) for alias, lane in self._lanes.items()}

    def tallies(self) -> dict[str, PollTally]:
        """Give the counts of each account, by alias."""
        with self._lock:
            return {alias: self._counts[alias].tally() for alias in self._lanes}

    def close(self, grace_seconds: float) -> None:
        """Start no more polls, and wait for those under way; what outlasts the grace ends on its own time limit."""
        for lane in self._lanes.values():
            lane.executor.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            under_way = [poll for poll in self._in_flight.values() if not poll.cancelled()]
        _, late = wait(under_way, timeout=grace_seconds)
        if late:
            _log.warning("polls are abandoned", extra={"polls": len(late)})

    def _poll_if_due(self, key: JobKey, pressure: float) -> Future[None] | None:
        """Start the job's poll, or join the one in flight; `None` when it is not due.

        A poll writes the registry before it leaves `_in_flight`, so one of the two always shows it.
        """
        with self._lock:
            if poll := self._in_flight.get(key):
                self._counts[key.account].coalesced += 1
                return poll
            job = self._registry.get(key)
            lane = self._lanes.get(key.account)
            if job is None or lane is None:
                return None
            if skip := self._reason_to_skip(job, pressure):
                self._counts[key.account].skipped[skip] += 1
                return None
            poll = self._in_flight[key] = lane.executor.submit(self._poll, key, lane.fetch)
        poll.add_done_callback(_log_escaped)
        return poll

    def _reason_to_skip(self, job: TrackedJob, pressure: float) -> Skip | None:
        now = self._clock()
        if job.is_terminal:
            return Skip.TERMINAL
        if self._schedule.is_due(job, now, pressure):
            return None
        if self._schedule.is_due(job, now, 0.0):
            return Skip.BUDGET
        return Skip.BACKOFF if job.failure else Skip.FRESH

    def _poll(self, key: JobKey, fetch: Fetch) -> None:
        polled_at = self._clock()
        try:
            outcome = _ask(key, fetch, polled_at)
            self._land(key, outcome, polled_at)
        except HeldBackError as error:
            self._skip(key, error.reason)
        finally:
            with self._lock:
                del self._in_flight[key]

    def _land(self, key: JobKey, outcome: JobReport | PollFailure, polled_at: float) -> None:
        """Count a poll and put what it gave into the registry."""
        with self._lock:
            counts = self._counts[key.account]
            counts.polls[key.module] += 1
            if isinstance(outcome, PollFailure):
                counts.errors[key.module, outcome.code] += 1
        self._registry.update(key, partial(self._note, outcome=outcome, polled_at=polled_at))

    def _skip(self, key: JobKey, reason: str) -> None:
        with self._lock:
            self._counts[key.account].skipped[reason] += 1

    def _note(self, job: TrackedJob, outcome: JobReport | PollFailure, polled_at: float) -> TrackedJob:
        if isinstance(outcome, JobReport):
            noted = note_report(job, outcome, polled_at)
        else:
            noted = note_failure(job, outcome, polled_at)
        return replace(noted, next_poll_at=self._schedule.next_poll_at(noted, self._draw()))


def _ask(key: JobKey, fetch: Fetch, polled_at: float) -> JobReport | PollFailure:
    """Make the call. This is the outermost edge of a polling thread: whatever happens becomes a failure of the job.

    Raises:
        HeldBackError: no call was made.
    """
    try:
        return fetch(key)
    except HeldBackError:
        raise
    except PollError as error:
        return _failure(error, polled_at)
    except Exception:  # noqa: BLE001 - the edge of the thread: logged here, counted by its code
        _log.exception("a poll ended in a way nobody foresaw", extra=key.as_fields())
        return PollFailure(UNFORESEEN, "an error in the exporter itself", "please report it, with the log")


def _failure(error: PollError, polled_at: float) -> PollFailure:
    return PollFailure(
        error.code,
        error.message,
        error.advice,
        is_passing=not isinstance(error, RefusedError),
        retry_at=None if error.retry_after_seconds is None else polled_at + error.retry_after_seconds,
        is_account_wide=isinstance(error, ThrottledError | TokenRefusedError),
    )


def _log_escaped(poll: Future[None]) -> None:
    """Log what should be impossible: an error in what we do with an outcome, which no one else would ever see."""
    if not poll.cancelled() and (error := poll.exception()):
        _log.error("a poll's outcome was lost", exc_info=error)
