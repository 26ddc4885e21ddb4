"""A job watched while Prometheus was down: its history is loaded into a real Prometheus, and graphed."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import requests
from journey import Exporter, Prometheus, every, free_port
from processes import bare_environment, eventually, exporter_command, started
from programs import Program

from exporter.simulator import Simulator

LEADS = "3524033000006027001"
STATES = [
    ("SCHEDULED", {"updated": 0, "failed": 0, "total": 50}),
    ("RUNNING", {"updated": 30, "failed": 1, "total": 50}),
    ("COMPLETED", {"updated": 48, "failed": 2, "total": 50}),
]


def history_of(simulator: Simulator, exporter: Exporter, token: Path) -> bytes:
    """Let a job live while nobody but the exporter sees it, and give what it has seen."""
    for state, counts in STATES:
        simulator.set_status("Leads", LEADS, state, **counts)
        is_seen = f'job_state{{account="acme",job_id="{LEADS}",module="Leads",state="{state}"}} 1.0'
        eventually(lambda is_seen=is_seen: is_seen in exporter.page(), f"{state} is not seen")  # type: ignore[misc]
    return subprocess.run(
        exporter_command("history", f"Leads/{LEADS}", "--format=openmetrics"),
        env=bare_environment(ZOHO_EXPORTER_URL=exporter.url, ZOHO_EXPORTER_TOKEN_FILE=str(token)),
        capture_output=True,
        check=True,
    ).stdout


def samples(prometheus: Prometheus, expression: str) -> list[float]:
    """Give all that was recorded of one series in the last quarter of an hour, in the order of time."""
    query = {"query": f"{expression}[15m]", "time": str(time.time() + 1)}
    [series] = requests.get(f"{prometheus.url}/api/v1/query", params=query, timeout=30).json()["data"]["result"]
    return [float(value) for _, value in series["values"]]


def test_history_fills_up_a_prometheus_that_was_away(
    simulator: Simulator, start_exporter: Callable[..., Exporter], program: Program, tmp_path: Path
) -> None:
    """Promtool makes blocks of it, and each series of the job has each value that a poll saw."""
    token = tmp_path / "token"
    token.write_text("swordfish")
    exporter = start_exporter(jobs=f"Leads/{LEADS}", web__api_token_file=str(token), **every("100ms"))
    file, data, port = tmp_path / "history.om", tmp_path / "data", free_port()
    file.write_bytes(history_of(simulator, exporter, token))
    load = [program("promtool"), "tsdb", "create-blocks-from", "openmetrics", str(file), str(data)]
    subprocess.run(load, check=True, capture_output=True)
    (tmp_path / "prometheus.yml").write_text("scrape_configs: []\n")
    command = [
        program("prometheus"),
        f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={data}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with started(command, bare_environment(), tmp_path):
        prometheus = Prometheus(f"http://127.0.0.1:{port}")
        eventually(prometheus.is_ready, "Prometheus does not become ready")
        series = f'account="acme",module="Leads",job_id="{LEADS}"'
        name = "zoho_mass_update_job"
        assert samples(prometheus, f"{name}_updated_records{{{series}}}") == [0, 30, 48]
        assert samples(prometheus, f"{name}_failed_records{{{series}}}") == [0, 1, 2]
        assert samples(prometheus, f"{name}_not_updated_records{{{series}}}") == [50, 19, 0]
        assert samples(prometheus, f"{name}_total_records{{{series}}}") == [50, 50, 50]
        assert samples(prometheus, f'{name}_state{{{series},state="RUNNING"}}') == [0, 1, 0]
        assert samples(prometheus, f'{name}_info{{{series},source="environment"}}') == [1, 1, 1]
