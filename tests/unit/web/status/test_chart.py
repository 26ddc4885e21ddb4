"""A job's history as a chart."""

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import NOW, report, tracked

from exporter.model import JobState, Observation, TrackedJob
from exporter.web.status.chart import Chart, chart_of, why_no_chart

RUNNING, SUSPENDED, FAILED = JobState.RUNNING, JobState.SUSPENDED, JobState.FAILED
HOUR, DAY = 3600, 86_400


def seen(*counts: int | None, gap: float = 15.0, state: JobState = RUNNING) -> tuple[Observation, ...]:
    """Give a history of one state, with a poll in each gap (seconds)."""
    return tuple(Observation(NOW + gap * place, state, count) for place, count in enumerate(counts))


def job(history: Sequence[Observation], *, total: int | None = 100, until: float | None = None) -> TrackedJob:
    """Give a job whose last good poll was at the end of its history, or later."""
    last = report(history[-1].state, total=total)
    return replace(tracked(), history=tuple(history), report=last, reported_at=until or history[-1].at)


def drawn(job: TrackedJob, now: float | None = None) -> Chart:
    """Draw a job that has a chart."""
    chart = chart_of(job, now or job.reported_at or NOW)
    assert chart
    return chart


@pytest.mark.parametrize(
    ("counts", "path", "area"),
    [
        pytest.param((0, 25, 100), "M0 100V100H50V75H100V0H100", "M0 100V100H50V75H100V0H100V100H0Z", id="grows"),
        pytest.param(
            (80, 20, 20), "M0 20V20H50V80H100V80H100", "M0 20V20H50V80H100V80H100V100H0Z", id="goes backwards"
        ),
        pytest.param(
            (0, None, 50, 50, 100),
            "M0 100V100H25M50 50V50H75V50H100V0H100",
            "M0 100V100H25V100H0ZM50 50V50H75V50H100V0H100V100H50Z",
            id="a poll without counts",
        ),
        pytest.param((None, 40, None), "M50 60V60H100", "M50 60V60H100V100H50Z", id="counts once"),
    ],
)
def test_count_holds_until_a_poll_sees_another(counts: Sequence[int | None], path: str, area: str) -> None:
    """The line has steps, and a gap where Zoho gave no counts."""
    [line] = drawn(job(seen(*counts))).lines
    assert (line.name, line.path, line.area) == ("processed", path, area)


def test_polls_that_saw_nothing_new_lengthen_the_line() -> None:
    """The last count holds until the last good poll; what came since is not known."""
    chart = drawn(job(seen(50), until=NOW + 30), now=NOW + 60)
    assert chart.lines[0].path == "M0 50V50H50"
    assert [(dot.x, dot.y) for dot in chart.dots] == [(0.0, 50.0), (50.0, 50.0)]
    assert [(bar.begin, bar.end) for bar in chart.bars] == [(0.0, 50.0)]


def test_states_are_bars() -> None:
    """Each state lasts until a poll saw the next, and an end takes no time."""
    states = (*seen(0, 10), *(Observation(NOW + at, state, 10) for at, state in ((30, SUSPENDED), (60, FAILED))))
    chart = drawn(job(states), now=NOW + HOUR)
    assert [(bar.look, bar.begin, bar.end) for bar in chart.bars] == [
        ("running", 0.0, 50.0),
        ("suspended", 50.0, 100.0),
        ("failed", 100.0, 100.0),
    ]
    assert chart.bars[1].words == "Suspended from 2026-09-21 14:13:50 UTC"
    assert chart.dots[1].words == "2026-09-21 14:13:35 UTC: Running, 10 processed"


def test_zohos_own_word_is_told() -> None:
    """A state that Zoho has not documented has the name that Zoho gave it."""
    odd = job(seen(1, 2, state=JobState.UNKNOWN))
    odd = replace(odd, report=replace(report(JobState.UNKNOWN), undocumented_word="ARCHIVED"))
    assert drawn(odd).bars[0].words == "ARCHIVED from 2026-09-21 14:13:20 UTC"


@pytest.mark.parametrize(
    ("total", "counts", "place", "labels"),
    [
        pytest.param(50_000, (0, 9), 0.0, ["0", "10,000", "20,000", "30,000", "40,000", "50,000"], id="round"),
        pytest.param(12_000, (0, 9), 0.0, ["0", "5,000", "10,000", "12,000"], id="a total that is not round"),
        pytest.param(10_400, (0, 9), 0.0, ["0", "5,000", "10,400"], id="no room below the total"),
        pytest.param(1, (0, 1), 0.0, ["0", "1"], id="one record"),
        pytest.param(None, (0, 7_362), None, ["0", "2,000", "4,000", "6,000", "8,000"], id="no total"),
        pytest.param(0, (0, 0), None, ["0", "1"], id="nothing to do"),
        pytest.param(40, (0, 50), 20.0, ["0", "10", "20", "30", "40", "50"], id="more than there are"),
        pytest.param(10**400, (0, 9), 0.0, ["0", *(f"{n}.0E+399" for n in (2, 4, 6, 8)), "1.0E+400"], id="absurd"),
    ],
)
def test_axis_of_counts(total: int | None, counts: Sequence[int], place: float | None, labels: list[str]) -> None:
    """It begins at 0, ends at the total, and has round counts between."""
    chart = drawn(job(seen(*counts), total=total))
    assert [mark.label for mark in chart.counts] == labels
    assert (chart.counts[0].place, chart.counts[-1].place, chart.total) == (100.0, 0.0, place)


@pytest.mark.parametrize(
    ("seconds", "labels"),
    [
        pytest.param(4, ["14:13:20", "14:13:21", "14:13:22", "14:13:23", "14:13:24"], id="seconds"),
        pytest.param(75, ["14:13:30", "14:13:45", "14:14:00", "14:14:15", "14:14:30"], id="a minute"),
        pytest.param(1000, ["14:15", "14:20", "14:25", "14:30"], id="minutes"),
        pytest.param(8 * HOUR, ["16:00", "18:00", "20:00", "22:00"], id="hours"),
        pytest.param(2 * DAY, ["22 Sep", "12:00", "23 Sep", "12:00"], id="days"),
        pytest.param(30 * DAY, ["24 Sep", "1 Oct", "8 Oct", "15 Oct"], id="weeks"),
        pytest.param(9000 * DAY, ["20 Feb", "25 Jan", "30 Dec", "4 Dec", "7 Nov"], id="an absurd span"),
    ],
)
def test_axis_of_times(seconds: float, labels: list[str]) -> None:
    """A few round times, with the day where it changes."""
    assert [mark.label for mark in drawn(job(seen(0, 1, gap=seconds))).times] == labels


@pytest.mark.parametrize(
    ("completes_after", "expected", "end"),
    [
        pytest.param(60, "M50 50L100 0", 50.0, id="soon"),
        pytest.param(91, "", 100.0, id="too far away to draw"),
        pytest.param(20, "", 100.0, id="overdue"),
        pytest.param(None, "", 100.0, id="not known"),
    ],
)
def test_expected_end(completes_after: float | None, expected: str, end: float) -> None:
    """The way to it is drawn where it does not squeeze what is known."""
    completes_at = None if completes_after is None else NOW + completes_after
    chart = drawn(replace(job(seen(0, 20, 50)), completes_at=completes_at))
    assert (chart.expected, chart.dots[-1].x) == (expected, end)


@pytest.mark.parametrize(
    ("job", "why"),
    [
        pytest.param(tracked(), "No poll has given a report yet.", id="never polled"),
        pytest.param(job(seen(5)), "One poll has seen it so far: the chart begins with the next.", id="one poll"),
        pytest.param(
            job(seen(5, state=FAILED)),
            "It had ended when a poll first saw it: nothing is known of its course.",
            id="ended before",
        ),
        pytest.param(job(seen(None, None)), "Zoho has given no counts.", id="no counts"),
    ],
)
def test_nothing_to_draw(job: TrackedJob, why: str) -> None:
    """There is a sentence instead."""
    assert chart_of(job, NOW + 60) is None
    assert why_no_chart(job) == why


def test_chart_is_told_to_those_who_do_not_see_it() -> None:
    """What it begins with, and what it ends with."""
    told = drawn(job(seen(0, 25, 1_100))).words
    assert told == "Records processed: 0 at 2026-09-21 14:13:20 UTC, 1,100 at 2026-09-21 14:13:50 UTC."


histories = st.lists(
    st.builds(
        Observation,
        st.floats(0, 200_000_000_000),
        st.sampled_from(JobState),
        st.none() | st.integers(0, 100_000) | st.integers(0),
    ),
    min_size=1,
    max_size=200,
    unique_by=lambda one: one.at,
)


@given(
    history=histories,
    total=st.none() | st.integers(0),
    later=st.floats(0, 1e9),
    completes_at=st.none() | st.floats(0, 3e11),
)
def test_nothing_is_drawn_outside(
    history: list[Observation], total: int | None, later: float, completes_at: float | None
) -> None:
    """Whatever polls have seen, every place is within the chart."""
    told = job(sorted(history, key=lambda one: one.at), total=total)
    chart = chart_of(replace(told, completes_at=completes_at), history[-1].at + later)
    if chart is None:
        assert why_no_chart(told)
        return
    paths = [path for line in chart.lines for path in (line.path, line.area)] + [chart.expected]
    places = [float(number) for path in paths for number in re.findall(r"[-\d.e]+", path)]
    places += [mark.place for mark in (*chart.counts, *chart.times)] + [chart.total or 0.0]
    places += [place for dot in chart.dots for place in (dot.x, dot.y)]
    places += [place for bar in chart.bars for place in (bar.begin, bar.end)]
    assert all(0 <= place <= 100 for place in places)
    assert len(chart.counts) <= 6
    assert len(chart.times) <= 6
