"""The tables and functions in the database: one numbered file for each version, which makes it of the one before."""

from importlib.resources import files

from psycopg import Connection

VERSION = 1
_TURN = 0x5A4D5545
"""Of the advisory lock: one exporter at a time brings the schema up to date."""
_BEGIN = """
    DO $$ BEGIN
        IF to_regnamespace('zoho_mass_update') IS NULL THEN -- else whoever made it need not let us make others
            CREATE SCHEMA zoho_mass_update;
        END IF;
    END $$;
    CREATE TABLE IF NOT EXISTS zoho_mass_update.version (version integer NOT NULL);
"""


_ENCODINGS = ("UTF8", "SQL_ASCII", None)
"""Those of databases that hold every name as it is; `None` where something in between does not say."""


class StrangeSchemaError(Exception):
    """A newer version of the exporter made the schema, or the database is of a kind that none can be made in."""


def migrate(connection: Connection[object]) -> None:
    """Bring the schema up to date, in one transaction.

    Raises:
        StrangeSchemaError: it is newer than we are, or the database's encoding lacks letters.
        psycopg.Error: it could not be done; nothing has changed.
    """
    encoding = connection.info.parameter_status("server_encoding")
    if encoding not in _ENCODINGS:
        raise StrangeSchemaError(f"its encoding is {encoding}, which lacks letters: create one with ENCODING 'UTF8'")
    if (version := _version(connection)) < VERSION:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_TURN,))
            connection.execute(_BEGIN)
            # Asked again, for another one may have been faster.
            for number in range(_version(connection) + 1, VERSION + 1):
                connection.execute(files(__name__).joinpath(f"{number}.sql").read_bytes())
            connection.execute("DELETE FROM zoho_mass_update.version")
            connection.execute("INSERT INTO zoho_mass_update.version VALUES (%s)", (VERSION,))
    elif version > VERSION:
        made_by = f"a newer version of the exporter made its schema ({version}, known here: up to {VERSION})"
        raise StrangeSchemaError(f"{made_by}: run that version here too")


def _version(connection: Connection[object]) -> int:
    there = connection.execute("SELECT to_regclass('zoho_mass_update.version') IS NOT NULL").fetchone()
    if not isinstance(there, tuple) or not there[0]:
        return 0
    row = connection.execute("SELECT max(version) FROM zoho_mass_update.version").fetchone()
    return max(0, int(row[0] or 0)) if isinstance(row, tuple) else 0
