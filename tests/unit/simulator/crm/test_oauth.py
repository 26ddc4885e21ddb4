"""The accounts server: what it grants, refuses and forgets."""

import json
import re
from typing import TYPE_CHECKING

import pytest

from exporter.simulator.crm.oauth import Credentials, TokenDesk, TokenLimits

if TYPE_CHECKING:
    from unit.simulator.conftest import FakeClock

FORM = {"grant_type": "refresh_token", "client_id": "c", "client_secret": "s", "refresh_token": "r"}


@pytest.fixture
def desk(clock: "FakeClock") -> TokenDesk:
    """Give a desk of the documented limits, but for three live tokens."""
    return TokenDesk(Credentials("c", "s", "r"), TokenLimits(live=3), clock)


def ask(desk: TokenDesk, **changes: str) -> dict[str, object]:
    """Ask for a token, with changes to the right form."""
    answer = desk.grant({**FORM, **changes}, api_domain="http://zoho.test")
    assert answer.status == 200
    content = json.loads(answer.body)
    assert isinstance(content, dict)
    return content


def test_the_right_form_gets_a_token(desk: TokenDesk) -> None:
    """The body has the documented keys, and no new refresh token."""
    content = ask(desk)
    token = content.pop("access_token")
    assert re.fullmatch(r"1000\.[0-9a-f]{32}\.[0-9a-f]{32}", str(token))
    assert content == {
        "scope": "ZohoCRM.mass_update.READ ZohoCRM.mass_update.UPDATE",
        "api_domain": "http://zoho.test",
        "token_type": "Bearer",
        "expires_in": 3600,
    }


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"client_id": "x"}, "invalid_client"),
        ({"client_secret": "x"}, "invalid_client_secret"),
        ({"refresh_token": "x"}, "invalid_code"),
    ],
    ids=["grant", "client", "secret", "refresh-token"],
)
def test_a_wrong_form_is_refused(desk: TokenDesk, changes: dict[str, str], word: str) -> None:
    """Under HTTP 200, with the word for what is wrong."""
    assert ask(desk, **changes) == {"error": word}


def test_the_eleventh_token_in_ten_minutes_is_denied(desk: TokenDesk, clock: "FakeClock") -> None:
    """The window slides: ten minutes after the first one there is room for one more."""
    for _ in range(10):
        assert "access_token" in ask(desk)
        clock.advance(1)
    assert ask(desk)["error"] == "Access Denied"
    clock.advance(590)
    assert "access_token" in ask(desk)
    assert ask(desk)["error"] == "Access Denied"


def test_one_live_token_too_many_kills_the_oldest(desk: TokenDesk) -> None:
    """The others live on."""
    tokens = [str(ask(desk)["access_token"]) for _ in range(4)]
    assert [desk.expiry(token) is not None for token in tokens] == [False, True, True, True]


def test_a_token_ends_after_its_lifetime(desk: TokenDesk, clock: "FakeClock") -> None:
    """At the very second it is dead."""
    token = str(ask(desk)["access_token"])
    clock.advance(3599)
    assert desk.expiry(token) == 1_700_003_600.0
    clock.advance(1)
    assert desk.expiry(token) is None


def test_a_token_can_be_killed(desk: TokenDesk) -> None:
    """Another one does not care, and an unknown one is no error."""
    first, second = str(ask(desk)["access_token"]), str(ask(desk)["access_token"])
    desk.kill(first)
    desk.kill("unknown")
    assert desk.expiry(first) is None
    assert desk.expiry(second) is not None
