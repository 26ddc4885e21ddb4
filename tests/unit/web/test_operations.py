"""Health, readiness, reload and configuration, over real HTTP."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import bcrypt
import pytest
import requests
from played import PlayedExporter, there
from samples import web_options
from sites import Serve, token_guard, user_guard
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.errors import Problem
from exporter.web.contract import Readiness
from exporter.web.routes import create_gate

if TYPE_CHECKING:
    from exporter.web.contract import Exporter

OPTIONS = web_options()
TOKEN = "swordfish"


def gate(exporter: PlayedExporter, token: str = TOKEN) -> ASGIApp:
    """Give the application, guarded by a token or by none."""
    return create_gate(OPTIONS, there(exporter), token_guard(token))


def test_unready_exporter_says_why(serve: Serve) -> None:
    """A 503 tells what is missing, account by account."""
    unready = Readiness(is_ready=False, sentences=("account acme: no access token: Zoho refused it",))
    url = serve(gate(PlayedExporter(ready=unready))).url
    answer = requests.get(f"{url}/-/ready", timeout=10)
    assert (answer.status_code, answer.text) == (503, "account acme: no access token: Zoho refused it\n")


@pytest.mark.parametrize("is_given_up", [False, True], ids=["under way", "given up"])
def test_start_is_told(serve: Serve, *, is_given_up: bool) -> None:
    """Until there is an exporter to ask, health is answered, readiness says it, and a request waits for its time."""
    begun: Future[Exporter] = Future()
    url = serve(create_gate(OPTIONS, begun)).url
    if is_given_up:
        begun.cancel()
    granted = {"X-Prometheus-Scrape-Timeout-Seconds": "0.2"}
    paths = ("/-/healthy", "/-/ready", "/metrics")
    answers = [requests.get(url + path, headers=granted, timeout=10) for path in paths]
    words = "the exporter is starting: what it knows is being loaded\n"
    assert [(each.status_code, each.text) for each in answers] == [(200, "healthy\n"), (503, words), (503, words)]


def test_request_waits_for_a_start(serve: Serve) -> None:
    """What comes while an exporter starts is answered once it has."""
    begun: Future[Exporter] = Future()
    url = serve(create_gate(OPTIONS, begun)).url
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(requests.get, f"{url}/config", timeout=10)
        assert requests.get(f"{url}/-/ready", timeout=10).status_code == 503
        begun.set_result(PlayedExporter())
        assert asked.result().text == "accounts: {}\n"


def test_ready_exporter_says_so(serve: Serve) -> None:
    """A 200 once it can do its work."""
    answer = requests.get(f"{serve(gate(PlayedExporter())).url}/-/ready", timeout=10)
    assert (answer.status_code, answer.text) == (200, "account acme: ready\n")


def test_configuration_is_shown(serve: Serve) -> None:
    """`/config` gives YAML."""
    answer = requests.get(f"{serve(gate(PlayedExporter())).url}/config", timeout=10)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.text == "accounts: {}\n"


def test_local_programs_may_reload(serve: Serve) -> None:
    """A program on the same machine needs no token."""
    exporter = PlayedExporter()
    answer = requests.post(f"{serve(gate(exporter, '')).url}/-/reload", timeout=10)
    assert (answer.status_code, answer.text, exporter.reloads) == (200, "reloaded\n", 1)


def test_wrong_configuration_is_told(serve: Serve, tmp_path: Path) -> None:
    """A reload that fails is a 500 with every problem."""
    file = tmp_path / "zoho.yaml"
    exporter = PlayedExporter(problems=(Problem(f"{file}:3", "acounts: unknown key"),))
    answer = requests.post(f"{serve(gate(exporter)).url}/-/reload", timeout=10)
    assert answer.status_code == 500
    assert answer.text == (
        f"The configuration is wrong, and the last good one stays in force:\n{file}:3: acounts: unknown key\n"
    )


def from_address(app: ASGIApp, address: str) -> ASGIApp:
    """Let requests come from an address."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "client": (address, 40_000)}, receive, send)

    return call


@pytest.mark.parametrize(
    ("address", "status"),
    [
        pytest.param("127.0.0.1", 200, id="IPv4"),
        pytest.param("127.8.9.10", 200, id="all of the loopback network"),
        pytest.param("::1", 200, id="IPv6"),
        pytest.param("::ffff:127.0.0.1", 200, id="IPv4 on a socket for both"),
        pytest.param("::ffff:192.0.2.7", 401, id="another machine on a socket for both"),
        pytest.param("192.0.2.7", 401, id="another machine"),
        pytest.param("", 401, id="no address"),
    ],
)
def test_programs_of_this_machine_are_known_by_address(serve: Serve, address: str, status: int) -> None:
    """Loopback is this machine, however the socket shows it."""
    url = serve(from_address(gate(PlayedExporter()), address)).url
    assert requests.post(f"{url}/-/reload", timeout=10).status_code == status


@pytest.mark.parametrize(
    ("token", "headers", "status"),
    [
        pytest.param("", {}, 403, id="no token configured"),
        pytest.param("swordfish", {}, 401, id="no token sent"),
        pytest.param("swordfish", {"Authorization": "Bearer swordfisch"}, 401, id="wrong token"),
        pytest.param("swordfish", {"Authorization": "Basic swordfish"}, 401, id="wrong scheme"),
        pytest.param("swordfish", {"Authorization": "bearer swordfish"}, 200, id="right token"),
    ],
)
def test_others_need_the_token(serve: Serve, token: str, headers: dict[str, str], status: int) -> None:
    """From another machine a reload takes the API's token."""
    exporter = PlayedExporter()
    url = serve(from_address(gate(exporter, token), "192.0.2.7")).url
    assert requests.post(f"{url}/-/reload", headers=headers, timeout=10).status_code == status
    assert exporter.reloads == (1 if status == 200 else 0)


def test_web_page_may_not_reload(serve: Serve) -> None:
    """A page that a browser on the same machine has open is no local program."""
    exporter = PlayedExporter()
    url = serve(gate(exporter, "")).url
    assert requests.post(f"{url}/-/reload", headers={"Origin": "https://evil.example"}, timeout=10).status_code == 403
    assert exporter.reloads == 0


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("POST", "/-/reload", 403, id="reload"),
        pytest.param("POST", "/api/v1/jobs", 403, id="register"),
        pytest.param("DELETE", "/api/v1/jobs/acme/Leads/1", 403, id="let go"),
        pytest.param("GET", "/api/v1/jobs", 200, id="list"),
    ],
)
def test_web_page_may_not_use_a_users_password(serve: Serve, method: str, path: str, status: int) -> None:
    """A browser sends its password along with what another site's page posts; that must change nothing."""
    exporter = PlayedExporter()
    users = {"anna": bcrypt.hashpw(b"right", bcrypt.gensalt(4))}
    url = serve(create_gate(OPTIONS, there(exporter), user_guard(users))).url
    body = '{"module": "Leads", "job_id": "1"}'
    headers = {"Origin": "https://evil.example"}
    answer = requests.request(method, url + path, data=body, headers=headers, auth=("anna", "right"), timeout=10)
    assert answer.status_code == status
    assert (exporter.reloads, exporter.jobs) == (0, {})


@pytest.mark.parametrize("header", ["Forwarded", "Via", "X-Forwarded-For", "X-Real-IP"])
def test_strangers_behind_a_local_proxy_may_not_reload(serve: Serve, header: str) -> None:
    """A proxy on the same machine asks for others, whoever they say that they are."""
    exporter = PlayedExporter()
    url = serve(gate(exporter, "")).url
    assert requests.post(f"{url}/-/reload", headers={header: "127.0.0.1"}, timeout=10).status_code == 403
    assert exporter.reloads == 0


def test_reload_is_no_get(serve: Serve) -> None:
    """A link can't reload."""
    assert requests.get(f"{serve(gate(PlayedExporter())).url}/-/reload", timeout=10).status_code == 405
