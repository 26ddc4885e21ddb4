"""What the attacks share: the build that is attacked, a hostile Zoho, and the exporter as a process of its own.

Nothing here imports the exporter: the same attacks run against any build, see `--build`.
"""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from types import MappingProxyType

import pytest
from attack.attacked import Attacked, launch
from attack.peer import Peer
from processes import unmeasured_environment
from programs import Program

CLIENT_SECRET = "c11e57a9d3b84f6e9a0c2d4f6b8e1a3c5d7f"
REFRESH_TOKEN = "1000.7ef2e5b8c1d94a6f83b0a5c7e9d1f3b5"
API_TOKEN = "bearer-of-the-job-api-0123456789"
INTERVALS = ("SHORTEST", "LONGEST", "SUSPENDED", "FAULT_SHORTEST", "FAULT_LONGEST")
SCHEDULE = {"ZOHO_POLL_TIMEOUT": "2s", **{f"ZOHO_SCHEDULE__{name}": "0s" for name in INTERVALS}}
"""Live jobs are due at each scrape."""


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


@dataclass(frozen=True)
class Faults:
    """A slow or failing disk under the state file, and a resolver that never answers for *.attack.example."""

    library: Path
    control: Path
    lookups_file: Path
    state: Path

    @property
    def environment(self) -> dict[str, str | None]:
        """Give the variables that bring the faults into an exporter."""
        return {
            "LD_PRELOAD": str(self.library),
            "ATTACK_DISK_FILE": str(self.state),
            "ATTACK_DISK_CONTROL": str(self.control),
            "ATTACK_LOOKUPS": str(self.lookups_file),
        }

    @property
    def lookups(self) -> int:
        """Give how many lookups have begun that never end."""
        return len(self.lookups_file.read_text())

    def set(self, *, delay: float = 0, write: int = 0, chmod: int = 0) -> None:
        """Say how many seconds a write to the state file takes, and with which errno writes and chmod fail."""
        text = f"{delay} {write} {chmod}"
        fresh = self.control.with_suffix(".fresh")
        fresh.write_text(text)
        fresh.rename(self.control)


@pytest.fixture(scope="session")
def faults_library(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the compiled faults.c."""
    library = tmp_path_factory.mktemp("faults") / "faults.so"
    source = Path(__file__).with_name("faults.c")
    words = "-shared -fPIC -O1 -D_FILE_OFFSET_BITS=32 -Wno-nonnull-compare -ldl"
    subprocess.run([program("gcc"), "-o", library, source, *words.split()], check=True)
    return library


@pytest.fixture
def faults(faults_library: Path, tmp_path: Path) -> Faults:
    """Give faults that are off; those of the disk are about the usual state file."""
    control, lookups = tmp_path / "control", tmp_path / "lookups"
    control.write_text("0 0 0")
    lookups.touch()
    return Faults(faults_library, control, lookups, tmp_path / "state" / "state.db")


@pytest.fixture
def start(build: list[str], peer: Peer, tmp_path: Path) -> Iterator[Callable[..., Attacked]]:
    """Give a function that starts the exporter on a loopback port and waits until it serves.

    It takes further arguments, and `environment`: variables over those that point it at the peer (None takes one
    away). `accounts` are aliases of accounts of their own, each with these `jobs` (module and id) and the
    settings of `each`. `state` is the state file, by default one for the whole test, so that a second start is a
    restart. `at` is another peer than the test's own. With a `port` it is not waited for. What was started is killed
    by its pid when the test is over.
    """
    token_file = tmp_path / "api-token"
    token_file.write_text(API_TOKEN)
    with ExitStack() as stack:

        def starter(
            *arguments: str,
            environment: dict[str, str | None] | None = None,
            state: Path | None = None,
            at: Peer = peer,
            accounts: Iterable[str] = (),
            jobs: Iterable[tuple[str, object]] = (),
            each: Mapping[str, object] = MappingProxyType({}),
            port: int = 0,
        ) -> Attacked:
            state = state or tmp_path / "state" / "state.db"
            state.parent.mkdir(parents=True, exist_ok=True)
            variables: dict[str, str | None] = {**SCHEDULE, "ZOHO_STATE__PATH": str(state)}
            variables |= {} if accounts else kind_account(at)
            if accounts:
                config = tmp_path / "accounts.yaml"
                config.write_text(json.dumps(kind_accounts(at, accounts, jobs, each)))
                arguments = (f"--config.file={config}", *arguments)
            variables |= {"ZOHO_WEB__API_TOKEN_FILE": str(token_file), **(environment or {})}
            variables["PYTHONPATH"] = os.environ.get("PYTHONPATH")
            environ = unmeasured_environment(**{name: value for name, value in variables.items() if value is not None})
            return stack.enter_context(launch([*build, *arguments], environ, tmp_path, state, port))

        yield starter


def kind_account(peer: Peer) -> dict[str, str]:
    """Give the variables of an account at the peer."""
    names = {"accounts_url", "api_url", "client_id", "client_secret", "refresh_token", "daily_credit_budget"}
    settings = account(peer, "acme")
    return {"ZOHO_ACCOUNT": "acme", **{f"ZOHO_{name.upper()}": settings[name] for name in names}}


def kind_accounts(
    peer: Peer, aliases: Iterable[str], jobs: Iterable[tuple[str, object]], each: Mapping[str, object]
) -> dict[str, object]:
    """Give the settings of several accounts at the peer that have the same jobs."""
    watched = [
        {"account": alias, "module": module, "job_id": str(job_id)}
        for alias, (module, job_id) in product(aliases, jobs)
    ]
    return {"accounts": {alias: {**account(peer, alias), **each} for alias in aliases}, "jobs": watched}


def account(peer: Peer, alias: str) -> dict[str, str]:
    """Give the settings of an account at the peer."""
    return {
        "accounts_url": peer.url,
        "api_url": peer.url,
        "client_id": f"1000.{alias}",
        "client_secret": CLIENT_SECRET,
        "refresh_token": REFRESH_TOKEN,
        "daily_credit_budget": "unlimited",
    }
