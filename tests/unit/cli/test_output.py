"""What people read of a command, in a terminal and elsewhere."""

import os
import pty
import struct
import subprocess
import termios
from collections.abc import Callable
from contextlib import redirect_stderr, suppress
from fcntl import ioctl
from functools import partial
from pathlib import Path

import pytest
from processes import exporter_command, unmeasured_environment

from exporter.cli import main
from exporter.cli.output import say, write

SENTENCE = "Zoho said no, for a reason that is at https://example.com/a-page-with-a-long-name, as so often."
COMMAND = "To go on: zoho-mass-update-exporter status zoho/Leads/3524033000006027001 --watch"
ONE_ACCOUNT = """\
accounts:
  acme:
    accounts_url: http://127.0.0.1:1
    api_url: http://127.0.0.1:1
    client_id: 1000.ABCDEFGHIJKLMNOPQRSTUVWXYZ1234
    client_secret: 0123456789abcdef0123456789abcdef0123456789
    refresh_token: 1000.0123456789abcdef0123456789abcdef.0123456789abcdef0123456789abcdef
state: {path: memory}
"""


def in_a_terminal(speak: Callable[[], object]) -> list[str]:
    """Speak in a terminal of forty columns, and give what then stands there."""
    master, slave = pty.openpty()
    ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    with open(slave, "w", encoding="utf-8") as stream, redirect_stderr(stream):  # noqa: PTH123 - a descriptor
        speak()
    said = bytearray()
    with suppress(OSError):  # Linux's way to say that nobody has the terminal open any more
        while written := os.read(master, 4096):
            said += written
    os.close(master)
    return said.decode().splitlines()


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
    assert in_a_terminal(partial(say, said)) == lines


@pytest.mark.parametrize(
    ("letter", "shown"),
    [
        pytest.param("\u202e", "\\u202e", id="right to left"),
        pytest.param("\u2066", "\\u2066", id="isolated"),
        pytest.param("\u200b", "\\u200b", id="no width"),
        pytest.param("\u00ad", "\\xad", id="soft hyphen"),
        pytest.param("\U000e0041", "\\U000e0041", id="tag"),
        pytest.param("\x1b", "\\x1b", id="escape"),
        pytest.param("\x9b", "\\x9b", id="escape of eight bits"),
        pytest.param("\udcff", "\\udcff", id="no text"),
        pytest.param("\u200d", "\u200d", id="joiner"),
        pytest.param("\u0646", "\u0646", id="letter"),
        pytest.param("\n", "\n", id="line"),
    ],
)
def test_what_is_said_and_written_moves_no_cursor(capsys: pytest.CaptureFixture[str], letter: str, shown: str) -> None:
    """Nor does it turn words round."""
    say(f"a{letter}b")
    write(f"c{letter}d")
    written = capsys.readouterr()
    assert (written.err, written.out) == (f"a{shown}b\n", f"c{shown}d\n")


@pytest.mark.parametrize(
    ("words", "variables"),
    [
        pytest.param(("chek{}",), {}, id="command"),
        pytest.param(("check", "--odd{}"), {}, id="flag"),
        pytest.param(("track", "Leads{}/7"), {}, id="job"),
        pytest.param(("jobs", "--exporter.token-file=a{}"), {}, id="secret file"),
        pytest.param(("check", "--config.file=a{}.yaml"), {}, id="settings file"),
        pytest.param(("check",), {"ZOHO_MAX_JOBS": "a{}"}, id="variable"),
    ],
)
def test_what_was_typed_is_shown_as_it_is(tmp_path: Path, words: tuple[str, ...], variables: dict[str, str]) -> None:
    """Whoever echoes it."""
    odd = "\u202e\u2066\u200b"
    ended = subprocess.run(
        exporter_command(*(word.format(odd) for word in words)),
        env=unmeasured_environment(HOME=str(tmp_path), **{name: text.format(odd) for name, text in variables.items()}),
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "\\u202e\\u2066\\u200b" in ended.stderr
    assert not set(odd) & set(ended.stdout + ended.stderr)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(
            ("check",), "warning: zoho.yaml: holds a secret and has the mode 0644, so any user may", id="check"
        ),
        pytest.param(
            ("plan", "--format=json"),
            "acme: no job is configured: this is what one would cost; --jobs=N reckons with more",
            id="plan",
        ),
        pytest.param(
            ("check", "--live"),
            "Asking Zoho takes up to 1 API credit and 1 access token, and as much",
            id="what it will cost",
        ),
        pytest.param(
            ("check", "--fomat=json"), "zoho-mass-update-exporter check: unknown flag --fomat; did you", id="mistyped"
        ),
        pytest.param(("check", "--web.telemetry-path=x"), 'path: "x" is not a path such as /metrics (not', id="wrong"),
    ],
)
def test_every_command_speaks_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    """What it says about its answer has no broken word in a terminal, whoever says it."""
    monkeypatch.chdir(tmp_path)
    Path("zoho.yaml").write_text(ONE_ACCOUNT)
    Path("zoho.yaml").chmod(0o644)
    lines = in_a_terminal(partial(_end_of, [*words, "--config.file=zoho.yaml"]))
    assert said in " ".join(line.strip() for line in lines)
    assert max(map(len, lines)) <= 40


def _end_of(words: list[str]) -> object:
    try:
        return main(words)
    except SystemExit as end:
        return end.code


def test_elsewhere_lines_stay_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    """A file or a pipe has a line for each."""
    say(SENTENCE, COMMAND)
    assert capsys.readouterr().err == f"{SENTENCE}\n{COMMAND}\n"
