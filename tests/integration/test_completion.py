"""Completion as real shells do it: keys pressed in a terminal, and the words that the command then gets."""

import os
import pty
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Thread

import pytest
from processes import bare_environment, eventually, exporter_command
from programs import Program

PRESSED = {
    "che\t": ["check"],
    "--log.le\tdeb\t": ["--log.level=debug"],
    "check --li\t": ["check", "--live"],
    "check --format \tte\t": ["check", "--format", "text"],
    "jobs --format=\tcs\t": ["jobs", "--format=csv"],
    "plan --conf\tzo\t": ["plan", "--config.file=zoho.yaml"],
    "print com\t--shell=z\t": ["print", "completion", "--shell=zsh"],
    "run --web.config.file cert\tweb\t": ["run", "--web.config.file", "certificates/web.yml"],
    "plan --liv\t": ["plan", "--liv"],
    "print --format=s\t": ["print", "--format=s"],
    "untrack --odd=\t": ["untrack", "--odd="],
    "jobs --watch=\t": ["jobs", "--watch="],
    "track --label=team=\t": ["track", "--label=team="],
    "login --output=k\t": ["login", "--output=kubernetes"],
    "state co\tkept\tcopy\t": ["state", "copy", "kept.db", "copy.db"],
    "state --password-file=zo\tcopy ./kept\tzo\t": [
        *("state", "--password-file=zoho.yaml", "copy", "./kept.db", "zoho.yaml")
    ],
    "state copy --pass\tzo\tkept\t": ["state", "copy", "--password-file=zoho.yaml", "kept.db"],
    "init --config.file=a\\ \t": ["init", "--config.file=a name.yaml"],
}
"""What is typed after the program's name, and the words that come of it."""
SHELLS = {
    "bash": (["--norc", "--noprofile", "-i"], ""),
    "zsh": (["-f", "-i"], "autoload -Uz compinit && compinit -D -u && unsetopt prompt_cr\n"),
}


@contextmanager
def terminal(command: list[str], directory: Path) -> Iterator[tuple[int, list[str]]]:
    """Run a shell in a terminal of its own; give where keys are pressed, and what it shows."""
    ours, theirs = pty.openpty()
    environment = bare_environment(TERM="dumb", PS1="", HISTFILE="", LC_ALL="C.UTF-8")
    shell = subprocess.Popen(
        command, cwd=directory, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    shown: list[str] = []
    reader = Thread(target=_collect, args=(ours, shown), daemon=True)
    reader.start()
    try:
        yield ours, shown
    finally:
        shell.kill()
        shell.wait()
        reader.join()
        os.close(ours)


def _collect(terminal: int, shown: list[str]) -> None:
    try:
        while data := os.read(terminal, 4096):
            shown.append(data.decode())
    except OSError:  # the other end is closed
        return


@pytest.mark.parametrize("shell", SHELLS)
def test_shell_completes(shell: str, program: Program, tmp_path: Path) -> None:
    """A command, a flag, its words and its files are completed, each in both ways of writing a flag."""
    (tmp_path / "certificates").mkdir()
    for name in ("zoho.yaml", "certificates/web.yml", "a name.yaml", "kept.db", "copy.db"):
        (tmp_path / name).touch()
    script = subprocess.check_output(
        exporter_command("print", "completion", f"--shell={shell}"), env=bare_environment(), text=True
    )
    (tmp_path / ".completion").write_text(script)
    flags, beginning = SHELLS[shell]
    with terminal([program(shell), *flags], tmp_path) as (keys, shown):
        # The program itself is not run: completion needs the shell alone.
        os.write(keys, f"{beginning}source ./.completion\n".encode())
        os.write(keys, b"""zoho-mass-update-exporter() { printf '<%s>' "$@" >>got; echo >>got; }\n""")
        os.write(keys, b"echo rea''dy\n")
        eventually(lambda: "ready" in "".join(shown), "the shell does not begin")
        for number, typed in enumerate(PRESSED, 1):
            os.write(keys, f"zoho-mass-update-exporter {typed}\n".encode())
            eventually(partial(_has_lines, tmp_path, number), f"{typed!r}: {''.join(shown)}")
    assert dict(zip(PRESSED, _lines(tmp_path), strict=True)) == {
        typed: "".join(f"<{word}>" for word in words) for typed, words in PRESSED.items()
    }


def _has_lines(directory: Path, count: int) -> bool:
    return len(_lines(directory)) == count


def _lines(directory: Path) -> list[str]:
    file = directory / "got"
    return file.read_text().splitlines() if file.exists() else []


def test_shellcheck_has_no_remark(tmp_path: Path) -> None:
    """What people put into their shells is clean."""
    script = tmp_path / "completion.bash"
    script.write_bytes(subprocess.check_output(exporter_command("print", "completion"), env=bare_environment()))
    checked = subprocess.run(
        [Path(exporter_command()[0]).parent / "shellcheck", script], capture_output=True, text=True, check=False
    )
    assert (checked.stdout, checked.returncode) == ("", 0)
