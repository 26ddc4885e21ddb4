"""Real processes that tests start and stop, and how to wait for what they do."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import IO, TypeVar

import pytest

T = TypeVar("T")

PATIENCE_SECONDS = 30.0
"""How long a test waits for something that must happen before it fails; no test passes by waiting."""


def eventually(look: Callable[[], T | None], what: str) -> T:
    """Look again and again until there is something true to see, and give it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        seen = look()
        if seen:
            return seen
        time.sleep(0.05)
    pytest.fail(f"gave up after {PATIENCE_SECONDS:g} s: {what}")


@dataclass
class Running:
    """A process under way, and what it has printed so far."""

    process: subprocess.Popen[str]
    stdout: list[str] = field(default_factory=list)
    stderr: list[str] = field(default_factory=list)
    readers: list[Thread] = field(default_factory=list)

    def follow(self) -> None:
        """Collect what the process prints."""
        for stream, lines in ((self.process.stdout, self.stdout), (self.process.stderr, self.stderr)):
            reader = Thread(target=_collect, args=(stream, lines), daemon=True)
            reader.start()
            self.readers.append(reader)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal to this one process and give its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.end()

    def interrupt(self) -> int:
        """Press Ctrl-C, which a terminal sends to a process and its children, and give the exit status."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.end()

    def end(self) -> int:
        """Wait for the process to end and give its exit status."""
        status = self.process.wait(PATIENCE_SECONDS)
        for reader in self.readers:
            reader.join(PATIENCE_SECONDS)
        return status

    def log_event(self, event: str) -> dict[str, object]:
        """Wait for a line of the JSON log and give it."""

        def look() -> dict[str, object] | None:
            if self.process.poll() is not None:
                pytest.fail("the exporter ended: " + "".join(self.stderr))
            lines = (json.loads(line) for line in tuple(self.stderr) if line.startswith("{"))
            return next((line for line in lines if line["event"] == event), None)

        return eventually(look, f"no log line says {event!r}")


def _collect(stream: IO[str] | None, lines: list[str]) -> None:
    if stream is not None:
        lines.extend(iter(stream.readline, ""))
        stream.close()


@contextmanager
def started(command: list[str], environment: Mapping[str, str], directory: Path) -> Iterator[Running]:
    """Start a process in an environment of its own, and end it with the block."""
    process = subprocess.Popen(
        command,
        env=dict(environment),
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    running = Running(process)
    running.follow()
    try:
        yield running
    finally:
        if process.poll() is None:
            running.stop(signal.SIGTERM)


def bare_environment(**variables: str) -> dict[str, str]:
    """Give an environment without the tester's own settings and proxies; coverage of subprocesses goes on."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"} or name.startswith("COV")}
    return {**kept, **variables}


def unmeasured_environment(**variables: str) -> dict[str, str]:
    """Give a bare environment in which a process runs at its own speed, without coverage."""
    return {name: value for name, value in bare_environment(**variables).items() if not name.startswith("COV")}


def exporter_command(*arguments: str) -> list[str]:
    """Give the command line that starts the exporter of this checkout or installation."""
    return [sys.executable, "-m", "exporter", *arguments]
