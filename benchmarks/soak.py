"""Scrape an exporter hard for minutes while jobs come, end and go, and watch its memory, threads and open files.

Simulated Zoho, exporter and scrapers share one process, so its figures are an upper bound. Prints a line each half
minute, and last the growth from the middle third of the run to its last third; `make soak` runs it for ten minutes.
"""

import argparse
import itertools
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import requests

from exporter.app import Application
from exporter.jobs.store import Store
from exporter.model import JobKey, JobSource, JobSpec
from exporter.settings import Settings, load_settings
from exporter.simulator import Phase, Scenario, SimulatedJob, Simulator, State
from exporter.web.routes import WebOptions, create_routes
from exporter.web.server import WebServer, bind

SCRAPERS = 2
JOBS_PER_SECOND = 4
REPORT_SECONDS = 30.0
SAMPLE_SECONDS = 5.0
PHASES = (Phase(State.SCHEDULED, 2), Phase(State.RUNNING, 10, updated=990, failed=10), Phase(State.COMPLETED, None))

Figures = dict[str, float]


def main() -> None:
    """Soak and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory() as directory, Simulator(_scenario()) as simulator:
        application = Application(_settings(simulator), Store.open(Path(directory) / "state.db"))
        server = WebServer(
            create_routes(WebOptions("soak"), application.scrape), bind("127.0.0.1", 0), on_exit=lambda: None
        )
        server.start()
        samples = soak(simulator, application, f"http://127.0.0.1:{server.port}/metrics", minutes * 60)
        server.stop()
        application.close()
    third = len(samples) // 3
    for name in samples[0]:
        before, after = (
            statistics.median(one[name] for one in part) for part in (samples[third:-third], samples[-third:])
        )
        print(f"{name}: middle third {before:,.0f}, last third {after:,.0f}, ratio {after / before:.3f}")


def soak(simulator: Simulator, application: Application, url: str, seconds: float) -> list[Figures]:
    """Let jobs come and scrapers scrape for so long, and give the figures of each sample."""
    stop, scrapes = threading.Event(), itertools.count()
    scrapers = [threading.Thread(target=_scrape, args=(url, stop, scrapes)) for _ in range(SCRAPERS)]
    for scraper in scrapers:
        scraper.start()
    samples, numbers, started = [], itertools.count(1), time.monotonic()
    next_sample, next_report = started, started
    while (now := time.monotonic()) < started + seconds:
        _add_jobs(simulator, application, numbers)
        if now >= next_sample:
            samples.append(_figures())
            next_sample += SAMPLE_SECONDS
        if now >= next_report:
            _report(now - started, samples[-1], simulator)
            next_report += REPORT_SECONDS
        time.sleep(1)
    stop.set()
    for scraper in scrapers:
        scraper.join()
    print(f"{next(scrapes):,} scrapes, {next(numbers) - 1:,} jobs")
    return samples


def _scrape(url: str, stop: threading.Event, scrapes: Iterator[int]) -> None:
    with requests.Session() as session:
        while not stop.is_set():
            answer = session.get(url, timeout=30)
            if not answer.ok or b"build_info{" not in answer.content:
                sys.exit(f"a page was not whole: HTTP {answer.status_code}")
            next(scrapes)


def _add_jobs(simulator: Simulator, application: Application, numbers: Iterator[int]) -> None:
    for number in itertools.islice(numbers, JOBS_PER_SECOND):
        job_id = str(3524033000006000000 + number)
        simulator.add_job(SimulatedJob("Leads", job_id, 1000, PHASES))
        application.track([JobSpec(JobKey("acme", "Leads", job_id), JobSource.CONFIG, name=f"job {number}")])


def _figures() -> Figures:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return {
        "resident_kib": pages * 4.0,
        "threads": float(threading.active_count()),
        "open_files": float(len(list(Path("/proc/self/fd").iterdir()))),
    }


def _report(seconds: float, figures: Figures, simulator: Simulator) -> None:
    columns = ", ".join(f"{name} {value:,.0f}" for name, value in figures.items())
    print(f"{seconds:>5.0f} s: {columns}, polls {simulator.stats().crm_calls:,}", flush=True)


def _scenario() -> Scenario:
    return Scenario(jobs=(), daily_credits=10_000_000, concurrency_limit=25)


def _settings(simulator: Simulator) -> Settings:
    environ = {
        "ZOHO_ACCOUNT": "acme",
        "ZOHO_ACCOUNTS_URL": simulator.url,
        "ZOHO_API_URL": simulator.url,
        "ZOHO_CLIENT_ID": simulator.scenario.client_id,
        "ZOHO_CLIENT_SECRET": simulator.scenario.client_secret,
        "ZOHO_REFRESH_TOKEN": simulator.scenario.refresh_token,
        "ZOHO_DAILY_CREDIT_BUDGET": "unlimited",
        "ZOHO_RETENTION": "20s",
        "ZOHO_SCHEDULE__SHORTEST": "1s",
        "ZOHO_SCHEDULE__LONGEST": "5s",
    }
    return load_settings(None, environ=environ, dotenv_file=None, secrets_dir=Path("no secrets directory"))


if __name__ == "__main__":
    main()
