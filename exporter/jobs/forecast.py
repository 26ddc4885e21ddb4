"""What jobs will cost: lives of jobs, played in fast-forward under the real schedule and pace. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from exporter.jobs.outcome import note_report
from exporter.jobs.schedule import SCRAPE_JITTER_SECONDS, Schedule
from exporter.model import EARLY_SECONDS, JobKey, JobReport, JobSource, JobSpec, JobState, TrackedJob

DAY_SECONDS = 86_400.0
TOKEN_SECONDS = 3600.0
"""How long Zoho's access tokens live."""
MOST_RECORDS = 50_000
"""What Zoho takes for one job, and so the slowest pace that a job of its length may have."""
_AVERAGE_DRAW = 0.5
_ANY_JOB = JobSpec(JobKey("any", "Leads", "1"), JobSource.CONFIG)

Scarcity = Callable[[float, float], float]
"""How scarce credits are, from 0 to 1, by those used and those that the live jobs take in a day at their slowest."""


@dataclass(frozen=True, slots=True)
class Life:
    """A job that waits, and then runs evenly to its end. Seconds."""

    waits_seconds: float
    runs_seconds: float

    def report_at(self, seconds: float) -> JobReport:
        """Give what Zoho would answer so long after the job was scheduled."""
        ran = seconds - self.waits_seconds
        if ran < 0:
            return JobReport(JobState.SCHEDULED, 0, 0, MOST_RECORDS, MOST_RECORDS)
        if ran >= self.runs_seconds:
            return JobReport(JobState.COMPLETED, MOST_RECORDS, 0, 0, MOST_RECORDS)
        done = int(MOST_RECORDS * ran / self.runs_seconds)
        return JobReport(JobState.RUNNING, done, 0, MOST_RECORDS - done, MOST_RECORDS)


@dataclass(frozen=True, slots=True)
class Fleet:
    """So many jobs of an account that begin together, how often they are scraped, and what they may spend in a day."""

    jobs: int
    scrape_seconds: float
    budget: int | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a fleet's first day comes to. Seconds since its beginning; `None` for what does not happen."""

    credits: int
    tokens: int
    longest_wait_seconds: float
    """Between two polls of a job."""
    stretched_at: float | None
    """From when on polls wait longer than the schedule alone would have them."""
    spent_at: float | None
    """From when on nothing is left to poll with."""


def forecast(schedule: Schedule, life: Life, fleet: Fleet, scarcity: Scarcity) -> Forecast:
    """Play a day of jobs that are all alike: what one of them does, each does."""
    needed = fleet.jobs * DAY_SECONDS / schedule.stale_after_seconds
    job = TrackedJob(_ANY_JOB, first_seen_at=0.0)
    polls: list[float] = []
    stretched_at = spent_at = None
    early_at = 0.0  # no scrape before finds it due
    for now in _scrapes(fleet):
        if now < early_at or not schedule.is_due(job, now, 0.0):
            continue
        if not schedule.is_due(job, now, scarcity(len(polls) * fleet.jobs, needed)):
            stretched_at = now if stretched_at is None else stretched_at
            continue
        if fleet.budget is not None and (len(polls) + 1) * fleet.jobs > fleet.budget:
            spent_at = now
            break
        polls.append(now)
        job = _polled(schedule, job, life.report_at(now), now)
        if job.next_poll_at is None:
            break
        early_at = job.next_poll_at - SCRAPE_JITTER_SECONDS
    spent = len(polls) * fleet.jobs if spent_at is None else fleet.budget
    return Forecast(spent or 0, _tokens(polls), _longest(polls), stretched_at, spent_at)


def _scrapes(fleet: Fleet) -> Iterator[float]:
    return (number * fleet.scrape_seconds for number in range(int(DAY_SECONDS // fleet.scrape_seconds)))


def _polled(schedule: Schedule, job: TrackedJob, report: JobReport, now: float) -> TrackedJob:
    noted = note_report(job, report, now)
    return replace(noted, next_poll_at=schedule.next_poll_at(noted, _AVERAGE_DRAW))


def _tokens(polls: list[float]) -> int:
    """Count the access tokens that the polls need: one is had where the last one's end is near."""
    tokens, good_until = 0, float("-inf")
    for at in polls:
        if at >= good_until:
            tokens, good_until = tokens + 1, at + TOKEN_SECONDS - EARLY_SECONDS
    return tokens


def _longest(polls: list[float]) -> float:
    return max((late - early for early, late in pairwise(polls)), default=0.0)
