"""When a job is due. Pure: the job and the time come in as arguments."""

from dataclasses import dataclass

from exporter.model import TrackedJob

SCRAPE_JITTER_SECONDS = 0.5
"""How far Prometheus' scrapes wander: without this slack every other scrape of a 15 s interval would come too early."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often jobs are polled, in seconds between the starts of two polls."""

    freshness_seconds: float = 15.0

    def next_poll_at(self, job: TrackedJob) -> float | None:
        """Give the earliest next poll of a job just polled (Unix seconds), or `None` for never again."""
        if job.is_terminal or job.polled_at is None:
            return None
        return job.polled_at + self.freshness_seconds

    def is_due(self, job: TrackedJob, now: float) -> bool:
        """Whether a scrape at `now` polls the job; one never polled is due, and so is one from before a clock jump."""
        if job.is_terminal:
            return False
        if job.polled_at is None or job.next_poll_at is None or now < job.polled_at:
            return True
        return now >= job.next_poll_at - min(SCRAPE_JITTER_SECONDS, self.freshness_seconds / 10)
