"""What is said wrongly. The next fault of this sort is a word in `FaultKind` and one row in `CONTENT`."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus

from exporter.simulator.crm import ApiError, UnknownJob, documented_error, oauth_refusal
from exporter.simulator.crm.refusals import CONCURRENCY_EXCEEDED, CREDITS_EXHAUSTED, INVALID_TOKEN
from exporter.simulator.faults.fault import ACCOUNTS, Endpoint, Fault, FaultKind, ThrottleShape
from exporter.simulator.transport import Answer, html_answer, json_answer


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
    if encounter.endpoint in ACCOUNTS:
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
                "details": {"trace_id": "0af7651916cd43dd", "retry_after": seconds, "limit": 100, "window": 60},
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
            return {"code": 429, "error": "TOO_MANY_REQUESTS", "error_info": CREDITS_EXHAUSTED.message, "details": []}


def _redirect(encounter: Encounter) -> Answer:
    location = ("Location", encounter.fault.location)
    return Answer(HTTPStatus.FOUND, content_type="text/html", headers=(location,), code="redirect")


def _truncated_json(encounter: Encounter) -> Answer:
    answer = encounter.honest()
    return replace(answer, body=answer.body[: len(answer.body) // 2])


def _huge_body(encounter: Encounter) -> Answer:
    answer = encounter.honest()
    padding = b" " * max(encounter.fault.size - len(answer.body), 0)
    return replace(answer, body=padding + answer.body)


def _extra_header(encounter: Encounter) -> Answer:
    fault = encounter.fault
    name = fault.field or "X-API-CREDITS-REMAINING"
    return encounter.honest().with_headers(*((name, value) for value in fault.values))


def _data_object(encounter: Encounter) -> Answer:
    """Give an object where a list is expected, as Zoho's older OpenAPI has it; a refusal goes in there too."""
    answer = encounter.honest()
    content = json.loads(answer.body or b"{}")
    row, *_ = content.get("data") or [content]
    return json_answer(answer.status, {"data": row}, code=answer.code)


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


def _missing_count(fault: Fault, row: Row) -> Row:
    missing = fault.field or "Updated_Count"
    return {key: value for key, value in row.items() if key != missing}


CONTENT: Mapping[FaultKind, Callable[[Encounter], Answer]] = {
    FaultKind.DEAD_TOKEN: _dead_token,
    FaultKind.ERROR: _error,
    FaultKind.ERROR_IN_DATA: _error_in_data,
    FaultKind.THROTTLE: _throttle,
    FaultKind.HTML: lambda met: html_answer(met.fault.status or HTTPStatus.BAD_GATEWAY, met.fault.message),
    FaultKind.REDIRECT: _redirect,
    FaultKind.NO_CONTENT: lambda _: UnknownJob.NO_CONTENT.answer,
    FaultKind.UNKNOWN_JOB: lambda met: met.fault.unknown.answer,
    FaultKind.EMPTY: lambda _: Answer(HTTPStatus.OK, code="empty"),
    FaultKind.MALFORMED_JSON: lambda _: Answer(HTTPStatus.OK, b'{"data":[{"Status":RUNNING,}]', code="malformed_json"),
    FaultKind.TRUNCATED_JSON: _truncated_json,
    FaultKind.HUGE_BODY: _huge_body,
    FaultKind.ODD_STATE: _edited(lambda fault, row: {**row, "Status": fault.state}),
    FaultKind.LOWER_CASE_STATE: _edited(lambda _, row: {**row, "Status": str(row["Status"]).lower()}),
    FaultKind.NUMERIC_STRINGS: _edited(lambda _, row: {**row, **{count: str(row[count]) for count in COUNTS}}),
    FaultKind.MISSING_COUNT: _edited(_missing_count),
    FaultKind.NEGATIVE_COUNT: _edited(lambda fault, row: {**row, fault.field or "Not_Updated_Count": -1}),
    FaultKind.EXTRA_FIELD: _edited(lambda fault, row: {**row, fault.field or "Skipped_Count": 3}),
    FaultKind.DATA_OBJECT: _data_object,
    FaultKind.EXTRA_HEADER: _extra_header,
}
"""What is said wrongly: the answer in place of the true one."""


def spoil_content(encounter: Encounter) -> Answer:
    """Give the answer that the fault makes of the request."""
    return CONTENT[encounter.fault.kind](encounter)
