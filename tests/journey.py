"""The product as its users run it: exporter and Prometheus as processes, joined over HTTP on loopback."""

import socket
from collections.abc import Callable
from dataclasses import dataclass

import requests
from processes import Running, eventually

from exporter.settings import Settings
from exporter.simulator import Simulator

SettingsFor = Callable[..., Settings]

PROMETHEUS_CONFIG = """\
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: zoho
    static_configs: [{{targets: ["{target}"]}}]
"""

Labels = tuple[tuple[str, str], ...]


def account_variables(simulator: Simulator) -> dict[str, str]:
    """Give the environment that points the exporter at a simulator, as the account `acme`."""
    return {
        "ZOHO_ACCOUNT": "acme",
        "ZOHO_ACCOUNTS_URL": simulator.url,
        "ZOHO_API_URL": simulator.url,
        "ZOHO_CLIENT_ID": simulator.scenario.client_id,
        "ZOHO_CLIENT_SECRET": simulator.scenario.client_secret,
        "ZOHO_REFRESH_TOKEN": simulator.scenario.refresh_token,
        "ZOHO_STATE__PATH": "memory",
    }


def access_token(simulator: Simulator) -> str:
    """Ask for an access token, as a client does."""
    scenario = simulator.scenario
    form = {
        "grant_type": "refresh_token",
        "client_id": scenario.client_id,
        "client_secret": scenario.client_secret,
        "refresh_token": scenario.refresh_token,
    }
    return str(requests.post(f"{simulator.url}/oauth/v2/token", data=form, timeout=10).json()["access_token"])


def every(interval: str) -> dict[str, str]:
    """Give the settings that poll every live job at one interval, failing or not."""
    names = ("shortest", "longest", "suspended")
    attempts = ("fault_shortest", "fault_longest", "refusal_shortest", "refusal_longest")
    return {f"schedule__{name}": interval for name in (*names, *attempts)}


@dataclass(frozen=True)
class Exporter:
    """An exporter under way in a process of its own."""

    running: Running
    url: str

    def page(self) -> str:
        """Scrape it by hand."""
        return requests.get(f"{self.url}/metrics", timeout=30).text


@dataclass(frozen=True)
class Prometheus:
    """A real Prometheus under way."""

    url: str

    def is_ready(self) -> bool:
        """Whether it answers queries yet."""
        try:
            return requests.get(f"{self.url}/-/ready", timeout=5).ok
        except requests.ConnectionError:
            return False

    def query(self, expression: str) -> dict[Labels, float]:
        """Give an instant query's samples by their labels, without those of the target."""
        answer = requests.get(f"{self.url}/api/v1/query", params={"query": expression}, timeout=30).json()
        assert answer["status"] == "success", answer
        return {_own_labels(row["metric"]): float(row["value"][1]) for row in answer["data"]["result"]}

    def wait_for(self, expression: str, value: float) -> None:
        """Wait until a query gives one sample of a value."""
        eventually(lambda: list(self.query(expression).values()) == [value], f"{expression} is not {value:g}")


def free_port() -> int:
    """Give a port of the loopback interface that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _own_labels(metric: dict[str, str]) -> Labels:
    return tuple(sorted((name, value) for name, value in metric.items() if name not in {"__name__", "instance", "job"}))
