"""The jobs that the organisation holds, over time."""

from typing import TYPE_CHECKING

import pytest

from exporter.simulator.crm.organisation import Organisation
from exporter.simulator.crm.timeline import JobScript, Phase, SimulatedJob, State, Status

if TYPE_CHECKING:
    from unit.simulator.conftest import FakeClock

SCRIPT = JobScript(10, (Phase(State.RUNNING, 10, updated=10), Phase(State.COMPLETED, None)))
FIXED = Status("SUSPENDED", 3, 2, 1, 9)


@pytest.fixture
def organisation(clock: "FakeClock", job: SimulatedJob) -> Organisation:
    """Give an organisation that ages at twice the clock's speed."""
    return Organisation((job,), clock, speed=2)


def test_a_job_ages_with_the_clock(organisation: Organisation, clock: "FakeClock", job: SimulatedJob) -> None:
    """30 seconds of the clock are 60 of the job."""
    clock.advance(30)
    assert organisation.status("Leads", job.job_id) == Status("RUNNING", 40, 10, 50, 100)


def test_a_job_belongs_to_its_module(organisation: Organisation, job: SimulatedJob) -> None:
    """The right id under another module is unknown."""
    assert organisation.status("Deals", job.job_id) is None


def test_a_fixed_status_stands_still(organisation: Organisation, clock: "FakeClock", job: SimulatedJob) -> None:
    """Whatever the script says, and whether the counts add up or not."""
    organisation.set_status("Leads", job.job_id, FIXED)
    clock.advance(500)
    assert organisation.status("Leads", job.job_id) == FIXED


def test_fixing_an_unknown_job_takes_it_in(organisation: Organisation) -> None:
    """So that a test needs one call only."""
    organisation.set_status("Deals", "7", FIXED)
    assert organisation.status("Deals", "7") == FIXED


def test_a_scheduled_job_begins_now(organisation: Organisation, clock: "FakeClock") -> None:
    """Its id is new, its course begins when it is scheduled."""
    clock.advance(1_000)
    job_id = organisation.schedule("Leads", "1", SCRIPT)
    assert job_id == "5540330000009000001"
    assert organisation.status("Leads", job_id) == Status("RUNNING", 0, 0, 10, 10)


def test_a_view_has_one_active_job(organisation: Organisation) -> None:
    """Another view or another module is free."""
    ids = [
        organisation.schedule(module, view, SCRIPT)
        for module, view in (("Leads", "1"), ("Leads", "1"), ("Leads", "2"), ("Deals", "1"))
    ]
    assert ids == ["5540330000009000001", None, "5540330000009000002", "5540330000009000003"]


def test_a_view_is_free_when_its_job_has_ended(organisation: Organisation, clock: "FakeClock") -> None:
    """COMPLETED is not active."""
    organisation.schedule("Leads", "1", SCRIPT)
    clock.advance(5)
    assert organisation.schedule("Leads", "1", SCRIPT) is not None


def test_a_view_stays_taken_by_a_job_that_is_moved_by_hand(organisation: Organisation) -> None:
    """Fixing a status does not loosen the job from its view."""
    job_id = organisation.schedule("Leads", "1", SCRIPT)
    organisation.set_status("Leads", str(job_id), FIXED)
    assert organisation.schedule("Leads", "1", SCRIPT) is None
