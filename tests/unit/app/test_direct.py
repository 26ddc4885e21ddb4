"""Zoho asked by a command."""

import os
import shutil
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import certifi
import pytest
from journey import account_variables

from exporter.app.direct import Direct, Spent
from exporter.errors import ConfigurationError, Problem
from exporter.model import JobKey, JobState
from exporter.redactor import Redactor
from exporter.settings import load_settings
from exporter.simulator import Phase, Scenario, SimulatedJob, Simulator
from exporter.state import SqliteStore

LEADS, DEALS = JobKey("acme", "Leads", "3524033000006027001"), JobKey("acme", "Deals", "3524033000006027002")
JOBS = (
    SimulatedJob(LEADS.module, LEADS.job_id, 50, (Phase("COMPLETED", None, updated=50),)),
    SimulatedJob(DEALS.module, DEALS.job_id, 50, (Phase("RUNNING", None, updated=20),)),
)


@pytest.fixture
def zoho() -> Iterator[Simulator]:
    """Give a Zoho of an ended job and a running one."""
    with Simulator(Scenario(jobs=JOBS)) as simulator:
        yield simulator


def direct(
    zoho: Simulator, directory: Path, clock: Callable[[], float] = time.time, ca_bundle: Path | None = None
) -> Direct:
    """Give what asks that Zoho, and keeps what it has to in the directory."""
    settings = load_settings(
        None,
        overrides={"ca_bundle": ca_bundle},
        environ=account_variables(zoho),
        dotenv_file=None,
        secrets_dir=Path("no secrets directory"),
    )
    return Direct(settings, "acme", Redactor(), directory, clock=clock)


def test_certificates_are_read_once_for_all_looks(zoho: Simulator, tmp_path: Path) -> None:
    """They take longer than all else that a look does by itself."""
    bundle = tmp_path / "ca.pem"
    shutil.copyfile(certifi.where(), bundle)
    looking = direct(zoho, tmp_path, ca_bundle=bundle)
    assert looking.look(DEALS).state is JobState.RUNNING
    bundle.unlink()
    assert looking.look(LEADS).state is JobState.COMPLETED


def _with_another_schema(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 99")


def _with_a_table(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE songs (name TEXT)")


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda file: file.write_bytes(b"garbage" * 1000), id="no database"),
        pytest.param(lambda file: os.truncate(file, file.stat().st_size - 4096), id="cut"),
        pytest.param(_with_a_table, id="another program's"),
        pytest.param(_with_another_schema, id="a newer version's"),
    ],
)
def test_file_that_is_of_no_use_is_put_aside(
    zoho: Simulator, tmp_path: Path, caplog: pytest.LogCaptureFixture, spoil: Callable[[Path], object]
) -> None:
    """It costs a token, and nobody has to look for a file that they did not make; that is told once."""
    assert direct(zoho, tmp_path).look(DEALS).state is JobState.RUNNING
    [file] = tmp_path.glob("*.db")
    spoil(file)
    spoilt = file.read_bytes()
    looking = direct(zoho, tmp_path)
    assert [looking.look(DEALS).state for _ in range(2)] == [JobState.RUNNING] * 2
    assert looking.spent == Spent(credits=2, tokens=1)
    assert file.with_suffix(".unusable").read_bytes() == spoilt
    [warning] = [record for record in caplog.records if "is begun anew" in record.message]
    assert warning.levelname == "ERROR"


@pytest.mark.parametrize("name", ["{}.turn", "{}.db", "{}.db.lock", "{}.db-wal", "{}.unusable"])
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        pytest.param(Path.mkdir, "Is a directory", id="directory"),
        pytest.param(os.mkfifo, "it is a pipe, not a regular file", id="pipe"),
        pytest.param(partial(os.mknod, mode=stat.S_IFSOCK | 0o600), "it is a socket, not a regular file", id="socket"),
        pytest.param(lambda path: path.symlink_to("/dev/full"), "it is a device, not a regular file", id="device"),
    ],
)
def test_what_stands_in_a_files_place_is_named(
    zoho: Simulator, tmp_path: Path, name: str, make: Callable[[Path], object], kind: str
) -> None:
    """With what to do: no setting says where these files are."""
    direct(zoho, tmp_path).look(DEALS)
    [file] = tmp_path.glob("*.db")
    place = tmp_path / name.format(file.stem)
    place.unlink(missing_ok=True)
    make(place)
    with pytest.raises(ConfigurationError) as caught:
        direct(zoho, tmp_path).look(DEALS)
    told = f"can't be used ({kind}): move it away; commands keep the access token and Zoho's answers there"
    assert caught.value.problems == (Problem(str(place), told),)


def test_file_that_cannot_be_opened_is_named(zoho: Simulator, tmp_path: Path) -> None:
    """Nor is it the exporter's own."""
    direct(zoho, tmp_path).look(DEALS)
    [file] = tmp_path.glob("*.db")
    with closing(SqliteStore(file)), pytest.raises(ConfigurationError) as caught:
        direct(zoho, tmp_path).look(DEALS)
    told = (
        "can't be used, and commands keep the access token and Zoho's answers there: another exporter uses it (process "
        f"{os.getpid()}): stop that one, or give each a path"
    )
    assert caught.value.problems == (Problem(str(file), told),)


def test_look_that_is_broken_off_is_counted_too(zoho: Simulator, tmp_path: Path) -> None:
    """Zoho was asked all the same: Ctrl-C comes when its answer is there."""
    signals = iter([KeyboardInterrupt])

    def now() -> float:
        is_answered = zoho.stats().crm_calls and threading.current_thread() is threading.main_thread()
        if is_answered and (pressed := next(signals, None)):
            raise pressed
        return time.time()

    looking = direct(zoho, tmp_path, now)
    with pytest.raises(KeyboardInterrupt):
        looking.look(LEADS)
    assert looking.spent == Spent(credits=1, tokens=1)
