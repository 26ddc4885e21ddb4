"""The only place that wires the parts together: settings in, a serving exporter out."""

import logging
import random
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from threading import Event

from exporter import __version__
from exporter.jobs.refresh import Lane, Refresher
from exporter.jobs.registry import Registry, Retention
from exporter.jobs.schedule import Schedule
from exporter.jobs.store import Store
from exporter.metrics.families import table
from exporter.metrics.page import Page, Renderer
from exporter.metrics.telemetry import Telemetry
from exporter.model import Account, AccountSnapshot, JobSpec, Snapshot, StoredState
from exporter.settings import AccountSettings, Settings, state_file
from exporter.web.routes import WebOptions, create_routes
from exporter.web.server import WebServer, bind
from exporter.zoho.book import AccountBook
from exporter.zoho.client import CreditLimits, ZohoClient
from exporter.zoho.codes import LABEL_VALUES
from exporter.zoho.data_centers import Endpoints, endpoints_of
from exporter.zoho.transport import Transport, TransportOptions, tls_context

_log = logging.getLogger(__name__)


GRACE_SECONDS = 5
"""How long a stop waits for requests under way, and then for polls."""


@dataclass(frozen=True, slots=True)
class _Upstream:
    """One account and the client that asks for its jobs."""

    account: Account
    client: ZohoClient


class Application:
    """The exporter without its web server: scrape it, close it.

    Args:
        settings: valid settings.
        store: keeps what survives a restart; closed with the application.
        clock: gives Unix seconds.
        stopwatch: gives seconds that never go backwards.
        draw: gives random numbers from 0 to 1, to spread attempts after faults.

    Raises:
        ConfigurationError: the CA certificates can't be read.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        *,
        clock: Callable[[], float] = time.time,
        stopwatch: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._stopwatch = stopwatch
        kept = store.load()
        open_upstream = _UpstreamFactory(settings, store, kept, clock=clock, stopwatch=stopwatch, draw=draw)
        self._upstreams = {alias: open_upstream(alias, account) for alias, account in settings.accounts.items()}
        self._registry = Registry(store, _retention(settings))
        self._registry.restore(kept, settings.job_specs)
        self.track(settings.job_specs)
        lanes = {alias: _lane(upstream) for alias, upstream in self._upstreams.items()}
        self._refresher = Refresher(self._registry, lanes, _schedule(settings), clock=clock, draw=draw)
        self._telemetry = Telemetry(__version__, clock())
        self._renderer = Renderer(table(settings.job_labels, LABEL_VALUES))

    def track(self, specs: Iterable[JobSpec]) -> None:
        """Begin to watch further jobs."""
        self._registry.track(specs, self._clock())

    def scrape(self, timeout_seconds: float, accept: str = "") -> Page:
        """Poll what is due, wait for it no longer than `timeout_seconds`, and write the page with what is there."""
        started = self._stopwatch()
        self._refresher.refresh(timeout_seconds)
        page = self._renderer.render(self.snapshot(), accept)
        self._telemetry.note_scrape(self._stopwatch() - started)
        return page

    def snapshot(self) -> Snapshot:
        """Give what is known now. Touches no network."""
        return Snapshot(
            jobs=self._refresher.view(self._settings.stale_after),
            accounts=tuple(self._accounts()),
            exporter=self._telemetry.snapshot(self._registry.dropped(), self._store.errors()),
        )

    def close(self) -> None:
        """Start no more polls, wait a little for those under way, and close the state file."""
        self._refresher.close(GRACE_SECONDS)
        for upstream in self._upstreams.values():
            upstream.client.close()
        self._store.close()

    def _accounts(self) -> Iterator[AccountSnapshot]:
        tallies, totals = self._refresher.tallies(), self._registry.totals()
        for alias, upstream in sorted(self._upstreams.items()):
            own = {module: total for (account, module), total in totals.items() if account == alias}
            yield AccountSnapshot(upstream.account, upstream.client.status(), tallies[alias], own)


def serve(settings: Settings, *, on_ready: Callable[[int], None] = lambda _: None) -> int:
    """Serve until SIGTERM or SIGINT; must be called in the main thread.

    Args:
        settings: valid settings.
        on_ready: called with the port once requests are answered.

    Returns:
        The exit status: 0 after a signal, 1 when the web server ended by itself.

    Raises:
        ConfigurationError: the listen address or the state file can't be had.
    """
    stop, was_told = Event(), Event()

    def told_to_stop(*_: object) -> None:
        was_told.set()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, told_to_stop)
    address = settings.web.listen_address
    with bind(address.host, address.port) as listener:
        application = Application(settings, Store.open(state_file(settings.state.path)))
        server = WebServer(
            create_routes(_web_options(settings), application.scrape),
            listener,
            on_exit=stop.set,
            grace_seconds=GRACE_SECONDS,
        )
        server.start()
        _log.info("serving metrics", extra=_start_details(settings, server.port))
        on_ready(server.port)
        stop.wait()
        _log.info("stopping")
        server.stop()
        application.close()
    return 0 if was_told.is_set() else 1


def _start_details(settings: Settings, port: int) -> dict[str, object]:
    return {
        "version": __version__,
        "port": port,
        "path": settings.web.telemetry_path,
        "accounts": len(settings.accounts),
        "jobs": len(settings.jobs),
    }


def _web_options(settings: Settings) -> WebOptions:
    return WebOptions(
        version=__version__,
        telemetry_path=settings.web.telemetry_path,
        default_timeout_seconds=settings.scrape_timeout,
        timeout_offset_seconds=settings.scrape_timeout_offset,
    )


def _schedule(settings: Settings) -> Schedule:
    given = settings.schedule
    return Schedule(
        shortest_seconds=given.shortest,
        longest_seconds=given.longest,
        remaining_fraction=given.remaining_fraction,
        waiting_fraction=given.waiting_fraction,
        suspended_seconds=given.suspended,
        fault_shortest_seconds=given.fault_shortest,
        fault_longest_seconds=given.fault_longest,
        refusal_shortest_seconds=given.refusal_shortest,
        refusal_longest_seconds=given.refusal_longest,
        stale_after_seconds=settings.stale_after,
    )


def _retention(settings: Settings) -> Retention:
    return Retention(settings.retention, settings.unknown_retention, settings.max_jobs)


def _lane(upstream: _Upstream) -> Lane:
    client, account = upstream.client, upstream.account
    return Lane.with_threads(account.alias, client.fetch, client.pressure, account.max_concurrency)


class _UpstreamFactory:
    """Opens accounts that share clocks, certificates and the state file."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        kept: StoredState,
        *,
        clock: Callable[[], float],
        stopwatch: Callable[[], float],
        draw: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._store = store
        self._kept = kept
        self._clock = clock
        self._stopwatch = stopwatch
        self._draw = draw
        self._context = tls_context(settings.ca_bundle)

    def __call__(self, alias: str, account: AccountSettings) -> _Upstream:
        identity = Account(
            alias, account.data_center_name, account.environment, account.api_version, account.max_concurrency
        )
        endpoints = _endpoints(account)
        client = ZohoClient(
            identity,
            endpoints,
            Transport(
                self._transport_options(account, endpoints), self._context, clock=self._clock, stopwatch=self._stopwatch
            ),
            credentials=account.credentials,
            limits=CreditLimits(account.daily_credit_budget, account.credit_reserve),
            book=AccountBook(self._kept.ledgers.get(alias), partial(self._store.save_ledger, alias)),
            clock=self._clock,
            stopwatch=self._stopwatch,
            draw=self._draw,
        )
        return _Upstream(identity, client)

    def _transport_options(self, account: AccountSettings, endpoints: Endpoints) -> TransportOptions:
        settings = self._settings
        return TransportOptions(
            timeout_seconds=settings.poll_timeout,
            connect_timeout_seconds=settings.connect_timeout,
            proxies={**settings.proxies_for(endpoints.accounts_url), **settings.proxies_for(endpoints.api_url)},
            pool_size=account.max_concurrency,
            user_agent=f"zoho-mass-update-exporter/{__version__}",
        )


def _endpoints(account: AccountSettings) -> Endpoints:
    if account.accounts_url and account.api_url:
        return Endpoints(account.accounts_url, account.api_url)
    if account.data_center is None:
        raise ValueError("settings give an account a data centre or both of its URLs")
    return endpoints_of(account.data_center, account.environment)
