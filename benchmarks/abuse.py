"""Abuse an exporter in every way we could think of, and scrape it all the while.

Each attack runs against an exporter of its own with 200 jobs. The attackers know the password, unless they guess it,
and come from one address; the scrapes come from another, over a fresh connection each time. Prints one line per attack:
how many scrapes failed, how long they took, and the most memory and files that the exporter held.
`make bench-abuse` runs them all; one alone: ARGS="--attack=silent".
"""

import argparse
import asyncio
import base64
import json
import multiprocessing
import os
import resource
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import bcrypt
import requests
from requests.adapters import HTTPAdapter
from stand_in import simulated

JOBS = 200
SCRAPE_EVERY_SECONDS = 0.2
SCRAPE_TIMEOUT_SECONDS = 30
REST_SECONDS = 1.0
"""How long an attacker rests before it connects anew."""
MIB = 1024 * 1024
_CERTIFICATE = "server.pem"
_SUBJECT = ("-addext", "subjectAltName=IP:127.0.0.1")
LOGIN = ("prometheus", "a password that is right")
RUNNING = [{"state": "RUNNING", "seconds": None}]
TRICKS = (
    "/..%2f..%2fetc/passwd",
    "//metrics",
    "/%2e%2e/metrics",
    "/metrics%00",
    "/-/healthy/../../metrics",
    "/metrics;x",
    "/%ff%fe",
    "/nowhere",
    "*",
    "http://169.254.169.254/latest",
    "/metrics?collect[]=" + "x" * 4000,
)


@dataclass
class Target:
    """An exporter under way."""

    port: int
    pid: int
    certificate: str
    """The file of its own certificate; empty where it speaks no TLS."""

    @property
    def is_tls(self) -> bool:
        """Whether it speaks TLS."""
        return bool(self.certificate)


@dataclass
class Figures:
    """What an attack did to the exporter."""

    seconds: list[float] = field(default_factory=list)
    failed: int = 0
    memory_mib: float = 0.0
    files: int = 0

    def observe(self, pid: int) -> None:
        """Look at the exporter's memory and files."""
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        self.memory_mib = max(self.memory_mib, pages * resource.getpagesize() / MIB)
        self.files = max(self.files, sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()))


class _FromElsewhere(HTTPAdapter):
    """Connects from an address that is not the attackers'."""

    def init_poolmanager(self, *arguments: object, **options: object) -> None:
        super().init_poolmanager(*arguments, **options, source_address=("127.0.0.2", 0))  # type: ignore[arg-type]


Attacker = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[None]]


async def _silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter, __: int) -> None:
    await reader.read()


async def _slow_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n")
    await _trickle(reader, writer, b"X: y\r\n")


async def _slow_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
    writer.write(_head("POST", "/metrics", "Content-Length: 1000000"))
    await _trickle(reader, writer, b"x")


async def _unread(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, __: int) -> None:
    reader.feed_data(b"x" * MIB)  # fills the reader, so that nothing more is read from the socket
    writer.write(_head("GET", "/metrics", "") * 50)
    await writer.drain()
    await asyncio.sleep(3600)


async def _large_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: " + b"x" * MIB)
    await writer.drain()
    await reader.read()


async def _large_body(___: asyncio.StreamReader, writer: asyncio.StreamWriter, __: int) -> None:
    writer.write(_head("POST", "/metrics", "Transfer-Encoding: chunked"))
    for _ in range(64):
        writer.write(b"100000\r\n" + b"x" * MIB + b"\r\n")
        await writer.drain()


async def _path(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
    writer.write(_head("GET", TRICKS[number % len(TRICKS)], "Connection: close"))
    await reader.read()


async def _password(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
    writer.write(_head("GET", "/metrics", "Connection: close", password=f"guess {number} {time.monotonic()}"))
    await reader.read()


async def _trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, piece: bytes) -> None:
    while not reader.at_eof():
        writer.write(piece)
        await writer.drain()  # fails once the exporter has ended the connection
        await asyncio.sleep(REST_SECONDS)


def _head(method: str, path: str, header: str, password: str = LOGIN[1]) -> bytes:
    token = base64.b64encode(f"{LOGIN[0]}:{password}".encode()).decode()
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Basic {token}", *filter(None, [header])]
    return "\r\n".join([*lines, "", ""]).encode()


@dataclass(frozen=True)
class Attack:
    """What each of many clients does, over TLS or not; `is_handshaken` is false for those who never speak TLS."""

    attacker: Attacker
    is_tls: bool = False
    is_handshaken: bool = True
    clients: int = 2000


ATTACKS: Mapping[str, Attack] = {
    "silent": Attack(_silent),
    "silent-tls": Attack(_silent, is_tls=True, is_handshaken=False),
    "handshakes": Attack(_silent, is_tls=True, clients=200),
    "slow-heads": Attack(_slow_head),
    "slow-bodies": Attack(_slow_body),
    "unread-answers": Attack(_unread, clients=400),
    "large-heads": Attack(_large_head, clients=200),
    "large-bodies": Attack(_large_body, clients=40),
    "odd-paths": Attack(_path, clients=100),
    "passwords": Attack(_password, clients=200),
}


def main() -> None:
    """Attack and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attack", choices=ATTACKS, help="one alone; all by default")
    parser.add_argument("--clients", type=int, help="how many attack at once")
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    most_files = _raise_file_limit()
    for name, attack in ATTACKS.items():
        if options.attack in {None, name}:
            clients = min(options.clients or attack.clients, most_files - 100)
            _print(name, clients, _measured(name, clients, options.seconds))


def _print(name: str, clients: int, figures: Figures) -> None:
    print(
        f"{name}: clients={clients} scrapes={len(figures.seconds)} failed={figures.failed}"
        f" median_seconds={statistics.median(figures.seconds):.3f} slowest_seconds={max(figures.seconds):.3f}"
        f" memory_mib={figures.memory_mib:.0f} files={figures.files}",
        flush=True,
    )


def _measured(name: str, clients: int, seconds: float) -> Figures:
    attack, figures = ATTACKS[name], Figures()
    with _exporter(is_tls=attack.is_tls) as target:
        _scrape(target, figures)
        attackers = multiprocessing.get_context("spawn").Process(target=_run_crowd, args=(name, target, clients))
        attackers.start()
        ending = time.monotonic() + seconds
        while time.monotonic() < ending:
            _scrape(target, figures)
            figures.observe(target.pid)
            time.sleep(SCRAPE_EVERY_SECONDS)
        if not attackers.is_alive():
            sys.exit("the attackers gave up")
        attackers.terminate()
        attackers.join()
    return figures


def _scrape(target: Target, figures: Figures) -> None:
    scheme = "https" if target.is_tls else "http"
    started = time.monotonic()
    with requests.Session() as session:
        session.verify, session.trust_env = target.certificate or True, False
        session.mount(f"{scheme}://", _FromElsewhere())
        problem = _problem(session, f"{scheme}://127.0.0.1:{target.port}/metrics")
    figures.seconds.append(time.monotonic() - started)
    if problem:
        figures.failed += 1
        print(f"  a scrape failed: {problem}", file=sys.stderr)


def _problem(session: requests.Session, url: str) -> str:
    try:
        answer = session.get(url, auth=LOGIN, timeout=SCRAPE_TIMEOUT_SECONDS)
    except requests.RequestException as error:
        return str(error)
    is_whole = answer.content.count(b"zoho_mass_update_job_updated_records{") == JOBS
    return "" if answer.ok and is_whole else f"HTTP {answer.status_code}, {len(answer.content)} bytes"


def _run_crowd(name: str, target: Target, clients: int) -> None:
    _raise_file_limit()
    asyncio.run(_crowd(ATTACKS[name], target, clients))


async def _crowd(attack: Attack, target: Target, clients: int) -> None:
    context = ssl._create_unverified_context() if attack.is_tls and attack.is_handshaken else None  # noqa: S323, SLF001
    await asyncio.gather(*(_attack(attack, target, number, context) for number in range(clients)))


def _raise_file_limit() -> int:
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    return most_files


async def _attack(attack: Attack, target: Target, number: int, context: ssl.SSLContext | None) -> None:
    while True:
        with suppress(OSError, ssl.SSLError):
            reader, writer = await asyncio.open_connection("127.0.0.1", target.port, ssl=context)
            try:
                await attack.attacker(reader, writer, number)
            finally:
                writer.transport.abort()
        await asyncio.sleep(REST_SECONDS)


@contextmanager
def _exporter(*, is_tls: bool) -> Iterator[Target]:
    ids = [str(3524033000006027000 + number) for number in range(JOBS)]
    jobs = [{"module": "Leads", "job_id": job_id, "total": 50, "phases": RUNNING} for job_id in ids]
    with tempfile.TemporaryDirectory() as directory, simulated({"concurrency_limit": 25, "jobs": jobs}) as account:
        command = [sys.executable, "-m", "exporter", "--web.listen-address=127.0.0.1:0", "--log.format=json"]
        environment = {
            **os.environ,
            **account,
            "ZOHO_JOBS": ",".join(f"Leads/{job_id}" for job_id in ids),
            "ZOHO_STATE__PATH": "memory",
            "ZOHO_WEB__CONFIG_FILE": str(_web_config(Path(directory), is_tls=is_tls)),
        }
        process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        try:
            yield Target(_port(process), process.pid, str(Path(directory) / _CERTIFICATE) if is_tls else "")
        finally:
            process.terminate()
            process.communicate()


def _port(process: "subprocess.Popen[str]") -> int:
    for line in iter(process.stderr.readline, "") if process.stderr else ():
        event = json.loads(line)
        if event["event"] == "serving metrics":
            return int(event["port"])
    sys.exit("the exporter did not start")


def _web_config(directory: Path, *, is_tls: bool) -> Path:
    config: dict[str, object] = {
        "basic_auth_users": {LOGIN[0]: bcrypt.hashpw(LOGIN[1].encode(), bcrypt.gensalt(10)).decode()}
    }
    if is_tls:
        files = {"-keyout": directory / "server.key", "-out": directory / _CERTIFICATE}
        options = [str(part) for pair in files.items() for part in pair]
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        command = ["openssl", "req", "-x509", "-days", "2", "-subj", "/CN=127.0.0.1", *_SUBJECT, *key, *options]
        subprocess.run(command, check=True, capture_output=True)
        config["tls_server_config"] = {"cert_file": _CERTIFICATE, "key_file": "server.key"}
    file = directory / "web.yml"
    file.write_text(json.dumps(config), encoding="utf-8")
    return file


if __name__ == "__main__":
    main()
