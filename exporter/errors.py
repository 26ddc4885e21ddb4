"""Every error that our own code raises on purpose: one class for each thing that a caller can do differently.

ExporterError
├── ConfigurationError      the operator must change a setting: print the problems, exit with status 2
├── RegistrationError       a job was not taken in, or not let go: nothing has changed
│   ├── DeclaredJobError    the configuration describes the job: change it there
│   ├── LiveJobError        the job has not ended: acknowledge it when it has
│   ├── SilentStoreError    others share the store, which does not answer: ask again when it does
│   └── TooManyJobsError    as many jobs are tracked as may be: let some go, or raise the limit
├── HeldBackError           no call was made: budget, reserve or circuit; try at a later scrape, the job is as it was
│   └── NoPlaceError        as many calls of the account are under way as may be: wait for one of them to end
└── PollError               one poll gave no report: count it by its code, keep the last good report
    ├── PassingError        time or a retry may cure it: time-out, connection, 5xx, an answer that is not Zoho's
    ├── ThrottledError      Zoho asks the whole account to pause: wait `retry_after_seconds` or a back-off
    │   └── OutOfCreditsError   the day's credits are gone: they come back over hours
    ├── RefusedError        a person must act: scope, permission, module, unknown job
    ├── UncertainError      a change may have been carried out: look at Zoho before it is asked for again
    ├── DeadTokenError      the access token is dead: refresh once, retry once
    └── TokenRefusedError   no access token can be had: nothing of this account can be polled
"""

from dataclasses import dataclass

UNKNOWN_JOB = "NOT_FOUND"
"""The code of a `RefusedError` that says: Zoho knows no such job."""


def kind_and_words(error: BaseException) -> str:
    """Say what an error of somebody else's is: its kind, once, and its words where it has any."""
    kind, words = type(error).__name__, str(error).strip()
    return words if words.startswith(kind) else ": ".join(filter(None, (kind, words)))


class ExporterError(Exception):
    """Whatever the exporter reports on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the configuration: where it stands (file and line, variable or flag) and what to do."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class ConfigurationError(ExporterError):
    """The configuration can't be used; `problems` names every reason at once, `warnings` what else may be behind it."""

    def __init__(self, problems: tuple[Problem, ...], warnings: tuple[Problem, ...] = ()) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems
        self.warnings = warnings


class RegistrationError(ExporterError):
    """A job was not taken in, acknowledged or let go; nothing has changed."""


class DeclaredJobError(RegistrationError):
    """The configuration says what to do with the job, and has the last word."""


class LiveJobError(RegistrationError):
    """The job has not ended, so there is nothing to take note of."""


class SilentStoreError(RegistrationError):
    """Another one may have been told of the job meanwhile: to let go of it later would undo that."""


class TooManyJobsError(RegistrationError):
    """As many jobs are tracked as may be."""


class HeldBackError(ExporterError):
    """The account may not call Zoho now; `reason` is one of a bounded set. Nothing was sent, nothing was spent."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class NoPlaceError(HeldBackError):
    """As many calls of the account are under way at all who share the store as may be: one of them will end."""


class PollError(ExporterError):
    """One status call gave no report.

    `code` is one of a bounded set (it becomes a label value), `advice` says what the operator can do about it.
    `retry_after_seconds` is how long Zoho asks us to wait, where it does.
    """

    def __init__(self, code: str, message: str, *, advice: str = "", retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.advice = advice
        self.retry_after_seconds = retry_after_seconds


class PassingError(PollError):
    """A fault that time or a retry may cure."""


class ThrottledError(PollError):
    """Zoho asks the whole account to pause."""


class OutOfCreditsError(ThrottledError):
    """The organisation's credits of the day are gone, as far as Zoho's message lets us know."""


class RefusedError(PollError):
    """A refusal that lasts until a person acts."""


class UncertainError(PollError):
    """A change was asked for, and no answer tells whether it was carried out."""


class DeadTokenError(PollError):
    """Zoho does not accept this access token (any more)."""


class TokenRefusedError(PollError):
    """No access token can be had; `reason` is bounded, `retry_at` is when we shall ask again (Unix seconds)."""

    def __init__(self, reason: str, message: str, *, advice: str, retry_at: float) -> None:
        super().__init__("token_refused", message, advice=advice)
        self.reason = reason
        self.retry_at = retry_at
