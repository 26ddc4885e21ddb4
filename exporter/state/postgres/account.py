"""One account in the database, as `AccountState` says: read from the copy, decided over there."""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from threading import Event, Semaphore
from typing import Protocol

from exporter.errors import HeldBackError, NoPlaceError
from exporter.model import Growth, JobKey, JobSource, JobSpec, Standing, TrackedJob
from exporter.state.documents import encode
from exporter.state.port import BUDGET, CIRCUIT, Claim, Note, Purse
from exporter.state.postgres.copy import Copy, held
from exporter.state.postgres.counters import counters_of
from exporter.state.postgres.database import Argument, Database, UnavailableError

_TOKEN_BITS = 62
_MOST_ATTEMPTS = 100
"""How often a change is made anew because another one came between: each time another one got through."""
_LANDING_PAUSES_SECONDS = (0.0, 0.2, 0.5, 1.0, 2.0)
"""How long an answer waits for a database that does not take it; its claim lasts little longer."""
_TURN_PAUSE_SECONDS = 0.1


class Postpone(Protocol):
    """Has something done after the next refresh for which the database answers."""

    def __call__(self, late: Callable[[], object], *, is_planned: bool = False) -> None:
        """Take it; the store is behind with it unless that was planned."""


class PostgresAccount:
    """Keeps one account. Thread-safe, and no lock is held while the database is asked.

    Args:
        alias: the account.
        database: where it is kept.
        postpone: takes what could not be written.
    """

    def __init__(self, alias: str, database: Database, postpone: Postpone) -> None:
        self._alias = alias
        self._database = database
        self._postpone = postpone
        self._turns = Semaphore()
        self.copy = Copy(alias)
        self.jobs, self.changed, self.job_count, self.get = (
            self.copy.jobs,
            self.copy.changed,
            self.copy.job_count,
            self.copy.get,
        )
        self.retired, self.totals = self.copy.retired, self.copy.totals

    @property
    def standing(self) -> Standing:
        """How the account stands with Zoho."""
        return self.copy.standing

    def stand(self, change: Callable[[Standing], Standing], turn: int | None = None) -> Standing:
        """Replace the standing by what `change` makes of it; no other change comes between."""
        try:
            return self._stood(change, turn)
        except UnavailableError:
            wanted = change(self.standing)
            self.copy.assume_standing(wanted)
            self._postpone(partial(self._stand_late, change, turn))
            return wanted

    @contextmanager
    def turn(self, patience_seconds: float, lease_seconds: float) -> Iterator[int | None]:
        """Wait for the right to ask for an access token, alone among all who share the store."""
        until = time.monotonic() + patience_seconds
        is_first = self._turns.acquire(timeout=max(0.0, patience_seconds))
        number = self._taken_turn(until, float(lease_seconds)) if is_first else None
        try:
            yield number
        finally:
            if number is not None:
                with suppress(UnavailableError):
                    self._ask("end_turn", number)
            if is_first:
                self._turns.release()

    def book_mint(self, most: int, window_seconds: float) -> float | None:
        """Count one access token asked for, or say when the next may be: soon, where none can be counted."""
        try:
            answer = self._ask("book_mint", most, float(window_seconds), is_timed=True)
        except UnavailableError:
            return self._database.now() + 1.0
        return float(answer) if answer else None

    def track(self, spec: JobSpec, now: float, *, later: bool = False) -> None:
        """Track a job from now on, or take what is newly said of one that is tracked; it is retired no more."""

        def tracked(job: TrackedJob | None) -> TrackedJob:
            return replace(job, spec=_said(spec, job.spec)) if job else TrackedJob(spec, first_seen_at=now)

        # The module of a probe may be made up: it counts once Zoho knows it.
        self._write(spec.key, tracked, is_counted=spec.source is not JobSource.PROBE, later=later)

    def change(self, key: JobKey, change: Callable[[TrackedJob], TrackedJob], *, later: bool = False) -> None:
        """Change what is known of a job that is tracked, beside its polls."""
        self._write(key, lambda job: change(job) if job else None, later=later)

    def forget(self, keys: Iterable[JobKey], *, retired: bool = False, later: bool = False) -> None:
        """Let go of jobs, and of the memory of retired ones; `retired` ones are remembered as such."""
        gone = sorted(keys)

        def tell() -> None:
            self._ask("forget", [key.module for key in gone], [key.job_id for key in gone], retired, is_timed=True)

        if not gone:
            return
        if not later:
            with suppress(UnavailableError):
                tell()
                return
        for key in gone:
            self.copy.assume(key, None, retired=retired)
        self._postpone(tell, is_planned=later)

    def expect_calls(self, count: int, purse: Purse) -> None:
        """Do nothing: a credit is booked with its claim."""

    def claim(self, key: JobKey, purse: Purse, lease_seconds: float, *, is_probe: bool = False) -> Claim:
        """Take the right to poll a job, and book the credit of its call: both or neither."""
        token = secrets.randbits(_TOKEN_BITS)
        wanted = (self.copy.revision_of(key), self.copy.revision, token, float(lease_seconds), is_probe)
        limits = (purse.limit, purse.for_probes, purse.at_once)
        try:
            answer = self._ask_of(key, "claim", *wanted, *limits, is_timed=True)
        except UnavailableError as error:
            raise HeldBackError(BUDGET, f"no credit can be booked: {error}") from error
        match answer:
            case "news":
                raise HeldBackError(CIRCUIT, f"another exporter has just polled {key}")
            case "claimed":
                raise HeldBackError(CIRCUIT, f"{key} is polled already")
            case "busy":
                raise NoPlaceError(CIRCUIT, f"{purse.at_once} calls of the account are under way, which is all it may")
        _check_credit(answer, purse)
        return Claim(key, token, float(answer), is_probe)

    def book(self, claim: Claim, purse: Purse) -> None:
        """Book a further credit under a claim, for a call that has to be made again."""
        try:
            answer = self._ask_of(claim.key, "book", claim.token, purse.limit, purse.for_probes, is_timed=True)
        except UnavailableError as error:
            raise HeldBackError(BUDGET, f"no credit can be booked: {error}") from error
        if answer == "lost":
            raise HeldBackError(CIRCUIT, f"the claim on {claim.key} has expired, and another exporter polls it")
        _check_credit(answer, purse)

    def wait_written(self) -> None:
        """Do nothing: what could not be written was not booked."""

    def give_back(self, claim: Claim) -> None:
        """Return the credit of a call that never reached Zoho; where that can't be told, it stays spent."""
        with suppress(UnavailableError):
            self._ask_of(claim.key, "give_back", claim.token)

    def land(self, claim: Claim, note: Note) -> tuple[TrackedJob, TrackedJob] | None:
        """Take what a poll gave, end its claim, and give the job before and after."""
        for pause in _LANDING_PAUSES_SECONDS:
            Event().wait(pause)
            with suppress(UnavailableError):
                return self._landed(claim, note)
        return None

    def release(self, claim: Claim) -> None:
        """End a claim whose poll gave nothing; where that can't be told, it expires."""
        with suppress(UnavailableError):
            self._ask_of(claim.key, "release", claim.token)

    def rest(self) -> None:
        """Do nothing: nothing was booked that was not claimed."""

    def used(self, *, by_probes: bool = False) -> int:
        """Give the credits spent in the last 24 hours, or those of them that went on probed jobs."""
        return self.copy.used(self._database.now(), by_probes=by_probes)

    def unwritten(self) -> int:
        """Give how many credits a crash would now forget: none is ever sent unbooked."""
        return 0

    def _stood(self, change: Callable[[Standing], Standing], turn: int | None) -> Standing:
        for _ in range(_MOST_ATTEMPTS):
            known, revision = self.copy.stood()
            wanted = change(known)
            if wanted == known:
                self.copy.assume_standing(known)  # what was assumed meanwhile is so no longer
                return known
            document = encode(replace(wanted, mints=()))
            answer = self._ask("stand", revision, document, list(wanted.mints), turn)
            self._explain(answer, is_news=self.copy.stood()[1] != revision)
            if answer != "changed":
                return self.standing if answer else wanted
        return self.standing

    def _stand_late(self, change: Callable[[Standing], Standing], turn: int | None) -> None:
        with suppress(HeldBackError):  # it no longer holds
            self._stood(change, turn)

    def _landed(self, claim: Claim, note: Note) -> tuple[TrackedJob, TrackedJob] | None:
        for _ in range(_MOST_ATTEMPTS):
            before, revision = self.copy.seen(claim.key)
            if before is None:
                self.release(claim)
                return None
            after, growth = note(before)
            is_counted = after.report is not None or bool(growth.records)
            answer = self._put(after, revision, growth if is_counted else None, claim.token)
            if answer != "changed":
                return None if answer else (before, after)
        return None

    def _write(
        self,
        key: JobKey,
        change: Callable[[TrackedJob | None], TrackedJob | None],
        *,
        is_counted: bool = False,
        later: bool,
    ) -> None:
        """Write what `change` makes of a job, now or as soon as can be; `None` for one that it leaves alone."""

        def tell() -> None:
            for _ in range(_MOST_ATTEMPTS):
                job, revision = self.copy.seen(key)
                wanted = change(job)
                is_known = wanted == job and not self.copy.is_assumed(key) and key not in self.retired()
                if wanted is None or (is_known and (not is_counted or self.copy.counts(key.module))):
                    return
                if not self._put(wanted, revision, Growth() if is_counted else None):
                    return

        if not later:
            with suppress(UnavailableError):
                tell()
                return
        if wanted := change(self.get(key)):
            self.copy.assume(key, wanted)
            self._postpone(tell, is_planned=later)

    def _put(self, job: TrackedJob, known: int, growth: Growth | None, token: int | None = None) -> str:
        added = counters_of(growth) if growth else {}
        answer = self._ask_of(job.spec.key, "put", known, encode(job), token, list(added), list(added.values()))
        self._explain(answer, is_news=self.copy.seen(job.spec.key)[1] != known)
        return answer

    def _explain(self, answer: str, *, is_news: bool) -> None:
        """Where something has changed and nothing newer is told of it, begin anew: what is held was never there."""
        if answer == "changed" and not is_news:
            told = self._database.ask("refresh", [self._alias], [-1], [""], is_timed=True)
            self.copy.take(news for news in told if news.account == self._alias)

    def _taken_turn(self, until: float, lease_seconds: float) -> int | None:
        number = secrets.randbits(_TOKEN_BITS)
        while True:
            with suppress(UnavailableError):
                if not self._ask("take_turn", number, lease_seconds, self.copy.revision, is_timed=True):
                    return number
            if time.monotonic() + _TURN_PAUSE_SECONDS >= until:
                return None
            Event().wait(_TURN_PAUSE_SECONDS)

    def _ask_of(self, key: JobKey, function: str, *arguments: Argument, is_timed: bool = False) -> str:
        return self._ask(function, key.module, key.job_id, *arguments, is_timed=is_timed)

    def _ask(self, function: str, *arguments: Argument, is_timed: bool = False) -> str:
        """Ask, take what is told beside the answer, and give that."""
        told = self._database.ask(function, self._alias, *arguments, is_timed=is_timed)
        answer = next((news.body or "" for news in told if news.kind == "answer"), "")
        if answer in {"changed", "lost"}:
            told = self._database.ask("refresh", *held([self.copy]), is_timed=True)
        self.copy.take(news for news in told if news.account == self._alias)
        return answer


def _said(spec: JobSpec, known: JobSpec) -> JobSpec:
    """Give what counts of a job that another exporter may have taken in before, unknown to the one who tells of it."""
    if spec.source.is_declared:
        return spec
    return known if spec.source is JobSource.PROBE or known.source.is_declared else spec.over(known)


def _check_credit(answer: str, purse: Purse) -> None:
    match answer:
        case "limit":
            raise HeldBackError(BUDGET, f"all {purse.limit} credits of the last 24 hours' budget are spent")
        case "share":
            raise HeldBackError(BUDGET, f"all {purse.for_probes} credits for jobs that only probes brought are spent")
