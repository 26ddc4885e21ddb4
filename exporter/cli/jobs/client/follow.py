"""A job followed to its end, at the pace of its schedule. Pure but for what is handed in."""

from collections.abc import Callable
from dataclasses import dataclass

from exporter.cli.jobs.client.exporter_client import ExporterRefusedError, NoExporterError
from exporter.cli.jobs.exits import TOKEN_REFUSED
from exporter.errors import ExporterError
from exporter.model import TrackedJob

SHORTEST_SECONDS = 1.0
LONGEST_SECONDS = 300.0
"""Whatever the clocks of two machines say."""
HELD_SECONDS = 5.0
"""A poll that is due and was not made is held back by its account: how long can't be told."""
MOST_MISSES = 20
MISS_SECONDS = 15.0
"""An exporter that was there may be restarted or moved: so often it is asked again, and so long after each time."""
MOST_TOKEN_REFUSALS = 3
"""A token that is refused so often in a row is not refused because of the network."""


def first_look(
    look: Callable[[], TrackedJob],
    miss: Callable[[ExporterError], object],
    until: float,
    *,
    clock: Callable[[], float],
    sleep: Callable[[float], object],
) -> TrackedJob | None:
    """Look until there is an answer, or it is `until`; the arguments are those of a `Follower`, and of its method.

    Raises:
        NoExporterError: nobody is there, or has answered for a while.
        ExporterRefusedError: the exporter does not do that, or not for a while.
    """
    for left in range(MOST_MISSES, -1, -1):
        try:
            return look()
        except (NoExporterError, ExporterRefusedError) as error:
            is_busy = error.is_there if isinstance(error, NoExporterError) else error.is_passing
            if not (left and is_busy):
                raise
            miss(error)
        seconds = until - clock()
        if seconds <= 0:
            break
        sleep(min(MISS_SECONDS, seconds))
    return None


@dataclass(slots=True)
class Follower:
    """Looks at a job again and again. For one thread.

    Args:
        look: gives what is known of it now.
        show: shows it, each time.
        miss: is told why there was no answer.
        clock: gives Unix seconds.
        sleep: waits so many seconds.
    """

    look: Callable[[], TrackedJob]
    show: Callable[[TrackedJob], object]
    miss: Callable[[ExporterError], object]
    clock: Callable[[], float]
    sleep: Callable[[float], object]
    _misses: int = 0
    _token_refusals: int = 0

    def follow(self, job: TrackedJob, until: float) -> TrackedJob:
        """Go on from a look until the job has ended, only a person can help, or it is `until` (Unix seconds).

        Raises:
            NoExporterError: nobody has answered for a while.
            ExporterRefusedError: the exporter does not do that, or not for a while.
        """
        self.show(job)
        while not self._is_over(job) and self.clock() < until:
            seconds = MISS_SECONDS if self._misses else self._wait_seconds(job)
            self.sleep(max(0.0, min(seconds, until - self.clock())))
            job = self._looked(job)
            self.show(job)
        return job

    def _wait_seconds(self, job: TrackedJob) -> float:
        seconds = (job.next_poll_at or 0.0) - self.clock()
        return min(max(seconds, SHORTEST_SECONDS), LONGEST_SECONDS) if seconds > 0 else HELD_SECONDS

    def _looked(self, job: TrackedJob) -> TrackedJob:
        try:
            job = self.look()
        except (NoExporterError, ExporterRefusedError) as error:
            self._misses += 1
            if self._misses > MOST_MISSES or not error.is_passing:
                raise
            self.miss(error)
            return job
        self._misses = 0
        return job

    def _is_over(self, job: TrackedJob) -> bool:
        if job.failure is None or job.is_terminal:
            self._token_refusals = 0
            return job.is_terminal
        self._token_refusals = self._token_refusals + 1 if job.failure.code in TOKEN_REFUSED else 0
        return not job.failure.is_passing or self._token_refusals >= MOST_TOKEN_REFUSALS
