"""Questions to the person at the terminal, for what the flags leave out. Standard output stays free for results."""

import getpass
import signal
import sys
import termios
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from exporter.cli.ending import heard
from exporter.cli.output import say, visible
from exporter.errors import ConfigurationError, Problem
from exporter.files import read_named_secret, refuse_unfit, refused

STANDARD_INPUT = "-"
_LONGEST_LINE = 64 * 1024
_UNREADABLE = "\N{REPLACEMENT CHARACTER}"
"""Stands for what is no text in the terminal's encoding."""
_MARK = "\ufeff"
"""Stands before a text of some editors and of PowerShell."""
Check = Callable[[str], str]
"""Says what is wrong with an answer; empty for nothing."""


class Asker:
    """Gives what flags say, asks for what they leave out, and notes what is lacking where nobody can be asked."""

    def __init__(self) -> None:
        self.is_person = sys.stdin.isatty()
        """Whether somebody sits at a terminal."""
        self._lacking: list[Problem] = []

    def text(self, flag: str, given: str | None, question: str, check: Check, *, default: str | None = None) -> str:
        """Give a text: the flag's, the person's or, where there is one, the default.

        The person's is asked for until it is right, or there is no more of it: an `EOFError`.

        Raises:
            ConfigurationError: the flag's is of no use.
        """
        if given is None and not self.is_person:
            return self._without(flag, default)
        if given is None:
            return self._asked(lambda: _line(question), check, default)
        if complaint := check(given.strip()):
            raise refused(flag, complaint)
        return given.strip()

    def secret(self, flag: str, file: str | None, question: str, check: Check) -> str:
        """Give a secret: of the file that the flag names, of standard input, or of the person, without showing it.

        Raises:
            ConfigurationError: the flag's is of no use.
        """
        if self.is_person and file in {None, STANDARD_INPUT}:
            return self._asked(lambda: _unseen(question), lambda text: _told(_unfit(text) or check(text)), None)
        if file is None:
            return self._without(flag, None)
        secret = _piped(flag) if file == STANDARD_INPUT else read_named_secret(flag, file)
        if complaint := check(secret):
            raise refused(flag, complaint)
        return secret

    def confirms(self, question: str) -> bool:
        """Whether the person agrees; nobody does where there is none, or by what was typed before it was asked."""
        with suppress(OSError, termios.error):
            termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
        return self.is_person and _line(f"{question} [y/N] ").lower() in {"y", "yes"}

    def refuse_lacking(self) -> None:
        """Raise a `ConfigurationError` that names each flag that was lacking, if any was."""
        if self._lacking:
            raise ConfigurationError(tuple(self._lacking))

    def _without(self, flag: str, default: str | None) -> str:
        if default is None:
            self._lacking.append(Problem(flag, "is needed where no terminal is there to ask"))
        return default or ""

    def _asked(self, ask: Callable[[], str], check: Check, default: str | None) -> str:
        while True:
            answer = ask()
            if not answer and default is not None:
                return default
            complaint = check(answer)
            if not complaint:
                return answer
            say(f"  {complaint}")


def _line(question: str) -> str:
    sys.stderr.write(visible(question))
    sys.stderr.flush()
    with suppress(UnicodeDecodeError):
        line = sys.stdin.readline(_LONGEST_LINE)
        if not line:
            raise EOFError
        return line.strip()
    return _UNREADABLE


def _unseen(question: str) -> str:
    """Ask without showing what is typed, and show it again before a signal ends the process."""
    before = heard()
    came: list[int] = []
    try:
        for number in before:
            signal.signal(number, _interrupt)
        return getpass.getpass(question).strip()
    except UnicodeDecodeError:
        return _UNREADABLE  # the error carries what was typed
    except KeyboardInterrupt as interrupt:
        came += interrupt.args
        raise
    finally:
        for number, how in before.items():
            signal.signal(number, how)
        for one in came:
            signal.raise_signal(one)


def _interrupt(number: int, _: object) -> NoReturn:
    raise KeyboardInterrupt(number)


def _piped(flag: str) -> str:
    secret = _UNREADABLE
    with suppress(UnicodeDecodeError):
        secret = sys.stdin.readline(_LONGEST_LINE).removeprefix(_MARK)
    if complaint := _unfit(secret):
        raise refused(flag, f"standard input {complaint}")
    return secret.strip()


def _unfit(secret: str) -> str:
    if secret == _UNREADABLE:
        return "is not UTF-8 text"
    if "\0" in secret:
        return "is UTF-16, as some editors and PowerShell write: send it as UTF-8"
    try:
        refuse_unfit(secret)
    except ValueError as error:
        return str(error)
    return ""


def _told(complaint: str) -> str:
    return complaint and f"It {complaint}"
