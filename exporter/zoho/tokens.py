"""One account's access token: minted at most when needed, shared by all its polls.

Zoho grants 10 tokens per refresh token in 10 minutes and drops the oldest live one beyond its limit, so a token is
kept until shortly before its end, one refresh is in flight at a time, and a refusal is followed by a cool-down.
"""

import hashlib
import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from threading import Lock

from exporter.errors import ConfigurationError, PassingError, RefusedError, TokenRefusedError
from exporter.model import Credentials, JobKey, KeptToken, Pause, Standing, TokenStatus
from exporter.state.port import AccountState
from exporter.zoho.oauth import BAD_CREDENTIALS, MINT_LIMIT, REASONS, RefreshError, Refusal
from exporter.zoho.permits import CoolDown

_log = logging.getLogger(__name__)

EARLY_SECONDS = 60.0
"""How long before its end a token is no longer used."""
MINTS_PER_WINDOW = 10
MINT_WINDOW_SECONDS = 600.0
"""Zoho's limit: tokens per refresh token. Source: Zoho accounts, token limits."""
UNPROVEN_SECONDS = 600.0
"""How long a job that is held to be at fault has no token replaced that nobody else tried yet."""
MOST_SUSPECTS = 1000
"""How many jobs are remembered whose own fault a refused token may be."""

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


@dataclass(slots=True)
class _Held:
    """A token, since when it is used, and when the last call was begun that Zoho accepted with it (stopwatch)."""

    token: KeptToken | None = None
    since: float = 0.0
    accepted_at: float | None = None
    has_excused_nobody: bool = True


class TokenSource:
    """Hands out one account's access token. Thread-safe: one refresh is in flight at a time, and no lock held.

    Args:
        alias: the account, for the log.
        mint: asks Zoho for a token, by a deadline on the stopwatch; raises `RefreshError` or `PassingError`.
        credentials: reads the secrets, anew at each refresh; raises `ConfigurationError`.
        account: keeps the token, the pauses and when tokens were asked for, so that a restart neither mints one nor
            forgets the limit.
        clock: gives Unix seconds.
        stopwatch: gives seconds that never go backwards.
    """

    def __init__(
        self,
        alias: str,
        *,
        mint: Callable[[Credentials, float], KeptToken],
        credentials: Callable[[], Credentials],
        account: AccountState,
        clock: Callable[[], float],
        stopwatch: Callable[[], float],
    ) -> None:
        self._alias = alias
        self._mint = mint
        self._credentials = credentials
        self._account = account
        self._clock = clock
        self._stopwatch = stopwatch
        self._lock = Lock()
        self._refreshing: Future[KeptToken] | None = None
        self._held = _Held()
        self._before = _Held()
        self._suspects: dict[JobKey, None] = {}
        self._rejections = 0
        self._rechecks = 0
        self._refreshes = 0
        self._errors = Counter(dict.fromkeys(REASONS, 0))

    def token(self, deadline: float) -> KeptToken:
        """Give a token that is good for at least `EARLY_SECONDS`, minting one if need be; wait until `deadline` only.

        Raises:
            TokenRefusedError: there is none, and when we shall ask again.
            PassingError: there is none yet.
        """
        with self._lock:
            held = self._held.token
            if held and self._is_good(held):
                return held
            refresh, is_mine = self._refreshing or Future[KeptToken](), self._refreshing is None
            self._refreshing = refresh
        if is_mine:
            self._run(refresh, deadline)
        try:
            return refresh.result(max(0.0, deadline - self._stopwatch()))
        except TimeoutError:
            late = "no access token came in time"
            raise PassingError("timeout", late, advice="it is asked for again at the next poll") from None

    def replacement(self, token: KeptToken, key: JobKey, asked_at: float, deadline: float, code: str) -> KeptToken:
        """Give another token than one that Zoho did not accept for a job, in a call begun at `asked_at` (stopwatch).

        `code` is Zoho's word for it.

        Raises:
            RefusedError: it is the job's own fault, since Zoho accepts the token for others.
            TokenRefusedError, PassingError: as `token`.
        """
        with self._lock:
            if self._held.token is token:
                if self._is_accepted_for_others(key, asked_at):
                    self._suspect(key)
                    raise _job_refused(key, code)
                self._forget()
        return self.token(deadline)

    def doubt(self, token: KeptToken, key: JobKey, asked_at: float, code: str) -> None:
        """Say that Zoho refused the token in place of a dead one too, for a job's poll begun at `asked_at`.

        Where the token before was accepted, the job is at fault until another one fares no better. Otherwise the
        account pauses: each further token pushes one out of whoever else uses the refresh token. The pause doubles
        until `note_accepted`.

        Raises:
            RefusedError: it is the job's own fault.
        """
        with self._lock:
            if self._held.token is not token:
                return  # others have drawn their conclusion
            is_excused = self._is_excused(key, asked_at)
            self._suspect(key)
            if is_excused:
                raise _job_refused(key, code)
            self._forget()
            self._before = _Held()
            self._rejections += 1
            rejections = self._rejections
        message = "Zoho's API refused an access token that was just minted"
        self._pause(_REJECTED, message, self._fingerprint(), rejections)

    def note_accepted(self, token: KeptToken, key: JobKey, asked_at: float) -> None:
        """Say that Zoho accepted a token for a job, in a call begun at `asked_at`: the row of rejections is over."""
        with self._lock:
            for held in (self._held, self._before):
                if held.token is token:
                    held.accepted_at = max(asked_at, held.accepted_at or 0.0)
            self._suspects.pop(key, None)
            has_been_rejected, self._rejections = self._rejections > 0, 0
        if has_been_rejected:
            _log.info("access tokens are accepted again", extra={"account": self._alias})

    def recheck(self) -> None:
        """Take other settings into account: forget a token of other credentials, and a refusal that they may cure.

        Only Zoho's own throttle, and ours, go on: no setting lifts them. Waits for no refresh under way.
        """
        fingerprint = self._fingerprint()
        with self._lock:
            self._rechecks += 1
            self._rejections = 0
            kept = self._account.standing.token
            if fingerprint and (kept is None or kept.fingerprint != fingerprint):
                self._held, self._before = _Held(), _Held()
            self._account.stand(_without_curable_pause)

    def is_cooling_down(self) -> bool:
        """Whether the next token would be refused without asking Zoho, because of the last refusal."""
        pause = self._account.standing.token_pause
        return pause is not None and pause.is_in_force(self._clock()) and pause.fingerprint == self._fingerprint()

    def status(self) -> TokenStatus:
        """Give the state for the metrics. Never waits for a refresh in flight."""
        token = self._held.token or self._account.standing.token
        return TokenStatus(
            is_valid=token is not None and self._clock() < token.expires_at,
            expires_at=token.expires_at if token else None,
            refreshes=self._refreshes,
            refresh_errors=dict(self._errors),
        )

    def _run(self, refresh: "Future[KeptToken]", deadline: float) -> None:
        """Refresh in this thread, for all who wait."""
        rechecks = self._rechecks
        try:
            tell = partial(refresh.set_result, self._refresh(deadline))
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            if self._rechecks != rechecks:
                self._account.stand(_without_curable_pause)  # it is about settings of before
            tell = partial(refresh.set_exception, error)
        with self._lock:
            self._refreshing = None  # before the token is used, for it may be found dead at once
        tell()

    def _refresh(self, deadline: float) -> KeptToken:
        rechecks = self._rechecks
        try:
            credentials = self._credentials()
        except ConfigurationError as error:
            self._check_cool_down("")
            unreadable = Refusal(BAD_CREDENTIALS, is_passing=True, advice="make the secret files readable again")
            raise self._refused(unreadable, str(error), "") from error
        fingerprint = _fingerprint(credentials)
        self._check_cool_down(fingerprint)
        token = self._kept(fingerprint) or self._minted(credentials, fingerprint, deadline)
        with self._lock:
            if self._rechecks == rechecks:
                self._retire()
                self._held = _Held(token, self._stopwatch())
        return token

    def _minted(self, credentials: Credentials, fingerprint: str, deadline: float) -> KeptToken:
        try:
            self._book_mint()
            token = replace(self._mint(credentials, deadline), fingerprint=fingerprint)
        except RefreshError as error:
            raise self._refused(error.refusal, error.message, fingerprint, error.retry_after_seconds) from error
        except PassingError as error:
            refusal = Refusal(error.code, is_passing=True, advice=error.advice)
            raise self._refused(refusal, f"no token: {error.message}", fingerprint) from error
        pause = self._account.standing.token_pause
        if pause and pause.reason != _REJECTED.reason:
            _log.info("token refresh works again", extra={"account": self._alias})
        self._account.stand(lambda standing: replace(standing, token=token, token_pause=None))
        return token

    def _book_mint(self) -> None:
        # A token that was kept and is of no use now, being one for other credentials, is not to be shown as valid.
        self._account.stand(lambda standing: replace(standing, token=None))
        next_at = self._account.book_mint(MINTS_PER_WINDOW, MINT_WINDOW_SECONDS)
        if next_at is not None:
            minutes = MINT_WINDOW_SECONDS / 60
            message = f"{MINTS_PER_WINDOW} tokens were asked for within {minutes:g} minutes, which is Zoho's limit"
            raise RefreshError(_MINT_LIMIT, message, next_at - self._clock())
        self._refreshes += 1

    def _kept(self, fingerprint: str) -> KeptToken | None:
        """Give the token that an earlier process minted with the same credentials, if it is still good."""
        kept = self._account.standing.token
        return kept if kept and kept.fingerprint == fingerprint and self._is_good(kept) else None

    def _is_good(self, token: KeptToken) -> bool:
        return self._clock() < token.expires_at - EARLY_SECONDS

    def _is_accepted_for_others(self, key: JobKey, asked_at: float) -> bool:
        """Whether a job's refusal says nothing of the token in use, for other jobs' calls tell that it lives."""
        accepted_at = self._held.accepted_at
        if key not in self._suspects:
            return accepted_at is not None and accepted_at >= asked_at
        is_new = self._stopwatch() - self._held.since < UNPROVEN_SECONDS
        return accepted_at is not None or (is_new and self._before.accepted_at is not None)

    def _is_excused(self, key: JobKey, asked_at: float) -> bool:
        """Whether a refusal of the token in use is held against the job: with proof, or once where it is the first."""
        accepted_before = self._before.accepted_at
        is_first = self._before.has_excused_nobody and key not in self._suspects
        self._before.has_excused_nobody = False
        is_alive = accepted_before is not None and (is_first or accepted_before >= asked_at)
        return self._held.accepted_at is not None or is_alive

    def _suspect(self, key: JobKey) -> None:
        self._suspects[key] = None
        if len(self._suspects) > MOST_SUSPECTS:
            del self._suspects[next(iter(self._suspects))]

    def _forget(self) -> None:
        self._retire()
        self._account.stand(lambda standing: replace(standing, token=None))

    def _retire(self) -> None:
        """Use the token no more; remembered is the last that was accepted, or one that may yet turn out to be."""
        if self._held.token and (self._held.accepted_at is not None or self._before.accepted_at is None):
            self._before = self._held
        self._held = _Held()

    def _fingerprint(self) -> str:
        """Tell the credentials of now apart from others; empty where they can't be read."""
        try:
            return _fingerprint(self._credentials())
        except ConfigurationError:
            return ""

    def _check_cool_down(self, fingerprint: str) -> None:
        pause = self._account.standing.token_pause
        if pause and pause.fingerprint == fingerprint and pause.is_in_force(self._clock()):
            raise TokenRefusedError(pause.reason, pause.message, advice=pause.advice, retry_at=pause.until)

    def _refused(
        self, refusal: Refusal, message: str, fingerprint: str, asked_seconds: float | None = None
    ) -> TokenRefusedError:
        """Start a cool-down, which new credentials end, and give the error that says why there is no token."""
        last = self._account.standing.token_pause
        is_same = last is not None and last.reason == refusal.reason and last.fingerprint == fingerprint
        self._errors[refusal.reason] += 1
        until = self._pause(refusal, message, fingerprint, last.in_a_row + 1 if last and is_same else 1, asked_seconds)
        return TokenRefusedError(refusal.reason, message, advice=refusal.advice, retry_at=until)

    def _pause(
        self, refusal: Refusal, message: str, fingerprint: str, in_a_row: int, asked_seconds: float | None = None
    ) -> float:
        """Start a cool-down, tell of it unless it only goes on, and give its end."""
        since = self._clock()
        until = since + max(_cool_down(refusal).seconds(in_a_row), min(asked_seconds or 0.0, _LONGEST_PAUSE_SECONDS))
        pause = Pause(refusal.reason, message, refusal.advice, since, until, in_a_row, fingerprint)
        self._account.stand(lambda standing: replace(standing, token_pause=pause))
        if in_a_row == 1:
            details = {"account": self._alias, "reason": refusal.reason, "advice": refusal.advice}
            _log.warning("%s", message, extra=details)
        return until


def _without_curable_pause(standing: Standing) -> Standing:
    """End a pause that other settings may have cured; no setting lifts a throttle."""
    pause = standing.token_pause
    is_throttle = pause is not None and pause.reason in {"access_denied", MINT_LIMIT}
    return standing if is_throttle else replace(standing, token_pause=None)


def _cool_down(refusal: Refusal) -> CoolDown:
    if refusal.reason == "access_denied":
        return THROTTLE
    return PASSING if refusal.is_passing else PERMANENT


def _job_refused(key: JobKey, code: str) -> RefusedError:
    return RefusedError(
        code,
        f"Zoho refuses the access token for {key} alone, and accepts it for other jobs",
        advice="check the job's module and id, and what the token's user may see",
    )


def _fingerprint(credentials: Credentials) -> str:
    """Tell credentials apart without keeping them."""
    text = f"{credentials.client_id}\0{credentials.client_secret}\0{credentials.refresh_token}"
    return hashlib.sha256(text.encode()).hexdigest()
