"""How long to wait after a refusal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.zoho.permits import CoolDown


@pytest.mark.parametrize(
    ("refusals", "seconds"), [(1, 15), (2, 30), (3, 60), (6, 480), (7, 600), (8, 600), (1_000_000, 600)]
)
def test_a_pause_doubles_up_to_its_longest(refusals: int, seconds: float) -> None:
    """Each refusal in a row doubles the pause; no number of them is too many."""
    assert CoolDown(15, 600).seconds(refusals) == seconds


@pytest.mark.parametrize(
    ("refusals", "draw", "seconds"),
    [(1, 0.0, 15), (1, 1.0, 30), (1, 0.5, 22.5), (3, 0.0, 15), (3, 1.0, 120), (7, 1.0, 600), (7, 0.0, 15)],
)
def test_a_jittered_pause_lies_between_the_shortest_and_twice_the_plain_one(
    refusals: int, draw: float, seconds: float
) -> None:
    """Full jitter spreads the exporters of one organisation."""
    assert CoolDown(15, 600).jittered(refusals, draw) == seconds


@given(refusals=st.integers(1, 10**9), draw=st.floats(0, 1))
def test_a_jittered_pause_never_leaves_its_bounds(refusals: int, draw: float) -> None:
    """Whatever is drawn, a pause is neither shorter than the shortest nor longer than the longest."""
    assert 15 <= CoolDown(15, 600).jittered(refusals, draw) <= 600
