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
from exporter.jobs.store import Store
from journey import Exporter, SettingsFor, account_variables, every
from processes import bare_environment, exporter_command
from programs import Program
from samples import Clock

from exporter.app import Application
from exporter.simulator import Simulator

JOB_ID = "3524033000006027001"
OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


def start(simulator: Simulator, state: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Start an exporter that is not expected to come up."""
    variables = {**account_variables(simulator), "ZOHO_JOBS": f"Leads/{JOB_ID}", "ZOHO_STATE__PATH": state}
    return subprocess.run(
        exporter_command("--web.listen-address=127.0.0.1:0"),
        env=bare_environment(**variables),
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
    ],
)
def test_state_file_that_cannot_be_used_is_told(simulator: Simulator, tmp_path: Path, state: str, said: str) -> None:
    """The start ends with status 2 and a message that says what to do; the user's file is left alone."""
    (tmp_path / "directory").mkdir()
    (tmp_path / "corrupt.db").write_text("this is not a database, but it is somebody's file" * 100)
    before = (tmp_path / "corrupt.db").read_bytes()
    ended = start(simulator, state, tmp_path)
    assert ended.returncode == 2
    assert "state.path: " in ended.stderr
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert (tmp_path / "corrupt.db").read_bytes() == before


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


def test_full_disk_degrades_to_memory_and_heals(
    simulator: Simulator, settings_for: SettingsFor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """While the disk is full pages are whole and failures are counted; afterwards nothing has been lost."""
    path = tmp_path / "state.db"
    connections: list[sqlite3.Connection] = []

    def connect(target: str) -> sqlite3.Connection:
        connection = sqlite3.connect(target, isolation_level=None, check_same_thread=False)
        connections.append(connection)
        return connection

    jobs = [str(int(JOB_ID) + number) for number in range(60)]
    for job_id in jobs:
        simulator.set_status("Leads", job_id, "RUNNING", updated=30, total=50)
    settings = settings_for(simulator, jobs=",".join(f"Leads/{job_id}" for job_id in jobs), **every("0s"))
    store = Store.open(path, connect)
    (pages,) = connections[0].execute("PRAGMA page_count").fetchone()
    connections[0].execute(f"PRAGMA max_page_count = {pages}")
    with closing(Application(settings, store, clock=Clock())) as exporter:
        page = exporter.scrape(30).body.decode()
        assert page.count("zoho_mass_update_job_updated_records{") == 60
        assert failures(page) > 0
        connections[0].execute("PRAGMA max_page_count = 1000000")
        for job_id in jobs[:30]:
            simulator.set_status("Leads", job_id, "COMPLETED", updated=49, failed=1, total=50)
        exporter.scrape(30)
    assert sum("state file" in record.getMessage() for record in caplog.records) <= 2
    with closing(Store.open(path)) as store:
        state = store.load()
    assert {job.spec.key.job_id for job in state.jobs} == set(jobs)
    assert {job.spec.key.job_id for job in state.jobs if job.is_terminal} == set(jobs[:30])
    assert state.totals["acme", "Leads"].records == {"updated": 30 * 49 + 30 * 30, "failed": 30}


def test_file_locked_by_another_program_degrades_to_memory_and_heals(
    simulator: Simulator, settings_for: SettingsFor, tmp_path: Path
) -> None:
    """While a shell holds the file pages are whole and failures are counted; the next write makes up for them."""
    path = tmp_path / "state.db"
    simulator.set_status("Leads", JOB_ID, "COMPLETED", updated=50, total=50)
    settings = settings_for(simulator, jobs=f"Leads/{JOB_ID}")
    with closing(Application(settings, Store.open(path), clock=Clock())) as exporter:
        with closing(sqlite3.connect(path, isolation_level=None)) as shell:
            shell.execute("BEGIN IMMEDIATE")
            page = exporter.scrape(30).body.decode()
        assert f'job_updated_records{{account="acme",job_id="{JOB_ID}",module="Leads"}} 50.0' in page
        assert failures(page) > 0
    with closing(Store.open(path)) as store:
        state = store.load()
    assert [job.is_terminal for job in state.jobs] == [True]
    assert state.totals["acme", "Leads"].records["updated"] == 50
    assert sum(state.ledgers["acme"].credits_by_minute.values()) == 1


def failures(page: str) -> float:
    """Give the number of failed writes that a page tells of."""
    rows = [line for line in page.splitlines() if line.startswith("zoho_mass_update_exporter_store_errors_total{")]
    return sum(float(row.rpartition(" ")[2]) for row in rows)
