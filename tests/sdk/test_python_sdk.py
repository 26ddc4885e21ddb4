"""Zoho's own Python client works on the simulator, over real HTTP: a peer that we have not written."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from processes import bare_environment
from samples import Clock

from exporter.simulator import JobScript, Phase, Scenario, Simulator, UnknownJob

Call = Callable[..., dict[str, object]]

CLIENT = Path(__file__).with_name("python_client.py")
SCRIPT = JobScript(100, (Phase("SCHEDULED", 10), Phase("RUNNING", 50, updated=98, failed=2), Phase("COMPLETED", None)))


@pytest.fixture(scope="module")
def clock() -> Clock:
    """Give a clock that stands still."""
    return Clock()


@pytest.fixture(scope="module")
def simulator(clock: Clock) -> Iterator[Simulator]:
    """Give a Zoho with no job of its own; it says of an unknown one what the OpenAPI says."""
    scenario = Scenario(scheduled_job=SCRIPT, unknown_job=UnknownJob.INVALID_DATA)
    with Simulator(scenario, clock=clock) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def client(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    """Start the SDK, which keeps files in its directory."""
    scenario = simulator.scenario
    secrets = (scenario.client_id, scenario.client_secret, scenario.refresh_token)
    with subprocess.Popen(
        [sys.executable, str(CLIENT), simulator.url, *secrets],
        env=bare_environment(),
        cwd=tmp_path_factory.mktemp("sdk"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.communicate()


@pytest.fixture(scope="module")
def user(client: subprocess.Popen[str]) -> object:
    """Wait for the login and give the name that the SDK has found for its user."""
    return read(client)


@pytest.fixture
def call(client: subprocess.Popen[str], user: object) -> Call:
    """Give a function that calls through the SDK."""
    assert user

    def call(module: str, **arguments: object) -> dict[str, object]:
        assert client.stdin is not None
        client.stdin.write(json.dumps({"module": module, **arguments}) + "\n")
        client.stdin.flush()
        answer = read(client)
        assert isinstance(answer, dict)
        return answer

    return call


def read(client: subprocess.Popen[str]) -> object:
    """Read what the SDK has understood; it has told on standard error why it ended, if it has."""
    assert client.stdout is not None
    line = client.stdout.readline()
    assert line, "the SDK has ended"
    content: object = json.loads(line)
    return content


def schedule(call: Call, module: str) -> str:
    """Schedule a job over a view and give its id, as the SDK gives it."""
    match call(module, cvid="554023000000091515")["content"]:
        case {"data": [{"message": "mass update scheduled successfully", "details": {"job_id": str(job_id)}}]}:
            return job_id
        case other:
            pytest.fail(f"no job was scheduled: {other}")


def report(status: str, *counts: int) -> dict[str, object]:
    """Make what the SDK understands of a report; the counts are updated, failed, not updated."""
    updated, failed, left = counts
    row = {
        "status": status,
        "updated_count": updated,
        "failed_count": failed,
        "not_updated_count": left,
        "total_count": 100,
    }
    return {"status": 200, "kind": "MassUpdateResponseWrapper", "content": {"data": [row]}}


def refusal(code: str, message: str, details: dict[str, object]) -> dict[str, object]:
    """Make what the SDK understands of a refusal."""
    content = {"status": "error", "code": code, "message": message, "details": details}
    return {"status": 400, "kind": "APIException", "content": content}


def test_it_logs_in_and_finds_its_user(user: object) -> None:
    """From the current user and the company."""
    assert user == "user@example.com:658590000"


def test_it_schedules_a_job_and_follows_it_to_its_end(call: Call, clock: Clock) -> None:
    """Every state is one that it knows."""
    job_id = schedule(call, "Leads")
    assert call("Leads", job_id=job_id) == report("SCHEDULED", 0, 0, 100)
    clock.now += 35
    assert call("Leads", job_id=job_id) == report("RUNNING", 49, 1, 50)
    clock.now += 25
    assert call("Leads", job_id=job_id) == report("COMPLETED", 98, 2, 0)


@pytest.mark.parametrize("module", ["Deals", "Events", "Price_Books"])
def test_it_schedules_in_modules_that_it_treats_in_its_own_way(call: Call, module: str) -> None:
    """It asks for the fields of each first."""
    assert call(module, job_id=schedule(call, module)) == report("SCHEDULED", 0, 0, 100)


def test_it_understands_that_a_view_is_busy(call: Call) -> None:
    """One job at a time."""
    schedule(call, "Contacts")
    assert call("Contacts", cvid="554023000000091515") == refusal(
        "ALREADY_SCHEDULED",
        "Already a Mass Action scheduler is running for the given cvid",
        {"api_name": "cvid"},
    )


def test_it_understands_that_a_view_is_bad(call: Call) -> None:
    """The place is named."""
    assert call("Leads", cvid="mine") == refusal(
        "INVALID_DATA", "the cvid given seems to be invalid", {"api_name": "cvid", "json_path": "$.cvid"}
    )


def test_it_understands_that_a_job_is_unknown(call: Call) -> None:
    """The parameter is named."""
    assert call("Leads", job_id="1") == refusal(
        "INVALID_DATA", "The jobid given seems to be invalid", {"param_name": "job_id"}
    )


def test_it_understands_that_a_module_is_unknown(call: Call) -> None:
    """The status call asks for no fields before."""
    assert call("Nothing", job_id="1") == refusal(
        "INVALID_MODULE", "The module name given seems to be invalid", {"resource_path_index": 0}
    )


def test_it_updates_records_at_once(call: Call) -> None:
    """A good one and a bad one; its times have become times, its ids numbers."""
    match call("Leads", ids=["554023000000497007", "0"]):
        case {"status": 207, "kind": "MassUpdateActionWrapper", "content": {"data": [updated, refused]}}:
            assert updated["message"] == "record updated"
            assert updated["details"]["id"] == 554023000000497007
            assert updated["details"]["Modified_Time"].startswith("2026-09-21 14:1")
            assert updated["details"]["Created_Time"] == "2021-02-26 19:13:56+00:00"
            assert updated["details"]["Modified_By"]["name"] == "Simulated User"
            assert refused["message"] == "the id given seems to be invalid"
            assert refused["details"] == {"id": 0}
        case other:
            pytest.fail(f"not one good and one bad record: {other}")
