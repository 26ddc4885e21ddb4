"""A scrape against the simulated Zoho: what it costs, and what it does when time is short."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier

import pytest
from journey import SettingsFor, every
from processes import eventually
from samples import Clock, within

from exporter.app.application import Application
from exporter.errors import TooManyJobsError
from exporter.model import JobKey, JobSource, JobSpec
from exporter.settings import Settings
from exporter.simulator import Endpoint, Fault, FaultKind, Scenario, Simulator
from exporter.state import SqliteStore

MODULE = "Leads"


def job_ids(count: int) -> list[str]:
    """Give so many ids of 19 digits."""
    return [str(3524033000006027000 + number) for number in range(count)]


def fill(simulator: Simulator, count: int) -> str:
    """Let the simulator run so many jobs, and give them as `ZOHO_JOBS`."""
    for job_id in job_ids(count):
        simulator.set_status(MODULE, job_id, "RUNNING", updated=30, total=50)
    return ",".join(f"{MODULE}/{job_id}" for job_id in job_ids(count))


@contextmanager
def application(settings: Settings, clock: Clock | None = None) -> Iterator[Application]:
    """Give an exporter without its web server."""
    exporter = Application(settings, SqliteStore(None), clock=clock or Clock())
    try:
        yield exporter
    finally:
        exporter.close()


def scraped(exporter: Application) -> str:
    """Scrape with plenty of time."""
    return exporter.scrape(within(30)).body.decode()


@pytest.mark.parametrize("scrapers", [1, 2, 5])
def test_more_scrapers_cost_no_more_calls(simulator: Simulator, settings_for: SettingsFor, scrapers: int) -> None:
    """Ten rounds of seven jobs are seventy calls, however many scrape at the same moment."""
    clock = Clock()
    settings = settings_for(simulator, jobs=fill(simulator, 7), **every("15s"))
    with application(settings, clock) as exporter, ThreadPoolExecutor(scrapers) as threads:
        for _ in range(10):
            together = Barrier(scrapers)

            def scrape(together: Barrier = together) -> bytes:
                together.wait(30)
                return exporter.scrape(within(30)).body

            pages = [threads.submit(scrape) for _ in range(scrapers)]
            assert all(b"zoho_mass_update_job_updated_records{" in page.result() for page in pages)
            clock.now += 15
    assert simulator.stats().crm_calls == 70
    assert simulator.stats().tokens_minted == 1


def test_late_polls_land_in_the_next_scrape(settings_for: SettingsFor) -> None:
    """A scrape that ends early writes a whole page with what is there; each job is still asked for only once."""
    with Simulator(Scenario(jobs=(), latency_seconds=0.05)) as slow:
        settings = settings_for(slow, jobs=fill(slow, 60), max_concurrency="10")
        with application(settings) as exporter:
            first = exporter.scrape(within(0.06)).body.decode()
            eventually(lambda: slow.stats().crm_calls == 60 and slow.stats().in_flight == 0, "polls do not end")
            eventually(lambda: scraped(exporter).count("job_updated_records{") == 60, "reports do not land")
        assert first.count("zoho_mass_update_job_state{") == 60 * 7
        assert first.count("zoho_mass_update_job_updated_records{") < 60
        assert slow.stats().crm_calls == 60
        assert slow.stats().peak_concurrency == 10


def test_one_stalled_job_spoils_nothing(simulator: Simulator, settings_for: SettingsFor) -> None:
    """A job whose answer never comes fails by itself; the others are on the page of the same scrape."""
    jobs = fill(simulator, 5)
    stalled = job_ids(5)[2]
    simulator.add_fault(Fault(FaultKind.STALLED_BODY, endpoint=Endpoint.STATUS, job_id=stalled))
    settings = settings_for(simulator, jobs=jobs, poll_timeout="200ms")
    with application(settings) as exporter:
        page = scraped(exporter)
    assert page.count("zoho_mass_update_job_updated_records{") == 4
    assert f'job_poll_error{{account="acme",code="timeout",job_id="{stalled}",module="Leads"}} 1.0' in page


def test_secret_files_are_read_again(simulator: Simulator, settings_for: SettingsFor, tmp_path: Path) -> None:
    """A corrected secret file is used at the next scrape, without a restart."""
    secret = tmp_path / "refresh_token"
    secret.write_text("1000.mistyped\n")
    settings = settings_for(
        simulator, jobs=fill(simulator, 1), **every("0s"), refresh_token="", refresh_token_file=str(secret)
    )
    with application(settings) as exporter:
        refused = exporter.scrape(within(30)).body.decode()
        secret.write_text(simulator.scenario.refresh_token + "\n")
        accepted = scraped(exporter)
    assert 'zoho_crm_oauth_refresh_errors_total{account="acme",reason="invalid_code"} 1.0' in refused
    assert 'code="token_refused"' in refused
    assert 'zoho_crm_oauth_token_valid{account="acme"} 1.0' in accepted
    assert "zoho_mass_update_job_updated_records{" in accepted


def key_of(job_id: str) -> JobKey:
    """Give the identity of a job of the simulator."""
    return JobKey("acme", MODULE, job_id)


def test_probe_and_scrape_share_a_poll(simulator: Simulator, settings_for: SettingsFor) -> None:
    """Probes and scrapes at the same moment, and later ones while the report is fresh, cost one call."""
    settings = settings_for(simulator, jobs=fill(simulator, 1), **every("15s"))
    key = key_of(job_ids(1)[0])
    together = Barrier(4)
    with application(settings) as exporter, ThreadPoolExecutor(4) as threads:

        def ask(number: int) -> bytes:
            together.wait(30)
            return exporter.scrape(within(30)).body if number % 2 else exporter.probe(key, within(30)).body

        pages = list(threads.map(ask, range(4)))
        assert b"zoho_mass_update_probe_success 1.0" in exporter.probe(key, within(30)).body
    assert all(b"zoho_mass_update_job_updated_records{" in page for page in pages)
    assert simulator.stats().crm_calls == 1


def test_ended_job_costs_a_probe_nothing(simulator: Simulator, settings_for: SettingsFor) -> None:
    """A job that nobody configured is tracked by its first probe, and latched once it has ended."""
    simulator.set_status(MODULE, "35", "COMPLETED", updated=50, total=50)
    with application(settings_for(simulator, **every("0s"))) as exporter:
        pages = [exporter.probe(key_of("35"), within(30)).body.decode() for _ in range(5)]
        assert 'source="probe"' in pages[0]
        ended = 'job_state{account="acme",job_id="35",module="Leads",state="COMPLETED"} 1.0'
        assert ended in scraped(exporter)
    assert all("zoho_mass_update_probe_success 1.0" in page for page in pages)
    assert simulator.stats().crm_calls == 1


def test_budget_holds_for_probes(simulator: Simulator, settings_for: SettingsFor) -> None:
    """Many probes for many ids never cost more than the budget, nor take in more jobs than may be probed."""
    settings = settings_for(simulator, daily_credit_budget="5", max_probed_jobs="20", **every("0s"))
    with application(settings) as exporter:
        refused = 0
        for number in range(200):
            try:
                page = exporter.probe(key_of(str(number)), within(30)).body
            except TooManyJobsError:
                refused += 1
            else:
                assert b"zoho_mass_update_probe_success 0.0" in page
        # The five that Zoho was asked for, and does not know, have made room for five others.
        assert refused == 175
        assert exporter.scrape(within(30)).body.count(b"zoho_mass_update_job_info{") == 20
    assert simulator.stats().crm_calls == 5


def test_made_up_probes_leave_the_others_theirs(simulator: Simulator, settings_for: SettingsFor) -> None:
    """A hundred made-up jobs in as many modules cost a quarter of the budget, no series of modules, nobody's place."""
    clock = Clock()
    settings = settings_for(
        simulator,
        jobs=fill(simulator, 1),
        daily_credit_budget="40",
        max_probed_jobs="20",
        **every("15s"),
    )
    refused = 0
    with application(settings, clock) as exporter:
        for number in range(100):
            try:
                exporter.probe(JobKey("acme", f"Made_Up_{number}", str(number)), within(30))
            except TooManyJobsError:
                refused += 1
            clock.now += 1
        assert simulator.stats().crm_calls == 10
        page = scraped(exporter)
        assert simulator.stats().crm_calls == 11
        clock.now += 3600
        scraped(exporter)
        assert simulator.stats().crm_calls == 12
        assert exporter.register([JobSpec(key_of("35"), JobSource.API)]) == (True,)
    polled = [line for line in page.splitlines() if line.startswith("zoho_mass_update_polls_total{")]
    modules = {line.partition('module="')[2].partition('"')[0] for line in polled}
    assert modules == {"Leads"}
    assert refused == 70


def test_probe_keeps_its_deadline(settings_for: SettingsFor) -> None:
    """A probe that ends before Zoho answers says that it has nothing, and the report is there for the next one."""
    with Simulator(Scenario(jobs=(), latency_seconds=0.3)) as slow:
        settings = settings_for(slow, jobs=fill(slow, 1), **every("15s"))
        key = key_of(job_ids(1)[0])
        with application(settings) as exporter:
            assert b"zoho_mass_update_probe_success 0.0" in exporter.probe(key, within(0.01)).body
            assert b"zoho_mass_update_probe_success 1.0" in exporter.probe(key, within(30)).body
        assert slow.stats().crm_calls == 1


def test_probed_job_can_be_explained(simulator: Simulator, settings_for: SettingsFor) -> None:
    """What was asked, what came and what is known can be read; of a job that nobody tracks there is nothing."""
    key = key_of(job_ids(1)[0])
    with application(settings_for(simulator, jobs=fill(simulator, 1), **every("15s"))) as exporter:
        assert exporter.last_exchange(key) == ()
        exporter.probe(key, within(30))
        asked, answer = exporter.last_exchange(key)
        assert asked == f"GET {simulator.url}/crm/v8/Leads/actions/mass_update?job_id={key.job_id}"
        assert answer.startswith("HTTP 200 with application/json, ")
        sentences = exporter.explain(key)
        assert sentences[0].startswith(f"{key} is tracked since ")
        assert "The account acme has spent 1 credit in 24 hours, of a budget of 1000." in sentences
        unknown = JobKey("other", MODULE, key.job_id)
        assert (exporter.explain(unknown), exporter.last_exchange(unknown)) == ((), ())
    shown = " ".join((asked, answer, *sentences))
    assert simulator.scenario.client_secret not in shown
    assert simulator.scenario.refresh_token not in shown
