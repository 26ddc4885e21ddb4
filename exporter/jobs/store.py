"""The store: mirrors what memory holds into the state file, so that a restart asks Zoho for nothing it knew.

Memory is the truth. Every write gives absolute values, so what a failing disk does not take is written later, with the
next write that works.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from types import MappingProxyType

from exporter.jobs.rows import Contents, job_forgotten, job_saved, ledger_changed, read_contents, totals_saved
from exporter.jobs.state_file import IN_MEMORY, advise, connect, explained, open_database, open_memory
from exporter.jobs.tables import MIGRATIONS, Changes, apply_changes
from exporter.model import AccountLedger, JobKey, ModuleTotals, StoredState, TrackedJob

_log = logging.getLogger(__name__)

OPERATIONS = ("load", "save_job", "forget_jobs", "save_ledger", "close")
NO_TOTALS: Mapping[tuple[str, str], ModuleTotals] = MappingProxyType({})


class Store:
    """Keeps jobs, totals and ledgers across restarts. Thread-safe: one connection, and one lock for all that is here.

    Once open it never raises: a write that fails is counted, logged when that begins and when it ends, and made up for.
    After `close` it keeps nothing.
    """

    def __init__(
        self, connection: sqlite3.Connection, contents: Contents, resources: ExitStack, path: Path | None
    ) -> None:
        self._connection = connection
        self._resources = resources
        self._path = path
        self._loaded = contents.state
        self._lock = Lock()
        self._ledgers = dict(contents.state.ledgers)
        self._rows_in_file = contents.rows
        self._pending: Changes = {}
        self._errors = dict.fromkeys(OPERATIONS, 0) | {"load": contents.unreadable}
        self._is_failing = False
        self._is_closed = False

    @classmethod
    def open(
        cls,
        path: Path | None,
        connect: Callable[[str], sqlite3.Connection] = connect,
        migrations: tuple[str, ...] = MIGRATIONS,
    ) -> "Store":
        """Open the state file, made if there is none; without a path the state lives in memory only.

        Raises:
            ConfigurationError: the file can't be used; the problem says what to do.
        """
        with ExitStack() as stack, explained(path or Path(IN_MEMORY)):
            if path is None:
                connection = open_memory(stack, connect, migrations)
            else:
                connection = open_database(path, stack, connect, migrations)
            return cls(connection, read_contents(connection), stack.pop_all(), path)

    def load(self) -> StoredState:
        """Give what the file held when it was opened."""
        return self._loaded

    def save_job(self, job: TrackedJob, totals: Mapping[tuple[str, str], ModuleTotals] = NO_TOTALS) -> None:
        """Keep a job and the totals that it has changed, by account and module: both or neither."""
        with self._lock:
            self._write("save_job", job_saved(job) | totals_saved(totals))

    def forget_jobs(self, keys: Iterable[JobKey], *, retired: bool) -> None:
        """Drop jobs; those that retire leave a tombstone, the others take theirs with them."""
        changes: Changes = {}
        for key in keys:
            changes |= job_forgotten(key, retired=retired)
        with self._lock:
            self._write("forget_jobs", changes)

    def save_ledger(self, alias: str, ledger: AccountLedger) -> None:
        """Keep what an account has spent; what its ledger no longer holds leaves the file."""
        with self._lock:
            before = self._ledgers.get(alias, AccountLedger())
            self._ledgers[alias] = ledger
            self._write("save_ledger", ledger_changed(alias, before, ledger))

    def is_behind(self) -> bool:
        """Whether there is news that the file does not hold, because it can't be written."""
        with self._lock:
            return bool(self._pending)

    def errors(self) -> dict[str, int]:
        """Give how often each operation failed; for `load`, how many rows could not be read."""
        with self._lock:
            return dict(self._errors)

    def close(self) -> None:
        """Write what is still to be written, if the disk takes it, and let go of the file."""
        with self._lock:
            self._write("close", {})
            self._is_closed = True
            self._resources.close()

    def _write(self, operation: str, changes: Changes) -> None:
        """Write changes, and those that failed before, in one transaction. The caller holds the lock."""
        if self._is_closed:
            return
        self._plan(changes)
        if not self._pending:
            return
        try:
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                apply_changes(self._connection, self._pending)
        except sqlite3.Error as error:
            self._note_failure(operation, error)
        else:
            self._note_success()

    def _plan(self, changes: Changes) -> None:
        """Add to what is to be written: at most one change for each row that memory or the file has."""
        for row_id, cells in changes.items():
            if cells is None and row_id not in self._rows_in_file:
                self._pending.pop(row_id, None)
            else:
                self._pending[row_id] = cells

    def _note_success(self) -> None:
        for row_id, cells in self._pending.items():
            if cells is None:
                self._rows_in_file.discard(row_id)
            else:
                self._rows_in_file.add(row_id)
        self._pending.clear()
        if self._is_failing:
            self._is_failing = False
            _log.info("the state file is written again, with all that it missed", extra={"path": str(self._path)})

    def _note_failure(self, operation: str, error: sqlite3.Error) -> None:
        self._errors[operation] += 1
        if not self._is_failing:
            self._is_failing = True
            details = {"path": str(self._path), "operation": operation, "advice": advise(error)}
            _log.error("the state file can't be written; a restart would forget news: %s", error, extra=details)
