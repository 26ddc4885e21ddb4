"""How the state file is opened: hidden from others, locked, recognised, brought to our schema; or refused, with advice.

A file that can't be used is never changed: it is the operator's.
"""

import errno
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from exporter.errors import ConfigurationError, Problem
from exporter.jobs.tables import APPLICATION_ID

PLACE = "state.path"
IN_MEMORY = ":memory:"
MOVE_AWAY = "move it away and start again; losing it costs one poll per live job"

_OPEN_PATIENCE_SECONDS = 1.0  # a sqlite3 shell that is just being left holds the file for a moment
_MAKE_WRITABLE = "let the exporter's user write there, or choose another path"
_FREE_SPACE = "the disk is full: free some space"
_CHECK_DISK = "check the disk, its file system and the system's log"
_ADVICE_BY_ERRNO = {
    errno.EACCES: _MAKE_WRITABLE,
    errno.EPERM: _MAKE_WRITABLE,
    errno.EROFS: _MAKE_WRITABLE,
    errno.ENOENT: _MAKE_WRITABLE,  # some file systems, such as /proc, say so of a new file
    errno.ENOTDIR: "a part of the path is a file: choose another path",
    errno.EEXIST: "a part of the path is a file: choose another path",
    errno.ENOSPC: _FREE_SPACE,
    errno.EDQUOT: _FREE_SPACE,
    errno.ENOLCK: "this file system has no locks: choose a path on a local disk",
}
_ADVICE_BY_SQLITE_CODE = {
    sqlite3.SQLITE_NOTADB: f"it is not a state file: choose another path, or {MOVE_AWAY}",
    sqlite3.SQLITE_CORRUPT: f"it is damaged: {MOVE_AWAY}",
    sqlite3.SQLITE_ERROR: f"it is not as the exporter makes it: {MOVE_AWAY}",
    sqlite3.SQLITE_FULL: _FREE_SPACE,
    sqlite3.SQLITE_READONLY: _MAKE_WRITABLE,
    sqlite3.SQLITE_CANTOPEN: _MAKE_WRITABLE,
    sqlite3.SQLITE_BUSY: "end the other program that writes to it; reading does no harm",
}


def connect(database: str) -> sqlite3.Connection:
    """Connect as the store needs it: transactions are begun by hand, threads are kept apart by the store's lock."""
    return sqlite3.connect(database, timeout=_OPEN_PATIENCE_SECONDS, isolation_level=None, check_same_thread=False)


def open_database(
    path: Path, stack: ExitStack, connect: Callable[[str], sqlite3.Connection], migrations: tuple[str, ...]
) -> sqlite3.Connection:
    """Give a connection to the state file, ready for use; `stack` closes and unlocks it. To be called in `explained`.

    Raises:
        ConfigurationError: the file is not ours to use; the problem says what to do.
    """
    # The lock stands beside the file that is really meant, whatever names lead there.
    path = Path(os.path.realpath(path))
    _claim(path, stack)
    connection = stack.enter_context(closing(connect(str(path))))
    _recognise(connection, path, newest_version=len(migrations))
    _hide(path)
    _tune(connection)
    _migrate(connection, migrations)
    connection.execute("PRAGMA busy_timeout = 0")  # from now on polls wait for it: what fails is written next time
    return connection


def open_memory(
    stack: ExitStack, connect: Callable[[str], sqlite3.Connection], migrations: tuple[str, ...]
) -> sqlite3.Connection:
    """Give a connection to a database that ends with the process."""
    connection = stack.enter_context(closing(connect(IN_MEMORY)))
    _migrate(connection, migrations)
    return connection


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the faults of a file system and of SQLite into one problem of the configuration."""
    try:
        yield
    except OSError as error:
        raise _refusal(path, f"{error.strerror}: {_ADVICE_BY_ERRNO.get(error.errno or 0, _CHECK_DISK)}") from error
    except sqlite3.Error as error:
        raise _refusal(path, f"{error}: {advise(error)}") from error


def advise(error: sqlite3.Error) -> str:
    """Say what an operator can do about an error of SQLite."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_IOERR)
    return _ADVICE_BY_SQLITE_CODE.get(code & 0xFF, _CHECK_DISK)  # the low byte is the kind, the rest its variety


def _refusal(path: Path, message: str) -> ConfigurationError:
    return ConfigurationError((Problem(PLACE, f"the state file {path} can't be used: {message}"),))


def _claim(path: Path, stack: ExitStack) -> None:
    """Make sure of the directory, of being alone, and of a file that none but its owner reads."""
    if path.exists() and not path.is_file():
        raise _refusal(path, f"it is a directory or a device: name a file, such as {path / 'state.db'}")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _lock(path, stack)
    # Only before SQLite opens it: closing any descriptor of the file would drop the locks that SQLite holds on it.
    os.close(_open_private(path))


def _lock(path: Path, stack: ExitStack) -> None:
    """Hold a lock until the process ends, however it ends. It is not on the file itself: others may read that."""
    file = stack.enter_context(os.fdopen(_open_private(path.with_name(f"{path.name}.lock")), "r+", encoding="utf-8"))
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = file.read(20).strip()
        who = f"process {holder}" if holder.isdecimal() else "a process"
        raise _refusal(path, f"another exporter uses it ({who}): stop that one, or give each a path") from error
    file.truncate()
    file.write(f"{os.getpid()}\n")
    file.flush()


def _open_private(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def _recognise(connection: sqlite3.Connection, path: Path, newest_version: int) -> None:
    """Refuse what is not a sound state file of this version or an older one. A file without content is a new one."""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (objects,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application_id != APPLICATION_ID and (application_id or objects):
        raise _refusal(path, f"it is another program's database: choose another path, or {MOVE_AWAY}")
    if version > newest_version:
        made_by = f"a newer version of the exporter made it (schema {version}, known here: up to {newest_version})"
        raise _refusal(path, f"{made_by}: run that version, or {MOVE_AWAY}")
    (finding,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if finding != "ok":
        raise _refusal(path, f"it is damaged: {MOVE_AWAY}")


def _hide(path: Path) -> None:
    """Let none but the owner read the token, whoever copied the file here. SQLite gives new side files its mode."""
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        with suppress(FileNotFoundError):
            path.with_name(name).chmod(0o600)


def _tune(connection: sqlite3.Connection) -> None:
    """Let readers read while we write, and writes wait for no disk.

    With a write-ahead log, NORMAL never damages the file and a killed process loses nothing it committed, for that is
    in the kernel's hands; only a power cut can take the last transactions back, whole. FULL would cost each poll a
    sync of the disk to save what one more poll brings back.
    """
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")


def _migrate(connection: sqlite3.Connection, migrations: tuple[str, ...]) -> None:
    """Bring the schema up to date, one version in one transaction: a process killed on the way goes on from there."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for number, script in enumerate(migrations[version:], start=version + 1):
        marks = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {number}"
        connection.executescript(f"BEGIN IMMEDIATE; {script}; {marks}; COMMIT;")
