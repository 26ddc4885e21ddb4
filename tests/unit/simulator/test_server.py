"""The simulator as a whole: its life, and the faults that need a real socket."""

import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from exporter.simulator import Fault, FaultKind, Scenario, SimulatedJob, Simulator, Stage

if TYPE_CHECKING:
    from unit.simulator.conftest import Client

STALLS = [FaultKind.TIMEOUT, FaultKind.STALLED_HEADERS, FaultKind.STALLED_BODY]


@pytest.fixture
def raw(client: "Client") -> Iterator[socket.socket]:
    """Give a bare connection to the simulator."""
    host, port = client.simulator.url.removeprefix("http://").split(":")
    with closing(socket.create_connection((host, int(port)), timeout=10)) as connection:
        yield connection


def read_all(connection: socket.socket) -> bytes:
    """Read until the other side ends the connection."""
    parts = []
    while part := connection.recv(65_536):
        parts.append(part)
    return b"".join(parts)


def ask(client: "Client") -> bytes:
    """Write a status request as bytes."""
    return (
        "GET /crm/v8/Leads/actions/mass_update?job_id=3524033000006027001 HTTP/1.1\r\n"
        f"Host: zoho.test\r\nAuthorization: Zoho-oauthtoken {client.token}\r\n\r\n"
    ).encode()


def last(request: bytes) -> bytes:
    """Make a request the last one of its connection."""
    return request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


@pytest.mark.parametrize("kind", STALLS)
def test_a_stall_is_silent_until_the_client_gives_up(client: "Client", kind: FaultKind) -> None:
    """A client with a time-out gets nothing, and the place of its call is free afterwards."""
    client.simulator.add_fault(Fault(kind, times=1))
    with pytest.raises(requests.RequestException, match="timed out"):
        client.status(timeout=0.05)
    assert client.status().status_code == 200


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        (FaultKind.TIMEOUT, b""),
        (FaultKind.STALLED_HEADERS, b"HTTP/1.1 200 OK\r\n"),
        (FaultKind.STALLED_BODY, b'{"data":[{"Status":"SCHEDULED","Failed_Count":0,"Update'),
    ],
    ids=STALLS,
)
def test_a_finite_stall_ends_the_connection(client: "Client", raw: socket.socket, kind: FaultKind, sent: bytes) -> None:
    """What was sent before it is all there is."""
    client.simulator.add_fault(Fault(kind, seconds=0.01))
    raw.sendall(ask(client))
    assert read_all(raw).endswith(sent)


def test_clearing_the_faults_releases_the_stalled(client: "Client", raw: socket.socket) -> None:
    """The connection ends without another byte."""
    client.simulator.add_fault(Fault(FaultKind.STALLED_HEADERS))
    raw.sendall(ask(client))
    assert raw.recv(65_536) == b"HTTP/1.1 200 OK\r\n"
    client.call("/__control__/faults", method="DELETE")
    assert read_all(raw) == b""


def test_stopping_releases_the_stalled(client: "Client", raw: socket.socket) -> None:
    """Without waiting for their end."""
    client.simulator.add_fault(Fault(FaultKind.STALLED_HEADERS))
    raw.sendall(ask(client))
    assert raw.recv(65_536) == b"HTTP/1.1 200 OK\r\n"
    client.simulator.stop()
    assert read_all(raw) == b""


def test_a_client_that_leaves_a_stall_frees_its_place(client: "Client", raw: socket.socket) -> None:
    """The server notices without writing a byte."""
    client.simulator.add_fault(Fault(FaultKind.STALLED_HEADERS, times=1))
    raw.sendall(ask(client))
    raw.recv(65_536)
    raw.close()
    while client.simulator.stats().in_flight:
        client.call("/__control__/stats")
    assert client.status().status_code == 200


@pytest.mark.parametrize("kind", [FaultKind.RESET, FaultKind.RESET_IN_BODY])
def test_a_reset_breaks_the_connection(client: "Client", raw: socket.socket, kind: FaultKind) -> None:
    """With RST and not with FIN; the next call works."""
    client.simulator.add_fault(Fault(kind, times=1))
    raw.sendall(ask(client))
    with pytest.raises(ConnectionResetError):
        read_all(raw)
    assert client.status().status_code == 200


@pytest.mark.parametrize(
    "fault",
    [Fault(FaultKind.LATENCY, seconds=0.01), Fault(FaultKind.TRICKLE, seconds=0.0001)],
    ids=["latency", "trickle"],
)
def test_a_slow_answer_is_whole(client: "Client", fault: Fault) -> None:
    """It only takes its time."""
    client.simulator.add_fault(fault)
    assert client.status().json()["data"][0]["Status"] == "SCHEDULED"


@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.CHUNKED),
        Fault(FaultKind.LATE_BODY, seconds=0.01),
        *(Fault(FaultKind.TRICKLE, seconds=0, stage=stage) for stage in Stage if stage is not Stage.INTERIM),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.stage}",
)
def test_an_odd_answer_gets_there(client: "Client", fault: Fault) -> None:
    """It is a proper answer, for a client with patience."""
    client.simulator.add_fault(fault)
    assert client.status().json()["data"][0]["Status"] == "SCHEDULED"


@pytest.mark.parametrize(
    ("fault", "interim"),
    [
        (Fault(FaultKind.INTERIM), b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        (Fault(FaultKind.INTERIM, status=102), b"HTTP/1.1 102 Processing\r\n\r\n"),
        (Fault(FaultKind.TRICKLE, seconds=0, stage=Stage.INTERIM), b"HTTP/1.1 102 Processing\r\n\r\n" * 50),
    ],
    ids=["103", "102", "many"],
)
def test_interim_answers_come_before_the_true_one(
    client: "Client", raw: socket.socket, fault: Fault, interim: bytes
) -> None:
    """Read raw: Python's own client takes the first of them for the answer."""
    client.simulator.add_fault(fault)
    raw.sendall(last(ask(client)))
    assert read_all(raw).startswith(interim + b"HTTP/1.1 200 OK\r\n")


def test_an_answer_may_come_twice(client: "Client", raw: socket.socket) -> None:
    """The second one is there before the next question."""
    client.simulator.add_fault(Fault(FaultKind.TWICE))
    raw.sendall(last(ask(client)))
    assert read_all(raw).count(b"HTTP/1.1 200 OK") == 2


def test_a_kept_connection_may_end_with_the_next_request(client: "Client", raw: socket.socket) -> None:
    """Without a byte of an answer; the request is not carried out."""
    client.simulator.add_fault(Fault(FaultKind.CLOSE_ON_REUSE, times=1))
    raw.sendall(ask(client))
    assert raw.recv(65_536).startswith(b"HTTP/1.1 200 OK")
    raw.sendall(ask(client))
    assert raw.recv(65_536) == b""
    assert client.simulator.stats().status_calls == {"Leads/3524033000006027001": 1}


def test_a_silent_connection_may_end(client: "Client", raw: socket.socket) -> None:
    """After its time; one that goes on asking in time stays."""
    client.simulator.add_fault(Fault(FaultKind.IDLE_CLOSE, seconds=0.01))
    raw.sendall(ask(client))
    assert read_all(raw).count(b"HTTP/1.1 200 OK") == 1


def test_a_connection_that_is_used_in_time_outlives_its_idle_time(client: "Client", raw: socket.socket) -> None:
    """The limit is that of the answer before."""
    client.simulator.add_fault(Fault(FaultKind.IDLE_CLOSE, seconds=30, times=1))
    for _ in range(3):
        raw.sendall(ask(client))
        assert raw.recv(65_536).startswith(b"HTTP/1.1 200 OK")


def test_a_huge_body_arrives(client: "Client") -> None:
    """Ten megabytes of it."""
    client.simulator.add_fault(Fault(FaultKind.HUGE_BODY))
    assert len(client.status().content) == 10_000_000


def test_a_redirect_points_elsewhere(client: "Client") -> None:
    """Following it is the client's business."""
    client.simulator.add_fault(Fault(FaultKind.REDIRECT, location="http://127.0.0.1:9/"))
    answer = client.status()
    assert (answer.status_code, answer.headers["Location"]) == (302, "http://127.0.0.1:9/")


def test_every_answer_can_be_late(connect: Callable[[Scenario], "Client"], scenario: Scenario) -> None:
    """The scenario's latency is on top of everything."""
    client = connect(replace(scenario, latency_seconds=0.001))
    assert client.status().status_code == 200


def test_requests_share_a_connection(client: "Client", raw: socket.socket) -> None:
    """Two requests sent at once are answered in order."""
    raw.sendall(ask(client) + ask(client).replace(b"GET", b"HEAD"))
    raw.shutdown(socket.SHUT_WR)
    statuses = re.findall(rb"HTTP/1.1 (\d+)", read_all(raw))
    assert statuses == [b"200", b"400"]


@pytest.mark.parametrize(
    ("request_bytes", "status_line"),
    [
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"HTTP/1.1 413 ", id="odd-length"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n", b"HTTP/1.1 413 ", id="long"),
        pytest.param(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"HTTP/1.1 413 ", id="chunked"),
        pytest.param(b"GET / HTTP/9\r\n\r\n", b"", id="no-http"),
    ],
)
def test_what_is_not_read_is_refused(raw: socket.socket, request_bytes: bytes, status_line: bytes) -> None:
    """And the connection ends."""
    raw.sendall(request_bytes)
    assert read_all(raw).startswith(status_line)


def test_nothing_is_printed(client: "Client", raw: socket.socket, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither for a call nor for a broken connection."""
    raw.sendall(b"nonsense\r\n\r\n")
    read_all(raw)
    client.status()
    client.simulator.stop()
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_many_clients_are_served_at_once(connect: Callable[[Scenario], "Client"], scenario: Scenario) -> None:
    """Two hundred of them, on a connection each."""
    client = connect(replace(scenario, concurrency_limit=200))
    headers = {"Authorization": f"Zoho-oauthtoken {client.token}"}
    url = f"{client.simulator.url}/crm/v8/Leads/actions/mass_update?job_id=3524033000006027001"
    barrier = threading.Barrier(200, timeout=60)

    def poll() -> int:
        barrier.wait()
        return requests.get(url, headers=headers, timeout=60).status_code

    with ThreadPoolExecutor(200) as pool:
        statuses = [future.result() for future in [pool.submit(poll) for _ in range(200)]]
    assert set(statuses) == {200}
    assert client.simulator.stats().credits_spent == 200


def test_a_stopped_simulator_is_unreachable_and_comes_back(client: "Client") -> None:
    """On the same port, with everything it knew."""
    url = client.simulator.url
    client.simulator.stop()
    with pytest.raises(requests.ConnectionError):
        client.status()
    client.simulator.start()
    assert client.simulator.url == url
    assert client.status().status_code == 200


def test_starting_and_stopping_twice_is_no_error(client: "Client") -> None:
    """Nor is clearing faults while stopped."""
    client.simulator.start()
    assert client.status().status_code == 200
    client.simulator.stop()
    client.simulator.stop()
    client.simulator.clear_faults()


def test_a_simulator_before_its_start_has_no_url(scenario: Scenario) -> None:
    """It does not listen yet."""
    assert Simulator(scenario).url == ""


def test_a_job_is_moved_from_python(client: "Client", job: SimulatedJob) -> None:
    """By the counts given, the rest is left."""
    client.simulator.set_status("Leads", job.job_id, "RUNNING", updated=3, total=10)
    assert client.status().json()["data"][0]["Not_Updated_Count"] == 7
    client.simulator.set_status("Leads", job.job_id, "RUNNING", updated=3, not_updated=1, total=10)
    assert client.status().json()["data"][0]["Not_Updated_Count"] == 1


def test_a_job_is_added_from_python(client: "Client", job: SimulatedJob) -> None:
    """It is there at once."""
    client.simulator.add_job(replace(job, module="Deals"))
    assert client.status(module="Deals").status_code == 200


def test_it_listens_on_ipv6(scenario: Scenario) -> None:
    """The URL has the address in brackets."""
    with Simulator(scenario, host="::1") as simulator, requests.Session() as session:
        assert simulator.url.startswith("http://[::1]:")
        assert session.get(f"{simulator.url}/__control__/stats", timeout=10).status_code == 200


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a file with a key and a certificate for 127.0.0.1."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    subprocess.run(
        [  # noqa: S607 - whichever openssl the machine has
            "openssl",
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-days", "2", "-subj", "/CN=simulator", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(path), "-out", str(path.with_suffix(".crt"))),
        ],
        check=True,
        capture_output=True,
    )
    path.write_text(path.read_text() + path.with_suffix(".crt").read_text())
    return path


@pytest.fixture
def secure(scenario: Scenario, certificate: Path) -> Iterator[Simulator]:
    """Give a simulator that speaks TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Simulator(scenario, ssl_context=context) as simulator:
        yield simulator


def test_it_speaks_tls(secure: Simulator, certificate: Path) -> None:
    """The URL says so."""
    with requests.Session() as session:
        answer = session.post(f"{secure.url}/oauth/v2/token", timeout=10, verify=str(certificate))
    assert secure.url.startswith("https://127.0.0.1:")
    assert answer.json() == {"error": "unsupported_grant_type"}


def test_a_silent_client_keeps_nobody_waiting_for_tls(secure: Simulator, certificate: Path) -> None:
    """The handshake is not made while accepting."""
    port = int(secure.url.rsplit(":", 1)[1])
    with closing(socket.create_connection(("127.0.0.1", port))), requests.Session() as session:
        answer = session.get(f"{secure.url}/__control__/stats", timeout=10, verify=str(certificate))
    assert answer.status_code == 200


def test_a_client_without_tls_is_turned_away(secure: Simulator) -> None:
    """Quietly, with a reset or without."""
    port = int(secure.url.rsplit(":", 1)[1])
    with closing(socket.create_connection(("127.0.0.1", port), timeout=10)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        try:
            answer = read_all(connection)
        except ConnectionResetError:
            answer = b""
    assert not answer.startswith(b"HTTP")


@pytest.mark.parametrize("kind", [FaultKind.RESET, FaultKind.TIMEOUT])
def test_a_fault_breaks_a_tls_connection(secure: Simulator, certificate: Path, kind: FaultKind) -> None:
    """As it does without TLS."""
    secure.add_fault(Fault(kind))
    with requests.Session() as session, pytest.raises(requests.RequestException):
        session.get(f"{secure.url}/crm/v8/Leads", timeout=0.2, verify=str(certificate))
