"""Targets for Prometheus' service discovery."""

from dataclasses import replace

import pytest
import requests
from played import PlayedExporter
from samples import DEALS, LEADS, NOW, report, tracked, web_options
from sites import Serve

from exporter.jobs.outcome import note_report
from exporter.model import JobSource, JobState, TrackedJob
from exporter.web import create_gate
from exporter.web.prometheus.discovery import scrape_interval_seconds, target


def waiting(seconds: float | None, state: JobState = JobState.RUNNING) -> TrackedJob:
    """Give a job that was polled at `NOW` and waits for its next poll."""
    next_poll_at = None if seconds is None else NOW + seconds
    return replace(note_report(tracked(), report(state), NOW), next_poll_at=next_poll_at)


@pytest.mark.parametrize(
    ("job", "age", "seconds"),
    [
        pytest.param(tracked(), 0, 1, id="new"),
        pytest.param(tracked(), -60, 1, id="new, and the clock was set back"),
        pytest.param(tracked(), 60, 15, id="never polled for a minute"),
        pytest.param(tracked(), 86_400, 120, id="never polled for a day"),
        pytest.param(waiting(0), 86_400, 120, id="due for a day"),
        pytest.param(waiting(0.2), 0, 1, id="faster than any"),
        pytest.param(waiting(15), 0, 15, id="shortest of the schedule"),
        pytest.param(waiting(44.9), 0, 30, id="in between"),
        pytest.param(waiting(120), 0, 120, id="longest of the schedule"),
        pytest.param(waiting(21_600), 0, 120, id="refused: no series may go stale"),
        pytest.param(waiting(None, JobState.COMPLETED), 0, 120, id="ended"),
    ],
)
def test_interval_follows_the_schedule(job: TrackedJob, age: float, seconds: int) -> None:
    """A target is scraped as often as its job is due, at one of few intervals, and ever less while it can't be."""
    assert scrape_interval_seconds(job, NOW + age) == seconds


def test_target_is_a_probe_of_the_job() -> None:
    """Everything Prometheus needs is in the labels: no relabelling."""
    assert target(waiting(30), "exporter:10042", "https", NOW) == {
        "targets": ["exporter:10042"],
        "labels": {
            "__scheme__": "https",
            "__metrics_path__": "/probe",
            "__param_account": "acme",
            "__param_crm_module": "Leads",
            "__param_job_id": "3524033000006027001",
            "__scrape_interval__": "30s",
            "__scrape_timeout__": "10s",
            "instance": "acme/Leads/3524033000006027001",
        },
    }


def ended(seconds_ago: float) -> TrackedJob:
    """Give a job that ended some time ago."""
    return replace(waiting(None, JobState.FAILED), finished_at=NOW - seconds_ago)


@pytest.mark.parametrize(
    ("job", "is_listed"),
    [
        pytest.param(waiting(15), True, id="live"),
        pytest.param(ended(3600), True, id="ended lately"),
        pytest.param(ended(3601), False, id="ended long ago"),
        pytest.param(tracked(source=JobSource.PROBE), False, id="only probed"),
        pytest.param(tracked(source=JobSource.API), True, id="registered"),
    ],
)
def test_live_jobs_are_targets(serve: Serve, job: TrackedJob, is_listed: bool) -> None:  # noqa: FBT001 - a table's cell
    """A job leaves some time after its end, so that its end is scraped; what is only probed needs no discovery."""
    site = serve(create_gate(web_options(), PlayedExporter(jobs={LEADS: job})))
    answer = requests.get(f"{site.url}/sd/jobs", timeout=10)
    assert answer.headers["Content-Type"] == "application/json"
    addresses = [group["targets"] for group in answer.json()]
    assert addresses == ([[site.url.removeprefix("http://")]] if is_listed else [])


def test_every_job_has_its_own_target(serve: Serve) -> None:
    """Targets differ by their instance, which Prometheus keeps."""
    site = serve(create_gate(web_options(), PlayedExporter(jobs={LEADS: tracked(), DEALS: tracked(DEALS)})))
    groups = requests.get(f"{site.url}/sd/jobs", timeout=10).json()
    assert [group["labels"]["instance"] for group in groups] == [str(DEALS), str(LEADS)]


@pytest.mark.parametrize("host", ["a b", "<script>", "exporter:port", ""])
def test_odd_host_is_refused(serve: Serve, host: str) -> None:
    """A host that is none never becomes a target."""
    site = serve(create_gate(web_options(), PlayedExporter(jobs={LEADS: tracked()})))
    answer = requests.get(f"{site.url}/sd/jobs", headers={"Host": host}, timeout=10)
    assert answer.status_code == 400
