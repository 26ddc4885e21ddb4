"""How the state file is opened: hidden from others, locked, recognised, brought to our schema; or refused, with advice.

A file that can't be used is never changed: it is the operator's.
"""

import fcntl
import logging
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO, TypeAlias

from exporter.errors import ConfigurationError
from exporter.state import takeover
from exporter.state.documents import LARGEST_DOCUMENT
from exporter.state.refusal import (
    APPLICATION_ID,
    BESIDE,
    CHECK_DISK,
    FREE_SPACE,
    LOCK,
    MAKE_WRITABLE,
    MOVE_AWAY,
    VERSION,
    advice_of_system,
    is_there,
    refusal,
)

_log = logging.getLogger(__name__)

_SCHEMA = """
    CREATE TABLE documents (
        account TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, document TEXT NOT NULL,
        PRIMARY KEY (account, kind, key)
    ) WITHOUT ROWID;
"""
_PATIENCE_SECONDS = 1.0  # a sqlite3 shell that is just being left holds the file for a moment
_DELETE = "DELETE FROM documents WHERE account = ? AND kind = ? AND key = ?"
_SELECT = "SELECT account, kind, key, iif(length(document) <= ?, document, '') FROM documents ORDER BY 1, 2, 3"
_REPLACE = "REPLACE INTO documents (account, kind, key, document) VALUES (?, ?, ?, ?)"
Cells: TypeAlias = tuple[str, str, str, str | None]
"""Account, kind, key and document; `None` for one that goes."""
_Stamp: TypeAlias = tuple[int, int, int, int]
"""Device, inode, size and time of the last change of a file; zeros where there is none."""
_ADVICE_BY_SQLITE_CODE = {
    sqlite3.SQLITE_NOTADB: f"it is not a state file: choose another path, or {MOVE_AWAY}",
    sqlite3.SQLITE_CORRUPT: f"it is damaged: {MOVE_AWAY}",
    sqlite3.SQLITE_ERROR: f"it is not as the exporter makes it: {MOVE_AWAY}",
    sqlite3.SQLITE_FULL: FREE_SPACE,
    sqlite3.SQLITE_IOERR_SHMSIZE: f"{FREE_SPACE}, or let files be larger (ulimit -f)",  # of the log's index
    sqlite3.SQLITE_READONLY: MAKE_WRITABLE,
    sqlite3.SQLITE_CANTOPEN: MAKE_WRITABLE,
    sqlite3.SQLITE_BUSY: "end the other program that writes to it; reading does no harm",
}


class StateFile:
    """The open state file: hidden from others, locked, recognised, brought to our schema. For one thread at a time.

    Args:
        path: the file; made if there is none.

    Raises:
        ConfigurationError: the file is not ours to use; the problem says what to do.
    """

    def __init__(self, path: Path) -> None:
        # The lock stands beside the file that is really meant, whatever names lead there.
        self.path = Path(os.path.realpath(path))
        with explained(path):
            is_there(path, self.path)  # or made below
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = _locked(self.path)
            try:
                self._open()
            except BaseException:
                self._lock.close()
                raise

    def rows(self) -> Iterator[tuple[str, str, str, str]]:
        """Give account, kind, key and document of every row.

        Raises:
            ConfigurationError: they can't be read; the file is closed.
        """
        try:
            with explained(self.path):
                yield from self._connection.execute(_SELECT, (LARGEST_DOCUMENT,))
        except ConfigurationError:
            self.close()
            raise

    def write(self, rows: Iterable[Cells]) -> None:
        """Write rows in one transaction.

        Raises:
            sqlite3.Error, OSError: nothing is written.
        """
        with _transaction(self._connection):
            _put(self._connection, rows)
        now = self._look()
        if not self._lacks(now):  # what went while this was written is for `is_lost` to see
            self._seen = now

    def is_lost(self) -> bool:
        """Whether the file, what is beside it or its lock was deleted, replaced, cut or written over meanwhile.

        Others that write to the database as we do let the log and its index grow, and touch the file only where they
        shorten the log.
        """
        now = self._look()
        return not self._is_open or now[""] != self._seen[""] or self._lacks(now)

    def renew(self, rows: Iterable[Cells]) -> None:
        """Write the file whole again, in the place of what is there; another file's content is put aside.

        Raises:
            sqlite3.Error, OSError: there is no new file yet.
        """
        self._is_open = False  # until there is a new one, whatever stands in the old one's place
        index, seen = _stamp(_beside(self.path, "-shm")), self._seen["-shm"]
        if index[:2] == seen[:2] and index[2] < seen[2]:
            # SQLite has the log's index in its memory, where a part that was cut off would end the process.
            os.truncate(_beside(self.path, "-shm"), seen[2])
        with suppress(sqlite3.Error):
            self._connection.close()
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.fstat(self._lock.fileno())
        if _stamp(_beside(self.path, LOCK))[:2] != (lock.st_dev, lock.st_ino):
            held, self._lock = self._lock, _locked(self.path)
            held.close()
        new = _beside(self.path, ".new")
        new.unlink(missing_ok=True)
        with closing(_connect(new)) as connection:
            _migrate(connection)
            with _transaction(connection):  # one sync of the disk, not one for each row
                _put(connection, rows)
        self._put_aside()
        new.replace(self.path)
        self._open()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()
        self._lock.close()

    def _open(self) -> None:
        self._connection = _connect(self.path)
        try:
            _recognise(self._connection, self.path)
            _hide(self.path)
            self._connection.execute("PRAGMA journal_mode = WAL")  # readers read while we write
            # Writes wait for no disk: FULL would cost each poll a sync to save what one more poll brings back. A killed
            # process loses nothing it committed, only a power cut can take the last transactions, and takes them whole.
            self._connection.execute("PRAGMA synchronous = NORMAL")
            _migrate(self._connection)
        except BaseException:
            self._connection.close()
            raise
        self._seen = self._look()
        self._is_open = True

    def _look(self) -> dict[str, _Stamp]:
        return {name: _stamp(_beside(self.path, name)) for name in ("", *BESIDE)}

    def _lacks(self, now: dict[str, _Stamp]) -> bool:
        pairs = ((now[name], seen) for name, seen in self._seen.items() if any(seen))
        return any(there[:2] != seen[:2] or there[2] < seen[2] for there, seen in pairs)

    def _put_aside(self) -> None:
        there = _stamp(self.path)
        if there[2] and there[:2] != self._seen[""][:2]:
            self.path.replace(_beside(self.path, ".replaced"))
        for name in ("-wal", "-shm"):
            _beside(self.path, name).unlink(missing_ok=True)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the faults of a file system and of SQLite into one problem of the configuration."""
    try:
        yield
    except OSError as error:
        raise refusal(path, f"{error.strerror}: {advise(error)}") from error
    except sqlite3.Error as error:
        raise refusal(path, f"{error}: {advise(error)}") from error


def advise(error: Exception) -> str:
    """Say what an operator can do about an error of SQLite or of the file system."""
    if isinstance(error, OSError):
        return advice_of_system(error)
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_IOERR)
    kind = code & 0xFF  # the rest is its variety
    return _ADVICE_BY_SQLITE_CODE.get(code) or _ADVICE_BY_SQLITE_CODE.get(kind, CHECK_DISK)


def _locked(path: Path) -> IO[str]:
    """Hold a lock until the process ends, however it ends. It is not on the file itself: others may read that."""
    file = os.fdopen(_open_private(_beside(path, LOCK)), "r+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = file.read(20).strip()
        file.close()
        who = f"process {holder}" if holder.isdecimal() else "a process"
        raise refusal(path, f"another exporter uses it ({who}): stop that one, or give each a path") from error
    file.truncate()
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(f"{path.name}{suffix}")


def _stamp(path: Path) -> _Stamp:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return 0, 0, 0, 0
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _open_private(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def _recognise(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse what is not a sound state file of this version or an older one. A file without content is a new one."""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (objects,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application_id != APPLICATION_ID and (application_id or objects):
        raise refusal(path, f"it is another program's database: choose another path, or {MOVE_AWAY}")
    if version > VERSION:
        made_by = f"a newer version of the exporter made it (schema {version}, known here: up to {VERSION})"
        raise refusal(path, f"{made_by}: run that version, or {MOVE_AWAY}")
    (finding,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if finding != "ok":
        raise refusal(path, f"it is damaged: {MOVE_AWAY}")


def _hide(path: Path) -> None:
    """Let none but the owner read the token, whoever copied the file here. SQLite gives new side files its mode."""
    try:
        for name in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                _beside(path, name).chmod(0o600)
    except PermissionError:  # a restored volume, or a platform that gives each process a user of its own
        _log.warning("the state file belongs to another user: its mode stays", extra={"path": str(path)})


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema up to date in one transaction: a process killed on the way begins anew."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == VERSION:
        return
    with _transaction(connection):
        connection.execute(_SCHEMA)
        if version:
            _put(connection, takeover.documents(connection))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")


def _connect(path: Path) -> sqlite3.Connection:
    """Connect as the writer needs it: transactions are begun by hand, and one thread after another may use it."""
    # Only before SQLite opens it: closing any descriptor of the file would drop the locks that SQLite holds on it.
    os.close(_open_private(path))
    connection = sqlite3.connect(path, timeout=_PATIENCE_SECONDS, isolation_level=None, check_same_thread=False)
    # A file that was edited by hand may hold what is no UTF-8: it shows as such, and stops nothing.
    connection.text_factory = lambda content: content.decode(errors="replace")
    return connection


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


def _put(connection: sqlite3.Connection, rows: Iterable[Cells]) -> None:
    for *row, document in rows:
        if document is None:
            connection.execute(_DELETE, row)
        else:
            connection.execute(_REPLACE, (*row, document))
