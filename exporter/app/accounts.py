"""The open accounts, as the settings want them: opened, changed in place, and closed by a reload."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from ssl import SSLContext
from threading import Lock, Thread
from urllib.parse import urlsplit

from exporter import __version__
from exporter.app.hosts import endpoints
from exporter.errors import PollError
from exporter.model import Account
from exporter.redactor import Redactor
from exporter.settings import AccountSettings, Settings
from exporter.state import Store
from exporter.web.contract import Readiness
from exporter.zoho.client import AccountSetup, OpenAccount
from exporter.zoho.data_centers import Endpoints
from exporter.zoho.permits import CreditLimits
from exporter.zoho.transport import Transport, TransportOptions

TlsContexts = Callable[[Path | None], SSLContext]
"""Gives what verifies Zoho, by a bundle of certificates or those of `requests`."""
_READY = "ready"
_ASKING = "asking for an access token"
_REFUSED = "no access token: see the log"


class Accounts:
    """Opens accounts that share clocks, certificates and the store. Thread-safe, but for one reload at a time."""

    def __init__(
        self,
        store: Store,
        redactor: Redactor,
        tls_context: TlsContexts,
        *,
        clock: Callable[[], float],
        stopwatch: Callable[[], float],
        draw: Callable[[], float],
    ) -> None:
        self._store, self._tls_context = store, tls_context
        self._transport = partial(Transport, redactor=redactor, clock=clock, stopwatch=stopwatch)
        self._open = partial(OpenAccount, redactor=redactor, clock=clock, stopwatch=stopwatch, draw=draw)
        self.by_alias: dict[str, OpenAccount] = {}
        self._lock = Lock()
        self._words: dict[str, str] = {}
        self._asking: set[str] = set()

    def configure(self, settings: Settings) -> None:
        """Have exactly the accounts of the settings. One that stays keeps its token, its counters and its pauses.

        Waits for no network.

        Raises:
            ConfigurationError: the CA certificates can't be read; nothing has changed.
        """
        context, wanted = self._tls_context(settings.ca_bundle), {}
        for alias, account in settings.accounts.items():
            setup = self._setup(settings, context, alias, account)
            if known := self.by_alias.get(alias):
                known.reconfigure(setup)
            wanted[alias] = known or self._open(setup, self._store.account(alias))
        for alias in self.by_alias.keys() - wanted.keys():
            self.by_alias[alias].close()
        self.by_alias = wanted

    def readiness(self) -> Readiness:
        """Say whether an account has had a token, and of each how it stands, in words of our own alone.

        Whoever asks never waits for Zoho: a first token, which costs no credit, is asked for in a thread of its own.
        """
        accounts = self.by_alias  # a reload puts another one in its place
        has_token = {alias for alias, account in accounts.items() if account.status().token.is_valid}
        with self._lock:
            self._words |= dict.fromkeys(has_token, _READY)
            words = {alias: self._words.get(alias, _ASKING) for alias in sorted(accounts)}
            wanted = {alias for alias, word in words.items() if word != _READY} - self._asking
            self._asking |= wanted
        for alias in wanted:
            Thread(target=self._ask, args=(alias, accounts[alias]), name="first-token", daemon=True).start()
        sentences = tuple(f"account {alias}: {word}" for alias, word in words.items())
        return Readiness(_READY in words.values(), sentences)

    def _ask(self, alias: str, account: OpenAccount) -> None:
        word = _READY
        try:
            account.ensure_token()
        except PollError:
            word = _REFUSED
        with self._lock:
            self._asking.discard(alias)
            self._words[alias] = word

    def _setup(self, settings: Settings, context: SSLContext, alias: str, account: AccountSettings) -> AccountSetup:
        reached = endpoints(account)
        options = transport_options(settings, reached, pool_size=account.max_concurrency)
        return AccountSetup(
            Account(alias, account.data_center_name, account.environment, account.api_version, account.max_concurrency),
            reached,
            self._transport(options, context),
            account.credentials,
            CreditLimits(account.daily_credit_budget, account.credit_reserve, account.max_concurrency),
        )


def transport_options(settings: Settings, *reached: Endpoints, pool_size: int) -> TransportOptions:
    """Say how the hosts of some accounts are reached."""
    return TransportOptions(
        timeout_seconds=settings.poll_timeout,
        connect_timeout_seconds=settings.connect_timeout,
        proxies={host: proxy for each in reached for host, proxy in proxies_by_host(settings, each).items()},
        pool_size=pool_size,
        user_agent=f"zoho-mass-update-exporter/{__version__}",
    )


def proxies_by_host(settings: Settings, endpoints: Endpoints) -> dict[str, str]:
    """Give the proxy of each host as `requests` looks it up, so that `NO_PROXY` may name one of the two hosts.

    Zoho may name the API's host without its `www.`: it keeps the same proxy.
    """
    return {
        f"{scheme}://{name}": proxy
        for url in (endpoints.accounts_url, endpoints.api_url)
        for scheme, proxy in settings.proxies_for(url).items()
        for host in (urlsplit(url).hostname or "",)
        for name in {host, host.removeprefix("www.")}
    }
