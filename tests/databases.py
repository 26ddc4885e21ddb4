"""A real PostgreSQL server, in a temporary directory and reached by a socket there, with databases for tests."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

_PROGRAMS = "/usr/lib/postgresql"
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses=", "max_connections=60")
"""Nothing outlives the tests, so nothing waits for a disk."""


class Server:
    """A server that runs, by the socket in its directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def url(self, database: str = "postgres") -> str:
        """Give how a database is reached."""
        return f"host={self.directory} user=postgres dbname={database}"

    def create(self, database: str) -> str:
        """Make an empty database, and give how it is reached."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(database)))
        return self.url(database)

    def clear(self, database: str) -> None:
        """Forget all that is kept in a database, and let the schema stand."""
        with psycopg.connect(self.url(database)) as connection:
            names = connection.execute(
                "SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables "
                "WHERE schemaname = 'zoho_mass_update' AND tablename <> 'version'"
            ).fetchone()
            if names and names[0]:
                connection.execute(SQL("TRUNCATE {}").format(SQL(names[0])))


@contextmanager
def serving() -> Iterator[Server]:
    """Run a server; as the user `postgres` where we are root, whom it refuses."""
    programs = _programs()
    with tempfile.TemporaryDirectory(prefix="pg-") as name:
        directory = Path(name)
        become: list[str] = []
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(directory, user.pw_uid, user.pw_gid)
            become = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        data = directory / "data"
        initdb = [
            *become,
            f"{programs}/initdb",
            "-D",
            f"{data}",
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
        ]
        subprocess.run([*initdb, "--locale=C"], check=True, capture_output=True, cwd=directory)
        options = " ".join(["-k", name, *(f"-c {setting}" for setting in _FAST)])
        control = [*become, f"{programs}/pg_ctl", "-D", f"{data}", "-w"]
        started = [*control, "-o", options, "-l", f"{directory}/log", "start"]
        subprocess.run(started, check=True, capture_output=True, cwd=directory)
        try:
            yield Server(directory)
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True, cwd=directory)


def _programs() -> Path:
    found = sorted(Path(_PROGRAMS).glob("*/bin"), key=lambda path: int(path.parent.name))
    if not found or not shutil.which("initdb", path=str(found[-1])):
        pytest.fail("there is no PostgreSQL server; Debian: apt-get install postgresql")
    return found[-1]
