"""How a state file of schema version 1, with a column for each value, becomes one of documents.

Each row becomes a document by itself, so that an odd one stops nothing: whoever reads the documents leaves it out.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias, TypeVar

from exporter.model import Standing
from exporter.state.documents import decode

T = TypeVar("T", dict[str, Any], list[Any])
Rows: TypeAlias = Iterator[tuple[str, str, str, str]]
"""Account, kind, key and document."""

_TABLES = ("jobs", "retired", "totals", "credits", "tokens", "mints")
_REPORT = ("state", "undocumented_word", "updated", "failed", "not_updated", "total")
_TOKEN = ("value", "expires_at", "api_domain", "fingerprint")
_KEPT_AS_THEY_ARE = (
    *("first_seen_at", "reported_at", "polled_at", "next_poll_at", "started_at", "finished_at", "progressed_at"),
    "failures_in_a_row",
)


def documents(connection: sqlite3.Connection) -> Rows:
    """Give the rows of version 1 as documents, and then drop their tables."""
    for row in _rows(connection, "jobs"):
        yield row["account"], "job", f"{row['module']}/{row['job_id']}", _written(row, _job)
    for row in _rows(connection, "retired"):
        yield row["account"], "retired", f"{row['module']}/{row['job_id']}", "1"
    for row in _rows(connection, "totals"):
        yield row["account"], "totals", row["module"], _written(row, _totals)
    for row in _rows(connection, "credits"):
        yield row["account"], "credits", str(row["minute"]), _written(row, lambda one: one["credits"])
    yield from _standings(connection)
    for table in _TABLES:
        connection.execute(f"DROP TABLE {table}")


def _rows(connection: sqlite3.Connection, table: str) -> list[sqlite3.Row]:
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    return cursor.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - names of our own


def _written(row: sqlite3.Row, read: Callable[[sqlite3.Row], object]) -> str:
    """Write what a row says as a document; where it says nothing sound, one that is none of any kind."""
    try:
        return json.dumps(read(row))
    except (ValueError, TypeError, IndexError, RecursionError):
        return "null"


def _job(row: sqlite3.Row) -> object:
    key = {name: row[name] for name in ("account", "module", "job_id")}
    spec = {"key": key, "source": row["source"], "name": row["job_name"], "group": row["job_group"]}
    spec["labels"] = _parsed(row["labels"], dict)
    report = None if row["state"] is None else {name: row[name] for name in _REPORT}
    seen = [dict(zip(("at", "state", "processed"), one, strict=True)) for one in _parsed(row["history"], list)]
    counted = {outcome: row[outcome] or 0 for outcome in ("updated", "failed")}
    kept = {name: row[name] for name in _KEPT_AS_THEY_ARE}
    return {"spec": spec, "report": report, "failure": _failure(row), "history": seen, "counted": counted, **kept}


def _failure(row: sqlite3.Row) -> object:
    if row["failure_code"] is None:
        return None
    yes_or_no = {0: False, 1: True}
    return {
        "code": row["failure_code"],
        "message": row["failure_message"],
        "advice": row["failure_advice"],
        "is_passing": yes_or_no.get(row["failure_is_passing"]),
        "is_account_wide": yes_or_no.get(row["failure_is_account_wide"]),
        "retry_at": row["failure_retry_at"],
    }


def _totals(row: sqlite3.Row) -> object:
    return {name: _parsed(row[name], dict) for name in ("finished", "records", "durations")}


def _parsed(cell: object, kind: type[T]) -> T:
    parsed = json.loads(cell) if isinstance(cell, str) else None
    if not isinstance(parsed, kind):
        raise TypeError(f"no JSON {kind.__name__}")
    return parsed


def _standings(connection: sqlite3.Connection) -> Rows:
    """Give each account's token and mints in one document, and those that are odd in one each, of no known kind."""
    known: dict[str, dict[str, object]] = {}
    for row in _rows(connection, "tokens"):
        token = _written(row, lambda one: {"token": {name: one[name] for name in _TOKEN}})
        if _is_sound(token):
            known.setdefault(row["account"], {}).update(json.loads(token))
        else:
            yield row["account"], "token", "", token
    mints: dict[str, list[float]] = {}
    for row in _rows(connection, "mints"):
        mint = _written(row, lambda one: {"mints": [one["minted_at"]]})
        if _is_sound(mint):
            mints.setdefault(row["account"], []).append(row["minted_at"])
        else:
            yield row["account"], "mint", str(row["position"]), mint
    for account in known.keys() | mints.keys():
        standing = {**known.get(account, {}), "mints": sorted(mints.get(account, []))}
        yield account, "standing", "", json.dumps(standing)


def _is_sound(document: str) -> bool:
    try:
        decode(document, Standing)
    except ValueError:
        return False
    return True
