"""The bucket of tokens that `rate_limit` describes."""

import pytest
from samples import Clock

from exporter.web.guard.limiter import Limiter


def test_burst_is_let_in_at_once_and_then_one_for_each_interval() -> None:
    """The bucket begins full; whoever comes too early is told how long there is to wait, and takes nothing."""
    clock = Clock(100.0)
    limiter = Limiter(clock)
    waits = []
    for now in (100.0, 100.0, 100.0, 101.0, 102.0, 102.0, 111.9):
        clock.now = now
        waits.append(limiter.wait_seconds(2.0, 2))
    assert waits == [0.0, 0.0, 2.0, 1.0, 0.0, 2.0, 0.0]


def test_bucket_holds_no_more_than_the_burst() -> None:
    """However long nobody came."""
    clock = Clock(100.0)
    limiter = Limiter(clock)
    clock.now = 100_000.0
    assert [limiter.wait_seconds(1.0, 3) for _ in range(4)] == [0.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize("before", [(0.0, 0), (60.0, 1)])
def test_changed_limit_holds_at_once(before: tuple[float, int]) -> None:
    """The web-config file is read again when it changes; without an interval everybody is let in."""
    clock = Clock(100.0)
    limiter = Limiter(clock)
    assert limiter.wait_seconds(*before) == 0.0
    assert [limiter.wait_seconds(0.0, 0) for _ in range(100)] == [0.0] * 100
    assert limiter.wait_seconds(1.0, 2) == 0.0
