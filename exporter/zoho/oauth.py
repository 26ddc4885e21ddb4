"""The refresh grant: what the token endpoint's answer means. Pure, but for the one call that `mint` makes.

Source: Zoho accounts, OAuth 2.0 self client and token limits. A refusal may come with HTTP 200 and an `error` key,
so the body is judged, not the status.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus

from exporter.errors import ExporterError
from exporter.model import Credentials, KeptToken
from exporter.zoho.wire import Answer, SealedAnswer, parse_object, quote, retry_after_seconds, seconds_of

_DEFAULT_LIFETIME_SECONDS = 3600.0  # `expires_in` has been missing in real answers
_MILLISECONDS_ABOVE = 100_000  # no token lives longer than a day: such an `expires_in` is the old one, in milliseconds
_TOKEN_SHAPE = re.compile(r"[\x21-\x7e]{1,4096}")

FAILED_TO_ASK = ("timeout", "connection", "tls", "deadline", "invalid_response")
"""Reasons of a refresh that got no answer of Zoho's; the codes of `PassingError`."""
MINT_LIMIT = "mint_limit"
"""Reason of a refresh that our own governor held back."""
BAD_CREDENTIALS = "credentials_unreadable"
"""Reason of a refresh whose secrets could not be read."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One documented refusal: whether it passes by itself, and what to do."""

    reason: str
    is_passing: bool
    advice: str


_PASSING = ("access denied", "general_error")
_ADVICE = {
    "invalid_client": "wrong client id, or a client of another data centre: check client_id and data_center",
    "invalid_client_secret": "wrong client secret (each data centre may have its own): "
    "check client_secret and data_center",
    "invalid_code": "the refresh token is wrong, expired or revoked (a password change revokes it): make a new one",
    "access denied": "too many tokens were asked for with this refresh token: see what else uses it; "
    "we wait and ask again",
    "general_error": "Zoho's accounts server had a fault: asked again",
    "missing_org_info": "this client needs an organisation (soid): use a self client's refresh token",
    "invalid_redirect_uri": "the token was made for another kind of client: make a refresh token with a self client",
}
REFUSALS: Mapping[str, Refusal] = {
    word: Refusal(word.replace(" ", "_"), is_passing=word in _PASSING, advice=advice)
    for word, advice in _ADVICE.items()
}
_NOT_ZOHO = Refusal("invalid_response", is_passing=True, advice="check accounts_url, data_center and proxies")
_UNDOCUMENTED = Refusal("other", is_passing=False, advice="an undocumented refusal: see Zoho's word")

REASONS = (
    *(refusal.reason for refusal in REFUSALS.values()),
    *FAILED_TO_ASK,
    MINT_LIMIT,
    BAD_CREDENTIALS,
    _UNDOCUMENTED.reason,
)
"""Every value the label `reason` can take."""


class RefreshError(ExporterError):
    """The refresh grant gave no token; `retry_after_seconds` is how long Zoho asks us to wait, if it does."""

    def __init__(self, refusal: Refusal, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.refusal = refusal
        self.message = message
        self.retry_after_seconds = retry_after_seconds


def mint(
    post_form: Callable[[str, Mapping[str, str]], SealedAnswer], accounts_url: str, credentials: Credentials
) -> KeptToken:
    """Ask for one access token. It counts towards Zoho's 10 tokens in 10 minutes.

    Raises:
        RefreshError: Zoho refused.
        PassingError: no whole answer came (from `post_form`).
    """
    sealed = post_form(
        f"{accounts_url}/oauth/v2/token",
        {
            "grant_type": "refresh_token",
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
            "refresh_token": credentials.refresh_token,
        },
    )
    return decode_token(sealed)


def decode_token(sealed: SealedAnswer) -> KeptToken:
    """Read the token endpoint's answer.

    Raises:
        RefreshError: it holds no token.
    """
    value = sealed.take_secret("access_token")
    answer = sealed.open()
    document = parse_object(answer.body)
    if value and _TOKEN_SHAPE.fullmatch(value):
        api_domain = document.get("api_domain")
        named = api_domain if isinstance(api_domain, str) else ""
        return KeptToken(value, answer.received_at + _lifetime_seconds(document), named, fingerprint="")
    raise _refusal(answer, document)


def _refusal(answer: Answer, document: Mapping[str, object]) -> RefreshError:
    word = document.get("error")
    seconds = retry_after_seconds(answer, document)
    if not isinstance(word, str):
        return RefreshError(_NOT_ZOHO, f"expected an access token as JSON, got {answer.describe()}", seconds)
    refusal = REFUSALS.get(word.strip().casefold(), _UNDOCUMENTED)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        refusal = replace(refusal, is_passing=True)
    return RefreshError(refusal, f"Zoho refused to refresh the token: {quote(word)} (HTTP {answer.status})", seconds)


def _lifetime_seconds(document: Mapping[str, object]) -> float:
    for key in ("expires_in_sec", "expires_in"):
        lifetime = seconds_of(document.get(key)) or 0.0
        if lifetime > _MILLISECONDS_ABOVE:
            lifetime /= 1000
        if 0 < lifetime <= _MILLISECONDS_ABOVE:
            return lifetime
    return _DEFAULT_LIFETIME_SECONDS
