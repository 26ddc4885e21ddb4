"""What to do about a job."""

from dataclasses import replace
from pathlib import Path

import pytest
from samples import FAILURE, LEADS, NOW, report, tracked

from exporter.jobs.table import Drop
from exporter.model import Delay, Departure, JobState, TrackedJob
from exporter.web.status.advice import advice, why_absent
from exporter.words.standing import standing_of

RUNBOOKS = Path(__file__).parents[4] / "docs" / "runbooks"


def polled(state: JobState, delay: Delay | None = None) -> TrackedJob:
    """Give a job that was polled at `NOW`."""
    return replace(tracked(), report=report(state), reported_at=NOW, polled_at=NOW, delay=delay)


@pytest.mark.parametrize(
    ("job", "runbook"),
    [
        pytest.param(polled(JobState.FAILED), "JobFailed", id="failed"),
        pytest.param(polled(JobState.COMPLETED), "JobPartlyFailed", id="partly failed"),
        pytest.param(polled(JobState.RUNNING, Delay.STALLED), "JobStalled", id="stalled"),
        pytest.param(polled(JobState.RUNNING, Delay.TAKES_TOO_LONG), "JobTakesTooLong", id="takes too long"),
        pytest.param(polled(JobState.QUEUED, Delay.WAITS_LONG), "JobWaitingTooLong", id="waits long"),
        pytest.param(polled(JobState.SUSPENDED), "JobSuspended", id="suspended"),
        pytest.param(polled(JobState.UNKNOWN), "JobStateUnknown", id="a word that Zoho does not document"),
        pytest.param(replace(polled(JobState.RUNNING), report=None), "JobDataStale", id="stale"),
        pytest.param(replace(polled(JobState.RUNNING), failure=FAILURE), "JobDataStale", id="in error"),
    ],
)
def test_what_needs_attention_has_advice(job: TrackedJob, runbook: str) -> None:
    """A sentence that the page ends with a full stop, and a runbook that is there."""
    given = advice(job)
    assert standing_of(job).needs_attention
    assert given
    assert not given.text.endswith(".")
    assert given.runbook == f"ZohoMassUpdate{runbook}"
    assert (RUNBOOKS / f"{given.runbook}.md").exists()


def test_failed_poll_has_the_advice_of_its_error() -> None:
    """Who knows the error knows what to do."""
    given = advice(replace(polled(JobState.SUSPENDED), failure=FAILURE))
    assert given
    assert given.text == "check the network"


@pytest.mark.parametrize(
    "job",
    [
        pytest.param(polled(JobState.RUNNING), id="running"),
        pytest.param(tracked(), id="never polled"),
        pytest.param(replace(polled(JobState.FAILED), acknowledged_at=NOW), id="acknowledged"),
    ],
)
def test_other_jobs_need_nobody(job: TrackedJob) -> None:
    """There is nothing to do."""
    assert advice(job) is None


@pytest.mark.parametrize("drop", list(Drop))
def test_every_reason_to_let_go_has_words(drop: Drop) -> None:
    """Whoever follows an old address is told what became of the job."""
    told = why_absent(LEADS, [Departure(LEADS, drop.value, NOW)], NOW + 120)
    assert told[0] == f"{LEADS} is not tracked any more: the exporter let go of it 2 min ago."
    assert told[1].startswith("Why: ")
    assert told[1] != f"Why: {drop.value}."


def test_job_that_never_was_is_told_so() -> None:
    """The address may be wrong, or nobody has told the exporter yet."""
    other = Departure(replace(LEADS, module="Deals"), "untracked", NOW)
    assert why_absent(LEADS, [other], NOW) == (
        "acme/Leads/3524033000006027001 is not tracked by this exporter.",
        "Check the address; or list the job, register it, or probe it.",
    )
