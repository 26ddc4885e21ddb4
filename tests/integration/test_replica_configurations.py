"""Exporters that share a database and whose configurations differ: each leaves alone what only the other one has."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import requests
from databases import Server
from journey import Exporter, account_variables, every
from processes import bare_environment, eventually, exporter_command, started
from sharing import calls, sample, updated

from exporter.simulator import Simulator

TOKEN = "sixteen-letters-or-more"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
BOTH, ONE = ("acme", "beta"), ("acme",)
LISTED = {"acme": "350", "beta": "351"}
REGISTERED = ("352", "353")
"""Jobs of the account that is not everywhere: one that has ended, and one that runs."""
OF_BETA = {"351", *REGISTERED}
DROPPED = "zoho_crm_account_dropped_timestamp_seconds"
JOBS_DROPPED = "zoho_mass_update_exporter_jobs_dropped_total"


@dataclass(frozen=True)
class Replica:
    """An exporter, its settings file, and how that is written for some accounts."""

    file: Path
    exporter: Exporter
    write: Callable[[Path, tuple[str, ...]], None]

    def reload(self, accounts: tuple[str, ...]) -> None:
        """Serve these accounts from now on."""
        self.write(self.file, accounts)
        requests.post(f"{self.exporter.url}/-/reload", headers=BEARER, timeout=10).raise_for_status()

    def page(self) -> str:
        """Scrape it."""
        return self.exporter.page()

    def jobs(self) -> set[str]:
        """Give the jobs that its list shows."""
        answer = requests.get(f"{self.exporter.url}/api/v1/jobs", headers=BEARER, timeout=10)
        return {job["job_id"] for job in answer.json()["jobs"]}


Start = Callable[[tuple[str, ...]], Replica]


@pytest.fixture
def start(server: Server, simulator: Simulator, tmp_path: Path) -> Iterator[Start]:
    """Give a function that starts an exporter for some accounts on one database, with a listed job of each."""
    simulator.set_status("Leads", "350", "RUNNING", updated=1, total=50)
    simulator.set_status("Leads", "351", "RUNNING", updated=2, total=50)
    simulator.set_status("Leads", "352", "FAILED", updated=3, failed=47, total=50)
    simulator.set_status("Leads", "353", "RUNNING", updated=4, total=50)
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    url, variables = server.create("zoho"), account_variables(simulator)
    keys = ("accounts_url", "api_url", "client_id", "client_secret", "refresh_token")
    shared = {
        "ZOHO_STATE__URL": url,
        "ZOHO_WEB__API_TOKEN_FILE": str(tmp_path / "token"),
        **{f"ZOHO_{name.upper()}": value for name, value in every("1s").items()},
    }

    def write(file: Path, accounts: tuple[str, ...]) -> None:
        lines = ["accounts:"]
        for alias in accounts:
            lines += [f"  {alias}:", *(f'    {key}: "{variables[f"ZOHO_{key.upper()}"]}"' for key in keys)]
        lines += ["jobs:", *(f'- {{account: {alias}, module: Leads, job_id: "{LISTED[alias]}"}}' for alias in accounts)]
        file.write_text("\n".join([*lines, "job_files: [jobs.d/*.yaml]"]))

    with ExitStack() as stack:

        def start_one(accounts: tuple[str, ...]) -> Replica:
            home = tmp_path / f"exporter-{len(list(tmp_path.iterdir()))}"
            (home / "jobs.d").mkdir(parents=True)
            write(home / "zoho.yaml", accounts)
            options = ("--web.listen-address=127.0.0.1:0", "--log.format=json")
            command = exporter_command(f"--config.file={home / 'zoho.yaml'}", *options)
            running = stack.enter_context(started(command, bare_environment(**shared), home))
            port = running.log_event("serving metrics")["port"]
            return Replica(home / "zoho.yaml", Exporter(running, f"http://127.0.0.1:{port}"), write)

        yield start_one


def register(replica: Replica) -> None:
    """Register the jobs of the account that is not everywhere, and take note of the end of one."""
    jobs = [{"account": "beta", "module": "Leads", "job_id": job_id} for job_id in REGISTERED]
    api = f"{replica.exporter.url}/api/v1/jobs"
    assert requests.post(api, json=jobs, headers=BEARER, timeout=10).status_code == 201
    assert updated(replica.page()).keys() >= OF_BETA
    assert requests.post(f"{api}/beta/Leads/352/ack", headers=BEARER, timeout=10).ok


def check_left_alone(replica: Replica, simulator: Simulator, *, running: int) -> None:
    """See that an exporter shows and polls all jobs of its accounts, and says that none has left."""
    simulator.set_status("Leads", "353", "RUNNING", updated=running, total=50)
    page = replica.page()
    assert updated(page).keys() == {"350", *OF_BETA}
    assert sample(page, JOBS_DROPPED) == 0
    assert sample(page, "zoho_mass_update_job_acknowledged", job_id="352") == 1
    assert (sample(page, "zoho_crm_account_info", account="beta"), sample(page, DROPPED)) == (1, 0)
    assert requests.get(f"{replica.exporter.url}/-/ready", timeout=10).text.count("\n") == len(BOTH)


@pytest.mark.parametrize("is_reloaded", [True, False], ids=["reload", "start"])
def test_exporter_without_an_account_leaves_what_another_serves(
    start: Start, simulator: Simulator, *, is_reloaded: bool
) -> None:
    """It neither shows nor polls it, and says so; whoever serves it goes on, and all comes back with it."""
    second = start(BOTH)
    register(second)
    first = start(BOTH if is_reloaded else ONE)
    if is_reloaded:
        assert updated(first.page()).keys() == first.jobs() == {"350", *OF_BETA}
        first.reload(ONE)

    page = first.page()
    assert updated(page).keys() == {"350"} == first.jobs()
    assert sample(page, DROPPED, account="beta") > 0
    left = len(OF_BETA) if is_reloaded else 0
    assert sample(page, JOBS_DROPPED, reason="account") == left
    assert page.count("zoho_mass_update_job_dropped_timestamp_seconds{") == left
    check_left_alone(second, simulator, running=9)

    first.reload(BOTH)
    page = first.page()
    assert updated(page).keys() == {"350", *OF_BETA} == first.jobs()
    assert DROPPED + "{" not in page
    assert "zoho_mass_update_job_dropped_timestamp_seconds{" not in page
    check_left_alone(second, simulator, running=12)


def test_account_that_no_exporter_has_is_kept_until_it_is_put_back(start: Start, simulator: Simulator) -> None:
    """All say that they let go of it; when it comes back, no end is asked for or counted again."""
    replicas = [start(BOTH), start(BOTH)]
    register(replicas[0])
    ended = [replica.page() for replica in replicas]
    for replica in replicas:
        replica.reload(ONE)
    at = [sample(replica.page(), DROPPED, account="beta") for replica in replicas]
    assert 0 < at[0] == at[1]
    assert [replica.jobs() for replica in replicas] == [{"350"}] * 2
    for replica in replicas:
        replica.reload(BOTH)
    pages = [replica.page() for replica in replicas]
    assert [updated(page).keys() for page in pages] == [{"350", *OF_BETA}] * 2
    for name in ("zoho_mass_update_jobs_finished_total", "zoho_mass_update_job_acknowledged"):
        assert {sample(page, name, account="beta") for page in (*ended, *pages)} == {1.0}
    assert simulator.stats().status_calls["Leads/352"] == 1
    assert sample(pages[1], "zoho_crm_api_credits_used_24h") == calls(simulator)


def test_account_that_a_reload_brings_before_its_job_file_costs_nothing(start: Start, simulator: Simulator) -> None:
    """What the other lists of it stays, with its history; later on it is this one's too, and leaves when it says so."""
    first, second = start(BOTH), start(ONE)
    text = 'jobs: [{account: beta, module: Leads, job_id: "352"}]'
    (first.file.parent / "jobs.d" / "spring.yaml").write_text(text)
    first.reload(BOTH)
    assert updated(first.page()).keys() == {"350", "351", "352"}
    ack = f"{first.exporter.url}/api/v1/jobs/beta/Leads/352/ack"
    assert requests.post(ack, headers=BEARER, timeout=10).ok
    assert updated(second.page()).keys() == {"350"}
    second.reload(BOTH)
    assert second.jobs() == first.jobs() == {"350", "351", "352"}
    (second.file.parent / "jobs.d" / "spring.yaml").write_text(text)
    second.reload(BOTH)
    for replica in (first, second):
        page = replica.page()
        assert sample(page, "zoho_mass_update_jobs_finished_total") == 1
        assert sample(page, "zoho_mass_update_job_acknowledged", job_id="352") == 1
        assert sample(page, JOBS_DROPPED) == 0
    assert simulator.stats().status_calls["Leads/352"] == 1

    (second.file.parent / "jobs.d" / "spring.yaml").unlink()
    second.reload(ONE)
    second.reload(BOTH)
    assert "352" not in second.jobs()


def test_job_that_another_let_go_of_is_taken_up_by_the_next_reload_of_one_that_lists_it(start: Start) -> None:
    """Though it has not heard of it by then; and not by what it read before."""
    first, second = replicas = start(ONE), start(ONE)
    files = [replica.file.parent / "jobs.d" / "spring.yaml" for replica in replicas]
    for file, replica in zip(files, replicas, strict=True):
        file.write_text('jobs: [{account: acme, module: Leads, job_id: "352"}]')
        replica.reload(ONE)
    assert [updated(replica.page()).keys() for replica in replicas] == [{"350", "352"}] * 2
    files[0].unlink()
    first.reload(ONE)
    second.reload(ONE)
    assert [updated(replica.page()).keys() for replica in (second, first)] == [{"350", "352"}] * 2
    files[0].write_text(files[1].read_text())
    first.reload(ONE)
    second.reload(ONE)
    files[0].unlink()
    first.reload(ONE)
    assert [updated(replica.page()).keys() for replica in (second, first)] == [{"350"}] * 2


def test_job_file_that_only_one_exporter_has_yet_is_left_alone(start: Start, simulator: Simulator) -> None:
    """Whatever else the other reads meanwhile, its jobs stay, and no end is asked for or counted again."""
    first, second = start(ONE), start(ONE)
    text = 'jobs: [{account: acme, module: Leads, job_id: "352"}]'
    (first.file.parent / "jobs.d" / "spring.yaml").write_text(text)
    first.reload(ONE)
    assert [updated(replica.page()).keys() for replica in (first, second)] == [{"350", "352"}] * 2
    (second.file.parent / "jobs.d" / "another.yaml").write_text("jobs: []")
    second.reload(ONE)
    assert second.jobs() == first.jobs() == {"350", "352"}
    (second.file.parent / "jobs.d" / "spring.yaml").write_text(text)
    second.reload(ONE)
    for replica in (first, second):
        page = replica.page()
        assert updated(page).keys() == {"350", "352"}
        assert sample(page, "zoho_mass_update_jobs_finished_total") == 1
        assert sample(page, JOBS_DROPPED) == 0
    assert simulator.stats().status_calls["Leads/352"] == 1


def test_one_with_credentials_that_are_refused_leaves_the_others_their_token(
    server: Server, start_exporter: Callable[..., Exporter], simulator: Simulator
) -> None:
    """As while a new secret is on its way: it asks Zoho with its own, and whoever has the right ones polls on."""
    simulator.set_status("Leads", "350", "RUNNING", updated=1, total=50)
    url, others = server.create("zoho"), {**every("1s"), "jobs": "Leads/350"}
    wrong, right = (
        start_exporter(state__path="", state__url=url, **others, **more)
        for more in ({"client_secret": "the-secret-of-yesterday"}, {})
    )

    def goes_on(number: int) -> bool:
        wrong.page()
        return updated(right.page()) == {"350": number}

    for number in range(2, 8):
        simulator.set_status("Leads", "350", "RUNNING", updated=number, total=50)
        eventually(partial(goes_on, number), "the right one does not go on")
    asked = [sample(one.page(), "zoho_crm_oauth_refreshes_total") for one in (wrong, right)]
    assert asked[1] == 1
    assert 1 <= asked[0] <= 2  # once more after the other one's success, which ends its pause
