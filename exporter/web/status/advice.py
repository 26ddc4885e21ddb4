"""What to do about a job, in words, and where more of it is written. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exporter.model import Departure, JobKey, TrackedJob
from exporter.words.phrases import ago
from exporter.words.standing import Standing, standing_of


@dataclass(frozen=True, slots=True)
class Advice:
    """What a person can do, and the runbook that says more."""

    text: str
    runbook: str


_STALE = "ZohoMassUpdateJobDataStale"
_SUPPORT = "ask Zoho's support, with the organisation, the module and the job id"
_ADVICE: Mapping[Standing, Advice] = {
    Standing.FAILED: Advice(
        "Zoho gives no reason. Find the records that still have the old value with a custom view, see what stops them "
        "(a validation rule, a required field, a lock, a workflow), cure it, and schedule an update for what is left",
        "ZohoMassUpdateJobFailed",
    ),
    Standing.PARTLY_FAILED: Advice(
        "find the records that still have the old value with a custom view, see what they have in common "
        "(a validation rule, a required field, a lock, a missing owner), cure it, and update them again",
        "ZohoMassUpdateJobPartlyFailed",
    ),
    Standing.STALLED: Advice(
        "see whether other jobs of the account move; if only this one stands, workflows and approval processes that "
        f"start for each record may hold it up. If it stands for hours, {_SUPPORT}",
        "ZohoMassUpdateJobStalled",
    ),
    Standing.TAKES_TOO_LONG: Advice(
        "see whether it is just large: its pace says when it will be done. If it hardly moves, workflows, approval "
        f"processes and other bulk operations may hold it up. If nothing helps, {_SUPPORT}",
        "ZohoMassUpdateJobTakesTooLong",
    ),
    Standing.WAITS_LONG: Advice(
        "look in Zoho CRM for imports, mass deletions and other mass updates under way, which run one after the other, "
        f"and check that the custom view still exists. If nothing else runs, {_SUPPORT}",
        "ZohoMassUpdateJobWaitingTooLong",
    ),
    Standing.SUSPENDED: Advice(
        f"ask the administrator whether somebody paused it; if nobody did, {_SUPPORT}. Until it goes on the data is "
        "half changed",
        "ZohoMassUpdateJobSuspended",
    ),
    Standing.UNKNOWN: Advice(
        "look at the job in Zoho CRM, and report the word to this project. If the job is over, take it out of the "
        "configuration: the exporter can't find out by itself",
        "ZohoMassUpdateJobStateUnknown",
    ),
}
_UNHEARD = Advice(
    "nobody has asked Zoho for long: check that Prometheus scrapes this exporter, and that its account may poll", _STALE
)

_WHY_GONE = {
    "retention": "it ended, and has been shown for as long as the setting retention says",
    "unknown_retention": "Zoho has not known it for as long as the setting unknown_retention says",
    "probe_retention": "nobody has probed it for as long as the setting probe_retention says",
    "max_jobs": "more jobs than the setting max_jobs allows",
    "max_probed_jobs": "more probed jobs than the setting max_probed_jobs allows",
    "untracked": "somebody let it go through the API",
    "undeclared": "it was taken out of the configuration",
    "account": "its account was taken out of the configuration",
}


def advice(job: TrackedJob) -> Advice | None:
    """Say what to do about a job; nothing for one that needs nobody."""
    if job.failure and not job.is_terminal:
        return Advice(job.failure.advice, _STALE)
    if job.report is None and job.reported_at is not None:
        return _UNHEARD
    return _ADVICE.get(standing_of(job))


def why_absent(key: JobKey, departures: Iterable[Departure], now: float) -> tuple[str, ...]:
    """Say why there is no such job, and what to do."""
    gone = next((one for one in departures if one.key == key), None)
    if gone is None:
        return (
            f"{key} is not tracked by this exporter.",
            "Check the address; or list the job, register it, or probe it.",
        )
    reason = _WHY_GONE.get(gone.reason, gone.reason)
    return (f"{key} is not tracked any more: the exporter let go of it {ago(gone.at, now)}.", f"Why: {reason}.")
