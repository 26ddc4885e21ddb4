"""The exporter without its web server: everything that HTTP asks of it, joined from the parts."""

import logging
import math
import random
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import fields, replace
from functools import partial
from itertools import chain
from pathlib import Path
from threading import Event, Lock
from typing import TypeVar

from exporter import __version__
from exporter.app.accounts import Accounts, TlsContexts
from exporter.errors import ConfigurationError, Problem, SilentStoreError
from exporter.jobs import JobTable, Refresher, Retention, Schedule, explain_account, explain_job
from exporter.metrics import JOBS, PROBED, PROCESS, SCRAPED, Page, Pages, Telemetry, table
from exporter.model import AccountSnapshot, ExporterSnapshot, JobKey, JobSpec, Probe, Snapshot, TrackedJob
from exporter.redactor import Redactor
from exporter.settings import JobFiles, Settings, effective_settings, matching
from exporter.state import Store
from exporter.web.contract import Readiness
from exporter.zoho.codes import LABEL_VALUES
from exporter.zoho.transport import tls_context

_log = logging.getLogger(__name__)

GRACE_SECONDS = 4
"""How long a stop waits for requests and polls under way, then for what keeps the state."""

LOOK_SECONDS = 1.0
"""How long a request that shows jobs waits at most to hear what others did."""
KEPT_SECONDS = 2.0
"""How long a registration waits for the state file before it is answered that a restart would forget it."""

FIRST_GUESS_SECONDS = 0.0006
"""For each job of a page, before any was written; a slow machine's."""
LEAST_SECONDS = 0.02
SAFETY = 2.0
"""Pages are written while polls land, on the same processors."""
PAGES = 8
FIXED_JOBS = 50
"""A page without a job takes as long as so many jobs."""
AHEAD_SECONDS = 1.0
"""How often what polls changed is written while a scrape waits for others."""
AHEAD_SHARE = 0.05
"""Which share of the time that may take."""

_NOT_KEPT = "state: can't be kept at the moment, see the log"
_NOT_POLLED = "The database does not answer, see the log: until it does no job is polled, whatever is said below."
_AT_START = ("web", "state", "log", "scrape_timeout", "scrape_timeout_offset")
"""What takes effect at a start only."""

Load = Callable[[], Settings]
_Limits = TypeVar("_Limits", Schedule, Retention)


class WritingTime:
    """Expects the next page to take as long as the slowest of the last ones, for its number of jobs. Thread-safe."""

    def __init__(self) -> None:
        self._seconds_a_job: tuple[float, ...] = ()

    def note(self, jobs: int, seconds: float) -> None:
        """Learn how long a page of so many jobs took."""
        self._seconds_a_job = (*self._seconds_a_job[1 - PAGES :], seconds / (jobs + FIXED_JOBS))

    def expected(self, jobs: int) -> float:
        """Give the seconds to keep back for a page of so many jobs."""
        slowest = max(self._seconds_a_job, default=FIRST_GUESS_SECONDS)
        return LEAST_SECONDS + SAFETY * slowest * (jobs + FIXED_JOBS)


class Application:
    """The exporter without its web server. Thread-safe; it is what `exporter.web.contract.Exporter` describes.

    Args:
        settings: valid settings.
        store: keeps what survives a restart; closed with the application.
        load: gives the settings anew for a reload, or raises `ConfigurationError`; those of the start if left out.
        redactor: learns every secret, and takes it out of what came from outside.
        web_config_problems: gives what is wrong with the web-config file, where an older version is in force.
        web_config_warnings: gives what is doubtful of what is in force.
        tls_context: gives what verifies Zoho by a bundle of certificates.
        clock: gives Unix seconds; the store's own if left out.
        stopwatch: gives the seconds that deadlines are in, which never go backwards.
        draw: gives random numbers from 0 to 1, to spread attempts after faults.
        name: tells people which it is of those that share the store.

    Raises:
        ConfigurationError: the CA certificates can't be read.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        load: Load | None = None,
        *,
        redactor: Redactor | None = None,
        web_config_problems: Callable[[], tuple[Problem, ...]] = lambda: (),
        web_config_warnings: Callable[[], tuple[Problem, ...]] = lambda: (),
        tls_context: TlsContexts = tls_context,
        clock: Callable[[], float] | None = None,
        stopwatch: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
        name: str = "",
    ) -> None:
        self._store = store
        self._load = load or (lambda: settings)
        self._web_config_problems = web_config_problems
        self._web_config_warnings = web_config_warnings
        self.now = clock = clock or store.now
        self._stopwatch = stopwatch
        self._changing = Lock()
        self._writing_turn = Lock()
        """Whose page is written: side by side they would all come late, and hold up the server's own thread."""
        self._accounts = Accounts(
            store, redactor or Redactor(), tls_context, clock=clock, stopwatch=stopwatch, draw=draw
        )
        self._accounts.configure(settings)
        self._table = JobTable(store, _taken(Retention, settings))
        self._refresher = Refresher(
            self._table,
            self._accounts.by_alias,
            schedule_of(settings),
            clock=clock,
            draw=draw,
            stopwatch=stopwatch,
            landed=self._write_ahead,
            name=name if store.is_shared else "",
        )
        self.hurry = self._refresher.hurry
        self._process = None if settings.web.disable_exporter_metrics else PROCESS
        self._writing = WritingTime()
        self._is_page_wanted = False
        """Whether somebody has asked for all jobs since what polls changed was last written ahead."""
        self._ahead_at = math.inf
        self._telemetry = Telemetry(__version__, clock())
        self._is_config_current = True
        self._job_files = JobFiles()
        self._started_with = settings
        self._waiting: tuple[str, ...] = ()
        self._told: Collection[Problem] = settings.warnings
        self._broken: Collection[Problem] = ()
        self._use(settings)
        self._declare_jobs()

    def job_files(self) -> tuple[Path, ...]:
        """Give the job files that there are now."""
        return matching(self._settings.job_files)

    def scrape(
        self, deadline: float, accept: str = "", groups: Collection[str] = SCRAPED, enough: Event | None = None
    ) -> Page:
        """Poll what is due, but without the group of jobs nothing, and write the page with what is there."""
        started = self._stopwatch()
        if JOBS in groups:
            self._is_page_wanted, self._ahead_at = True, started + AHEAD_SECONDS
            for refresh in (self._store.refresh, partial(self._refresher.refresh, enough=enough)):
                refresh(deadline - self._writing.expected(self._table.count()))
        else:
            self.catch_up(deadline)
        begun = self._stopwatch()
        with self._writing_turn:
            self._ahead_at = math.inf
            snapshot = self.snapshot()
            page = self._pages.write(snapshot, accept, groups)
            ended = self._stopwatch()
            self._writing.note(len(snapshot.jobs), ended - begun)
        self._telemetry.note_scrape(ended - started)
        return page

    def probe(self, key: JobKey, deadline: float, accept: str = "", enough: Event | None = None) -> Page:
        """Poll one job if it is due and there is room for it, and write its page."""
        started = self._stopwatch()
        self._table.admit_probe(key, self.now())
        self._refresher.refresh(deadline - self._writing.expected(1), {key}, enough)
        jobs = self._refresher.view({key})
        is_success = any(job.report is not None and job.failure is None for job in jobs)
        snapshot = Snapshot(jobs, (), self._reading(), Probe(is_success, self._stopwatch() - started))
        return self._pages.write(snapshot, accept, PROBED)

    def catch_up(self, deadline: float) -> None:
        """Know what others wrote until now; where the store is silent, go on without, with time left to answer."""
        now = self._stopwatch()
        self._store.look(now + min(LOOK_SECONDS, (deadline - now) / 2))

    def snapshot(self) -> Snapshot:
        """Give what is known now. Touches no network."""
        now = self.now()
        jobs, census = self._refresher.page()
        return Snapshot(
            jobs,
            tuple(self._account_snapshots()),
            self._reading(),
            accounts_dropped=self._table.accounts_dropped(now),
            departures=self._table.departures(now),
            census=census,
        )

    def explain(self, key: JobKey) -> tuple[str, ...]:
        """Say why a job shows what it shows; nothing for a job that is not tracked."""
        job, now = self._table.get(key), self.now()
        if job is None:
            return ()
        account = (state for state in self._account_snapshots() if state.account.alias == key.account)
        sentences = explain_job(job, self._refresher.plan(job), now, self._settings.stale_after)
        if self.is_cut_off():
            sentences = (_NOT_POLLED, *sentences)
        return (*sentences, *(sentence for state in account for sentence in explain_account(state, now)))

    def last_exchange(self, key: JobKey) -> tuple[str, ...]:
        """Say what was last asked of Zoho for a job and what came; nothing where nothing was asked."""
        account = self._accounts.by_alias.get(key.account)
        return (account and account.last_exchange(key)) or ()

    def register(self, specs: Iterable[JobSpec]) -> tuple[bool, ...]:
        """Track jobs, all or none, and say of each whether it is new."""
        wanted = tuple(specs)
        self._refresh()
        is_new = self._table.register(wanted, self.now())
        for spec in (spec for spec, new in zip(wanted, is_new, strict=True) if new):
            _log.info("job is tracked", extra={**spec.key.as_fields(), "source": str(spec.source)})
        return is_new

    def forget(self, key: JobKey) -> bool:
        """Let go of a job on request, and say whether it was tracked.

        Raises:
            DeclaredJobError: the configuration lists it.
            SilentStoreError: others share the store, and it does not answer.
        """
        self._refresh()
        if self.is_cut_off() and self._table.get(key):
            raise SilentStoreError(f"The database does not answer, and another exporter may have been told of {key}")
        return self._table.forget(key)

    def _refresh(self) -> None:
        """Know what others were told just now: a request may follow another one that they answered."""
        self._store.refresh(self._stopwatch() + KEPT_SECONDS)

    def acknowledge(self, key: JobKey, *, is_taken_back: bool = False) -> bool:
        """Keep that somebody has taken note of how a job ended, or that nobody has; say whether it is tracked."""
        self._refresh()
        return self._table.acknowledge(key, None if is_taken_back else self.now())

    def make_due(self, key: JobKey) -> None:
        """Have a job polled at the next occasion, because a person asks for it."""
        self._table.make_due(key, self.now())

    def readiness(self) -> Readiness:
        """Say whether the exporter can do its work, how each account stands, and whether the state can't be kept."""
        told = self._accounts.readiness()
        return replace(told, sentences=(*told.sentences, _NOT_KEPT)) if self._store.health().is_failing else told

    def is_kept(self) -> bool:
        """Wait a little until all that is known would outlive a crash, and say whether it would."""
        return self._store.wait_kept(KEPT_SECONDS)

    def configuration(self) -> str:
        """Give the settings in force as YAML, secrets masked; what waits for a start stands above as a comment."""
        waiting = self._waiting
        head = f"# Changed, and in force at the next start only: {', '.join(waiting)}\n" if waiting else ""
        return head + effective_settings(self._settings)

    def reload(self) -> tuple[Problem, ...]:
        """Load the settings anew and take them into force; give what is wrong, and the last good ones stay.

        Tokens, tracked jobs and counters go on. A refused job is tried again at the next scrape. The web-config
        file is read by others; what is wrong with it is told here too.
        """
        with self._changing:
            problems: tuple[Problem, ...] = ()
            try:
                self._take(self._load())
            except ConfigurationError as error:
                _log.error("the configuration can't be reloaded: %s", error, extra={"in_force": "the last good one"})
                self._warn(error.warnings)
                problems = error.problems
            self._is_config_current = not problems
            self._warn(self._web_config_warnings())
            # The job files may have changed with it, and whoever watches files tells of a change once.
            problems = (*problems, *self._declare_jobs(), *self._web_config_problems())
            if not problems:
                counts = {"accounts": len(self._settings.accounts), "jobs": self.declared_jobs}
                _log.info("configuration reloaded", extra=counts)
            return problems

    def reload_jobs(self) -> tuple[Problem, ...]:
        """Read the job files anew; a broken one keeps its last good jobs, and is told of."""
        with self._changing:
            return self._declare_jobs()

    def close(self, grace_seconds: float = GRACE_SECONDS, until: float = math.inf) -> None:
        """Start no more polls, wait a little for those under way, and close the store, all `until` then (stopwatch)."""
        self._refresher.close(grace_seconds)
        for account in self._accounts.by_alias.values():
            account.close()
        self._store.close(min(GRACE_SECONDS, max(0.0, until - self._stopwatch())))

    def find(self, key: JobKey) -> TrackedJob | None:
        """Give one job as a page shows it; `None` when it is not tracked."""
        return next(iter(self._refresher.view({key})), None)

    def may_have(self, key: JobKey) -> bool:
        """Whether a job that is not tracked may be among what was kept and could not be read yet."""
        account = self._accounts.by_alias.get(key.account)
        if account is None or self._table.get(key):
            return False
        return account.status().credits.used_24h is None

    def is_cut_off(self) -> bool:
        """Whether others share the state, and what they were told can't be asked for now."""
        return self._store.is_shared and self._store.health().is_failing

    def _write_ahead(self, is_over: bool) -> None:  # noqa: FBT001 - it is called by position
        """Write what polls have changed before a page is asked for: at their end, and now and then while they last."""
        is_time = is_over or self._stopwatch() >= self._ahead_at
        if not (self._is_page_wanted and is_time and self._writing_turn.acquire(blocking=is_over)):
            return
        try:
            begun, (jobs, _) = self._stopwatch(), self._refresher.page()
            self._pages.write_ahead(jobs, is_whole=is_over)
            seconds = self._stopwatch() - begun
            self._writing.note(len(jobs), seconds)
            self._is_page_wanted, self._ahead_at = not is_over, begun + max(AHEAD_SECONDS, seconds / AHEAD_SHARE)
        finally:
            self._writing_turn.release()

    def _take(self, settings: Settings) -> None:
        self._accounts.configure(settings)
        self._warn(settings.warnings)
        self._told = settings.warnings  # one that goes and comes back is news
        settings = self._held(settings)
        self._table.retention = _taken(Retention, settings)
        self._refresher.reconfigure(self._accounts.by_alias, schedule_of(settings))
        self._use(settings)
        self._table.retry_refused()

    def _held(self, settings: Settings) -> Settings:
        """Give the settings with what takes effect at a start only as it was then, and tell of what is new in that."""
        changed = {name: list(_differing(name, settings, self._started_with)) for name in _AT_START}
        before, self._waiting = self._waiting, tuple(chain.from_iterable(changed.values()))
        for name, waiting in changed.items():
            if set(waiting) - set(before):
                details = {"section": name, "settings": ", ".join(waiting)}
                _log.warning("a changed section takes effect at the next start only", extra=details)
        return settings.model_copy(update={name: getattr(self._started_with, name) for name in _AT_START})

    def _warn(self, warnings: Collection[Problem]) -> None:
        """Log the warnings that were not told before."""
        for warning in warnings:
            if warning not in self._told:
                _log.warning("%s", warning.message, extra={"place": warning.place})
        self._told = {*self._told, *warnings}

    def _use(self, settings: Settings) -> None:
        self._settings = settings
        self.accounts: Collection[str] = settings.accounts.keys()
        self.job_labels: Collection[str] = settings.job_labels
        self.discovery_linger_seconds = settings.discovery_linger
        schedule = settings.schedule
        self.pace_seconds = schedule.shortest, min(schedule.longest, schedule.suspended)
        self._pages = Pages(table(settings.job_labels, LABEL_VALUES), self._process)

    def _declare_jobs(self) -> tuple[Problem, ...]:
        settings, now = self._settings, self.now()
        reading = self._job_files.read(settings)
        specs = (*settings.job_specs, *reading.specs)
        self._table.declare(specs, now, accounts=settings.accounts.keys(), is_complete=reading.is_complete)
        self.declared_jobs = len({spec.key for spec in specs})
        self._tell_job_files(reading.problems)
        self._telemetry.note_reload(now, succeeded=self._is_config_current and not reading.problems)
        return reading.problems

    def _tell_job_files(self, problems: Collection[Problem]) -> None:
        """Log what is newly wrong with the job files, and which are no longer."""
        for problem in problems:
            if problem not in self._broken:
                _log.error("a job file can't be used: %s", problem.message, extra={"place": problem.place})
        for file in sorted(_files_of(self._broken) - _files_of(problems)):
            _log.info("a job file is in order again", extra={"path": file})
        self._broken = problems

    def _reading(self) -> ExporterSnapshot:
        health = self._store.health()
        own = self._telemetry.reading
        return replace(
            own,
            config_reload_succeeded=own.config_reload_succeeded and not self._web_config_problems(),
            jobs_dropped=self._table.dropped(),
            store_errors=health.errors,
            store_behind_since=health.behind_since,
        )

    def _account_snapshots(self) -> Iterator[AccountSnapshot]:
        for alias, account in sorted(self._accounts.by_alias.items()):
            totals = self._store.account(alias).totals()
            yield AccountSnapshot(account.account, account.status(), self._refresher.tally(alias), totals)


def _differing(name: str, settings: Settings, other: Settings) -> Iterator[str]:
    """Name what differs in a section, or the setting itself."""
    mine, theirs = getattr(settings, name), getattr(other, name)
    if not isinstance(mine, Iterable) or isinstance(mine, str):
        yield from [name] if mine != theirs else []
        return
    for (inner, one), (_, another) in zip(mine, theirs, strict=True):
        if one != another:
            yield f"{name}.{inner}"


def _files_of(problems: Iterable[Problem]) -> set[str]:
    return {re.sub(r":[0-9]+$", "", problem.place) for problem in problems}


def schedule_of(settings: Settings) -> Schedule:
    """Give the schedule that the settings say."""
    return _taken(Schedule, settings)


def _taken(kind: type[_Limits], settings: Settings) -> _Limits:
    """Make what is called as the settings are, but that durations have their unit in their names."""
    given = {**dict(settings), **dict(settings.schedule)}
    return kind(**{field.name: given[field.name.removesuffix("_seconds")] for field in fields(kind)})
