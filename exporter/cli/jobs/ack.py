"""`ack`: take note of how jobs ended."""

from argparse import Namespace
from functools import partial

from exporter.cli.jobs.client.each import do_each
from exporter.cli.jobs.client.exporter_client import ExporterClient
from exporter.cli.jobs.client.names import found_key
from exporter.model import JobKey


def execute(options: Namespace) -> int:
    """Take note of each job's end, or take that back."""
    return do_each(options, partial(_acknowledge, options.undo is not None))


def _acknowledge(is_taken_back: bool, client: ExporterClient, key: JobKey) -> str:  # noqa: FBT001 - partial's
    known = found_key(key, client)
    client.acknowledge(known, is_taken_back=is_taken_back)
    return f"{known} is {'no longer ' if is_taken_back else ''}acknowledged."
