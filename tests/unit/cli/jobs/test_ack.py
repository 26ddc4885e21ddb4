"""`ack`: ends that somebody has taken note of."""

from dataclasses import replace

from played import PlayedExporter
from samples import DEALS, LEADS, report, tracked
from sites import Typed

from exporter.model import JobState

FAILED = report(JobState.FAILED)


def test_end_is_acknowledged_and_taken_back(typed: Typed, exporter: PlayedExporter) -> None:
    """Each may be said again."""
    exporter.jobs = {LEADS: replace(tracked(), report=FAILED)}
    assert typed("ack", f"Leads/{LEADS.job_id}") == (0, f"{LEADS} is acknowledged.\n", "")
    assert exporter.jobs[LEADS].is_acknowledged
    assert typed("ack", "--undo", str(LEADS), str(LEADS)) == (0, f"{LEADS} is no longer acknowledged.\n" * 2, "")
    assert not exporter.jobs[LEADS].is_acknowledged


def test_end_that_is_not_there_is_told(typed: Typed, exporter: PlayedExporter) -> None:
    """What has ended beside it is acknowledged all the same."""
    exporter.jobs = {LEADS: replace(tracked(), report=FAILED), DEALS: tracked(DEALS)}
    assert typed("ack", str(DEALS), str(LEADS)) == (
        1,
        f"{LEADS} is acknowledged.\n",
        "zoho-mass-update-exporter: URL: it has not ended.\n",
    )
