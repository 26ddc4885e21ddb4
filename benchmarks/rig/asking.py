"""The exporter on SQLite, but its scrapes ask a database too, by the driver alone: one round trip, and nothing of ours.

What a scrape on PostgreSQL takes longer is ours: the pool, the deadline, the reading of what came.
"""

import os
import sys

import psycopg

from exporter.__main__ import main
from exporter.state.sqlite import SqliteStore

URL_VARIABLE = "ASKED_URL"
"""Says which database is asked."""
_HELD = """
    SELECT array_agg(alias)::text, array_agg(revision)::text, array_agg(zoho_mass_update.lineage())::text
    FROM zoho_mass_update.accounts
"""
_NOTHING_NEW = "SELECT account, kind, key, revision, body FROM zoho_mass_update.refresh(%s, %s, %s)"
"""What a scrape asks, as it asks it."""


def _ask_in_scrapes(url: str) -> None:
    connection = psycopg.connect(url, autocommit=True, prepare_threshold=None)
    held = connection.execute(_HELD).fetchone()

    def refresh(self: SqliteStore, deadline: float) -> None:  # noqa: ARG001 - as its own
        if len(connection.execute(_NOTHING_NEW, held).fetchall()) > 1:
            os._exit(1)  # it brings news, which takes longer

    SqliteStore.refresh = refresh  # type: ignore[method-assign]


if __name__ == "__main__":
    _ask_in_scrapes(os.environ.pop(URL_VARIABLE))
    sys.exit(main())
