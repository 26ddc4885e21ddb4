"""The exporter as its attackers see it: a pid, a port, a log and a state file."""

import http.client
import json
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from processes import eventually
from prometheus_client.parser import text_string_to_metric_families

JOB = "zoho_mass_update_job_"
PATIENCE_SECONDS = 30.0
"""How long a test waits for an answer; far more than any may take."""

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class HeldUp:
    """How long a busy machine lets an exporter and this test wait for a processor, from now on.

    That is no fault of the exporter's: on an idle machine it is next to nothing.
    """

    def __init__(self, pid: int) -> None:
        self._before = {process: waits(process) for process in (pid, os.getpid())}

    @property
    def seconds(self) -> float:
        """Give the longest wait of a thread of each process, added."""
        return sum(
            max((seconds - before.get(thread, 0.0) for thread, seconds in waits(process).items()), default=0.0)
            for process, before in self._before.items()
        )


def waits(pid: int) -> dict[str, float]:
    """Give how many seconds each thread of a process has been ready to run and did not, where the kernel counts it."""
    found = {}
    with suppress(OSError):  # the process has ended
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):  # so has this thread
                found[thread.name] = int((thread / "schedstat").read_text(encoding="ascii").split()[1]) / 1e9
    return found


@dataclass(frozen=True, slots=True)
class Answer:
    """What the exporter answered, and after how many seconds that a busy machine is not to blame for."""

    status: int
    headers: Mapping[str, str]
    text: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Page:
    """A page of metrics that could be parsed."""

    text: str
    samples: Samples
    seconds: float

    def value(self, name: str, **labels: str) -> float | None:
        """Give the only sample of a name that has these labels, or None."""
        found = self.all(name, **labels)
        assert len(found) <= 1, f"{name} {labels} is ambiguous: {found}"
        return next(iter(found.values()), None)

    def total(self, name: str, **labels: str) -> float:
        """Add all samples of a name that have these labels."""
        return sum(self.all(name, **labels).values())

    def all(self, name: str, **labels: str) -> Samples:
        """Give the samples of a name that have these labels."""
        return {key: value for key, value in self.samples.items() if key[0] == name and labels.items() <= key[1]}

    def by_job(self, name: str, label: str = "") -> dict[str, float | str]:
        """Give a family's value for each job id, or one of its labels."""
        found = [(dict(labels), value) for (_, labels), value in self.all(JOB + name).items()]
        return {labels["job_id"]: labels[label] if label else value for labels, value in found}

    def states(self) -> dict[str, str]:
        """Give the state of each job."""
        ones = (dict(labels) for (name, labels), value in self.all(JOB + "state").items() if value == 1)
        return {labels["job_id"]: labels["state"] for labels in ones}


@dataclass
class Attacked:
    """An exporter under attack."""

    process: subprocess.Popen[bytes]
    port: int
    log_path: Path
    state: Path

    @property
    def url(self) -> str:
        """Give where it serves."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Give its process id."""
        return self.process.pid

    @property
    def log(self) -> str:
        """Give all that it has printed."""
        return self.log_path.read_text(errors="replace")

    def ask(
        self, path: str, method: str = "GET", body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask for a path and give the answer; a body other than None is sent as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        held_up, since = HeldUp(self.pid), time.monotonic()
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json", **(headers or {})})
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        finally:
            connection.close()
        return Answer(answer.status, dict(answer.headers), text, time.monotonic() - since - held_up.seconds)

    def scrape(self, timeout: float | None = None, path: str = "/metrics") -> Page:
        """Scrape as a Prometheus that grants so many seconds does, and give the page, which must be whole."""
        granted = {} if timeout is None else {"X-Prometheus-Scrape-Timeout-Seconds": str(timeout)}
        answer = self.ask(path, headers=granted)
        assert answer.status == 200, answer.text
        return Page(answer.text, parsed(answer.text), answer.seconds)

    def send(self, number: int) -> None:
        """Send a signal to this one process."""
        os.kill(self.pid, number)

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Send a signal and give the seconds until the process is gone."""
        since = time.monotonic()
        if self.process.poll() is None:
            self.send(number)
        try:
            self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        return time.monotonic() - since

    def kill(self) -> None:
        """End the process as a crash does."""
        self.stop(signal.SIGKILL)


def parsed(text: str) -> Samples:
    """Read a page of metrics."""
    families = text_string_to_metric_families(text)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


@contextmanager
def launch(
    command: list[str], environment: Mapping[str, str], directory: Path, state: Path, asked_port: int = 0
) -> Iterator[Attacked]:
    """Start the exporter on a port that the system chooses, wait until it serves, and kill it with the block.

    On a port that is given it is not waited for.
    """
    with tempfile.NamedTemporaryFile(prefix="log-", dir=directory, delete=False) as log:
        process = subprocess.Popen(
            [*command, f"--web.listen-address=127.0.0.1:{asked_port}", "--log.format=json"],
            env={**environment, "PYTHONFAULTHANDLER": "1"},
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    log_path = Path(log.name)

    def port() -> int | None:
        said = log_path.read_text(errors="replace")
        if process.poll() is not None:
            pytest.fail(f"the exporter ended with {process.returncode}: {said}")
        return served_port(said)

    def served() -> int:
        try:
            return eventually(port, "the exporter does not serve")
        except pytest.fail.Exception as failure:
            process.send_signal(signal.SIGABRT)
            process.wait()
            pytest.fail(f"{failure}, and stands where it says: {log_path.read_text(errors='replace')}")

    try:
        yield Attacked(process, asked_port or served(), log_path, state)
    finally:
        process.kill()
        process.wait()


def served_port(log: str) -> int | None:
    """Give the port that a JSON log says is served, or None."""
    found = re.search(r'"event": "serving metrics".*"port": (\d+)', log)
    return int(found[1]) if found else None
