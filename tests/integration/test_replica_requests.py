"""Requests that reach now one exporter and now another of those that share a database, as behind a balancer."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests
from databases import Server
from journey import Exporter
from processes import bare_environment, eventually, exporter_command
from sharing import sample, updated
from wires import Loss, Wire

from exporter.simulator import Simulator

TOKEN = "sixteen-letters-or-more"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
JOB = {"account": "acme", "module": "Leads", "job_id": "351"}
OF_JOB = "/acme/Leads/351"
QUERY = "?account=acme&crm_module=Leads&job_id=351"
LIST, ONE = "/api/v1/jobs", f"/api/v1/jobs{OF_JOB}"
READS = (LIST, ONE, "/sd/jobs", f"/explain{QUERY}", "/", f"/jobs{OF_JOB}")
"""What shows a job that is tracked; each finds out by itself."""
COUNTS = "/metrics?collect[]=modules"
BEHIND = "zoho_mass_update_exporter_store_behind_since_timestamp_seconds"
GRANTED_SECONDS = 3.0


def ask(method: str, exporter: Exporter, path: str = "", json: object = None) -> int:
    """Ask for something, and give the answer's status."""
    url = f"{exporter.url}/api/v1/jobs{path}"
    return requests.request(method, url, json=json, headers=BEARER, timeout=10).status_code


def read(exporter: Exporter, path: str, seconds: float = 30.0) -> str:
    """Read what shows jobs, in time; nothing of a job that is not tracked."""
    headers = {**BEARER, "X-Prometheus-Scrape-Timeout-Seconds": str(seconds)}
    answer = requests.get(f"{exporter.url}{path}", headers=headers, timeout=seconds)
    assert answer.status_code == 200 or (answer.status_code, "351" in path) == (404, True), answer.text
    return answer.text if answer.ok else ""


def is_shown(exporter: Exporter, path: str, seconds: float = 30.0) -> bool:
    """Say whether what is read shows the job."""
    text = read(exporter, path, seconds)
    return bool(text) if "351" in path else '"351"' in text or "acme/Leads/351" in text


def run(exporter: Exporter, tmp_path: Path, *words: str) -> str:
    """Run a command that asks this exporter, and give what it prints."""
    known = {"ZOHO_EXPORTER_URL": exporter.url, "ZOHO_EXPORTER_TOKEN_FILE": str(tmp_path / "token")}
    command, env = exporter_command(*words), bare_environment(**known)
    ran = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    return ran.stdout + ran.stderr


def is_acknowledged(page: str) -> bool:
    """Say whether somebody has taken note of the end of the only job."""
    return sample(page, "zoho_mass_update_job_acknowledged") == 1


@pytest.fixture
def wire(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """Give what leads the second exporter to the database."""
    with closing(Wire(server, tmp_path_factory.mktemp("w"))) as wire:
        yield wire


@pytest.fixture
def pair(
    server: Server, wire: Wire, start_exporter: Callable[..., Exporter], simulator: Simulator, tmp_path: Path
) -> tuple[Exporter, Exporter]:
    """Give two exporters without jobs, and a job that has ended at Zoho."""
    simulator.set_status("Leads", "351", "FAILED", updated=1, total=50)
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    url, shared = server.create("zoho"), {"state__path": "", "web__api_token_file": str(tmp_path / "token")}
    return start_exporter(state__url=url, **shared), start_exporter(state__url=wire.through(url), **shared)


def test_request_counts_wherever_the_one_before_it_was_answered(
    pair: tuple[Exporter, Exporter], server: Server
) -> None:
    """Nobody answers by what it was told at its last scrape; and what can't be known is not promised."""
    first, second = pair
    of_job = "/acme/Leads/351"
    assert ask("POST", first, json=JOB) == 201
    assert updated(second.page()) == updated(first.page()) == {"351": 1}

    assert ask("DELETE", second, of_job) == 204
    assert ask("POST", first, json=JOB) == 201
    assert ask("POST", second, json=JOB) == 200
    assert updated(second.page()) == updated(first.page()) == {"351": 1}

    for one, method in ((first, "POST"), (second, "DELETE"), (first, "POST"), (second, "POST")):
        assert ask(method, one, f"{of_job}/ack") == 204
        assert {is_acknowledged(exporter.page()) for exporter in pair} == {method == "POST"}

    server.stop()
    assert ask("POST", first, json=JOB) == 503
    assert ask("DELETE", second, "/acme/Leads/352") == 503


def test_whatever_shows_jobs_shows_what_was_done_at_another_one(
    pair: tuple[Exporter, Exporter], tmp_path: Path
) -> None:
    """Without a scrape: who is asked for targets alone, or by a person, knows what all know."""
    first, second = pair
    told = {}
    for path in READS:
        assert ask("POST", first, json=JOB) == 201
        is_there = is_shown(second, path)
        assert ask("DELETE", first, OF_JOB) == 204
        told[path] = (is_there, is_shown(second, path))
    assert told == dict.fromkeys(READS, (True, False))

    counts = []
    for method, path in (("POST", ""), ("DELETE", OF_JOB), ("POST", "")):
        assert ask(method, first, path, json=JOB if method == "POST" else None) in {201, 204}
        counts.append(sample(read(second, COUNTS), "zoho_mass_update_jobs"))
    assert counts == [1, 0, 1]

    assert "FAILED" in first.page()
    assert "FAILED" in read(second, f"/probe{QUERY}")
    acknowledged = {}
    for path, word in ((LIST, '"acknowledged":true'), (ONE, '"acknowledged":true'), (f"/jobs{OF_JOB}", "Acknowledged")):
        assert ask("POST", first, f"{OF_JOB}/ack") == 204
        is_there = word in read(second, path)
        assert ask("DELETE", first, f"{OF_JOB}/ack") == 204
        acknowledged[path] = (is_there, word in read(second, path))
    assert set(acknowledged.values()) == {(True, False)}, acknowledged

    for words in (("jobs",), ("status", OF_JOB[1:])):
        assert ask("POST", first, f"{OF_JOB}/ack") == 204
        assert "cknowledged" in run(second, tmp_path, *words)
        assert ask("DELETE", first, f"{OF_JOB}/ack") == 204
        assert "cknowledged" not in run(second, tmp_path, *words)


def test_read_shows_what_is_known_while_the_database_is_silent(pair: tuple[Exporter, Exporter], wire: Wire) -> None:
    """In time, and well; what was done meanwhile it shows when the database answers again."""
    first, second = pair
    assert ask("POST", first, json=JOB) == 201
    assert updated(second.page()) == {"351": 1}
    wire.lose(Loss.SILENCE)
    assert ask("DELETE", first, OF_JOB) == 204
    for path in READS:
        assert is_shown(second, path, GRANTED_SECONDS), path
    assert sample(read(second, COUNTS, GRANTED_SECONDS), "zoho_mass_update_jobs") == 1
    assert "zoho_mass_update_probe_success" in read(second, f"/probe{QUERY}", GRANTED_SECONDS)
    wire.mend()
    eventually(lambda: not is_shown(second, "/sd/jobs"), "it does not know")


def test_job_that_others_may_have_been_told_of_is_not_said_to_be_untracked(
    pair: tuple[Exporter, Exporter], wire: Wire, tmp_path: Path
) -> None:
    """By no page and no command of one that is cut off; and what it lists is said to be of before."""
    first, cut_off = pair
    assert updated(cut_off.page()) == {}
    wire.lose(Loss.QUESTION)
    assert ask("POST", first, json=JOB) == 201
    for path in (ONE, f"/explain{QUERY}", f"/jobs{OF_JOB}"):
        answer = requests.get(f"{cut_off.url}{path}", headers=BEARER, timeout=10)
        assert (answer.status_code, "is not known" in answer.text) == (503, True), path
    told = requests.get(f"{cut_off.url}{LIST}", headers=BEARER, timeout=10).json()
    assert told == {"jobs": [], "warnings": ["The database does not answer: this is what was known last."]}
    for words in ("status", "history", "ack", "untrack"):
        for name in ("Leads/351", OF_JOB[1:]):
            assert "not tracked" not in run(cut_off, tmp_path, words, name)
    assert "this is what was known last" in run(cut_off, tmp_path, "jobs")
    wire.mend()
    eventually(lambda: is_shown(cut_off, LIST), "it does not know")


def test_one_that_was_cut_off_changes_nothing_that_is_newer(pair: tuple[Exporter, Exporter], wire: Wire) -> None:
    """What is asked of it meanwhile is no promise; what another one has answered is."""
    first, cut_off = pair
    assert ask("POST", first, json=JOB) == 201
    assert updated(cut_off.page()) == {"351": 1}
    wire.lose(Loss.QUESTION)
    older, newer = ({**JOB, "name": name} for name in ("older", "newer"))
    requested = (("POST", f"{OF_JOB}/ack", None), ("DELETE", f"{OF_JOB}/ack", None), ("POST", "", older))
    assert {ask(method, cut_off, path, body) for method, path, body in requested} == {503}
    assert ask("DELETE", cut_off, OF_JOB) == 503
    assert is_shown(cut_off, ONE)
    assert ask("POST", first, f"{OF_JOB}/ack") == 204
    assert ask("POST", first, json=newer) == 200
    wire.mend()
    eventually(lambda: '"newer"' in read(cut_off, ONE), "it does not know")
    for exporter in pair:
        shown = read(exporter, ONE)
        assert ('"newer"' in shown, '"acknowledged":true' in shown) == (True, True), shown


@pytest.mark.parametrize(
    ("loss", "is_newer_elsewhere"), [(Loss.QUESTION, True), (Loss.ANSWER, True), (Loss.ANSWER, False)]
)
def test_last_word_stands_whoever_was_cut_off(
    pair: tuple[Exporter, Exporter], wire: Wire, loss: Loss, *, is_newer_elsewhere: bool
) -> None:
    """Though it says what one of them said before it, or what was done already and could not be answered."""
    first, cut_off = pair
    assert ask("POST", first, json=JOB) == 201
    assert updated(first.page()) == {"351": 1}
    assert ask("POST", first, f"{OF_JOB}/ack") == 204
    assert is_acknowledged(cut_off.page())
    wire.lose(loss)
    assert [ask(method, cut_off, f"{OF_JOB}/ack") for method in ("DELETE", "POST")] == [503, 503]
    if is_newer_elsewhere:
        assert [ask(method, first, f"{OF_JOB}/ack") for method in ("POST", "DELETE")] == [204, 204]
    assert sample(cut_off.page(), BEHIND)
    wire.mend()
    eventually(lambda: not sample(cut_off.page(), BEHIND), "it is cut off for good")
    assert [is_acknowledged(exporter.page()) for exporter in pair] == [not is_newer_elsewhere] * 2


def test_word_counts_though_it_changes_nothing_that_its_exporter_knows(
    pair: tuple[Exporter, Exporter], wire: Wire, simulator: Simulator
) -> None:
    """It is the last one all the same; and what was said of an end is said of no other one."""
    first, cut_off = pair
    ids = [str(number) for number in range(351, 357)]
    jobs = [{**JOB, "job_id": job_id, "group": "old"} for job_id in ids]
    for job_id in ids:
        simulator.set_status("Leads", job_id, "FAILED", updated=1, total=50)
    assert ask("POST", first, json=jobs) == 201
    first.page()
    assert ask("POST", first, "/acme/Leads/352/ack") == 204
    assert updated(cut_off.page()) == dict.fromkeys(ids, 1)
    wire.lose(Loss.QUESTION)

    assert ask("POST", cut_off, "/acme/Leads/351/ack") == 503
    assert ask("DELETE", first, "/acme/Leads/351/ack") == 204
    assert ask("DELETE", first, "/acme/Leads/352/ack") == 204
    assert ask("POST", cut_off, "/acme/Leads/352/ack") == 503
    assert ask("DELETE", first, "/acme/Leads/353") == 204
    assert ask("POST", cut_off, json=jobs[2]) == 503
    assert ask("POST", cut_off, json={**jobs[3], "group": "older"}) == 503
    assert ask("POST", first, json=jobs[3]) == 200
    assert ask("POST", first, json={**jobs[4], "group": "older"}) == 200
    assert ask("POST", cut_off, json=jobs[4]) == 503
    assert ask("DELETE", first, "/acme/Leads/356") == 204
    assert ask("POST", first, json=jobs[5]) == 201
    assert ask("POST", cut_off, "/acme/Leads/356/ack") == 503
    unknown = requests.post(f"{cut_off.url}/api/v1/jobs/acme/Leads/999/ack", headers=BEARER, timeout=10)
    assert (unknown.status_code, unknown.json()["title"]) == (503, "Not known")

    wire.mend()
    eventually(lambda: not sample(cut_off.page(), BEHIND), "it is cut off for good")
    first.page()
    for exporter in pair:
        shown = {
            job["job_id"]: (job["group"], job["acknowledged"])
            for job in requests.get(f"{exporter.url}{LIST}", headers=BEARER, timeout=10).json()["jobs"]
        }
        assert shown == dict.fromkeys(ids, ("old", False)) | {"352": ("old", True)}
