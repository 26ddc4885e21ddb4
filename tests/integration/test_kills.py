"""`kill -9` at any moment loses at most the polls in flight."""

import random
import signal
from contextlib import closing, suppress
from pathlib import Path
from threading import Event, Thread

import pytest
import requests
from journey import account_variables, every
from processes import Running, bare_environment, exporter_command, started

from exporter.jobs.store import Store
from exporter.model import JobKey, JobState, StoredState
from exporter.simulator import Simulator

ROUNDS = 50
JOBS = 20
MODULE = ("acme", "Leads")


def job_id(number: int) -> str:
    """Give the id of a job."""
    return str(3524033000006027000 + number)


class Scraper:
    """Scrapes an exporter as fast as it answers, until it is gone."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._enough = Event()
        self._left = 0
        self._thread = Thread(target=self._run)

    def scrape_until_killed(self, exporter: Running, scrapes: int) -> None:
        """Kill the exporter while the scrape after so many is under way."""
        self._left = scrapes
        self._thread.start()
        assert self._enough.wait(30)
        assert exporter.stop(signal.SIGKILL) == -signal.SIGKILL
        self._thread.join(30)

    def _run(self) -> None:
        with suppress(requests.RequestException):
            while True:
                self._left -= 1
                if self._left < 0:
                    self._enough.set()
                requests.get(f"{self._url}/metrics", timeout=30)


@pytest.fixture
def moves(simulator: Simulator) -> random.Random:
    """Start the jobs, and give the dice that move and kill."""
    for number in range(JOBS):
        simulator.set_status("Leads", job_id(number), "RUNNING", total=1000)
    return random.Random(20_261_124)


def let_jobs_get_on(simulator: Simulator, moves: random.Random, done: dict[int, int]) -> None:
    """Let each job do some records more; those that have done all complete."""
    for number in range(JOBS):
        done[number] = min(1000, done.get(number, 0) + moves.randrange(60))
        state = "COMPLETED" if done[number] == 1000 else "RUNNING"
        simulator.set_status("Leads", job_id(number), state, updated=done[number], total=1000)


def kept(path: Path) -> StoredState:
    """Read the state file, which must open."""
    with closing(Store.open(path)) as store:
        assert store.errors()["load"] == 0
        return store.load()


def latched(state: StoredState) -> set[JobKey]:
    """Give the jobs whose end was kept."""
    return {job.spec.key for job in state.jobs if job.is_terminal}


def check(before: StoredState, after: StoredState, simulator: Simulator) -> None:
    """Check what a kill must not lose."""
    assert latched(before) <= latched(after)
    if MODULE in before.totals:
        assert after.totals[MODULE].records["updated"] >= before.totals[MODULE].records["updated"]
        assert after.totals[MODULE].finished[JobState.COMPLETED] >= before.totals[MODULE].finished[JobState.COMPLETED]
    if MODULE in after.totals:
        assert after.totals[MODULE].finished[JobState.COMPLETED] == len(latched(after))
        seen = sum((job.report.updated or 0) if job.report else 0 for job in after.jobs)
        assert after.totals[MODULE].records["updated"] == seen
    booked = sum(after.ledgers["acme"].credits_by_minute.values()) if after.ledgers else 0
    assert booked >= simulator.stats().credits_spent
    assert booked <= simulator.stats().credits_spent + 5 * ROUNDS  # five may be in flight at each kill


@pytest.mark.timeout(600)
def test_kill_at_random_moments_loses_nothing(simulator: Simulator, moves: random.Random, tmp_path: Path) -> None:
    """Over fifty kills the file opens, ends stay, counters neither fall nor count twice, and no credit is forgotten."""
    path = tmp_path / "state.db"
    variables = {
        **account_variables(simulator),
        "ZOHO_JOBS": ",".join(f"Leads/{job_id(number)}" for number in range(JOBS)),
        "ZOHO_DAILY_CREDIT_BUDGET": "unlimited",
        "ZOHO_STATE__PATH": str(path),
        **{f"ZOHO_{name.upper()}": value for name, value in every("0s").items()},
    }
    command = exporter_command("--web.listen-address=127.0.0.1:0", "--log.format=json")
    state, done = StoredState(), dict[int, int]()
    for _ in range(ROUNDS):
        let_jobs_get_on(simulator, moves, done)
        with started(command, bare_environment(**variables), tmp_path) as exporter:
            url = f"http://127.0.0.1:{exporter.log_event('serving metrics')['port']}"
            Scraper(url).scrape_until_killed(exporter, moves.randrange(4))
        state, before = kept(path), state
        check(before, state, simulator)
    assert len(latched(state)) > 0
    assert simulator.stats().tokens_minted <= 2  # the token outlives the kills
