"""Attacks with too much: odd requests without end, hostile bodies, files that are huge or no files at all."""

import json
import os
import signal
import socket
import ssl
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import bcrypt
import pytest
from attack.attacked import Attacked
from attack.conftest import API_TOKEN
from attack.peer import Peer
from attack.visitors import (
    CPU_SECONDS,
    KIB,
    MIB,
    Answer,
    Doorstep,
    Ended,
    Visitor,
    all_at_once,
    cpu_seconds,
    login,
    meanwhile,
    peak_mib,
    trusting,
)
from certificates import Authority, open_authority
from processes import unmeasured_environment
from programs import Program

Start = Callable[..., Attacked]

BEARER = {"Authorization": f"Bearer {API_TOKEN}"}
STOP_SECONDS = 15.0
"""Generous bound of a stop."""

H = b"Host: exporter\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
REQUESTS: dict[str, bytes] = {
    "chunked to a health check, then no chunk": b"POST /-/healthy HTTP/1.1\r\n" + H + CHUNKED + b"zz\r\n\r\n",
    "chunked, then no chunk": b"GET /metrics HTTP/1.1\r\n" + H + CHUNKED + b"-1\r\nx\r\n",
    "chunked, huge size": b"POST /-/healthy HTTP/1.1\r\n" + H + CHUNKED + b"f" * 40 + b"\r\n",
    "chunked, endless extension": b"POST /-/healthy HTTP/1.1\r\n" + H + CHUNKED + b"1;" + b"x" * 70_000,
    "chunked, bad trailer": b"POST /-/healthy HTTP/1.1\r\n" + H + CHUNKED + b"0\r\n:\r\n\r\n",
    "length and chunks": b"POST /-/healthy HTTP/1.1\r\n" + H + b"Content-Length: 3\r\n" + CHUNKED + b"0\r\n\r\n",
    "two lengths": b"POST /-/ready HTTP/1.1\r\n" + H + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    "negative length": b"POST /-/ready HTTP/1.1\r\n" + H + b"Content-Length: -1\r\n\r\n",
    "length of digits": b"POST /-/ready HTTP/1.1\r\n" + H + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "body too short": b"POST /api/v1/jobs HTTP/1.1\r\n" + H + b"Content-Length: 100\r\n\r\n{",
    "unknown coding": b"POST /-/healthy HTTP/1.1\r\n" + H + b"Transfer-Encoding: gzip\r\n\r\n",
    "no HTTP": b"hello\r\n\r\n",
    "nothing but ends of lines": b"\r\n" * 3000,
    "bytes": bytes(range(256)) * 4,
    "TLS": bytes.fromhex("16030100a5010000a10303") + bytes(160),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/9": b"GET / HTTP/9.9\r\n" + H + b"\r\n",
    "HTTP/1.0": b"GET /-/healthy HTTP/1.0\r\n\r\n",
    "no host": b"GET /-/healthy HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /-/healthy HTTP/1.1\r\n" + H + H + b"\r\n",
    "no colon": b"GET /-/healthy HTTP/1.1\r\n" + H + b"nothing\r\n\r\n",
    "space before colon": b"GET /-/healthy HTTP/1.1\r\n" + H + b"A : b\r\n\r\n",
    "folded": b"GET /-/healthy HTTP/1.1\r\n" + H + b"A: b\r\n c\r\n\r\n",
    "NUL in header": b"GET /-/healthy HTTP/1.1\r\n" + H + b"A: b\0c\r\n\r\n",
    "latin header": b"GET /-/healthy HTTP/1.1\r\n" + H + b"A: \xff\xfe\r\n\r\n",
    "huge header": b"GET /-/healthy HTTP/1.1\r\n" + H + b"A: " + b"x" * 20_000 + b"\r\n\r\n",
    "many headers": b"GET /-/healthy HTTP/1.1\r\n" + H + b"A: b\r\n" * 3000 + b"\r\n",
    "huge path": b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n" + H + b"\r\n",
    "websocket": b"GET /metrics HTTP/1.1\r\n" + H + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    "h2c": b"GET /-/healthy HTTP/1.1\r\n" + H + b"Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n",
    "CONNECT": b"CONNECT example.org:443 HTTP/1.1\r\n" + H + b"\r\n",
    "TRACE": b"TRACE /metrics HTTP/1.1\r\n" + H + b"\r\n",
    "asterisk": b"OPTIONS * HTTP/1.1\r\n" + H + b"\r\n",
    "made-up method": b"x{}'\" /metrics HTTP/1.1\r\n" + H + b"\r\n",
    "expectation": b"POST /api/v1/jobs HTTP/1.1\r\n" + H + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n",
    "odd query": b"GET /metrics?collect[]=%ff%00%0a&collect[]=&& HTTP/1.1\r\n" + H + b"\r\n",
    "line in the query": b"GET /probe?crm_module=a%0alevel=error%0dx&job_id=%0a HTTP/1.1\r\n" + H + b"\r\n",
    "odd time": b"GET /metrics HTTP/1.1\r\n" + H + b"X-Prometheus-Scrape-Timeout-Seconds: nan\r\n\r\n",
    "odd login": b"GET /metrics HTTP/1.1\r\n" + H + b"Authorization: Basic \xff\xff\r\n\r\n",
    "half a login": b"GET /metrics HTTP/1.1\r\n" + H + b"Authorization: Basic bm9ib2R5\r\n\r\n",
    "odd bearer": b"POST /api/v1/jobs HTTP/1.1\r\n"
    + H
    + b"Authorization: Bearer \xc3\x28\r\nContent-Length: 0\r\n\r\n",
    "pipelined": (b"GET /-/healthy HTTP/1.1\r\n" + H + b"\r\n") * 50 + b"zz\r\n\r\n",
    "half a request": b"GET /metr",
    "nothing": b"",
}
"""What no client of good will sends."""


def throw(visitor: Visitor, payload: bytes, manner: int) -> None:
    """Send bytes: with a look at the answer's start in between, and then hang up; at once; or with a reset."""
    head, end, rest = payload.partition(b"\r\n\r\n")
    with suppress(OSError), visitor.connected(0.3) as connection:
        for part in (head + end, rest) if manner == 0 else (payload,):
            connection.sendall(part)
            if manner == 2:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif end or manner == 1:
                connection.recv(200)


@pytest.mark.parametrize("guard", ["open", "passwords", "TLS"])
def test_a3_odd_requests_write_no_log(start: Start, program: Program, tmp_path: Path, guard: str) -> None:
    """Whatever is sent, however often, costs less than a line of log each time, and never a traceback."""
    exporter = start(*guarded(guard, tmp_path, program), environment={"ZOHO_JOBS": "Leads/1"})
    visitor = Visitor(exporter.port)
    times = 15
    written = {}
    with ThreadPoolExecutor(5) as pool:
        for name, payload in REQUESTS.items():
            before = len(exporter.log)
            list(pool.map(partial(throw, visitor, payload), [number % 3 for number in range(times)]))
            written[name] = len(exporter.log) - before
    assert "Traceback" not in exporter.log
    assert {name: size for name, size in written.items() if size > 1000} == {}
    assert exporter.stop() < STOP_SECONDS
    assert exporter.process.returncode == 0
    assert len(exporter.log) < 100 * times


def guarded(guard: str, folder: Path, program: Program) -> list[str]:
    """Give the arguments of an exporter that is open, asks for passwords, or speaks TLS."""
    if guard == "open":
        return []
    text = f"basic_auth_users: {{prometheus: {bcrypt.hashpw(b'right', bcrypt.gensalt(4)).decode()}}}\n"
    if guard == "TLS":
        identity = open_authority(program("openssl"), folder).issue("server")
        text = f"tls_server_config: {{cert_file: {identity.file}, key_file: {identity.key}}}\n" + text
    (folder / "web.yml").write_text(text, encoding="utf-8")
    return ["--web.config.file=web.yml"]


def test_a3_wrong_logins_write_no_log(start: Start, tmp_path: Path, program: Program) -> None:
    """Guesses of passwords and tokens write no more than a line for all of them together."""
    exporter = start(*guarded("passwords", tmp_path, program))
    visitor = Visitor(exporter.port)
    before = len(exporter.log)
    for number in range(100):
        visitor.ask("/metrics", headers=login(f"guesser\r{number}"[:8], f"wrong{number}"))
        visitor.ask("/api/v1/jobs", headers={"Authorization": f"Bearer wrong{number}"})
        visitor.ask("/-/reload", "POST", headers={"X-Forwarded-For": f"10.0.0.{number}"})
    assert len(exporter.log) - before < 2000
    assert "Traceback" not in exporter.log


def test_a3_hostile_bodies_write_no_log(start: Start) -> None:
    """Bodies that the job API refuses write no line each."""
    exporter = start()
    visitor = Visitor(exporter.port, headers=BEARER)
    before = len(exporter.log)
    for number in range(50):
        for body in (b"{", b"[[[[", b'{"account":"no\\nbody"}', b"\xff", b"[" * 5000, b"1" * 5000):
            assert 400 <= visitor.ask("/api/v1/jobs", "POST", body).status < 500, (number, body[:20])
    assert len(exporter.log) - before < 2000
    assert "Traceback" not in exporter.log


BODIES: dict[str, Callable[[], str]] = {
    "bad labels": lambda: json.dumps(job(labels={f"l{n}": n for n in range(80_000)})),
    "bad keys": lambda: json.dumps(job(**{f"k{n}": n for n in range(80_000)})),
    "a long key": lambda: json.dumps(job(**{"k" * 900_000: 1})),
    "a long label": lambda: json.dumps(job(labels={"k" * 900_000: "v"})),
    "a long name": lambda: json.dumps(job(name="x" * 900_000)),
    "a long module": lambda: json.dumps(job(module="x" * 900_000)),
    "a long account": lambda: json.dumps(job(account="\\x07" * 200_000)),
    "long digits": lambda: json.dumps(job(job_id="7" * 900_000)),
    "a long number": lambda: '{"account":"acme","module":"Leads","job_id":' + "7" * 900_000 + "}",
    "an endless float": lambda: '{"account":"acme","module":"Leads","job_id":1e' + "9" * 900_000 + "}",
    "deep lists": lambda: "[" * 900_000,
    "deep closed lists": lambda: "[" * 450_000 + "]" * 450_000,
    "deep objects": lambda: '{"a":' * 180_000,
    "deep closed objects": lambda: '{"a":' * 90_000 + "1" + "}" * 90_000,
    "deep labels": lambda: json.dumps(job())[:-1] + ',"labels":' + '{"a":' * 70_000 + "1" + "}" * 70_001,
    "many empty jobs": lambda: json.dumps([{}] * 220_000),
    "many wrong jobs": lambda: json.dumps([{"a": 1, "b": 2, "c": 3}] * 30_000),
    "a thousand wrong jobs": lambda: json.dumps([{f"k{n}": n for n in range(80)}] * 1000),
    "many numbers": lambda: json.dumps([1] * 300_000),
    "equal keys": lambda: "{" + '"account":"acme",' * 50_000 + '"module":"Leads"}',
    "equal jobs": lambda: json.dumps([job()] * 18_000),
    "half characters": lambda: '{"\\ud800":1,' + ",".join(f'"\\udfff{n}":1' for n in range(60_000)) + "}",
    "half a character in a value": lambda: '{"account":"\\ud800","module":"Leads","job_id":"1","name":"\\udc00"}',
    "not a number": lambda: '{"account":NaN,"module":Infinity,"job_id":-Infinity}',
    "control characters": lambda: json.dumps(job(**{"\0\n\x1b[31m" * 60_000: "\u2028" * 40_000})),
    "escapes": lambda: json.dumps(job(labels={"\u4e2d" * 140_000: "x"})),
    "pointers": lambda: json.dumps(job(labels={"~/" * 440_000: 1})),
    "all at once": lambda: json.dumps([{"~" * 900: {"/" * 90: [[[[]]]]}}] * 800),
}
"""Bodies of about 0.9 MB that no program of good will sends."""


def job(**more: object) -> dict[str, object]:
    """Give a job as the API takes it, with further keys."""
    return {"account": "acme", "module": "Leads", "job_id": "1", **more}


def test_a8_hostile_bodies_get_short_answers(start: Start) -> None:
    """A body that is refused gets an answer of bounded size, in bounded time and memory, and is heard of nowhere."""
    exporter = start(environment={"ZOHO_JOB_LABELS": "team"})
    visitor = Visitor(exporter.port, headers=BEARER)
    answers: dict[str, Answer] = {}
    health: list[float] = []
    with meanwhile(lambda: health.append(Visitor(exporter.port).ask("/-/healthy").seconds)):
        for name, make in BODIES.items():
            answers[name] = visitor.ask("/api/v1/jobs", "POST", make().encode())
    assert {name: a.status for name, a in answers.items() if not 400 <= a.status < 500} == {}
    assert {name: len(a.body) for name, a in answers.items() if len(a.body) > 64 * KIB} == {}
    assert {name: a.seconds for name, a in answers.items() if a.seconds > 10} == {}
    assert max(health) < 3
    assert "Traceback" not in exporter.log
    assert len(exporter.log) < 10_000
    assert peak_mib(exporter.pid) < 200


def test_a8_hostile_bodies_at_once_stay_bounded(start: Start) -> None:
    """Several hostile bodies at once take no more memory than one and a bit."""
    exporter = start()
    visitor = Visitor(exporter.port, headers=BEARER)
    bodies = [BODIES[name]().encode() for name in ("bad labels", "many empty jobs", "deep labels", "many numbers")]
    statuses = all_answers(visitor, bodies * 3)
    assert set(statuses) <= {400, 413, 429, 503}
    assert Visitor(exporter.port).ask("/-/healthy").status == 200
    assert peak_mib(exporter.pid) < 300


def all_answers(visitor: Visitor, bodies: list[bytes]) -> list[int]:
    """Post bodies to the job API at the same time, and give the statuses."""
    return [answer.status for answer in all_at_once([partial(visitor.ask, "/api/v1/jobs", "POST", b) for b in bodies])]


def pipe(path: Path) -> None:
    """Make a named pipe that nobody writes to."""
    os.mkfifo(path)


def endless(path: Path) -> None:
    """Make a link to a device that never ends."""
    path.symlink_to("/dev/zero")


SETTINGS = """\
job_files: [jobs.d/*.yaml]
accounts:
  acme: {{accounts_url: "{url}", api_url: "{url}", client_id: 1000.X, {secrets}}}
"""
SECRET = "client-secret"
SECRETS = "client_secret_file: client-secret, refresh_token_file: refresh-token"
FILES = (
    *("zoho.yaml", "jobs.d/spring.yaml", "web.yml", ".env", "client-secret", "refresh-token", "api-token"),
    *("server.pem", "server.key", "ca.pem", "secrets/zoho_retention", "state.db"),
)
"""Files that the exporter opens, in the folder of `furnished`."""


@pytest.fixture(scope="module")
def authority(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Make an authority that signs for loopback."""
    return open_authority(program("openssl"), tmp_path_factory.mktemp("authority"))


def furnished(folder: Path, peer: Peer, authority: Authority) -> dict[str, str]:
    """Write all the files, good ones, into a folder, and give the variables that name them."""
    identity = authority.issue("server")
    texts = {
        "zoho.yaml": SETTINGS.format(url=peer.url, secrets=SECRETS),
        "jobs.d/spring.yaml": "jobs: [{module: Leads, job_id: 1}]\n",
        "web.yml": "basic_auth_users: {}\ntls_server_config: {cert_file: server.pem, key_file: server.key}\n",
        ".env": "ZOHO_RETENTION=1d\n",
        "client-secret": "client-secret-0123456789",
        "refresh-token": "refresh-token-0123456789",
        "api-token": API_TOKEN,
        "server.pem": identity.file.read_text(),
        "server.key": identity.key.read_text(),
        "ca.pem": authority.identity.file.read_text(),
        "secrets/zoho_retention": "2d",
    }
    for name, text in texts.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    named = {"WEB__CONFIG_FILE": "web.yml", "WEB__API_TOKEN_FILE": "api-token", "CA_BUNDLE": "ca.pem"}
    named |= {"SECRETS_DIR": "secrets", "STATE__PATH": "state.db", "POLL_TIMEOUT": "2s"}
    return {f"ZOHO_{name}": value for name, value in named.items()}


def put(path: Path, make: Callable[[Path], None]) -> None:
    """Put something else in the place of a file."""
    path.unlink(missing_ok=True)
    make(path)


@pytest.mark.parametrize("make", [pipe, endless])
def test_a7_pipes_for_files_hang_no_start(
    build: list[str], peer: Peer, authority: Authority, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    """A start with a named pipe or an endless device for any file is refused or serves, and can be ended."""

    def begun(name: str) -> Ended:
        folder = tmp_path / name.replace("/", "-")
        folder.mkdir()
        step = Doorstep(build, unmeasured_environment(**furnished(folder, peer, authority)), folder)
        put(folder / name, make)
        return step.run("--config.file=zoho.yaml", visit=visited)

    with ThreadPoolExecutor(3) as pool:
        ends = dict(zip(FILES, pool.map(begun, FILES), strict=True))
    assert {name: (end.status, end.served) for name, end in ends.items() if not end.is_clean} == {}
    assert {name: len(end.log) for name, end in ends.items() if len(end.log) > 5000} == {}
    assert {name: end.peak_mib for name, end in ends.items() if end.peak_mib > 250} == {}


def visited(visitor: Visitor) -> None:
    """Scrape and reload, over TLS or without."""
    careless = ssl.create_default_context()
    careless.check_hostname, careless.verify_mode = False, ssl.CERT_NONE
    for guest in (visitor, replace(visitor, tls=careless)):
        guest.ask("/metrics", patience=15)
        guest.ask("/-/reload", "POST", patience=15, headers=BEARER)


@pytest.mark.parametrize("make", [pipe, endless])
def test_a7_pipes_for_files_hang_no_reload(
    start: Start, peer: Peer, authority: Authority, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    """While serving, a named pipe or a device in any file's place hangs no reload, no scrape and no stop."""
    variables = {**furnished(tmp_path, peer, authority), "ZOHO_CLIENT_SECRET": None, "ZOHO_REFRESH_TOKEN": None}
    exporter = start("--config.file=zoho.yaml", environment=variables)
    visitor = Visitor(exporter.port, trusting(authority.identity.file))
    reload = partial(visitor.ask, "/-/reload", "POST", patience=15.0)
    assert reload().status == 200
    for name in FILES[:-1]:
        good = (tmp_path / name).read_bytes()
        put(tmp_path / name, make)
        answers = all_at_once([reload] * 6)
        exporter.send(signal.SIGHUP)
        assert {answer.status for answer in answers} != {0}, name
        assert visitor.ask("/-/healthy", patience=5).status == 200, name
        assert visitor.scrape(5).status == 200, name
        (tmp_path / name).unlink()
        (tmp_path / name).write_bytes(good)
        assert reload().status == 200, name
    put(tmp_path / "zoho.yaml", make)
    exporter.send(signal.SIGHUP)
    assert exporter.stop() < STOP_SECONDS
    assert exporter.process.returncode == 0


def keys(size: int) -> str:
    """Give a mapping of short keys of about so many bytes."""
    return "\n".join(f"k{n}: {n}" for n in range(size // 18)) + "\n"


def bomb() -> str:
    """Give a short YAML text that becomes very long when its aliases are followed."""
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    return "\n".join(rows) + "\n"


def merges() -> str:
    """Give a YAML text whose merge keys are followed again and again."""
    rows = ["a0: &a0 {x0: 1, y0: 2}"]
    rows += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}], x{n}: 1}}" for n in range(1, 12)]
    return "\n".join(rows) + "\n"


HUGE: dict[str, Callable[[], str]] = {
    "keys": lambda: keys(4 * MIB),
    "equal keys": lambda: "a: 1\n" * (4 * MIB // 6),
    "list": lambda: "jobs:\n" + "- 1\n" * 900_000,
    "jobs": lambda: "jobs:\n" + "".join(f"- {{module: Leads, job_id: {n}}}\n" for n in range(100_000)),
    "deep lists": lambda: "[" * 100_000,
    "deep closed lists": lambda: "a: " + "[" * 2000 + "]" * 2000,
    "deep mappings": lambda: "{a: " * 20_000,
    "deep indents": lambda: "".join(" " * n + f"k{n}:\n" for n in range(2500)),
    "one word": lambda: "a" * (4 * MIB - 99),
    "one value": lambda: "a: " + "1" * (4 * MIB - 99) + "\n",
    "a number to the base of 60": lambda: "a: 1" + ":59" * 50_000 + "\n",
    "anchors": lambda: "".join(f"k{n}: &a{n} 1\n" for n in range(200_000)),
    "aliases": bomb,
    "merges": merges,
    "dashes": lambda: "- " * (MIB // 2) + "\n",
    "documents": lambda: "---\n" * 900_000,
    "comments": lambda: "# x\n" * 900_000,
    "questions": lambda: "? " * 50_000,
    "quotes": lambda: '"' + "\\x41" * 900_000,
}
"""Files that are too much."""


CASES = [("zoho.yaml", shape) for shape in HUGE] + [
    ("web.yml", "keys"),
    ("jobs.d/spring.yaml", "jobs"),
    (".env", "keys"),
]


@pytest.mark.timeout(600)  # as many starts as there are cases, each of which may take its time of the processor
def test_a9_huge_files_are_refused_soon(build: list[str], peer: Peer, authority: Authority, tmp_path: Path) -> None:
    """A start with a file of far too much is refused, in bounded time and memory, with a few lines."""

    def begun(place: str, shape: str) -> Ended:
        folder = tmp_path / f"{place}-{shape}".replace("/", "-")
        folder.mkdir()
        step = Doorstep(build, unmeasured_environment(**furnished(folder, peer, authority)), folder)
        (folder / place).write_text(HUGE[shape](), encoding="utf-8")
        return step.run("--config.file=zoho.yaml")

    with ThreadPoolExecutor(3) as pool:
        ends = dict(zip(CASES, pool.map(begun, *zip(*CASES, strict=True)), strict=True))
    assert {case: (end.status, end.served) for case, end in ends.items() if not end.is_clean} == {}
    assert {case: end.peak_mib for case, end in ends.items() if end.peak_mib > 200} == {}
    assert {case: len(end.log) for case, end in ends.items() if len(end.log) > 64 * KIB} == {}
    assert "Traceback" not in "".join(end.log for end in ends.values())


@pytest.mark.timeout(600)
@pytest.mark.parametrize("place", ["zoho.yaml", "web.yml", "jobs.d/spring.yaml", ".env", "api-token", SECRET])
def test_a9_huge_files_hold_up_no_server(
    start: Start, peer: Peer, authority: Authority, tmp_path: Path, place: str
) -> None:
    """A file that grows to far too much while serving is told of, and takes neither time nor memory."""
    variables = {**furnished(tmp_path, peer, authority), "ZOHO_CLIENT_SECRET": None, "ZOHO_REFRESH_TOKEN": None}
    exporter = start("--config.file=zoho.yaml", environment=variables)
    visitor = Visitor(exporter.port, trusting(authority.identity.file))
    shapes = list(HUGE) if place in {"web.yml", "jobs.d/spring.yaml"} else ["keys", "jobs", "one word"]
    for shape in shapes:
        (tmp_path / place).write_text(HUGE[shape](), encoding="utf-8")
        before = cpu_seconds(exporter.pid)
        answer = visitor.ask("/-/reload", "POST", patience=60)
        assert (answer.status != 0, cpu_seconds(exporter.pid) - before < CPU_SECONDS) == (True, True), shape
        assert len(answer.body) < 64 * KIB, shape
        scraped = visitor.scrape(5)
        assert (scraped.status, scraped.seconds < 8) == (200, True), shape
    assert cpu_seconds(exporter.pid) < 60
    assert peak_mib(exporter.pid) < 200
    assert len(exporter.log) < 64 * KIB
    assert "Traceback" not in exporter.log
