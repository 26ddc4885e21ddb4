"""What Zoho refuses with: every documented error as data, so that the next one is one row.

Source, unless a row says otherwise: Zoho CRM v2.1, Get Mass Update Status, Possible Errors; bodies whose shape the
page leaves open follow Zoho's OpenAPI v8.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus

from exporter.simulator.transport import Answer, json_answer


@dataclass(frozen=True, slots=True)
class ApiError:
    """One row: a refusal of the CRM API."""

    code: str
    status: int
    message: str
    details: Mapping[str, object]

    @property
    def content(self) -> dict[str, object]:
        """The error object, alone or inside `data[]`."""
        return {"code": self.code, "details": dict(self.details), "message": self.message, "status": "error"}

    @property
    def answer(self) -> Answer:
        """The error as a whole answer."""
        return json_answer(self.status, self.content, code=self.code)


def _row(code: str, message: str, status: int = HTTPStatus.BAD_REQUEST, **details: object) -> ApiError:
    return ApiError(code, status, message, details)


NOT_FOUND = _row("NOT_FOUND", "Empty response", HTTPStatus.NOT_FOUND)
# Zoho CRM's OpenAPI v8, getMassUpdateStatus, response 400: what the specification says of an unknown job.
INVALID_JOB = _row("INVALID_DATA", "The jobid given seems to be invalid", param_name="job_id")
MANDATORY_NOT_FOUND = _row("MANDATORY_NOT_FOUND", "mandatory param missing", param_name="job_id")
# Zoho CRM's OpenAPI v8, mass delete; for mass update by analogy.
UNABLE_TO_PARSE_DATA_TYPE = _row(
    "UNABLE_TO_PARSE_DATA_TYPE", "either the request body or parameters is in wrong format"
)
INVALID_URL_PATTERN = _row(
    "INVALID_URL_PATTERN", "Please check if the URL trying to access is a correct one", HTTPStatus.NOT_FOUND
)
INVALID_REQUEST_METHOD = _row("INVALID_REQUEST_METHOD", "The http request method type is not a valid one")
INVALID_MODULE = _row("INVALID_MODULE", "The module name given seems to be invalid", resource_path_index=0)
UNSUPPORTED_MODULE = _row("INVALID_MODULE", "The given module is not supported in API", resource_path_index=0)
# Zoho CRM's OpenAPI v8, massUpdateRecords: of Services and Appointments.
NOT_SUPPORTED = _row("NOT_SUPPORTED", "the given module is not supported for this api", resource_path_index=0)
INVALID_TOKEN = _row("INVALID_TOKEN", "invalid oauth token", HTTPStatus.UNAUTHORIZED)
AUTHENTICATION_FAILURE = _row("AUTHENTICATION_FAILURE", "Authentication failed", HTTPStatus.UNAUTHORIZED)
# Zoho CRM v8, status codes: the day's credits and the concurrency limit share one code and differ in the message.
CREDITS_EXHAUSTED = _row(
    "TOO_MANY_REQUESTS",
    "Many requests fired than the allowed limit for the past 24 hours.",
    HTTPStatus.TOO_MANY_REQUESTS,
)
CONCURRENCY_EXCEEDED = replace(CREDITS_EXHAUSTED, message="Many requests fired in concurrent than the allowed limit.")
# Zoho CRM's OpenAPI v8, fields: their module is a parameter.
PARAM_MISSING = _row("REQUIRED_PARAM_MISSING", "One of the expected parameter is missing", param_name="module")

# Zoho CRM v7, Mass Update Records, Possible Errors, and the OpenAPI v8, massUpdateRecords, for the details.
INVALID_VIEW = _row("INVALID_DATA", "the cvid given seems to be invalid", api_name="cvid", json_path="$.cvid")
INVALID_IDS = _row("INVALID_DATA", "invalid data", api_name="ids", json_path="$.ids")
INVALID_RECORD = _row("INVALID_DATA", "the id given seems to be invalid")
INVALID_VALUES = _row("INVALID_DATA", "invalid data", api_name="data", json_path="$.data")
NO_FIELD_FOUND = replace(INVALID_VALUES, message="No field found")
TOO_MANY_FIELDS = replace(INVALID_VALUES, message="Max field limit exceeded")
VALUES_MISSING = _row("MANDATORY_NOT_FOUND", "required field not found", api_name="data", json_path="$.data")
RECORDS_MISSING = _row("MANDATORY_NOT_FOUND", "required field not found", api_name="cvid", json_path="$.cvid")
NO_RECORDS_FOUND = _row("NO_RECORDS_FOUND", "no record found to update")
# The v7 page says 202 and the OpenAPI v8 says 400; the newer source wins here.
ALREADY_SCHEDULED = _row(
    "ALREADY_SCHEDULED", "Already a Mass Action scheduler is running for the given cvid", api_name="cvid"
)
LIMIT_EXCEEDED = _row("LIMIT_EXCEEDED", "Record count exceeded")
OAUTH_SCOPE_MISMATCH = _row("OAUTH_SCOPE_MISMATCH", "Unauthorized", HTTPStatus.UNAUTHORIZED)

DOCUMENTED_ERRORS: tuple[ApiError, ...] = (
    NOT_FOUND,
    INVALID_JOB,
    MANDATORY_NOT_FOUND,
    UNABLE_TO_PARSE_DATA_TYPE,
    INVALID_URL_PATTERN,
    INVALID_REQUEST_METHOD,
    INVALID_MODULE,
    UNSUPPORTED_MODULE,
    NOT_SUPPORTED,
    INVALID_TOKEN,
    AUTHENTICATION_FAILURE,
    CREDITS_EXHAUSTED,
    CONCURRENCY_EXCEEDED,
    NO_RECORDS_FOUND,
    ALREADY_SCHEDULED,
    LIMIT_EXCEEDED,
    OAUTH_SCOPE_MISMATCH,
    _row(
        "NO_PERMISSION",
        "Permission denied to read records",
        HTTPStatus.FORBIDDEN,
        permissions=["Crm_Implied_View_Records"],
    ),
    _row("AUTHORIZATION_FAILED", "User does not have sufficient privilege to read records"),
    # Kaizen #25 names a failed authentication so.
    replace(AUTHENTICATION_FAILURE, code="AUTHENTICATION_FAILED"),
    # Zoho CRM v2.1, v3 and v5, Change log; the message is ours.
    _row("INVALID_HOST", "The API was called on another domain than the organisation's"),
    _row("INTERNAL_ERROR", "Internal Server Error", HTTPStatus.INTERNAL_SERVER_ERROR),
    _row("INTERNAL_SERVER_ERROR", "Internal Server Error", HTTPStatus.INTERNAL_SERVER_ERROR),
    _row("API_NOT_SUPPORTED", "The API is not supported in this version", supported_version=8.0),
    # Zoho's Python SDK 8.0, messages of the record module.
    _row(
        "FEATURE_NOT_SUPPORTED",
        "Scheduled Mass Operation feature is not available in your edition",
        HTTPStatus.FORBIDDEN,
    ),
)
"""What a fault can be called by; those without a name happen by faults alone."""


def documented_error(code: str) -> ApiError:
    """Give the first row with this code; a code without a row becomes a plain 400."""
    plain = _row(code, code.replace("_", " ").lower())
    return next((error for error in DOCUMENTED_ERRORS if error.code == code), plain)


class OAuthError(StrEnum):
    """The refusals of the accounts server, and what a waiting device is told.

    Source: Zoho Accounts, OAuth errors, Polling request; Kaizen #43 for the throttle.
    """

    INVALID_CLIENT = "invalid_client"
    INVALID_CLIENT_SECRET = "invalid_client_secret"  # noqa: S105 - Zoho's word for the refusal, no secret
    INVALID_CODE = "invalid_code"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"
    GENERAL_ERROR = "general_error"
    ACCESS_DENIED = "Access Denied"
    PENDING = "authorization_pending"
    SLOW_DOWN = "slow_down"
    DECLINED = "access_denied"
    EXPIRED = "expired"


def oauth_refusal(word: str, *, status: int = HTTPStatus.OK) -> Answer:
    """Refuse a token the way Zoho does: an `error` key, as a rule under HTTP 200."""
    content = {"error": word}
    if word == OAuthError.ACCESS_DENIED:
        content = {
            "error_description": "You have made too many requests continuously. Please try again after some time.",
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


_NO_DATA = {"code": "NO_DATA", "message": "there is no data to show"}
_UNKNOWN_JOB: Mapping[UnknownJob, Answer] = {
    UnknownJob.NOT_FOUND: NOT_FOUND.answer,
    UnknownJob.INVALID_DATA: INVALID_JOB.answer,
    UnknownJob.NO_CONTENT: Answer(HTTPStatus.NO_CONTENT, code="NO_CONTENT"),
    UnknownJob.NO_DATA: json_answer(HTTPStatus.NO_CONTENT, _NO_DATA, code="NO_DATA"),
    UnknownJob.NULL_CODE: json_answer(HTTPStatus.NOT_FOUND, {**NOT_FOUND.content, "code": None}, code="null"),
    UnknownJob.EMPTY_DATA: json_answer(HTTPStatus.OK, {"data": []}, code="empty_data"),
    UnknownJob.BARE_INVALID_DATA: replace(INVALID_JOB, details={}).answer,
}
