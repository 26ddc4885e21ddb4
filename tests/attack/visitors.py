"""Whoever may come to the exporter's door: polite clients, raw ones, and crowds of them."""

import base64
import contextlib
import http.client
import os
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import TypeVar

from attack.attacked import served_port
from attack.conftest import kind_account
from attack.peer import Peer
from processes import unmeasured_environment

T = TypeVar("T")

LOOPBACK = "127.0.0.1"
NO_ANSWER = 0
"""Status of a request that got no answer: refused, cut off or given up."""
HANGS = 124
"""Status of a start that neither ends nor is ended."""
CPU_SECONDS = 20.0
"""How much of the processor a start may take, whoever else uses the machine."""
KIB, MIB = 1024, 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """What came back, and how many seconds that took, connecting included."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")


@dataclass(frozen=True)
class Visitor:
    """A client of the exporter at a port, from an address of its own; safe to share between threads."""

    port: int
    tls: ssl.SSLContext | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    address: str = LOOPBACK

    def ask(
        self,
        path: str,
        method: str = "GET",
        body: bytes | None = None,
        patience: float = 30.0,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask for a path on a connection of its own, with further headers."""
        began = time.monotonic()
        try:
            status, seen, content = self._asked(path, method, body, patience, headers or {})
        except (OSError, http.client.HTTPException):
            return Answer(NO_ANSWER, seconds=time.monotonic() - began)
        return Answer(status, seen, content, time.monotonic() - began)

    def scrape(self, granted_seconds: float, path: str = "/metrics") -> Answer:
        """Ask as a Prometheus that waits so many seconds, and reads compressed pages."""
        headers = {"X-Prometheus-Scrape-Timeout-Seconds": f"{granted_seconds:g}", "Accept-Encoding": "gzip"}
        return self.ask(path, patience=granted_seconds + 60, headers=headers)

    def send(self, payload: bytes, patience: float = 5.0) -> bytes:
        """Send bytes as they are, and give what comes back until the other end closes or patience ends."""
        received = bytearray()
        with contextlib.suppress(OSError), self.connected(patience) as connection:
            connection.sendall(payload)
            while chunk := connection.recv(65_536):
                received += chunk
        return bytes(received)

    @contextmanager
    def connected(self, patience: float = 30.0) -> Iterator[socket.socket]:
        """Give a connection, over TLS where the visitor speaks it."""
        with contextlib.ExitStack() as stack:
            plain = socket.create_connection((LOOPBACK, self.port), patience, (self.address, 0))
            connection = stack.enter_context(contextlib.closing(plain))
            if self.tls is not None:
                connection = stack.enter_context(self.tls.wrap_socket(connection, server_hostname=LOOPBACK))
            yield connection

    def _asked(
        self, path: str, method: str, body: bytes | None, patience: float, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        with self.connected(patience) as connection:
            client = http.client.HTTPConnection(LOOPBACK, self.port, patience)
            client.sock = connection
            # Whoever is refused before the whole body was sent may still read why.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                client.request(method, path, body, {"Connection": "close", **self.headers, **headers})
            answer = client.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


def login(user: str, password: str) -> dict[str, str]:
    """Give the header of basic auth."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def trusting(authority: Path) -> ssl.SSLContext:
    """Give a client's TLS that trusts an authority."""
    return ssl.create_default_context(cafile=str(authority))


def status_of(answer: bytes) -> int:
    """Read the status from raw bytes."""
    words = answer.split(b" ", 2)
    return int(words[1]) if len(words) > 2 and words[0].startswith(b"HTTP/") else NO_ANSWER


def all_at_once(calls: Iterable[Callable[[], T]]) -> list[T]:
    """Make calls at the same time, and give what they gave in their order."""
    waiting = list(calls)
    with ThreadPoolExecutor(len(waiting)) as pool:
        return [call.result() for call in [pool.submit(call) for call in waiting]]


@contextmanager
def meanwhile(work: Callable[[], object], threads: int = 1) -> Iterator[None]:
    """Repeat some work in the background while the block runs."""
    done = Event()

    def repeat() -> None:
        while not done.is_set():
            work()

    workers = [Thread(target=repeat) for _ in range(threads)]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        done.set()
        for worker in workers:
            worker.join()


@dataclass(frozen=True)
class Ended:
    """How a start went: the exit status, whether it served before it was stopped, its log, and what it took."""

    status: int
    served: bool
    log: str
    peak_mib: float

    @property
    def is_clean(self) -> bool:
        """Whether it was refused with status 2, or served and stopped with status 0."""
        return self.status == (0 if self.served else 2)


@dataclass(frozen=True)
class Doorstep:
    """Starts of a build that may be refused, in an environment and a folder."""

    build: list[str]
    environment: Mapping[str, str]
    folder: Path

    def run(self, *arguments: str, visit: Callable[[Visitor], object] | None = None) -> Ended:
        """Start, and once it serves, visit it and end it with SIGTERM.

        Killed (status `HANGS`) when it took more than `CPU_SECONDS`, or neither served nor ended for a minute.
        """
        command = [*self.build, f"--web.listen-address={LOOPBACK}:0", "--log.format=json", *arguments]
        began, peak, served = time.monotonic(), 0.0, False
        with tempfile.NamedTemporaryFile(prefix="start-", dir=self.folder, delete=False) as output:
            process = subprocess.Popen(
                command,
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        log = Path(output.name)
        while process.poll() is None and time.monotonic() - began < 60:
            with contextlib.suppress(OSError, StopIteration):
                peak = max(peak, peak_mib(process.pid))
                if cpu_seconds(process.pid) > CPU_SECONDS:
                    break
            port = None if served else served_port(log.read_text(errors="replace"))
            if port:
                served = True
                if visit is not None:
                    visit(Visitor(port))
                process.terminate()
                began = time.monotonic()
            time.sleep(0.02)
        status = process.poll()
        process.kill()
        process.wait()
        return Ended(HANGS if status is None else status, served, log.read_text(errors="replace"), peak)


def doorstep(build: list[str], peer: Peer, folder: Path, **variables: str | None) -> Doorstep:
    """Give the doorstep of a build that knows a kind account; a variable of None is taken away."""
    given = {
        **kind_account(peer),
        "ZOHO_STATE__PATH": "memory",
        "PYTHONPATH": os.environ.get("PYTHONPATH"),
        **variables,
    }
    return Doorstep(build, unmeasured_environment(**{k: v for k, v in given.items() if v is not None}), folder)


def cpu_seconds(pid: int) -> float:
    """Give how much of the processor a process has taken, in seconds."""
    words = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def peak_mib(pid: int) -> float:
    """Give the most memory that a process has had resident, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / KIB
