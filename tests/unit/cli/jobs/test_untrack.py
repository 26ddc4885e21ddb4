"""`untrack`: jobs that an exporter lets go of."""

from played import PlayedExporter
from samples import DEALS, LEADS, tracked
from sites import Typed


def test_jobs_are_let_go_of(typed: Typed, exporter: PlayedExporter) -> None:
    """Several at once, with or without their account."""
    exporter.jobs = {LEADS: tracked(), DEALS: tracked(DEALS)}
    assert typed("untrack", str(LEADS), f"Deals/{DEALS.job_id}") == (
        0,
        f"{LEADS} is no longer tracked.\n{DEALS} is no longer tracked.\n",
        "",
    )
    assert exporter.jobs == {}


def test_job_that_stays_is_told(typed: Typed, exporter: PlayedExporter) -> None:
    """One that can't be let go of stops no other."""
    exporter.jobs = {LEADS: tracked(), DEALS: tracked(DEALS)}
    exporter.declared = frozenset({LEADS})
    assert typed("untrack", str(LEADS), "acme/Leads/7", "Leads/7", str(DEALS)) == (
        1,
        f"{DEALS} is no longer tracked.\n",
        (
            "zoho-mass-update-exporter: URL: it stands in the configuration.\n"
            "zoho-mass-update-exporter: URL: acme/Leads/7 is not tracked.\n"
            "zoho-mass-update-exporter: URL: Leads/7 is not tracked\n"
        ),
    )
