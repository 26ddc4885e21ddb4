"""Commands that talk to Zoho, typed in a directory of their own; requests-mock plays Zoho."""

import io
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from exporter.cli import main

Run = Callable[..., "Ended"]


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it showed."""

    status: int
    out: str
    err: str


class Keyboard(io.StringIO):
    """Standard input: what somebody types at a terminal, or what comes through a pipe."""

    def __init__(self, text: str, *, is_terminal: bool) -> None:
        super().__init__(text)
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._is_terminal


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Give what runs a command: `typed` at a terminal or `piped` into it, with variables. No time passes in waits."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.lower().startswith("zoho") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name in ("XDG_STATE_HOME", "STATE_DIRECTORY", "DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(time, "sleep", lambda _: None)

    def type_in(*arguments: str, typed: str | None = None, piped: str = "", **variables: str) -> Ended:
        for name, text in variables.items():
            monkeypatch.setenv(name, text)
        is_terminal = typed is not None
        monkeypatch.setattr(sys, "stdin", Keyboard(typed or piped, is_terminal=is_terminal))
        status = main(arguments)
        shown = capsys.readouterr()
        return Ended(status, shown.out, shown.err)

    return type_in
