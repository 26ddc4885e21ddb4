"""Two exporters as processes of their own on one real PostgreSQL: one bill, and no end with one of them."""

import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import requests
from databases import Server
from databases import ask as ask_database
from journey import Exporter, every
from processes import bare_environment, eventually, exporter_command
from sharing import INTERVAL_SECONDS, calls, check_outage_is_told_once, sample, updated

from exporter.simulator import Simulator

TOKEN = "sixteen-letters-or-more"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
JOBS = ("351", "352", "353")


def check_told_who_polled(job_id: str, exporter: Exporter, asked: Exporter) -> None:
    """See that an exporter tells of a job that another one has polled it, by host and port."""
    name = f"{socket.gethostname()}:{exporter.url.rpartition(':')[2]}"
    job = requests.get(f"{asked.url}/api/v1/jobs/acme/Leads/{job_id}", headers=BEARER, timeout=10).json()
    assert job["last_poll_by"] == name
    for page in ("/", f"/jobs/acme/Leads/{job_id}"):
        assert f"by <bdi>{name}</bdi>" in requests.get(f"{asked.url}{page}", timeout=10).text


def test_two_exporters_are_one(
    server: Server, start_exporter: Callable[..., Exporter], simulator: Simulator, tmp_path: Path
) -> None:
    """Each call is made by one of them, what one hears both know, and neither the other nor the database is needed."""
    for number, job_id in enumerate(JOBS):
        simulator.set_status("Leads", job_id, "RUNNING", updated=1 + number, total=50)
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    shared = {
        "state__path": "",
        "state__url": server.create("zoho"),
        "jobs": ",".join(f"Leads/{job_id}" for job_id in JOBS),
        "web__api_token_file": str(tmp_path / "token"),
    }

    first, second = (start_exporter(**shared, **every("2s")) for _ in range(2))

    # The same bill: nobody asks again what the other has just asked, and one token serves both.
    begun = time.monotonic()
    assert updated(first.page()) == updated(second.page()) == {"351": 1, "352": 2, "353": 3}
    eventually(lambda: first.page() and second.page() and time.monotonic() > begun + 2.5, "time stands still")
    assert 3 * 2 <= calls(simulator) <= 3 * (1 + (time.monotonic() - begun) // INTERVAL_SECONDS)
    pages = [first.page(), second.page()]
    assert simulator.stats().token_calls == 1
    assert sum(sample(page, "zoho_crm_api_credits_spent_total") for page in pages) == calls(simulator)
    assert sample(pages[1], "zoho_crm_api_credits_used_24h") == calls(simulator)

    # A job that one was told of is the other's too, and so is its end.
    simulator.set_status("Leads", "354", "COMPLETED", updated=50, total=50)
    job = {"account": "acme", "module": "Leads", "job_id": "354"}
    assert requests.post(f"{first.url}/api/v1/jobs", json=job, headers=BEARER, timeout=10).status_code == 201
    assert updated(second.page())["354"] == 50
    assert updated(first.page())["354"] == 50
    assert simulator.stats().status_calls["Leads/354"] == 1
    check_told_who_polled("354", second, asked=first)

    # One dies in the middle, and the other goes on with all jobs; one that starts knows them at once.
    first.running.stop(signal.SIGKILL)
    for number, job_id in enumerate(JOBS):
        simulator.set_status("Leads", job_id, "RUNNING", updated=10 + number, total=50)
    all_jobs = {"351": 10, "352": 11, "353": 12, "354": 50}
    eventually(lambda: updated(second.page()) == all_jobs, "the other does not go on")
    third = start_exporter(**shared, **every("2s"))
    assert updated(third.page()) == all_jobs

    # Without its database a page is whole and in time, and Zoho is not asked; the state is said to be the reason.
    server.stop()
    begun = time.monotonic()
    before = calls(simulator)
    assert updated(second.page()) == all_jobs
    eventually(lambda: time.monotonic() > begun + INTERVAL_SECONDS + 1, "jobs do not become due")
    assert updated(third.page()) == all_jobs
    assert calls(simulator) == before
    ready = requests.get(f"{third.url}/-/ready", timeout=10)
    assert ready.text == "account acme: ready\nstate: can't be kept at the moment, see the log\n"
    assert ready.status_code == 200
    assert sample(third.page(), "zoho_mass_update_exporter_store_errors_total") > 0

    # It comes back, and all goes on.
    server.start()
    simulator.set_status("Leads", "351", "COMPLETED", updated=50, total=50)
    eventually(lambda: updated(third.page())["351"] == 50, "it does not go on")
    assert updated(second.page())["351"] == 50
    assert requests.get(f"{third.url}/-/ready", timeout=10).text == "account acme: ready\n"

    for exporter in (second, third):
        check_outage_is_told_once(exporter)

    # Somebody drops all that it has: the exporters put back what they know.
    server.drop("zoho")
    eventually(lambda: updated(third.page()).keys() == all_jobs.keys(), "not all jobs come back")
    assert [exporter.running.stop() for exporter in (second, third)] == [0, 0]


def test_one_that_starts_without_its_database_shows_no_credits(
    server: Server, start_exporter: Callable[..., Exporter], simulator: Simulator, tmp_path: Path
) -> None:
    """What could not be read is said to be missing, until the database has answered."""
    simulator.set_status("Leads", "351", "RUNNING", updated=1, total=50)
    for ended in ("352", "353"):
        simulator.set_status("Leads", ended, "COMPLETED", updated=50, total=50)
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    shared = {"state__path": "", "state__url": server.create("zoho"), "jobs": "Leads/351,Leads/352", **every("1h")}
    shared["web__api_token_file"] = str(tmp_path / "token")
    first = start_exporter(**shared)
    registered = {"module": "Leads", "job_id": "353"}
    assert requests.post(f"{first.url}/api/v1/jobs", json=registered, headers=BEARER, timeout=10).status_code == 201
    assert updated(first.page()) == {"351": 1, "352": 50, "353": 50}
    assert first.running.stop() == 0
    ask_database(server, "zoho", "CHECKPOINT")  # or the crash takes with it what has just been written
    server.stop()

    exporter = start_exporter(**shared)

    def ask(path: str, method: str = "GET") -> requests.Response:
        return requests.request(method, exporter.url + path, headers=BEARER, timeout=10)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        env = bare_environment(ZOHO_EXPORTER_URL=exporter.url, ZOHO_EXPORTER_TOKEN_FILE=str(tmp_path / "token"))
        return subprocess.run(
            exporter_command(*words), env=env, capture_output=True, text=True, timeout=60, check=False
        )

    unread = "What was kept before the start could not be read yet"
    of, api = "?account=acme&crm_module=Leads&job_id=", "/api/v1/jobs/acme/Leads/"
    assert "\nzoho_crm_api_credits_used_24h{" not in exporter.page()
    assert unread in ask("/").text
    for page in ("/", "/jobs/acme/Leads/351"):
        for told in (unread, "held: the database has not answered yet"):
            assert told in ask(page).text, page
    assert "spent in 24 hours is not known" in ask(f"/explain{of}351").text
    assert ask(f"/explain{of}351").text.startswith("The database does not answer, see the log: until it does no job")
    pages = ("/sd/jobs", f"/explain{of}353", f"/probe{of}353", f"{api}353", "/jobs/acme/Leads/353")
    deeds = ((f"{api}353", "DELETE"), (f"{api}353/ack", "POST"), (f"{api}352/ack", "POST"))
    for asked in (*((path, "GET") for path in pages), *deeds):
        assert (ask(*asked).status_code, unread in ask(*asked).text) == (503, True), asked
    for shown in ("/api/v1/jobs", f"{api}351"):
        assert [unread in told for told in ask(shown).json()["warnings"]] == [True], shown
    for words, status, known in (
        (("jobs",), 0, "whether any needs attention is not known"),
        (("status", "acme/Leads/351"), 1, "Not polled yet"),
    ):
        done = run(*words)
        assert (done.returncode, unread in done.stderr, known in done.stdout) == (status, True, True), done

    server.start()
    eventually(lambda: sample(exporter.page(), "zoho_crm_api_credits_used_24h") == 3, "they stay away")
    assert unread not in ask("/").text
    assert "has spent 3 credits in 24 hours" in ask(f"/explain{of}351").text
    assert "database" not in ask(f"/explain{of}351").text
    assert [ask(path).status_code for path in pages] == [200] * len(pages)
    assert "warnings" not in ask("/api/v1/jobs").json()
    assert ask(f"{api}351").json()["warnings"] == []
    assert [(job["job_id"], job["acknowledged"]) for job in ask("/api/v1/jobs").json()["jobs"]] == [
        ("351", None),
        ("352", False),
        ("353", False),
    ]
    assert [ask(*deed).status_code for deed in reversed(deeds)] == [204] * len(deeds)
