"""A real PostgreSQL server, in a temporary directory and reached by a socket there, with databases for tests."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

GUARDED = "guarded"
"""The one user whom the server asks for a password."""
_PROGRAMS = "/usr/lib/postgresql"
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses=", "max_connections=60")
"""Nothing outlives the tests, so nothing waits for a disk."""


class Server:
    """A server that runs, by the socket in its directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """Give how a database is reached."""
        return f"postgresql://{user}@/{database}?host={self.directory}"

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
        become = _become(directory)
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
        with (data / "pg_hba.conf").open("r+", encoding="utf-8") as rules:
            others = rules.read()
            rules.seek(0)
            rules.write(f"local all {GUARDED} scram-sha-256\n{others}")
        options = " ".join(["-k", name, *(f"-c {setting}" for setting in _FAST)])
        control = [*become, f"{programs}/pg_ctl", "-D", f"{data}", "-w"]
        started = [*control, "-o", options, "-l", f"{directory}/log", "start"]
        subprocess.run(started, check=True, capture_output=True, cwd=directory)
        try:
            yield Server(directory)
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True, cwd=directory)


@contextmanager
def pooling(server: Server) -> Iterator[Path]:
    """Run a PgBouncer in transaction mode before a server, and give the directory of its socket."""
    with tempfile.TemporaryDirectory(prefix="pb-") as name:
        directory, become = Path(name), _become(Path(name))
        settings = directory / "pgbouncer.ini"
        settings.write_text(
            f"""
            [databases]
            * = host={server.directory} user=postgres
            [pgbouncer]
            unix_socket_dir = {directory}
            listen_addr =
            listen_port = 5432
            auth_type = any
            pool_mode = transaction
            default_pool_size = 2
            """.replace("            ", ""),
            encoding="utf-8",
        )
        settings.chmod(0o644)
        process = subprocess.Popen(
            [*become, _found("pgbouncer"), settings],
            cwd=directory,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            deadline = time.monotonic() + 10
            while not (directory / ".s.PGSQL.5432").exists():
                assert time.monotonic() < deadline, "PgBouncer does not start"
                time.sleep(0.02)
            yield directory
        finally:
            process.kill()
            process.wait()


def _become(directory: Path) -> list[str]:
    """Say how the user `postgres` runs a program, for both refuse root, and give it a directory; nothing for others."""
    if os.geteuid() != 0:
        return []
    user = pwd.getpwnam("postgres")
    os.chown(directory, user.pw_uid, user.pw_gid)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def _found(program: str) -> str:
    path = shutil.which(program, path="/usr/sbin:/usr/bin")
    if path is None:
        pytest.fail(f"there is no {program}; Debian: apt-get install {program}")
    return path


def _programs() -> Path:
    found = sorted(Path(_PROGRAMS).glob("*/bin"), key=lambda path: int(path.parent.name))
    if not found or not shutil.which("initdb", path=str(found[-1])):
        pytest.fail("there is no PostgreSQL server; Debian: apt-get install postgresql")
    return found[-1]
