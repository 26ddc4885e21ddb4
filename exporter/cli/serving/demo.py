"""`demo`: the exporter and a simulated Zoho in one process, to see what it shows without a Zoho account."""

import sys
import time
from argparse import Namespace
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Thread

from exporter import DOCS_URL
from exporter.app.serving import serve
from exporter.cli.command import PROGRAM
from exporter.cli.commands import DEFAULTS
from exporter.cli.given import setting_flags, start_logging
from exporter.cli.jobs.client.exporter_client import DEFAULT_URL
from exporter.settings import JobSettings, Settings, load_settings
from exporter.simulator import DEMO_FLEET, Simulator, demo_scenario
from exporter.waits import without_signals

_ALIAS = "demo"
_SCRAPE_SECONDS = 2.0
# The fleet lives through in two minutes what takes real jobs an hour: so is the schedule's time accelerated.
_ACCELERATED = {
    "ZOHO_SCHEDULE__SHORTEST": "1s",
    "ZOHO_SCHEDULE__LONGEST": "5s",
    "ZOHO_SCHEDULE__SUSPENDED": "10s",
    "ZOHO_SCHEDULE__FAULT_SHORTEST": "1s",
    "ZOHO_SCHEDULE__FAULT_LONGEST": "20s",
    "ZOHO_SCHEDULE__REFUSAL_SHORTEST": "30s",
    "ZOHO_SCHEDULE__REFUSAL_LONGEST": "5m",
    "ZOHO_POLL_TIMEOUT": "2s",
    "ZOHO_DAILY_CREDIT_BUDGET": "100000",
}


def execute(options: Namespace) -> int:
    """Serve until a signal ends it."""
    simulator = Simulator(demo_scenario())
    with without_signals():  # a stop is heard by the thread that waits for it, or by none
        simulator.start()
    with simulator:
        settings = _settings(simulator, setting_flags(options))
        redactor = start_logging(settings)
        return serve(lambda: settings, (), redactor, on_ready=partial(_begin, settings), is_for_show=True)


def _settings(simulator: Simulator, flags: dict[str, object]) -> Settings:
    """Give the demo's settings; neither the environment nor a file of the user's is looked at."""
    settings = load_settings(
        None,
        overrides={**DEFAULTS["demo"], **flags},
        environ=_account(simulator) | _ACCELERATED,
        dotenv_file=None,
        secrets_dir=Path("no secrets directory"),
    )
    jobs = tuple(
        JobSettings(account=_ALIAS, module=job.module, job_id=job.job_id, name=job.name, group=job.group)
        for job in DEMO_FLEET
    )
    return settings.model_copy(update={"jobs": jobs})


def _account(simulator: Simulator) -> dict[str, str]:
    scenario = simulator.scenario
    return {
        "ZOHO_ACCOUNT": _ALIAS,
        "ZOHO_ACCOUNTS_URL": simulator.url,
        "ZOHO_API_URL": simulator.url,
        "ZOHO_CLIENT_ID": scenario.client_id,
        "ZOHO_CLIENT_SECRET": scenario.client_secret,
        "ZOHO_REFRESH_TOKEN": scenario.refresh_token,
    }


def _begin(settings: Settings, port: int) -> None:
    """Scrape once, so that whoever looks sees something, then say where to look, and go on scraping."""
    host = settings.web.listen_address.host or "127.0.0.1"
    scrape = partial(_scrape, host, port, settings.web.telemetry_path)
    scrape()
    Thread(target=_go_on, args=(scrape,), name="scrapes", daemon=True).start()
    _announce(settings, f"http://{f'[{host}]' if ':' in host else host}:{port}")


def _go_on(scrape: Callable[[], None]) -> None:
    while True:
        time.sleep(_SCRAPE_SECONDS)
        scrape()


def _scrape(host: str, port: int, path: str) -> None:
    """Ask for the metrics, as a Prometheus would that is not there."""
    with closing(HTTPConnection(host, port, timeout=10)) as connection, suppress(OSError, HTTPException):
        connection.request("GET", path)
        connection.getresponse().read()


def _announce(settings: Settings, url: str) -> None:
    own = "" if url == DEFAULT_URL else f" --exporter.url={url}"
    metrics = f"{url}{settings.web.telemetry_path}"
    page = f"{url}/".ljust(len(metrics))
    sys.stdout.write(f"""
The demo is running: a simulated Zoho with {len(settings.jobs)} mass updates, and the
exporter that watches them.

  {metrics}   the metrics; open it again to see them move
  {page}   the jobs at a glance; updates itself

  {PROGRAM} jobs --watch{own}
  shows the same in another terminal.

Two of the jobs are meant to be refused: a mistyped id and a missing scope. In
place of a Prometheus the demo scrapes itself. Ctrl-C ends it.
To watch jobs of your own: {DOCS_URL}/README.md#watch-your-own-jobs

""")
    sys.stdout.flush()
