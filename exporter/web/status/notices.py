"""What the reader must know before the rest: faults that concern more than one job. Pure."""

from collections.abc import Iterator

from exporter.model import Snapshot
from exporter.web.problems import UNREAD
from exporter.web.status.accounts import why_paused
from exporter.words.phrases import counted, lasting

OVERDUE_SECONDS = 300.0
"""Scrapes come at least every few minutes: a job that waits longer for its poll tells that they do not come."""


def notices(snapshot: Snapshot, now: float) -> tuple[str, ...]:
    """Give the sentences, none where all is well."""
    return (*_overdue(snapshot, now), *_exporter(snapshot))


def _overdue(snapshot: Snapshot, now: float) -> Iterator[str]:
    held_back = {account.account.alias for account in snapshot.accounts if why_paused(account.upstream)}
    long_ago = now - OVERDUE_SECONDS
    late = [(at, job) for job in snapshot.jobs if (at := job.next_poll_at) is not None and at < long_ago]
    due = [at for at, job in late if not job.is_terminal and job.spec.key.account not in held_back]
    if due:
        yield (
            f"A job has been due for {lasting(now - min(due))}, and jobs are polled in scrapes only: "
            "check that Prometheus scrapes this exporter."
        )


def _exporter(snapshot: Snapshot) -> Iterator[str]:
    exporter = snapshot.exporter
    if not exporter.config_reload_succeeded:
        yield "The last reload of the configuration failed; the one before stays in use. The log says why."
    if snapshot.is_unread:
        yield f"{UNREAD}: jobs, ends and credits of before are missing."
    if errors := sum(exporter.store_errors.values()):
        yield f"The state could not be kept {counted(errors, 'time')} since the start; this is what was known last."
    if dropped := exporter.jobs_dropped.get("max_jobs", 0):
        yield f"{counted(dropped, 'job')} could not be taken in, because there are too many: raise max_jobs."
