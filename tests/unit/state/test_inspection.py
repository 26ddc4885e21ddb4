"""Whether a state file could be used: looked at, and left as it is."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from exporter.errors import ConfigurationError
from exporter.state import SqliteStore, inspect_state


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
