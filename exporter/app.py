"""The only place that wires the parts together: settings in, a serving exporter out."""

import logging
import signal
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from exporter import __version__
from exporter.jobs.refresh import Lane, Refresher
from exporter.jobs.registry import Registry
from exporter.jobs.schedule import Schedule
from exporter.jobs.tracking import fade
from exporter.metrics.families import table
from exporter.metrics.page import Page, Renderer
from exporter.metrics.telemetry import Telemetry
from exporter.model import Account, AccountSnapshot, Snapshot
from exporter.settings import AccountSettings, Settings
from exporter.web.routes import WebOptions, create_routes
from exporter.web.server import WebServer, bind
from exporter.zoho.client import ZohoClient
from exporter.zoho.codes import LABEL_VALUES
from exporter.zoho.data_centers import Endpoints, endpoints_of
from exporter.zoho.transport import Transport, TransportOptions, tls_context

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Upstream:
    """One account and the client that asks for its jobs."""

    account: Account
    client: ZohoClient


class Application:
    """The exporter without its web server: scrape it, close it.

    Args:
        settings: valid settings.
        clock: gives Unix seconds.
        stopwatch: gives seconds that never go backwards.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.time,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._stopwatch = stopwatch
        context = tls_context(settings.ca_bundle)
        self._upstreams = {
            alias: _open_upstream(alias, account, settings, context, clock=clock, stopwatch=stopwatch)
            for alias, account in settings.accounts.items()
        }
        self._registry = Registry()
        self._registry.track(settings.job_specs, clock())
        lanes = {
            alias: Lane.with_threads(alias, upstream.client.fetch, upstream.account.max_concurrency)
            for alias, upstream in self._upstreams.items()
        }
        self._refresher = Refresher(self._registry, lanes, Schedule(settings.freshness), clock)
        self._telemetry = Telemetry(__version__, clock())
        self._renderer = Renderer(table(settings.job_labels, LABEL_VALUES))

    def scrape(self, timeout_seconds: float, accept: str = "") -> Page:
        """Poll what is due, wait for it no longer than `timeout_seconds`, and write the page with what is there."""
        started = self._stopwatch()
        self._refresher.refresh(timeout_seconds)
        page = self._renderer.render(self.snapshot(), accept)
        self._telemetry.note_scrape(self._stopwatch() - started)
        return page

    def snapshot(self) -> Snapshot:
        """Give what is known now. Touches no network."""
        now = self._clock()
        tallies = self._refresher.tallies()
        return Snapshot(
            jobs=tuple(fade(job, now, self._settings.stale_after) for job in self._registry.jobs()),
            accounts=tuple(
                AccountSnapshot(upstream.account, upstream.client.status(), tallies[alias])
                for alias, upstream in sorted(self._upstreams.items())
            ),
            exporter=self._telemetry.snapshot(),
        )

    def close(self) -> None:
        """Start no more polls; those under way end on their own time limit."""
        self._refresher.close()
        for upstream in self._upstreams.values():
            upstream.client.close()


def serve(settings: Settings, *, on_ready: Callable[[int], None] = lambda _: None) -> int:
    """Serve until SIGTERM or SIGINT; must be called in the main thread.

    Args:
        settings: valid settings.
        on_ready: called with the port once requests are answered.

    Returns:
        The exit status: 0 after a signal, 1 when the web server ended by itself.

    Raises:
        ConfigurationError: the listen address can't be had.
    """
    stop = Event()
    was_told = Event()

    def told_to_stop(*_: object) -> None:
        was_told.set()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, told_to_stop)
    address = settings.web.listen_address
    listener = bind(address.host, address.port)
    application = Application(settings)
    server = WebServer(create_routes(_web_options(settings), application.scrape), listener, on_exit=stop.set)
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


def _open_upstream(
    alias: str,
    account: AccountSettings,
    settings: Settings,
    context: ssl.SSLContext,
    *,
    clock: Callable[[], float],
    stopwatch: Callable[[], float],
) -> _Upstream:
    endpoints = _endpoints(account)
    options = TransportOptions(
        timeout_seconds=settings.poll_timeout,
        connect_timeout_seconds=settings.connect_timeout,
        proxies={**settings.proxies_for(endpoints.accounts_url), **settings.proxies_for(endpoints.api_url)},
        pool_size=account.max_concurrency,
        user_agent=f"zoho-mass-update-exporter/{__version__}",
    )
    identity = Account(
        alias, account.data_center_name, account.environment, account.api_version, account.max_concurrency
    )
    client = ZohoClient(
        identity,
        endpoints,
        Transport(options, context, clock=clock, stopwatch=stopwatch),
        credentials=account.credentials,
        clock=clock,
        stopwatch=stopwatch,
    )
    return _Upstream(identity, client)


def _endpoints(account: AccountSettings) -> Endpoints:
    if account.accounts_url and account.api_url:
        return Endpoints(account.accounts_url, account.api_url)
    if account.data_center is None:
        raise ValueError("settings give an account a data centre or both of its URLs")
    return endpoints_of(account.data_center, account.environment)
