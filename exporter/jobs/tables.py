"""The tables of the state file: their schema, and how rows go in and come out. Knows nothing of what rows mean.

A row goes in whole, as cells by column with absolute values, so that writing it again is harmless.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple, TypeVar

T = TypeVar("T")
Cell = str | int | float | None
Cells = Mapping[str, Cell]
"""A row by column; a column that is left out is NULL."""

APPLICATION_ID = 0x5A4D5545
"""Marks the file as ours in its header: "ZMUE", the exporter's initials."""
MIGRATIONS: tuple[str, ...] = (
    # Never change one that was released: the n-th makes schema version n out of version n-1.
    """
    CREATE TABLE jobs (
        account TEXT NOT NULL, module TEXT NOT NULL, job_id TEXT NOT NULL,
        source TEXT NOT NULL, job_name TEXT NOT NULL, job_group TEXT NOT NULL, labels TEXT NOT NULL,
        state TEXT, undocumented_word TEXT,
        updated INTEGER, failed INTEGER, not_updated INTEGER, total INTEGER,
        first_seen_at REAL NOT NULL, reported_at REAL, polled_at REAL, next_poll_at REAL,
        started_at REAL, finished_at REAL, progressed_at REAL,
        failure_code TEXT, failure_message TEXT, failure_advice TEXT,
        failure_is_passing INTEGER, failure_is_account_wide INTEGER, failure_retry_at REAL,
        failures_in_a_row INTEGER NOT NULL, history TEXT NOT NULL,
        PRIMARY KEY (account, module, job_id)
    ) WITHOUT ROWID;
    CREATE TABLE retired (
        account TEXT NOT NULL, module TEXT NOT NULL, job_id TEXT NOT NULL,
        PRIMARY KEY (account, module, job_id)
    ) WITHOUT ROWID;
    CREATE TABLE totals (
        account TEXT NOT NULL, module TEXT NOT NULL,
        finished TEXT NOT NULL, records TEXT NOT NULL, durations TEXT NOT NULL,
        PRIMARY KEY (account, module)
    ) WITHOUT ROWID;
    CREATE TABLE credits (
        account TEXT NOT NULL, minute INTEGER NOT NULL, credits INTEGER NOT NULL,
        PRIMARY KEY (account, minute)
    ) WITHOUT ROWID;
    CREATE TABLE mints (
        account TEXT NOT NULL, position INTEGER NOT NULL, minted_at REAL NOT NULL,
        PRIMARY KEY (account, position)
    ) WITHOUT ROWID;
    CREATE TABLE tokens (
        account TEXT NOT NULL PRIMARY KEY,
        value TEXT NOT NULL, expires_at REAL NOT NULL, api_domain TEXT NOT NULL, fingerprint TEXT NOT NULL
    ) WITHOUT ROWID;
    """,
)


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A table by its name, and the columns that tell its rows apart. There is one object for each table."""

    name: str
    key: tuple[str, ...]


JOBS = Table("jobs", ("account", "module", "job_id"))
RETIRED = Table("retired", ("account", "module", "job_id"))
TOTALS = Table("totals", ("account", "module"))
CREDITS = Table("credits", ("account", "minute"))
MINTS = Table("mints", ("account", "position"))
TOKENS = Table("tokens", ("account",))


class RowId(NamedTuple):
    """Which row of which table."""

    table: Table
    key: tuple[Cell, ...]

    def __str__(self) -> str:
        return "/".join(map(str, self.key))


Changes = dict[RowId, Cells | None]
"""What rows become; `None` for gone."""


class Row:
    """One row as it was read. A `ValueError` names the column and never shows the cell, which may be a secret."""

    def __init__(self, row_id: RowId, cells: sqlite3.Row) -> None:
        self.row_id = row_id
        self._cells = cells

    def find(self, column: str, kind: type[T]) -> T | None:
        """Give a cell, or `None` where it is NULL."""
        try:
            cell: object = self._cells[column]
        except IndexError as error:
            raise ValueError(f"there is no column {column}") from error
        if cell is None or isinstance(cell, kind):
            return cell
        raise ValueError(f"{column} is {type(cell).__name__}, expected {kind.__name__}")

    def get(self, column: str, kind: type[T]) -> T:
        """Give a cell that must not be NULL."""
        cell = self.find(column, kind)
        if cell is None:
            raise ValueError(f"{column} is NULL, expected {kind.__name__}")
        return cell

    def document(self, column: str) -> object:
        """Give what the JSON in a cell says."""
        try:
            return json.loads(self.get(column, str))
        except (json.JSONDecodeError, RecursionError) as error:
            raise ValueError(f"{column} is not JSON") from error

    def mapping(self, column: str, kind: type[T]) -> dict[str, T]:
        """Give the JSON object in a cell, whose values are all of one kind."""
        match self.document(column):
            case dict() as entries if all(isinstance(value, kind) for value in entries.values()):
                return entries
        raise ValueError(f"{column} is not a JSON object of {kind.__name__}")


def read_rows(connection: sqlite3.Connection, table: Table) -> Iterator[Row]:
    """Give a table's rows, in the order of their keys."""
    connection.text_factory = _text
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    query = f"SELECT * FROM {table.name} ORDER BY {', '.join(table.key)}"  # noqa: S608 - names of our own
    for cells in cursor.execute(query):
        yield Row(RowId(table, tuple(cells[column] for column in table.key)), cells)


def apply_changes(connection: sqlite3.Connection, changes: Changes) -> None:
    """Write rows, in the transaction that the caller has begun."""
    for row_id, cells in changes.items():
        if cells is None:
            connection.execute(_delete(row_id.table), row_id.key)
        else:
            connection.execute(_replace(row_id.table, tuple(cells)), tuple(map(_storable, cells.values())))


def _text(content: bytes) -> str:
    """Read text as a person would who finds the file edited: what is no UTF-8 shows as such and stops nothing."""
    return content.decode(errors="replace")


@cache
def _replace(table: Table, columns: tuple[str, ...]) -> str:
    marks = ", ".join("?" * len(columns))
    return f"REPLACE INTO {table.name} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - names of our own


@cache
def _delete(table: Table) -> str:
    match_key = " AND ".join(f"{column} = ?" for column in table.key)
    return f"DELETE FROM {table.name} WHERE {match_key}"  # noqa: S608 - names of our own


def _storable(cell: Cell) -> Cell:
    """Replace half characters: JSON can express them, SQLite refuses them, and one row must not stop all others."""
    return cell.encode(errors="replace").decode() if isinstance(cell, str) else cell
