"""Zoho as a test plays it, without a network: tokens that live until they are dropped, and an answer for each job."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock

from samples import Clock

from exporter.errors import PassingError
from exporter.model import Account, Credentials
from exporter.redactor import Redactor
from exporter.state import AccountState
from exporter.zoho.client import AccountSetup, OpenAccount
from exporter.zoho.data_centers import Endpoints
from exporter.zoho.permits import CreditLimits
from exporter.zoho.transport import Transport, UnsentError
from exporter.zoho.wire import Answer, SealedAnswer

Reply = tuple[int, Mapping[str, object]]
"""Status and body."""
RUNNING: Reply = (200, {"data": [{"Status": "RUNNING", "Updated_Count": 3, "Failed_Count": 0, "Total_Count": 9}]})
DEAD_TOKEN: Reply = (401, {"code": "INVALID_TOKEN", "message": "invalid oauth token"})
CREDENTIALS = Credentials("1000.CLIENT", "client-secret-0a1b", "1000.refresh-2c3d")


@dataclass(frozen=True)
class Asked:
    """A status call: when (by Zoho's own clock), about which job, with which token, and on what connection."""

    at: float
    job_id: str
    token: str
    is_fresh: bool


class Peer(Transport):
    """Answers status calls of jobs as `reply` says, those with a token that does not live with a 401.

    Each call takes a hundredth of a second of the stopwatch. `true_clock` is Zoho's own, by which calls are noted.
    """

    def __init__(self, clock: Clock, watch: Clock, reply: Callable[[Asked], Reply | PassingError]) -> None:
        self.timeout_seconds = 8.0
        self.clock = clock
        self.watch = watch
        self.true_clock = Clock()
        self.reply = reply
        self.grant: Reply | None = None
        """What the accounts server answers; `None` for a new token."""
        self.lifetime_seconds = 3600
        self.remaining = ""
        """What Zoho says is left of the day's credits."""
        self.live: set[str] = set()
        self.calls: list[Asked] = []
        self.accepted: list[Asked] = []
        self.mints: list[float] = []
        self.rests = 0
        self._lock = Lock()

    def get(
        self, url: str, params: Mapping[str, str], headers: Mapping[str, str], *, deadline: float, fresh: bool = False
    ) -> Answer:
        """Answer a status call."""
        del url, deadline
        token = headers["Authorization"].removeprefix("Zoho-oauthtoken ")
        with self._lock:
            self.watch.now += 0.01
            asked = Asked(self.true_clock.now, params["job_id"], token, fresh)
            reply = self.reply(asked) if token in self.live else DEAD_TOKEN
            self.calls += [] if isinstance(reply, UnsentError) else [asked]
            self.accepted += [asked] if token in self.live else []
        if isinstance(reply, PassingError):
            raise reply
        return self._answer(*reply, {"x-api-credits-remaining": self.remaining} if self.remaining else {})

    def post_form(self, url: str, fields: Mapping[str, str], *, deadline: float) -> SealedAnswer:
        """Answer a token refresh."""
        del url, fields, deadline
        with self._lock:
            self.mints.append(self.true_clock.now)
            value = f"1000.token-{len(self.mints)}"
            if self.grant is None:
                self.live.add(value)
        granted = (200, {"access_token": value, "expires_in": self.lifetime_seconds})
        return SealedAnswer(self._answer(*(self.grant or granted), {}), Redactor())

    def rest(self) -> None:
        """Count the rests."""
        self.rests += 1

    def close(self) -> None:
        """Close nothing."""

    def _answer(self, status: int, body: Mapping[str, object], headers: Mapping[str, str]) -> Answer:
        return Answer(status, headers, json.dumps(body).encode(), self.clock.now)


def open_account(peer: Peer, state: AccountState, limits: CreditLimits, *, max_concurrency: int = 5) -> OpenAccount:
    """Open an account at a peer, by the peer's clocks, with the shortest of all pauses."""
    setup = AccountSetup(
        Account("acme", "eu", "production", "v8", max_concurrency),
        Endpoints("https://accounts.example", "https://api.example"),
        peer,
        lambda: CREDENTIALS,
        limits,
    )
    return OpenAccount(setup, state, Redactor(), clock=peer.clock, stopwatch=peer.watch, draw=lambda: 0.0)
