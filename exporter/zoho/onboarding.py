"""How a refresh token is first had, and given back: the device grant, grant codes, revocation, and where to ask.

Source: Zoho accounts, Non-browser applications (initiation and polling requests), Self client, Revoke tokens. A refusal
may come with HTTP 200 and an `error` key, so the body is judged, not the status.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType

from exporter.errors import PassingError, PollError, RefusedError
from exporter.forms import data_center_meant
from exporter.model import TOKEN_PATTERN, DataCenter
from exporter.zoho.oauth import GENERAL_ERROR
from exporter.zoho.transport import Transport, UnsentError
from exporter.zoho.wire import (
    Answer,
    SealedAnswer,
    parse_object,
    quote,
    retry_after_seconds,
    seconds_of,
    wordless_advice,
)

TOKEN_PATH = "/oauth/v2/token"  # noqa: S105 - a path, no secret
_DEVICE_PATH = "/oauth/v3/device"
_MILLISECONDS_ABOVE = 3600.0
"""Zoho's pages and its answers disagree about the unit; nothing of the device grant takes an hour."""
_LIFETIME_SECONDS, _INTERVAL_SECONDS = 300.0, 30.0
_SLOWER_SECONDS = 5.0
_AT_ONCE_SECONDS = 1.0
_PART_OF_LIFE = 0.99
_LEAST_QUESTIONS = 2
"""While a code lives, whatever Zoho says: the answer to one may be that another data centre is to be asked."""
_LONGEST_TEXT = 4096
_NO_CODE = "1000.00000000000000000000000000000000.00000000000000000000000000000000"
"""A grant code that was never given: who is asked with it tells whether it knows the client."""

INVALID_CLIENT, INVALID_CODE = "invalid_client", "invalid_code"
INVALID_SECRET = "invalid_client_secret"  # noqa: S105 - Zoho's word for the refusal, no secret
NO_REFRESH_TOKEN = "no_refresh_token"  # noqa: S105 - a word for the refusal, no secret
EXPIRED = "expired"
_NO_SUCH_TOKEN = (INVALID_CODE, "invalid_token")
_TURNED_AWAY = "turned_away"

_ELSEWHERE = "the client lives in another data centre (the address of Zoho CRM in your browser tells which)"
_OF_BOTH = {
    INVALID_SECRET: "the client lives in another data centre, which gave it another secret, or the secret has a typing "
    "error: copy it once more from the API console of the account's data centre",
    "access denied": "too many codes or tokens were asked for within ten minutes: wait for fifteen",
    GENERAL_ERROR: "Zoho's accounts server had a fault: try again in a minute",
    "invalid_oauthscope": "Zoho knows no such scope: check the modules' API names",
}
CODE_REFUSALS: Mapping[str, str] = MappingProxyType(
    {
        INVALID_CLIENT: f"{_ELSEWHERE}, or the client ID has a typing error",
        INVALID_CODE: "the code was made in another data centre, was used before, or is too old: "
        "generate a new one and enter it at once",
        NO_REFRESH_TOKEN: "the code was used before, or was made without offline access: generate a new one",
        "invalid_redirect_uri": "this client is of another type: add a self client in the API console",
        **_OF_BOTH,
    }
)
"""What to do about each refusal of a grant code, by Zoho's word in lower case."""
DEVICE_REFUSALS: Mapping[str, str] = MappingProxyType(
    {
        INVALID_CLIENT: f"{_ELSEWHERE}, is a self client (log in with --self-client), or its ID has a typing error",
        "access_denied": "it was turned away in the browser: log in again, and accept",
        EXPIRED: "nobody accepted in time: log in again, and open the address at once",
        INVALID_CODE: "Zoho has forgotten this attempt: log in again",
        NO_REFRESH_TOKEN: "Zoho let the exporter in, but for an hour only: remove it under Connected Apps in your Zoho "
        "account, and log in again",
        "other_dc": "set accounts_url and api_url by hand",
        **_OF_BOTH,
    }
)
"""What to do about each refusal of the device grant, by Zoho's word in lower case."""
_PASSING = ("access denied", GENERAL_ERROR)
_UNHEARD = ("timeout", "connection", "invalid_response")
"""Codes of requests that may have been carried out."""
MAY_BE_MADE = (
    "a refresh token may have been made all the same, one of the 20 that Zoho keeps: remove it under Connected Apps in "
    "your Zoho account. A code is used up by that: log in again, with a new one"
)


@dataclass(frozen=True, slots=True)
class Client:
    """An OAuth client as the API console shows it."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Device:
    """An attempt that waits for a person: `page` is where to enter `user_code`; in `whole_page` it is filled in."""

    device_code: str = field(repr=False)
    user_code: str
    page: str
    whole_page: str
    interval_seconds: float
    lifetime_seconds: float


@dataclass(frozen=True, slots=True)
class Grant:
    """What Zoho gave. `api_domain` and `scope` are as it says them, empty where it does not."""

    refresh_token: str = field(repr=False)
    api_domain: str = ""
    scope: str = ""

    @property
    def is_fit(self) -> bool:
        """Whether the refresh token is of use to anybody; Zoho counts it all the same."""
        return re.fullmatch(TOKEN_PATTERN, self.refresh_token) is not None


def may_be_made(error: PollError) -> bool:
    """Whether Zoho may have made a token in the request that ended so."""
    return error.code in _UNHEARD and not isinstance(error, UnsentError)


@dataclass(frozen=True, slots=True)
class Waiting:
    """The person has not decided, or has in another data centre: what is to be done until Zoho is asked again."""

    is_too_fast: bool = False
    data_center: DataCenter | None = None


class Onboarding:
    """Asks accounts servers, one call at a time, each within the transport's limit of time."""

    def __init__(self, transport: Transport, stopwatch: Callable[[], float] = time.monotonic) -> None:
        self._transport = transport
        self._stopwatch = stopwatch

    def begin(self, accounts_url: str, client_id: str, scope: str) -> Device:
        """Begin the device grant.

        Raises:
            PollError: Zoho does not, or nobody answers.
        """
        form = {
            "client_id": client_id,
            "grant_type": "device_request",
            "scope": scope,
            "access_type": "offline",
            "prompt": "consent",
        }
        return decode_device(self._post(accounts_url, f"{_DEVICE_PATH}/code", form), accounts_url)

    def poll(self, accounts_url: str, client: Client, device: Device) -> Grant | Waiting:
        """Ask whether the person has decided.

        Raises:
            PollError: Zoho gives no token, or nobody answers.
        """
        form = {**_form(client), "grant_type": "device_token", "code": device.device_code}
        return decode_feedback(self._post(accounts_url, f"{_DEVICE_PATH}/token", form))

    def exchange(self, accounts_url: str, client: Client, code: str) -> Grant:
        """Exchange a grant code.

        Raises:
            PollError: Zoho gives no token, or nobody answers.
        """
        form = {**_form(client), "grant_type": "authorization_code", "code": code}
        return decode_grant(self._post(accounts_url, TOKEN_PATH, form), CODE_REFUSALS)

    def knows(self, accounts_url: str, client: Client) -> bool:
        """Whether a data centre knows a client and its secret: such a one complains of the code alone.

        Raises:
            PassingError: it could not be asked.
        """
        try:
            self.exchange(accounts_url, client, _NO_CODE)
        except RefusedError as error:
            return error.code == INVALID_CODE
        return False

    def revoke(self, accounts_url: str, refresh_token: str) -> None:
        """Give a refresh token back.

        Raises:
            PollError: Zoho does not take it, or nobody answers.
        """
        decode_revocation(self._post(accounts_url, f"{TOKEN_PATH}/revoke", {"token": refresh_token}))

    def _post(self, accounts_url: str, path: str, form: Mapping[str, str]) -> SealedAnswer:
        deadline = self._stopwatch() + self._transport.timeout_seconds
        try:
            return self._transport.post_form(f"{accounts_url}{path}", form, deadline=deadline)
        except PassingError as error:  # of several hosts, which may be of a typing error
            raise type(error)(error.code, f"{accounts_url}: {error.message}", advice=error.advice) from error


def await_person(
    ask: Callable[[str], Grant | Waiting],
    device: Device,
    accounts_url: str,
    follow: Callable[[DataCenter], str],
    *,
    sleep: Callable[[float], None],
    stopwatch: Callable[[], float],
) -> tuple[Grant, str]:
    """Ask until the person has decided; in the data centre that Zoho names, once it does. Give which server gave it.

    `ask` asks an accounts server, `follow` gives that of a data centre. A passing fault is waited out, and the last
    question is one that the code outlives.

    Raises:
        PollError: no token is to be had.
    """
    ends_at = stopwatch() + device.lifetime_seconds * _PART_OF_LIFE
    interval = pause = device.interval_seconds
    late: PollError = RefusedError(EXPIRED, "nobody accepted in time", advice=DEVICE_REFUSALS[EXPIRED])
    while (left := ends_at - stopwatch()) > 0:
        sleep(min(pause, left))
        pause = interval
        try:
            said = ask(accounts_url)
        except PassingError as error:
            late, pause = error, max(interval, error.retry_after_seconds or 0.0)
            continue
        match said:
            case Grant():
                return said, accounts_url
            case Waiting(is_too_fast=True):
                pause = interval = interval + _SLOWER_SECONDS
            case Waiting(data_center=DataCenter() as place):
                accounts_url, pause = follow(place), min(pause, _AT_ONCE_SECONDS)
    raise late


def decode_device(sealed: SealedAnswer, accounts_url: str) -> Device:
    """Read the answer to an initiation request.

    A page on another host than the one that was asked is not shown to anybody.

    Raises:
        PollError: it holds no code.
    """
    device_code = sealed.take_secret("device_code")
    answer = sealed.open()
    document = parse_object(answer.body)
    user_code = _text(document, "user_code")
    if not device_code or not re.fullmatch(r"[A-Za-z0-9-]{4,32}", user_code):
        raise _refusal(answer, document, DEVICE_REFUSALS)
    ours = re.compile(rf"{re.escape(accounts_url)}/[!-~]{{0,400}}")
    lifetime = _seconds(document, "expires_in", _LIFETIME_SECONDS)
    page, whole_page = (str(document.get(key)) for key in ("verification_url", "verification_uri_complete"))
    return Device(
        device_code,
        user_code,
        page if ours.fullmatch(page) else f"{accounts_url}{_DEVICE_PATH}",
        whole_page if ours.fullmatch(whole_page) else "",
        min(_seconds(document, "interval", _INTERVAL_SECONDS), lifetime / _LEAST_QUESTIONS),
        lifetime,
    )


def decode_feedback(sealed: SealedAnswer) -> Grant | Waiting:
    """Read the answer to a polling request.

    Raises:
        PollError: no token is to be had.
    """
    document = parse_object(sealed.open().body)
    match _text(document, "error").strip().casefold():
        case "authorization_pending":
            return Waiting()
        case "slow_down":
            return Waiting(is_too_fast=True)
        case "other_dc":
            return _elsewhere(document)
    return decode_grant(sealed, DEVICE_REFUSALS)


def decode_grant(sealed: SealedAnswer, refusals: Mapping[str, str]) -> Grant:
    """Read an answer that should hold a refresh token; `refusals` say what to do about each refusal.

    Raises:
        PollError: it holds none.
    """
    refresh_token, access_token = sealed.take_secret("refresh_token"), sealed.take_secret("access_token")
    answer = sealed.open()
    document = parse_object(answer.body)
    if refresh_token:
        return Grant(refresh_token, _text(document, "api_domain"), _text(document, "scope"))
    if access_token:
        message = "Zoho gave an access token, and no refresh token"
        raise RefusedError(NO_REFRESH_TOKEN, message, advice=refusals[NO_REFRESH_TOKEN])
    raise _refusal(answer, document, refusals)


def decode_revocation(sealed: SealedAnswer) -> None:
    """Read the answer to a revocation.

    Raises:
        PollError: the token was not taken back.
    """
    answer = sealed.open()
    document = parse_object(answer.body)
    if _text(document, "status") == "success":
        return
    word = _text(document, "error").strip().casefold()
    is_page = answer.status == HTTPStatus.BAD_REQUEST and not document  # so Zoho answers to a token it does not know
    if is_page or (word in _NO_SUCH_TOKEN and answer.status < HTTPStatus.INTERNAL_SERVER_ERROR):
        message = f"Zoho knows no such refresh token ({answer.describe()})"
        raise RefusedError(INVALID_CODE, message, advice="it was revoked before, or is one of another data centre")
    raise _refusal(answer, document, _OF_BOTH)


def _refusal(answer: Answer, document: Mapping[str, object], refusals: Mapping[str, str]) -> PollError:
    word, seconds = _text(document, "error").strip(), retry_after_seconds(answer, document)
    if not word:
        message = f"expected an answer of Zoho's as JSON, got {answer.describe()}"
        advice = wordless_advice(answer, seconds, "check the data centre, accounts_url and the proxy")
        is_turned_away = HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
        code = _TURNED_AWAY if is_turned_away else "invalid_response"
        return PassingError(code, message, advice=advice, retry_after_seconds=seconds)
    reason = word.casefold()
    has_failed = answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if has_failed and reason not in _PASSING:  # the server is at fault: nothing is said of the client or the code
        message = f"Zoho's accounts server failed: {quote(word)} (HTTP {answer.status})"
        return PassingError(GENERAL_ERROR, message, advice=_OF_BOTH[GENERAL_ERROR], retry_after_seconds=seconds)
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS and reason not in refusals:
        message = f"Zoho refused: {quote(word)} (HTTP {answer.status})"
        advice = wordless_advice(answer, seconds, "")
        return PassingError(_TURNED_AWAY, message, advice=advice, retry_after_seconds=seconds)
    kind, advice = PassingError if reason in _PASSING else RefusedError, refusals.get(reason, "an undocumented refusal")
    return kind(reason, f"Zoho refused: {quote(word)}", advice=advice, retry_after_seconds=seconds)


def _elsewhere(document: Mapping[str, object]) -> Waiting:
    place = _text(document, "user_location") or _text(document, "dc")
    if meant := data_center_meant(place, DataCenter):
        return Waiting(data_center=DataCenter(meant))
    message = f"the account lives in a data centre that the exporter does not know: {quote(place) or 'Zoho names none'}"
    raise RefusedError("other_dc", message, advice=DEVICE_REFUSALS["other_dc"])


def _form(client: Client) -> dict[str, str]:
    return {"client_id": client.client_id, "client_secret": client.client_secret}


def _text(document: Mapping[str, object], key: str) -> str:
    """Give a text of the answer that may be shown."""
    text = document.get(key)
    return "".join(filter(str.isprintable, text[:_LONGEST_TEXT])) if isinstance(text, str) else ""


def _seconds(document: Mapping[str, object], key: str, default: float) -> float:
    seconds = seconds_of(document.get(key)) or default
    seconds = seconds / 1000 if seconds > _MILLISECONDS_ABOVE else seconds
    return min(max(seconds, 1.0), _MILLISECONDS_ABOVE)
