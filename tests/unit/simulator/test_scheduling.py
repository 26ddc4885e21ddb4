"""POST Mass Update Records over real HTTP."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from exporter.simulator import JobScript, Phase, Scenario

if TYPE_CHECKING:
    from unit.simulator.conftest import Client

PATH = "/crm/v8/Leads/actions/mass_update"
VALUES = [{"Lead_Status": "Contacted"}]


def post(client: "Client", body: object) -> tuple[int, object]:
    """Send a mass update and give the answer's status and content."""
    answer = client.call(PATH, method="POST", json=body)
    return answer.status_code, answer.json()


def scripted(scenario: Scenario, total: int) -> Scenario:
    """Let the jobs that come through the API be RUNNING over `total` records."""
    return replace(scenario, scheduled_job=JobScript(total, (Phase("RUNNING", None),)))


def test_a_custom_view_schedules_a_job(client: "Client") -> None:
    """The id of the answer can be asked about."""
    status, content = post(client, {"data": VALUES, "cvid": "3524033000000087501"})
    assert (status, content) == (
        200,
        {
            "data": [
                {
                    "code": "SUCCESS",
                    "details": {"job_id": "5540330000009000001"},
                    "message": "mass update scheduled successfully",
                    "status": "success",
                }
            ]
        },
    )
    assert client.status("5540330000009000001").json()["data"][0]["Status"] == "SCHEDULED"
    assert client.simulator.stats().schedule_calls == 1


def test_a_view_takes_one_active_job(client: "Client") -> None:
    """The second call is refused."""
    post(client, {"data": VALUES, "cvid": "1"})
    status, content = post(client, {"data": VALUES, "cvid": "1"})
    assert status == 400
    assert content == {
        "code": "ALREADY_SCHEDULED",
        "details": {},
        "message": "mass update is already scheduled for this custom view",
        "status": "error",
    }


@pytest.mark.parametrize(
    ("body", "code", "name"),
    [
        pytest.param({"data": VALUES, "cvid": "x"}, "INVALID_DATA", "cvid", id="odd-view"),
        pytest.param({"data": VALUES, "cvid": 1}, "INVALID_DATA", "cvid", id="view-as-number"),
        pytest.param({"data": VALUES, "cvid": "1", "ids": ["1"]}, "INVALID_DATA", "ids", id="both"),
        pytest.param({"data": VALUES, "ids": []}, "INVALID_DATA", "ids", id="no-ids"),
        pytest.param({"data": VALUES, "ids": "1"}, "INVALID_DATA", "ids", id="ids-as-text"),
        pytest.param({"data": VALUES}, "MANDATORY_NOT_FOUND", "cvid", id="neither"),
        pytest.param({"cvid": "1"}, "MANDATORY_NOT_FOUND", "data", id="no-data"),
        pytest.param({"data": [], "cvid": "1"}, "INVALID_DATA", "data", id="empty-data"),
        pytest.param({"data": [{}], "cvid": "1"}, "INVALID_DATA", "data", id="no-values"),
        pytest.param([], "MANDATORY_NOT_FOUND", "data", id="no-mapping"),
    ],
)
def test_a_bad_body_is_refused(client: "Client", body: object, code: str, name: str) -> None:
    """With the place in the details."""
    status, content = post(client, body)
    assert status == 400
    assert isinstance(content, dict)
    assert (content["code"], content["details"]["api_name"]) == (code, name)


def test_a_body_that_is_no_json_is_refused(client: "Client") -> None:
    """As a wrong format."""
    answer = client.call(PATH, method="POST", data="{")
    assert (answer.status_code, answer.json()["code"]) == (400, "UNABLE_TO_PARSE_DATA_TYPE")


@pytest.mark.parametrize(
    ("total", "code"), [(0, "NO_RECORDS_FOUND"), (50_001, "LIMIT_EXCEEDED")], ids=["none", "too-many"]
)
def test_a_view_of_the_wrong_size_is_refused(
    connect: Callable[[Scenario], "Client"], scenario: Scenario, total: int, code: str
) -> None:
    """The script's total is the size of the view."""
    _, content = post(connect(scripted(scenario, total)), {"data": VALUES, "cvid": "1"})
    assert isinstance(content, dict)
    assert content["code"] == code


@pytest.mark.parametrize(
    ("ids", "status", "outcomes"),
    [
        pytest.param(["1", "2"], 200, ["success", "success"], id="all-good"),
        pytest.param(["1", "x"], 207, ["success", "error"], id="mixed"),
        pytest.param([7], 400, ["error"], id="all-bad"),
    ],
)
def test_named_records_are_answered_one_by_one(
    client: "Client", ids: list[object], status: int, outcomes: list[str]
) -> None:
    """Without a job."""
    answered, content = post(client, {"data": VALUES, "ids": ids})
    assert isinstance(content, dict)
    assert (answered, [row["status"] for row in content["data"]]) == (status, outcomes)


def test_too_many_named_records_are_refused(client: "Client") -> None:
    """Five hundred are the limit."""
    status, content = post(client, {"data": VALUES, "ids": ["1"] * 501})
    assert status == 400
    assert isinstance(content, dict)
    assert content["code"] == "LIMIT_EXCEEDED"
