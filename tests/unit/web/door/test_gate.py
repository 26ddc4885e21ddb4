"""The gate: who comes in, with how much, and how many at once; over real HTTP."""

import base64
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Event

import bcrypt
import pytest
import requests
from sites import Serve, Site
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from exporter.web.access import USER
from exporter.web.admission import Admission
from exporter.web.gate import Gate

USERS = {"alice": bcrypt.hashpw(b"right", bcrypt.gensalt(4))}
MIB = 1024 * 1024


class Held:
    """A page that takes until a test says so."""

    def __init__(self) -> None:
        self.entered = Event()
        self.released = Event()

    async def answer(self, _: Request) -> Response:
        """Wait, and answer."""
        self.entered.set()
        await run_in_threadpool(self.released.wait, 30)
        return PlainTextResponse("done")


@pytest.fixture
def held() -> Iterator[Held]:
    """Give a page that is let go at the latest when the test ends."""
    page = Held()
    yield page
    page.released.set()


@pytest.fixture
def site(serve: Serve, held: Held) -> Callable[..., Site]:
    """Give a function that serves some routes behind a gate."""

    async def echo(request: Request) -> Response:
        body = await request.body()
        return JSONResponse({"bytes": len(body), "user": request.scope.get(USER)})

    async def own_headers(_: Request) -> Response:
        return PlainTextResponse("own", headers={"Content-Security-Policy": "own", "X-Frame-Options": "own"})

    routes = [
        Route("/echo", echo, methods=["GET", "POST"]),
        Route("/own", own_headers),
        Route("/held", held.answer),
        Route("/-/healthy", echo),
        Route("/-/ready", echo),
    ]

    def start(access: Admission | None = None, max_requests: int = 40) -> Site:
        given = access or Admission()
        return serve(Gate(Starlette(routes=routes), lambda: given, max_requests=max_requests))

    return start


def raw(url: str, request: bytes) -> bytes:
    """Send bytes and give all that comes back until the server closes."""
    host, _, port = url.removeprefix("http://").partition(":")
    with closing(socket.create_connection((host, int(port)), timeout=30)) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(
    ("login", "status", "said"),
    [
        pytest.param(("alice", "right"), 200, '{"bytes":0,"user":"alice"}', id="right"),
        pytest.param(("alice", "wrong"), 401, "this user and password are not known\n", id="wrong"),
        pytest.param(("bob", "right"), 401, "this user and password are not known\n", id="unknown"),
        pytest.param(None, 401, "a user and a password are needed\n", id="none"),
    ],
)
def test_users_come_in_by_their_passwords(
    site: Callable[..., Site], login: tuple[str, str] | None, status: int, said: str
) -> None:
    """A refusal says what to do, to people and to browsers."""
    answer = requests.get(f"{site(Admission(users=USERS)).url}/echo", auth=login, timeout=30)
    assert (answer.status_code, answer.text) == (status, said)
    challenge = 'Basic realm="zoho-mass-update-exporter", charset="UTF-8"' if status == 401 else None
    assert answer.headers.get("WWW-Authenticate") == challenge


@pytest.mark.parametrize("path", ["/-/healthy", "/-/ready"])
def test_health_needs_no_password(site: Callable[..., Site], path: str) -> None:
    """Orchestrators have none."""
    assert requests.get(f"{site(Admission(users=USERS)).url}{path}", timeout=30).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/-/healthy/../../echo",
        "/-/healthy/..%2f..%2fecho",
        "/-/healthy%00",
        "//-/healthy",
        "/%2d/healthy/echo",
        "/-/healthy/",
        "/-/healthy;/echo",
        "/echo?/-/healthy",
        "http://x/-/healthy",
    ],
)
def test_no_path_leads_around_the_password(site: Callable[..., Site], path: str) -> None:
    """What is not exactly a health check is not taken for one."""
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert raw(site(Admission(users=USERS)).url, request.encode()).startswith(b"HTTP/1.1 401 ")


def test_crowd_of_passwords_is_told_to_come_back(site: Callable[..., Site]) -> None:
    """Of many guesses at once some are not checked, and those who know the password come in all the while."""
    users = {"alice": bcrypt.hashpw(b"right", bcrypt.gensalt(12))}
    url = f"{site(Admission(users=users)).url}/echo"
    assert requests.get(url, auth=("alice", "right"), timeout=30).ok
    with ThreadPoolExecutor(8) as pool:
        guesses = pool.map(lambda n: requests.get(url, auth=("alice", f"guess {n}"), timeout=60), range(8))
        assert requests.get(url, auth=("alice", "right"), timeout=30).ok
        answers = list(guesses)
    assert {answer.status_code for answer in answers} == {401, 429}
    assert {answer.headers["Retry-After"] for answer in answers if answer.status_code == 429} == {"1"}


def test_too_many_requests_at_once_are_told_to_come_back(site: Callable[..., Site], held: Held) -> None:
    """Health checks pass all the same, and room is made by the first that is done."""
    url = site(max_requests=1).url
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(requests.get, f"{url}/held", timeout=60)
        held.entered.wait(30)
        second = requests.get(f"{url}/echo", timeout=30)
        healthy = requests.get(f"{url}/-/healthy", timeout=30)
        held.released.set()
        assert first.result().text == "done"
    assert (second.status_code, second.headers["Retry-After"]) == (503, "1")
    assert second.text == "too many requests at once\n"
    assert healthy.status_code == 200
    assert requests.get(f"{url}/echo", timeout=30).ok


def test_one_address_takes_half_of_the_places(site: Callable[..., Site], held: Held) -> None:
    """The other half is left to the others."""
    url = site(max_requests=2).url
    host, _, port = url.removeprefix("http://").partition(":")
    request = b"GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(requests.get, f"{url}/held", timeout=60)
        held.entered.wait(30)
        assert requests.get(f"{url}/echo", timeout=30).status_code == 503
        with socket.create_connection((host, int(port)), timeout=30, source_address=("127.0.0.2", 0)) as other:
            other.sendall(request)
            assert other.recv(65536).startswith(b"HTTP/1.1 200 OK")
        held.released.set()
        assert first.result().ok


def test_slow_body_takes_no_place(site: Callable[..., Site]) -> None:
    """Whoever brings a body byte by byte holds up nobody."""
    url = site(max_requests=1).url
    host, _, port = url.removeprefix("http://").partition(":")
    with closing(socket.create_connection((host, int(port)), timeout=30)) as slow:
        slow.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\n12")
        assert requests.get(f"{url}/echo", timeout=30).ok
        slow.sendall(b"345")
        assert b'{"bytes":5,' in b"".join(iter(lambda: slow.recv(65536), b""))


def test_api_is_refused_in_its_own_words(site: Callable[..., Site]) -> None:
    """Programs that register jobs get a problem+json from the gate too, with the challenge where there is one."""
    url = site(Admission(users=USERS)).url
    answer = requests.post(f"{url}/api/v1/jobs", timeout=10)
    assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/problem+json")
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert answer.json() == {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": "a user and a password are needed.",
    }
    large = requests.post(f"{url}/api/v1/jobs", data=b" " * (MIB + 1), auth=("alice", "right"), timeout=10)
    assert (large.status_code, large.headers["Content-Type"]) == (413, "application/problem+json")


@pytest.mark.parametrize("is_chunked", [False, True], ids=["announced", "chunked"])
@pytest.mark.parametrize(("size", "status"), [(MIB, 200), (MIB + 1, 413)])
def test_body_is_bounded(site: Callable[..., Site], *, is_chunked: bool, size: int, status: int) -> None:
    """1 MiB passes and not a byte more, whether its size is announced or not; the refusal is read by the client."""
    body = iter([b"x" * size]) if is_chunked else b"x" * size
    answer = requests.post(f"{site().url}/echo", data=body, timeout=60)
    assert answer.status_code == status
    expected = '{"bytes":1048576,"user":null}' if status == 200 else "the request's body is larger than 1 MiB\n"
    assert answer.text == expected


def test_announced_body_is_refused_before_it_is_sent(site: Callable[..., Site]) -> None:
    """The size alone is enough."""
    request = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\nConnection: close\r\n\r\n"
    assert raw(site().url, request).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("ending", ["\r\nConnection: close\r\n\r\n", ""], ids=["whole", "unfinished"])
@pytest.mark.parametrize("start", ["GET /", "GET /echo HTTP/1.1\r\nHost: x\r\nX: "], ids=["path", "header"])
def test_head_is_bounded(site: Callable[..., Site], start: str, ending: str) -> None:
    """More than 16 KiB are refused, whether the end has come or not."""
    version = " HTTP/1.1\r\nHost: x" if start == "GET /" and ending else ""
    request = f"{start}{'x' * 17_000}{version}{ending}"
    assert raw(site().url, request.encode()).startswith(b"HTTP/1.1 431 ")


def test_head_of_the_usual_size_passes(site: Callable[..., Site]) -> None:
    """Long tokens and cookies fit."""
    assert requests.get(f"{site().url}/echo", headers={"Cookie": "x" * 8000}, timeout=30).ok


@pytest.mark.parametrize(
    "request_line",
    ["GET /echo FTP/1.1", "GET\t/echo", "\x16\x03\x01\x02", "GET /\xff HTTP/1.1", "GET /echo HTTP/1.1\r\nHost : x"],
)
def test_what_is_no_http_is_refused(site: Callable[..., Site], request_line: str) -> None:
    """With a 400, and the connection ends."""
    answer = raw(site().url, request_line.encode("latin-1") + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nx-content-type-options: nosniff\r\n" in answer


def test_every_answer_has_headers_of_safety(site: Callable[..., Site]) -> None:
    """Refusals too."""
    url = site(Admission(users=USERS)).url
    for path in ("/-/healthy", "/echo", "/nowhere"):
        headers = requests.get(f"{url}{path}", timeout=30).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "deny"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; ")


def test_headers_are_the_answers_own_then_the_configured_then_ours(site: Callable[..., Site]) -> None:
    """An empty one that is configured is not sent."""
    configured = {"X-Frame-Options": "sameorigin", "X-Content-Type-Options": "", "X-XSS-Protection": "0"}
    url = site(Admission(headers=configured)).url
    own, other = (requests.get(f"{url}{path}", timeout=30).headers for path in ("/own", "/echo"))
    assert (own["Content-Security-Policy"], own["X-Frame-Options"]) == ("own", "own")
    assert (other["X-Frame-Options"], other["X-XSS-Protection"]) == ("sameorigin", "0")
    assert "X-Content-Type-Options" not in other


def test_login_of_a_request_is_not_that_of_the_next(site: Callable[..., Site]) -> None:
    """Two requests in one connection are two logins."""
    token = base64.b64encode(b"alice:right").decode()
    head = "GET /echo HTTP/1.1\r\nHost: x\r\n"
    both = f"{head}Authorization: Basic {token}\r\n\r\n{head}Connection: close\r\n\r\n"
    answers = raw(site(Admission(users=USERS)).url, both.encode())
    assert answers.count(b"HTTP/1.1 200 ") == 1
    assert answers.count(b"HTTP/1.1 401 ") == 1
