"""A job's history as a chart: where each line, bar and label stands. Pure; the template draws it.

Places are per cent of the chart, from its left and from its top, so that it is as wide as whatever shows it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import groupby
from math import ceil

from exporter.model import Observation, TrackedJob
from exporter.web.status.story import last_seen_at, state_of, stays
from exporter.words.phrases import exact, number, written

_MOST_MARKS = 5
_DAY = 86_400
_STEPS_SECONDS = (
    *(1, 5, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 3 * 3600, 6 * 3600, 12 * 3600),
    *(days * _DAY for days in (1, 2, 7, 14, 28, 91, 364)),
)
_LONGEST_FORESIGHT = 2.0
"""An end that is expected later than so many times the past would squeeze what is known."""
_WIDEST_COUNT = 10**7
_LEAST_ROOM = 12
"""A label needs a twelfth of the height."""

Stretch = list[tuple[float, float, int]]
"""Counts without a gap: each from when until when."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A label and its place on an axis."""

    place: float
    label: str


@dataclass(frozen=True, slots=True)
class Line:
    """One count over time, as the data of SVG paths: the line itself, and what is below it."""

    name: str
    path: str
    area: str


@dataclass(frozen=True, slots=True)
class Dot:
    """One poll that saw a change, or the last one, and what it saw."""

    x: float
    y: float
    look: str
    words: str


@dataclass(frozen=True, slots=True)
class Bar:
    """How long the job was in a state."""

    look: str
    begin: float
    end: float
    words: str


@dataclass(frozen=True, slots=True)
class Chart:
    """All that is drawn. `total` is the place of the total, `expected` the path from the last poll to the end."""

    lines: tuple[Line, ...]
    dots: tuple[Dot, ...]
    bars: tuple[Bar, ...]
    counts: tuple[Mark, ...]
    times: tuple[Mark, ...]
    total: float | None
    expected: str
    words: str


@dataclass(frozen=True, slots=True)
class _Frame:
    """What lies within the chart: times from `start` to `end` (Unix seconds), counts from 0 to `top`."""

    start: float
    end: float
    top: int

    def x(self, at: float) -> float:
        return round(100 * min(max((at - self.start) / (self.end - self.start), 0.0), 1.0), 2)

    def y(self, count: int) -> float:
        """In whole numbers as long as can be: a count may be too large for a float."""
        return round(100 - min(max(10_000 * count // self.top, 0), 10_000) / 100, 2)


_COUNTS: tuple[tuple[str, Callable[[Observation], int | None]], ...] = (
    ("processed", lambda one: one.processed),
    ("failed", lambda one: one.failed),
)
"""The lines, by what a poll saw; each further count of a poll is one more row."""


def chart_of(job: TrackedJob, now: float) -> Chart | None:
    """Give the chart of what polls saw until `now` (Unix seconds); none where they saw no counts, or but a moment."""
    until = last_seen_at(job)
    if not _processed(job) or until <= job.history[0].at:
        return None
    total = job.report.total if job.report else None
    frame = _Frame(job.history[0].at, _end(job, until, now), _top(_processed(job), total))
    return Chart(
        lines=tuple(_lines(frame, job, until)),
        dots=tuple(_dots(frame, job, until)),
        bars=tuple(_bars(frame, job)),
        counts=tuple(_count_marks(frame)),
        times=tuple(_time_marks(frame)),
        total=frame.y(total) if total else None,
        expected=_expected(frame, job, until),
        words=_words(job, until),
    )


def why_no_chart(job: TrackedJob) -> str:
    """Say why there is nothing to draw."""
    if not job.history:
        return "No poll has given a report yet."
    if not _processed(job):
        return "Zoho has given no counts."
    if job.is_terminal:
        return "It had ended when a poll first saw it: nothing is known of its course."
    return "One poll has seen it so far: the chart begins with the next."


def _processed(job: TrackedJob) -> list[int]:
    return [one.processed for one in job.history if one.processed is not None]


def _end(job: TrackedJob, until: float, now: float) -> float:
    end = until if job.is_terminal else max(until, now)
    foresight = (job.completes_at or end) - end
    return end + foresight if 0 < foresight <= _LONGEST_FORESIGHT * (end - job.history[0].at) else end


def _stretches(job: TrackedJob, read: Callable[[Observation], int | None], until: float) -> Iterator[Stretch]:
    """Part a count where there was none; each holds until the poll that saw another."""
    ends = (*(one.at for one in job.history[1:]), until)
    held = [(one.at, end, read(one)) for one, end in zip(job.history, ends, strict=True)]
    for is_known, stretch in groupby(held, key=lambda one: one[2] is not None):
        if is_known:
            yield [(begin, end, count) for begin, end, count in stretch if count is not None]


def _lines(frame: _Frame, job: TrackedJob, until: float) -> Iterator[Line]:
    for name, read in _COUNTS:
        drawn = [(frame.x(held[0][0]), _steps(frame, held)) for held in _stretches(job, read, until)]
        if drawn:
            area = "".join(f"{path}V100H{x:g}Z" for x, path in drawn)
            yield Line(name, "".join(path for _, path in drawn), area)


def _steps(frame: _Frame, stretch: Stretch) -> str:
    begin, _, count = stretch[0]
    steps = "".join(f"V{frame.y(count):g}H{frame.x(end):g}" for _, end, count in stretch)
    return f"M{frame.x(begin):g} {frame.y(count):g}{steps}"


def _dots(frame: _Frame, job: TrackedJob, until: float) -> Iterator[Dot]:
    *_, last = job.history
    for one in (*job.history, replace(last, at=until)):
        if one.processed is not None:
            words = f"{exact(one.at)}: {state_of(job, one.state)}, {number(one.processed)} processed"
            yield Dot(frame.x(one.at), frame.y(one.processed), one.state.value.casefold(), words)


def _bars(frame: _Frame, job: TrackedJob) -> Iterator[Bar]:
    for stay in stays(job):
        words = f"{state_of(job, stay.state)} from {exact(stay.since)}"
        yield Bar(stay.state.value.casefold(), frame.x(stay.since), frame.x(stay.until), words)


def _expected(frame: _Frame, job: TrackedJob, until: float) -> str:
    last, total = job.history[-1].processed, job.report.total if job.report else None
    if job.completes_at is None or last is None or total is None or not until < job.completes_at <= frame.end:
        return ""
    return f"M{frame.x(until):g} {frame.y(last):g}L{frame.x(job.completes_at):g} {frame.y(total):g}"


def _count_marks(frame: _Frame) -> Iterator[Mark]:
    """Mark round counts, and the top; what is too near to that has no room."""
    step = _step(frame.top)
    counts = (count for count in range(0, frame.top, step) if (frame.top - count) * _LEAST_ROOM >= frame.top)
    for count in (*counts, frame.top):
        yield Mark(frame.y(count), number(count) if count < _WIDEST_COUNT else f"{Decimal(count):.1E}")


def _step(top: int) -> int:
    """Give 1, 2 or 5 with as many zeros as part a count into few pieces."""
    power = int("1" + "0" * (len(str(max(1, top // _MOST_MARKS))) - 1))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power * _MOST_MARKS >= top)


def _top(counts: list[int], total: int | None) -> int:
    """Give the total, or where there is none that is above all counts, the next round count."""
    most = max(1, *counts)
    return total if total and total >= most else -(-most // _step(most)) * _step(most)


def _time_marks(frame: _Frame) -> Iterator[Mark]:
    span = frame.end - frame.start
    years = ceil(span / _MOST_MARKS / _DAY) * _DAY
    step = next((seconds for seconds in _STEPS_SECONDS if span <= seconds * _MOST_MARKS), years)
    for at in range(ceil(frame.start / step) * step, int(frame.end) + 1, step):
        yield Mark(frame.x(at), _clock(at, step))


def _clock(at: int, step: int) -> str:
    if at % _DAY == 0:
        return written(at, "%-d %b")
    return written(at, "%H:%M" if step % 60 == 0 else "%H:%M:%S")


def _words(job: TrackedJob, until: float) -> str:
    """Say what the chart shows, for those who do not see it."""
    begun_at = next(one.at for one in job.history if one.processed is not None)
    counts = _processed(job)
    return f"Records processed: {number(counts[0])} at {exact(begun_at)}, {number(counts[-1])} at {exact(until)}."
