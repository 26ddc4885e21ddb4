"""What can be asked to go wrong: the kinds, whom each meets, and what it takes."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum

from exporter.simulator.crm import UnknownJob


class Endpoint(StrEnum):
    """What a request is for; `OTHER` is a path or verb that Zoho refuses."""

    STATUS = "status"
    TOKEN = "token"  # noqa: S105 - the endpoint's name, no secret
    DEVICE = "device"
    REVOKE = "revoke"
    SCHEDULE = "schedule"
    METADATA = "metadata"
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
    UNKNOWN_JOB = "unknown_job"
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
    DATA_OBJECT = "data_object"
    EXTRA_HEADER = "extra_header"
    TIMEOUT = "timeout"
    STALLED_HEADERS = "stalled_headers"
    STALLED_BODY = "stalled_body"
    RESET = "reset"
    RESET_IN_BODY = "reset_in_body"
    LATENCY = "latency"
    TRICKLE = "trickle"
    INTERIM = "interim"
    CHUNKED = "chunked"
    LATE_BODY = "late_body"
    TWICE = "twice"
    CLOSE_ON_REUSE = "close_on_reuse"
    IDLE_CLOSE = "idle_close"


class Stage(StrEnum):
    """The parts of an answer that may come drop by drop."""

    INTERIM = "interim"
    STATUS_LINE = "status_line"
    HEADERS = "headers"
    BODY = "body"
    CHUNK_EXTENSION = "chunk_extension"
    TRAILER = "trailer"


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

    `endpoint=None` means every endpoint that the kind is about. A request may meet two: one that makes its answer and
    one that makes it travel; of several of one sort, the newest wins. Parameters that a kind does not use are ignored:

    `seconds` length of a pause, for ever when `None` (`trickle`: for each byte; `throttle`: `details.retry_after`;
    `interim`, `late_body`: before what follows; `idle_close`: until the silent connection is closed) ·
    `status`, `code`, `message`, `details` of `error` and `error_in_data` · `status` and `message` of `html` ·
    `status` of `interim` · `state` of `odd_state` · `field` of `missing_count`, `negative_count`, `extra_field` ·
    `field` and `values` of `extra_header`: its name, and a line for each value · `location` of `redirect` · `shape`
    and `retry_after` (the header: seconds or an HTTP date) of `throttle` · `unknown` of `unknown_job` · `stage` of
    `trickle` · `size` in bytes of `huge_body`.

    Texts may echo what the request brought: `{token}` its access token; at the token endpoint `{refresh_token}`,
    `{client_id}` and `{client_secret}`.
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
    values: tuple[str, ...] = ("many",)
    location: str = "https://www.example.com/"
    shape: ThrottleShape = ThrottleShape.CONCURRENCY
    retry_after: str | None = None
    unknown: UnknownJob = UnknownJob.NOT_FOUND
    stage: Stage = Stage.BODY
    size: int = 10_000_000

    def matches(self, endpoint: Endpoint, module: str | None, job_id: str | None) -> bool:
        """Whether a request meets this fault."""
        return endpoint in self._endpoints() and self.module in {None, module} and self.job_id in {None, job_id}

    def echoing(self, words: Mapping[str, str]) -> "Fault":
        """Give this fault with the words of the request in its texts."""
        texts = {field.name: _echo(getattr(self, field.name), words) for field in fields(self)}
        return Fault(**texts)  # type: ignore[arg-type] # each keeps its type

    def _endpoints(self) -> frozenset[Endpoint]:
        if self.endpoint is not None:
            return frozenset({self.endpoint})
        return SCOPES.get(self.kind, frozenset(Endpoint))


def _echo(value: object, words: Mapping[str, str]) -> object:
    """Fill in the words wherever there is text; the words of our own enumerations are no text."""
    if type(value) is str:
        for name, word in words.items():
            value = value.replace(f"{{{name}}}", word)
        return value
    if isinstance(value, dict):
        return {key: _echo(item, words) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_echo(item, words) for item in value)
    return value


ACCOUNTS = frozenset({Endpoint.TOKEN, Endpoint.DEVICE, Endpoint.REVOKE})
"""What the accounts server answers: it costs no credit, and counts as no call of the CRM's API."""

_CRM = frozenset(Endpoint) - ACCOUNTS
_STATUS = frozenset({Endpoint.STATUS})

SCOPES: Mapping[FaultKind, frozenset[Endpoint]] = {
    FaultKind.DEAD_TOKEN: _CRM,
    FaultKind.ERROR: _CRM,
    FaultKind.ERROR_IN_DATA: _CRM,
    FaultKind.THROTTLE: _CRM,
    FaultKind.UNKNOWN_JOB: _STATUS,
    FaultKind.DATA_OBJECT: _STATUS,
    FaultKind.ODD_STATE: _STATUS,
    FaultKind.LOWER_CASE_STATE: _STATUS,
    FaultKind.NUMERIC_STRINGS: _STATUS,
    FaultKind.MISSING_COUNT: _STATUS,
    FaultKind.NEGATIVE_COUNT: _STATUS,
    FaultKind.EXTRA_FIELD: _STATUS,
}
"""The endpoints that a fault without an endpoint meets, where these are not all."""
