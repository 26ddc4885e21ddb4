"""What writes the state file, in a thread of its own, so that nobody waits for the disk."""

import logging
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from threading import Condition, Thread

from exporter.state.documents import Changes, Kind, Row, Value, encode
from exporter.state.file import Cells, StateFile, advise
from exporter.state.port import OPERATIONS, Health
from exporter.waits import without_signals

_log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""How often the file is looked at while nothing is to be written."""
GATHER_SECONDS = 0.1
"""How long after a write the next one takes in what comes, unless that is urgent: polls that land share one."""
RETRY_SECONDS = 1.0
"""How long a write that failed waits for the next attempt."""


class Writer:
    """Mirrors changes into a file, all that wait in one transaction. Until it is started it keeps nothing.

    Args:
        clock: gives Unix seconds.
    """

    number = 0
    """Of the last write that was asked for."""
    written = 0
    """The number of the last write that is done."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._news = Condition()
        self._kept: dict[Row, Value] = {}
        """All that the file is to hold."""
        self._pending: set[Row] = set()
        """What it does not hold yet."""
        self._behind_since: float | None = None
        self._is_failing = False
        self._is_closing = False
        self._is_urgent = False
        self._thread: Thread | None = None
        self._where: dict[str, object] = {}
        self._errors = Counter(dict.fromkeys(OPERATIONS, 0))

    def start(self, file: StateFile, kept: dict[Row, Value], unreadable: int) -> None:
        """Begin to write, and to look after the file, of which so much could be read; it is closed with the writer."""
        self._kept = kept
        self._errors["load"], self._where = unreadable, {"path": str(file.path)}
        self._thread = Thread(target=self._run, args=(file,), name="state", daemon=True)
        with without_signals():
            self._thread.start()

    def put(self, changes: Changes) -> int:
        """Take changes, and give the number of the write that will hold them."""
        if self._thread is None:
            return 0
        with self._news:
            for row, value in changes.items():
                if value is None:
                    self._kept.pop(row, None)
                else:
                    self._kept[row] = value
            if not self._pending:
                self._news.notify_all()
            self._pending |= changes.keys()
            self.number += 1
            self._behind_since = self._clock() if self._behind_since is None else self._behind_since
            return self.number

    def wait(self, number: int, seconds: float) -> bool:
        """Wait for a write, no longer than so many seconds, and say whether it is done."""
        with self._news:
            if self.written < number:
                self._urge()
            return self._news.wait_for(lambda: self.written >= number, seconds)

    def hurry(self) -> None:
        """Have what there is written at once."""
        with self._news:
            if self._pending:
                self._urge()

    def health(self) -> Health:
        """Say how well the file follows."""
        with self._news:
            return Health(dict(self._errors), self._behind_since, self._is_failing)

    def close(self, grace_seconds: float) -> None:
        """Write what is left, waiting no longer than the grace: a disk that hangs holds up no stop."""
        if self._thread is None:
            return
        with self._news:
            self._is_closing = True
            self._news.notify_all()
        self._thread.join(grace_seconds)
        if self._thread.is_alive():
            _log.warning("the state file is behind at the end: a restart will not know the last news")

    def _urge(self) -> None:
        self._is_urgent = True
        self._news.notify_all()

    def _run(self, file: StateFile) -> None:
        gathered_at = 0.0
        while True:
            with self._news:
                self._news.wait_for(lambda: self._pending or self._is_closing, LOOK_SECONDS)
                self._news.wait_for(lambda: self._is_urgent or self._is_closing, gathered_at - time.monotonic())
                changes: Changes = {row: self._kept.get(row) for row in self._pending}
                self._pending, self._is_urgent = set(), False
                number, is_last = self.number, self._is_closing
            is_written = self._write(file, changes, number)
            gathered_at = time.monotonic() + GATHER_SECONDS
            if is_last:
                with suppress(sqlite3.Error, OSError):
                    file.close()
                return
            if not is_written:
                time.sleep(RETRY_SECONDS)

    def _write(self, file: StateFile, changes: Changes, number: int) -> bool:
        try:
            if file.is_lost():
                self._renew(file)
            elif changes:
                file.write(_rows(changes))
        except Exception as error:  # noqa: BLE001 - the edge of the thread: nothing would be written any more
            self._note_failure(changes, error)
            return False
        self._note_success(number)
        return True

    def _renew(self, file: StateFile) -> None:
        with self._news:
            self._errors["renew"] += 1
            rows = _rows(dict(self._kept))
        if not self._is_failing:
            _log.error("the state file was deleted, replaced or cut: it is written whole again", extra=self._where)
        file.renew(rows)

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
            self._pending |= changes.keys()
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


def _rows(changes: Mapping[Row, Value | None]) -> Iterator[Cells]:
    return ((*row, None if value is None else encode(value)) for row, value in changes.items())
