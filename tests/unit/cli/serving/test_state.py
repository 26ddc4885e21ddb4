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
        f"Copied into {here / 'copy.db'}: 1 account, 2 jobs, 0 retired jobs, 2 modules, 1 spent credit.",
        "FROM is as it was. Start no exporter with it any more: what both go on with would count twice.",
    ]
    assert main(["state", "copy", "state.db", "copy.db"]) == 0
    assert capsys.readouterr().err.splitlines()[0] == "It is there already."
    store = SqliteStore(here / "copy.db")
    assert set(store.account("acme").jobs()) == {LEADS, DEALS}
    store.close()


def test_file_that_is_called_like_an_address_can_be_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By a path; the directories that it lacks are made."""
    assert main(["state", "copy", "./state.db", "./a=b/sqlite:c.db"]) == 0
    assert f"Copied into {here / 'a=b' / 'sqlite:c.db'}: " in capsys.readouterr().err
    assert (here / "a=b" / "sqlite:c.db").is_file()


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        pytest.param("none.db", "copy.db", "FROM: none.db does not exist", id="no-source"),
        pytest.param("empty.db", "copy.db", "FROM: keeps nothing", id="empty-source"),
        pytest.param("state.db", "state.db", "TO: is the same as FROM", id="same"),
        pytest.param("state.db", "./state.db", "TO: is the same as FROM", id="same-otherwise"),
        pytest.param("state.db", f"postgresql://zoho:{PASSWORD}@db/zoho", "TO: holds a password", id="password"),
        pytest.param("mysql://db/zoho", "copy.db", "FROM: is not a database's URL", id="other-database"),
        pytest.param("state.db", "Postgresql://db/zoho", "TO: is not a database's URL", id="capital"),
        pytest.param("state.db", "postgresql://db/zoho?x=1", 'TO: "x" is no parameter', id="parameter"),
        pytest.param("state.db", "postgresql:/zoho@db/zoho", "TO: looks like an address", id="one-slash"),
        pytest.param("state.db", "postgresql:zoho@db", "TO: looks like an address", id="no-slash"),
        pytest.param("sqlite:state.db", "copy.db", "FROM: looks like an address", id="other-scheme"),
        pytest.param("state.db", f"host=db password={PASSWORD}", "TO: looks like an address", id="keywords"),
        pytest.param("state.db", f" password = {PASSWORD}", "TO: looks like an address", id="spaced-keywords"),
        pytest.param("service=zoho", "copy.db", "FROM: looks like an address", id="service"),
        pytest.param("state.db", "memory", "TO: memory keeps nothing", id="memory"),
        pytest.param("state.db", "-", "TO: - is no file's name here", id="standard-output"),
        pytest.param("state.db", "", 'TO: "" is not a path', id="empty"),
        pytest.param("state.db", "secrets", "TO: the state file {here}/secrets can't be used: ", id="directory"),
        pytest.param("secrets", "copy.db", "FROM: the state file {here}/secrets can't be used: ", id="from-directory"),
        pytest.param("text", "copy.db", "FROM: the state file {here}/text can't be used: ", id="no-state-file"),
        pytest.param("state.db", "text/copy.db", "TO: the state file {here}/text/copy.db can't be ", id="below-a-file"),
    ],
)
def test_what_can_not_be_copied_is_refused(
    here: Path, capsys: pytest.CaptureFixture[str], source: str, target: str, said: str
) -> None:
    """In words that quote no password, and without a file that was not there."""
    (here / "secrets").mkdir()
    (here / "text").write_text("no database, and somebody's")
    SqliteStore(here / "empty.db").close()
    before = sorted(path.name for path in here.iterdir() if not path.name.endswith(".lock"))
    assert main(["state", "copy", source, target]) == 2
    err = capsys.readouterr().err
    assert said.format(here=here) in err
    assert PASSWORD not in err
    assert "state.url" not in err
    assert "state.password_file" not in err
    assert sorted(path.name for path in here.iterdir() if not path.name.endswith(".lock")) == before


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("copy.db", "--password-file: goes together with a database"),
        ("postgresql://zoho@db/zoho", '--password-file: "none" does not exist'),
    ],
)
def test_password_is_told_by_its_flag(here: Path, capsys: pytest.CaptureFixture[str], target: str, said: str) -> None:
    """Where nothing asks for it, and where there is none."""
    assert main(["state", "copy", "state.db", target, "--password-file=none"]) == 2
    assert said in capsys.readouterr().err
    assert not (here / "copy.db").exists()
