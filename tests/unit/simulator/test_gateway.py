"""The API over real HTTP: tokens, limits, modules, jobs and their refusals."""

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import requests

from exporter.simulator import Endpoint, Fault, FaultKind, Phase, Scenario, SimulatedJob, UnknownJob

if TYPE_CHECKING:
    from collections.abc import Callable

    from unit.simulator.conftest import Client, FakeClock

PATH = "/crm/v8/Leads/actions/mass_update"


@pytest.mark.parametrize("version", ["v2", "v2.1", "v3", "v4", "v5", "v6", "v7", "v8"])
def test_every_version_answers_alike(client: "Client", clock: "FakeClock", version: str) -> None:
    """The report has not changed since v2."""
    clock.advance(60)
    answer = client.status(version=version)
    assert answer.status_code == 200
    assert answer.json() == {
        "data": [
            {
                "Status": "RUNNING",
                "Failed_Count": 10,
                "Updated_Count": 40,
                "Not_Updated_Count": 50,
                "Total_Count": 100,
            }
        ]
    }


JOB_ID = {"param_name": "job_id"}
MODULE = {"resource_path_index": 0}


@pytest.mark.parametrize(
    ("method", "path", "refusal"),
    [
        pytest.param("GET", PATH, (400, "MANDATORY_NOT_FOUND", JOB_ID), id="no-id"),
        pytest.param("GET", f"{PATH}?job_id=", (400, "MANDATORY_NOT_FOUND", JOB_ID), id="empty-id"),
        pytest.param("GET", f"{PATH}?job_id=1x", (400, "UNABLE_TO_PARSE_DATA_TYPE", {}), id="odd-id"),
        pytest.param("GET", f"{PATH}?job_id=1", (404, "NOT_FOUND", {}), id="unknown-id"),
        pytest.param("PUT", PATH, (400, "INVALID_REQUEST_METHOD", {}), id="put"),
        pytest.param("DELETE", PATH, (400, "INVALID_REQUEST_METHOD", {}), id="delete"),
        pytest.param("GET", PATH.replace("Leads", "Nothing"), (400, "INVALID_MODULE", MODULE), id="unknown-module"),
        pytest.param(
            "GET", PATH.replace("Leads", "Documents"), (400, "INVALID_MODULE", MODULE), id="unsupported-module"
        ),
        pytest.param("GET", PATH.replace("Leads", "Services"), (400, "NOT_SUPPORTED", MODULE), id="no-mass-update"),
        pytest.param("GET", PATH.replace("Leads", "Activities"), (400, "INVALID_MODULE", MODULE), id="old-module"),
        pytest.param("PUT", "/crm/v8/settings/fields", (400, "INVALID_REQUEST_METHOD", {}), id="put-fields"),
        pytest.param("GET", "/crm/v8/Leads", (404, "INVALID_URL_PATTERN", {}), id="other-path"),
        pytest.param("GET", PATH.replace("v8", "v1"), (404, "INVALID_URL_PATTERN", {}), id="old-version"),
        pytest.param("GET", "/", (404, "INVALID_URL_PATTERN", {}), id="root"),
    ],
)
def test_a_bad_request_is_refused(
    client: "Client", method: str, path: str, refusal: tuple[int, str, dict[str, object]]
) -> None:
    """With the documented status, code and details; each costs a credit."""
    answer = client.call(path, method=method)
    content = answer.json()
    assert (answer.status_code, content["code"], content["details"]) == refusal
    assert client.simulator.stats().credits_spent == 1


def test_an_unsupported_module_has_its_own_message(client: "Client") -> None:
    """One code, two messages."""
    messages = [client.status(module=module).json()["message"] for module in ("Nothing", "Projects")]
    assert messages == [
        "The module name given seems to be invalid",
        "The given module is not supported in API",
    ]


@pytest.mark.parametrize(("version", "status"), [("v2", 200), ("v2.1", 200), ("v3", 400)], ids=["v2", "v2.1", "v3"])
def test_activities_end_with_version_3(connect: "Callable[[Scenario], Client]", version: str, status: int) -> None:
    """Their tasks, calls and events are modules of their own since."""
    job = SimulatedJob("Activities", "7", 1, (Phase("RUNNING", None),))
    assert connect(Scenario(jobs=(job,))).status("7", "Activities", version=version).status_code == status


def test_an_answer_to_head_has_no_body(client: "Client") -> None:
    """The connection stays in step."""
    answer = client.call(method="HEAD")
    assert (answer.status_code, answer.content) == (400, b"")
    assert client.status().status_code == 200


@pytest.mark.parametrize(
    ("shape", "status", "body"),
    [
        (UnknownJob.NOT_FOUND, 404, "Empty response"),
        (UnknownJob.INVALID_DATA, 400, "The jobid given seems to be invalid"),
        (UnknownJob.NO_CONTENT, 204, ""),
        (UnknownJob.NULL_CODE, 404, '"code":null'),
        (UnknownJob.EMPTY_DATA, 200, '{"data":[]}'),
        (UnknownJob.BARE_INVALID_DATA, 400, '"details":{},"message":"The jobid given seems to be invalid"'),
    ],
    ids=str,
)
def test_an_unknown_job_is_refused_in_the_scenarios_shape(
    connect: "Callable[[Scenario], Client]", shape: UnknownJob, status: int, body: str
) -> None:
    """Many shapes of one outcome."""
    answer = connect(Scenario(unknown_job=shape)).status("1")
    assert answer.status_code == status
    assert body in answer.text


@pytest.mark.parametrize(
    ("header", "code"),
    [
        pytest.param(None, "AUTHENTICATION_FAILURE", id="no-header"),
        pytest.param("Zoho-oauthtoken 1000.dead", "INVALID_TOKEN", id="unknown-token"),
        pytest.param("Bearer 1000.dead", "INVALID_TOKEN", id="other-scheme"),
    ],
)
def test_a_call_without_a_live_token_is_refused(client: "Client", header: str | None, code: str) -> None:
    """Two codes, both 401."""
    headers = {"Authorization": header} if header else {}
    answer = client.session.get(f"{client.simulator.url}{PATH}", headers=headers, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (401, code)


def test_a_token_dies_after_its_lifetime(client: "Client", clock: "FakeClock") -> None:
    """The next token works."""
    clock.advance(3_600)
    assert client.status().json()["code"] == "INVALID_TOKEN"
    client.log_in()
    assert client.status().status_code == 200


def test_the_tokens_end_is_announced(client: "Client") -> None:
    """As a date in ISO 8601."""
    assert client.status().headers["X-ACCESSTOKEN-RESET"] == "2023-11-14T23:13:20+00:00"


def test_a_dead_token_stays_dead(client: "Client") -> None:
    """The fault is met once, but the token is gone."""
    client.simulator.add_fault(Fault(FaultKind.DEAD_TOKEN, times=1))
    codes = [client.status().json()["code"] for _ in range(2)]
    client.log_in()
    assert codes == ["INVALID_TOKEN", "INVALID_TOKEN"]
    assert client.status().status_code == 200


def test_the_token_answer_names_our_own_host(client: "Client") -> None:
    """As the client addressed us."""
    assert client.mint().json()["api_domain"] == client.simulator.url


def test_credentials_may_come_in_the_query(client: "Client") -> None:
    """Zoho accepts both; the documentation prefers the body."""
    scenario = client.simulator.scenario
    answer = client.session.post(
        f"{client.simulator.url}/oauth/v2/token",
        params={
            "grant_type": "refresh_token",
            "client_id": scenario.client_id,
            "client_secret": scenario.client_secret,
            "refresh_token": scenario.refresh_token,
        },
        timeout=10,
    )
    assert "access_token" in answer.json()


def test_credentials_may_come_in_parts(client: "Client") -> None:
    """As Zoho's Node client posts them."""
    scenario = client.simulator.scenario
    fields = {
        "grant_type": "refresh_token",
        "client_id": scenario.client_id,
        "client_secret": scenario.client_secret,
        "refresh_token": scenario.refresh_token,
    }
    parts = {name: (None, value) for name, value in fields.items()}
    answer = client.session.post(f"{client.simulator.url}/oauth/v2/token", files=parts, timeout=10)
    assert "access_token" in answer.json()


def test_a_refused_token_comes_under_http_200(client: "Client") -> None:
    """And counts as refused."""
    answer = client.mint(client_id="1000.WRONG")
    assert (answer.status_code, answer.json()) == (200, {"error": "invalid_client"})
    assert client.simulator.stats().refused == {"invalid_client": 1}


def test_the_token_endpoint_takes_a_post_only(client: "Client") -> None:
    """Another verb gets a page of the edge."""
    answer = client.call("/oauth/v2/token")
    assert (answer.status_code, answer.headers["Content-Type"]) == (405, "text/html;charset=UTF-8")


def test_a_fault_of_the_token_endpoint(client: "Client") -> None:
    """A token error is scripted by its word."""
    client.simulator.add_fault(Fault(FaultKind.HTML, times=1))
    assert client.mint().status_code == 502
    assert "access_token" in client.mint().json()


def test_credits_are_announced_and_run_out(connect: "Callable[[Scenario], Client]", scenario: Scenario) -> None:
    """Nothing is said before half of them are used; a refused call is free."""
    client = connect(replace(scenario, daily_credits=4))
    answers = [client.status() for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429]
    assert [answer.headers.get("X-API-CREDITS-REMAINING") for answer in answers] == [
        None,
        "2",
        "1",
        "0",
        "0",
    ]
    assert "past 24 hours" in answers[-1].json()["message"]
    assert client.simulator.stats().credits_spent == 4


@pytest.mark.parametrize("values", [("many",), ("-1",), ("5", "7"), ("",)], ids=["word", "negative", "twice", "empty"])
def test_the_credits_may_be_announced_oddly(
    connect: "Callable[[Scenario], Client]", scenario: Scenario, values: tuple[str, ...]
) -> None:
    """A faulty header takes the place of the true one; of two lines the client makes a list."""
    client = connect(replace(scenario, daily_credits=2))
    client.simulator.add_fault(Fault(FaultKind.EXTRA_HEADER, values=values))
    assert client.status().headers["X-API-CREDITS-REMAINING"] == ", ".join(values)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.ERROR, message="bad token {token}"),
        Fault(FaultKind.ERROR, details={"seen": ["{token}"]}),
        Fault(FaultKind.ERROR_IN_DATA, code="{token}"),
        Fault(FaultKind.HTML, message="{token}"),
        Fault(FaultKind.ODD_STATE, state="{token}"),
        Fault(FaultKind.EXTRA_FIELD, field="{token}"),
    ],
    ids=lambda fault: str(fault.kind),
)
def test_an_answer_may_echo_the_token(client: "Client", fault: Fault) -> None:
    """In every place that is a text."""
    client.simulator.add_fault(fault)
    assert client.token in client.status().text


def test_a_header_may_echo_the_token(client: "Client") -> None:
    """Also the place to go to."""
    client.simulator.add_fault(Fault(FaultKind.REDIRECT, location="/?token={token}"))
    assert client.status().headers["Location"] == f"/?token={client.token}"
    client.simulator.add_fault(Fault(FaultKind.EXTRA_HEADER, field="Set-Cookie", values=("t={token}",)))
    assert client.status().headers["Set-Cookie"] == f"t={client.token}"


def test_the_token_endpoint_may_echo_what_it_got(client: "Client") -> None:
    """Each field by its name."""
    client.simulator.add_fault(Fault(FaultKind.HTML, Endpoint.TOKEN, message="{client_secret} {refresh_token}"))
    scenario = client.simulator.scenario
    assert f"{scenario.client_secret} {scenario.refresh_token}" in client.mint().text


def test_a_request_meets_a_fault_of_each_sort(client: "Client") -> None:
    """A throttle in chunks."""
    client.simulator.add_fault(Fault(FaultKind.THROTTLE))
    client.simulator.add_fault(Fault(FaultKind.CHUNKED))
    answer = client.status()
    assert (answer.status_code, answer.headers["Transfer-Encoding"]) == (429, "chunked")
    assert client.simulator.stats().faults_met == {"throttle": 1, "chunked": 1}


def test_a_throttled_call_is_free(client: "Client") -> None:
    """The credit is given back."""
    client.simulator.add_fault(Fault(FaultKind.THROTTLE, retry_after="5"))
    answer = client.status()
    stats = client.simulator.stats()
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "5")
    assert (stats.credits_spent, stats.credits_used_24h, stats.status_calls) == (
        0,
        0,
        {"Leads/3524033000006027001": 1},
    )


def test_one_call_too_many_at_once_is_refused(connect: "Callable[[Scenario], Client]", scenario: Scenario) -> None:
    """A call that is still under way takes the only place."""
    client = connect(replace(scenario, concurrency_limit=1))
    client.simulator.add_fault(Fault(FaultKind.STALLED_BODY, times=1))
    stalled = client.session.prepare_request(_get(client))
    with client.session.send(stalled, stream=True, timeout=10):
        answer = client.status()
    assert answer.status_code == 429
    assert answer.json()["message"] == "Many requests fired in concurrent than the allowed limit."
    assert client.simulator.stats().peak_concurrency == 2


def test_a_call_is_over_when_its_answer_is_there(connect: "Callable[[Scenario], Client]", scenario: Scenario) -> None:
    """The next call on another connection finds the place free, each time."""
    client = connect(replace(scenario, concurrency_limit=1))
    statuses = {client.status().status_code for _ in range(200)}
    assert statuses == {200}
    assert client.simulator.stats().peak_concurrency == 1


def test_the_journal_tells_what_was_asked(client: "Client", job: SimulatedJob) -> None:
    """In order, with the outcome, and without a secret."""
    client.status("1")
    told = [(call.method, call.path, call.job_id, call.status, call.code) for call in client.simulator.calls]
    assert told == [
        ("POST", "/oauth/v2/token", None, 200, ""),
        ("GET", PATH, "1", 404, "NOT_FOUND"),
    ]
    assert job.job_id not in {call.job_id for call in client.simulator.calls}


def test_a_reset_leaves_the_rolling_days_credits(client: "Client") -> None:
    """What was spent stays spent."""
    client.status()
    client.simulator.reset_stats()
    stats = client.simulator.stats()
    assert (stats.credits_spent, stats.credits_used_24h, stats.peak_concurrency) == (0, 1, 0)


def _get(client: "Client") -> requests.Request:
    headers = {"Authorization": f"Zoho-oauthtoken {client.token}"}
    return requests.Request("GET", f"{client.simulator.url}{PATH}?job_id=1", headers=headers)
