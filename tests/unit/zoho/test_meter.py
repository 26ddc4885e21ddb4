"""What an account's calls cost and how they went."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from samples import DEALS, LEADS, Clock

from exporter.errors import PassingError
from exporter.model import Distribution, Exchange, JobKey
from exporter.zoho.meter import Meter
from exporter.zoho.transport import UnsentError

BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
NOTHING = Distribution(BOUNDS, (0, 0, 0, 0, 0, 0, 0, 0, 0), 0.0)


@pytest.fixture
def watch() -> Clock:
    """Give a stopwatch that the test moves, at zero."""
    return Clock(0.0)


@pytest.fixture
def meter(watch: Clock) -> Meter:
    """Give a meter that has measured nothing."""
    return Meter(watch)


def test_a_new_meter_has_both_endpoints_at_zero(meter: Meter) -> None:
    """Every series is there from the first scrape, and what is not known is absent."""
    assert (meter.is_up, meter.in_flight, meter.credits_spent) == (None, 0, 0)
    assert meter.durations == {"status": NOTHING, "token": NOTHING}


def test_a_call_is_in_flight_while_it_lasts(meter: Meter) -> None:
    """Calls that overlap are all counted."""
    with meter.measure("status"), meter.measure("token"):
        assert meter.in_flight == 2
    assert meter.in_flight == 0


@pytest.mark.parametrize(
    ("seconds", "counts"),
    [
        (0.0, (1, 0, 0, 0, 0, 0, 0, 0, 0)),
        (0.05, (1, 0, 0, 0, 0, 0, 0, 0, 0)),
        (0.3, (0, 0, 0, 1, 0, 0, 0, 0, 0)),
        (8.0, (0, 0, 0, 0, 0, 0, 0, 1, 0)),
        (11.0, (0, 0, 0, 0, 0, 0, 0, 0, 1)),
    ],
)
def test_a_call_is_observed_under_its_endpoint(
    meter: Meter, watch: Clock, seconds: float, counts: tuple[int, ...]
) -> None:
    """How long a call took falls into its bucket, and into no other endpoint's."""
    with meter.measure("token"):
        watch.now = seconds
    assert meter.durations == {"status": NOTHING, "token": Distribution(BOUNDS, counts, seconds)}


def test_a_call_that_fails_is_observed_too(meter: Meter, watch: Clock) -> None:
    """A time-out takes its time and is then no longer in flight."""

    def fail() -> None:
        with meter.measure("status"):
            watch.now = 8.0
            raise TimeoutError

    with pytest.raises(TimeoutError):
        fail()
    assert (meter.in_flight, meter.durations["status"].total) == (0, 8.0)


@pytest.mark.parametrize(
    ("endpoint", "fault", "credits_spent"),
    [
        ("status", None, 1),
        ("status", PassingError("timeout", "silent"), 1),
        ("status", UnsentError("connection", "refused"), 0),
        ("token", None, 0),
    ],
)
def test_a_status_call_that_may_have_reached_zoho_costs_a_credit(
    meter: Meter, endpoint: str, fault: PassingError | None, credits_spent: int
) -> None:
    """However it ended; a token refresh costs none."""
    with suppress(PassingError), meter.measure(endpoint):
        if fault:
            raise fault
    assert meter.credits_spent == credits_spent


def test_the_oldest_exchange_makes_room(meter: Meter) -> None:
    """Memory stays bounded, whatever number of jobs is polled."""
    exchange = Exchange("GET", "HTTP 200")
    for key in (DEALS, LEADS, *(JobKey("acme", "Contacts", str(number)) for number in range(999)), LEADS):
        meter.note_exchange(key, exchange)
    assert (meter.exchange(DEALS), meter.exchange(LEADS)) == (None, exchange)


def test_what_was_read_does_not_change_with_the_meter(meter: Meter) -> None:
    """A scrape reads a snapshot."""
    before = meter.durations
    with meter.measure("status"):
        pass
    assert (before["status"], sum(meter.durations["status"].counts)) == (NOTHING, 1)


def test_readings_of_many_threads_add_up(meter: Meter) -> None:
    """No count is lost between threads."""

    def call() -> None:
        for _ in range(200):
            with meter.measure("status"):
                pass

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(call) for _ in range(8)]:
            future.result(30)
    assert (meter.credits_spent, meter.in_flight, meter.durations["status"].counts[0]) == (1600, 0, 1600)
