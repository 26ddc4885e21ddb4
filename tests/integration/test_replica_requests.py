"""Requests that reach now one exporter and now another of those that share a database, as behind a balancer."""

from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from databases import Server
from journey import Exporter
from sharing import sample, updated

from exporter.simulator import Simulator

TOKEN = "sixteen-letters-or-more"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
JOB = {"account": "acme", "module": "Leads", "job_id": "351"}


def ask(method: str, exporter: Exporter, path: str = "", json: object = None) -> int:
    """Ask for something, and give the answer's status."""
    url = f"{exporter.url}/api/v1/jobs{path}"
    return requests.request(method, url, json=json, headers=BEARER, timeout=10).status_code


def is_acknowledged(page: str) -> bool:
    """Say whether somebody has taken note of the end of the only job."""
    return sample(page, "zoho_mass_update_job_acknowledged") == 1


@pytest.fixture
def pair(
    server: Server, start_exporter: Callable[..., Exporter], simulator: Simulator, tmp_path: Path
) -> tuple[Exporter, Exporter]:
    """Give two exporters without jobs, and a job that has ended at Zoho."""
    simulator.set_status("Leads", "351", "FAILED", updated=1, total=50)
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    shared = {"state__path": "", "state__url": server.create("zoho"), "web__api_token_file": str(tmp_path / "token")}
    return start_exporter(**shared), start_exporter(**shared)


def test_request_counts_wherever_the_one_before_it_was_answered(
    pair: tuple[Exporter, Exporter], server: Server
) -> None:
    """Nobody answers by what it was told at its last scrape; and what can't be known is not promised."""
    first, second = pair
    of_job = "/acme/Leads/351"
    assert ask("POST", first, json=JOB) == 201
    assert updated(second.page()) == updated(first.page()) == {"351": 1}

    assert ask("DELETE", second, of_job) == 204
    assert ask("POST", first, json=JOB) == 201
    assert ask("POST", second, json=JOB) == 200
    assert updated(second.page()) == updated(first.page()) == {"351": 1}

    for one, method in ((first, "POST"), (second, "DELETE"), (first, "POST"), (second, "POST")):
        assert ask(method, one, f"{of_job}/ack") == 204
        assert {is_acknowledged(exporter.page()) for exporter in pair} == {method == "POST"}

    server.stop()
    assert ask("POST", first, json=JOB) == 503
    assert ask("DELETE", second, "/acme/Leads/352") == 503
