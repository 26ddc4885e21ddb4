"""How fast a running job goes, estimated from what its polls saw. Pure."""

import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import TypeGuard

from exporter.model import MOST_OBSERVATIONS, JobState, Observation, TrackedJob

FEWEST_OBSERVATIONS = 3
"""Below this one odd poll would decide."""
RECENT_OBSERVATIONS = 12
"""How many an estimate looks at, so that it follows a job that changes its pace."""
SHORTEST_SPAN_SECONDS = 20.0
"""A shorter look at a job says more of Zoho's batches than of its pace."""
QUIET_GAPS = 4.0
"""A pace says nothing any more when nothing changed for this many of the usual gaps between two changes."""
LONGEST_FORESIGHT_SECONDS = 30 * 86_400.0
"""A pace so slow that the job would end later than this says only that it hardly moves."""
MOST_RECORDS = 10**12
"""A count above this is no count of records, and would overflow a float on its way to a slope."""

Point = tuple[float, int]
"""When (Unix seconds), and how many records were done."""


@dataclass(frozen=True, slots=True)
class Pace:
    """A running job's estimated pace, as of its last good poll. `completes_at` is Unix seconds."""

    records_per_second: float
    completes_at: float


def remember(history: tuple[Observation, ...], observation: Observation) -> tuple[Observation, ...]:
    """Add an observation to a history if it shows a change; a full history loses every other of its older half.

    What lies at or after the observation was seen by a clock that has been set back since, and is forgotten.
    """
    past = tuple(known for known in history if known.at < observation.at)
    if past and replace(past[-1], at=observation.at) == observation:
        return past
    return _thin((*past, observation))


def pace_of(job: TrackedJob) -> Pace | None:
    """Estimate a job's pace, or give `None` where it is not RUNNING, is quiet, or told too little."""
    total = job.report.total if job.report else None
    if job.state is not JobState.RUNNING or job.reported_at is None or not _is_count(total):
        return None
    points = _recent_points(job.history)
    if not _reach(points, FEWEST_OBSERVATIONS) or _is_quiet(points, job.reported_at):
        return None
    return _pace(points, total, max(job.reported_at, points[-1][0]))


def _pace(points: list[Point], total: int, seen_at: float) -> Pace | None:
    done = points[-1][1]
    rate = _slope((*points, (seen_at, done)))
    left = max(0, total - done)
    if rate <= 0 or left > rate * LONGEST_FORESIGHT_SECONDS:
        return None
    return Pace(rate, seen_at + left / rate)


def _slope(points: Iterable[Point]) -> float:
    """Give the median slope of all pairs (Theil and Sen): a burst or a pause of a few points does not move it much."""
    return statistics.median(
        (late_done - done) / (late - at) for (at, done), (late, late_done) in combinations(points, 2) if late > at
    )


def _recent_points(history: tuple[Observation, ...]) -> list[Point]:
    """Give the last observations of the present run, oldest first: since it began, or since a count went backwards."""
    points: list[Point] = []
    for at, done in _run(history):
        if _reach(points, RECENT_OBSERVATIONS) or (points and (at >= points[-1][0] or done > points[-1][1])):
            break
        if points and done == points[-1][1]:
            points.pop()  # only another count changed then: the records have been done since before
        points.append((at, done))
    return points[::-1]


def _reach(points: list[Point], fewest: int) -> bool:
    """Whether there are so many points, and they lie far enough apart, where polls are quick."""
    return len(points) >= fewest and abs(points[-1][0] - points[0][0]) >= SHORTEST_SPAN_SECONDS


def _run(history: tuple[Observation, ...]) -> Iterator[Point]:
    for observation in reversed(history):
        if observation.state is not JobState.RUNNING:
            return
        if _is_count(observation.processed):
            yield observation.at, observation.processed


def _is_quiet(points: list[Point], seen_at: float) -> bool:
    usual_gap = statistics.median(late - at for (at, _), (late, _) in pairwise(points))
    return seen_at - points[-1][0] > QUIET_GAPS * usual_gap


def _is_count(count: int | None) -> TypeGuard[int]:
    return count is not None and 0 <= count <= MOST_RECORDS


def _thin(history: tuple[Observation, ...]) -> tuple[Observation, ...]:
    if len(history) <= MOST_OBSERVATIONS:
        return history
    half = len(history) // 2
    return (*history[:half:2], *history[half:])
