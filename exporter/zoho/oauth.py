"""The refresh grant: what the token endpoint's answer means. Pure.

Source: Zoho accounts, OAuth 2.0 self client and token limits. A refusal may come with HTTP 200 and an `error` key,
so the body is judged; but a server that failed (5xx) has said nothing of the credentials, whatever its word.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus

from exporter.errors import PassingError, PollError, RefusedError
from exporter.model import EARLY_SECONDS, TOKEN_PATTERN, KeptToken
from exporter.zoho.codes import OTHER
from exporter.zoho.wire import (
    Answer,
    SealedAnswer,
    parse_object,
    quote,
    retry_after_seconds,
    seconds_of,
    wordless_advice,
)

_DEFAULT_LIFETIME_SECONDS = 3600.0  # `expires_in` has been missing in real answers
_MILLISECONDS_ABOVE = 100_000  # no token lives longer than a day: such an `expires_in` is the old one, in milliseconds

FAILED_TO_ASK = ("timeout", "connection", "tls", "deadline", "invalid_response")
"""Reasons of a refresh that got no answer of Zoho's; the codes of `PassingError`."""
MINT_LIMIT = "mint_limit"
"""Reason of a refresh that our own governor held back."""
BAD_CREDENTIALS = "credentials_unreadable"
"""Reason of a refresh whose secrets could not be read."""
ACCESS_DENIED = "access_denied"
GENERAL_ERROR = "general_error"
TOO_MANY_REQUESTS = "too_many_requests"
"""Reason of a 429 whose word, if it has one, is not documented."""

REFUSALS = {
    "invalid_client": "wrong client id, or a client of another data centre: check client_id and data_center",
    "invalid_client_secret": "wrong client secret (each data centre may have its own): "
    "check client_secret and data_center",
    "invalid_code": "the refresh token is wrong, expired or revoked (a password change revokes it): make a new one",
    ACCESS_DENIED: "too many tokens were asked for with this refresh token: see what else uses it; "
    "it passes within ten minutes",
    GENERAL_ERROR: "Zoho's accounts server had a fault: wait; if it lasts, look at Zoho's status page",
    TOO_MANY_REQUESTS: "too many requests: wait some minutes; if it lasts, see what else asks Zoho for tokens",
    "missing_org_info": "this client needs an organisation (soid): use a self client's refresh token",
    "invalid_redirect_uri": "the token was made for another kind of client: make a refresh token with a self client",
}
"""What to do about each documented refusal, by Zoho's word in lower case and without spaces."""
PASSING_REFUSALS = (ACCESS_DENIED, GENERAL_ERROR, TOO_MANY_REQUESTS)

REASONS = (*REFUSALS, *FAILED_TO_ASK, MINT_LIMIT, BAD_CREDENTIALS, OTHER)
"""Every value the label `reason` can take."""


def decode_token(sealed: SealedAnswer) -> KeptToken:
    """Read the token endpoint's answer.

    Raises:
        PollError: it holds no token; `code` is the reason.
    """
    value = sealed.take_secret("access_token")
    answer = sealed.open()
    document = parse_object(answer.body)
    if value and re.fullmatch(TOKEN_PATTERN, value):
        api_domain = document.get("api_domain")
        named = api_domain if isinstance(api_domain, str) else ""
        seconds = _lifetime_seconds(document)
        early_seconds = min(EARLY_SECONDS, seconds / 2)
        return KeptToken(value, answer.received_at + seconds, named, fingerprint="", early_seconds=early_seconds)
    raise _refusal(answer, document)


def _refusal(answer: Answer, document: Mapping[str, object]) -> PollError:
    word, seconds = document.get("error"), retry_after_seconds(answer, document)
    is_throttled = answer.status == HTTPStatus.TOO_MANY_REQUESTS
    if not isinstance(word, str):
        message = f"expected an access token as JSON, got {answer.describe()}"
        advice = wordless_advice(answer, seconds, "check accounts_url, data_center and proxies")
        code = TOO_MANY_REQUESTS if is_throttled else "invalid_response"
        return PassingError(code, message, advice=advice, retry_after_seconds=seconds)
    told = f"{quote(word)} (HTTP {answer.status})"
    reason = word.strip().casefold().replace(" ", "_")
    has_failed = answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if has_failed and reason not in PASSING_REFUSALS:  # the server is at fault: nothing is said of the credentials
        message, advice = f"Zoho's accounts server failed: {told}", REFUSALS[GENERAL_ERROR]
        return PassingError(GENERAL_ERROR, message, advice=advice, retry_after_seconds=seconds)
    if is_throttled and reason not in REFUSALS:
        reason = TOO_MANY_REQUESTS
    kind = PassingError if reason in PASSING_REFUSALS else RefusedError
    advice = REFUSALS.get(reason, "an undocumented refusal: see Zoho's word")
    code = reason if reason in REFUSALS else OTHER
    return kind(code, f"Zoho refused to refresh the token: {told}", advice=advice, retry_after_seconds=seconds)


def _lifetime_seconds(document: Mapping[str, object]) -> float:
    for key in ("expires_in_sec", "expires_in"):
        lifetime = seconds_of(document.get(key)) or 0.0
        if lifetime > _MILLISECONDS_ABOVE:
            lifetime /= 1000
        if 0 < lifetime <= _MILLISECONDS_ABOVE:
            return lifetime
    return _DEFAULT_LIFETIME_SECONDS
