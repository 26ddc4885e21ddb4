"""The accounts in the database, and what waits for it to answer again."""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from threading import Lock

from exporter.state.port import Health
from exporter.state.postgres.account import PostgresAccount
from exporter.state.postgres.copy import held
from exporter.state.postgres.database import REST_SECONDS, Database, News, UnavailableError

_FAREWELL_SECONDS = 0.5


class PostgresStore:
    """Keeps accounts in a database that others share. Thread-safe.

    It never raises: what the database does not take is held back or made up for, and told by `health`. There need not
    be a database at the start.

    Args:
        url: where it is, as libpq takes it.
        now: gives Unix seconds instead of the database's clock; tests alone have one.
        password: gives the password, anew for each connection, where the database wants one and libpq does not know it.
        rest_seconds: for how long nothing is asked after a question in vain; tests alone have less.
    """

    is_shared = True

    def __init__(
        self,
        url: str,
        now: Callable[[], float] | None = None,
        password: Callable[[], str] | None = None,
        *,
        rest_seconds: float = REST_SECONDS,
    ) -> None:
        self._database = Database(url, now, password, rest_seconds=rest_seconds)
        self._lock = Lock()
        self._accounts: dict[str, PostgresAccount] = {}
        self._late: deque[Callable[[], object]] = deque()
        self._late_since: float | None = None
        self._catching_up = Lock()
        self.now = self._database.now
        self.refresh(time.monotonic() + 3.0)

    def accounts(self) -> Collection[str]:
        """Give the aliases of the accounts of which something is kept."""
        with self._lock:
            return tuple(self._accounts)

    def account(self, alias: str) -> PostgresAccount:
        """Give an account; always the same object for the same alias."""
        with self._lock:
            known = self._accounts.get(alias)
            if known is None:
                known = self._accounts[alias] = PostgresAccount(alias, self._database, self._postpone)
            return known

    def refresh(self, deadline: float) -> None:
        """Take up what other exporters wrote, by one question, and then make up for what could not be written."""
        with self._database.by(deadline), suppress(UnavailableError):
            self._ask_news()
            self._catch_up()

    def look(self, deadline: float) -> None:
        """Take up what other exporters wrote, by one question, and no more."""
        with self._database.by(deadline), suppress(UnavailableError):
            self._ask_news()

    def health(self) -> Health:
        """Say how well what is known is kept."""
        health = self._database.health()
        with self._lock:
            unreadable = sum(account.copy.unreadable for account in self._accounts.values())
        errors = {**health.errors, "load": health.errors["load"] + unreadable}
        return replace(health, errors=errors, behind_since=self._late_since)

    def wait_kept(self, seconds: float) -> bool:
        """Say whether the database answers and has all that is known, and see to it where it has not."""
        deadline = time.monotonic() + seconds
        while not self._is_kept() and time.monotonic() < deadline:
            self.refresh(deadline)
            time.sleep(0.05)
        return self._is_kept()

    def _is_kept(self) -> bool:
        return not self._late and not self._database.health().is_failing

    def close(self, grace_seconds: float = 5.0) -> None:
        """Give back what was booked for nothing, write what is still to be written, and let go of the database."""
        until = time.monotonic() + grace_seconds
        with self._database.by(until):
            for alias in self.accounts():
                self.account(alias).rest()
        self.wait_kept(until - time.monotonic())
        self._database.close(max(_FAREWELL_SECONDS, until - time.monotonic()))

    def _ask_news(self) -> None:
        with self._lock:
            known = held(account.copy for account in self._accounts.values())
        self._take(self._database.ask("refresh", *known, is_timed=True))

    def _take(self, told: list[News]) -> None:
        by_alias: defaultdict[str, list[News]] = defaultdict(list)
        for news in told:
            by_alias[news.account].append(news)
        del by_alias[""]
        for alias, its in by_alias.items():
            self.account(alias).take(its)

    def _postpone(self, late: Callable[[], object], *, is_planned: bool = False) -> None:
        with self._lock:
            self._late.append(late)
        if not is_planned:
            self._note_late()

    def _note_late(self) -> None:
        with self._lock:
            self._late_since = self.now() if self._late_since is None else self._late_since

    def _catch_up(self) -> None:
        """Do what could not be done, in its order. One at a time: whoever comes second goes on without."""
        if not self._catching_up.acquire(blocking=False):
            return
        try:
            while self._late:
                self._late[0]()
                self._late.popleft()
            self._late_since = None
        except UnavailableError:
            self._note_late()
            raise
        finally:
            self._catching_up.release()
