"""Two exporters as processes of their own on one real PostgreSQL, and what may happen to either or to the database.

Whatever it is: each page is whole and in time, nothing is polled that can't be booked or twice, nothing goes back, it
is told, and all goes on by itself.
"""

import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import requests
from databases import Server, ask
from journey import Exporter, every
from processes import eventually
from sharing import (
    INTERVAL_SECONDS,
    calls,
    check_outage_is_told_once,
    page_in_time,
    pass_time,
    ready,
    sample,
    scraped,
    updated,
)
from wires import Loss, Wire

from exporter.simulator import Endpoint, Fault, FaultKind, Simulator

JOBS = ("351", "352", "353")
BEGUN = {"351": 1, "352": 2, "353": 3}
ENDED = {"360": 50, "361": 50, "362": 50, "363": 50}
GRANTED_SECONDS = 3.0
"""How long Prometheus waits for a page."""
LEASE_SECONDS = 3.0
TOKEN = "sixteen-letters-or-more"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
WELL = ["account acme: ready"]
ILL = [*WELL, "state: can't be kept at the moment, see the log"]


@dataclass
class Scene:
    """Two exporters, their database, and Zoho; `wire` leads the first one to the database."""

    simulator: Simulator
    server: Server
    wire: Wire
    first: Exporter
    second: Exporter

    def run(self, job_id: str, updated: int, state: str = "RUNNING") -> None:
        """Let a job get on."""
        self.simulator.set_status("Leads", job_id, state, updated=updated, total=50)

    def begin_slow_call(self, aside: ThreadPoolExecutor, seconds: float, granted: float) -> Future[str]:
        """Have the first exporter ask for the first job; the answer, of now, comes late. Give the page that waits."""
        fault = Fault(FaultKind.LATENCY, Endpoint.STATUS, job_id="351", times=1, seconds=seconds)
        self.simulator.add_fault(fault)

        def until_slow() -> str:
            while True:
                page = scraped(self.first, granted)
                if self.is_called_slowly():
                    return page

        page = aside.submit(until_slow)
        eventually(self.is_called_slowly, "nobody asks")
        eventually(lambda: self.simulator.stats().in_flight == 1, "other calls do not end")
        return page

    def is_called_slowly(self) -> bool:
        """Whether the slow call has begun."""
        return "latency" in self.simulator.stats().faults_met

    def scrape_until_due(self, *exporters: Exporter) -> list[str]:
        """Scrape until all jobs have become due, and give the pages."""
        begun, pages = time.monotonic(), list[str]()
        while time.monotonic() < begun + INTERVAL_SECONDS + 1:
            pages += [scraped(exporter, GRANTED_SECONDS) for exporter in exporters]
        return pages

    def check_bill(self) -> None:
        """See that each call was booked; what could not be told of a booking stays spent."""
        pages = [scraped(exporter, GRANTED_SECONDS) for exporter in (self.second, self.first)]
        spent = sum(sample(page, "zoho_crm_api_credits_spent_total") for page in pages)
        assert spent == calls(self.simulator)
        assert sample(pages[1], "zoho_crm_api_credits_used_24h") >= spent


def register(exporter: Exporter, job_id: str) -> int:
    """Register a job at one of them, and give the answer's status."""
    job = {"account": "acme", "module": "Leads", "job_id": job_id}
    return requests.post(f"{exporter.url}/api/v1/jobs", json=job, headers=BEARER, timeout=10).status_code


def totals(page: str) -> dict[str, float]:
    """Give what was counted over all jobs, which are the same at both and never go back."""
    names = ("zoho_mass_update_jobs_finished_total", "zoho_mass_update_records_processed_total")
    return {name: sample(page, name) for name in names}


def wait_for(exporter: Exporter, job_id: str, number: int) -> None:
    """Scrape until a job has so many updated records."""
    eventually(lambda: updated(scraped(exporter, GRANTED_SECONDS)).get(job_id) == number, f"{job_id} does not go on")


def wait_ready(exporter: Exporter, told: list[str]) -> None:
    """Scrape until it says this of itself."""
    eventually(lambda: scraped(exporter, GRANTED_SECONDS) and ready(exporter) == told, f"it is not {told}")


@pytest.fixture
def scene(  # noqa: PLR0917 - fixtures
    request: pytest.FixtureRequest,
    server: Server,
    start_exporter: Callable[..., Exporter],
    simulator: Simulator,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scene]:
    """Give two exporters that have polled all jobs; a test may have other settings."""
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    url = server.create("zoho")
    settings = {
        "state__path": "",
        "jobs": ",".join(f"Leads/{job_id}" for job_id in (*JOBS, *ENDED)),
        "poll_timeout": "1s",
        "web__api_token_file": str(tmp_path / "token"),
        **every("2s"),
        **getattr(request, "param", {}),
    }
    for job_id, number in (BEGUN | ENDED).items():
        state = "COMPLETED" if job_id in ENDED else "RUNNING"
        simulator.set_status("Leads", job_id, state, updated=number, total=50)
    with closing(Wire(server, tmp_path_factory.mktemp("w"))) as wire:
        first = start_exporter(state__url=wire.through(url), **settings)
        second = start_exporter(state__url=url, **settings)
        eventually(lambda: updated(first.page()) == updated(second.page()) == BEGUN | ENDED, "they do not begin")
        yield Scene(simulator, server, wire, first, second)


@pytest.fixture
def aside() -> Iterator[ThreadPoolExecutor]:
    """Give what scrapes while a test does something else."""
    with ThreadPoolExecutor() as executor:
        yield executor


@pytest.mark.parametrize("scene", [{"poll_timeout": "60s"}], indirect=True, ids=["patient"])
def test_one_that_slept_changes_nothing_when_it_wakes(scene: Scene, aside: ThreadPoolExecutor) -> None:
    """Ten minutes with a call under way: the other goes on to the job's end, and the late answer is no news."""
    late = scene.begin_slow_call(aside, 2.0, 60)
    scene.first.running.process.send_signal(signal.SIGSTOP)
    scene.run("351", 20)
    scene.scrape_until_due(scene.second)
    assert updated(scraped(scene.second, GRANTED_SECONDS))["351"] == 1, "its claim is good yet"
    pass_time(scene.server, "zoho", 600)
    wait_for(scene.second, "351", 20)
    scene.run("351", 50, "COMPLETED")
    wait_for(scene.second, "351", 50)
    before = scraped(scene.second, GRANTED_SECONDS)

    scene.first.running.process.send_signal(signal.SIGCONT)
    assert updated(late.result()).keys() == (BEGUN | ENDED).keys()
    woken = scraped(scene.first, GRANTED_SECONDS)
    assert updated(woken)["351"] == 50
    assert totals(woken) == totals(before) == totals(scraped(scene.second, GRANTED_SECONDS))
    assert totals(woken)["zoho_mass_update_jobs_finished_total"] == 1 + len(ENDED)
    assert totals(woken)["zoho_mass_update_records_processed_total"] == 50 + 2 + 3 + 50 * len(ENDED)
    scene.run("352", 30)
    wait_for(scene.first, "352", 30)
    scene.check_bill()


def test_database_that_falls_silent_holds_up_nothing(scene: Scene, aside: ThreadPoolExecutor) -> None:
    """Connections stay open and bytes vanish, in the middle of what an answer changed: it has changed, once."""
    scene.run("351", 20)
    page = scene.begin_slow_call(aside, 0.5, GRANTED_SECONDS)
    scene.wire.lose(Loss.SILENCE)
    page.result()
    before = calls(scene.simulator)
    registered = aside.submit(register, scene.first, "354")
    for told in scene.scrape_until_due(scene.first):
        assert updated(told).keys() == (BEGUN | ENDED).keys()
        assert sample(told, "zoho_mass_update_exporter_store_errors_total") > 0
    assert registered.result() == 503
    eventually(lambda: ready(scene.first) == ILL, "it is well")
    assert calls(scene.simulator) == before
    assert ready(scene.first) == ILL
    requests.get(f"{scene.first.url}/", timeout=GRANTED_SECONDS).raise_for_status()

    # The other one knows what arrived, and goes on.
    assert updated(scraped(scene.second, GRANTED_SECONDS))["351"] == 20
    scene.run("351", 50, "COMPLETED")
    wait_for(scene.second, "351", 50)

    scene.wire.mend()
    scene.run("354", 5)
    wait_for(scene.first, "354", 5)
    wait_ready(scene.first, WELL)
    assert updated(scraped(scene.first, GRANTED_SECONDS))["351"] == 50
    assert updated(scraped(scene.second, GRANTED_SECONDS))["354"] == 5
    assert totals(scraped(scene.first, GRANTED_SECONDS))["zoho_mass_update_jobs_finished_total"] == 1 + len(ENDED)
    scene.check_bill()


def test_database_that_takes_no_writes_is_waited_for(scene: Scene) -> None:
    """As a standby is that is promoted later: pages go on, nothing is polled, and then all goes on."""
    both = (scene.first, scene.second)
    ask(scene.server, "postgres", "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
    scene.run("351", 20)
    before = calls(scene.simulator)
    for page in scene.scrape_until_due(*both):
        assert updated(page) == BEGUN | ENDED
    for exporter in both:
        wait_ready(exporter, ILL)
        assert sample(scraped(exporter, GRANTED_SECONDS), "zoho_mass_update_exporter_store_errors_total") > 0
    assert calls(scene.simulator) == before
    ask(
        scene.server,
        "postgres",
        "SET default_transaction_read_only = off",
        "ALTER SYSTEM RESET default_transaction_read_only",
        "SELECT pg_reload_conf()",
    )
    for exporter in both:
        wait_for(exporter, "351", 20)
        wait_ready(exporter, WELL)
    for exporter in both:
        check_outage_is_told_once(exporter)
    scene.check_bill()


@pytest.mark.parametrize("scene", [{"retention": "10m"}], indirect=True, ids=["brief"])
def test_account_that_is_held_longer_than_a_lease_holds_up_no_page(scene: Scene, aside: ThreadPoolExecutor) -> None:
    """Somebody's transaction has its row, while jobs become due, others leave, and one is registered and one probed."""
    both = (scene.first, scene.second)
    page = scene.begin_slow_call(aside, 0.5, GRANTED_SECONDS)
    with psycopg.connect(scene.server.url("zoho")) as holding:
        holding.execute("SELECT FROM zoho_mass_update.accounts FOR UPDATE")
        page.result()
        pass_time(scene.server, "zoho", 660)
        scene.run("351", 20)
        scene.run("354", 5)
        before, until = calls(scene.simulator), time.monotonic() + 2 * LEASE_SECONDS
        registered = aside.submit(register, scene.second, "354")
        probed = page_in_time(scene.first, 2.0, "/probe?account=acme&crm_module=Leads&job_id=355")
        assert "zoho_mass_update_probe_success 0.0" in probed
        while time.monotonic() < until:
            for told in [aside.submit(scraped, one, GRANTED_SECONDS) for one in both]:
                assert updated(told.result()).keys() >= BEGUN.keys()
        assert calls(scene.simulator) == before
        assert registered.result() == 503
    for one in reversed(both):  # what one could not tell it tells at its next scrape
        wait_for(one, "351", 20)
        wait_for(one, "354", 5)
        wait_ready(one, WELL)
        assert updated(scraped(one, GRANTED_SECONDS)) == BEGUN | {"351": 20, "354": 5}
    counted = {"zoho_mass_update_jobs_finished_total": 4, "zoho_mass_update_records_processed_total": 230}
    assert totals(scraped(scene.first, GRANTED_SECONDS)) == totals(scraped(scene.second, GRANTED_SECONDS)) == counted
    scene.check_bill()
