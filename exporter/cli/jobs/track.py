"""`track`: have an exporter track jobs."""

import shlex
from argparse import Namespace
from functools import partial

from exporter.cli.command import PROGRAM
from exporter.cli.jobs.client.each import do_each
from exporter.cli.jobs.client.exporter_client import ExporterClient
from exporter.cli.jobs.client.reading import job_of
from exporter.files import refused
from exporter.model import JobKey


def execute(options: Namespace) -> int:
    """Register each job."""
    return do_each(options, partial(track, described(options)))


def described(options: Namespace) -> dict[str, object]:
    """Give what the flags say of a job.

    Raises:
        ConfigurationError: a label is none.
    """
    said = {"name": options.job_name, "group": options.group, "labels": _labels(options.label or ())}
    return {name: value for name, value in said.items() if value}


def track(said: dict[str, object], client: ExporterClient, key: JobKey) -> str:
    """Register a job, and say so.

    Raises:
        NoExporterError: nobody answers there.
        ExporterRefusedError: the exporter does not take it.
    """
    body = {"account": key.account, "module": key.module, "job_id": key.job_id, **said}
    known = job_of(client.track(body)).spec.key
    return f"{known} is tracked. To follow it: {PROGRAM} status {shlex.quote(str(known))} --watch"


def _labels(texts: list[str] | tuple[()]) -> dict[str, str]:
    pairs = {name: value for name, is_pair, value in (text.partition("=") for text in texts) if is_pair and name}
    if len(pairs) < len(texts):
        raise refused("--label", "expected NAME=VALUE, each name once")
    return pairs
