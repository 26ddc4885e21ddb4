"""The words of the product as frozen dataclasses; every part speaks them, none of them does any work.

Timestamps are Unix seconds in UTC (`float`), taken from the exporter's own clock: Zoho's answer carries no time.
"""

import itertools
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from exporter.blocks import Body
from exporter.identity import (
    JOB_ID_PATTERN,
    MODULE_PATTERN,
    Credentials,
    DataCenter,
    Environment,
    JobKey,
    JobSource,
    JobSpec,
)

__all__ = [  # what is written here itself goes without saying
    "JOB_ID_PATTERN",
    "MODULE_PATTERN",
    "Credentials",
    "DataCenter",
    "Environment",
    "JobKey",
    "JobSource",
    "JobSpec",
]

MOST_OBSERVATIONS = 64
"""The length of a job's history: enough for an estimate and a small graph, little enough to store for each job."""
DURATION_BOUNDS = (60.0, 180.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14_400.0, 28_800.0)
"""Upper bounds of the job duration histogram's buckets, seconds: from a minute to a working day."""
TOKEN_PATTERN = r"[\x21-\x7e]{1,4096}"  # noqa: S105 - a pattern, no secret
"""An access token, whole: what fits into a header."""
EARLY_SECONDS = 60.0
"""How long before its end an access token is no longer used; at most half its life."""


class JobState(StrEnum):
    """A mass-update job's status word; `UNKNOWN` is any word Zoho has not documented, or no current report."""

    SCHEDULED = "SCHEDULED"
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUSPENDED = "SUSPENDED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended: its report is final and is never asked for again."""
        return self is JobState.COMPLETED or self is JobState.FAILED


class Delay(StrEnum):
    """What a live job does too long; docs/words.md says what each word means, the settings how long that is."""

    STALLED = "stalled"
    TAKES_TOO_LONG = "takes too long"
    WAITS_LONG = "waits long"


@dataclass(frozen=True, slots=True)
class JobReport:
    """One good answer of Zoho: the state and the four counts (records, 0 or more; `None` where Zoho gave none).

    `undocumented_word` is Zoho's own word where the state is `UNKNOWN` because of it.
    """

    state: JobState
    updated: int | None
    failed: int | None
    not_updated: int | None
    total: int | None
    undocumented_word: str = ""

    @property
    def left_behind(self) -> int:
        """The records that a job which has ended did not update."""
        return (self.failed or 0) + (self.not_updated or 0)


@dataclass(frozen=True, slots=True)
class Observation:
    """What one good poll saw: when, the state, the records done so far, and the counts (`None` where Zoho gave none).

    What was seen by an earlier version of the exporter has no count but of the records done.
    """

    at: float
    state: JobState
    processed: int | None
    failed: int | None = None
    not_updated: int | None = None
    total: int | None = None

    @property
    def updated(self) -> int | None:
        """The records updated so far."""
        return None if self.processed is None or self.failed is None else self.processed - self.failed


@dataclass(frozen=True, slots=True)
class PollFailure:
    """Why the last poll of a job gave no report. `code` is one of the bounded codes, `advice` what to do about it.

    `is_passing` tells faults that time may cure from refusals that last until a person acts, `is_account_wide` those
    that concern every job of the account, so that the account waits and not the job. `retry_at` is the earliest time
    that Zoho allows the next attempt, where it said one.
    """

    code: str
    message: str
    advice: str
    is_passing: bool = True
    retry_at: float | None = None
    is_account_wide: bool = False


class Exchange(NamedTuple):
    """One question to Zoho as it was asked, and what came, for a person to read. Holds no secret."""

    asked: str
    answer: str


@dataclass(frozen=True, slots=True)
class TrackedJob:
    """Everything we know of one job. Its times are observed by us; `None` means not seen yet.

    `polled_at` is the start of the last attempt, `reported_at` the start of the attempt that gave `report`.
    `next_poll_at` is the earliest next attempt; `None` with a terminal report means never. `completes_at` is the
    estimated end of a job that runs at a known pace, `records_per_second`. `delay` is what takes it too long, where a
    page is written. `counted` is the most records of each outcome that were ever reported: what the
    totals have counted of the job. `history` is what changed, oldest first, and of bounded length. `acknowledged_at` is
    when somebody said that they have taken note of the end, `probed_at` about when a job of probes was last probed.
    `polled_by` names the exporter that made the last attempt, where several share the state; there `said_at` tells when
    somebody last had a word on a field, or anything but a poll changed it.
    """

    spec: JobSpec
    first_seen_at: float
    report: JobReport | None = None
    reported_at: float | None = None
    polled_at: float | None = None
    next_poll_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None
    progressed_at: float | None = None
    completes_at: float | None = None
    records_per_second: float | None = None
    delay: Delay | None = None
    failure: PollFailure | None = None
    failures_in_a_row: int = 0
    counted: Mapping[str, int] = field(default_factory=dict)
    history: tuple[Observation, ...] = ()
    acknowledged_at: float | None = None
    probed_at: float | None = None
    polled_by: str = ""
    said_at: Mapping[str, float] = field(default_factory=dict, compare=False)

    @property
    def state(self) -> JobState:
        """The last reported state, or `UNKNOWN` while there is no report."""
        return self.report.state if self.report else JobState.UNKNOWN

    @property
    def is_terminal(self) -> bool:
        """Whether the job's report is latched."""
        return self.report is not None and self.report.state.is_terminal

    @property
    def has_ended_badly(self) -> bool:
        """Whether the job failed, or left records behind."""
        is_short = self.report is not None and self.report.left_behind > 0
        return self.state is JobState.FAILED or (self.is_terminal and is_short)

    @property
    def is_acknowledged(self) -> bool | None:
        """Whether somebody has taken note of how the job ended; `None` before its end."""
        return (self.spec.is_acknowledged or self.acknowledged_at is not None) if self.is_terminal else None


@dataclass(frozen=True, slots=True)
class Departure:
    """A job that the exporter let go of: `reason` is one of a bounded set, `at` in Unix seconds."""

    key: JobKey
    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class Distribution:
    """A histogram's content: how many observations fell at or below each of `bounds` (ascending), and their sum.

    `counts` has one element more than `bounds`: the last counts what is above them all. Not cumulative.
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float = 0.0

    @classmethod
    def empty(cls, bounds: tuple[float, ...]) -> "Distribution":
        """Start with nothing observed."""
        return cls(bounds, (0,) * (len(bounds) + 1))

    def observe(self, value: float) -> "Distribution":
        """Give the distribution with one more observation."""
        slot = bisect_left(self.bounds, value)
        counts = (*self.counts[:slot], self.counts[slot] + 1, *self.counts[slot + 1 :])
        return replace(self, counts=counts, total=self.total + value)

    def cumulative(self) -> tuple[tuple[float, int], ...]:
        """Pair each upper bound, infinity last, with the number of observations at or below it."""
        return tuple(zip((*self.bounds, float("inf")), itertools.accumulate(self.counts), strict=True))


@dataclass(frozen=True, slots=True)
class Growth:
    """What one poll adds to its module's totals: records by outcome, and the job itself once it has ended.

    `duration_seconds` is how long an ended job took, `None` where no poll saw it begin.
    """

    records: Mapping[str, int] = field(default_factory=dict)
    ended: JobState | None = None
    duration_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ModuleTotals:
    """What the jobs of one module have come to: counters that outlive the jobs, and the exporter's restarts.

    `durations` are seconds from the first poll that saw RUNNING to the one that saw the end.
    """

    finished: Mapping[JobState, int]
    """Jobs, by terminal state."""
    records: Mapping[str, int]
    """Records processed, by outcome: `updated`, `failed`."""
    durations: Mapping[JobState, Distribution]
    """By terminal state."""

    def grown(self, growth: Growth) -> "ModuleTotals":
        """Give the totals with what one poll adds."""
        grown = {outcome: self.records.get(outcome, 0) + count for outcome, count in growth.records.items()}
        records = {**self.records, **grown}
        if growth.ended is None:
            return replace(self, records=records)
        finished = {**self.finished, growth.ended: self.finished.get(growth.ended, 0) + 1}
        durations = dict(self.durations)
        if growth.duration_seconds is not None:
            known = durations.get(growth.ended) or Distribution.empty(DURATION_BOUNDS)
            durations[growth.ended] = known.observe(growth.duration_seconds)
        return ModuleTotals(finished, records, durations)

    @classmethod
    def empty(cls) -> "ModuleTotals":
        """Start with nothing counted."""
        ends = [state for state in JobState if state.is_terminal]
        return cls(
            finished=dict.fromkeys(ends, 0),
            records={"updated": 0, "failed": 0},
            durations=dict.fromkeys(ends, Distribution.empty(DURATION_BOUNDS)),
        )


@dataclass(frozen=True, slots=True)
class KeptToken:
    """An access token as it is kept across restarts. `fingerprint` tells for which credentials it was minted.

    So long before its end, `early_seconds`, it is no longer used.
    """

    value: str = field(repr=False)
    expires_at: float
    api_domain: str
    fingerprint: str
    early_seconds: float = EARLY_SECONDS


@dataclass(frozen=True, slots=True)
class Pause:
    """Why an account asks nothing of Zoho from `since` until `until` (Unix seconds), and after how many refusals.

    `fingerprint` tells with which credentials a token was refused: new ones end that pause.
    """

    reason: str
    message: str
    advice: str
    since: float
    until: float
    in_a_row: int
    fingerprint: str = ""

    def is_in_force(self, now: float) -> bool:
        """Whether it lasts; a clock that was set back to before it ends it, rather than lengthen it."""
        return self.since <= now < self.until


@dataclass(frozen=True, slots=True)
class Standing:
    """How an account stands with Zoho, as it is kept across restarts. Times are Unix seconds."""

    token: KeptToken | None = None
    mints: tuple[float, ...] = ()
    """When access tokens were asked for, oldest first."""
    token_pause: Pause | None = None
    circuit: Pause | None = None
    credits_remaining: int | None = None
    """What Zoho said last is left to the organisation; `None` while it says nothing, which means plenty."""
    answered_at: float = 0.0
    """When Zoho last said so, or was asked while fewer are left than the reserve; 0 for never."""
    dropped_at: float | None = None
    """When the account was taken out of the configuration; `None` while it stands there."""


@dataclass(frozen=True, slots=True)
class PollTally:
    """What an account's polls have come to since the process started. Counts of polls unless said otherwise."""

    polls: Mapping[str, int] = field(default_factory=dict)
    """By module."""
    errors: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """By module and code."""
    skipped: Mapping[str, int] = field(default_factory=dict)
    """By reason: due-looking jobs that a scrape did not poll, or did not wait for."""
    coalesced: int = 0
    """Polls that a scrape joined because they were already in flight."""


@dataclass(frozen=True, slots=True)
class TokenStatus:
    """An account's access token, without the token. `expires_at` is `None` until one was minted."""

    is_valid: bool = False
    expires_at: float | None = None
    refreshes: int = 0
    refresh_errors: Mapping[str, int] = field(default_factory=dict)
    """By reason."""


@dataclass(frozen=True, slots=True)
class CreditStatus:
    """An account's API credits. `budget` is `None` when unlimited, `remaining` while Zoho has not said it.

    `used_24h` is `None` while what was kept before the start could not be read.
    """

    spent: int
    """Since the process started."""
    used_24h: int | None
    budget: int | None
    reserve: int
    remaining: int | None = None
    is_reserve_reached: bool = False
    unwritten: int = 0
    """Credits that a crash would now forget, because the state file does not hold them yet."""


@dataclass(frozen=True, slots=True)
class UpstreamStatus:
    """How an account's calls to Zoho are going. `is_up` is `None` until there was one."""

    token: TokenStatus
    credits: CreditStatus
    is_up: bool | None
    is_circuit_open: bool
    in_flight: int
    durations: Mapping[str, Distribution]
    """By endpoint, seconds."""


@dataclass(frozen=True, slots=True)
class Account:
    """One organisation + environment + data centre + OAuth client, under an alias of the user's choosing."""

    alias: str
    data_center: str
    environment: str
    api_version: str
    max_concurrency: int


@dataclass(frozen=True, slots=True)
class AccountSnapshot:
    """An account as one scrape sees it."""

    account: Account
    upstream: UpstreamStatus
    tally: PollTally
    totals: Mapping[str, ModuleTotals] = field(default_factory=dict)
    """By module."""


@dataclass(frozen=True, slots=True)
class ExporterSnapshot:
    """The exporter itself as one scrape sees it. Durations in seconds."""

    version: str
    python_version: str
    config_reload_succeeded: bool
    config_reloaded_at: float
    scrape_durations: Distribution
    jobs_dropped: Mapping[str, int] = field(default_factory=dict)
    """By reason."""
    store_errors: Mapping[str, int] = field(default_factory=dict)
    """By operation."""
    store_behind_since: float | None = None
    """Since when there is news that would not outlive the process, Unix seconds; `None` while there is none."""


@dataclass(frozen=True, slots=True)
class Probe:
    """How one probe of one job went."""

    is_success: bool
    duration_seconds: float


@dataclass(frozen=True, slots=True)
class Census:
    """How many jobs there are: by account, module and state as shown, and by account, source and whether they ended."""

    states: Mapping[tuple[str, str, JobState], int] = field(default_factory=dict)
    sources: Mapping[tuple[str, JobSource, bool], int] = field(default_factory=dict)

    @classmethod
    def of(cls, jobs: Iterable[TrackedJob]) -> "Census":
        """Count jobs."""
        keyed = [(job.spec.key, job) for job in jobs]
        states = Counter((key.account, key.module, job.state) for key, job in keyed)
        return cls(states, Counter((key.account, job.spec.source, job.is_terminal) for key, job in keyed))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a page is written from: immutable, so rendering needs no lock and touches no network."""

    jobs: tuple[TrackedJob, ...]
    accounts: tuple[AccountSnapshot, ...]
    exporter: ExporterSnapshot
    probe: Probe | None = None
    accounts_dropped: Mapping[str, float] = field(default_factory=dict)
    """When each account was taken out of the configuration that lately was, Unix seconds."""
    departures: tuple[Departure, ...] = ()
    """The jobs that were lately let go of."""
    census: Census = field(default_factory=Census)
    """Of the jobs."""

    @property
    def is_unread(self) -> bool:
        """Whether what was kept before the start could not be read yet."""
        return any(account.upstream.credits.used_24h is None for account in self.accounts)


@dataclass(frozen=True, slots=True)
class Page:
    """One rendered page. `content_type` is the full media type, with version and charset."""

    content_type: str
    content: Body

    @property
    def body(self) -> bytes:
        """The page, whole."""
        return bytes(self.content)
