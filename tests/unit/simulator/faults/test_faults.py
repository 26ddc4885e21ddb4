"""Each fault as a change of the answer or of its journey."""

import json

import pytest

from exporter.simulator.crm import UnknownJob, status_answer
from exporter.simulator.crm.refusals import NOT_FOUND
from exporter.simulator.crm.timeline import State, Status
from exporter.simulator.faults import (
    CONTENT,
    TRANSPORT,
    Encounter,
    Endpoint,
    Fault,
    FaultBook,
    FaultKind,
    Met,
    Stage,
    ThrottleShape,
    spoil_content,
    spoil_delivery,
)
from exporter.simulator.transport import Answer
from exporter.simulator.transport.delivery import Delivery, Pause, Reset, Send, Stall, head, whole

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


def test_every_kind_is_one_row_of_one_table() -> None:
    """A kind without a row would silently do nothing."""
    assert set(CONTENT) | set(TRANSPORT) == set(FaultKind)
    assert not set(CONTENT) & set(TRANSPORT)


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


STATUS_LINE = b"HTTP/1.1 200 OK\r\n"
SHORT = Answer(200, b"[]", content_type="x")
SHORT_HEADERS = b"Content-Type: x\r\nContent-Length: 2\r\n\r\n"
WHOLE = Send(head(SHORT) + b"[]")
CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nServer: ZGS\r\nContent-Type: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("fault", "delivery"),
    [
        (None, whole(SHORT)),
        (Fault(FaultKind.TIMEOUT, seconds=3), Delivery((Stall(3),))),
        (Fault(FaultKind.STALLED_HEADERS), Delivery((Send(STATUS_LINE), Stall()))),
        (Fault(FaultKind.STALLED_BODY), Delivery((Send(head(SHORT) + b"["), Stall()))),
        (Fault(FaultKind.RESET), Delivery((Reset(),))),
        (Fault(FaultKind.RESET_IN_BODY), Delivery((Send(head(SHORT) + b"["), Reset()))),
        (
            Fault(FaultKind.LATENCY, seconds=2),
            Delivery((Pause(2), Send(head(SHORT) + b"[]")), keeps_alive=True),
        ),
        (
            Fault(FaultKind.TRICKLE, seconds=1),
            Delivery((Send(head(SHORT)), Stall(1), Send(b"["), Stall(1), Send(b"]"))),
        ),
        (
            Fault(FaultKind.INTERIM),
            Delivery((Send(b"HTTP/1.1 103 Early Hints\r\n\r\n"), Pause(0), WHOLE), keeps_alive=True),
        ),
        (
            Fault(FaultKind.INTERIM, status=102, seconds=1),
            Delivery((Send(b"HTTP/1.1 102 Processing\r\n\r\n"), Pause(1), WHOLE), keeps_alive=True),
        ),
        (
            Fault(FaultKind.CHUNKED),
            Delivery((Send(CHUNKED_HEAD + b"2\r\n[]\r\n0\r\n\r\n"),), keeps_alive=True),
        ),
        (
            Fault(FaultKind.LATE_BODY, seconds=0.02),
            Delivery((Send(head(SHORT)), Pause(0.02), Send(b"[]")), keeps_alive=True),
        ),
        (Fault(FaultKind.TWICE), Delivery((WHOLE, WHOLE), keeps_alive=True)),
        (Fault(FaultKind.CLOSE_ON_REUSE), Delivery((WHOLE,), keeps_alive=True, drops_next=True)),
        (Fault(FaultKind.IDLE_CLOSE, seconds=5), Delivery((WHOLE,), keeps_alive=True, idle_seconds=5)),
    ],
    ids=lambda value: str(value.kind) if isinstance(value, Fault) else None,
)
def test_an_answer_travels_in_the_steps_of_the_fault(fault: Fault | None, delivery: Delivery) -> None:
    """Only an answer that gets there leaves the connection in use."""
    assert spoil_delivery(fault, SHORT) == delivery


@pytest.mark.parametrize(
    ("stage", "at_once", "slowly", "rest"),
    [
        (Stage.INTERIM, b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 50, head(SHORT) + b"[]"),
        (Stage.STATUS_LINE, b"", b"HTTP/1.1 200 OK", b"\r\nServer: ZGS\r\n" + SHORT_HEADERS + b"[]"),
        (Stage.HEADERS, STATUS_LINE, b"Server: ZGS\r\n" + SHORT_HEADERS, b"[]"),
        (Stage.BODY, head(SHORT), b"[]", b""),
        (Stage.CHUNK_EXTENSION, CHUNKED_HEAD + b"2", b";" + b"x" * 200, b"\r\n[]\r\n0\r\n\r\n"),
        (Stage.TRAILER, CHUNKED_HEAD + b"2\r\n[]\r\n0\r\n", b"X-Trailer: " + b"x" * 200, b"\r\n\r\n"),
    ],
    ids=lambda value: str(value) if isinstance(value, Stage) else None,
)
def test_any_part_of_an_answer_may_come_drop_by_drop(stage: Stage, at_once: bytes, slowly: bytes, rest: bytes) -> None:
    """A wait before each byte of it, and none before the rest."""
    steps = spoil_delivery(Fault(FaultKind.TRICKLE, seconds=1, stage=stage), SHORT).steps
    first = [Send(at_once)] if at_once else []
    drops = [step for byte in slowly for step in (Stall(1), Send(bytes([byte])))]
    assert steps == (*first, *drops, *([Send(rest)] if rest else []))


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


def test_words_of_the_request_are_echoed_in_texts_alone() -> None:
    """In lists and mappings too; a kind is no text."""
    fault = Fault(FaultKind.ERROR, message="{token}!", details={"a": ["{token}", 1]}, values=("{other}",))
    assert fault.echoing({"token": "t", "error": "x"}) == Fault(
        FaultKind.ERROR, message="t!", details={"a": ["t", 1]}, values=("{other}",)
    )


@pytest.mark.parametrize(
    ("fault", "meets"),
    [
        (Fault(FaultKind.RESET), True),
        (Fault(FaultKind.RESET, endpoint=Endpoint.STATUS), True),
        (Fault(FaultKind.RESET, endpoint=Endpoint.TOKEN), False),
        (Fault(FaultKind.RESET, module="Leads"), True),
        (Fault(FaultKind.RESET, module="Deals"), False),
        (Fault(FaultKind.RESET, module="Leads", job_id="1"), True),
        (Fault(FaultKind.RESET, job_id="2"), False),
    ],
    ids=["any", "endpoint", "other-endpoint", "module", "other-module", "job", "other-job"],
)
def test_a_fault_meets_what_it_names(fault: Fault, meets: bool) -> None:  # noqa: FBT001 - a table's expected value
    """What a fault does not name matches anything."""
    assert fault.matches(Endpoint.STATUS, "Leads", "1") is meets


def test_a_fault_of_the_api_does_not_meet_the_token_endpoint_unasked() -> None:
    """`error` without an endpoint is about the API."""
    assert not Fault(FaultKind.ERROR).matches(Endpoint.TOKEN, None, None)
    assert Fault(FaultKind.ERROR, endpoint=Endpoint.TOKEN).matches(Endpoint.TOKEN, None, None)


def test_the_newest_fault_of_a_sort_wins_until_it_is_used_up() -> None:
    """Then the older one is met again."""
    old, new = Fault(FaultKind.EMPTY), Fault(FaultKind.ERROR, times=2)
    book = FaultBook((old,))
    assert book.add(new) == 2
    met = [book.meet(Endpoint.STATUS, "Leads", "1") for _ in range(3)]
    assert [each.kinds for each in met] == [("error",), ("error",), ("empty",)]


def test_a_request_meets_a_fault_of_each_sort() -> None:
    """One makes its answer and one makes it travel; each counts its own times."""
    book = FaultBook((Fault(FaultKind.EMPTY), Fault(FaultKind.RESET, times=1)))
    met = [book.meet(Endpoint.STATUS, "Leads", "1") for _ in range(2)]
    assert met == [Met(Fault(FaultKind.EMPTY), Fault(FaultKind.RESET, times=1)), Met(Fault(FaultKind.EMPTY))]


def test_cleared_faults_are_met_no_more() -> None:
    """Also those from the start."""
    book = FaultBook((Fault(FaultKind.EMPTY),))
    book.clear()
    assert book.meet(Endpoint.STATUS, "Leads", "1") == Met()
