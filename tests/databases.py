"""A real PostgreSQL server, in a temporary directory and reached by a socket there, with databases for tests."""

import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

GUARDED = "guarded"
"""The one user whom the server asks for a password."""
START_SECONDS = 30
_PROGRAMS = "/usr/lib/postgresql"
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses=", "max_connections=60")
"""Nothing outlives the tests, so nothing waits for a disk."""

_TABLES = ("accounts", "jobs", "totals", "credits", "claims")
_STATEMENT = re.compile(r"LOG: +(?:statement|execute [^:]*):")


@dataclass
class Socket:
    """Where databases are reached: a directory, which nobody else knows of."""

    directory: Path

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """Give how a database is reached."""
        return f"postgresql://{user}@/{database}?host={self.directory}"


class Server(Socket):
    """A server, by the socket in its directory; a server of the system's knows nothing of it."""

    def __init__(self, directory: Path, become: Sequence[str], programs: Path) -> None:
        super().__init__(directory)
        self._become, self._programs = become, programs
        self._data = directory / "data"
        self._process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """Make its files."""
        initdb = [*self._become, f"{self._programs}/initdb", "-D", str(self._data), "-U", "postgres"]
        options = ["-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run([*initdb, *options], check=True, capture_output=True, cwd=self.directory)
        with (self._data / "pg_hba.conf").open("r+", encoding="utf-8") as rules:
            others = rules.read()
            rules.seek(0)
            rules.write(f"local all {GUARDED} scram-sha-256\n{others}")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = [word for setting in _FAST for word in ("-c", setting)]
        command = [*self._become, f"{self._programs}/postgres", "-D", str(self._data), "-k", str(self.directory)]
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen([*command, *settings], stdout=log, stderr=log, cwd=self.directory)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert time.monotonic() < deadline, (self.directory / "log").read_text(encoding="utf-8")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it as a crash of its machine would: nothing is written any more."""
        if self._process:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url()).close()
        except psycopg.OperationalError:
            return False
        return True

    def create(self, database: str) -> str:
        """Make an empty database, and give how it is reached."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(database)))
        return self.url(database)

    def log_statements(self) -> None:
        """From here on have each statement written to the log."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET log_statement = 'all'")
            connection.execute("SELECT pg_reload_conf()")

    def statements(self) -> int:
        """Give how many were written so far."""
        return len(_STATEMENT.findall((self.directory / "log").read_text(encoding="utf-8")))

    def drop(self, database: str) -> None:
        """Drop all that is kept in a database, the schema too."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute("DROP SCHEMA zoho_mass_update CASCADE")

    def clear(self, database: str) -> None:
        """Forget all that is kept in a database, and let the schema stand."""
        with psycopg.connect(self.url(database)) as connection:
            names = connection.execute(
                "SELECT format('DELETE FROM %I.%I', schemaname, tablename) FROM pg_tables "
                "WHERE schemaname = 'zoho_mass_update' AND tablename <> 'version'"
            ).fetchall()
            connection.execute("; ".join(name for (name,) in names).encode())


def keep(server: Server, database: str, kept: str = "kept") -> None:
    """Keep what a database has, as a standby does that hears of nothing more."""
    anew = "DROP TABLE IF EXISTS {1}_{0}; CREATE TABLE {1}_{0} AS TABLE zoho_mass_update.{0}"
    ask(server, database, *(anew.format(table, kept) for table in _TABLES))


def fall_back(server: Server, database: str, kept: str = "kept") -> None:
    """Have what was kept take over."""
    back = "TRUNCATE zoho_mass_update.{0}; INSERT INTO zoho_mass_update.{0} TABLE {1}_{0}"
    ask(server, database, *(back.format(table, kept) for table in _TABLES))


def ask(server: Server, database: str, *statements: str) -> None:
    """Do something as the database's own administrator."""
    with psycopg.connect(server.url(database), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@contextmanager
def serving() -> Iterator[Server]:
    """Run a server; as the user `postgres` where we are root, whom it refuses."""
    programs = _programs()
    with tempfile.TemporaryDirectory(prefix="pg-") as name:
        directory = Path(name)
        server = Server(directory, _become(directory), programs)
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def pooling(server: Server) -> Iterator[Socket]:
    """Run a PgBouncer in transaction mode before a server."""
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
            default_pool_size = 10
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
            yield Socket(directory)
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
