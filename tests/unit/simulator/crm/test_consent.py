"""Device grants, grant codes and revocation, over real HTTP, as Zoho's accounts servers answer them."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from exporter.simulator import Scenario

if TYPE_CHECKING:
    from unit.simulator.conftest import Client, FakeClock

READ = "ZohoCRM.mass_update.leads.READ"
US, EU = "accounts.zoho.com", "accounts.zoho.eu"
Connect = Callable[[Scenario], "Client"]


class Caller:
    """A client that has no token yet, and asks accounts servers by their hosts."""

    def __init__(self, client: "Client") -> None:
        self.client = client
        scenario = client.simulator.scenario
        self.own = {"client_id": scenario.client_id, "client_secret": scenario.client_secret}

    def post(self, path: str, host: str = "", **form: str) -> dict[str, object]:
        """Ask an accounts server, the organisation's own unless a host is named."""
        answer = self.client.session.post(
            f"{self.client.simulator.url}/oauth/{path}",
            data={**self.own, **form},
            headers={"Host": host} if host else {},
            timeout=10,
        )
        content = answer.json()
        assert answer.status_code == 200
        assert isinstance(content, dict)
        return content

    def begin(self, host: str = "", **changes: str) -> dict[str, object]:
        """Ask for a device code."""
        form = {"grant_type": "device_request", "scope": READ, "access_type": "offline", "prompt": "consent"}
        return self.post("v3/device/code", host, **{**form, **changes})

    def poll(self, device: dict[str, object], host: str = "", **changes: str) -> dict[str, object]:
        """Ask whether the person has decided."""
        return self.post(
            "v3/device/token", host, **{"grant_type": "device_token", "code": str(device["device_code"]), **changes}
        )

    def exchange(self, code: str, host: str = "", **changes: str) -> dict[str, object]:
        """Exchange a grant code."""
        return self.post("v2/token", host, **{"grant_type": "authorization_code", "code": code, **changes})

    def decide(self, device: dict[str, object], *, approve: bool = True) -> int:
        """Play the person; give the status."""
        path = f"/__control__/devices/{device['user_code']}"
        return self.client.call(path, method="PUT", json={"approve": approve}).status_code

    def generate(self, scope: str = READ, **more: float) -> str:
        """Take a grant code from the console."""
        body = {"scope": scope, **more}
        return str(self.client.call("/__control__/codes", method="POST", json=body).json()["code"])

    def status(self, token: object, module: str = "Leads", method: str = "GET") -> int:
        """Call the API with a token."""
        self.client.token = str(token)
        path = f"/crm/v8/{module}/actions/mass_update?job_id=1"
        answer = self.client.call(path, method=method, json={})
        return -1 if answer.json()["code"] == "OAUTH_SCOPE_MISMATCH" else answer.status_code


@pytest.fixture
def caller(client: "Client") -> Caller:
    """Give a caller at the documented rules."""
    return Caller(client)


def test_a_device_that_is_let_in_gets_lasting_tokens(caller: Caller, clock: "FakeClock") -> None:
    """The code and its page, pending, too fast, and once the person has accepted both tokens, once."""
    device = caller.begin()
    url = caller.client.simulator.url
    assert re.fullmatch("[0-9a-f]{64}", str(device.pop("device_code")))
    code = device.pop("user_code")
    assert device == {
        "verification_url": f"{url}/oauth/v3/device",
        "verification_uri_complete": f"{url}/oauth/v3/device?user_code={code}",
        "interval": 30,
        "expires_in": 300,
    }
    device = caller.begin()
    assert caller.poll(device) == {"error": "authorization_pending"}
    clock.advance(29)
    assert caller.poll(device) == {"error": "slow_down"}
    clock.advance(30)
    assert caller.poll(device) == {"error": "authorization_pending"}
    assert caller.decide(device) == 200
    granted = caller.poll(device)
    assert set(granted) == {"access_token", "refresh_token", "scope", "api_domain", "token_type", "expires_in"}
    assert (granted["scope"], granted["api_domain"]) == (READ, url)
    assert caller.poll(device) == {"error": "invalid_code"}
    assert "access_token" in caller.client.mint(refresh_token=str(granted["refresh_token"])).json()


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"client_secret": "x"}, "invalid_client_secret"),
        ({"client_id": "x"}, "invalid_client"),
        ({"code": "x"}, "invalid_code"),
    ],
    ids=["grant", "secret", "client", "code"],
)
def test_a_wrong_poll_is_refused(caller: Caller, changes: dict[str, str], word: str) -> None:
    """With the word for what is wrong."""
    assert caller.poll(caller.begin(), **changes) == {"error": word}


def test_a_wrong_beginning_is_refused(caller: Caller) -> None:
    """A device shows no secret yet."""
    assert caller.begin(grant_type="code") == {"error": "unsupported_grant_type"}
    assert caller.begin(client_id="x") == {"error": "invalid_client"}
    assert "device_code" in caller.begin(client_secret="")


def test_a_person_may_say_no_or_nothing(caller: Caller, clock: "FakeClock") -> None:
    """Both have a word, and nobody can decide twice."""
    declined, forgotten = caller.begin(), caller.begin()
    assert caller.decide(declined, approve=False) == 200
    assert caller.decide(declined) == 404
    assert caller.poll(declined) == {"error": "access_denied"}
    clock.advance(300)
    assert caller.poll(forgotten) == {"error": "expired"}


def test_only_the_first_consent_lasts_unless_it_is_asked_for_anew(caller: Caller) -> None:
    """A refresh token takes offline access, and `prompt=consent` from the second time on."""
    lasting = []
    for form in ({"access_type": "online"}, {"prompt": ""}, {}):
        device = caller.begin(**form)
        caller.decide(device)
        lasting.append("refresh_token" in caller.poll(device))
    assert lasting == [False, False, True]


def test_rules_are_the_scenarios(connect: Connect, scenario: Scenario) -> None:
    """Milliseconds, and no link that has the code filled in."""
    played = replace(scenario, device_milliseconds=True, device_link=False, device_interval_seconds=5)
    device = Caller(connect(played)).begin()
    assert (device["interval"], device["expires_in"]) == (5_000, 300_000)
    assert "verification_uri_complete" not in device


def test_a_device_is_sent_to_the_accounts_data_centre(connect: Connect, scenario: Scenario) -> None:
    """Once the person has accepted; that data centre names its own API."""
    caller = Caller(connect(replace(scenario, data_center="eu")))
    device = caller.begin(US)
    assert caller.poll(device, US) == {"error": "authorization_pending"}
    caller.decide(device)
    assert caller.poll(device, US) == {"error": "other_dc", "user_location": "eu"}
    assert caller.poll(device, EU)["api_domain"] == "https://www.zohoapis.eu"


def test_a_grant_code_is_good_once_and_for_a_while(caller: Caller, clock: "FakeClock") -> None:
    """Used, expired and wrong codes have one word."""
    code, late = caller.generate(), caller.generate(seconds=60)
    granted = caller.exchange(code)
    assert granted["scope"] == READ
    assert "refresh_token" in granted
    assert caller.exchange(code) == {"error": "invalid_code"}
    clock.advance(60)
    assert caller.exchange(late) == {"error": "invalid_code"}
    assert caller.exchange(caller.generate(), client_id="x") == {"error": "invalid_client"}
    assert caller.exchange(caller.generate(), client_secret="x") == {"error": "invalid_client_secret"}


@pytest.mark.parametrize(
    ("known_in", "secret", "word"),
    [
        ((), None, "invalid_code"),
        ((), "x", "invalid_client_secret"),
        (("eu",), None, "invalid_client"),
    ],
    ids=["known-everywhere", "wrong-secret", "known-at-home"],
)
def test_another_data_centre_knows_no_code(
    connect: Connect, scenario: Scenario, known_in: tuple[str, ...], secret: str | None, word: str
) -> None:
    """It may know the client; the code is still good at home."""
    caller = Caller(connect(replace(scenario, data_center="eu", client_data_centers=known_in)))
    code = caller.generate()
    assert caller.exchange(code, US, **({"client_secret": secret} if secret else {})) == {"error": word}
    assert ("device_code" in caller.begin(US)) is (known_in == ())
    assert "refresh_token" in caller.exchange(code, EU)


def test_a_revoked_token_is_of_no_use(caller: Caller) -> None:
    """Nor are its access tokens; a token that nobody knows is answered with a page."""
    granted = caller.exchange(caller.generate())
    assert caller.status(granted["access_token"]) == 404
    assert caller.post("v2/token/revoke", token=str(granted["refresh_token"])) == {"status": "success"}
    assert caller.status(granted["access_token"]) == 401
    again = caller.client.call("/oauth/v2/token/revoke", method="POST", data={"token": granted["refresh_token"]})
    assert (again.status_code, again.headers["Content-Type"]) == (400, "text/html;charset=UTF-8")


def test_the_twenty_first_refresh_token_ends_the_oldest(caller: Caller) -> None:
    """With its access tokens, and without a word."""
    assert caller.client.status().status_code == 200
    granted = [caller.exchange(caller.generate()) for _ in range(20)]
    assert caller.client.status().status_code == 401
    assert caller.status(granted[0]["access_token"]) == 404


@pytest.mark.parametrize(
    ("scope", "module", "method", "status"),
    [
        (READ, "Leads", "GET", 404),
        (READ, "Deals", "GET", -1),
        (READ, "Leads", "POST", -1),
        ("ZohoCRM.mass_update.READ", "Deals", "GET", 404),
        ("ZohoCRM.mass_update.ALL", "Deals", "POST", 400),
        ("ZohoCRM.mass_update.leads.ALL", "Leads", "POST", 400),
        ("zohocrm.mass_update.pricebooks.read", "Price_Books", "GET", 404),
        ("ZohoCRM.mass_update.events.READ", "Meetings", "GET", 404),
        ("ZohoCRM.mass_update.custom.READ", "Leads", "GET", -1),
        ("ZohoCRM.mass_update.custom.READ", "Own_Module", "GET", 404),
        ("ZohoCRM.users.READ,ZohoCRM.mass_update.deals.READ", "Deals", "GET", 404),
        ("", "Leads", "GET", -1),
    ],
)
def test_a_token_can_do_what_its_scope_says(
    connect: Connect, scenario: Scenario, *, scope: str, module: str, method: str, status: int
) -> None:
    """A status call reads, a mass update updates; -1 is OAUTH_SCOPE_MISMATCH."""
    caller = Caller(connect(replace(scenario, modules=scenario.modules | {"Own_Module"})))
    code = caller.generate(scope or "none")
    assert caller.status(caller.exchange(code)["access_token"], module, method) == status
