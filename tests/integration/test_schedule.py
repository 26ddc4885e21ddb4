"""`schedule` as a person and as a script type it: from a token of its own to a watched job."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from journey import Exporter, account_variables, every
from processes import bare_environment, eventually, exporter_command
from terminals import terminal

from exporter.simulator import Endpoint, Fault, FaultKind, Simulator

FIRST, SECOND, THIRD = "3524033000000089005", "3524033000000089006", "3524033000000089007"
COMMAND = ("schedule", "acme/Leads", "--set=Lead_Status=Contacted", "--refresh-token-file=token_to_change")


def token_for(simulator: Simulator, scope: str) -> str:
    """Have a refresh token with a scope, as `login` has one."""
    code = requests.post(f"{simulator.url}/__control__/codes", json={"scope": scope}, timeout=10).json()["code"]
    form = {
        "grant_type": "authorization_code",
        "client_id": simulator.scenario.client_id,
        "client_secret": simulator.scenario.client_secret,
        "code": code,
    }
    return str(requests.post(f"{simulator.url}/oauth/v2/token", data=form, timeout=10).json()["refresh_token"])


@pytest.fixture
def environment(simulator: Simulator, tmp_path: Path) -> dict[str, str]:
    """Give the environment of somebody who may change leads; the account's own token may only read."""
    for name, text in {
        "api_token": "swordfish",
        "token_to_change": token_for(simulator, "ZohoCRM.mass_update.leads.UPDATE"),
    }.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    to_read = token_for(simulator, "ZohoCRM.mass_update.READ")
    variables = {**account_variables(simulator), "ZOHO_REFRESH_TOKEN": to_read, "HOME": str(tmp_path)}
    return bare_environment(**variables, ZOHO_EXPORTER_TOKEN_FILE="api_token")


def test_records_are_changed_and_the_job_is_followed(
    simulator: Simulator, start_exporter: Callable[..., Exporter], environment: dict[str, str], tmp_path: Path
) -> None:
    """A person is asked, the exporter tracks it; without one Zoho is asked by the token that may only read."""
    exporter = start_exporter(
        refresh_token=environment["ZOHO_REFRESH_TOKEN"],
        web__api_token_file=str(tmp_path / "api_token"),
        **every("1s"),
    )
    watched = {**environment, "ZOHO_EXPORTER_URL": exporter.url}
    with terminal(exporter_command(*COMMAND, f"--view={FIRST}", "--watch"), watched, tmp_path) as shown:
        shown.shows("Change all these records? [y/N] ")
        assert simulator.stats().crm_calls == 0
        shown.type("y\n")
        shown.shows(
            "is tracked. To follow it:\r\n  zoho-mass-update-exporter status acme/Leads/5540330000009000001 --watch"
        )
        shown.shows("% of 1,000")
        simulator.set_status("Leads", "5540330000009000001", "COMPLETED", updated=998, failed=2, total=1000)
        assert shown.end() == 4
        shown.shows("this is final")
    assert '  set     Lead_Status = "Contacted"\r\n' in shown.screen
    assert (tmp_path / "token_to_change").read_text() not in shown.screen
    alone = subprocess.run(
        exporter_command(*COMMAND, f"--view={SECOND}", "--yes", "--json", "--watch", "--timeout=1s"),
        env={**environment, "ZOHO_EXPORTER_URL": "http://127.0.0.1:1"},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    scheduled, *followed = map(json.loads, alone.stdout.splitlines())
    assert (alone.returncode, scheduled["view"], scheduled["job_id"]) == (7, SECOND, "5540330000009000002")
    assert {(job["job_id"], job["total_records"]) for job in followed} == {("5540330000009000002", 1000)}
    assert "To have it tracked: zoho-mass-update-exporter track acme/Leads/5540330000009000002\n" in alone.stderr
    *_, last, bill = alone.stderr.splitlines()
    assert " To go on: zoho-mass-update-exporter status acme/Leads/5540330000009000002 --watch " in last
    assert bill.endswith("and 1 access token.")


def test_ctrl_c_while_zoho_is_silent_tells_that_it_may_be_scheduled(
    simulator: Simulator, environment: dict[str, str], tmp_path: Path
) -> None:
    """Nothing is sent again, and the exit status says that nobody knows."""
    simulator.add_fault(Fault(FaultKind.TIMEOUT, endpoint=Endpoint.SCHEDULE))

    def sent() -> int:
        return sum(call.endpoint is Endpoint.SCHEDULE for call in simulator.calls)

    with terminal(exporter_command(*COMMAND, f"--view={THIRD}", "--yes"), environment, tmp_path) as shown:
        eventually(sent, "nothing was sent")
        shown.type("\x03")
        assert shown.end() == 5
        shown.shows("This took 1 API credit and 1 access token.")
    assert "Nobody knows whether it is scheduled: Zoho's answer was not waited for" in shown.screen
    assert "Traceback" not in shown.screen
    assert sent() == 1
