"""How much a job needs a person."""

from dataclasses import replace

import pytest
from samples import FAILURE, NOW, report, tracked

from exporter.model import Delay, JobReport, JobState, TrackedJob
from exporter.words.standing import Standing, standing_of


def reported(answer: JobReport) -> TrackedJob:
    """Give a job with a report."""
    return replace(tracked(), report=answer, reported_at=NOW, polled_at=NOW)


def noted(answer: JobReport) -> TrackedJob:
    """Give a job whose report somebody has taken note of."""
    return replace(reported(answer), acknowledged_at=NOW)


DONE = report(JobState.COMPLETED, updated=50, failed=0, not_updated=0)


@pytest.mark.parametrize(
    ("job", "standing"),
    [
        pytest.param(tracked(), Standing.WAITING, id="never polled"),
        pytest.param(reported(report(JobState.SCHEDULED)), Standing.WAITING, id="scheduled"),
        pytest.param(reported(report(JobState.QUEUED)), Standing.WAITING, id="queued"),
        pytest.param(reported(report()), Standing.RUNNING, id="running"),
        pytest.param(replace(reported(report()), delay=Delay.STALLED), Standing.STALLED, id="stalled"),
        pytest.param(replace(reported(report()), delay=Delay.TAKES_TOO_LONG), Standing.TAKES_TOO_LONG, id="slow"),
        pytest.param(
            replace(reported(report(JobState.QUEUED)), delay=Delay.WAITS_LONG), Standing.WAITS_LONG, id="waits long"
        ),
        pytest.param(reported(report(JobState.SUSPENDED)), Standing.SUSPENDED, id="suspended"),
        pytest.param(reported(DONE), Standing.COMPLETED, id="completed"),
        pytest.param(reported(replace(DONE, failed=None, not_updated=None)), Standing.COMPLETED, id="without counts"),
        pytest.param(reported(replace(DONE, failed=1)), Standing.PARTLY_FAILED, id="with failed records"),
        pytest.param(reported(replace(DONE, not_updated=1)), Standing.PARTLY_FAILED, id="with records left out"),
        pytest.param(reported(report(JobState.FAILED)), Standing.FAILED, id="failed"),
        pytest.param(noted(report(JobState.FAILED)), Standing.ACKNOWLEDGED, id="failed, and taken note of"),
        pytest.param(noted(replace(DONE, not_updated=1)), Standing.ACKNOWLEDGED, id="partly failed, and taken note of"),
        pytest.param(noted(DONE), Standing.COMPLETED, id="completed, and taken note of"),
        pytest.param(reported(report(JobState.UNKNOWN)), Standing.UNKNOWN, id="undocumented word"),
        pytest.param(replace(tracked(), reported_at=NOW), Standing.UNKNOWN, id="report too old"),
        pytest.param(replace(tracked(), failure=FAILURE), Standing.UNREACHED, id="no poll succeeded"),
        pytest.param(replace(reported(report()), failure=FAILURE), Standing.UNREACHED, id="running unseen"),
    ],
)
def test_jobs_are_judged(job: TrackedJob, standing: Standing) -> None:
    """Every state, and every way a poll can leave it, has its standing."""
    assert standing_of(job) is standing


def test_order_is_that_of_need() -> None:
    """Whoever reads from the top meets what needs them first."""
    assert [standing.value for standing in Standing] == [
        "failed",
        "in error",
        "partly failed",
        "stalled",
        "takes too long",
        "waits long",
        "suspended",
        "unknown",
        "running",
        "waiting",
        "acknowledged",
        "completed",
    ]
