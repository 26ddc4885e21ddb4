"""Whether the exporter is ready: it is once one of its accounts has had an access token."""

from threading import Lock, Thread

from exporter.app.accounts import Accounts
from exporter.errors import PollError
from exporter.web.contract import Readiness
from exporter.zoho import OpenAccount


class FirstTokens:
    """Knows which accounts have had a token, and asks for the first one, which costs no credit. Thread-safe.

    Whoever asks never waits for Zoho: a token is asked for in a thread of its own, one at a time for each account.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._lock = Lock()
        self._had: set[str] = set()
        self._asking: set[str] = set()
        self._refused: set[str] = set()

    def readiness(self) -> Readiness:
        """Say whether an account has had a token, and of each how it stands, in words of our own alone."""
        accounts = self._accounts.by_alias  # a reload puts another one in its place
        had = {alias for alias, account in accounts.items() if account.status().token.is_valid}
        with self._lock:
            self._had |= had
            wanted = accounts.keys() - self._had - self._asking
            self._asking |= wanted
            sentences = tuple(f"account {alias}: {self._word(alias)}" for alias in sorted(accounts))
            is_ready = not self._had.isdisjoint(accounts)
        for alias in wanted:
            Thread(target=self._ask, args=(alias, accounts[alias]), name="first-token", daemon=True).start()
        return Readiness(is_ready, sentences)

    def _ask(self, alias: str, account: OpenAccount) -> None:
        try:
            account.ensure_token()
        except PollError:
            has_token = False
        else:
            has_token = True
        with self._lock:
            self._asking.discard(alias)
            (self._had if has_token else self._refused).add(alias)

    def _word(self, alias: str) -> str:
        if alias in self._had:
            return "ready"
        return "no access token: see the log" if alias in self._refused else "asking for an access token"
