"""`state`: what outlives the exporter, copied from a file into a database or back."""

import os
from argparse import Namespace
from collections import Counter
from functools import partial
from pathlib import Path

from exporter.cli.output import say
from exporter.errors import ConfigurationError
from exporter.files import explain, read_named_secret, refused
from exporter.settings import parameters_of, parse_database_url, parse_state_path, state_file
from exporter.state import inspect_database
from exporter.state.documents import Kind
from exporter.state.moving import FilePlace, Place, copy
from exporter.words.phrases import counted

_TOLD = {Kind.JOB: "job", Kind.RETIRED: "retired job", Kind.TOTALS: "module"}


_OF_SETTINGS = {"state.password_file": "--password-file", ", in the settings state.url": ""}
"""What a path or an address that is none is told by, and how that is called here."""


def execute(options: Namespace) -> int:
    """Copy everything, and say how much it was."""
    source, target = _named("FROM", options.source), _named("TO", options.target)
    if source == target:
        raise refused("TO", "is the same as FROM")
    if options.password_file is not None and not (_is_database(source) or _is_database(target)):
        raise refused("--password-file", "goes together with a database")
    if not _is_database(source):
        _look_at(Path(options.source))
    rows = copy(_place("FROM", source, options), _place("TO", target, options), say)
    numbers = Counter(row.kind for row in rows)
    accounts = counted(len({row.account for row in rows}), "account")
    spent = sum(value for row, value in rows.items() if row.kind is Kind.CREDITS and isinstance(value, int))
    kinds = (counted(numbers[kind], what) for kind, what in _TOLD.items())
    say(f"Copied into {target}: {', '.join((accounts, *kinds, counted(spent, 'spent credit')))}.")
    say("FROM is as it was. Start no exporter with it any more: what both go on with would count twice.")
    return 0


def _named(word: str, text: str) -> str:
    """Give a database's address as it is, and a file's whole path."""
    if _is_database(text):
        return text
    try:
        file = state_file(Path(parse_state_path(text)))
    except ValueError as error:
        raise _refused(word, error) from error
    if file is None:
        raise refused(word, f"{text} keeps nothing: name a file, such as ./{text}")
    return os.path.realpath(file)


def _look_at(file: Path) -> None:
    """See that there is something to copy: none is made."""
    try:
        file.stat()
    except OSError as error:
        raise refused("FROM", f"{file} {explain(error, file)}") from error


def _place(word: str, text: str, options: Namespace) -> Place:
    if not _is_database(text):
        return FilePlace(Path(text), word)
    try:
        url = parse_database_url(text)
    except ValueError as error:
        raise _refused(word, error) from error
    inspect_database(url, parameters_of(url), word)
    from exporter.state.postgres.moving import DatabasePlace  # noqa: PLC0415 - its driver is an extra, which few have

    file = options.password_file
    return DatabasePlace(url, word, None if file is None else partial(read_named_secret, "--password-file", file))


def _refused(word: str, error: ValueError) -> ConfigurationError:
    message = str(error)
    for setting, here in _OF_SETTINGS.items():
        message = message.replace(setting, here)
    return refused(word, message)


def _is_database(text: str) -> bool:
    return "://" in text
