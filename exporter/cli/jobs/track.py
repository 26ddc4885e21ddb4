"""`track`: have an exporter track jobs."""

from argparse import Namespace
from functools import partial

from exporter.cli.commands import NAMED
from exporter.cli.jobs.client.each import do_each
from exporter.cli.jobs.client.exporter_client import ExporterClient
from exporter.cli.jobs.client.reading import job_of
from exporter.files import refused
from exporter.model import JobKey


def execute(options: Namespace) -> int:
    """Register each job."""
    return do_each(options, partial(track, options, described(options)))


def described(options: Namespace) -> dict[str, object]:
    """Give what the flags say of a job.

    Raises:
        ConfigurationError: a label is none.
    """
    said = {"name": options.job_name, "group": options.group, "labels": _labels(options.label or ())}
    return {name: value for name, value in said.items() if value}


def track(options: Namespace, said: dict[str, object], client: ExporterClient, key: JobKey) -> str:
    """Register a job, and say so; the options name the exporter.

    Raises:
        NoExporterError: nobody answers there.
        ExporterRefusedError: the exporter does not take it.
    """
    body = {"account": key.account, "module": key.module, "job_id": key.job_id, **said}
    known = job_of(client.track(body), key).spec.key
    there = {name: value for name, value in vars(options).items() if name.startswith("exporter.")}
    follow = NAMED["status"].line(Namespace(**there, watch="true"), str(known))
    return f"{known} is tracked. To follow it: {follow}"


def _labels(texts: list[str] | tuple[()]) -> dict[str, str]:
    pairs = {name: value for name, is_pair, value in (text.partition("=") for text in texts) if is_pair and name}
    if len(pairs) < len(texts):
        raise refused("--label", "expected NAME=VALUE, each name once")
    return pairs
