"""What an answer of the status call means: status, headers and body in, a report or one of our errors out. Pure.

Source: Zoho CRM v2.1 to v8, Get Mass Update Status. The code in the body beats the HTTP status, because there is a
401 that no new token cures, a 400 about rights, two different 404s, and an error inside the `data` of a 200.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from exporter.errors import (
    UNKNOWN_JOB,
    DeadTokenError,
    OutOfCreditsError,
    PassingError,
    PollError,
    RefusedError,
    ThrottledError,
)
from exporter.kinds import MASS_UPDATE
from exporter.model import JobReport, JobState
from exporter.redactor import Redactor
from exporter.zoho.codes import DEAD_TOKEN, OTHER, SCOPE_MISMATCH, TOO_MANY_REQUESTS, ErrorCode, find_error_code

_STATES = {state.value: state for state in JobState if state is not JobState.UNKNOWN}
_DAILY_WORDS = ("24 hours", "credit", "per day", "daily")
CREDITS_HEADER = "x-api-credits-remaining"
_LONGEST_QUOTE = 120
_LONGEST_EXCERPT = 2000
_LONGEST_PAUSE_SECONDS = 86_400.0
_LARGEST_COUNT = 2**53  # the largest that Prometheus' float64 samples hold exactly
_SECONDS = re.compile(r"[0-9]+(\.[0-9]*)?(e[+-]?[0-9]+)?", re.IGNORECASE)
_COUNT = re.compile(r"[0-9]{1,19}")
_CREDITS = re.compile(r"-?[0-9]{1,15}")
_OTHER = ErrorCode(OTHER, RefusedError, "an undocumented error: see Zoho's message", source="")
_NO_REPORT = ErrorCode(
    "invalid_response",
    PassingError,
    "wait; if it lasts, check the data centre, a proxy in between, Zoho's status page",
    source="",
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, whole, without the secrets that we know. Header names are lower case.

    `received_at` is Unix seconds. The values of a header that was sent several times are joined by commas.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    received_at: float
    hidden_bytes: int = 0
    """By how many bytes the body was longer as it came."""

    def describe(self) -> str:
        """Say what came without quoting it: `HTTP 502 with text/html, 1024 bytes`."""
        if not self.body:
            return f"HTTP {self.status} without a body"
        kind = quote(self.headers.get("content-type", "no content type").split(";")[0].strip())
        return f"HTTP {self.status} with {kind}, {len(self.body) + self.hidden_bytes} bytes"

    def excerpt(self) -> str:
        """Show the answer to a person: what `describe` says, and the beginning of its text."""
        text = self.body.decode(errors="replace")[:_LONGEST_EXCERPT].rstrip()
        return f"{self.describe()}\n{_printable(text)}".strip()


@dataclass(frozen=True, slots=True)
class SealedAnswer:
    """An answer as it came: it may hold secrets, and shows nothing before they are named."""

    _answer: Answer = field(repr=False)
    _redactor: Redactor = field(repr=False)

    def take_secret(self, key: str) -> str | None:
        """Give the text that stands at `key` of the JSON object, where there is one, and hide it from now on."""
        secret = parse_object(self._answer.body).get(key)
        if not isinstance(secret, str):
            return None
        self._redactor.know(secret)
        return secret

    def open(self) -> Answer:
        """Give the answer without the secrets that are known by now."""
        clean, answer = self._redactor.clean, self._answer
        # A NUL between any two letters, as UTF-16 has it, would hide a secret from us, but not from a reader.
        text = answer.body.decode(errors="surrogateescape").replace("\0", "")
        whole = "\n".join([*answer.headers.values(), text])
        if clean(whole) is whole:
            return answer
        headers = {name: clean(value) for name, value in answer.headers.items()}
        body = clean(text).encode(errors="surrogateescape")
        return replace(answer, headers=headers, body=body, hidden_bytes=len(answer.body) - len(body))


def credits_remaining(answer: Answer) -> int | None:
    """Read how many credits Zoho says are left today: never fewer than 0, of several numbers the smallest.

    `None` where it says no number: in a report without `CREDITS_HEADER`, more than half of them are left.
    """
    words = [word.strip() for word in answer.headers.get(CREDITS_HEADER, "").split(", ")]
    return max(0, min(map(int, words))) if all(_CREDITS.fullmatch(word) for word in words) else None


def decode_report(answer: Answer, module: str) -> JobReport:
    """Read the report of one job of `module`.

    Raises:
        PollError: whatever else the answer means; the class says what a caller can do.
    """
    document = parse_object(answer.body)
    # One element at most is documented, and none says which job it is of: of several, none can be believed.
    element = first_element(document) if (count := elements(document)) <= 1 else {}
    if answer.status == HTTPStatus.OK and isinstance(element.get(MASS_UPDATE.status), str):
        return _report(element)
    raise _error(answer, element if code_of(element) and not code_of(document) else document, module, count)


def parse_object(body: bytes) -> Mapping[str, object]:
    """Give the JSON object that a body holds, or an empty one; of a key that stands twice, the last counts."""
    document = _load(body)
    return document if isinstance(document, dict) else {}


def quote(text: str) -> str:
    """Make somebody else's text fit for one log line: printable and short."""
    printable = _printable(text)
    return printable if len(printable) <= _LONGEST_QUOTE else printable[:_LONGEST_QUOTE] + "…"


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(letter if letter.isprintable() else " " for letter in text)


def retry_after_seconds(answer: Answer, document: Mapping[str, object]) -> float | None:
    """Give how long Zoho asks us to wait: the longer of `Retry-After` (seconds or a date) and `details.retry_after`.

    Never more than a day: credits are back by then, and a pause without end would last until a restart.
    """
    details = document.get("details")
    asked = [
        # A date has a comma of its own, behind its weekday, which says nothing of when.
        *(_part_seconds(part.strip(), answer) for part in answer.headers.get("retry-after", "").split(",")),
        seconds_of(details.get("retry_after")) if isinstance(details, dict) else None,
    ]
    return max((min(seconds, _LONGEST_PAUSE_SECONDS) for seconds in asked if seconds is not None), default=None)


def wordless_advice(answer: Answer, seconds: float | None, otherwise: str) -> str:
    """Say what to do about an answer without a word of Zoho's, which asks for a pause of so many seconds, if it does.

    Only `otherwise`, where its status says nothing either, somebody else may have answered.
    """
    pause = f"wait {seconds:,.0f} s" if seconds else "wait some minutes"
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return f"too many requests: {pause}"
    has_failed = answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return f"a server has failed, Zoho's or one before it: {pause}" if has_failed else otherwise


def _load(body: bytes) -> object:
    """Give the JSON that a body holds; `None` where there is none."""
    try:
        document: object = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return document


def first_element(document: Mapping[str, object]) -> Mapping[str, object]:
    """Give the first object in an answer's `data`; an empty one where there is none."""
    match document.get("data"):
        case [dict() as element, *_] | (dict() as element):
            return element
        case _:
            return {}


def elements(document: Mapping[str, object]) -> int:
    """Give how many elements an answer's `data` has, where it is a list."""
    data = document.get("data")
    return len(data) if isinstance(data, list) else 0


def code_of(candidate: Mapping[str, object]) -> str:
    """Read an error object's code; the oldest shape has a number there and the word under `error`."""
    for key in ("code", "error"):
        word = candidate.get(key)
        if isinstance(word, str) and word.strip():
            return word.strip().upper()
    return ""


def message_of(error: Mapping[str, object]) -> str:
    """Read an error object's message."""
    said = error.get("message", error.get("error_info"))
    return said if isinstance(said, str) else ""


def told(answer: Answer, error: Mapping[str, object], *notes: str) -> str:
    """Say what came: Zoho's words and the status, or what the answer looks like where it has none, and the notes."""
    code = code_of(error)
    said = f"{quote(code)} {quote(message_of(error))}".strip() if code else answer.describe()
    behind = (f"HTTP {answer.status}", *notes) if code else notes
    return f"{said} ({'; '.join(behind)})" if behind else said


def _is_about_job_id(error: Mapping[str, object], message: str) -> bool:
    details = error.get("details")
    words = [message, *details.values()] if isinstance(details, dict) else [message]
    return any("jobid" in re.sub(r"[ _]", "", str(word)).casefold() for word in words)


def _error(answer: Answer, error: Mapping[str, object], module: str, count: int) -> PollError:
    code, message = code_of(error), message_of(error)
    row = _row(answer, error, code, message)
    kind = row.raises
    if kind is ThrottledError and any(word in message.casefold() for word in _DAILY_WORDS):
        kind = OutOfCreditsError
    said = told(answer, error, *([f"{count} elements in data"] if count > 1 else []))
    text = f"expected a mass-update status as JSON, got {said}" if row is _NO_REPORT else f"Zoho answered {said}"
    advice = row.advice.format(scope=MASS_UPDATE.scope_for(module))
    return kind(row.code, text, advice=advice, retry_after_seconds=retry_after_seconds(answer, error))


def _row(answer: Answer, error: Mapping[str, object], code: str, message: str) -> ErrorCode:
    """Find what an error means: of all that come with a 401, a new token can only not cure a lack of scope."""
    is_unknown_job = code == "INVALID_DATA" and _is_about_job_id(error, message) if code else _is_empty(answer, error)
    row = find_error_code(UNKNOWN_JOB if is_unknown_job else code, message)
    if answer.status == HTTPStatus.UNAUTHORIZED and code != SCOPE_MISMATCH:
        row = row if row and row.raises is DeadTokenError else find_error_code(DEAD_TOKEN, "")
    elif answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        row = row or find_error_code(TOO_MANY_REQUESTS, "")
    is_passing = answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    other = replace(_OTHER, raises=PassingError) if is_passing else _OTHER
    return row or (other if code else _NO_REPORT)


def _is_empty(answer: Answer, document: Mapping[str, object]) -> bool:
    """Whether an answer without a code tells of no job; a page of somebody else's at 404 does not."""
    match answer.status:
        case HTTPStatus.OK:
            return document.get("data") in ([], {})
        case HTTPStatus.NOT_FOUND:
            return not answer.body.strip() or _load(answer.body) is not None
        case status:
            return status == HTTPStatus.NO_CONTENT


def _report(element: Mapping[str, object]) -> JobReport:
    word = str(element[MASS_UPDATE.status]).strip().upper()
    state = _STATES.get(word, JobState.UNKNOWN)
    return JobReport(
        state=state,
        **{name: _count(element.get(zohos)) for name, zohos in MASS_UPDATE.counts.items()},
        undocumented_word=(quote(word) or "(empty)") if state is JobState.UNKNOWN else "",
    )


def _count(value: object) -> int | None:
    """Read a count, also as a numeric string; what can't be a number of records is `None`: absent beats wrong."""
    text = str(int(value) if isinstance(value, float) and value.is_integer() else value).strip()
    return int(text) if _COUNT.fullmatch(text) and int(text) <= _LARGEST_COUNT else None


def seconds_of(value: object) -> float | None:
    """Read a number of seconds, 0 or more, also as text; `None` for anything else."""
    text = str(value).strip()
    seconds = float(text) if _SECONDS.fullmatch(text) else math.inf
    return seconds if math.isfinite(seconds) else None


def _part_seconds(part: str, answer: Answer) -> float | None:
    seconds = seconds_of(part)
    if seconds is not None:
        return seconds
    try:
        date = parsedate_to_datetime(part)
        until = date if date.tzinfo else date.replace(tzinfo=UTC)  # HTTP dates are UTC, also where they don't say so
        return max(0.0, until.timestamp() - answer.received_at)
    except (ValueError, OverflowError):
        return None
