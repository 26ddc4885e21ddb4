"""What the attacks share: the build that is attacked, a hostile Zoho, and the exporter as a process of its own.

Nothing here imports the exporter: the same attacks run against any build, see `--build`.
"""

import os
import shlex
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from attack.attacked import Attacked, launch
from attack.peer import Peer
from processes import bare_environment

CLIENT_SECRET = "client-secret-0123456789abcdef"
REFRESH_TOKEN = "1000.refresh-token-0123456789abcdef"
API_TOKEN = "bearer-of-the-job-api-0123456789"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a person attack another build than that of this environment."""
    parser.addoption("--build", help="the zoho-mass-update-exporter to attack (or the variable ATTACK_BUILD)")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count what held and what did not, by the row that a test is named after."""
    rows: dict[str, list[int]] = {}
    for outcome, place in (("passed", 0), ("failed", 1), ("error", 1)):
        for report in terminalreporter.stats.get(outcome, []):
            if "attack/" in report.nodeid and getattr(report, "when", "call") in {"call", "setup"}:
                row = report.nodeid.partition("::test_")[2].partition("_")[0].upper()
                rows.setdefault(row, [0, 0])[place] += 1
    if rows:
        terminalreporter.section("rows")
        for row, (green, red) in sorted(rows.items()):
            terminalreporter.line(f"{row:4} {'red  ' if red else 'green'} {green} held, {red} did not")


@pytest.fixture(scope="session")
def build(request: pytest.FixtureRequest) -> list[str]:
    """Give the command that starts the build under attack; by default that of this interpreter."""
    path = request.config.getoption("--build", default=None) or os.environ.get("ATTACK_BUILD")
    return shlex.split(path) if path else [sys.executable, "-m", "exporter"]


@pytest.fixture
def peer() -> Iterator[Peer]:
    """Give a hostile Zoho, which is kind until a test gives it another script."""
    with Peer() as zoho:
        yield zoho


@pytest.fixture
def start(build: list[str], peer: Peer, tmp_path: Path) -> Iterator[Callable[..., Attacked]]:
    """Give a function that starts the exporter on a free loopback port and waits until it serves.

    It takes further arguments, and `environment`: variables over those that point it at the peer (None takes one
    away). `state` is the state file, by default one for the whole test, so that a second start is a restart. What was
    started is killed by its pid when the test is over.
    """
    token_file = tmp_path / "api-token"
    token_file.write_text(API_TOKEN)
    with ExitStack() as stack:

        def starter(
            *arguments: str, environment: dict[str, str | None] | None = None, state: Path | None = None
        ) -> Attacked:
            state = state or tmp_path / "state" / "state.db"
            state.parent.mkdir(exist_ok=True)
            variables = {**kind_account(peer), "ZOHO_STATE__PATH": str(state)}
            variables |= {"ZOHO_WEB__API_TOKEN_FILE": str(token_file), **(environment or {})}
            variables |= {"PYTHONPATH": os.environ.get("PYTHONPATH")}
            environ = bare_environment(**{name: value for name, value in variables.items() if value is not None})
            command = [*build, f"--web.listen-address=127.0.0.1:{free_port()}", "--log.format=json", *arguments]
            return stack.enter_context(launch(command, environ, tmp_path, state))

        yield starter


def kind_account(peer: Peer) -> dict[str, str | None]:
    """Give the variables of an account at the peer, whose live jobs are due at each scrape."""
    names = ("SHORTEST", "LONGEST", "SUSPENDED", "FAULT_SHORTEST", "FAULT_LONGEST")
    return {
        "ZOHO_ACCOUNT": "acme",
        "ZOHO_ACCOUNTS_URL": peer.url,
        "ZOHO_API_URL": peer.url,
        "ZOHO_CLIENT_ID": "1000.ATTACK",
        "ZOHO_CLIENT_SECRET": CLIENT_SECRET,
        "ZOHO_REFRESH_TOKEN": REFRESH_TOKEN,
        "ZOHO_DAILY_CREDIT_BUDGET": "unlimited",
        "ZOHO_POLL_TIMEOUT": "2s",
        **{f"ZOHO_SCHEDULE__{name}": "0s" for name in names},
    }


def free_port() -> int:
    """Give a loopback port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
