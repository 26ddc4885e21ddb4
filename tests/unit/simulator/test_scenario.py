"""Scenarios from YAML: what is read, and what is said of what can't be."""

import pytest

from exporter.simulator import (
    Endpoint,
    Fault,
    FaultKind,
    JobScript,
    Phase,
    Scenario,
    ScenarioError,
    SimulatedJob,
    Status,
    ThrottleShape,
    UnknownJob,
    load_scenario,
)
from exporter.simulator.scenario import read_status

FULL = """
client_id: 1000.ID
client_secret: s3
refresh_token: 1000.r
modules: [Tickets]
speed: 10
daily_credits: 50
concurrency_limit: 5
latency_seconds: 0.25
token_lifetime_seconds: 60
tokens_per_window: 3
token_window_seconds: 30
live_tokens: 2
unknown_job: no_content
jobs:
  - module: Tickets
    job_id: "7"
    total: 10
    phases:
      - {state: RUNNING, seconds: 5, updated: 9, failed: 1}
      - {state: COMPLETED, seconds: null}
scheduled_job:
  total: 3
  phases: [{state: QUEUED, seconds: null}]
faults:
  - {kind: throttle, endpoint: status, times: 2, shape: numeric_code, retry_after: "30"}
  - {kind: error, code: NO_PERMISSION, details: {permissions: [x]}}
"""


def test_an_empty_scenario_has_every_default() -> None:
    """Nothing is required."""
    assert load_scenario("") == Scenario()


def test_every_key_is_read() -> None:
    """Own modules come on top of the documented ones."""
    scenario = load_scenario(FULL)
    assert scenario == Scenario(
        client_id="1000.ID",
        client_secret="s3",
        refresh_token="1000.r",
        jobs=(
            SimulatedJob(
                "Tickets",
                "7",
                10,
                (Phase("RUNNING", 5, updated=9, failed=1), Phase("COMPLETED", None)),
            ),
        ),
        modules=Scenario().modules | {"Tickets"},
        speed=10,
        daily_credits=50,
        concurrency_limit=5,
        latency_seconds=0.25,
        token_lifetime_seconds=60,
        tokens_per_window=3,
        token_window_seconds=30,
        live_tokens=2,
        unknown_job=UnknownJob.NO_CONTENT,
        scheduled_job=JobScript(3, (Phase("QUEUED", None),)),
        faults=(
            Fault(
                FaultKind.THROTTLE,
                endpoint=Endpoint.STATUS,
                times=2,
                shape=ThrottleShape.NUMERIC_CODE,
                retry_after="30",
            ),
            Fault(FaultKind.ERROR, code="NO_PERMISSION", details={"permissions": ["x"]}),
        ),
    )


JOB = "jobs: [{module: Leads, job_id: '1', total: 5, phases: [{state: RUNNING, seconds: null%s}]%s}]"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "scenario: line 1: expected YAML, and it can't be read"),
        ("- a", "scenario: expected a mapping, got list"),
        ("credits: 5", "scenario: unknown key 'credits'; did you mean 'daily_credits'?"),
        ("zzz: 5", "scenario: unknown key 'zzz'; expected one of: client_data_centers, client_id, client_s"),
        ("client_id:", "scenario.client_id: expected a text, got nothing"),
        ("client_id: 5", "scenario.client_id: expected a text, got int (put it in quotes)"),
        ("daily_credits: x", "scenario.daily_credits: expected a whole number, got str"),
        ("daily_credits: true", "scenario.daily_credits: expected a whole number, got bool"),
        ("daily_credits: -1", "scenario.daily_credits: expected 0 or more, got -1"),
        ("live_tokens: 0", "scenario.live_tokens: expected 1 or more, got 0"),
        ("latency_seconds: -1", "scenario.latency_seconds: expected a number, 0 or more, got -1"),
        ("latency_seconds: .inf", "scenario.latency_seconds: expected a number, 0 or more, got inf"),
        ("speed: 0", "scenario.speed: expected more than 0, got 0"),
        (
            "unknown_job: gone",
            "scenario.unknown_job: unknown word 'gone'; expected one of: bare_invalid_data, empty_data",
        ),
        ("jobs: {}", "scenario.jobs: expected a list, got dict"),
        ("jobs: [{module: Leads}]", "scenario.jobs[0]: the key 'job_id' is missing"),
        (JOB % ("", ", tota: 1"), "scenario.jobs[0]: unknown key 'tota'; did you mean 'total'?"),
        (JOB % (", updated: 6", ""), "scenario.jobs[0]: phases: updated 6 and failed 0 must be 0 or more"),
        (
            JOB.replace("Leads", "Tickets") % ("", ""),
            "scenario.jobs[0].module: unknown module 'Tickets'; name it under 'modules' too",
        ),
        ("faults: [{kind: timout}]", "scenario.faults[0].kind: unknown word 'timout'; did you mean 'timeout'?"),
        ("faults: [{kind: error, details: 1}]", "scenario.faults[0].details: expected a mapping, got int"),
        ("scheduled_job: {total: 1, phases: []}", "scenario.scheduled_job: phases: expected at least one"),
    ],
)
def test_what_can_not_be_read_is_named(text: str, message: str) -> None:
    """The place, what is expected there, and the nearest word."""
    with pytest.raises(ScenarioError) as caught:
        load_scenario(text)
    assert str(caught.value).startswith(message)


def test_everything_is_told_at_once() -> None:
    """Whoever writes a scenario mends it in one round."""
    text = (
        "speed: 0\ncredits: 5\njobs: [{module: Leads, phases: [{state: 5, seconds: 1}, {seconds: x}]}, 3]\n"
        "faults: [{kind: timout}]"
    )
    with pytest.raises(ScenarioError) as caught:
        load_scenario(text)
    assert str(caught.value).split("\n  ") == [
        "scenario: unknown key 'credits'; did you mean 'daily_credits'?",
        "scenario.speed: expected more than 0, got 0",
        "scenario.jobs[0]: the key 'job_id' is missing",
        "scenario.jobs[0]: the key 'total' is missing",
        "scenario.jobs[0].phases[0].state: expected a text, got int (put it in quotes)",
        "scenario.jobs[0].phases[1]: the key 'state' is missing",
        "scenario.jobs[0].phases[1].seconds: expected a number, 0 or more, got 'x'",
        "scenario.jobs[1]: expected a mapping, got int",
        "scenario.faults[0].kind: unknown word 'timout'; did you mean 'timeout'?",
    ]


def test_what_is_no_yaml_is_told_in_a_line() -> None:
    """With its line, and without the parser's drawing of it."""
    with pytest.raises(ScenarioError) as caught:
        load_scenario("speed: 1\njobs: [\n")
    assert str(caught.value).startswith(
        "scenario: line 3: expected YAML, and it can't be read: expected the node content"
    )
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ({"state": "RUNNING", "total": 10, "updated": 3, "failed": 1}, Status("RUNNING", 3, 1, 6, 10)),
        ({"state": "X", "total": 10, "not_updated": -4}, Status("X", 0, 0, -4, 10)),
    ],
    ids=["rest-is-left", "given"],
)
def test_a_fixed_status_is_read(value: object, status: Status) -> None:
    """The rest of the total is not updated, unless something else is said."""
    assert read_status(value, "status") == status
