"""What Zoho says: every documented answer as data, so that the next error is one row.

Source, unless a row says otherwise: Zoho CRM v2.1, Get Mass Update Status, Possible Errors; bodies whose shape the
page leaves open follow Zoho's OpenAPI v8.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from http import HTTPStatus

from exporter.simulator.timeline import Status

JSON_TYPE = "application/json;charset=UTF-8"
HTML_TYPE = "text/html;charset=UTF-8"
USER: Mapping[str, str] = {"name": "Simulated User", "id": "554023000000235011"}
"""Who owns the records, and whose token it is."""
CREATED_TIME = "2021-02-26T19:13:56+00:00"
"""When every record, module and user was made."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP answer. `code` is Zoho's word for the refusal, empty for a success; it is for accounting only."""

    status: int
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: tuple[tuple[str, str], ...] = ()
    code: str = ""

    def with_headers(self, *headers: tuple[str, str]) -> "Answer":
        """Give the same answer with more headers."""
        return replace(self, headers=(*self.headers, *headers))


def json_answer(status: int, content: object, *, code: str = "") -> Answer:
    """Encode a JSON answer the way Zoho does: compact, UTF-8."""
    body = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    return Answer(status, body.encode(), code=code)


@dataclass(frozen=True, slots=True)
class ApiError:
    """One row: a refusal of the CRM API."""

    code: str
    status: int
    message: str
    details: Mapping[str, object] = field(default_factory=dict)

    @property
    def content(self) -> dict[str, object]:
        """The error object, alone or inside `data[]`."""
        return {
            "code": self.code,
            "details": dict(self.details),
            "message": self.message,
            "status": "error",
        }

    @property
    def answer(self) -> Answer:
        """The error as a whole answer."""
        return json_answer(self.status, self.content, code=self.code)


NOT_FOUND = ApiError("NOT_FOUND", HTTPStatus.NOT_FOUND, "Empty response")
# Zoho CRM's OpenAPI v8, getMassUpdateStatus, response 400: what the specification says of an unknown job.
INVALID_JOB = ApiError(
    "INVALID_DATA", HTTPStatus.BAD_REQUEST, "The jobid given seems to be invalid", {"param_name": "job_id"}
)
MANDATORY_NOT_FOUND = ApiError(
    "MANDATORY_NOT_FOUND", HTTPStatus.BAD_REQUEST, "mandatory param missing", {"param_name": "job_id"}
)
# Zoho CRM's OpenAPI v8, mass delete; for mass update by analogy.
UNABLE_TO_PARSE_DATA_TYPE = ApiError(
    "UNABLE_TO_PARSE_DATA_TYPE",
    HTTPStatus.BAD_REQUEST,
    "either the request body or parameters is in wrong format",
)
INVALID_URL_PATTERN = ApiError(
    "INVALID_URL_PATTERN",
    HTTPStatus.NOT_FOUND,
    "Please check if the URL trying to access is a correct one",
)
OAUTH_SCOPE_MISMATCH = ApiError("OAUTH_SCOPE_MISMATCH", HTTPStatus.UNAUTHORIZED, "Unauthorized")
NO_PERMISSION = ApiError(
    "NO_PERMISSION",
    HTTPStatus.FORBIDDEN,
    "Permission denied to read records",
    {"permissions": ["Crm_Implied_View_Records"]},
)
AUTHORIZATION_FAILED = ApiError(
    "AUTHORIZATION_FAILED",
    HTTPStatus.BAD_REQUEST,
    "User does not have sufficient privilege to read records",
)
INVALID_REQUEST_METHOD = ApiError(
    "INVALID_REQUEST_METHOD",
    HTTPStatus.BAD_REQUEST,
    "The http request method type is not a valid one",
)
INVALID_MODULE = ApiError(
    "INVALID_MODULE",
    HTTPStatus.BAD_REQUEST,
    "The module name given seems to be invalid",
    {"resource_path_index": 0},
)
UNSUPPORTED_MODULE = ApiError(
    "INVALID_MODULE",
    HTTPStatus.BAD_REQUEST,
    "The given module is not supported in API",
    {"resource_path_index": 0},
)
INTERNAL_ERROR = ApiError("INTERNAL_ERROR", HTTPStatus.INTERNAL_SERVER_ERROR, "Internal Server Error")
INTERNAL_SERVER_ERROR = replace(INTERNAL_ERROR, code="INTERNAL_SERVER_ERROR")
INVALID_TOKEN = ApiError("INVALID_TOKEN", HTTPStatus.UNAUTHORIZED, "invalid oauth token")
AUTHENTICATION_FAILURE = ApiError("AUTHENTICATION_FAILURE", HTTPStatus.UNAUTHORIZED, "Authentication failed")
# Kaizen #25 names the same refusal so.
AUTHENTICATION_FAILED = replace(AUTHENTICATION_FAILURE, code="AUTHENTICATION_FAILED")
# Zoho CRM v2.1, v3 and v5, Change log; the message is ours.
INVALID_HOST = ApiError(
    "INVALID_HOST", HTTPStatus.BAD_REQUEST, "The API was called on another domain than the organisation's"
)
# Zoho CRM's OpenAPI v8, massUpdateRecords, MassUpdate400ModuleNotSupported.
NOT_SUPPORTED = ApiError(
    "NOT_SUPPORTED",
    HTTPStatus.BAD_REQUEST,
    "the given module is not supported for this api",
    {"resource_path_index": 0},
)
# Zoho CRM's OpenAPI v8, fields: their module is a parameter.
PARAM_MISSING = ApiError(
    "REQUIRED_PARAM_MISSING", HTTPStatus.BAD_REQUEST, "One of the expected parameter is missing", {"param": "module"}
)
# Zoho CRM v8, status codes: the day's credits and the concurrency limit share one code and differ in the message.
CREDITS_EXHAUSTED = ApiError(
    "TOO_MANY_REQUESTS",
    HTTPStatus.TOO_MANY_REQUESTS,
    "Many requests fired than the allowed limit for the past 24 hours.",
)
CONCURRENCY_EXCEEDED = ApiError(
    "TOO_MANY_REQUESTS",
    HTTPStatus.TOO_MANY_REQUESTS,
    "Many requests fired in concurrent than the allowed limit.",
)
API_NOT_SUPPORTED = ApiError(
    "API_NOT_SUPPORTED",
    HTTPStatus.BAD_REQUEST,
    "The API is not supported in this version",
    {"supported_version": 8.0},
)
FEATURE_NOT_SUPPORTED = ApiError(
    "FEATURE_NOT_SUPPORTED",
    HTTPStatus.FORBIDDEN,
    "Scheduled Mass Operation feature is not available in your edition",
)

# Zoho CRM v7, Mass Update Records, Possible Errors, and the OpenAPI v8, massUpdateRecords, for the details.
INVALID_VIEW = ApiError(
    "INVALID_DATA",
    HTTPStatus.BAD_REQUEST,
    "the cvid given seems to be invalid",
    {"api_name": "cvid", "json_path": "$.cvid"},
)
NO_FIELD_FOUND = ApiError("INVALID_DATA", HTTPStatus.BAD_REQUEST, "No field found", {"api_name": "data"})
TOO_MANY_FIELDS = ApiError("INVALID_DATA", HTTPStatus.BAD_REQUEST, "Max field limit exceeded", {"api_name": "data"})
INVALID_IDS = ApiError(
    "INVALID_DATA", HTTPStatus.BAD_REQUEST, "invalid data", {"api_name": "ids", "json_path": "$.ids"}
)
INVALID_RECORD = ApiError("INVALID_DATA", HTTPStatus.BAD_REQUEST, "the id given seems to be invalid")
INVALID_VALUES = ApiError(
    "INVALID_DATA", HTTPStatus.BAD_REQUEST, "invalid data", {"api_name": "data", "json_path": "$.data"}
)
VALUES_MISSING = ApiError(
    "MANDATORY_NOT_FOUND",
    HTTPStatus.BAD_REQUEST,
    "required field not found",
    {"api_name": "data", "json_path": "$.data"},
)
RECORDS_MISSING = ApiError(
    "MANDATORY_NOT_FOUND",
    HTTPStatus.BAD_REQUEST,
    "required field not found",
    {"api_name": "cvid", "json_path": "$.cvid"},
)
NO_RECORDS_FOUND = ApiError("NO_RECORDS_FOUND", HTTPStatus.BAD_REQUEST, "no record found to update")
# The v7 page says 202 and the OpenAPI v8 says 400; the newer source wins here.
ALREADY_SCHEDULED = ApiError(
    "ALREADY_SCHEDULED",
    HTTPStatus.BAD_REQUEST,
    "Already a Mass Action scheduler is running for the given cvid",
    {"api_name": "cvid"},
)
LIMIT_EXCEEDED = ApiError("LIMIT_EXCEEDED", HTTPStatus.BAD_REQUEST, "Record count exceeded")

DOCUMENTED_ERRORS: tuple[ApiError, ...] = (
    NOT_FOUND,
    INVALID_JOB,
    MANDATORY_NOT_FOUND,
    UNABLE_TO_PARSE_DATA_TYPE,
    INVALID_URL_PATTERN,
    OAUTH_SCOPE_MISMATCH,
    NO_PERMISSION,
    AUTHORIZATION_FAILED,
    INVALID_REQUEST_METHOD,
    INVALID_MODULE,
    UNSUPPORTED_MODULE,
    INTERNAL_ERROR,
    INTERNAL_SERVER_ERROR,
    INVALID_TOKEN,
    AUTHENTICATION_FAILURE,
    AUTHENTICATION_FAILED,
    INVALID_HOST,
    NOT_SUPPORTED,
    CREDITS_EXHAUSTED,
    CONCURRENCY_EXCEEDED,
    API_NOT_SUPPORTED,
    FEATURE_NOT_SUPPORTED,
    NO_RECORDS_FOUND,
    ALREADY_SCHEDULED,
    LIMIT_EXCEEDED,
)


def documented_error(code: str) -> ApiError:
    """Give the first row with this code; a code without a row becomes a plain 400."""
    for error in DOCUMENTED_ERRORS:
        if error.code == code:
            return error
    return ApiError(code, HTTPStatus.BAD_REQUEST, code.replace("_", " ").lower())


class OAuthError(StrEnum):
    """The refusals of the token endpoint. Source: Zoho Accounts, OAuth errors; Kaizen #43 for the throttle."""

    INVALID_CLIENT = "invalid_client"
    INVALID_CLIENT_SECRET = "invalid_client_secret"  # noqa: S105 - Zoho's word for the refusal, no secret
    INVALID_CODE = "invalid_code"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"
    GENERAL_ERROR = "general_error"
    ACCESS_DENIED = "Access Denied"


def oauth_refusal(word: str, *, status: int = HTTPStatus.OK) -> Answer:
    """Refuse a token the way Zoho does: an `error` key, as a rule under HTTP 200."""
    content = {"error": word}
    if word == OAuthError.ACCESS_DENIED:
        content = {
            "error_description": ("You have made too many requests continuously. Please try again after some time."),
            "error": word,
            "status": "failure",
        }
    return json_answer(status, content, code=word)


class UnknownJob(StrEnum):
    """The shapes of "no such job". Which of them is live is not known, so a scenario or a fault chooses."""

    NOT_FOUND = "not_found"
    INVALID_DATA = "invalid_data"
    NO_CONTENT = "no_content"
    NO_DATA = "no_data"
    """OpenAPI v8, mass change owner: a 204 that has a body all the same."""
    NULL_CODE = "null_code"
    """OpenAPI v8, mass change owner: a 404 without a word."""
    EMPTY_DATA = "empty_data"
    """OpenAPI v8: a list of at most one report may be empty."""
    BARE_INVALID_DATA = "bare_invalid_data"
    """OpenAPI v8: the details of `INVALID_DATA` have no keys."""

    @property
    def answer(self) -> Answer:
        """The answer in this shape."""
        return _UNKNOWN_JOB[self]


_UNKNOWN_JOB: Mapping[UnknownJob, Answer] = {
    UnknownJob.NOT_FOUND: NOT_FOUND.answer,
    UnknownJob.INVALID_DATA: INVALID_JOB.answer,
    UnknownJob.NO_CONTENT: Answer(HTTPStatus.NO_CONTENT, code="NO_CONTENT"),
    UnknownJob.NO_DATA: json_answer(
        HTTPStatus.NO_CONTENT, {"code": "NO_DATA", "message": "there is no data to show"}, code="NO_DATA"
    ),
    UnknownJob.NULL_CODE: json_answer(HTTPStatus.NOT_FOUND, {**NOT_FOUND.content, "code": None}, code="null"),
    UnknownJob.EMPTY_DATA: json_answer(HTTPStatus.OK, {"data": []}, code="empty_data"),
    UnknownJob.BARE_INVALID_DATA: replace(INVALID_JOB, details={}).answer,
}


def status_answer(status: Status) -> Answer:
    """Report a job. Source: Zoho CRM v2.1, Get Mass Update Status, Response JSON Keys."""
    row = {
        "Status": status.state,
        "Failed_Count": status.failed,
        "Updated_Count": status.updated,
        "Not_Updated_Count": status.not_updated,
        "Total_Count": status.total,
    }
    return json_answer(HTTPStatus.OK, {"data": [row]})


def scheduled_answer(job_id: str) -> Answer:
    """Confirm a scheduled job. Source: Zoho CRM v7, Mass Update Records, sample response with a custom view."""
    row = {
        "code": "SUCCESS",
        "details": {"job_id": job_id},
        "message": "mass update scheduled successfully",
        "status": "success",
    }
    return json_answer(HTTPStatus.OK, {"data": [row]})


def updated_row(record_id: str, at: float) -> dict[str, object]:
    """Confirm one record, updated at that time (Unix seconds).

    Source: Zoho CRM's OpenAPI v8, massUpdateRecords, MassUpdate200SyncDetails.
    """
    return {
        "code": "SUCCESS",
        "details": {
            "Modified_Time": iso_time(at),
            "Modified_By": USER,
            "Created_Time": CREATED_TIME,
            "id": record_id,
            "Created_By": USER,
        },
        "message": "record updated",
        "status": "success",
    }


def iso_time(at: float) -> str:
    """Write a time (Unix seconds) as Zoho does."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def html_answer(status: int, reason: str | None = None) -> Answer:
    """Give the kind of page that Zoho's edges send instead of JSON."""
    reason = phrase(status) if reason is None else reason
    page = f"<!DOCTYPE html><html><head><title>{reason}</title></head><body><h1>{reason}</h1></body></html>"
    return Answer(status, page.encode(), HTML_TYPE, code="html")


def phrase(status: int) -> str:
    """Give the reason phrase of a status, also of one that no standard knows."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
