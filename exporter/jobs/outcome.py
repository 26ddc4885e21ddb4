"""What a poll's outcome changes in a tracked job. Pure: a job and an outcome in, the new job out."""

from collections.abc import Mapping
from dataclasses import replace

from exporter.jobs.pace import pace_of, remember
from exporter.model import Growth, JobReport, JobState, Observation, PollFailure, TrackedJob


def note_report(job: TrackedJob, report: JobReport, polled_at: float) -> TrackedJob:
    """Take a good report of a poll begun at `polled_at` (Unix seconds): counts replace counts, the failure is over."""
    has_progressed = report != job.report
    noted = replace(
        job,
        report=report,
        reported_at=polled_at,
        polled_at=polled_at,
        failure=None,
        failures_in_a_row=0,
        counted=_counted(job, report),
        history=remember(job.history, _observation(report, polled_at)),
        progressed_at=polled_at if has_progressed else job.progressed_at,
        started_at=job.started_at or (polled_at if report.state is JobState.RUNNING else None),
        finished_at=job.finished_at or (polled_at if report.state.is_terminal else None),
    )
    return estimate(noted)


def growth_of(before: TrackedJob, after: TrackedJob) -> Growth:
    """Say what a poll adds to the totals: each record once, whatever the counts do, and the job once it has ended.

    Zoho's counts are of the whole job, so only their growth above the most ever reported is added.
    """
    known = before.counted
    grown = {outcome: more for outcome, count in after.counted.items() if (more := count - known.get(outcome, 0)) > 0}
    if before.is_terminal or not after.is_terminal:
        return Growth(grown)
    begun_at, ended_at = after.started_at, after.finished_at
    seconds = None if begun_at is None or ended_at is None else max(0.0, ended_at - begun_at)
    return Growth(grown, after.state, seconds)


def estimate(job: TrackedJob) -> TrackedJob:
    """Give the job with what its history lets us expect: its end and its pace."""
    pace = pace_of(job)
    return replace(
        job,
        completes_at=pace.completes_at if pace else None,
        records_per_second=pace.records_per_second if pace else None,
    )


def note_failure(job: TrackedJob, failure: PollFailure, polled_at: float) -> TrackedJob:
    """Take a failed poll: the last good report stays as it is, next to the failure."""
    return replace(job, failure=failure, failures_in_a_row=job.failures_in_a_row + 1, polled_at=polled_at)


def fade(job: TrackedJob, now: float, stale_after_seconds: float) -> TrackedJob:
    """Give the job without its report once that is too old to be shown; a terminal report is final and never fades."""
    is_stale = job.reported_at is not None and now - job.reported_at > stale_after_seconds
    if job.is_terminal or not is_stale:
        return job
    return replace(job, report=None, completes_at=None, records_per_second=None, delay=None)


def _counted(job: TrackedJob, report: JobReport) -> Mapping[str, int]:
    told = {"updated": report.updated, "failed": report.failed}
    return {outcome: max(job.counted.get(outcome, 0), count or 0) for outcome, count in told.items()}


def _observation(report: JobReport, at: float) -> Observation:
    processed = None if report.updated is None or report.failed is None else report.updated + report.failed
    return Observation(at, report.state, processed, report.failed, report.not_updated, report.total)
