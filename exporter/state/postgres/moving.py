"""A database as a place that everything can be copied from or into, by a connection of its own."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from psycopg import Connection, Error, connect
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow

from exporter.files import refused
from exporter.model import JobKey, ModuleTotals, Standing, TrackedJob
from exporter.state.documents import Kind, Row, Value, encode
from exporter.state.moving import refused_whole
from exporter.state.postgres.copy import Copy
from exporter.state.postgres.counters import counters_in
from exporter.state.postgres.database import REACHED_BY, SPEAKING, UNREACHED, News, words
from exporter.state.postgres.schema import StrangeSchemaError, migrate
from exporter.waits import waited_for

_ALL = """
    SELECT account, kind, key, revision, body FROM zoho_mass_update.refresh('{}', '{}', '{}')
    WHERE kind <> 'clock'
"""
_AT_WORK = """
    SELECT count(*) FROM zoho_mass_update.claims
    WHERE zoho_mass_update.is_live(expires_at, lease, zoho_mass_update.moment(NULL))
"""
_CONNECT_SECONDS = 15.0


class DatabasePlace:
    """A database.

    Args:
        url: where it is, as libpq takes it.
        name: what it is called where something is wrong with it.
        password: gives the password, where the database wants one and libpq does not know it.
    """

    def __init__(self, url: str, name: str, password: Callable[[], str] | None = None) -> None:
        self._url = url
        self.name = name
        self._password = password

    def read(self) -> Mapping[Row, Value]:
        """Give everything in it, as of one moment."""
        with self._connected() as connection:
            told = [News(*row) for row in connection.execute(_ALL)]
        copies: defaultdict[str, list[News]] = defaultdict(list)
        for news in told:
            copies[news.account].append(news)
        rows: dict[Row, Value] = {}
        for alias, of_account in copies.items():
            copy = Copy(alias)
            copy.take(of_account)
            if copy.unreadable:
                raise refused_whole(self.name, copy.unreadable)
            rows |= dict(_rows(alias, copy))
        return rows

    def write(self, rows: Mapping[Row, Value]) -> None:
        """Write everything in one transaction."""
        by_account: defaultdict[str, dict[Row, Value]] = defaultdict(dict)
        for row, value in rows.items():
            by_account[row.account][row] = value
        with self._connected() as connection, connection.transaction():
            for alias, of_account in by_account.items():
                if not _fill(connection, alias, of_account):
                    message = f"the database has had something of {alias} since it was looked at, or before"
                    raise refused(self.name, f"{message}: copy into a new one")

    @contextmanager
    def _connected(self) -> Iterator[Connection[TupleRow]]:
        how: dict[str, Any] = {**REACHED_BY}
        try:
            how |= conninfo_to_dict(self._url) | SPEAKING
            if self._password:
                how["password"] = self._password()
            reach = partial(connect, autocommit=True, prepare_threshold=None, **how)
            with waited_for(reach, _CONNECT_SECONDS, UNREACHED) as connection:
                how["password"] = (connection.pgconn.password or b"").decode(errors="replace")  # libpq's own too
                migrate(connection)
                if _first(connection, _AT_WORK):
                    raise refused(self.name, "an exporter polls by the database: end all exporters that use it first")
                yield connection
        except (Error, StrangeSchemaError, TimeoutError) as error:
            said = words(error, how.get("password", ""))
            raise refused(self.name, f"the database can't be used: {said}") from error


def _rows(alias: str, copy: Copy) -> Iterator[tuple[Row, Value]]:
    for key, job in copy.jobs().items():
        yield Row(alias, Kind.JOB, _name(key)), job
    for key in copy.retired():
        yield Row(alias, Kind.RETIRED, _name(key)), 1
    for module, totals in copy.totals().items():
        yield Row(alias, Kind.TOTALS, module), totals
    for minute, both in copy.minutes().items():
        for kind, spent in zip((Kind.CREDITS, Kind.PROBE_CREDITS), both, strict=True):
            if spent:
                yield Row(alias, kind, str(minute)), spent
    if copy.standing != Standing():
        yield Row(alias, Kind.STANDING, ""), copy.standing


def _fill(connection: Connection[TupleRow], alias: str, rows: Mapping[Row, Value]) -> bool:
    """Write an account, and say whether nothing was there."""
    revision = _first(connection, "SELECT zoho_mass_update.enter(%s)", alias)
    if revision > 1:  # the account is ours until the end: whoever was faster has written it
        return False
    jobs: list[tuple[object, ...]] = []
    minutes: defaultdict[str, dict[Kind, int]] = defaultdict(dict)
    for row, value in rows.items():
        module, _, job_id = row.key.partition("/")
        match value:
            case TrackedJob():
                jobs.append((alias, module, job_id, revision, encode(value), False))
            case ModuleTotals():
                counters = counters_in(value).items()
                _put(connection, _TOTAL, ((alias, row.key, counter, revision, total) for counter, total in counters))
            case Standing():
                document = encode(replace(value, mints=()))
                connection.execute(_STANDING, (document, list(value.mints), revision, alias))
            case int() if row.kind is Kind.RETIRED:
                jobs.append((alias, module, job_id, revision, None, True))
            case int():
                minutes[row.key][row.kind] = value
    spent = (
        (alias, int(minute), revision, one.get(Kind.CREDITS, 0), one.get(Kind.PROBE_CREDITS, 0))
        for minute, one in minutes.items()
    )
    _put(connection, _JOB, jobs)
    _put(connection, _CREDITS, spent)
    connection.execute("UPDATE zoho_mass_update.accounts SET revision = %s WHERE alias = %s", (revision, alias))
    return True


_JOB = """
    INSERT INTO zoho_mass_update.jobs (account, module, job_id, revision, document, is_retired)
    VALUES (%s, %s, %s, %s, %s, %s)
"""
_TOTAL = "INSERT INTO zoho_mass_update.totals (account, module, counter, revision, total) VALUES (%s, %s, %s, %s, %s)"
_CREDITS = """
    INSERT INTO zoho_mass_update.credits (account, minute, lineage, revision, spent, on_probes)
    VALUES (%s, %s, zoho_mass_update.lineage(), %s, %s, %s)
"""
_STANDING = "UPDATE zoho_mass_update.accounts SET standing = %s, mints = %s, stood = %s WHERE alias = %s"


def _put(connection: Connection[TupleRow], statement: str, rows: Iterable[tuple[object, ...]]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(statement, rows)


def _first(connection: Connection[TupleRow], statement: str, *arguments: object) -> int:
    row = connection.execute(statement, arguments).fetchone()
    return int(row[0]) if row else 0


def _name(key: JobKey) -> str:
    return f"{key.module}/{key.job_id}"
