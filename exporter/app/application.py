"""The exporter without its web server: everything that HTTP asks of it, joined from the parts."""

import logging
import random
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Lock

from exporter import __version__
from exporter.app.readiness import Tokens
from exporter.app.upstreams import Clocks, Upstreams
from exporter.errors import ConfigurationError, Problem
from exporter.jobs.explain import explain_account, explain_job
from exporter.jobs.refresh import Lane, Refresher
from exporter.jobs.registry import Registry, Retention
from exporter.jobs.schedule import Schedule
from exporter.jobs.store import Store
from exporter.metrics.families import JOBS, PROBED, SCRAPED, table
from exporter.metrics.page import Page, Renderer
from exporter.metrics.telemetry import Telemetry
from exporter.model import AccountSnapshot, ExporterSnapshot, JobKey, JobSpec, PollTally, Probe, Snapshot, TrackedJob
from exporter.settings import JobFiles, Settings, effective_settings, matching
from exporter.web.contract import Readiness
from exporter.zoho.codes import LABEL_VALUES

_log = logging.getLogger(__name__)

GRACE_SECONDS = 5
"""How long a stop waits for requests under way, and then for polls."""

Load = Callable[[], Settings]


class Application:
    """The exporter without its web server. Thread-safe; it is what `exporter.web.contract.Exporter` describes.

    Args:
        settings: valid settings.
        store: keeps what survives a restart; closed with the application.
        load: gives the settings anew for a reload, or raises `ConfigurationError`; those of the start if left out.
        web_config_problems: gives what is wrong with the web-config file, where an older version is in force.
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
        load: Load | None = None,
        *,
        web_config_problems: Callable[[], tuple[Problem, ...]] = lambda: (),
        clock: Callable[[], float] = time.time,
        stopwatch: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._store = store
        self._load = load or (lambda: settings)
        self._web_config_problems = web_config_problems
        self._clock = clock
        self._stopwatch = stopwatch
        self._changing = Lock()
        kept = store.load()
        self._upstreams = Upstreams(store, kept, Clocks(clock, stopwatch, draw))
        self._upstreams.configure(settings)
        self._tokens = Tokens(self._upstreams)
        self._registry = Registry(store, _retention(settings))
        self._registry.restore(kept)
        self._refresher = Refresher(self._registry, self._lanes(), _schedule(settings), clock=clock, draw=draw)
        self._telemetry = Telemetry(__version__, clock())
        self._is_config_current = True
        self._renderer = _renderer(settings)
        self._job_files = JobFiles()
        self._declare_jobs()

    @property
    def accounts(self) -> Collection[str]:
        """The aliases of the configured accounts."""
        return self._settings.accounts.keys()

    @property
    def job_labels(self) -> Collection[str]:
        """The labels that a job may carry."""
        return self._settings.job_labels

    @property
    def discovery_linger_seconds(self) -> float:
        """How long an ended job stays a target of service discovery."""
        return self._settings.discovery_linger

    def job_files(self) -> tuple[Path, ...]:
        """Give the job files that there are now."""
        return matching(self._settings.job_files)

    def now(self) -> float:
        """Give the time, Unix seconds."""
        return self._clock()

    def scrape(self, deadline: float, accept: str = "", groups: Collection[str] = SCRAPED) -> Page:
        """Poll what is due, wait for it no longer than until the deadline, and write the page with what is there.

        Without the group of jobs nothing is polled.
        """
        started = self._stopwatch()
        if JOBS in groups:
            self._refresher.refresh(max(0.0, deadline - started))
        page = self._renderer.render(self.snapshot(), accept, groups)
        self._telemetry.note_scrape(self._stopwatch() - started)
        return page

    def probe(self, key: JobKey, deadline: float, accept: str = "") -> Page:
        """Poll one job if it is due, and write its page.

        Raises:
            TooManyJobsError: it is not tracked, and there is no room for it.
        """
        started = self._stopwatch()
        self._registry.admit_probe(key, self._clock())
        self._refresher.refresh(max(0.0, deadline - started), {key})
        jobs = self._view({key})
        is_success = any(job.report is not None and job.failure is None for job in jobs)
        snapshot = Snapshot(jobs, (), self._reading(), Probe(is_success, self._stopwatch() - started))
        return self._renderer.render(snapshot, accept, PROBED)

    def snapshot(self) -> Snapshot:
        """Give what is known now. Touches no network."""
        return Snapshot(self._view(), tuple(self._account_snapshots()), self._reading())

    def find(self, key: JobKey) -> TrackedJob | None:
        """Give what is known of one job; nothing for one that is not tracked."""
        return next(iter(self._view({key})), None)

    def explain(self, key: JobKey) -> tuple[str, ...]:
        """Say why a job shows what it shows; nothing for a job that is not tracked."""
        job, now = self._registry.get(key), self._clock()
        if job is None:
            return ()
        account = (state for state in self._account_snapshots() if state.account.alias == key.account)
        plan = self._refresher.plan(job)
        sentences = explain_job(job, plan, now, self._settings.stale_after)
        return (*sentences, *(sentence for state in account for sentence in explain_account(state, now)))

    def last_exchange(self, key: JobKey) -> tuple[str, ...]:
        """Say what was last asked of Zoho for a job and what came; nothing where nothing was asked."""
        upstream = self._upstreams.by_alias.get(key.account)
        exchange = upstream.client.last_exchange(key) if upstream else None
        return (exchange.asked, exchange.answer) if exchange else ()

    def register(self, specs: Iterable[JobSpec]) -> tuple[bool, ...]:
        """Track jobs, all or none, and say of each whether it is new.

        Raises:
            RegistrationError: they are not taken in.
        """
        return self._registry.register(specs, self._clock())

    def forget(self, key: JobKey) -> bool:
        """Let go of a job, and say whether it was tracked.

        Raises:
            RegistrationError: the configuration lists it.
        """
        return self._registry.forget(key)

    def is_kept(self) -> bool:
        """Whether all that is known would outlive a crash; always so where the operator chose memory."""
        return not self._store.is_behind()

    def configuration(self) -> str:
        """Give the settings in force as YAML, secrets masked."""
        return effective_settings(self._settings)

    def readiness(self) -> Readiness:
        """Say whether the exporter can do its work, and ask for a first token where there was none."""
        return self._tokens.readiness()

    def reload(self) -> tuple[Problem, ...]:
        """Load the settings anew and take them into force; give what is wrong, and the last good ones stay.

        Tokens, tracked jobs and counters go on. A refused job is tried again at the next scrape. The web-config
        file is read by others; what is wrong with it is told here too.
        """
        with self._changing:
            try:
                settings = self._load()
                self._upstreams.configure(settings)
            except ConfigurationError as error:
                _log.error("the configuration can't be reloaded: %s", error, extra={"in_force": "the last good one"})
                self._is_config_current = False
                # The job files may have changed with it, and whoever watches files tells of a change once.
                return (*error.problems, *self._declare_jobs(), *self._web_config_problems())
            self._is_config_current = True
            self._warn_of_restarts(settings)
            self._settings = settings
            self._registry.limit(_retention(settings))
            self._refresher.reconfigure(self._lanes(), _schedule(settings))
            self._renderer = _renderer(settings)
            problems = self._declare_jobs()
            self._refresher.retry_refused()
            _log.info("configuration reloaded", extra={"accounts": len(settings.accounts), "jobs": len(settings.jobs)})
            return (*problems, *self._web_config_problems())

    def reload_jobs(self) -> tuple[Problem, ...]:
        """Read the job files anew; a broken one keeps its last good jobs, and is told of."""
        with self._changing:
            return self._declare_jobs()

    def close(self) -> None:
        """Start no more polls, wait a little for those under way, and close the state file."""
        self._tokens.close()
        self._refresher.close(GRACE_SECONDS)
        for upstream in self._upstreams.by_alias.values():
            upstream.client.close()
        self._store.close()

    def _declare_jobs(self) -> tuple[Problem, ...]:
        settings, now = self._settings, self._clock()
        reading = self._job_files.read(settings)
        specs = (*settings.job_specs, *reading.specs)
        self._registry.declare(specs, now, accounts=settings.accounts.keys(), is_complete=reading.is_complete)
        for problem in reading.problems:
            _log.error("a job file can't be used: %s", problem.message, extra={"place": problem.place})
        self._telemetry.note_reload(now, succeeded=self._is_config_current and not reading.problems)
        return reading.problems

    def _warn_of_restarts(self, settings: Settings) -> None:
        for name in ("web", "state", "log"):
            if getattr(settings, name) != getattr(self._settings, name):
                _log.warning("a changed section takes effect at the next start only", extra={"section": name})

    def _lanes(self) -> dict[str, Lane]:
        return {alias: upstream.lane for alias, upstream in self._upstreams.by_alias.items()}

    def _view(self, keys: Collection[JobKey] | None = None) -> tuple[TrackedJob, ...]:
        return self._refresher.view(self._settings.stale_after, keys)

    def _reading(self) -> ExporterSnapshot:
        reading = self._telemetry.snapshot(self._registry.dropped(), self._store.errors())
        return replace(reading, config_reload_succeeded=False) if self._web_config_problems() else reading

    def _account_snapshots(self) -> Iterator[AccountSnapshot]:
        tallies, totals = self._refresher.tallies(), self._registry.totals()
        for alias, upstream in sorted(self._upstreams.by_alias.items()):
            own = {module: total for (account, module), total in totals.items() if account == alias}
            tally = tallies.get(alias, PollTally())
            yield AccountSnapshot(upstream.account, upstream.client.status(), tally, own)


def _renderer(settings: Settings) -> Renderer:
    return Renderer(table(settings.job_labels, LABEL_VALUES))


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
    return Retention(
        ended_seconds=settings.retention,
        unknown_seconds=settings.unknown_retention,
        probed_seconds=settings.probe_retention,
        max_jobs=settings.max_jobs,
        max_probed_jobs=settings.max_probed_jobs,
    )
