"""Reload and watched files, on a running exporter."""

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from journey import Exporter, account_variables
from processes import bare_environment, eventually, exporter_command, started

from exporter.simulator import Simulator

LEADS, DEALS, SPRING = "3524033000006027001", "3524033000006027002", "3524033000006027003"
OK = "zoho_mass_update_exporter_config_last_reload_successful"
StartWithFile = Callable[[str], Exporter]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Name the settings file."""
    return tmp_path / "zoho.yaml"


@contextmanager
def serving(simulator: Simulator, file: Path, text: str, **more: str) -> Iterator[Exporter]:
    """Serve the account of the simulator, with a settings file beside the variables."""
    file.write_text(text)
    command = exporter_command(f"--config.file={file}", "--web.listen-address=127.0.0.1:0", "--log.format=json")
    with started(command, bare_environment(**account_variables(simulator) | more), file.parent) as running:
        yield Exporter(running, f"http://127.0.0.1:{running.log_event('serving metrics')['port']}")


@pytest.fixture
def exporter(simulator: Simulator, file: Path) -> Iterator[Exporter]:
    """Serve one job that runs."""
    simulator.set_status("Leads", LEADS, "RUNNING", updated=1, total=2)
    simulator.set_status("Deals", DEALS, "RUNNING", updated=1, total=2)
    with serving(simulator, file, jobs(f"Leads: {LEADS}")) as exporter:
        yield exporter


def jobs(*listed: str, more: str = "") -> str:
    """Write a settings file with jobs, `Module: id` each."""
    items = (dict([job.split(": ")]).items() for job in listed)
    lines = (f'- {{module: {module}, job_id: "{job_id}"}}' for pairs in items for module, job_id in pairs)
    return "\n".join(["jobs:", *lines, "job_files: [jobs.d/*.yaml]", more])


def sample(exporter: Exporter, start: str) -> list[str]:
    """Give the values of the samples whose lines start so."""
    return [line.rsplit(" ", 1)[1] for line in exporter.page().splitlines() if line.startswith(start)]


def tracked(exporter: Exporter) -> set[str]:
    """Give the modules of the jobs on the page."""
    infos = (line for line in exporter.page().splitlines() if line.startswith("zoho_mass_update_job_info{"))
    return {line.partition('module="')[2].partition('"')[0] for line in infos}


def test_changed_file_is_taken_by_itself(exporter: Exporter, file: Path, simulator: Simulator) -> None:
    """A job added to the file is watched; the token, the counters and the other job go on."""
    assert tracked(exporter) == {"Leads"}
    polled = sample(exporter, 'zoho_mass_update_polls_total{account="acme",module="Leads"}')
    file.write_text(jobs(f"Leads: {LEADS}", f"Deals: {DEALS}"))
    eventually(lambda: tracked(exporter) == {"Leads", "Deals"}, "the new job is not watched")
    assert sample(exporter, 'zoho_mass_update_polls_total{account="acme",module="Leads"}') == polled == ["1.0"]
    assert simulator.stats().token_calls == 1


def test_start_says_where_it_serves_and_keeps(exporter: Exporter) -> None:
    """Whoever reads the log finds the page, the state file and how many jobs there are."""
    event = exporter.running.log_event("serving metrics")
    told = {name: event[name] for name in ("url", "state", "accounts", "jobs")}
    assert told == {"url": f"{exporter.url}/metrics", "state": "memory", "accounts": 1, "jobs": 1}


def test_sighup_reloads(exporter: Exporter, file: Path) -> None:
    """SIGHUP takes the file as it is now, and the log says so."""
    file.write_text(jobs(f"Deals: {DEALS}"))
    exporter.running.process.send_signal(signal.SIGHUP)
    exporter.running.log_event("configuration reloaded")
    assert tracked(exporter) == {"Deals"}


def test_sighup_while_it_starts_ends_nothing(simulator: Simulator, tmp_path: Path) -> None:
    """Whoever reloads all that runs meets one that is still importing: it starts, and reloads then."""
    command = exporter_command("--web.listen-address=127.0.0.1:0", "--log.format=json")
    with started(command, bare_environment(**account_variables(simulator)), tmp_path) as running:
        maps = Path(f"/proc/{running.process.pid}/maps")
        eventually(lambda: "pydantic_core" in maps.read_text(), "it imports nothing")
        running.process.send_signal(signal.SIGHUP)
        running.log_event("serving metrics")
        running.log_event("configuration reloaded")


def test_wrong_file_keeps_the_last_good_one(exporter: Exporter, file: Path) -> None:
    """A reload by request tells every problem; the old settings stay, and a metric says so until they are mended."""
    file.write_text(jobs(f"Deals: {DEALS}", more="max_jbos: 3\nstale_after: soon"))
    answer = requests.post(f"{exporter.url}/-/reload", timeout=10)
    assert answer.status_code == 500
    assert f'{file}:4: max_jbos: unknown key; did you mean "max_jobs"?' in answer.text
    assert f'{file}:5: stale_after: "soon" is not a duration' in answer.text
    assert (tracked(exporter), sample(exporter, OK)) == ({"Leads"}, ["0.0"])
    file.write_text(jobs(f"Deals: {DEALS}"))
    assert requests.post(f"{exporter.url}/-/reload", timeout=10).text == "reloaded\n"
    assert (tracked(exporter), sample(exporter, OK)) == ({"Deals"}, ["1.0"])


@pytest.mark.parametrize("is_restarted", [False, True], ids=["reload", "restart"])
def test_jobs_that_wait_go_by_a_shortened_schedule(simulator: Simulator, file: Path, *, is_restarted: bool) -> None:
    """What was planned by the settings of before is no promise: whoever asks for more polls gets them at once."""
    simulator.set_status("Leads", LEADS, "RUNNING", updated=1, total=2)
    simulator.set_status("Deals", DEALS, "SUSPENDED", updated=1, total=2)
    kept = {"ZOHO_STATE__PATH": str(file.parent / "state.db")}
    slow = jobs(f"Leads: {LEADS}", f"Deals: {DEALS}", more="schedule: {shortest: 1h, longest: 1h, suspended: 1h}")
    fast = slow.replace("1h", "0s")

    def polls(exporter: Exporter) -> int:
        exporter.page()
        return simulator.stats().crm_calls

    with serving(simulator, file, slow, **kept) as exporter:
        assert [polls(exporter), polls(exporter)] == [2, 2]
        if not is_restarted:
            file.write_text(fast)
            assert requests.post(f"{exporter.url}/-/reload", timeout=10).text == "reloaded\n"
            assert polls(exporter) == 4
            return
    with serving(simulator, file, fast, **kept) as exporter:
        assert polls(exporter) == 4


def test_job_files_come_break_and_go(exporter: Exporter, file: Path) -> None:
    """A file in the watched folder brings jobs; broken it keeps them and says so; gone it takes them away."""
    folder = file.parent / "jobs.d"
    folder.mkdir()
    job_file = folder / "spring.yaml"
    job_file.write_text(f'jobs: [{{module: Deals, job_id: "{DEALS}"}}]')
    eventually(lambda: tracked(exporter) == {"Leads", "Deals"}, "the file's job is not watched")
    job_file.write_text("jobs: [")
    eventually(lambda: sample(exporter, OK) == ["0.0"], "the broken file is not told of")
    assert tracked(exporter) == {"Leads", "Deals"}
    job_file.unlink()
    eventually(lambda: tracked(exporter) == {"Leads"}, "the job outlives its file")
    assert sample(exporter, OK) == ["1.0"]


def test_refused_job_is_tried_again(simulator: Simulator, file: Path) -> None:
    """Whoever has mended what Zoho refused need not wait a quarter of an hour."""
    with serving(simulator, file, jobs(f"Leads: {SPRING}")) as exporter:
        assert sample(exporter, "zoho_mass_update_job_poll_success") == ["0.0"]
        simulator.set_status("Leads", SPRING, "RUNNING", updated=1, total=2)
        assert sample(exporter, "zoho_mass_update_job_poll_success") == ["0.0"]
        requests.post(f"{exporter.url}/-/reload", timeout=10).raise_for_status()
        assert sample(exporter, "zoho_mass_update_job_poll_success") == ["1.0"]


def test_what_needs_a_restart_is_told(exporter: Exporter, file: Path) -> None:
    """A changed listen address is not taken in silence."""
    file.write_text(jobs(f"Leads: {LEADS}", more="web: {telemetry_path: /other}"))
    requests.post(f"{exporter.url}/-/reload", timeout=10).raise_for_status()
    event = exporter.running.log_event("a changed section takes effect at the next start only")
    assert event["section"] == "web"


def test_readiness_follows_the_first_token(simulator: Simulator, file: Path) -> None:
    """An exporter whose credentials Zoho refuses is alive, not ready, and says what to do."""
    file.write_text(jobs())
    variables = {**account_variables(simulator), "ZOHO_CLIENT_SECRET": "wrong"}
    command = exporter_command(f"--config.file={file}", "--web.listen-address=127.0.0.1:0", "--log.format=json")
    with started(command, bare_environment(**variables), file.parent) as running:
        url = f"http://127.0.0.1:{running.log_event('serving metrics')['port']}"
        said = eventually(lambda: refused(url), "the refusal is not told")
        assert "no access token" in said
        assert requests.get(f"{url}/-/healthy", timeout=10).status_code == 200


def refused(url: str) -> str:
    """Give the reason for not being ready, once it is known."""
    answer = requests.get(f"{url}/-/ready", timeout=10)
    assert answer.status_code == 503
    return "" if "asking" in answer.text else answer.text


def test_ready_once_there_is_a_token(exporter: Exporter, simulator: Simulator) -> None:
    """Readiness asks for the first token by itself, at no credit."""
    eventually(lambda: requests.get(f"{exporter.url}/-/ready", timeout=10).ok, "it does not become ready")
    assert (simulator.stats().token_calls, dict(simulator.stats().status_calls)) == (1, {})


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("春の更新\N{IDEOGRAPHIC SPACE}第一回", id="a space of another script"),
        pytest.param("می\N{ZERO WIDTH NON-JOINER}رود", id="letters that do not join"),
        pytest.param("\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}", id="joined emoji"),
        pytest.param("10\N{NO-BREAK SPACE}%", id="a space that does not break"),
    ],
)
def test_a_file_takes_the_names_that_the_api_takes(simulator: Simulator, file: Path, name: str) -> None:
    """Who moves a job from the one to the other changes nothing of it."""
    simulator.set_status("Deals", DEALS, "RUNNING", updated=1, total=2)
    job = {"module": "Deals", "job_id": DEALS, "name": name}
    token = file.with_name("token")
    token.write_text("swordfish")
    with serving(simulator, file, "", ZOHO_WEB__API_TOKEN_FILE=str(token)) as exporter:
        bearer = {"Authorization": "Bearer swordfish"}
        registered = requests.post(f"{exporter.url}/api/v1/jobs", json=job, headers=bearer, timeout=10)
        assert (registered.status_code, registered.json().get("name")) == (201, name)
    listed = json.dumps({"jobs": [job]}, ensure_ascii=False)
    with serving(simulator, file, listed) as exporter:
        assert f'name="{name}"' in exporter.page()
