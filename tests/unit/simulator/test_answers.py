"""The documented bodies, byte for byte."""

import pytest

from exporter.simulator.answers import (
    ALREADY_SCHEDULED,
    DOCUMENTED_ERRORS,
    LIMIT_EXCEEDED,
    UNSUPPORTED_MODULE,
    Answer,
    OAuthError,
    UnknownJob,
    documented_error,
    html_answer,
    oauth_refusal,
    scheduled_answer,
    status_answer,
)
from exporter.simulator.timeline import State, Status


@pytest.mark.parametrize(
    ("code", "status", "message"),
    [
        ("NOT_FOUND", 404, "Empty response"),
        ("INVALID_DATA", 400, "The jobid given seems to be invalid"),
        ("MANDATORY_NOT_FOUND", 400, "mandatory param missing"),
        (
            "UNABLE_TO_PARSE_DATA_TYPE",
            400,
            "either the request body or parameters is in wrong format",
        ),
        ("INVALID_URL_PATTERN", 404, "Please check if the URL trying to access is a correct one"),
        ("OAUTH_SCOPE_MISMATCH", 401, "Unauthorized"),
        ("NO_PERMISSION", 403, "Permission denied to read records"),
        ("AUTHORIZATION_FAILED", 400, "User does not have sufficient privilege to read records"),
        ("INVALID_REQUEST_METHOD", 400, "The http request method type is not a valid one"),
        ("INVALID_MODULE", 400, "The module name given seems to be invalid"),
        ("INTERNAL_ERROR", 500, "Internal Server Error"),
        ("INTERNAL_SERVER_ERROR", 500, "Internal Server Error"),
        ("INVALID_TOKEN", 401, "invalid oauth token"),
        ("AUTHENTICATION_FAILURE", 401, "Authentication failed"),
        ("TOO_MANY_REQUESTS", 429, "Many requests fired than the allowed limit for the past 24 hours."),
        ("SOMETHING_NEW", 400, "something new"),
    ],
)
def test_an_error_has_its_documented_status_and_message(code: str, status: int, message: str) -> None:
    """Every code of the status call's page is a row; an unknown code is a plain 400."""
    error = documented_error(code)
    assert (error.code, error.status, error.message) == (code, status, message)


def test_the_rows_differ() -> None:
    """No row stands twice in the table."""
    assert len({(error.code, error.message) for error in DOCUMENTED_ERRORS}) == len(DOCUMENTED_ERRORS)


def test_an_error_body_is_written_as_documented() -> None:
    """The second message of INVALID_MODULE, as bytes."""
    answer = UNSUPPORTED_MODULE.answer
    assert answer.body == (
        b'{"code":"INVALID_MODULE","details":{"resource_path_index":0},'
        b'"message":"The given module is not supported in API","status":"error"}'
    )


@pytest.mark.parametrize("error", [ALREADY_SCHEDULED, LIMIT_EXCEEDED], ids=lambda error: str(error.code))
def test_the_errors_of_scheduling_are_bad_requests(error: object) -> None:
    """They follow the newest specification."""
    assert getattr(error, "status", None) == 400


@pytest.mark.parametrize(
    ("shape", "answer"),
    [
        pytest.param(
            UnknownJob.NOT_FOUND,
            Answer(
                404,
                b'{"code":"NOT_FOUND","details":{},"message":"Empty response","status":"error"}',
                code="NOT_FOUND",
            ),
            id="not_found",
        ),
        pytest.param(
            UnknownJob.INVALID_DATA,
            Answer(
                400,
                b'{"code":"INVALID_DATA","details":{"param_name":"job_id"},'
                b'"message":"The jobid given seems to be invalid","status":"error"}',
                code="INVALID_DATA",
            ),
            id="invalid_data",
        ),
        pytest.param(UnknownJob.NO_CONTENT, Answer(204, code="NO_CONTENT"), id="no_content"),
    ],
)
def test_no_such_job_has_three_shapes(shape: UnknownJob, answer: Answer) -> None:
    """Each shape as its source gives it."""
    assert shape.answer == answer


def test_a_report_has_the_five_documented_keys() -> None:
    """In the order of the page's samples."""
    answer = status_answer(Status(State.RUNNING, 30, 1, 19, 50))
    assert answer.body == (
        b'{"data":[{"Status":"RUNNING","Failed_Count":1,"Updated_Count":30,"Not_Updated_Count":19,"Total_Count":50}]}'
    )


def test_a_scheduled_job_is_confirmed_with_its_id_as_text() -> None:
    """The id of the sample does not survive a float."""
    assert scheduled_answer("554023000000506003").body == (
        b'{"data":[{"code":"SUCCESS","details":{"job_id":"554023000000506003"},'
        b'"message":"mass update scheduled successfully","status":"success"}]}'
    )


@pytest.mark.parametrize(
    ("word", "body"),
    [
        (OAuthError.INVALID_CLIENT, b'{"error":"invalid_client"}'),
        (OAuthError.INVALID_CLIENT_SECRET, b'{"error":"invalid_client_secret"}'),
        (OAuthError.INVALID_CODE, b'{"error":"invalid_code"}'),
        (
            OAuthError.ACCESS_DENIED,
            (
                b'{"error_description":"You have made too many requests continuously. '
                b'Please try again after some time.","error":"Access Denied","status":"failure"}'
            ),
        ),
    ],
    ids=str,
)
def test_a_token_is_refused_under_http_200(word: OAuthError, body: bytes) -> None:
    """The status says nothing; the body does."""
    assert oauth_refusal(word) == Answer(200, body, code=word)


@pytest.mark.parametrize(("status", "title"), [(502, b"Bad Gateway"), (520, b"Unknown")], ids=["known", "unknown"])
def test_an_edge_answers_in_html(status: int, title: bytes) -> None:
    """Also under a status that no standard knows."""
    assert title in html_answer(status).body
