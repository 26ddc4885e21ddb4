"""How the database is asked: each question one function call, no longer than it may take, whatever goes silent."""

import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache, partial
from itertools import chain
from threading import Lock, local
from typing import Any, NamedTuple, Self, TypeAlias, TypeVar

from psycopg import Connection, Error, OperationalError
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import (
    DeadlockDetected,
    InvalidSchemaName,
    LockNotAvailable,
    SerializationFailure,
    UndefinedFunction,
    UndefinedTable,
    _WaitTimeout,
)
from psycopg.pq import Conninfo
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool, PoolTimeout

from exporter.errors import ConfigurationError
from exporter.redactor import Redactor
from exporter.state.port import OPERATIONS, Health
from exporter.state.postgres.clock import DatabaseClock
from exporter.state.postgres.schema import StrangeSchemaError, migrate
from exporter.waits import waited_for, without_signals

_log = logging.getLogger(__name__)

T = TypeVar("T")
Argument: TypeAlias = (
    str
    | int
    | float
    | bool
    | list[str]
    | list[str | None]
    | list[int]
    | list[bool]
    | list[float]
    | list[float | None]
    | None
)

CALL_SECONDS = 3.0
"""How long one question may take in all, the wait for a connection included; a lock is waited for 2 s (schema/)."""
REST_SECONDS = 0.5
"""After a question in vain others are not asked for so long: the polls of a scrape do not all wait for nothing."""
STEADY_RESTS = 60
"""After so many such rests without a question in vain an outage is told to be over: a slow database answers some."""
MOST_CONNECTIONS = 8
LIFETIME_SECONDS = 600.0
"""After a failover an old connection may lead to a server that is no longer the one that takes writes."""
REACHED_BY = {
    "connect_timeout": "3",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "target_session_attrs": "read-write",
    "application_name": "zoho-mass-update-exporter",
}
"""As libpq names it, unless the address says otherwise."""
SPEAKING = {"client_encoding": "UTF8"}
"""Whatever the database, its role or the address says: names are of any script."""
UNREACHED = "the lookup of its name, or a connection to it,"
"""What may be without an answer: libpq has no limit for the first."""
_REFRESH = "refresh"
_OPERATIONS = {_REFRESH: _REFRESH, "put": "save_job", "forget": "forget_jobs"}
"""As what a failing question counts, a refresh not as rows that can't be read; all others concern the ledger."""
_UNDEFINED = (InvalidSchemaName, UndefinedTable, UndefinedFunction)
"""Somebody dropped the schema, or there is another database behind the address."""
_LOST = ("57P", "08", "25006")
"""How the codes of errors begin that concern the connection, and not what was asked on it: that leads to a server that
ends, is gone, or takes no writes, as one does that was the first before a failover."""
_MET = (SerializationFailure, DeadlockDetected)
"""Another question came between, as they do where somebody has set a stricter isolation than PostgreSQL's own."""


def known_parameters() -> frozenset[str]:
    """Give the names of the parameters that libpq takes in a URL."""
    return frozenset(option.keyword.decode() for option in Conninfo.get_defaults())


def can_parse(url: str) -> bool:
    """Whether libpq takes a URL; what it says of one that it does not may quote a password."""
    try:
        conninfo_to_dict(url)
    except Error:
        return False
    return True


class News(NamedTuple):
    """One thing that the database told. What kinds there are, and what their keys and bodies are, schema/ says."""

    account: str
    kind: str
    key: str
    revision: int
    body: str | None


class Question(NamedTuple):
    """A function of schema/ to be called. One that `is_timed` is told the time where tests say it."""

    function: str
    arguments: tuple[Argument, ...]
    is_timed: bool = False


class UnavailableError(Exception):
    """The database did not answer, or refused: nothing is known of what became of the question."""


class TimedConnection(Connection[TupleRow]):
    """A connection on which no wait outlasts a deadline; `tell` hears that one is made, and why there is none."""

    deadline = math.inf
    """Monotonic seconds."""

    @classmethod
    def connect(  # type: ignore[override]
        cls,
        conninfo: str = "",
        *,
        tell: Callable[[Exception | None], object],
        password: Callable[[], str] | None,
        **how: Any,  # noqa: ANN401 - the driver's own
    ) -> Self:
        """Connect, as the pool does in its threads."""
        tell(None)
        try:
            if password:
                how["password"] = password()
            return super().connect(conninfo, **how)
        except (Error, ConfigurationError) as error:
            tell(error)
            raise

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Wait for what the server has to say, until the deadline."""
        left = None if self.deadline == math.inf else max(0.0, self.deadline - time.monotonic())
        return super().wait(gen, interval, left if timeout is None else timeout)


class Database:
    """Asks the functions of schema/. Thread-safe; it never waits for long, and holds no transaction open.

    There need not be a database yet, nor a schema in it: it is made at the first question.

    Args:
        url: where it is, as libpq takes it.
        now: gives Unix seconds instead of the database's clock; tests alone have one.
        password: gives the password, anew for each connection, where the database wants one and libpq does not know it.
        rest_seconds: for how long nothing is asked after a question in vain; tests alone have less.
    """

    def __init__(
        self,
        url: str,
        now: Callable[[], float] | None = None,
        password: Callable[[], str] | None = None,
        *,
        rest_seconds: float = REST_SECONDS,
    ) -> None:
        self._given_now = now
        self._rest_seconds = rest_seconds
        self._clock = DatabaseClock()
        self._lock = Lock()
        self._asker = local()
        self._errors = Counter(dict.fromkeys((*OPERATIONS, _REFRESH), 0))
        self.has_answered = False
        """Since the start."""
        self._is_failing = False
        self._is_closed = False
        self._is_outage_told = False
        self._resting_until = -math.inf
        self._refusal: Exception | None = None
        self._is_migrated = False
        self._pool = ConnectionPool(
            url,
            kwargs={
                **REACHED_BY,
                **conninfo_to_dict(url),
                **SPEAKING,
                "autocommit": True,
                "prepare_threshold": None,
                "tell": self._note_refusal,
                "password": password,
            },
            connection_class=TimedConnection,
            min_size=1,
            max_size=MOST_CONNECTIONS,
            max_lifetime=LIFETIME_SECONDS,
            reconnect_timeout=CALL_SECONDS,  # then the next question tries, and no ever longer delay
            open=False,
            name="state",
        )
        # It tells each attempt; we, when that begins and ends.
        logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
        with without_signals():
            self._pool.open(wait=False)

    def now(self) -> float:
        """Give the database's time, Unix seconds."""
        return self._given_now() if self._given_now else self._clock()

    @contextmanager
    def by(self, deadline: float) -> Iterator[None]:
        """Have no question of this thread outlast a deadline (monotonic seconds)."""
        self._asker.deadline = deadline
        try:
            yield
        finally:
            self._asker.deadline = math.inf

    def ask(self, function: str, *arguments: Argument, is_timed: bool = False) -> list[News]:
        """Call a function of schema/, and give what it tells. One that goes by the time is told it where tests say so.

        Raises:
            UnavailableError: there is no answer, or none in time.
        """
        given = self._given(arguments, is_timed=is_timed)
        return [News(*news) for _, *news in self._answer(function, _call(0, function, len(given)), given)]

    def ask_all(self, questions: Sequence[Question]) -> list[list[News]]:
        """Call functions one after the other, in one transaction and one trip, and give what each tells.

        Raises:
            UnavailableError: there is no answer, or none in time.
        """
        given = [self._given(question.arguments, is_timed=question.is_timed) for question in questions]
        calls = (
            _call(number, question.function, len(its))
            for number, (question, its) in enumerate(zip(questions, given, strict=True))
        )
        answers: list[list[News]] = [[] for _ in questions]
        told = self._answer(questions[0].function, " UNION ALL ".join(calls), list(chain.from_iterable(given)))
        for number, *news in told:
            answers[number].append(News(*news))
        return answers

    def _given(self, arguments: Iterable[Argument], *, is_timed: bool) -> list[Argument]:
        given = [*arguments]
        if is_timed:
            given.append(self._given_now() if self._given_now else None)
        return given

    def _answer(self, function: str, query: str, given: list[Argument]) -> list[TupleRow]:
        begun = time.monotonic()
        if self._is_closed:
            raise UnavailableError("it is asked no more")
        if begun < self._resting_until:
            raise UnavailableError("it has just not answered")
        deadline = min(begun + CALL_SECONDS, getattr(self._asker, "deadline", math.inf))
        if begun >= deadline:
            raise UnavailableError("there is no time left to ask it")
        try:
            told = self._asked_again(query, given, deadline)
        except (LockNotAvailable, *_MET) as error:  # the database is well
            raise UnavailableError("another one holds the account") from error
        except (Error, StrangeSchemaError) as error:
            # The pool knows only that there is no connection.
            reason = (self._refusal if isinstance(error, PoolTimeout) else None) or error
            self._note_failure(function, reason)
            raise UnavailableError(words(reason)) from error
        self._note_success()
        return told

    def health(self) -> Health:
        """Say how questions fare."""
        with self._lock:
            return Health(dict(self._errors), None, self._is_failing)

    def close(self, grace_seconds: float) -> None:
        """Let go of all connections. Who asks from now on, or has no answer yet, is told so, and the log is not."""
        self._is_closed = True
        with suppress(TimeoutError):  # it waits so long for each of its threads
            waited_for(partial(self._pool.close, grace_seconds), grace_seconds, "the pool")

    def _asked_again(self, query: str, given: list[Argument], deadline: float) -> list[TupleRow]:
        """Ask, and again while another question came between, or connections had died: it may be asked twice."""
        dead = 0
        while True:
            try:
                return self._asked(query, given, deadline)
            except Error as error:
                dead += not isinstance(error, _MET)
                is_worth_it = isinstance(error, _MET) or (_is_lost(error) and dead <= MOST_CONNECTIONS)
                if not is_worth_it or time.monotonic() >= deadline:
                    raise

    def _asked(self, query: str, given: list[Argument], deadline: float) -> list[TupleRow]:
        # Its context would commit what autocommit has already: a fifth of the time that asking takes the processor.
        connection = self._pool.getconn(max(0.01, deadline - time.monotonic()))
        try:
            connection.deadline = deadline
            if not self._is_migrated:
                migrate(connection)
                self._is_migrated = True
            asked_at = time.monotonic()
            answer = connection.execute(query, given).fetchall()
            self._learn(answer, asked_at)
        except (Error, StrangeSchemaError) as error:
            self._is_migrated &= not isinstance(error, _UNDEFINED)
            # Whatever else it was (a standby that takes no writes says so to each): the next one is a new one.
            with suppress(Error):
                if not isinstance(error, _MET):
                    connection.close()
            raise
        else:
            return answer
        finally:
            connection.deadline = math.inf
            self._pool.putconn(connection)

    def _learn(self, answer: list[TupleRow], asked_at: float) -> None:
        for row in answer:
            if row[2] == "clock":
                self._clock.learn(asked_at, float(row[-1]))

    def _note_refusal(self, error: Exception | None) -> None:
        self._refusal = error or self._refusal or OperationalError(f"{UNREACHED} is without an answer")

    def _note_success(self) -> None:
        with self._lock:
            self._is_failing, self.has_answered, self._refusal = False, True, None
            steady_at = self._resting_until + (STEADY_RESTS - 1) * self._rest_seconds
            is_over = self._is_outage_told and time.monotonic() >= steady_at
            self._is_outage_told &= not is_over
        if is_over:
            _log.info("the database answers again")

    def _note_failure(self, function: str, error: Exception) -> None:
        with self._lock:
            if self._is_closed:
                return
            self._errors[_OPERATIONS.get(function, "save_ledger")] += 1
            is_told, self._is_outage_told = self._is_outage_told, True
            self._is_failing = True
            self._resting_until = time.monotonic() + self._rest_seconds
        if not is_told:
            _log.error("the database can't be used; no job is polled: %s", words(error))


@cache
def _call(number: int, function: str, arguments: int) -> str:
    """Write a call whose rows begin with its number."""
    row = f"{number}, account, kind, key, revision, body"
    places = ", ".join(["%s"] * arguments)
    return f"SELECT {row} FROM zoho_mass_update.{function}({places})"  # noqa: S608 - our names


def _is_lost(error: Error) -> bool:
    """Whether another connection may do better: the pool's and our own limits are no fault of a connection."""
    if isinstance(error, PoolTimeout | _WaitTimeout):
        return False
    return error.sqlstate is None or error.sqlstate.startswith(_LOST)


def words(error: Exception, secret: str = "") -> str:
    """Say in a line what an error is about, without a password: a server may repeat what it was told."""
    said = str(error).partition("\n")[0] or type(error).__name__
    known = error.pgconn and error.pgconn.password if isinstance(error, Error) else None  # wherever libpq had it from
    redactor = Redactor()
    redactor.know(secret, (known or b"").decode(errors="replace"))
    return redactor.clean(said)
