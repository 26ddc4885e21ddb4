"""A job's course: from elapsed seconds to state and counts."""

import pytest

from exporter.simulator.crm.timeline import JobScript, Phase, SimulatedJob, State, Status, is_digits

SCRIPT = JobScript(
    100,
    (
        Phase(State.SCHEDULED, 10),
        Phase(State.RUNNING, 100, updated=80, failed=20),
        Phase(State.COMPLETED, None),
    ),
)


@pytest.mark.parametrize(
    ("elapsed", "status"),
    [
        pytest.param(-5, Status("SCHEDULED", 0, 0, 100, 100), id="before-the-beginning"),
        pytest.param(0, Status("SCHEDULED", 0, 0, 100, 100), id="at-the-beginning"),
        pytest.param(9.9, Status("SCHEDULED", 0, 0, 100, 100), id="first-phase"),
        pytest.param(10, Status("RUNNING", 0, 0, 100, 100), id="second-phase-begins"),
        pytest.param(61, Status("RUNNING", 40, 10, 50, 100), id="whole-records-only"),
        pytest.param(110, Status("COMPLETED", 80, 20, 0, 100), id="last-phase-begins"),
        pytest.param(1e9, Status("COMPLETED", 80, 20, 0, 100), id="for-ever"),
    ],
)
def test_status_follows_the_phases(elapsed: float, status: Status) -> None:
    """Counts move evenly within a phase and stay at the end."""
    assert SCRIPT.status_at(elapsed) == status


def test_a_phase_without_an_end_has_its_counts_at_once() -> None:
    """A stalled job shows the count it stalled at."""
    script = JobScript(100, (Phase(State.RUNNING, None, updated=37),))
    assert script.status_at(0) == Status("RUNNING", 37, 0, 63, 100)


def test_the_last_phase_stays_when_its_time_is_over() -> None:
    """A script may end with a phase of finite length."""
    script = JobScript(10, (Phase(State.RUNNING, 5, updated=10),))
    assert script.status_at(60) == Status("RUNNING", 10, 0, 0, 10)


def test_a_phase_of_no_length_is_passed_over() -> None:
    """Its counts still are where the next phase starts from."""
    script = JobScript(10, (Phase(State.RUNNING, 0, updated=4), Phase(State.FAILED, None)))
    assert script.status_at(0) == Status("FAILED", 4, 0, 6, 10)


@pytest.mark.parametrize(
    ("total", "phases", "complaint"),
    [
        pytest.param(1, (), "at least one phase", id="no-phase"),
        pytest.param(
            1,
            (Phase(State.RUNNING, None), Phase(State.COMPLETED, None)),
            "only the last phase",
            id="for-ever-in-the-middle",
        ),
        pytest.param(1, (Phase(State.RUNNING, -1),), "seconds must be 0 or more", id="negative-length"),
        pytest.param(1, (Phase(State.RUNNING, 1, updated=-1),), "0 or more", id="negative-count"),
        pytest.param(1, (Phase(State.RUNNING, 1, updated=1, failed=1),), "fit into total 1", id="over-total"),
    ],
)
def test_phases_that_do_not_fit_are_refused(total: int, phases: tuple[Phase, ...], complaint: str) -> None:
    """The complaint says what does not fit."""
    with pytest.raises(ValueError, match=complaint):
        JobScript(total, phases)


def test_a_job_id_is_made_of_digits() -> None:
    """An id that Zoho would never give is refused."""
    with pytest.raises(ValueError, match="job_id: expected a string of digits, got '12x'"):
        SimulatedJob("Leads", "12x", 1, SCRIPT.phases)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [("0123", True), ("", False), ("1.5", False), ("-1", False), ("\u0661", False)],
    ids=["digits", "empty", "fraction", "sign", "other-digits"],
)
def test_is_digits(text: str, verdict: bool) -> None:  # noqa: FBT001 - the expected value of a table
    """Only ASCII digits are digits."""
    assert is_digits(text) is verdict
