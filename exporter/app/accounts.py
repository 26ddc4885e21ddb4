"""The open accounts, as the settings want them: opened, changed in place, and closed by a reload."""

from collections.abc import Callable
from dataclasses import dataclass
from ssl import SSLContext
from urllib.parse import urlsplit

from exporter import __version__
from exporter.model import Account
from exporter.redactor import Redactor
from exporter.settings import AccountSettings, Settings
from exporter.state import Store
from exporter.zoho import (
    AccountSetup,
    CreditLimits,
    Endpoints,
    OpenAccount,
    Transport,
    TransportOptions,
    endpoints_of,
    tls_context,
)


@dataclass(frozen=True, slots=True)
class Clocks:
    """Where time and chance come from: `wall` gives Unix seconds, `stopwatch` seconds that never go backwards."""

    wall: Callable[[], float]
    stopwatch: Callable[[], float]
    draw: Callable[[], float]


class Accounts:
    """Opens accounts that share clocks, certificates and the store. Not thread-safe: one reload at a time.

    Args:
        store: keeps what the accounts spend and hold.
        redactor: learns their secrets.
        clocks: time and chance.
    """

    def __init__(self, store: Store, redactor: Redactor, clocks: Clocks) -> None:
        self._store = store
        self._redactor = redactor
        self._clocks = clocks
        self.by_alias: dict[str, OpenAccount] = {}

    def configure(self, settings: Settings) -> None:
        """Have exactly the accounts of the settings. One that stays keeps its token, its counters and its pauses.

        Waits for no network.

        Raises:
            ConfigurationError: the CA certificates can't be read; nothing has changed.
        """
        context = tls_context(settings.ca_bundle)
        wanted = {
            alias: self._configured(alias, self._setup(settings, context, alias, account))
            for alias, account in settings.accounts.items()
        }
        for alias in self.by_alias.keys() - wanted.keys():
            self.by_alias[alias].close()
        self.by_alias = wanted

    def _configured(self, alias: str, setup: AccountSetup) -> OpenAccount:
        known = self.by_alias.get(alias)
        if known:
            known.reconfigure(setup)
            return known
        return OpenAccount(
            setup,
            self._store.account(alias),
            self._redactor,
            clock=self._clocks.wall,
            stopwatch=self._clocks.stopwatch,
            draw=self._clocks.draw,
        )

    def _setup(self, settings: Settings, context: SSLContext, alias: str, account: AccountSettings) -> AccountSetup:
        endpoints = _endpoints(account)
        options = TransportOptions(
            timeout_seconds=settings.poll_timeout,
            connect_timeout_seconds=settings.connect_timeout,
            proxies=proxies_by_host(settings, endpoints),
            pool_size=account.max_concurrency,
            user_agent=f"zoho-mass-update-exporter/{__version__}",
        )
        return AccountSetup(
            Account(alias, account.data_center_name, account.environment, account.api_version, account.max_concurrency),
            endpoints,
            Transport(options, context, self._redactor, clock=self._clocks.wall, stopwatch=self._clocks.stopwatch),
            account.credentials,
            CreditLimits(account.daily_credit_budget, account.credit_reserve),
        )


def proxies_by_host(settings: Settings, endpoints: Endpoints) -> dict[str, str]:
    """Give the proxy of each host as `requests` looks it up, so that `NO_PROXY` may name one of the two hosts.

    Zoho may name the API's host without its `www.`: it keeps the same proxy.
    """
    return {
        f"{scheme}://{host}": proxy
        for url in (endpoints.accounts_url, endpoints.api_url)
        for scheme, proxy in settings.proxies_for(url).items()
        for host in _names(urlsplit(url).hostname or "")
    }


def _names(host: str) -> set[str]:
    return {host, host.removeprefix("www.")}


def _endpoints(account: AccountSettings) -> Endpoints:
    if account.accounts_url and account.api_url:
        return Endpoints(account.accounts_url, account.api_url)
    if account.data_center is None:
        raise ValueError("settings give an account a data centre or both of its URLs")
    return endpoints_of(account.data_center, account.environment)
