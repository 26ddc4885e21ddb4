"""Every error that Zoho CRM may answer: one row says what it means for the poll and what the operator can do.

Sources: "page" is Zoho CRM v2.1, Get Mass Update Status, Possible Errors; "spec" Zoho's OpenAPI files for v8;
"status codes" the v8 page of that name; "change log" those of v2.1, v3 and v5; "SDK" the code lists of Zoho's Python
SDK; "seen" answers in the field.
"""

from dataclasses import dataclass

from exporter.errors import UNKNOWN_JOB, DeadTokenError, PassingError, PollError, RefusedError, ThrottledError
from exporter.kinds import MASS_UPDATE

DEAD_TOKEN = "AUTHENTICATION_FAILURE"  # noqa: S105 - an error code, no secret
SCOPE_MISMATCH = "OAUTH_SCOPE_MISMATCH"
TOO_MANY_REQUESTS = "TOO_MANY_REQUESTS"
OTHER = "other"

OUR_CODES = ("timeout", "connection", "tls", "invalid_response", "token_refused", "deadline", OTHER)
"""Codes of faults that Zoho did not name."""


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One documented error. Of two rows of one code, the one counts whose `message` is part of Zoho's, in any case.

    `code` is the label's value, `aliases` are other words of Zoho's for the same. `advice` may name the `{scope}`.
    """

    code: str
    raises: type[PollError]
    advice: str
    source: str
    message: str = ""
    aliases: tuple[str, ...] = ()


_SCOPE = (
    f"the token lacks the scope {MASS_UPDATE.scope}.READ (or {{scope}}): create a new refresh token with one of them"
)
_RIGHTS = (
    "the user who made the token may not see mass updates of this module: "
    "ask the Zoho CRM administrator for the permission, or make the token as another user"
)
_JOB_ID = (
    "Zoho knows no such job in this module: check the job id, the module, the account's data centre and environment; "
    "a very old job may have been forgotten"
)
_OURS = "the exporter asked wrongly: please report it as a bug"
_THROTTLE = "too many requests: lower max_concurrency, or see what else spends the organisation's credits"
_FAULT = "Zoho had a fault: wait; if it lasts, tell Zoho's support"
_NEW_TOKEN = (
    "neither the access token nor a new one in its place is accepted: "  # noqa: S105 - advice, no secret
    "check the account's environment and data centre, and see what else uses its refresh token"
)
_EDITION = "the organisation's Zoho CRM edition does not offer this call"
_HOST = "Zoho does not serve this organisation there: check data_center, environment and a custom api_url"

ERROR_CODES = (
    ErrorCode(UNKNOWN_JOB, RefusedError, _JOB_ID, "page", aliases=("NO_DATA", "NO_CONTENT", "RESOURCE_NOT_FOUND")),
    ErrorCode("MANDATORY_NOT_FOUND", RefusedError, _OURS, "page"),
    ErrorCode(
        "INVALID_URL_PATTERN",
        RefusedError,
        "the URL is not one of Zoho's: check api_version, the module's API name and a custom api_url",
        "page",
    ),
    ErrorCode(SCOPE_MISMATCH, RefusedError, _SCOPE, "page"),
    ErrorCode("NO_PERMISSION", RefusedError, _RIGHTS, "page"),
    ErrorCode("INTERNAL_ERROR", PassingError, _FAULT, "page"),
    ErrorCode("INVALID_REQUEST_METHOD", RefusedError, _OURS, "page"),
    ErrorCode("AUTHORIZATION_FAILED", RefusedError, _RIGHTS, "page"),
    ErrorCode(
        "INVALID_MODULE",
        RefusedError,
        "no such module, or its tab is hidden from the token's user: use the API name (Setup > APIs and SDKs)",
        "page",
        message="The module name given seems to be invalid",
    ),
    ErrorCode(
        "INVALID_MODULE",
        RefusedError,
        "this module (such as Documents or Projects) is not supported by Zoho's API: remove the job",
        "page",
        message="The given module is not supported in API",
    ),
    ErrorCode("INVALID_DATA", RefusedError, "Zoho rejects a value: check the job id and the module", "spec"),
    ErrorCode(
        "UNABLE_TO_PARSE_DATA_TYPE", RefusedError, "the job id is not a number that Zoho can read: check it", "spec"
    ),
    ErrorCode("REQUIRED_PARAM_MISSING", RefusedError, _OURS, "spec"),
    ErrorCode("INTERNAL_SERVER_ERROR", PassingError, _FAULT, "spec"),
    ErrorCode("INVALID_TOKEN", DeadTokenError, _NEW_TOKEN, "seen"),
    ErrorCode(DEAD_TOKEN, DeadTokenError, _NEW_TOKEN, "spec", aliases=("AUTHENTICATION_FAILED",)),
    ErrorCode("UNAUTHORIZED", DeadTokenError, _NEW_TOKEN, "spec"),
    ErrorCode("FORBIDDEN", RefusedError, _RIGHTS, "spec"),
    ErrorCode("BAD_REQUEST", RefusedError, _OURS, "spec"),
    ErrorCode(
        "API_NOT_SUPPORTED", RefusedError, "this api_version does not know the call: set api_version: v8", "spec"
    ),
    ErrorCode(TOO_MANY_REQUESTS, ThrottledError, _THROTTLE, "status codes"),
    ErrorCode("RATE_LIMIT_EXCEEDED", ThrottledError, _THROTTLE, "spec"),
    ErrorCode("URL_ROLLING_THROTTLES_LIMIT_EXCEEDED", ThrottledError, _THROTTLE, "seen"),
    ErrorCode("LIMIT_EXCEEDED", ThrottledError, _THROTTLE, "SDK"),
    ErrorCode("LIMIT_REACHED", ThrottledError, _THROTTLE, "SDK"),
    ErrorCode("FEATURE_NOT_SUPPORTED", RefusedError, _EDITION, "SDK"),
    ErrorCode(
        "NOT_SUPPORTED",
        RefusedError,
        "Zoho has no mass updates of this module, or not in this api_version: check the module's API name",
        "spec",
    ),
    ErrorCode("NOT_SUPPORTED", RefusedError, _EDITION, "SDK", message="not available in your edition"),
    ErrorCode("INVALID_HOST", RefusedError, _HOST, "change log"),
)

LABEL_VALUES = (*dict.fromkeys(row.code for row in ERROR_CODES), *OUR_CODES)
"""Every value the label `code` can take."""


def find_error_code(code: str, message: str) -> ErrorCode | None:
    """Give the row of a code as Zoho spelt it, the one with this message first; `None` when no row has the code."""
    rows = (row for row in ERROR_CODES if code in (row.code, *row.aliases))
    said = message.casefold()
    return max(rows, key=lambda row: row.message != "" and row.message.casefold() in said, default=None)
