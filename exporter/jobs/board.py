"""What a page shows of each job, which jobs may be due, and how many there are of each kind.

All of it is kept from scrape to scrape and costs what has changed: a job that came, changed or left, and one whose time
has come to be polled, to be shown without its report or to leave. Only where the clock was set back, the settings or
the scarcity of credits have changed, all jobs are looked at.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from enum import StrEnum
from threading import Lock

from exporter.jobs.agenda import Agenda
from exporter.jobs.outcome import fade
from exporter.jobs.schedule import Schedule
from exporter.jobs.table import JobTable, is_made_up
from exporter.model import Census, JobKey, JobSource, JobState, TrackedJob

Pressure = Callable[[str, int], float]
"""Gives how scarce an account's credits are, from 0 to 1, for so many live jobs."""
Live = tuple[str, bool]
"""An account's jobs that have not ended: those that only probes brought, or the others."""


class Idle(StrEnum):
    """What a job waits for that is not due, however much its account may spend."""

    TERMINAL = "terminal"
    BACKOFF = "backoff"
    FRESH = "fresh"


def _idle_of(job: TrackedJob) -> Idle:
    """Say why a scrape leaves a job alone that is not due."""
    if job.is_terminal:
        return Idle.TERMINAL
    return Idle.BACKOFF if job.failure else Idle.FRESH


def _kind_of(job: TrackedJob) -> tuple[JobSource, Idle, bool]:
    """Give what a job is counted by, beside its account."""
    return job.spec.source, _idle_of(job), is_made_up(job)


class Board:
    """Keeps up with a table. Thread-safe."""

    def __init__(self, table: JobTable, schedule: Schedule) -> None:
        self._table = table
        self._lock = Lock()
        self._begin(schedule)

    def _begin(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._now = -math.inf
        self._jobs: dict[JobKey, TrackedJob] = {}
        self._rows = _Rows()
        self._agenda = Agenda()
        self._due: set[JobKey] = set()
        self._states: Counter[tuple[str, str, JobState]] = Counter()
        self._sources: Counter[tuple[str, JobSource, bool]] = Counter()
        self._idle: Counter[tuple[str, Idle]] = Counter()
        self._live: Counter[Live] = Counter()
        self._pressures: dict[str, float] = {}
        self._is_new = True

    def reconfigure(self, schedule: Schedule) -> None:
        """Go by another schedule, and by whatever else has changed in the settings."""
        with self._lock:
            self._begin(schedule)

    def catch_up(self, now: float, pressure: Pressure, aliases: Iterable[str]) -> Mapping[str, float]:
        """Take in what has changed since the last time, let go of the jobs whose time is over, and give pressures."""
        with self._lock:
            if now < self._now:
                self._begin(self._schedule)
            self._now = now
            try:
                self._take_in(now)
                return self._pressed(pressure, aliases)
            except Exception:
                self._begin(self._schedule)  # what was half taken in would be shown for good
                raise

    def _take_in(self, now: float) -> None:
        looked_at = {*self._table.changed(), *self._agenda.take(now)}
        if self._is_new:
            looked_at.update(job.spec.key for job in self._table.jobs())
            self._is_new = False
        self._table.retire(now, looked_at)
        for key in looked_at | self._table.changed():
            self._take(key)

    def _pressed(self, pressure: Pressure, aliases: Iterable[str]) -> Mapping[str, float]:
        live = {alias: self._live[alias, True] + self._live[alias, False] for alias in aliases}
        pressures = {alias: pressure(alias, number) for alias, number in live.items()}
        moved = {alias for alias, scarcity in pressures.items() if self._pressures.get(alias, 0.0) != scarcity}
        self._pressures.update(pressures)
        for job in self._jobs.values() if moved else ():
            if job.spec.key.account in moved and not job.is_terminal:
                self._show(job)
        return pressures

    def due(self) -> set[JobKey]:
        """Give the jobs that are due if there is no lack of credits."""
        with self._lock:
            return set(self._due)

    def idle(self, but: Iterable[JobKey]) -> Counter[tuple[str, Idle]]:
        """Count the jobs but for some, by account and by what they wait for that are not due."""
        with self._lock:
            idle = self._idle.copy()
            idle.subtract((key.account, _idle_of(self._jobs[key])) for key in but if key in self._jobs)
            return idle

    def are_others_live(self, alias: str) -> bool:
        """Whether an account has live jobs that not only probes brought."""
        return self._live[alias, False] > 0

    def page(self) -> tuple[tuple[TrackedJob, ...], Census]:
        """Give the jobs as a page shows them, sorted by key, and how many there are."""
        with self._lock:
            return self._rows.all(), Census(self._states.copy(), self._sources.copy())

    def shown(self, keys: Iterable[JobKey]) -> tuple[TrackedJob, ...]:
        """Give some of them."""
        with self._lock:
            return tuple(job for key in sorted(keys) if (job := self._rows.get(key)))

    def _take(self, key: JobKey) -> None:
        before, job = self._jobs.get(key), self._table.get(key)
        if before is not job:
            self._recount(before, job)
        if job is None:
            self._jobs.pop(key, None)
            self._due.discard(key)
            self._count_shown(self._rows.remove(key), -1)
            return
        self._jobs[key] = job
        self._show(job)
        self._await(job)

    def _show(self, job: TrackedJob) -> None:
        key, schedule = job.spec.key, self._schedule
        due_at, delay = schedule.due_at(job, self._pressures.get(key.account, 0.0)), schedule.delay_of(job)
        is_as_known = (due_at, delay) == (job.next_poll_at, job.delay)
        after = job if is_as_known else replace(job, next_poll_at=due_at, delay=delay)
        after = fade(after, self._now, schedule.stale_after_seconds)
        before = self._rows.get(key)
        if after != before:
            self._count_shown(before, -1)
            self._count_shown(after, 1)
            self._rows.put(after)

    def _await(self, job: TrackedJob) -> None:
        """Say when a job is to be looked at again: it is due, its report too old, or its time over."""
        key, now = job.spec.key, self._now
        due_at = None if is_made_up(job) else self._schedule.asked_from(job, 0.0)
        is_due = due_at is not None and (due_at <= now or now < (job.polled_at or 0.0))
        (self._due.add if is_due else self._due.discard)(key)
        stale_at = (job.reported_at or 0.0) + self._schedule.stale_after_seconds
        times = (
            None if is_due else due_at,
            None if job.is_terminal or stale_at < now else stale_at,
            self._table.leaves_at(job, now),
        )
        if at := min((at for at in times if at is not None), default=None):
            self._agenda.put(key, max(at, math.nextafter(now, math.inf)))

    def _recount(self, before: TrackedJob | None, after: TrackedJob | None) -> None:
        if before and after and _kind_of(before) == _kind_of(after):
            return
        self._count(before, -1)
        self._count(after, 1)

    def _count(self, job: TrackedJob | None, number: int) -> None:
        if job is None:
            return
        alias, source = job.spec.key.account, job.spec.source
        self._sources[alias, source, job.is_terminal] += number
        self._idle[alias, _idle_of(job)] += number
        if not job.is_terminal and not is_made_up(job):
            self._live[alias, source is JobSource.PROBE] += number

    def _count_shown(self, job: TrackedJob | None, number: int) -> None:
        if job:
            self._states[job.spec.key.account, job.spec.key.module, job.state] += number


class _Rows:
    """Jobs as they are shown, sorted when somebody wants them all after one came or left."""

    def __init__(self) -> None:
        self._jobs: dict[JobKey, TrackedJob] = {}
        self._places: dict[JobKey, int] = {}
        self._sorted: list[TrackedJob] = []
        self._all: tuple[TrackedJob, ...] | None = None

    def get(self, key: JobKey) -> TrackedJob | None:
        return self._jobs.get(key)

    def put(self, job: TrackedJob) -> None:
        key = job.spec.key
        if key not in self._jobs:
            self._places.clear()
        elif self._places:
            self._sorted[self._places[key]] = job
        self._jobs[key] = job
        self._all = None

    def remove(self, key: JobKey) -> TrackedJob | None:
        self._places.clear()
        self._all = None
        return self._jobs.pop(key, None)

    def all(self) -> tuple[TrackedJob, ...]:
        if self._all is None:
            if not self._places:
                self._sorted = sorted(self._jobs.values(), key=_name)
                self._places = {job.spec.key: place for place, job in enumerate(self._sorted)}
            self._all = tuple(self._sorted)
        return self._all


def _name(job: TrackedJob) -> tuple[str, str, str]:
    key = job.spec.key
    return key.account, key.module, key.job_id
