"""A job in sentences."""

from dataclasses import replace

import pytest
from samples import FAILURE, LEADS, NOW, report, tracked

from exporter.jobs.explain import explain_account, explain_job
from exporter.jobs.outcome import note_failure, note_report
from exporter.jobs.refresh import Plan, Skip
from exporter.model import (
    Account,
    AccountSnapshot,
    CreditStatus,
    JobReport,
    JobSource,
    JobSpec,
    JobState,
    PollTally,
    TokenStatus,
    TrackedJob,
    UpstreamStatus,
)

START = "acme/Leads/3524033000006027001 is tracked since 2026-09-21 14:13:20 UTC (1.0 min ago), from the source config."
REPORTED = (
    "Zoho reported RUNNING at 2026-09-21 14:13:20 UTC (1.0 min ago): 30 updated, 0 failed, 20 not updated, 50 in total."
)
DUE = (None, NOW)


@pytest.mark.parametrize(
    ("job", "plan", "sentences"),
    [
        pytest.param(
            tracked(),
            DUE,
            [
                "No poll has given a report yet: it shows the state UNKNOWN and no counts.",
                "The next scrape polls it.",
            ],
            id="never polled",
        ),
        pytest.param(
            note_report(tracked(), report(), NOW),
            (Skip.FRESH, NOW + 90),
            [
                REPORTED,
                (
                    "A scrape now would not poll it: the report is recent enough. "
                    "It is due at 2026-09-21 14:14:50 UTC (in 30 s)."
                ),
            ],
            id="running",
        ),
        pytest.param(
            replace(note_report(tracked(), report(), NOW), completes_at=NOW + 7260),
            DUE,
            [
                REPORTED,
                "At its pace it will be done at 2026-09-21 16:14:20 UTC (in 2.0 h).",
                "The next scrape polls it.",
            ],
            id="estimated",
        ),
        pytest.param(
            note_report(tracked(), report(JobState.COMPLETED, updated=48, failed=2, not_updated=0), NOW),
            (Skip.TERMINAL, None),
            [
                (
                    "Zoho reported COMPLETED at 2026-09-21 14:13:20 UTC (1.0 min ago): "
                    "48 updated, 2 failed, 0 not updated, 50 in total."
                ),
                "COMPLETED means that processing ended; it left records as they were: it has partly failed.",
                "Its report is final: it is never polled again.",
            ],
            id="completed, not all of it",
        ),
        pytest.param(
            note_report(tracked(), JobReport(JobState.UNKNOWN, None, 0, 1, 2, "ARCHIVED"), NOW),
            DUE,
            [
                (
                    'Zoho reported the undocumented word "ARCHIVED" at 2026-09-21 14:13:20 UTC (1.0 min ago): '
                    "no count updated, 0 failed, 1 not updated, 2 in total."
                ),
                "The next scrape polls it.",
            ],
            id="undocumented",
        ),
        pytest.param(
            note_failure(note_failure(note_report(tracked(), report(), NOW), FAILURE, NOW), FAILURE, NOW + 30),
            (Skip.BACKOFF, NOW + 61),
            [
                REPORTED,
                (
                    "The last poll, at 2026-09-21 14:13:50 UTC (30 s ago), failed with timeout (2 times in a row): "
                    "Zoho fell silent for 8 s."
                ),
                "What to do: check the network.",
                (
                    "A scrape now would not poll it: the last poll failed and the next attempt waits. "
                    "It is due at 2026-09-21 14:14:21 UTC (in 1 s)."
                ),
            ],
            id="failing",
        ),
    ],
)
def test_job_is_explained(job: TrackedJob, plan: Plan, sentences: list[str]) -> None:
    """What is known, how old it is, what went wrong, and what a scrape would do."""
    assert list(explain_job(job, plan, NOW + 60, 3600)) == [START, *sentences]


def test_stale_report_is_explained() -> None:
    """A page that shows no counts any more is no riddle."""
    job = note_report(tracked(), report(), NOW)
    told = explain_job(job, DUE, NOW + 7200, 3600)
    assert "That is older than stale_after (1.0 h): the page shows UNKNOWN instead." in told


def test_named_job_is_called_so() -> None:
    """The name stands beside the identity."""
    job = TrackedJob(JobSpec(LEADS, JobSource.API, "Spring"), first_seen_at=NOW - 2 * 86_400)
    assert explain_job(job, DUE, NOW, 3600)[0] == (
        "acme/Leads/3524033000006027001 (Spring) is tracked since 2026-09-19 14:13:20 UTC (2.0 d ago), "
        "from the source api."
    )


def account(credits_: CreditStatus, token: TokenStatus, *, is_circuit_open: bool = False) -> AccountSnapshot:
    """Give an account."""
    upstream = UpstreamStatus(token, credits_, True, is_circuit_open, 0, {})
    return AccountSnapshot(Account("acme", "eu", "production", "v8", 5), upstream, PollTally())


VALID = TokenStatus(is_valid=True, expires_at=NOW + 3600)


@pytest.mark.parametrize(
    ("state", "sentences"),
    [
        pytest.param(
            account(CreditStatus(12, 40, 1000, 500), VALID),
            [
                "The account acme has spent 40 credits in 24 hours, of a budget of 1000.",
                "Its access token is good until 2026-09-21 15:13:20 UTC (in 1.0 h).",
            ],
            id="healthy",
        ),
        pytest.param(
            account(CreditStatus(12, 40, None, 500, 499, is_reserve_reached=True), TokenStatus()),
            [
                "The account acme has spent 40 credits in 24 hours, without a limit.",
                "Zoho says that 499 credits are left to the organisation; the reserve is 500: polling has stopped.",
                "It holds no access token that is good now; the next poll asks for one.",
            ],
            id="reserve reached",
        ),
        pytest.param(
            account(CreditStatus(12, 40, 1000, 500, 700), VALID, is_circuit_open=True),
            [
                "The account acme has spent 40 credits in 24 hours, of a budget of 1000.",
                "Zoho says that 700 credits are left to the organisation; the reserve is 500.",
                "All its polls wait: Zoho asked for a pause, or gives no access token.",
                "Its access token is good until 2026-09-21 15:13:20 UTC (in 1.0 h).",
            ],
            id="paused",
        ),
    ],
)
def test_account_is_explained(state: AccountSnapshot, sentences: list[str]) -> None:
    """What may be spent, what is left, and whether Zoho lets us."""
    assert list(explain_account(state, NOW)) == sentences
