"""What a day of mass updates costs in calls to Zoho, and how late their ends are noticed: a simulation on a fake clock.

Each job lives through a random course and is configured for one day from its beginning. Two Prometheus servers scrape
every 15 s, 7.5 s apart. The exporter's own schedule, tracking and pace decide which scrapes poll; a poll takes no time.
The lag is the time from a job's end to the first page that shows it. `make bench-credits` runs it.
"""

import argparse
import statistics
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate, chain, count
from random import Random

from exporter.jobs.schedule import Schedule
from exporter.jobs.tracking import note_report
from exporter.model import JobKey, JobReport, JobSource, JobSpec, JobState, TrackedJob

DAY_SECONDS = 86_400.0
SCRAPE_INTERVAL_SECONDS = 15.0
SERVERS = 2
SEGMENT_SECONDS = 30.0
BATCH_RECORDS = 100


@dataclass(frozen=True, slots=True)
class Course:
    """What one job goes through, in seconds since its registration: SCHEDULED, RUNNING, and an end.

    `done` is how many records are done at the end of each segment of RUNNING, the last of which may be cut short.
    """

    starts_at: float
    ends_at: float
    last_state: JobState
    total: int
    done: tuple[float, ...]

    def report_at(self, seconds: float) -> JobReport:
        """Give what Zoho would answer; counts move in batches."""
        if seconds < self.starts_at:
            return JobReport(JobState.SCHEDULED, 0, 0, self.total, self.total)
        records = self._done_at(min(seconds, self.ends_at) - self.starts_at)
        if seconds >= self.ends_at:
            return JobReport(self.last_state, records, 0, self.total - records, self.total)
        batched = records - records % BATCH_RECORDS
        return JobReport(JobState.RUNNING, batched, 0, self.total - batched, self.total)

    def _done_at(self, seconds: float) -> int:
        segment, rest = divmod(seconds, SEGMENT_SECONDS)
        before, after = self.done[int(segment)], self.done[min(int(segment) + 1, len(self.done) - 1)]
        return round(before + (after - before) * rest / SEGMENT_SECONDS)


def draw_course(random: Random) -> Course:
    """Draw a job of 5 to 60 minutes whose rate changes each half minute; one in twenty fails part-way."""
    starts_at, seconds = random.uniform(0, 120), random.uniform(300, 3600)
    total = random.randint(2_000, 50_000)
    speeds = [_draw_speed(random) for _ in range(int(seconds // SEGMENT_SECONDS) + 1)]
    sums = list(accumulate(speeds, initial=0.0))
    whole = sums[-2] + speeds[-1] * (seconds % SEGMENT_SECONDS) / SEGMENT_SECONDS
    done = tuple(total * done / whole for done in sums)
    if random.random() < 0.05:
        return Course(starts_at, starts_at + random.random() * seconds, JobState.FAILED, total, done)
    return Course(starts_at, starts_at + seconds, JobState.COMPLETED, total, done)


def _draw_speed(random: Random) -> float:
    return 0.0 if random.random() < 0.05 else random.lognormvariate(0.0, 0.6)


@dataclass(frozen=True, slots=True)
class Watch:
    """How one job was watched. Seconds; `ages` are of the report on each page while the job was alive."""

    calls: int
    lag: float
    ages: tuple[float, ...]


def watch(course: Course, schedule: Schedule, scrapes: Iterable[float]) -> Watch:
    """Scrape a job until a page shows its end."""
    job = TrackedJob(JobSpec(JobKey("acme", "Leads", "3524033000006027001"), JobSource.CONFIG), first_seen_at=0.0)
    calls, ages = 0, []
    for now in scrapes:
        if schedule.is_due(job, now, 0.0):
            calls += 1
            job = note_report(job, course.report_at(now), now)
            job = replace(job, next_poll_at=schedule.next_poll_at(job, 0.5))
        if job.is_terminal:
            return Watch(calls, now - course.ends_at, tuple(ages))
        if now < course.ends_at:
            ages.append(now - (job.reported_at or 0.0))
    raise ValueError("scrapes end before the job does")
