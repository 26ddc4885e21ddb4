"""Credits in a rolling day, and calls at the same time."""

from typing import TYPE_CHECKING

from exporter.simulator.crm.limits import ConcurrencyGate, CreditLedger

if TYPE_CHECKING:
    from unit.simulator.conftest import FakeClock


def test_credits_run_out(clock: "FakeClock") -> None:
    """What is not there is not spent."""
    ledger = CreditLedger(2, clock)
    assert [ledger.spend(), ledger.spend(), ledger.spend()] == [True, True, False]
    assert (ledger.used, ledger.remaining) == (2, 0)


def test_a_credit_returns_a_day_after_it_was_spent(clock: "FakeClock") -> None:
    """Each on its own, not all at midnight."""
    ledger = CreditLedger(2, clock)
    ledger.spend()
    clock.advance(3_600)
    ledger.spend()
    clock.advance(82_800)
    assert ledger.used == 1


def test_a_credit_can_be_given_back(clock: "FakeClock") -> None:
    """And none is given back that was never spent."""
    ledger = CreditLedger(2, clock)
    ledger.spend()
    ledger.give_back()
    ledger.give_back()
    assert ledger.remaining == 2


def test_what_is_left_is_announced_from_half_on(clock: "FakeClock") -> None:
    """Silence means plenty."""
    ledger = CreditLedger(4, clock)
    announced = []
    for _ in range(4):
        ledger.spend()
        announced.append(ledger.announced)
    assert announced == [None, 2, 1, 0]


def test_the_gate_refuses_above_its_limit() -> None:
    """A refused call is under way too, until it leaves."""
    gate = ConcurrencyGate(1)
    assert [gate.enter(), gate.enter()] == [True, False]
    assert (gate.in_flight, gate.peak) == (2, 2)
    gate.leave()
    gate.leave()
    assert gate.enter()


def test_the_peak_is_measured_anew() -> None:
    """From what is under way at that moment."""
    gate = ConcurrencyGate(9)
    gate.enter()
    gate.enter()
    gate.leave()
    gate.reset_peak()
    assert gate.peak == 1
