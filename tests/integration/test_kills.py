"""`kill -9` at any moment loses at most the polls in flight."""

import random
import signal
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import pytest
import requests
from journey import account_variables, every
from processes import eventually, exporter_command, started, unmeasured_environment

from exporter.model import JobKey, JobState, ModuleTotals, TrackedJob
from exporter.simulator import Simulator
from exporter.state import SqliteStore

ROUNDS = 50
JOBS = 30


@dataclass(frozen=True)
class Kept:
    """What a state file holds of the account."""

    jobs: Collection[TrackedJob] = ()
    totals: ModuleTotals = field(default_factory=ModuleTotals.empty)
    booked: int = 0


def job_id(number: int) -> str:
    """Give the id of a job."""
    return str(3524033000006027000 + number)


def records(number: int) -> int:
    """Give how many records a job has: some end early, half of them live through all rounds."""
    return 100 * (number + 1)


@contextmanager
def scraped(url: str) -> Iterator[None]:
    """Scrape an exporter as fast as it answers, until it is gone; the block must end it."""
    scraper = Thread(target=scrape_until_gone, args=(url,))
    scraper.start()
    yield
    scraper.join(30)


def scrape_until_gone(url: str) -> None:
    """Scrape until nobody answers."""
    with suppress(requests.RequestException):
        while True:
            requests.get(f"{url}/metrics", timeout=30)


def wait_for_polls(simulator: Simulator, polls: int) -> None:
    """Wait until so many more polls have come; the next ones are under way then, at whatever point."""
    enough = simulator.stats().crm_calls + polls
    eventually(lambda: simulator.stats().crm_calls >= enough, "the exporter does not poll")


@pytest.fixture
def moves(simulator: Simulator) -> random.Random:
    """Start the jobs, and give the dice that move and kill."""
    for number in range(JOBS):
        simulator.set_status("Leads", job_id(number), "RUNNING", total=records(number))
    return random.Random(20_261_124)


def let_jobs_get_on(simulator: Simulator, moves: random.Random, done: dict[int, int]) -> None:
    """Let each job do some records more; those that have done all complete."""
    for number in range(JOBS):
        done[number] = min(records(number), done.get(number, 0) + moves.randrange(3000 // ROUNDS))
        state = "COMPLETED" if done[number] == records(number) else "RUNNING"
        simulator.set_status("Leads", job_id(number), state, updated=done[number], total=records(number))


def kept(path: Path) -> Kept:
    """Read the state file, which must open."""
    with closing(SqliteStore(path)) as store:
        assert store.health().errors["load"] == 0
        account = store.account("acme")
        totals = account.totals().get("Leads", ModuleTotals.empty())
        return Kept(account.jobs().values(), totals, account.used())


def latched(state: Kept) -> set[JobKey]:
    """Give the jobs whose end was kept."""
    return {job.spec.key for job in state.jobs if job.is_terminal}


def counted(state: Kept) -> tuple[int, int, int]:
    """Give the persisted counters: records updated, jobs completed, and durations observed."""
    totals = state.totals
    completed = JobState.COMPLETED
    return totals.records["updated"], totals.finished[completed], sum(totals.durations[completed].counts)


def check(before: Kept, after: Kept, simulator: Simulator) -> None:
    """Check what a kill must not lose."""
    assert latched(before) <= latched(after)
    assert all(new >= old for old, new in zip(counted(before), counted(after), strict=True))
    done, finished, timed = counted(after)
    assert finished == len(latched(after))
    assert timed <= finished
    assert done == sum((job.report.updated or 0) if job.report else 0 for job in after.jobs)
    assert after.booked >= simulator.stats().credits_spent
    assert after.booked <= simulator.stats().credits_spent + JOBS * ROUNDS  # a round's credits are booked together


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
    state, done = Kept(), dict[int, int]()
    for _ in range(ROUNDS):
        let_jobs_get_on(simulator, moves, done)
        with started(command, unmeasured_environment(**variables), tmp_path) as exporter:
            url = f"http://127.0.0.1:{exporter.log_event('serving metrics')['port']}"
            with scraped(url):
                wait_for_polls(simulator, moves.randrange(JOBS))
                assert exporter.stop(signal.SIGKILL) == -signal.SIGKILL
        state, before = kept(path), state
        check(before, state, simulator)
    assert 0 < len(latched(state)) < JOBS
    assert simulator.stats().tokens_minted <= 2  # the token outlives the kills
