"""The embedded store: accounts in memory, which is the truth, and a writer that mirrors them into the state file.

Every write gives absolute values, so what a failing disk does not take is written later, with the next one that works.
"""

import logging
import time
from collections.abc import Callable, Collection
from itertools import groupby
from pathlib import Path
from threading import Lock

from exporter.model import ModuleTotals, Standing, TrackedJob
from exporter.state.account import MemoryAccount
from exporter.state.documents import Kind, Row, Value, decode
from exporter.state.file import StateFile
from exporter.state.port import Health
from exporter.state.writer import Writer

_log = logging.getLogger(__name__)

_TYPES: dict[Kind, type[Value]] = {Kind.JOB: TrackedJob, Kind.TOTALS: ModuleTotals, Kind.STANDING: Standing}
"""What documents hold; the others are numbers."""


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

    is_shared = False

    def __init__(
        self,
        path: Path | None,
        clock: Callable[[], float] = time.time,
        open_file: Callable[[Path], StateFile] = StateFile,
    ) -> None:
        self._clock = clock
        self._lock = Lock()
        self._accounts: dict[str, MemoryAccount] = {}
        self._writer = Writer(clock)
        if path:
            file = open_file(path)
            kept, unreadable = load(file)
            for alias, rows in groupby(kept.items(), key=lambda item: item[0].account):
                self._open(alias, dict(rows))
            self._writer.start(file, kept, unreadable)

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
            return self._accounts.get(alias) or self._open(alias, {})

    def refresh(self, deadline: float) -> None:
        """Nobody else writes: there is nothing to take up."""

    def look(self, deadline: float) -> None:
        """Nobody else writes."""

    def health(self) -> Health:
        """Say how well what is known is kept; always well where the operator chose memory."""
        return self._writer.health()

    def wait_kept(self, seconds: float) -> bool:
        """Wait until all that is known now would outlive a crash, and say whether it would; always so in memory."""
        return self._writer.wait(self._writer.number, seconds)

    def close(self, grace_seconds: float = 5.0) -> None:
        """Write what is still to be written, waiting no longer than the grace, and let go of the file."""
        for alias in self.accounts():
            self._accounts[alias].rest()
        self._writer.close(grace_seconds)

    def _open(self, alias: str, kept: dict[Row, Value]) -> MemoryAccount:
        self._accounts[alias] = account = MemoryAccount(alias, kept, self._writer, self._clock)
        return account


def load(file: StateFile) -> tuple[dict[Row, Value], int]:
    """Read every row, sorted. One that can't be read, edited by hand perhaps, is logged, left out and counted."""
    kept: dict[Row, Value] = {}
    unreadable = 0
    for cells in file.rows():
        try:
            kept |= _read(*cells)
        except ValueError as error:
            unreadable += 1
            where = dict(zip(("account", "kind", "key"), cells, strict=False))
            _log.warning("a row of the state file can't be read and is left out: %s", error, extra=where)
    return kept, unreadable


def _read(account: str, kind: str, key: str, document: str) -> dict[Row, Value]:
    if not all(isinstance(cell, str) for cell in (account, kind, key, document)):
        raise ValueError("a cell that is no text")
    row = Row(account, Kind(kind), key)
    value = decode(document, _TYPES.get(row.kind, int))
    if isinstance(value, TrackedJob) and (value.spec.key.account, str(value.spec.key)) != (account, f"{account}/{key}"):
        raise ValueError("it is another job's document")
    if row.kind in {Kind.CREDITS, Kind.PROBE_CREDITS}:
        int(key)
    return {row: value}
