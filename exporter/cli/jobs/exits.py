"""How a job is told to a script: by the exit status; and how a command ends that goes on until it is ended."""

import signal
import sys

from exporter.errors import UNKNOWN_JOB
from exporter.model import JobState, PollFailure, TrackedJob

COMPLETED, NOT_DONE, WRONG, FAILED, PARTLY_FAILED, UNKNOWN, REFUSED, NOT_ENDED = 0, 1, 2, 3, 4, 5, 6, 7
INTERRUPTED, TERMINATED = 130, 143
NO_TOKEN = "token_refused"  # noqa: S105 - a code, no secret


def end_in_order() -> None:
    """From here on have Ctrl-C and SIGTERM end what is under way in order, so that a terminal gets its cursor back.

    Until here they end the process at once.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))


def exit_status(job: TrackedJob) -> int:
    """Give the exit status that tells how a job stands."""
    if job.state is JobState.FAILED:
        return FAILED
    if job.is_terminal:
        return PARTLY_FAILED if job.has_ended_badly else COMPLETED
    if job.failure:
        return _of_failure(job.failure)
    return UNKNOWN if job.state is JobState.UNKNOWN else NOT_ENDED


def _of_failure(failure: PollFailure) -> int:
    if failure.code == UNKNOWN_JOB:
        return UNKNOWN
    return REFUSED if failure.code == NO_TOKEN or not failure.is_passing else NOT_DONE
