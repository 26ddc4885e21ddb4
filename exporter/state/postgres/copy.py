"""What is held of an account: as much of the database as was told, each piece as new as any that was told of it."""

import json
import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from threading import Lock

from exporter.model import JobKey, ModuleTotals, Standing, TrackedJob
from exporter.state.documents import decode, sound
from exporter.state.ledger import Ledger
from exporter.state.postgres.counters import totals_of
from exporter.state.postgres.database import News

_log = logging.getLogger(__name__)

MOST_MINUTES = 2 * 1440
"""Credits of two days: those of yesterday are back."""
_Booking = tuple[int, str]
"""When credits were booked, by the minute, and the lineage of the server that did so."""
_Place = tuple[str, str]
"""What of an account is told: its kind and its key. A retired job is in the place of the job."""


@dataclass(frozen=True, slots=True)
class Lost:
    """What was held of an account when the database turned out to have gone on without it.

    `counters` are totals by module and name; `credits` are those spent, and those on probed jobs, none where it is the
    lineage of before.
    """

    jobs: Mapping[JobKey, TrackedJob]
    retired: Collection[JobKey]
    gone: Mapping[JobKey, float]
    """Those that were let go of, the retired ones too, and when (Unix seconds)."""
    counters: Mapping[tuple[str, str], float]
    credits: Mapping[_Booking, tuple[int, int]]
    standing: Standing


class Copy:
    """An account as far as it is known. Thread-safe; the lock is never held over I/O.

    Answers may come in any order: what is older than what is held is left alone.
    """

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self._quoted_alias = json.dumps(alias, ensure_ascii=False)
        self._lock = Lock()
        self._changed: set[JobKey] = set()
        self.unreadable = 0
        self._floors: dict[tuple[str, str], float] = {}
        """The least that counters show, by module and name: they were here before another server took over."""
        self._begin()

    def _begin(self) -> None:
        self.revision = -1
        """All up to here is held; 0 where some is, and not yet all."""
        self.lineage = ""
        """Of the server that told it."""
        self._revisions: dict[_Place, int] = {}
        self._jobs: dict[JobKey, TrackedJob] = {}
        self._assumed: set[JobKey] = set()
        self._gone_at: dict[JobKey, float] = {}
        self._retired: set[JobKey] = set()
        self._counters: defaultdict[str, dict[str, float]] = defaultdict(dict)
        self._totals: dict[str, ModuleTotals] | None = None
        self._credits: dict[_Booking, tuple[int, int]] = {}
        self._ledgers: tuple[Ledger, Ledger] | None = None
        self._counted_at = 0.0
        self.standing = self._told_standing = Standing()

    def take(self, told: Iterable[News], *, anew: bool = False, asked_under: str = "") -> Lost | None:
        """Take what the database told of this account, and give what it has lost; `anew` where nothing held is true.

        What was `asked_under` another lineage, and is told now that this one has begun, is of no use.
        """
        lost = None
        with self._lock:
            if asked_under and asked_under != self.lineage:
                return None
            for news in told:
                if news.account != self.alias:
                    continue
                if news.kind == "account":
                    if news.key and (anew or (self.revision, self.lineage) != (news.revision, news.body)):
                        if int(news.key) != self.revision and not anew:
                            return None  # a newer answer has overtaken this one
                        lost = self._begin_anew(news)
                    self.revision = max(self.revision, news.revision)
                    self.lineage = news.body or ""
                else:
                    self.revision = max(self.revision, 0)
                    self._take(news)
            if lost:
                self._go_on_with(lost)
        return lost

    def _go_on_with(self, lost: Lost) -> None:
        """Show what is about to be put back: pages are written meanwhile."""
        self._retired |= {key for key in lost.retired if not self.knows(key)}
        for key, job in lost.jobs.items():
            if not self.knows(key):
                self._put(key, job)
                self._assumed.add(key)

    def _begin_anew(self, news: News) -> Lost | None:
        """Let go of everything, and give it unless it was only too old: the database may not have it."""
        before, now = self.lineage, news.body or ""
        is_lost = before != now or self.revision > news.revision
        if not before and max(self._revisions.values(), default=-1) <= news.revision:
            return None  # what is held has just been told
        spent = self._credits if before != now else {}
        gone = {**dict.fromkeys(self._retired, 0.0), **self._gone_at}
        counters = {(module, name): total for module, name, total in self._shown()}
        lost = Lost(self._jobs, self._retired, gone, counters, spent, self._told_standing)
        self._floors = counters
        self._changed |= self._jobs.keys()
        self._begin()
        return lost if is_lost else None

    def knows(self, key: JobKey) -> bool:
        """Whether the database has told of a job, if only that it has gone."""
        return _place(key) in self._revisions

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
        """Give one job, and the revision of the last that is known of it, also of one that has gone."""
        with self._lock:
            return self._jobs.get(key), self.revision_of(key)

    def revision_of(self, key: JobKey) -> int:
        """Give the revision of the last that is known of a job, also of one that has gone."""
        return self._revisions.get(_place(key), 0)

    def gone_at(self, key: JobKey) -> float:
        """Give when a job was let go of (Unix seconds), as far as that is known."""
        return self._gone_at.get(key, 0.0)

    def stood(self) -> tuple[Standing, int]:
        """Give the standing as the database has it, and its revision."""
        with self._lock:
            return self._told_standing, self._revisions.get(("standing", ""), 0)

    def retired(self) -> Collection[JobKey]:
        """Give the retired jobs."""
        with self._lock:
            return frozenset(self._retired)

    def is_retired(self, key: JobKey) -> bool:
        """Whether a job is retired."""
        return key in self._retired

    def held(self) -> tuple[str, str, str]:
        """Say what is held, as elements of arrays: of which account, up to which revision, told by which server."""
        with self._lock:
            return self._quoted_alias, str(self.revision), f'"{self.lineage}"'

    def totals(self) -> Mapping[str, ModuleTotals]:
        """Give the totals by module."""
        with self._lock:
            if self._totals is None:
                counters: defaultdict[str, dict[str, float]] = defaultdict(dict)
                for module, name, total in self._shown():
                    counters[module][name] = total
                self._totals = {module: totals_of(of_module) for module, of_module in counters.items()}
            return dict(self._totals)

    def _shown(self) -> Iterator[tuple[str, str, float]]:
        """Give the counters, none lower than it was before the database lost some: they come up to it again."""
        told = {(module, name): total for module, its in self._counters.items() for name, total in its.items()}
        for module, name in told.keys() | self._floors:
            yield module, name, max(told.get((module, name), 0.0), self._floors.get((module, name), 0.0))

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
            return self._by_minute()

    def used(self, now: float, *, by_probes: bool) -> int:
        """Give the credits spent in the last 24 hours."""
        with self._lock:
            if self._ledgers is None or now < self._counted_at:  # a ledger does not go back
                self._ledgers = self._new_ledgers()
            self._counted_at = now
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
            case "job" | "retired" | "gone":
                self._read_job(news)
            case "totals":
                module, _, counter = news.key.partition("/")
                total = sound(news.body or 0.0)
                totals_of({counter: total})
                self._counters[module][counter] = total
                self._totals = None
            case "credits":
                spent, _, on_probes = (news.body or "").partition("/")
                minute, _, lineage = news.key.partition("/")
                sound(minute), sound(spent), sound(on_probes)
                self._credits[int(minute), lineage] = int(spent), int(on_probes)
                self._ledgers = None
            case "standing":
                mints = tuple(map(sound, json.loads(news.key)))
                self.standing = self._told_standing = replace(decode(news.body or "", Standing), mints=mints)

    def _read_job(self, news: News) -> None:
        key = JobKey(self.alias, *news.key.partition("/")[::2])
        (self._retired.add if news.kind == "retired" else self._retired.discard)(key)
        self._assumed.discard(key)
        job = decode(news.body or "", TrackedJob) if news.kind == "job" else None
        if job and job.spec.key != key:
            raise ValueError("it is another job's document")
        self._put(key, job)
        self._gone_at.pop(key, None)
        if job is None:
            self._gone_at[key] = sound(news.body or 0.0)

    def _put(self, key: JobKey, job: TrackedJob | None) -> None:
        self._changed.add(key)
        if job:
            self._jobs[key] = job
        else:
            self._jobs.pop(key, None)

    def _new_ledgers(self) -> tuple[Ledger, Ledger]:
        minutes = dict(sorted(self._by_minute().items())[-MOST_MINUTES:])
        self._credits = {booking: both for booking, both in self._credits.items() if booking[0] in minutes}
        spent, on_probes = ({minute: both[which] for minute, both in minutes.items()} for which in (0, 1))
        return Ledger(spent), Ledger(on_probes)

    def _by_minute(self) -> dict[int, tuple[int, int]]:
        minutes: dict[int, tuple[int, int]] = {}
        for (minute, _), (spent, on_probes) in self._credits.items():
            before = minutes.get(minute, (0, 0))
            minutes[minute] = before[0] + spent, before[1] + on_probes
        return {minute: both for minute, both in minutes.items() if any(both)}


def held(copies: Iterable[Copy]) -> tuple[str, str, str]:
    """Say what copies hold, as the database wants to know it: arrays of accounts, of revisions and of lineages.

    They are written here, strings as in JSON: the driver takes longer for lists than for asking.
    """
    known = [copy.held() for copy in copies]
    aliases, revisions, lineages = (",".join(column) for column in zip(*known, strict=True)) if known else ("", "", "")
    return f"{{{aliases}}}", f"{{{revisions}}}", f"{{{lineages}}}"


def _place(key: JobKey) -> _Place:
    return "job", f"{key.module}/{key.job_id}"


def _placed(news: News) -> _Place:
    kind = "job" if news.kind in {"retired", "gone"} else news.kind
    return kind, "" if kind == "standing" else news.key
