"""The demonstration's fleet, watched by two exporters, and a real Prometheus that has scraped both for a while."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from journey import Prometheus, account_variables, free_port
from processes import bare_environment, eventually, exporter_command, started
from programs import Program
from watching import Watched

from exporter.simulator import DEMO_FLEET, DemoJob, Phase, SimulatedJob, Simulator, State, demo_scenario

SPEED = 6.0
_LIVE, _REFUSED = ("SHORTEST", "LONGEST", "SUSPENDED"), ("FAULT_SHORTEST", "FAULT_LONGEST", "REFUSAL_SHORTEST")
# An estimate looks at the last dozen polls, and at 20 s at least.
QUICK = {f"ZOHO_SCHEDULE__{name}": "2s" for name in (*_LIVE, *_REFUSED, "REFUSAL_LONGEST")} | {
    "ZOHO_DAILY_CREDIT_BUDGET": "5000"
}
STEADY = DemoJob("Tasks", "3524033000006027011", "", "", 36_000, (Phase(State.RUNNING, 3_600, updated=36_000),))
"""A job without a name that runs long enough for an estimate."""


class Clock:
    """A clock that stands until it is let go: no job may begin before both replicas are watched."""

    def __init__(self) -> None:
        self._stood_at = time.time()
        self._gone_at: float | None = None

    def __call__(self) -> float:
        """Give Unix seconds."""
        return self._stood_at + (0 if self._gone_at is None else time.time() - self._gone_at)

    def go(self) -> None:
        """Let the clock run."""
        self._gone_at = time.time()


@pytest.fixture(scope="session")
def watched(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Let two replicas watch the fleet until there is a job of every kind to see."""
    clock = Clock()
    home = tmp_path_factory.mktemp("watched")
    with ExitStack() as stack:
        demo = demo_scenario(speed=SPEED)
        steady = SimulatedJob(STEADY.module, STEADY.job_id, STEADY.total, STEADY.phases)
        simulator = stack.enter_context(Simulator(replace(demo, jobs=(*demo.jobs, steady)), clock=clock))
        replicas = [stack.enter_context(_replica(simulator, home)) for _ in range(2)]
        prometheus = stack.enter_context(_prometheus(program("prometheus"), replicas, home))
        prometheus.wait_for('sum(zoho_mass_update_job_state{module="Leads", state="SCHEDULED"})', 2)
        clock.go()
        both = 'count(zoho_mass_update_job_{}_timestamp_seconds{{module=~"{}"}})'
        prometheus.wait_for(both.format("started", "Leads|Deals"), 4)
        prometheus.wait_for(both.format("finished", "Leads|Deals"), 4)
        prometheus.wait_for(both.format("started", "Products"), 2)
        prometheus.wait_for(both.format("estimated_completion", STEADY.module), 2)
        yield Watched(prometheus, time.time())


@contextmanager
def _replica(simulator: Simulator, home: Path) -> Iterator[str]:
    """Start an exporter and give its address."""
    config = home / "zoho.yaml"
    fleet = (*DEMO_FLEET, STEADY)
    jobs = [{"module": job.module, "job_id": job.job_id, "name": job.name, "group": job.group} for job in fleet]
    config.write_text(yaml.safe_dump({"jobs": [*jobs[:-1], {key: jobs[-1][key] for key in ("module", "job_id")}]}))
    variables = account_variables(simulator) | QUICK
    command = exporter_command(f"--config.file={config}", "--web.listen-address=127.0.0.1:0", "--log.format=json")
    with started(command, bare_environment(**variables), home) as running:
        yield f"127.0.0.1:{running.log_event('serving metrics')['port']}"


@contextmanager
def _prometheus(prometheus: str, targets: list[str], home: Path) -> Iterator[Prometheus]:
    """Start a Prometheus that scrapes each target each second."""
    port = free_port()
    config = home / "prometheus.yml"
    scrape = {"job_name": "zoho", "static_configs": [{"targets": targets}]}
    config.write_text(
        yaml.safe_dump({"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [scrape]})
    )
    options = (f"--config.file={config}", f"--storage.tsdb.path={home / 'data'}")
    command = [prometheus, *options, f"--web.listen-address=127.0.0.1:{port}"]
    with started(command, bare_environment(), home):
        server = Prometheus(f"http://127.0.0.1:{port}")
        eventually(server.is_ready, "Prometheus does not become ready")
        yield server
