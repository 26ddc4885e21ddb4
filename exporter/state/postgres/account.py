"""One account in the database, as `AccountState` says: read from the copy, decided over there."""

import logging
import math
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields, replace
from functools import partial
from itertools import chain, groupby
from threading import Event, Lock, Semaphore
from typing import Any, Protocol

from exporter.errors import HeldBackError
from exporter.model import Growth, JobKey, JobSource, JobSpec, Standing, TrackedJob
from exporter.state.documents import encode
from exporter.state.port import BUDGET, CIRCUIT, Claim, Note, Purse
from exporter.state.postgres.ahead import TOKEN_BITS, Ahead, Want, no_credit
from exporter.state.postgres.copy import Copy, Lost, held
from exporter.state.postgres.counters import counters_of
from exporter.state.postgres.database import Argument, Database, News, Question, UnavailableError
from exporter.state.postgres.standing import Change, Changes, changed

_log = logging.getLogger(__name__)
_MOST_ATTEMPTS = 100
"""How often a change is made anew because another one came between: each time another one got through."""
_LANDING_PAUSES_SECONDS = (0.0, 0.2, 0.5, 1.0, 2.0)
"""How long an answer waits for a database that does not take it; its claim lasts little longer."""
_TURN_PAUSE_SECONDS = 0.1
_SPEC = frozenset(f"spec.{field.name}" for field in fields(JobSpec))
_GONE = "gone"
"""Beside what was said of a job: since when it is there again, where it was let go of before."""
_MOST_PUTS = 100
"""How many jobs are written in one trip, which holds the account: polls wait for it."""
_FRESH_SECONDS = 1.0
"""How long a claim that was taken ahead may lie: the call that it is for is to end within its lease."""


class Postpone(Protocol):
    """Has something done after the next refresh for which the database answers."""

    def __call__(self, late: Callable[[], object], *, is_planned: bool = False) -> None:
        """Take it; the store is behind with it unless that was planned."""


@dataclass(frozen=True, slots=True)
class _Write:
    """What is to become of a job, as it was said at a time (Unix seconds), of parts that somebody had a word on."""

    key: JobKey
    change: Callable[[TrackedJob | None], TrackedJob | None]
    """`None` for one that it leaves alone."""
    at: float
    says: Collection[str]
    is_counted: bool

    def wanted(self, job: TrackedJob | None, gone_at: float, *, is_late: bool = False) -> TrackedJob | None:
        """Give what is to become of the job as it is now, late only where nothing newer was said.

        What was said before the job was let go of, if it ever was, is of no more use. What the configuration says is
        never older than what somebody asked for.
        """
        wanted = self.change(job)
        if wanted is None:
            return None
        if job is None:
            since = math.nextafter(gone_at, math.inf) if gone_at else 0.0  # though a clock was set back
            said_at = dict.fromkeys(self.says, max(self.at, since))
            return replace(wanted, said_at={**said_at, _GONE: since} if since else said_at)
        names = {*_changed(job, wanted), *self.says}
        if is_late and not (wanted.spec.source.is_declared and not job.spec.source.is_declared):
            newer = {name for name in names if self._newest(name, job) > self.at}
            wanted, names = _restored(wanted, job, newer), names - newer
        # Never before what it goes over: a clock may have been set back since.
        said_at = {name: max(self.at, self._newest(name, job)) for name in names}
        return replace(wanted, said_at={**job.said_at, **said_at}) if names else wanted

    def _newest(self, name: str, job: TrackedJob) -> float:
        """Give when somebody last had a word on a part; to what is no word itself, a job taken in since is another."""
        since = 0.0 if name in self.says else job.first_seen_at
        return max(since, *(job.said_at.get(one, 0.0) for one in (name, _GONE)))


@dataclass(frozen=True, slots=True)
class _Memory:
    """A job as it was known before the database went on without it, to be written as far as nothing newer was said."""

    job: TrackedJob
    is_counted = False
    says = ("spec",)

    @property
    def key(self) -> JobKey:
        """The job."""
        return self.job.spec.key

    @property
    def at(self) -> float:
        """When it was taken in, or somebody last said what it is."""
        return _taken_in_at(self.job)

    def wanted(self, job: TrackedJob | None, gone_at: float, *, is_late: bool = False) -> TrackedJob | None:  # noqa: ARG002 - as another write
        """Give what is to become of the job as it is now; what had come of it is asked for anew."""
        known = self.job
        if job is None or known.said_at.get(_GONE, 0.0) > _last_word_on(job):
            return TrackedJob(known.spec, known.first_seen_at, said_at=known.said_at)
        is_same_end = job.finished_at == known.finished_at
        words = _SPEC | {"acknowledged_at"} if is_same_end else _SPEC
        said = {name: at for name, at in known.said_at.items() if name in words}
        newer = {name: at for name, at in said.items() if at > max(job.said_at.get(one, 0.0) for one in (name, _GONE))}
        return replace(_restored(job, known, newer), said_at={**job.said_at, **newer}) if newer else None


class PostgresAccount:
    """Keeps one account. Thread-safe, and no lock is held while the database is asked.

    Args:
        alias: the account.
        database: where it is kept.
        postpone: takes what could not be written.
    """

    is_shared = True

    def __init__(self, alias: str, database: Database, postpone: Postpone) -> None:
        self._alias = alias
        self._database = database
        self._postpone = postpone
        self._turns = Semaphore()
        self._ahead = Ahead()
        self._changes = Changes()
        self._lock = Lock()
        self._planned: list[_Write] = []
        self.copy = Copy(alias)
        self.jobs, self.changed, self.job_count, self.get = (
            self.copy.jobs,
            self.copy.changed,
            self.copy.job_count,
            self.copy.get,
        )
        self.retired, self.totals = self.copy.retired, self.copy.totals

    def take(self, told: Iterable[News]) -> None:
        """Take what the database told, and make up for what it has lost."""
        lost = self.copy.take(told)
        if not lost:
            return
        try:
            self._make_up(lost)
        except UnavailableError:
            self._postpone(partial(self._make_up, lost))

    @property
    def is_known(self) -> bool:
        """Whether the database has answered since the start."""
        return self._database.has_answered

    @property
    def standing(self) -> Standing:
        """How the account stands with Zoho."""
        return self.copy.standing

    def stand(self, change: Change, turn: int | None = None, *, can_wait: bool = False) -> Standing:
        """Replace the standing by what `change` makes of it; no other change comes between."""
        if can_wait:
            self._changes.add(change)
            wanted = change(self.standing)
            self.copy.assume_standing(wanted)
            return wanted
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

    def track(self, spec: JobSpec, now: float, *, says: Collection[str] = (), later: bool = False) -> None:
        """Track a job from now on, or take what is newly said of one that is tracked; it is retired no more."""

        def tracked(job: TrackedJob | None) -> TrackedJob:
            return replace(job, spec=spec.after(job.spec)) if job else TrackedJob(spec, first_seen_at=now)

        # The module of a probe may be made up: it counts once Zoho knows it.
        self._write(spec.key, tracked, says=says, is_counted=spec.source is not JobSource.PROBE, later=later)

    def change(
        self,
        key: JobKey,
        change: Callable[[TrackedJob], TrackedJob],
        *,
        says: Collection[str] = (),
        later: bool = False,
    ) -> None:
        """Change what is known of a job that is tracked, beside its polls."""
        self._write(key, lambda job: change(job) if job else None, says=says, later=later)

    def forget(self, keys: Iterable[JobKey], *, retired: bool = False, later: bool = False) -> None:
        """Let go of jobs, and of the memory of retired ones; `retired` ones are remembered as such."""
        gone, said_at = sorted(keys), self._database.now()
        if not gone:
            return
        is_planned = later or any(map(self.copy.is_assumed, gone))  # after what is still to be told of one
        if not is_planned:
            with suppress(UnavailableError):
                self._tell_gone(gone, said_at, retired=retired)
                return
        for key in gone:
            self.copy.assume(key, None, retired=retired)
        with self._lock:
            self._planned = []  # what comes from now on is written after it
        self._postpone(partial(self._tell_gone, gone, said_at, retired=retired, is_late=True), is_planned=is_planned)

    def expect_calls(self, count: int, purse: Purse) -> None:
        """Do nothing: a credit is booked with its claim."""

    def expect_claims(
        self, wanted: Iterable[tuple[JobKey, bool]], first: int, purse: Purse, lease_seconds: float
    ) -> None:
        """Have the first claim ask for the others of the first at once; each answer that lands takes one along."""
        known = self.copy.revision_of
        self._ahead.expect((Want(key, known(key), purse, lease_seconds, is_probe) for key, is_probe in wanted), first)

    def claim(self, key: JobKey, purse: Purse, lease_seconds: float, *, is_probe: bool = False) -> Claim:
        """Take the right to poll a job, and book the credit of its call: both or neither."""
        want = Want(key, self.copy.revision_of(key), purse, lease_seconds, is_probe)
        try:
            with self._ahead.asking(key) as wants:
                if wants:
                    self._ahead.note(wants, self._ask_all(map(self._question_of, wants)))
            if claim := self._ahead.take(key):
                if lease_seconds - _FRESH_SECONDS < claim.expires_at - self._database.now() <= lease_seconds:
                    return claim
                self._let_go(claim)
            answer = self._ask_all([self._question_of(want)])[0]
            if answer == "moved":  # and made up for by now
                answer = self._ask_all([self._question_of(want)])[0]
        except UnavailableError as error:
            raise HeldBackError(BUDGET, f"no credit can be booked: {error}") from error
        outcome = want.outcome(answer)
        if isinstance(outcome, HeldBackError):
            raise outcome
        return outcome

    def book(self, claim: Claim, purse: Purse) -> None:
        """Book a further credit under a claim, for a call that has to be made again."""
        try:
            answer = self._ask_of(claim.key, "book", claim.token, purse.limit, purse.for_probes, is_timed=True)
        except UnavailableError as error:
            raise HeldBackError(BUDGET, f"no credit can be booked: {error}") from error
        if answer == "lost":
            raise HeldBackError(CIRCUIT, f"the claim on {claim.key} has expired, and another exporter polls it")
        if refusal := no_credit(answer, purse):
            raise refusal

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
        """Return the claims that nobody wanted in the end, and write what no answer has taken along."""
        if unused := self._ahead.leave():
            self._let_go(*unused)
        with self._changes.travelling() as changes:
            if written := tuple(changes):
                self.stand(lambda standing: changed(standing, written))
            changes.clear()

    def _let_go(self, *claims: Claim) -> None:
        """Give claims back with their credits, in one trip."""
        names = [(claim.key.module, claim.key.job_id, claim.token) for claim in claims]
        with suppress(UnavailableError):
            self._ask_all(Question(how, (self._alias, *name)) for name in names for how in ("give_back", "release"))

    def used(self, *, by_probes: bool = False) -> int:
        """Give the credits spent in the last 24 hours, or those of them that went on probed jobs."""
        return self.copy.used(self._database.now(), by_probes=by_probes)

    def unwritten(self) -> int:
        """Give how many credits a crash would now forget: none is ever sent unbooked."""
        return 0

    def _make_up(self, lost: Lost) -> None:
        """Put back what the database has never heard of.

        What has come of a job goes with the totals of its module: where those are there, it is asked for anew, so that
        each record counts once.
        """
        unknown: dict[JobKey, str | None] = dict.fromkeys(key for key in lost.gone if not self.copy.knows(key))
        for key, job in lost.jobs.items():
            if not self.copy.knows(key):
                is_counted = self.copy.counts(key.module)
                unknown[key] = encode(
                    TrackedJob(job.spec, job.first_seen_at, said_at=job.said_at) if is_counted else job
                )
        counters = {place: total for place, total in lost.counters.items() if not self.copy.counts(place[0])}
        told = self._database.ask(
            "make_up",
            self._alias,
            [key.module for key in unknown],
            [key.job_id for key in unknown],
            list(unknown.values()),
            [key in lost.retired for key in unknown],
            [lost.gone.get(key) for key in unknown],
            [module for module, _ in counters],
            [counter for _, counter in counters],
            list(counters.values()),
            [minute for minute, _ in lost.credits],
            [lineage for _, lineage in lost.credits],
            [spent for spent, _ in lost.credits.values()],
            [on_probes for _, on_probes in lost.credits.values()],
            encode(replace(lost.standing, mints=())),
            list(lost.standing.mints),
            is_timed=True,
        )
        self.copy.take(told)
        back = [(at, key in lost.retired, key) for key, at in lost.gone.items() if self.get(key)]
        for (gone_at, is_retired), its in groupby(sorted(back), lambda gone: gone[:2]):
            self._tell_gone([key for *_, key in its], gone_at, retired=is_retired, is_late=True)
        self._tell([_Memory(job) for job in lost.jobs.values()], is_late=True)
        if back or any(news.account for news in told):
            what = "the database had not heard of some of what it was told before; that is put back"
            _log.warning(what, extra={"account": self._alias})

    def _stood(self, change: Change, turn: int | None) -> Standing:
        for _ in range(_MOST_ATTEMPTS):
            known, revision = self.copy.stood()
            wanted = change(known)
            if wanted == known:
                self.copy.assume_standing(known)  # what was assumed meanwhile is so no longer
                return known
            document = encode(replace(wanted, mints=()))
            answer = self._ask("stand", revision, document, list(wanted.mints), turn)
            self._explain(answer, is_news=self.copy.stood()[1] != revision)
            if answer != "outdated":
                return self.standing if answer else wanted
        return self.standing

    def _stand_late(self, change: Change, turn: int | None) -> None:
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
            put = self._question_of_put(after, revision, growth if is_counted else None, claim.token)
            answer = self._ask_along(put)
            self._explain(answer, is_news=self.copy.seen(claim.key)[1] != revision)
            if answer != "changed":
                return None if answer else (before, after)
        return None

    def _write(
        self,
        key: JobKey,
        change: Callable[[TrackedJob | None], TrackedJob | None],
        *,
        says: Collection[str],
        is_counted: bool = False,
        later: bool,
    ) -> None:
        """Write what `change` makes of a job, now or as soon as can be; `None` for one that it leaves alone."""
        write = _Write(key, change, self._database.now(), says, is_counted)
        if not later:
            with suppress(UnavailableError):
                self._tell([write])
                return
        job = self.get(key)
        wanted = write.wanted(job, self.copy.gone_at(key))
        if wanted is None:
            return
        if not self._is_there(write, job, wanted):  # else it is planned all the same: it may have gone meanwhile
            self.copy.assume(key, wanted)
        if not later:
            self._postpone(partial(self._tell, [write], is_late=True))
            return
        with self._lock:
            if not self._planned:
                self._postpone(partial(self._tell_planned, self._planned), is_planned=True)
            self._planned.append(write)

    def _tell_planned(self, writes: list[_Write]) -> None:
        """Write what waited for the next refresh, as one; what comes from now on is the next one's."""
        with self._lock:
            if self._planned is writes:
                self._planned = []
        self._tell(writes, is_late=True)

    def _tell(self, writes: Sequence[_Write | _Memory], *, is_late: bool = False) -> None:
        """Write jobs, many in one trip.

        What is written late is left alone where the job was let go of, or something else was said of it, later than it
        was said: the last word stands, whoever wrote it when.
        """
        left = writes
        for _ in range(_MOST_ATTEMPTS):
            puts = [(write, *put) for write in left if (put := self._put_of(write, is_late=is_late))]
            if not puts:
                return
            left = []
            for first in range(0, len(puts), _MOST_PUTS):
                asked = puts[first : first + _MOST_PUTS]
                for (write, known, _), answer in zip(asked, self._ask_all(put for *_, put in asked), strict=True):
                    self._explain(answer, is_news=self.copy.seen(write.key)[1] != known)
                    left += [write] if answer else []

    def _put_of(self, write: _Write | _Memory, *, is_late: bool) -> tuple[int, Question] | None:
        """Give the question that writes a job, and the revision it goes by; `None` for a job that is left alone."""
        job, revision = self.copy.seen(write.key)
        is_told = is_late and not self.copy.is_assumed(write.key)
        gone_at = self.copy.gone_at(write.key)
        # Nothing but a word brings back a job whose time was over.
        is_over = job is None and (gone_at > write.at or (not write.says and self.copy.is_retired(write.key)))
        wanted = None if is_told and is_over else write.wanted(job, gone_at, is_late=is_told)
        if wanted is None or self._is_there(write, job, wanted):
            return None
        return revision, self._question_of_put(wanted, revision, Growth() if write.is_counted else None)

    def _tell_gone(self, gone: Sequence[JobKey], said_at: float, *, retired: bool, is_late: bool = False) -> None:
        """Let go of jobs as it was said at a time, late only of those that nobody has taken in since."""
        for _ in range(_MOST_ATTEMPTS):
            keys = [key for key in gone if not (is_late and self._was_wanted(key, said_at))]
            if not keys:
                return
            known = list(map(self.copy.revision_of, keys))
            names = [key.module for key in keys], [key.job_id for key in keys]
            gone_at = max(said_at, *map(self._last_word_on, keys))
            answer = self._ask("forget", *names, known, retired, gone_at, is_timed=True)
            if answer != "changed":
                return
            self._explain(answer, is_news=list(map(self.copy.revision_of, keys)) != known)

    def _was_wanted(self, key: JobKey, since: float) -> bool:
        """Whether a job was taken in, or let go of, since a time."""
        job = self.get(key)
        return (_taken_in_at(job) if job else self.copy.gone_at(key)) > since

    def _last_word_on(self, key: JobKey) -> float:
        """Give when anybody last had a word on a job (Unix seconds), if only that it was to go."""
        job = self.get(key)
        return _last_word_on(job) if job else self.copy.gone_at(key)

    def _is_there(self, write: _Write | _Memory, job: TrackedJob | None, wanted: TrackedJob) -> bool:
        """Whether the database has the job just so, and its module is counted if it is to be."""
        is_counted = not write.is_counted or self.copy.counts(write.key.module)
        is_so = job is not None and (wanted, wanted.said_at) == (job, job.said_at)
        return is_so and not self.copy.is_assumed(write.key) and is_counted

    def _question_of_put(
        self, job: TrackedJob, known: int, growth: Growth | None, token: int | None = None
    ) -> Question:
        key, added = job.spec.key, counters_of(growth) if growth else {}
        counters = (list(added), list(added.values()))
        return Question("put", (self._alias, key.module, key.job_id, known, encode(job), token, *counters))

    def _ask_along(self, question: Question) -> str:
        """Ask, and have the next claim and what is new of the standing travel along."""
        with self._changes.travelling() as changes, self._ahead.asking() as wants:
            standing = self._question_of_standing(changes)
            answer, *others = self._ask_all([question, *standing, *map(self._question_of, wants)])
            self._ahead.note(wants, others[len(standing) :])
            if others[: len(standing)] != ["outdated"]:
                changes.clear()
            return answer

    def _question_of(self, want: Want) -> Question:
        key, purse, copy = want.key, want.purse, self.copy
        held = (want.known, copy.revision, copy.lineage)
        how = (want.token, float(want.lease_seconds), want.is_probe)
        limits = (purse.limit, purse.for_probes, purse.at_once)
        return Question("claim", (self._alias, key.module, key.job_id, *held, *how, *limits), is_timed=True)

    def _question_of_standing(self, changes: Iterable[Change]) -> list[Question]:
        """Give what writes the standing as changes make it; nothing where they make it what it is."""
        known, revision = self.copy.stood()
        wanted = changed(known, changes)
        if wanted == known:
            return []
        document = encode(replace(wanted, mints=()))
        return [Question("stand", (self._alias, revision, document, list(wanted.mints), None))]

    def _explain(self, answer: str, *, is_news: bool) -> None:
        """Where something has changed and nothing newer is told of it, begin anew: what is held was never there."""
        if answer in {"changed", "outdated"} and not is_news:
            told = self._database.ask("refresh", [self._alias], [-1], [""], is_timed=True)
            self.copy.take(told, anew=True)

    def _taken_turn(self, until: float, lease_seconds: float) -> int | None:
        number = secrets.randbits(TOKEN_BITS)
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
        return self._ask_all([Question(function, (self._alias, *arguments), is_timed=is_timed)])[0]

    def _ask_all(self, questions: Iterable[Question]) -> list[str]:
        """Ask in one trip, take what is told beside the answers, and give those."""
        lineage = self.copy.lineage
        told = self._database.ask_all(list(questions))
        answers = [next((news.body or "" for news in its if news.kind == "answer"), "") for its in told]
        self.copy.take(chain.from_iterable(told), asked_under=lineage)
        if not {"changed", "lost", "moved"}.isdisjoint(answers):
            self.take(self._database.ask("refresh", *held([self.copy]), is_timed=True))
        return answers


def _taken_in_at(job: TrackedJob) -> float:
    """Give when a job was taken in, or somebody last said what it is: that its end was noted keeps none."""
    return max((job.first_seen_at, *(at for name, at in job.said_at.items() if name == _GONE or name in _SPEC)))


def _last_word_on(job: TrackedJob) -> float:
    return max((job.first_seen_at, *job.said_at.values()))


def _parts(job: TrackedJob) -> dict[str, Any]:
    """Give what is known of a job, each part of what the user said of it for itself."""
    known = {field.name: getattr(job, field.name) for field in fields(TrackedJob) if field.compare}
    spec = known.pop("spec")
    return {**known, **{f"spec.{field.name}": getattr(spec, field.name) for field in fields(JobSpec)}}


def _changed(before: TrackedJob, after: TrackedJob) -> list[str]:
    """Name the parts that differ."""
    if before == after:
        return []
    known = _parts(before)
    return [name for name, value in _parts(after).items() if value != known[name]]


def _restored(job: TrackedJob, before: TrackedJob, names: Collection[str]) -> TrackedJob:
    """Give a job with such parts as they were."""
    known = {name: value for name, value in _parts(before).items() if name in names}
    spec = {name.removeprefix("spec."): known.pop(name) for name in [*known] if name.startswith("spec.")}
    return replace(job, spec=replace(job.spec, **spec), **known)
