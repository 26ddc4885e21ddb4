"""What commands do that can't be undone, where nobody can be told of it."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from journey import Exporter, account_variables
from processes import PATIENCE_SECONDS, bare_environment, exporter_command

from exporter.simulator import Endpoint, Simulator

LOGIN = ("login", "--self-client", "--client-secret-file=-", "--grant-code-file=-", "--modules=Leads")
Typed = Callable[..., tuple[int, str]]


@contextmanager
def nowhere(kind: str) -> Iterator[int]:
    """Give a descriptor that takes nothing: of a full disk, or of a pipe that nobody reads."""
    reader, descriptor = os.pipe()
    os.close(reader)
    if kind == "full":
        os.close(descriptor)
        descriptor = os.open("/dev/full", os.O_WRONLY)
    yield descriptor
    os.close(descriptor)


@pytest.fixture(params=["full", "pipe"])
def lost(request: pytest.FixtureRequest) -> Iterator[int]:
    """Give where words are lost."""
    with nowhere(request.param) as descriptor:
        yield descriptor


@pytest.fixture
def type_in(simulator: Simulator, lost: int, tmp_path: Path) -> Typed:
    """Give what types a command whose answer is lost, and gives its exit status and what it said."""

    def run(*words: str, is_silent: bool = False) -> tuple[int, str]:
        scope = {"scope": "ZohoCRM.mass_update.leads.READ"}
        code = requests.post(f"{simulator.url}/__control__/codes", json=scope, timeout=10).json()["code"]
        ended = subprocess.run(
            exporter_command(*words),
            env=bare_environment(**account_variables(simulator), HOME=str(tmp_path)),
            cwd=tmp_path,
            input=f"{simulator.scenario.client_secret}\n{code}\n",
            stdout=lost,
            stderr=lost if is_silent else subprocess.PIPE,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        return ended.returncode, ended.stderr or ""

    return run


def revoked(simulator: Simulator) -> list[int]:
    """Give how each revocation ended, by HTTP's status."""
    return [call.status for call in simulator.calls if call.endpoint is Endpoint.REVOKE]


def test_logout_tells_otherwise_that_the_token_is_revoked(simulator: Simulator, type_in: Typed) -> None:
    """The exit status is that of what was done."""
    status, said = type_in("logout", "--yes")
    assert (status, revoked(simulator)) == (0, [200])
    assert said.startswith("Zoho has revoked the refresh token of acme.\nDelete ")


def test_login_tells_otherwise_what_it_has_made(simulator: Simulator, type_in: Typed, tmp_path: Path) -> None:
    """It goes on, and the token is tried."""
    status, said = type_in(*LOGIN, f"--client-id={simulator.scenario.client_id}")
    assert (status, revoked(simulator)) == (0, [])
    assert (tmp_path / "secrets" / "acme_refresh_token").exists()
    for told in ("Zoho gave a refresh token, ", "Written: zoho.yaml", "It works: ", "Next: list a job in zoho.yaml"):
        assert said.count(f"\n{told}") + said.startswith(told) == 1


@pytest.mark.parametrize("output", ["env", "json", "kubernetes"])
@pytest.mark.parametrize("is_silent", [False, True], ids=["said", "silent"])
def test_login_gives_a_token_back_that_is_lost(
    simulator: Simulator, type_in: Typed, *, output: str, is_silent: bool
) -> None:
    """Also where nobody can be told of that."""
    words = (*LOGIN, f"--client-id={simulator.scenario.client_id}", f"--output={output}")
    status, said = type_in(*words, is_silent=is_silent)
    assert (status, revoked(simulator)) == (1, [200])
    assert is_silent or said.endswith("It was revoked: log in again once that is mended.\n")


def test_each_job_is_seen_to(start_exporter: Callable[..., Exporter], type_in: Typed, tmp_path: Path) -> None:
    """What can't be told of the first one keeps the others from nothing."""
    (tmp_path / "token").write_text("swordfish")
    exporter = start_exporter(web__api_token_file=str(tmp_path / "token"))
    words = ("Leads/1", "Leads/2", f"--exporter.url={exporter.url}", "--exporter.token-file=token")

    def tracked() -> list[str]:
        headers = {"Authorization": "Bearer swordfish"}
        jobs = requests.get(f"{exporter.url}/api/v1/jobs", headers=headers, timeout=10).json()["jobs"]
        return [job["job_id"] for job in jobs]

    status, said = type_in("track", *words)
    assert (status, len(said.splitlines()), tracked()) == (0, 2, ["1", "2"])
    gone = "acme/Leads/1 is no longer tracked.\nacme/Leads/2 is no longer tracked.\n"
    assert (type_in("untrack", *words), tracked()) == ((0, gone), [])


@pytest.mark.parametrize(("kind", "status"), [("full", 1), ("pipe", 141)])
def test_words_that_standard_error_does_not_take_have_the_same_status(
    simulator: Simulator, tmp_path: Path, kind: str, status: int
) -> None:
    """Python itself has one of its own for them, which no document knows."""
    with nowhere(kind) as descriptor:
        ended = subprocess.run(
            exporter_command("plan"),
            env=bare_environment(**account_variables(simulator), HOME=str(tmp_path)),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=descriptor,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    assert ended.returncode == status


def test_init_tells_otherwise_that_the_file_is_there(type_in: Typed, tmp_path: Path) -> None:
    """It is, and a second call would refuse to write over it."""
    status, said = type_in("init")
    assert (status, (tmp_path / "zoho.yaml").exists()) == (0, True)
    assert said.startswith("zoho.yaml is written: ")


def test_status_tells_what_an_answer_took_that_is_lost(simulator: Simulator, type_in: Typed) -> None:
    """Each call costs a credit, whoever reads the answer."""
    simulator.set_status("Leads", "7", "RUNNING", updated=30, total=50)
    status, said = type_in("status", "Leads/7", "--direct")
    assert status in {1, 141}
    assert "This took 1 API credit and 1 access token.\n" in said
