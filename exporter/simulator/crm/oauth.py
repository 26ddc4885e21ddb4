"""The accounts server: mints, limits and checks access tokens. Source: Zoho Accounts, OAuth 2.0 and Token limits."""

import secrets
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from exporter.simulator.crm.refusals import OAuthError, oauth_refusal
from exporter.simulator.transport import Answer, json_answer

SCOPE = "ZohoCRM.mass_update.READ ZohoCRM.mass_update.UPDATE"


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


class TokenDesk:
    """The access tokens of one refresh token. Thread-safe: one lock for the live tokens and the window.

    `clock` gives Unix seconds.
    """

    def __init__(self, credentials: Credentials, limits: TokenLimits, clock: Callable[[], float]) -> None:
        self._credentials = credentials
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._live: OrderedDict[str, float] = OrderedDict()
        self._minted_at: deque[float] = deque()

    def grant(self, form: Mapping[str, str], *, api_domain: str) -> Answer:
        """Answer a token request; a refusal comes under HTTP 200, as Zoho's does."""
        refusal = self._refusal(form)
        if refusal is not None:
            return oauth_refusal(refusal)
        token = self._mint()
        if token is None:
            return oauth_refusal(OAuthError.ACCESS_DENIED)
        content = {
            "access_token": token,
            "scope": SCOPE,
            "api_domain": api_domain,
            "token_type": "Bearer",
            "expires_in": int(self._limits.lifetime_seconds),
        }
        return json_answer(HTTPStatus.OK, content)

    def _refusal(self, form: Mapping[str, str]) -> OAuthError | None:
        if form.get("grant_type") != "refresh_token":
            return OAuthError.UNSUPPORTED_GRANT_TYPE
        if form.get("client_id") != self._credentials.client_id:
            return OAuthError.INVALID_CLIENT
        if form.get("client_secret") != self._credentials.client_secret:
            return OAuthError.INVALID_CLIENT_SECRET
        if form.get("refresh_token") != self._credentials.refresh_token:
            return OAuthError.INVALID_CODE
        return None

    def _mint(self) -> str | None:
        """Make a token, or none when the window is full; the oldest live token dies for one too many."""
        with self._lock:
            now = self._clock()
            while self._minted_at and self._minted_at[0] <= now - self._limits.window_seconds:
                self._minted_at.popleft()
            if len(self._minted_at) >= self._limits.per_window:
                return None
            self._minted_at.append(now)
            token = f"1000.{secrets.token_hex(16)}.{secrets.token_hex(16)}"
            self._live[token] = now + self._limits.lifetime_seconds
            while len(self._live) > self._limits.live:
                self._live.popitem(last=False)
            return token

    def expiry(self, token: str) -> float | None:
        """Give the end of a live token (Unix seconds), or `None` for a dead or unknown one."""
        with self._lock:
            expires_at = self._live.get(token)
            return expires_at if expires_at is not None and self._clock() < expires_at else None

    def kill(self, token: str) -> None:
        """Let a token die before its time."""
        with self._lock:
            self._live.pop(token, None)
