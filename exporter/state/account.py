"""One account in memory, which is the truth; every change is handed to a writer that mirrors it."""

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from threading import Lock, Semaphore

from exporter.errors import HeldBackError, NoPlaceError
from exporter.model import Growth, JobKey, JobSource, JobSpec, ModuleTotals, Standing, TrackedJob
from exporter.state.documents import Changes, Kind, Row, Value
from exporter.state.ledger import Ledger
from exporter.state.port import BUDGET, CIRCUIT, Claim, Note, Purse
from exporter.state.writer import Writer

WRITE_PATIENCE_SECONDS = 0.25
"""How long a call waits until its credit is written; then it goes out all the same."""


class MemoryAccount:
    """Holds an account, as `AccountState` says. One lock, which is never held over I/O.

    Args:
        alias: the account.
        kept: the documents there are of it.
        writer: mirrors every change.
        now: gives Unix seconds.
    """

    is_known = True
    is_shared = False

    def __init__(self, alias: str, kept: Mapping[Row, Value], writer: Writer, now: Callable[[], float]) -> None:
        self._alias = alias
        self._writer = writer
        self._now = now
        self._lock = Lock()
        self._jobs = {value.spec.key: value for value in kept.values() if isinstance(value, TrackedJob)}
        self._retired = {JobKey(alias, *row.key.partition("/")[::2]) for row in kept if row.kind is Kind.RETIRED}
        self._totals = {row.key: value for row, value in kept.items() if isinstance(value, ModuleTotals)}
        self.standing = next((value for value in kept.values() if isinstance(value, Standing)), Standing())
        self._spent, self._spent_on_probes = (
            Ledger({int(row.key): value for row, value in kept.items() if row.kind is kind and isinstance(value, int)})
            for kind in (Kind.CREDITS, Kind.PROBE_CREDITS)
        )
        self._claims: dict[JobKey, Claim] = {}
        self._turns = Semaphore()
        self._turn = 0
        self._tokens = count(1)
        self._booked_under: dict[int, int] = {}
        self._last_booking = 0
        self._news: Changes = {}
        self._changed: set[JobKey] = set()
        self._unwritten: deque[tuple[int, float]] = deque()
        """Credits that a crash would forget: until which write, and since when (monotonic seconds)."""

    def stand(
        self,
        change: Callable[[Standing], Standing],
        turn: int | None = None,
        *,
        can_wait: bool = False,  # noqa: ARG002 - nobody else waits for it
    ) -> Standing:
        """Replace the standing by what `change` makes of it; no other change comes between."""
        with self._lock:
            return self._stand(change(self.standing)) if turn in {None, self._turn} else self.standing

    @contextmanager
    def turn(self, patience_seconds: float, lease_seconds: float) -> Iterator[int | None]:  # noqa: ARG002 - nobody shares it
        """Wait for the right to ask for an access token, alone; it ends with the process at the latest."""
        is_ours = self._turns.acquire(timeout=max(0.0, patience_seconds))
        try:
            self._turn += is_ours
            yield self._turn if is_ours else None
        finally:
            if is_ours:
                self._turn += 1
                self._turns.release()

    def book_mint(self, most: int, window_seconds: float) -> float | None:
        """Count one access token asked for, or say when the next may be."""
        with self._lock:
            now = self._now()
            # Those of the future are of before a clock was set back: they count as made now.
            recent = sorted(min(at, now) for at in self.standing.mints if now - min(at, now) < window_seconds)
            is_full = len(recent) >= most
            self._stand(replace(self.standing, mints=tuple(recent if is_full else [*recent, now])))
            return recent[0] + window_seconds if is_full else None

    def jobs(self) -> Mapping[JobKey, TrackedJob]:
        """Give all jobs."""
        with self._lock:
            return dict(self._jobs)

    def changed(self) -> Collection[JobKey]:
        """Give the jobs that came, changed or left since the last call."""
        with self._lock:
            changed, self._changed = self._changed, set()
            return changed

    def job_count(self) -> int:
        """Give the number of jobs."""
        return len(self._jobs)

    def get(self, key: JobKey) -> TrackedJob | None:
        """Give one job; `None` when it is not tracked."""
        return self._jobs.get(key)

    def retired(self) -> Collection[JobKey]:
        """Give the jobs whose retention is over, and that a configuration still lists."""
        with self._lock:
            return frozenset(self._retired)

    def totals(self) -> Mapping[str, ModuleTotals]:
        """Give the counters that outlive jobs, by module."""
        with self._lock:
            return dict(self._totals)

    def track(
        self,
        spec: JobSpec,
        now: float,
        *,
        says: Collection[str] = (),  # noqa: ARG002 - whatever is said here is the last word
        later: bool = False,  # noqa: ARG002 - nothing is waited for
    ) -> None:
        """Track a job from now on, or take what is newly said of one that is tracked; it is retired no more."""
        with self._lock:
            job = self._jobs.get(spec.key)
            if spec.source is not JobSource.PROBE:  # the module of a probe may be made up: it counts once Zoho knows it
                self._count(spec.key.module, Growth())
            if spec.key in self._retired:
                self._retired.discard(spec.key)
                self._note(Kind.RETIRED, spec.key, None)
            said = spec.after(job.spec) if job else spec
            if job is None or job.spec != said:
                self._keep(replace(job, spec=said) if job else TrackedJob(said, first_seen_at=now))
            self._put()

    def change(
        self,
        key: JobKey,
        change: Callable[[TrackedJob], TrackedJob],
        *,
        says: Collection[str] = (),  # noqa: ARG002 - as above
        later: bool = False,  # noqa: ARG002 - as above
    ) -> None:
        """Change what is known of a job that is tracked, beside its polls."""
        with self._lock:
            if (job := self._jobs.get(key)) and (changed := change(job)) != job:
                self._keep(changed)
                self._put()

    def forget(
        self,
        keys: Iterable[JobKey],
        *,
        retired: bool = False,
        later: bool = False,  # noqa: ARG002 - as above
    ) -> None:
        """Let go of jobs, and of the memory of retired ones; `retired` ones are remembered as such."""
        with self._lock:
            for key in keys:
                if self._jobs.pop(key, None):
                    self._note(Kind.JOB, key, None)
                if retired or key in self._retired:
                    self._note(Kind.RETIRED, key, 1 if retired else None)
                (self._retired.add if retired else self._retired.discard)(key)
                self._claims.pop(key, None)
            self._put()

    def expect_calls(self, count: int, purse: Purse) -> None:
        """Book credits for calls that are about to be claimed, as many as there are, so that they share one write."""
        with self._lock:
            now = self._now()
            expected = count if purse.limit is None else min(count, purse.limit - self._spent.used(now))
            if expected > self._spent.expected:
                self._spent.expect(now, expected)
                self._last_booking = self._put()

    def expect_claims(
        self, wanted: Iterable[tuple[JobKey, bool]], first: int, purse: Purse, lease_seconds: float
    ) -> None:
        """Do nothing: a claim takes no time."""

    def claim(self, key: JobKey, purse: Purse, lease_seconds: float, *, is_probe: bool = False) -> Claim:
        """Take the right to poll a job, and book the credit of its call."""
        with self._lock:
            now = self._now()
            # One that lasts longer than any is of before a clock was set back.
            live = {one for one, claim in self._claims.items() if 0 < claim.expires_at - now <= lease_seconds}
            if key in live:
                raise HeldBackError(CIRCUIT, f"{key} is polled already")
            if purse.at_once is not None and len(live) >= purse.at_once:
                raise NoPlaceError(CIRCUIT, f"{purse.at_once} calls of the account are under way, which is all it may")
            claim = Claim(key, next(self._tokens), now + lease_seconds, is_probe)
            self._book(claim, purse, now)
            self._claims[key] = claim
            return claim

    def book(self, claim: Claim, purse: Purse) -> None:
        """Book a further credit under a claim, for a call that has to be made again."""
        with self._lock:
            self._book(claim, purse, self._now())

    def wait_written(self) -> None:
        """Wait a little until the credits booked so far would outlive a crash."""
        with self._lock:
            number, unwritten = self._last_booking, self._still_unwritten()
            if not unwritten:
                return
            until = unwritten[0][1] + WRITE_PATIENCE_SECONDS
        self._writer.wait(number, until - time.monotonic())

    def give_back(self, claim: Claim) -> None:
        """Return the credit of a call that never reached Zoho."""
        with self._lock:
            minute = self._booked_under.pop(claim.token, None)
            if minute is not None:
                self._spent.take_back(minute)
                if claim.is_probe:
                    self._spent_on_probes.take_back(minute)
                self._put()

    def land(self, claim: Claim, note: Note) -> tuple[TrackedJob, TrackedJob] | None:
        """Take what a poll gave, end its claim, and give the job before and after."""
        with self._lock:
            before = self._jobs.get(claim.key)
            if not self._end(claim) or before is None:
                return None
            after, growth = note(before)
            self._keep(after)
            if after.report or growth.records:
                self._count(claim.key.module, growth)
            self._put(can_wait=not after.is_terminal)
            return before, after

    def release(self, claim: Claim) -> None:
        """End a claim whose poll gave nothing."""
        with self._lock:
            self._end(claim)

    def rest(self) -> None:
        """Return what was booked by `expect_calls` and not claimed."""
        with self._lock:
            if self._spent.expected:
                self._spent.expect(self._now(), 0)
            self._put()
        self._writer.hurry()

    def used(self, *, by_probes: bool = False) -> int:
        """Give the credits spent in the last 24 hours, or those of them that went on probed jobs."""
        with self._lock:
            used = (self._spent_on_probes if by_probes else self._spent).used(self._now())
            self._put()  # a clock that was set back moves credits: a restart is to know them where they are
            return used

    def unwritten(self) -> int:
        """Give how many credits a crash would now forget."""
        with self._lock:
            return len(self._still_unwritten())

    def _stand(self, standing: Standing) -> Standing:
        before = self.standing
        if standing != before:
            self.standing = standing
            self._note(Kind.STANDING, "", standing)
            self._put(can_wait=standing.answered_at != before.answered_at)
        return standing

    def _book(self, claim: Claim, purse: Purse, now: float) -> None:
        if purse.limit is not None and self._spent.used(now) >= purse.limit:
            raise HeldBackError(BUDGET, f"all {purse.limit} credits of the last 24 hours' budget are spent")
        if claim.is_probe and purse.for_probes is not None and self._spent_on_probes.used(now) >= purse.for_probes:
            raise HeldBackError(BUDGET, f"all {purse.for_probes} credits for jobs that only probes brought are spent")
        self._booked_under[claim.token] = self._spent.add(now)
        if claim.is_probe:
            self._spent_on_probes.add(now)
        self._last_booking = self._put()
        self._unwritten.append((self._last_booking, time.monotonic()))

    def _end(self, claim: Claim) -> bool:
        self._booked_under.pop(claim.token, None)
        is_good = self._claims.get(claim.key) == claim
        if is_good:
            del self._claims[claim.key]
        return is_good

    def _still_unwritten(self) -> deque[tuple[int, float]]:
        written = self._writer.written
        while self._unwritten and self._unwritten[0][0] <= written:
            self._unwritten.popleft()
        return self._unwritten

    def _keep(self, job: TrackedJob) -> None:
        self._jobs[job.spec.key] = job
        self._note(Kind.JOB, job.spec.key, job)

    def _count(self, module: str, growth: Growth) -> None:
        known = self._totals.get(module)
        self._totals[module] = totals = (known or ModuleTotals.empty()).grown(growth)
        if totals != known:
            self._note(Kind.TOTALS, module, totals)

    def _note(self, kind: Kind, key: JobKey | str | int, value: Value | None) -> None:
        name = f"{key.module}/{key.job_id}" if isinstance(key, JobKey) else str(key)
        self._news[Row(self._alias, kind, name)] = value
        if kind is Kind.JOB and isinstance(key, JobKey):
            self._changed.add(key)

    def _put(self, *, can_wait: bool = False) -> int:
        """Hand all news to the writer, and give the number of its write; what each poll brings can wait for more."""
        for kind, ledger in ((Kind.CREDITS, self._spent), (Kind.PROBE_CREDITS, self._spent_on_probes)):
            for minute, credits_ in ledger.changes().items():
                self._note(kind, minute, credits_ or None)
        news, self._news = self._news, {}
        if not news:
            return self._last_booking
        number = self._writer.put(news)
        if not can_wait:
            self._writer.hurry()
        return number
