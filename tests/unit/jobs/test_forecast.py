"""What jobs will cost, reckoned without a clock."""

from math import inf

import pytest
from samples import schedule

from exporter.jobs.forecast import Fleet, Forecast, Life, forecast
from exporter.model import JobReport, JobState

HALF_HOUR = Life(waits_seconds=60, runs_seconds=1740)


def plenty(used: float, needed: float) -> float:
    """Say that credits are never scarce."""
    assert used < inf > needed
    return 0.0


@pytest.mark.parametrize(
    ("seconds", "report"),
    [
        pytest.param(59, JobReport(JobState.SCHEDULED, 0, 0, 50_000, 50_000), id="waits"),
        pytest.param(60, JobReport(JobState.RUNNING, 0, 0, 50_000, 50_000), id="begins"),
        pytest.param(930, JobReport(JobState.RUNNING, 25_000, 0, 25_000, 50_000), id="half-way"),
        pytest.param(1800, JobReport(JobState.COMPLETED, 50_000, 0, 0, 50_000), id="ends"),
    ],
)
def test_job_lives_evenly(seconds: float, report: JobReport) -> None:
    """A job waits, then runs at one pace to its end."""
    assert HALF_HOUR.report_at(seconds) == report


@pytest.mark.parametrize(
    ("life", "fleet", "expected"),
    [
        pytest.param(HALF_HOUR, Fleet(1, 15.0, None), Forecast(25, 1, 120.0, None, None), id="one job"),
        pytest.param(
            HALF_HOUR, Fleet(4, 15.0, None), Forecast(100, 1, 120.0, None, None), id="four jobs cost four times"
        ),
        pytest.param(HALF_HOUR, Fleet(1, 300.0, None), Forecast(7, 1, 300.0, None, None), id="a scrape each 5 min"),
        pytest.param(
            Life(60, 14_340), Fleet(1, 15.0, None), Forecast(130, 5, 120.0, None, None), id="a token each hour"
        ),
        pytest.param(HALF_HOUR, Fleet(4, 15.0, 0), Forecast(0, 0, 0.0, None, 0.0), id="no budget at all"),
        pytest.param(HALF_HOUR, Fleet(4, 15.0, 10), Forecast(10, 1, 15.0, None, 30.0), id="spent between two jobs"),
    ],
)
def test_what_a_day_comes_to(life: Life, fleet: Fleet, expected: Forecast) -> None:
    """Credits and tokens of the day, and from when on the budget is felt."""
    assert forecast(schedule(), life, fleet, plenty) == expected


def test_scarcity_stretches_polls() -> None:
    """Where credits are scarce polls wait longer, and it is told from when on."""
    scarce = forecast(schedule(), HALF_HOUR, Fleet(1, 15.0, None), lambda used, _: 1.0 if used > 3 else 0.0)
    assert (scarce.credits, scarce.longest_wait_seconds, scarce.stretched_at) == (5, 3600.0, 60.0)
