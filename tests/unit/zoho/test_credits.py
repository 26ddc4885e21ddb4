"""The credit budget."""

import pytest
from exporter.zoho.book import AccountBook
from exporter.zoho.credits import CreditBudget
from hypothesis import given
from hypothesis import strategies as st
from samples import NOW, Clock

from exporter.errors import HeldBackError
from exporter.model import AccountLedger

MINUTE = 29_833_333
"""The minute of `NOW`, which is 20 s old then."""


def try_to_spend(budget: CreditBudget) -> bool:
    """Spend a credit and say whether there was one."""
    try:
        budget.spend()
    except HeldBackError:
        return False
    return True


def test_a_credit_is_booked_under_its_minute() -> None:
    """Two credits of one minute stand together in the ledger."""
    book = AccountBook()
    budget = CreditBudget(book, 10, Clock())
    assert [budget.spend(), budget.spend()] == [MINUTE, MINUTE]
    assert book.ledger.credits_by_minute == {MINUTE: 2}
    assert budget.used() == 2


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_no_credit_is_spent_beyond_the_limit(limit: int) -> None:
    """At the limit the next call is held back, and the message says by what."""
    book = AccountBook()
    budget = CreditBudget(book, limit, Clock())
    for _ in range(limit):
        budget.spend()
    with pytest.raises(HeldBackError, match=f"all {limit} credits of the last 24 hours' budget are spent") as raised:
        budget.spend()
    assert raised.value.reason == "budget"
    assert budget.used() == limit


def test_without_a_limit_credits_are_counted_and_never_held_back() -> None:
    """`None` is no limit, and no pressure."""
    budget = CreditBudget(AccountBook(), None, Clock())
    for _ in range(2000):
        budget.spend()
    assert (budget.limit, budget.used(), budget.pressure()) == (None, 2000, 0.0)


@pytest.mark.parametrize(("seconds", "used"), [(0, 1), (86_400, 1), (86_439, 1), (86_440, 0)])
def test_a_credit_comes_back_24_hours_after_its_minute(seconds: float, used: int) -> None:
    """No window of 24 hours holds more than the budget, though credits are counted by the minute."""
    clock = Clock()
    budget = CreditBudget(AccountBook(), 1, clock)
    budget.spend()
    clock.now = NOW + seconds
    assert budget.used() == used


@pytest.mark.parametrize(
    ("limit", "spent", "pressure"),
    [(8, 0, 0.0), (8, 4, 0.0), (8, 5, 0.25), (8, 6, 0.5), (8, 8, 1.0), (8, 9, 1.0), (0, 0, 1.0)],
)
def test_the_pressure_grows_once_half_of_the_budget_is_used(limit: int, spent: int, pressure: float) -> None:
    """0 is plenty and 1 nothing left, also when the limit was lowered since."""
    budget = CreditBudget(AccountBook(AccountLedger({MINUTE: spent})), limit, Clock())
    assert budget.pressure() == pressure


@pytest.mark.parametrize(
    ("spent", "needed", "pressure"),
    [
        pytest.param(76, 24, 1.0, id="only the needed ones are left"),
        pytest.param(57, 24, 0.5, id="half of the free ones are left"),
        pytest.param(38, 24, 0.0, id="plenty"),
        pytest.param(50, 2400, 1.0, id="no more than half is set aside"),
        pytest.param(25, 2400, 0.0, id="half of what is free then"),
    ],
)
def test_what_live_jobs_need_is_set_aside(spent: int, needed: float, pressure: float) -> None:
    """Polls slow down before they use up what is needed to go on slowly."""
    budget = CreditBudget(AccountBook(AccountLedger({MINUTE: spent})), 100, Clock())
    assert budget.pressure(needed) == pressure


def test_a_credit_that_never_reached_zoho_is_given_back() -> None:
    """What was not sent does not count, and an empty minute is forgotten."""
    book = AccountBook()
    budget = CreditBudget(book, 1, Clock())
    budget.give_back(budget.spend())
    assert book.ledger.credits_by_minute == {}
    budget.spend()
    assert budget.used() == 1


def test_giving_back_a_credit_of_a_forgotten_minute_makes_no_debt() -> None:
    """A late return leaves the other minutes alone."""
    book = AccountBook(AccountLedger({MINUTE: 2}))
    CreditBudget(book, 10, Clock()).give_back(MINUTE - 5)
    assert book.ledger.credits_by_minute == {MINUTE: 2}


def test_old_minutes_leave_the_ledger() -> None:
    """The ledger does not grow for ever."""
    book = AccountBook(AccountLedger({MINUTE - 2000: 5, MINUTE - 10: 1}))
    CreditBudget(book, 10, Clock()).spend()
    assert book.ledger.credits_by_minute == {MINUTE - 10: 1, MINUTE: 1}


def test_credits_of_the_future_count_and_come_back() -> None:
    """After a clock was set back, its credits count as spent now instead of for ever."""
    clock = Clock()
    book = AccountBook(AccountLedger({MINUTE + 10_000: 3}))
    budget = CreditBudget(book, 4, clock)
    assert budget.used() == 3
    budget.spend()
    assert book.ledger.credits_by_minute == {MINUTE: 4}


def test_a_budget_spent_in_the_future_comes_back_a_day_later() -> None:
    """A clock that is set back by a month does not stop polling for a month."""
    clock = Clock()
    budget = CreditBudget(AccountBook(AccountLedger({MINUTE + 43_200: 3})), 3, clock)
    assert not try_to_spend(budget)
    clock.now = NOW + 86_400 + 60
    assert try_to_spend(budget)


@given(
    limit=st.integers(0, 8),
    steps=st.lists(st.floats(0, 90_000) | st.sampled_from([0.0, 59.9, 60.0, 86_399.0, 86_400.0]), max_size=60),
)
def test_no_24_hours_ever_hold_more_than_the_budget(limit: int, steps: list[float]) -> None:
    """However the polls fall, every rolling window keeps the limit."""
    clock = Clock()
    budget = CreditBudget(AccountBook(), limit, clock)
    spent = []
    for seconds in steps:
        clock.now += seconds
        if try_to_spend(budget):
            spent.append(clock.now)
    assert all(sum(1 for at in spent if end - 86_400 <= at <= end) <= limit for end in spent)
