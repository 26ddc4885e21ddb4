"""The programs that are measured, and what they talk to: started, asked and ended."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from exporter.model import JobKey
from rig.figures import UnmeasurableError
from rig.wire import Wire

_HERE = Path(__file__).resolve().parent
PROGRAM = str(Path(sys.executable).with_name("zoho-mass-update-exporter"))
BUILT = _HERE.parents[1] / ".venv" / "bench"
"""Where the peers are built, beside what else is made of locks and sources."""
_KIB_A_MIB = 1024
_STILL_SECONDS = 0.1
_MODEST: Mapping[str, object] = {"max_jobs": 100_000, "poll_timeout": "2m", "retention": "30d"}
"""Settings that no row depends on, but that let the exporter hold so many jobs, and a gate hold its polls."""
RARELY: Mapping[str, object] = {**_MODEST, "stale_after": "2d", "schedule": {"shortest": "1d", "longest": "1d"}}
"""Jobs are polled when the row says so."""
ALWAYS: Mapping[str, object] = {**_MODEST, "schedule": {"shortest": "0s", "longest": "0s"}}
"""Live jobs are due at any time."""


@dataclass(frozen=True, slots=True)
class Zoho:
    """The stub under way; `certificate` is the file of its own, or none."""

    url: str
    control: str
    bundle: Path | None

    def stats(self) -> dict[str, int]:
        """Give what was asked of it so far."""
        answer: dict[str, int] = requests.get(f"{self.control}/stats", timeout=10).json()
        return answer

    def gate(self, *, is_open: bool) -> None:
        """Hold answers to polls back, or let them go."""
        requests.post(f"{self.control}/{'open' if is_open else 'close'}", timeout=10).raise_for_status()


class Served:
    """A process that serves pages."""

    def __init__(self, process: "subprocess.Popen[str]", url: str) -> None:
        self._process = process
        self.wire = Wire(url)

    def memory_mib(self, name: str) -> float:
        """Give VmRSS or VmHWM."""
        text = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        return int(text.partition(f"{name}:")[2].split()[0]) / _KIB_A_MIB

    def make_due(self, keys: Sequence[JobKey]) -> None:
        """Make jobs due; see `steered.py`."""
        if self._process.stdin is None or self._process.stdout is None:
            raise TypeError("it is steered")
        self._process.stdin.write(json.dumps([[key.account, key.module, key.job_id] for key in keys]) + "\n")
        self._process.stdin.flush()
        self._process.stdout.readline()

    def settle(self) -> None:
        """Wait until it has nothing to do."""
        before = -1.0
        while (now := self.processor_seconds()) != before:
            before = now
            time.sleep(_STILL_SECONDS)

    def processor_seconds(self) -> float:
        """Give the processor time that it has taken so far, by the clock that Linux has of each process."""
        return time.clock_gettime(~self._process.pid << 3 | 2)


@contextmanager
def zoho(directory: Path, *, latency: str = "0s", is_tls: bool = False) -> Iterator[Zoho]:
    """Run the stub, with its certificate in a bundle among those that everybody trusts, as a real one stands."""
    certificate = directory / "stub.pem"
    options = [f"-latency={latency}", *([f"-certificate={certificate}"] if is_tls else [])]
    with _running([built("zoho"), *options]) as (_, line):
        url, control = line.split()
        bundle = directory / "bundle.pem" if is_tls else None
        if bundle:
            trusted = Path(DEFAULT_CA_BUNDLE_PATH).read_bytes()
            bundle.write_bytes(trusted + b"\n" + certificate.read_bytes())
        yield Zoho(url, control, bundle)


def settings_file(directory: Path, upstream: Zoho, settings: Mapping[str, object], concurrency: int) -> Path:
    """Write the settings for an exporter whose state is in the same directory; YAML takes JSON."""
    account = {
        "accounts_url": upstream.url,
        "api_url": upstream.url,
        "client_id": "1000.BENCH",
        "client_secret": "x" * 42,
        "refresh_token": "1000." + "a" * 64,
        "daily_credit_budget": "unlimited",
        "max_concurrency": concurrency,
    }
    bundle = {"ca_bundle": str(upstream.bundle)} if upstream.bundle else {}
    document = {"accounts": {"acme": account}, "state": {"path": str(directory / "state.db")}, **bundle, **settings}
    path = directory / "zoho.yaml"
    path.write_text(json.dumps(document), encoding="utf-8")
    path.chmod(0o600)
    return path


@contextmanager
def exporter(settings: Path, *, is_steered: bool = False) -> Iterator[Served]:
    """Run the exporter, until it answers."""
    program = [sys.executable, str(_HERE / "steered.py")] if is_steered else [PROGRAM]
    options = [f"--config.file={settings}", "--web.listen-address=127.0.0.1:0", "--log.format=json", "--log.level=info"]
    process = subprocess.Popen(
        [*program, *options],
        cwd=settings.parent,
        env=_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Served(process, f"http://127.0.0.1:{_port(process)}")
    finally:
        _end(process)


@contextmanager
def peer(command: Sequence[str]) -> Iterator[Served]:
    """Run a peer that prints where it serves."""
    with _running(command) as (process, line):
        yield Served(process, line.split()[0])


def first_page_seconds(command: Sequence[str], port: int, directory: Path) -> float:
    """Start a program, and give the seconds until its metrics page is there."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=directory, env=_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True
    )
    try:
        while True:
            try:
                Wire(f"http://127.0.0.1:{port}").get("/metrics")
            except ConnectionError:
                if process.poll() is not None:
                    raise UnmeasurableError(f"{command[0]} ended by itself") from None
                time.sleep(0.001)
            else:
                return time.perf_counter() - begun
    finally:
        _end(process)


def free_port() -> int:
    """Give a port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def built(name: str) -> str:
    """Build a peer from the Go module proxy, unless it is there, and give its path."""
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if not go:
        raise UnmeasurableError("its peer is built with Go 1.26 or newer, which is not on the PATH")
    command = [go, "build", "-o", str(BUILT / name), f"./{name}"]
    done = subprocess.run(command, cwd=_HERE.parent / "peers", check=False, capture_output=True, text=True)
    if done.returncode:
        raise UnmeasurableError(f"go build failed: {done.stderr.strip()[-200:]}")
    return str(BUILT / name)


def installed(package: str, program: str) -> str:
    """Install a Python peer's newest version from PyPI into an environment of its own, unless it is there."""
    home = BUILT / package
    path = home / "bin" / program
    if not path.exists():
        for command in (
            [sys.executable, "-m", "venv", str(home)],
            [str(home / "bin" / "pip"), "install", "-q", package],
        ):
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode:
                shutil.rmtree(home, ignore_errors=True)
                raise UnmeasurableError(f"{package} can't be installed: {done.stderr.strip()[-200:]}")
    return str(path)


@contextmanager
def _running(command: Sequence[str]) -> "Iterator[tuple[subprocess.Popen[str], str]]":
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise UnmeasurableError(f"{command[0]} said nothing")
        yield process, line
    finally:
        _end(process)


def _port(process: "subprocess.Popen[str]") -> int:
    if process.stderr is None:
        raise TypeError("its standard error is read")
    said = ""
    for line in process.stderr:
        event = json.loads(line) if line.startswith("{") else {"event": line}
        if event["event"] == "serving metrics":
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return int(event["port"])
        said = str(event["event"]).strip()
    raise UnmeasurableError(f"the exporter ended by itself; it said last: {said}")


def _end(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}}
