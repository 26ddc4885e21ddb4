"""A snapshot that shows every family and every odd case."""

from dataclasses import replace

import pytest
from samples import DEALS, FAILURE, LEADS, NOW, report, tracked

from exporter.model import (
    Account,
    AccountSnapshot,
    Distribution,
    ExporterSnapshot,
    JobKey,
    JobSource,
    JobSpec,
    JobState,
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
            is_up=True,
            in_flight=3,
            credits_spent=41,
            credits_remaining=2_345,
            durations={"status": durations, "token": Distribution.empty((0.1, 1.0))},
        ),
        PollTally(
            polls={"Leads": 20, "Deals": 21, "Retired": 4},
            errors={("Deals", "timeout"): 1},
            skipped={"fresh": 7, "terminal": 12, "deadline": 0},
            coalesced=5,
        ),
    )


def quiet_account() -> AccountSnapshot:
    """Give an account that has not said anything yet."""
    return AccountSnapshot(
        Account("beta", "us", "sandbox", "v2.1", 1),
        UpstreamStatus(TokenStatus(), None, 0, 0, None, {}),
        PollTally(skipped={"fresh": 0, "terminal": 0, "deadline": 0}),
    )


@pytest.fixture
def snapshot() -> Snapshot:
    """Give the whole."""
    return Snapshot(
        jobs=(failing(), completed(), never_polled()),
        accounts=(busy_account(), quiet_account()),
        exporter=ExporterSnapshot(
            version="1.2.3",
            python_version="3.11.2",
            config_reload_succeeded=True,
            config_reloaded_at=NOW,
            scrape_durations=Distribution.empty((0.5, 5.0)).observe(0.2),
        ),
    )
