"""One account in words."""

from dataclasses import replace

import pytest
from samples import NOW, account, snapshot_of, tracked, upstream

from exporter.model import CreditStatus, TokenStatus, UpstreamStatus
from exporter.web.status.accounts import Fact, facts, held_back, holds, spent, why_paused


def credit(
    used: int = 0, budget: int | None = 1000, remaining: int | None = None, *, reserve_reached: bool = False
) -> CreditStatus:
    """Give credits with a reserve of 500."""
    return CreditStatus(used, used, budget, 500, remaining, reserve_reached)


def test_account_that_is_well() -> None:
    """Every fact is there, and none is a warning."""
    assert spent(account().upstream.credits) == "640 of 1,000"
    assert facts(account().upstream, NOW) == (
        Fact("Zoho's API", "answers", "good"),
        Fact("Access token", "valid for 1 h", "good"),
        Fact("Polling", "at each scrape", "good"),
        Fact("Left at Zoho", "2,345 (reserve 500)"),
    )


REFUSED = TokenStatus(refresh_errors={"invalid_code": 2, "access_denied": 0})


@pytest.mark.parametrize(
    ("status", "fact"),
    [
        pytest.param(upstream(is_up=None), Fact("Zoho's API", "not asked yet"), id="not asked"),
        pytest.param(upstream(is_up=False), Fact("Zoho's API", "no answer", "bad"), id="down"),
        pytest.param(upstream(token=TokenStatus()), Fact("Access token", "not asked for yet"), id="no token yet"),
        pytest.param(
            upstream(token=TokenStatus(expires_at=NOW - 1)),
            Fact("Access token", "expired; the next poll renews it"),
            id="token expired",
        ),
        pytest.param(
            upstream(token=REFUSED),
            Fact("Access token", "none; refused: invalid_code (2 times)", "bad"),
            id="token refused",
        ),
        pytest.param(
            upstream(in_flight=2), Fact("Polling", "at each scrape, 2 calls under way", "good"), id="calls under way"
        ),
        pytest.param(
            upstream(is_circuit_open=True),
            Fact("Polling", "paused: Zoho asked to slow down, or gives no token", "bad"),
            id="circuit open",
        ),
        pytest.param(
            upstream(credit=credit(remaining=400, reserve_reached=True)),
            Fact("Polling", "paused: credits are below the reserve; one look an hour", "bad"),
            id="reserve reached",
        ),
        pytest.param(
            upstream(credit=credit(remaining=400, reserve_reached=True)),
            Fact("Left at Zoho", "400 (reserve 500)", "bad"),
            id="few left",
        ),
        pytest.param(
            upstream(credit=credit(1000)),
            Fact("Polling", "paused: the day's budget is used up", "bad"),
            id="budget used up",
        ),
        pytest.param(
            upstream(credit=credit()), Fact("Left at Zoho", "not said yet (reserve 500)"), id="Zoho has not said it"
        ),
    ],
)
def test_trouble_is_told(status: UpstreamStatus, fact: Fact) -> None:
    """Each fact says in words what is wrong."""
    assert fact in facts(status, NOW)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        pytest.param(credit(1500), "1,500 of 1,000", id="a budget that was lowered"),
        pytest.param(credit(7, None), "7, no limit", id="no budget"),
        pytest.param(credit(0, 0), "0, a budget of 0", id="a budget of nothing"),
    ],
)
def test_credits_without_a_usual_budget(status: CreditStatus, text: str) -> None:
    """What was spent is said all the same."""
    assert spent(status) == text


@pytest.mark.parametrize(
    ("status", "held_back"),
    [
        pytest.param(upstream(), False, id="well"),
        pytest.param(upstream(is_circuit_open=True), True, id="circuit open"),
        pytest.param(upstream(credit=credit(reserve_reached=True)), True, id="reserve reached"),
        pytest.param(upstream(credit=credit(1000)), True, id="budget used up"),
        pytest.param(upstream(credit=credit(10**6, None)), False, id="no budget"),
        pytest.param(upstream(credit=replace(credit(0), used_24h=None)), True, id="not known"),
    ],
)
def test_accounts_may_be_held_back(status: UpstreamStatus, held_back: bool) -> None:  # noqa: FBT001 - a case
    """Whether an account polls at all."""
    assert bool(why_paused(status)) is held_back


NO_TOKEN = TokenStatus(is_valid=False, expires_at=None, refresh_errors={"invalid_code": 1})


@pytest.mark.parametrize(
    ("state", "told"),
    [
        pytest.param(upstream(), {}, id="nothing"),
        pytest.param(
            upstream(is_circuit_open=True), {"acme": "Zoho asked to slow down, or gives no token"}, id="a pause"
        ),
        pytest.param(
            upstream(is_circuit_open=True, token=NO_TOKEN), {"acme": "Zoho gives no access token"}, id="a refused token"
        ),
    ],
)
def test_what_holds_an_account_is_named(state: UpstreamStatus, told: dict[str, str]) -> None:
    """Jobs that wait for it are counted."""
    snapshot = snapshot_of(tracked(), accounts=[account(state)])
    assert holds(snapshot) == told
    assert held_back(snapshot.jobs, told) == len(told)
