"""The one table of tracked jobs."""

import logging

import pytest
from samples import DEALS, FAILURE, LEADS, NOW, report, tracked

from exporter.jobs.registry import Registry
from exporter.jobs.tracking import note_failure, note_report
from exporter.model import JobReport, JobSource, JobSpec, JobState, TrackedJob


@pytest.fixture
def registry() -> Registry:
    """Give a registry that tracks one job."""
    registry = Registry()
    registry.track([JobSpec(LEADS, JobSource.CONFIG)], NOW)
    return registry


def take(registry: Registry, outcome: JobReport) -> None:
    """Let a report land."""
    registry.update(LEADS, lambda job: note_report(job, outcome, NOW + 1))


def test_jobs_come_sorted_by_key(registry: Registry) -> None:
    """The order of the page does not depend on the order of the configuration."""
    registry.track([JobSpec(DEALS, JobSource.CONFIG)], NOW)
    assert [job.spec.key for job in registry.jobs()] == [DEALS, LEADS]


def test_tracking_again_keeps_what_is_known(registry: Registry) -> None:
    """A job listed twice is tracked once, with its report."""
    take(registry, report())
    registry.track([JobSpec(LEADS, JobSource.ENVIRONMENT)], NOW + 60)
    assert registry.get(LEADS).report == report()
    assert registry.get(LEADS).first_seen_at == NOW


def test_snapshot_is_not_touched_by_later_updates(registry: Registry) -> None:
    """What a scrape has read stays as it was read."""
    before = registry.jobs()
    take(registry, report())
    assert before == (tracked(),)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        pytest.param("", "job is RUNNING", id="a documented state"),
        pytest.param("ARCHIVED", "job is UNKNOWN", id="an undocumented word"),
    ],
)
def test_new_state_is_logged_once(registry: Registry, caplog: pytest.LogCaptureFixture, word: str, said: str) -> None:
    """A state is logged when it begins, with the job's identity, and not again."""
    caplog.set_level(logging.INFO)
    outcome = JobReport(JobState.UNKNOWN, 1, 0, 1, 2, undocumented_word=word) if word else report()
    take(registry, outcome)
    take(registry, outcome)
    [record] = caplog.records
    assert record.getMessage() == said
    assert vars(record)["crm_module"] == "Leads"
    assert vars(record)["job_id"] == "3524033000006027001"
    assert vars(record).get("zoho_status", "") == word


def test_failure_is_logged_when_it_begins_and_ends(registry: Registry, caplog: pytest.LogCaptureFixture) -> None:
    """A repeated failure logs its change, not each repetition, and says what to do."""
    caplog.set_level(logging.INFO)

    def fail(job: TrackedJob) -> TrackedJob:
        return note_failure(job, FAILURE, NOW)

    registry.update(LEADS, fail)
    registry.update(LEADS, fail)
    take(registry, report())
    assert [record.getMessage() for record in caplog.records] == [
        "poll failed: Zoho fell silent for 8 s",
        "job is RUNNING",
        "poll works again",
    ]
    assert vars(caplog.records[0])["advice"] == "check the network"
