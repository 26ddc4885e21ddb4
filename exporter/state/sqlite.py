"""The embedded store: accounts in memory, which is the truth, and a writer that mirrors them into the state file.

Every write gives absolute values, so what a failing disk does not take is written later, with the next one that works.
"""

import logging
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path
from signal import SIG_BLOCK, SIG_SETMASK, pthread_sigmask, valid_signals
from threading import Condition, Lock, Thread

from exporter.model import JobKey, ModuleTotals, Standing, TrackedJob
from exporter.state.account import Changes, Contents, Journal, Kind, MemoryAccount
from exporter.state.documents import decode, encode
from exporter.state.file import StateFile, advise
from exporter.state.port import OPERATIONS, Health

_log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""How often the file is looked at while nothing is to be written."""
RETRY_SECONDS = 1.0
"""How long a write that failed waits for the next attempt."""


class SqliteStore:
    """Keeps accounts in memory and, with a file, across restarts. Thread-safe.

    Once open it never raises: a write that fails is counted, logged when that begins and when it ends, and made up for.

    Args:
        path: the state file, made if there is none; `None` keeps everything in memory only.
        clock: gives Unix seconds.
        open_file: opens the state file.

    Raises:
        ConfigurationError: the file can't be used; the problem says what to do.
    """

    def __init__(
        self,
        path: Path | None,
        clock: Callable[[], float] = time.time,
        open_file: Callable[[Path], StateFile] = StateFile,
    ) -> None:
        self._clock = clock
        self._lock = Lock()
        self._accounts: dict[str, MemoryAccount] = {}
        self._journal = Journal()
        if path:
            file = open_file(path)
            contents, unreadable = _load(file)
            self._journal = Writer(file, self._everything, clock, unreadable)
            self._accounts = {alias: self._open(alias, kept) for alias, kept in contents.items()}
            self._journal.start()

    def now(self) -> float:
        """Give the time, Unix seconds."""
        return self._clock()

    def accounts(self) -> Collection[str]:
        """Give the aliases of the accounts of which something is kept."""
        with self._lock:
            return tuple(self._accounts)

    def account(self, alias: str) -> MemoryAccount:
        """Give an account; always the same object for the same alias."""
        with self._lock:
            if alias not in self._accounts:
                self._accounts[alias] = self._open(alias, Contents())
            return self._accounts[alias]

    def refresh(self, deadline: float) -> None:
        """Nobody else writes: there is nothing to take up."""

    def health(self) -> Health:
        """Say how well what is known is kept; always well where the operator chose memory."""
        return self._journal.health()

    def wait_kept(self, seconds: float) -> bool:
        """Wait until all that is known now would outlive a crash, and say whether it would; always so in memory."""
        return self._journal.wait(self._journal.number, seconds)

    def close(self, grace_seconds: float = 5.0) -> None:
        """Write what is still to be written, waiting no longer than the grace, and let go of the file."""
        for alias in self.accounts():
            self._accounts[alias].rest()
        self._journal.close(grace_seconds)

    def _open(self, alias: str, contents: Contents) -> MemoryAccount:
        return MemoryAccount(alias, contents, self._journal, self._clock)

    def _everything(self) -> Changes:
        changes: Changes = {}
        for alias in self.accounts():
            changes |= self._accounts[alias].everything()
        return changes


class Writer(Journal):
    """Writes changes in a thread of its own, all that wait in one transaction, so that nobody waits for the disk.

    Args:
        file: where to; closed with the writer.
        everything: gives all documents, for a file that has lost them.
        clock: gives Unix seconds.
        unreadable: how many rows of the file could not be read.
    """

    def __init__(
        self, file: StateFile, everything: Callable[[], Changes], clock: Callable[[], float], unreadable: int
    ) -> None:
        self._file = file
        self._where = {"path": str(file.path)}
        self._everything = everything
        self._clock = clock
        self._news = Condition()
        self._pending: Changes = {}
        self._behind_since: float | None = None
        self._is_failing = False
        self._is_closing = False
        self._thread = Thread(target=self._run, name="state", daemon=True)
        self._errors = Counter(dict.fromkeys(OPERATIONS, 0) | {"load": unreadable})

    def start(self) -> None:
        """Begin to write, and to look after the file. Signals stay with the threads that wait for them."""
        mask = pthread_sigmask(SIG_BLOCK, valid_signals())
        self._thread.start()
        pthread_sigmask(SIG_SETMASK, mask)

    def put(self, changes: Changes) -> int:
        """Take changes, and give the number of the write that will hold them."""
        with self._news:
            self._pending |= changes
            self.number += 1
            self._behind_since = self._clock() if self._behind_since is None else self._behind_since
            self._news.notify_all()
            return self.number

    def wait(self, number: int, seconds: float) -> bool:
        """Wait for a write, no longer than so many seconds, and say whether it is done."""
        with self._news:
            return self._news.wait_for(lambda: self.written >= number, seconds)

    def health(self) -> Health:
        """Say how well the file follows."""
        with self._news:
            return Health(dict(self._errors), self._behind_since, self._is_failing)

    def close(self, grace_seconds: float) -> None:
        """Write what is left, waiting no longer than the grace: a disk that hangs holds up no stop."""
        with self._news:
            self._is_closing = True
            self._news.notify_all()
        self._thread.join(grace_seconds)
        if self._thread.is_alive():
            _log.warning("the state file is behind at the end: a restart will not know the last news")

    def _run(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._pending or self._is_closing, LOOK_SECONDS)
                changes, self._pending = self._pending, {}
                number, is_last = self.number, self._is_closing
            is_written = self._write(changes, number)
            if is_last:
                with suppress(sqlite3.Error, OSError):
                    self._file.close()
                return
            if not is_written:
                time.sleep(RETRY_SECONDS)

    def _write(self, changes: Changes, number: int) -> bool:
        try:
            if self._file.is_lost():
                self._renew()
            elif changes:
                self._file.write(_rows(changes))
        except Exception as error:  # noqa: BLE001 - the edge of the thread: nothing would be written any more
            self._note_failure(changes, error)
            return False
        self._note_success(number)
        return True

    def _renew(self) -> None:
        with self._news:
            self._errors["renew"] += 1
        if not self._is_failing:
            _log.error("the state file was deleted, replaced or cut: it is written whole again", extra=self._where)
        self._file.renew(_rows(self._everything()))

    def _note_success(self, number: int) -> None:
        with self._news:
            self.written = number
            self._behind_since = self._clock() if self._pending else None
            has_failed, self._is_failing = self._is_failing, False
            self._news.notify_all()
        if has_failed:
            _log.info("the state file is written again, with all that it missed", extra=self._where)

    def _note_failure(self, changes: Changes, error: Exception) -> None:
        with self._news:
            self._pending = changes | self._pending
            self._behind_since = self._clock() if self._behind_since is None else self._behind_since
            self._errors.update({_operation(kind, is_gone=value is None) for (_, kind, _), value in changes.items()})
            has_failed, self._is_failing = self._is_failing, True
        if not has_failed:
            details = {**self._where, "advice": advise(error)}
            _log.error("the state file can't be written; a restart would forget news: %s", error, extra=details)


def _operation(kind: Kind, *, is_gone: bool) -> str:
    if kind in {Kind.CREDITS, Kind.PROBE_CREDITS, Kind.STANDING}:
        return "save_ledger"
    return "forget_jobs" if is_gone or kind is Kind.RETIRED else "save_job"


def _rows(changes: Changes) -> Iterator[tuple[str, str, str, str | None]]:
    return ((*row, None if value is None else encode(value)) for row, value in changes.items())


def _load(file: StateFile) -> tuple[dict[str, Contents], int]:
    """Read every row. One that can't be read, edited by hand perhaps, is logged, left out and counted."""
    contents: dict[str, Contents] = {}
    unreadable = 0
    for row in file.rows():
        try:
            _take_in(contents, *row)
        except ValueError as error:
            unreadable += 1
            where = dict(zip(("account", "kind", "key"), row, strict=False))
            _log.warning("a row of the state file can't be read and is left out: %s", error, extra=where)
    return contents, unreadable


def _take_in(contents: dict[str, Contents], account: str, kind: str, key: str, document: str) -> None:
    if not all(isinstance(cell, str) for cell in (account, kind, key, document)):
        raise ValueError("a cell that is no text")
    known = contents.setdefault(account, Contents())
    match Kind(kind):
        case Kind.JOB:
            job = decode(document, TrackedJob)
            if f"{account}/{key}" != str(job.spec.key) or job.spec.key.account != account:
                raise ValueError("it is another job's document")
            known.jobs[job.spec.key] = job
        case Kind.RETIRED:
            module, _, job_id = key.partition("/")
            known.retired.add(JobKey(account, module, job_id))
        case Kind.TOTALS:
            known.totals[key] = decode(document, ModuleTotals)
        case Kind.CREDITS:
            known.credits[int(key)] = decode(document, int)
        case Kind.PROBE_CREDITS:
            known.probe_credits[int(key)] = decode(document, int)
        case Kind.STANDING:
            known.standing = decode(document, Standing)
