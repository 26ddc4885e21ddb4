"""What a report adds to its module's counters. Pure: totals and a job before and after in, new totals out."""

from dataclasses import replace

from exporter.model import RECORD_OUTCOMES, JobReport, ModuleTotals, TrackedJob

DURATION_BOUNDS = (60.0, 180.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14_400.0, 28_800.0)
"""Upper bounds of the job duration histogram's buckets, seconds: from a minute to a working day."""


def add_report(totals: ModuleTotals, before: TrackedJob, after: TrackedJob) -> ModuleTotals:
    """Count the records that the last report adds to the one before, and the job itself once it has ended.

    Zoho's counts are of the whole job, so only their growth is added; a count that falls adds nothing.
    """
    old, new = _processed(before.report), _processed(after.report)
    records = {outcome: count + max(0, new[outcome] - old[outcome]) for outcome, count in totals.records.items()}
    counted = replace(totals, records=records)
    return _add_end(counted, after) if after.is_terminal and not before.is_terminal else counted


def _add_end(totals: ModuleTotals, job: TrackedJob) -> ModuleTotals:
    finished = {**totals.finished, job.state: totals.finished[job.state] + 1}
    if job.started_at is None or job.finished_at is None:
        return replace(totals, finished=finished)
    seconds = max(0.0, job.finished_at - job.started_at)
    durations = {**totals.durations, job.state: totals.durations[job.state].observe(seconds)}
    return replace(totals, finished=finished, durations=durations)


def _processed(report: JobReport | None) -> dict[str, int]:
    """Give a report's records by outcome; 0 where Zoho gave no count."""
    if report is None:
        return dict.fromkeys(RECORD_OUTCOMES, 0)
    return {"updated": report.updated or 0, "failed": report.failed or 0}
