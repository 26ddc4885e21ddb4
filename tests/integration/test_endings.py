"""Commands that are ended, or whose time is up, while an answer is still to come."""

import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests
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
    lack = "Zoho has not answered"
    if silent == "exporter":
        lack = f"no whole answer has come ({environment['ZOHO_EXPORTER_URL']})"
    told = f"It is not known to have ended after 1s: {lack}. To go on: {LINE} --watch --timeout=1s{flag}\n"
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


@dataclass
class Beside:
    """A simulated Zoho, with somebody silent in the place of its accounts server or of its API."""

    simulator: Simulator
    silence: Silence
    home: Path

    def ended(self, place: str, *words: str, number: int = signal.SIGINT, typed_in: str = "") -> tuple[int, str, str]:
        """Type a command, and end it once it has asked there; give its exit status, and what it wrote and said."""
        variables = {**account_variables(self.simulator), place: self.silence.url, "ZOHO_JOBS": JOB.partition("/")[2]}
        asking = subprocess.Popen(
            exporter_command(*words),
            env=bare_environment(**variables, HOME=str(self.home)),
            cwd=self.home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert asking.stdin
            asking.stdin.write(typed_in)
            asking.stdin.flush()
            assert self.silence.hear()
            asking.send_signal(number)
            out, err = asking.communicate(timeout=PATIENCE_SECONDS)
        finally:
            asking.kill()
            asking.wait()
        return asking.returncode, out, err


@pytest.fixture
def beside(simulator: Simulator, silence: Silence, tmp_path: Path) -> Beside:
    """Give a Zoho that answers in part."""
    return Beside(simulator, silence, tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_while_zoho_is_looked_at_tells_what_that_took(beside: Beside, number: int) -> None:
    """In whichever form the answer was wanted."""
    told = "\nIt was ended before all was looked at. Spent: up to 1 API credit and 1 access token.\n"
    status, _, err = beside.ended("ZOHO_API_URL", "check", "--live", number=number)
    assert (status, err.endswith(told)) == (130, True)
    status, out, err = beside.ended("ZOHO_ACCOUNTS_URL", "check", "--live", "--format=json", number=number)
    assert (status, out, err.endswith(told)) == (130, "", True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_while_a_token_is_revoked_tells_that_it_may_be(beside: Beside, number: int) -> None:
    """And what shows whether it is."""
    status, out, err = beside.ended("ZOHO_ACCOUNTS_URL", "logout", "--yes", number=number)
    assert (status, out) == (1, "")
    assert err.splitlines() == [
        "",
        "It is not known to be revoked: Zoho's answer was not waited for",
        "What to do: revoke it again, which does no harm: zoho-mass-update-exporter logout --yes",
    ]


def test_signal_while_a_new_token_is_tried_tells_what_that_took(beside: Beside) -> None:
    """The token is kept, and the line that tries it is told."""
    scenario = beside.simulator.scenario
    scope = {"scope": "ZohoCRM.mass_update.leads.READ"}
    code = requests.post(f"{beside.simulator.url}/__control__/codes", json=scope, timeout=10).json()["code"]
    flags = (f"--client-id={scenario.client_id}", "--client-secret-file=-", "--grant-code-file=-", "--modules=Leads")
    status, out, err = beside.ended(
        "ZOHO_API_URL", "login", "--self-client", *flags, typed_in=f"{scenario.client_secret}\n{code}\n"
    )
    assert status == 130
    assert "Written: zoho.yaml\n" in out
    assert err.endswith(
        "\nWhether it works was not waited for. Spent: up to 1 API credit, 1 access token. To try it: "
        "zoho-mass-update-exporter check --live --config.file=zoho.yaml\n"
    )
