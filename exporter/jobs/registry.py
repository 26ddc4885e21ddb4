"""The one table of tracked jobs: polls write it, scrapes read it, and every change is kept for the next start."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from threading import Lock
from typing import Protocol

from exporter.errors import UNKNOWN_JOB
from exporter.jobs.totals import DURATION_BOUNDS, add_report
from exporter.model import JobKey, JobSpec, ModuleTotals, StoredState, TrackedJob

_log = logging.getLogger(__name__)


class Drop(StrEnum):
    """Why a job is not tracked any more, or was not taken in."""

    RETENTION = "retention"
    UNKNOWN_RETENTION = "unknown_retention"
    MAX_JOBS = "max_jobs"


@dataclass(frozen=True, slots=True)
class Retention:
    """How long jobs stay, and how many there may be. Seconds.

    An ended job stays for `ended_seconds`, one that Zoho does not know for `unknown_seconds` after its last report, or
    after it was first seen.
    """

    ended_seconds: float = 7 * 86_400.0
    unknown_seconds: float = 86_400.0
    max_jobs: int = 1000

    def is_over(self, job: TrackedJob, now: float) -> Drop | None:
        """Give the reason why a job leaves now, if it does."""
        if job.finished_at is not None:
            return Drop.RETENTION if now - job.finished_at > self.ended_seconds else None
        is_unknown = job.failure is not None and job.failure.code == UNKNOWN_JOB
        last_known_at = job.first_seen_at if job.reported_at is None else job.reported_at
        return Drop.UNKNOWN_RETENTION if is_unknown and now - last_known_at > self.unknown_seconds else None


class Journal(Protocol):
    """Keeps what the registry holds. Its methods do not raise: memory is the truth, the journal its mirror."""

    def save_job(self, job: TrackedJob, totals: Mapping[tuple[str, str], ModuleTotals]) -> None:
        """Keep a job and its module's totals, both or neither."""

    def forget_jobs(self, keys: Iterable[JobKey], *, retired: bool) -> None:
        """Forget jobs; `retired` ones are remembered as such, so that a restart does not begin with them again."""


class Registry:
    """Holds the latest state of each job. Thread-safe; a job is replaced, never changed, so readers need no lock.

    Args:
        journal: keeps every change, in the order of the changes.
        retention: how long jobs stay.
    """

    def __init__(self, journal: Journal, retention: Retention | None = None) -> None:
        self._lock = Lock()
        self._journal = journal
        self._retention = retention or Retention()
        self._jobs: dict[JobKey, TrackedJob] = {}
        self._retired: set[JobKey] = set()
        self._totals: dict[tuple[str, str], ModuleTotals] = {}
        self._dropped: Counter[str] = Counter(dict.fromkeys(Drop, 0))

    def restore(self, state: StoredState, specs: Iterable[JobSpec]) -> None:
        """Take up what an earlier process kept; what the configuration no longer lists is forgotten."""
        listed = {spec.key for spec in specs}
        with self._lock:
            self._totals.update(state.totals)
            self._jobs.update({job.spec.key: job for job in state.jobs if job.spec.key in listed})
            for key in self._jobs:
                self._totals.setdefault((key.account, key.module), ModuleTotals.empty(DURATION_BOUNDS))
            self._retired |= state.retired & listed
            known = {job.spec.key for job in state.jobs} | state.retired
            self._journal.forget_jobs(known - listed, retired=False)

    def track(self, specs: Iterable[JobSpec], now: float) -> None:
        """Watch jobs, seen first at `now` (Unix seconds). A job already here keeps what is known of it."""
        with self._lock:
            for spec in specs:
                self._track(spec, now)

    def retire(self, now: float) -> None:
        """Let go of the jobs whose time is over."""
        with self._lock:
            over = {key: drop for key, job in self._jobs.items() if (drop := self._retention.is_over(job, now))}
            for key, drop in over.items():
                del self._jobs[key]
                self._dropped[drop] += 1
                _log.info("job is no longer tracked", extra={**key.as_fields(), "reason": drop.value})
            ended = {key for key, drop in over.items() if drop is Drop.RETENTION}
            self._retired |= ended
            if over:
                self._journal.forget_jobs(ended, retired=True)
                self._journal.forget_jobs(set(over) - ended, retired=False)

    def jobs(self) -> tuple[TrackedJob, ...]:
        """Give all jobs, sorted by key."""
        with self._lock:
            return tuple(job for _, job in sorted(self._jobs.items()))

    def get(self, key: JobKey) -> TrackedJob | None:
        """Give one job as it is now; `None` when it is not tracked."""
        with self._lock:
            return self._jobs.get(key)

    def totals(self) -> dict[tuple[str, str], ModuleTotals]:
        """Give the counters that outlive jobs, by account and module."""
        with self._lock:
            return dict(self._totals)

    def dropped(self) -> dict[str, int]:
        """Give the number of jobs let go or not taken in, by reason."""
        with self._lock:
            return dict(self._dropped)

    def update(self, key: JobKey, change: Callable[[TrackedJob], TrackedJob]) -> None:
        """Replace one job by what `change` makes of it, count what that adds, keep it, and log what is news.

        A job that is no longer tracked is left alone.
        """
        with self._lock:
            before = self._jobs.get(key)
            if before is None:
                return
            after = self._jobs[key] = change(before)
            module = (key.account, key.module)
            self._totals[module] = add_report(self._totals[module], before, after)
            self._journal.save_job(after, {module: self._totals[module]})
        _log_change(before, after)

    def _track(self, spec: JobSpec, now: float) -> None:
        key = spec.key
        if key in self._retired:
            return
        if key not in self._jobs and len(self._jobs) >= self._retention.max_jobs:
            self._dropped[Drop.MAX_JOBS] += 1
            details = {"reason": Drop.MAX_JOBS.value, "max_jobs": self._retention.max_jobs}
            _log.warning("job is not tracked: there are too many", extra={**key.as_fields(), **details})
            return
        job = self._jobs.get(key) or TrackedJob(spec, first_seen_at=now)
        self._jobs[key] = replace(job, spec=spec)
        self._totals.setdefault((key.account, key.module), ModuleTotals.empty(DURATION_BOUNDS))
        self._journal.save_job(self._jobs[key], {})


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
