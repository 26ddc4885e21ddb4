"""Totals as counters that polls add to, and the time between two questions."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import NOW, Clock

from exporter.model import Distribution, Growth, JobState, ModuleTotals
from exporter.state.postgres.clock import DatabaseClock
from exporter.state.postgres.counters import counters_of, totals_of

GROWTHS = st.builds(
    Growth,
    st.dictionaries(st.sampled_from(["updated", "failed"]), st.integers(0, 50_000)),
    st.sampled_from([None, JobState.COMPLETED, JobState.FAILED]),
    st.one_of(st.none(), st.integers(0, 100_000).map(float), st.sampled_from([60.0, 28_800.0])),
)


@given(st.lists(GROWTHS, max_size=20))
def test_counters_add_up_to_the_totals(growths: list[Growth]) -> None:
    """Whatever polls bring, and in whatever order it is added."""
    totals, counters = ModuleTotals.empty(), Counter[str]()
    for growth in growths:
        totals = totals.grown(growth)
        counters.update(counters_of(growth))
    assert totals_of(counters) == totals


def test_bucket_of_an_earlier_bound_counts_in_the_next_above() -> None:
    """No job that was counted is lost where a version has other bounds."""
    totals = totals_of({"within/FAILED/61.5": 2.0, "within/FAILED/inf": 1.0, "seconds/FAILED": 90_123.0})
    expected = (0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1)
    assert totals.durations[JobState.FAILED] == Distribution(
        (60.0, 180.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14_400.0, 28_800.0), expected, 90_123.0
    )


def test_time_is_the_databases_once_it_was_told() -> None:
    """Until then it is this machine's."""
    stopwatch = Clock(100.0)
    clock = DatabaseClock(stopwatch, lambda: NOW)
    assert clock() == NOW
    stopwatch.now = 101.0
    clock.learn(asked_at=100.0, told=NOW + 5000)
    stopwatch.now = 111.0
    assert clock() == NOW + 5010


@pytest.mark.parametrize(
    ("told", "after"),
    [
        pytest.param(NOW + 10.0, NOW + 10, id="it agrees"),
        pytest.param(NOW + 9.96, NOW + 10, id="it is off by little: time does not go back"),
        pytest.param(NOW + 10.04, NOW + 10, id="it is off by little: time does not jump"),
        pytest.param(NOW + 9.0, NOW + 9, id="it was set back"),
        pytest.param(NOW + 70.0, NOW + 70, id="it was set forward, or this machine slept"),
    ],
)
def test_time_follows_a_clock_that_is_set(told: float, after: float) -> None:
    """But what a question takes on its way is no reason to change it."""
    stopwatch = Clock(100.0)
    clock = DatabaseClock(stopwatch, lambda: NOW)
    clock.learn(asked_at=100.0, told=NOW)
    stopwatch.now = 110.0
    clock.learn(asked_at=110.0, told=told)
    assert clock() == after


def test_time_that_a_question_takes_is_not_guessed() -> None:
    """A clock that may have been read at any moment in between is believed as long as it can be."""
    stopwatch = Clock(100.0)
    clock = DatabaseClock(stopwatch, lambda: NOW)
    clock.learn(asked_at=100.0, told=NOW)
    stopwatch.now = 112.0
    clock.learn(asked_at=110.0, told=NOW + 10.7)
    assert clock() == NOW + 12
