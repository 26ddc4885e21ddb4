"""How much a job needs a person. Pure."""

from enum import StrEnum

from exporter.model import JobState, TrackedJob


class Standing(StrEnum):
    """What a person would say of a job, in the order in which they should look."""

    FAILED = "failed"
    UNREACHED = "in error"
    PARTLY_FAILED = "partly failed"
    STALLED = "stalled"
    TAKES_TOO_LONG = "takes too long"
    WAITS_LONG = "waits long"
    SUSPENDED = "suspended"
    UNKNOWN = "unknown"
    RUNNING = "running"
    WAITING = "waiting"
    ACKNOWLEDGED = "acknowledged"
    COMPLETED = "completed"

    @property
    def needs_attention(self) -> bool:
        """Whether a person should look."""
        return self not in {Standing.RUNNING, Standing.WAITING, Standing.ACKNOWLEDGED, Standing.COMPLETED}


def standing_of(job: TrackedJob) -> Standing:
    """Judge a job by its last report and its last poll."""
    if job.failure and not job.is_terminal:
        return Standing.UNREACHED
    if job.has_ended_badly:
        unnoted = Standing.FAILED if job.state is JobState.FAILED else Standing.PARTLY_FAILED
        return Standing.ACKNOWLEDGED if job.is_acknowledged else unnoted
    if job.delay:
        return Standing[job.delay.name]
    match job.state:
        case JobState.SCHEDULED | JobState.QUEUED:
            return Standing.WAITING
        case JobState.UNKNOWN if job.reported_at is None:
            return Standing.WAITING
        case state:
            return Standing[state.name]
