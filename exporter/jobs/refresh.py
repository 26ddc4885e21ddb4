"""The main road of a scrape: which jobs are due, poll them side by side, put what came into the table.

Nothing polls in the background: no scrape, no credits. A poll that outlives its scrape ends on its own time limit and
lands in the table for the next one.
"""

import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, wait
from contextlib import closing
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from threading import Event, Lock
from typing import Protocol

from exporter.errors import HeldBackError, PollError, RefusedError, ThrottledError, TokenRefusedError
from exporter.jobs.outcome import fade, growth_of, note_failure, note_report
from exporter.jobs.schedule import Schedule
from exporter.jobs.table import JobTable, is_made_up
from exporter.jobs.workers import Workers
from exporter.model import Growth, JobKey, JobReport, JobSource, PollFailure, PollTally, TrackedJob
from exporter.state.port import Note

_log = logging.getLogger(__name__)

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


class Poll(Protocol):
    """The right to poll one job, once."""

    def fetch(self) -> JobReport:
        """Ask Zoho.

        Raises:
            HeldBackError: nothing was sent.
            PollError: there is no report.
        """

    def land(self, note: Note) -> tuple[TrackedJob, TrackedJob] | None:
        """Put what the poll gave, and give the job before and after; `None` where it is not tracked any more."""

    def close(self) -> None:
        """Give up the right, and the credit if nothing was sent."""


class Upstream(Protocol):
    """One account's way to Zoho."""

    @property
    def max_concurrency(self) -> int:
        """How many calls may be under way at once."""

    def pressure(self, needed: float) -> float:
        """Give how scarce credits are, from 0 to 1; the account's live jobs take `needed` in a day at their slowest."""

    def expect(self, calls: int) -> None:
        """Make ready for so many calls."""

    def take(self, key: JobKey, *, is_probe: bool, are_others_live: bool, is_overdue: bool) -> Poll:
        """Ask for the right to poll a job: one that only probes brought, beside others that live, that waits too long.

        Raises:
            HeldBackError: not now.
        """

    def rest(self) -> None:
        """Let go of what is held between calls: the last one has ended."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a scrape would do with a job now: why it would not poll it (`None` for a poll), and when it is due."""

    skip: Skip | None
    due_at: float | None


@dataclass(frozen=True, slots=True)
class _Live:
    """An account's jobs that have not ended: how many, and whether there are any but those of probes."""

    jobs: int = 0
    others: int = 0


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

    One lock guards the polls in flight and the counts; the jobs have their own.

    Args:
        table: which jobs are tracked.
        upstreams: the way to Zoho of each account, by alias.
        schedule: when a job is due.
        clock: gives Unix seconds.
        draw: gives random numbers from 0 to 1, to spread attempts after faults.
        stopwatch: gives seconds that never go backwards, on which deadlines are.
    """

    def __init__(
        self,
        table: JobTable,
        upstreams: Mapping[str, Upstream],
        schedule: Schedule,
        *,
        clock: Callable[[], float],
        draw: Callable[[], float] = random.random,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table = table
        self._clock = clock
        self._draw = draw
        self._stopwatch = stopwatch
        self._lock = Lock()
        self._in_flight: dict[JobKey, Future[None]] = {}
        self._counts: dict[str, _Counts] = {}
        self._workers: dict[str, Workers] = {}
        self._under_way: Counter[str] = Counter()
        self._waiting: dict[Event, set[JobKey]] = {}
        self._is_hurrying = False
        self._upstreams: Mapping[str, Upstream] = {}
        self.reconfigure(upstreams, schedule)

    def reconfigure(self, upstreams: Mapping[str, Upstream], schedule: Schedule) -> None:
        """Take other accounts and another schedule; polls under way end as they began, counts go on."""
        with self._lock:
            old = self._workers
            self._workers = {alias: _workers(alias, one, old.get(alias)) for alias, one in upstreams.items()}
            self._upstreams, self._schedule = upstreams, schedule
            for alias in upstreams:
                self._counts.setdefault(alias, _Counts())
        for alias, workers in old.items():
            if self._workers.get(alias) is not workers:
                workers.close()

    def retry_refused(self) -> None:
        """Make jobs due that Zoho refused: a person may have mended what was wrong."""
        for job in self._table.jobs():
            if job.failure and not job.failure.is_passing:
                self._table.change(job.spec.key, lambda refused: replace(refused, next_poll_at=refused.polled_at))

    def refresh(self, deadline: float, keys: Collection[JobKey] | None = None) -> None:
        """Poll what is due, of `keys` alone where they are given, and wait for it until `deadline` (stopwatch)."""
        self._table.retire(self._clock())
        live = self._live()
        pressures = self._pressures(live)
        jobs = sorted(self._jobs(keys), key=lambda job: job.polled_at or 0.0)
        due = [job for job in jobs if self._is_wanted(job, pressures, is_asked=keys is not None)]
        for alias, calls in Counter(job.spec.key.account for job in due if job.spec.key not in self._in_flight).items():
            self._upstreams[alias].expect(calls)
        polls = {job.spec.key: poll for job in due if (poll := self._start(job, live[job.spec.key.account]))}
        self._wait(polls, deadline)
        for key, poll in polls.items():
            if not poll.done():
                self._skip(key, Skip.DEADLINE)

    def hurry(self) -> None:
        """Let those who wait for polls go on at once, now and from now on."""
        with self._lock:
            self._is_hurrying = True
            waiting = tuple(self._waiting)
        for over in waiting:
            over.set()

    def view(self, stale_after_seconds: float, keys: Collection[JobKey] | None = None) -> tuple[TrackedJob, ...]:
        """Give the jobs, of `keys` alone where they are given, as a page shows them.

        That is without reports that are too old, and with the next poll as it stands.
        """
        now, pressures = self._clock(), self._pressures(self._live())
        planned = (
            replace(job, next_poll_at=self._schedule.due_at(job, pressures.get(job.spec.key.account, 0.0)))
            for job in self._jobs(keys)
        )
        return tuple(fade(job, now, stale_after_seconds) for job in planned)

    def plan(self, job: TrackedJob) -> Plan:
        """Say what a scrape would do with a job now, without doing it."""
        pressure = self._pressures(self._live()).get(job.spec.key.account, 0.0)
        return Plan(self._reason_to_skip(job, pressure, is_asked=False), self._schedule.due_at(job, pressure))

    def tallies(self) -> dict[str, PollTally]:
        """Give the counts of each account, by alias."""
        with self._lock:
            return {alias: self._counts[alias].tally() for alias in self._upstreams}

    def close(self, grace_seconds: float) -> None:
        """Start no more polls, and wait for those under way; what outlasts the grace is abandoned."""
        self.hurry()
        for workers in self._workers.values():
            workers.close()
        with self._lock:
            under_way = [poll for poll in self._in_flight.values() if not poll.cancelled()]
        _, late = wait(under_way, timeout=grace_seconds)
        if late:
            _log.warning("polls are abandoned", extra={"polls": len(late)})

    def _jobs(self, keys: Collection[JobKey] | None) -> tuple[TrackedJob, ...]:
        if keys is None:
            return self._table.jobs()
        return tuple(job for key in sorted(keys) if (job := self._table.get(key)))

    def _live(self) -> dict[str, _Live]:
        jobs: Counter[str] = Counter()
        others: Counter[str] = Counter()
        for job in self._table.jobs():
            if not job.is_terminal and not is_made_up(job):
                jobs[job.spec.key.account] += 1
                others[job.spec.key.account] += job.spec.source is not JobSource.PROBE
        return {alias: _Live(jobs[alias], others[alias]) for alias in self._upstreams}

    def _pressures(self, live: Mapping[str, _Live]) -> dict[str, float]:
        fewest = self._schedule.fewest_polls_a_day
        return {
            alias: one.pressure(live[alias].jobs * fewest) for alias, one in self._upstreams.items() if alias in live
        }

    def _is_wanted(self, job: TrackedJob, pressures: Mapping[str, float], *, is_asked: bool) -> bool:
        """Whether the job is to be polled, or is polled already; else count why not."""
        key = job.spec.key
        with self._lock:
            if key.account not in pressures or key.account not in self._upstreams:
                return False
            if key in self._in_flight:
                return True
            skip = self._reason_to_skip(job, pressures[key.account], is_asked=is_asked)
            if skip:
                self._counts[key.account].skipped[skip] += 1
            return skip is None

    def _start(self, job: TrackedJob, live: _Live) -> Future[None] | None:
        """Start the job's poll, or join the one in flight.

        A poll writes the job before it leaves `_in_flight`, so one of the two always shows it.
        """
        key = job.spec.key
        with self._lock:
            if poll := self._in_flight.get(key):
                self._counts[key.account].coalesced += 1
                return poll
            upstream = self._upstreams.get(key.account)
            if upstream is None or self._table.get(key) is not job:
                return None  # another scrape was quicker
            waited = None if job.polled_at is None else self._clock() - job.polled_at
            is_overdue = waited is None or waited >= self._schedule.stale_after_seconds
            take = partial(
                upstream.take,
                key,
                is_probe=job.spec.source is JobSource.PROBE,
                are_others_live=live.others > 0,
                is_overdue=is_overdue,
            )
            self._under_way[key.account] += 1
            poll = self._in_flight[key] = self._workers[key.account].submit(partial(self._poll, key, take))
        poll.add_done_callback(partial(self._ended, key))
        return poll

    def _wait(self, polls: Mapping[JobKey, Future[None]], deadline: float) -> None:
        over = Event()
        with self._lock:
            left = {key for key, poll in polls.items() if self._in_flight.get(key) is poll}
            if self._is_hurrying or not left:
                return
            self._waiting[over] = left
        over.wait(max(0.0, deadline - self._stopwatch()))
        with self._lock:
            del self._waiting[over]

    def _reason_to_skip(self, job: TrackedJob, pressure: float, *, is_asked: bool) -> Skip | None:
        now = self._clock()
        if job.is_terminal:
            return Skip.TERMINAL
        if is_made_up(job) and not is_asked:
            return Skip.BACKOFF
        if self._schedule.is_due(job, now, pressure):
            return None
        if self._schedule.is_due(job, now, 0.0):
            return Skip.BUDGET
        return Skip.BACKOFF if job.failure else Skip.FRESH

    def _poll(self, key: JobKey, take: Callable[[], Poll]) -> None:
        polled_at = self._clock()
        try:
            with closing(take()) as poll:
                self._land(key, poll, _ask(key, poll, polled_at), polled_at)
        except HeldBackError as error:
            self._skip(key, error.reason)

    def _ended(self, key: JobKey, poll: Future[None]) -> None:
        """Forget a poll that has ended, and let the account rest after its last one."""
        with self._lock:
            del self._in_flight[key]
            for over, left in self._waiting.items():
                left.discard(key)
                if not left:
                    over.set()
            self._under_way[key.account] -= 1
            is_last = not self._under_way[key.account]
            upstream = self._upstreams.get(key.account)
        if not poll.cancelled() and (error := poll.exception()):
            # What should be impossible: an error in what we do with an outcome, which no one else would ever see.
            _log.error("a poll's outcome was lost", exc_info=error)
        if is_last and upstream:
            upstream.rest()

    def _land(self, key: JobKey, poll: Poll, outcome: JobReport | PollFailure, polled_at: float) -> None:
        """Count a poll and put what it gave into the table."""
        with self._lock:
            counts = self._counts[key.account]
            counts.polls[key.module] += 1
            if isinstance(outcome, PollFailure):
                counts.errors[key.module, outcome.code] += 1
        draw = self._draw()
        landed = poll.land(lambda job: self._noted(job, outcome, polled_at, draw))
        if landed:
            _log_change(*landed)

    def _skip(self, key: JobKey, reason: str) -> None:
        with self._lock:
            self._counts[key.account].skipped[reason] += 1

    def _noted(
        self, job: TrackedJob, outcome: JobReport | PollFailure, polled_at: float, draw: float
    ) -> tuple[TrackedJob, Growth]:
        if isinstance(outcome, JobReport):
            noted = note_report(job, outcome, polled_at)
        else:
            noted = note_failure(job, outcome, polled_at)
        after = replace(noted, next_poll_at=self._schedule.next_poll_at(noted, draw))
        return after, growth_of(job, after)


def _workers(alias: str, upstream: Upstream, known: Workers | None) -> Workers:
    is_as_wide = known is not None and known.most == upstream.max_concurrency
    return known if known and is_as_wide else Workers(f"poll-{alias}", upstream.max_concurrency)


def _ask(key: JobKey, poll: Poll, polled_at: float) -> JobReport | PollFailure:
    """Make the call. This is the outermost edge of a polling thread: whatever happens becomes a failure of the job.

    Raises:
        HeldBackError: no call was made.
    """
    try:
        return poll.fetch()
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


def _log_change(before: TrackedJob, after: TrackedJob) -> None:
    fields = after.spec.key.as_fields()
    if after.report and (before.report is None or before.state is not after.state):
        word = {"zoho_status": after.report.undocumented_word} if after.report.undocumented_word else {}
        _log.info("job is %s", after.state, extra=fields | word)
    if after.failure and (before.failure is None or before.failure.code != after.failure.code):
        details = {"code": after.failure.code, "advice": after.failure.advice}
        _log.warning("poll failed: %s", after.failure.message, extra=fields | details)
    elif before.failure and not after.failure:
        _log.info("poll works again", extra=fields)
