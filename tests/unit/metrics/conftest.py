"""A snapshot that shows every family and every odd case."""

from dataclasses import replace

import pytest
from samples import DEALS, FAILURE, LEADS, NOW, report, tracked

from exporter.model import (
    Account,
    AccountSnapshot,
    Census,
    CreditStatus,
    Departure,
    Distribution,
    ExporterSnapshot,
    JobKey,
    JobSource,
    JobSpec,
    JobState,
    ModuleTotals,
    PollTally,
    Snapshot,
    TokenStatus,
    TrackedJob,
    UpstreamStatus,
)


def completed() -> TrackedJob:
    """Give a finished job with a name that needs escaping."""
    spec = JobSpec(
        LEADS,
        JobSource.CONFIG,
        name='Reassign "EMEA" \\ leads\nnow <script>',
        group="spring-cleanup",
        labels={"team": "sales"},
    )
    return TrackedJob(
        spec,
        first_seen_at=NOW,
        report=report(JobState.COMPLETED, updated=49_640, failed=360, not_updated=0, total=50_000),
        reported_at=NOW + 100,
        polled_at=NOW + 100,
        started_at=NOW + 15,
        finished_at=NOW + 100,
        progressed_at=NOW + 100,
    )


def failing() -> TrackedJob:
    """Give a running job whose last poll failed and whose total Zoho did not say."""
    return replace(
        tracked(DEALS, JobSource.ENVIRONMENT),
        report=report(total=None),
        reported_at=NOW + 15,
        polled_at=NOW + 30,
        next_poll_at=NOW + 45.5,
        completes_at=NOW + 300,
        started_at=NOW + 15,
        progressed_at=NOW + 15,
        failure=FAILURE,
    )


def never_polled() -> TrackedJob:
    """Give a job of the second account that no poll has reached."""
    return tracked(JobKey("beta", "Sales_Orders", "99"))


def busy_account() -> AccountSnapshot:
    """Give an account with everything there is to show."""
    durations = Distribution.empty((0.1, 1.0)).observe(0.05).observe(0.1).observe(0.7).observe(9)
    return AccountSnapshot(
        Account("acme", "eu", "production", "v8", 5),
        UpstreamStatus(
            token=TokenStatus(
                is_valid=True,
                expires_at=NOW + 3600,
                refreshes=2,
                refresh_errors={"invalid_code": 1, "access_denied": 0},
            ),
            credits=CreditStatus(spent=41, used_24h=640, budget=1000, reserve=500, remaining=2_345, unwritten=3),
            is_up=True,
            is_circuit_open=False,
            in_flight=3,
            durations={"status": durations, "token": Distribution.empty((0.1, 1.0))},
        ),
        PollTally(
            polls={"Leads": 20, "Deals": 21, "Retired": 4},
            errors={("Deals", "timeout"): 1},
            skipped={"fresh": 7, "terminal": 12, "budget": 0, "backoff": 2, "circuit": 0, "deadline": 0},
            coalesced=5,
        ),
        {"Deals": empty_totals(), "Leads": busy_totals(), "Retired": busy_totals()},
    )


def empty_totals() -> ModuleTotals:
    """Give counters at zero, with few buckets."""
    ends = (JobState.COMPLETED, JobState.FAILED)
    return ModuleTotals(
        dict.fromkeys(ends, 0),
        {"updated": 0, "failed": 0},
        dict.fromkeys(ends, Distribution.empty((60.0, 3600.0))),
    )


def busy_totals() -> ModuleTotals:
    """Give counters of a module that has seen jobs end."""
    empty = empty_totals()
    durations = empty.durations[JobState.COMPLETED].observe(85.0).observe(7000.0)
    return ModuleTotals(
        finished={JobState.COMPLETED: 2, JobState.FAILED: 0},
        records={"updated": 49_640, "failed": 360},
        durations={**empty.durations, JobState.COMPLETED: durations},
    )


def quiet_account() -> AccountSnapshot:
    """Give an account that has not said anything yet."""
    return AccountSnapshot(
        Account("beta", "us", "sandbox", "v2.1", 1),
        UpstreamStatus(
            token=TokenStatus(),
            credits=CreditStatus(spent=0, used_24h=0, budget=None, reserve=0, remaining=499, is_reserve_reached=True),
            is_up=None,
            is_circuit_open=True,
            in_flight=0,
            durations={},
        ),
        PollTally(skipped={"fresh": 0, "terminal": 0, "budget": 3, "backoff": 0, "circuit": 0, "deadline": 0}),
        {"Sales_Orders": empty_totals()},
    )


@pytest.fixture
def snapshot() -> Snapshot:
    """Give the whole."""
    jobs = (failing(), completed(), never_polled())
    return Snapshot(
        jobs=jobs,
        census=Census.of(jobs),
        accounts=(busy_account(), quiet_account()),
        exporter=ExporterSnapshot(
            version="1.2.3",
            python_version="3.11.2",
            config_reload_succeeded=True,
            config_reloaded_at=NOW,
            scrape_durations=Distribution.empty((0.5, 5.0)).observe(0.2),
            jobs_dropped={"retention": 2, "unknown_retention": 0, "max_jobs": 1},
            store_errors={"save_job": 0, "save_ledger": 4},
            store_behind_since=NOW + 90,
        ),
        accounts_dropped={"old": NOW - 60},
        departures=(Departure(JobKey("acme", "Leads", "3524033000006027009"), "untracked", NOW - 30),),
    )
