"""The one table of tracked jobs: polls write it, scrapes read it."""

import logging
from collections.abc import Callable, Iterable
from threading import Lock

from exporter.model import JobKey, JobSpec, TrackedJob

_log = logging.getLogger(__name__)


class Registry:
    """Holds the latest state of each job. Thread-safe; a job is replaced, never changed, so readers need no lock."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._jobs: dict[JobKey, TrackedJob] = {}

    def track(self, specs: Iterable[JobSpec], now: float) -> None:
        """Start to watch jobs, seen first at `now` (Unix seconds). A job already here keeps what is known of it."""
        with self._lock:
            for spec in specs:
                self._jobs.setdefault(spec.key, TrackedJob(spec, first_seen_at=now))

    def jobs(self) -> tuple[TrackedJob, ...]:
        """Give all jobs, sorted by key."""
        with self._lock:
            return tuple(job for _, job in sorted(self._jobs.items()))

    def get(self, key: JobKey) -> TrackedJob:
        """Give one job as it is now."""
        with self._lock:
            return self._jobs[key]

    def update(self, key: JobKey, change: Callable[[TrackedJob], TrackedJob]) -> None:
        """Replace one job by what `change` makes of it, and log a failure that began, changed or ended."""
        with self._lock:
            before = self._jobs[key]
            after = self._jobs[key] = change(before)
        _log_change(before, after)


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
