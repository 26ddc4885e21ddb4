"""All that is kept, whole, so that it can be copied from one store into another: the documents, whatever holds them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from exporter.errors import ConfigurationError
from exporter.files import refused
from exporter.state.documents import Row, Value, encode
from exporter.state.file import StateFile, explained
from exporter.state.sqlite import load


class Place(Protocol):
    """Where everything can be read at once, or written at once where nothing is yet, while nobody else is there."""

    name: str
    """What it is called where something is wrong with it."""

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

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self.name = name

    def read(self) -> Mapping[Row, Value]:
        """Give everything in it; nothing where there is none."""
        with self._open() as file:
            rows, unreadable = load(file)
        if unreadable:
            raise refused_whole(self.name, unreadable)
        return rows

    def write(self, rows: Mapping[Row, Value]) -> None:
        """Write everything in one transaction."""
        with self._open() as file:
            file.write((*row, encode(value)) for row, value in rows.items())

    @contextmanager
    def _open(self) -> Iterator[StateFile]:
        try:
            with explained(self._path), closing(StateFile(self._path)) as file:
                yield file
        except ConfigurationError as error:
            raise ConfigurationError(tuple(replace(one, place=self.name) for one in error.problems)) from error


def copy(source: Place, target: Place, say: Callable[[str], object]) -> Mapping[Row, Value]:
    """Copy everything into a place that has nothing of the same accounts, look whether it is there, and give it.

    One that has the same already, as after a copy whose end was not heard, is left as it is.

    Raises:
        ConfigurationError: one of them can't be used, or the target has something else of one of the accounts.
    """
    rows = source.read()
    if not rows:
        raise refused(source.name, "keeps nothing: is it the right one?")
    accounts = {row.account for row in rows}
    there = {row: value for row, value in target.read().items() if row.account in accounts}
    if there == rows:
        say("It is there already.")
        return rows
    if there:
        named = ", ".join(sorted({row.account for row in there}))
        message = f"has something of {named} already, which is not that of the source: name a place that has not"
        raise refused(target.name, message)
    target.write(rows)
    if {row: value for row, value in target.read().items() if row.account in accounts} != rows:
        raise refused(target.name, "does not give back what was written: keep the source")
    return rows


def refused_whole(place: str, unreadable: int) -> ConfigurationError:
    """Refuse to copy what can't be read in full."""
    what = "a row" if unreadable == 1 else f"{unreadable} rows"
    return refused(place, f"{what} can't be read: a copy would lack it; the warnings name it")
