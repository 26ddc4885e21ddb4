"""Small pieces that many tests are built from. Times are Unix seconds around `NOW`."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

from exporter.model import (
    Account,
    AccountSnapshot,
    CreditStatus,
    Distribution,
    ExporterSnapshot,
    JobKey,
    JobReport,
    JobSource,
    JobSpec,
    JobState,
    ModuleTotals,
    PollFailure,
    PollTally,
    Snapshot,
    TokenStatus,
    TrackedJob,
    UpstreamStatus,
)

P = ParamSpec("P")
T = TypeVar("T")

NOW = 1_790_000_000.0
LEADS = JobKey("acme", "Leads", "3524033000006027001")
DEALS = JobKey("acme", "Deals", "3524033000006027002")
FAILURE = PollFailure("timeout", "Zoho fell silent for 8 s", "check the network")


class Clock:
    """A clock that a test moves by hand."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        """Give the time it is set to."""
        return self.now


class MemoryJournal:
    """A journal that a test can look into."""

    def __init__(self) -> None:
        self.jobs: dict[JobKey, TrackedJob] = {}
        self.totals: dict[tuple[str, str], ModuleTotals] = {}
        self.retired: set[JobKey] = set()

    def save_job(self, job: TrackedJob, totals: Mapping[tuple[str, str], ModuleTotals]) -> None:
        """Keep a job; one that is tracked again is retired no more."""
        self.jobs[job.spec.key] = job
        self.retired = self.retired - {job.spec.key}
        self.totals.update(totals)

    def forget_jobs(self, keys: Iterable[JobKey], *, retired: bool) -> None:
        """Forget jobs."""
        for key in keys:
            self.jobs.pop(key, None)
            self.retired = self.retired | {key} if retired else self.retired - {key}


class HeldExecutor(Executor):
    """Keeps what is submitted until the test lets it run, in the test's own thread."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Keep the work until `run`."""
        future: Future[T] = Future()

        def work() -> None:
            future.set_result(fn(*args, **kwargs))

        self.waiting.append(work)
        return future

    def run(self) -> None:
        """Do the work that has been submitted, in order."""
        while self.waiting:
            self.waiting.pop(0)()


def report(
    state: JobState = JobState.RUNNING,
    *,
    updated: int | None = 30,
    failed: int | None = 0,
    not_updated: int | None = 20,
    total: int | None = 50,
) -> JobReport:
    """Give a report; by default the page's sample of a job in progress."""
    return JobReport(state, updated, failed, not_updated, total)


def tracked(key: JobKey = LEADS, source: JobSource = JobSource.CONFIG) -> TrackedJob:
    """Give a job that was never polled, seen first at `NOW`."""
    return TrackedJob(JobSpec(key, source), first_seen_at=NOW)


def upstream(
    *,
    token: TokenStatus | None = None,
    credit: CreditStatus | None = None,
    is_up: bool | None = True,
    is_circuit_open: bool = False,
    in_flight: int = 0,
) -> UpstreamStatus:
    """Give how an account's calls go; by default well."""
    return UpstreamStatus(
        token=token or TokenStatus(is_valid=True, expires_at=NOW + 3600, refreshes=1),
        credits=credit or CreditStatus(spent=41, used_24h=640, budget=1000, reserve=500, remaining=2_345),
        is_up=is_up,
        is_circuit_open=is_circuit_open,
        in_flight=in_flight,
        durations={},
    )


def account(status: UpstreamStatus | None = None, alias: str = "acme") -> AccountSnapshot:
    """Give an account, by default one that is well."""
    return AccountSnapshot(Account(alias, "eu", "production", "v8", 5), status or upstream(), PollTally())


def snapshot_of(
    *jobs: TrackedJob, accounts: Iterable[AccountSnapshot] | None = None, exporter: ExporterSnapshot | None = None
) -> Snapshot:
    """Give a snapshot of jobs, by default of one account that is well."""
    own = exporter or ExporterSnapshot("1.2.3", "3.11.2", True, NOW, Distribution.empty((1.0,)))
    return Snapshot(jobs, (account(),) if accounts is None else tuple(accounts), own)
