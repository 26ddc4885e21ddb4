"""Every recipe of docs/http.md, as written, against a running exporter."""

import json
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
import yaml
from journey import Exporter, access_token
from processes import bare_environment
from programs import Program

from exporter.simulator import Simulator

PAGE = (Path(__file__).parents[2] / "docs" / "http.md").read_text(encoding="utf-8")
SCHEDULED = {"data": [{"code": "SUCCESS", "details": {"job_id": "3524033000006027001"}, "status": "success"}]}
"""What Zoho answers when a mass update is scheduled."""


def recipe(language: str, about: str = "/api/v1/jobs") -> str:
    """Give the one block of a language that is about something; by default the one that registers a job."""
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    [block] = [block for block in blocks if about in block]
    return str(block)


Run = Callable[..., str]


@pytest.fixture
def run(program: Program, tmp_path: Path) -> Run:
    """Give a function that runs a recipe's shell commands in the tests' directory, and gives what they print."""
    for name in ("curl", "bash"):
        program(name)

    def run(command: str, **variables: str) -> str:
        environment = bare_environment(**variables)
        shell = [program("bash"), "-ec", command]
        return subprocess.run(shell, env=environment, cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    return run


@pytest.fixture
def token(run: Run, tmp_path: Path) -> str:
    """Make a token as the page says, in a file that nobody else may read."""
    (tmp_path / "secrets").mkdir()
    run(recipe("sh", "token_urlsafe"))
    file = tmp_path / "secrets" / "zoho_api_token"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    return file.read_text().strip()


@pytest.fixture
def exporter(start_exporter: Callable[..., Exporter], token: str) -> Exporter:
    """Give an exporter whose API is on, with an account of the name that the page uses."""
    assert len(token) > 30
    [setting] = yaml.safe_load(recipe("yaml", "api_token_file")).values()
    return start_exporter(account="zoho", web__api_token_file=setting["api_token_file"])


def address(exporter: Exporter) -> str:
    """Give the exporter's host and port."""
    return exporter.url.removeprefix("http://")


def registered(exporter: Exporter, token: str) -> list[tuple[str, str, str]]:
    """Give the jobs that came by the API."""
    answer = requests.get(f"{exporter.url}/api/v1/jobs", headers={"Authorization": f"Bearer {token}"}, timeout=10)
    return [(job["module"], job["job_id"], job["source"]) for job in answer.json()["jobs"]]


def test_scheduled_update_has_an_id(simulator: Simulator, run: Run) -> None:
    """The call of the page is one that Zoho takes, and what it answers has the shape that the page shows."""
    command = recipe("sh", "actions/mass_update").replace("https://www.zohoapis.eu", simulator.url)
    answer = json.loads(run(command, ZOHO_ACCESS_TOKEN=access_token(simulator)))
    job_id = answer["data"][0]["details"].pop("job_id")
    shown = json.loads(recipe("json", "job_id"))
    assert shown["data"][0]["details"].pop("job_id") == SCHEDULED["data"][0]["details"]["job_id"]  # type: ignore[index]
    assert answer == shown
    assert re.fullmatch("[0-9]+", job_id)


def test_curl(exporter: Exporter, token: str, run: Run) -> None:
    """Three lines of shell register a job."""
    assert len(recipe("sh").splitlines()) == 3
    run(recipe("sh").replace("localhost:10042", address(exporter)))
    assert registered(exporter, token) == [("Leads", "3524033000006027001", "api")]


def test_python(exporter: Exporter, token: str, tmp_path: Path) -> None:
    """Two lines of Python register what Zoho has just answered, and a few more list every job."""
    register, enlist = recipe("python", "requests.post"), recipe("python", '"cursor"')
    assert len(register.splitlines()) == 2
    headers = re.search(r"`(headers = .*?)`", PAGE)
    assert headers is not None
    before = f"import requests\nanswer = {SCHEDULED!r}\ntoken = {token!r}\nexporter = {exporter.url!r}\n"
    script = f"{before}{headers[1]}\n{register}\n{enlist.replace('1000', '1')}\nprint(jobs[0]['job_id'])"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert done.stdout == "3524033000006027001\n"
    assert registered(exporter, token) == [("Leads", "3524033000006027001", "api")]


def test_deluge(exporter: Exporter, simulator: Simulator, token: str) -> None:
    """What the lines of Deluge send schedules and registers a job; they run at Zoho only, so we send it from here."""
    lines = recipe("text")
    assert 'token = zoho.crm.getOrgVariable("exporter_token");' in lines
    schedule, register = re.findall(r'invokeurl \[ url: "https://([^/"]+)(/[^"]+)" type: POST body: (\w+)', lines)
    assert (schedule[0], register[0]) == ("www.zohoapis.eu", "exporter.example.com")
    values = re.search(rf"^{schedule[2]} = (\{{.*\}});$", lines, re.MULTILINE)
    job = re.search(rf"^{register[2]} = (\{{.*\}});$", lines, re.MULTILINE)
    headers = re.search(r"headers: (\{.*\}) \];", lines)
    assert values is not None
    assert job is not None
    assert headers is not None
    # Deluge writes a list in braces.
    body = values[1].replace("{{", "[{").replace("}}", "}]", 1)
    authorization = {"Authorization": f"Zoho-oauthtoken {access_token(simulator)}"}
    answer = requests.post(simulator.url + schedule[1], data=body, headers=authorization, timeout=10).json()
    looked_up = 'answer.get("data").get(0).get("details").get("job_id")'
    assert looked_up in job[1]
    job_id = answer["data"][0]["details"]["job_id"]
    sent = json.loads(headers[1].replace('" + token', f'{token}"'))
    body = job[1].replace(looked_up, json.dumps(job_id))
    assert requests.post(exporter.url + register[1], data=body, headers=sent, timeout=10).status_code == 201
    assert registered(exporter, token) == [("Leads", job_id, "api")]


def test_nothing_secret_stands_on_a_command_line() -> None:
    """Everybody on a machine can read the arguments of its processes: tokens come by files and pipes."""
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL):
        assert not re.search(r"(-H|--header|-d|-u)\s*[\"'][^\"']*\$", block)


def test_prometheus_accepts_every_scrape_configuration(program: Program, tmp_path: Path) -> None:
    """The real promtool has no remark on any of them."""
    blocks = [block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "scrape_configs" in block]
    assert len(blocks) == 2
    for block in blocks:
        file = tmp_path / "prometheus.yml"
        file.write_text(block)
        subprocess.run([program("promtool"), "check", "config", file], check=True, capture_output=True)


def test_second_scrape_has_no_job_twice(exporter: Exporter) -> None:
    """The parameters of the second scrape give the sums and no single job."""
    [block] = [block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "params" in block]
    [config] = yaml.safe_load(block)["scrape_configs"]
    page = requests.get(exporter.url + config["metrics_path"], params=config["params"], timeout=10).text
    assert "zoho_crm_api_credit_budget{" in page
    assert "zoho_mass_update_exporter_build_info{" in page
    assert "zoho_mass_update_job_state" not in page
