"""Jobs out of what the API shows of them."""

from dataclasses import replace
from typing import Any

import pytest
from samples import FAILURE, LEADS, NOW, report, tracked

from exporter.cli.jobs.client.exporter_client import NoExporterError
from exporter.cli.jobs.client.reading import job_of
from exporter.jobs.outcome import note_failure, note_report
from exporter.model import Delay, JobSource, JobSpec, JobState, Observation, TrackedJob
from exporter.web.api.schemas import JobWithHistoryView
from exporter.words.jobs import state_word


def shown(job: TrackedJob) -> dict[str, Any]:
    """Show a job as the API does."""
    return JobWithHistoryView.model_validate(job).model_dump(mode="json")


RUNNING = replace(
    note_report(note_report(tracked(), report(updated=10, not_updated=40), NOW), report(failed=1), NOW + 15),
    next_poll_at=NOW + 30,
    completes_at=NOW + 45.5,
    records_per_second=1.25,
    delay=Delay.STALLED,
)
NAMED = JobSpec(LEADS, JobSource.API, "Spring", "campaign", {"team": "sales"})
ENDED = replace(note_report(RUNNING, report(JobState.FAILED), NOW + 60), spec=NAMED, acknowledged_at=NOW + 60)
ODD = replace(report(JobState.UNKNOWN), undocumented_word="HELD")


@pytest.mark.parametrize(
    "job",
    [
        pytest.param(tracked(), id="never polled"),
        pytest.param(RUNNING, id="running"),
        pytest.param(note_failure(RUNNING, FAILURE, NOW + 30), id="in error"),
        pytest.param(note_failure(tracked(), replace(FAILURE, is_passing=False), NOW), id="refused"),
        pytest.param(ENDED, id="ended"),
        pytest.param(note_report(tracked(), ODD, NOW), id="a word of Zoho's"),
        pytest.param(note_report(tracked(), report(updated=None, failed=None), NOW), id="without counts"),
    ],
)
def test_job_comes_back(job: TrackedJob) -> None:
    """Whatever the API shows is known; what it does not is of no use to a reader."""
    assert job_of(shown(job)) == replace(job, failures_in_a_row=0, counted={})


def test_job_of_an_older_exporter_comes_back() -> None:
    """What it does not tell is not known."""
    newer = ("undocumented_state", "delay", "records_per_second")
    old = {name: value for name, value in shown(RUNNING).items() if name not in newer}
    old["history"] = [{"at": "2026-09-21T14:13:20Z", "state": "RUNNING", "processed_records": 10}]
    old["error"] = {"code": "timeout", "message": "silent", "advice": "check"}
    job = job_of(old)
    assert (job.delay, job.records_per_second) == (None, None)
    assert job.history == (Observation(NOW, JobState.RUNNING, 10),)
    assert job.failure is not None
    assert job.failure.is_passing


@pytest.mark.parametrize(
    ("document", "told"),
    [
        pytest.param({}, "finished_at is missing", id="nothing"),
        pytest.param([], "what should be an object is none", id="a list"),
        pytest.param({**shown(RUNNING), "delay": "zzz"}, 'the delay "zzz" is not known here', id="an unknown delay"),
        pytest.param({**shown(RUNNING), "source": "zzz"}, 'the source "zzz" is not known here', id="an unknown source"),
        pytest.param({**shown(RUNNING), "first_seen_at": "noon"}, ".*noon.*", id="no time"),
        pytest.param({**shown(RUNNING), "error": "timeout"}, "error is of another kind", id="another form"),
    ],
)
def test_what_is_no_job_is_told(document: dict[str, Any], told: str) -> None:
    """Somebody else answers there, or an exporter of another version; in words, not in those of Python's errors."""
    with pytest.raises(
        NoExporterError, match=rf"but not as the exporter does \({told}\): check the address, and whether"
    ):
        job_of(document)


def test_state_of_a_newer_exporter_is_shown_as_it_is() -> None:
    """One word that is not known hides no job."""
    odd = {**shown(RUNNING), "state": "ARCHIVED"}
    odd["history"] = [{**seen, "state": "ARCHIVED"} for seen in odd["history"]]
    job = job_of(odd)
    assert (state_word(job), job.state, job.history[0].state) == ("ARCHIVED", JobState.UNKNOWN, JobState.UNKNOWN)
