"""`state`: what outlives the exporter, copied from a file into a database or back."""

from argparse import Namespace
from collections import Counter
from functools import partial
from pathlib import Path

from exporter.cli.output import say
from exporter.files import read_secret_file, refused
from exporter.settings import parameters_of, parse_database_url
from exporter.state import inspect_database
from exporter.state.documents import Kind
from exporter.state.moving import FilePlace, Place, copy
from exporter.words.phrases import counted

_TOLD = {Kind.JOB: "job", Kind.RETIRED: "retired job", Kind.TOTALS: "module", Kind.CREDITS: "minute of credits"}


def execute(options: Namespace) -> int:
    """Copy everything, and say how much it was."""
    if options.source == options.target:
        raise refused("TO", "is the same as FROM")
    if not _is_database(options.source) and not Path(options.source).exists():
        raise refused("FROM", f"there is no {options.source}")
    rows = copy(_place("FROM", options.source, options), _place("TO", options.target, options), "TO", say)
    numbers = Counter(row.kind for row in rows)
    accounts = counted(len({row.account for row in rows}), "account")
    say(f"Copied: {', '.join((accounts, *(counted(numbers[kind], what) for kind, what in _TOLD.items())))}.")
    say("FROM is as it was. Start no exporter with it any more: what both go on with would count twice.")
    return 0


def _place(word: str, text: str, options: Namespace) -> Place:
    if not _is_database(text):
        return FilePlace(Path(text))
    try:
        url = parse_database_url(text)
    except ValueError as error:
        raise refused(word, str(error)) from error
    inspect_database(parameters_of(url))
    from exporter.state.postgres.moving import DatabasePlace  # noqa: PLC0415 - its driver is an extra, which few have

    return DatabasePlace(url, partial(read_secret_file, Path(options.password_file)) if options.password_file else None)


def _is_database(text: str) -> bool:
    return "://" in text
