"""The demonstration's fleet over real HTTP."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from exporter.simulator import DEMO_FLEET, REFUSED_JOB, UNKNOWN_JOB, Scenario, demo_scenario

if TYPE_CHECKING:
    from unit.simulator.conftest import Client, FakeClock


@pytest.mark.parametrize(
    ("elapsed", "states"),
    [
        pytest.param(
            0,
            ["SCHEDULED", "SCHEDULED", "RUNNING", "SCHEDULED", "QUEUED", "RUNNING", "ARCHIVED", "COMPLETED"],
            id="at-the-beginning",
        ),
        pytest.param(
            600,
            ["COMPLETED", "FAILED", "RUNNING", "SCHEDULED", "COMPLETED", "SUSPENDED", "ARCHIVED", "COMPLETED"],
            id="after-ten-minutes",
        ),
    ],
)
def test_the_fleet_shows_every_state(
    connect: Callable[[Scenario], "Client"], clock: "FakeClock", elapsed: float, states: list[str]
) -> None:
    """Each job in its own."""
    client = connect(demo_scenario())
    clock.advance(elapsed)
    shown = [
        client.status(job.job_id, job.module).json()["data"][0]["Status"]
        for job in DEMO_FLEET
        if job not in {UNKNOWN_JOB, REFUSED_JOB}
    ]
    assert shown == states


def test_the_fleet_ages_faster_on_request(connect: Callable[[Scenario], "Client"], clock: "FakeClock") -> None:
    """At ten times the speed the leads are done in ten seconds."""
    client = connect(demo_scenario(speed=10))
    clock.advance(10)
    assert client.status(DEMO_FLEET[0].job_id).json()["data"] == [
        {
            "Status": "COMPLETED",
            "Failed_Count": 360,
            "Updated_Count": 49_640,
            "Not_Updated_Count": 0,
            "Total_Count": 50_000,
        }
    ]


def test_two_jobs_are_refused(connect: Callable[[Scenario], "Client"]) -> None:
    """One is unknown, one is outside the client's scopes."""
    client = connect(demo_scenario())
    codes = [client.status(job.job_id, job.module).json()["code"] for job in (UNKNOWN_JOB, REFUSED_JOB)]
    assert codes == ["NOT_FOUND", "OAUTH_SCOPE_MISMATCH"]


def test_the_fleets_ids_are_of_zohos_shape_and_differ() -> None:
    """Nineteen digits each."""
    ids = {job.job_id for job in DEMO_FLEET}
    assert len(ids) == len(DEMO_FLEET)
    assert {len(job_id) for job_id in ids} == {19}
