"""How long a page takes to write, so that a scrape keeps that time back from its polls."""

from collections import deque
from threading import Lock

FIRST_GUESS_SECONDS = 0.0006
"""For each job, before any page was written; a slow machine's."""
LEAST_SECONDS = 0.02
SAFETY = 2.0
"""Pages are written while polls land, on the same processors."""
PAGES = 8
FIXED_JOBS = 50
"""A page without a job takes as long as so many jobs."""


class WritingTime:
    """Expects the next page to take as long as the slowest of the last ones, for its number of jobs. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._seconds_a_job: deque[float] = deque(maxlen=PAGES)

    def note(self, jobs: int, seconds: float) -> None:
        """Learn how long a page of so many jobs took."""
        with self._lock:
            self._seconds_a_job.append(seconds / (jobs + FIXED_JOBS))

    def expected(self, jobs: int) -> float:
        """Give the seconds to keep back for a page of so many jobs."""
        with self._lock:
            slowest = max(self._seconds_a_job, default=FIRST_GUESS_SECONDS)
        return LEAST_SECONDS + SAFETY * slowest * (jobs + FIXED_JOBS)
