"""docs/simulator.md against the simulator: its scenario loads, its tables are whole, its commands do what they say."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import requests
from journey import access_token
from processes import bare_environment
from programs import Program

from exporter.simulator import (
    FaultKind,
    Scenario,
    Simulator,
    Stage,
    ThrottleShape,
    UnknownJob,
    load_scenario,
)

PAGE = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")
TABLES = [re.findall(r"^\| (`[^|]*`) \|(?: ([^|]*) \|)? (.*) \|$", part, re.MULTILINE) for part in PAGE.split("\n## ")]
ADDRESS = "http://127.0.0.1:10043"


def scenario() -> Scenario:
    """Load the page's scenario."""
    [text] = re.findall(r"```yaml\n(# night.yaml\n.*?)```", PAGE, re.DOTALL)
    return load_scenario(text)


def named(rows: list[tuple[str, str, str]]) -> set[str]:
    """Give the words in the first column of a table."""
    return {word for first, *_ in rows for word in re.findall(r"`(\w+)`", first)}


def test_every_key_and_every_fault_is_in_a_table() -> None:
    """Nobody has to read the code to know what can be written."""
    _, _, keys, faults, *_ = TABLES
    assert named(keys) == {field.name for field in fields(Scenario)}
    assert named(faults) == set(FaultKind)
    for word in (*ThrottleShape, *UnknownJob, *Stage):
        assert f"`{word}`" in PAGE


def test_defaults_are_those_of_the_simulator() -> None:
    """The numbers of the table are the ones that hold."""
    told = {key: default for key, default, _ in TABLES[2]}
    empty = Scenario()
    pair = told.pop("`tokens_per_window`, `token_window_seconds`")
    assert pair == f"{empty.tokens_per_window}, {empty.token_window_seconds:g}"
    numbers = {key.strip("`"): float(default) for key, default in told.items() if re.fullmatch("[0-9.]+", default)}
    assert len(numbers) == 8
    assert numbers == {name: getattr(empty, name) for name in numbers}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Run the page's scenario."""
    with Simulator(scenario()) as simulator:
        yield simulator


Typed = Callable[[int], list[object]]


@pytest.fixture
def typed(simulator: Simulator, program: Program) -> Typed:
    """Give a function that types one of the page's blocks of commands, and gives what each command answers."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    program("curl")

    def type_in(number: int) -> list[object]:
        command = blocks[number].replace(ADDRESS, simulator.url)
        shell = [program("bash"), "-ec", command]
        ended = subprocess.run(shell, env=bare_environment(), check=True, capture_output=True, text=True)
        return [json.loads(answer) for answer in re.findall(r"\{(?:[^{}]|\{[^{}]*\})*\}", ended.stdout)]

    return type_in


def status(simulator: Simulator, token: str, job: str) -> object:
    """Ask for a job's report."""
    module, job_id = job.split("/")
    url = f"{simulator.url}/crm/v8/{module}/actions/mass_update"
    headers = {"Authorization": f"Zoho-oauthtoken {token}"}
    return requests.get(url, params={"job_id": job_id}, headers=headers, timeout=10).json()["data"][0]


def test_commands_move_jobs(simulator: Simulator, typed: Typed) -> None:
    """A job begins, and another one says what it is told to say."""
    token = access_token(simulator)
    requests.delete(f"{simulator.url}/__control__/faults", timeout=10)
    assert typed(0) == [{}]
    begun = status(simulator, token, "Leads/3524033000006027004")
    assert isinstance(begun, dict)
    assert (begun["Status"], begun["Total_Count"]) in {("RUNNING", 100), ("COMPLETED", 100)}
    assert typed(1) == [{}]
    assert status(simulator, token, "Leads/3524033000006027001") == {
        "Status": "FAILED",
        "Failed_Count": 250,
        "Updated_Count": 31_000,
        "Not_Updated_Count": 18_750,
        "Total_Count": 50_000,
    }


def test_commands_make_and_end_faults(simulator: Simulator, typed: Typed) -> None:
    """A fault holds from its command to the end of all, the two of the scenario included; the counts tell."""
    assert typed(2) == [{"id": 3}, {"id": 4}]
    refused = requests.post(f"{simulator.url}/oauth/v2/token", timeout=10)
    assert (refused.status_code, refused.json()) == (200, {"error": "invalid_code"})
    assert typed(3) == [{}]
    assert status(simulator, access_token(simulator), "Deals/3524033000006027002")
    counted, cleared = typed(4)
    assert isinstance(counted, dict)
    assert (counted["token_calls"], counted["credits_spent"], counted["refused"]) == (2, 1, {"invalid_code": 1})
    assert counted["status_calls"] == {"Deals/3524033000006027002": 1}
    assert cleared == {}
    assert simulator.stats().token_calls == 0


def test_commands_play_the_person(simulator: Simulator, typed: Typed) -> None:
    """A grant code is good for a refresh token, and no device waits yet."""
    [made, waiting] = typed(5)
    assert isinstance(made, dict)
    scenario = simulator.scenario
    client = {"client_id": scenario.client_id, "client_secret": scenario.client_secret}
    form = {**client, "grant_type": "authorization_code", "code": made["code"]}
    granted = requests.post(f"{simulator.url}/oauth/v2/token", data=form, timeout=10).json()
    assert granted["scope"] == "ZohoCRM.mass_update.READ"
    assert granted["refresh_token"]
    assert waiting == {"devices": []}
