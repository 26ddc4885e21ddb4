"""The organisation's mass-update jobs: which exist, when each began, and what each says now."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from exporter.simulator.timeline import TERMINAL_STATES, JobScript, SimulatedJob, Status

FIRST_SCHEDULED_ID = 5_540_330_000_009_000_001


@dataclass(frozen=True, slots=True)
class _Job:
    """A job as held: its course, its beginning (Unix seconds), its custom view, and what it was told to say."""

    script: JobScript | None
    began_at: float
    view: str | None = None
    fixed: Status | None = None


class Organisation:
    """All jobs by module and id. Thread-safe: one lock for the table.

    `clock` gives Unix seconds; jobs age `speed` times as fast as it.
    """

    def __init__(self, jobs: tuple[SimulatedJob, ...], clock: Callable[[], float], *, speed: float = 1.0) -> None:
        self._clock = clock
        self._speed = speed
        self._lock = threading.Lock()
        self._jobs: dict[tuple[str, str], _Job] = {}
        for job in jobs:
            self.add_job(job)

    def add_job(self, job: SimulatedJob) -> None:
        """Take in a job that begins now; one of the same module and id is replaced."""
        with self._lock:
            self._jobs[job.module, job.job_id] = _Job(job.script, self._clock())

    def set_status(self, module: str, job_id: str, status: Status) -> None:
        """Fix what a job says from now on; an unknown job is taken in."""
        with self._lock:
            job = self._jobs.get((module, job_id), _Job(None, self._clock()))
            self._jobs[module, job_id] = replace(job, fixed=status)

    def status(self, module: str, job_id: str) -> Status | None:
        """Give what a job says now, or `None` when the module has no such job."""
        with self._lock:
            job = self._jobs.get((module, job_id))
            return None if job is None else self._status(job)

    def schedule(self, module: str, view: str, script: JobScript) -> str | None:
        """Begin a job over a custom view and give its id, or `None` when the view has an active job already."""
        with self._lock:
            if any(self._is_active(key, job, module, view) for key, job in self._jobs.items()):
                return None
            job_id = self._next_id()
            self._jobs[module, job_id] = _Job(script, self._clock(), view)
            return job_id

    def _status(self, job: _Job) -> Status | None:
        if job.fixed is not None or job.script is None:
            return job.fixed
        return job.script.status_at((self._clock() - job.began_at) * self._speed)

    def _is_active(self, key: tuple[str, str], job: _Job, module: str, view: str) -> bool:
        if key[0] != module or job.view != view:
            return False
        status = self._status(job)
        return status is not None and status.state not in TERMINAL_STATES

    def _next_id(self) -> str:
        taken = {int(job_id) for _, job_id in self._jobs}
        number = FIRST_SCHEDULED_ID
        while number in taken:
            number += 1
        return str(number)
