"""`demo`: the exporter and a simulated Zoho in one process, to see what it shows without a Zoho account."""

import sys
from argparse import Namespace
from functools import partial
from pathlib import Path

from exporter import DOCS_URL
from exporter.app.serving import serve
from exporter.cli.commands import DEFAULTS
from exporter.cli.given import setting_flags, start_logging
from exporter.settings import JobSettings, Settings, load_settings
from exporter.simulator import DEMO_FLEET, Simulator, demo_scenario

_ALIAS = "demo"
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
    with Simulator(demo_scenario()) as simulator:
        settings = _settings(simulator, setting_flags(options))
        redactor = start_logging(settings)
        return serve(lambda: settings, (), redactor, on_ready=partial(_announce, settings))


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


def _announce(settings: Settings, port: int) -> None:
    host = settings.web.listen_address.host or "127.0.0.1"
    base = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    sys.stdout.write(f"""
The demo is running: a simulated Zoho with {len(settings.jobs)} mass updates, and the exporter that watches them.

  {base}{settings.web.telemetry_path}   the metrics; open it again to see them move
  {base}/   the jobs at a glance; updates itself

Two of the jobs are meant to be refused: a mistyped id and a missing scope. Ctrl-C ends the demo.
To watch jobs of your own: {DOCS_URL}/README.md#watch-your-own-jobs

""")
    sys.stdout.flush()
