"""What a day of mass updates costs in calls to Zoho, and how late their ends are noticed: a simulation on a fake clock.

Each job lives through a random course and is configured for one day from its beginning. Two Prometheus servers scrape
every 15 s, 7.5 s apart. The exporter's own schedule, tracking and pace decide which scrapes poll; a poll takes no time.
The lag is the time from a job's end to the first page that shows it. `make bench-credits` runs it.
"""

import argparse
import math
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from itertools import accumulate
from random import Random
from typing import Any

from exporter.jobs.outcome import note_report
from exporter.jobs.schedule import Schedule
from exporter.model import JobKey, JobReport, JobSource, JobSpec, JobState, TrackedJob
from exporter.settings import Settings

DAY_SECONDS = 86_400.0
SCRAPE_INTERVAL_SECONDS = 15.0
SERVERS = 2
SEGMENT_SECONDS = 30.0
BATCH_RECORDS = 100
FAILING_ONE_IN = 20
"""Every twentieth job fails, not each with that chance: a day's 95th percentile would tell how many happened to."""
STALLED_SHARE = 0.05


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


def draw_course(random: Random, *, fails: bool) -> Course:
    """Draw a job of 5 to 60 minutes whose rate changes each half minute, and which may fail part-way."""
    starts_at, seconds = random.uniform(0, 120), random.uniform(300, 3600)
    total = random.randint(2_000, 50_000)
    speeds = [_draw_speed(random) for _ in range(int(seconds // SEGMENT_SECONDS) + 1)]
    sums = list(accumulate(speeds, initial=0.0))
    whole = sums[-2] + speeds[-1] * (seconds % SEGMENT_SECONDS) / SEGMENT_SECONDS
    done = tuple(total * done / whole for done in sums)
    if fails:
        return Course(starts_at, starts_at + random.random() * seconds, JobState.FAILED, total, done)
    return Course(starts_at, starts_at + seconds, JobState.COMPLETED, total, done)


def _draw_speed(random: Random) -> float:
    return 0.0 if random.random() < STALLED_SHARE else random.lognormvariate(0.0, 0.6)


@dataclass(frozen=True, slots=True)
class Watch:
    """How one job was watched. Seconds; `ages` are of the report on each page while the job was alive."""

    calls: int
    lag: float
    ages: tuple[float, ...]


def watch(course: Course, schedule: Schedule, scrapes: Iterable[float]) -> Watch:
    """Scrape a job until a page shows its end."""
    job = TrackedJob(JobSpec(JobKey("acme", "Leads", "3524033000006027001"), JobSource.CONFIG), first_seen_at=0.0)
    calls = 0
    ages: list[float] = []
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


def scrapes(phase: float, servers: int = SERVERS) -> Iterator[float]:
    """Give the times of a day's scrapes, beginning `phase` seconds after the job's registration."""
    step = SCRAPE_INTERVAL_SECONDS / servers
    return (phase + number * step for number in range(int(DAY_SECONDS / step)))


@dataclass(frozen=True, slots=True)
class Result:
    """What a policy cost and how late it was, over all jobs. Seconds, and calls a day."""

    calls: int
    lags: tuple[float, ...]
    ages: tuple[float, ...]

    def row(self, name: str) -> str:
        """Give a line of the table."""
        numbers = (statistics.mean(self.lags), percentile(self.lags, 95), max(self.lags))
        ages = (statistics.mean(self.ages), percentile(self.ages, 95))
        cells = "".join(f"{number:>9.1f}" for number in (*numbers, *ages))
        return f"{name:<46}{self.calls:>10,}{cells}"


def measure(courses: list[tuple[Course, float]], schedule: Schedule, servers: int = SERVERS) -> Result:
    """Watch every job under a schedule; each course comes with the phase of its first scrape."""
    watches = [watch(course, schedule, scrapes(phase, servers)) for course, phase in courses]
    return Result(
        sum(one.calls for one in watches),
        tuple(one.lag for one in watches),
        tuple(age for one in watches for age in one.ages),
    )


def draw_courses(seed: int, jobs: int) -> list[tuple[Course, float]]:
    """Draw the jobs of a day."""
    random = Random(seed)
    return [
        (draw_course(random, fails=number % FAILING_ONE_IN == 0), random.uniform(0, SCRAPE_INTERVAL_SECONDS / SERVERS))
        for number in range(jobs)
    ]


def always_active(schedule: Schedule) -> int:
    """Give the calls a day of one job that is always active: jobs of half an hour, one after the other."""
    random = Random(0)
    calls, seconds = 0, 0.0
    while seconds < DAY_SECONDS:
        course = draw_course(random, fails=False)
        calls += watch(course, schedule, scrapes(0.0)).calls
        seconds += course.ends_at
    return round(calls * DAY_SECONDS / seconds)


def percentile(numbers: tuple[float, ...], share: int) -> float:
    """Give the value that so many per cent of the numbers do not exceed."""
    return sorted(numbers)[max(0, -(-len(numbers) * share // 100) - 1)]


class AimAtTheEnd(Schedule):
    """A rejected rule: wait until the earliest end that the noise of a pace allows, not for a share of the time left.

    That noise adds up like steps of a random walk, so the margin grows with the square root of the seconds left.
    """

    def next_poll_at(self, job: TrackedJob, draw: float) -> float | None:
        """Give the next poll; as the schedule has it where no end is estimated."""
        if job.failure or job.completes_at is None or job.polled_at is None:
            return super().next_poll_at(job, draw)
        left = max(0.0, job.completes_at - job.polled_at)
        return job.polled_at + min(max(left - 5.0 * math.sqrt(left), self.shortest_seconds), self.longest_seconds)


_GIVEN: dict[str, Any] = {**dict(Settings()), **dict(Settings().schedule)}
_OWN = {field.name: _GIVEN[field.name.removesuffix("_seconds")] for field in fields(Schedule)}
"""The settings' own defaults, as the schedule names them."""
DEFAULT = Schedule(**_OWN)
_SECONDS = [name for name in _OWN if name.endswith("_seconds") and "_after_" not in name]
EVERY_SCRAPE = replace(DEFAULT, **dict.fromkeys(_SECONDS, SCRAPE_INTERVAL_SECONDS))
FRONTIER = (
    ("default", DEFAULT),
    ("a quarter of the time left", replace(DEFAULT, remaining_fraction=0.25)),
    ("half of the time left", replace(DEFAULT, remaining_fraction=0.5)),
    ("70 % of the time left", replace(DEFAULT, remaining_fraction=0.7)),
    ("90 % of the time left", replace(DEFAULT, remaining_fraction=0.9)),
    ("aimed at the earliest likely end", AimAtTheEnd(**_OWN)),
    ("half of the time waited", replace(DEFAULT, waiting_fraction=0.5)),
    ("as long as waited", replace(DEFAULT, waiting_fraction=1.0)),
    ("ceiling 60 s", replace(DEFAULT, longest_seconds=60.0)),
    ("ceiling 90 s", replace(DEFAULT, longest_seconds=90.0)),
    ("ceiling 180 s", replace(DEFAULT, longest_seconds=180.0)),
    ("floor 7.5 s: each scrape of both servers", replace(DEFAULT, shortest_seconds=7.5)),
    ("floor 10 s", replace(DEFAULT, shortest_seconds=10.0)),
    ("floor 20 s", replace(DEFAULT, shortest_seconds=20.0)),
    ("floor 30 s", replace(DEFAULT, shortest_seconds=30.0)),
    ("floor 30 s, ceiling 300 s (thrifty)", replace(DEFAULT, shortest_seconds=30.0, longest_seconds=300.0)),
)

_HEAD = f"{'policy':<46}{'calls/day':>10}{'lag mean':>9}{'p95':>9}{'worst':>9}{'age mean':>9}{'p95':>9}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--frontier", action="store_true", help="compare other settings of the schedule")
    options = parser.parse_args()
    days = [draw_courses(seed, options.jobs) for seed in range(options.seeds)]
    if options.frontier:
        frontier(days)
    else:
        compare(days, options.jobs)


def frontier(days: list[list[tuple[Course, float]]]) -> None:
    """Print what other settings would cost, all seeds together."""
    courses = [pair for day in days for pair in day]
    print(f"{len(days)} days, calls of all of them\n{_HEAD}")
    for name, schedule in FRONTIER:
        print(measure(courses, schedule).row(name))


def compare(days: list[list[tuple[Course, float]]], jobs: int) -> None:
    """Print a table of an average day, the worst figures of any day, and the average day's as the last line."""
    naive = int(jobs * SERVERS * DAY_SECONDS / SCRAPE_INTERVAL_SECONDS)
    ours = [measure(day, DEFAULT) for day in days]
    latch = [measure(day, EVERY_SCRAPE, servers=1) for day in days]
    print(
        f"{jobs} jobs of 5 to 60 minutes in a day, {SERVERS} servers that scrape every {SCRAPE_INTERVAL_SECONDS:g} s;"
    )
    print(f"an average of {len(days)} days, lags and ages of all their jobs and pages")
    print(_HEAD)
    print(f"{'each scrape polls each job':<46}{naive:>10,}")
    print(average(latch).row("a cache of 15 s that stops at the end"))
    print(average(ours).row("this exporter"))
    print(f"one job that is always active: {always_active(DEFAULT):,} calls a day")
    days_apart = [summary(one, other, naive) for one, other in zip(ours, latch, strict=True)]
    extremes = tuple(
        pick(figures) for pick, figures in zip((min, min, max, max, max), zip(*days_apart, strict=True), strict=True)
    )
    print(f"worst of any day: {line(extremes)}")
    print(line(summary(average(ours), average(latch), naive)))


def average(days: list[Result]) -> Result:
    """Give the calls of an average day, with the lags and ages of all days."""
    return Result(
        round(statistics.mean(day.calls for day in days)),
        tuple(lag for day in days for lag in day.lags),
        tuple(age for day in days for age in day.ages),
    )


def summary(ours: Result, latch: Result, naive: int) -> tuple[float, ...]:
    """Give the two ratios of calls and the three lags."""
    lags = (statistics.mean(ours.lags), percentile(ours.lags, 95), max(ours.lags))
    return (naive / ours.calls, latch.calls / ours.calls, *lags)


def line(numbers: tuple[float, ...]) -> str:
    """Write a summary in one line."""
    names = ("calls_ratio", "latch_ratio", "mean_lag_seconds", "p95_lag_seconds", "worst_lag_seconds")
    return " ".join(f"{name}={number:.1f}" for name, number in zip(names, numbers, strict=True))


if __name__ == "__main__":
    main()
