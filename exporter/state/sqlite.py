"""The embedded store: accounts in memory, which is the truth, and a writer that mirrors them into the state file.

Every write gives absolute values, so what a failing disk does not take is written later, with the next one that works.
"""

import logging
import time
from collections.abc import Callable, Collection
from pathlib import Path
from threading import Lock

from exporter.model import JobKey, ModuleTotals, Standing, TrackedJob
from exporter.state.account import Contents, MemoryAccount
from exporter.state.documents import Changes, Kind, decode
from exporter.state.file import StateFile
from exporter.state.port import Health
from exporter.state.writer import Writer

_log = logging.getLogger(__name__)


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
        self._writer = Writer(self._everything, clock)
        if path:
            file = open_file(path)
            contents, unreadable = _load(file)
            self._accounts = {alias: self._open(alias, kept) for alias, kept in contents.items()}
            self._writer.start(file, unreadable)

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
        return self._writer.health()

    def wait_kept(self, seconds: float) -> bool:
        """Wait until all that is known now would outlive a crash, and say whether it would; always so in memory."""
        return self._writer.wait(self._writer.number, seconds)

    def close(self, grace_seconds: float = 5.0) -> None:
        """Write what is still to be written, waiting no longer than the grace, and let go of the file."""
        for alias in self.accounts():
            self._accounts[alias].rest()
        self._writer.close(grace_seconds)

    def _open(self, alias: str, contents: Contents) -> MemoryAccount:
        return MemoryAccount(alias, contents, self._writer, self._clock)

    def _everything(self) -> Changes:
        changes: Changes = {}
        for alias in self.accounts():
            changes |= self._accounts[alias].everything()
        return changes


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
