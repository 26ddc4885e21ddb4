"""Jobs registered over HTTP: kept whatever happens, and an API that keeps its own contract."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from journey import Exporter, account_variables
from processes import bare_environment, exporter_command, started, unmeasured_environment

from exporter.simulator import Simulator

TOKEN = {"Authorization": "Bearer swordfish"}
ROUNDS = 10


@pytest.fixture
def token(tmp_path: Path) -> str:
    """Give the name of a file that holds the API's token."""
    file = tmp_path / "token"
    file.write_text("swordfish")
    return str(file)


def test_registrations_survive_being_killed(simulator: Simulator, token: str, tmp_path: Path) -> None:
    """What was answered is there after `kill -9`, round after round; what was let go stays away."""
    variables = {
        **account_variables(simulator),
        "ZOHO_STATE__PATH": str(tmp_path / "state.db"),
        "ZOHO_WEB__API_TOKEN_FILE": token,
        "ZOHO_JOB_LABELS": "team",
    }
    command = exporter_command("--web.listen-address=127.0.0.1:0", "--log.format=json")
    expected: set[str] = set()
    for number in range(ROUNDS):
        with started(command, unmeasured_environment(**variables), tmp_path) as running:
            serving = running.log_event("serving metrics")
            assert serving["jobs"] == len(expected)
            url = f"http://127.0.0.1:{serving['port']}/api/v1/jobs"
            known = requests.get(url, headers=TOKEN, timeout=10).json()["jobs"]
            assert {job["job_id"] for job in known} == expected
            assert {(job["name"], job["labels"]["team"]) for job in known} == {(f"job {one}", one) for one in expected}
            for job_id in (f"{number}1", f"{number}2"):
                body = {"module": "Leads", "job_id": job_id, "name": f"job {job_id}", "labels": {"team": job_id}}
                assert requests.post(url, headers=TOKEN, json=body, timeout=10).status_code == 201
            assert requests.delete(f"{url}/acme/Leads/{number}2", headers=TOKEN, timeout=10).status_code == 204
            running.stop(signal.SIGKILL)
        expected.add(f"{number}1")


def test_token_that_can_not_be_read_is_told_once(start_exporter: Callable[..., Exporter], token: str) -> None:
    """The API is off meanwhile, and whoever asks for it again and again does not fill the log."""
    exporter = start_exporter(web__api_token_file=token)
    url, problem = f"{exporter.url}/api/v1/jobs", f"the API's token can't be read: {token}: does not exist"

    def refused_without_the_file() -> None:
        Path(token).unlink()
        assert [requests.get(url, headers=TOKEN, timeout=10).status_code for _ in range(3)] == [403, 403, 403]
        Path(token).write_text("swordfish")
        assert requests.get(url, headers=TOKEN, timeout=10).status_code == 200

    refused_without_the_file()
    refused_without_the_file()
    exporter.running.stop()
    assert sum(problem in line for line in exporter.running.stderr) == 2


def test_api_keeps_its_contract(start_exporter: Callable[..., Exporter], token: str, tmp_path: Path) -> None:
    """Schemathesis finds no answer that the OpenAPI document does not allow, whatever it sends, in whatever order."""
    exporter = start_exporter(
        jobs="Leads/3524033000006027001", web__api_token_file=token, job_labels="team,region", max_jobs="100000"
    )
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{exporter.url}/api/v1/openapi.json"]
    options = [
        "--header=Authorization: Bearer swordfish",
        "--checks=all",
        "--max-examples=25",
        "--seed=1",
        "--no-color",
    ]
    run = subprocess.run(
        [*command, *options], capture_output=True, text=True, env=bare_environment(), cwd=tmp_path, check=False
    )
    assert run.returncode == 0, run.stdout
    assert "Tested: 6" in run.stdout
    passed = re.search(r"(\d+) generated, (\d+) passed", run.stdout)
    assert passed is not None
    assert int(passed[2]) >= 100


def test_acknowledgement_survives_being_killed(simulator: Simulator, token: str, tmp_path: Path) -> None:
    """For a job of the configuration too: what a person has said of its end is there after `kill -9`."""
    job_id = "3524033000006027001"
    simulator.set_status("Leads", job_id, "FAILED", updated=1, failed=9, total=10)
    variables = {
        **account_variables(simulator),
        "ZOHO_JOBS": f"Leads/{job_id}",
        "ZOHO_STATE__PATH": str(tmp_path / "state.db"),
        "ZOHO_WEB__API_TOKEN_FILE": token,
    }
    command = exporter_command("--web.listen-address=127.0.0.1:0", "--log.format=json")
    shown = []
    for _ in range(2):
        with started(command, unmeasured_environment(**variables), tmp_path) as running:
            url = f"http://127.0.0.1:{running.log_event('serving metrics')['port']}"
            page = requests.get(f"{url}/metrics", timeout=20).text
            shown += re.findall(r"^zoho_mass_update_job_acknowledged\{.*} (.*)", page, re.MULTILINE)
            ack = f"{url}/api/v1/jobs/acme/Leads/{job_id}/ack"
            assert requests.post(ack, headers=TOKEN, timeout=10).status_code == 204
            running.stop(signal.SIGKILL)
    assert shown == ["0.0", "1.0"]
