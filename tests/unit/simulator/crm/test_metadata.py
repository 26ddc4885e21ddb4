"""What clients ask before they schedule, over real HTTP."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from unit.simulator.conftest import Client


@pytest.mark.parametrize("version", ["v2.1", "v8"])
def test_a_module_has_fields(client: "Client", version: str) -> None:
    """Those that every module has."""
    content = client.call(f"/crm/{version}/settings/fields?module=Leads").json()
    assert [(field["api_name"], field["data_type"]) for field in content["fields"]] == [
        ("id", "bigint"),
        ("Owner", "ownerlookup"),
        ("Created_By", "ownerlookup"),
        ("Modified_By", "ownerlookup"),
        ("Created_Time", "datetime"),
        ("Modified_Time", "datetime"),
    ]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        pytest.param("", "REQUIRED_PARAM_MISSING", id="none"),
        pytest.param("?module=Nothing", "INVALID_MODULE", id="unknown"),
    ],
)
def test_fields_belong_to_a_module(client: "Client", query: str, code: str) -> None:
    """One that there is."""
    answer = client.call(f"/crm/v8/settings/fields{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_the_modules_are_listed(client: "Client") -> None:
    """By their API names."""
    modules = client.call("/crm/v8/settings/modules").json()["modules"]
    assert {module["api_name"] for module in modules} == client.simulator.scenario.modules


def test_the_user_and_the_company_are_known(client: "Client") -> None:
    """From them the clients make the name under which they keep a token."""
    assert client.call("/crm/v8/users?type=CurrentUser").json()["users"][0]["email"] == "user@example.com"
    assert client.call("/crm/v8/org").json()["org"][0]["zgid"] == "658590000"


def test_such_a_call_takes_a_token_and_a_credit(client: "Client") -> None:
    """As every other."""
    client.call("/crm/v8/org")
    client.token = "1000.dead"
    assert client.call("/crm/v8/org").json()["code"] == "INVALID_TOKEN"
    stats = client.simulator.stats()
    assert (stats.crm_calls, stats.credits_spent, stats.status_calls) == (2, 2, {})
