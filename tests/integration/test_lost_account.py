"""Two exporters under one scrape job, one of them killed: a real Prometheus pages with the rules of deploy/."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
import yaml
from journey import account_variables, every, free_port
from processes import Running, bare_environment, eventually, exporter_command, started
from programs import Program
from rehearsal import write_files

from exporter.simulator import Scenario, Simulator

FACTOR = 60
"""How much faster the rules' time runs: the 12 minutes in which somebody must be paged pass in 12 s."""
INTERVAL = "250ms"
JOBS = {"acme": "3524033000006027001", "beta": "3524033000006027002"}


@dataclass(frozen=True)
class Watch:
    """A Prometheus that watches the exporters of two accounts."""

    url: str
    exporters: dict[str, Running]

    def firing(self) -> set[tuple[str, str, str]]:
        """Give what fires: the alert, its severity, and the account, where it has one."""
        alerts = requests.get(f"{self.url}/api/v1/alerts", timeout=10).json()["data"]["alerts"]
        firing = (alert["labels"] for alert in alerts if alert["state"] == "firing")
        return {(one["alertname"], one["severity"], one.get("account", "")) for one in firing}

    def serves(self, account: str) -> bool:
        """Whether Prometheus' rules have seen that an account is served, and its job alive."""
        job = f'account_module_job_id:zoho_mass_update_job_live_timestamp_seconds:max{{account="{account}"}}'
        query = f"{job} and on (account) account:zoho_crm_account_served_timestamp_seconds:max"
        answer = requests.get(f"{self.url}/api/v1/query", params={"query": query}, timeout=10).json()
        return bool(answer["data"]["result"])


@pytest.fixture
def watch(program: Program, tmp_path: Path) -> Iterator[Watch]:
    """Start two exporters, one for each account, and a Prometheus whose time runs fast."""
    with ExitStack() as resources:
        simulator = resources.enter_context(Simulator(Scenario(jobs=())))
        exporters = {}
        for account, job_id in JOBS.items():
            simulator.set_status("Leads", job_id, "RUNNING", updated=1, total=50)
            settings = {"ZOHO_ACCOUNT": account, "ZOHO_JOBS": f"Leads/{job_id}", "ZOHO_SCRAPE_TIMEOUT_OFFSET": "50ms"}
            intervals = {f"ZOHO_{name.upper()}": value for name, value in every("1s").items()}
            environment = bare_environment(**account_variables(simulator) | settings | intervals)
            command = exporter_command("--web.listen-address=127.0.0.1:0", "--log.format=json")
            exporters[account] = resources.enter_context(started(command, environment, tmp_path))
        targets = [f"127.0.0.1:{running.log_event('serving metrics')['port']}" for running in exporters.values()]
        write_files(
            tmp_path,
            factor=FACTOR,
            interval=INTERVAL,
            exporter=targets[0],
            alertmanager="127.0.0.1:9",
            messages_url="http://127.0.0.1:9",
        )
        config = yaml.safe_load((tmp_path / "prometheus.yml").read_text())
        config["scrape_configs"][0]["static_configs"] = [{"targets": targets}]
        config["alerting"] = {}
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
        address = f"127.0.0.1:{free_port()}"
        options = (f"--storage.tsdb.path={tmp_path / 'data'}", f"--web.listen-address={address}")
        command = [program("prometheus"), f"--config.file={tmp_path / 'prometheus.yml'}", *options]
        resources.enter_context(started(command, bare_environment(), tmp_path))
        watch = Watch(f"http://{address}", exporters)
        eventually(lambda: _answers(watch) and all(map(watch.serves, JOBS)), "Prometheus does not see both accounts")
        yield watch


def _answers(watch: Watch) -> bool:
    try:
        return requests.get(f"{watch.url}/-/ready", timeout=5).ok
    except requests.ConnectionError:
        return False


def test_account_of_a_killed_exporter_is_paged_by_name(watch: Watch) -> None:
    """The other exporter of the scrape job lives on: the lost account and its job are paged, and nothing else."""
    watch.exporters["acme"].stop(signal.SIGKILL)
    paged = {("ZohoMassUpdateAccountLost", "critical", "acme"), ("ZohoMassUpdateJobVanished", "critical", "acme")}
    eventually(lambda: paged <= watch.firing(), "nobody is paged")
    eventually(lambda: ("ZohoMassUpdateExporterReplicaDown", "warning", "") in watch.firing(), "no replica is told")
    assert {alert for alert in watch.firing() if alert[1] == "critical"} == paged
