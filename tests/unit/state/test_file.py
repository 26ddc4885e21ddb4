"""How the state file is opened: private, locked, recognised; or refused, with what to do and without a change."""

import errno
import os
import random
import re
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from exporter.jobs.state_file import explained
from exporter.jobs.store import Store
from exporter.jobs.tables import MIGRATIONS
from processes import bare_environment
from samples import LEADS, NOW, report, tracked

from exporter.errors import ConfigurationError
from exporter.model import (
    AccountLedger,
    Distribution,
    JobKey,
    JobReport,
    JobSource,
    JobSpec,
    JobState,
    ModuleTotals,
    Observation,
    PollFailure,
    StoredState,
    StoredToken,
    TrackedJob,
)

MOVE_AWAY = "move it away and start again; losing it costs one poll per live job"
NOBODY = 65534

# Saves the job, its totals and the ledger with one number in all of them, then says which; goes on for ever.
WRITER = """
import itertools, sys
from dataclasses import replace
from pathlib import Path
from samples import LEADS, tracked
from exporter.jobs.store import Store
from exporter.model import AccountLedger, ModuleTotals

print("opening", flush=True)
store = Store.open(Path(sys.argv[1]))
print("open", flush=True)
done = max((job.failures_in_a_row for job in store.load().jobs), default=0)
for number in itertools.count(done + 1):
    store.save_ledger("acme", AccountLedger({minute: number for minute in range(number, number + 100)}))
    job = replace(tracked(LEADS), failures_in_a_row=number)
    store.save_job(job, {("acme", "Leads"): ModuleTotals({}, {"updated": number}, {})})
    print(number, flush=True)
"""

# A file as schema version 1 leaves it. Versions to come must read it for ever: do not change it.
VERSION_1 = """
    PRAGMA application_id = 0x5A4D5545;
    PRAGMA user_version = 1;
    CREATE TABLE jobs (
        account TEXT NOT NULL, module TEXT NOT NULL, job_id TEXT NOT NULL,
        source TEXT NOT NULL, job_name TEXT NOT NULL, job_group TEXT NOT NULL, labels TEXT NOT NULL,
        state TEXT, undocumented_word TEXT,
        updated INTEGER, failed INTEGER, not_updated INTEGER, total INTEGER,
        first_seen_at REAL NOT NULL, reported_at REAL, polled_at REAL, next_poll_at REAL,
        started_at REAL, finished_at REAL, progressed_at REAL,
        failure_code TEXT, failure_message TEXT, failure_advice TEXT,
        failure_is_passing INTEGER, failure_is_account_wide INTEGER, failure_retry_at REAL,
        failures_in_a_row INTEGER NOT NULL, history TEXT NOT NULL,
        PRIMARY KEY (account, module, job_id)
    ) WITHOUT ROWID;
    CREATE TABLE retired (
        account TEXT NOT NULL, module TEXT NOT NULL, job_id TEXT NOT NULL, PRIMARY KEY (account, module, job_id)
    ) WITHOUT ROWID;
    CREATE TABLE totals (
        account TEXT NOT NULL, module TEXT NOT NULL, finished TEXT NOT NULL, records TEXT NOT NULL,
        durations TEXT NOT NULL, PRIMARY KEY (account, module)
    ) WITHOUT ROWID;
    CREATE TABLE credits (
        account TEXT NOT NULL, minute INTEGER NOT NULL, credits INTEGER NOT NULL, PRIMARY KEY (account, minute)
    ) WITHOUT ROWID;
    CREATE TABLE mints (
        account TEXT NOT NULL, position INTEGER NOT NULL, minted_at REAL NOT NULL, PRIMARY KEY (account, position)
    ) WITHOUT ROWID;
    CREATE TABLE tokens (
        account TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL, expires_at REAL NOT NULL,
        api_domain TEXT NOT NULL, fingerprint TEXT NOT NULL
    ) WITHOUT ROWID;
    INSERT INTO jobs VALUES (
        'acme', 'Leads', '3524033000006027001', 'config', 'Spring', 'campaign', '{"team":"sales"}',
        'RUNNING', '', 30, 0, 20, 50, 1790000000.0, 1790000030.0, 1790000045.0, 1790000060.0,
        1790000015.0, NULL, 1790000030.0, 'timeout', 'Zoho fell silent', 'check the network', 1, 0, 1790000099.0,
        2, '[[1790000015.0,"RUNNING",0],[1790000030.0,"RUNNING",30]]'
    );
    INSERT INTO retired VALUES ('acme', 'Leads', '3524033000006027000');
    INSERT INTO totals VALUES (
        'acme', 'Leads', '{"COMPLETED":3}', '{"updated":7,"failed":1}',
        '{"COMPLETED":{"bounds":[60.0,600.0],"counts":[1,2,0],"total":400.0}}'
    );
    INSERT INTO credits VALUES ('acme', 29833333, 2), ('acme', 29833334, 1);
    INSERT INTO mints VALUES ('acme', 0, 1789999000.0), ('acme', 1, 1790000000.0);
    INSERT INTO tokens VALUES ('acme', '1000.secret', 1790003600.0, 'https://www.zohoapis.com', 'f1');
"""
VERSION_1_MEANS = StoredState(
    jobs=(
        TrackedJob(
            JobSpec(LEADS, JobSource.CONFIG, "Spring", "campaign", {"team": "sales"}),
            first_seen_at=NOW,
            report=JobReport(JobState.RUNNING, 30, 0, 20, 50),
            reported_at=NOW + 30,
            polled_at=NOW + 45,
            next_poll_at=NOW + 60,
            started_at=NOW + 15,
            progressed_at=NOW + 30,
            failure=PollFailure("timeout", "Zoho fell silent", "check the network", retry_at=NOW + 99),
            failures_in_a_row=2,
            history=(Observation(NOW + 15, JobState.RUNNING, 0), Observation(NOW + 30, JobState.RUNNING, 30)),
        ),
    ),
    retired=frozenset({JobKey("acme", "Leads", "3524033000006027000")}),
    totals={
        ("acme", "Leads"): ModuleTotals(
            {JobState.COMPLETED: 3},
            {"updated": 7, "failed": 1},
            {JobState.COMPLETED: Distribution((60.0, 600.0), (1, 2, 0), 400.0)},
        )
    },
    ledgers={
        "acme": AccountLedger(
            {29833333: 2, 29833334: 1},
            (NOW - 1000, NOW),
            StoredToken("1000.secret", NOW + 3600, "https://www.zohoapis.com", "f1"),
        )
    },
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a path for a state file, in a directory that is not there yet."""
    return tmp_path / "state" / "state.db"


def make_database(path: Path, script: str) -> None:
    """Make a database without our help."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


def make_state_file(path: Path) -> None:
    """Make a state file of many pages."""
    with closing(Store.open(path)) as store:
        for number in range(200):
            store.save_job(replace(tracked(JobKey("acme", "Leads", str(number))), report=report()))


def refusal(path: Path, connect: Callable[[str], sqlite3.Connection] | None = None) -> str:
    """Try to open a state file that can't be used, and give what is said of it."""
    with pytest.raises(ConfigurationError) as caught:
        (Store.open(path, connect=connect) if connect else Store.open(path)).close()
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
        with closing(Store.open(path)):
            modes = {file.name: mode(file) for file in path.parent.iterdir()}
    finally:
        os.umask(umask)
    assert modes == {"state.db": 0o600, "state.db-wal": 0o600, "state.db-shm": 0o600, "state.db.lock": 0o600}
    assert mode(path.parent) == 0o700


def test_file_that_others_could_read_becomes_private(path: Path) -> None:
    """So does a copy made by hand, before anything is written to it."""
    make_database(path, "PRAGMA journal_mode = WAL;" + VERSION_1)
    path.chmod(0o644)
    with closing(Store.open(path)):
        assert {mode(file) for file in path.parent.iterdir()} == {0o600}


def test_existing_directory_keeps_its_mode(tmp_path: Path) -> None:
    """The operator's directory is the operator's."""
    tmp_path.chmod(0o755)
    Store.open(tmp_path / "state.db").close()
    assert mode(tmp_path) == 0o755


def test_second_process_is_refused_until_the_first_is_dead(path: Path) -> None:
    """Two writers never meet; the refusal names the other, and `kill -9` releases its hold."""
    with writer(path) as process:
        assert (said(process), said(process), said(process)) == ("opening", "open", "1")
        assert refusal(path) == (
            f"the state file {path} can't be used: another exporter uses it (process {process.pid}): "
            "stop that one, or give each a path"
        )
    with closing(Store.open(path)) as store:
        assert store.load().jobs


def test_second_store_is_refused_under_any_name(path: Path) -> None:
    """A link to the file leads to the same lock; without a process id the refusal says so."""
    link = path.with_name("link.db")
    with closing(Store.open(path)):
        link.symlink_to(path)
        path.with_name("state.db.lock").write_text("", encoding="utf-8")
        assert "another exporter uses it (a process): stop" in refusal(link)


def test_operator_can_read_while_we_run(path: Path) -> None:
    """The sqlite3 shell shows what was saved last, and does not disturb the next write."""
    with closing(Store.open(path)) as store, closing(sqlite3.connect(path)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM jobs").fetchone() == (0,)
        store.save_job(tracked())
        reader.execute("COMMIT")
        assert reader.execute("SELECT job_id FROM jobs").fetchall() == [("3524033000006027001",)]
        assert store.errors()["save_job"] == 0


@pytest.mark.parametrize("seed", range(8))
def test_killed_writer_leaves_a_sound_file(path: Path, seed: int) -> None:
    """Nothing that was acknowledged is lost, and a job and its totals never part."""
    dice = random.Random(seed)
    acknowledged = 0
    for _ in range(2):
        with writer(path) as process:
            lines = [said(process) for _ in range(dice.choice([1, 2, 3, 20, 300]))]
            process.kill()
            assert process.stdout is not None
            lines += process.stdout.read().split()
        acknowledged = max([acknowledged, *(int(line) for line in lines if line.isdecimal())])
        with closing(Store.open(path)) as store:
            state = store.load()
        saved = max((job.failures_in_a_row for job in state.jobs), default=0)
        totals = state.totals.get(("acme", "Leads"), ModuleTotals({}, {"updated": 0}, {}))
        assert totals.records == {"updated": saved}
        assert acknowledged <= saved <= acknowledged + 1
        spent = state.ledgers.get("acme", AccountLedger()).credits_by_minute
        assert spent in [dict.fromkeys(range(number, number + 100), number) for number in (saved, saved + 1)] or (
            spent == {} and saved == 0
        )


def test_file_without_content_is_a_new_one(path: Path) -> None:
    """Such a file may be what a kill at the very first moment leaves."""
    path.parent.mkdir()
    path.touch()
    with closing(Store.open(path)) as store:
        assert store.load() == StoredState()


def test_version_1_is_read(path: Path) -> None:
    """A file of the first release gives all that it holds, and says what it is to other programs."""
    make_database(path, VERSION_1)
    with closing(Store.open(path)) as store, closing(sqlite3.connect(path)) as reader:
        assert store.load() == VERSION_1_MEANS
        assert reader.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert reader.execute("PRAGMA application_id").fetchone() == (0x5A4D5545,)


def test_schema_we_make_is_the_one_of_version_1(path: Path) -> None:
    """A new file is made by the same steps as an old one is migrated by."""
    make_database(path, VERSION_1)
    with closing(Store.open(path)), closing(sqlite3.connect(path)) as reader:
        old = columns(reader)
    fresh = path.with_name("fresh.db")
    with closing(Store.open(fresh)), closing(sqlite3.connect(fresh)) as reader:
        assert columns(reader) == old


def columns(connection: sqlite3.Connection) -> list[object]:
    """Give every column of every table."""
    query = "SELECT t.name, c.* FROM sqlite_master t, pragma_table_info(t.name) c ORDER BY t.name, c.cid"
    return connection.execute(query).fetchall()


def test_next_version_is_one_more_row(path: Path) -> None:
    """A migration runs once, keeps what is there, and marks the file."""
    make_database(path, VERSION_1)
    migrations = (*MIGRATIONS, "ALTER TABLE retired ADD COLUMN reason TEXT")
    for _ in range(2):
        with closing(Store.open(path, migrations=migrations)) as store, closing(sqlite3.connect(path)) as reader:
            assert store.load() == VERSION_1_MEANS
            assert reader.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)
            assert reader.execute("SELECT reason FROM retired").fetchall() == [(None,)]


def test_migration_that_fails_leaves_the_version_before(path: Path) -> None:
    """Half a migration does not exist."""
    make_database(path, VERSION_1)
    with pytest.raises(ConfigurationError, match="no such table: nowhere"):
        Store.open(path, migrations=(*MIGRATIONS, "DROP TABLE retired; DROP TABLE nowhere"))
    with closing(Store.open(path)) as store:
        assert store.load() == VERSION_1_MEANS


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param(
            "PRAGMA application_id = 0x5A4D5545; PRAGMA user_version = 99; CREATE TABLE jobs (wishes TEXT)",
            f"a newer version of the exporter made it (schema 99, known here: up to {len(MIGRATIONS)}): "
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
            id="without tables",
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
    Store.open(path).close()


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


def test_full_disk_is_refused(path: Path) -> None:
    """A disk without room for the tables is called full."""

    def connect_full(database: str) -> sqlite3.Connection:
        connection = sqlite3.connect(database, isolation_level=None)
        connection.execute("PRAGMA max_page_count = 2")
        return connection

    expected = "database or disk is full: the disk is full: free some space"
    assert refusal(path, connect_full) == f"the state file {path} can't be used: {expected}"


def test_database_locked_by_another_program_is_refused(path: Path) -> None:
    """A shell in the middle of a transaction would fail all our writes."""
    make_state_file(path)

    def connect_at_once(database: str) -> sqlite3.Connection:
        return sqlite3.connect(database, isolation_level=None, timeout=0)

    with closing(sqlite3.connect(path, isolation_level=None)) as shell:
        shell.execute("PRAGMA locking_mode = EXCLUSIVE")
        shell.execute("BEGIN EXCLUSIVE")
        message = refusal(path, connect_at_once)
    assert message.endswith("database is locked: end the other program that writes to it; reading does no harm")


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.EACCES, "let the exporter's user write there, or choose another path"),
        (errno.EPERM, "let the exporter's user write there, or choose another path"),
        (errno.EROFS, "let the exporter's user write there, or choose another path"),
        (errno.ENOSPC, "the disk is full: free some space"),
        (errno.EDQUOT, "the disk is full: free some space"),
        (errno.ENOLCK, "this file system has no locks: choose a path on a local disk"),
        (errno.EIO, "check the disk, its file system and the system's log"),
    ],
)
def test_fault_of_the_file_system_comes_with_advice(number: int, advice: str) -> None:
    """Every fault names the file and ends with what to do."""
    expected = f"the state file state.db can't be used: {os.strerror(number)}: {advice}"
    with pytest.raises(ConfigurationError, match=re.escape(expected)), explained(Path("state.db")):
        raise OSError(number, os.strerror(number))


def test_failing_disk_is_refused(path: Path) -> None:
    """SQLite's own words come with advice, its number or not."""

    def connect_in_vain(_: str) -> sqlite3.Connection:
        raise sqlite3.OperationalError("disk I/O error")

    expected = "disk I/O error: check the disk, its file system and the system's log"
    assert refusal(path, connect_in_vain) == f"the state file {path} can't be used: {expected}"
