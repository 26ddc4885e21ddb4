"""The control endpoint over real HTTP."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from unit.simulator.conftest import Client

    from exporter.simulator import SimulatedJob


def command(client: "Client", method: str, path: str, body: object = None) -> tuple[int, object]:
    """Give a command and return the answer's status and content."""
    answer = client.call(f"/__control__/{path}", method=method, json=body)
    return answer.status_code, answer.json()


def test_stats_are_told_at_no_cost(client: "Client") -> None:
    """Asking does not count as a call."""
    client.status()
    assert command(client, "GET", "stats") == (
        200,
        {
            "crm_calls": 1,
            "schedule_calls": 0,
            "token_calls": 1,
            "tokens_minted": 1,
            "credits_spent": 1,
            "credits_used_24h": 1,
            "credits_remaining": 4999,
            "in_flight": 0,
            "peak_concurrency": 1,
            "status_calls": {"Leads/3524033000006027001": 1},
            "refused": {},
            "faults_met": {},
        },
    )


def test_stats_can_be_reset(client: "Client") -> None:
    """Counting begins anew."""
    client.status()
    assert command(client, "DELETE", "stats") == (200, {})
    assert client.simulator.stats().crm_calls == 0


def test_a_fault_comes_and_goes(client: "Client") -> None:
    """It gets a number when it comes."""
    assert command(client, "POST", "faults", {"kind": "html", "status": 503}) == (201, {"id": 1})
    assert client.status().status_code == 503
    assert command(client, "DELETE", "faults") == (200, {})
    assert client.status().status_code == 200


def test_a_job_is_moved_by_hand(client: "Client", job: "SimulatedJob") -> None:
    """And says what it was told to say."""
    body = {"state": "RUNNING", "total": 100, "updated": 5, "failed": 1, "not_updated": 94}
    assert command(client, "PUT", f"jobs/Leads/{job.job_id}", body) == (200, {})
    assert client.status().json()["data"] == [
        {
            "Status": "RUNNING",
            "Failed_Count": 1,
            "Updated_Count": 5,
            "Not_Updated_Count": 94,
            "Total_Count": 100,
        }
    ]


def test_a_job_is_added(client: "Client") -> None:
    """It begins at once."""
    body = {"module": "Deals", "job_id": "9", "total": 4, "phases": [{"state": "QUEUED", "seconds": None}]}
    assert command(client, "POST", "jobs", body) == (201, {})
    assert client.status("9", "Deals").json()["data"][0]["Status"] == "QUEUED"


@pytest.mark.parametrize(
    ("method", "path", "body", "message"),
    [
        ("POST", "faults", {"kind": "rest"}, "fault.kind: unknown word 'rest'; did you mean 'reset'?"),
        ("POST", "faults", [], "fault: expected a mapping, got list"),
        ("POST", "jobs", {"module": "Leads", "total": 1, "phases": []}, "job: the key 'job_id' is missing"),
        ("PUT", "jobs/Leads/1", {"state": "X"}, "status: the key 'total' is missing"),
        ("PUT", "devices/A", {"approve": "yes"}, "device.approve: expected true or false, got 'yes'"),
        ("POST", "codes", {"seconds": 1}, "code: the key 'scope' is missing"),
    ],
    ids=["unknown-fault", "no-mapping", "job", "status", "device", "code"],
)
def test_bad_input_is_a_400_with_a_message(
    client: "Client", method: str, path: str, body: object, message: str
) -> None:
    """The same complaints as in a scenario."""
    assert command(client, method, path, body) == (400, {"error": message})


def test_a_body_that_is_no_json_is_a_400(client: "Client") -> None:
    """With the reason."""
    answer = client.call("/__control__/faults", method="POST", data="{")
    assert answer.status_code == 400
    assert "Expecting property name" in answer.json()["error"]


def test_an_unknown_command_names_those_there_are(client: "Client") -> None:
    """A 404 that helps."""
    for method, path in (("GET", "state"), ("DELETE", "codes")):
        status, content = command(client, method, path)
        assert status == 404
        assert isinstance(content, dict)
        assert "PUT jobs/{module}/{job_id}" in content["error"]
