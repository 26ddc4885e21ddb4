"""One account's access token: minted at most when needed, shared by all its polls.

Zoho grants 10 tokens per refresh token in 10 minutes and drops the oldest live one beyond its limit, so a token is
kept until shortly before its end, one refresh is in flight at a time, and a refusal is followed by a cool-down.
"""

import hashlib
import logging
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import astuple, replace
from threading import Lock

from exporter.errors import ConfigurationError, DeadTokenError, PassingError, PollError, RefusedError, TokenRefusedError
from exporter.model import Credentials, JobKey, KeptToken, Pause, Standing, TokenStatus
from exporter.state.port import AccountState
from exporter.zoho.oauth import ACCESS_DENIED, BAD_CREDENTIALS, MINT_LIMIT, REASONS, TOO_MANY_REQUESTS
from exporter.zoho.permits import CoolDown

_log = logging.getLogger(__name__)

MINTS_PER_WINDOW = 10
MINT_WINDOW_SECONDS = 600.0
"""Zoho's limit: tokens per refresh token. Source: Zoho accounts, token limits."""
TURN_MARGIN_SECONDS = 2.0
"""How much longer than it may take a refresh keeps all others from asking for a token too."""
UNPROVEN_SECONDS = 600.0
"""How long a job that may be at fault itself has no token replaced that nobody else tried yet."""
MOST_SUSPECTS = 1000
"""How many jobs are remembered whose own fault a refused token may be."""

_THROTTLE = CoolDown(180, 900)
_PASSING = CoolDown(15, 600)
_PERMANENT = CoolDown(900, 21_600)

_REJECTED = "rejected"
"""Reason of a pause after an access token that Zoho gave and did not accept."""
_REJECTED_ADVICE = "Zoho's API does not accept even a new access token: check environment, data_center and api_url"


class TokenSource:
    """Hands out one account's access token. Thread-safe: one refresh is in flight at a time, and no lock held.

    Args:
        mint: asks Zoho for a token, by a deadline on the stopwatch; raises `PollError`.
        credentials: reads the secrets, anew at each refresh; raises `ConfigurationError`.
        account: keeps the token, the pauses and when tokens were asked for, so that a restart neither mints one nor
            forgets the limit.
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
        self._refreshes = 0
        self._errors = Counter(dict.fromkeys(REASONS, 0))
        self._lock = Lock()
        self._rechecks = 0
        self._known = ""
        """The credentials whose token is used, by their fingerprint."""
        self._own = ""
        """Our own, as of when we last took a token: who shares the store may have newer ones, or only older ones."""
        self._minted_at = 0.0
        """When the token in use was minted, and when the last call was begun that Zoho accepted (stopwatch)."""
        self._accepted_at: float | None = None
        self._has_excuse = False
        """Whether one more job may be at fault: a token was accepted since the last such one, or none ever was."""
        self._suspects: dict[JobKey, float] = {}
        """Jobs that may be at fault themselves, and since when (stopwatch): ever, where no new token cured them."""

    def token(self, deadline: float) -> KeptToken:
        """Give a token that is good for a while yet, minting one if need be; wait until `deadline` only.

        Raises:
            TokenRefusedError: there is none, and when we shall ask again.
            PassingError: there is none yet.
        """
        if token := self._good(self._known):
            return token
        patience = max(0.0, deadline - self._stopwatch())
        with self._account.turn(patience, patience + TURN_MARGIN_SECONDS) as turn:
            if turn is None:
                late = "no access token came in time"
                raise PassingError("timeout", late, advice="it is asked for again at the next poll")
            return self._good(self._known) or self._refreshed(deadline, turn)

    def reject(self, token: KeptToken, key: JobKey, asked_at: float, error: DeadTokenError, *, is_second: bool) -> None:
        """Judge a token that Zoho refused for a job, in a poll begun at `asked_at` (stopwatch): `token` gives another.

        That is, unless the job may be at fault itself. Where the poll `is_second` to meet with that, and nothing
        speaks for the token, the account pauses: each further token pushes one out of whoever else uses the refresh
        token. The pause doubles until Zoho accepts one.

        Raises:
            RefusedError: it is the job's own fault, since Zoho accepts tokens for others.
            DeadTokenError: no other token is worth a try now.
        """
        with self._lock:
            is_in_use = self._account.standing.token == token  # else others have drawn their conclusion
            if is_in_use:
                self._judge(key, asked_at, error, is_second=is_second)
            elif is_second:
                self._suspect(key, is_second=True)
        if is_second:
            if is_in_use:
                message = "Zoho's API refused an access token that was just minted"
                self._refused(PassingError(_REJECTED, message, advice=_REJECTED_ADVICE), token.fingerprint)
            raise error

    def note_accepted(self, key: JobKey, asked_at: float) -> None:
        """Say that Zoho accepted a token for a job, in a call begun at `asked_at`: the row of rejections is over."""
        with self._lock:
            self._accepted_at = max(asked_at, self._accepted_at or 0.0)
            self._has_excuse = True
            self._suspects.pop(key, None)
        pause = self._account.standing.token_pause
        if pause and pause.reason == _REJECTED:
            self._account.stand(lambda standing: replace(standing, token_pause=None))
            _log.info("access tokens are accepted again", extra={"account": self._alias})

    def recheck(self) -> None:
        """Take other settings into account: forget a token of other credentials, and a refusal that they may cure.

        Only Zoho's own throttle, and ours, go on: no setting lifts them. Waits for no refresh under way.
        """
        fingerprint = self._fingerprint()
        with self._lock:
            self._rechecks += 1
            if fingerprint and fingerprint != self._known:
                self._known, self._accepted_at, self._has_excuse = fingerprint, None, False
        self._account.stand(_without_curable_pause)

    def is_cooling_down(self) -> bool:
        """Whether the next token would be refused without asking Zoho, because of the last refusal."""
        return self._pause() is not None

    def status(self) -> TokenStatus:
        """Give the state for the metrics. Never waits for a refresh in flight."""
        token = self._account.standing.token
        return TokenStatus(
            is_valid=token is not None and self._clock() < token.expires_at,
            expires_at=token.expires_at if token else None,
            refreshes=self._refreshes,
            refresh_errors=dict(self._errors),
        )

    def _good(self, fingerprint: str) -> KeptToken | None:
        """Give the token that was minted with such credentials, in this process or an earlier one, if it is good."""
        token = self._account.standing.token
        is_ours = token is not None and token.fingerprint == fingerprint
        return token if token and is_ours and self._clock() < token.expires_at - token.early_seconds else None

    def _good_of_others(self, fingerprint: str) -> KeptToken | None:
        """Give the token that took the place of ours, while our own credentials are what they were: it is as good.

        Where secrets are replaced at one after the other, each would else throw away what the other has asked for.
        """
        token = self._account.standing.token
        return self._good(token.fingerprint) if token and fingerprint and fingerprint == self._own else None

    def _refreshed(self, deadline: float, turn: int) -> KeptToken:
        rechecks, fingerprint = self._rechecks, self._fingerprint()
        if pause := self._pause():
            raise TokenRefusedError(pause.reason, pause.message, advice=pause.advice, retry_at=pause.until)
        try:
            token = self._good(fingerprint) or self._good_of_others(fingerprint) or self._minted(deadline, turn)
        except PollError as error:
            self._errors[error.code] += 1
            refused = self._refused(error, fingerprint)
            if self._rechecks != rechecks:
                self._account.stand(_without_curable_pause)  # it is about settings of before
            raise refused from error
        with self._lock:
            if self._rechecks == rechecks:
                self._known, self._own = token.fingerprint, fingerprint
        return token

    def _minted(self, deadline: float, turn: int) -> KeptToken:
        try:
            credentials = self._credentials()
        except ConfigurationError as error:
            advice = "make the secret files readable again"
            raise PassingError(BAD_CREDENTIALS, str(error), advice=advice) from error
        self._book_mint(turn)
        token = replace(self._mint(credentials, deadline), fingerprint=_fingerprint(credentials))
        pause = self._account.standing.token_pause
        if pause and pause.reason != _REJECTED:
            pause = None
            _log.info("token refresh works again", extra={"account": self._alias})
        self._minted_at = self._stopwatch()
        self._account.stand(lambda standing: replace(standing, token=token, token_pause=pause), turn)
        return token

    def _book_mint(self, turn: int) -> None:
        # A token that was kept and is of no use now, being one for other credentials, is not to be shown as valid. But
        # others may use one that is good, also where our own credentials turn out to be refused.
        token = self._account.standing.token
        is_others = bool(self._account.is_shared and token and self._good(token.fingerprint))
        if not is_others:
            self._account.stand(lambda standing: replace(standing, token=None), turn)
        # However often other credentials are tried meanwhile, half of the tokens are left to those whose are in use.
        most = MINTS_PER_WINDOW // 2 if is_others else MINTS_PER_WINDOW
        next_at = self._account.book_mint(most, MINT_WINDOW_SECONDS)
        if next_at is not None:
            minutes, limit = MINT_WINDOW_SECONDS / 60, "half of Zoho's limit" if is_others else "Zoho's limit"
            message = f"{most} tokens were asked for within {minutes:g} minutes, which is {limit}"
            advice = "tokens die too early: see what else uses this refresh token"
            raise PassingError(MINT_LIMIT, message, advice=advice, retry_after_seconds=next_at - self._clock())
        self._refreshes += 1

    def _judge(self, key: JobKey, asked_at: float, error: DeadTokenError, *, is_second: bool) -> None:
        """Let go of the token in use, unless the job that it was refused for is, or may be, at fault itself."""
        accepted_at = self._accepted_at
        if accepted_at is None and self._has_excuse and not is_second:
            self._has_excuse = key in self._suspects
            self._suspect(key, is_second=False)
        # One refusal is not enough: the token may have died after the call that was accepted.
        is_suspect = key in self._suspects and (accepted_at is None or accepted_at >= self._suspects[key])
        is_unproven = is_suspect and not is_second and self._stopwatch() - self._minted_at < UNPROVEN_SECONDS
        is_excused = is_second and not is_suspect and self._has_excuse
        # Of a suspect, or of two tokens, a call that Zoho accepted with the one in use tells enough, whenever begun.
        proof_at = min(asked_at, self._minted_at) if is_second or is_suspect else asked_at
        is_own_fault = accepted_at is not None and (accepted_at >= proof_at or is_unproven or is_excused)
        if is_own_fault or is_second:
            self._suspect(key, is_second=is_second)
        self._has_excuse = accepted_at is None if is_second else self._has_excuse
        if is_own_fault:
            raise _job_refused(key, error.code) if is_second or is_suspect else _job_doubted(key, error.code)
        if is_unproven:
            raise error
        self._account.stand(lambda standing: replace(standing, token=None))
        self._accepted_at = None if is_second else accepted_at

    def _suspect(self, key: JobKey, *, is_second: bool) -> None:
        self._suspects[key] = -math.inf if is_second else self._suspects.get(key, self._stopwatch())
        if len(self._suspects) > MOST_SUSPECTS:
            del self._suspects[next(iter(self._suspects))]

    def _fingerprint(self) -> str:
        """Tell the credentials of now apart from others; empty where they can't be read."""
        try:
            return _fingerprint(self._credentials())
        except ConfigurationError:
            return ""

    def _pause(self) -> Pause | None:
        """Give the pause that is in force, and about the credentials of now."""
        pause = self._account.standing.token_pause
        is_in_force = pause is not None and pause.is_in_force(self._clock())
        return pause if pause and is_in_force and pause.fingerprint == self._fingerprint() else None

    def _refused(self, error: PollError, fingerprint: str) -> TokenRefusedError:
        """Start a cool-down, which new credentials end, tell of it unless it only goes on, and give the error."""
        last, reason, advice = self._account.standing.token_pause, error.code, error.advice
        is_same = last is not None and (last.reason, last.fingerprint) == (reason, fingerprint)
        in_a_row = last.in_a_row + 1 if last and is_same else 1
        since = self._clock()
        until = since + max(_cool_down(error).seconds(in_a_row), error.retry_after_seconds or 0.0)
        pause = Pause(reason, error.message, advice, since, until, in_a_row, fingerprint)
        self._account.stand(lambda standing: replace(standing, token_pause=pause))
        if in_a_row == 1:
            _log.warning("%s", error.message, extra={"account": self._alias, "reason": reason, "advice": advice})
        return TokenRefusedError(reason, error.message, advice=advice, retry_at=until)


def _without_curable_pause(standing: Standing) -> Standing:
    """End a pause that other settings may have cured; no setting lifts a throttle."""
    pause = standing.token_pause
    is_throttle = pause is not None and pause.reason in {ACCESS_DENIED, MINT_LIMIT, TOO_MANY_REQUESTS}
    return standing if is_throttle else replace(standing, token_pause=None)


def _cool_down(error: PollError) -> CoolDown:
    if error.code == ACCESS_DENIED:
        return _THROTTLE
    return _PASSING if isinstance(error, PassingError) else _PERMANENT


def _job_refused(key: JobKey, code: str) -> RefusedError:
    return RefusedError(
        code,
        f"Zoho refuses the access token for {key} alone, and accepts it for other jobs",
        advice="check the job's module and id, and what the token's user may see",
    )


def _job_doubted(key: JobKey, code: str) -> DeadTokenError:
    """Tell of a first refusal: the token may have died after the call that Zoho accepted."""
    return DeadTokenError(
        code,
        f"Zoho refuses the access token for {key}, and has just accepted it for another job",
        advice="it is asked again soon, which tells whether the token has died or the job is refused alone",
    )


def _fingerprint(credentials: Credentials) -> str:
    """Tell credentials apart without keeping them."""
    return hashlib.sha256("\0".join(astuple(credentials)).encode()).hexdigest()
