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
        "details": {"api_name": "cvid"},
        "message": "Already a Mass Action scheduler is running for the given cvid",
        "status": "error",
    }


@pytest.mark.parametrize(
    ("body", "code", "name"),
    [
        pytest.param({"data": VALUES, "cvid": "0"}, "INVALID_DATA", "cvid", id="view-of-nobody"),
        pytest.param({"data": VALUES, "cvid": "x"}, "INVALID_DATA", "cvid", id="odd-view"),
        pytest.param({"data": VALUES, "cvid": 1}, "INVALID_DATA", "cvid", id="view-as-number"),
        pytest.param({"data": VALUES, "cvid": "1", "ids": ["1"]}, "INVALID_DATA", "ids", id="both"),
        pytest.param({"data": VALUES, "ids": []}, "INVALID_DATA", "ids", id="no-ids"),
        pytest.param({"data": VALUES, "ids": "1"}, "INVALID_DATA", "ids", id="ids-as-text"),
        pytest.param({"data": VALUES}, "MANDATORY_NOT_FOUND", "cvid", id="neither"),
        pytest.param({"cvid": "1"}, "MANDATORY_NOT_FOUND", "data", id="no-data"),
        pytest.param({"data": [], "cvid": "1"}, "INVALID_DATA", "data", id="empty-data"),
        pytest.param({"data": [{}], "cvid": "1"}, "INVALID_DATA", "data", id="no-values"),
        pytest.param({"data": [{"A": 1, "B": 2}], "cvid": "1"}, "INVALID_DATA", "data", id="two-fields"),
        pytest.param([], "MANDATORY_NOT_FOUND", "data", id="no-mapping"),
    ],
)
def test_a_bad_body_is_refused(client: "Client", body: object, code: str, name: str) -> None:
    """With the place in the details."""
    status, content = post(client, body)
    assert status == 400
    assert isinstance(content, dict)
    assert (content["code"], content["details"]["api_name"]) == (code, name)


@pytest.mark.parametrize(
    ("values", "cvid", "message"),
    [
        pytest.param({"Stage": "x"}, "bad", "the cvid given seems to be invalid", id="view"),
        pytest.param({}, "1", "No field found", id="no-field"),
        pytest.param({"A": 1, "B": 1, "C": 1, "D": 1}, "1", "Max field limit exceeded", id="four-fields"),
    ],
)
def test_a_bad_body_is_refused_in_zohos_words(
    client: "Client", values: dict[str, object], cvid: str, message: str
) -> None:
    """The module of deals takes three fields at once, and no fourth."""
    answer = client.call(PATH.replace("Leads", "Deals"), method="POST", json={"data": [values], "cvid": cvid})
    assert (answer.status_code, answer.json()["message"]) == (400, message)


def test_meetings_are_events(client: "Client") -> None:
    """The specification calls the module so, everybody else by its API name: one view, one active job."""
    body = {"data": VALUES, "cvid": "1"}
    paths = [PATH.replace("Leads", module) for module in ("Meetings", "Events")]
    answers = [client.call(path, method="POST", json=body) for path in paths]
    job_id = answers[0].json()["data"][0]["details"]["job_id"]
    assert [answer.status_code for answer in answers] == [200, 400]
    assert [client.status(job_id, module).status_code for module in ("Meetings", "Events")] == [200, 200]


def test_a_body_that_is_no_json_is_refused(client: "Client") -> None:
    """As a wrong format."""
    answer = client.call(PATH, method="POST", data="{")
    assert (answer.status_code, answer.json()["code"]) == (400, "UNABLE_TO_PARSE_DATA_TYPE")


@pytest.mark.parametrize(
    ("total", "code", "message"),
    [
        pytest.param(0, "NO_RECORDS_FOUND", "no record found to update", id="none"),
        pytest.param(50_001, "LIMIT_EXCEEDED", "Record count exceeded", id="too-many"),
    ],
)
def test_a_view_of_the_wrong_size_is_refused(
    connect: Callable[[Scenario], "Client"], scenario: Scenario, total: int, code: str, message: str
) -> None:
    """The script's total is the size of the view."""
    _, content = post(connect(scripted(scenario, total)), {"data": VALUES, "cvid": "1"})
    assert isinstance(content, dict)
    assert (content["code"], content["message"]) == (code, message)


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


def test_an_updated_record_says_by_whom_and_when(client: "Client") -> None:
    """With the keys of the specification."""
    _, content = post(client, {"data": VALUES, "ids": ["3524033000000087001"]})
    user = {"name": "Simulated User", "id": "554023000000235011"}
    assert content == {
        "data": [
            {
                "code": "SUCCESS",
                "details": {
                    "Modified_Time": "2023-11-14T22:13:20+00:00",
                    "Modified_By": user,
                    "Created_Time": "2021-02-26T19:13:56+00:00",
                    "id": "3524033000000087001",
                    "Created_By": user,
                },
                "message": "record updated",
                "status": "success",
            }
        ]
    }


@pytest.mark.parametrize(
    ("record_id", "details"), [("0", {"id": "0"}), ("x", {}), (7, {})], ids=["unknown", "odd", "number"]
)
def test_a_bad_record_is_named_if_its_id_has_digits(client: "Client", record_id: object, details: object) -> None:
    """Zoho's clients read a number there."""
    _, content = post(client, {"data": VALUES, "ids": [record_id]})
    assert content == {
        "data": [
            {
                "code": "INVALID_DATA",
                "details": details,
                "message": "the id given seems to be invalid",
                "status": "error",
            }
        ]
    }


def test_too_many_named_records_are_refused(client: "Client") -> None:
    """Five hundred are the limit."""
    status, content = post(client, {"data": VALUES, "ids": ["1"] * 501})
    assert status == 400
    assert isinstance(content, dict)
    assert content["code"] == "LIMIT_EXCEEDED"
