"""The documented refusals, byte for byte."""

import pytest

from exporter.simulator.crm.refusals import (
    ALREADY_SCHEDULED,
    DOCUMENTED_ERRORS,
    LIMIT_EXCEEDED,
    UNSUPPORTED_MODULE,
    OAuthError,
    UnknownJob,
    documented_error,
    oauth_refusal,
)
from exporter.simulator.transport import Answer


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
        ("AUTHENTICATION_FAILED", 401, "Authentication failed"),
        ("INVALID_HOST", 400, "The API was called on another domain than the organisation's"),
        ("NOT_SUPPORTED", 400, "the given module is not supported for this api"),
        ("FEATURE_NOT_SUPPORTED", 403, "Scheduled Mass Operation feature is not available in your edition"),
        ("NO_RECORDS_FOUND", 400, "no record found to update"),
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
        pytest.param(
            UnknownJob.NO_DATA,
            Answer(204, b'{"code":"NO_DATA","message":"there is no data to show"}', code="NO_DATA"),
            id="no_data",
        ),
        pytest.param(
            UnknownJob.NULL_CODE,
            Answer(404, b'{"code":null,"details":{},"message":"Empty response","status":"error"}', code="null"),
            id="null_code",
        ),
        pytest.param(UnknownJob.EMPTY_DATA, Answer(200, b'{"data":[]}', code="empty_data"), id="empty_data"),
        pytest.param(
            UnknownJob.BARE_INVALID_DATA,
            Answer(
                400,
                b'{"code":"INVALID_DATA","details":{},'
                b'"message":"The jobid given seems to be invalid","status":"error"}',
                code="INVALID_DATA",
            ),
            id="bare_invalid_data",
        ),
    ],
)
def test_no_such_job_has_many_shapes(shape: UnknownJob, answer: Answer) -> None:
    """Each shape as its source gives it."""
    assert shape.answer == answer


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
