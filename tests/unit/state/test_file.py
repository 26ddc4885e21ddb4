"""How the state file is opened: private, locked, recognised; or refused, with what to do and without a change."""

import errno
import os
import random
import re
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from processes import bare_environment
from samples import LEADS
from version_1 import SCHEMA

from exporter.errors import ConfigurationError
from exporter.state import SqliteStore
from exporter.state.file import StateFile, explained

MOVE_AWAY = "move it away and start again; losing it costs one poll per live job"
NOBODY = 65534

# Polls one job for ever, each poll with its number in the job and in the totals; says it once its credit is written.
WRITER = """
import itertools, sys
from dataclasses import replace
from pathlib import Path
from samples import LEADS, NOW
from exporter.model import Growth, JobSource, JobSpec
from exporter.state import Purse, SqliteStore

print("opening", flush=True)
account = SqliteStore(Path(sys.argv[1])).account("acme")
print("open", flush=True)
account.track(JobSpec(LEADS, JobSource.CONFIG), NOW)
for number in itertools.count(account.get(LEADS).failures_in_a_row + 1):
    claim = account.claim(LEADS, Purse(None), 60)
    account.wait_written()
    if not account.unwritten():
        print(number, flush=True)
    account.land(claim, lambda job: (replace(job, failures_in_a_row=number), Growth({"updated": 1})))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a path for a state file, in a directory that is not there yet."""
    return tmp_path / "state" / "state.db"


@contextmanager
def opened(path: Path) -> Iterator[SqliteStore]:
    """Open a store, and close it with the block."""
    store = SqliteStore(path)
    try:
        yield store
    finally:
        store.close()


def make_database(path: Path, script: str) -> None:
    """Make a database without our help."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


def make_state_file(path: Path) -> None:
    """Make a state file of many pages."""
    with closing(StateFile(path)) as file:
        file.write([("acme", "job", f"Leads/{number:05}", "x" * 20) for number in range(5000)])


def refusal(path: Path) -> str:
    """Try to open a state file that can't be used, and give what is said of it."""
    with pytest.raises(ConfigurationError) as caught:
        SqliteStore(path)
    (problem,) = caught.value.problems
    assert problem.place == "state.path"
    return problem.message


def mode(path: Path) -> int:
    """Give who may do what with a file."""
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def writer(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a process that writes the state file for ever, and end it with the block in the hard way."""
    environment = bare_environment(PYTHONPATH=os.pathsep.join(entry for entry in sys.path if entry))
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> str:
    """Wait for the process' next line."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the writer ended"
    return line.strip()


@contextmanager
def without_privileges() -> Iterator[None]:
    """Do without what root may; who is not root has nothing to lose."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_all_files_are_private(path: Path) -> None:
    """The token is for the exporter's user alone, whatever the umask allows."""
    umask = os.umask(0)
    try:
        with closing(StateFile(path)):
            modes = {file.name: mode(file) for file in path.parent.iterdir()}
    finally:
        os.umask(umask)
    assert modes == {"state.db": 0o600, "state.db-wal": 0o600, "state.db-shm": 0o600, "state.db.lock": 0o600}
    assert mode(path.parent) == 0o700


def test_file_that_others_could_read_becomes_private(path: Path) -> None:
    """So does a copy made by hand, before anything is written to it."""
    make_database(path, "PRAGMA journal_mode = WAL;" + SCHEMA)
    path.chmod(0o644)
    with closing(StateFile(path)):
        assert {mode(file) for file in path.parent.iterdir()} == {0o600}


def test_existing_directory_keeps_its_mode(tmp_path: Path) -> None:
    """The operator's directory is the operator's."""
    tmp_path.chmod(0o755)
    StateFile(tmp_path / "state.db").close()
    assert mode(tmp_path) == 0o755


def test_second_process_is_refused_until_the_first_is_dead(path: Path) -> None:
    """Two writers never meet; the refusal names the other, and `kill -9` releases its hold."""
    with writer(path) as process:
        assert (said(process), said(process)) == ("opening", "open")
        assert int(said(process)) > 0
        assert refusal(path) == (
            f"the state file {path} can't be used: another exporter uses it (process {process.pid}): "
            "stop that one, or give each a path"
        )
    with opened(path) as store:
        assert store.account("acme").get(LEADS) is not None


def test_second_store_is_refused_under_any_name(path: Path) -> None:
    """A link to the file leads to the same lock; without a process id the refusal says so."""
    link = path.with_name("link.db")
    with closing(StateFile(path)):
        link.symlink_to(path)
        path.with_name("state.db.lock").write_text("", encoding="utf-8")
        assert "another exporter uses it (a process): stop" in refusal(link)


def test_operator_can_read_while_we_run(path: Path) -> None:
    """The sqlite3 shell shows what was saved last, and does not disturb the next write."""
    with closing(StateFile(path)) as file, closing(sqlite3.connect(path)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM documents").fetchone() == (0,)
        file.write([("acme", "job", "Leads/35", "{}")])
        reader.execute("COMMIT")
        assert reader.execute("SELECT key FROM documents").fetchall() == [("Leads/35",)]
        file.write([("acme", "job", "Leads/35", None)])
        assert reader.execute("SELECT key FROM documents").fetchall() == []
        assert not file.is_lost()


@pytest.mark.parametrize("seed", range(8))
def test_killed_writer_leaves_a_sound_file(path: Path, seed: int) -> None:
    """No credit that was waited for is lost, nor more than the poll in flight; a job and its totals never part."""
    dice = random.Random(seed)
    acknowledged = 0
    for _ in range(2):
        with writer(path) as process:
            lines = [said(process) for _ in range(dice.choice([1, 2, 3, 20, 300]))]
            process.kill()
            assert process.stdout is not None
            lines += process.stdout.read().split()
        acknowledged = max([acknowledged, *(int(line) for line in lines if line.isdecimal())])
        with opened(path) as store:
            account = store.account("acme")
            job, totals, spent = account.get(LEADS), account.totals(), account.used()
            assert store.health().errors["load"] == 0
        saved = job.failures_in_a_row if job else 0
        assert (totals["Leads"].records["updated"] if totals else 0) == saved
        assert acknowledged - 1 <= saved <= spent
        assert acknowledged <= spent


def test_file_without_content_is_a_new_one(path: Path) -> None:
    """Such a file may be what a kill at the very first moment leaves."""
    path.parent.mkdir()
    path.touch()
    with opened(path) as store:
        assert store.accounts() == ()


def test_schema_is_the_same_on_every_road(path: Path) -> None:
    """A new file is made by the same steps as an old one is migrated by, and both say what they are."""
    make_database(path, SCHEMA)
    fresh = path.with_name("fresh.db")
    for _ in range(2):
        made = []
        for one in (path, fresh):
            with closing(StateFile(one)), closing(sqlite3.connect(one)) as reader:
                version = reader.execute("PRAGMA user_version").fetchone()
                made.append((columns(reader), version, reader.execute("PRAGMA application_id").fetchone()))
        assert made == [(["account", "kind", "key", "document"], (2,), (0x5A4D5545,))] * 2


def columns(connection: sqlite3.Connection) -> list[str]:
    """Give every column of every table."""
    query = "SELECT c.name FROM sqlite_master t, pragma_table_info(t.name) c ORDER BY t.name, c.cid"
    return [name for (name,) in connection.execute(query)]


def test_migration_that_fails_leaves_the_version_before(path: Path) -> None:
    """Half a migration does not exist: the older exporter can go on with the file."""
    make_database(path, SCHEMA + "DROP TABLE mints;")
    before = path.read_bytes()
    for _ in range(2):
        assert "no such table: mints" in refusal(path)
        with closing(sqlite3.connect(path)) as reader:
            assert reader.execute("PRAGMA user_version").fetchone() == (1,)
            assert reader.execute("SELECT name FROM sqlite_master WHERE name = 'documents'").fetchall() == []
            assert reader.execute("SELECT count(*) FROM jobs").fetchone() == (0,)
    assert len(path.read_bytes()) == len(before)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param(
            "PRAGMA application_id = 0x5A4D5545; PRAGMA user_version = 99; CREATE TABLE jobs (wishes TEXT)",
            f"a newer version of the exporter made it (schema 99, known here: up to 2): "
            f"run that version, or {MOVE_AWAY}",
            id="newer version",
        ),
        pytest.param(
            "CREATE TABLE invoices (total REAL)",
            f"it is another program's database: choose another path, or {MOVE_AWAY}",
            id="another program's tables",
        ),
        pytest.param(
            "PRAGMA application_id = 42",
            f"it is another program's database: choose another path, or {MOVE_AWAY}",
            id="another program's mark",
        ),
        pytest.param(
            "PRAGMA application_id = 0x5A4D5545; PRAGMA user_version = 1",
            f"no such table: jobs: it is not as the exporter makes it: {MOVE_AWAY}",
            id="version 1 without tables",
        ),
        pytest.param(
            "PRAGMA application_id = 0x5A4D5545; PRAGMA user_version = 2",
            f"no such table: documents: it is not as the exporter makes it: {MOVE_AWAY}",
            id="without tables",
        ),
        pytest.param(
            "PRAGMA application_id = 0x5A4D5545; PRAGMA user_version = 2;"
            "CREATE TABLE documents (account TEXT, kind TEXT, document TEXT)",
            f"no such column: key: it is not as the exporter makes it: {MOVE_AWAY}",
            id="without a column",
        ),
    ],
)
def test_database_of_others_is_refused(path: Path, script: str, expected: str) -> None:
    """Each is refused with its reason; its content stays."""
    make_database(path, script)
    assert refusal(path) == f"the state file {path} can't be used: {expected}"
    with closing(sqlite3.connect(path)) as reader:
        assert reader.execute("SELECT name FROM sqlite_master WHERE name = 'retired'").fetchall() == []


def overwritten(content: bytes) -> bytes:
    """Spoil the pages in the middle."""
    middle = len(content) // 2
    return content[:middle] + b"\xff" * 4096 + content[middle + 4096 :]


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        pytest.param(lambda _: b"garbage " * 999, "it is not a state file: choose another path, or ", id="garbage"),
        pytest.param(lambda content: content[: len(content) // 2], "it is damaged: ", id="truncated"),
        pytest.param(lambda content: content[:-100], "it is damaged: ", id="truncated in a page"),
        pytest.param(overwritten, "it is damaged: ", id="a page overwritten"),
    ],
)
def test_damaged_file_is_refused_and_left_alone(path: Path, spoil: Callable[[bytes], bytes], expected: str) -> None:
    """The operator hears what to do, and finds every byte where it was."""
    make_state_file(path)
    content = spoil(path.read_bytes())
    path.write_bytes(content)
    path.chmod(0o640)
    message = refusal(path)
    assert expected in message
    assert message.endswith(MOVE_AWAY)
    assert path.read_bytes() == content
    assert mode(path) == 0o640


def test_refusal_keeps_no_hold(path: Path) -> None:
    """After the operator has moved the file away, the same process can open a new one."""
    path.parent.mkdir()
    path.write_text("not a database, but a long enough text to be read as one")
    refusal(path)
    path.rename(path.with_name("old.db"))
    StateFile(path).close()


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("CREATE TABLE invoices (total REAL)", id="before it is ours"),
        pytest.param("PRAGMA application_id = 0x5A4D5545; PRAGMA user_version = 2", id="when it is read"),
    ],
)
def test_refused_file_is_free_for_another(path: Path, script: str) -> None:
    """Neither lock nor connection is left behind."""
    make_database(path, script)
    refusal(path)
    path.unlink()
    StateFile(path).close()


def test_directory_is_refused(tmp_path: Path) -> None:
    """The likeliest slip of all gets a path to copy."""
    expected = f"it is a directory or a device: name a file, such as {tmp_path}/state.db"
    assert refusal(tmp_path) == f"the state file {tmp_path} can't be used: {expected}"


def test_device_is_refused() -> None:
    """No lock is left beside it."""
    assert "it is a directory or a device" in refusal(Path("/dev/null"))
    assert not Path("/dev/null.lock").exists()


def test_path_through_a_file_is_refused(tmp_path: Path) -> None:
    """A part of the path that is no directory is called so."""
    (tmp_path / "file").touch()
    assert "a part of the path is a file: choose another path" in refusal(tmp_path / "file" / "state.db")


def test_directory_that_we_may_not_write_is_refused(tmp_path: Path) -> None:
    """It is said in the words of the system, with what to do."""
    tmp_path.chmod(0o500)
    path = tmp_path / "state.db"
    with without_privileges():
        message = refusal(path)
    expected = "Permission denied: let the exporter's user write there, or choose another path"
    assert message == f"the state file {path} can't be used: {expected}"


def test_file_system_that_takes_no_files_is_refused() -> None:
    """Even where it is root who asks."""
    assert refusal(Path("/proc/self/state.db")).endswith("let the exporter's user write there, or choose another path")


def test_database_locked_by_another_program_is_refused(path: Path) -> None:
    """A shell in the middle of a transaction would fail all our writes."""
    make_state_file(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as shell:
        shell.execute("PRAGMA locking_mode = EXCLUSIVE")
        shell.execute("BEGIN EXCLUSIVE")
        message = refusal(path)
    assert message.endswith("database is locked: end the other program that writes to it; reading does no harm")


@pytest.mark.parametrize(
    ("code", "words", "advice"),
    [
        (sqlite3.SQLITE_FULL, "database or disk is full", "the disk is full: free some space"),
        (sqlite3.SQLITE_READONLY, "attempt to write", "let the exporter's user write there, or choose another path"),
        (sqlite3.SQLITE_IOERR, "disk I/O error", "check the disk, its file system and the system's log"),
        (
            sqlite3.SQLITE_IOERR_SHMSIZE,
            "disk I/O error",
            "the disk is full: free some space, or let files be larger (ulimit -f)",
        ),
        (sqlite3.SQLITE_IOERR | 13 << 8, "disk I/O error", "check the disk, its file system and the system's log"),
        (None, "disk I/O error", "check the disk, its file system and the system's log"),
    ],
)
def test_fault_of_sqlite_comes_with_advice(code: int | None, words: str, advice: str) -> None:
    """SQLite's own words come with advice, its number or not."""
    error = sqlite3.OperationalError(words)
    if code is not None:
        error.sqlite_errorcode = code
    expected = f"the state file state.db can't be used: {words}: {advice}"
    with pytest.raises(ConfigurationError, match=re.escape(expected)), explained(Path("state.db")):
        raise error


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.EACCES, "let the exporter's user write there, or choose another path"),
        (errno.EPERM, "let the exporter's user write there, or choose another path"),
        (errno.EROFS, "let the exporter's user write there, or choose another path"),
        (errno.ENOSPC, "the disk is full: free some space"),
        (errno.EDQUOT, "the disk is full: free some space"),
        (errno.EFBIG, "no file may be as large as it needs: raise the limit (ulimit -f, LimitFSIZE= of systemd)"),
        (errno.ENOLCK, "this file system has no locks: choose a path on a local disk"),
        (errno.EIO, "check the disk, its file system and the system's log"),
    ],
)
def test_fault_of_the_file_system_comes_with_advice(number: int, advice: str) -> None:
    """Every fault names the file and ends with what to do."""
    expected = f"the state file state.db can't be used: {os.strerror(number)}: {advice}"
    with pytest.raises(ConfigurationError, match=re.escape(expected)), explained(Path("state.db")):
        raise OSError(number, os.strerror(number))


@pytest.fixture
def others_file() -> Iterator[Path]:
    """Give a state file of another user, which its group may write, in a directory that all may enter."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a file of another user")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "state.db"
        StateFile(path).close()
        for file in Path(directory).iterdir():
            os.chown(file, 4321, 1234)
            file.chmod(0o660)
        os.chown(directory, 4321, 1234)
        Path(directory).chmod(0o770)
        yield path


def test_file_of_another_user_that_we_may_write_is_used(others_file: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A platform that gives each process a user of its own, or a restored volume: its mode stays, and that is told."""
    os.setegid(1234)
    os.seteuid(5678)
    try:
        with pytest.raises(PermissionError):
            others_file.chmod(0o600)
        with closing(StateFile(others_file)) as file:
            file.write([("acme", "job", "Leads/35", "{}")])
            assert not file.is_lost()
    finally:
        os.seteuid(0)
        os.setegid(0)
    assert [record.getMessage() for record in caplog.records] == [
        "the state file belongs to another user: its mode stays"
    ]
    assert mode(others_file) == 0o660
    with closing(StateFile(others_file)) as file:
        assert list(file.rows()) == [("acme", "job", "Leads/35", "{}")]
