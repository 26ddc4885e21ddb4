"""When a job is due. Pure: the job, the time and the draw of the jitter come in as arguments."""

import math
from dataclasses import dataclass

from exporter.model import Delay, JobState, PollFailure, TrackedJob

SCRAPE_JITTER_SECONDS = 0.5
"""How far Prometheus' scrapes wander: without this slack every other scrape of a 15 s interval would come too early."""
MOST_DOUBLINGS = 32
"""Past this a doubled interval has long met its ceiling, and a float would overflow."""
KINDS_OF_URGENCY = 4
"""Under budget pressure four kinds of jobs give way one after the other, each within its own quarter of the range."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long jobs wait for their next poll: seconds between the starts of two polls, and fractions.

    Each is the setting of its name, told there. A fault of the whole account is the account's to wait for, and
    `stale_after_seconds` bounds what a scarce budget may stretch. The last three say from when on a job is late.
    """

    shortest_seconds: float
    longest_seconds: float
    remaining_fraction: float
    waiting_fraction: float
    suspended_seconds: float
    fault_shortest_seconds: float
    fault_longest_seconds: float
    refusal_shortest_seconds: float
    refusal_longest_seconds: float
    stale_after_seconds: float
    stalled_after_seconds: float
    takes_too_long_after_seconds: float
    waits_long_after_seconds: float

    def delay_of(self, job: TrackedJob) -> Delay | None:
        """Say what takes a job too long, by what its good polls saw; the alerts of deploy/prometheus judge alike."""
        if job.reported_at is None or job.progressed_at is None:
            return None
        unchanged_seconds = job.reported_at - job.progressed_at
        if job.state in {JobState.SCHEDULED, JobState.QUEUED}:
            return Delay.WAITS_LONG if unchanged_seconds > self.waits_long_after_seconds else None
        if job.state is not JobState.RUNNING:
            return None
        if unchanged_seconds > self.stalled_after_seconds:
            return Delay.STALLED
        begun_at = job.reported_at if job.started_at is None else job.started_at
        return Delay.TAKES_TOO_LONG if job.reported_at - begun_at > self.takes_too_long_after_seconds else None

    def next_poll_at(self, job: TrackedJob, draw: float) -> float | None:
        """Give the earliest next poll of a job just polled (Unix seconds), or `None` for never again.

        `draw`, from 0 up to 1, is the jitter: it scatters the attempts of jobs that a fault struck together.
        """
        return None if job.is_terminal or job.polled_at is None else self._planned_at(job, job.polled_at, draw)

    def due_at(self, job: TrackedJob, pressure: float) -> float | None:
        """Give the next poll (Unix seconds) with its interval stretched by how scarce credits are, `None` for never.

        `pressure` runs from 0, plenty, to 1, nothing left. A job never polled is due since it was first seen.
        """
        if job.is_terminal:
            return None
        if job.polled_at is None:
            return job.first_seen_at
        if job.next_poll_at is None:
            return job.polled_at
        # It was planned by the settings of then; those of now may want it sooner.
        planned_at = min(job.next_poll_at, self._planned_at(job, job.polled_at, 1.0))
        interval = planned_at - job.polled_at
        share = KINDS_OF_URGENCY * pressure - self._urgency(job, interval)
        if share <= 0:
            return planned_at
        return max(planned_at, job.polled_at + self._stretched(interval, share))

    def is_due(self, job: TrackedJob, now: float, pressure: float) -> bool:
        """Whether a scrape at `now` polls the job; one from before a clock jump is due."""
        asked_from = self.asked_from(job, pressure)
        return asked_from is not None and (now >= asked_from or now < (job.polled_at or 0.0))

    def asked_from(self, job: TrackedJob, pressure: float) -> float | None:
        """Give from when on a scrape polls the job (Unix seconds), a little before it is due; `None` for never.

        One never polled is due at once.
        """
        due_at = self.due_at(job, pressure)
        if due_at is None:
            return None
        if job.polled_at is None:
            return 0.0
        # Zoho's own `retry_at` is never too early.
        return due_at - (0.0 if job.failure else min(SCRAPE_JITTER_SECONDS, (due_at - job.polled_at) / 10))

    def _planned_at(self, job: TrackedJob, polled_at: float, draw: float) -> float:
        if job.failure is None:
            return polled_at + self._interval(job, polled_at)
        if job.failure.is_account_wide:  # the account waits, not the job: whoever lets it go on finds the job due
            return polled_at + self.shortest_seconds
        again_at = polled_at + self._failure_interval(job.failure, job.failures_in_a_row, draw)
        return again_at if job.failure.retry_at is None else max(again_at, job.failure.retry_at)

    def _interval(self, job: TrackedJob, polled_at: float) -> float:
        if job.state is JobState.SUSPENDED:
            return self.suspended_seconds
        if job.completes_at is not None:
            return self._within(self.remaining_fraction * (job.completes_at - polled_at))
        changed_at = polled_at if job.progressed_at is None else job.progressed_at
        return self._within(self.waiting_fraction * (polled_at - changed_at))

    def _within(self, seconds: float) -> float:
        return min(max(seconds, self.shortest_seconds), self.longest_seconds)

    def _failure_interval(self, failure: PollFailure, failures_in_a_row: int, draw: float) -> float:
        doublings = min(failures_in_a_row, MOST_DOUBLINGS)
        if not failure.is_passing:
            return min(self.refusal_shortest_seconds * 2.0 ** (doublings - 1), self.refusal_longest_seconds)
        longest = min(self.fault_shortest_seconds * 2.0**doublings, self.fault_longest_seconds)
        return self.fault_shortest_seconds + draw * (longest - self.fault_shortest_seconds)

    def _urgency(self, job: TrackedJob, interval: float) -> int:
        """Give how many kinds of jobs give way before this one; a job that runs slowly is one that is polled seldom."""
        match job.state:
            case JobState.SUSPENDED:
                return 0
            case JobState.SCHEDULED | JobState.QUEUED:
                return 1
            case _:
                return 2 if interval > (self.shortest_seconds + self.longest_seconds) / 2 else 3

    def _stretched(self, interval: float, share: float) -> float:
        """Lengthen an interval by a share of the way to `stale_after_seconds`, in equal ratios; from 1 on by all."""
        if interval >= self.stale_after_seconds:
            return interval
        start = max(interval, 1.0)  # from 0 no ratio leads anywhere
        return min(start * math.pow(self.stale_after_seconds / start, share), self.stale_after_seconds)
