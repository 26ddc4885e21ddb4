"""One job in words. Pure: a job and the time in, words out."""

from collections.abc import Callable, Iterable
from itertools import chain

from exporter.model import JobReport, JobState, TrackedJob
from exporter.words.phrases import ago, ahead, counted, lasting, share
from exporter.words.standing import Standing, standing_of


def in_order(jobs: Iterable[TrackedJob]) -> list[TrackedJob]:
    """Put those that need a person first, then the ended ones from the latest to the earliest."""
    return list(chain.from_iterable(by_standing(sorted(jobs, key=_name)).values()))


def by_standing(jobs: Iterable[TrackedJob]) -> dict[Standing, list[TrackedJob]]:
    """Part jobs, which are sorted by key, by their standing: in the order in which people should look at the parts.

    Each part is in order itself.
    """
    parts: dict[Standing, list[TrackedJob]] = {standing: [] for standing in Standing}
    for job in jobs:
        parts[standing_of(job)].append(job)
    for part in parts.values():
        part.sort(key=lambda job: -(job.finished_at or 0.0))
    return parts


def _name(job: TrackedJob) -> tuple[str, str, str]:
    key = job.spec.key
    return key.account, key.module, key.job_id


def name_of(job: TrackedJob) -> str:
    """Give the job's name, or where it has none what tells it apart."""
    return job.spec.name or f"{job.spec.key.module} {job.spec.key.job_id}"


def state_word(job: TrackedJob) -> str:
    """Name the state, in Zoho's word where it has one of its own."""
    if job.report and job.report.undocumented_word:
        return job.report.undocumented_word
    return "Not polled yet" if job.polled_at is None else job.state.value.capitalize()


def look(job: TrackedJob) -> str:
    """Give the colour of the state and its sign, by itself: that polls fail is said beside it."""
    if job.state is JobState.COMPLETED and job.has_ended_badly:
        return "partly_failed"
    if job.delay:
        return "stalled"
    return "waiting" if job.state is JobState.UNKNOWN and not job.polled_at else job.state.value.casefold()


def progress(report: JobReport | None) -> tuple[int, int] | None:
    """Give the records done, of how many; one counts as done when it was updated or could not be."""
    if report is None or not report.total or report.updated is None or report.failed is None:
        return None
    return min(report.updated + report.failed, report.total), report.total


def failed_share(report: JobReport | None) -> str:
    """Give the share that failed of the records processed; empty where none did."""
    if report is None or not report.failed or report.updated is None:
        return ""
    return share(report.failed, report.updated + report.failed)


def end(job: TrackedJob, now: float) -> tuple[float, str] | None:
    """Give when the job ended, or is expected to end, and say it."""
    if job.finished_at is not None:
        return job.finished_at, ago(job.finished_at, now)
    return None if job.completes_at is None else (job.completes_at, ahead(job.completes_at, now))


def next_poll(job: TrackedJob, now: float, held: str = "") -> tuple[float, str] | None:
    """Give when a scrape polls the job again, and say it; `None` for never. `held` says what holds its account."""
    if job.is_terminal:
        return None
    at = job.first_seen_at if job.next_poll_at is None else job.next_poll_at
    if at > now:
        return at, f"next in {lasting(at - now)}"
    return at, f"held: {held}" if held else "due at the next scrape"


def note(job: TrackedJob, now: float) -> str:
    """Say what else there is to its standing; empty where that is all."""
    return _NOTES[standing_of(job)](job, now)


def _run(job: TrackedJob) -> str:
    return lasting((job.finished_at or 0.0) - (job.started_at or 0.0))


def _waiting(job: TrackedJob, now: float) -> str:
    return f"for {lasting(now - (job.progressed_at or job.first_seen_at))}"


def _partly_failed(job: TrackedJob, _: float) -> str:
    failed, left = (job.report.failed or 0, job.report.not_updated or 0) if job.report else (0, 0)
    if not failed:
        return f"{counted(left, 'record')} not updated"
    return f"{counted(failed, 'record')} failed{f', {left:,} not updated' if left else ''}"


_NOTES: dict[Standing, Callable[[TrackedJob, float], str]] = {
    Standing.FAILED: lambda job, _: f"after {_run(job)}" if job.started_at is not None else "over when first seen",
    Standing.UNREACHED: lambda job, now: (
        "never answered" if job.reported_at is None else f"no report for {lasting(now - job.reported_at)}"
    ),
    Standing.PARTLY_FAILED: _partly_failed,
    Standing.STALLED: lambda job, now: f"stalled: no change for {lasting(now - (job.progressed_at or now))}",
    Standing.TAKES_TOO_LONG: lambda job, now: f"takes too long: {lasting(now - (job.started_at or now))} so far",
    Standing.WAITS_LONG: lambda job, now: f"waits long: {lasting(now - (job.progressed_at or now))} so far",
    Standing.SUSPENDED: _waiting,
    Standing.UNKNOWN: lambda job, _: "not documented by Zoho" if job.report else "last report is too old",
    Standing.RUNNING: lambda job, now: f"for {lasting(now - (job.started_at or now))}",
    Standing.WAITING: _waiting,
    Standing.ACKNOWLEDGED: lambda *_: "acknowledged",
    Standing.COMPLETED: lambda job, _: f"took {_run(job)}" if job.started_at is not None else "",
}
