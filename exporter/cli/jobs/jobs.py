"""`jobs`: all jobs that an exporter tracks, once or as a board that goes on."""

import json
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from exporter.cli.command import PROGRAM
from exporter.cli.ending import INTERRUPTED
from exporter.cli.jobs.client.exporter_client import ExporterClient, ExporterRefusedError, NoExporterError, client_of
from exporter.cli.jobs.client.reading import Shown, job_of
from exporter.cli.jobs.exits import end_in_order
from exporter.cli.jobs.shown import is_live, line, open_console, table, trouble_of
from exporter.cli.output import pause, say, write, write_csv
from exporter.files import refused
from exporter.model import JobKey, JobReport, PollFailure, TrackedJob
from exporter.words.jobs import in_order
from exporter.words.phrases import counted, exact
from exporter.words.standing import Standing, standing_of

LOOK_SECONDS = 2.0
"""The exporter is asked for what it knows; Zoho is not."""
_FIELDS = (
    *("account", "module", "job_id", "name", "group", "source", "state"),
    *("updated_records", "failed_records", "not_updated_records", "total_records"),
    *("first_seen_at", "started_at", "finished_at", "last_progress_at", "last_report_at", "last_poll_at"),
    *("next_poll_at", "estimated_completion_at", "records_per_second", "acknowledged"),
)
COLUMNS = (*_FIELDS, "standing", "error_code", "error_message")
"""Of the CSV: the API's own fields, the status page's word for how much a job needs a person, and the error."""


def execute(options: Namespace) -> int:
    """Ask the exporter, and show what it says."""
    if options.watch and options.jobs_format not in {None, "table"}:
        raise refused("--watch", "goes together with --format=table alone")
    client = client_of(options)
    if options.watch:
        return _watch(client)
    _write(client, options.jobs_format)
    say(*client.warnings)
    return 0


def _write(client: ExporterClient, style: str | None) -> None:
    shown = {job_of(one).spec.key: one for one in client.jobs()}
    jobs = in_order(map(job_of, shown.values()))
    match style:
        case "json":
            write(json.dumps({"jobs": [shown[job.spec.key] for job in jobs]}))
        case "csv":
            write_csv(COLUMNS, (_row(job, shown[job.spec.key]) for job in jobs))
        case _:
            console = open_console()
            console.print(board(jobs, time.time(), console, client.url, is_known=not client.warnings))


def _row(job: TrackedJob, shown: Shown) -> Shown:
    error = shown["error"] or {}
    said = {"standing": standing_of(job).value, "error_code": error.get("code"), "error_message": error.get("message")}
    return {**shown, **said}


def board(
    jobs: list[TrackedJob],
    now: float,
    console: Console,
    url: str,
    *,
    is_known: bool = True,
    most_rows: int | None = None,
) -> Group:
    """Show jobs below a line that says how they are as a whole; at most so many, and how many are left out.

    Where it is not known how they are, nothing says that none needs attention, or that there is none.
    """
    if not jobs and not is_known:
        return Group(Text(f"Which jobs are tracked at {url} is not known."))
    if not jobs:
        hint = f"To have one watched: {PROGRAM} track ACCOUNT/MODULE/JOB_ID"
        return Group(Text(f"No job is tracked at {url}. {hint}"))
    rows = jobs[:most_rows]
    summary = _summary(jobs, now, url, is_known=is_known)
    parts: list[RenderableType] = [Text(summary, style="dim"), table(rows, now, console)]
    if len(rows) < len(jobs):
        parts.append(Text(f"… and {counted(len(jobs) - len(rows), 'job')} that need less attention", style="dim"))
    return Group(*parts, *trouble_of(rows))


def _summary(jobs: Iterable[TrackedJob], now: float, url: str, *, is_known: bool) -> str:
    standings = Counter(map(standing_of, jobs))
    urgent = [f"{standings[one]} {one.value}" for one in Standing if one.needs_attention and standings[one]]
    none = "none needs attention" if is_known else "whether any needs attention is not known"
    told = f"need attention: {', '.join(urgent)}" if urgent else none
    return f"{counted(standings.total(), 'job')} at {url}, {told} ({exact(now)})"


def _watch(client: ExporterClient) -> int:
    """Go on until Ctrl-C."""
    end_in_order()
    console = open_console()
    watcher = Watcher(client, time.time, pause)
    try:
        if is_live(console):
            watcher.draw(console)
        else:
            watcher.tell(write)
    except KeyboardInterrupt:
        pass
    return INTERRUPTED


@dataclass(slots=True)
class Watcher:
    """Asks an exporter for its jobs again and again. For one thread.

    Args:
        client: the exporter.
        clock: gives Unix seconds.
        sleep: waits so many seconds.
    """

    client: ExporterClient
    clock: Callable[[], float]
    sleep: Callable[[float], object]

    def draw(self, console: Console) -> None:
        """Show a board in the place of the last one, for as long as it is not interrupted."""
        with Live(console=console, screen=False, auto_refresh=False, vertical_overflow="ellipsis") as live:
            for jobs, missing in self._looks():
                rows, url = max(1, console.height - 4), self.client.url
                shown = board(jobs, self.clock(), console, url, is_known=not missing, most_rows=rows)
                live.update(Group(shown, Text(missing, style="red")) if missing else shown, refresh=True)

    def tell(self, write_line: Callable[[str], object]) -> None:
        """Write a line for each change."""
        last: dict[JobKey, tuple[JobReport | None, PollFailure | None]] = {}
        told = ""
        for jobs, missing in self._looks():
            if missing and missing != told:
                say(missing)
            told = missing
            seen = {job.spec.key: (job.report, job.failure) for job in jobs}
            for job in jobs:
                if last.get(job.spec.key) != seen[job.spec.key]:
                    write_line(line(job, self.clock()))
            for key in last.keys() - seen.keys():
                write_line(f"{exact(self.clock())} {key} is no longer tracked")
            last = seen

    def _looks(self) -> Iterator[tuple[list[TrackedJob], str]]:
        """Give the jobs of now, and what they lack, or why they are those of before: the exporter answers no more."""
        jobs, missing = self._look()
        while True:
            yield jobs, missing
            self.sleep(LOOK_SECONDS)
            try:
                jobs, missing = self._look()
            except (NoExporterError, ExporterRefusedError) as error:
                if not error.is_passing:
                    raise
                missing = f"{error}; it is asked again"

    def _look(self) -> tuple[list[TrackedJob], str]:
        return in_order(map(job_of, self.client.jobs())), " ".join(self.client.warnings)
