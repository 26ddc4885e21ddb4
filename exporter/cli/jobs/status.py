"""`status`: how a job is, once or until its end."""

import json
import math
import time
from argparse import Namespace
from collections.abc import Callable

from rich.console import RenderableType
from rich.live import Live

from exporter.cli.jobs.client.answerers import Answerer, answering
from exporter.cli.jobs.client.follow import Follower
from exporter.cli.jobs.client.names import read_key
from exporter.cli.jobs.exits import INTERRUPTED, NOT_ENDED, UNKNOWN, end_in_order, exit_status
from exporter.cli.jobs.shown import block, is_live, line, open_console
from exporter.cli.output import pause, say, write
from exporter.files import refused
from exporter.model import JobReport, PollFailure, TrackedJob

REFRESHES_A_SECOND = 2
Show = Callable[[TrackedJob], object]


def execute(options: Namespace) -> int:
    """Ask, show the answer, and go on for as long as is wanted."""
    key, seconds = read_key(options.job), timeout_seconds(options)
    answerer, job = answering(options, key)
    return show(options, answerer, job, seconds)


def show(options: Namespace, answerer: Answerer, job: TrackedJob, seconds: float) -> int:
    """Show a first look, and go on for as long as is wanted; `options` are those of this command."""
    say(answerer.opening())
    status = _watched(options, answerer, job, seconds) if options.watch else _shown_once(options, answerer, job)
    say(*answerer.bill())
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


def _shown_once(options: Namespace, answerer: Answerer, job: TrackedJob) -> int:
    if options.json:
        write(json.dumps(answerer.shown()))
    else:
        open_console().print(block(job, time.time(), is_polled=answerer.is_polling))
    status = exit_status(job)
    if status == UNKNOWN and job.failure is None:
        say(*answerer.reasons(job))
    return status


def _watched(options: Namespace, answerer: Answerer, job: TrackedJob, seconds: float) -> int:
    end_in_order()
    until = time.time() + seconds
    go_on = f"To go on: {options.command.line(options, options.job)}"
    try:
        job = _followed(options, answerer, job, until)
    except KeyboardInterrupt:
        say(f"\nNo longer watched; the job itself goes on. {go_on}")
        return INTERRUPTED
    status = exit_status(job)
    is_late = not job.is_terminal and time.time() >= until
    if is_late:
        say(f"It has not ended after {options.timeout}. {go_on}")
    return NOT_ENDED if is_late else status


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
    return Follower(answerer.look, show, lambda error: say(f"{error}; it is asked again"), time.time, pause)


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
