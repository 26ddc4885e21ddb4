"""The accounts server: mints, limits, checks and revokes tokens. Source: Zoho Accounts, OAuth 2.0 and Token limits."""

import secrets
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from exporter.simulator.crm.refusals import OAuthError, oauth_refusal
from exporter.simulator.transport import Answer, html_answer, json_answer

SCOPE = "ZohoCRM.mass_update.READ ZohoCRM.mass_update.UPDATE"
"""What the scenario's own refresh token may do."""
MOST_REFRESH_TOKENS = 20
"""For each user and client: one more silently ends the oldest, with its access tokens."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client must present."""

    client_id: str
    client_secret: str
    refresh_token: str


@dataclass(frozen=True, slots=True)
class TokenLimits:
    """How many tokens one refresh token may mint in a window, how many live at once, and how long each lives."""

    per_window: int = 10
    window_seconds: float = 600.0
    live: int = 15
    lifetime_seconds: float = 3600.0


@dataclass(slots=True)
class _Grant:
    """What a refresh token stands for: its scope, its live access tokens by their ends, and when tokens were minted."""

    scope: str
    live: OrderedDict[str, float] = field(default_factory=OrderedDict)
    minted_at: deque[float] = field(default_factory=deque)


class TokenDesk:
    """The refresh tokens of one client, and the access tokens of each. Thread-safe: one lock for all of them.

    `clock` gives Unix seconds.
    """

    def __init__(self, credentials: Credentials, limits: TokenLimits, clock: Callable[[], float]) -> None:
        self._credentials = credentials
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._grants: OrderedDict[str, _Grant] = OrderedDict({credentials.refresh_token: _Grant(SCOPE)})

    def grant(self, form: Mapping[str, str], *, api_domain: str) -> Answer:
        """Answer a refresh; a refusal comes under HTTP 200, as Zoho's does."""
        refusal = self._refusal(form)
        if refusal is not None:
            return oauth_refusal(refusal)
        with self._lock:
            grant = self._grants.get(form.get("refresh_token", ""))
        return self._minted(grant, {}, api_domain) if grant else oauth_refusal(OAuthError.INVALID_CODE)

    def admit(self, scope: str, *, is_lasting: bool, api_domain: str) -> Answer:
        """Give the tokens of a consent, a refresh token among them if it `is_lasting`."""
        refresh_token, grant = _random_token(), _Grant(scope)
        with self._lock:
            self._grants[refresh_token] = grant
            while len(self._grants) > MOST_REFRESH_TOKENS:
                self._grants.popitem(last=False)
        return self._minted(grant, {"refresh_token": refresh_token} if is_lasting else {}, api_domain)

    def client_refusal(self, form: Mapping[str, str]) -> OAuthError | None:
        """Say what is wrong with who asks, if anything is."""
        if form.get("client_id") != self._credentials.client_id:
            return OAuthError.INVALID_CLIENT
        if form.get("client_secret") != self._credentials.client_secret:
            return OAuthError.INVALID_CLIENT_SECRET
        return None

    def revoke(self, token: str) -> Answer:
        """Forget a refresh token and its access tokens; Zoho has a page for one that it does not know."""
        with self._lock:
            known = self._grants.pop(token, None)
        return html_answer(HTTPStatus.BAD_REQUEST) if known is None else json_answer(200, {"status": "success"})

    def expiry(self, token: str) -> float | None:
        """Give the end of a live token (Unix seconds), or `None` for a dead or unknown one."""
        with self._lock:
            expires_at = next((grant.live[token] for grant in self._grants.values() if token in grant.live), None)
            return expires_at if expires_at is not None and self._clock() < expires_at else None

    def scope(self, token: str) -> str:
        """Give what an access token may do; empty for an unknown one."""
        with self._lock:
            return next((grant.scope for grant in self._grants.values() if token in grant.live), "")

    def kill(self, token: str) -> None:
        """Let a token die before its time."""
        with self._lock:
            for grant in self._grants.values():
                grant.live.pop(token, None)

    def _refusal(self, form: Mapping[str, str]) -> OAuthError | None:
        if form.get("grant_type") != "refresh_token":
            return OAuthError.UNSUPPORTED_GRANT_TYPE
        return self.client_refusal(form)

    def _minted(self, grant: _Grant, more: Mapping[str, str], api_domain: str) -> Answer:
        token = self._mint(grant)
        if token is None:
            return oauth_refusal(OAuthError.ACCESS_DENIED)
        content = {
            "access_token": token,
            **more,
            "scope": grant.scope,
            "api_domain": api_domain,
            "token_type": "Bearer",
            "expires_in": int(self._limits.lifetime_seconds),
        }
        return json_answer(HTTPStatus.OK, content)

    def _mint(self, grant: _Grant) -> str | None:
        """Make a token, or none when the window is full; the oldest live token dies for one too many."""
        with self._lock:
            now = self._clock()
            while grant.minted_at and grant.minted_at[0] <= now - self._limits.window_seconds:
                grant.minted_at.popleft()
            if len(grant.minted_at) >= self._limits.per_window:
                return None
            grant.minted_at.append(now)
            token = _random_token()
            grant.live[token] = now + self._limits.lifetime_seconds
            while len(grant.live) > self._limits.live:
                grant.live.popitem(last=False)
            return token


def _random_token() -> str:
    return f"1000.{secrets.token_hex(16)}.{secrets.token_hex(16)}"
