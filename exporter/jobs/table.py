"""Which jobs are tracked: who comes in, who leaves when, and who makes room."""

import logging
from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from threading import Lock

from exporter.errors import UNKNOWN_JOB, DeclaredJobError, LiveJobError, TooManyJobsError
from exporter.model import Departure, JobKey, JobSource, JobSpec, Standing, TrackedJob
from exporter.state import AccountState, Store

_log = logging.getLogger(__name__)

SHOWN_SECONDS = 7 * 3600.0
"""How long a job that was let go of is told of: longer than the alerting rules remember one that nobody shows."""

PROBES_TOLD = 24
"""How often in a job's retention its probes are written down: each of them would be a write."""
ACCOUNT_SHOWN_SECONDS = 3 * 86_400.0
"""How long an account that was is: as long as the alert on a lost one looks back, wherever Prometheus was meanwhile."""


class Drop(StrEnum):
    """Why a job is not tracked any more, or was not taken in."""

    RETENTION = "retention"
    UNKNOWN_RETENTION = "unknown_retention"
    PROBE_RETENTION = "probe_retention"
    MAX_JOBS = "max_jobs"
    MAX_PROBED_JOBS = "max_probed_jobs"
    UNTRACKED = "untracked"
    UNDECLARED = "undeclared"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class Retention:
    """How long jobs stay, and how many there may be: each is the setting of its name, told there."""

    retention_seconds: float
    unknown_retention_seconds: float
    probe_retention_seconds: float
    max_jobs: int
    max_probed_jobs: int

    def end_of(self, job: TrackedJob) -> tuple[float, Drop] | None:
        """Give when a job leaves (Unix seconds), and the reason; `None` as long as nothing makes it leave."""
        if job.finished_at is not None:
            return job.finished_at + self.retention_seconds, Drop.RETENTION
        # One that Zoho does not know stays for a while after its last report, or after it was first seen; where the
        # configuration lists it, until it is mended there: a mistyped id must not fall silent.
        is_unlisted = not job.spec.source.is_declared
        is_unknown = is_unlisted and job.failure is not None and job.failure.code == UNKNOWN_JOB
        last_known_at = job.first_seen_at if job.reported_at is None else job.reported_at
        return (last_known_at + self.unknown_retention_seconds, Drop.UNKNOWN_RETENTION) if is_unknown else None


class JobTable:
    """Says which jobs are tracked. Thread-safe; a job is replaced, never changed, so readers need no lock.

    The jobs themselves are their accounts' own, in the store; the one lock here guards what is decided over all of
    them: who comes in, and who makes room. No page waits for it: a store that others share may be asked meanwhile.
    `retention` may be replaced at any time.
    """

    def __init__(self, store: Store, retention: Retention) -> None:
        self._store = store
        self._lock = Lock()
        self.retention = retention
        self._accounts: Collection[str] = ()
        self._moved: deque[JobKey] = deque()
        """Jobs that came or left with their account, whatever has become of them in the store."""
        self._listed: set[JobKey] = set()
        self._looked_through: set[str] = set()
        """Accounts of which all that is kept as listed, and was not, has left: later on another one has listed it."""
        self._has_declared = False
        self._probed_at: dict[JobKey, float] = {}
        self._dropped: Counter[str] = Counter(dict.fromkeys(Drop, 0))
        self._departures: dict[JobKey, Departure] = {}
        """The latest last; at most as many as jobs may be tracked. Replaced, never changed: pages read it."""
        self._is_refusing = False

    def declare(
        self, specs: Iterable[JobSpec], now: float, *, accounts: Collection[str], is_complete: bool = True
    ) -> None:
        """Track the jobs that the configuration lists, and let go of those that it listed and no longer does.

        Where a job stands twice in `specs`, the first counts. A job of none of the `accounts` leaves, however it came
        and whoever lists it; where others share the store it leaves this table alone, for they may serve the account.
        Unless `specs` is all there is, jobs of files that can't be read now are kept.
        """
        listed: dict[JobKey, JobSpec] = {}
        for spec in specs:
            if spec.key.account in accounts:
                listed.setdefault(spec.key, spec)

        with self._lock:
            before, self._accounts = self._accounts, frozenset(accounts)
            if self._store.is_shared and self._has_declared:  # what a reload brings, others may serve and list already
                self._looked_through |= set(accounts).difference(before)
            self._has_declared = True
            retired: set[JobKey] = set()
            for alias in {*self._store.accounts(), *accounts}:
                state = self._store.account(alias)
                self._place(state, now, was_here=alias in before, is_here=alias in accounts)
                if self._store.is_shared and alias not in accounts:
                    continue
                retired.update(state.retired())
                self._let_go(alias, state, listed.keys(), is_complete=is_complete)
            may_leave = {key for key in self._listed if not is_complete or key.account not in accounts}
            self._listed = may_leave | listed.keys()
            are_known = is_complete and not self._store.health().is_failing
            self._looked_through = {alias for alias in accounts if are_known or alias in self._looked_through}
            self._track_listed((spec for key, spec in listed.items() if key not in retired), now)

    def _place(self, state: AccountState, now: float, *, was_here: bool, is_here: bool) -> None:
        """Note whether an account is configured. Where not, its jobs leave; a store that others share keeps them."""
        state.stand(partial(_dropped, at=None if is_here else now, is_news=was_here))
        if was_here is not is_here:
            self._moved.extend(state.jobs())
        if not is_here and not self._store.is_shared:
            self._forget(state, state.jobs(), Drop.ACCOUNT)
        elif was_here and not is_here:
            self._note_gone(state, state.jobs(), Drop.ACCOUNT)

    def _let_go(self, alias: str, state: AccountState, listed: Collection[JobKey], *, is_complete: bool) -> None:
        """Let go of what is listed no more, and of the memory of such jobs that are retired."""
        is_first = alias not in self._looked_through

        def is_unlisted(key: JobKey) -> bool:
            return key not in listed and (is_first or key in self._listed)

        declared = {key: job.spec.source for key, job in state.jobs().items() if job.spec.source.is_declared}
        unlisted = filter(is_unlisted, declared)
        leaving = [key for key in unlisted if is_complete or declared[key] is not JobSource.FILE]
        self._forget(state, leaving, Drop.UNDECLARED)
        if is_complete:
            state.forget(filter(is_unlisted, state.retired()))

    def register(self, specs: Iterable[JobSpec], now: float) -> tuple[bool, ...]:
        """Take in jobs on request, all or none, and say of each whether it is new.

        A job already here takes the new name, group and labels, where they are given. Of several those who share the
        store are told at the next refresh, in few trips.

        Raises:
            DeclaredJobError: the configuration describes one of them otherwise.
            TooManyJobsError: there is no room for all of them.
        """
        wanted = tuple(specs)
        with self._lock:
            for spec in wanted:
                self._check_said(spec)  # or nothing is done
            keys = {spec.key for spec in wanted}
            new = {key for key in keys if self.get(key) is None}
            self._check_room(Drop.MAX_JOBS, self.retention.max_jobs, self.count(), len(new), keys)
            answer = tuple(spec.key in new for spec in wanted)
            for spec in wanted:
                self._store.account(spec.key.account).track(spec, now, says=_said(spec), later=len(wanted) > 1)
            return answer

    def admit_probe(self, key: JobKey, now: float) -> None:
        """Track a job because it is probed, unless it is tracked already.

        Raises:
            TooManyJobsError: there is no room for it.
        """
        with self._lock:
            if self.get(key) is None:
                self._check_room(Drop.MAX_JOBS, self.retention.max_jobs, self.count(), 1)
                probed = sum(job.spec.source is JobSource.PROBE for job in self._all())
                self._check_room(Drop.MAX_PROBED_JOBS, self.retention.max_probed_jobs, probed, 1)
                self._store.account(key.account).track(JobSpec(key, JobSource.PROBE), now, later=True)
            self._note_probe(key, now)

    def forget(self, key: JobKey) -> bool:
        """Let go of a job on request, and say whether it was there.

        Raises:
            DeclaredJobError: the configuration lists it.
        """
        with self._lock:
            job = self.get(key)
            if job and job.spec.source.is_declared:
                raise DeclaredJobError(f"{key} stands in the configuration: remove it there")
            if job:
                self._forget(self._store.account(key.account), [key], Drop.UNTRACKED)
            return job is not None

    def acknowledge(self, key: JobKey, now: float | None) -> bool:
        """Keep that somebody has taken note of how a job ended, or with `None` that nobody has; give if it is tracked.

        Raises:
            LiveJobError: it has not ended.
            DeclaredJobError: the configuration says that it is acknowledged, so this can't be taken back here.
        """
        with self._lock:
            job = self.get(key)
            if job and not job.is_terminal:
                raise LiveJobError(f"{key} has not ended: acknowledge it when it has")
            if job and job.spec.is_acknowledged and now is None:
                raise DeclaredJobError(f"the configuration says that {key} is acknowledged: change it there")
            if job:
                self._store.account(key.account).change(key, partial(_noted, of=job, now=now), says={"acknowledged_at"})
                if _noted(job, of=job, now=now) != job:
                    _log.info("acknowledged" if now else "no longer acknowledged", extra=key.as_fields())
            return job is not None

    def retire(self, now: float, keys: Iterable[JobKey]) -> None:
        """Let go of those of some jobs whose time is over; at the next call where another one changes the table now."""
        over = [key for key in keys if (job := self.get(key)) and self._reason_to_leave(job, now)]
        if not over or not self._lock.acquire(blocking=False):
            return
        try:
            leaving = defaultdict[tuple[str, Drop, bool], list[JobKey]](list)
            for key in over:
                job = self.get(key)
                reason = job and self._reason_to_leave(job, now)
                if job and reason:
                    is_remembered = reason is Drop.RETENTION and job.spec.source.is_declared
                    leaving[key.account, reason, is_remembered].append(key)
            for (alias, reason, is_remembered), its in leaving.items():
                self._forget(self._store.account(alias), its, reason, retired=is_remembered, later=True)
        finally:
            self._lock.release()

    def leaves_at(self, job: TrackedJob, now: float) -> float | None:
        """Give when a job's time is over, as things stand (Unix seconds); `None` for never."""
        end = self._end_of(job, now)
        return end and end[0]

    def changed(self) -> set[JobKey]:
        """Give the jobs that came, changed or left since the last call. For one who keeps up with the table."""
        moved = {self._moved.popleft() for _ in range(len(self._moved))}
        return moved.union(*(self._store.account(alias).changed() for alias in self._store.accounts()))

    def jobs(self, keys: Collection[JobKey] | None = None) -> tuple[TrackedJob, ...]:
        """Give all jobs, or those of `keys` alone, sorted by key."""
        jobs = self._all() if keys is None else (job for key in keys if (job := self.get(key)))
        return tuple(sorted(jobs, key=lambda job: job.spec.key))

    def get(self, key: JobKey) -> TrackedJob | None:
        """Give one job as it is now; `None` when it is not tracked."""
        return self._store.account(key.account).get(key) if key.account in self._accounts else None

    def retry_refused(self) -> None:
        """Make jobs due that Zoho refused: a person may have mended what was wrong."""

        def is_refused(job: TrackedJob) -> bool:
            return job.failure is not None and not job.failure.is_passing

        def due(job: TrackedJob) -> TrackedJob:
            return replace(job, next_poll_at=job.polled_at) if is_refused(job) else job

        for job in filter(is_refused, self._all()):
            self._store.account(job.spec.key.account).change(job.spec.key, due)

    def make_due(self, key: JobKey, now: float) -> None:
        """Make one job due, because a person asks for it; but not before Zoho lets it be asked for again."""

        def due(job: TrackedJob) -> TrackedJob:
            is_held = job.failure is not None and now < (job.failure.retry_at or 0.0)
            return job if is_held or job.is_terminal else replace(job, next_poll_at=job.polled_at)

        self._store.account(key.account).change(key, due)

    def dropped(self) -> dict[str, int]:
        """Give the number of jobs let go or not taken in, by reason."""
        return dict(self._dropped)

    def departures(self, now: float) -> tuple[Departure, ...]:
        """Give the jobs that were lately let go of, the latest last."""
        lately = (gone for gone in self._departures.values() if now - gone.at < SHOWN_SECONDS)
        return tuple(gone for gone in lately if self.get(gone.key) is None)

    def accounts_dropped(self, now: float) -> dict[str, float]:
        """Give when each account was taken out of the configuration that lately was, and that is not in this one."""
        others = (alias for alias in self._store.accounts() if alias not in self._accounts)
        kept = {alias: self._store.account(alias).standing.dropped_at for alias in others}
        return {alias: at for alias, at in kept.items() if at is not None and now - at < ACCOUNT_SHOWN_SECONDS}

    def _all(self) -> Iterator[TrackedJob]:
        for alias in self._accounts:
            yield from self._store.account(alias).jobs().values()

    def count(self) -> int:
        """Give the number of jobs."""
        return sum(self._store.account(alias).job_count() for alias in self._accounts)

    def _track_listed(self, specs: Iterable[JobSpec], now: float) -> None:
        """Track jobs, and of those that are new as many as there is room for."""
        most = self.retention.max_jobs
        room, is_full = most - self.count(), False
        for spec in specs:
            if self.get(spec.key) is None:
                is_full = is_full or not self._make_room(Drop.MAX_JOBS, 1 - room, ())
                if is_full:
                    self._dropped[Drop.MAX_JOBS] += 1
                    details = {"reason": Drop.MAX_JOBS.value, "max_jobs": most}
                    _log.warning("job is not tracked: there are too many", extra={**spec.key.as_fields(), **details})
                    continue
                room = max(room, 1) - 1
            self._store.account(spec.key.account).track(spec, now, later=True)

    def _forget(
        self, state: AccountState, keys: Collection[JobKey], drop: Drop, *, retired: bool = False, later: bool = False
    ) -> None:
        """Let go of jobs of one account."""
        self._note_gone(state, keys, drop)
        state.forget(keys, retired=retired, later=later)

    def _note_gone(self, state: AccountState, keys: Collection[JobKey], drop: Drop) -> None:
        """Tell of jobs of one account that they are tracked no more."""
        real = [key for key in keys if (job := state.get(key)) and not is_made_up(job)]
        gone = {key: Departure(key, drop.value, self._store.now()) for key in real}
        others = {key: departure for key, departure in self._departures.items() if key not in gone}
        self._departures = dict([*others.items(), *gone.items()][-self.retention.max_jobs :])
        for key in keys:
            self._probed_at.pop(key, None)
            self._dropped[drop] += 1
            self._is_refusing = False
            _log.info("job is no longer tracked", extra={**key.as_fields(), "reason": drop.value})

    def _reason_to_leave(self, job: TrackedJob, now: float) -> Drop | None:
        end = self._end_of(job, now)
        return end[1] if end and now > end[0] else None

    def _end_of(self, job: TrackedJob, now: float) -> tuple[float, Drop] | None:
        end = self.retention.end_of(job)
        if job.spec.source is not JobSource.PROBE:
            return end
        if job.probed_at is None:
            self._probed_at.setdefault(job.spec.key, now)
        no_longer = self._last_probe_of(job) + self.retention.probe_retention_seconds, Drop.PROBE_RETENTION
        return min(no_longer, end) if end else no_longer

    def _note_probe(self, key: JobKey, now: float) -> None:
        """Remember a probe, and now and then tell it to those who share the store, and to a later start."""
        self._probed_at[key] = now
        job, rarely = self.get(key), self.retention.probe_retention_seconds / PROBES_TOLD
        if job and job.spec.source is JobSource.PROBE and now - (job.probed_at or job.first_seen_at) >= rarely:
            self._store.account(key.account).change(key, lambda job: replace(job, probed_at=now), later=True)

    def _last_probe_of(self, job: TrackedJob) -> float:
        return max(self._probed_at.get(job.spec.key, 0.0), job.probed_at or 0.0)

    def _check_said(self, spec: JobSpec) -> None:
        """Let through what is newly said of a job on request; what the configuration says can't be changed."""
        job = self.get(spec.key)
        if job and job.spec.source.is_declared and replace(spec.over(job.spec), source=job.spec.source) != job.spec:
            raise DeclaredJobError(f"the configuration describes {spec.key} otherwise: change it there")

    def _check_room(self, limit: Drop, most: int, there: int, count: int, spared: Collection[JobKey] = ()) -> None:
        """Have room for `count` jobs beside those that are there; the log tells when that ends, not of each refusal.

        Raises:
            TooManyJobsError: there would be more than `most`.
        """
        if count == 0 or self._make_room(limit, there + count - most, spared):
            return
        self._dropped[limit] += count
        probed = " only because they are probed" if limit is Drop.MAX_PROBED_JOBS else ""
        message = f"{there} jobs are tracked{probed}, and {count} more would be above {limit}, which is {most}"
        if not self._is_refusing:
            self._is_refusing = True
            _log.warning("jobs are not taken in: %s", message, extra={"reason": limit.value})
        raise TooManyJobsError(message)

    def _make_room(self, limit: Drop, excess: int, spared: Collection[JobKey]) -> bool:
        """Let so many of the jobs go that somebody made up, and say whether there are as many."""
        if excess <= 0:
            return True
        unknown = [job for job in self._all() if is_made_up(job) and job.spec.key not in spared]
        if len(unknown) < excess:
            return False
        unknown.sort(key=self._last_probe_of)
        leaving = defaultdict[str, list[JobKey]](list)
        for job in unknown[:excess]:
            leaving[job.spec.key.account].append(job.spec.key)
        for alias, keys in leaving.items():
            self._forget(self._store.account(alias), keys, limit)
        return True


def _said(spec: JobSpec) -> set[str]:
    """Name what is said of a job on request: that it is tracked, and what else is not left out."""
    return {"spec.source", *(f"spec.{name}" for name in ("name", "group", "labels") if getattr(spec, name))}


def _noted(job: TrackedJob, *, of: TrackedJob, now: float | None) -> TrackedJob:
    """Keep when somebody took note of an end, or that nobody has; of another end than that nothing was said."""
    is_so = (job.acknowledged_at is None) is (now is None)
    return job if is_so or job.finished_at != of.finished_at else replace(job, acknowledged_at=now)


def _dropped(standing: Standing, at: float | None, *, is_news: bool) -> Standing:
    """Note when an account was taken out; unless that is news, the first moment stays."""
    return replace(standing, dropped_at=at if at is None or is_news else standing.dropped_at or at)


def is_made_up(job: TrackedJob) -> bool:
    """Whether only a probe says that there is such a job, and Zoho that there is none, or nothing but refusals."""
    if job.spec.source is not JobSource.PROBE or job.failure is None:
        return False
    return job.failure.code == UNKNOWN_JOB or (job.report is None and not job.failure.is_passing)
