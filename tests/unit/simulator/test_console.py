"""The pages that a person opens: the API console, and where a device is let in."""

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from unit.simulator.conftest import Client


def page(client: "Client", path: str, **form: str) -> str:
    """Open a page, or press one of its buttons."""
    answer = client.call(path, method="POST" if form else "GET", data=form or None)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html;charset=UTF-8")
    return answer.text


def begin(client: "Client") -> tuple[str, str]:
    """Let a device ask to be let in; give its two codes."""
    form = {"client_id": client.simulator.scenario.client_id, "grant_type": "device_request", "scope": "S<1>"}
    content = client.call("/oauth/v3/device/code", method="POST", data=form).json()
    return str(content["user_code"]), str(content["device_code"])


def poll(client: "Client", code: str) -> dict[str, object]:
    """Ask as the device does."""
    scenario = client.simulator.scenario
    form = {"client_id": scenario.client_id, "client_secret": scenario.client_secret, "grant_type": "device_token"}
    content = client.call("/oauth/v3/device/token", method="POST", data={**form, "code": code}).json()
    assert isinstance(content, dict)
    return content


def test_the_console_shows_the_client_and_makes_codes(client: "Client") -> None:
    """A code of the page can be exchanged."""
    scenario = client.simulator.scenario
    assert scenario.client_id in page(client, "/console")
    [code] = re.findall(r"(1000\.[0-9a-f]{32}\.[0-9a-f]{32})", page(client, "/console", scope="S"))
    assert client.mint(grant_type="authorization_code", code=code).json()["scope"] == "S"


@pytest.mark.parametrize(
    ("decision", "said", "word"),
    [("accept", "let in", None), ("reject", "turned away", "access_denied")],
    ids=["accept", "reject"],
)
def test_a_person_decides_on_the_devices_page(client: "Client", decision: str, said: str, word: str | None) -> None:
    """It shows what is asked for, and takes the code in small letters too."""
    user_code, code = begin(client)
    shown = page(client, f"/oauth/v3/device?user_code={user_code}")
    assert "It asks for: S&lt;1&gt;" in shown
    assert f'value="{user_code}"' in shown
    assert said in page(client, "/oauth/v3/device", user_code=user_code.lower(), decision=decision)
    assert poll(client, code).get("error") == word
    assert "No device waits" in page(client, "/oauth/v3/device", user_code=user_code, decision=decision)


def test_waiting_devices_are_listed(client: "Client") -> None:
    """For scripts that play the person; pages and commands cost nothing and count as nothing."""
    user_code, _ = begin(client)
    listed = client.call("/__control__/devices").json()
    assert listed == {"devices": [{"user_code": user_code, "scope": "S<1>"}]}
    page(client, "/console")
    assert client.simulator.stats().crm_calls == 0
