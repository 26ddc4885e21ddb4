"""Zoho asked by a command, beside any running exporter: a look at a time, with what is kept between the looks.

Each look opens a small state file of the user's, so that any number of commands share one access token, an ended job
costs nothing more, and a pause that Zoho asked for is kept.
"""

import fcntl
import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from exporter.app.application import GRACE_SECONDS, Application
from exporter.errors import ConfigurationError
from exporter.files import refuse_to_replace, refused
from exporter.model import JobKey, JobSource, JobSpec, Pause, PollFailure, Standing, TrackedJob
from exporter.redactor import Redactor
from exporter.settings import Settings, state_file
from exporter.state import SqliteStore
from exporter.state.refusal import MOVE_AWAY, reason_of
from exporter.words.phrases import ago, exact
from exporter.zoho.codes import TOO_MANY_REQUESTS
from exporter.zoho.transport import tls_context

_log = logging.getLogger(__name__)

_NO_TOKEN = "token_refused"  # noqa: S105 - a code, no secret
TURN_SECONDS = 60.0
"""How long a command waits for others that look at the same account."""
_PAUSE_SECONDS = 0.05
_CUT_OFF_SECONDS = 0.5
"""How long the end of a look that somebody broke off waits for the call under way: its answer is worth a credit."""
_KEPT = "commands keep the access token and Zoho's answers there"


@dataclass(frozen=True, slots=True)
class Spent:
    """What looks have cost: API credits, and access tokens minted."""

    credits: int = 0
    tokens: int = 0

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(self.credits + other.credits, self.tokens + other.tokens)


class Direct:
    """Looks at jobs of one account. For one thread.

    Args:
        settings: valid settings.
        alias: the account, one of the settings'.
        redactor: learns every secret.
        directory: where to keep what is kept; below the state directory of the user or the service by default.
        clock: gives Unix seconds.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        settings: Settings,
        alias: str,
        redactor: Redactor,
        directory: Path | None = None,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        account = settings.accounts[alias]
        # Who asks by hand wants an answer: the exporter's own budget is not for that.
        alone = {alias: account.model_copy(update={"daily_credit_budget": None})}
        self._settings = settings.model_copy(update={"accounts": alone, "jobs": (), "job_files": ()})
        self._alias, self._redactor, self._clock, self._sleep = alias, redactor, clock, sleep
        who = "\0".join((alias, account.client_id, account.data_center_name, account.accounts_url or ""))
        kept = state_file(None) or Path()
        name = f"{alias}-{hashlib.sha256(who.encode()).hexdigest()[:12]}.db"
        self._path = (directory or kept.parent / "direct") / name
        self._tls_context = cache(tls_context)
        self.spent = Spent()
        self.is_cut_off = False
        """Whether the last look ended before a call of its own, so that `spent` is the most it can be."""
        self.explained: tuple[str, ...] = ()
        """Why the job that was last looked at shows what it shows, in sentences."""
        self._standing = Standing()

    def look(self, key: JobKey, *, is_first: bool = True) -> TrackedJob:
        """Ask Zoho for a job if it is due by the schedule, and give what is known of it; a first look always asks.

        Raises:
            ConfigurationError: the state file can't be used.
        """
        begun_at = self._clock()
        with self._open() as application:
            application.register([JobSpec(key, JobSource.API)])
            if is_first:
                application.make_due(key)
            application.probe(key, time.monotonic() + self._settings.poll_timeout + self._settings.connect_timeout)
            job, self.explained = application.find(key), application.explain(key)
            if job is None:
                raise refused(key, "was let go of meanwhile by another command: type it again")
        is_due = is_first or (job.next_poll_at or 0.0) <= begun_at
        is_held = is_due and not job.is_terminal and (job.polled_at or 0.0) < begun_at
        return self._held(job, begun_at) if is_held else job

    @property
    def token_pause(self) -> Pause | None:
        """Why no access token came, if none did."""
        return self._standing.token_pause

    def _held(self, job: TrackedJob, now: float) -> TrackedJob:
        """Say what kept Zoho from being asked: what it has said before is not its word of now."""
        pauses = ((_NO_TOKEN, self._standing.token_pause), (TOO_MANY_REQUESTS, self._standing.circuit))
        for code, pause in pauses:
            if pause and pause.is_in_force(now):
                came = f"what came {ago(pause.since, now)}: {pause.message}"
                told = f"Zoho is not asked until {exact(pause.until)}; {came}"
                return replace(job, failure=PollFailure(code, told, pause.advice, is_account_wide=True))
        return job

    @contextmanager
    def _open(self) -> Iterator[Application]:
        with _turn(self._path.with_suffix(".turn"), self._sleep):
            store = self._store()
            application = Application(
                self._settings, store, redactor=self._redactor, tls_context=self._tls_context, clock=self._clock
            )
            grace_seconds = _CUT_OFF_SECONDS
            try:
                yield application
                grace_seconds = GRACE_SECONDS
            finally:
                try:
                    application.close(grace_seconds)
                finally:
                    self._take_stock(application, store)

    def _take_stock(self, application: Application, store: SqliteStore) -> None:
        """Learn what a look has cost; a call that is under way still may have."""
        upstream = application.snapshot().accounts[0].upstream
        self.is_cut_off = bool(upstream.in_flight)
        self.spent += Spent(upstream.credits.spent + upstream.in_flight, upstream.token.refreshes)
        self._standing = store.account(self._alias).standing

    def _store(self) -> SqliteStore:
        """Open the file. One that is of no use is put aside: it is our own, and nobody looks after it.

        Raises:
            ConfigurationError: it can't be opened, nor put aside.
        """
        aside = self._path.with_suffix(".unusable")
        beside = (self._path.with_name(f"{self._path.name}{suffix}") for suffix in (".lock", "-wal", "-shm"))
        _refuse_odd(self._path, *beside, aside)
        try:
            return SqliteStore(self._path, self._clock)
        except ConfigurationError as error:
            if not str(error).endswith(MOVE_AWAY):
                raise refused(self._path, f"can't be used, and {_KEPT}: {reason_of(error)}") from error
        self._path.replace(aside)
        for suffix in ("-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        _log.error(
            "what was kept of Zoho's answers can't be used, and is begun anew",
            extra={"account": self._alias, "put_aside": str(aside)},
        )
        return SqliteStore(self._path, self._clock)


def _refuse_odd(*paths: Path) -> None:
    """Refuse what is no regular file: somebody has put it there, and knows what it is for.

    Raises:
        ConfigurationError: it has to go.
    """
    for path in paths:
        try:
            refuse_to_replace(path)
        except OSError as error:
            raise refused(path, f"can't be used ({error.strerror}): move it away; {_KEPT}") from error


@contextmanager
def _turn(path: Path, sleep: Callable[[float], None]) -> Iterator[None]:
    """Have a file for oneself, after whoever has it now.

    Raises:
        ConfigurationError: it can't be made, or is not let go of in time.
    """
    _refuse_odd(path)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise refused(path, f"can't be made ({error.strerror}): set HOME or XDG_STATE_HOME to where it can") from error
    with closing(os.fdopen(descriptor)) as file:
        for _ in range(int(TURN_SECONDS / _PAUSE_SECONDS)):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                sleep(_PAUSE_SECONDS)
        else:
            raise refused(path, "another command has been asking for a minute: see what it waits for")
        yield
