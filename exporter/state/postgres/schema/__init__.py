"""The tables and functions in the database: one numbered file for each version, which makes it of the one before."""

from importlib.resources import files

from psycopg import Connection

VERSION = 1
SCHEMA = "zoho_mass_update"
_TURN = 0x5A4D5545
"""Of the advisory lock: one exporter at a time brings the schema up to date."""
_BEGIN = f"""
    CREATE SCHEMA IF NOT EXISTS {SCHEMA};
    CREATE TABLE IF NOT EXISTS {SCHEMA}.version (version integer NOT NULL);
"""


class StrangeSchemaError(Exception):
    """A newer version of the exporter made the schema."""


def migrate(connection: Connection[object]) -> None:
    """Bring the schema up to date, in one transaction.

    Raises:
        StrangeSchemaError: it is newer than we are.
        psycopg.Error: it could not be done; nothing has changed.
    """
    if (version := _version(connection)) < VERSION:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_TURN,))
            connection.execute(_BEGIN)
            # Asked again, for another one may have been faster.
            for number in range(_version(connection) + 1, VERSION + 1):
                connection.execute(files(__name__).joinpath(f"{number}.sql").read_bytes())
            connection.execute(f"DELETE FROM {SCHEMA}.version")
            connection.execute(f"INSERT INTO {SCHEMA}.version VALUES (%s)", (VERSION,))
    elif version > VERSION:
        made_by = f"a newer version of the exporter made its schema ({version}, known here: up to {VERSION})"
        raise StrangeSchemaError(f"{made_by}: run that version here too")


def _version(connection: Connection[object]) -> int:
    there = f"SELECT to_regclass('{SCHEMA}.version') IS NOT NULL"
    if connection.execute(there).fetchone() != (True,):
        return 0
    row = connection.execute(f"SELECT max(version) FROM {SCHEMA}.version").fetchone()  # noqa: S608 - names of our own
    return int(row[0] or 0) if isinstance(row, tuple) else 0
