"""The one call that the exporter makes of Zoho CRM: the status of a mass-update job."""

import logging
import time
from collections.abc import Callable, Mapping

from exporter.errors import DeadTokenError, PassingError, PollError, TokenRefusedError
from exporter.model import Account, Credentials, JobKey, JobReport, UpstreamStatus
from exporter.zoho.data_centers import Endpoints
from exporter.zoho.meter import STATUS, TOKEN, Meter
from exporter.zoho.oauth import AccessToken, mint
from exporter.zoho.tokens import TokenSource
from exporter.zoho.transport import Transport, UnsentError
from exporter.zoho.wire import Answer, decode_report, quote

_log = logging.getLogger(__name__)

_CREDITS_HEADER = "x-api-credits-remaining"
_MOST_DIGITS = 15


class ZohoClient:
    """Asks Zoho for one account's jobs. Thread-safe.

    Args:
        credentials: reads the account's secrets, anew at each token refresh.
        clock: gives Unix seconds.
        stopwatch: gives seconds that never go backwards.
    """

    def __init__(
        self,
        account: Account,
        endpoints: Endpoints,
        transport: Transport,
        *,
        credentials: Callable[[], Credentials],
        clock: Callable[[], float] = time.time,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        self._account = account
        self._endpoints = endpoints
        self._transport = transport
        self._meter = Meter(stopwatch)
        self._tokens = TokenSource(account.alias, mint=self._mint, credentials=credentials, clock=clock)
        self._ignored_domain = ""

    def fetch(self, key: JobKey) -> JobReport:
        """Poll one job: one credit, or two when the access token had died.

        Raises:
            PollError: there is no report; the class says what a caller can do.
        """
        try:
            report = self._fetch(key)
        except PollError as error:
            self._meter.note_up(is_up=not isinstance(error, PassingError | TokenRefusedError))
            raise
        self._meter.note_up(is_up=True)
        return report

    def status(self) -> UpstreamStatus:
        """Give what the metrics show of this account's calls."""
        return self._meter.status(self._tokens.status())

    def close(self) -> None:
        """Close idle connections."""
        self._transport.close()

    def _fetch(self, key: JobKey) -> JobReport:
        token = self._tokens.token()
        try:
            return self._ask(key, token)
        except DeadTokenError:
            self._tokens.discard(token)
            return self._ask(key, self._tokens.token())

    def _ask(self, key: JobKey, token: AccessToken) -> JobReport:
        url = f"{self._api_url(token)}/crm/{self._account.api_version}/{key.module}/actions/mass_update"
        answer = self._send(url, {"job_id": key.job_id}, {"Authorization": f"Zoho-oauthtoken {token.value}"})
        remaining = answer.headers.get(_CREDITS_HEADER, "").strip()
        if remaining.isascii() and remaining.isdigit() and len(remaining) <= _MOST_DIGITS:
            self._meter.note_credits_remaining(int(remaining))
        return decode_report(answer)

    def _send(self, url: str, params: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        try:
            with self._meter.measure(STATUS):
                answer = self._transport.get(url, params, headers)
        except UnsentError:
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
