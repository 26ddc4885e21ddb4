"""The organisation's mass-update jobs: which exist, when each began, and what each says now."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from exporter.simulator.crm.timeline import TERMINAL_STATES, JobScript, SimulatedJob, Status

FIRST_SCHEDULED_ID = 5_540_330_000_009_000_001
# Zoho CRM's OpenAPI v8 calls it so; the pages and the clients know its API name.
API_NAMES = {"Meetings": "Events"}


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

    @property
    def now(self) -> float:
        """The organisation's time (Unix seconds)."""
        return self._clock()

    def add_job(self, job: SimulatedJob) -> None:
        """Take in a job that begins now; one of the same module and id is replaced."""
        with self._lock:
            self._jobs[_key(job.module, job.job_id)] = _Job(job.script, self._clock())

    def set_status(self, module: str, job_id: str, status: Status) -> None:
        """Fix what a job says from now on; an unknown job is taken in."""
        with self._lock:
            key = _key(module, job_id)
            self._jobs[key] = replace(self._jobs.get(key, _Job(None, self._clock())), fixed=status)

    def status(self, module: str, job_id: str) -> Status | None:
        """Give what a job says now, or `None` when the module has no such job."""
        with self._lock:
            job = self._jobs.get(_key(module, job_id))
            return None if job is None else self._status(job)

    def schedule(self, module: str, view: str, script: JobScript) -> str | None:
        """Begin a job over a custom view and give its id, or `None` when the view has an active job already."""
        with self._lock:
            key = _key(module, self._next_id())
            if any(self._is_active(job, view) for (name, _), job in self._jobs.items() if name == key[0]):
                return None
            self._jobs[key] = _Job(script, self._clock(), view)
            return key[1]

    def _status(self, job: _Job) -> Status | None:
        if job.fixed is not None or job.script is None:
            return job.fixed
        return job.script.status_at((self._clock() - job.began_at) * self._speed)

    def _is_active(self, job: _Job, view: str) -> bool:
        status = self._status(job) if job.view == view else None
        return status is not None and status.state not in TERMINAL_STATES

    def _next_id(self) -> str:
        taken = {int(job_id) for _, job_id in self._jobs}
        number = FIRST_SCHEDULED_ID
        while number in taken:
            number += 1
        return str(number)


def _key(module: str, job_id: str) -> tuple[str, str]:
    return API_NAMES.get(module, module), job_id
