"""Something done with each job that is named, one after the other; one that can't be done stops no other."""

import sys
from argparse import Namespace
from collections.abc import Callable
from http import HTTPStatus

from exporter.cli.command import PROGRAM
from exporter.cli.jobs.client.exporter_client import ExporterClient, ExporterRefusedError, client_of
from exporter.cli.jobs.client.names import read_key
from exporter.cli.jobs.exits import NOT_DONE, WRONG
from exporter.cli.output import put_surely, tell
from exporter.model import JobKey

Deed = Callable[[ExporterClient, JobKey], str]
"""Does it, and says what is so now."""


def do_each(options: Namespace, deed: Deed) -> int:
    """Do it with each of the jobs, and give the exit status.

    Raises:
        ConfigurationError: a word names no job, or a flag is wrong; nothing is done then.
        NoExporterError: nobody answers there.
    """
    keys = [read_key(word) for word in options.named_jobs]
    client, status = client_of(options), 0
    for key in keys:
        try:
            put_surely(sys.stdout, deed(client, key))
        except ExporterRefusedError as error:
            tell(f"{PROGRAM}: {error}")
            status = max(status, WRONG if error.status == HTTPStatus.BAD_REQUEST else NOT_DONE)
    return status
