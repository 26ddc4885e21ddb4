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
from enum import Enum, auto
from http import HTTPStatus

from exporter.errors import UNKNOWN_JOB, DeadTokenError, PassingError, PollError, RefusedError, ThrottledError
from exporter.kinds import MASS_UPDATE
from exporter.model import JobReport, JobState
from exporter.redactor import Redactor
from exporter.zoho.codes import DEAD_TOKEN, OTHER, SCOPE_MISMATCH, TOO_MANY_REQUESTS, ErrorCode, find_error_code

_STATES = {state.value: state for state in JobState if state is not JobState.UNKNOWN}
_DAILY_WORDS = ("24 hours", "credit", "per day", "daily")
_CREDITS_HEADER = "x-api-credits-remaining"
_LONGEST_QUOTE = 120
_LONGEST_EXCERPT = 2000
_LONGEST_PAUSE_SECONDS = 86_400.0
_LARGEST_COUNT = 2**53  # the largest that Prometheus' float64 samples hold exactly
_SECONDS = re.compile(r"[0-9]+(\.[0-9]*)?(e[+-]?[0-9]+)?", re.IGNORECASE)
_CREDITS = re.compile(r"-?[0-9]{1,15}")
_HEADER_PARTS = re.compile(r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,)?[^,]+", re.IGNORECASE)
"""What a header sent several times holds: its values, joined by commas, as a date also has one."""


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
        text = self.body.decode(errors="replace")[:_LONGEST_EXCERPT]
        printable = "".join(letter if letter.isprintable() else " " for letter in text)
        return f"{self.describe()}\n{printable}".strip()


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


class Credits(Enum):
    """What an answer says of the day's credits where it gives no number."""

    UNSAID = auto()
    """Nothing: in a report, more than half of them are left."""
    UNREADABLE = auto()
    """Something that is no number of credits: what was known before still holds."""


def credits_remaining(answer: Answer) -> int | Credits:
    """Read how many credits Zoho says are left today: never fewer than 0, of several numbers the smallest."""
    if _CREDITS_HEADER not in answer.headers:
        return Credits.UNSAID
    words = [word.strip() for word in answer.headers[_CREDITS_HEADER].split(", ")]
    if not all(_CREDITS.fullmatch(word) for word in words):
        return Credits.UNREADABLE
    return max(0, min(map(int, words)))


def decode_report(answer: Answer, module: str) -> JobReport:
    """Read the report of one job of `module`.

    Raises:
        PollError: whatever else the answer means; the class says what a caller can do.
    """
    document = parse_object(answer.body)
    element = _first_element(document)
    if answer.status == HTTPStatus.OK and isinstance(element.get(MASS_UPDATE.status), str):
        return _report(element)
    for candidate in (document, element):
        if code := _code_of(candidate):
            message = _message(candidate)
            meant = UNKNOWN_JOB if code == "INVALID_DATA" and _is_about_job_id(candidate, message) else code
            raise _error(meant, f"{quote(code)} {quote(message)}".strip(), answer, candidate, module)
    if code := _implied_code(answer, document):
        raise _error(code, answer.describe(), answer, document, module)
    raise PassingError(
        "invalid_response",
        f"expected a mass-update status as JSON, got {answer.describe()}",
        advice="asked again later; if it lasts, check the data centre, a proxy in between, Zoho's status page",
        retry_after_seconds=retry_after_seconds(answer, document),
    )


def parse_object(body: bytes) -> Mapping[str, object]:
    """Give the JSON object that a body holds, or an empty one; of a key that stands twice, the last counts."""
    document = _load(body)
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
        *(_part_seconds(part.strip(), answer) for part in _HEADER_PARTS.findall(answer.headers.get("retry-after", ""))),
        seconds_of(details.get("retry_after")) if isinstance(details, dict) else None,
    ]
    return max((min(seconds, _LONGEST_PAUSE_SECONDS) for seconds in asked if seconds is not None), default=None)


def _load(body: bytes) -> object:
    """Give the JSON that a body holds; `None` where there is none."""
    try:
        document: object = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return document


def _first_element(document: Mapping[str, object]) -> Mapping[str, object]:
    match document.get("data"):
        case [dict() as element, *_]:
            return element
        case dict() as element:
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


def _message(error: Mapping[str, object]) -> str:
    said = error.get("message", error.get("error_info"))
    return said if isinstance(said, str) else ""


def _is_about_job_id(error: Mapping[str, object], message: str) -> bool:
    details = error.get("details")
    words = [message, *details.values()] if isinstance(details, dict) else [message]
    return any("jobid" in re.sub(r"[ _]", "", str(word)).casefold() for word in words)


def _implied_code(answer: Answer, document: Mapping[str, object]) -> str:
    """Give the code that Zoho would have written; a page of somebody else's at 404 has none."""
    match answer.status:
        case HTTPStatus.NO_CONTENT:
            return UNKNOWN_JOB
        case HTTPStatus.OK if document.get("data") in ([], {}):
            return UNKNOWN_JOB
        case HTTPStatus.NOT_FOUND if not answer.body.strip() or _load(answer.body) is not None:
            return UNKNOWN_JOB
        case HTTPStatus.UNAUTHORIZED:
            return DEAD_TOKEN
        case HTTPStatus.TOO_MANY_REQUESTS:
            return TOO_MANY_REQUESTS
        case _:
            return ""


def _error(code: str, description: str, answer: Answer, error: Mapping[str, object], module: str) -> PollError:
    text = f"Zoho answered {description} (HTTP {answer.status})"
    seconds = retry_after_seconds(answer, error)
    row = _row(code, _message(error), answer.status)
    if row is None:
        kind = PassingError if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR else RefusedError
        return kind(OTHER, text, advice="an undocumented error: see Zoho's message", retry_after_seconds=seconds)
    advice = row.advice.format(scope=MASS_UPDATE.scope_for(module))
    if row.raises is ThrottledError:
        is_daily = any(word in _message(error).casefold() for word in _DAILY_WORDS)
        return ThrottledError(row.code, text, advice=advice, retry_after_seconds=seconds, is_daily=is_daily)
    return row.raises(row.code, text, advice=advice, retry_after_seconds=seconds)


def _row(code: str, message: str, status: int) -> ErrorCode | None:
    """Find what an error means: of all that come with a 401, a new token can only not cure a lack of scope."""
    row = find_error_code(code, message)
    if status == HTTPStatus.UNAUTHORIZED and code != SCOPE_MISMATCH:
        return row if row and row.raises is DeadTokenError else find_error_code(DEAD_TOKEN, "")
    return row or (find_error_code(TOO_MANY_REQUESTS, "") if status == HTTPStatus.TOO_MANY_REQUESTS else None)


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
    is_number = _SECONDS.fullmatch(value.strip()) if isinstance(value, str) else isinstance(value, int | float)
    if isinstance(value, bool) or not is_number:
        return None
    try:
        seconds = float(str(value))
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


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
