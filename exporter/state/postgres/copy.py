"""What is held of an account: as much of the database as was told, each piece as new as any that was told of it."""

import json
import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from threading import Lock

from exporter.model import JobKey, ModuleTotals, Standing, TrackedJob
from exporter.state.documents import decode
from exporter.state.ledger import Ledger
from exporter.state.postgres.counters import totals_of
from exporter.state.postgres.database import News

_log = logging.getLogger(__name__)

MOST_MINUTES = 2 * 1440
"""Credits of two days: those of yesterday are back."""
_Place = tuple[str, str]
"""What of an account is told: its kind and its key. A retired job is in the place of the job."""


class Copy:
    """An account as far as it is known. Thread-safe; the lock is never held over I/O.

    Answers may come in any order: what is older than what is held is left alone.
    """

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self._lock = Lock()
        self._changed: set[JobKey] = set()
        self.unreadable = 0
        self._has_lost = False
        self._begin()

    def _begin(self) -> None:
        self.revision = -1
        """All up to here is held."""
        self.lineage = ""
        """Of the server that told it."""
        self._revisions: dict[_Place, int] = {}
        self._jobs: dict[JobKey, TrackedJob] = {}
        self._assumed: set[JobKey] = set()
        self._retired: set[JobKey] = set()
        self._counters: defaultdict[str, dict[str, float]] = defaultdict(dict)
        self._minutes: dict[int, tuple[int, int]] = {}
        self._ledgers: tuple[Ledger, Ledger] | None = None
        self.standing = self._told_standing = Standing()

    def take(self, told: Iterable[News]) -> None:
        """Take what the database told of this account."""
        with self._lock:
            for news in told:
                if news.kind == "account" and news.key == "whole":
                    self._changed |= self._jobs.keys()
                    self._has_lost |= self.revision >= 0
                    self._begin()
                if news.kind == "account":
                    self.revision = max(self.revision, news.revision)
                    self.lineage = news.body or ""
                else:
                    self._take(news)

    def has_lost(self) -> bool:
        """Whether the database may no longer have what it had told, since the last call."""
        with self._lock:
            has_lost, self._has_lost = self._has_lost, False
            return has_lost

    def jobs(self) -> Mapping[JobKey, TrackedJob]:
        """Give all jobs."""
        with self._lock:
            return dict(self._jobs)

    def job_count(self) -> int:
        """Give the number of jobs."""
        return len(self._jobs)

    def get(self, key: JobKey) -> TrackedJob | None:
        """Give one job."""
        return self._jobs.get(key)

    def seen(self, key: JobKey) -> tuple[TrackedJob | None, int]:
        """Give one job and its revision, 0 where there is none."""
        with self._lock:
            job = self._jobs.get(key)
            return job, self._revisions.get(_place(key), 0) if job else 0

    def revision_of(self, key: JobKey) -> int:
        """Give the revision of the last that is known of a job, also of one that has gone."""
        return self._revisions.get(_place(key), 0)

    def stood(self) -> tuple[Standing, int]:
        """Give the standing as the database has it, and its revision."""
        with self._lock:
            return self._told_standing, self._revisions.get(("standing", ""), 0)

    def retired(self) -> Collection[JobKey]:
        """Give the retired jobs."""
        with self._lock:
            return frozenset(self._retired)

    def totals(self) -> Mapping[str, ModuleTotals]:
        """Give the totals by module."""
        with self._lock:
            return {module: totals_of(counters) for module, counters in self._counters.items()}

    def counts(self, module: str) -> bool:
        """Whether a module is counted."""
        return module in self._counters

    def changed(self) -> Collection[JobKey]:
        """Give the jobs that came, changed or left since the last call."""
        with self._lock:
            changed, self._changed = self._changed, set()
            return changed

    def minutes(self) -> Mapping[int, tuple[int, int]]:
        """Give the credits by the minute, and those of them that went on probed jobs."""
        with self._lock:
            return {minute: both for minute, both in self._minutes.items() if any(both)}

    def used(self, now: float, *, by_probes: bool) -> int:
        """Give the credits spent in the last 24 hours."""
        with self._lock:
            self._ledgers = self._ledgers or self._new_ledgers()
            return self._ledgers[by_probes].used(now)

    def assume(self, key: JobKey, job: TrackedJob | None, *, retired: bool = False) -> None:
        """Hold a job as it is to be, though the database has not heard of it: whatever it tells of it counts more."""
        with self._lock:
            self._put(key, job)
            (self._retired.add if retired else self._retired.discard)(key)
            self._assumed.add(key)

    def is_assumed(self, key: JobKey) -> bool:
        """Whether the database has not heard of what is held of a job."""
        return key in self._assumed

    def assume_standing(self, standing: Standing) -> None:
        """Hold a standing as it is to be, though the database has not heard of it."""
        with self._lock:
            self.standing = standing

    def _take(self, news: News) -> None:
        place = _placed(news)
        if news.revision <= self._revisions.get(place, -1):
            return
        self._revisions[place] = news.revision
        try:
            self._read(news)
        except ValueError as error:
            self.unreadable += 1
            where = {"account": self.alias, "kind": news.kind, "key": news.key}
            _log.warning("a row of the database can't be read and is left out: %s", error, extra=where)

    def _read(self, news: News) -> None:
        match news.kind:
            case "job" | "retired":
                self._read_job(news)
            case "totals":
                module, _, counter = news.key.partition("/")
                self._counters[module][counter] = float(news.body or 0.0)
            case "credits":
                spent, _, on_probes = (news.body or "").partition("/")
                self._minutes[int(news.key)] = int(spent), int(on_probes)
                self._ledgers = None
            case "standing":
                mints = tuple(map(float, json.loads(news.key)))
                self.standing = self._told_standing = replace(decode(news.body or "", Standing), mints=mints)

    def _read_job(self, news: News) -> None:
        key = JobKey(self.alias, *news.key.partition("/")[::2])
        (self._retired.add if news.kind == "retired" else self._retired.discard)(key)
        self._assumed.discard(key)
        job = None if news.body is None else decode(news.body, TrackedJob)
        if job and job.spec.key != key:
            raise ValueError("it is another job's document")
        self._put(key, job)

    def _put(self, key: JobKey, job: TrackedJob | None) -> None:
        self._changed.add(key)
        if job:
            self._jobs[key] = job
        else:
            self._jobs.pop(key, None)

    def _new_ledgers(self) -> tuple[Ledger, Ledger]:
        known = sorted((minute, both) for minute, both in self._minutes.items() if any(both))
        self._minutes = dict(known[-MOST_MINUTES:])
        spent, on_probes = ({minute: both[which] for minute, both in self._minutes.items()} for which in (0, 1))
        return Ledger(spent), Ledger(on_probes)


def held(copies: Iterable[Copy]) -> tuple[list[str], list[int], list[str]]:
    """Say what copies hold, as the database wants to know it: accounts, revisions, lineages."""
    known = [(copy.alias, copy.revision, copy.lineage) for copy in copies]
    return [alias for alias, *_ in known], [revision for _, revision, _ in known], [lineage for *_, lineage in known]


def _place(key: JobKey) -> _Place:
    return "job", f"{key.module}/{key.job_id}"


def _placed(news: News) -> _Place:
    kind = "job" if news.kind == "retired" else news.kind
    return kind, "" if kind == "standing" else news.key
