"""The job API, over real HTTP."""

import json
import tracemalloc
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
import requests
from played import PlayedExporter, there
from samples import DEALS, FAILURE, LEADS, NOW, report, tracked, web_options
from sites import Serve, token_guard

from exporter.jobs.outcome import note_failure, note_report
from exporter.model import JobKey, JobSource, JobState, TrackedJob
from exporter.web.routes import create_gate

OPTIONS = web_options()
TOKEN = {"Authorization": "Bearer swordfish"}
BODY = {"account": "acme", "module": "Leads", "job_id": LEADS.job_id}


@pytest.fixture
def exporter() -> PlayedExporter:
    """Give an exporter that a test can look into."""
    return PlayedExporter(job_labels=("team",))


@pytest.fixture
def url(serve: Serve, exporter: PlayedExporter) -> str:
    """Give the address of the jobs."""
    return serve(create_gate(OPTIONS, there(exporter), token_guard("swordfish"))).url + "/api/v1/jobs"


def post(url: str, body: object) -> requests.Response:
    """Register, as one who may."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return requests.post(url, data=content, headers=TOKEN, timeout=10)


def test_new_job_is_created(url: str, exporter: PlayedExporter) -> None:
    """A 201 shows the job, which is tracked from now on."""
    answer = post(url, {**BODY, "name": "Spring", "group": "campaign", "labels": {"team": "sales"}})
    assert answer.status_code == 201
    assert answer.json() == {
        "account": "acme",
        "module": "Leads",
        "job_id": "3524033000006027001",
        "name": "Spring",
        "group": "campaign",
        "labels": {"team": "sales"},
        "source": "api",
        "state": "UNKNOWN",
        "undocumented_state": "",
        "delay": None,
        "updated_records": None,
        "failed_records": None,
        "not_updated_records": None,
        "total_records": None,
        "first_seen_at": "2026-09-21T14:13:20Z",
        "started_at": None,
        "finished_at": None,
        "last_progress_at": None,
        "last_report_at": None,
        "last_poll_at": None,
        "last_poll_by": "",
        "next_poll_at": None,
        "estimated_completion_at": None,
        "records_per_second": None,
        "acknowledged": None,
        "error": None,
    }
    assert exporter.jobs[LEADS].spec.source is JobSource.API


def test_the_only_account_need_not_be_named(url: str, exporter: PlayedExporter) -> None:
    """A script for one organisation says module and id."""
    assert post(url, {"module": "Leads", "job_id": LEADS.job_id}).status_code == 201
    assert set(exporter.jobs) == {LEADS}


def test_known_job_is_no_news(url: str) -> None:
    """Sending a job again is a 200: a script may repeat itself."""
    assert [post(url, BODY).status_code for _ in range(2)] == [201, 200]


def test_many_jobs_come_at_once(url: str, exporter: PlayedExporter) -> None:
    """A list is answered by a list in the same order."""
    answer = post(url, [BODY, {**BODY, "module": "Deals", "job_id": DEALS.job_id}])
    assert answer.status_code == 201
    assert [job["module"] for job in answer.json()["jobs"]] == ["Leads", "Deals"]
    assert set(exporter.jobs) == {LEADS, DEALS}


def test_end_is_acknowledged_and_taken_back(url: str, exporter: PlayedExporter) -> None:
    """Each may be sent again; the job says how it stands."""
    exporter.jobs[LEADS] = replace(tracked(), report=report(JobState.FAILED))
    place = f"{url}/{LEADS}"
    seen = []
    for method in ("POST", "POST", "DELETE", "DELETE"):
        assert requests.request(method, f"{place}/ack", headers=TOKEN, timeout=10).status_code == 204
        seen.append(requests.get(place, headers=TOKEN, timeout=10).json()["acknowledged"])
    assert seen == [True, True, False, False]


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize(
    ("jobs", "status"),
    [pytest.param({}, 404, id="not tracked"), pytest.param({LEADS: tracked()}, 409, id="not ended")],
)
def test_end_that_is_not_there_is_not_acknowledged(
    url: str, exporter: PlayedExporter, method: str, jobs: dict[JobKey, TrackedJob], status: int
) -> None:
    """What has not ended tells so; its end is to be taken note of when it is seen."""
    exporter.jobs = jobs
    answer = requests.request(method, f"{url}/{LEADS}/ack", headers=TOKEN, timeout=10)
    assert (answer.status_code, answer.json()["status"]) == (status, status)


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        pytest.param({}, ["/module", "/job_id"], id="nothing"),
        pytest.param({**BODY, "job_id": 3524033000006027001}, ["/job_id"], id="id as a number"),
        pytest.param({**BODY, "job_id": "35x"}, ["/job_id"], id="id with a letter"),
        pytest.param({**BODY, "job_id": "1\n"}, ["/job_id"], id="id with a line break"),
        pytest.param({**BODY, "module": "../Deals"}, ["/module"], id="path trick"),
        pytest.param({**BODY, "nane": "x"}, ["/nane"], id="unknown key"),
        pytest.param({**BODY, "name": "two\nlines"}, ["/name"], id="two lines"),
        pytest.param({**BODY, "name": "\ud800"}, ["/name"], id="half a character"),
        pytest.param({**BODY, "name": "x" * 257}, ["/name"], id="too long"),
        pytest.param({**BODY, "account": "other"}, ["/account"], id="unknown account"),
        pytest.param({**BODY, "labels": {"planet": "mars"}}, ["/labels/planet"], id="label not allowed"),
        pytest.param(
            {**BODY, "labels": {"\ud800": "mars"}}, ["/labels/\ufffd\ufffd\ufffd"], id="half a character as a label"
        ),
        pytest.param({**BODY, "a/b~c": 1}, ["/a~1b~0c"], id="key that a pointer escapes"),
        pytest.param([BODY, {**BODY, "module": 1}], ["/1/module"], id="second of a list"),
        pytest.param([BODY, {**BODY, "account": "other"}], ["/1/account"], id="unknown account in a list"),
        pytest.param([], [""], id="empty list"),
        pytest.param([BODY] * 1001, [""], id="too many"),
        pytest.param("Leads", [""], id="a text"),
        pytest.param(None, [""], id="null"),
    ],
)
def test_wrong_body_is_refused(url: str, exporter: PlayedExporter, body: object, pointers: list[str]) -> None:
    """Every wrong value is told by its JSON pointer, and nothing is tracked."""
    answer = post(url, body)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["status"]) == (400, 400)
    assert [error["pointer"] for error in answer.json()["errors"]] == pointers
    assert exporter.jobs == {}


_AN_ID = "expected a job id: digits only, exactly as Zoho gave them"
_A_NUMBER = f"{_AN_ID}, as a text in quotes: as a number it loses digits on its way"
_A_MODULE = "expected a module's API name: a letter, then letters, digits or _, such as Leads"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        pytest.param({"module": "Leads"}, {"/job_id": "is required"}, id="no id"),
        pytest.param(
            {"module": None, "job_id": None}, dict.fromkeys(("/module", "/job_id"), "is required"), id="nulls"
        ),
        pytest.param({**BODY, "job_id": 3524033000006027001}, {"/job_id": _A_NUMBER}, id="id as a number"),
        pytest.param({**BODY, "job_id": 3.52e18}, {"/job_id": _A_NUMBER}, id="id as a float"),
        pytest.param(
            {**BODY, "job_id": "zcrm_3524033000006027001"},
            {"/job_id": f'{_AN_ID}; did you mean "3524033000006027001"?'},
            id="id with a prefix",
        ),
        pytest.param(
            {**BODY, "module": "Sales Orders"},
            {"/module": f'{_A_MODULE}; did you mean "Sales_Orders"? Setup > APIs and SDKs lists the names'},
            id="a module's label",
        ),
        pytest.param({**BODY, "jobid": "1"}, {"/jobid": 'unknown key; did you mean "job_id"?'}, id="near key"),
        pytest.param(
            {"jobs": [BODY]},
            {
                "/module": "is required",
                "/job_id": "is required",
                "/jobs": "unknown key; send the list itself, with nothing around it",
            },
            id="list in an object",
        ),
        pytest.param(
            {**BODY, "zzz": "1"},
            {"/zzz": "unknown key; known: account, module, job_id, name, group, labels"},
            id="far key",
        ),
        pytest.param(
            {**BODY, "name": 7}, {"/name": "expected a text of one line with at most 256 characters"}, id="name"
        ),
        pytest.param(
            {**BODY, "labels": {"team": 7}},
            {"/labels/team": "expected a text of one line with at most 256 characters"},
            id="label's value",
        ),
        pytest.param({**BODY, "labels": []}, {"/labels": "expected an object of names and texts"}, id="labels"),
        pytest.param(
            {**BODY, "account": "acne"}, {"/account": 'is no account; did you mean "acme"?'}, id="near account"
        ),
        pytest.param({**BODY, "account": "zzz"}, {"/account": 'is no account; known: "acme"'}, id="far account"),
        pytest.param(
            {**BODY, "labels": {"planet": "mars"}},
            {"/labels/planet": "is not in job_labels: add it there to allow it"},
            id="label not allowed",
        ),
        pytest.param("Leads", {"": "expected a job: an object with module and job_id"}, id="a text"),
    ],
)
def test_refusal_says_what_to_change(url: str, body: object, told: dict[str, str]) -> None:
    """In the words that a file's mistakes are told in, each at its value."""
    assert {error["pointer"]: error["detail"] for error in post(url, body).json()["errors"]} == told


def test_account_left_out_among_several_is_told(serve: Serve) -> None:
    """The accounts to choose from are named."""
    exporter = PlayedExporter(accounts=("acme", "other"))
    url = serve(create_gate(OPTIONS, there(exporter), token_guard("swordfish"))).url + "/api/v1/jobs"
    [error] = post(url, {"module": "Leads", "job_id": "35"}).json()["errors"]
    assert error == {"pointer": "/account", "detail": 'is required, as there are several: "acme", "other"'}


def test_null_is_absent(url: str, exporter: PlayedExporter) -> None:
    """Many programs write a value that they do not have as null."""
    body = {"account": None, "module": "Leads", "job_id": LEADS.job_id, "name": None, "group": None, "labels": None}
    assert post(url, body).status_code == 201
    assert exporter.jobs[LEADS].spec.name == ""


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="not JSON"),
        pytest.param(b"\xff\xfe", id="not text"),
        pytest.param(b"[" * 100_000, id="nested too deeply"),
    ],
)
def test_bytes_that_are_no_body_are_refused(url: str, body: bytes) -> None:
    """What can't be read is told so."""
    answer = post(url, body)
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")


def test_job_of_the_configuration_is_a_conflict(url: str, exporter: PlayedExporter) -> None:
    """The configuration has the last word, when a job is registered and when it is let go."""
    exporter.declared = frozenset({LEADS})
    assert post(url, BODY).status_code == 409
    assert requests.delete(f"{url}/{LEADS}", headers=TOKEN, timeout=10).status_code == 409


def test_no_room_is_told(url: str, exporter: PlayedExporter) -> None:
    """A full table is a 429."""
    exporter.most_jobs = 0
    answer = post(url, BODY)
    assert (answer.status_code, answer.json()["detail"]) == (429, "no room.")


def test_registration_that_is_not_kept_is_told(url: str, exporter: PlayedExporter) -> None:
    """Nobody is told that a job is registered when a crash would forget it."""
    exporter.kept = False
    answer = post(url, BODY)
    assert (answer.status_code, answer.json()["title"]) == (503, "Not kept")


def test_jobs_are_listed(url: str, exporter: PlayedExporter) -> None:
    """All jobs come sorted, with their counts."""
    exporter.jobs = {LEADS: note_report(tracked(), report(), NOW), DEALS: tracked(DEALS)}
    answer = requests.get(url, headers=TOKEN, timeout=10)
    assert [(job["module"], job["state"], job["updated_records"]) for job in answer.json()["jobs"]] == [
        ("Deals", "UNKNOWN", None),
        ("Leads", "RUNNING", 30),
    ]


def test_jobs_come_in_pages(url: str, exporter: PlayedExporter) -> None:
    """A page leads to the next one in its body and in its head, whatever proxies are between; the last one to none."""
    exporter.jobs = {key: tracked(key) for key in (LEADS, DEALS, JobKey("acme", "Cases", "1"))}
    first = requests.get(url, {"limit": 2}, headers=TOKEN, timeout=10)
    assert [job["module"] for job in first.json()["jobs"]] == ["Cases", "Deals"]
    assert first.links["next"]["url"] == f"?limit=2&cursor={first.json()['next']}"
    last = requests.get(url + first.links["next"]["url"], headers=TOKEN, timeout=10)
    assert ([job["module"] for job in last.json()["jobs"]], last.links) == (["Leads"], {})
    assert list(last.json()) == ["jobs"]


class CountedLabels(Mapping[str, str]):
    """No labels, that count how often they are asked for."""

    asked = 0

    def __getitem__(self, name: str) -> str:
        raise KeyError(name)

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[str]:
        type(self).asked += 1
        return iter(())


def test_page_looks_at_its_own_jobs_alone(url: str, exporter: PlayedExporter) -> None:
    """A hundred of ten thousand, wherever they are."""
    jobs = (tracked(JobKey("acme", "Leads", str(each))) for each in range(10_000, 20_000))
    exporter.jobs = {job.spec.key: replace(job, spec=replace(job.spec, labels=CountedLabels())) for job in jobs}
    page = {"limit": "100", "cursor": "acme/Leads/14999"}
    answer = requests.get(url, page, headers=TOKEN, timeout=10).json()
    assert ([job["job_id"] for job in answer["jobs"]][::99], answer["next"]) == (["15000", "15099"], "acme/Leads/15099")
    assert CountedLabels.asked == 100


def test_who_knows_no_pages_gets_all_jobs(url: str, exporter: PlayedExporter) -> None:
    """As ever, and nothing beside them."""
    exporter.jobs = {key: tracked(key) for key in (JobKey("acme", "Leads", str(each)) for each in range(1001))}
    answer = requests.get(url, headers=TOKEN, timeout=10)
    assert (len(answer.json()["jobs"]), list(answer.json()), answer.links) == (1001, ["jobs"], {})


def test_wrong_page_is_refused(url: str) -> None:
    """With what is wrong with each of its parameters."""
    answer = requests.get(url, {"limit": "many", "cursor": "3"}, headers=TOKEN, timeout=10)
    assert answer.json() == {
        "type": "about:blank",
        "title": "Wrong parameter",
        "status": 400,
        "detail": "limit: expected a whole number from 1 to 1000; "
        "cursor: expected what the page before gives as next; leave it out to begin anew.",
    }


def test_one_job_is_shown_with_its_history(url: str, exporter: PlayedExporter) -> None:
    """What changed, when, and what went wrong last."""
    job = note_report(tracked(), report(JobState.SCHEDULED, updated=0, not_updated=50), NOW)
    job = note_failure(note_report(job, report(), NOW + 60), FAILURE, NOW + 120)
    exporter.jobs = {LEADS: job}
    shown = requests.get(f"{url}/{LEADS}", headers=TOKEN, timeout=10).json()
    counts = {"failed_records": 0, "total_records": 50}
    scheduled = {"processed_records": 0, "updated_records": 0, "not_updated_records": 50, **counts}
    running = {"processed_records": 30, "updated_records": 30, "not_updated_records": 20, **counts}
    assert shown["history"] == [
        {"at": "2026-09-21T14:13:20Z", "state": "SCHEDULED", **scheduled},
        {"at": "2026-09-21T14:14:20Z", "state": "RUNNING", **running},
    ]
    assert shown["error"] == {
        "code": "timeout",
        "message": "Zoho fell silent for 8 s",
        "advice": "check the network",
        "passing": True,
    }


def test_job_is_let_go(url: str, exporter: PlayedExporter) -> None:
    """A 204 once, a 404 afterwards."""
    exporter.jobs = {LEADS: tracked()}
    statuses = [requests.delete(f"{url}/{LEADS}", headers=TOKEN, timeout=10).status_code for _ in range(2)]
    assert (statuses, exporter.jobs) == ([204, 404], {})


def test_unknown_job_is_not_found(url: str) -> None:
    """A job that is not tracked is a 404 with a reason."""
    answer = requests.get(f"{url}/acme/Leads/1", headers=TOKEN, timeout=10)
    assert (answer.status_code, answer.json()["detail"]) == (404, "acme/Leads/1 is not tracked.")


@pytest.mark.parametrize(
    ("token", "headers", "status"),
    [
        pytest.param("", TOKEN, 403, id="the API is off"),
        pytest.param("swordfish", {}, 401, id="no token"),
        pytest.param("swordfish", {"Authorization": "Bearer swordfis"}, 401, id="wrong token"),
        pytest.param("swordfish", {"Authorization": "Bearer ü".encode()}, 401, id="odd token"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_strangers_are_refused(
    serve: Serve, method: str, token: str, headers: dict[str, str | bytes], status: int
) -> None:
    """The API is off until there is a token, and nobody gets in without it."""
    exporter = PlayedExporter()
    url = serve(create_gate(OPTIONS, there(exporter), token_guard(token))).url
    answer = requests.request(method, f"{url}/api/v1/jobs", headers=headers, json=BODY, timeout=10)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert answer.headers.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)
    assert exporter.jobs == {}


MANY = [{**BODY, "job_id": str(number), "labels": {f"bad {label}": 1 for label in range(60)}} for number in range(700)]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        pytest.param({**BODY, "labels": {f"{label}": 1 for label in range(80_000)}}, "/labels", id="labels"),
        pytest.param({**BODY, "labels": {"x" * 900_000: "y"}}, "/labels", id="long label"),
        pytest.param({f"{key}": 1 for key in range(80_000)}, "", id="keys"),
        pytest.param({"x" * 900_000: 1}, "", id="long key"),
        pytest.param({**BODY, "account": "x" * 900_000}, "/account", id="long account"),
        pytest.param(MANY, "/0/labels/bad 0", id="labels of many jobs"),
        pytest.param([1] * 300_000, "", id="jobs"),
        pytest.param([{}] * 1000, "/0/module", id="empty jobs"),
        pytest.param([[[]]] * 1000, "/0", id="lists"),
    ],
)
def test_hostile_body_is_refused_in_few_words(url: str, exporter: PlayedExporter, body: object, pointer: str) -> None:
    """What is wrong is told up to a hundred times, so that neither the answer nor the work grows with the body."""
    tracemalloc.start()
    answer = post(url, body)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert len(answer.json()["errors"]) <= 100
    assert len(answer.content) < 50_000
    assert peak_bytes < 40 * 1024 * 1024
    assert exporter.jobs == {}


def test_key_that_stands_twice_is_refused(url: str, exporter: PlayedExporter) -> None:
    """Which of the two jobs is meant is not known."""
    body = '{"module": "Leads", "job_id": "1", "job_id": "2"}'
    answer = requests.post(url, data=body, headers=TOKEN, timeout=10)
    assert (answer.status_code, answer.json()["detail"]) == (400, "A key stands twice in one object.")
    assert exporter.jobs == {}
