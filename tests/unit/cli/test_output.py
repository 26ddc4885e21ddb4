"""What people read of a command, in a terminal and elsewhere."""

import os
import pty
import struct
import termios
from contextlib import redirect_stderr
from fcntl import ioctl

import pytest

from exporter.cli.output import say

SENTENCE = "Zoho said no, for a reason that is at https://example.com/a-page-with-a-long-name, as so often."
COMMAND = "To go on: zoho-mass-update-exporter status zoho/Leads/3524033000006027001 --watch"


def in_a_terminal(said: str) -> list[str]:
    """Say it in a terminal of forty columns, and give what then stands there."""
    master, slave = pty.openpty()
    os.set_blocking(master, False)
    ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    with open(slave, "w", encoding="utf-8") as stream, redirect_stderr(stream):  # noqa: PTH123 - a descriptor
        say(said)
        lines = os.read(master, 4096).decode().splitlines()
    os.close(master)
    return lines


@pytest.mark.parametrize(
    ("said", "lines"),
    [
        pytest.param(
            SENTENCE,
            [
                "Zoho said no, for a reason that is at",
                "https://example.com/a-page-with-a-long-name,",
                "as so often.",
            ],
            id="an address stays whole",
        ),
        pytest.param(
            COMMAND,
            ["To go on:", "  zoho-mass-update-exporter status zoho/Leads/3524033000006027001 --watch"],
            id="a command stands alone",
        ),
        pytest.param(
            "  zoho-mass-update-exporter check --config.file=zoho.yaml",
            ["  zoho-mass-update-exporter check --config.file=zoho.yaml"],
            id="a command by itself",
        ),
        pytest.param(
            "\n  warning: one two three four five six seven",
            ["", "  warning: one two three four five six", "  seven"],
            id="an indented line",
        ),
        pytest.param("  a    short line", ["  a    short line"], id="short"),
    ],
)
def test_a_terminal_breaks_no_word(said: str, lines: list[str]) -> None:
    """Lines end between words, and what is to be copied is one line."""
    assert in_a_terminal(said) == lines


def test_elsewhere_lines_stay_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    """A file or a pipe has a line for each."""
    say(SENTENCE, COMMAND)
    assert capsys.readouterr().err == f"{SENTENCE}\n{COMMAND}\n"
