"""The port: what the house asks of a store, so that a second store fits in without a change above it.

A store that several processes share decides by its own clock and in one transaction what is an operation here: booking
credits, claiming a job, counting a token, adding to totals. Nobody above computes such a value and writes it back.
No method waits for a disk or a network without a limit, and none raises for a disk that fails: `Health` tells of it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from exporter.model import Growth, JobKey, JobSpec, ModuleTotals, Standing, TrackedJob

CIRCUIT = "circuit"
"""Why a poll is held back: Zoho asked the account to pause, there is no access token, or others poll the job or enough.

Or others have polled the job since the store was refreshed."""
BUDGET = "budget"
"""Why a poll is held back: the account's own budget, Zoho's remaining credits, or a credit that can't be booked."""
OPERATIONS = ("load", "save_job", "forget_jobs", "save_ledger", "renew", "close")
"""What may fail, as `Health` counts it."""
Note = Callable[[TrackedJob], tuple[TrackedJob, Growth]]
"""What a poll makes of a job, and what that adds to the totals. Pure: it may be called more than once."""


@dataclass(frozen=True, slots=True)
class Purse:
    """What an account may spend: credits in any 24 hours (`None` for no limit), and those of them that are for probes.

    `for_probes` bounds the polls of jobs that only probes brought; `None` while there are no others to be kept waiting.
    `at_once` bounds the claims that hold at a time, of all who share the store; `None` where nobody does.
    """

    limit: int | None
    for_probes: int | None = None
    at_once: int | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to poll a job until `expires_at`, with one credit booked for it. `token` is of this one time only.

    `is_probe` tells from which share of the purse its credits come.
    """

    key: JobKey
    token: int
    expires_at: float
    is_probe: bool


@dataclass(frozen=True, slots=True)
class Health:
    """How well what is known would outlive the process. `behind_since` is `None` while all of it is written."""

    errors: Mapping[str, int] = field(default_factory=dict)
    """Failures by operation; for `load`, the rows that could not be read."""
    behind_since: float | None = None
    is_failing: bool = False


class AccountState(Protocol):
    """What is kept of one account. Thread-safe; what it gives is frozen or a copy."""

    is_shared: bool
    """Whether several exporters may have it."""

    @property
    def is_known(self) -> bool:
        """Whether what was kept before the start could be read: without it all is as if nothing had been."""

    @property
    def standing(self) -> Standing:
        """How the account stands with Zoho."""

    def stand(
        self, change: Callable[[Standing], Standing], turn: int | None = None, *, can_wait: bool = False
    ) -> Standing:
        """Replace the standing by what `change` makes of it, and give it; no other change comes between.

        `change` is pure: it may be called more than once. With a `turn` that is over nothing changes. What `can_wait`
        is known to others at the next `land`, or at `rest`.
        """

    def turn(self, patience_seconds: float, lease_seconds: float) -> AbstractContextManager[int | None]:
        """Wait for the right to ask for an access token, alone among all who share the store.

        Gives its number, which is of this one time only, or `None` where it was not to be had in time. Whoever comes
        after another knows what that one's turn has changed. A turn that is not ended is over after its lease.
        """

    def book_mint(self, most: int, window_seconds: float) -> float | None:
        """Count one access token asked for, or say when the next may be (Unix seconds), with `most` in the window."""

    def jobs(self) -> Mapping[JobKey, TrackedJob]:
        """Give all jobs."""

    def changed(self) -> Collection[JobKey]:
        """Give the jobs that came, changed or left since the last call. For one reader."""

    def job_count(self) -> int:
        """Give the number of jobs."""

    def get(self, key: JobKey) -> TrackedJob | None:
        """Give one job; `None` when it is not tracked."""

    def retired(self) -> Collection[JobKey]:
        """Give the jobs whose retention is over, and that a configuration still lists."""

    def totals(self) -> Mapping[str, ModuleTotals]:
        """Give the counters that outlive jobs, by module."""

    # With `later` these three wait for nothing: those who share the store hear of it after the next refresh. `says`
    # names the parts that somebody had a word on, such as `spec.name`: it is the last also where it changes nothing.

    def track(self, spec: JobSpec, now: float, *, says: Collection[str] = (), later: bool = False) -> None:
        """Track a job from now on, or take what is newly said of one that is tracked; it is retired no more."""

    def change(
        self,
        key: JobKey,
        change: Callable[[TrackedJob], TrackedJob],
        *,
        says: Collection[str] = (),
        later: bool = False,
    ) -> None:
        """Change what is known of a job that is tracked, beside its polls."""

    def forget(self, keys: Iterable[JobKey], *, retired: bool = False, later: bool = False) -> None:
        """Let go of jobs, and of the memory of retired ones; `retired` ones are remembered as such."""

    def expect_calls(self, count: int, purse: Purse) -> None:
        """Book credits for calls that are about to be claimed, as many as there are, so that they share one write."""

    def expect_claims(
        self, wanted: Iterable[tuple[JobKey, bool]], first: int, purse: Purse, lease_seconds: float
    ) -> None:
        """Say which jobs are about to be claimed, with whether it is for a probe, and how many at once.

        The first claim may take the others of these along, and what lands takes one of the rest.
        """

    def claim(self, key: JobKey, purse: Purse, lease_seconds: float, *, is_probe: bool = False) -> Claim:
        """Take the right to poll a job, and book the credit of its call.

        Raises:
            NoPlaceError: as many calls are under way as may be.
            HeldBackError: there is no credit, or somebody else polls the job.
        """

    def book(self, claim: Claim, purse: Purse) -> None:
        """Book a further credit under a claim, for a call that has to be made again.

        Raises:
            HeldBackError: there is none.
        """

    def wait_written(self) -> None:
        """Wait a little until the credits booked so far would outlive a crash."""

    def give_back(self, claim: Claim) -> None:
        """Return the credit of a call that never reached Zoho."""

    def land(self, claim: Claim, note: Note) -> tuple[TrackedJob, TrackedJob] | None:
        """Take what a poll gave, end its claim, and give the job before and after.

        `None` where the claim is no longer good or the job is not tracked any more: nothing has changed then.
        """

    def release(self, claim: Claim) -> None:
        """End a claim whose poll gave nothing."""

    def rest(self) -> None:
        """Return what was booked by `expect_calls` and not claimed, and what was expected and is not wanted."""

    def used(self, *, by_probes: bool = False) -> int:
        """Give the credits spent in the last 24 hours, or those of them that went on probed jobs."""

    def unwritten(self) -> int:
        """Give how many credits a crash would now forget."""


class Store(Protocol):
    """Keeps accounts. Thread-safe."""

    is_shared: bool
    """Whether several exporters may have it."""

    def now(self) -> float:
        """Give the store's time, Unix seconds: what is due, fresh or spent is judged by it."""

    def accounts(self) -> Collection[str]:
        """Give the aliases of the accounts of which something is kept."""

    def account(self, alias: str) -> AccountState:
        """Give an account; always the same object for the same alias."""

    def refresh(self, deadline: float) -> None:
        """Take up what other processes wrote, by `deadline` (monotonic seconds), and write what is still to be."""

    def look(self, deadline: float) -> None:
        """Take up what other processes wrote, so, and no more."""

    def health(self) -> Health:
        """Say how well what is known is kept."""

    def wait_kept(self, seconds: float) -> bool:
        """Wait until all that is known now would outlive a crash, and say whether it would; always so in memory."""

    def close(self, grace_seconds: float) -> None:
        """Write what is still to be written, waiting no longer than the grace, and let go of everything."""
