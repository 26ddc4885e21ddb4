"""To what size one PostgreSQL carries exporters: N of them, each with all of M accounts of a hundred jobs.

Zoho answers at once, and the exporters ask as fast as they can, so that the database is what is busy. What it works for
a poll and for a scrape without one, in processor time, says what larger numbers come to. It waits for no disk.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from functools import partial
from itertools import count, cycle
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
from databases import Server, serving

from exporter.errors import HeldBackError
from exporter.jobs.outcome import growth_of, note_report
from exporter.model import Growth, JobKey, JobReport, JobSource, JobSpec, JobState, TrackedJob
from exporter.state import Purse
from exporter.state.documents import Kind, Row
from exporter.state.postgres import PostgresStore
from exporter.state.postgres.moving import DatabasePlace

SIZES = ((1, 10), (2, 10), (4, 10), (2, 100), (4, 100), (2, 1000), (4, 1000))
"""Exporters and accounts."""
JOBS = 100
POLLS_IN_A_ROW = 20
SECONDS = 10.0
IDLE_SCRAPES = 50
LEASE_SECONDS = 12.0
FREE = Purse(1_000_000, at_once=10)
Pipe: TypeAlias = Any
"""One end of a pipe of multiprocessing, which has no name for its types."""
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    seconds = parser.parse_args().seconds
    print("exporters accounts   jobs  polls/s  refused  database busy  ms/poll  ms/idle scrape", flush=True)
    with serving() as server:
        for exporters, accounts in SIZES:
            print(_line(server, exporters, accounts, seconds), flush=True)


def _line(server: Server, exporters: int, accounts: int, seconds: float) -> str:
    name = f"of_{exporters}_{accounts}"
    url = server.create(name)
    aliases = [f"account{number}" for number in range(accounts)]
    begun_at = time.time()
    DatabasePlace(url, name).write(dict(_rows(aliases, begun_at)))
    with psycopg.connect(server.url(name), autocommit=True) as connection:
        connection.execute("ANALYZE")
    context = get_context("spawn")
    ends = [context.Pipe() for _ in range(exporters)]
    workers = [
        context.Process(target=_work, args=(url, _from(aliases, accounts * number // exporters), seconds, end))
        for number, (_, end) in enumerate(ends)
    ]
    for worker in workers:
        worker.start()
    pipes = [pipe for pipe, _ in ends]
    _ready(pipes)
    idle = _measured(server, partial(_ready, pipes))
    busy = _measured(server, partial(_ready, pipes))
    polls, refused = (sum(numbers) for numbers in zip(*(pipe.recv() for pipe in pipes), strict=True))
    for worker in workers:
        worker.join(60)
    figures = (
        polls / seconds,
        refused / polls,
        busy / seconds,
        1000 * busy / polls,
        1000 * idle / IDLE_SCRAPES / exporters,
    )
    told = "{:9.0f}{:9.1%}{:13.0%}{:11.2f}{:14.2f}".format(*figures)
    return f"{exporters:9}{accounts:9}{accounts * JOBS:7}{told}"


def _from(aliases: list[str], first: int) -> list[str]:
    """Give them all, beginning with another one, so that exporters do not all ask for the same."""
    return aliases[first:] + aliases[:first]


def _rows(aliases: Sequence[str], now: float) -> Iterator[tuple[Row, TrackedJob]]:
    for alias in aliases:
        for number in range(JOBS):
            spec = JobSpec(JobKey(alias, "Leads", str(number)), JobSource.CONFIG)
            yield Row(alias, Kind.JOB, f"Leads/{number}"), TrackedJob(spec, now)


def _ready(pipes: Sequence[Pipe]) -> None:
    """Let all go on, and wait until all have done so."""
    for pipe in pipes:
        pipe.send(None)
    for pipe in pipes:
        pipe.recv()


def _measured(server: Server, deed: Callable[[], object]) -> float:
    """Give the processor seconds that the server works meanwhile."""
    before = _worked(server)
    deed()
    return _worked(server) - before


def _worked(server: Server) -> float:
    """Give the processor seconds of the server's processes, those that have ended included."""
    main = (server.directory / "data" / "postmaster.pid").read_text(encoding="utf-8").split()[0]
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text(encoding="utf-8").rpartition(")")[2].split()
            if stat.parent.name == main:
                ticks += sum(map(int, fields[11:15]))
            elif fields[1] == main:
                ticks += sum(map(int, fields[11:13]))
    return ticks / TICKS


def _work(url: str, aliases: Sequence[str], seconds: float, pipe: Pipe) -> None:
    """Be an exporter: scrape with nothing new, then poll, account by account."""
    with closing(PostgresStore(url)) as store:
        for alias in aliases:
            store.account(alias)
        store.refresh(time.monotonic() + 60)
        pipe.recv()
        pipe.send(None)
        pipe.recv()
        for _ in range(IDLE_SCRAPES):
            store.refresh(time.monotonic() + 10)
        pipe.send(None)
        pipe.recv()
        told = _polled(store, aliases, seconds)
        pipe.send(None)
        pipe.send(told)


def _polled(store: PostgresStore, aliases: Sequence[str], seconds: float) -> tuple[int, int]:
    """Poll for so many seconds, and give how often, and how often another exporter was faster."""
    polls, refused, until = 0, 0, time.monotonic() + seconds
    for turn, alias in zip(count(), cycle(aliases), strict=False):
        account, at = store.account(alias), turn // len(aliases) * POLLS_IN_A_ROW
        keys = [JobKey(alias, "Leads", str((at + more) % JOBS)) for more in range(POLLS_IN_A_ROW)]
        store.refresh(time.monotonic() + 10)
        account.expect_claims([(key, False) for key in keys], 1, FREE, LEASE_SECONDS)
        for key in keys:
            if time.monotonic() >= until:
                account.rest()
                return polls, refused
            try:
                landed = account.land(account.claim(key, FREE, LEASE_SECONDS), _noted)
            except HeldBackError:
                landed = None
            polls, refused = polls + bool(landed), refused + (not landed)
    raise AssertionError


def _noted(job: TrackedJob) -> tuple[TrackedJob, Growth]:
    """Note that a job has gone on a little."""
    updated = (job.report.updated or 0) + 1 if job.report else 0
    after = note_report(job, JobReport(JobState.RUNNING, updated, 0, 50_000 - updated, 50_000), time.time())
    return after, growth_of(job, after)


if __name__ == "__main__":
    main()
