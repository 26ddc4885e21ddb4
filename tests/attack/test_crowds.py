"""Attacks by many at once: probes, pages, logins, jobs and connections."""

import json
import resource
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median

import bcrypt
import pytest
from attack.attacked import Attacked, HeldUp
from attack.conftest import API_TOKEN
from attack.peer import Call, End, Peer, Step, answer, report
from attack.visitors import KIB, Answer, Visitor, all_at_once, login, meanwhile

Start = Callable[..., Attacked]

BEARER = {"Authorization": f"Bearer {API_TOKEN}"}
LATENESS_SECONDS = 3.0
"""How much later than granted an answer may be on a busy machine."""


def silent(_: Call) -> list[Step]:
    """Say nothing."""
    return [End.HOLD]


def listed(job_ids: Sequence[int]) -> str:
    """Give the setting that watches these jobs of Leads."""
    return ",".join(f"Leads/{job_id}" for job_id in job_ids)


def probe(job_id: int) -> str:
    """Give the path that probes a job."""
    return f"/probe?crm_module=Leads&job_id={job_id}"


@contextmanager
def under_way(calls: Sequence[Callable[[], Answer]]) -> Iterator[list[Answer]]:
    """Make calls at the same time while the block runs; their answers are there after it."""
    answers: list[Answer] = []
    with ThreadPoolExecutor(len(calls)) as pool:
        waiting = [pool.submit(call) for call in calls]
        time.sleep(1)
        yield answers
        answers.extend(call.result() for call in waiting)


CROWDS = [(25, 25), (25, 1), (39, 39), (90, 1)]
"""How many probes wait, and how many of their jobs are declared."""


def test_t5_hung_probes_keep_nobody_out(start: Start, peer: Peer) -> None:
    """While Zoho is silent and probes of one address wait, its /metrics and the health checks are answered."""
    peer.status = silent
    hung = {"ZOHO_POLL_TIMEOUT": "6s", "ZOHO_STATE__PATH": "memory"}
    exporters = [start(environment={"ZOHO_JOBS": listed(range(1, declared + 1)), **hung}) for _, declared in CROWDS]

    def crowded(exporter: Attacked, case: tuple[int, int]) -> None:
        visitor, crowd = Visitor(exporter.port), case[0]
        with under_way([partial(visitor.scrape, 5, probe(job_id)) for job_id in range(1, crowd + 1)]) as probed:
            held_up = HeldUp(exporter.pid)
            pages = all_at_once([partial(visitor.scrape, 2), partial(visitor.scrape, 2, "/metrics?collect[]=exporter")])
            health = [visitor.ask(path) for path in ("/-/healthy", "/-/ready") * 3]
            late = LATENESS_SECONDS + held_up.seconds
        assert [page.status for page in pages] == [200, 200], case
        assert [page.seconds for page in pages if page.seconds > 2 + late] == [], case
        assert [check.status for check in health if check.status == 0 or check.seconds > late] == [], case
        assert {check.status for check in health[::2]} == {200}, case
        assert {page.status for page in probed} <= ({200} if crowd < 40 else {200, 503}), case

    all_at_once([partial(crowded, *attacked) for attacked in zip(exporters, CROWDS, strict=True)])


def test_t5_slow_readers_and_hung_probes_keep_nobody_out(start: Start, peer: Peer) -> None:
    """Neither do probes from an address that also has connections which send half and read nothing."""
    peer.status = silent
    visitor = Visitor(start(environment={"ZOHO_POLL_TIMEOUT": "6s", "ZOHO_JOBS": listed(range(1, 26))}).port)
    with ExitStack() as stack:
        for number in range(60):
            payload = b"GET /metr" if number % 2 else b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n" * 5
            stack.enter_context(visitor.connected()).sendall(payload)
        with under_way([partial(visitor.scrape, 5, probe(job_id)) for job_id in range(1, 26)]) as probed:
            assert visitor.scrape(2).status == 200
            assert visitor.ask("/-/healthy").status == 200
    assert {page.status for page in probed} == {200}


@pytest.mark.parametrize("has_gone", [False, True], ids=["stay", "leave"])
@pytest.mark.parametrize("path", ["/metrics", probe(7)], ids=["metrics", "probe"])
def test_strangers_who_wait_for_long_keep_prometheus_out_of_nothing(
    start: Start, peer: Peer, path: str, *, has_gone: bool
) -> None:
    """More of them than there are places, who say that they have for ever: whether they stay or leave."""
    peer.status = silent
    hung = {"ZOHO_POLL_TIMEOUT": "8s", "ZOHO_MAX_CONCURRENCY": "1", "ZOHO_STATE__PATH": "memory"}
    exporter = start(environment={"ZOHO_JOBS": listed(range(1, 21)), **hung})
    stranger, visitor = Visitor(exporter.port, address="127.0.0.2"), Visitor(exporter.port)
    asked = f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Prometheus-Scrape-Timeout-Seconds: 1e9\r\n\r\n".encode()
    with ExitStack() as stack:
        for _ in range(90):
            stack.enter_context(stranger.connected()).sendall(asked)
        if has_gone:
            stack.close()
        pages = all_at_once([partial(visitor.scrape, 10, path)] * 5)
    assert [page.status for page in pages] == [200] * 5


@pytest.mark.parametrize("path", ["/metrics", probe(7), "/-/healthy", "/"])
def test_client_that_ends_what_it_sends_is_answered(start: Start, peer: Peer, path: str) -> None:
    """With the whole page, however long it would have been waited for."""
    peer.status = silent
    exporter = start(environment={"ZOHO_JOBS": listed(range(1, 21)), "ZOHO_POLL_TIMEOUT": "8s"})
    with Visitor(exporter.port).connected() as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        connection.shutdown(socket.SHUT_WR)
        head, _, body = b"".join(iter(lambda: connection.recv(65_536), b"")).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert f"content-length: {len(body)}\r\n".encode() in head.lower() + b"\r\n"


def test_what_follows_a_request_of_two_lengths_is_not_answered(start: Start) -> None:
    """A proxy that lets nothing through but the API's path takes it for a body."""
    visitor = Visitor(start().port)
    inner = b"0\r\n\r\nGET /config HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    head = f"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {API_TOKEN}\r\n"
    lengths = f"Content-Length: {len(inner)}\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = visitor.send(f"{head}{lengths}".encode() + inner, 30)
    assert (answer[9:12], answer.count(b"HTTP/1.1 ")) == (b"400", 1)


@pytest.mark.parametrize(
    ("path", "watched"), [(probe(7), 100), ("/metrics", 20), (None, 100)], ids=["one job", "metrics", "a job each"]
)
def test_t6_hundred_at_once_keep_their_deadline(start: Start, peer: Peer, path: str | None, watched: int) -> None:
    """A hundred scrapes at once that the flag lets in are all answered in the time that each was granted."""
    peer.status = silent
    ids = range(1, 101)
    environment = {"ZOHO_JOBS": listed(range(1, watched + 1)), "ZOHO_POLL_TIMEOUT": "8s"}
    exporter = start("--web.max-requests=400", environment=environment)
    held_up, visitor = HeldUp(exporter.pid), Visitor(exporter.port)
    answers = all_at_once([partial(visitor.scrape, 5, path or probe(job_id)) for job_id in ids])
    assert {page.status for page in answers} == {200}
    assert max(page.seconds for page in answers) - held_up.seconds < 5 + LATENESS_SECONDS


def test_t6_late_crowd_is_counted_from_its_arrival(start: Start, peer: Peer) -> None:
    """Scrapes that come while as many others wait are not late by the others' time."""
    peer.status = silent
    environment = {"ZOHO_JOBS": listed(range(1, 201)), "ZOHO_POLL_TIMEOUT": "8s"}
    exporter = start("--web.max-requests=400", environment=environment)
    visitor = Visitor(exporter.port)
    with under_way([partial(visitor.scrape, 6, probe(job_id)) for job_id in range(1, 81)]) as early:
        held_up = HeldUp(exporter.pid)
        late = all_at_once([partial(visitor.scrape, 3, probe(job_id)) for job_id in range(81, 161)])
        held_up_seconds = held_up.seconds
    assert {page.status for page in (*early, *late)} == {200}
    assert max(page.seconds for page in late) - held_up_seconds < 3 + LATENESS_SECONDS


JOBS = 4_000


def test_t7_big_pages_hold_up_no_health_check(start: Start) -> None:
    """With thousands of jobs no page, list, document or registration makes health checks wait."""
    environment = {"ZOHO_MAX_JOBS": "100000", "ZOHO_JOBS": listed(range(JOBS)), "ZOHO_STATE__PATH": "memory"}
    exporter = start(environment={**environment, "ZOHO_DAILY_CREDIT_BUDGET": "0"})
    visitor = Visitor(exporter.port, headers=BEARER)
    for first in range(100_000, 102_000, 500):
        assert register(visitor, range(first, first + 500)) == 201
    idle = [exporter.ask("/-/healthy").seconds for _ in range(20)]
    more = count(1_000_000)
    for path in ("/config", "/api/v1/jobs", "/sd/jobs", "/api/v1/openapi.json", "/", "/metrics?collect[]=jobs", "POST"):
        health: list[float] = []
        with meanwhile(partial(check_health, exporter, health)):
            if path == "POST":
                assert register(visitor, [next(more) for _ in range(1000)]) == 201
            else:
                assert visitor.ask(path).status == 200, path
        assert max(health) < max(1.0, 50 * median(idle)), path


def check_health(exporter: Attacked, health: list[float]) -> None:
    """Note how long a health check takes."""
    checked = exporter.ask("/-/healthy")
    assert checked.status == 200
    health.append(checked.seconds)
    time.sleep(0.02)


def register(visitor: Visitor, ids: Sequence[int]) -> int:
    """Register jobs over the API, and give the status."""
    body = [{"account": "acme", "module": "Leads", "job_id": str(job_id)} for job_id in ids]
    return visitor.ask("/api/v1/jobs", "POST", json.dumps(body).encode()).status


@pytest.mark.parametrize("pace", ["silent", "slow"])
def test_t8_pages_of_many_jobs_come_in_time(start: Start, peer: Peer, pace: str) -> None:
    """With 3,000 jobs whose polls run to the deadline each page is there, whole, within what Prometheus grants."""
    peer.status = silent if pace == "silent" else lambda _: [0.1, answer(report(updated=1))]
    environment = {"ZOHO_MAX_JOBS": "5000", "ZOHO_MAX_CONCURRENCY": "25", "ZOHO_POLL_TIMEOUT": "6s"}
    exporter = start(environment={**environment, "ZOHO_STATE__PATH": "memory"})
    visitor = Visitor(exporter.port, headers=BEARER)
    for first in range(1, 3000, 1000):
        assert register(visitor, range(first, first + 1000)) == 201
    granted = {"X-Prometheus-Scrape-Timeout-Seconds": "5", "Accept-Encoding": "gzip"}
    for _ in range(3):
        page = exporter.ask("/metrics", headers={**BEARER, **granted})
        assert page.status == 200
        assert page.seconds < 5 + 0.5


PASSWORD = "the-right-password"


@pytest.fixture(scope="module")
def passwords(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a web-config file with several users, whose checks take as long as real ones."""
    users = {f"user{n}": bcrypt.hashpw(f"{PASSWORD}{n}".encode(), bcrypt.gensalt(10)).decode() for n in range(5)}
    path = tmp_path_factory.mktemp("web") / "web.yml"
    path.write_text(json.dumps({"basic_auth_users": users}))
    return path


@pytest.mark.parametrize("users", [1, 5])
@pytest.mark.parametrize("guessers", [0, 4])
def test_t10_first_logins_at_once_come_in(start: Start, passwords: Path, users: int, guessers: int) -> None:
    """The first twenty scrapes with right passwords all come in, whoever guesses from the same address meanwhile."""
    visitor = Visitor(start(f"--web.config.file={passwords}", environment={"ZOHO_JOBS": "Leads/1"}).port)
    number = count()

    def guess() -> None:
        visitor.ask("/metrics", headers=login("user0", f"wrong{next(number)}"))

    def enter(user: int) -> Answer:
        return visitor.ask("/metrics", headers=login(f"user{user}", f"{PASSWORD}{user}"))

    with ExitStack() as stack:
        if guessers:
            stack.enter_context(meanwhile(guess, guessers))
            time.sleep(0.5)
        answers = all_at_once([partial(enter, n % users) for n in range(20)])
    assert [page.status for page in answers] == [200] * 20


def test_t10_logins_after_a_change_come_in(start: Start, passwords: Path, tmp_path: Path) -> None:
    """After the passwords have changed, all that come at once with a new one are let in, and none with the old."""
    path = tmp_path / "web.yml"
    path.write_text(passwords.read_text())
    visitor = Visitor(start(f"--web.config.file={path}").port)
    old, new = login("user0", f"{PASSWORD}0"), login("user0", "another-password")
    assert visitor.ask("/config", headers=old).status == 200
    hashed = bcrypt.hashpw(b"another-password", bcrypt.gensalt(10)).decode()
    path.write_text(json.dumps({"basic_auth_users": {"user0": hashed}}))
    answers = all_at_once([partial(visitor.ask, "/config", headers=headers) for headers in [old] + [new] * 15])
    assert [page.status for page in answers[1:]] == [200] * 15
    assert answers[0].status in {401, 429}


@pytest.fixture
def many_files() -> Iterator[None]:
    """Let this process open enough connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(params=["256:4096", "256:256"])
def limit(request: pytest.FixtureRequest) -> str:
    """Give a soft and a hard limit of open files."""
    return str(request.param)


@pytest.fixture
def build(build: list[str], request: pytest.FixtureRequest) -> list[str]:
    """Give the build under a limit of open files, in the tests that have one."""
    if "limit" not in request.fixturenames:
        return build
    return ["prlimit", f"--nofile={request.getfixturevalue('limit')}", *build]


@pytest.mark.usefixtures("many_files")
def test_a10_many_connections_write_no_log(start: Start, limit: str) -> None:
    """More connections than files may be open cost a line of log for each outage, and nothing is left of them."""
    exporter = start(environment={"ZOHO_JOBS": "Leads/1"})
    before = len(exporter.log)
    for outage in range(2):
        with ExitStack() as stack:
            with suppress(OSError):
                for number in range(600):
                    visitor = Visitor(exporter.port, address=f"127.0.0.{1 + number % 8}")
                    stack.enter_context(visitor.connected(2)).sendall(b"GET /metr" if number % 2 else b"")
            time.sleep(1)
            if limit == "256:4096":
                assert Visitor(exporter.port, address="127.0.0.99").ask("/-/healthy", patience=10).status == 200
        deadline = time.monotonic() + 15
        while Visitor(exporter.port).ask("/-/healthy", patience=2).status != 200:
            assert time.monotonic() < deadline, outage
        assert exporter.scrape().states() == {"1": "RUNNING"}
    written = len(exporter.log) - before
    assert written < 16 * KIB
    assert "Traceback" not in exporter.log[-4000:]
    assert exporter.stop() < 15
    assert exporter.process.returncode == 0


def test_files_that_are_short_after_the_start_write_no_traceback(start: Start, peer: Peer) -> None:
    """What polls need is loaded in the background, where it can be; by the first poll at the latest."""
    exporter = start(environment={"ZOHO_JOBS": "Leads/1"})
    _, hard = resource.prlimit(exporter.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(exporter.process.pid, resource.RLIMIT_NOFILE, (8, hard))
    time.sleep(3)
    resource.prlimit(exporter.process.pid, resource.RLIMIT_NOFILE, (hard, hard))
    assert Visitor(exporter.port).ask("/metrics").status == 200
    assert peer.polls
    exporter.stop()
    assert "Traceback" not in "".join(exporter.log)
