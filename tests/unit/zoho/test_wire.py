"""What an answer of the status call means, without a network.

Source of the bodies: Zoho CRM v2.1 to v8, Get Mass Update Status; Zoho's OpenAPI files for v8; answers in the field.
"""

import base64
import html
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote_plus, unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.errors import (
    DeadTokenError,
    OutOfCreditsError,
    PassingError,
    PollError,
    RefusedError,
    ThrottledError,
)
from exporter.model import JobReport, JobState
from exporter.redactor import Redactor
from exporter.zoho.codes import LABEL_VALUES
from exporter.zoho.oauth import decode_token
from exporter.zoho.wire import (
    Answer,
    SealedAnswer,
    credits_remaining,
    decode_report,
    parse_object,
    quote,
    retry_after_seconds,
)

RECEIVED_AT = 1_790_000_000.0
"""2026-09-21 14:13:20 UTC."""
COUNTS = '"Failed_Count":0,"Updated_Count":30,"Not_Updated_Count":20,"Total_Count":50'
HTML = b"<html><body>Sorry</body></html>"
CANARY = "canary-7f3a91"


def answer(body: str | bytes = b"", status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Give an answer as the transport would; `headers` in lower case."""
    return Answer(status, headers or {}, body.encode() if isinstance(body, str) else body, RECEIVED_AT)


def status_body(word: str) -> str:
    """Give a body of the page's shape with a status word."""
    return f'{{"data":[{{"Status":{json.dumps(word)},{COUNTS}}}]}}'


def failure(body: str | bytes = b"", status: int = 200, headers: Mapping[str, str] | None = None) -> PollError:
    """Give the error that an answer turns out to be."""
    with pytest.raises(PollError) as raised:
        decode_report(answer(body, status, headers), "Leads")
    return raised.value


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            '{"data":[{"Status":"COMPLETED","Failed_Count":0,"Updated_Count":50,"Not_Updated_Count":0,"Total_Count":50}]}',
            JobReport(JobState.COMPLETED, updated=50, failed=0, not_updated=0, total=50),
            id="page-completed",
        ),
        pytest.param(
            '{"data":[{"Status":"FAILED","Failed_Count":50,"Updated_Count":0,"Not_Updated_Count":0,"Total_Count":50}]}',
            JobReport(JobState.FAILED, updated=0, failed=50, not_updated=0, total=50),
            id="page-failed",
        ),
        pytest.param(
            '{"data":[{"Status":"SCHEDULED","Failed_Count":0,"Updated_Count":0,"Not_Updated_Count":50,"Total_Count":50}]}',
            JobReport(JobState.SCHEDULED, updated=0, failed=0, not_updated=50, total=50),
            id="page-scheduled",
        ),
        pytest.param(
            '{"data":[{"Status":"RUNNING","Failed_Count":0,"Updated_Count":30,"Not_Updated_Count":20,"Total_Count":50}]}',
            JobReport(JobState.RUNNING, updated=30, failed=0, not_updated=20, total=50),
            id="page-running",
        ),
        pytest.param(
            '{"data":[{"Status":"SCHEDULED","Failed_Count":0,"Updated_Count":0,"Not_Updated_Count":18,"Total_Count":18}]}',
            JobReport(JobState.SCHEDULED, updated=0, failed=0, not_updated=18, total=18),
            id="spec-scheduled",
        ),
        pytest.param(
            '{"data":[{"Status":"COMPLETED","Failed_Count":3,"Updated_Count":45,"Not_Updated_Count":5,"Total_Count":40}]}',
            JobReport(JobState.COMPLETED, updated=45, failed=3, not_updated=5, total=40),
            id="counts-that-do-not-add-up",
        ),
        pytest.param(
            '{"info":{"x":1},"data":[{"Status":"RUNNING","Failed_Count":0,"Updated_Count":30,'
            '"Not_Updated_Count":20,"Total_Count":50,"Criteria":{"a":[1]},"Job_Id":1}]}',
            JobReport(JobState.RUNNING, updated=30, failed=0, not_updated=20, total=50),
            id="extra-fields",
        ),
        pytest.param(
            '{"code":"SUCCESS","data":[{"Status":"RUNNING","Failed_Count":0,"Updated_Count":30,'
            '"Not_Updated_Count":20,"Total_Count":50,"error":"none"}]}',
            JobReport(JobState.RUNNING, updated=30, failed=0, not_updated=20, total=50),
            id="words-of-success-beside-the-status",
        ),
        pytest.param(
            '\ufeff{"data":[{"Status":"RUNNING","Failed_Count":0,"Updated_Count":30,"Not_Updated_Count":20,'
            '"Total_Count":50}]}\r\n',
            JobReport(JobState.RUNNING, updated=30, failed=0, not_updated=20, total=50),
            id="byte-order-mark",
        ),
        pytest.param(
            '{"data":[{"Status":"RUNNING"}]}',
            JobReport(JobState.RUNNING, updated=None, failed=None, not_updated=None, total=None),
            id="all-counts-missing",
        ),
        pytest.param(
            '{"data":{"Status":"RUNNING","Failed_Count":0,"Updated_Count":30,"Not_Updated_Count":20,"Total_Count":50}}',
            JobReport(JobState.RUNNING, updated=30, failed=0, not_updated=20, total=50),
            id="data-an-object",
        ),
        pytest.param(
            '{"data":[{"Status":"RUNNING"}],"data":[{"Status":"FAILED","Total_Count":1,"Total_Count":2,"Status":"RUNNING"}]}',
            JobReport(JobState.RUNNING, updated=None, failed=None, not_updated=None, total=2),
            id="keys-that-stand-twice",
        ),
    ],
)
def test_a_status_answer_is_read_as_zoho_wrote_it(body: str, expected: JobReport) -> None:
    """Every sample of Zoho's gives its state and its four counts, none of them derived."""
    assert decode_report(answer(body), "Leads") == expected


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("SCHEDULED", JobState.SCHEDULED),
        ("QUEUED", JobState.QUEUED),
        ("RUNNING", JobState.RUNNING),
        ("SUSPENDED", JobState.SUSPENDED),
        ("COMPLETED", JobState.COMPLETED),
        ("FAILED", JobState.FAILED),
        ("scheduled", JobState.SCHEDULED),
        ("Queued", JobState.QUEUED),
        ("rUnNiNg", JobState.RUNNING),
        ("Suspended", JobState.SUSPENDED),
        ("completed", JobState.COMPLETED),
        ("Failed", JobState.FAILED),
        pytest.param("  Completed\n", JobState.COMPLETED, id="spaces-around"),
    ],
)
def test_a_documented_state_is_known_in_any_case(word: str, state: JobState) -> None:
    """A documented state is that state however it is spelt, and leaves no undocumented word."""
    report = decode_report(answer(status_body(word)), "Leads")
    assert (report.state, report.undocumented_word) == (state, "")


@pytest.mark.parametrize(
    ("word", "kept"),
    [
        pytest.param("in progress", "IN PROGRESS", id="sibling-in-progress"),
        pytest.param("in_progress", "IN_PROGRESS", id="sibling-in_progress"),
        pytest.param("ABORTED", "ABORTED", id="new-word"),
        pytest.param("UNKNOWN", "UNKNOWN", id="our-own-word"),
        pytest.param("COMPLETED.", "COMPLETED.", id="almost"),
        pytest.param("готово", "ГОТОВО", id="cyrillic"),
        pytest.param("a\nb\x00c", "A B C", id="control-characters"),
        pytest.param("\ud800", " ", id="lone-surrogate"),
        pytest.param("x" * 121, "X" * 120 + "…", id="long"),
        pytest.param("", "(empty)", id="empty"),
    ],
)
def test_an_undocumented_state_is_unknown_and_its_word_is_kept(word: str, kept: str) -> None:
    """Any other word is `UNKNOWN`, with the word kept, printable and short."""
    report = decode_report(answer(status_body(word)), "Leads")
    assert report == JobReport(JobState.UNKNOWN, updated=30, failed=0, not_updated=20, total=50, undocumented_word=kept)


@pytest.mark.parametrize(
    ("literal", "count"),
    [
        pytest.param("0", 0, id="zero"),
        pytest.param("50000", 50_000, id="number"),
        pytest.param('"50000"', 50_000, id="numeric-string"),
        pytest.param('" 42 "', 42, id="numeric-string-with-spaces"),
        pytest.param('"007"', 7, id="numeric-string-with-zeros"),
        pytest.param("12.0", 12, id="whole-float"),
        pytest.param("1e3", 1000, id="whole-exponent"),
        pytest.param("9007199254740992", 9_007_199_254_740_992, id="largest-exact"),
        pytest.param("9007199254740993", None, id="above-largest-exact"),
        pytest.param("1" + "0" * 400, None, id="huge"),
        pytest.param("1e308", None, id="huge-float"),
        pytest.param('"9223372036854775807"', None, id="huge-string"),
        pytest.param('"' + "9" * 5000 + '"', None, id="endless-string"),
        pytest.param("-1", None, id="negative"),
        pytest.param('"-1"', None, id="negative-string"),
        pytest.param("-0.0", 0, id="negative-zero"),
        pytest.param("12.5", None, id="fraction"),
        pytest.param('"12.5"', None, id="fraction-string"),
        pytest.param("NaN", None, id="nan"),
        pytest.param("1e400", None, id="beyond-any-float"),
        pytest.param("Infinity", None, id="infinity"),
        pytest.param("-Infinity", None, id="minus-infinity"),
        pytest.param("true", None, id="true"),
        pytest.param("false", None, id="false"),
        pytest.param("null", None, id="null"),
        pytest.param('""', None, id="empty-string"),
        pytest.param('"many"', None, id="word"),
        pytest.param('"٤٢"', None, id="arabic-digits"),
        pytest.param('"1_000"', None, id="underscore"),
        pytest.param("[50]", None, id="list"),
        pytest.param('{"value":50}', None, id="object"),
    ],
)
@pytest.mark.parametrize(
    ("key", "attribute"),
    [
        ("Updated_Count", "updated"),
        ("Failed_Count", "failed"),
        ("Not_Updated_Count", "not_updated"),
        ("Total_Count", "total"),
    ],
)
def test_a_count_is_a_number_of_records_or_absent(key: str, attribute: str, literal: str, count: int | None) -> None:
    """A count that can't be a number of records is absent, and the state is read all the same."""
    report = decode_report(answer(f'{{"data":[{{"Status":"RUNNING","{key}":{literal}}}]}}'), "Leads")
    assert (report.state, getattr(report, attribute)) == (JobState.RUNNING, count)


@pytest.mark.parametrize("missing", ["Failed_Count", "Updated_Count", "Not_Updated_Count", "Total_Count"])
def test_a_missing_count_is_absent_and_spoils_no_other(missing: str) -> None:
    """A missing count is absent; the other three are as answered."""
    element = {"Status": "RUNNING", "Failed_Count": 7, "Updated_Count": 7, "Not_Updated_Count": 7, "Total_Count": 7}
    del element[missing]
    report = decode_report(answer(json.dumps({"data": [element]})), "Leads")
    counts = [report.updated, report.failed, report.not_updated, report.total]
    assert sorted(counts, key=str) == [7, 7, 7, None]


PAGE = [
    pytest.param("NOT_FOUND", 404, "Empty response", RefusedError, "Zoho knows no such job", id="NOT_FOUND"),
    pytest.param(
        "MANDATORY_NOT_FOUND", 400, "mandatory param missing", RefusedError, "report it", id="MANDATORY_NOT_FOUND"
    ),
    pytest.param(
        "INVALID_URL_PATTERN",
        404,
        "Please check if the URL trying to access is a correct one",
        RefusedError,
        "api_version",
        id="INVALID_URL_PATTERN",
    ),
    pytest.param(
        "OAUTH_SCOPE_MISMATCH",
        401,
        "Unauthorized",
        RefusedError,
        "ZohoCRM.mass_update.READ",
        id="OAUTH_SCOPE_MISMATCH",
    ),
    pytest.param(
        "NO_PERMISSION", 403, "Permission denied to read records", RefusedError, "permission", id="NO_PERMISSION"
    ),
    pytest.param("INTERNAL_ERROR", 500, "Internal Server Error", PassingError, "support", id="INTERNAL_ERROR"),
    pytest.param(
        "INVALID_REQUEST_METHOD",
        400,
        "The http request method type is not a valid one",
        RefusedError,
        "report it",
        id="INVALID_REQUEST_METHOD",
    ),
    pytest.param(
        "AUTHORIZATION_FAILED",
        400,
        "User does not have sufficient privilege to read records",
        RefusedError,
        "permission",
        id="AUTHORIZATION_FAILED",
    ),
    pytest.param(
        "INVALID_MODULE",
        400,
        "The module name given seems to be invalid",
        RefusedError,
        "no such module",
        id="INVALID_MODULE-unknown",
    ),
    pytest.param(
        "INVALID_MODULE",
        400,
        "The given module is not supported in API",
        RefusedError,
        "remove the job",
        id="INVALID_MODULE-unsupported",
    ),
]


@pytest.mark.parametrize(("code", "status", "message", "kind", "advice"), PAGE)
def test_every_error_of_zohos_page_has_its_code_and_its_advice(
    code: str, status: int, message: str, kind: type[PollError], advice: str
) -> None:
    """Each of the ten documented errors keeps Zoho's code, quotes Zoho's message and says what to do."""
    body = json.dumps({"code": code, "details": {}, "message": message, "status": "error"})
    error = failure(body, status)
    assert (type(error), error.code) == (kind, code)
    assert error.message == f"Zoho answered {code} {message} (HTTP {status})"
    assert advice in error.advice


@pytest.mark.parametrize(("code", "status", "message", "kind", "advice"), PAGE)
def test_an_error_inside_data_of_a_200_is_that_error(
    code: str, status: int, message: str, kind: type[PollError], advice: str
) -> None:
    """The code in the body beats the HTTP status, wherever the error object stands."""
    body = json.dumps({"data": [{"code": code, "details": {}, "message": message, "status": "error"}]})
    assert status != 200
    error = failure(body, 200)
    assert (type(error), error.code) == (kind, code)
    assert advice in error.advice


@pytest.mark.parametrize(
    ("body", "status", "kind", "code"),
    [
        pytest.param(
            '{"code":"MANDATORY_NOT_FOUND","details":{"param_name":"job_id"},"message":"mandatory param missing",'
            '"status":"error"}',
            400,
            RefusedError,
            "MANDATORY_NOT_FOUND",
            id="job-id-missing",
        ),
        pytest.param(
            '{"code":"REQUIRED_PARAM_MISSING","details":{"param_name":"job_id"},"message":"x","status":"error"}',
            400,
            RefusedError,
            "REQUIRED_PARAM_MISSING",
            id="job-id-missing-as-siblings-say-it",
        ),
        pytest.param(
            '{"code":"UNABLE_TO_PARSE_DATA_TYPE","details":{},'
            '"message":"either the request body or parameters is in wrong format","status":"error"}',
            400,
            RefusedError,
            "UNABLE_TO_PARSE_DATA_TYPE",
            id="job-id-not-numeric",
        ),
        pytest.param(
            '{"code":"INVALID_URL_PATTERN","details":{},'
            '"message":"Please check if the URL trying to access is a correct one","status":"error"}',
            404,
            RefusedError,
            "INVALID_URL_PATTERN",
            id="wrong-path",
        ),
        pytest.param(
            '{"code":"OAUTH_SCOPE_MISMATCH","details":{},"message":"invalid oauth scope to access this URL",'
            '"status":"error"}',
            401,
            RefusedError,
            "OAUTH_SCOPE_MISMATCH",
            id="scope",
        ),
        pytest.param(
            '{"code":"OAUTH_SCOPE_MISMATCH","details":{"method":"GET","url":"/crm/v8/Leads"},'
            '"message":"invalid oauth scope to access this URL","status":"error"}',
            401,
            RefusedError,
            "OAUTH_SCOPE_MISMATCH",
            id="scope-with-details",
        ),
        pytest.param(
            '{"code":"NO_PERMISSION","details":{"permissions":["Crm_Implied_View_Leads"]},'
            '"message":"permission denied","status":"error"}',
            403,
            RefusedError,
            "NO_PERMISSION",
            id="role",
        ),
        pytest.param(
            '{"code":"INVALID_MODULE","details":{"resource_path_index":0},'
            '"message":"the module name given seems to be invalid","status":"error"}',
            400,
            RefusedError,
            "INVALID_MODULE",
            id="module",
        ),
        pytest.param(
            '{"code":"INTERNAL_ERROR","details":{"trace_id":"a1"},"message":"Internal Server Error","status":"error"}',
            500,
            PassingError,
            "INTERNAL_ERROR",
            id="fault-with-trace",
        ),
        pytest.param(
            '{"code":"INTERNAL_SERVER_ERROR","message":"Internal Server Error"}',
            500,
            PassingError,
            "INTERNAL_SERVER_ERROR",
            id="fault-by-its-other-name",
        ),
        pytest.param(
            '{"code":"INVALID_DATA","details":{"param_name":"cvid"},"message":"invalid data","status":"error"}',
            400,
            RefusedError,
            "INVALID_DATA",
            id="invalid-data-of-another-parameter",
        ),
        pytest.param('{"code":"INVALID_DATA"}', 400, RefusedError, "INVALID_DATA", id="invalid-data-bare"),
        pytest.param(
            '{"code":"INVALID_DATA","details":["job_id"]}', 400, RefusedError, "INVALID_DATA", id="invalid-data-list"
        ),
        pytest.param(
            '{"code":"INVALID_TOKEN","details":{},"message":"invalid oauth token","status":"error"}',
            401,
            DeadTokenError,
            "INVALID_TOKEN",
            id="invalid-token",
        ),
        pytest.param(
            '{"code":"AUTHENTICATION_FAILURE","details":{},"message":"Authentication failed","status":"error"}',
            401,
            DeadTokenError,
            "AUTHENTICATION_FAILURE",
            id="authentication-failure",
        ),
        pytest.param('{"code":"UNAUTHORIZED"}', 401, DeadTokenError, "UNAUTHORIZED", id="unauthorized"),
        pytest.param('{"code":"FORBIDDEN"}', 403, RefusedError, "FORBIDDEN", id="forbidden"),
        pytest.param('{"code":"BAD_REQUEST"}', 400, RefusedError, "BAD_REQUEST", id="bad-request"),
        pytest.param(
            '{"code":"API_NOT_SUPPORTED","details":{"supported_version":3}}',
            400,
            RefusedError,
            "API_NOT_SUPPORTED",
            id="api-not-supported",
        ),
        pytest.param(
            '{"code":"TOO_MANY_REQUESTS","details":{"trace_id":"t","retry_after":60,"limit":100,"window":60},'
            '"message":"Rate limit exceeded. Please retry after the specified time.","status":"error"}',
            429,
            ThrottledError,
            "TOO_MANY_REQUESTS",
            id="rate-limit-of-the-spec",
        ),
        pytest.param(
            '{"code":"RATE_LIMIT_EXCEEDED","message":"Too many requests. Please try again later.","status":"error"}',
            429,
            ThrottledError,
            "RATE_LIMIT_EXCEEDED",
            id="rate-limit-of-the-other-spec",
        ),
        pytest.param(
            '{"code":"TOO_MANY_REQUESTS","message":"Many requests fired in concurrent than the allowed limit."}',
            429,
            ThrottledError,
            "TOO_MANY_REQUESTS",
            id="concurrency",
        ),
        pytest.param(
            '{"code":429,"error":"TOO_MANY_REQUESTS",'
            '"error_info":"Many requests fired than the allowed limit for the past 24 hours.","details":[]}',
            429,
            OutOfCreditsError,
            "TOO_MANY_REQUESTS",
            id="old-numeric-code",
        ),
        pytest.param(
            '{"code":"URL_ROLLING_THROTTLES_LIMIT_EXCEEDED"}',
            400,
            ThrottledError,
            "URL_ROLLING_THROTTLES_LIMIT_EXCEEDED",
            id="rolling-throttle",
        ),
        pytest.param('{"code":"LIMIT_EXCEEDED"}', 400, ThrottledError, "LIMIT_EXCEEDED", id="limit-exceeded"),
        pytest.param('{"code":"LIMIT_REACHED"}', 403, ThrottledError, "LIMIT_REACHED", id="limit-reached"),
        pytest.param(
            '{"code":"FEATURE_NOT_SUPPORTED"}', 403, RefusedError, "FEATURE_NOT_SUPPORTED", id="feature-not-supported"
        ),
        pytest.param('{"code":"NOT_SUPPORTED"}', 400, RefusedError, "NOT_SUPPORTED", id="not-supported"),
        pytest.param(
            '{"code":"NOT_FOUND","message":"The specified job does not belong to this module"}',
            404,
            RefusedError,
            "NOT_FOUND",
            id="job-of-another-module",
        ),
        pytest.param('{"code":" not_found "}', 404, RefusedError, "NOT_FOUND", id="code-in-lower-case"),
        pytest.param('{"code":"SOMETHING_NEW","message":"m"}', 400, RefusedError, "other", id="undocumented-400"),
        pytest.param('{"code":"SOMETHING_NEW","message":"m"}', 403, RefusedError, "other", id="undocumented-403"),
        pytest.param('{"code":"SOMETHING_NEW","message":"m"}', 500, PassingError, "other", id="undocumented-500"),
        pytest.param('{"code":"SOMETHING_NEW","message":"m"}', 503, PassingError, "other", id="undocumented-503"),
        pytest.param('{"code":"SOMETHING_NEW","message":"m"}', 429, ThrottledError, None, id="undocumented-429"),
        pytest.param('{"code":"NO_PERMISSION","message":["a"]}', 403, RefusedError, "NO_PERMISSION", id="odd-message"),
        pytest.param('{"code":"NO_PERMISSION","details":null}', 403, RefusedError, "NO_PERMISSION", id="null-details"),
    ],
)
def test_every_other_error_of_zohos_is_judged_by_its_body(
    body: str, status: int, kind: type[PollError], code: str | None
) -> None:
    """Each error outside the page has its class and a bounded code; a 429 always pauses the account."""
    error = failure(body, status)
    assert type(error) is kind
    assert error.code in ([code] if code else LABEL_VALUES)
    assert error.advice


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param('{"code":"NOT_FOUND","details":{},"message":"Empty response","status":"error"}', 404, id="page"),
        pytest.param(
            '{"code":"INVALID_DATA","details":{"param_name":"job_id"},'
            '"message":"The jobid given seems to be invalid","status":"error"}',
            400,
            id="spec",
        ),
        pytest.param("", 204, id="no-content"),
        pytest.param('{"code":"NO_DATA","message":"there is no data to show"}', 204, id="no-content-with-a-body"),
        pytest.param("<html>", 204, id="no-content-with-a-page"),
        pytest.param('{"code":"NO_DATA","message":"there is no data to show"}', 200, id="no-data"),
        pytest.param('{"code":"no_content"}', 400, id="no-content-code"),
        pytest.param('{"code":"RESOURCE_NOT_FOUND","details":{}}', 404, id="as-bulk-read-says-it"),
        pytest.param('{"data":[{"code":"NO_DATA"}]}', 200, id="no-data-inside-data"),
        pytest.param('{"data":{"code":"NOT_FOUND","details":{}}}', 200, id="inside-data-an-object"),
        pytest.param('{"data":[]}', 200, id="data-empty"),
        pytest.param('{"data":{}}', 200, id="data-an-empty-object"),
        pytest.param('{"data":[]}', 404, id="data-empty-404"),
        pytest.param('{"code":null,"details":{},"message":"x","status":"error"}', 404, id="null-code"),
        pytest.param('{"message":"no job"}', 404, id="no-code"),
        pytest.param("{}", 404, id="empty-object-404"),
        pytest.param("[]", 404, id="empty-list-404"),
        pytest.param(
            '{"code":"INVALID_DATA","details":{},"message":"The jobid given seems to be invalid","status":"error"}',
            400,
            id="no-details",
        ),
        pytest.param('{"code":"INVALID_DATA","message":"the job_id given is invalid"}', 400, id="message-alone"),
        pytest.param('{"code":"INVALID_DATA","message":"Invalid Job ID"}', 400, id="message-with-a-space"),
        pytest.param('{"code":"INVALID_DATA","details":{"api_name":"job_id"}}', 400, id="api-name"),
        pytest.param('{"code":"INVALID_DATA","details":{"json_path":"$.job_id"}}', 200, id="json-path"),
        pytest.param("", 404, id="empty-404"),
        pytest.param(" \r\n", 404, id="blank-404"),
    ],
)
def test_no_such_job_is_one_outcome(body: str, status: int) -> None:
    """All of Zoho's ways to say "no such job" are the same refusal."""
    error = failure(body, status)
    assert (type(error), error.code) == (RefusedError, "NOT_FOUND")
    assert error.advice.startswith("Zoho knows no such job in this module")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param('{"code":"INVALID_TOKEN"}', "INVALID_TOKEN", id="invalid-token"),
        pytest.param('{"code":"UNAUTHORIZED"}', "UNAUTHORIZED", id="unauthorized"),
        pytest.param('{"code":"AUTHENTICATION_FAILURE"}', "AUTHENTICATION_FAILURE", id="failure"),
        pytest.param('{"code":"AUTHENTICATION_FAILED"}', "AUTHENTICATION_FAILURE", id="failed"),
        pytest.param('{"code":"SOMETHING_NEW"}', "AUTHENTICATION_FAILURE", id="undocumented"),
        pytest.param('{"code":"NO_PERMISSION"}', "AUTHENTICATION_FAILURE", id="of-another-status"),
        pytest.param('{"code":"INTERNAL_ERROR"}', "AUTHENTICATION_FAILURE", id="of-a-fault"),
        pytest.param('{"code":null}', "AUTHENTICATION_FAILURE", id="null"),
        pytest.param('{"code":401}', "AUTHENTICATION_FAILURE", id="number"),
        pytest.param('{"data":[{"code":"SOMETHING_NEW"}]}', "AUTHENTICATION_FAILURE", id="inside-data"),
        pytest.param('{"data":[]}', "AUTHENTICATION_FAILURE", id="no-data"),
        pytest.param("", "AUTHENTICATION_FAILURE", id="empty"),
        pytest.param("<html>", "AUTHENTICATION_FAILURE", id="html"),
    ],
)
def test_any_other_401_is_a_dead_token(body: str, code: str) -> None:
    """Only a lack of scope is a 401 that no new token cures."""
    error = failure(body, 401)
    assert (type(error), error.code) == (DeadTokenError, code)
    assert "environment" in error.advice


@pytest.mark.parametrize("body", ['{"code":"OAUTH_SCOPE_MISMATCH"}', '{"data":[{"code":"oauth_scope_mismatch"}]}'])
@pytest.mark.parametrize("status", [200, 400, 401, 403])
def test_a_lack_of_scope_names_the_scope_of_the_module(body: str, status: int) -> None:
    """Scopes are spelt in Zoho's own way, and the advice can be pasted."""
    with pytest.raises(RefusedError) as raised:
        decode_report(answer(body, status), "Price_Books")
    assert raised.value.code == "OAUTH_SCOPE_MISMATCH"
    assert "ZohoCRM.mass_update.READ (or ZohoCRM.mass_update.pricebooks.READ)" in raised.value.advice


@pytest.mark.parametrize(
    ("header", "credits_left"),
    [
        (None, None),
        ("400", 400),
        (" 400 ", 400),
        ("0", 0),
        ("-5", 0),
        ("-0", 0),
        ("999999999999999", 999_999_999_999_999),
        ("9999999999999999", None),
        ("", None),
        ("n/a", None),
        ("399.5", None),
        ("4,321", None),
        ("+400", None),
        ("4e2", None),
        ("٤", None),
        ("400, 300", 300),
        ("300, 400", 300),
        ("300, -1", 0),
        ("300, n/a", None),
    ],
)
def test_the_credits_that_are_left_are_one_number_or_none(header: str | None, credits_left: int | None) -> None:
    """Nothing but whole numbers is read, and of several the smallest counts."""
    headers = {} if header is None else {"x-api-credits-remaining": header}
    assert credits_remaining(answer("", 200, headers)) == credits_left


@pytest.mark.parametrize(
    ("status", "kind", "code", "message"),
    [
        (
            200,
            PassingError,
            "invalid_response",
            "expected a mass-update status as JSON, got HTTP 200 with text/html, 31 bytes",
        ),
        (
            400,
            PassingError,
            "invalid_response",
            "expected a mass-update status as JSON, got HTTP 400 with text/html, 31 bytes",
        ),
        (
            401,
            DeadTokenError,
            "AUTHENTICATION_FAILURE",
            "Zoho answered HTTP 401 with text/html, 31 bytes",
        ),
        (
            404,
            PassingError,
            "invalid_response",
            "expected a mass-update status as JSON, got HTTP 404 with text/html, 31 bytes",
        ),
        (429, ThrottledError, "TOO_MANY_REQUESTS", "Zoho answered HTTP 429 with text/html, 31 bytes"),
        (
            500,
            PassingError,
            "invalid_response",
            "expected a mass-update status as JSON, got HTTP 500 with text/html, 31 bytes",
        ),
        (
            502,
            PassingError,
            "invalid_response",
            "expected a mass-update status as JSON, got HTTP 502 with text/html, 31 bytes",
        ),
        (
            503,
            PassingError,
            "invalid_response",
            "expected a mass-update status as JSON, got HTTP 503 with text/html, 31 bytes",
        ),
    ],
)
def test_html_is_judged_by_its_status_and_described_not_quoted(
    status: int, kind: type[PollError], code: str, message: str
) -> None:
    """A page of HTML has a defined outcome at every status; the message says what came, without the body."""
    error = failure(HTML, status, {"content-type": "text/html; charset=utf-8"})
    assert (type(error), error.code, error.message) == (kind, code, message)
    assert error.advice


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("", id="empty"),
        pytest.param("  ", id="blank"),
        pytest.param('{"data":[{"Status":"RUNN', id="truncated"),
        pytest.param("null", id="null"),
        pytest.param("true", id="true"),
        pytest.param("42", id="number"),
        pytest.param('"RUNNING"', id="string"),
        pytest.param('[{"Status":"RUNNING"}]', id="top-level-list"),
        pytest.param("{}", id="empty-object"),
        pytest.param('{"Status":"RUNNING"}', id="status-outside-data"),
        pytest.param('{"data":"RUNNING"}', id="data-a-string"),
        pytest.param('{"data":null}', id="data-null"),
        pytest.param('{"data":[[{"Status":"RUNNING"}]]}', id="list-in-data"),
        pytest.param('{"data":[null]}', id="null-in-data"),
        pytest.param('{"data":[{"Status":"RUNNING"},{"Status":"COMPLETED"}]}', id="two-reports"),
        pytest.param('{"data":[{"Status":"RUNNING"},{"Status":"RUNNING"}]}', id="a-report-twice"),
        pytest.param('{"data":[{"Status":"RUNNING"},null]}', id="a-report-and-null"),
        pytest.param('{"data":[{"Status":"RUNNING"},{"code":"NOT_FOUND"}]}', id="a-report-and-an-error"),
        pytest.param('{"data":[{"code":"NOT_FOUND"},{"Status":"RUNNING"}]}', id="an-error-and-a-report"),
        pytest.param('{"data":[{"Updated_Count":3}]}', id="no-status"),
        pytest.param('{"data":[{"Status":3}]}', id="status-a-number"),
        pytest.param('{"data":[{"Status":null}]}', id="status-null"),
        pytest.param('{"code":200}', id="code-a-number"),
        pytest.param('{"code":"  "}', id="code-blank"),
        pytest.param("[" * 100_000, id="deep-list"),
        pytest.param('{"data":' * 100_000, id="deep-object"),
        pytest.param('{"data":[{"Status":"RUNNING","Total_Count":' + "9" * 5000 + "}]}", id="number-without-end"),
        pytest.param(b"\xff\xfe\x00", id="not-text"),
        pytest.param(b'{"data":[{"Status":"\xe9"}]}', id="not-utf-8"),
    ],
)
def test_anything_else_at_200_is_an_invalid_response(body: str | bytes) -> None:
    """What is no status answer is a passing fault, never an unexpected exception."""
    error = failure(body, 200)
    assert (type(error), error.code) == (PassingError, "invalid_response")


def test_several_reports_are_told_as_several() -> None:
    """None of them says which job it is of."""
    error = failure('{"data":[{"Status":"RUNNING"},{"Status":"FAILED"}]}', 200, {"content-type": "application/json"})
    told = "expected a mass-update status as JSON, got HTTP 200 with application/json, 51 bytes (2 elements in data)"
    assert error.message == told


@pytest.mark.parametrize(
    ("status", "code"), [(401, "AUTHENTICATION_FAILURE"), (429, "TOO_MANY_REQUESTS"), (503, "invalid_response")]
)
def test_several_elements_leave_the_status_its_meaning(status: int, code: str) -> None:
    """What the whole answer says is of any job."""
    assert failure('{"data":[{"code":"NOT_FOUND"},{"code":"NOT_FOUND"}]}', status).code == code


@pytest.mark.parametrize("status", [201, 206, 207, 304, 400, 403, 500, 503])
def test_a_status_answer_counts_at_200_alone(status: int) -> None:
    """A report under another HTTP status is not believed."""
    assert failure(status_body("RUNNING"), status).code == "invalid_response"


@pytest.mark.parametrize(
    ("header", "body", "seconds"),
    [
        pytest.param("120", "{}", 120.0, id="seconds"),
        pytest.param("0", "{}", 0.0, id="zero"),
        pytest.param("1.5", "{}", 1.5, id="fraction"),
        pytest.param("Mon, 21 Sep 2026 14:15:20 GMT", "{}", 120.0, id="date"),
        pytest.param("Mon, 21 Sep 2026 14:00:00 GMT", "{}", 0.0, id="date-gone-by"),
        pytest.param("Mon, 21 Sep 2026 14:15:20 +9999999", "{}", None, id="date-in-no-zone"),
        pytest.param("Mon, 99 Sep 2026 99:15:20 GMT", "{}", None, id="no-date"),
        pytest.param("soon", "{}", None, id="garbage"),
        pytest.param(" ", "{}", None, id="blank"),
        pytest.param("-5", "{}", None, id="negative"),
        pytest.param("nan", "{}", None, id="nan"),
        pytest.param("inf", "{}", None, id="infinity"),
        pytest.param("120, 60", "{}", 120.0, id="twice"),
        pytest.param("60,120", "{}", 120.0, id="list"),
        pytest.param("soon, 60", "{}", 60.0, id="twice-one-of-them-garbage"),
        pytest.param("60, Mon, 21 Sep 2026 14:15:20 GMT", "{}", 120.0, id="seconds-and-a-date"),
        pytest.param("Mon, 21 Sep 2026 14:15:20 GMT, Mon, 21 Sep 2026 14:14:20 GMT", "{}", 120.0, id="dates"),
        pytest.param("Monday, 21-Sep-26 14:15:20 GMT", "{}", 120.0, id="date-of-rfc-850"),
        pytest.param("21 Sep 2026 14:15:20 GMT", "{}", 120.0, id="date-without-a-day"),
        pytest.param("Mon Sep 21 14:15:20 2026", "{}", 120.0, id="date-of-asctime"),
        pytest.param("2026-09-21T14:15:20Z", "{}", None, id="date-of-iso-8601"),
        pytest.param("1_0", "{}", None, id="underscore"),
        pytest.param("+5", "{}", None, id="plus"),
        pytest.param("٦٠", "{}", None, id="arabic-digits"),
        pytest.param("60s", "{}", None, id="unit"),
        pytest.param("1e400", "{}", None, id="beyond-any-float"),
        pytest.param("999999", "{}", 86_400.0, id="more-than-a-day"),
        pytest.param("", '{"details":{"retry_after":"1_0"}}', None, id="details-underscore"),
        pytest.param("", '{"details":{"retry_after":60,"retry_after":30}}', 30.0, id="details-twice"),
        pytest.param("", '{"details":{"retry_after":60}}', 60.0, id="details"),
        pytest.param("", '{"details":{"retry_after":"60"}}', 60.0, id="details-string"),
        pytest.param("", '{"details":{"retry_after":true}}', None, id="details-true"),
        pytest.param("", '{"details":{"retry_after":NaN}}', None, id="details-nan"),
        pytest.param("", '{"details":{"retry_after":-1}}', None, id="details-negative"),
        pytest.param("", '{"details":{"retry_after":null}}', None, id="details-null"),
        pytest.param("", '{"details":{"retry_after":1' + "0" * 400 + "}}", None, id="details-huge"),
        pytest.param("", '{"details":[60]}', None, id="details-list"),
        pytest.param("30", '{"details":{"retry_after":60}}', 60.0, id="details-longer"),
        pytest.param("90", '{"details":{"retry_after":60}}', 90.0, id="header-longer"),
        pytest.param("soon", '{"details":{"retry_after":60}}', 60.0, id="garbage-and-details"),
        pytest.param("", "{}", None, id="neither"),
    ],
)
def test_how_long_zoho_asks_to_wait_is_the_longer_of_its_two_words(
    header: str, body: str, seconds: float | None
) -> None:
    """`Retry-After` may be seconds or a date, `details.retry_after` seconds; nonsense counts as silence."""
    throttled = answer(body, 429, {"retry-after": header})
    assert retry_after_seconds(throttled, parse_object(throttled.body)) == seconds


@pytest.fixture
def _local_time_far_from_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run a test as if in India."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Kolkata")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_local_time_far_from_utc")
@pytest.mark.parametrize("zone", ["GMT", "-0000", "+0000", ""])
def test_a_date_is_utc_wherever_the_exporter_runs(zone: str) -> None:
    """A date without a zone is not taken for local time."""
    throttled = answer("{}", 429, {"retry-after": f"Mon, 21 Sep 2026 14:15:20 {zone}".strip()})
    assert retry_after_seconds(throttled, {}) == 120


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        pytest.param('{"code":"TOO_MANY_REQUESTS","details":{"retry_after":60}}', 60.0, id="documented"),
        pytest.param('{"data":[{"code":"TOO_MANY_REQUESTS","details":{"retry_after":60}}]}', 60.0, id="inside-data"),
        pytest.param('{"code":429,"details":{"retry_after":60}}', 60.0, id="numeric-code"),
        pytest.param('{"code":"TOO_MANY_REQUESTS"}', 30.0, id="header-alone"),
        pytest.param("<html>", 30.0, id="html"),
    ],
)
def test_a_throttled_poll_says_how_long_to_wait(body: str, seconds: float) -> None:
    """A 429 of every shape carries Zoho's own pause."""
    error = failure(body, 429, {"retry-after": "30"})
    assert isinstance(error, ThrottledError)
    assert error.retry_after_seconds == seconds


@pytest.mark.parametrize("asked", ["86401", "1e300", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_no_pause_that_zoho_asks_for_outlasts_the_day(asked: str) -> None:
    """A pause without end would stop an account until somebody restarts the exporter; credits are back in a day."""
    error = failure('{"code":"TOO_MANY_REQUESTS"}', 429, {"retry-after": asked})
    assert isinstance(error, ThrottledError)
    assert error.retry_after_seconds is not None
    assert error.retry_after_seconds <= 86_400


@pytest.mark.parametrize(
    ("message", "is_daily"),
    [
        ("Many requests fired than the allowed limit for the past 24 hours.", True),
        ("API credits exhausted", True),
        ("Limit per day reached", True),
        ("Daily limit", True),
        ("Many requests fired in concurrent than the allowed limit.", False),
        ("Rate limit exceeded. Please retry after the specified time.", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("key", ["message", "error_info"])
def test_a_429_tells_the_days_credits_from_a_burst_by_its_message(key: str, message: str, *, is_daily: bool) -> None:
    """Zoho tells the two apart by words alone."""
    error = failure(json.dumps({"code": "TOO_MANY_REQUESTS", key: message}), 429)
    assert isinstance(error, ThrottledError)
    assert isinstance(error, OutOfCreditsError) is is_daily


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("plain", "plain"),
        ("a\r\nb\tc", "a  b c"),
        ("\x1b[31m", " [31m"),
        ("x" * 120, "x" * 120),
        ("x" * 121, "x" * 120 + "…"),
        ("", ""),
    ],
)
def test_a_quote_is_printable_and_short(text: str, quoted: str) -> None:
    """Somebody else's text can't forge a log line, nor flood it."""
    assert quote(text) == quoted


@pytest.mark.parametrize(
    ("status", "headers", "body", "description"),
    [
        (204, {}, b"", "HTTP 204 without a body"),
        (502, {"content-type": "text/html; charset=utf-8"}, b"x" * 1024, "HTTP 502 with text/html, 1024 bytes"),
        (200, {}, b"ab", "HTTP 200 with no content type, 2 bytes"),
        (200, {"content-type": "a\nb"}, b"ab", "HTTP 200 with a b, 2 bytes"),
    ],
)
def test_an_answer_is_described_without_its_body(
    status: int, headers: dict[str, str], body: bytes, description: str
) -> None:
    """A description has the status, the kind and the size."""
    assert answer(body, status, headers).describe() == description


STATUSES = st.integers(100, 599)
RETRY_AFTERS = st.one_of(
    st.text(max_size=40),
    st.integers().map(str),
    st.floats().map(str),
    st.datetimes().map(lambda at: at.strftime("%a, %d %b %Y %H:%M:%S GMT")),
    st.from_regex(r"[A-Z][a-z]{2},? [0-9]{1,3} [A-Z][a-z]{2} [0-9]{1,5} [0-9:.]{0,9} [-+]?[A-Z0-9]{0,6}"),
)
HEADERS = st.fixed_dictionaries({}, optional={"retry-after": RETRY_AFTERS, "content-type": st.text(max_size=200)})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
WORDS = st.sampled_from(LABEL_VALUES) | st.text(max_size=20) | JSON
OBJECTS = st.fixed_dictionaries(
    {},
    optional={
        "Status": st.sampled_from([state.value for state in JobState]) | st.text(max_size=20) | JSON,
        "Updated_Count": JSON,
        "Failed_Count": JSON,
        "Not_Updated_Count": JSON,
        "Total_Count": JSON,
        "code": WORDS,
        "error": WORDS,
        "message": JSON,
        "error_info": JSON,
        "details": JSON | st.fixed_dictionaries({}, optional={"retry_after": JSON, "param_name": JSON}),
        "extra": JSON,
    },
)
DOCUMENTS = OBJECTS | st.fixed_dictionaries({"data": st.lists(OBJECTS, max_size=2) | JSON}, optional={"code": WORDS})


def outcome(given_answer: Answer) -> JobReport | PollError:
    """Give what an answer means, a report or an error of ours."""
    try:
        return decode_report(given_answer, "Leads")
    except PollError as error:
        return error


def check_bounds(result: JobReport | PollError) -> None:
    """Check what every outcome promises."""
    if isinstance(result, JobReport):
        counts = (result.updated, result.failed, result.not_updated, result.total)
        assert all(count is None or 0 <= count <= 2**53 for count in counts)
        assert len(result.undocumented_word) <= 121
        return
    assert result.code in LABEL_VALUES
    assert result.advice
    assert result.message.isprintable()
    assert len(result.message) <= 400


@given(body=st.binary(max_size=300), status=STATUSES, headers=HEADERS)
@example(body=b"", status=204, headers={})
@example(body=b"", status=429, headers={"retry-after": " "})
def test_any_bytes_give_a_report_or_one_of_our_errors(body: bytes, status: int, headers: dict[str, str]) -> None:
    """Whatever comes with whatever status and headers, the outcome is a defined one."""
    check_bounds(outcome(Answer(status, headers, body, RECEIVED_AT)))


@given(document=DOCUMENTS, status=STATUSES | st.just(200), headers=HEADERS)
def test_any_json_gives_a_report_or_one_of_our_errors(document: object, status: int, headers: dict[str, str]) -> None:
    """Whatever stands at Zoho's keys, the outcome is a defined one and does not contain the body."""
    body = json.dumps(document)
    result = outcome(answer(body, status, headers))
    check_bounds(result)
    assert isinstance(result, JobReport) or len(body) < 3 or body not in str(result)


@given(tail=st.binary(max_size=100), status=STATUSES, headers=HEADERS)
def test_the_message_of_a_body_that_is_not_json_never_quotes_it(
    tail: bytes, status: int, headers: dict[str, str]
) -> None:
    """Nothing of a foreign page gets into a log."""
    result = outcome(answer(CANARY.encode() + tail, status, headers))
    assert isinstance(result, PollError)
    assert CANARY not in f"{result!s} {result!r} {result.advice}"


@given(document=st.fixed_dictionaries({"secret": st.just(CANARY)}, optional={"data": JSON}), status=STATUSES)
def test_the_message_of_a_json_body_without_an_error_never_quotes_it(document: object, status: int) -> None:
    """Of JSON only Zoho's code and message are quoted."""
    assert CANARY not in str(outcome(answer(json.dumps(document), status)))


SECRETS = ("1000.AbC-dEf_0123.9876/x", "client-secret+0a1b")
ENCODERS: tuple[Callable[[str], str], ...] = (
    str,
    lambda text: "".join(f"\\u{ord(letter):04x}" for letter in text),
    lambda text: "".join(f"%{ord(letter):02X}" for letter in text),
    lambda text: "".join(f"&#{ord(letter)};" for letter in text),
    lambda text: "".join(f"&#x{ord(letter):X};" for letter in text),
    lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    quote_plus,
)
ESCAPES: tuple[Callable[[str], str], ...] = (
    *ENCODERS,
    str.upper,
    str.lower,
    lambda text: "".join(f"\\u{ord(letter):04X}" if number % 2 else letter for number, letter in enumerate(text)),
    lambda text: "".join(f"%{ord(letter):02x}" if number % 3 else letter for number, letter in enumerate(text)),
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: base64.urlsafe_b64encode(f"someone:{text}".encode()).decode(),
)
ECHOES = st.builds(
    lambda secret, escape, encode, before, after: before + encode(escape(secret)) + after,
    st.sampled_from(SECRETS),
    st.sampled_from(ESCAPES),
    st.sampled_from(ENCODERS),
    st.text(max_size=10),
    st.text(max_size=10) | st.integers(0, 2100).map("x".__mul__),
)
ECHOED_OBJECTS = st.dictionaries(
    st.sampled_from(["Status", "code", "error", "message", "error_info", "details", "api_domain", "data", "x"]),
    ECHOES | st.dictionaries(ECHOES, ECHOES, max_size=2),
    max_size=4,
)
ECHOED_BODIES = (
    ECHOES.map(str.encode)
    | ECHOES.map(lambda text: text.encode(errors="replace").decode().encode("utf-16"))
    | st.builds(
        lambda document, is_ascii: json.dumps(document, ensure_ascii=is_ascii).encode(errors="replace"),
        ECHOED_OBJECTS | ECHOED_OBJECTS.map(lambda element: {"data": [element]}),
        st.booleans(),
    )
)


def plain(text: str) -> str:
    """Undo what a person, or a program that shows the text, may undo."""
    for _ in range(6):
        text = re.sub(r"\\(u[0-9a-fA-F]{4}|.)", unescaped, unquote(html.unescape(text)))
    return text.upper()


def unescaped(escape: re.Match[str]) -> str:
    """Undo one of JSON's escapes."""
    return chr(int(escape[1][1:], 16)) if len(escape[1]) == 5 else escape[1]


@settings(deadline=None)
@given(body=ECHOED_BODIES, status=STATUSES | st.just(200), kind=ECHOES, asked=ECHOES)
def test_nothing_that_the_wire_gives_shows_a_secret(body: bytes, status: int, kind: str, asked: str) -> None:
    """Whatever an answer echoes, in any field, case and spelling."""
    redactor = Redactor()
    redactor.know(*SECRETS)
    headers = {"content-type": kind, "retry-after": asked, "x-api-credits-remaining": asked}
    sealed = SealedAnswer(Answer(status, headers, body, RECEIVED_AT), redactor)
    opened = sealed.open()
    result = outcome(opened)
    shown = [repr(sealed), repr(opened), opened.describe(), opened.excerpt(), str(result)]
    if isinstance(result, PollError):
        shown += [result.message, result.advice, result.code]
    try:
        shown.append(decode_token(sealed).api_domain)
    except PollError as error:
        shown += [error.message, str(error), error.code]
    for text in shown:
        assert not any(secret.upper() in plain(text) for secret in SECRETS)
        assert not any(base64.b64encode(secret.encode()).decode()[:-4] in text for secret in SECRETS)


def test_a_sealed_answer_hides_what_is_taken_of_it() -> None:
    """A secret that the answer itself brings is known before anything of it can be seen."""
    redactor = Redactor()
    sealed = SealedAnswer(answer('{"access_token":"1000.new-7f3a","error":"1000.NEW-7f3a"}'), redactor)
    assert sealed.take_secret("access_token") == "1000.new-7f3a"
    assert sealed.open().body == b'{"access_token":"<secret>","error":"<secret>"}'
    assert redactor.clean("1000.new-7f3a") == "<secret>"


@pytest.mark.parametrize("body", ['{"access_token":5}', "{}", "", "[]"])
def test_a_sealed_answer_may_bring_no_secret(body: str) -> None:
    """Then there is none to hide."""
    assert SealedAnswer(answer(body), Redactor()).take_secret("access_token") is None


@pytest.mark.parametrize("length", [2000, 2001])
def test_an_excerpt_is_two_thousand_characters_at_most(length: int) -> None:
    """That is enough to know an answer by, and fits on a screen."""
    assert answer("x" * length).excerpt().splitlines()[1:] == ["x" * 2000]


def test_an_excerpt_is_cut_after_hiding() -> None:
    """A secret across the cut is not shown in part."""
    redactor = Redactor()
    redactor.know(SECRETS[0])
    opened = SealedAnswer(answer("x" * 1990 + SECRETS[0]), redactor).open()
    assert opened.excerpt().endswith("xxx<secret>")
    assert opened.describe() == "HTTP 200 with no content type, 2014 bytes"
