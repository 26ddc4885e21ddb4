"""Which paths we answer, over real HTTP."""

import gzip
import logging
from collections.abc import Collection
from threading import Event

import pytest
import requests
from played import PAGE, PlayedExporter, there
from samples import LEADS, tracked, web_options
from sites import Serve, token_guard

from exporter.model import Page
from exporter.web.routes import create_gate

OPTIONS = web_options()


@pytest.fixture
def exporter() -> PlayedExporter:
    """Give an exporter that a test can look into."""
    return PlayedExporter()


@pytest.fixture
def url(serve: Serve, exporter: PlayedExporter) -> str:
    """Serve the routes."""
    return serve(create_gate(OPTIONS, there(exporter))).url


def test_metrics_are_a_scrape(url: str, exporter: PlayedExporter) -> None:
    """The deadline and the format come from Prometheus' headers; the page comes whole."""
    headers = {"X-Prometheus-Scrape-Timeout-Seconds": "15", "Accept": "application/openmetrics-text"}
    answer = requests.get(f"{url}/metrics", headers=headers, timeout=10)
    assert (answer.status_code, answer.content) == (200, PAGE.body)
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    groups = {"jobs", "modules", "accounts", "exporter"}
    [(seconds, *asked)] = exporter.scrapes
    assert asked == ["application/openmetrics-text", groups]
    assert 12 < seconds <= 14.5


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_page_is_compressed_for_those_who_ask(url: str, encoding: str) -> None:
    """The page comes as gzip where that is accepted and not otherwise."""
    with requests.get(f"{url}/metrics", headers={"Accept-Encoding": encoding}, stream=True, timeout=10) as answer:
        body = answer.raw.read(decode_content=False)
    assert answer.headers.get("Content-Encoding", "identity") == encoding
    assert (gzip.decompress(body) if encoding == "gzip" else body) == PAGE.body
    assert {part.strip() for part in answer.headers["Vary"].split(",")} == {"Accept", "Accept-Encoding"}


@pytest.mark.parametrize(
    ("method", "path", "status", "media_type"),
    [
        pytest.param("GET", "/api/v1/nope", 404, "application/problem+json", id="no page of the API"),
        pytest.param("PUT", "/api/v1/jobs", 405, "application/problem+json", id="no method of the API"),
        pytest.param("GET", "/nope", 404, "text/plain; charset=utf-8", id="no page"),
        pytest.param("POST", "/metrics", 405, "text/plain; charset=utf-8", id="no method"),
    ],
)
def test_what_is_not_there_is_refused(url: str, method: str, path: str, status: int, media_type: str) -> None:
    """The API's refusals are for programs, all others for people."""
    answer = requests.request(method, url + path, timeout=10)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, media_type)


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        pytest.param("/explain?crm_module=Leads&job_id=1", 404, "acme/Leads/1 is not tracked", id="explain"),
        pytest.param("/explain?crm_module=&job_id=1", 400, "crm_module: expected", id="explain, asked wrongly"),
        pytest.param("/config", 200, "accounts: {}", id="configuration"),
        pytest.param("/-/healthy", 200, "healthy", id="health"),
        pytest.param("/-/ready", 200, "account acme: ready", id="readiness"),
    ],
)
def test_texts_are_pages_in_a_browser(url: str, path: str, status: int, text: str) -> None:
    """A page leads back to the jobs and has the status page's policy; everybody else gets the text as ever."""
    page = requests.get(url + path, headers={"Accept": BROWSER}, timeout=10)
    assert (page.status_code, page.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert '<a href="/">← All jobs</a>' in page.text
    assert text in page.text
    policy = requests.get(f"{url}/", timeout=10).headers["Content-Security-Policy"]
    assert page.headers["Content-Security-Policy"] == policy
    plain = requests.get(url + path, timeout=10)
    assert (plain.status_code, plain.headers["Content-Type"]) == (status, "text/plain; charset=utf-8")
    assert plain.text.startswith(text)
    assert "Accept" in page.headers["Vary"]
    assert "Accept" in plain.headers["Vary"]


def test_job_has_a_page(url: str, exporter: PlayedExporter) -> None:
    """Its address holds all that names it; the page costs nothing, and has the status page's policy."""
    exporter.jobs[LEADS] = tracked()
    page = requests.get(f"{url}/jobs/{LEADS}", timeout=10)
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "Leads 3524033000006027001" in page.text
    first = requests.get(f"{url}/", timeout=10)
    assert f'<a href="/jobs/{LEADS}">' in first.text
    assert page.headers["Content-Security-Policy"] == first.headers["Content-Security-Policy"]
    assert page.headers["Cache-Control"] == "no-store"
    assert (exporter.scrapes, exporter.probes) == ([], [])


@pytest.mark.parametrize(
    "path", ["/sd/jobs", "/explain?crm_module=Leads&job_id=1", f"/api/v1/jobs/{LEADS}", f"/jobs/{LEADS}"]
)
def test_what_is_not_known_yet_is_not_said_to_be_absent(serve: Serve, path: str) -> None:
    """While the state could not be read, a job that is not there may be: Prometheus, too, is to keep what it has."""
    answers = {
        unread: requests.get(
            serve(create_gate(OPTIONS, there(PlayedExporter(unread=unread)), token_guard("swordfish"))).url + path,
            headers={"Authorization": "Bearer swordfish"},
            timeout=10,
        )
        for unread in (True, False)
    }
    assert {unread: answer.status_code for unread, answer in answers.items()} == {
        True: 503,
        False: 200 if path == "/sd/jobs" else 404,
    }
    assert "What was kept before the start could not be read yet" in answers[True].text


def test_job_that_is_not_tracked_has_a_page_in_words(url: str) -> None:
    """Whoever comes by an old link is told so, and led back."""
    page = requests.get(f"{url}/jobs/{LEADS}", timeout=10)
    assert (page.status_code, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert f"{LEADS} is not tracked by this exporter." in page.text
    assert '<a href="/">← All jobs</a>' in page.text


@pytest.mark.parametrize(
    "path", ["/jobs", "/jobs/", "/jobs/acme/Leads", "/jobs/acme/Leads/1/", "/jobs/a/b/%3Cscript%3E"]
)
def test_no_other_address_is_a_job(url: str, path: str) -> None:
    """What can't name a job is no page, and comes back in no answer."""
    answer = requests.get(url + path, timeout=10)
    assert (answer.status_code, answer.text) == (404, "there is no such page\n")


def test_explanation_leads_back_to_its_job(url: str, exporter: PlayedExporter) -> None:
    """The account may be left out where there is one; where there is no such job there is no link."""
    links = []
    for jobs in ({LEADS: tracked()}, {}):
        exporter.jobs = jobs
        query = {"crm_module": LEADS.module, "job_id": LEADS.job_id}
        page = requests.get(f"{url}/explain", params=query, headers={"Accept": BROWSER}, timeout=10)
        links.append(f'<a href="/jobs/{LEADS}">← The job</a>' in page.text)
    assert links == [True, False]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        pytest.param("*/*", "text/plain", id="curl"),
        pytest.param("text/plain", "text/plain", id="plain text"),
        pytest.param("application/json, text/plain, */*", "text/plain", id="a script's library"),
        pytest.param("text/plain, text/html;q=0.9", "text/plain", id="HTML is wanted less"),
        pytest.param("text/html;q=0, */*", "text/plain", id="no HTML"),
        pytest.param("text/html;q=much", "text/html", id="a weight that is none"),
        pytest.param("Text/HTML ; Q=0.5", "text/html", id="any spelling"),
        pytest.param("text/plain;q=0.5, text/html;q=0.75", "text/html", id="HTML is wanted more"),
    ],
)
def test_page_is_for_those_who_ask_for_it(url: str, accept: str, kind: str) -> None:
    """The weights of `Accept` are honoured."""
    answer = requests.get(f"{url}/config", headers={"Accept": accept}, timeout=10)
    assert answer.headers["Content-Type"] == f"{kind}; charset=utf-8"


def test_health_needs_no_scrape(url: str, exporter: PlayedExporter) -> None:
    """`/-/healthy` answers without asking for anything."""
    answer = requests.get(f"{url}/-/healthy", timeout=10)
    assert (answer.status_code, answer.text) == (200, "healthy\n")
    assert exporter.scrapes == []


def test_status_page_shows_jobs_and_leads_to_the_metrics(url: str, exporter: PlayedExporter) -> None:
    """`/` shows what is known, links to the telemetry path and costs nothing."""
    exporter.jobs[LEADS] = tracked()
    answer = requests.get(url, timeout=10)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert '<a href="/metrics">' in answer.text
    assert "3524033000006027001" in answer.text
    assert exporter.scrapes == []


def test_status_page_takes_its_filters_from_the_query(url: str, exporter: PlayedExporter) -> None:
    """A value that no job has gives an empty table and a sentence, not an error."""
    exporter.jobs[LEADS] = tracked()
    answer = requests.get(url, params={"module": "Leadz", "page": "3"}, timeout=10)
    assert answer.status_code == 200
    assert "No job matches" in answer.text


def test_status_page_comes_with_the_usual_headers(url: str) -> None:
    """Nothing but its own style and script may run, nobody may frame it, and nothing keeps or guesses it."""
    headers = requests.get(url, timeout=10).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy.pop("style-src").startswith("'sha256-")
    assert policy.pop("script-src").startswith("'sha256-")
    assert policy == {
        "default-src": "'none'",
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/nowhere", 404, id="unknown path"),
        pytest.param("GET", "/metrics/", 404, id="trailing slash"),
        pytest.param("POST", "/metrics", 405, id="wrong method"),
        pytest.param("HEAD", "/-/healthy", 200, id="head"),
    ],
)
def test_everything_else_is_refused(url: str, method: str, path: str, status: int) -> None:
    """Unknown paths are 404, wrong methods 405; neither is a scrape."""
    assert requests.request(method, url + path, timeout=10, allow_redirects=False).status_code == status


class FailingExporter(PlayedExporter):
    """Fails as only a bug of ours can."""

    def scrape(self, deadline: float, accept: str, groups: Collection[str], enough: Event) -> Page:
        """Fail."""
        raise ZeroDivisionError(f"a secret detail {deadline} {accept} {groups} {enough}")


def test_unforeseen_error_is_logged_and_not_shown(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """A bug gives a short 500 and a traceback in the log."""
    caplog.set_level(logging.ERROR)
    site = serve(create_gate(OPTIONS, there(FailingExporter())))
    answer = requests.get(f"{site.url}/metrics", timeout=10)
    assert (answer.status_code, answer.text) == (500, "internal error: see the exporter's log\n")
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("query", ["&job_id=2", "&crm_module=Deals", "&account=acme&account=x", "&debug=maybe"])
def test_question_of_two_meanings_is_refused(url: str, exporter: PlayedExporter, query: str) -> None:
    """A probe costs a credit: nobody guesses which job is meant."""
    answer = requests.get(f"{url}/probe?crm_module=Leads&job_id=1{query}", timeout=10)
    assert (answer.status_code, exporter.probes) == (400, [])


def test_request_without_time_is_told_so(url: str) -> None:
    """A time-out that is too short is no crowd."""
    answer = requests.get(f"{url}/metrics", headers={"X-Prometheus-Scrape-Timeout-Seconds": "1e-9"}, timeout=10)
    assert answer.status_code == 503
    assert "is its time-out too short?" in answer.text
