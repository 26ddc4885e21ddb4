"""`status`: how a job is, once or until its end."""

import json
import math
import time
from argparse import Namespace
from collections.abc import Callable
from functools import partial

from rich.console import RenderableType
from rich.live import Live

from exporter.cli.ending import INTERRUPTED, LateError, in_time
from exporter.cli.jobs.client.answerers import Answerer, answering
from exporter.cli.jobs.client.follow import Follower, first_look
from exporter.cli.jobs.client.names import read_key
from exporter.cli.jobs.exits import NOT_DONE, NOT_ENDED, UNKNOWN, end_in_order, exit_status
from exporter.cli.jobs.shown import block, is_live, line, open_console
from exporter.cli.output import pause, say, tell, write
from exporter.errors import ExporterError
from exporter.files import refused
from exporter.model import JobReport, PollFailure, TrackedJob

REFRESHES_A_SECOND = 2
LAST_ANSWER_SECONDS = 2.0
"""How much longer than it may watch it waits for an answer: its last look is when the time is up."""
Show = Callable[[TrackedJob], object]


def execute(options: Namespace) -> int:
    """Ask, show the answer, and go on for as long as is wanted."""
    key, seconds = read_key(options.job), timeout_seconds(options)
    return show(options, partial(answering, options, key), seconds)


def show(options: Namespace, find: Callable[[], Answerer], seconds: float) -> int:
    """Show a first look of whoever answers, and go on for as long as is wanted; `options` are those of this command."""
    end_in_order()
    until, answerer = time.time() + seconds, None
    try:
        with in_time(seconds + LAST_ANSWER_SECONDS):
            answerer = find()
            status = _watched(options, answerer, until) if options.watch else _shown_once(options, answerer)
    except LateError as late:
        status = _late(options, "It is not known to have ended", str(late))
    except KeyboardInterrupt:
        status = _interrupted(options, INTERRUPTED)
    except SystemExit as end:
        status = _interrupted(options, int(end.code or 0))
    finally:
        tell(*answerer.bill() if answerer else ())
    return status


def timeout_seconds(options: Namespace) -> float:
    """Give how long to watch.

    Raises:
        ConfigurationError: the flag says nothing of use.
    """
    if options.timeout is None:
        return math.inf
    from exporter.settings import parse_duration  # noqa: PLC0415 - it loads the settings

    if options.watch is None:
        raise refused("--timeout", "goes together with --watch")
    try:
        return parse_duration(options.timeout)
    except ValueError as error:
        raise refused("--timeout", str(error)) from error


def _late(options: Namespace, told: str, why: str = "") -> int:
    tell(f"{told} after {options.timeout}{why and f': {why}'}. To go on: {_line(options)}")
    return NOT_ENDED


def _interrupted(options: Namespace, status: int) -> int:
    told = "No longer watched; the job itself goes on. To go on" if options.watch else "Not waited for. To ask again"
    tell("", f"{told}: {_line(options)}")
    return status


def _line(options: Namespace) -> str:
    return str(options.command.line(options, options.job))


def _shown_once(options: Namespace, answerer: Answerer) -> int:
    job = answerer.look()
    if options.json:
        write(json.dumps(answerer.shown()))
    else:
        open_console().print(block(job, time.time(), is_polled=answerer.is_polling))
    status = exit_status(job)
    if status == UNKNOWN and job.failure is None:
        say(*answerer.reasons(job))
        return NOT_DONE if answerer.shown().get("warnings") else status
    return status


def _watched(options: Namespace, answerer: Answerer, until: float) -> int:
    job = first_look(answerer.look, _miss, until, clock=time.time, sleep=pause)
    if job is None:
        raise LateError
    job = _followed(options, answerer, job, until)
    is_late = not job.is_terminal and time.time() >= until
    return _late(options, "It has not ended") if is_late else exit_status(job)


def _followed(options: Namespace, answerer: Answerer, job: TrackedJob, until: float) -> TrackedJob:
    console = open_console()
    if options.json:
        return _follower(answerer, _Changes(lambda _: write(json.dumps(answerer.shown())))).follow(job, until)
    if not is_live(console):
        return _follower(answerer, _Changes(lambda job: write(line(job, time.time())))).follow(job, until)
    bar = _Bar(job)
    with Live(console=console, get_renderable=bar.render, refresh_per_second=REFRESHES_A_SECOND):
        return _follower(answerer, bar.show).follow(job, until)


def _follower(answerer: Answerer, show: Show) -> Follower:
    return Follower(answerer.look, show, _miss, time.time, pause)


def _miss(error: ExporterError) -> None:
    say(f"{error}; it is asked again")


class _Changes:
    """Shows what differs from the last time."""

    def __init__(self, show: Show) -> None:
        self._show = show
        self._last: tuple[JobReport | None, PollFailure | None] | None = None

    def __call__(self, job: TrackedJob) -> None:
        if (seen := (job.report, job.failure)) != self._last:
            self._last = seen
            self._show(job)


class _Bar:
    """What stands on the screen: the last look, as old as it is by now."""

    def __init__(self, job: TrackedJob) -> None:
        self._job = job

    def show(self, job: TrackedJob) -> None:
        self._job = job

    def render(self) -> RenderableType:
        return block(self._job, time.time())
