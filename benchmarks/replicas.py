"""What several exporters on one PostgreSQL cost, beside one on SQLite that gets the same scrapes at the same instants.

Real processes watch 40 jobs of all kinds, ten times as fast as real ones; a simulated Zoho counts their calls. In the
middle one of several is killed, and started again a little later; scrapes that would have reached it reach nobody, in
the run of the one as well. Other runs have a budget that is too small, kill an exporter while it holds a job, and count
what a scrape asks of the database. `make bench-replicas` runs them all.
"""

import argparse
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import requests
from databases import Server, serving
from rig import asking as asking_program
from rig.programs import PROGRAM, free_port
from rig.wire import Wire
from stand_in import Account, simulated

JOBS = 40
INTERVAL_SECONDS = 1.5
RUN_SECONDS = 90.0
DOWN_SECONDS = 9.0
"""Half of it the one that was killed is not there, and half of it it starts."""
CONCURRENCY = 5
POLL_TIMEOUT_SECONDS = 5.0
BUDGET_SHARE = 0.4
"""Of the calls that an unlimited account takes."""
IDLE_SCRAPES = 100
_FIRST = 3524033000006027000
_SCENARIO: Mapping[str, object] = {
    "daily_credits": 100_000,
    "concurrency_limit": 25,
    "latency_seconds": 0.02,
    "faults": [{"kind": "error", "module": "Vendors", "code": "NO_PERMISSION"}],
}
_NOTHING = (float("inf"), lambda: None)
_SAMPLE = re.compile(r"^([a-z_]+)(?:\{(.*)\})? ([0-9.e+-]+)$", re.MULTILINE)

Phases = list[dict[str, object]]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=RUN_SECONDS)
    seconds = parser.parse_args().seconds
    with serving() as server:
        lines = [*_bills(server, seconds), f"failover_seconds={_failover_seconds(server):.1f}", *_scrapes(server)]
    print(*lines, sep="\n")


class Exporter:
    """An exporter that may be killed and started again at its address."""

    def __init__(
        self, account: Account, directory: Path, program: Sequence[str] = (PROGRAM,), **variables: str
    ) -> None:
        self._port, self._directory, self._program = free_port(), directory, program
        settings = {"ZOHO_ACCOUNT": "acme", "ZOHO_MAX_CONCURRENCY": str(CONCURRENCY), **account, **variables}
        self._environment = {"PATH": os.environ["PATH"], **settings}
        self._process = self.start()

    def start(self) -> "subprocess.Popen[bytes]":
        """Start it, and wait until it answers."""
        command = [
            *self._program,
            f"--web.listen-address=127.0.0.1:{self._port}",
            "--log.level=error",
        ]
        self._process = subprocess.Popen(command, cwd=self._directory, env=self._environment)
        deadline = time.monotonic() + 60
        while True:
            try:
                self.get("/-/healthy")
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    sys.exit("an exporter does not start")
                time.sleep(0.02)
            else:
                return self._process

    def get(self, path: str) -> str:
        """Give a page, over a connection of its own."""
        return Wire(f"http://127.0.0.1:{self._port}").get(path).plain.decode()

    def end(self, number: int) -> None:
        """Send it a signal, and wait for its end."""
        self._process.send_signal(number)
        self._process.wait(60)

    @property
    def is_up(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None


class Page:
    """What a page says, by the names of its families."""

    def __init__(self, text: str) -> None:
        self._samples = _SAMPLE.findall(text)

    def sum(self, name: str) -> float:
        """Add up the samples of a family."""
        return sum(float(value) for one, _, value in self._samples if one == name)

    def count(self, name: str) -> int:
        """Count the samples of a family."""
        return sum(one == name for one, _, _ in self._samples)


def _bills(server: Server, seconds: float) -> Iterator[str]:
    """Compare calls, and say what was counted twice or beyond a budget."""
    alone = {scrapers: _lived([], 1, scrapers, seconds) for scrapers in (1, 2, 4)}
    shared = {count: _lived([server.create(f"of_{count}")], count, count, seconds) for count in (2, 4)}
    budget = round(alone[4].calls * BUDGET_SHARE)
    poor = _lived([server.create("poor")], 4, 4, seconds, ZOHO_DAILY_CREDIT_BUDGET=str(budget))
    for count in (2, 4):
        yield f"scrapers_ratio_{count}={alone[count].calls / alone[1].calls:.3f}"
        yield f"calls_ratio_{count}={shared[count].calls / alone[count].calls:.3f}"
    yield f"budget_broken={max(0, poor.calls - budget)}"
    yield f"double_counted={max(bill.miscounted for bill in (*shared.values(), poor)):g}"


class Bill:
    """What a run came to: the calls that Zoho counted, and the records and ends that totals have and jobs have not."""

    def __init__(self, name: str, stats: Mapping[str, int], pages: Iterable[Page]) -> None:
        self.calls = stats["crm_calls"]
        self.miscounted = max(_miscounted(page) for page in pages)
        print(f"{name}: {self.calls} calls, {stats['token_calls']} tokens, {self.miscounted:g} miscounted", flush=True)


def _miscounted(page: Page) -> float:
    records = page.sum("zoho_mass_update_records_processed_total")
    of_jobs = page.sum("zoho_mass_update_job_updated_records") + page.sum("zoho_mass_update_job_failed_records")
    ends = page.sum("zoho_mass_update_jobs_finished_total")
    return abs(records - of_jobs) + abs(ends - page.count("zoho_mass_update_job_finished_timestamp_seconds"))


def _lived(url: list[str], count: int, scrapers: int, seconds: float, **variables: str) -> Bill:
    """Let exporters live through the jobs, scraped together; the last scraper's is away for a while."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as ends:
        account = ends.enter_context(simulated(_SCENARIO))
        exporters = [Exporter(account, Path(name), **_watching(), **_state(url), **variables) for _ in range(count)]
        for one in exporters:
            ends.callback(one.end, signal.SIGTERM)
        pool = ends.enter_context(ThreadPoolExecutor(scrapers + 1))
        for job in _jobs():  # the same age at the first scrape, however long so many exporters took to start
            requests.post(f"{account['ZOHO_API_URL']}/__control__/jobs", json=job, timeout=10).raise_for_status()
        deeds = _killing(exporters[-1], seconds) if count > 1 else iter(())
        due, deed = next(deeds, _NOTHING)
        done = list[Future[object]]()
        for after in _instants(seconds):
            if after >= due:
                done.append(pool.submit(deed))
                due, deed = next(deeds, _NOTHING)
            is_away = scrapers > 1 and 0 <= after - seconds / 2 < DOWN_SECONDS
            list(pool.map(lambda number: _scraped(exporters[number % count]), range(scrapers - is_away)))
        for ended in done:
            ended.result()
        stats = _stats(account)
        return Bill(f"{count} for {scrapers} scrapers", stats, [Page(one.get("/metrics")) for one in exporters])


def _killing(exporter: Exporter, seconds: float) -> Iterator[tuple[float, Callable[[], object]]]:
    yield seconds / 2, lambda: exporter.end(signal.SIGKILL)
    yield seconds / 2 + DOWN_SECONDS / 2, exporter.start


def _instants(seconds: float) -> Iterator[float]:
    begun = time.monotonic()
    for number in range(int(seconds / INTERVAL_SECONDS)):
        after = number * INTERVAL_SECONDS
        time.sleep(max(0.0, begun + after - time.monotonic()))
        yield after


def _scraped(exporter: Exporter) -> None:
    with suppress(OSError):  # the one that was killed in the middle of it
        exporter.get("/metrics")


def _failover_seconds(server: Server) -> float:
    """Kill the exporter that holds a job, and give the seconds until Zoho is asked for it by the other."""
    job = _job(0, [{"state": "RUNNING", "seconds": None}])
    held = {"kind": "timeout", "endpoint": "status", "times": 1}
    state = _state([server.create("failover")])
    with tempfile.TemporaryDirectory() as name, ExitStack() as ends:
        account = ends.enter_context(simulated({"jobs": [job], "faults": [held]}))
        first, second = (Exporter(account, Path(name), **_watching(1), **state) for _ in range(2))
        ends.callback(second.end, signal.SIGTERM)
        pool = ends.enter_context(ThreadPoolExecutor(1))
        pool.submit(_scraped, first)
        while not _stats(account)["crm_calls"]:
            time.sleep(0.01)
        first.end(signal.SIGKILL)
        killed = time.monotonic()
        for after in _instants(POLL_TIMEOUT_SECONDS * 10):
            pool.submit(_scraped, second)
            while (passed := time.monotonic() - killed) < after + INTERVAL_SECONDS:
                if _stats(account)["crm_calls"] > 1:
                    return passed
                time.sleep(0.01)
    sys.exit("no other exporter took the job")


def _scrapes(server: Server) -> Iterator[str]:
    """Count what a scrape asks of the database, and compare its time with that of one on SQLite."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as ends:
        account = ends.enter_context(simulated(_SCENARIO))
        rarely = {"ZOHO_STALE_AFTER": "2d", "ZOHO_SCHEDULE__SHORTEST": "1d", "ZOHO_SCHEDULE__LONGEST": "1d"}
        jobs = _watching() | rarely
        shared = Exporter(account, Path(name), **jobs, **_state([server.create("idle")]))
        _scraped(shared)
        alone = Exporter(account, Path(name), **jobs, ZOHO_STATE__PATH="alone.db")
        asking = Exporter(
            account,
            Path(name),
            (sys.executable, asking_program.__file__),
            **jobs,
            ZOHO_STATE__PATH="asking.db",
            **{asking_program.URL_VARIABLE: server.url("idle")},
        )
        for exporter in (shared, alone, asking):
            ends.callback(exporter.end, signal.SIGTERM)
            _scraped(exporter)
            exporter.end(signal.SIGTERM)
            exporter.start()  # and so has what one has that is at rest: polls open connections for themselves
            _scraped(exporter)
        server.log_statements()
        while not server.statements():  # the server hears of it a little later
            _scraped(shared)
        asked = server.statements()
        for _ in range(IDLE_SCRAPES):
            _scraped(shared)
        yield f"scrape_round_trips_idle={(server.statements() - asked) / IDLE_SCRAPES:g}"
        seconds = dict[Exporter, list[float]]((one, []) for one in (shared, alone, asking))
        for _ in range(IDLE_SCRAPES):  # by turns, in any order: whoever has just been asked is quicker
            for one in random.sample(tuple(seconds), len(seconds)):
                seconds[one].append(_seconds(one))
        if not asking.is_up:
            sys.exit("what was compared with had an answer that was not empty")
        on_postgres, on_sqlite, with_trip = map(statistics.median, seconds.values())
        yield f"idle_scrape_vs_sqlite={on_postgres / on_sqlite:.2f}"
        yield f"idle_scrape_vs_sqlite_and_round_trip={on_postgres / with_trip:.2f}"


def _seconds(exporter: Exporter) -> float:
    return _timed(partial(_scraped, exporter))


def _timed(deed: Callable[[], object]) -> float:
    begun = time.perf_counter()
    deed()
    return time.perf_counter() - begun


def _stats(account: Account) -> dict[str, int]:
    stats: dict[str, int] = requests.get(f"{account['ZOHO_API_URL']}/__control__/stats", timeout=10).json()
    return stats


def _state(url: Sequence[str]) -> dict[str, str]:
    return {"ZOHO_STATE__URL": url[0]} if url else {"ZOHO_STATE__PATH": "state.db"}


def _watching(jobs: int = JOBS) -> dict[str, str]:
    listed = ",".join(f"{_module(number)}/{_FIRST + number}" for number in range(jobs))
    return {
        "ZOHO_JOBS": listed,
        "ZOHO_POLL_TIMEOUT": f"{POLL_TIMEOUT_SECONDS:g}s",
        "ZOHO_SCHEDULE__SHORTEST": "1200ms",
        "ZOHO_SCHEDULE__LONGEST": "12s",
    }


def _jobs() -> Iterator[dict[str, object]]:
    """Give jobs of all kinds but two, which Zoho does not know."""
    return (_job(number, _KINDS[number % len(_KINDS)](20.0 + number)) for number in range(JOBS - 2))


def _module(number: int) -> str:
    return "Vendors" if number in {5, 25} else "Leads"


def _job(number: int, phases: Phases) -> dict[str, object]:
    return {"module": _module(number), "job_id": str(_FIRST + number), "total": 1000, "phases": phases}


def _running(seconds: float | None, updated: int, failed: int = 0) -> dict[str, object]:
    return {"state": "RUNNING", "seconds": seconds, "updated": updated, "failed": failed}


_SCHEDULED: dict[str, object] = {"state": "SCHEDULED", "seconds": 15}
_COMPLETED: dict[str, object] = {"state": "COMPLETED", "seconds": None}
_FAILED: dict[str, object] = {"state": "FAILED", "seconds": None}
_KINDS: Sequence[Callable[[float], Phases]] = (
    lambda seconds: [_running(seconds, 1000), _COMPLETED],
    lambda seconds: [_SCHEDULED, _running(seconds, 900, 100), _COMPLETED],
    lambda seconds: [_running(seconds / 2, 400, 20), _FAILED],
    lambda seconds: [_SCHEDULED, _running(seconds, 300), _running(None, 300)],
    lambda seconds: [_running(20 * seconds, 1000), _COMPLETED],
)
"""A job that ends, one with failures, one that fails, one that stands still, and one that outlives the run."""


if __name__ == "__main__":
    main()
