"""All that is kept, whole, so that it can be copied from one store into another: the documents, whatever holds them."""

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Protocol

from exporter.errors import ConfigurationError, Problem
from exporter.state.documents import Row, Value, encode
from exporter.state.file import StateFile, explained
from exporter.state.sqlite import load


class Place(Protocol):
    """Where everything can be read at once, or written at once where nothing is yet, while nobody else is there."""

    def read(self) -> Mapping[Row, Value]:
        """Give everything.

        Raises:
            ConfigurationError: it can't be read, or an exporter works with it.
        """

    def write(self, rows: Mapping[Row, Value]) -> None:
        """Write everything, or nothing.

        Raises:
            ConfigurationError: it can't be written, or an exporter works with it.
        """


class FilePlace:
    """A state file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Mapping[Row, Value]:
        """Give everything in it; nothing where there is none."""
        with closing(StateFile(self._path)) as file:
            rows, unreadable = load(file)
        if unreadable:
            raise refused_whole(str(self._path), unreadable)
        return rows

    def write(self, rows: Mapping[Row, Value]) -> None:
        """Write everything in one transaction."""
        with closing(StateFile(self._path)) as file, explained(self._path):
            file.write((*row, encode(value)) for row, value in rows.items())


def copy(source: Place, target: Place, target_name: str, say: Callable[[str], object]) -> Mapping[Row, Value]:
    """Copy everything into a place that has nothing of the same accounts, look whether it is there, and give it.

    One that has the same already, as after a copy whose end was not heard, is left as it is.

    Raises:
        ConfigurationError: one of them can't be used, or the target has something else of one of the accounts.
    """
    rows = source.read()
    if not rows:
        raise ConfigurationError((Problem("FROM", "keeps nothing: is it the right one?"),))
    accounts = {row.account for row in rows}
    there = {row: value for row, value in target.read().items() if row.account in accounts}
    if there == rows:
        say("It is there already.")
        return rows
    if there:
        named = ", ".join(sorted({row.account for row in there}))
        message = f"has something of {named} already, which is not that of the source: name a place that has not"
        raise ConfigurationError((Problem(target_name, message),))
    target.write(rows)
    if {row: value for row, value in target.read().items() if row.account in accounts} != rows:
        raise ConfigurationError((Problem(target_name, "does not give back what was written: keep the source"),))
    return rows


def refused_whole(place: str, unreadable: int) -> ConfigurationError:
    """Refuse to copy what can't be read in full."""
    what = "a row" if unreadable == 1 else f"{unreadable} rows"
    return ConfigurationError((Problem(place, f"{what} can't be read: a copy would lack it; the warnings name it"),))
