"""Whether a state file could be used: looked at, and left as it is."""

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from exporter.errors import ConfigurationError
from exporter.state import SqliteStore, inspect_database, inspect_state

URL = "postgresql://zoho@db/zoho"


def refusal(path: Path) -> str:
    """Inspect a file that can't be used, and give what is told."""
    with pytest.raises(ConfigurationError) as caught:
        inspect_state(path)
    [problem] = caught.value.problems
    assert problem.place == "state.path"
    return problem.message.partition(" can't be used: ")[2]


def test_memory_and_new_files_are_fine(tmp_path: Path) -> None:
    """Nothing is made, not even a directory."""
    inspect_state(None)
    inspect_state(tmp_path / "state.db")
    inspect_state(tmp_path / "a" / "b" / "state.db")
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - names are enough


def test_own_file_is_fine_open_and_closed(tmp_path: Path) -> None:
    """A check before a restart finds the exporter running; neither the file nor its log is touched."""
    path = tmp_path / "state.db"
    with closing(SqliteStore(path)):
        inspect_state(path)
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    inspect_state(path)
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_empty_file_is_a_new_one(tmp_path: Path) -> None:
    """`touch` is a way to test permissions."""
    (tmp_path / "state.db").touch()
    inspect_state(tmp_path / "state.db")


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    """Whoever mistypes a path loses nothing."""
    path = tmp_path / "grafana.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE dashboards (id INTEGER)")
    assert refusal(path).startswith("it is another program's database: choose another path")


def test_newer_file_is_refused(tmp_path: Path) -> None:
    """As a start would."""
    path = tmp_path / "state.db"
    SqliteStore(path).close(10)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    assert refusal(path).startswith("a newer version of the exporter made it (schema 99, known here: up to 2)")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        pytest.param("", "it is a directory or a device: name a file, such as ", id="directory"),
        pytest.param("text", "it is not a state file: choose another path", id="text"),
        pytest.param("text/state.db", "Not a directory: a part of the path is a file", id="below a file"),
    ],
)
def test_what_is_no_state_file_is_refused(tmp_path: Path, name: str, told: str) -> None:
    """In the words of a start."""
    (tmp_path / "text").write_text("no database, and none of ours")
    assert refusal(tmp_path / name).startswith(told)


def refused_database(*parameters: str) -> str:
    """Inspect a database that can't be asked, and give what is told."""
    with pytest.raises(ConfigurationError) as caught:
        inspect_database(URL, parameters)
    return str(caught.value)


def test_database_of_known_parameters_is_fine() -> None:
    """Whether it answers is no question yet."""
    inspect_database(URL, [])
    inspect_database(URL, ["sslmode", "sslrootcert", "passfile", "service", "target_session_attrs"])


def test_unknown_parameter_is_told_unless_it_may_be_a_piece_of_a_password() -> None:
    """Libpq would end each attempt to connect with it, and quote the address."""
    assert refused_database("sslmode", "ssl_mode").startswith('state.url: "ssl_mode" is no parameter that')
    assert refused_database("hunter2").startswith("state.url: what stands behind a ? or & is no parameter that")


@pytest.mark.parametrize("url", ["postgresql://z%oho@db/zoho", "postgresql://db/zo%00ho", "postgresql://db/z?sslmode"])
def test_url_that_the_driver_does_not_take_is_told(url: str) -> None:
    """It would end the start with a traceback."""
    with pytest.raises(ConfigurationError, match=r"^state\.url: is not as PostgreSQL's driver takes it: see to each %"):
        inspect_database(url, [])


def test_missing_driver_is_told_with_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra of the package."""
    for name in [name for name in sys.modules if name.startswith("exporter.state.postgres")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    told = "needs PostgreSQL's driver, which is not here: pip install 'zoho-mass-update-exporter[postgres]'"
    assert refused_database() == f"state.url: {told}"
