"""The one call that the exporter makes of Zoho CRM: the status of a mass-update job."""

import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock

from exporter.errors import DeadTokenError, HeldBackError, PassingError, PollError, TokenRefusedError
from exporter.model import Account, Credentials, CreditStatus, JobKey, JobReport, UpstreamStatus
from exporter.zoho.book import AccountBook
from exporter.zoho.circuit import CIRCUIT, Circuit
from exporter.zoho.credits import BUDGET, CreditBudget
from exporter.zoho.data_centers import Endpoints
from exporter.zoho.meter import STATUS, TOKEN, Meter
from exporter.zoho.oauth import AccessToken, mint
from exporter.zoho.tokens import TokenSource
from exporter.zoho.transport import Transport, UnsentError
from exporter.zoho.wire import Answer, decode_report, quote

_log = logging.getLogger(__name__)

_CREDITS_HEADER = "x-api-credits-remaining"
_MOST_DIGITS = 15
RESERVE_LOOK_SECONDS = 3600.0
"""How often one poll looks whether Zoho's remaining credits are above the reserve again: only an answer tells."""


@dataclass(frozen=True, slots=True)
class CreditLimits:
    """What an account may spend: credits in any 24 hours (`None` for no limit), and what it leaves to others."""

    daily_budget: int | None = 1000
    reserve: int = 500


class ZohoClient:
    """Asks Zoho for one account's jobs. Thread-safe.

    Args:
        account: whose jobs.
        endpoints: where its token is minted and its API answers.
        transport: sends the requests.
        credentials: reads the account's secrets, anew at each token refresh.
        limits: what it may spend.
        book: keeps what it spent and holds.
        clock: gives Unix seconds.
        stopwatch: gives seconds that never go backwards.
        draw: gives random numbers from 0 to 1.
    """

    def __init__(
        self,
        account: Account,
        endpoints: Endpoints,
        transport: Transport,
        *,
        credentials: Callable[[], Credentials],
        limits: CreditLimits | None = None,
        book: AccountBook | None = None,
        clock: Callable[[], float] = time.time,
        stopwatch: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._account = account
        self._endpoints = endpoints
        self._transport = transport
        self._limits = limits or CreditLimits()
        self._clock = clock
        book = book or AccountBook()
        self._budget = CreditBudget(book, self._limits.daily_budget, clock)
        self._circuit = Circuit(clock, draw)
        self._meter = Meter(stopwatch)
        self._tokens = TokenSource(account.alias, mint=self._mint, credentials=credentials, book=book, clock=clock)
        self._ignored_domain = ""
        self._looking = Lock()
        self._looked_at = 0.0

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

    def pressure(self) -> float:
        """Give how scarce credits are: 0 while there are plenty, 1 when none are left."""
        return self._budget.pressure()

    def status(self) -> UpstreamStatus:
        """Give what the metrics show of this account's calls."""
        reading = self._meter.read()
        return UpstreamStatus(
            token=self._tokens.status(),
            credits=CreditStatus(
                spent=reading.credits_spent,
                used_24h=self._budget.used(),
                budget=self._budget.limit,
                reserve=self._limits.reserve,
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
        self._transport.close()

    def _fetch(self, key: JobKey) -> JobReport:
        self._check_reserve()
        token = self._tokens.token()
        try:
            return self._ask(key, token)
        except DeadTokenError:
            self._tokens.discard(token)
            return self._ask(key, self._tokens.token())

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
            if now - max(reading.answered_at, self._looked_at) < RESERVE_LOOK_SECONDS:
                raise HeldBackError(BUDGET, f"fewer than {self._limits.reserve} credits are left to the organisation")
            self._looked_at = now

    def _is_reserve_reached(self, credits_remaining: int | None) -> bool:
        return credits_remaining is not None and credits_remaining < self._limits.reserve

    def _ask(self, key: JobKey, token: AccessToken) -> JobReport:
        url = f"{self._api_url(token)}/crm/{self._account.api_version}/{key.module}/actions/mass_update"
        answer = self._send(url, {"job_id": key.job_id}, {"Authorization": f"Zoho-oauthtoken {token.value}"})
        remaining = _credits_remaining(answer)
        if remaining is not None:
            self._meter.note_answer(remaining, answer.received_at)
        report = decode_report(answer)
        # Only a report without the header means that more than half is left: a fault or a proxy says nothing of it.
        self._meter.note_answer(remaining, answer.received_at)
        return report

    def _send(self, url: str, params: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Spend a credit and send; the credit is booked before the request, so that no crash forgets it."""
        booked = self._budget.spend()
        try:
            with self._meter.measure(STATUS):
                answer = self._transport.get(url, params, headers)
        except UnsentError:
            self._budget.give_back(booked)
            raise
        except PassingError:
            self._meter.spend_credit()
            raise
        self._meter.spend_credit()
        return answer

    def _mint(self, credentials: Credentials) -> AccessToken:
        with self._meter.measure(TOKEN):
            token = mint(self._transport.post_form, self._endpoints.accounts_url, credentials)
        _log.info("access token minted", extra={"account": self._account.alias, "expires_at": int(token.expires_at)})
        return token

    def _api_url(self, token: AccessToken) -> str:
        """Choose the host: Zoho's `api_domain` only where it is the configured one, with or without its `www.`.

        A token never moves the exporter to a host that the user has not named, nor to another environment.
        """
        domain = token.api_domain
        if not domain or self._endpoints.accepts_api_domain(domain):
            return (domain or self._endpoints.api_url).rstrip("/")
        if domain != self._ignored_domain:
            self._ignored_domain = domain
            _log.warning(
                "the token names another API host than the configured one, which is kept: "
                "check data_center and environment",
                extra={
                    "account": self._account.alias,
                    "named": quote(domain),
                    "kept": self._endpoints.api_url,
                },
            )
        return self._endpoints.api_url


def _credits_remaining(answer: Answer) -> int | None:
    text = answer.headers.get(_CREDITS_HEADER, "").strip()
    is_number = text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS
    return int(text) if is_number else None
