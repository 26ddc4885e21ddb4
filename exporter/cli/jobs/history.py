"""`history`: what an exporter has seen of a job, for people, programs and a Prometheus that was away."""

import json
import sys
import time
from argparse import Namespace
from collections.abc import Iterator

from rich.table import Table

from exporter.cli.jobs.client.exporter_client import client_of
from exporter.cli.jobs.client.names import found_key, read_key
from exporter.cli.jobs.client.reading import Shown, job_of
from exporter.cli.jobs.shown import open_console
from exporter.cli.output import say, write, write_csv
from exporter.model import Observation, TrackedJob
from exporter.words.phrases import exact, number

_IDENTITY = ("account", "module", "job_id")
_COUNTS = ("updated", "failed", "not_updated", "total")
COLUMNS = (*_IDENTITY, "at", "state", "processed_records", *(f"{count}_records" for count in _COUNTS))
"""Of the CSV: the API's own fields."""


def execute(options: Namespace) -> int:
    """Ask the exporter, and write what it has seen."""
    key, client = read_key(options.job), client_of(options)
    key = found_key(key, client)
    shown = client.job(key)
    say(*client.warnings)
    _write(job_of(shown, key), shown, options.history_format)
    return 0


def _write(job: TrackedJob, shown: Shown, style: str | None) -> None:
    history = shown.get("history", [])
    identity = {name: shown[name] for name in _IDENTITY}
    match style:
        case "json":
            write(json.dumps({**identity, "history": history}))
        case "csv":
            write_csv(COLUMNS, ({**identity, **seen} for seen in history))
        case "openmetrics":
            _write_openmetrics(job)
        case _:
            _show(job)


def _write_openmetrics(job: TrackedJob) -> None:
    """Write the page, and tell what is not on it."""
    from exporter.metrics import MOST_SAMPLES, render_history  # noqa: PLC0415 - others need no encoder

    history = render_history([job], time.time())
    sys.stdout.buffer.write(history.page)
    for key, since, until, is_future in history.left_out:
        why = "this machine's clock is not there yet" if is_future else f"a series has {MOST_SAMPLES:,} samples at most"
        say(f"{key}: nothing is told of the time from {exact(since)} to {exact(until)}: {why}.")


def _show(job: TrackedJob) -> None:
    console = open_console()
    if not job.history:
        console.print(f"Nothing has been seen of {job.spec.key} yet.", markup=False)
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("At", "State"):
        table.add_column(title, no_wrap=True)
    for title in ("Updated", "Failed", "Not updated", "Total"):
        table.add_column(title, justify="right")
    for seen in job.history:
        table.add_row(*_cells(seen))
    console.print(table)


def _cells(seen: Observation) -> Iterator[str]:
    yield exact(seen.at)
    yield seen.state.capitalize()
    # An earlier version kept the records done alone: they are all that can be said.
    updated = seen.updated if seen.failed is not None else seen.processed
    yield from map(number, (updated, seen.failed, seen.not_updated, seen.total))
