"""Each fault that is said, as a change of the answer."""

import json

import pytest

from exporter.simulator.crm import State, Status, UnknownJob, status_answer
from exporter.simulator.crm.refusals import NOT_FOUND
from exporter.simulator.faults import Encounter, Endpoint, Fault, FaultKind, ThrottleShape
from exporter.simulator.faults.content import spoil_content
from exporter.simulator.transport import Answer

TRUE_ANSWER = status_answer(Status(State.RUNNING, 30, 1, 19, 50))
TRUE_ROW = {
    "Status": "RUNNING",
    "Failed_Count": 1,
    "Updated_Count": 30,
    "Not_Updated_Count": 19,
    "Total_Count": 50,
}


def spoiled(fault: Fault, endpoint: Endpoint = Endpoint.STATUS, honest: Answer = TRUE_ANSWER) -> Answer:
    """Give what a fault makes of the true answer."""
    return spoil_content(Encounter(fault, endpoint, honest=lambda: honest, kill_token=lambda: None))


@pytest.mark.parametrize(
    ("fault", "row"),
    [
        (Fault(FaultKind.ODD_STATE), {**TRUE_ROW, "Status": "ARCHIVED"}),
        (Fault(FaultKind.ODD_STATE, state="PAUSED"), {**TRUE_ROW, "Status": "PAUSED"}),
        (Fault(FaultKind.LOWER_CASE_STATE), {**TRUE_ROW, "Status": "running"}),
        (
            Fault(FaultKind.NUMERIC_STRINGS),
            {
                "Status": "RUNNING",
                "Failed_Count": "1",
                "Updated_Count": "30",
                "Not_Updated_Count": "19",
                "Total_Count": "50",
            },
        ),
        (
            Fault(FaultKind.MISSING_COUNT),
            {"Status": "RUNNING", "Failed_Count": 1, "Not_Updated_Count": 19, "Total_Count": 50},
        ),
        (
            Fault(FaultKind.MISSING_COUNT, field="Status"),
            {"Failed_Count": 1, "Updated_Count": 30, "Not_Updated_Count": 19, "Total_Count": 50},
        ),
        (Fault(FaultKind.NEGATIVE_COUNT), {**TRUE_ROW, "Not_Updated_Count": -1}),
        (Fault(FaultKind.NEGATIVE_COUNT, field="Failed_Count"), {**TRUE_ROW, "Failed_Count": -1}),
        (Fault(FaultKind.EXTRA_FIELD), {**TRUE_ROW, "Skipped_Count": 3}),
        (
            Fault(FaultKind.ERROR_IN_DATA, code="NO_PERMISSION", details={}),
            {
                "code": "NO_PERMISSION",
                "details": {},
                "message": "Permission denied to read records",
                "status": "error",
            },
        ),
    ],
    ids=lambda value: str(value.kind) if isinstance(value, Fault) else None,
)
def test_a_report_is_changed(fault: Fault, row: dict[str, object]) -> None:
    """The element of `data` is what the fault makes of it, under HTTP 200."""
    answer = spoiled(fault)
    assert answer.status == 200
    assert json.loads(answer.body) == {"data": [row]}


@pytest.mark.parametrize(
    ("endpoint", "honest"),
    [
        pytest.param(Endpoint.STATUS, Answer(204, code="NO_CONTENT"), id="refusal"),
        pytest.param(Endpoint.TOKEN, Answer(200, b"{}"), id="token"),
    ],
)
def test_what_is_no_report_stays_as_it_is(endpoint: Endpoint, honest: Answer) -> None:
    """A fault of the report leaves refusals and other endpoints alone."""
    assert spoiled(Fault(FaultKind.ODD_STATE, endpoint=endpoint), endpoint, honest) == honest


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        (
            Fault(FaultKind.ERROR),
            500,
            b'{"code":"INTERNAL_ERROR","details":{},"message":"Internal Server Error","status":"error"}',
        ),
        (
            Fault(FaultKind.ERROR, code="NEW_WORD", status=418, message="hm", details={"a": 1}),
            418,
            b'{"code":"NEW_WORD","details":{"a":1},"message":"hm","status":"error"}',
        ),
        (
            Fault(FaultKind.DEAD_TOKEN),
            401,
            b'{"code":"INVALID_TOKEN","details":{},"message":"invalid oauth token","status":"error"}',
        ),
        (
            Fault(FaultKind.HTML, status=503),
            503,
            (
                b"<!DOCTYPE html><html><head><title>Service Unavailable</title></head>"
                b"<body><h1>Service Unavailable</h1></body></html>"
            ),
        ),
        (Fault(FaultKind.REDIRECT), 302, b""),
        (Fault(FaultKind.NO_CONTENT), 204, b""),
        (
            Fault(FaultKind.UNKNOWN_JOB, unknown=UnknownJob.NO_DATA),
            204,
            b'{"code":"NO_DATA","message":"there is no data to show"}',
        ),
        (
            Fault(FaultKind.UNKNOWN_JOB, unknown=UnknownJob.NULL_CODE),
            404,
            b'{"code":null,"details":{},"message":"Empty response","status":"error"}',
        ),
        (
            Fault(FaultKind.ERROR, code="INVALID_HOST"),
            400,
            (
                b'{"code":"INVALID_HOST","details":{},'
                b'"message":"The API was called on another domain than the organisation\'s","status":"error"}'
            ),
        ),
        (
            Fault(FaultKind.ERROR, code="AUTHENTICATION_FAILED"),
            401,
            b'{"code":"AUTHENTICATION_FAILED","details":{},"message":"Authentication failed","status":"error"}',
        ),
        (Fault(FaultKind.EMPTY), 200, b""),
        (Fault(FaultKind.MALFORMED_JSON), 200, b'{"data":[{"Status":RUNNING,}]'),
        (Fault(FaultKind.TRUNCATED_JSON), 200, b'{"data":[{"Status":"RUNNING","Failed_Count":1,"Update'),
        (
            Fault(FaultKind.THROTTLE),
            429,
            (
                b'{"code":"TOO_MANY_REQUESTS","details":{},'
                b'"message":"Many requests fired in concurrent than the allowed limit.","status":"error"}'
            ),
        ),
        (
            Fault(FaultKind.THROTTLE, shape=ThrottleShape.CREDITS),
            429,
            (
                b'{"code":"TOO_MANY_REQUESTS","details":{},'
                b'"message":"Many requests fired than the allowed limit for the past 24 hours.","status":"error"}'
            ),
        ),
        (
            Fault(FaultKind.THROTTLE, shape=ThrottleShape.RATE_LIMIT_EXCEEDED),
            429,
            b'{"code":"RATE_LIMIT_EXCEEDED","message":"Too many requests. Please try again later.","status":"error"}',
        ),
        (
            Fault(FaultKind.THROTTLE, shape=ThrottleShape.NUMERIC_CODE),
            429,
            (
                b'{"code":429,"error":"TOO_MANY_REQUESTS","error_info":'
                b'"Many requests fired than the allowed limit for the past 24 hours.","details":[]}'
            ),
        ),
    ],
    ids=lambda value: f"{value.kind}-{value.shape}-{value.unknown}" if isinstance(value, Fault) else None,
)
def test_an_answer_is_replaced(fault: Fault, status: int, body: bytes) -> None:
    """Status and body are those of the fault."""
    answer = spoiled(fault)
    assert (answer.status, answer.body) == (status, body)


@pytest.mark.parametrize(("seconds", "retry_after"), [(None, 60), (7, 7)], ids=["default", "given"])
def test_a_throttle_may_say_when_in_its_details(seconds: float | None, retry_after: int) -> None:
    """`seconds` becomes `details.retry_after`."""
    fault = Fault(FaultKind.THROTTLE, shape=ThrottleShape.RETRY_DETAILS, seconds=seconds)
    assert json.loads(spoiled(fault).body)["details"]["retry_after"] == retry_after


@pytest.mark.parametrize("retry_after", ["30", "Wed, 21 Oct 2026 07:28:00 GMT"], ids=["seconds", "date"])
def test_a_throttle_may_say_when_in_a_header(retry_after: str) -> None:
    """The header goes out as given."""
    answer = spoiled(Fault(FaultKind.THROTTLE, retry_after=retry_after))
    assert answer.headers == (("Retry-After", retry_after),)


def test_a_redirect_names_its_location() -> None:
    """The location goes out as given."""
    answer = spoiled(Fault(FaultKind.REDIRECT, location="https://elsewhere.example/"))
    assert answer.headers == (("Location", "https://elsewhere.example/"),)


def test_a_huge_body_has_the_size_asked_for() -> None:
    """It is still the true report, behind a lot of white space."""
    body = spoiled(Fault(FaultKind.HUGE_BODY, size=5_000)).body
    assert len(body) == 5_000
    assert json.loads(body) == {"data": [TRUE_ROW]}


@pytest.mark.parametrize(
    ("fault", "status"),
    [(Fault(FaultKind.ERROR, code="invalid_code"), 200), (Fault(FaultKind.ERROR, code="x", status=400), 400)],
    ids=["default", "given"],
)
def test_an_error_of_the_token_endpoint_is_an_oauth_word(fault: Fault, status: int) -> None:
    """Under HTTP 200 unless said otherwise."""
    answer = spoiled(fault, Endpoint.TOKEN)
    assert (answer.status, json.loads(answer.body)) == (status, {"error": fault.code})


@pytest.mark.parametrize(
    ("honest", "content"),
    [
        pytest.param(TRUE_ANSWER, {"data": TRUE_ROW}, id="report"),
        pytest.param(NOT_FOUND.answer, {"data": NOT_FOUND.content}, id="refusal"),
        pytest.param(Answer(204), {"data": {}}, id="nothing"),
    ],
)
def test_the_data_may_be_an_object(honest: Answer, content: object) -> None:
    """The status stays."""
    answer = spoiled(Fault(FaultKind.DATA_OBJECT), honest=honest)
    assert (answer.status, json.loads(answer.body)) == (honest.status, content)
