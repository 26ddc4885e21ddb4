"""What the reader must know before the rest."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from samples import NOW, account, report, snapshot_of, tracked, upstream

from exporter.model import JobState
from exporter.web.status.notices import notices

DUE = replace(tracked(), next_poll_at=NOW)
SCRAPES_STOPPED = (
    "A job has been due for 5 min, and jobs are polled in scrapes only: check that Prometheus scrapes this exporter."
)


def test_nothing_is_said_while_all_is_well() -> None:
    """A job that is due now is polled in the next scrape."""
    assert notices(snapshot_of(DUE), NOW + 300) == ()


def test_missing_scrapes_are_told() -> None:
    """A job that stays due tells that nobody scrapes."""
    assert notices(snapshot_of(DUE), NOW + 301) == (SCRAPES_STOPPED,)


def test_account_that_is_held_back_keeps_its_jobs_waiting() -> None:
    """Jobs that wait for their account say nothing of the scrapes."""
    assert notices(snapshot_of(DUE, accounts=[account(upstream(is_circuit_open=True))]), NOW + 301) == ()


def test_ended_jobs_wait_for_nothing() -> None:
    """A final report is never due."""
    assert notices(snapshot_of(replace(DUE, report=report(JobState.FAILED))), NOW + 301) == ()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        pytest.param(
            {"config_reload_succeeded": False},
            "The last reload of the configuration failed; the one before stays in use. The log says why.",
            id="reload",
        ),
        pytest.param(
            {"store_errors": {"save_job": 1, "save_ledger": 2}},
            "The state could not be kept 3 times since the start; this is what was known last.",
            id="state file",
        ),
        pytest.param(
            {"jobs_dropped": {"retention": 7, "max_jobs": 1}},
            "1 job could not be taken in, because there are too many: raise max_jobs.",
            id="too many jobs",
        ),
    ],
)
def test_faults_of_the_exporter_are_told(change: Mapping[str, object], text: str) -> None:
    """What is wrong with the exporter itself is said in a sentence."""
    well = snapshot_of()
    assert notices(replace(well, exporter=replace(well.exporter, **change)), NOW) == (text,)  # type: ignore[arg-type] # a case
