"""Every recipe of docs/http.md, as written, against a running exporter."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
import yaml
from journey import Exporter
from processes import bare_environment
from programs import Program

PAGE = (Path(__file__).parents[2] / "docs" / "http.md").read_text(encoding="utf-8")
SCHEDULED = {"data": [{"code": "SUCCESS", "details": {"job_id": "3524033000006027001"}, "status": "success"}]}
"""What Zoho answers when a mass update is scheduled."""


def recipe(language: str) -> str:
    """Give the one block of a language that registers a job."""
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    [block] = [block for block in blocks if "/api/v1/jobs" in block]
    return str(block)


@pytest.fixture
def exporter(start_exporter: Callable[..., Exporter], tmp_path: Path) -> Exporter:
    """Give an exporter whose API is on."""
    (tmp_path / "token").write_text("swordfish\n")
    return start_exporter(web__api_token_file=str(tmp_path / "token"))


def address(exporter: Exporter) -> str:
    """Give the exporter's host and port."""
    return exporter.url.removeprefix("http://")


def registered(exporter: Exporter) -> list[tuple[str, str, str]]:
    """Give the jobs that came by the API."""
    answer = requests.get(f"{exporter.url}/api/v1/jobs", headers={"Authorization": "Bearer swordfish"}, timeout=10)
    return [(job["module"], job["job_id"], job["source"]) for job in answer.json()["jobs"]]


def test_curl(exporter: Exporter, program: Program, tmp_path: Path) -> None:
    """Two lines of shell register a job."""
    assert len(recipe("sh").splitlines()) == 2
    command = recipe("sh").replace("localhost:10042", address(exporter))
    environment = bare_environment(TOKEN="swordfish")
    program("curl")
    subprocess.run([program("bash"), "-ec", command], env=environment, cwd=tmp_path, check=True, capture_output=True)
    assert registered(exporter) == [("Leads", "3524033000006027001", "api")]


def test_python(exporter: Exporter, tmp_path: Path) -> None:
    """Two lines of Python register what Zoho has just answered."""
    assert len(recipe("python").splitlines()) == 2
    headers = re.search(r"`(headers = .*?)`", PAGE)
    assert headers is not None
    before = f"import requests\nanswer = {SCHEDULED!r}\ntoken = 'swordfish'\nexporter = {exporter.url!r}\n"
    script = f"{before}{headers[1]}\n{recipe('python')}"
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True)
    assert registered(exporter) == [("Leads", "3524033000006027001", "api")]


def test_deluge(exporter: Exporter) -> None:
    """What the two lines of Deluge send registers a job; Deluge runs at Zoho only, so its request is sent from here."""
    assert len(recipe("text").splitlines()) == 2
    body = re.search(r"job = (\{.*\});", recipe("text"))
    call = re.search(
        r'url: "(?P<url>[^"]+)" type: POST body: job.toString\(\) headers: (?P<headers>\{.*\}) ]', recipe("text")
    )
    assert body is not None
    assert call is not None
    looked_up = 'answer.get("data").get(0).get("details").get("job_id")'
    assert looked_up in body[1]
    sent = body[1].replace(looked_up, json.dumps(SCHEDULED["data"][0]["details"]["job_id"]))  # type: ignore[index]
    headers = json.loads(call["headers"].replace('" + token', 'swordfish"'))
    url = call["url"].replace("localhost:10042", address(exporter))
    assert requests.post(url, data=sent, headers=headers, timeout=10).status_code == 201
    assert registered(exporter) == [("Leads", "3524033000006027001", "api")]


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
