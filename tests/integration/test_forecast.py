"""What is reckoned beforehand against what a simulated Zoho counts, on a clock that is moved by hand."""

from dataclasses import replace
from pathlib import Path

import pytest
from journey import account_variables
from samples import Clock, within

from exporter.app.application import Application, schedule_of
from exporter.jobs.forecast import Fleet, Life, forecast
from exporter.settings import JobSettings, load_settings
from exporter.simulator import Phase, Scenario, SimulatedJob, Simulator
from exporter.state import SqliteStore
from exporter.zoho.permits import scarcity

LIFE = Life(waits_seconds=120, runs_seconds=3600)
JOBS = tuple(
    SimulatedJob(
        "Leads",
        str(number),
        50_000,
        (Phase("SCHEDULED", 120), Phase("RUNNING", 3600, updated=50_000), Phase("COMPLETED", None)),
    )
    for number in (1, 2, 3)
)


@pytest.mark.parametrize("budget", [1000, 100, 6], ids=["not felt", "stretches polls", "is spent"])
def test_forecast_is_what_zoho_counts(budget: int) -> None:
    """The exporter whole, scraped each minute, spends to the credit and the token what was foretold."""
    clock = Clock()
    with Simulator(replace(Scenario(), jobs=JOBS), clock=clock) as simulator:
        environ = account_variables(simulator) | {"ZOHO_DAILY_CREDIT_BUDGET": str(budget)}
        loaded = load_settings(None, environ=environ, dotenv_file=None, secrets_dir=Path("no secrets directory"))
        jobs = tuple(JobSettings(account="acme", module="Leads", job_id=job.job_id) for job in JOBS)
        settings = loaded.model_copy(update={"jobs": jobs})
        application = Application(settings, SqliteStore(None, clock), clock=clock)
        for _ in range(9000 // 60):
            application.scrape(within(10))
            clock.now += 60.0
        application.close()
        counted = simulator.stats()
    foretold = forecast(
        schedule_of(settings), LIFE, Fleet(3, 60.0, budget), lambda used, needed: scarcity(used, budget, needed)
    )
    assert (foretold.credits, foretold.tokens) == (counted.credits_spent, counted.tokens_minted)
