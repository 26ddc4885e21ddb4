"""Small pieces that many tests are built from. Times are Unix seconds around `NOW`."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from exporter.jobs.schedule import Schedule
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
    PollFailure,
    PollTally,
    Snapshot,
    TokenStatus,
    TrackedJob,
    UpstreamStatus,
)
from exporter.settings import Settings
from exporter.web.request import Outside
from exporter.web.routes import WebOptions
from exporter.zoho.transport import TransportOptions

NOW = 1_790_000_000.0
LEADS = JobKey("acme", "Leads", "3524033000006027001")
DEALS = JobKey("acme", "Deals", "3524033000006027002")
FAILURE = PollFailure("timeout", "Zoho fell silent for 8 s", "check the network")
SETTINGS = Settings()
"""Every setting as it is by default, of no account."""


def within(seconds: float) -> float:
    """Give the deadline that is so many seconds away."""
    return time.monotonic() + seconds


def schedule(**changes: float) -> Schedule:
    """Give the schedule that the settings have by default, but for the changes."""
    given: dict[str, Any] = {**dict(SETTINGS), **dict(SETTINGS.schedule)}
    own = {field.name: given[field.name.removesuffix("_seconds")] for field in fields(Schedule)}
    return Schedule(**own | changes)


def constant_schedule(seconds: float) -> Schedule:
    """Poll every live job at the same interval, failing or not."""
    names = {field.name for field in fields(Schedule) if field.name.endswith("_seconds")}
    return schedule(**dict.fromkeys((name for name in names if "_after_" not in name), seconds))


def transport_options(
    timeout_seconds: float = SETTINGS.poll_timeout,
    connect_timeout_seconds: float = SETTINGS.connect_timeout,
    proxies: Mapping[str, str] | None = None,
    *,
    pool_size: int = 5,
) -> TransportOptions:
    """Give the transport's options, by default with the settings' time limits."""
    return TransportOptions(timeout_seconds, connect_timeout_seconds, pool_size, proxies or {})


def web_options() -> WebOptions:
    """Give the web server's options that the settings have by default."""
    given = SETTINGS.web
    return WebOptions(
        given.telemetry_path,
        SETTINGS.scrape_timeout,
        SETTINGS.scrape_timeout_offset,
        given.max_requests,
        given.prefix,
        Outside(*given.outside),
    )


class Clock:
    """A clock that a test moves by hand."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        """Give the time it is set to."""
        return self.now


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
