"""No secret is ever shown: not in logs, on pages or in errors, whatever goes wrong."""

import signal
import socketserver
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
import requests
from houses import file_house
from journey import Exporter, every
from processes import bare_environment, exporter_command
from samples import LEADS, NOW

from exporter.model import JobSource, JobSpec
from exporter.simulator import Endpoint, Fault, FaultKind, Simulator

JOB = "Leads/3524033000006027001"


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(None, id="all is well"),
        pytest.param(Fault(FaultKind.DEAD_TOKEN), id="dead token"),
        pytest.param(Fault(FaultKind.ERROR, endpoint=Endpoint.TOKEN, code="invalid_code"), id="refresh refused"),
        pytest.param(Fault(FaultKind.RESET, endpoint=Endpoint.TOKEN), id="token connection reset"),
        pytest.param(Fault(FaultKind.RESET_IN_BODY, endpoint=Endpoint.STATUS), id="connection reset"),
        pytest.param(Fault(FaultKind.HTML, endpoint=Endpoint.STATUS, status=502), id="html"),
        pytest.param(Fault(FaultKind.REDIRECT), id="redirect"),
    ],
)
def test_no_secret_is_shown(simulator: Simulator, start_exporter: Callable[..., Exporter], fault: Fault | None) -> None:
    """With the log at its most talkative, neither it nor any page holds a secret or a token."""
    simulator.set_status("Leads", "3524033000006027001", "RUNNING", updated=1, total=2)
    if fault:
        simulator.add_fault(fault)
    exporter = start_exporter(jobs=JOB, log__level="debug", **every("0s"))
    pages = [requests.get(exporter.url + path, timeout=30).text for path in ("/metrics", "/metrics", "/", "/-/healthy")]
    exporter.running.stop(signal.SIGTERM)
    shown = "\n".join([*pages, *exporter.running.stdout, *exporter.running.stderr])
    scenario = simulator.scenario
    assert "zoho_mass_update_job_info{" in pages[0]
    assert scenario.client_secret not in shown
    assert scenario.refresh_token not in shown
    assert "Zoho-oauthtoken" not in shown
    assert "access_token" not in shown


PASSWORD = "hunter2hunter2"
_ASK_FOR_IT, _LET_IN = b"R\0\0\0\x08\0\0\0\x03", b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I"


class Parrot(socketserver.StreamRequestHandler):
    """A database that repeats the password in its error: at the door, or once it has let somebody in."""

    def handle(self) -> None:
        """Ask for the password, and fail with it."""
        self.request.recv(8192)
        self.request.sendall(_ASK_FOR_IT)
        password = self.request.recv(8192)[5:-1]
        if "late" in self.server.__dict__:
            self.request.sendall(_LET_IN)
            self.request.recv(8192)
        told = b"SFATAL\0C28P01\0Mnot with " + password + b"\0\0"
        self.request.sendall(b"E" + (len(told) + 4).to_bytes(4) + told)


@pytest.fixture(params=["at the door", "late"])
def parrot(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the address of such a database."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Parrot) as server:
        server.__dict__[request.param] = True
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"postgresql://zoho@127.0.0.1:{server.server_address[1]}/zoho?sslmode=disable&gssencmode=disable&target_session_attrs=any"
        server.shutdown()


def copied_in_vain(directory: Path, *words: str, **variables: str) -> str:
    """Copy between a file and a server that repeats the password, and give what is said of it, without that."""
    ended = subprocess.run(
        exporter_command("state", "copy", *words),
        env=bare_environment(**variables),
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert "not with <secret>" in ended.stderr
    return ended.stderr


def test_password_is_not_shown_where_the_database_repeats_it(
    parrot: str, start_exporter: Callable[..., Exporter], tmp_path: Path
) -> None:
    """Neither in the log nor by `state copy`."""
    house = file_house(tmp_path / "state.db")
    house.account.track(JobSpec(LEADS, JobSource.API), NOW)
    house.close()
    (tmp_path / "password").write_text(PASSWORD)
    told = copied_in_vain(tmp_path, "state.db", parrot, "--password-file=password")
    where = {"state__path": "", "state__url": parrot, "state__password_file": str(tmp_path / "password")}
    exporter = start_exporter(jobs=JOB, **where)
    pages = [requests.get(exporter.url + path, timeout=30).text for path in ("/metrics", "/")]
    exporter.running.stop(signal.SIGTERM)
    assert "not with <secret>" in "\n".join(exporter.running.stderr)
    assert PASSWORD not in "\n".join([*pages, told, *exporter.running.stdout, *exporter.running.stderr])


def test_password_of_the_environment_is_not_shown_either(parrot: str, tmp_path: Path) -> None:
    """Where libpq finds it by itself."""
    (tmp_path / "passwords").write_text(f"*:*:*:*:{PASSWORD}\n")
    (tmp_path / "passwords").chmod(0o600)
    for variables in ({"PGPASSWORD": PASSWORD}, {"PGPASSFILE": "passwords"}):
        assert PASSWORD not in copied_in_vain(tmp_path, parrot, "state.db", **variables)
