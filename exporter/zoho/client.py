"""An account as it is open: the one call that the exporter makes of Zoho CRM, the status of a mass-update job."""

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial

from exporter.errors import DeadTokenError, PassingError, PollError, RefusedError, TokenRefusedError
from exporter.kinds import MASS_UPDATE
from exporter.model import Account, Credentials, CreditStatus, Exchange, JobReport, KeptToken, UpstreamStatus
from exporter.redactor import Redactor
from exporter.state.port import AccountState
from exporter.zoho.data_centers import Endpoints
from exporter.zoho.meter import STATUS, TOKEN, Meter
from exporter.zoho.oauth import decode_token
from exporter.zoho.permits import CreditLimits, Permit, Permits
from exporter.zoho.tokens import TokenSource
from exporter.zoho.transport import StaleConnectionError, Transport, UnsentError
from exporter.zoho.wire import CREDITS_HEADER, Answer, credits_remaining, decode_report, quote

_log = logging.getLogger(__name__)

LEASE_MARGIN_SECONDS = 2.0
"""How much longer than its call a claim on a job lasts."""


@dataclass(frozen=True, slots=True)
class AccountSetup:
    """What the configuration says of an account's calls; one object, so that a call never sees half of a change.

    `credentials` reads the account's secrets, anew at each token refresh.
    """

    account: Account
    endpoints: Endpoints
    transport: Transport
    credentials: Callable[[], Credentials]
    limits: CreditLimits


class OpenAccount:
    """Asks Zoho for one account's jobs. Thread-safe.

    Args:
        setup: whose jobs, where, as whom, and for how many credits.
        state: keeps what it spent and holds.
        redactor: learns the account's secrets.
        clock: gives Unix seconds.
        stopwatch: gives seconds that never go backwards.
        draw: gives random numbers from 0 to 1.
    """

    def __init__(
        self,
        setup: AccountSetup,
        state: AccountState,
        redactor: Redactor,
        *,
        clock: Callable[[], float],
        stopwatch: Callable[[], float],
        draw: Callable[[], float],
    ) -> None:
        self._setup = setup
        self._state = state
        self._redactor = redactor
        self._clock = clock
        self._stopwatch = stopwatch
        self._meter = Meter(stopwatch)
        self._tokens = TokenSource(
            setup.account.alias,
            mint=self._mint,
            credentials=self._credentials,
            account=state,
            clock=clock,
            stopwatch=stopwatch,
        )
        self._permits = Permits(
            state,
            setup.limits,
            self._tokens.is_cooling_down,
            self._poll,
            lease_seconds=setup.transport.timeout_seconds + LEASE_MARGIN_SECONDS,
            clock=clock,
            draw=draw,
        )
        self.take, self.expect, self.pressure = self._permits.take, self._permits.expect, self._permits.pressure
        self.last_exchange = self._meter.exchange
        self._ignored_domain = ""

    @property
    def account(self) -> Account:
        """Which account it is."""
        return self._setup.account

    @property
    def max_concurrency(self) -> int:
        """How many calls may be under way at once."""
        return self._setup.account.max_concurrency

    def reconfigure(self, setup: AccountSetup) -> None:
        """Take other settings of the same account; what was spent, held and counted stays.

        A call under way ends as it began. Waits for no network.
        """
        replaced, self._setup = self._setup, setup
        self._permits.limits = setup.limits
        self._permits.lease_seconds = setup.transport.timeout_seconds + LEASE_MARGIN_SECONDS
        self._tokens.recheck()
        replaced.transport.close()

    def ensure_token(self) -> None:
        """Have an access token, which costs no credit.

        Raises:
            PollError: there is none to be had now.
        """
        self._tokens.token(self._stopwatch() + self._setup.transport.timeout_seconds)

    def rest(self) -> None:
        """Let go of idle connections and of credits that nobody spent: the last call has ended."""
        self._state.rest()
        self._setup.transport.rest()

    def status(self) -> UpstreamStatus:
        """Give what the metrics show of this account's calls."""
        return UpstreamStatus(
            token=self._tokens.status(),
            credits=self._credits(),
            is_up=self._meter.is_up,
            is_circuit_open=self._permits.is_open or self._tokens.is_cooling_down(),
            in_flight=self._meter.in_flight,
            durations=self._meter.durations,
        )

    def _credits(self) -> CreditStatus:
        return CreditStatus(
            spent=self._meter.credits_spent,
            used_24h=self._state.used() if self._state.is_known else None,
            budget=self._setup.limits.daily_budget,
            reserve=self._setup.limits.reserve,
            remaining=self._state.standing.credits_remaining,
            is_reserve_reached=self._permits.is_reserve_reached,
            unwritten=self._state.unwritten(),
        )

    def close(self) -> None:
        """Close idle connections."""
        self._setup.transport.close()

    def _poll(self, permit: Permit) -> JobReport:
        failure: Exception | None = None
        try:
            setup = self._setup
            return self._fetch(setup, permit, self._stopwatch() + setup.transport.timeout_seconds)
        except Exception as error:
            failure = error
            raise
        finally:
            self._permits.leave(permit.claim.key, failure)
            if failure is None or isinstance(failure, PollError):
                self._meter.is_up = not isinstance(failure, PassingError | TokenRefusedError)

    def _fetch(self, setup: AccountSetup, permit: Permit, deadline: float, first_at: float | None = None) -> JobReport:
        """Ask, and once more with another token where the first one, asked with at `first_at`, turns out to be dead.

        Whatever Zoho answers but that the token is dead tells that it accepts the token.
        """
        key, token, asked_at = permit.claim.key, self._tokens.token(deadline), self._stopwatch()
        begun_at, is_second = (asked_at, False) if first_at is None else (first_at, True)
        try:
            report = self._ask(setup, permit, token, deadline)
        except DeadTokenError as error:
            self._tokens.reject(token, key, begun_at, error, is_second=is_second)
        except RefusedError:
            self._tokens.note_accepted(key, asked_at)
            raise
        else:
            self._tokens.note_accepted(key, asked_at)
            return report
        return self._fetch(setup, permit, deadline, asked_at)

    def _credentials(self) -> Credentials:
        credentials = self._setup.credentials()
        self._redactor.know(credentials.client_secret, credentials.refresh_token)
        return credentials

    def _ask(self, setup: AccountSetup, permit: Permit, token: KeptToken, deadline: float) -> JobReport:
        key = permit.claim.key
        url = f"{self._api_url(setup, token)}/crm/{setup.account.api_version}/{key.module}/{MASS_UPDATE.path}"
        headers = {"Authorization": f"Zoho-oauthtoken {token.value}"}
        asked = f"GET {url}?job_id={key.job_id}"
        try:
            get = partial(setup.transport.get, url, {"job_id": key.job_id}, headers, deadline=deadline)
            answer = self._send(permit, get)
        except PollError as error:
            self._meter.note_exchange(key, Exchange(asked, f"no answer: {error.message}"))
            raise
        self._meter.note_exchange(key, Exchange(asked, answer.excerpt()))
        if (remaining := credits_remaining(answer)) is not None:
            self._permits.note_remaining(remaining, answer.received_at)
        report = decode_report(answer, key.module)
        # Only a report without the header means that more than half is left: a fault or a proxy says nothing of it.
        if CREDITS_HEADER not in answer.headers:
            self._permits.note_remaining(None, answer.received_at)
        return report

    def _send(self, permit: Permit, get: Callable[..., Answer], *, fresh: bool = False) -> Answer:
        """Make the call, and again on a fresh connection where one that was kept had died before it brought a byte."""
        permit.pay()
        try:
            with self._meter.measure(STATUS):
                return get(fresh=fresh)
        except StaleConnectionError:
            if fresh:
                raise
        except UnsentError:
            permit.give_back()
            raise
        return self._send(permit, get, fresh=True)

    def _mint(self, credentials: Credentials, deadline: float) -> KeptToken:
        setup = self._setup
        url = f"{setup.endpoints.accounts_url}/oauth/v2/token"
        form = {"grant_type": "refresh_token", **asdict(credentials)}  # which are named as OAuth names them
        try:
            with self._meter.measure(TOKEN):
                sealed = setup.transport.post_form(url, form, deadline=deadline)
        except PassingError as error:
            raise PassingError(error.code, f"no token: {error.message}", advice=error.advice) from error
        token = decode_token(sealed)
        _log.info("access token minted", extra={"account": setup.account.alias, "expires_at": int(token.expires_at)})
        return token

    def _api_url(self, setup: AccountSetup, token: KeptToken) -> str:
        """Choose the host: Zoho's `api_domain` only where it is the configured one, with or without its `www.`.

        A token never moves the exporter to a host that the user has not named, nor to another environment.
        """
        domain = token.api_domain
        if not domain or setup.endpoints.accepts_api_domain(domain):
            return (domain or setup.endpoints.api_url).rstrip("/")
        if domain != self._ignored_domain:
            self._ignored_domain = domain
            _log.warning(
                "the token names another API host than the configured one, which is kept: "
                "check data_center and environment",
                extra={"account": setup.account.alias, "named": quote(domain), "kept": setup.endpoints.api_url},
            )
        return setup.endpoints.api_url
