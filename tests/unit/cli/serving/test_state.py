"""`state copy`: what it says, and what it refuses. Between a file and a database: tests/unit/state/test_moving.py."""

from pathlib import Path

import pytest
from houses import file_house
from samples import DEALS, LEADS, NOW

from exporter.cli import main
from exporter.model import JobSource, JobSpec
from exporter.state import Purse, SqliteStore

PASSWORD = "hunter2hunter2"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a directory with a state file to work in."""
    monkeypatch.chdir(tmp_path)
    house = file_house(tmp_path / "state.db")
    for key in (LEADS, DEALS):
        house.account.track(JobSpec(key, JobSource.API), NOW)
    house.account.release(house.account.claim(LEADS, Purse(None), 60))
    house.close()
    return tmp_path


def test_copy_is_told_and_can_be_asked_for_again(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What it was, and that the source is not to be used any more."""
    assert main(["state", "copy", "state.db", "copy.db"]) == 0
    assert capsys.readouterr().err.splitlines() == [
        "Copied: 1 account, 2 jobs, 0 retired jobs, 2 modules, 1 spent credit.",
        "FROM is as it was. Start no exporter with it any more: what both go on with would count twice.",
    ]
    assert main(["state", "copy", "state.db", "copy.db"]) == 0
    assert capsys.readouterr().err.splitlines()[0] == "It is there already."
    store = SqliteStore(here / "copy.db")
    assert set(store.account("acme").jobs()) == {LEADS, DEALS}
    store.close()


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        pytest.param("none.db", "copy.db", "FROM: none.db does not exist", id="no-source"),
        pytest.param("empty.db", "copy.db", "FROM: keeps nothing", id="empty-source"),
        pytest.param("state.db", "state.db", "TO: is the same as FROM", id="same"),
        pytest.param("state.db", "./state.db", "TO: is the same as FROM", id="same-otherwise"),
        pytest.param("state.db", f"postgresql://zoho:{PASSWORD}@db/zoho", "TO: holds a password", id="password"),
        pytest.param("mysql://db/zoho", "copy.db", "FROM: is not a database's URL", id="other-database"),
        pytest.param("state.db", "postgresql://db/zoho?x=1", 'TO: "x" is no parameter', id="parameter"),
        pytest.param("state.db", "secrets", "secrets can't be used: it is a directory", id="directory"),
    ],
)
def test_what_can_not_be_copied_is_refused(
    here: Path, capsys: pytest.CaptureFixture[str], source: str, target: str, said: str
) -> None:
    """In words that quote no password, and without a file that was not there."""
    (here / "secrets").mkdir()
    SqliteStore(here / "empty.db").close()
    before = sorted(path.name for path in here.iterdir() if not path.name.endswith(".lock"))
    assert main(["state", "copy", source, target]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert PASSWORD not in err
    assert sorted(path.name for path in here.iterdir() if not path.name.endswith(".lock")) == before
