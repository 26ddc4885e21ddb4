"""Where the state file is when the settings say so, and when they don't."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from exporter.defaults import MEMORY
from exporter.settings import state_file

_ABSENT = Path("/nonexistent")
_DESKTOP = {"XDG_STATE_HOME": "/xdg", "HOME": "/home/ada"}
_SERVICE = {"STATE_DIRECTORY": "/var/lib/private/zoho", **_DESKTOP}

Only = Callable[[Mapping[str, str]], None]


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Only:
    """Give what sets the variables that say where state is, and no others of them."""

    def set_only(environ: Mapping[str, str]) -> None:
        for name in ("STATE_DIRECTORY", "XDG_STATE_HOME", "HOME"):
            monkeypatch.delenv(name, raising=False)
        for name, text in environ.items():
            monkeypatch.setenv(name, text)

    return set_only


_WITHOUT_A_SYSTEM_DIRECTORY: dict[str, tuple[Path | None, Mapping[str, str], Path | None]] = {
    "explicit": (Path("/data/jobs.db"), _SERVICE, Path("/data/jobs.db")),
    "explicit, relative": (Path("jobs.db"), _SERVICE, Path("jobs.db")),
    "memory": (Path("memory"), _SERVICE, None),
    "a file named memory": (Path("/data/memory"), _SERVICE, Path("/data/memory")),
    "systemd": (None, _SERVICE, Path("/var/lib/private/zoho/state.db")),
    "systemd, several": (None, {"STATE_DIRECTORY": "/a:/b"}, Path("/a/state.db")),
    "systemd, empty": (None, {**_DESKTOP, "STATE_DIRECTORY": ""}, Path("/xdg/zoho-mass-update-exporter/state.db")),
    "XDG_STATE_HOME": (None, _DESKTOP, Path("/xdg/zoho-mass-update-exporter/state.db")),
    "XDG_STATE_HOME, empty": (
        None,
        {**_DESKTOP, "XDG_STATE_HOME": ""},
        Path("/home/ada/.local/state/zoho-mass-update-exporter/state.db"),
    ),
    "HOME": (
        None,
        {"HOME": "/home/ada"},
        Path("/home/ada/.local/state/zoho-mass-update-exporter/state.db"),
    ),
}


@pytest.mark.parametrize(
    ("path", "environ", "expected"), _WITHOUT_A_SYSTEM_DIRECTORY.values(), ids=list(_WITHOUT_A_SYSTEM_DIRECTORY)
)
def test_without_a_system_directory(
    path: Path | None, environ: Mapping[str, str], expected: Path | None, only: Only
) -> None:
    """What the settings say, then systemd's directory, then the user's."""
    only(environ)
    assert state_file(path, _ABSENT) == expected


def test_without_anything_it_is_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, only: Only
) -> None:
    """A process without a home still keeps its state."""
    monkeypatch.chdir(tmp_path)
    only({})
    assert state_file(None, _ABSENT) == tmp_path / ".local/state/zoho-mass-update-exporter/state.db"


def test_writable_system_directory_comes_before_the_users(tmp_path: Path, only: Only) -> None:
    """A container's volume needs no setting."""
    only(_DESKTOP)
    assert state_file(None, tmp_path) == tmp_path / "state.db"


def test_systemd_comes_before_the_system_directory(tmp_path: Path, only: Only) -> None:
    """What the service manager chose for this service is the closest word."""
    only(_SERVICE)
    assert state_file(None, tmp_path) == Path("/var/lib/private/zoho/state.db")


def test_file_in_place_of_the_system_directory_is_passed_over(tmp_path: Path, only: Only) -> None:
    """Nothing can be kept in it."""
    only({"HOME": "/home/ada"})
    file = tmp_path / "file"
    file.touch()
    assert state_file(None, file) == Path("/home/ada/.local/state/zoho-mass-update-exporter/state.db")


def test_unwritable_system_directory_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, only: Only
) -> None:
    """A package's directory may be there and belong to somebody else."""
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    only(_DESKTOP)
    assert state_file(None, tmp_path) == Path("/xdg/zoho-mass-update-exporter/state.db")


def test_memory_is_written_as_a_word() -> None:
    """It is the word that the page of settings tells."""
    assert MEMORY == "memory"
