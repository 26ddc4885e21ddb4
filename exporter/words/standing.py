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


_OF_STATES = {
    JobState.SCHEDULED: Standing.WAITING,
    JobState.QUEUED: Standing.WAITING,
    JobState.RUNNING: Standing.RUNNING,
    JobState.SUSPENDED: Standing.SUSPENDED,
    JobState.UNKNOWN: Standing.UNKNOWN,
}
"""Of jobs that have not ended."""


def standing_of(job: TrackedJob) -> Standing:
    """Judge a job by its last report and its last poll."""
    if job.is_terminal:
        return _of_an_end(job)
    if job.failure:
        return Standing.UNREACHED
    if job.delay:
        return Standing[job.delay.name]
    state = job.state
    return Standing.WAITING if state is JobState.UNKNOWN and job.reported_at is None else _OF_STATES[state]


def _of_an_end(job: TrackedJob) -> Standing:
    if not job.has_ended_badly:
        return Standing.COMPLETED
    if job.is_acknowledged:
        return Standing.ACKNOWLEDGED
    return Standing.FAILED if job.state is JobState.FAILED else Standing.PARTLY_FAILED
