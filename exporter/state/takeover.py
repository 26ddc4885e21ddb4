"""How a state file of schema version 1, with a column for each value, becomes one of documents.

Each row becomes a document by itself, so that an odd one stops nothing: whoever reads the documents leaves it out.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from exporter.model import Standing
from exporter.state.documents import decode, encode

T = TypeVar("T", dict[str, Any], list[Any])
Read = Callable[[sqlite3.Row], object]

_REPORT = ("state", "undocumented_word", "updated", "failed", "not_updated", "total")
_TOKEN = ("value", "expires_at", "api_domain", "fingerprint")
_KEPT_AS_THEY_ARE = (
    *("first_seen_at", "reported_at", "polled_at", "next_poll_at", "started_at", "finished_at", "progressed_at"),
    "failures_in_a_row",
)


def documents(connection: sqlite3.Connection) -> Iterator[tuple[str, str, str, str]]:
    """Give account, kind, key and document of all that a file of version 1 holds, and drop its tables."""
    standings: dict[str, Standing] = {}
    for table, (kind, key, read) in _TABLES.items():
        cursor = connection.cursor()
        cursor.row_factory = sqlite3.Row
        for row in cursor.execute(f"SELECT *, {key} AS key FROM {table}").fetchall():  # noqa: S608 - names of our own
            document = _written(row, read)
            if kind != "standing" or not _take_in(standings, row["account"], document):
                yield row["account"], kind, row["key"], document
        connection.execute(f"DROP TABLE {table}")
    for account, standing in standings.items():
        yield account, "standing", "", encode(standing)


def _take_in(standings: dict[str, Standing], account: str, document: str) -> bool:
    """Join an account's token and mints in one document. What is odd stays one by itself, of no known kind."""
    try:
        one = decode(document, Standing)
    except ValueError:
        return False
    known = standings.get(account, Standing())
    standings[account] = replace(known, token=one.token or known.token, mints=(*known.mints, *one.mints))
    return True


def _written(row: sqlite3.Row, read: Read) -> str:
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
    failure = {name: row[f"failure_{name}"] for name in ("code", "message", "advice", "retry_at")}
    yes_or_no = {0: False, 1: True}
    truths = {name: yes_or_no.get(row[f"failure_{name}"]) for name in ("is_passing", "is_account_wide")}
    return {**failure, **truths}


def _parsed(cell: object, kind: type[T]) -> T:
    parsed = json.loads(cell) if isinstance(cell, str) else None
    if not isinstance(parsed, kind):
        raise TypeError(f"no JSON {kind.__name__}")
    return parsed


_TABLES: dict[str, tuple[str, str, Read]] = {
    "jobs": ("job", "module || '/' || job_id", _job),
    "retired": ("retired", "module || '/' || job_id", lambda _: 1),
    "totals": (
        "totals",
        "module",
        lambda row: {name: _parsed(row[name], dict) for name in ("finished", "records", "durations")},
    ),
    "credits": ("credits", "minute", lambda row: row["credits"]),
    "tokens": ("standing", "'token'", lambda row: {"token": {name: row[name] for name in _TOKEN}}),
    "mints": ("standing", "position", lambda row: {"mints": [row["minted_at"]]}),
}
"""What each table becomes: documents of a kind, under a key that SQL gives."""
