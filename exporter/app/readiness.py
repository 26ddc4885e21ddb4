"""Whether the exporter is ready: it is once one of its accounts has had an access token."""

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

from exporter.app.upstreams import Upstreams
from exporter.errors import TokenRefusedError
from exporter.web.contract import Readiness
from exporter.zoho.client import ZohoClient


class Tokens:
    """Knows which accounts have had a token, and asks for the first one, which costs no credit. Thread-safe.

    Whoever asks never waits for Zoho: a token is asked for in a thread of its own, one at a time for each account.
    """

    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="first-token")
        self._lock = Lock()
        self._had: set[str] = set()
        self._asking: dict[str, Future[None]] = {}
        self._refused: dict[str, str] = {}

    def readiness(self) -> Readiness:
        """Say whether an account has had a token, and of each how it stands."""
        with self._lock:
            accounts = self._upstreams.by_alias  # a reload puts another one in its place
            aliases = sorted(accounts)
            for alias in aliases:
                self._look(alias, accounts[alias].client)
            sentences = tuple(f"account {alias}: {self._sentence(alias)}" for alias in aliases)
            return Readiness(any(alias in self._had for alias in aliases), sentences)

    def close(self) -> None:
        """Ask for no more tokens."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _look(self, alias: str, client: ZohoClient) -> None:
        if client.status().token.is_valid:
            self._had.add(alias)
        if alias not in self._had and (alias not in self._asking or self._asking[alias].done()):
            self._asking[alias] = self._executor.submit(self._ask, alias, client)

    def _ask(self, alias: str, client: ZohoClient) -> None:
        try:
            client.ensure_token()
        except TokenRefusedError as error:
            with self._lock:
                self._refused[alias] = f"{error.message}; {error.advice}"
        else:
            with self._lock:
                self._had.add(alias)

    def _sentence(self, alias: str) -> str:
        if alias in self._had:
            return "ready"
        return f"no access token: {self._refused[alias]}" if alias in self._refused else "asking for an access token"
