"""A mass update sent to Zoho: the one call of ours that changes records. A server never loads this.

Sources: Zoho CRM v7 and v8, Mass Update Records, Possible Errors; Zoho's OpenAPI files for v8; the code lists of Zoho's
Python SDK.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import NamedTuple

from exporter.errors import PassingError, PollError, RefusedError, UncertainError, kind_and_words
from exporter.kinds import ALL, MASS_UPDATE, UPDATE
from exporter.model import JOB_ID_PATTERN, Credentials
from exporter.zoho.codes import DEAD_TOKEN, SCOPE_MISMATCH, TOO_MANY_REQUESTS, find_error_code
from exporter.zoho.data_centers import Endpoints
from exporter.zoho.oauth import ACCESS_DENIED, decode_token
from exporter.zoho.onboarding import TOKEN_PATH
from exporter.zoho.transport import Transport, UnsentError
from exporter.zoho.wire import Answer, code_of, elements, first_element, parse_object, quote, told

MOST_RECORDS, MOST_FIRING_RULES = 50_000, 1_000
MOST_FIELDS: Mapping[str, int] = {"Deals": 3}
"""For each module; one for those that are not named."""
_SUCCESS, _DONE = "SUCCESS", "success"
ELSEWHERE = "INVALID_HOST"
_LOOK = (
    "it may have been scheduled all the same. Before you send it again look at the records of the view, or in Zoho CRM "
    "under Setup > Security Control > Audit Log"
)


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be changed: in every record of a module that a view shows, these fields, to these values."""

    module: str
    view: str
    values: Mapping[str, object]

    @property
    def content(self) -> dict[str, object]:
        """The body of the request."""
        return {"data": [dict(self.values)], "cvid": self.view}


class _Row(NamedTuple):
    """What a refusal means. Of two rows of one code, the one counts of which `about` is part of what Zoho says."""

    code: str
    advice: str
    about: str = ""


_RIGHTS = (
    "the user who made the refresh token may not update this module's records in bulk: ask the Zoho CRM administrator "
    "for the permission, or make the token as another user"
)
_EDITION = "Zoho schedules mass updates over its API for Enterprise, Ultimate, CRM Plus and Zoho One Enterprise alone"
_VALUE = (
    "Zoho does not take this value for this field: check the field's API name (Setup > APIs and SDKs), and that it is "
    "no email, lookup, multi-line, layout or line-item field; a number, true, false, null or a list stands behind :="
)
_STATE = "Zoho changes no records in such a state: make a view that leaves them out"
_SCOPE = f"make a refresh token with the scope {MASS_UPDATE.scope}.{UPDATE} (or {{scope}})"

_ROWS = (
    _Row(
        "ALREADY_SCHEDULED", "a mass update of this view has not ended yet, and Zoho takes one at a time: wait for it"
    ),
    _Row("NO_RECORDS_FOUND", "the view shows no records now, so there is nothing to change: check its id and criteria"),
    _Row(
        "LIMIT_EXCEEDED", f"the view shows more than {MOST_RECORDS:,} records: make narrower ones, and send it for each"
    ),
    _Row("INVALID_DATA", _VALUE),
    _Row(
        "INVALID_DATA",
        "Zoho knows no such view of this module: take the id from the address of the view in your browser, of the "
        "account's own organisation and environment",
        about="cvid",
    ),
    _Row("INVALID_DATA", "change one field at a time; of Deals up to three", about="max field limit"),
    _Row("INVALID_DATA", "Zoho knows no such field: use its API name (Setup > APIs and SDKs)", about="no field found"),
    _Row("UNABLE_TO_PARSE_DATA_TYPE", _VALUE),
    _Row("MANDATORY_NOT_FOUND", "Zoho misses a field that it requires: see its details"),
    _Row("MAPPING_MISMATCH", "the value does not go with the record's layout, or with the picklist it depends on"),
    _Row("CANNOT_PROCESS", _STATE),
    _Row("CANNOT_PERFORM_ACTION", _STATE),
    _Row("RECORD_IN_BLUEPRINT", _STATE),
    _Row("RECORD_LOCKED", _STATE),
    _Row("CONVERTED_RECORD", _STATE),
    _Row("NOT_APPROVED", _STATE),
    _Row("NO_PERMISSION", _RIGHTS),
    _Row("AUTHORIZATION_FAILED", _RIGHTS),
    _Row("FORBIDDEN", _RIGHTS),
    _Row("FEATURE_NOT_SUPPORTED", _EDITION),
    _Row(SCOPE_MISMATCH, _SCOPE),
    _Row(
        DEAD_TOKEN,
        "Zoho does not accept a token that it has just made: check the account's data centre and environment",
    ),
    _Row(TOO_MANY_REQUESTS, "too many requests: try again in some minutes"),
    _Row(TOO_MANY_REQUESTS, "the organisation's API credits of the day are spent: try again in some hours", "24 hours"),
)
_TOKEN_ADVICE = {
    ACCESS_DENIED: "ten access tokens were made with this refresh token in ten minutes, which is all that Zoho gives: "
    "try again in fifteen",
    "general_error": "Zoho's accounts server had a fault: try again in a minute",
}
"""Where the exporter would ask again by itself."""


class Scheduling:
    """Sends an account's mass updates, each with an access token made for it alone. For one thread.

    Such a token may change records: it is kept nowhere.
    """

    def __init__(
        self,
        transport: Transport,
        endpoints: Endpoints,
        api_version: str,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._endpoints = endpoints
        self._api_version = api_version
        self._stopwatch = stopwatch
        self.credits = 0
        """API credits spent, one for a call that reached Zoho, or may have."""
        self.tokens = 0
        """Access tokens that were made, or may have been."""
        self.granted = ""
        """The scope of the refresh token, once Zoho has named it."""
        self.job_ids: tuple[str, ...] = ()
        """The jobs that Zoho has named as scheduled, also in an answer that is not understood otherwise."""

    def send(self, order: Order, credentials: Credentials) -> str:
        """Have a mass update carried out, and give its job's id. Whatever happens, it is sent once.

        Raises:
            UncertainError: no answer tells whether it was scheduled.
            PollError: it was not.
        """
        token, host = self._admitted(order, credentials)
        url = f"{host}/crm/{self._api_version}/{order.module}/{MASS_UPDATE.path}"
        headers = {"Authorization": f"Zoho-oauthtoken {token}"}
        self.credits += 1
        try:
            answer = self._transport.post_json(url, order.content, headers, deadline=self._deadline())
            self.job_ids = tuple(_job_ids(answer))
            return decode_scheduled(answer, order)
        except UnsentError:
            self.credits -= 1
            raise
        except PassingError as error:
            raise UncertainError(error.code, error.message, advice=_LOOK) from error
        except KeyboardInterrupt as error:
            raise interrupted() from error
        except PollError:
            raise
        except Exception as error:
            message = quote(kind_and_words(error))
            raise UncertainError("unforeseen", f"a fault that nobody foresaw: {message}", advice=_LOOK) from error

    def _admitted(self, order: Order, credentials: Credentials) -> tuple[str, str]:
        """Have an access token, and the host that it is for: the account's own, whatever Zoho's answer names."""
        url = f"{self._endpoints.accounts_url}{TOKEN_PATH}"
        form = {"grant_type": "refresh_token", **asdict(credentials)}
        self.tokens += 1
        try:
            sealed = self._transport.post_form(url, form, deadline=self._deadline())
        except UnsentError:
            self.tokens -= 1
            raise
        try:
            token = decode_token(sealed)
        except PollError as error:
            self.tokens -= 1
            advice = _TOKEN_ADVICE.get(error.code, error.advice)
            raise RefusedError(error.code, error.message, advice=advice) from error
        granted = parse_object(sealed.open().body).get("scope")
        self.granted = granted if isinstance(granted, str) else ""
        if token.api_domain and not self._endpoints.accepts_api_domain(token.api_domain):
            message = f"the refresh token is one for {quote(token.api_domain)}, not for {self._endpoints.api_url}"
            raise RefusedError(ELSEWHERE, message, advice="make one in the account's own data centre and environment")
        _refuse_lacking(self.granted, order.module)
        return token.value, (token.api_domain or self._endpoints.api_url).rstrip("/")

    def _deadline(self) -> float:
        return self._stopwatch() + self._transport.timeout_seconds


def interrupted() -> UncertainError:
    """Give what is known where somebody ended the wait for Zoho's answer."""
    return UncertainError("interrupted", "Zoho's answer was not waited for", advice=_LOOK)


def decode_scheduled(answer: Answer, order: Order) -> str:
    """Read the answer to a mass update: the job's id.

    Raises:
        UncertainError: it tells neither that, nor why not.
        RefusedError: Zoho has not scheduled it.
    """
    document = parse_object(answer.body)
    element = first_element(document)
    if (count := elements(document)) > 1:
        message = f"Zoho answered of {count} mass updates where one was sent (HTTP {answer.status})"
        raise UncertainError("invalid_response", message, advice=_LOOK)
    for job_id in _job_ids(answer) if code_of(element) == _SUCCESS else ():
        return job_id
    raise _refusal(answer, document if code_of(document) else element, order)


def _job_ids(answer: Answer) -> Iterator[str]:
    """Give the ids of all jobs that an answer says are scheduled."""
    data = parse_object(answer.body).get("data")
    for element in data if isinstance(data, list) else [data]:
        details = element.get("details") if isinstance(element, dict) and _may_be_done(element) else None
        if isinstance(details, dict) and re.fullmatch(JOB_ID_PATTERN, job_id := str(details.get("job_id"))):
            yield job_id


def _may_be_done(element: Mapping[str, object]) -> bool:
    """Whether one of the two words for it says that all went well."""
    return code_of(element) == _SUCCESS or element.get("status") == _DONE


def modules_of(granted: str) -> tuple[str, ...]:
    """Give the modules whose records a scope allows to be changed, by the names that scopes have for them."""
    scope = re.compile(rf"{re.escape(MASS_UPDATE.scope)}\.([a-z]+)\.(?:{UPDATE}|{ALL})", re.IGNORECASE)
    return tuple(match[1] for match in map(scope.fullmatch, _words(granted)) if match)


def _words(granted: str) -> list[str]:
    return granted.replace(",", " ").split()


def _refuse_lacking(granted: str, module: str) -> None:
    """Refuse a token whose scope Zoho names, and which may not change this module's records: that takes no call."""
    words = {word.casefold() for word in _words(granted)}
    if words and not words & {scope.casefold() for scope in MASS_UPDATE.scopes_for(module, UPDATE)}:
        advice = _SCOPE.format(scope=MASS_UPDATE.scope_for(module, UPDATE))
        message = f"the refresh token may not change {module}: its scope is {quote(granted)}"
        raise RefusedError(SCOPE_MISMATCH, message, advice=advice)


def _refusal(answer: Answer, error: Mapping[str, object], order: Order) -> PollError:
    code = code_of(error)
    message = f"Zoho answered {told(answer, error, *_details(error))}"
    known = _meaning(answer.status, code) if code else ""  # a gateway has no word of Zoho's
    if not known or _may_be_done(error) or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return UncertainError(known or "invalid_response", message, advice=_LOOK)
    scope = MASS_UPDATE.scope_for(order.module, UPDATE)
    return RefusedError(known, message, advice=_advice(known, message).format(scope=scope))


def _meaning(status: int, code: str) -> str:
    """Give the code that counts: of all that come with a 401, only a lack of scope is not about the token."""
    if status == HTTPStatus.UNAUTHORIZED and code != SCOPE_MISMATCH:
        return DEAD_TOKEN
    return TOO_MANY_REQUESTS if status == HTTPStatus.TOO_MANY_REQUESTS else code


def _advice(code: str, message: str) -> str:
    said = message.casefold()
    rows = [row for row in _ROWS if row.code == code and row.about in said]
    if rows:
        return max(rows, key=lambda row: len(row.about)).advice
    row = find_error_code(code, message)
    return row.advice if row else "an undocumented refusal: see Zoho's words"


def _details(error: Mapping[str, object]) -> list[str]:
    """Give what Zoho says beside its message, such as the field it is about."""
    details = error.get("details")
    return [quote(f"{name}: {value}") for name, value in details.items()] if isinstance(details, dict) else []
