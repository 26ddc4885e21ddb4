"""Faults on demand: two tables, one of what is said wrongly and one of how an answer travels wrongly.

The next fault is a word in `FaultKind` and one row in `CONTENT` or in `TRANSPORT`.
"""

import itertools
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus

from exporter.simulator.answers import (
    CONCURRENCY_EXCEEDED,
    CREDITS_EXHAUSTED,
    INVALID_TOKEN,
    Answer,
    ApiError,
    documented_error,
    html_answer,
    json_answer,
    oauth_refusal,
)
from exporter.simulator.delivery import Delivery, Pause, Reset, Send, Stall, Step, half, head, whole


class Endpoint(StrEnum):
    """What a request is for; `OTHER` is a path or verb that Zoho refuses."""

    STATUS = "status"
    TOKEN = "token"  # noqa: S105 - the endpoint's name, no secret
    SCHEDULE = "schedule"
    OTHER = "other"


class FaultKind(StrEnum):
    """Everything that can be made to go wrong."""

    DEAD_TOKEN = "dead_token"  # noqa: S105 - the fault's name, no secret
    ERROR = "error"
    ERROR_IN_DATA = "error_in_data"
    THROTTLE = "throttle"
    HTML = "html"
    REDIRECT = "redirect"
    NO_CONTENT = "no_content"
    EMPTY = "empty"
    MALFORMED_JSON = "malformed_json"
    TRUNCATED_JSON = "truncated_json"
    HUGE_BODY = "huge_body"
    ODD_STATE = "odd_state"
    LOWER_CASE_STATE = "lower_case_state"
    NUMERIC_STRINGS = "numeric_strings"
    MISSING_COUNT = "missing_count"
    NEGATIVE_COUNT = "negative_count"
    EXTRA_FIELD = "extra_field"
    TIMEOUT = "timeout"
    STALLED_HEADERS = "stalled_headers"
    STALLED_BODY = "stalled_body"
    RESET = "reset"
    RESET_IN_BODY = "reset_in_body"
    LATENCY = "latency"
    TRICKLE = "trickle"


class ThrottleShape(StrEnum):
    """The bodies that a 429 has been seen or specified with."""

    CONCURRENCY = "concurrency"
    CREDITS = "credits"
    RETRY_DETAILS = "retry_details"
    """OpenAPI v8, apis: `details.retry_after` in seconds."""
    RATE_LIMIT_EXCEEDED = "rate_limit_exceeded"
    """OpenAPI v8, notifications: another code, no details."""
    NUMERIC_CODE = "numeric_code"
    """The older shape: a number for a code and a list for details."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to go wrong: a kind, whom it meets, how often (`times`, `None` until cleared), and its parameters.

    `endpoint=None` means every endpoint that the kind is about. Of several that match, the newest wins. Parameters
    that a kind does not use are ignored:

    `seconds` length of a pause, for ever when `None` (`trickle`: for each byte; `throttle`: `details.retry_after`) ·
    `status`, `code`, `message`, `details` of `error`, `error_in_data` and `html` · `state` of `odd_state` ·
    `field` of `missing_count`, `negative_count`, `extra_field` · `location` of `redirect` · `shape` and `retry_after`
    (the header: seconds or an HTTP date) of `throttle` · `size` in bytes of `huge_body`.
    """

    kind: FaultKind
    endpoint: Endpoint | None = None
    module: str | None = None
    job_id: str | None = None
    times: int | None = None
    seconds: float | None = None
    status: int | None = None
    code: str = "INTERNAL_ERROR"
    message: str | None = None
    details: Mapping[str, object] | None = None
    state: str = "ARCHIVED"
    field: str | None = None
    location: str = "https://www.example.com/"
    shape: ThrottleShape = ThrottleShape.CONCURRENCY
    retry_after: str | None = None
    size: int = 10_000_000

    def matches(self, endpoint: Endpoint, module: str | None, job_id: str | None) -> bool:
        """Whether a request meets this fault."""
        return endpoint in self._endpoints() and self.module in {None, module} and self.job_id in {None, job_id}

    def _endpoints(self) -> frozenset[Endpoint]:
        if self.endpoint is not None:
            return frozenset({self.endpoint})
        return SCOPES.get(self.kind, frozenset(Endpoint))


_CRM = frozenset({Endpoint.STATUS, Endpoint.SCHEDULE, Endpoint.OTHER})
_STATUS = frozenset({Endpoint.STATUS})

SCOPES: Mapping[FaultKind, frozenset[Endpoint]] = {
    FaultKind.DEAD_TOKEN: _CRM,
    FaultKind.ERROR: _CRM,
    FaultKind.ERROR_IN_DATA: _CRM,
    FaultKind.THROTTLE: _CRM,
    FaultKind.ODD_STATE: _STATUS,
    FaultKind.LOWER_CASE_STATE: _STATUS,
    FaultKind.NUMERIC_STRINGS: _STATUS,
    FaultKind.MISSING_COUNT: _STATUS,
    FaultKind.NEGATIVE_COUNT: _STATUS,
    FaultKind.EXTRA_FIELD: _STATUS,
}
"""The endpoints that a fault without an endpoint meets, where these are not all."""


@dataclass(frozen=True, slots=True)
class Encounter:
    """A request that meets a fault: `honest` gives the true answer, `kill_token` makes the presented token die."""

    fault: Fault
    endpoint: Endpoint
    honest: Callable[[], Answer]
    kill_token: Callable[[], None]


def _dead_token(encounter: Encounter) -> Answer:
    encounter.kill_token()
    return INVALID_TOKEN.answer


def _error(encounter: Encounter) -> Answer:
    fault = encounter.fault
    if encounter.endpoint is Endpoint.TOKEN:
        return oauth_refusal(fault.code, status=fault.status or HTTPStatus.OK)
    return _api_error(fault).answer


def _error_in_data(encounter: Encounter) -> Answer:
    error = _api_error(encounter.fault)
    return json_answer(HTTPStatus.OK, {"data": [error.content]}, code=error.code)


def _api_error(fault: Fault) -> ApiError:
    row = documented_error(fault.code)
    return ApiError(
        row.code,
        fault.status or row.status,
        row.message if fault.message is None else fault.message,
        row.details if fault.details is None else fault.details,
    )


def _throttle(encounter: Encounter) -> Answer:
    fault = encounter.fault
    content = _throttle_content(fault)
    answer = json_answer(HTTPStatus.TOO_MANY_REQUESTS, content, code="TOO_MANY_REQUESTS")
    return answer if fault.retry_after is None else answer.with_headers(("Retry-After", fault.retry_after))


def _throttle_content(fault: Fault) -> Mapping[str, object]:
    match fault.shape:
        case ThrottleShape.CONCURRENCY:
            return CONCURRENCY_EXCEEDED.content
        case ThrottleShape.CREDITS:
            return CREDITS_EXHAUSTED.content
        case ThrottleShape.RETRY_DETAILS:
            seconds = 60 if fault.seconds is None else int(fault.seconds)
            return {
                "code": "TOO_MANY_REQUESTS",
                "details": {
                    "trace_id": "0af7651916cd43dd",
                    "retry_after": seconds,
                    "limit": 100,
                    "window": 60,
                },
                "message": "Rate limit exceeded. Please retry after the specified time.",
                "status": "error",
            }
        case ThrottleShape.RATE_LIMIT_EXCEEDED:
            return {
                "code": "RATE_LIMIT_EXCEEDED",
                "message": "Too many requests. Please try again later.",
                "status": "error",
            }
        case ThrottleShape.NUMERIC_CODE:
            return {
                "code": 429,
                "error": "TOO_MANY_REQUESTS",
                "error_info": CREDITS_EXHAUSTED.message,
                "details": [],
            }


def _html(encounter: Encounter) -> Answer:
    return html_answer(encounter.fault.status or HTTPStatus.BAD_GATEWAY)


def _redirect(encounter: Encounter) -> Answer:
    location = ("Location", encounter.fault.location)
    return Answer(HTTPStatus.FOUND, content_type="text/html", headers=(location,), code="redirect")


def _no_content(_: Encounter) -> Answer:
    return Answer(HTTPStatus.NO_CONTENT, code="NO_CONTENT")


def _empty(_: Encounter) -> Answer:
    return Answer(HTTPStatus.OK, code="empty")


def _malformed_json(_: Encounter) -> Answer:
    return Answer(HTTPStatus.OK, b'{"data":[{"Status":RUNNING,}]', code="malformed_json")


def _truncated_json(encounter: Encounter) -> Answer:
    answer = encounter.honest()
    return replace(answer, body=answer.body[: len(answer.body) // 2])


def _huge_body(encounter: Encounter) -> Answer:
    answer = encounter.honest()
    padding = b" " * max(encounter.fault.size - len(answer.body), 0)
    return replace(answer, body=padding + answer.body)


Row = dict[str, object]
COUNTS = ("Failed_Count", "Updated_Count", "Not_Updated_Count", "Total_Count")


def _edited(edit: Callable[[Fault, Row], Row]) -> Callable[[Encounter], Answer]:
    """Make a fault of a change to the true report; an answer that is no report stays as it is."""

    def edited(encounter: Encounter) -> Answer:
        answer = encounter.honest()
        if answer.code or encounter.endpoint is not Endpoint.STATUS:
            return answer
        row = json.loads(answer.body)["data"][0]
        return json_answer(answer.status, {"data": [edit(encounter.fault, row)]})

    return edited


def _odd_state(fault: Fault, row: Row) -> Row:
    return {**row, "Status": fault.state}


def _lower_case_state(_: Fault, row: Row) -> Row:
    return {**row, "Status": str(row["Status"]).lower()}


def _numeric_strings(_: Fault, row: Row) -> Row:
    return {**row, **{count: str(row[count]) for count in COUNTS}}


def _missing_count(fault: Fault, row: Row) -> Row:
    missing = fault.field or "Updated_Count"
    return {key: value for key, value in row.items() if key != missing}


def _negative_count(fault: Fault, row: Row) -> Row:
    return {**row, fault.field or "Not_Updated_Count": -1}


def _extra_field(fault: Fault, row: Row) -> Row:
    return {**row, fault.field or "Skipped_Count": 3}


CONTENT: Mapping[FaultKind, Callable[[Encounter], Answer]] = {
    FaultKind.DEAD_TOKEN: _dead_token,
    FaultKind.ERROR: _error,
    FaultKind.ERROR_IN_DATA: _error_in_data,
    FaultKind.THROTTLE: _throttle,
    FaultKind.HTML: _html,
    FaultKind.REDIRECT: _redirect,
    FaultKind.NO_CONTENT: _no_content,
    FaultKind.EMPTY: _empty,
    FaultKind.MALFORMED_JSON: _malformed_json,
    FaultKind.TRUNCATED_JSON: _truncated_json,
    FaultKind.HUGE_BODY: _huge_body,
    FaultKind.ODD_STATE: _edited(_odd_state),
    FaultKind.LOWER_CASE_STATE: _edited(_lower_case_state),
    FaultKind.NUMERIC_STRINGS: _edited(_numeric_strings),
    FaultKind.MISSING_COUNT: _edited(_missing_count),
    FaultKind.NEGATIVE_COUNT: _edited(_negative_count),
    FaultKind.EXTRA_FIELD: _edited(_extra_field),
}
"""What is said wrongly: the answer in place of the true one."""


def _timeout(fault: Fault, _: Answer) -> Delivery:
    return Delivery((Stall(fault.seconds),))


def _stalled_headers(fault: Fault, answer: Answer) -> Delivery:
    status_line = head(answer).split(b"\r\n", 1)[0] + b"\r\n"
    return Delivery((Send(status_line), Stall(fault.seconds)))


def _stalled_body(fault: Fault, answer: Answer) -> Delivery:
    return Delivery((half(answer), Stall(fault.seconds)))


def _reset(_: Fault, __: Answer) -> Delivery:
    return Delivery((Reset(),))


def _reset_in_body(_: Fault, answer: Answer) -> Delivery:
    return Delivery((half(answer), Reset()))


def _latency(fault: Fault, answer: Answer) -> Delivery:
    return replace(whole(answer), steps=(Pause(fault.seconds or 0.0), *whole(answer).steps))


def _trickle(fault: Fault, answer: Answer) -> Delivery:
    steps: list[Step] = [Send(head(answer))]
    for position in range(len(answer.body)):
        steps += [Stall(fault.seconds or 0.0), Send(answer.body[position : position + 1])]
    return Delivery(tuple(steps))


TRANSPORT: Mapping[FaultKind, Callable[[Fault, Answer], Delivery]] = {
    FaultKind.TIMEOUT: _timeout,
    FaultKind.STALLED_HEADERS: _stalled_headers,
    FaultKind.STALLED_BODY: _stalled_body,
    FaultKind.RESET: _reset,
    FaultKind.RESET_IN_BODY: _reset_in_body,
    FaultKind.LATENCY: _latency,
    FaultKind.TRICKLE: _trickle,
}
"""How an answer travels wrongly. The request itself has been carried out, as behind a real broken line."""


def spoil_content(encounter: Encounter) -> Answer:
    """Give the answer that the fault makes of the request: the true one, when only the transport is at fault."""
    spoil = CONTENT.get(encounter.fault.kind)
    return encounter.honest() if spoil is None else spoil(encounter)


def spoil_delivery(fault: Fault | None, answer: Answer) -> Delivery:
    """Give the steps in which an answer travels."""
    spoil = TRANSPORT.get(fault.kind) if fault else None
    return whole(answer) if fault is None or spoil is None else spoil(fault, answer)


class FaultBook:
    """The faults in force. Thread-safe: one lock for the list and what is left of each."""

    def __init__(self, faults: tuple[Fault, ...] = ()) -> None:
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._entries: dict[int, Fault] = {}
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault) -> int:
        """Put a fault in force and give its number."""
        with self._lock:
            number = next(self._ids)
            self._entries[number] = fault
            return number

    def clear(self) -> None:
        """Put every fault out of force."""
        with self._lock:
            self._entries.clear()

    def meet(self, endpoint: Endpoint, module: str | None, job_id: str | None) -> Fault | None:
        """Give the newest fault that a request meets, and use up one of its times."""
        with self._lock:
            for number, fault in reversed(self._entries.items()):
                if fault.matches(endpoint, module, job_id):
                    self._use(number, fault)
                    return fault
            return None

    def _use(self, number: int, fault: Fault) -> None:
        if fault.times is None:
            return
        if fault.times > 1:
            self._entries[number] = replace(fault, times=fault.times - 1)
        else:
            del self._entries[number]
