"""The demonstration's fleet at the pace of real jobs, driven by a clock that a test moves by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from journey import account_variables
from samples import Clock, within

from exporter.app.application import Application
from exporter.settings import JobSettings, load_settings
from exporter.simulator import DEMO_FLEET, Simulator, demo_scenario
from exporter.state import SqliteStore

FLEET_SPEED = 1 / 30
"""The demonstration's quick jobs take 30 times as long, as real ones do."""
SCRAPE_SECONDS = 15.0


@dataclass(frozen=True)
class Fleet:
    """An exporter that watches the fleet."""

    application: Application
    clock: Clock

    def live(self, seconds: float) -> None:
        """Let time pass, with a scrape every 15 s."""
        for _ in range(int(seconds / SCRAPE_SECONDS)):
            self.clock.now += SCRAPE_SECONDS
            self.application.scrape(within(10))


@contextmanager
def fleet() -> Iterator[Fleet]:
    """Run the fleet from its beginning."""
    clock = Clock()
    scenario = replace(demo_scenario(speed=FLEET_SPEED), daily_credits=5_000)
    with Simulator(scenario, clock=clock) as simulator:
        environ = account_variables(simulator)
        settings = load_settings(None, environ=environ, dotenv_file=None, secrets_dir=Path("no secrets directory"))
        jobs = tuple(
            JobSettings(account="acme", module=job.module, job_id=job.job_id, name=job.name, group=job.group)
            for job in DEMO_FLEET
        )
        application = Application(settings.model_copy(update={"jobs": jobs}), SqliteStore(None, clock), clock=clock)
        try:
            yield Fleet(application, clock)
        finally:
            application.close()
