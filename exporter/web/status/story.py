"""What happened to one job, in order: its states, its polls, what is to come. Pure: a job and a time in, words out."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise

from exporter.model import JobSource, JobState, Observation, TrackedJob
from exporter.words.jobs import next_poll
from exporter.words.phrases import counted, lasting, number


@dataclass(frozen=True, slots=True)
class Stay:
    """How long a job was seen in one state, by polls that saw something new. Times are Unix seconds."""

    state: JobState
    since: float
    until: float
    seen: tuple[Observation, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the story. `look` is the colour of a state, where the event is one."""

    at: float
    words: str
    note: str = ""
    look: str = ""


_ORIGINS = {
    JobSource.CONFIG: "the configuration",
    JobSource.ENVIRONMENT: "the environment",
    JobSource.FILE: "a job file",
    JobSource.API: "the API",
    JobSource.PROBE: "a probe",
}


def stays(job: TrackedJob) -> tuple[Stay, ...]:
    """Give the states that good polls saw, oldest first; the last one until the last good poll."""
    seen = [tuple(same) for _, same in groupby(job.history, key=lambda one: one.state)]
    ends = [one[0].at for one in seen[1:]] + [last_seen_at(job)]
    return tuple(Stay(one[0].state, one[0].at, end, one) for one, end in zip(seen, ends, strict=False))


def last_seen_at(job: TrackedJob) -> float:
    """Give when a poll last saw the job, whether or not it saw anything new."""
    return max(job.history[-1].at if job.history else job.first_seen_at, job.reported_at or 0.0)


def story(job: TrackedJob, now: float) -> list[Event]:
    """Give all that is known of a job's life, oldest first; what is later than `now` is still to come."""
    events = (*_past(job), *_polls(job), *_to_come(job, now))
    return sorted(events, key=lambda event: event.at)


def gains(job: TrackedJob) -> list[tuple[Observation, str]]:
    """Give each poll that saw something new, oldest first, and say what was done since the one before."""
    changes = [_gain(before, after) for before, after in pairwise(job.history)]
    return list(zip(job.history, ["", *changes], strict=False))


def state_of(job: TrackedJob, state: JobState) -> str:
    """Name a state of the past; Zoho's own word for one that it has not documented is known of the last report."""
    is_last = job.report is not None and job.report.state is state
    return (job.report.undocumented_word if job.report and is_last else "") or state.value.capitalize()


def _past(job: TrackedJob) -> Iterator[Event]:
    yield Event(job.first_seen_at, "Tracked", f"from {_ORIGINS[job.spec.source]}")
    for stay in stays(job):
        yield Event(stay.since, state_of(job, stay.state), _course(stay), stay.state.value.casefold())
    if job.acknowledged_at is not None:
        yield Event(job.acknowledged_at, "Acknowledged")


def _polls(job: TrackedJob) -> Iterator[Event]:
    if job.history and job.history[-1].at < last_seen_at(job):
        yield Event(last_seen_at(job), "Polled", "nothing new")
    if job.failure and job.polled_at is not None:
        in_a_row = f", {counted(job.failures_in_a_row, 'poll')} in a row" if job.failures_in_a_row > 1 else ""
        yield Event(job.polled_at, "Poll failed", f"{job.failure.code}{in_a_row}", "failed")


def _to_come(job: TrackedJob, now: float) -> Iterator[Event]:
    poll = next_poll(job, now)
    if poll and poll[0] > now:
        yield Event(poll[0], "Next poll", "at the earliest, in a scrape")
    if job.completes_at is not None and job.completes_at > now:
        yield Event(job.completes_at, "Expected end", "at its pace")


def _course(stay: Stay) -> str:
    told = (f"for {lasting(stay.until - stay.since)}",) if stay.until > stay.since else ()
    counts = [one.processed for one in stay.seen if one.processed is not None]
    records = (f"{_between(counts[0], counts[-1])} processed",) if any(counts) else ()
    polls = (f"{len(stay.seen):,} polls saw a change",) if len(stay.seen) > 1 else ()
    return ", ".join((*told, *records, *polls))


def _between(first: int, last: int) -> str:
    return counted(last, "record") if first == last else f"{number(first)} to {counted(last, 'record')}"


def _gain(before: Observation, after: Observation) -> str:
    if before.processed is None or after.processed is None:
        return ""
    return f"{after.processed - before.processed:+,} in {lasting(after.at - before.at)}"
