"""Rehearse the alerts in fast time: simulated Zoho, exporter, Prometheus and Alertmanager with the files of deploy/."""

import argparse
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event

from rehearsal import Message, inbox, write_files

FACTOR = 60
PATIENCE_SECONDS = 60.0
GRACE_SECONDS = 10.0
PROGRAMS = ("prometheus", "prometheus-alertmanager")
PORTS = {"exporter": 10042, "prometheus": 10090, "alertmanager": 10093}


class StackError(Exception):
    """The rehearsal can't go on; the message says why."""


def main() -> int:
    """Run until Ctrl-C, and give the exit status."""
    options = _parse()
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with ExitStack() as stack:
            _run(stack, stop, free_ports=options.free_ports)
    except StackError as error:
        sys.stderr.write(f"demo-stack: {error}\n")
        return 1
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--free-ports", action="store_true", help="let the system choose the ports")
    return parser.parse_args()


def _run(stack: ExitStack, stop: Event, *, free_ports: bool) -> None:
    """Start everything, say where it is, and wait; what was started ends with the stack, newest first."""
    home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="zoho-demo-stack-")))
    at = {name: f"127.0.0.1:{_port(port, free=free_ports)}" for name, port in PORTS.items()}
    messages_url = stack.enter_context(inbox(_show))
    write_files(
        home,
        factor=FACTOR,
        interval="1s",
        exporter=at["exporter"],
        alertmanager=at["alertmanager"],
        messages_url=messages_url,
    )
    running = {
        name: stack.enter_context(_started(name, command, home)) for name, command in _commands(home, at).items()
    }
    for path in ("exporter/-/healthy", "prometheus/-/ready", "alertmanager/-/ready"):
        name, _, rest = path.partition("/")
        _wait_until_answered(f"http://{at[name]}/{rest}", running, home, stop)
    if not stop.is_set():
        _announce(at, alerts_page=_alerts_page(at["prometheus"]))
    while not stop.wait(0.5):
        _check(running, home)


def _commands(home: Path, at: Mapping[str, str]) -> dict[str, list[str]]:
    prometheus, alertmanager = (_find(program) for program in PROGRAMS)
    return {
        "exporter": [sys.executable, "-m", "exporter", "demo", f"--web.listen-address={at['exporter']}"],
        "alertmanager": [
            alertmanager,
            f"--config.file={home / 'alertmanager.yml'}",
            f"--storage.path={home / 'alertmanager'}",
            f"--web.listen-address={at['alertmanager']}",
            "--cluster.listen-address=",
        ],
        "prometheus": [
            prometheus,
            f"--config.file={home / 'prometheus.yml'}",
            f"--storage.tsdb.path={home / 'prometheus'}",
            f"--web.listen-address={at['prometheus']}",
        ],
    }


def _find(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise StackError(f"{program} is not on the PATH; make demo-stack installs Debian's package where it may")
    return path


def _port(wanted: int, *, free: bool) -> int:
    try:
        with socket.create_server(("127.0.0.1", 0 if free else wanted)) as listener:
            return int(listener.getsockname()[1])
    except OSError as error:
        raise StackError(f'port {wanted} is taken; for others: make demo-stack ARGS="--free-ports"') from error


@contextmanager
def _started(name: str, command: list[str], home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program whose output goes to a file, and end it with the block."""
    with (home / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_answered(url: str, running: Mapping[str, subprocess.Popen[bytes]], home: Path, stop: Event) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not _is_answered(url):
        _check(running, home)
        if time.monotonic() > deadline:
            raise StackError(f"{url} does not answer after {PATIENCE_SECONDS:g} s")
        if stop.wait(0.1):
            return


def _is_answered(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own http:// on loopback
            return True
    except (urllib.error.URLError, OSError):
        return False


def _check(running: Mapping[str, subprocess.Popen[bytes]], home: Path) -> None:
    """Make sure that all programs still run.

    Raises:
        StackError: One has ended; the end of its log says why.
    """
    for name, process in running.items():
        if process.poll() is not None:
            log = (home / f"{name}.log").read_text(errors="replace").splitlines()[-10:]
            raise StackError("\n".join([f"{name} has ended with status {process.returncode}:", *log]))


def _alerts_page(prometheus: str) -> str:
    """Give the page of the alerts that this build of Prometheus has: Debian leaves out the newer one, or both."""
    urls = [f"http://{prometheus}/{path}" for path in ("alerts", "classic/alerts", "api/v1/alerts")]
    return next((url for url in urls if _is_answered(url)), urls[-1])


def _announce(at: Mapping[str, str], *, alerts_page: str) -> None:
    sys.stdout.write(f"""
The rehearsal is running.

  the simulated jobs, as the exporter sees them    http://{at["exporter"]}/
  the alerts, pending and firing                   {alerts_page}
  what Alertmanager sends, and what it keeps back
    amtool --alertmanager.url=http://{at["alertmanager"]} alert query --active
    amtool --alertmanager.url=http://{at["alertmanager"]} alert query --inhibited

The rules are those of deploy/prometheus, {FACTOR} times as fast: a minute of theirs passes in a second. Their texts and
names still speak of the real times. The first alerts fire after about 15 seconds, a job fails half-way after 70.
Messages follow here, as each receiver of deploy/alertmanager would get them. Ctrl-C ends everything.

""")
    sys.stdout.flush()


def _show(message: Message) -> None:
    sys.stdout.write(f"--- to {message.receiver}: {message.title}\n{message.text.strip()}\n\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
