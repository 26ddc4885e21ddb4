"""Jobs as a running exporter leaves them: state files that the product's own store has written."""

import random
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from exporter.jobs.outcome import note_report
from exporter.model import JobKey, JobReport, JobSource, JobSpec, JobState, TrackedJob
from exporter.state import Purse, SqliteStore

ALIAS = "acme"
SHARE_CHANGED = 0.1
_TOTALS = (1000, 200_000)
_POLLED_SECONDS = 900.0
"""Within how long the last polls of all jobs were."""
_PACE_SECONDS = 300.0
_FIRST = 3524033000006000000
_PATIENCE_SECONDS = 600.0
_LATER_SECONDS = 86_400.0
_MINUTES_A_DAY = 1440


def key_of(number: int) -> JobKey:
    """Give the key of the job of this number."""
    return JobKey(ALIAS, "Leads", str(_FIRST + number))


def write_jobs(path: Path, count: int, *, are_due: bool = False) -> None:
    """Write a state file of so many jobs: of ten, six run at a known pace, three have ended, and one is scheduled."""
    store, now = SqliteStore(path), time.time()
    account, next_poll_at = store.account(ALIAS), now if are_due else now + _LATER_SECONDS
    for number in range(count):
        key, known = key_of(number), _known(number, now)
        account.track(JobSpec(key, JobSource.API, f"job {number}"), now)

        def as_known(
            job: TrackedJob, known: Callable[[TrackedJob], TrackedJob] = known, at: float = next_poll_at
        ) -> TrackedJob:
            after = known(job)
            return after if after.is_terminal else replace(after, next_poll_at=at)

        account.change(key, as_known)
    store.close(_PATIENCE_SECONDS)


def write_new_jobs(path: Path, count: int) -> None:
    """Write a state file of so many jobs that were never polled."""
    store, now = SqliteStore(path), time.time()
    for number in range(count):
        store.account(ALIAS).track(JobSpec(key_of(number), JobSource.API, f"job {number}"), now)
    store.close(_PATIENCE_SECONDS)


def spend_a_day(path: Path) -> None:
    """Book a credit in each minute of the last day."""
    now = begun = time.time()
    store = SqliteStore(path, clock=lambda: now)
    account = store.account(ALIAS)
    for minute in range(_MINUTES_A_DAY):
        now = begun - 60 * (_MINUTES_A_DAY - 1 - minute)
        account.release(account.claim(key_of(0), Purse(None), 1.0))
    store.close(_PATIENCE_SECONDS)


def drawn(count: int) -> list[JobKey]:
    """Draw a tenth of the live jobs of so many, at random over the whole table; one at least."""
    live = [number for number in range(count) if not _has_ended(number)]
    return [key_of(number) for number in random.sample(live, max(1, round(SHARE_CHANGED * len(live))))]


def _has_ended(number: int) -> bool:
    return number % 10 in range(6, 9)


def _known(number: int, now: float) -> Callable[[TrackedJob], TrackedJob]:
    total, at = random.randint(*_TOTALS), now - random.uniform(0, _POLLED_SECONDS)
    done, begun_at = random.randrange(total), at - random.uniform(0, _PACE_SECONDS)

    def running(job: TrackedJob) -> TrackedJob:
        before = note_report(job, _report(JobState.RUNNING, done // 2, total), begun_at)
        return note_report(before, _report(JobState.RUNNING, done, total), at)

    def scheduled(job: TrackedJob) -> TrackedJob:
        return note_report(job, _report(JobState.SCHEDULED, 0, total), at)

    def ended(job: TrackedJob) -> TrackedJob:
        return note_report(running(job), _report(JobState.COMPLETED, total, total), at)

    return ended if _has_ended(number) else running if number % 10 in range(6) else scheduled


def _report(state: JobState, updated: int, total: int) -> JobReport:
    return JobReport(state, updated, 0, total - updated, total)
