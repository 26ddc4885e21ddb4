"""One account's access token: minted at most when needed, shared by all its polls.

Zoho grants 10 tokens per refresh token in 10 minutes and drops the oldest live one beyond its limit, so a token is
kept until shortly before its end, one refresh is in flight at a time, and a refusal is followed by a cool-down.
"""

import logging
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import NoReturn

from exporter.errors import ConfigurationError, PassingError, TokenRefusedError
from exporter.model import Credentials, TokenStatus
from exporter.zoho.oauth import (
    BAD_CREDENTIALS,
    MINT_LIMIT,
    REASONS,
    AccessToken,
    RefreshError,
    Refusal,
)

_log = logging.getLogger(__name__)

EARLY_SECONDS = 60.0
"""How long before its end a token is no longer used."""
MINTS_PER_WINDOW = 10
MINT_WINDOW_SECONDS = 600.0
"""Zoho's limit: tokens per refresh token. Source: Zoho accounts, token limits."""


@dataclass(frozen=True, slots=True)
class CoolDown:
    """How long no token is asked for after a refusal: from `shortest_seconds`, doubling up to `longest_seconds`."""

    shortest_seconds: float
    longest_seconds: float

    def seconds(self, refusals: int) -> float:
        """Give the pause after so many refusals in a row (1 or more)."""
        return min(self.longest_seconds, self.shortest_seconds * 2.0 ** min(refusals - 1, 30))


THROTTLE = CoolDown(180, 900)
PASSING = CoolDown(15, 600)
PERMANENT = CoolDown(900, 21_600)


@dataclass(frozen=True, slots=True)
class _Refused:
    """The last refusal, in force until `until` or until the credentials change."""

    refusal: Refusal
    message: str
    until: float
    in_a_row: int
    credentials: Credentials | None


class TokenSource:
    """Hands out one account's access token. Thread-safe: the lock also makes the refresh single-flight.

    Args:
        mint: asks Zoho for a token; raises `RefreshError` or `PassingError`.
        credentials: reads the secrets, anew at each refresh; raises `ConfigurationError`.
        clock: gives Unix seconds.
    """

    def __init__(
        self,
        alias: str,
        *,
        mint: Callable[[Credentials], AccessToken],
        credentials: Callable[[], Credentials],
        clock: Callable[[], float],
    ) -> None:
        self._alias = alias
        self._mint = mint
        self._credentials = credentials
        self._clock = clock
        self._refreshing = Lock()
        self._token: AccessToken | None = None
        self._refused: _Refused | None = None
        self._mints: deque[float] = deque(maxlen=MINTS_PER_WINDOW)
        self._refreshes = 0
        self._errors = Counter(dict.fromkeys(REASONS, 0))

    def token(self) -> AccessToken:
        """Give a token that is good for at least `EARLY_SECONDS`, minting one if need be.

        Raises:
            TokenRefusedError: there is none, and when we shall ask again.
        """
        with self._refreshing:
            if self._token and self._clock() < self._token.expires_at - EARLY_SECONDS:
                return self._token
            return self._refresh()

    def discard(self, token: AccessToken) -> None:
        """Forget a token that Zoho does not accept, unless a newer one has taken its place."""
        with self._refreshing:
            if self._token is token:
                self._token = None

    def status(self) -> TokenStatus:
        """Give the state for the metrics. Never waits for a refresh in flight."""
        token = self._token
        return TokenStatus(
            is_valid=token is not None and self._clock() < token.expires_at,
            expires_at=token.expires_at if token else None,
            refreshes=self._refreshes,
            refresh_errors=dict(self._errors),
        )

    def _refresh(self) -> AccessToken:
        now = self._clock()
        credentials = self._read_credentials(now)
        self._check_cool_down(credentials, now)
        self._check_mint_limit(now)
        self._mints.append(now)
        self._refreshes += 1
        try:
            token = self._mint(credentials)
        except RefreshError as error:
            self._refuse(error.refusal, error.message, credentials, error.retry_after_seconds, cause=error)
        except PassingError as error:
            refusal = Refusal(error.code, is_passing=True, advice=error.advice)
            self._refuse(refusal, f"no token: {error.message}", credentials, cause=error)
        self._accept(token)
        return token

    def _accept(self, token: AccessToken) -> None:
        if self._refused:
            _log.info("token refresh works again", extra={"account": self._alias})
        self._token = token
        self._refused = None

    def _read_credentials(self, now: float) -> Credentials:
        try:
            return self._credentials()
        except ConfigurationError as error:
            refusal = Refusal(BAD_CREDENTIALS, is_passing=True, advice="make the secret files readable again")
            self._check_cool_down(None, now)
            self._refuse(refusal, str(error), None, cause=error)

    def _check_cool_down(self, credentials: Credentials | None, now: float) -> None:
        refused = self._refused
        if refused and refused.credentials == credentials and now < refused.until:
            raise TokenRefusedError(
                refused.refusal.reason, refused.message, advice=refused.refusal.advice, retry_at=refused.until
            )

    def _check_mint_limit(self, now: float) -> None:
        if len(self._mints) < MINTS_PER_WINDOW or now - self._mints[0] >= MINT_WINDOW_SECONDS:
            return
        self._errors[MINT_LIMIT] += 1
        raise TokenRefusedError(
            MINT_LIMIT,
            f"{MINTS_PER_WINDOW} tokens were asked for within {MINT_WINDOW_SECONDS / 60:g} minutes, Zoho's limit",
            advice="tokens die too early: see what else uses this refresh token",
            retry_at=self._mints[0] + MINT_WINDOW_SECONDS,
        )

    def _refuse(
        self,
        refusal: Refusal,
        message: str,
        credentials: Credentials | None,
        asked_seconds: float | None = None,
        *,
        cause: Exception,
    ) -> NoReturn:
        """Start a cool-down, which new credentials end, and say why there is no token."""
        last = self._refused
        is_same = last is not None and last.refusal.reason == refusal.reason and last.credentials == credentials
        in_a_row = last.in_a_row + 1 if last and is_same else 1
        seconds = max(_cool_down(refusal).seconds(in_a_row), asked_seconds or 0.0)
        until = self._clock() + seconds
        self._errors[refusal.reason] += 1
        self._refused = _Refused(refusal, message, until, in_a_row, credentials)
        if not is_same:
            details = {"account": self._alias, "reason": refusal.reason, "advice": refusal.advice}
            _log.warning("%s", message, extra=details)
        raise TokenRefusedError(refusal.reason, message, advice=refusal.advice, retry_at=until) from cause


def _cool_down(refusal: Refusal) -> CoolDown:
    if refusal.reason == "access_denied":
        return THROTTLE
    return PASSING if refusal.is_passing else PERMANENT
