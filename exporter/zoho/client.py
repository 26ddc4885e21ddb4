"""The one call that the exporter makes of Zoho CRM: the status of a mass-update job."""

import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from threading import Lock

from exporter.errors import DeadTokenError, HeldBackError, PassingError, PollError, TokenRefusedError
from exporter.model import Account, Credentials, CreditStatus, Exchange, JobKey, JobReport, UpstreamStatus
from exporter.zoho.book import AccountBook
from exporter.zoho.circuit import CIRCUIT, Circuit
from exporter.zoho.credits import BUDGET, CreditBudget
from exporter.zoho.data_centers import Endpoints
from exporter.zoho.exchanges import Exchanges
from exporter.zoho.meter import STATUS, TOKEN, Meter
from exporter.zoho.oauth import AccessToken, mint
from exporter.zoho.tokens import TokenSource
from exporter.zoho.transport import Transport, UnsentError
from exporter.zoho.wire import Answer, Credits, credits_remaining, decode_report, quote

_log = logging.getLogger(__name__)

RESERVE_LOOK_SECONDS = 3600.0
"""How often one poll looks whether Zoho's remaining credits are above the reserve again: only an answer tells."""


@dataclass(frozen=True, slots=True)
class CreditLimits:
    """What an account may spend: credits in any 24 hours (`None` for no limit), and what it leaves to others."""

    daily_budget: int | None = 1000
    reserve: int = 500


@dataclass(frozen=True, slots=True)
class ClientSetup:
    """What the configuration says of an account's calls; one object, so that a call never sees half of a change.

    `credentials` reads the account's secrets, anew at each token refresh.
    """

    account: Account
    endpoints: Endpoints
    transport: Transport
    credentials: Callable[[], Credentials]
    limits: CreditLimits = field(default_factory=CreditLimits)


class ZohoClient:
    """Asks Zoho for one account's jobs. Thread-safe.

    Args:
        setup: whose jobs, where, as whom, and for how many credits.
        book: keeps what it spent and holds.
        clock: gives Unix seconds.
        stopwatch: gives seconds that never go backwards.
        draw: gives random numbers from 0 to 1.
    """

    def __init__(
        self,
        setup: ClientSetup,
        *,
        book: AccountBook | None = None,
        clock: Callable[[], float] = time.time,
        stopwatch: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._setup = setup
        self._clock = clock
        self._stopwatch = stopwatch
        book = book or AccountBook()
        self._budget = CreditBudget(book, setup.limits.daily_budget, clock)
        self._circuit = Circuit(clock, draw)
        self._meter = Meter(stopwatch)
        self._exchanges = Exchanges()
        self._tokens = TokenSource(
            setup.account.alias,
            mint=self._mint,
            credentials=self._credentials,
            book=book,
            clock=clock,
        )
        self._ignored_domain = ""
        self._looking = Lock()
        self._looked_at = 0.0

    def reconfigure(self, setup: ClientSetup) -> None:
        """Take other settings of the same account; what was spent, held and counted stays.

        A call under way ends as it began.
        """
        replaced, self._setup = self._setup, setup
        self._budget.limit = setup.limits.daily_budget
        self._tokens.recheck()
        replaced.transport.close()

    def ensure_token(self) -> None:
        """Have an access token, which costs no credit.

        Raises:
            TokenRefusedError: there is none to be had now.
        """
        self._tokens.token()

    def last_exchange(self, key: JobKey) -> Exchange | None:
        """Give what was last asked of Zoho for a job, and what came; `None` where nothing was since the start."""
        return self._exchanges.get(key)

    def fetch(self, key: JobKey) -> JobReport:
        """Poll one job: one credit, or two when the access token had died.

        Raises:
            HeldBackError: the account may not call now; nothing was sent.
            PollError: there is no report; the class says what a caller can do.
        """
        if self._tokens.is_cooling_down():
            raise HeldBackError(CIRCUIT, "there is no access token")
        is_trial = self._circuit.enter()
        failure: Exception | None = None
        try:
            return self._fetch(key)
        except Exception as error:
            failure = error
            raise
        finally:
            self._circuit.leave(failure, is_trial=is_trial)
            self._note_up(failure)

    def pressure(self, needed: float) -> float:
        """Give how scarce credits are: 0 for plenty, 1 for none but the `needed` ones, a day of the slowest polling."""
        return self._budget.pressure(needed)

    def status(self) -> UpstreamStatus:
        """Give what the metrics show of this account's calls."""
        reading = self._meter.read()
        return UpstreamStatus(
            token=self._tokens.status(),
            credits=CreditStatus(
                spent=reading.credits_spent,
                used_24h=self._budget.used(),
                budget=self._budget.limit,
                reserve=self._setup.limits.reserve,
                remaining=reading.credits_remaining,
                is_reserve_reached=self._is_reserve_reached(reading.credits_remaining),
            ),
            is_up=reading.is_up,
            is_circuit_open=self._circuit.is_open or self._tokens.is_cooling_down(),
            in_flight=reading.in_flight,
            durations=reading.durations,
        )

    def close(self) -> None:
        """Close idle connections."""
        self._setup.transport.close()

    def _fetch(self, key: JobKey) -> JobReport:
        self._check_reserve()
        setup = self._setup
        token = self._tokens.token()
        try:
            report = self._ask(setup, key, token)
        except DeadTokenError:
            self._tokens.discard(token)
            report = self._ask_again(setup, key, self._tokens.token())
        self._tokens.note_accepted()
        return report

    def _ask_again(self, setup: ClientSetup, key: JobKey, token: AccessToken) -> JobReport:
        try:
            return self._ask(setup, key, token)
        except DeadTokenError:
            self._tokens.reject(token)
            raise

    def _credentials(self) -> Credentials:
        return self._setup.credentials()

    def _note_up(self, failure: Exception | None) -> None:
        if failure is None or isinstance(failure, PollError):
            self._meter.note_up(is_up=not isinstance(failure, PassingError | TokenRefusedError))

    def _check_reserve(self) -> None:
        """Hold polls back below the reserve, but for one look an hour, whether that is answered or not."""
        reading = self._meter.read()
        if not self._is_reserve_reached(reading.credits_remaining):
            return
        with self._looking:
            now = self._clock()
            # A look of the future is one of before a clock was set back: nobody knows how long ago.
            if 0 <= now - max(reading.answered_at, self._looked_at) < RESERVE_LOOK_SECONDS:
                raise HeldBackError(
                    BUDGET, f"fewer than {self._setup.limits.reserve} credits are left to the organisation"
                )
            self._looked_at = now

    def _is_reserve_reached(self, credits_remaining: int | None) -> bool:
        return credits_remaining is not None and credits_remaining < self._setup.limits.reserve

    def _ask(self, setup: ClientSetup, key: JobKey, token: AccessToken) -> JobReport:
        url = f"{self._api_url(setup, token)}/crm/{setup.account.api_version}/{key.module}/actions/mass_update"
        headers = {"Authorization": f"Zoho-oauthtoken {token.value}"}
        asked, asked_at = f"GET {url}?job_id={key.job_id}", self._clock()
        try:
            answer = self._send(setup.transport, url, {"job_id": key.job_id}, headers)
        except PollError as error:
            self._exchanges.note(key, Exchange(asked, asked_at, f"no answer: {error.message}"))
            raise
        self._exchanges.note(key, Exchange(asked, asked_at, answer.excerpt()))
        remaining = credits_remaining(answer)
        if isinstance(remaining, int):
            self._meter.note_answer(remaining, answer.received_at)
        report = decode_report(answer, key.module)
        # Only a report without the header means that more than half is left: a fault or a proxy says nothing of it.
        if remaining is Credits.UNSAID:
            self._meter.note_answer(None, answer.received_at)
        return report

    def _send(self, transport: Transport, url: str, params: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Spend a credit and send; the credit is booked before the request, so that no crash forgets it."""
        booked = self._budget.spend()
        try:
            with self._meter.measure(STATUS):
                deadline = self._stopwatch() + transport.timeout_seconds
                answer = transport.get(url, params, headers, deadline=deadline)
        except UnsentError:
            self._budget.give_back(booked)
            raise
        except PassingError:
            self._meter.spend_credit()
            raise
        self._meter.spend_credit()
        return answer

    def _mint(self, credentials: Credentials) -> AccessToken:
        setup = self._setup
        with self._meter.measure(TOKEN):
            deadline = self._stopwatch() + setup.transport.timeout_seconds
            token = mint(
                partial(setup.transport.post_form, deadline=deadline), setup.endpoints.accounts_url, credentials
            )
        _log.info("access token minted", extra={"account": setup.account.alias, "expires_at": int(token.expires_at)})
        return token

    def _api_url(self, setup: ClientSetup, token: AccessToken) -> str:
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
                extra={
                    "account": setup.account.alias,
                    "named": quote(domain),
                    "kept": setup.endpoints.api_url,
                },
            )
        return setup.endpoints.api_url
