"""Commands that are ended, or whose time is up, while an answer is still to come."""

import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from journey import account_variables
from processes import PATIENCE_SECONDS, bare_environment, eventually, exporter_command, started

from exporter.simulator import Simulator

JOB = "acme/Leads/3524033000006027001"
LINE = f"zoho-mass-update-exporter status {JOB}"
WATCHED = "No longer watched; the job itself goes on. To go on: "
DIRECTLY = "Zoho is asked directly.\n"


@dataclass
class Silence:
    """Somebody who takes each question, and answers none."""

    server: socket.socket
    taken: ExitStack = field(default_factory=ExitStack)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server.getsockname()[1]}"

    def hear(self) -> bytes:
        """Wait for a question, and give how it begins."""
        connection = self.taken.enter_context(self.server.accept()[0])
        connection.settimeout(PATIENCE_SECONDS)
        return connection.recv(65_536)


@pytest.fixture
def silence() -> Iterator[Silence]:
    """Give somebody who answers nothing for as long as the test lasts."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE_SECONDS)
        silence = Silence(server)
        with silence.taken:
            yield silence


Ask = Callable[..., tuple[list[str], dict[str, str]]]
"""Gives a command about a job, whose answer is to come from the silence, and its environment."""


@pytest.fixture(params=["exporter", "accounts server", "API"])
def silent(request: pytest.FixtureRequest) -> str:
    """Give who is silent."""
    return str(request.param)


@pytest.fixture
def ask(silent: str, simulator: Simulator, silence: Silence, tmp_path: Path) -> Ask:
    """Give what makes the command."""
    place = {"exporter": "ZOHO_EXPORTER_URL", "accounts server": "ZOHO_ACCOUNTS_URL", "API": "ZOHO_API_URL"}[silent]
    variables = {**account_variables(simulator), "ZOHO_POLL_TIMEOUT": "5m", "HOME": str(tmp_path), place: silence.url}

    def give(*words: str) -> tuple[list[str], dict[str, str]]:
        direct = () if silent == "exporter" else ("--direct",)
        return exporter_command("status", JOB, *words, *direct), bare_environment(**variables)

    return give


SPENT = {
    "exporter": "",
    "accounts server": "This took up to 1 API credit and 1 access token.\n",
    "API": "This took up to 1 API credit and 1 access token.\n",
}
"""By who is silent."""


def test_time_out_holds_while_an_answer_is_still_to_come(ask: Ask, silent: str, tmp_path: Path) -> None:
    """However long a question itself may take; the exit status is that of a time-out."""
    command, environment = ask("--watch", "--timeout=1s")
    ended = subprocess.run(
        command,
        env=environment,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    directly, flag = ("", "") if silent == "exporter" else (DIRECTLY, " --direct")
    told = f"It is not known to have ended after 1s. To go on: {LINE} --watch --timeout=1s{flag}\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (7, "", f"{directly}{told}{SPENT[silent]}")


@pytest.mark.parametrize(
    ("number", "status", "words", "told"),
    [
        pytest.param(signal.SIGINT, 130, ("--watch",), f"{WATCHED}{LINE} --watch", id="ctrl-c"),
        pytest.param(signal.SIGTERM, 143, ("--watch",), f"{WATCHED}{LINE} --watch", id="term"),
        pytest.param(signal.SIGINT, 130, (), f"Not waited for. To ask again: {LINE}", id="once"),
    ],
)
def test_signal_while_the_first_answer_is_still_to_come(
    ask: Ask,
    silent: str,
    silence: Silence,
    tmp_path: Path,
    *,
    words: tuple[str, ...],
    told: str,
    number: int,
    status: int,
) -> None:
    """What may have been spent is told, and the line that goes on."""
    with started(*ask(*words), tmp_path) as asking:
        assert silence.hear()
        assert asking.stop(number) == status
    directly, flag = ("", "") if silent == "exporter" else (DIRECTLY, " --direct")
    assert "".join(asking.stderr) == f"{directly}\n{told}{flag}\n{SPENT[silent]}"
    assert asking.stdout == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signal_between_two_looks_tells_what_was_spent(
    simulator: Simulator, tmp_path: Path, number: int, status: int
) -> None:
    """Exactly, as nothing is under way."""
    simulator.set_status("Leads", "3524033000006027001", "RUNNING", updated=30, total=50)
    environment = bare_environment(**account_variables(simulator), HOME=str(tmp_path))
    with started(exporter_command("status", JOB, "--direct", "--watch"), environment, tmp_path) as watching:
        eventually(lambda: any("30 updated" in line for line in watching.stdout), "nothing is told")
        assert watching.stop(number) == status
    told = f"{WATCHED}{LINE} --watch --direct\nThis took 1 API credit and 1 access token.\n"
    assert "".join(watching.stderr) == f"{DIRECTLY}\n{told}"
