"""How a job is told to a script."""

from dataclasses import replace

import pytest
from samples import FAILURE, NOW, report, tracked

from exporter.cli.jobs.exits import exit_status
from exporter.jobs.outcome import note_failure, note_report
from exporter.model import JobReport, JobState, PollFailure, TrackedJob

DONE = report(JobState.COMPLETED, updated=50, not_updated=0)
REFUSED = PollFailure("OAUTH_SCOPE_MISMATCH", "scope", "new token", is_passing=False)
NO_SUCH_JOB = PollFailure("NOT_FOUND", "no such job", "check the id", is_passing=False)
NO_TOKEN = PollFailure("token_refused", "invalid_code", "new token", is_account_wide=True)
LIVE = note_report(tracked(), report(), NOW)


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        pytest.param(DONE, 0, id="completed"),
        pytest.param(report(JobState.FAILED), 3, id="failed"),
        pytest.param(report(JobState.COMPLETED, failed=1, updated=49, not_updated=0), 4, id="records failed"),
        pytest.param(report(JobState.COMPLETED, updated=49, not_updated=1), 4, id="records left"),
        pytest.param(replace(DONE, failed=None), 1, id="no count of what failed"),
        pytest.param(replace(DONE, not_updated=None), 1, id="no count of what was left"),
        pytest.param(replace(DONE, failed=None, not_updated=1), 4, id="records left, whatever failed"),
        pytest.param(replace(DONE, updated=None, total=None), 0, id="none left, of whatever number"),
        pytest.param(report(JobState.UNKNOWN), 5, id="a word that nobody knows"),
        pytest.param(report(JobState.SCHEDULED), 7, id="scheduled"),
        pytest.param(report(), 7, id="running"),
        pytest.param(report(JobState.SUSPENDED), 7, id="suspended"),
    ],
)
def test_report_has_its_status(outcome: JobReport, status: int) -> None:
    """Each end has one of its own, and what has not ended is no success."""
    assert exit_status(note_report(tracked(), outcome, NOW)) == status


@pytest.mark.parametrize("job", [tracked(), LIVE], ids=["never reported", "running"])
@pytest.mark.parametrize(
    ("failure", "status"),
    [
        pytest.param(FAILURE, 1, id="nobody answers"),
        pytest.param(NO_SUCH_JOB, 5, id="no such job"),
        pytest.param(REFUSED, 6, id="a scope that lacks"),
        pytest.param(NO_TOKEN, 6, id="no token"),
        *(
            pytest.param(replace(FAILURE, code=code), 6, id=code)
            for code in ("INVALID_TOKEN", "AUTHENTICATION_FAILURE", "UNAUTHORIZED")
        ),
    ],
)
def test_failure_has_its_status(job: TrackedJob, failure: PollFailure, status: int) -> None:
    """What Zoho refuses is told from what time may cure."""
    assert exit_status(note_failure(job, failure, NOW)) == status


def test_job_never_polled_is_unknown() -> None:
    """Nobody can say how it is."""
    assert exit_status(tracked()) == 5


def test_failure_after_the_end_changes_nothing() -> None:
    """The last report is final."""
    assert exit_status(replace(note_report(tracked(), DONE, NOW), failure=REFUSED)) == 0
