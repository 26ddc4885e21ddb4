"""Times, numbers and shares in words."""

import pytest
from samples import NOW

from exporter.words.phrases import ago, ahead, counted, exact, lasting, number, pace, percent, share


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        pytest.param(0.9, "0 s", id="nothing yet"),
        pytest.param(59.9, "59 s", id="seconds"),
        pytest.param(60, "1 min", id="a minute"),
        pytest.param(3599, "59 min", id="minutes"),
        pytest.param(3600, "1 h", id="an hour"),
        pytest.param(7500, "2 h 5 min", id="hours and minutes"),
        pytest.param(86_400, "1 d", id="a day"),
        pytest.param(273_600, "3 d 4 h", id="days and hours"),
        pytest.param(-5, "0 s", id="a clock set back"),
        pytest.param(float("inf"), "2932896 d 23 h", id="no number of a clock"),
    ],
)
def test_durations_have_two_units_at_most(seconds: float, text: str) -> None:
    """A duration is rounded down to what a person needs."""
    assert lasting(seconds) == text


def test_past_is_told_from_now() -> None:
    """What is over is so long ago, and when exactly."""
    assert (ago(NOW, NOW + 200), exact(NOW)) == ("3 min ago", "2026-09-21 14:13:20 UTC")


@pytest.mark.parametrize(("at", "text"), [(NOW + 90, "in 1 min"), (NOW, "in 0 s"), (NOW - 90, "1 min late")])
def test_future_is_told_from_now(at: float, text: str) -> None:
    """What should have been over by now is late."""
    assert ahead(at, NOW) == text


@pytest.mark.parametrize(("at", "year"), [(1e300, "9999"), (-1e300, "1970")])
def test_impossible_times_are_shown_all_the_same(at: float, year: str) -> None:
    """A time that no calendar has does not spoil the page."""
    assert exact(at).startswith(year)


def test_numbers_have_separators() -> None:
    """A count is easy to read; no count is a dash."""
    assert (number(50_000), number(0), number(None)) == ("50,000", "0", "\N{EN DASH}")
    assert (counted(1, "record"), counted(2_000, "record")) == ("1 record", "2,000 records")


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        pytest.param(0, 50, "0 %", id="none"),
        pytest.param(1, 50_000, "<0.1 %", id="hardly any"),
        pytest.param(360, 50_000, "0.7 %", id="a little"),
        pytest.param(1, 2, "50 %", id="half"),
        pytest.param(49_999, 50_000, "99.9 %", id="not quite all"),
        pytest.param(50, 50, "100 %", id="all"),
        pytest.param(5, 0, "0 %", id="of nothing"),
        pytest.param(10**400, 10**400, "100 %", id="too large for a float"),
    ],
)
def test_shares_are_rounded_down(part: int, whole: int, text: str) -> None:
    """Only all of it is 100 %, and only nothing is 0 %."""
    assert share(part, whole) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        pytest.param(0, 50, "0.0", id="none"),
        pytest.param(40_300, 50_000, "80.6", id="most"),
        pytest.param(50, 50, "100.0", id="all"),
        pytest.param(1_500, 1_000, "100.0", id="more than there is"),
        pytest.param(10**400, 10**400, "100.0", id="too large for a float"),
    ],
)
def test_bars_stay_within_their_bounds(part: int, whole: int, text: str) -> None:
    """A bar is never longer than the whole."""
    assert percent(part, whole) == text


@pytest.mark.parametrize(
    ("records_per_second", "text"),
    [(552.6, "553/s"), (1234.5, "1,234/s"), (2.345, "2.3/s"), (0.5, "30/min"), (0.005, "18/h"), (0.0001, "0.4/h")],
)
def test_pace_takes_the_unit_that_fits(records_per_second: float, text: str) -> None:
    """A slow job goes so many records an hour, a fast one so many a second."""
    assert pace(records_per_second) == text
