"""The one table of tracked jobs: polls write it, scrapes read it, and every change is kept for the next start."""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from threading import Lock
from typing import Protocol

from exporter.errors import UNKNOWN_JOB, DeclaredJobError, TooManyJobsError
from exporter.jobs.totals import DURATION_BOUNDS, add_report
from exporter.model import JobKey, JobSource, JobSpec, ModuleTotals, StoredState, TrackedJob

_log = logging.getLogger(__name__)


class Drop(StrEnum):
    """Why a job is not tracked any more, or was not taken in."""

    RETENTION = "retention"
    UNKNOWN_RETENTION = "unknown_retention"
    PROBE_RETENTION = "probe_retention"
    MAX_JOBS = "max_jobs"
    MAX_PROBED_JOBS = "max_probed_jobs"


@dataclass(frozen=True, slots=True)
class Retention:
    """How long jobs stay, and how many there may be. Seconds.

    An ended job stays for `ended_seconds`, one that Zoho does not know for `unknown_seconds` after its last report, or
    after it was first seen, and one that only probes ask for, for `probed_seconds` after the last of them.
    """

    ended_seconds: float = 7 * 86_400.0
    unknown_seconds: float = 86_400.0
    probed_seconds: float = 86_400.0
    max_jobs: int = 1000
    max_probed_jobs: int = 100

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
        self._probed_at: dict[JobKey, float] = {}
        self._totals: dict[tuple[str, str], ModuleTotals] = {}
        self._dropped: Counter[str] = Counter(dict.fromkeys(Drop, 0))
        self._is_refusing = False

    def restore(self, state: StoredState) -> None:
        """Take up what an earlier process kept; `declare` then lets go of what is no longer wanted."""
        with self._lock:
            self._totals.update(state.totals)
            self._jobs.update({job.spec.key: job for job in state.jobs})
            for key in self._jobs:
                self._totals.setdefault((key.account, key.module), ModuleTotals.empty(DURATION_BOUNDS))
            self._retired |= state.retired

    def limit(self, retention: Retention) -> None:
        """Keep to other limits from now on."""
        with self._lock:
            self._retention = retention

    def declare(
        self, specs: Iterable[JobSpec], now: float, *, accounts: Collection[str], is_complete: bool = True
    ) -> None:
        """Track the jobs that the configuration lists, and let go of those that it listed and no longer does.

        Args:
            specs: every job of the configuration; where one stands twice, the first counts.
            now: Unix seconds.
            accounts: the configured accounts; a job of another one leaves, however it came and whoever lists it.
            is_complete: whether `specs` is all there is; otherwise jobs of files that can't be read now are kept.
        """
        listed: dict[JobKey, JobSpec] = {}
        for spec in specs:
            if spec.key.account in accounts:
                listed.setdefault(spec.key, spec)

        def leaves(source: JobSource) -> bool:
            return source.is_declared and (is_complete or source is not JobSource.FILE)

        with self._lock:
            unlisted = {key for key, job in self._jobs.items() if key not in listed and leaves(job.spec.source)}
            self._forget(unlisted | {key for key in self._jobs if key.account not in accounts}, "unlisted")
            if is_complete:
                self._journal.forget_jobs(self._retired - listed.keys(), retired=False)
                self._retired &= listed.keys()
            for spec in listed.values():
                self._track(spec, now)

    def register(self, specs: Iterable[JobSpec], now: float) -> tuple[bool, ...]:
        """Take in jobs on request, all or none, and say of each whether it is new.

        A job already here takes the new name, group and labels, where they are given.

        Raises:
            DeclaredJobError: the configuration describes one of them otherwise.
            TooManyJobsError: there is no room for all of them.
        """
        wanted = tuple(specs)
        with self._lock:
            for spec in wanted:
                self._check_not_declared_otherwise(spec)
            new = {spec.key for spec in wanted} - self._jobs.keys()
            self._check_room(len(new))
            answer = tuple(spec.key in new for spec in wanted)
            self._retired -= new
            for spec in wanted:
                if not self._is_declared(spec.key):
                    self._track(self._completed(spec), now)
            return answer

    def admit_probe(self, key: JobKey, now: float) -> None:
        """Track a job because it is probed, unless it is tracked already.

        Raises:
            TooManyJobsError: there is no room for it.
        """
        with self._lock:
            if key not in self._jobs:
                self._check_room(1)
                self._check_room_for_probe()
                self._retired.discard(key)
                self._track(JobSpec(key, JobSource.PROBE), now)
            self._probed_at[key] = now

    def forget(self, key: JobKey) -> bool:
        """Let go of a job on request, and say whether it was there.

        Raises:
            DeclaredJobError: the configuration lists it.
        """
        with self._lock:
            if self._is_declared(key):
                raise DeclaredJobError(f"{key} stands in the configuration: remove it there")
            is_here = key in self._jobs
            self._forget({key} if is_here else set(), "deleted")
            return is_here

    def retire(self, now: float) -> None:
        """Let go of the jobs whose time is over."""
        with self._lock:
            over = {key: drop for key, job in self._jobs.items() if (drop := self._reason_to_drop(job, now))}
            for drop in over.values():
                self._dropped[drop] += 1
            for reason in set(over.values()):
                retiring = {key for key, drop in over.items() if drop is reason}
                declared = {key for key in retiring if self._is_declared(key)} if reason is Drop.RETENTION else set()
                self._forget(declared, reason, retired=True)
                self._forget(retiring - declared, reason)

    def jobs(self) -> tuple[TrackedJob, ...]:
        """Give all jobs, sorted by key."""
        with self._lock:
            return tuple(job for _, job in sorted(self._jobs.items()))

    def live_jobs(self) -> Counter[str]:
        """Count the jobs of each account that have not ended."""
        with self._lock:
            return Counter(key.account for key, job in self._jobs.items() if not job.is_terminal)

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
            counted = self._totals[module]
            self._totals[module] = add_report(counted, before, after)
            self._journal.save_job(after, {} if self._totals[module] == counted else {module: self._totals[module]})
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
        if key in self._jobs and job.spec == spec:
            return
        self._jobs[key] = replace(job, spec=spec)
        self._totals.setdefault((key.account, key.module), ModuleTotals.empty(DURATION_BOUNDS))
        self._journal.save_job(self._jobs[key], {})

    def _forget(self, keys: set[JobKey], reason: str, *, retired: bool = False) -> None:
        if not keys:
            return
        probed = {key for key in keys if self._jobs[key].spec.source is JobSource.PROBE}
        for key in keys:
            del self._jobs[key]
            self._probed_at.pop(key, None)
            _log.info("job is no longer tracked", extra={**key.as_fields(), "reason": str(reason)})
        self._forget_uncounted({(key.account, key.module) for key in probed})
        self._retired |= keys if retired else set()
        self._is_refusing = False
        self._journal.forget_jobs(keys, retired=retired)

    def _forget_uncounted(self, modules: set[tuple[str, str]]) -> None:
        """Keep no counters for probed modules that have no job and never counted one: their names may be made up."""
        for module in modules - {(key.account, key.module) for key in self._jobs}:
            if self._totals[module] == ModuleTotals.empty(DURATION_BOUNDS):
                del self._totals[module]

    def _reason_to_drop(self, job: TrackedJob, now: float) -> Drop | None:
        if job.spec.source is JobSource.PROBE:
            probed_at = self._probed_at.setdefault(job.spec.key, now)
            if now - probed_at > self._retention.probed_seconds:
                return Drop.PROBE_RETENTION
        return self._retention.is_over(job, now)

    def _is_declared(self, key: JobKey) -> bool:
        job = self._jobs.get(key)
        return job is not None and job.spec.source.is_declared

    def _check_not_declared_otherwise(self, spec: JobSpec) -> None:
        job = self._jobs.get(spec.key)
        if job is None or not job.spec.source.is_declared:
            return
        said = {name: value for name, value in _described(spec).items() if value}
        if not said.items() <= _described(job.spec).items():
            raise DeclaredJobError(f"the configuration describes {spec.key} otherwise: change it there")

    def _completed(self, spec: JobSpec) -> JobSpec:
        job = self._jobs.get(spec.key)
        if job is None:
            return spec
        known = job.spec
        return replace(
            spec, name=spec.name or known.name, group=spec.group or known.group, labels=spec.labels or known.labels
        )

    def _check_room(self, count: int) -> None:
        most = self._retention.max_jobs
        if count and len(self._jobs) + count > most:
            message = f"{len(self._jobs)} jobs are tracked, and {count} more would be above max_jobs, which is {most}"
            raise self._refusal(Drop.MAX_JOBS, count, message)

    def _check_room_for_probe(self) -> None:
        most = self._retention.max_probed_jobs
        if sum(job.spec.source is JobSource.PROBE for job in self._jobs.values()) >= most:
            message = f"{most} jobs are tracked only because they are probed, and more would be above max_probed_jobs"
            raise self._refusal(Drop.MAX_PROBED_JOBS, 1, message)

    def _refusal(self, drop: Drop, count: int, message: str) -> TooManyJobsError:
        """Count jobs that are not taken in; the log tells when that begins, not of each."""
        self._dropped[drop] += count
        if not self._is_refusing:
            self._is_refusing = True
            _log.warning("jobs are not taken in: %s", message, extra={"reason": drop.value})
        return TooManyJobsError(message)


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


def _described(spec: JobSpec) -> dict[str, object]:
    """Give what may be said of a job beside its identity."""
    return {"name": spec.name, "group": spec.group, "labels": dict(spec.labels)}
