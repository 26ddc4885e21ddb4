"""One account's access token: minted at most when needed, shared by all its polls.

Zoho grants 10 tokens per refresh token in 10 minutes and drops the oldest live one beyond its limit, so a token is
kept until shortly before its end, one refresh is in flight at a time, and a refusal is followed by a cool-down.
"""

import hashlib
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock
from typing import NoReturn

from exporter.errors import ConfigurationError, PassingError, TokenRefusedError
from exporter.model import AccountLedger, Credentials, StoredToken, TokenStatus
from exporter.zoho.book import AccountBook
from exporter.zoho.cooldown import CoolDown
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


_LONGEST_PAUSE_SECONDS = 86_400.0
THROTTLE = CoolDown(180, 900)
PASSING = CoolDown(15, 600)
PERMANENT = CoolDown(900, 21_600)


_REJECTED = Refusal(
    "rejected",
    is_passing=True,
    advice="Zoho's API does not accept even a new access token: check environment, data_center and api_url",
)
_MINT_LIMIT = Refusal(MINT_LIMIT, is_passing=True, advice="tokens die too early: see what else uses this refresh token")


@dataclass(frozen=True, slots=True)
class _Refused:
    """The last refusal, in force from `since` until `until` (Unix seconds) or until the credentials change."""

    refusal: Refusal
    message: str
    since: float
    until: float
    in_a_row: int
    credentials: Credentials | None

    def is_in_force(self, now: float) -> bool:
        """Whether its cool-down lasts; a clock that was set back to before it ends it, rather than lengthen it."""
        return self.since <= now < self.until


class TokenSource:
    """Hands out one account's access token. Thread-safe: the lock also makes the refresh single-flight.

    Args:
        mint: asks Zoho for a token; raises `RefreshError` or `PassingError`.
        credentials: reads the secrets, anew at each refresh; raises `ConfigurationError`.
        book: keeps the token and when tokens were asked for, so that a restart neither mints one nor forgets the limit.
        clock: gives Unix seconds.
    """

    def __init__(
        self,
        alias: str,
        *,
        mint: Callable[[Credentials], AccessToken],
        credentials: Callable[[], Credentials],
        book: AccountBook,
        clock: Callable[[], float],
    ) -> None:
        self._alias = alias
        self._mint = mint
        self._credentials = credentials
        self._book = book
        self._clock = clock
        self._refreshing = Lock()
        self._token: AccessToken | None = None
        self._minted_with: Credentials | None = None
        self._rejections = 0
        self._refused: _Refused | None = None
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
            self._forget(token)

    def reject(self, token: AccessToken) -> None:
        """Forget a token that took the place of a dead one and is not accepted either, and pause.

        The next one would fare no better, and each pushes out a token of whoever else uses the refresh token. The pause
        doubles until `note_accepted`.
        """
        with self._refreshing:
            if self._forget(token):
                self._rejections += 1
                message = "Zoho's API refused an access token that was just minted"
                self._pause(_REJECTED, message, self._minted_with, self._rejections)

    def note_accepted(self) -> None:
        """Say that Zoho's API accepts the tokens: the row of rejections is over."""
        if self._rejections:
            _log.info("access tokens are accepted again", extra={"account": self._alias})
        self._rejections = 0

    def recheck(self) -> None:
        """Take other settings into account: forget a token of other credentials, and a refusal that they may cure.

        Only Zoho's own throttle, and ours, go on: no setting lifts them.
        """
        with self._refreshing:
            if self._refused and self._refused.refusal.reason not in {"access_denied", MINT_LIMIT}:
                self._refused = None
            self._rejections = 0
            kept = self._book.ledger.token
            try:
                is_ours = kept is not None and kept.fingerprint == _fingerprint(self._credentials())
            except ConfigurationError:
                return
            self._token = self._token if is_ours else None

    def is_cooling_down(self) -> bool:
        """Whether the next token would be refused without asking Zoho, because of the last refusal."""
        refused = self._refused
        return refused is not None and refused.is_in_force(self._clock()) and not self._has_new_credentials(refused)

    def status(self) -> TokenStatus:
        """Give the state for the metrics. Never waits for a refresh in flight."""
        token = self._token or self._book.ledger.token
        return TokenStatus(
            is_valid=token is not None and self._clock() < token.expires_at,
            expires_at=token.expires_at if token else None,
            refreshes=self._refreshes,
            refresh_errors=dict(self._errors),
        )

    def _forget(self, token: AccessToken) -> bool:
        is_current = self._token is token
        if is_current:
            self._token = None
            self._book.change(lambda ledger: replace(ledger, token=None))
        return is_current

    def _refresh(self) -> AccessToken:
        now = self._clock()
        credentials = self._read_credentials(now)
        self._check_cool_down(credentials, now)
        self._minted_with = credentials
        if kept := self._kept_token(credentials, now):
            self._token = kept
            return kept
        try:
            self._book_mint(now)
            self._refreshes += 1
            token = self._mint(credentials)
        except RefreshError as error:
            self._refuse(error.refusal, error.message, credentials, error.retry_after_seconds, cause=error)
        except PassingError as error:
            refusal = Refusal(error.code, is_passing=True, advice=error.advice)
            self._refuse(refusal, f"no token: {error.message}", credentials, cause=error)
        self._accept(token, credentials)
        return token

    def _book_mint(self, now: float) -> None:
        # The recount is kept also where the limit is reached: mints of the future would hold it there for ever. A token
        # that was kept and is of no use now, being one for other credentials, is not to be shown as valid.
        self._book.change(lambda ledger: replace(ledger, mints=_recent(ledger.mints, now), token=None))
        self._book.change(lambda ledger: _with_mint(ledger, now))

    def _accept(self, token: AccessToken, credentials: Credentials) -> None:
        if self._refused and self._refused.refusal is not _REJECTED:
            _log.info("token refresh works again", extra={"account": self._alias})
        self._token = token
        self._refused = None
        kept = StoredToken(token.value, token.expires_at, token.api_domain, _fingerprint(credentials))
        self._book.change(lambda ledger: replace(ledger, token=kept))

    def _kept_token(self, credentials: Credentials, now: float) -> AccessToken | None:
        """Give the token that an earlier process minted with the same credentials, if it is still good."""
        kept = self._book.ledger.token
        if kept is None or kept.fingerprint != _fingerprint(credentials) or now >= kept.expires_at - EARLY_SECONDS:
            return None
        return AccessToken(kept.value, kept.expires_at, kept.api_domain)

    def _has_new_credentials(self, refused: _Refused) -> bool:
        try:
            return self._credentials() != refused.credentials
        except ConfigurationError:
            return refused.credentials is not None

    def _read_credentials(self, now: float) -> Credentials:
        try:
            return self._credentials()
        except ConfigurationError as error:
            refusal = Refusal(BAD_CREDENTIALS, is_passing=True, advice="make the secret files readable again")
            self._check_cool_down(None, now)
            self._refuse(refusal, str(error), None, cause=error)

    def _check_cool_down(self, credentials: Credentials | None, now: float) -> None:
        refused = self._refused
        if refused and refused.credentials == credentials and refused.is_in_force(now):
            raise TokenRefusedError(
                refused.refusal.reason, refused.message, advice=refused.refusal.advice, retry_at=refused.until
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
        self._errors[refusal.reason] += 1
        until = self._pause(refusal, message, credentials, in_a_row, asked_seconds)
        raise TokenRefusedError(refusal.reason, message, advice=refusal.advice, retry_at=until) from cause

    def _pause(
        self,
        refusal: Refusal,
        message: str,
        credentials: Credentials | None,
        in_a_row: int,
        asked_seconds: float | None = None,
    ) -> float:
        """Start a cool-down, tell of it unless it only goes on, and give its end."""
        since = self._clock()
        seconds = max(_cool_down(refusal).seconds(in_a_row), min(asked_seconds or 0.0, _LONGEST_PAUSE_SECONDS))
        self._refused = _Refused(refusal, message, since, since + seconds, in_a_row, credentials)
        if in_a_row == 1:
            details = {"account": self._alias, "reason": refusal.reason, "advice": refusal.advice}
            _log.warning("%s", message, extra=details)
        return since + seconds


def _cool_down(refusal: Refusal) -> CoolDown:
    if refusal.reason == "access_denied":
        return THROTTLE
    return PASSING if refusal.is_passing else PERMANENT


def _recent(mints: tuple[float, ...], now: float) -> tuple[float, ...]:
    """Give the mints of the window, oldest first; where a clock was set back, those of the future as made now."""
    return tuple(sorted(min(at, now) for at in mints if now - min(at, now) < MINT_WINDOW_SECONDS))


def _with_mint(ledger: AccountLedger, now: float) -> AccountLedger:
    """Book one mint beside the recent ones.

    Raises:
        RefreshError: Zoho's limit is reached.
    """
    if len(ledger.mints) < MINTS_PER_WINDOW:
        return replace(ledger, mints=(*ledger.mints, now))
    minutes = MINT_WINDOW_SECONDS / 60
    message = f"{MINTS_PER_WINDOW} tokens were asked for within {minutes:g} minutes, which is Zoho's limit"
    raise RefreshError(_MINT_LIMIT, message, ledger.mints[0] + MINT_WINDOW_SECONDS - now)


def _fingerprint(credentials: Credentials) -> str:
    """Tell credentials apart without keeping them."""
    text = f"{credentials.client_id}\0{credentials.client_secret}\0{credentials.refresh_token}"
    return hashlib.sha256(text.encode()).hexdigest()
