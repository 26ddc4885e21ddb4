"""The addresses of the exporter: several of its own, sockets that systemd passes on, and a proxy in front."""

import os
import re
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from journey import account_variables, free_port
from processes import Running, bare_environment, exporter_command, started

from exporter.simulator import Simulator

JOB = "3524033000006027001"

Run = Callable[..., Running]


@pytest.fixture
def run(simulator: Simulator, tmp_path: Path) -> Iterator[Run]:
    """Give a function that starts an exporter with flags, and wait until it serves."""
    simulator.set_status("Leads", JOB, "RUNNING", updated=10, total=50)
    with ExitStack() as stack:

        def start(*flags: str, before: tuple[str, ...] = (), **variables: str) -> Running:
            environment = bare_environment(**account_variables(simulator), ZOHO_JOBS=f"Leads/{JOB}", **variables)
            command = [*before, *exporter_command(*flags, "--log.format=json")]
            running = stack.enter_context(started(command, environment, tmp_path))
            running.log_event("serving metrics")
            return running

        yield start


def statuses(urls: list[str]) -> list[int]:
    """Ask for each, and give how it is answered."""
    return [requests.get(url, timeout=30, allow_redirects=False).status_code for url in urls]


def test_every_address_is_served(run: Run) -> None:
    """A flag that is repeated adds one, as with Go's exporters."""
    addresses = [f"127.0.0.1:{free_port()}", f"127.0.0.2:{free_port()}"]
    exporter = run(*(f"--web.listen-address={address}" for address in addresses))
    assert exporter.log_event("serving metrics")["url"] == ",".join(f"http://{each}/metrics" for each in addresses)
    assert statuses([f"http://{address}/metrics" for address in addresses]) == [200, 200]


LAUNCH = """
import os, socket, sys
path, port = sys.argv[1].rpartition("=")[::2]
listener = socket.socket(socket.AF_UNIX) if path else socket.create_server(("127.0.0.1", int(port)))
path and (listener.bind(path), listener.listen())
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "web"}
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Passes on a socket as systemd does."""


def test_systemd_passes_on_a_socket_and_is_told_how_we_are(run: Run) -> None:
    """The address is left alone; readiness, a reload and the stop are told as they come."""
    port, taken = free_port(), free_port()
    with socket.create_server(("127.0.0.1", taken)), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"\0exporter-test-{os.getpid()}")
        systemd.settimeout(30)
        told = (systemd.recv(4096).partition(b"\n")[0] for _ in range(4))
        exporter = run(
            *("--web.systemd-socket", f"--web.listen-address=127.0.0.1:{taken}"),
            before=(sys.executable, "-c", LAUNCH, str(port)),
            NOTIFY_SOCKET=f"@exporter-test-{os.getpid()}",
        )
        assert next(told) == b"READY=1"
        assert statuses([f"http://127.0.0.1:{port}/metrics"]) == [200]
        exporter.process.send_signal(signal.SIGHUP)
        assert (next(told), next(told)) == (b"RELOADING=1", b"READY=1")
        assert exporter.stop() == 0
        assert next(told) == b"STOPPING=1"


def test_socket_in_the_file_system_is_told_by_its_path(run: Run, tmp_path: Path) -> None:
    """No address of the network leads there."""
    launched = (sys.executable, "-c", LAUNCH, f"{tmp_path}/exporter.sock=")
    exporter = run("--web.systemd-socket", before=launched)
    assert exporter.log_event("serving metrics")["url"] == f"unix:{tmp_path}/exporter.sock"


def test_links_lead_through_the_proxy(run: Run) -> None:
    """Each link of the status page, and each target, begins with the path under which the proxy shows us."""
    address = f"127.0.0.1:{free_port()}"
    exporter = run(f"--web.listen-address={address}", f"--web.external-url=http://{address}/zoho/")
    assert exporter.log_event("serving metrics")["url"] == f"http://{address}/zoho/metrics"
    page = requests.get(f"http://{address}", timeout=30)
    links = re.findall(r'(?:href|action)="(/[^"]*)"', page.text)
    assert (page.url, page.history[0].status_code) == (f"http://{address}/zoho/", 302)
    assert len(links) > 5
    assert set(statuses([f"http://{address}{link.replace('&amp;', '&')}" for link in links])) == {200}
    [group] = requests.get(f"http://{address}/zoho/sd/jobs", timeout=30).json()
    path = group["labels"]["__metrics_path__"]
    asked = {name.removeprefix("__param_"): text for name, text in group["labels"].items() if "__param_" in name}
    probe = requests.get(f"http://{group['targets'][0]}{path}", params=asked, timeout=30)
    assert (path, probe.status_code) == ("/zoho/probe", 200)
    assert statuses([f"http://{address}{path}" for path in ("/metrics", "/zoho/metrics", "/-/healthy")]) == [
        404,
        200,
        200,
    ]


def test_proxy_may_take_the_path_away(run: Run) -> None:
    """With a route prefix of its own the exporter answers at other paths than those that it shows."""
    address = f"127.0.0.1:{free_port()}"
    run(f"--web.listen-address={address}", "--web.external-url=https://example.com/zoho", "--web.route-prefix=/")
    assert '<a href="/zoho/metrics">' in requests.get(f"http://{address}/", timeout=30).text
    [group] = requests.get(f"http://{address}/sd/jobs", timeout=30).json()
    assert group["targets"] == ["example.com"]
    assert (group["labels"]["__scheme__"], group["labels"]["__metrics_path__"]) == ("https", "/zoho/probe")


def test_metrics_of_the_process_may_be_left_out(run: Run) -> None:
    """Those alone: alerts and dashboards stand on our own."""
    address = f"127.0.0.1:{free_port()}"
    run(f"--web.listen-address={address}", "--web.disable-exporter-metrics")
    page = requests.get(f"http://{address}/metrics", timeout=30).text
    assert re.findall(r"^(?:process|python)_\w+", page, re.MULTILINE) == []
    assert "\nzoho_mass_update_exporter_build_info{" in page
