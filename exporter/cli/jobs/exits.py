"""How a job is told to a script: by the exit status; and how a command ends that goes on until it is ended."""

import signal
import sys
from typing import NoReturn

from exporter.cli.ending import heard
from exporter.errors import UNKNOWN_JOB
from exporter.model import JobState, PollFailure, TrackedJob

COMPLETED, NOT_DONE, WRONG, FAILED, PARTLY_FAILED, UNKNOWN, REFUSED, NOT_ENDED = 0, 1, 2, 3, 4, 5, 6, 7
NO_TOKEN = "token_refused"  # noqa: S105 - a code, no secret
TOKEN_REFUSED = frozenset({NO_TOKEN, "INVALID_TOKEN", "AUTHENTICATION_FAILURE", "UNAUTHORIZED"})
"""Codes of an access token that is not to be had, or that Zoho does not accept, nor a new one in its place."""


def end_in_order() -> None:
    """From here on have the first signal end what is under way in order, and be the last.

    So a terminal gets its cursor back, and what was spent is told. Until here they end the process at once.

    Raises:
        KeyboardInterrupt: it was Ctrl-C, at any time.
        SystemExit: it was another; with the status as a shell tells it.
    """
    for number in heard():
        signal.signal(number, _end)


def _end(number: int, _: object) -> NoReturn:
    for other in heard():
        signal.signal(other, signal.SIG_IGN)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)


def exit_status(job: TrackedJob) -> int:
    """Give the exit status that tells how a job stands."""
    if job.state is JobState.FAILED:
        return FAILED
    if job.is_terminal:
        return _of_end(job)
    if job.failure:
        return _of_failure(job.failure)
    return UNKNOWN if job.state is JobState.UNKNOWN else NOT_ENDED


def _of_end(job: TrackedJob) -> int:
    if job.has_ended_badly:
        return PARTLY_FAILED
    # Whether records were left is not known where their count is not.
    is_told = job.report is not None and None not in (job.report.failed, job.report.not_updated)
    return COMPLETED if is_told else NOT_DONE


def _of_failure(failure: PollFailure) -> int:
    if failure.code == UNKNOWN_JOB:
        return UNKNOWN
    return REFUSED if failure.code in TOKEN_REFUSED or not failure.is_passing else NOT_DONE
