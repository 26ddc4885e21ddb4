"""What a warm poll costs in processor time, beside a plain `Session.get` of the same answer, one at a time.

Ours is whole: due jobs found, credits booked and written to the state file, the call, the report put into the table.
The other is what a script would write. Both ask the same stub, in turns, in a process that does nothing else.
"""

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import requests
from rig.figures import Question, Row, Run, row
from rig.jobs import key_of, spend_a_day, write_jobs
from rig.programs import ALWAYS, settings_file, zoho

from exporter.app.accounts import Accounts
from exporter.app.application import schedule_of
from exporter.jobs import JobTable, Refresher, Retention
from exporter.redactor import Redactor
from exporter.settings import load_settings
from exporter.state import SqliteStore
from exporter.zoho.transport import tls_context

JOBS = 200
LIVE = 140
"""Of these jobs, seven of ten: the others have ended."""
_KEEP = Retention(1e9, 1e9, 1e9, JOBS, JOBS)
NEW, FULL = "cpu_per_poll_vs_session_get", "cpu_per_poll_vs_session_get_full_ledger"
_PATIENCE_SECONDS = 60.0
Costs = list[tuple[float, float]]
"""Of each round: processor seconds of a poll of ours, and of a plain get."""


def _measured(run: Run) -> list[Row]:
    rows = []
    for name, is_full in ((NEW, False), (FULL, True)):
        with TemporaryDirectory(dir=run.directory) as folder, zoho(Path(folder)) as upstream:
            directory = Path(folder)
            write_jobs(directory / "state.db", JOBS, are_due=True)
            if is_full:
                spend_a_day(directory / "state.db")
            settings = settings_file(directory, upstream, ALWAYS, 1)
            with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                costs = pool.submit(costs_of, settings, upstream.url, run.rounds).result()
        note = "processor time, in µs: " + ", ".join(f"{ours * 1e6:.0f} / {plain * 1e6:.0f}" for ours, plain in costs)
        rows.append(row(name, [ours / plain for ours, plain in costs], note))
    return rows


def costs_of(settings_path: Path, url: str, rounds: int) -> Costs:
    """Measure, in a process of its own."""
    with _refreshing(settings_path) as refresh, requests.Session() as session:
        plain = partial(_get_all, session, url)
        for warm in (refresh, plain):
            warm()
        return [(_cost(refresh), _cost(plain)) for _ in range(rounds)]


@contextmanager
def _refreshing(settings_path: Path) -> Iterator[Callable[[], object]]:
    """Wire what polls, as the application does, without what serves pages."""
    settings = load_settings(settings_path, environ={}, dotenv_file=None, secrets_dir=settings_path.parent / "none")
    store = SqliteStore(settings.state.path)
    accounts = Accounts(store, Redactor(), tls_context, clock=time.time, stopwatch=time.monotonic, draw=random.random)
    accounts.configure(settings)
    table = JobTable(store, _KEEP)
    table.declare((), time.time(), accounts=settings.accounts)
    refresher = Refresher(table, accounts.by_alias, schedule_of(settings), clock=time.time)
    yield lambda: refresher.refresh(time.monotonic() + _PATIENCE_SECONDS)
    refresher.close(_PATIENCE_SECONDS)
    store.close(_PATIENCE_SECONDS)


def _get_all(session: requests.Session, url: str) -> None:
    headers = {"Authorization": "Zoho-oauthtoken 1000." + "0" * 64}
    for number in range(LIVE):
        path, job_id = f"{url}/crm/v8/Leads/actions/mass_update", key_of(number).job_id
        session.get(path, params={"job_id": job_id}, headers=headers).json()


def _cost(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return (time.process_time() - begun) / LIVE


QUESTION = Question((NEW, FULL), _measured)
