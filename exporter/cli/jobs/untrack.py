"""`untrack`: have an exporter let go of jobs."""

from argparse import Namespace

from exporter.cli.jobs.client.each import do_each
from exporter.cli.jobs.client.exporter_client import ExporterClient
from exporter.cli.jobs.client.names import found_key
from exporter.model import JobKey


def execute(options: Namespace) -> int:
    """Let go of each job."""
    return do_each(options, _untrack)


def _untrack(client: ExporterClient, key: JobKey) -> str:
    known = found_key(key, client)
    client.untrack(known)
    return f"{known} is no longer tracked."
