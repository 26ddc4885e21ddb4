"""The gate: who comes in, with how much, and how many at once; over real HTTP."""

import base64
import select
import socket
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, closing, contextmanager, suppress
from threading import Event, Semaphore

import bcrypt
import pytest
import requests
from sites import Serve, Site, user_guard
from starlette.responses import JSONResponse, PlainTextResponse, Response

from exporter.web.door import Gate, Route
from exporter.web.guard import Entry, Guard
from exporter.web.request import Request

USERS = {"alice": bcrypt.hashpw(b"right", bcrypt.gensalt(4))}
MIB = 1024 * 1024


class Held:
    """A page that takes until a test says so."""

    def __init__(self) -> None:
        self.entered = Semaphore(0)
        self.released = Event()

    def answer(self, _: Request) -> Response:
        """Wait, and answer."""
        self.entered.release()
        self.released.wait(30)
        return PlainTextResponse("done")

    def wait(self, request: Request) -> Response:
        """Wait until a test or the server says that it is enough."""
        self.entered.release()
        return PlainTextResponse("enough" if request.enough.wait(30) else "in vain")

    def is_entered(self, times: int = 1) -> bool:
        """Wait until so many more requests are inside."""
        return all(self.entered.acquire(timeout=30) for _ in range(times))


@pytest.fixture
def held() -> Iterator[Held]:
    """Give a page that is let go at the latest when the test ends."""
    page = Held()
    yield page
    page.released.set()


def echo(request: Request) -> Response:
    """Say what came."""
    return JSONResponse({"bytes": len(request.body), **request.names})


def own_headers(_: Request) -> Response:
    """Answer with headers of its own."""
    return PlainTextResponse("own", headers={"Content-Security-Policy": "own", "X-Frame-Options": "own"})


def long(_: Request) -> Response:
    """Answer with what is worth compressing."""
    return Response(b"x" * 2048)


def large(_: Request) -> Response:
    """Answer with more than the network's buffers hold."""
    return Response(b"x" * 32 * MIB)


@pytest.fixture
def site(serve: Serve, held: Held) -> Callable[..., Site]:
    """Give a function that serves some routes behind a gate."""
    routes = [
        Route("GET", "/echo", echo),
        Route("POST", "/echo", echo),
        Route("GET", "/echo/{name}", echo),
        Route("GET", "/own", own_headers),
        Route("GET", "/large", large),
        Route("GET", "/long", long),
        Route("GET", "/held", held.answer),
        Route("GET", "/waiting", held.wait, Entry.SCRAPER),
        Route("GET", "/held/probe", held.answer, Entry.PROBER),
        Route("GET", "/held/ready", held.answer, Entry.READINESS),
        Route("GET", "/metrics", echo, Entry.SCRAPER),
        Route("GET", "/-/healthy", echo, Entry.HEALTH),
        Route("GET", "/-/ready", echo, Entry.HEALTH),
    ]

    def start(guard: Guard | None = None, max_requests: int = 40, seconds: float = 30.0) -> Site:
        return serve(Gate(routes, guard, max_requests=max_requests, granted=lambda _: seconds))

    return start


def raw(url: str, request: bytes, *, is_half_closed: bool = False) -> bytes:
    """Send bytes and give all that comes back until the server closes."""
    with dialled(url, b"") as connection:
        if is_half_closed:  # with the last byte, not after it
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        connection.sendall(request)
        if is_half_closed:
            connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@contextmanager
def dialled(url: str, request: bytes, source: str = "127.0.0.1") -> Iterator[socket.socket]:
    """Connect from an address and send bytes."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30, source_address=(source, 0)) as connection:
        connection.sendall(request)
        yield connection


@pytest.mark.parametrize(
    ("login", "status", "said"),
    [
        pytest.param(("alice", "right"), 200, '{"bytes":0}', id="right"),
        pytest.param(("alice", "wrong"), 401, "this user and password are not known\n", id="wrong"),
        pytest.param(("bob", "right"), 401, "this user and password are not known\n", id="unknown"),
        pytest.param(None, 401, "a user and a password are needed\n", id="none"),
    ],
)
def test_users_come_in_by_their_passwords(
    site: Callable[..., Site], login: tuple[str, str] | None, status: int, said: str
) -> None:
    """A refusal says what to do, to people and to browsers."""
    answer = requests.get(f"{site(user_guard(USERS)).url}/echo", auth=login, timeout=30)
    assert (answer.status_code, answer.text) == (status, said)
    challenge = 'Basic realm="zoho-mass-update-exporter", charset="UTF-8"' if status == 401 else None
    assert answer.headers.get("WWW-Authenticate") == challenge


@pytest.mark.parametrize("path", ["/-/healthy", "/-/ready"])
def test_health_needs_no_password(site: Callable[..., Site], path: str) -> None:
    """Orchestrators have none."""
    assert requests.get(f"{site(user_guard(USERS)).url}{path}", timeout=30).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/echo%0a",
        "/echo%00",
        "/echo%2f",
        "/echo/",
        "//echo",
        "/./echo",
        "/x/../echo",
        "/echo;x",
        "/echo%20",
        "/%65cho",
        "/echo\\",
        "/echo%c0%af",
        "/echo/%2e%2e",
        "/echo/..%2f",
        "/echo/x%0a",
        "/echo/x/",
        "/ECHO",
        "echo",
        "*",
        "http://x//echo",
        "http:///echo",
        "http://x@y/echo",
        "http://x\\@y/echo",
        "ftp://x/echo",
        "x:/echo",
        "/http://x/echo",
        "http://x/http://x/echo",
        "/echo#x",
        "/echo/a%20b",
    ],
)
def test_what_is_not_exactly_a_path_of_ours_is_none(site: Callable[..., Site], path: str) -> None:
    """Nothing in a path is decoded or smoothed: a proxy that forbids a path has forbidden all that leads there."""
    answer = raw(site().url, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert answer.partition(b" ")[2][:3] in {b"404", b"400"}


@pytest.mark.parametrize(
    ("target", "host"),
    [
        pytest.param("/host?x=1", "sent.example", id="origin form"),
        pytest.param("http://asked.example:81/host?x=1", "asked.example:81", id="absolute form"),
        pytest.param("HTTPS://[::1]/host", "[::1]", id="another scheme"),
        pytest.param("http://asked.example", "asked.example", id="no path"),
    ],
)
def test_absolute_form_is_served_as_its_path(serve: Serve, target: str, host: str) -> None:
    """What it says of the host counts more than the header. Source: RFC 9112, 3.2.2."""
    routes = [Route("GET", path, lambda request: PlainTextResponse(request.headers["Host"])) for path in ("/", "/host")]
    request = f"GET {target} HTTP/1.1\r\nHost: sent.example\r\nConnection: close\r\n\r\n"
    answer = raw(serve(Gate(routes)).url, request.encode())
    assert (answer[9:12], answer.rpartition(b"\r\n")[2].decode()) == (b"200", host)


@pytest.mark.parametrize(
    ("target", "origin", "status"),
    [
        pytest.param("http://x/held/probe", "http://x", b"401", id="password"),
        pytest.param("http://x/-/healthy", "http://x", b"200", id="health"),
    ],
)
def test_absolute_form_opens_no_other_door(site: Callable[..., Site], target: str, origin: str, status: bytes) -> None:
    """It asks for a password where its path does."""
    request = f"GET {target} HTTP/1.1\r\nHost: x\r\nOrigin: {origin}\r\nConnection: close\r\n\r\n"
    assert raw(site(user_guard(USERS)).url, request.encode())[9:12] == status


def test_absolute_form_of_another_host_is_no_page_of_ours(site: Callable[..., Site]) -> None:
    """A probe costs credits: the page that asks must be of the host that is asked."""
    request = "GET http://x/held/probe HTTP/1.1\r\nHost: evil\r\nOrigin: http://evil\r\nConnection: close\r\n\r\n"
    assert raw(site().url, request.encode())[9:12] == b"403"


def test_parts_of_a_path_are_given(site: Callable[..., Site]) -> None:
    """By their names."""
    assert requests.get(f"{site().url}/echo/acme-1.x_y", timeout=30).json() == {"bytes": 0, "name": "acme-1.x_y"}


def test_method_that_a_path_has_not_is_told(site: Callable[..., Site]) -> None:
    """With those that it has; HEAD is as good as GET."""
    url = site().url
    answer = requests.delete(f"{url}/echo", timeout=30)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "HEAD, GET, POST")
    head = requests.head(f"{url}/echo", timeout=30)
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, "11", b"")


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
        "http://x/echo",
        "http://x/-/healthy/echo",
        "http:///-/healthy",
        "http://x@y/-/healthy",
        "http://x?/-/healthy",
    ],
)
def test_no_path_leads_around_the_password(site: Callable[..., Site], path: str) -> None:
    """What is not exactly a health check is not taken for one."""
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert raw(site(user_guard(USERS)).url, request.encode()).startswith(b"HTTP/1.1 401 ")


def test_those_who_know_the_password_come_in_while_others_guess(site: Callable[..., Site]) -> None:
    """Also for the first time, many at once, and from the address of those who guess."""
    users = {"alice": bcrypt.hashpw(b"right", bcrypt.gensalt(10))}
    url = f"{site(user_guard(users), seconds=10.0).url}/echo"
    is_over = Event()

    def guess(number: int) -> set[int]:
        answers = set()
        while not is_over.is_set():
            number += 1000
            answers.add(requests.get(url, auth=("alice", f"guess {number}"), timeout=60).status_code)
        return answers

    with ThreadPoolExecutor(30) as pool:
        guesses = [pool.submit(guess, number) for number in range(20)]
        first = list(pool.map(lambda _: requests.get(url, auth=("alice", "right"), timeout=60), range(10)))
        is_over.set()
        assert [answer.status_code for answer in first] == [200] * 10
        assert set().union(*(guess.result() for guess in guesses)) <= {401, 503}


def test_too_many_requests_at_once_are_told_to_come_back(site: Callable[..., Site], held: Held) -> None:
    """When their time is over. Health checks pass all the while, and room is made by the first that is done."""
    url = site(max_requests=1, seconds=0.5).url
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(requests.get, f"{url}/held", timeout=60)
        assert held.is_entered()
        second = requests.get(f"{url}/echo", timeout=30)
        healthy = requests.get(f"{url}/-/healthy", timeout=30)
        held.released.set()
        assert first.result().text == "done"
    told = second.headers["Retry-After"], second.headers["Connection"]
    assert (second.status_code, *told) == (503, "1", "close")
    assert second.text == "too many requests at once\n"
    assert healthy.status_code == 200
    assert requests.get(f"{url}/echo", timeout=30).ok


def test_as_many_are_worked_on_at_once_as_may_be(site: Callable[..., Site], held: Held) -> None:
    """All at the same time, from one address; as many more wait for them, and the next is told at once to come back."""
    url = site(max_requests=60, seconds=600.0).url
    with ThreadPoolExecutor(121) as pool:
        probes = [pool.submit(requests.get, f"{url}/held/probe", timeout=60) for _ in range(60)]
        assert held.is_entered(60)
        more = [pool.submit(requests.get, f"{url}/held/probe", timeout=60) for _ in range(61)]
        refused = next(as_completed(more)).result()
        held.released.set()
        statuses = [probe.result().status_code for probe in (*probes, *more)]
    assert refused.status_code == 503
    assert (statuses.count(200), statuses.count(503)) == (120, 1)


def test_eager_address_keeps_nobody_else_out(site: Callable[..., Site], held: Held) -> None:
    """Of those that wait one of its own is turned away for another address."""
    url = site(max_requests=2, seconds=600.0).url
    host, _, port = url.removeprefix("http://").partition(":")
    with ThreadPoolExecutor(4) as pool:
        eager = [pool.submit(requests.get, f"{url}/held/probe", timeout=60) for _ in range(4)]
        assert held.is_entered(2)
        with socket.create_connection((host, int(port)), timeout=30, source_address=("127.0.0.2", 0)) as other:
            other.sendall(b"GET /held/probe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert next(as_completed(eager)).result().status_code == 503
            held.released.set()
            assert other.recv(65536).startswith(b"HTTP/1.1 200 OK")
        assert sorted(answer.result().status_code for answer in eager) == [200, 200, 200, 503]


def test_probes_that_wait_keep_out_nothing_else(site: Callable[..., Site], held: Held) -> None:
    """Prometheus is one address: its probes have their places, metrics and people others."""
    url = site(max_requests=3).url
    with ThreadPoolExecutor(3) as pool:
        probes = [pool.submit(requests.get, f"{url}/held/probe", timeout=60) for _ in range(3)]
        assert held.is_entered(3)
        others = [requests.get(url + path, timeout=30).status_code for path in ("/metrics", "/echo", "/-/healthy")]
        held.released.set()
        assert [probe.result().status_code for probe in probes] == [200] * 3
    assert others == [200] * 3


WAITING = b"GET /waiting HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("linger", [(0, 0), (1, 0)], ids=["closed", "reset"])
def test_client_that_has_gone_gives_its_place_back(
    site: Callable[..., Site], held: Held, linger: tuple[int, int]
) -> None:
    """However long it said that it would wait."""
    url = site(max_requests=1, seconds=600.0).url
    for _ in range(2):
        with dialled(url, WAITING) as gone:
            assert held.is_entered()
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", *linger))
    assert requests.get(f"{url}/metrics", timeout=20).ok


def test_address_that_holds_every_place_keeps_nobody_out(site: Callable[..., Site], held: Held) -> None:
    """Its oldest request is answered with what there is, for the first of another address; a share each is enough."""
    url = site(max_requests=2, seconds=600.0).url
    with ExitStack() as stack:
        eager = []
        for _ in range(2):
            eager.append(stack.enter_context(dialled(url, WAITING)))
            assert held.is_entered()
        other = stack.enter_context(dialled(url, WAITING, "127.0.0.2"))
        assert eager[0].recv(65536).endswith(b"enough")
        assert held.is_entered()
        more = stack.enter_context(dialled(url, WAITING, "127.0.0.2"))
        newcomer = stack.enter_context(dialled(url, WAITING, "127.0.0.3"))
        assert eager[1].recv(65536).endswith(b"enough")
        assert held.is_entered()
        assert select.select([other, more, newcomer], [], [], 0)[0] == []


HALF_CLOSED = [
    pytest.param(b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n", [b'{"bytes":0}'], id="short"),
    pytest.param(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n", [b'{"bytes":0}'], id="health"),
    pytest.param(b"GET /-/healthy HTTP/1.0\r\n\r\n", [b'{"bytes":0}'], id="old"),
    pytest.param(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab", [b'{"bytes":2}'], id="with a body"),
    pytest.param(WAITING, [b"enough"], id="one that waits"),
    pytest.param(WAITING * 3, [b"enough"] * 3, id="several"),
    pytest.param(WAITING + b"GET /echo HT", [b"enough"], id="one and a half"),
    pytest.param(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na", [], id="half a body"),
    pytest.param(b"GET /echo HT", [], id="half a head"),
    pytest.param(b"", [], id="nothing"),
]


@pytest.mark.parametrize(("sent", "bodies"), HALF_CLOSED)
def test_client_that_has_said_all_is_answered(site: Callable[..., Site], sent: bytes, bodies: list[bytes]) -> None:
    """As `nc -N` says it: with what there is at once, and the connection ends."""
    answers = raw(site(seconds=600.0).url, sent, is_half_closed=True).split(b"HTTP/1.1 ")[1:]
    assert [answer.partition(b"\r\n\r\n")[2] for answer in answers] == bodies
    assert {answer[:6] for answer in answers} <= {b"200 OK"}


def test_page_is_whole_for_a_client_that_has_said_all(site: Callable[..., Site]) -> None:
    """Also one of more than the network's buffers hold."""
    answer = raw(site().url, b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n", is_half_closed=True)
    assert len(answer.partition(b"\r\n\r\n")[2]) == 32 * MIB


CHUNKED_LINE = b"Transfer-Encoding: chunked\r\n"
FRAMINGS = [
    pytest.param(b"HTTP/1.1", b"Content-Length: %d\r\n" + CHUNKED_LINE, b"400", id="length and coding"),
    pytest.param(b"HTTP/1.1", CHUNKED_LINE + b"Content-Length: %d\r\n", b"400", id="coding and length"),
    pytest.param(b"HTTP/1.1", CHUNKED_LINE + b"content-length: 0, 0\r\nX: %d\r\n", b"400", id="coding and lengths"),
    pytest.param(b"HTTP/1.0", CHUNKED_LINE + b"X: %d\r\n", b"400", id="coding before HTTP/1.1"),
    pytest.param(b"HTTP/1.1", CHUNKED_LINE * 2 + b"X: %d\r\n", b"501", id="coded twice"),
    pytest.param(b"HTTP/1.1", b"Transfer-Encoding: chunked, chunked\r\nX: %d\r\n", b"501", id="coded twice in a line"),
    pytest.param(b"HTTP/1.1", b"Transfer-Encoding: gzip, chunked\r\nX: %d\r\n", b"501", id="coded otherwise"),
    pytest.param(b"HTTP/1.1", b"Transfer-Encoding:\r\nX: %d\r\n", b"501", id="no coding"),
    pytest.param(b"HTTP/1.1", b"Transfer-Encoding: \x0bchunked\r\nX: %d\r\n", b"400", id="odd space"),
    pytest.param(b"HTTP/1.1", b"Transfer-Encoding : chunked\r\nX: %d\r\n", b"400", id="space before the colon"),
    pytest.param(b"HTTP/1.1", b"X: y\rContent-Length: %d\r\n", b"400", id="bare CR"),
    pytest.param(b"HTTP/1.1", b"\rContent-Length: %d\r\n", b"400", id="bare CR before a name"),
    pytest.param(b"HTTP/1.1", b"Content-Length: 5\r\nContent-Length: %d\r\n", b"400", id="two lengths"),
    pytest.param(b"HTTP/1.1", b"Content-Length: 5, %d\r\n", b"400", id="two lengths in a line"),
    pytest.param(b"HTTP/1.1", b"Content-Length: +%d\r\n", b"400", id="signed length"),
    pytest.param(b"HTTP/1.1", b"Content-Length: 0x%d\r\n", b"400", id="length to another base"),
    pytest.param(b"HTTP/1.1", b"Content-Length: -%d\r\n", b"400", id="negative length"),
]


@pytest.mark.parametrize(("version", "lines", "status"), FRAMINGS)
def test_request_whose_end_is_in_doubt_is_refused(
    site: Callable[..., Site], version: bytes, lines: bytes, status: bytes
) -> None:
    """In words, and what a proxy may hold for a part of it is no request of its own. Source: RFC 9112, 6."""
    inner = b"0\r\n\r\nGET /echo HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = raw(site().url, b"POST /echo " + version + b"\r\nHost: x\r\n" + lines % len(inner) + b"\r\n" + inner)
    assert (answer[9:12], answer.count(b"HTTP/1.1 ")) == (status, 1)
    assert b"\r\nconnection: close\r\n" in answer.lower()
    assert answer.partition(b"\r\n\r\n")[2].strip()


def test_lone_request_without_time_is_not_told_of_others(site: Callable[..., Site]) -> None:
    """Its body came too late, or we were stopped meanwhile: there are places enough."""
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
    answer = raw(site(seconds=0.2).url, head)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"the time that the request has was over" in answer


def test_health_waits_for_no_other_answer(site: Callable[..., Site], held: Held) -> None:
    """Not even for those who ask whether we are ready."""
    url = site().url
    with ThreadPoolExecutor(10) as pool:
        slow = [pool.submit(requests.get, f"{url}/held/ready", timeout=60) for _ in range(10)]
        assert held.is_entered(2)
        assert requests.get(f"{url}/-/healthy", timeout=30).ok
        held.released.set()
        assert all(answer.result().ok for answer in slow)


def test_request_that_nobody_can_work_on_in_time_is_refused(site: Callable[..., Site], held: Held) -> None:
    """The time counts from its arrival: it is not begun when nobody waits for it any more."""
    url = site(seconds=0.5).url
    with ThreadPoolExecutor(8) as pool:
        slow = [pool.submit(requests.get, f"{url}/held", timeout=60) for _ in range(8)]
        assert held.is_entered(8)
        late = requests.get(f"{url}/echo", timeout=30)
        held.released.set()
        assert all(answer.result().ok for answer in slow)
    assert (late.status_code, late.text) == (503, "too many requests at once\n")


def test_slow_body_is_inside_the_time_of_its_request(site: Callable[..., Site]) -> None:
    """Whoever brings it byte by byte is refused when the time is over."""
    host, _, port = site(seconds=0.3).url.removeprefix("http://").partition(":")
    with closing(socket.create_connection((host, int(port)), timeout=30)) as slow:
        slow.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12")
        assert slow.recv(65536).startswith(b"HTTP/1.1 503 ")


def test_slow_body_takes_no_place(site: Callable[..., Site]) -> None:
    """Whoever brings a body byte by byte holds up nobody."""
    url = site(max_requests=1).url
    host, _, port = url.removeprefix("http://").partition(":")
    with closing(socket.create_connection((host, int(port)), timeout=30)) as slow:
        slow.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\n12")
        assert requests.get(f"{url}/echo", timeout=30).ok
        slow.sendall(b"345")
        assert b'{"bytes":5}' in b"".join(iter(lambda: slow.recv(65536), b""))


def test_answer_that_is_not_read_takes_no_place(site: Callable[..., Site]) -> None:
    """Whoever leaves a page in the network holds up nobody."""
    url = site(max_requests=1).url
    host, _, port = url.removeprefix("http://").partition(":")
    with closing(socket.create_connection((host, int(port)), timeout=30)) as slow:
        slow.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        assert slow.recv(1).startswith(b"H")
        assert requests.get(f"{url}/echo", timeout=30).ok


def test_api_is_refused_in_its_own_words(site: Callable[..., Site]) -> None:
    """Programs that register jobs get a problem+json from the gate too, with the challenge where there is one."""
    url = site(user_guard(USERS)).url
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
    expected = '{"bytes":1048576}' if status == 200 else "the request's body is larger than 1 MiB\n"
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
    url = site(user_guard(USERS)).url
    for path in ("/-/healthy", "/echo", "/nowhere"):
        headers = requests.get(f"{url}{path}", timeout=30).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "deny"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; ")


def test_headers_are_the_answers_own_then_the_configured_then_ours(site: Callable[..., Site]) -> None:
    """An empty one that is configured is not sent."""
    configured = {"X-Frame-Options": "sameorigin", "X-Content-Type-Options": "", "X-XSS-Protection": "0"}
    url = site(user_guard({}, configured)).url
    own, other = (requests.get(f"{url}{path}", timeout=30).headers for path in ("/own", "/echo"))
    assert (own["Content-Security-Policy"], own["X-Frame-Options"]) == ("own", "own")
    assert (other["X-Frame-Options"], other["X-XSS-Protection"]) == ("sameorigin", "0")
    assert "X-Content-Type-Options" not in other


@pytest.mark.parametrize(
    ("accepted", "is_compressed"),
    [
        pytest.param("gzip", True, id="gzip"),
        pytest.param("deflate, gzip;q=0.2", True, id="little"),
        pytest.param("GZIP", True, id="case"),
        pytest.param("x-gzip", True, id="its old name"),
        pytest.param("*", True, id="anything"),
        pytest.param("gzip;q=0.5, identity;q=0.5", True, id="alike"),
        pytest.param("gzip;q=0", False, id="not gzip"),
        pytest.param("gzip;q=0.000, *", False, id="anything but gzip"),
        pytest.param("*;q=0", False, id="nothing"),
        pytest.param("gzip;q=0.5, identity", False, id="rather not"),
        pytest.param("gzipped, br", False, id="another one"),
        pytest.param("gzip\r\nAccept-Encoding: identity;q=1, gzip;q=0", False, id="on two lines"),
        pytest.param("", False, id="nothing said"),
    ],
)
def test_answer_is_compressed_where_that_is_wanted(
    site: Callable[..., Site],
    accepted: str,
    is_compressed: bool,  # noqa: FBT001 - a table's cell
) -> None:
    """By the weights that the client gives."""
    request = f"HEAD /long HTTP/1.1\r\nHost: x\r\nAccept-Encoding: {accepted}\r\nConnection: close\r\n\r\n"
    head = raw(site().url, request.encode())
    assert (b"\r\ncontent-encoding: gzip\r\n" in head) is is_compressed
    assert b"\r\nvary: Accept-Encoding\r\n" in head


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/zoho/echo", 200),
        ("/zoho/echo/name", 200),
        ("/zoho/-/healthy", 200),
        ("/-/healthy", 200),
        ("/held/ready", 200),
        ("/echo", 404),
        ("/zoho", 418),
        ("/", 418),
        ("/zoho/zoho/echo", 404),
        ("/zoho//echo", 404),
        ("/zohoecho", 404),
        ("/ZOHO/echo", 404),
        ("/zoho/../zoho/echo", 404),
        ("//zoho/echo", 404),
    ],
)
def test_paths_begin_with_the_prefix(serve: Serve, path: str, status: int) -> None:
    """As a proxy passes them on; health is answered without it too, and what lacks it alone leads to the first page."""
    routes = [
        Route("GET", "/echo", echo),
        Route("GET", "/echo/{name}", echo),
        Route("GET", "/held/ready", echo, Entry.READINESS),
        Route("GET", "/-/healthy", echo, Entry.HEALTH),
        Route("GET", "", lambda _: Response(status_code=418)),
    ]
    url = serve(Gate(routes, prefix="/zoho")).url
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert raw(url, request.encode()).startswith(f"HTTP/1.1 {status} ".encode())


def test_prefix_leads_around_no_password(serve: Serve) -> None:
    """The API's own rules hold below it too."""
    gate = Gate([Route("POST", "/api/v1/jobs", echo, Entry.PROGRAM)], user_guard(USERS), prefix="/zoho")
    answer = requests.post(f"{serve(gate).url}/zoho/api/v1/jobs", timeout=30)
    assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/problem+json")


def test_requests_beyond_the_rate_limit_are_refused(
    site: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    """With words and the time to wait, before a password is looked at; health checks do not count."""
    url = site(user_guard(USERS, interval=3600.0, burst=2)).url
    health = [requests.get(f"{url}/-/{name}", timeout=30).status_code for name in ("healthy", "ready") * 3]
    answers = [requests.get(f"{url}/echo", auth=("alice", "right"), timeout=30) for _ in range(3)]
    problem = requests.get(f"{url}/api/v1/jobs", timeout=30)
    assert health == [200] * 6
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].text == "too many requests: rate_limit of the web-config file lets in no more\n"
    assert 3590 <= int(answers[2].headers["Retry-After"]) <= 3600
    assert (problem.status_code, problem.headers["Content-Type"]) == (429, "application/problem+json")
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "requests are refused: more come than rate_limit of the web-config file lets in"
    ]


def test_login_of_a_request_is_not_that_of_the_next(site: Callable[..., Site]) -> None:
    """Two requests in one connection are two logins."""
    token = base64.b64encode(b"alice:right").decode()
    head = "GET /echo HTTP/1.1\r\nHost: x\r\n"
    both = f"{head}Authorization: Basic {token}\r\n\r\n{head}Connection: close\r\n\r\n"
    answers = raw(site(user_guard(USERS)).url, both.encode())
    assert answers.count(b"HTTP/1.1 200 ") == 1
    assert answers.count(b"HTTP/1.1 401 ") == 1


CHUNKED = "POST /-/healthy HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param((CHUNKED, "no chunk\r\n"), id="no chunk after an early answer"),
        pytest.param((CHUNKED, "1\r\nab\r\n"), id="chunk that does not end after an early answer"),
        pytest.param((CHUNKED.replace("/-/healthy", "/echo"), "no chunk\r\n"), id="no chunk"),
        pytest.param((CHUNKED.replace("/-/healthy", "/echo") + "5\r\nab",), id="body that breaks off"),
        pytest.param((CHUNKED + "0\r\n\r\n" + "nonsense\r\n\r\n",), id="nonsense after a request"),
        pytest.param(("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n" * 50,), id="answers that nobody reads"),
        pytest.param(
            ("GET /echo HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",), id="upgrade"
        ),
        pytest.param(
            ("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",), id="expect"
        ),
        pytest.param(("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",), id="TLS"),
        pytest.param(("GET /echo HTTP/1.0\r\n\r\n", "GET /echo HTTP/1.1\r\n\r\n"), id="request after the last one"),
        pytest.param(("HTTP/1.1 200 OK\r\n\r\n",), id="an answer"),
    ],
)
def test_nothing_that_is_sent_fills_the_log(
    site: Callable[..., Site], caplog: pytest.LogCaptureFixture, sent: tuple[str, ...]
) -> None:
    """Anybody can send anything, as often as they like."""
    served = site()
    host, _, port = served.url.removeprefix("http://").partition(":")
    for _ in range(3):
        with closing(socket.create_connection((host, int(port)), timeout=30)) as connection:
            connection.settimeout(0.2)
            for part in sent:
                connection.sendall(part.encode("latin-1"))
                with suppress(OSError):
                    connection.recv(65536)
    assert requests.get(f"{served.url}/echo", timeout=30).ok
    assert [record.getMessage() for record in caplog.records if record.levelname != "DEBUG"] == []


def test_bug_is_told_once(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """Not at each request that meets it."""

    def fail(_: Request) -> Response:
        raise ZeroDivisionError

    url = serve(Gate([Route("GET", "/", fail)])).url
    assert [requests.get(url, timeout=30).status_code for _ in range(3)] == [500] * 3
    [record] = caplog.records
    assert record.getMessage() == "a request failed in a way nobody foresaw"
