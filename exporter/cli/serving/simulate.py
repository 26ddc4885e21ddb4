"""`simulate`: a small Zoho on this machine, to try the exporter or any other client against."""

import signal
import socket
import sys
from argparse import Namespace
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from exporter import DOCS_URL
from exporter.cli.commands import DEFAULTS
from exporter.cli.given import setting_flags
from exporter.files import read_text, refused
from exporter.settings import ListenAddress, parse_listen_address
from exporter.simulator import Scenario, ScenarioError, Simulator, demo_scenario, load_scenario
from exporter.waits import waited_for

_LOOKUP_SECONDS = 10.0
_LARGEST_SCENARIO = 4 * 1024 * 1024


def execute(options: Namespace) -> int:
    """Serve until a signal ends it."""
    scenario = _scenario(options.scenario_file)
    address = _address(str({**DEFAULTS["simulate"], **setting_flags(options)}["web.listen_address"]))
    stopping = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stopping)
    host = address.host or "127.0.0.1"
    simulator = Simulator(scenario, host=host, port=address.port)
    with ExitStack() as stack:
        try:
            waited_for(partial(socket.getaddrinfo, host, address.port), _LOOKUP_SECONDS, "the name lookup")
            stack.enter_context(simulator)
        except OSError as error:
            raise refused("--web.listen-address", f"can't listen on {address}: {error}") from error
        sys.stdout.write(_announcement(simulator.url, scenario))
        sys.stdout.flush()
        signal.sigwait(stopping)
    return 0


def _address(text: str) -> ListenAddress:
    try:
        return parse_listen_address(text)
    except ValueError as error:
        raise refused("--web.listen-address", str(error)) from error


def _scenario(file: str | None) -> Scenario:
    if file is None:
        return demo_scenario()
    try:
        return load_scenario(read_text(Path(file), _LARGEST_SCENARIO))
    except ScenarioError as error:
        raise refused(file, str(error)) from error


def _announcement(url: str, scenario: Scenario) -> str:
    jobs = ",".join(f"{job.module}/{job.job_id}" for job in scenario.jobs)
    listed = f"\n  export ZOHO_JOBS={jobs}" if jobs else ""
    return f"""\
A simulated Zoho answers on {url}. Ctrl-C ends it.

To point the exporter at it:
  export ZOHO_ACCOUNTS_URL={url} ZOHO_API_URL={url}
  export ZOHO_CLIENT_ID={scenario.client_id} ZOHO_CLIENT_SECRET={scenario.client_secret}
  export ZOHO_REFRESH_TOKEN={scenario.refresh_token}{listed}

Its API console, for a login without these secrets: {url}/console
What it has served: curl {url}/__control__/stats
How to make things go wrong: {DOCS_URL}/docs/simulator.md
"""
