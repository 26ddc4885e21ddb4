"""`/metrics`, `/probe` and `/explain`, over real HTTP."""

import pytest
import requests
from played import PlayedExporter, there
from samples import DEALS, LEADS, tracked, web_options
from sites import Serve

from exporter.web.routes import create_gate

JOB = {"account": "acme", "crm_module": "Leads", "job_id": LEADS.job_id}


@pytest.fixture
def exporter() -> PlayedExporter:
    """Give an exporter that tracks one job."""
    return PlayedExporter(jobs={LEADS: tracked()})


@pytest.fixture
def url(serve: Serve, exporter: PlayedExporter) -> str:
    """Serve the routes."""
    return serve(create_gate(web_options(), there(exporter))).url


@pytest.mark.parametrize(
    ("query", "groups"),
    [
        pytest.param("", {"jobs", "modules", "accounts", "exporter"}, id="all"),
        pytest.param("?collect[]=exporter", {"exporter"}, id="the exporter's own"),
        pytest.param("?collect[]=accounts&collect[]=modules", {"accounts", "modules"}, id="two"),
        pytest.param("?collect%5B%5D=jobs", {"jobs"}, id="escaped"),
    ],
)
def test_groups_are_chosen(url: str, exporter: PlayedExporter, query: str, groups: set[str]) -> None:
    """`collect[]` picks groups of families; without it all are there."""
    assert requests.get(f"{url}/metrics{query}", timeout=10).status_code == 200
    assert [asked for _, _, asked in exporter.scrapes] == [groups]


def test_unknown_group_is_refused(url: str, exporter: PlayedExporter) -> None:
    """A misspelt group is told, and nothing is polled for it."""
    answer = requests.get(f"{url}/metrics?collect[]=exporters", timeout=10)
    assert (answer.status_code, answer.text) == (400, "collect[]: expected one of jobs, modules, accounts, exporter\n")
    assert exporter.scrapes == []


def test_probe_asks_for_one_job(url: str, exporter: PlayedExporter) -> None:
    """The job, the deadline and the format come from the request; a single account need not be named."""
    headers = {"X-Prometheus-Scrape-Timeout-Seconds": "5", "Accept": "text/plain"}
    query = {name: value for name, value in JOB.items() if name != "account"}
    answer = requests.get(f"{url}/probe", params=query, headers=headers, timeout=10)
    assert (answer.status_code, answer.text) == (200, "zoho_mass_update_probe_success 1.0\n")
    [(key, seconds, accepted)] = exporter.probes
    assert (key, accepted) == (LEADS, "text/plain")
    assert 2 < seconds <= 4.5


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        pytest.param({"account": "other"}, "account: expected one of acme\n", id="unknown account"),
        pytest.param(
            {"crm_module": "Leads/../Deals"},
            "crm_module: expected a module's API name, such as Leads\n",
            id="path trick",
        ),
        pytest.param(
            {"job_id": "35e3"},
            "job_id: expected the digits that Zoho gave, such as 3524033000006027001\n",
            id="no digits",
        ),
        pytest.param(
            {"job_id": "١٢٣"},
            "job_id: expected the digits that Zoho gave, such as 3524033000006027001\n",
            id="digits of another script",
        ),
        pytest.param(
            {"crm_module": "", "job_id": ""},
            "crm_module: expected a module's API name, such as Leads\n"
            "job_id: expected the digits that Zoho gave, such as 3524033000006027001\n",
            id="nothing",
        ),
    ],
)
@pytest.mark.parametrize("path", ["/probe", "/explain"])
def test_malformed_job_is_refused(
    url: str, exporter: PlayedExporter, path: str, changed: dict[str, str], said: str
) -> None:
    """What does not name a job of ours is a 400 that says every fault, and asks Zoho nothing."""
    answer = requests.get(url + path, params={**JOB, **changed}, timeout=10)
    assert (answer.status_code, answer.text) == (400, said)
    assert exporter.probes == []


def test_probe_without_room_is_refused(serve: Serve) -> None:
    """A bounded number of jobs is tracked only because they are probed."""
    url = serve(create_gate(web_options(), there(PlayedExporter(most_jobs=0)))).url
    answer = requests.get(f"{url}/probe", params=JOB, timeout=10)
    assert (answer.status_code, answer.text) == (429, f"{LEADS} is not tracked: no room\n")


def test_debug_shows_how_a_probe_came_about(url: str) -> None:
    """`debug=true` gives text: what was asked, what is known, and the page."""
    answer = requests.get(f"{url}/probe", params={**JOB, "debug": "true"}, timeout=10)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.text == (
        "Last asked of Zoho\n------------------\nGET https://zoho.example\nHTTP 200\n\n"
        f"What is known\n-------------\n{LEADS} is tracked.\n\n"
        "The page\n--------\nzoho_mass_update_probe_success 1.0\n\n"
    )


def test_tracked_job_is_explained(url: str) -> None:
    """`/explain` says in sentences what is known."""
    answer = requests.get(f"{url}/explain", params=JOB, timeout=10)
    assert (answer.status_code, answer.text) == (200, f"{LEADS} is tracked.\n")


def test_untracked_job_is_not_explained(url: str, exporter: PlayedExporter) -> None:
    """A question about another job is a 404 that says how to track it, and tracks nothing."""
    answer = requests.get(f"{url}/explain", params={"crm_module": "Deals", "job_id": DEALS.job_id}, timeout=10)
    assert (answer.status_code, answer.text) == (404, f"{DEALS} is not tracked: list it, register it, or probe it.\n")
    assert set(exporter.jobs) == {LEADS}
