"""What the simulated Zoho was asked: the counts and the journal that tests prove a client's thrift with."""

import threading
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from exporter.simulator.faults import ACCOUNTS, Endpoint

JOURNAL_LENGTH = 1_000


@dataclass(frozen=True, slots=True)
class Call:
    """One request as served: when (Unix seconds), what for, and the answer's status and code.

    `code` is Zoho's word for a refusal, a fault's word, or empty for a success. `path` is without its query.
    """

    at: float
    endpoint: Endpoint
    method: str
    path: str
    module: str | None
    job_id: str | None
    status: int
    code: str


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts since the start or the last reset; `credits_used_24h` and `credits_remaining` are the rolling day's.

    `crm_calls` are all calls but the accounts server's, refused ones included. `status_calls` is by `module/job_id`,
    `refused` by code, `faults_met` by kind.
    """

    crm_calls: int = 0
    schedule_calls: int = 0
    token_calls: int = 0
    tokens_minted: int = 0
    credits_spent: int = 0
    credits_used_24h: int = 0
    credits_remaining: int = 0
    in_flight: int = 0
    peak_concurrency: int = 0
    status_calls: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    faults_met: Mapping[str, int] = field(default_factory=dict)


class CallBook:
    """The counts and the last calls. Thread-safe: one lock for all of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: deque[Call] = deque(maxlen=JOURNAL_LENGTH)
        self._counts: Counter[str] = Counter()
        self._status_calls: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._faults_met: Counter[str] = Counter()

    def record(self, call: Call, *, faults: Iterable[str], credits_spent: int) -> None:
        """Count a call, the faults it met and the credits it cost."""
        with self._lock:
            self._calls.append(call)
            self._count(call)
            self._counts["credits"] += credits_spent
            if call.code:
                self._refused[call.code] += 1
            self._faults_met.update(faults)

    def _count(self, call: Call) -> None:
        self._counts[call.endpoint] += 1
        if call.endpoint is Endpoint.STATUS:
            self._status_calls[f"{call.module}/{call.job_id or ''}"] += 1
        if call.endpoint is Endpoint.TOKEN and not call.code:
            self._counts["minted"] += 1

    def reset(self) -> None:
        """Begin to count anew."""
        with self._lock:
            self._calls.clear()
            for counter in (self._counts, self._status_calls, self._refused, self._faults_met):
                counter.clear()

    @property
    def calls(self) -> tuple[Call, ...]:
        """The last calls, oldest first; at most 1,000."""
        with self._lock:
            return tuple(self._calls)

    def stats(self, *, used: int, remaining: int, in_flight: int, peak: int) -> Stats:
        """Give the counts, joined with what the limits know."""
        with self._lock:
            counts = self._counts
            return Stats(
                crm_calls=sum(counts[endpoint] for endpoint in Endpoint if endpoint not in ACCOUNTS),
                schedule_calls=counts[Endpoint.SCHEDULE],
                token_calls=counts[Endpoint.TOKEN],
                tokens_minted=counts["minted"],
                credits_spent=counts["credits"],
                credits_used_24h=used,
                credits_remaining=remaining,
                in_flight=in_flight,
                peak_concurrency=peak,
                status_calls=dict(self._status_calls),
                refused=dict(self._refused),
                faults_met=dict(self._faults_met),
            )
