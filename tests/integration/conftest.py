"""A simulated Zoho, the exporter and a real Prometheus."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from databases import Server, serving
from journey import PROMETHEUS_CONFIG, Exporter, Prometheus, SettingsFor, account_variables, free_port
from processes import bare_environment, eventually, exporter_command, started
from programs import Program

from exporter.settings import Settings, load_settings
from exporter.simulator import Scenario, Simulator


@pytest.fixture
def server() -> Iterator[Server]:
    """Give a database server."""
    with serving() as server:
        yield server


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Give a Zoho without jobs."""
    with Simulator(Scenario(jobs=())) as simulator:
        yield simulator


@pytest.fixture
def settings_for() -> SettingsFor:
    """Give a function that makes settings for a simulator, from variables without their prefix."""

    def make(simulator: Simulator, **variables: str) -> Settings:
        environ = {**account_variables(simulator), **prefixed(variables)}
        return load_settings(None, environ=environ, dotenv_file=None, secrets_dir=Path("no secrets directory"))

    return make


@pytest.fixture
def start_exporter(simulator: Simulator, tmp_path: Path) -> Iterator[Callable[..., Exporter]]:
    """Give a function that starts the exporter against the simulator, and stop what it started."""
    with ExitStack() as stack:

        def start(**variables: str) -> Exporter:
            environment = bare_environment(**{**account_variables(simulator), **prefixed(variables)})
            command = exporter_command("--web.listen-address=127.0.0.1:0", "--log.format=json")
            running = stack.enter_context(started(command, environment, tmp_path))
            return Exporter(running, f"http://127.0.0.1:{running.log_event('serving metrics')['port']}")

        yield start


@pytest.fixture
def start_prometheus(program: Program, tmp_path: Path) -> Iterator[Callable[..., Prometheus]]:
    """Give a function that starts a Prometheus on a configuration, and stop what it started.

    Unless another one is given it scrapes the exporter each second.
    """
    with ExitStack() as stack:

        def start(exporter: Exporter, configuration: str = PROMETHEUS_CONFIG) -> Prometheus:
            port = free_port()
            home = tmp_path / f"prometheus-{port}"
            home.mkdir()
            config = home / "prometheus.yml"
            config.write_text(configuration.format(target=exporter.url.removeprefix("http://")))
            command = [
                program("prometheus"),
                f"--config.file={config}",
                f"--storage.tsdb.path={home / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ]
            stack.enter_context(started(command, bare_environment(), home))
            prometheus = Prometheus(f"http://127.0.0.1:{port}")
            eventually(prometheus.is_ready, "Prometheus does not become ready")
            return prometheus

        yield start


def prefixed(variables: dict[str, str]) -> dict[str, str]:
    """Give the variables as the exporter reads them: `max_jobs` is `ZOHO_MAX_JOBS`."""
    return {f"ZOHO_{name.upper()}": value for name, value in variables.items()}
