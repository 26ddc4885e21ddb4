"""The main road of a scrape: which jobs are due, poll them side by side, put what came into the table.

Nothing polls in the background: no scrape, no credits. A poll that outlives its scrape ends on its own time limit and
lands in the table for the next one.
"""

import logging
import random
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from threading import Condition, Event, Thread
from typing import Protocol

from exporter.errors import HeldBackError, NoPlaceError, PollError, RefusedError, ThrottledError, TokenRefusedError
from exporter.jobs.board import Board
from exporter.jobs.outcome import growth_of, note_failure, note_report
from exporter.jobs.schedule import Schedule
from exporter.jobs.table import JobTable, is_made_up
from exporter.model import Census, Growth, JobKey, JobReport, JobSource, PollFailure, PollTally, TrackedJob
from exporter.state.port import Note
from exporter.waits import waited_for

PLACE_PATIENCE_SECONDS, PLACE_PAUSE_SECONDS = 5.0, 0.1
"""How long a poll waits for a place that another exporter's call has, and how often it looks."""
ABANDON_SECONDS = 1.0
"""How long a stop takes to give up the polls that outlast it."""
_log = logging.getLogger(__name__)


class Skip(StrEnum):
    """Why a scrape did not poll a job, or did not wait for its poll. `BUDGET` and `CIRCUIT` are the account's word."""

    FRESH = "fresh"
    TERMINAL = "terminal"
    BUDGET = "budget"
    BACKOFF = "backoff"
    CIRCUIT = "circuit"
    DEADLINE = "deadline"


Plan = tuple[Skip | None, float | None]
"""What a scrape would do with a job now: why it would not poll it (`None` for a poll), and when it is due."""


class Poll(Protocol):
    """The right to poll one job, once."""

    def fetch(self) -> JobReport:
        """Ask Zoho; raises `HeldBackError` where nothing was sent, and `PollError` where there is no report."""

    def land(self, note: Note) -> tuple[TrackedJob, TrackedJob] | None:
        """Put what the poll gave, and give the job before and after; `None` where it is not tracked any more."""

    def close(self) -> None:
        """Give up the right, and the credit if nothing was sent: nothing is then. Any thread may do it."""


class Upstream(Protocol):
    """One account's way to Zoho, as `zoho.OpenAccount` is one."""

    @property
    def max_concurrency(self) -> int:
        """How many calls may be under way at once."""

    def pressure(self, needed: float) -> float:
        """Give how scarce credits are, from 0 to 1; the account's live jobs take `needed` in a day at their slowest."""

    def expect(self, wanted: Collection[tuple[JobKey, bool]], first: int, *, are_others_live: bool) -> None:
        """Make ready for the polls of jobs in this order, with whether only probes brought them; so many begin now."""

    def take(self, key: JobKey, *, is_probe: bool, are_others_live: bool, is_overdue: bool) -> Poll:
        """Give the right to poll a job: one that only probes brought, beside others that live, that waits too long.

        Raises:
            HeldBackError: not now.
        """

    def rest(self) -> None:
        """Let go of what is held between calls: the last one has ended."""


@dataclass(slots=True, eq=False)
class _Task:
    """A poll in flight: from the moment a scrape wants it until what it gave is in the table."""

    job: TrackedJob
    are_others_live: bool
    poll: Poll | None = None
    """The right to it, while it is without an outcome."""


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

    One lock guards the polls in flight and the counts; the jobs have their own. The threads that poll are daemons, for
    the interpreter's end waits for no other kind, and last as long as there is something to poll.

    The `clock` gives Unix seconds, the `stopwatch` those that deadlines are in and that never go backwards, and `draw`
    numbers from 0 to 1, to spread attempts after faults. `landed` is called in the thread whose poll has landed, with
    whether it was the last and nobody waits any more. The `name` is kept with each job that is polled here.
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
        landed: Callable[[bool], object] = lambda _: None,
        name: str = "",
    ) -> None:
        self._table = table
        self._name = name
        self._landed = landed
        self._clock = clock
        self._draw = draw
        self._stopwatch = stopwatch
        self._changed = Condition()
        self._in_flight: dict[JobKey, _Task] = {}
        self._waiting: defaultdict[str, deque[_Task]] = defaultdict(deque)
        self._left: dict[Event, set[_Task]] = {}
        """What each scrape that waits waits for still; its last poll wakes it, and no other."""
        self._threads: Counter[str] = Counter()
        self._resting = 0
        """How many threads have ended as the last one of their account, and see to its rest."""
        self._counts: defaultdict[str, _Counts] = defaultdict(_Counts)
        self._is_stopping = False
        self._upstreams, self._schedule = upstreams, schedule
        self._board = Board(table, schedule)

    def reconfigure(self, upstreams: Mapping[str, Upstream], schedule: Schedule) -> None:
        """Take other accounts and another schedule; polls under way end as they began, counts go on."""
        self._upstreams, self._schedule = upstreams, schedule
        self._board.reconfigure(schedule)

    def refresh(self, deadline: float, keys: Collection[JobKey] | None = None, enough: Event | None = None) -> None:
        """Poll what is due, of `keys` alone where they are given, and wait for it until `deadline` (stopwatch).

        It waits no longer than until `enough` is set, which is for this call alone.
        """
        pressures = self._catch_up()
        asked = self._board.due() if keys is None else keys
        with self._changed:
            known = set(self._in_flight.values())
            looked_at = {*asked, *self._in_flight} if keys is None else asked
            jobs = sorted(filter(None, map(self._table.get, looked_at)), key=_turn)
            if keys is None:
                self._count_idle(looked_at, pressures)
            tasks = [task for job in jobs if (task := self._task(job, pressures, is_asked=keys is not None))]
        new = defaultdict[str, list[_Task]](list)
        for task in tasks:
            new[task.job.spec.key.account] += [] if task in known else [task]
        for alias, its in new.items():
            self._staff(alias, its)
        self._wait(set(tasks), deadline, enough or Event())

    def hurry(self) -> None:
        """Begin no more polls, and let those who wait for one go on at once, now and from now on."""
        with self._changed:
            self._is_stopping = True
            for enough in self._left:
                enough.set()
            self._changed.notify_all()

    def close(self, grace_seconds: float) -> None:
        """Begin no more polls, and wait for those under way; what outlasts the grace is abandoned."""
        self.hurry()
        with self._changed:
            self._changed.wait_for(lambda: not self._threads.total() + self._resting, grace_seconds)
            late = self._threads.total()
            polls = [task.poll for task in self._in_flight.values() if task.poll]
        if late:
            _log.warning("polls are abandoned", extra={"polls": late})
            with suppress(TimeoutError):
                waited_for(partial(_close, polls), ABANDON_SECONDS, "abandoned-polls")

    def view(self, keys: Collection[JobKey] | None = None) -> tuple[TrackedJob, ...]:
        """Give the jobs, or those of `keys`, as a page shows them: no stale report, the next poll as it stands."""
        self._catch_up()
        return self._board.page()[0] if keys is None else self._board.shown(keys)

    def page(self) -> tuple[tuple[TrackedJob, ...], Census]:
        """Give all jobs as a page shows them, and how many there are."""
        self._catch_up()
        return self._board.page()

    def plan(self, job: TrackedJob) -> Plan:
        """Say what a scrape would do with a job now, without doing it."""
        pressure = self._catch_up().get(job.spec.key.account, 0.0)
        return self._reason_to_skip(job, pressure, is_asked=False), self._schedule.due_at(job, pressure)

    def tally(self, alias: str) -> PollTally:
        """Give the counts of an account."""
        with self._changed:
            return self._counts[alias].tally()

    def _catch_up(self) -> Mapping[str, float]:
        """Have the board as things are now, and give how scarce the credits of each account are."""
        fewest_polls_a_day = 86_400.0 / self._schedule.stale_after_seconds
        upstreams = self._upstreams

        def pressure(alias: str, live: int) -> float:
            return upstreams[alias].pressure(live * fewest_polls_a_day)

        return self._board.catch_up(self._clock(), pressure, upstreams)

    def _count_idle(self, looked_at: Iterable[JobKey], pressures: Mapping[str, float]) -> None:
        """Count why a scrape leaves those jobs alone that it need not even look at."""
        for (alias, reason), number in self._board.idle(looked_at).items():
            if alias in pressures:
                self._counts[alias].skipped[Skip(reason)] += number

    def _task(self, job: TrackedJob, pressures: Mapping[str, float], *, is_asked: bool) -> _Task | None:
        """Join the job's poll, or begin one if it is due; else count why not.

        A poll writes the job before it leaves `_in_flight`, so one of the two always shows it to another scrape.
        """
        key, counts = job.spec.key, self._counts[job.spec.key.account]
        if task := self._in_flight.get(key):
            counts.coalesced += 1
            return task
        if self._is_stopping or key.account not in pressures:
            return None
        if skip := self._reason_to_skip(job, pressures[key.account], is_asked=is_asked):
            counts.skipped[skip] += 1
            return None
        task = self._in_flight[key] = _Task(job, self._board.are_others_live(key.account))
        self._waiting[key.account].append(task)
        return task

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

    def _wait(self, tasks: set[_Task], deadline: float, enough: Event) -> None:
        with self._changed:
            left = self._left[enough] = tasks.intersection(self._in_flight.values())
            if self._is_stopping or not left:
                enough.set()
        enough.wait(max(0.0, deadline - self._stopwatch()))
        with self._changed:
            del self._left[enough]
            for task in left:
                self._counts[task.job.spec.key.account].skipped[Skip.DEADLINE] += 1

    def _staff(self, alias: str, new: Sequence[_Task]) -> None:
        """Have as many threads as there are polls, and the account allows; one if it is gone, for what is left."""
        upstream = self._upstreams.get(alias)
        if upstream and new:
            wanted = [(task.job.spec.key, task.job.spec.source is JobSource.PROBE) for task in new]
            with self._changed:
                first = self._lacking(alias)
            upstream.expect(wanted, first, are_others_live=new[0].are_others_live)
        with self._changed:
            for _ in range(self._lacking(alias)):
                Thread(target=self._work, args=(alias,), name=f"poll-{alias}", daemon=True).start()
                self._threads[alias] += 1

    def _lacking(self, alias: str) -> int:
        upstream = self._upstreams.get(alias)
        most = upstream.max_concurrency if upstream else 1
        return max(0, min(len(self._waiting[alias]), most - self._threads[alias]))

    def _work(self, alias: str) -> None:
        while task := self._next(alias):
            try:
                self._poll(task)
            except Exception:  # noqa: BLE001 - the edge of the thread: an error in what we do with an outcome
                _log.exception("a poll's outcome was lost")
            is_over = self._end(task)
            try:
                self._landed(is_over)
            except Exception:  # noqa: BLE001 - as above
                _log.exception("what a poll changed could not be written ahead")

    def _end(self, task: _Task) -> bool:
        """Let go of a poll, and say whether it was the last and nobody waits any more."""
        with self._changed:
            del self._in_flight[task.job.spec.key]
            for enough, left in self._left.items():
                left.discard(task)
                if not left:
                    enough.set()
            return not self._in_flight and not self._left

    def _next(self, alias: str) -> _Task | None:
        """Give the thread its next poll, or end it; the account rests after its last one."""
        upstream = self._upstreams.get(alias)
        with self._changed:
            is_wanted = upstream is None or self._threads[alias] <= upstream.max_concurrency
            if self._waiting[alias] and is_wanted and not self._is_stopping:
                return self._waiting[alias].popleft()
            self._threads[alias] -= 1
            is_last = not self._threads[alias]
            self._resting += is_last
            self._changed.notify_all()
        if is_last:
            self._rest(upstream)
        return None

    def _rest(self, upstream: Upstream | None) -> None:
        try:
            if upstream:
                upstream.rest()
        finally:
            with self._changed:
                self._resting -= 1
                self._changed.notify_all()

    def _poll(self, task: _Task) -> None:
        job, polled_at = task.job, self._clock()
        key = job.spec.key
        upstream = self._upstreams.get(key.account)
        if upstream is None or self._is_over(job):
            return  # a reload has taken the account away
        try:
            with closing(self._taken(upstream, task, polled_at)) as poll:
                if self._is_over(job):  # asked again: now nobody else can poll it
                    return
                task.poll = poll
                outcome = _ask(key, poll, polled_at)
                task.poll = None  # what has come lands, however late
                self._land(key, poll, outcome, polled_at)
        except HeldBackError as error:
            with self._changed:
                self._counts[key.account].skipped[error.reason] += 1

    def _taken(self, upstream: Upstream, task: _Task, at: float) -> Poll:
        """Take the right to poll; for a place among the calls of all exporters it is waited a little."""
        job, until = task.job, self._stopwatch() + PLACE_PATIENCE_SECONDS
        waited = None if job.polled_at is None else at - job.polled_at
        while True:
            try:
                return upstream.take(
                    job.spec.key,
                    is_probe=job.spec.source is JobSource.PROBE,
                    are_others_live=task.are_others_live,
                    is_overdue=waited is None or waited >= self._schedule.stale_after_seconds,
                )
            except NoPlaceError:
                with self._changed:
                    if self._is_stopping or self._stopwatch() >= until:
                        raise
                    self._changed.wait(PLACE_PAUSE_SECONDS)

    def _is_over(self, job: TrackedJob) -> bool:
        """Whether a job left, or another exporter has polled it, since it was found due."""
        known = self._table.get(job.spec.key)
        return known is None or known.polled_at != job.polled_at

    def _land(self, key: JobKey, poll: Poll, outcome: JobReport | PollFailure, polled_at: float) -> None:
        """Count a poll and put what it gave into the table."""
        with self._changed:
            counts = self._counts[key.account]
            counts.polls[key.module] += 1
            if isinstance(outcome, PollFailure):
                counts.errors[key.module, outcome.code] += 1
        draw = self._draw()

        def note(job: TrackedJob) -> tuple[TrackedJob, Growth]:
            if isinstance(outcome, JobReport):
                noted = note_report(job, outcome, polled_at)
            else:
                noted = note_failure(job, outcome, polled_at)
            after = replace(noted, polled_by=self._name, next_poll_at=self._schedule.next_poll_at(noted, draw))
            return after, growth_of(job, after)

        if landed := poll.land(note):
            _log_change(*landed)


def _close(polls: Iterable[Poll]) -> None:
    for poll in polls:
        poll.close()


def _turn(job: TrackedJob) -> tuple[float, JobKey]:
    return job.polled_at or 0.0, job.spec.key


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
        return PollFailure("other", "an error in the exporter itself", "please report it, with the log")


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
        level = logging.WARNING if after.has_ended_badly else logging.INFO
        _log.log(level, "job is %s", after.state, extra=fields | word)
    if after.failure and (before.failure is None or before.failure.code != after.failure.code):
        details = {"code": after.failure.code, "advice": after.failure.advice}
        _log.warning("poll failed: %s", after.failure.message, extra=fields | details)
    elif before.failure and not after.failure:
        _log.info("poll works again", extra=fields)
