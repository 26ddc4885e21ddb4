"""What an answer of the status call means: status, headers and body in, a report or one of our errors out. Pure.

Source: Zoho CRM v2.1 to v8, Get Mass Update Status. The code in the body beats the HTTP status, because there is a
401 that no new token cures, a 400 about rights, two different 404s, and an error inside the `data` of a 200.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from exporter.errors import UNKNOWN_JOB, PassingError, PollError, RefusedError, ThrottledError
from exporter.model import JobReport, JobState
from exporter.zoho.codes import DEAD_TOKEN, OTHER, TOO_MANY_REQUESTS, find_error_code

_STATES = {state.value: state for state in JobState if state is not JobState.UNKNOWN}
_DAILY_WORDS = ("24 hours", "credit", "per day", "daily")
_LONGEST_QUOTE = 120
_LONGEST_EXCERPT = 2000
_LONGEST_PAUSE_SECONDS = 86_400.0
_LARGEST_COUNT = 2**53  # the largest that Prometheus' float64 samples hold exactly


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, whole. Header names are lower case; `received_at` is Unix seconds."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    received_at: float

    def describe(self) -> str:
        """Say what came without quoting it: `HTTP 502 with text/html, 1024 bytes`."""
        if not self.body:
            return f"HTTP {self.status} without a body"
        kind = quote(self.headers.get("content-type", "no content type").split(";")[0].strip())
        return f"HTTP {self.status} with {kind}, {len(self.body)} bytes"

    def excerpt(self, *, hidden: str = "nothing to hide") -> str:
        """Show the answer to a person: what `describe` says, and the beginning of its text without `hidden`."""
        text = self.body[:_LONGEST_EXCERPT].decode(errors="replace").replace(hidden, "<secret>")
        printable = "".join(letter if letter.isprintable() else " " for letter in text)
        return f"{self.describe()}\n{printable}".strip()


def credits_remaining(answer: Answer) -> int | None:
    """Shim."""
    text = answer.headers.get("x-api-credits-remaining", "")
    return int(text) if text.isdigit() else None


def decode_report(answer: Answer, module: str = "") -> JobReport:
    """Read the report of one job.

    Raises:
        PollError: whatever else the answer means; the class says what a caller can do.
    """
    document = parse_object(answer.body)
    element = _first_element(document)
    if answer.status == HTTPStatus.OK and isinstance(element.get("Status"), str):
        return _report(element)
    for candidate in (document, element):
        if code := _code_of(candidate):
            raise _documented_error(code, candidate, answer)
    raise _undocumented_error(answer, document)


def parse_object(body: bytes) -> Mapping[str, object]:
    """Give the JSON object that a body holds, or an empty one for anything else."""
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def quote(text: str) -> str:
    """Make somebody else's text fit for one log line: printable and short."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return printable if len(printable) <= _LONGEST_QUOTE else printable[:_LONGEST_QUOTE] + "…"


def retry_after_seconds(answer: Answer, document: Mapping[str, object]) -> float | None:
    """Give how long Zoho asks us to wait: the longer of `Retry-After` (seconds or a date) and `details.retry_after`.

    Never more than a day: credits are back by then, and a pause without end would last until a restart.
    """
    details = document.get("details")
    asked = [
        _header_seconds(answer),
        seconds_of(details.get("retry_after")) if isinstance(details, dict) else None,
    ]
    longest = max((seconds for seconds in asked if seconds is not None), default=None)
    return None if longest is None else min(longest, _LONGEST_PAUSE_SECONDS)


def _first_element(document: Mapping[str, object]) -> Mapping[str, object]:
    match document.get("data"):
        case [dict() as element, *_]:
            return element
        case _:
            return {}


def _code_of(candidate: Mapping[str, object]) -> str:
    """Read an error object's code; the oldest shape has a number there and the word under `error`."""
    for key in ("code", "error"):
        word = candidate.get(key)
        if isinstance(word, str) and word.strip():
            return word.strip().upper()
    return ""


def _documented_error(code: str, error: Mapping[str, object], answer: Answer) -> PollError:
    said = error.get("message", error.get("error_info"))
    message = said if isinstance(said, str) else ""
    if code == "INVALID_DATA" and _parameter(error) == "job_id":
        return _error(UNKNOWN_JOB, message, f"{code} {quote(message)}", answer)
    return _error(code, message, f"{quote(code)} {quote(message)}".strip(), answer, error)


def _undocumented_error(answer: Answer, document: Mapping[str, object]) -> PollError:
    """Judge an answer without a code by its status; an empty 204 or 404 is Zoho's other way to say "no such job"."""
    match answer.status, answer.body.strip():
        case HTTPStatus.NO_CONTENT | HTTPStatus.NOT_FOUND, b"":
            return _error(UNKNOWN_JOB, "", answer.describe(), answer, document)
        case HTTPStatus.UNAUTHORIZED, _:
            return _error(DEAD_TOKEN, "", answer.describe(), answer, document)
        case HTTPStatus.TOO_MANY_REQUESTS, _:
            return _error(TOO_MANY_REQUESTS, "", answer.describe(), answer, document)
        case _:
            return PassingError(
                "invalid_response",
                f"expected a mass-update status as JSON, got {answer.describe()}",
                advice="asked again later; if it lasts, check the data centre, a proxy in between, Zoho's status page",
                retry_after_seconds=retry_after_seconds(answer, document),
            )


def _error(
    code: str, message: str, description: str, answer: Answer, document: Mapping[str, object] | None = None
) -> PollError:
    text = f"Zoho answered {description} (HTTP {answer.status})"
    seconds = retry_after_seconds(answer, document or {})
    row = find_error_code(code, message)
    if row is None and answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        row = find_error_code(TOO_MANY_REQUESTS, message)
    if row is None:
        kind = PassingError if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR else RefusedError
        return kind(OTHER, text, advice="an undocumented error: see Zoho's message", retry_after_seconds=seconds)
    if row.raises is ThrottledError:
        is_daily = any(word in message.casefold() for word in _DAILY_WORDS)
        return ThrottledError(row.code, text, advice=row.advice, retry_after_seconds=seconds, is_daily=is_daily)
    return row.raises(row.code, text, advice=row.advice, retry_after_seconds=seconds)


def _parameter(error: Mapping[str, object]) -> object:
    details = error.get("details")
    return details.get("param_name") if isinstance(details, dict) else None


def _report(element: Mapping[str, object]) -> JobReport:
    word = str(element["Status"]).strip().upper()
    state = _STATES.get(word, JobState.UNKNOWN)
    return JobReport(
        state=state,
        updated=_count(element.get("Updated_Count")),
        failed=_count(element.get("Failed_Count")),
        not_updated=_count(element.get("Not_Updated_Count")),
        total=_count(element.get("Total_Count")),
        undocumented_word=(quote(word) or "(empty)") if state is JobState.UNKNOWN else "",
    )


def _count(value: object) -> int | None:
    """Read a count, also as a numeric string; what can't be a number of records is `None`: absent beats wrong."""
    match value:
        case bool():
            return None
        case int():
            count = value
        case float() if value.is_integer():
            count = int(value)
        case str() if value.strip().isascii() and value.strip().isdigit() and len(value) < 20:  # noqa: PLR2004 - int64 has 19
            count = int(value)
        case _:
            return None
    return count if 0 <= count <= _LARGEST_COUNT else None


def seconds_of(value: object) -> float | None:
    """Read a number of seconds, 0 or more, also as text; `None` for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _header_seconds(answer: Answer) -> float | None:
    header = answer.headers.get("retry-after", "")
    seconds = seconds_of(header)
    if seconds is not None or not header:
        return seconds
    try:
        date = parsedate_to_datetime(header)
        until = date if date.tzinfo else date.replace(tzinfo=UTC)  # HTTP dates are UTC, also where they don't say so
        return max(0.0, until.timestamp() - answer.received_at)
    except (ValueError, OverflowError):
        return None
