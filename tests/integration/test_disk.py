"""A disk that fails: a clear message at the start, a degraded but complete page at run time, nothing lost after it."""

import re
import signal
import sqlite3
import stat
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from journey import Exporter, SettingsFor, account_variables, every
from processes import bare_environment, eventually, exporter_command, unmeasured_environment
from programs import Program
from samples import Clock, within

from exporter.app.application import Application
from exporter.simulator import Simulator
from exporter.state import SqliteStore
from exporter.state.file import StateFile

JOB_ID = "3524033000006027001"
OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


def start(
    simulator: Simulator, state: str, directory: Path, *words: str, kilobytes: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Start an exporter that is not expected to come up, or another command; where no file may be larger, if so."""
    variables = {**account_variables(simulator), "ZOHO_JOBS": f"Leads/{JOB_ID}", "ZOHO_STATE__PATH": state}
    command = exporter_command(*(words or ["--web.listen-address=127.0.0.1:0"]))
    environment = bare_environment if kilobytes is None else unmeasured_environment  # coverage writes files
    limit = [] if kilobytes is None else ["sh", "-c", f'ulimit -f {2 * kilobytes} && exec "$@"', "sh"]
    return subprocess.run(
        [*limit, *command],
        env=environment(**variables),
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("state", "said"),
    [
        pytest.param("/proc/state.db", "/proc/state.db", id="file system that takes no files"),
        pytest.param("corrupt.db", "move it away", id="not a database"),
        pytest.param("directory", "directory", id="a directory"),
        pytest.param("loop", "a link that leads to itself", id="a loop"),
        pytest.param("loop/state.db", "a link that leads to itself", id="below a loop"),
        pytest.param("loop/new/state.db", "a link that leads to itself", id="far below a loop"),
        pytest.param("beside-wal.db", "beside-wal.db-wal is a directory, a device or a link: ", id="a log"),
        pytest.param("beside-shm.db", "beside-shm.db-shm is a directory, a device or a link: ", id="an index"),
        pytest.param("beside-lock.db", "beside-lock.db.lock is a directory, a device or a link: ", id="a lock"),
        pytest.param("theirs.db", "theirs.db.lock is another program's: move it away", id="another's lock"),
        pytest.param("linked.db", "linked.db.lock is a directory, a device or a link", id="a link as the lock"),
    ],
)
def test_state_file_that_cannot_be_used_is_told(simulator: Simulator, tmp_path: Path, state: str, said: str) -> None:
    """The start ends with status 2 and a message that says what to do, as `check` does; the user's file stays."""
    for name in ("directory", "beside-wal.db-wal", "beside-shm.db-shm", "beside-lock.db.lock"):
        (tmp_path / name).mkdir()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "theirs.db.lock").write_text("theirs")
    (tmp_path / "linked.db.lock").symlink_to("theirs.db.lock")
    (tmp_path / "corrupt.db").write_text("this is not a database, but it is somebody's file" * 100)
    before = (tmp_path / "corrupt.db").read_bytes()
    for ended in (start(simulator, state, tmp_path, "check"), start(simulator, state, tmp_path)):
        assert ended.returncode == 2
        assert "ZOHO_STATE__PATH: " in ended.stderr
        assert said in ended.stderr
        assert "Traceback" not in ended.stderr
    assert (tmp_path / "theirs.db.lock").read_text() == "theirs"
    assert (tmp_path / "corrupt.db").read_bytes() == before


@pytest.mark.parametrize("state", ["state.db", "new.db", "a/b/new.db"])
def test_disk_without_room_is_told_by_check(simulator: Simulator, tmp_path: Path, state: str) -> None:
    """As by a start, which it refuses: whether there is a state file or not; nothing is left of the attempt."""
    SqliteStore(tmp_path / "state.db").close()
    before = sorted(tmp_path.iterdir())
    assert start(simulator, state, tmp_path, "check").returncode == 0
    checked = start(simulator, state, tmp_path, "check", kilobytes=4)
    assert (checked.returncode, checked.stdout) == (2, "")
    assert f"ZOHO_STATE__PATH: the state file {state} can't be used: File too large: no file may be" in checked.stderr
    assert sorted(tmp_path.iterdir()) == before
    started = start(simulator, state, tmp_path, kilobytes=4)
    assert started.returncode == 2
    assert f"the state file {state} can't be used: " in started.stderr
    assert "ulimit -f" in started.stderr


def test_second_exporter_on_the_same_file_is_refused(
    simulator: Simulator, start_exporter: Callable[..., Exporter], tmp_path: Path
) -> None:
    """The second one says who has the file; once the first is gone, it may have it."""
    path = str(tmp_path / "state.db")
    simulator.set_status("Leads", JOB_ID, "COMPLETED", updated=5, total=5)
    first = start_exporter(jobs=f"Leads/{JOB_ID}", state__path=path)
    first.page()
    ended = start(simulator, path, tmp_path)
    assert ended.returncode == 2
    assert "  ZOHO_STATE__PATH: the state file " in ended.stderr
    assert f"another exporter uses it (process {first.running.process.pid})" in ended.stderr
    assert first.running.stop(signal.SIGTERM) == 0
    asked = simulator.stats().crm_calls
    second = start_exporter(jobs=f"Leads/{JOB_ID}", state__path=path)
    assert f'job_updated_records{{account="acme",job_id="{JOB_ID}",module="Leads"}} 5.0' in second.page()
    assert simulator.stats().crm_calls == asked
    assert simulator.stats().tokens_minted == 1


def test_documented_copy_is_whole_and_private(
    simulator: Simulator, start_exporter: Callable[..., Exporter], program: Program, tmp_path: Path
) -> None:
    """An exporter that starts from the copy knows the job that another has seen end, without asking Zoho."""
    [command] = re.findall(r"```sh\n(umask.*?)```", OPERATIONS.read_text(encoding="utf-8"), re.DOTALL)
    command = command.replace("/var/lib/zoho-mass-update-exporter/", f"{tmp_path}/")
    simulator.set_status("Leads", JOB_ID, "COMPLETED", updated=5, total=5)
    start_exporter(jobs=f"Leads/{JOB_ID}", state__path=str(tmp_path / "state.db")).page()
    subprocess.run([program("bash"), "-ec", command], cwd=tmp_path, env=bare_environment(), check=True)
    copy = tmp_path / "state-copy.db"
    assert stat.filemode(copy.stat().st_mode) == "-rw-------"
    asked = simulator.stats().crm_calls
    restored = start_exporter(jobs=f"Leads/{JOB_ID}", state__path=str(copy))
    assert f'job_updated_records{{account="acme",job_id="{JOB_ID}",module="Leads"}} 5.0' in restored.page()
    assert simulator.stats().crm_calls == asked


class TightFile(StateFile):
    """A state file on a disk that a test fills and frees."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
        self._connection.execute(f"PRAGMA max_page_count = {pages}")

    def make_room(self) -> None:
        """Free the disk."""
        self._connection.execute("PRAGMA max_page_count = 1000000")


def test_full_disk_degrades_to_memory_and_heals(
    simulator: Simulator, settings_for: SettingsFor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """While the disk is full pages are whole and failures are counted; afterwards nothing has been lost."""
    path = tmp_path / "state.db"
    files: list[TightFile] = []

    def open_file(path: Path) -> StateFile:
        files.append(TightFile(path))
        return files[-1]

    jobs = [str(int(JOB_ID) + number) for number in range(60)]
    for job_id in jobs:
        simulator.set_status("Leads", job_id, "RUNNING", updated=30, total=50)
    settings = settings_for(simulator, jobs=",".join(f"Leads/{job_id}" for job_id in jobs), **every("0s"))
    store = SqliteStore(path, open_file=open_file)
    with closing(Application(settings, store, clock=Clock())) as exporter:
        page = exporter.scrape(within(30)).body.decode()
        assert page.count("zoho_mass_update_job_updated_records{") == 60
        assert "zoho_mass_update_exporter_store_behind_since_timestamp_seconds " in page
        eventually(lambda: failures(exporter.scrape(within(30)).body.decode()) > 0, "no failure is told")
        assert not exporter.is_kept()
        files[0].make_room()
        eventually(exporter.is_kept, "the file is not written again")
        for job_id in jobs[:30]:
            simulator.set_status("Leads", job_id, "COMPLETED", updated=49, failed=1, total=50)
        exporter.scrape(within(30))
    assert sum("state file" in record.getMessage() for record in caplog.records) <= 2
    with closing(SqliteStore(path)) as store:
        account = store.account("acme")
    assert {key.job_id for key in account.jobs()} == set(jobs)
    assert {key.job_id for key, job in account.jobs().items() if job.is_terminal} == set(jobs[:30])
    assert account.totals()["Leads"].records == {"updated": 30 * 49 + 30 * 30, "failed": 30}


def test_file_locked_by_another_program_degrades_to_memory_and_heals(
    simulator: Simulator, settings_for: SettingsFor, tmp_path: Path
) -> None:
    """While a shell holds the file pages are whole and failures are counted; the next write makes up for them."""
    path = tmp_path / "state.db"
    simulator.set_status("Leads", JOB_ID, "COMPLETED", updated=50, total=50)
    settings = settings_for(simulator, jobs=f"Leads/{JOB_ID}")
    with closing(Application(settings, SqliteStore(path), clock=Clock())) as exporter:
        with closing(sqlite3.connect(path, isolation_level=None)) as shell:
            shell.execute("BEGIN IMMEDIATE")
            page = exporter.scrape(within(30)).body.decode()
            assert f'job_updated_records{{account="acme",job_id="{JOB_ID}",module="Leads"}} 50.0' in page
            assert "zoho_mass_update_exporter_store_behind_since_timestamp_seconds " in page
            assert 'zoho_crm_api_credits_unwritten{account="acme"} 1.0' in page
            eventually(lambda: failures(exporter.scrape(within(30)).body.decode()) > 0, "no failure is told")
        eventually(exporter.is_kept, "the file is not written again")
        assert 'zoho_crm_api_credits_unwritten{account="acme"} 0.0' in exporter.scrape(within(30)).body.decode()
    with closing(SqliteStore(path)) as store:
        account = store.account("acme")
    assert [job.is_terminal for job in account.jobs().values()] == [True]
    assert account.totals()["Leads"].records["updated"] == 50
    assert account.used() == 1


def test_deleted_file_is_written_again_though_nothing_happens(
    simulator: Simulator, start_exporter: Callable[..., Exporter], tmp_path: Path
) -> None:
    """An exporter of jobs that have all ended asks for nothing any more, and would else lose them at the next crash."""
    path = tmp_path / "state" / "state.db"
    simulator.set_status("Leads", JOB_ID, "COMPLETED", updated=5, total=5)
    settings = {"jobs": f"Leads/{JOB_ID}", "state__path": str(path)}
    start_exporter(**settings).running.stop(signal.SIGTERM)
    exporter = start_exporter(**settings)
    exporter.page()
    path.parent.rename(tmp_path / "elsewhere")
    eventually(lambda: failures(exporter.page()) == 1, "the loss is not told")
    eventually(path.exists, "the file is not written again")
    assert exporter.running.stop(signal.SIGKILL) == -signal.SIGKILL
    asked = simulator.stats().crm_calls
    assert (
        f'job_updated_records{{account="acme",job_id="{JOB_ID}",module="Leads"}} 5.0'
        in start_exporter(**settings).page()
    )
    assert simulator.stats().crm_calls == asked


def failures(page: str) -> float:
    """Give the number of failed writes that a page tells of."""
    rows = [line for line in page.splitlines() if line.startswith("zoho_mass_update_exporter_store_errors_total{")]
    return sum(float(row.rpartition(" ")[2]) for row in rows)
