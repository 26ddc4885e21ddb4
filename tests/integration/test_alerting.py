"""Alerts end to end: simulated Zoho, exporter, Prometheus, Alertmanager, with the files of deploy/ in fast time."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests
import yaml
from journey import every, free_port
from processes import bare_environment, eventually, exporter_command, started
from programs import Program
from rehearsal import Message, inbox, write_files

from exporter.simulator import Scenario, Simulator

FACTOR = 240
"""How much faster the rules' time runs: ten minutes pass in 2.5 s, the 75 minutes of stale data in 19 s."""
INTERVAL = "250ms"
FAILING, SUSPENDED, UNSEEN = "3524033000006027001", "3524033000006027002", "3524033000006027003"


@dataclass(frozen=True)
class Stack:
    """Everything from Zoho to the people who are told, and what they were told."""

    simulator: Simulator
    alertmanager: str
    refresh_token_file: Path
    messages: list[Message] = field(default_factory=list)

    def wait_for_message(self, receiver: str, title: str) -> Message:
        """Wait until a receiver has a message of a title, and give it."""

        def look() -> Message | None:
            told = (message for message in tuple(self.messages) if message.receiver == receiver)
            return next((message for message in told if message.title == title), None)

        return eventually(look, f"{receiver} gets no message {title!r}; there are {self.messages}")

    def inhibited_by(self, alert: str) -> list[str]:
        """Give the alerts that keep an alert from being sent, by name; none while it is sent or does not fire."""
        alerts = requests.get(f"{self.alertmanager}/api/v2/alerts", timeout=30).json()
        names = {row["fingerprint"]: row["labels"]["alertname"] for row in alerts}
        return [
            names[source]
            for row in alerts
            if row["labels"]["alertname"] == alert
            for source in row["status"]["inhibitedBy"]
        ]


@pytest.fixture(scope="module")
def stack(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Let people be told of three jobs; the second account's refresh token has been revoked."""
    home = tmp_path_factory.mktemp("alerting")
    (home / "refresh_token").write_text("1000.revoked")
    messages: list[Message] = []
    with ExitStack() as resources:
        simulator = resources.enter_context(Simulator(Scenario(jobs=())))
        simulator.set_status("Deals", FAILING, "RUNNING", updated=20, failed=5, total=50)
        simulator.set_status("Quotes", SUSPENDED, "SUSPENDED", updated=10, total=30)
        simulator.set_status("Leads", UNSEEN, "RUNNING", updated=1, total=50)
        url = resources.enter_context(inbox(messages.append))
        exporter = start_exporter(resources, home, simulator)
        alertmanager = f"127.0.0.1:{free_port()}"
        write_files(
            home, factor=FACTOR, interval=INTERVAL, exporter=exporter, alertmanager=alertmanager, messages_url=url
        )
        for command in server_commands(program, home, alertmanager):
            resources.enter_context(started(command, bare_environment(), home))
        yield Stack(simulator, f"http://{alertmanager}", home / "refresh_token", messages)


def start_exporter(resources: ExitStack, home: Path, simulator: Simulator) -> str:
    """Start an exporter of two accounts, and give its host and port."""
    scenario = simulator.scenario
    account = {
        "client_id": scenario.client_id,
        "client_secret": scenario.client_secret,
        "accounts_url": simulator.url,
        "api_url": simulator.url,
    }
    settings = {
        "accounts": {
            "acme": {**account, "refresh_token": scenario.refresh_token},
            "beta": {**account, "refresh_token_file": str(home / "refresh_token")},
        },
        "jobs": [
            {"account": "acme", "module": "Deals", "job_id": FAILING, "name": "Close deals", "group": "quarter-end"},
            {"account": "acme", "module": "Quotes", "job_id": SUSPENDED},
            {"account": "beta", "module": "Leads", "job_id": UNSEEN},
        ],
        "state": {"path": "memory"},
        "scrape_timeout_offset": "50ms",
    }
    (home / "zoho.yaml").write_text(yaml.safe_dump(settings))
    environment = bare_environment(**{f"ZOHO_{name.upper()}": value for name, value in every("200ms").items()})
    command = exporter_command(
        f"--config.file={home / 'zoho.yaml'}", "--web.listen-address=127.0.0.1:0", "--log.format=json"
    )
    running = resources.enter_context(started(command, environment, home))
    return f"127.0.0.1:{running.log_event('serving metrics')['port']}"


def server_commands(program: Program, home: Path, alertmanager: str) -> list[list[str]]:
    """Give the command lines of Alertmanager and Prometheus."""
    return [
        [
            program("prometheus-alertmanager"),
            f"--config.file={home / 'alertmanager.yml'}",
            f"--storage.path={home / 'alertmanager'}",
            f"--web.listen-address={alertmanager}",
            "--cluster.listen-address=",
        ],
        [
            program("prometheus"),
            f"--config.file={home / 'prometheus.yml'}",
            f"--storage.tsdb.path={home / 'prometheus'}",
            f"--web.listen-address=127.0.0.1:{free_port()}",
        ],
    ]


def test_job_that_fails_half_way_is_told_with_its_counts(stack: Stack) -> None:
    """Those who own the account read which job failed, and how far it came; nobody is woken by what has ended."""
    stack.simulator.set_status("Deals", FAILING, "FAILED", updated=20, failed=30, total=50)
    message = stack.wait_for_message("acme-crm-team", "1 firing: ZohoMassUpdateJobFailed (account acme)")
    assert 'Mass update "Close deals" of Deals failed (account acme). Campaign: quarter-end.' in message.text
    assert "Records: 20 updated, 30 failed, 0 not updated, 50 total." in message.text
    assert message.text.rstrip().endswith("/docs/runbooks/ZohoMassUpdateJobFailed.md")
    assert "on-call" not in {one.receiver for one in stack.messages if "ZohoMassUpdateJobFailed" in one.title}


def test_alert_resolves_with_its_cause(stack: Stack) -> None:
    """A suspended job that goes on lets its alert resolve, and those who were told are told so."""
    fired = stack.wait_for_message("acme-crm-team", "1 firing: ZohoMassUpdateJobSuspended (account acme)")
    assert f'Mass update "{SUSPENDED}" of Quotes is suspended (account acme).' in fired.text
    stack.simulator.set_status("Quotes", SUSPENDED, "RUNNING", updated=20, total=30)
    resolved = stack.wait_for_message("acme-crm-team", "resolved: ZohoMassUpdateJobSuspended (account acme)")
    assert f'Mass update "{SUSPENDED}" of Quotes is suspended (account acme).' in resolved.text


def test_dead_token_silences_stale_data_of_its_account(stack: Stack) -> None:
    """People are told of the token alone, not of each job that is unseen because of it, and of its cure."""
    stack.wait_for_message("on-call", "1 firing: ZohoMassUpdateTokenRefused (account beta)")
    eventually(
        lambda: stack.inhibited_by("ZohoMassUpdateJobDataStale") == ["ZohoMassUpdateTokenRefused"],
        "stale data is not inhibited",
    )
    stack.refresh_token_file.write_text(stack.simulator.scenario.refresh_token)
    stack.wait_for_message("on-call", "resolved: ZohoMassUpdateTokenRefused (account beta)")
    assert not [message for message in stack.messages if "ZohoMassUpdateJobDataStale" in message.title]
