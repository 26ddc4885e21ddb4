"""Who may ask for what, over real HTTP: pages of other sites, and files that change or hang."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from urllib.parse import urljoin

import bcrypt
import pytest
import requests
from played import PlayedExporter, there
from samples import LEADS, report, tracked, web_options
from sites import Serve

from exporter.access import WebAccess
from exporter.errors import ConfigurationError, Problem
from exporter.model import JobState
from exporter.web.guard import Guard
from exporter.web.guard.bearer import BearerToken
from exporter.web.guard.web_config import WebConfig
from exporter.web.request import Outside
from exporter.web.routes import create_gate

USERS = {name: bcrypt.hashpw(b"right", bcrypt.gensalt(4)) for name in ("old", "new")}
PROBE = f"/probe?crm_module=Leads&job_id={LEADS.job_id}"
LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.mark.parametrize(
    ("headers", "probe", "metrics"),
    [
        pytest.param({}, 200, 200, id="no browser"),
        pytest.param({"Sec-Fetch-Site": "none"}, 200, 200, id="typed by a person"),
        pytest.param({"Sec-Fetch-Site": "same-origin"}, 200, 200, id="our own page"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, 403, 403, id="another site"),
        pytest.param({"Sec-Fetch-Site": "same-site"}, 403, 403, id="a neighbour"),
        pytest.param({"Sec-Fetch-Site": "Cross-Site "}, 403, 403, id="another site, odd spelling"),
        pytest.param({"Sec-Fetch-Site": "of another time"}, 403, 403, id="unknown word"),
        pytest.param({**LINK, "Sec-Fetch-Dest": "iframe"}, 403, 403, id="frame of another site"),
        pytest.param(LINK, 403, 200, id="link on another site"),
        pytest.param({"Origin": "https://evil.example"}, 403, 403, id="origin of another site"),
        pytest.param({"Origin": "null"}, 403, 403, id="hidden origin"),
        pytest.param({"Origin": "http://[x]:y", "Host": "["}, 403, 403, id="no origin at all"),
        pytest.param({"Origin": ""}, 403, 403, id="empty origin"),
        pytest.param({"Origin": "http://exporter:10042", "Host": "exporter:10042"}, 200, 200, id="our own origin"),
        pytest.param({"Origin": "http://exporter:1", "Host": "exporter:10042"}, 403, 403, id="another port"),
    ],
)
def test_pages_of_other_sites_cost_nothing(serve: Serve, headers: dict[str, str], probe: int, metrics: int) -> None:
    """Any page that is open in an operator's browser can send requests there, and each probe may cost a credit."""
    exporter = PlayedExporter()
    url = serve(create_gate(web_options(), there(exporter))).url
    answers = [requests.get(url + path, headers=headers, timeout=10).status_code for path in (PROBE, "/metrics")]
    assert answers == [probe, metrics]
    assert (len(exporter.probes), len(exporter.scrapes)) == (probe == 200, metrics == 200)


@pytest.mark.parametrize("path", ["/", "/explain?crm_module=Leads&job_id=1", "/config", "/-/healthy", "/sd/jobs"])
def test_what_costs_nothing_may_be_linked_to(serve: Serve, path: str) -> None:
    """From a dashboard or an alert."""
    url = serve(create_gate(web_options(), there(PlayedExporter()))).url
    assert requests.get(url + path, headers=LINK, timeout=10).status_code in {200, 404}


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}])
def test_pages_change_nothing_whoever_they_ask_for(serve: Serve, headers: dict[str, str], tmp_path: Path) -> None:
    """Not even with the token."""
    exporter = PlayedExporter(jobs={LEADS: tracked()})
    guard = Guard(token=BearerToken(tmp_path / "token", lambda _: "swordfish"))
    url = serve(create_gate(web_options(), there(exporter), guard)).url
    login = {"Authorization": "Bearer swordfish", **headers}
    assert (
        requests.post(
            f"{url}/api/v1/jobs", json={"module": "Leads", "job_id": "1"}, headers=login, timeout=10
        ).status_code
        == 403
    )
    assert requests.delete(f"{url}/api/v1/jobs/{LEADS}", headers=login, timeout=10).status_code == 403
    assert requests.post(f"{url}/-/reload", headers=login, timeout=10).status_code == 403
    assert (set(exporter.jobs), exporter.reloads) == ({LEADS}, 0)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/api/v1/jobs", 200, id="jobs"),
        pytest.param("GET", f"/api/v1/jobs/{LEADS}", 200, id="one job"),
        pytest.param("POST", "/api/v1/jobs", 403, id="track"),
        pytest.param("DELETE", f"/api/v1/jobs/{LEADS}", 403, id="untrack"),
        pytest.param("POST", f"/api/v1/jobs/{LEADS}/ack", 403, id="acknowledge"),
        pytest.param("DELETE", f"/api/v1/jobs/{LEADS}/ack", 403, id="take that back"),
    ],
)
def test_what_is_for_show_is_read_and_not_changed(serve: Serve, method: str, path: str, status: int) -> None:
    """Everybody sees the demo's jobs; nobody has a token, and is told so."""
    exporter = PlayedExporter(jobs={LEADS: tracked()})
    url = serve(create_gate(web_options(), there(exporter), Guard(is_for_show=True))).url
    answer = requests.request(method, url + path, json={"module": "Leads", "job_id": "1"}, timeout=10)
    assert answer.status_code == status
    assert ("The demo takes no changes." in answer.text) == (status == 403)
    assert set(exporter.jobs) == {LEADS}


class Disk:
    """Reads the users' names from a file, and hangs when a test says so."""

    def __init__(self) -> None:
        self.is_hung = False
        self.is_broken = False
        self.times = 0
        self.released = Event()

    def read(self, path: Path) -> WebAccess:
        """Give the users that are named."""
        self.times += 1
        if self.is_hung:
            self.released.wait(30)
        if self.is_broken:
            raise ZeroDivisionError
        names = path.read_text().split()
        if not names:
            raise ConfigurationError((Problem(str(path), "says nothing"),))
        return WebAccess(users={name: USERS[name] for name in names})


@pytest.fixture
def disk() -> Iterator[Disk]:
    """Give a disk that is let go at the latest when the test ends."""
    made = Disk()
    yield made
    made.released.set()


@pytest.mark.parametrize(
    ("headers", "answered"),
    [
        pytest.param({"Sec-Fetch-Site": "same-origin", "Origin": "http://exporter:10042"}, 303, id="our own page"),
        pytest.param({}, 204, id="no browser"),
        pytest.param({"Sec-Fetch-Site": "same-site"}, 403, id="a neighbour"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, 403, id="another site"),
        pytest.param({"Origin": "http://exporter:10042"}, 403, id="a page of which the browser does not say whose"),
    ],
)
def test_form_of_our_own_page_acknowledges(
    serve: Serve, disk: Disk, headers: dict[str, str], answered: int, tmp_path: Path
) -> None:
    """With a password, and nothing else: every other page is refused, and the form leads back to where it was."""
    file = tmp_path / "web.yml"
    file.write_text("old\n")
    ended = replace(tracked(), report=report(JobState.FAILED))
    exporter = PlayedExporter(jobs={LEADS: ended})
    url = serve(create_gate(web_options(), there(exporter), Guard(WebConfig(file, disk.read)))).url

    def post(path: str, login: tuple[str, str] | None) -> requests.Response:
        return requests.post(url + path, headers=headers, auth=login, timeout=10, allow_redirects=False)

    assert post(f"/api/v1/jobs/{LEADS}/ack", None).status_code == 401
    assert exporter.jobs[LEADS].is_acknowledged is False
    answer = post(f"/api/v1/jobs/{LEADS}/ack", ("old", "right"))
    assert answer.status_code == answered
    assert exporter.jobs[LEADS].is_acknowledged is (answered != 403)
    assert urljoin(answer.url, answer.headers.get("Location", "/")) == f"{url}/"
    assert post("/-/reload", ("old", "right")).status_code == (403 if headers else 200)


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        pytest.param({"Origin": "https://a.example"}, "without the header Origin\n", id="origin"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, "without the header Sec-Fetch-Site\n", id="site"),
        pytest.param({"Origin": "null", "Sec-Fetch-Site": "same-site"}, "Origin and Sec-Fetch-Site\n", id="both"),
    ],
)
def test_refused_page_is_told_what_gave_it_away(serve: Serve, headers: dict[str, str], named: str) -> None:
    """Only of headers that were there, so that whoever reads it can do something."""
    answer = requests.post(
        f"{serve(create_gate(web_options(), there(PlayedExporter()))).url}/-/reload", headers=headers, timeout=10
    )
    assert answer.status_code == 403
    assert named in answer.text


@pytest.mark.parametrize("prefix", ["", "/zoho"])
def test_button_acknowledges_and_leads_back(serve: Serve, disk: Disk, prefix: str, tmp_path: Path) -> None:
    """The first page's and a job's, below a prefix too; a browser that does not say whose page asks has none."""
    file = tmp_path / "web.yml"
    file.write_text("old\n")
    exporter = PlayedExporter(jobs={LEADS: replace(tracked(), report=report(JobState.FAILED))})
    options = replace(web_options(), prefix=prefix, outside=Outside("", "", prefix))
    site = serve(create_gate(options, there(exporter), Guard(WebConfig(file, disk.read)))).url
    own = {"Sec-Fetch-Site": "same-origin"}
    with requests.Session() as browser:
        browser.auth = ("old", "right")
        for page in (f"{site}{prefix}/", f"{site}{prefix}/jobs/{LEADS}"):
            exporter.jobs[LEADS] = replace(exporter.jobs[LEADS], acknowledged_at=None)
            assert "<button>Acknowledge" not in browser.get(page, timeout=10).text
            shown = browser.get(page, headers=own, timeout=10).text
            [action] = re.findall(r'method="post" action="([^"]*)"><button>Acknowledge', shown)
            answer = browser.post(urljoin(page, action), headers=own, timeout=10)
            assert (answer.status_code, answer.url) == (200, page)
            assert exporter.jobs[LEADS].is_acknowledged is True


def test_person_is_refused_in_a_page(serve: Serve, disk: Disk, tmp_path: Path) -> None:
    """Whoever has pressed a button in a browser reads words and finds the way back; a program gets the problem."""
    file = tmp_path / "web.yml"
    file.write_text("old\n")
    url = serve(create_gate(web_options(), there(PlayedExporter()), Guard(WebConfig(file, disk.read)))).url
    where, login = f"{url}/api/v1/jobs/{LEADS}/ack", ("old", "right")
    for headers, said, status in (
        ({"Origin": "null"}, "over https", 403),
        ({"Sec-Fetch-Site": "same-origin"}, "is not tracked", 404),
    ):
        page = requests.post(where, headers={**headers, "Accept": "text/html"}, auth=login, timeout=10)
        assert (page.status_code, page.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
        assert said in page.text
        assert '<a href="/">← All jobs</a>' in page.text
        problem = requests.post(where, headers=headers, auth=login, timeout=10)
        assert said in problem.json()["detail"]
    nobody = requests.post(where, headers={"Accept": "text/html"}, timeout=10)
    assert (nobody.status_code, nobody.json()["status"]) == (401, 401)


def status(url: str, user: str = "") -> int:
    """Ask for the metrics as a user, or as nobody."""
    return requests.get(f"{url}/metrics", auth=(user, "right") if user else None, timeout=10).status_code


def test_changed_users_count_at_the_next_request(serve: Serve, disk: Disk, tmp_path: Path) -> None:
    """However the file is written; and a broken file changes nothing."""
    file = tmp_path / "web.yml"
    file.write_text("old\n")
    guard = Guard(WebConfig(file, disk.read))
    url = serve(create_gate(web_options(), there(PlayedExporter()), guard)).url
    assert (status(url), status(url, "old")) == (401, 200)
    file.write_text("new\n")
    assert (status(url, "new"), status(url, "old")) == (200, 401)
    file.write_text("")
    assert (status(url), status(url, "new")) == (401, 200)
    assert [problem.message for problem in guard.problems()] == ["says nothing"]


def test_disk_that_hangs_holds_up_nobody(serve: Serve, disk: Disk, tmp_path: Path) -> None:
    """What was last read stays, and one thread waits for the rest."""
    file = tmp_path / "web.yml"
    file.write_text("old\n")
    url = serve(create_gate(web_options(), there(PlayedExporter()), Guard(WebConfig(file, disk.read)))).url
    disk.is_hung = True
    file.write_text("new\n")
    assert [status(url, "old") for _ in range(4)] == [200] * 4
    assert requests.get(f"{url}/-/healthy", timeout=10).ok
    assert disk.times == 2
    disk.is_hung = False
    disk.released.set()


class Restless(WebConfig):
    """A file that is written all the time; it counts the looks."""

    looks = 0
    is_moving = True

    def look(self, pause: Callable[[float], object] = time.sleep) -> None:
        """Find it changed again."""
        super().look(pause)
        self.looks += 1


def test_file_that_never_rests_holds_up_few(serve: Serve, disk: Disk, tmp_path: Path) -> None:
    """Each look at it takes a moment, so not every request is worth one."""
    file = tmp_path / "web.yml"
    file.write_text("old\n")
    config = Restless(file, disk.read)
    url = serve(create_gate(web_options(), there(PlayedExporter()), Guard(config))).url
    assert [status(url, "old") for _ in range(20)] == [200] * 20
    assert 1 <= config.looks < 15


def test_bug_in_the_reader_leaves_the_last_good_file(
    serve: Serve, disk: Disk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told once, and nobody is kept out or let in by it."""
    file = tmp_path / "web.yml"
    file.write_text("old\n")
    url = serve(create_gate(web_options(), there(PlayedExporter()), Guard(WebConfig(file, disk.read)))).url
    disk.is_broken = True
    file.write_text("new\n")
    assert [status(url, name) for name in ("old", "", "new")] == [200, 401, 401]
    [record] = caplog.records
    assert record.getMessage() == "the files that say who may come in can't be looked at"
