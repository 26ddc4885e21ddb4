"""The commands a person types: one module each, and this front door that finds the one meant."""

import argparse
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

from exporter import DOCS_URL, __version__
from exporter.cli.command import PROGRAM, Command
from exporter.cli.commands import COMMANDS
from exporter.defaults import LISTEN_PORT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from exporter.errors import ConfigurationError

_DESCRIPTION = """\
Prometheus exporter for Zoho CRM mass-update jobs.

Zoho runs mass updates in the background and says nothing when they fail,
stall or never start. This exporter asks Zoho for the state of the jobs you
name, when Prometheus scrapes it, and shows them as metrics.
"""

_DOCUMENTATION = f"documentation: {DOCS_URL}/docs/README.md"
_EPILOG = f"""\
examples:
  {PROGRAM} demo                           watch made-up jobs
  {PROGRAM} check --config.file=zoho.yaml  is that file right?
  {PROGRAM} --config.file=zoho.yaml        serve on :{LISTEN_PORT}

One account needs no file: set ZOHO_CLIENT_ID, ZOHO_CLIENT_SECRET,
ZOHO_REFRESH_TOKEN, ZOHO_DATA_CENTER and ZOHO_JOBS.
'{PROGRAM} COMMAND --help' tells another's flags.

{_DOCUMENTATION}
"""


class _Help(argparse.HelpFormatter):
    """What wraps sentences to the terminal's width, and breaks no address."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        """Leave whole what has no space in it, hyphens or not."""
        from textwrap import fill  # noqa: PLC0415 - argparse's own way: who asks for no help does not wait for it

        return fill(
            text, width, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are a line that says what is wrong, and one that says where to read on."""

    def error(self, message: str) -> NoReturn:
        """End with status 2."""
        _complain(f"{self.prog}: {message}", f"What there is: {self.prog} --help")
        self.exit(2)

    def _print_message(self, message: str, file: Any = None) -> None:  # noqa: ANN401 - argparse's own signature
        """Write what was asked for; argparse keeps silent where that fails."""
        if file is sys.stdout:
            sys.stdout.write(message)
        else:
            super()._print_message(message, file)


def main(arguments: "Sequence[str]") -> int:
    """Run a command and give its exit status: 2 when the arguments or the configuration are wrong."""
    try:
        try:
            return _run(arguments)
        finally:
            sys.stdout.flush()
    except OSError as error:
        from exporter.cli.output import give_up, is_lost  # noqa: PLC0415 - only who is not read needs it

        if not is_lost(error):
            raise
        return give_up(error)


def _run(arguments: "Sequence[str]") -> int:
    options = _parsed(arguments)
    from exporter.errors import ConfigurationError, ExporterError  # noqa: PLC0415 - help needs nothing of ours

    try:
        return int(options.command.execute(options))
    except ConfigurationError as error:
        _complain(*_complaint(error))
        return 2
    except ExporterError as error:
        advice = getattr(error, "advice", "")
        _complain(f"{PROGRAM}: {error}{f': {advice}' if advice else ''}")
        return 1


def create_parser(first: str = "") -> argparse.ArgumentParser:
    """Build the parser of all commands; where the first word is known, of the flags that it leads to alone."""
    default, *_ = COMMANDS
    parser = _Parser(
        prog=PROGRAM,
        usage="%(prog)s [COMMAND] [FLAG ...]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", prog=PROGRAM, required=True)
    for command in COMMANDS:
        added = _added(command, commands)
        if first in {"", command.name}:
            command.add_flags(added)
    # For the help alone: where no command is named, the default's own parser reads its flags.
    if not first or first.startswith("-"):
        default.add_flags(parser.add_argument_group(f"flags of {default.name}"))
    return parser


def _added(command: Command, commands: "argparse._SubParsersAction[_Parser]") -> _Parser:
    parser = commands.add_parser(
        command.name,
        help=command.summary,
        description=command.description,
        epilog=_DOCUMENTATION,
        formatter_class=_Help,
        allow_abbrev=False,
    )
    parser.set_defaults(command=command, refuse=parser.error)
    return parser


def _parsed(arguments: "Sequence[str]") -> argparse.Namespace:
    """Read the arguments, or end with status 2 and say what was probably meant."""
    words = _with_command(arguments)
    parser = create_parser(words[0])
    if not words[0].startswith("-") and words[0] not in {command.name for command in COMMANDS}:
        parser.error(_typos().unknown_command(words[0], _flags()))
    options, unknown = parser.parse_known_args(words)
    if unknown:
        command = options.command
        options.refuse(_typos().unknown_words(command.name, unknown, _flags(), takes_words=bool(command.words)))
    return options


def _typos() -> "ModuleType":
    return import_module("exporter.cli.typos")  # it loads what only a mistake needs


def _flags() -> dict[str, tuple[str, ...]]:
    return {command.name: command.flag_names for command in COMMANDS}


def _with_command(arguments: "Sequence[str]") -> list[str]:
    """Put in the default command where none is named: the first word names it, or is a flag of the default's."""
    first = arguments[0] if arguments else "--"
    is_flag = first.startswith("-") and first not in {"-h", "--help", "--version"}
    return [COMMANDS[0].name, *arguments] if is_flag or not arguments else list(arguments)


def _complaint(error: "ConfigurationError") -> list[str]:
    count = len(error.problems)
    title = f"{PROGRAM}: {count} problem{'' if count == 1 else 's'}:"
    return [title, *(f"  {problem}" for problem in error.problems), *(f"warning: {one}" for one in error.warnings)]


def _complain(*lines: str) -> None:
    """Say what is wrong, without the secrets that stand in it."""
    from exporter.cli.output import tell  # noqa: PLC0415 - who makes no mistake needs neither
    from exporter.forms import masked  # noqa: PLC0415

    tell(*masked(lines))
