"""What a command is: a row of plain data, so that help and complaints load nothing of what commands do."""

import gc
from argparse import Action, ArgumentParser, ArgumentTypeError, Namespace
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from exporter.cli.flags import FLAGS, Flag

if TYPE_CHECKING:
    from argparse import _ArgumentGroup
    from collections.abc import Iterator, Mapping

PROGRAM = "zoho-mass-update-exporter"
_FILE = "FILE"
"""Stands for the value of a flag that names a file, which may be any bytes."""


class Command(NamedTuple):
    """One command.

    `module` has what it does: a function `execute` that takes the flags, gives the exit status, and may raise
    `ConfigurationError`. `flags` are named by what they give; `defaults` say what some are without the flag, where the
    settings do not. `words` stand for themselves, without a flag before them.
    """

    name: str
    summary: str
    description: str
    module: str
    flags: tuple[str, ...]
    words: tuple[str, ...] = ()
    defaults: "Mapping[str, str]" = {}  # noqa: RUF012 - nobody changes it

    @property
    def flag_names(self) -> tuple[str, ...]:
        """The flags as they are typed."""
        return tuple(FLAGS[name].typed(name) for name in self.flags)

    def add_flags(self, parser: "ArgumentParser | _ArgumentGroup") -> None:
        """Add words and flags to the command's parser, or to a group of another's help."""
        for name in (*self.words, *self.flags):
            flag = FLAGS[name]
            shown = flag.help.format(self.defaults.get(name) or flag.default)
            name_or_flag, more = (
                (name, _reading(flag) | _MANY[flag.is_repeatable] | _shown(flag))
                if name in self.words
                else (flag.typed(name), {"dest": name, **_reading(flag)})
            )
            parser.add_argument(name_or_flag, help=shown, **more)

    def line(self, options: Namespace, *words: str) -> str:
        """Give the line that types it: the words, and those of its flags that the options have."""
        import shlex  # noqa: PLC0415 - who asks for help types no line

        given = [(FLAGS[name], FLAGS[name].typed(name), getattr(options, name, None)) for name in self.flags]
        flags = (
            typed if flag.value is True else f"{typed}={one}"
            for flag, typed, value in given
            for one in (value if isinstance(value, list) else [value])
            if one is not None
        )
        return shlex.join((PROGRAM, self.name, *words, *flags))

    def execute(self, options: Namespace) -> int:
        """Load what the command does, do it, and give the exit status.

        Raises:
            ConfigurationError: what the flags or the settings say is wrong.
        """
        with importing():
            module = import_module(self.module)
        try:
            return int(module.execute(options))
        finally:
            gc.unfreeze()  # a process that ends with garbage put aside may crash


@contextmanager
def importing() -> "Iterator[None]":
    """Look for no garbage among what is imported within, over and over: a sixth of a start went on it."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # the next looks leave it alone
        gc.enable()


_MANY: "dict[bool, dict[str, Any]]" = {False: {}, True: {"action": "extend", "nargs": "+"}}
"""How often a word may stand there: once, or as often as one likes."""


def _shown(flag: Flag) -> dict[str, str]:
    """Say how a word is shown that stands for itself, where a complaint would have our own name of it."""
    return {"metavar": " or ".join(flag.value)} if isinstance(flag.value, tuple) else {}


def _reading(flag: Flag) -> dict[str, Any]:
    """Say how argparse is to read a flag."""
    match flag.value:
        case True:
            return {"action": "store_const", "const": "true"}
        case str():
            action = "append" if flag.is_repeatable else _Once
            return {"action": action, "metavar": flag.value, "type": str if flag.value == _FILE else _utf8}
        case tuple() if flag.is_setting:  # a wrong word is told with all that is wrong with the settings
            return {"action": _Once, "metavar": f"{{{','.join(flag.value)}}}"}
    return {"action": _Once, "choices": flag.value}


def _utf8(word: str) -> str:
    """Refuse what is no text: Zoho, or an exporter, would be sent something else than was typed."""
    try:
        word.encode()
    except UnicodeEncodeError as error:
        raise ArgumentTypeError("is not UTF-8 text") from error
    return word


class _Once(Action):
    """A flag that is given once: of two values nobody knows which was meant."""

    def __call__(self, parser: ArgumentParser, given: Namespace, value: object, typed: str | None = None) -> None:
        if typed and getattr(given, self.dest) is not None:
            parser.error(f"{typed} is given twice")
        setattr(given, self.dest, value)
