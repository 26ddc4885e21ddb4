"""An exporter that a test of the routes plays."""

import time
from collections.abc import Collection, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from threading import Event

from samples import NOW, account, upstream

from exporter.blocks import Body
from exporter.errors import DeclaredJobError, LiveJobError, Problem, TooManyJobsError
from exporter.model import (
    CreditStatus,
    Distribution,
    ExporterSnapshot,
    JobKey,
    JobSpec,
    Page,
    Snapshot,
    TrackedJob,
)
from exporter.web.contract import Exporter, Readiness

READY = Readiness(is_ready=True, sentences=("account acme: ready",))


PAGE = Page("text/plain; version=0.0.4; charset=utf-8", Body.of(b"up 1\n" * 1000))
"""A page as the metrics part gives it."""


@dataclass
class PlayedExporter:
    """Answers as it is told, and remembers how it was asked."""

    accounts: Collection[str] = ("acme",)
    job_labels: Collection[str] = ()
    discovery_linger_seconds: float = 3600.0
    pace_seconds: tuple[float, float] = (15.0, 120.0)
    jobs: dict[JobKey, TrackedJob] = field(default_factory=dict)
    declared: frozenset[JobKey] = frozenset()
    most_jobs: int = 1000
    kept: bool = True
    unread: bool = False
    problems: tuple[Problem, ...] = ()
    ready: Readiness = READY
    scrapes: list[tuple[float, str, set[str]]] = field(default_factory=list)
    """How many seconds each had left, what it accepted, and the groups."""
    probes: list[tuple[JobKey, float, str]] = field(default_factory=list)
    reloads: int = 0

    def now(self) -> float:
        """Give the time."""
        return NOW

    def catch_up(self, deadline: float) -> None:
        """Nobody else is there."""

    def snapshot(self) -> Snapshot:
        """Give the jobs."""
        exporter = ExporterSnapshot("1.2.3", "3.11", True, NOW, Distribution.empty((1.0,)))
        credit = CreditStatus(spent=0, used_24h=None, budget=1000, reserve=0)
        accounts = (account(upstream(credit=credit)),) if self.unread else ()
        return Snapshot(tuple(job for _, job in sorted(self.jobs.items())), accounts, exporter)

    def find(self, key: JobKey) -> TrackedJob | None:
        """Give a job."""
        return self.jobs.get(key)

    def may_have(self, key: JobKey) -> bool:
        """Say what it was told of jobs that are not there."""
        return self.unread and key not in self.jobs

    def is_cut_off(self) -> bool:
        """Say that nobody else could be told of more."""
        return False

    def scrape(self, deadline: float, accept: str, groups: Collection[str], enough: Event) -> Page:  # noqa: ARG002
        """Give a page."""
        self.scrapes.append((deadline - time.monotonic(), accept, set(groups)))
        return PAGE

    def probe(self, key: JobKey, deadline: float, accept: str, enough: Event) -> Page:  # noqa: ARG002
        """Give a page, unless there is no room for the job."""
        if key not in self.jobs and len(self.jobs) >= self.most_jobs:
            raise TooManyJobsError("no room")
        self.probes.append((key, deadline - time.monotonic(), accept))
        return replace(PAGE, content=Body.of(b"zoho_mass_update_probe_success 1.0\n"))

    def explain(self, key: JobKey) -> tuple[str, ...]:
        """Give a sentence for a job that is tracked."""
        return (f"{key} is tracked.",) if key in self.jobs else ()

    def last_exchange(self, key: JobKey) -> tuple[str, ...]:
        """Give the exchange of a job that was probed."""
        return ("GET https://zoho.example", "HTTP 200") if any(key == probed for probed, _, _ in self.probes) else ()

    def register(self, specs: Iterable[JobSpec]) -> tuple[bool, ...]:
        """Take in jobs, but none that the configuration describes and none too many."""
        wanted = tuple(specs)
        if any(spec.key in self.declared for spec in wanted):
            raise DeclaredJobError("the configuration describes it otherwise")
        is_new = tuple(spec.key not in self.jobs for spec in wanted)
        if len(self.jobs) + sum(is_new) > self.most_jobs:
            raise TooManyJobsError("no room")
        self.jobs |= {spec.key: TrackedJob(spec, first_seen_at=NOW) for spec in wanted}
        return is_new

    def forget(self, key: JobKey) -> bool:
        """Let go of a job, but not of one that the configuration lists."""
        if key in self.declared:
            raise DeclaredJobError("it stands in the configuration")
        return self.jobs.pop(key, None) is not None

    def acknowledge(self, key: JobKey, *, is_taken_back: bool = False) -> bool:
        """Keep it of a job that has ended, unless the configuration says it."""
        job = self.jobs.get(key)
        if job and not job.is_terminal:
            raise LiveJobError("it has not ended")
        if job:
            self.jobs[key] = replace(job, acknowledged_at=None if is_taken_back else NOW)
        return job is not None

    def is_kept(self) -> bool:
        """Say what it was told."""
        return self.kept

    def reload(self) -> tuple[Problem, ...]:
        """Give the problems."""
        self.reloads += 1
        return self.problems

    def configuration(self) -> str:
        """Give a text."""
        return "accounts: {}\n"

    def readiness(self) -> Readiness:
        """Say what it was told."""
        return self.ready


def there(exporter: Exporter) -> Future[Exporter]:
    """Give an exporter that has begun."""
    future: Future[Exporter] = Future()
    future.set_result(exporter)
    return future
