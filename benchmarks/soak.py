"""Scrape an exporter hard for minutes while jobs come, end and go, and watch its memory, threads and open files.

Exporter and scrapers share one process, so its figures are an upper bound. Prints a line each half
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
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

import requests
from stand_in import settings_for, simulated

from exporter.app.application import Application
from exporter.model import JobKey, JobSource, JobSpec
from exporter.state import SqliteStore
from exporter.web.door import WebServer, bind
from exporter.web.request import Outside
from exporter.web.routes import WebOptions, create_gate

if TYPE_CHECKING:
    from exporter.web.contract import Exporter

SCRAPERS = 2
JOBS_PER_SECOND = 4
REPORT_SECONDS = 30.0
SAMPLE_SECONDS = 5.0
PHASES = [
    {"state": "SCHEDULED", "seconds": 2},
    {"state": "RUNNING", "seconds": 10, "updated": 990, "failed": 10},
    {"state": "COMPLETED", "seconds": None},
]
SCENARIO = {"jobs": [], "daily_credits": 10_000_000, "concurrency_limit": 25}
SETTINGS = {
    "daily_credit_budget": "unlimited",
    "retention": "20s",
    "schedule__shortest": "1s",
    "schedule__longest": "5s",
}

Figures = dict[str, float]


def main() -> None:
    """Soak and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory() as directory, simulated(SCENARIO) as account:
        settings = settings_for(account, account="acme", **SETTINGS)
        application = Application(settings, SqliteStore(Path(directory) / "state.db"))
        begun: Future[Exporter] = Future()
        begun.set_result(application)
        options = WebOptions(
            settings.web.telemetry_path,
            settings.scrape_timeout,
            settings.scrape_timeout_offset,
            settings.web.max_requests,
            settings.web.prefix,
            Outside(*settings.web.outside),
        )
        server = WebServer(create_gate(options, begun), bind("127.0.0.1", 0), on_exit=lambda: None)
        server.start()
        samples = soak(account["ZOHO_API_URL"], application, f"http://127.0.0.1:{server.port}/metrics", minutes * 60)
        server.stop()
        application.close()
    third = len(samples) // 3
    for name in samples[0]:
        before, after = (
            statistics.median(one[name] for one in part) for part in (samples[third:-third], samples[-third:])
        )
        print(f"{name}: middle third {before:,.0f}, last third {after:,.0f}, ratio {after / before:.3f}")


def soak(zoho_url: str, application: Application, url: str, seconds: float) -> list[Figures]:
    """Let jobs come and scrapers scrape for so long, and give the figures of each sample."""
    stop, scrapes = threading.Event(), itertools.count()
    scrapers = [threading.Thread(target=_scrape, args=(url, stop, scrapes)) for _ in range(SCRAPERS)]
    for scraper in scrapers:
        scraper.start()
    samples, numbers, started = [], itertools.count(1), time.monotonic()
    next_sample, next_report = started, started
    while (now := time.monotonic()) < started + seconds:
        _add_jobs(zoho_url, application, numbers)
        if now >= next_sample:
            samples.append(_figures())
            next_sample += SAMPLE_SECONDS
        if now >= next_report:
            _report(now - started, samples[-1], zoho_url)
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


def _add_jobs(zoho_url: str, application: Application, numbers: Iterator[int]) -> None:
    for number in itertools.islice(numbers, JOBS_PER_SECOND):
        job_id = str(3524033000006000000 + number)
        job = {"module": "Leads", "job_id": job_id, "total": 1000, "phases": PHASES}
        requests.post(f"{zoho_url}/__control__/jobs", json=job, timeout=30).raise_for_status()
        application.register([JobSpec(JobKey("acme", "Leads", job_id), JobSource.API, name=f"job {number}")])


def _figures() -> Figures:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return {
        "resident_kib": pages * 4.0,
        "threads": float(threading.active_count()),
        "open_files": float(len(list(Path("/proc/self/fd").iterdir()))),
    }


def _report(seconds: float, figures: Figures, zoho_url: str) -> None:
    columns = ", ".join(f"{name} {value:,.0f}" for name, value in figures.items())
    polls = requests.get(f"{zoho_url}/__control__/stats", timeout=30).json()["crm_calls"]
    print(f"{seconds:>5.0f} s: {columns}, polls {polls:,}", flush=True)


if __name__ == "__main__":
    main()
