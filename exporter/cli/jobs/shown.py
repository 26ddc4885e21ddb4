"""How a job looks in a terminal, in the words of the status page: a row, a block with its bar, a line."""

import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, repeat
from typing import NamedTuple

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from exporter.cli.jobs.client.answers import printable
from exporter.model import JobReport, TrackedJob
from exporter.words.jobs import end, failed_share, look, next_poll, note, progress, state_word
from exporter.words.phrases import ago, exact, number, pace, share

_BAR_COLUMNS = 40
_SMALL_BAR_COLUMNS = 12
_NAME_COLUMNS = 30
_BOTH_COLUMNS = 150
"""Where there is room for a job's key and its name; where there is not the name is shown, if it has one."""
_PLAIN_COLUMNS = 1000
"""Where no terminal says how wide it is nothing is cut off."""
_STYLES = {
    "failed": "bold red",
    "partly_failed": "bold yellow",
    "stalled": "yellow",
    "unknown": "yellow",
    "suspended": "magenta",
    "running": "cyan",
    "completed": "green",
}
"""By the look of a state."""
_NONE = "\N{EN DASH}"


def open_console() -> Console:
    """Give the console of standard output; a character that can't be written there stops nothing."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure:
        reconfigure(errors="replace")
    is_terminal = sys.stdout.isatty()
    return Console(highlight=False, width=None if is_terminal else _PLAIN_COLUMNS, force_terminal=is_terminal)


def is_live(console: Console) -> bool:
    """Whether what stands there can be written over."""
    return console.is_terminal and not console.is_dumb_terminal


def block(job: TrackedJob, now: float, *, is_polled: bool = True) -> RenderableType:
    """Show one job with its bar, and when it is polled next where somebody goes on with that."""
    parts: list[RenderableType] = [_title(job), _state(job, now)]
    if done := progress(job.report):
        bar = Table.grid(padding=(0, 1))
        bar.add_row(_bar(job, done, _BAR_COLUMNS), f"{share(*done)} of {number(done[1])}")
        parts.append(bar)
    lines = (_counts(job.report, is_whole=done is None), _course(job, now), _data(job, now, is_polled=is_polled))
    parts += [Text(line) for line in lines if line]
    return Group(*parts, *_coloured(_trouble(job)))


def line(job: TrackedJob, now: float) -> str:
    """Say how a job is at a time."""
    done = share(*done) if (done := progress(job.report)) else ""
    state = f"{exact(now)} {job.spec.key} {_state(job, now).plain}"
    facts = ", ".join(part for part in (state, done, _counts(job.report), _course(job, now)) if part)
    return " ".join((f"{facts}.", *_trouble(job))) if job.failure else facts


def table(jobs: Iterable[TrackedJob], now: float, console: Console) -> Table:
    """Show jobs as rows, with as many columns as there is room for."""
    drawn = (False, console.is_terminal)
    columns = [one for one in _COLUMNS if one.room <= console.width < one.below and one.is_drawn in drawn]
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        grid.add_column(column.title, justify="right" if column.is_number else "left", no_wrap=column.is_whole)
    for job in jobs:
        grid.add_row(*(column.cell(job, now) for column in columns))
    return grid


def trouble_of(jobs: Iterable[TrackedJob]) -> Iterator[Text]:
    """Say of each job whose last poll failed why, and what to do."""
    for job in jobs:
        if told := _trouble(job):
            name = f" ({printable(job.spec.name)})" if job.spec.name else ""
            yield Text(" ").join((Text(f"{job.spec.key}{name}:"), *_coloured(told)))


def _title(job: TrackedJob) -> Text:
    return Text.assemble((str(job.spec.key), "bold"), f"  {printable(job.spec.name)}" if job.spec.name else "")


def _state(job: TrackedJob, now: float) -> Text:
    words = note(job, now)
    told = f"{'' if words.startswith('for ') else ','} {words}" if words else ""
    return Text.assemble((printable(state_word(job)), _STYLES.get(look(job), "")), told)


def _bar(job: TrackedJob, done: tuple[int, int], columns: int) -> ProgressBar:
    style = _STYLES.get(look(job), "cyan")
    return ProgressBar(done[1], done[0], columns, complete_style=style, finished_style=style)


def _counts(report: JobReport | None, *, is_whole: bool = True) -> str:
    if report is None:
        return ""
    failed = failed_share(report)
    told = (
        f"{number(report.updated)} updated",
        f"{number(report.failed)} failed{f' ({failed} of those processed)' if failed else ''}",
        f"{number(report.not_updated)} not updated",
        *([f"{number(report.total)} in total"] if is_whole else []),
    )
    return ", ".join(told)


def _course(job: TrackedJob, now: float) -> str:
    """Say how fast it goes, and when it ended or will."""
    ends = end(job, now)
    if ends is None:
        return ""
    at, words = ends
    speed = "" if job.records_per_second is None else f"{pace(job.records_per_second)}, "
    return f"{speed}{'ended' if job.is_terminal else 'done'} {words} ({exact(at)})"


def _data(job: TrackedJob, now: float, *, is_polled: bool) -> str:
    polled = "not polled yet" if job.polled_at is None else f"polled {ago(job.polled_at, now)}"
    due = next_poll(job, now)
    if due is None:
        return f"{polled}; this is final"
    at, words = due
    return f"{polled}; {words if at > now else 'due now'}" if is_polled else polled


def _trouble(job: TrackedJob) -> tuple[str, ...]:
    if job.failure is None or job.is_terminal:
        return ()
    code = "" if job.failure.code.casefold() in job.failure.message.casefold() else f"{job.failure.code}: "
    told = f"The last poll failed. {code}{printable(job.failure.message)}."
    return (told, f"What to do: {printable(job.failure.advice)}.") if job.failure.advice else (told,)


def _coloured(trouble: Iterable[str]) -> Iterator[Text]:
    """Give what is wrong in red; what to do has to be read."""
    styles = chain(["red"], repeat(""))
    yield from map(Text, trouble, styles)


def _name_or_key(job: TrackedJob, _: float) -> RenderableType:
    shown = Text(printable(job.spec.name) or str(job.spec.key))
    if job.spec.name:
        shown.truncate(_NAME_COLUMNS, overflow="ellipsis")
    return shown


def _small_bar(job: TrackedJob, _: float) -> RenderableType:
    done = progress(job.report)
    return _bar(job, done, _SMALL_BAR_COLUMNS) if done else ""


def _share(job: TrackedJob, _: float) -> RenderableType:
    done = progress(job.report)
    return share(*done) if done else _NONE


def _speed(job: TrackedJob, _: float) -> RenderableType:
    return _NONE if job.records_per_second is None else pace(job.records_per_second)


def _end(job: TrackedJob, now: float) -> RenderableType:
    ends = end(job, now)
    return ends[1] if ends else _NONE


def _next(job: TrackedJob, now: float) -> RenderableType:
    due = next_poll(job, now)
    return due[1] if due else "final"


def _count(name: str) -> Callable[[TrackedJob, float], RenderableType]:
    return lambda job, _: number(getattr(job.report, name, None))


class _Column(NamedTuple):
    """A column of the table, where there is so much `room` and less than `below` (columns of a terminal)."""

    title: str
    cell: Callable[[TrackedJob, float], RenderableType]
    room: int = 0
    below: int = sys.maxsize
    is_number: bool = False
    is_whole: bool = True
    """Whether it is never broken into lines."""
    is_drawn: bool = False
    """Whether it is for the eye alone."""


_COLUMNS = (
    _Column("Job", _name_or_key, below=_BOTH_COLUMNS),
    _Column("Job", lambda job, _: Text(str(job.spec.key)), room=_BOTH_COLUMNS),
    _Column("Name", lambda job, _: Text(printable(job.spec.name)), room=_BOTH_COLUMNS, is_whole=False),
    _Column("State", _state, is_whole=False),
    _Column("", _small_bar, room=120, is_drawn=True),
    _Column("Done", _share, is_number=True),
    _Column("Updated", _count("updated"), room=180, is_number=True),
    _Column("Failed", _count("failed"), is_number=True),
    _Column("Not updated", _count("not_updated"), room=180, is_number=True),
    _Column("Total", _count("total"), room=180, is_number=True),
    _Column("Pace", _speed, room=110, is_number=True),
    _Column("End", _end, room=100),
    _Column("Poll", _next, room=130, is_whole=False),
)
