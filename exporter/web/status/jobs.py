"""One job as a row of the page. Pure: a job and the time in, words out."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from exporter.model import JobReport, JobState, TrackedJob
from exporter.web.status.phrases import (
    Moment,
    ago,
    ahead,
    counted,
    lasting,
    moment,
    number,
    pace,
    share,
)
from exporter.web.status.standing import Standing, left_behind, standing_of

EXPLAIN_PATH = "/explain"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is: `percent` for the bar, from 0 to 100, and `text` for people."""

    percent: str
    text: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the last poll failed, in words, and what to do. `code` is empty where the message names it."""

    code: str
    message: str
    advice: str
    times: str


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job in words. Texts are empty where there is nothing to say; a count that Zoho did not give is a dash."""

    title: str
    account: str
    module: str
    job_id: str
    explain_url: str
    group: str
    source: str
    standing: Standing
    look: str
    """The colour of the state, and the sign beside it."""
    state: str
    note: str
    progress: Progress | None
    updated: str
    failed: str
    failed_share: str
    not_updated: str
    total: str
    pace: str
    end: Moment | None
    reported: Moment | None
    polled: Moment | None
    next_poll: Moment | None
    is_final: bool
    is_blank: bool
    """Whether Zoho's counts are not known."""
    trouble: Trouble | None


def job_rows(jobs: tuple[TrackedJob, ...], now: float) -> tuple[JobRow, ...]:
    """Give the rows, those that need a person first, then the ended ones from the latest to the earliest."""
    return tuple(job_row(job, now) for job in sorted(jobs, key=_place))


def job_row(job: TrackedJob, now: float) -> JobRow:
    """Put a job into words at `now` (Unix seconds)."""
    key, report, standing = job.spec.key, job.report, standing_of(job)
    return JobRow(
        title=job.spec.name or f"{key.module} {key.job_id}",
        account=key.account,
        module=key.module,
        job_id=key.job_id,
        explain_url=_explain_url(job),
        group=job.spec.group,
        source=job.spec.source.value,
        standing=standing,
        look=_look(job, standing),
        state=_state(job),
        note=_NOTES[standing](job, now),
        progress=_progress(report),
        updated=number(report.updated if report else None),
        failed=number(report.failed if report else None),
        failed_share=_failed_share(report),
        not_updated=number(report.not_updated if report else None),
        total=number(report.total if report else None),
        pace="" if job.records_per_second is None else pace(job.records_per_second),
        end=_end(job, now),
        reported=None if job.reported_at is None else moment(job.reported_at, f"{lasting(now - job.reported_at)} old"),
        polled=None if job.polled_at is None else ago(job.polled_at, now),
        next_poll=_next_poll(job, now),
        is_final=job.is_terminal,
        is_blank=report is None,
        trouble=_trouble(job),
    )


def _place(job: TrackedJob) -> tuple[object, ...]:
    return (standing_of(job).urgency, -(job.finished_at or 0.0), job.spec.key)


def _explain_url(job: TrackedJob) -> str:
    key = job.spec.key
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


def _progress(report: JobReport | None) -> Progress | None:
    """Count a record as done when it was updated or could not be."""
    if report is None or not report.total or report.updated is None or report.failed is None:
        return None
    done = min(report.updated + report.failed, report.total)
    permille = 1000 * done // report.total
    return Progress(f"{permille // 10}.{permille % 10}", share(done, report.total))


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


def _failed_note(job: TrackedJob, _: float) -> str:
    return f"after {_run(job)}" if job.started_at is not None else "seen as ended"


def _unreached_note(job: TrackedJob, now: float) -> str:
    if job.reported_at is None:
        return "never answered"
    return f"no report for {lasting(now - job.reported_at)}"


def _partly_failed_note(job: TrackedJob, _: float) -> str:
    failed = job.report.failed if job.report else None
    if not failed:
        return f"{counted(left_behind(job.report), 'record')} not updated"
    return f"{counted(failed, 'record')} failed"


def _stalled_note(job: TrackedJob, now: float) -> str:
    return f"stalled: no change for {lasting(now - (job.progressed_at or now))}"


def _unknown_note(job: TrackedJob, _: float) -> str:
    return "not documented by Zoho" if job.report else "last report is too old"


def _running_note(job: TrackedJob, now: float) -> str:
    return f"for {lasting(now - (job.started_at or now))}"


def _waiting_note(job: TrackedJob, now: float) -> str:
    return f"for {lasting(now - (job.progressed_at or job.first_seen_at))}"


def _completed_note(job: TrackedJob, _: float) -> str:
    return f"took {_run(job)}" if job.started_at is not None else ""


def _run(job: TrackedJob) -> str:
    return lasting((job.finished_at or 0.0) - (job.started_at or 0.0))


_NOTES: dict[Standing, Callable[[TrackedJob, float], str]] = {
    Standing.FAILED: _failed_note,
    Standing.UNREACHED: _unreached_note,
    Standing.PARTLY_FAILED: _partly_failed_note,
    Standing.STALLED: _stalled_note,
    Standing.SUSPENDED: _waiting_note,
    Standing.UNKNOWN: _unknown_note,
    Standing.RUNNING: _running_note,
    Standing.WAITING: _waiting_note,
    Standing.COMPLETED: _completed_note,
}
