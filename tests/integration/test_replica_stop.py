"""One of several exporters that share a real PostgreSQL is stopped in the middle of its polls: nothing stays of it."""

import json
from collections.abc import Callable
from contextlib import closing
from threading import Thread

import psycopg
import pytest
import requests
from databases import Server
from journey import Exporter
from processes import eventually
from sharing import calls
from wires import Wire

from exporter.simulator import Endpoint, Fault, FaultKind, Simulator

JOBS = tuple(str(number) for number in range(351, 391))
AT_ONCE = 8
DOCKER_SECONDS = 10
"""After so long it kills what was told to stop."""
SLOW = Fault(FaultKind.LATENCY, Endpoint.STATUS, seconds=0.5)
ONE_HANGS = Fault(FaultKind.TIMEOUT, Endpoint.STATUS, job_id="351")
NO_TOKEN = Fault(FaultKind.TIMEOUT, Endpoint.TOKEN)


def kept(server: Server, what: str) -> int:
    """Give a number that the database has."""
    with psycopg.connect(server.url("zoho")) as connection:
        row = connection.execute(f"SELECT coalesce({what}, 0)::int".encode()).fetchone()
        assert row is not None
        return int(row[0])


@pytest.mark.parametrize("faults", [(SLOW,), (SLOW, ONE_HANGS), (NO_TOKEN,)], ids=["polls", "one hangs", "no token"])
def test_stop_amid_polls_leaves_nothing_booked_and_no_job_claimed(
    server: Server, start_exporter: Callable[..., Exporter], simulator: Simulator, faults: tuple[Fault, ...]
) -> None:
    """What was booked is what was sent, whichever polls end within the grace; and no error is told."""
    for job_id in JOBS:
        simulator.set_status("Leads", job_id, "RUNNING", updated=1, total=50)
    for fault in faults:
        simulator.add_fault(fault)
    exporter = start_exporter(
        state__path="",
        state__url=server.create("zoho"),
        jobs=",".join(f"Leads/{job_id}" for job_id in JOBS),
        max_concurrency=str(AT_ONCE),
        poll_timeout="60s",
    )
    scrape = Thread(target=lambda: requests.get(f"{exporter.url}/metrics", timeout=60))
    scrape.start()
    spent = "(SELECT sum(spent) FROM zoho_mass_update.credits)"
    eventually(lambda: kept(server, spent) == AT_ONCE, "no call is booked")
    if SLOW in faults:
        eventually(lambda: simulator.stats().in_flight == AT_ONCE, "no call is made")
    assert exporter.running.stop() == 0
    scrape.join(60)
    assert kept(server, spent) == calls(simulator)
    assert kept(server, "(SELECT count(*) FROM zoho_mass_update.claims)") == 0
    levels = [json.loads(line)["level"] for line in exporter.running.stderr if line.startswith("{")]
    assert "error" not in levels, exporter.running.stderr


def test_stop_is_over_in_time_where_a_call_a_scrape_and_the_database_hang(
    server: Server,
    start_exporter: Callable[..., Exporter],
    simulator: Simulator,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Each of them is waited for, but all have the same time."""
    simulator.set_status("Leads", "351", "RUNNING", updated=1, total=50)
    simulator.add_fault(ONE_HANGS)
    with closing(Wire(server, tmp_path_factory.mktemp("wire"))) as wire:
        exporter = start_exporter(
            state__path="", state__url=wire.through(server.create("zoho")), jobs="Leads/351", poll_timeout="60s"
        )

        def scrape() -> Thread:
            thread = Thread(target=lambda: requests.get(f"{exporter.url}/metrics", timeout=60))
            thread.start()
            return thread

        scrapes = [scrape()]
        eventually(lambda: simulator.stats().in_flight == 1, "no call is made")
        wire.flowing.clear()
        asked = wire.questions
        scrapes.append(scrape())
        eventually(lambda: wire.questions > asked, "the database is not asked")
        exporter.running.process.terminate()
        assert exporter.running.process.wait(DOCKER_SECONDS) == 0
        for thread in scrapes:
            thread.join(60)
