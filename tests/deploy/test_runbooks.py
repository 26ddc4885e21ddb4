"""The commands of the runbooks, typed into a real Alertmanager."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from journey import free_port
from processes import bare_environment, eventually, started
from programs import Program
from rule_files import RUNBOOKS, alerts, labels_of_cases

ALERTMANAGER = "http://alertmanager:9093"
"""How the pages call it."""


@pytest.fixture(scope="module")
def alertmanager(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start an Alertmanager and give its URL."""
    home, address = tmp_path_factory.mktemp("alertmanager"), f"127.0.0.1:{free_port()}"
    (home / "alertmanager.yml").write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    options = (f"--storage.path={home}", f"--web.listen-address={address}", "--cluster.listen-address=")
    command = [program("prometheus-alertmanager"), f"--config.file={home / 'alertmanager.yml'}", *options]
    with started(command, bare_environment(), home):
        eventually(lambda: _is_ready(f"http://{address}"), "Alertmanager does not become ready")
        yield f"http://{address}"


def _is_ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/-/ready", timeout=5).ok
    except requests.ConnectionError:
        return False


def amtool(program: Program, page: Path, alertmanager: str) -> str:
    """Type the first command of a page's last part, and give what it prints."""
    [block] = re.findall(r"^```sh\n(amtool .*?)^```", page.read_text().rpartition("\n## ")[2], re.MULTILINE | re.DOTALL)
    typed = shlex.split(block.replace("\\\n", " ").replace(ALERTMANAGER, alertmanager))
    ran = subprocess.run([program("amtool"), *typed[1:]], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout.strip()


@pytest.mark.parametrize("name", [alert.name for alert in alerts()])
def test_runbook_silences_one_cause_of_its_alert(program: Program, alertmanager: str, name: str) -> None:
    """Its command makes a silence of this alert by labels that it has, with a reason; amtool always sets an end."""
    silence_id = amtool(program, RUNBOOKS / f"{name}.md", alertmanager)
    silence: dict[str, Any] = requests.get(f"{alertmanager}/api/v2/silence/{silence_id}", timeout=30).json()
    matchers = {matcher["name"]: matcher["value"] for matcher in silence["matchers"]}
    assert re.fullmatch(matchers.pop("alertname"), name)
    assert matchers
    assert set(matchers) <= labels_of_cases(name)
    assert silence["comment"]
