"""One job as a row of the page. Pure: a job and the time in, words out."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from exporter.model import JobKey, JobReport, JobState, TrackedJob
from exporter.web.status.phrases import Bar, Moment, ago, ahead, bar, counted, lasting, moment, share
from exporter.web.status.standing import Standing, left_behind, standing_of

EXPLAIN_PATH = "/explain"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the last poll failed, in words, and what to do. `code` is empty where the message names it."""

    code: str
    message: str
    advice: str
    times: str


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job, and what is said of it. Texts are empty where there is nothing to say."""

    job: TrackedJob
    standing: Standing
    look: str
    """The colour of the state, and the sign beside it."""
    state: str
    note: str
    progress: Bar | None
    failed_share: str
    end: Moment | None
    reported: Moment | None
    polled: Moment | None
    next_poll: Moment | None
    trouble: Trouble | None


def job_rows(jobs: tuple[TrackedJob, ...], now: float) -> tuple[JobRow, ...]:
    """Give the rows, those that need a person first, then the ended ones from the latest to the earliest."""
    return tuple(job_row(job, now) for job in sorted(jobs, key=_place))


def job_row(job: TrackedJob, now: float) -> JobRow:
    """Put a job into words at `now` (Unix seconds)."""
    standing = standing_of(job)
    return JobRow(
        job=job,
        standing=standing,
        look=_look(job, standing),
        state=_state(job),
        note=_NOTES[standing](job, now),
        progress=_progress(job.report),
        failed_share=_failed_share(job.report),
        end=_end(job, now),
        reported=None if job.reported_at is None else moment(job.reported_at, f"{lasting(now - job.reported_at)} old"),
        polled=None if job.polled_at is None else ago(job.polled_at, now),
        next_poll=_next_poll(job, now),
        trouble=_trouble(job),
    )


def _place(job: TrackedJob) -> tuple[object, ...]:
    return (standing_of(job).urgency, -(job.finished_at or 0.0), job.spec.key)


def explain_url(key: JobKey) -> str:
    """Give the address that says why a job shows what it shows."""
    query = {"account": key.account, "crm_module": key.module, "job_id": key.job_id}
    return f"{EXPLAIN_PATH}?{urlencode(query, errors='replace')}"


def _state(job: TrackedJob) -> str:
    if job.report and job.report.undocumented_word:
        return job.report.undocumented_word
    return "Not polled yet" if job.polled_at is None else job.state.value.capitalize()


def _look(job: TrackedJob, standing: Standing) -> str:
    """Draw the state by itself: that polls fail is said beside it."""
    if standing in {Standing.PARTLY_FAILED, Standing.STALLED}:
        return standing.name.casefold()
    return "waiting" if job.state is JobState.UNKNOWN and not job.polled_at else job.state.value.casefold()


def _progress(report: JobReport | None) -> Bar | None:
    """Count a record as done when it was updated or could not be."""
    if report is None or not report.total or report.updated is None or report.failed is None:
        return None
    return bar(min(report.updated + report.failed, report.total), report.total)


def _failed_share(report: JobReport | None) -> str:
    if report is None or not report.failed or report.updated is None:
        return ""
    return share(report.failed, report.updated + report.failed)


def _end(job: TrackedJob, now: float) -> Moment | None:
    if job.finished_at is not None:
        return ago(job.finished_at, now)
    return None if job.completes_at is None else ahead(job.completes_at, now)


def _next_poll(job: TrackedJob, now: float) -> Moment | None:
    """Say when a scrape polls the job again; `None` for never."""
    if job.is_terminal:
        return None
    at = job.first_seen_at if job.next_poll_at is None else job.next_poll_at
    return moment(at, f"next in {lasting(at - now)}" if at > now else "due at the next scrape")


def _trouble(job: TrackedJob) -> Trouble | None:
    failure = job.failure
    if failure is None:
        return None
    times = "" if job.failures_in_a_row < 2 else f"{counted(job.failures_in_a_row, 'poll')} in a row"  # noqa: PLR2004 - a row of one is none
    code = "" if failure.code in failure.message else failure.code
    return Trouble(code, failure.message, failure.advice, times)


def _run(job: TrackedJob) -> str:
    return lasting((job.finished_at or 0.0) - (job.started_at or 0.0))


def _waiting(job: TrackedJob, now: float) -> str:
    return f"for {lasting(now - (job.progressed_at or job.first_seen_at))}"


def _partly_failed(job: TrackedJob, _: float) -> str:
    failed = job.report.failed if job.report else None
    return (
        f"{counted(failed, 'record')} failed" if failed else f"{counted(left_behind(job.report), 'record')} not updated"
    )


_NOTES: dict[Standing, Callable[[TrackedJob, float], str]] = {
    Standing.FAILED: lambda job, _: f"after {_run(job)}" if job.started_at is not None else "seen as ended",
    Standing.UNREACHED: lambda job, now: (
        "never answered" if job.reported_at is None else f"no report for {lasting(now - job.reported_at)}"
    ),
    Standing.PARTLY_FAILED: _partly_failed,
    Standing.STALLED: lambda job, now: f"stalled: no change for {lasting(now - (job.progressed_at or now))}",
    Standing.SUSPENDED: _waiting,
    Standing.UNKNOWN: lambda job, _: "not documented by Zoho" if job.report else "last report is too old",
    Standing.RUNNING: lambda job, now: f"for {lasting(now - (job.started_at or now))}",
    Standing.WAITING: _waiting,
    Standing.COMPLETED: lambda job, _: f"took {_run(job)}" if job.started_at is not None else "",
}
