"""How a job looks in a terminal, and where there is none."""

import io
from dataclasses import replace

import pytest
from rich.console import Console, RenderableType
from samples import DEALS, FAILURE, LEADS, NOW, report, tracked

from exporter.cli.jobs.shown import block, line, table
from exporter.jobs.outcome import note_failure, note_report
from exporter.model import JobReport, JobSource, JobSpec, JobState, PollFailure, TrackedJob

WAITING = note_report(tracked(), report(JobState.SCHEDULED, updated=0, not_updated=50), NOW)
RUNNING = replace(
    note_report(tracked(), report(updated=30, failed=1, not_updated=19), NOW),
    spec=JobSpec(LEADS, JobSource.CONFIG, "Spring leads"),
    next_poll_at=NOW + 15,
    completes_at=NOW + 100,
    records_per_second=0.19,
)
COMPLETED = note_report(RUNNING, report(JobState.COMPLETED, updated=50, not_updated=0), NOW + 90)
REFUSED = note_failure(tracked(DEALS), PollFailure("OAUTH_SCOPE_MISMATCH", "refused", "make a token"), NOW + 1)


def printed(shown: RenderableType, *, columns: int = 100, color: str | None = None) -> str:
    """Print on a terminal of a width, or with no colour as into a file."""
    file = io.StringIO()
    Console(
        file=file, width=columns, force_terminal=color is not None, color_system="truecolor" if color else None
    ).print(shown)
    return "".join(f"{text.rstrip()}\n" for text in file.getvalue().splitlines())


def test_job_is_shown_with_its_bar() -> None:
    """What it is, how far, how fast, and how old that is."""
    assert printed(block(RUNNING, NOW + 10)) == (
        "acme/Leads/3524033000006027001  Spring leads\n"
        "Running for 10 s\n"
        "━━━━━━━━━━━━━━━━━━━━━━━━╸                62 % of 50\n"
        "30 updated, 1 failed (3.2 % of those processed), 19 not updated\n"
        "11/min, done in 1 min (2026-09-21 14:15:00 UTC)\n"
        "polled 10 s ago; next in 5 s\n"
    )


def test_ended_job_is_final() -> None:
    """Nothing more comes."""
    assert printed(block(COMPLETED, NOW + 150)).splitlines()[-2:] == [
        "ended 1 min ago (2026-09-21 14:14:50 UTC)",
        "polled 1 min ago; this is final",
    ]


@pytest.mark.parametrize(
    ("job", "lines"),
    [
        pytest.param(
            tracked(),
            ["acme/Leads/3524033000006027001", "Not polled yet for 5 s", "not polled yet; due now"],
            id="never polled",
        ),
        pytest.param(
            REFUSED,
            [
                "acme/Deals/3524033000006027002",
                "Unknown, never answered",
                "polled 4 s ago; due now",
                "The last poll failed. OAUTH_SCOPE_MISMATCH: refused.",
                "What to do: make a token.",
            ],
            id="refused",
        ),
    ],
)
def test_job_without_a_report_is_shown(job: TrackedJob, lines: list[str]) -> None:
    """What is known is that nothing is."""
    assert printed(block(job, NOW + 5)).splitlines() == lines


def test_next_poll_is_told_where_somebody_polls() -> None:
    """A single look at Zoho is followed by none."""
    assert printed(block(RUNNING, NOW + 10, is_polled=False)).splitlines()[-1] == "polled 10 s ago"


@pytest.mark.parametrize(
    ("job", "said"),
    [
        pytest.param(
            RUNNING,
            "2026-09-21 14:13:30 UTC acme/Leads/3524033000006027001 Running for 10 s, 62 %, 30 updated, 1 failed (3.2 "
            "% of those processed), 19 not updated, 50 in total, 11/min, done in 1 min (2026-09-21 14:15:00 UTC)",
            id="running",
        ),
        pytest.param(
            note_failure(tracked(), FAILURE, NOW),
            "2026-09-21 14:13:30 UTC acme/Leads/3524033000006027001 Unknown, never answered. The last poll failed. "
            "timeout: Zoho fell silent for 8 s. What to do: check the network.",
            id="in error",
        ),
        pytest.param(
            note_failure(tracked(), PollFailure("tls", "TLS to Zoho failed: EOFError", ""), NOW),
            "2026-09-21 14:13:30 UTC acme/Leads/3524033000006027001 Unknown, never answered. The last poll failed. "
            "TLS to Zoho failed: EOFError.",
            id="in error whose message names its code",
        ),
    ],
)
def test_line_says_how_a_job_is(job: TrackedJob, said: str) -> None:
    """For a log, and for whoever reads along."""
    assert line(job, NOW + 10) == said


JOBS = [REFUSED, RUNNING, COMPLETED]


@pytest.mark.parametrize(
    ("columns", "titles"),
    [
        pytest.param(80, "Job State Done Failed", id="a narrow terminal"),
        pytest.param(110, "Job State Done Failed Pace End", id="a wider one"),
        pytest.param(
            200, "Job Name State Done Updated Failed Not updated Total Pace End Poll", id="a wide one, or a file"
        ),
    ],
)
def test_table_has_as_many_columns_as_there_is_room(columns: int, titles: str) -> None:
    """No row is broken at 80 columns."""
    console = Console(width=columns, file=io.StringIO())
    first, *rows = printed(table(JOBS, NOW + 10, console), columns=columns).splitlines()
    assert " ".join(first.split()) == titles
    assert len(rows) == len(JOBS)


@pytest.mark.parametrize(
    ("columns", "name", "shown"),
    [
        pytest.param(80, "Spring leads", "Spring leads", id="name"),
        pytest.param(80, "Spring leads of " + "9" * 30, "Spring leads of 9999999999999…", id="long name"),
        pytest.param(80, "", str(LEADS), id="no name"),
        pytest.param(150, "Spring leads", f"{LEADS}  Spring leads", id="room for both"),
    ],
)
def test_narrow_table_has_the_name(columns: int, name: str, shown: str) -> None:
    """People know a job by its name; its id has no room beside it."""
    job = replace(RUNNING, spec=JobSpec(LEADS, JobSource.CONFIG, name))
    _, row = printed(table([job], NOW, Console(width=columns, file=io.StringIO())), columns=columns).splitlines()
    assert row.startswith(f"{shown}  Running for 0 s")


def test_bar_of_the_table_is_for_the_eye() -> None:
    """A file has numbers alone."""
    for is_terminal in (True, False):
        console = Console(width=200, force_terminal=is_terminal, file=io.StringIO())
        assert ("━" in printed(table(JOBS, NOW, console), columns=200)) is is_terminal


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        pytest.param(report(JobState.FAILED), "\x1b[1;31mFailed", id="failed is red"),
        pytest.param(
            report(JobState.COMPLETED, updated=50, not_updated=0), "\x1b[32mCompleted", id="completed is green"
        ),
        pytest.param(report(JobState.COMPLETED), "\x1b[1;33mCompleted", id="partly failed is yellow"),
    ],
)
def test_states_have_colours(outcome: JobReport, code: str) -> None:
    """As on the status page."""
    assert code in printed(block(note_report(tracked(), outcome, NOW), NOW), color="truecolor")


def test_text_from_outside_moves_no_cursor() -> None:
    """Neither a name nor a message of Zoho's is an order to the terminal, nor markup."""
    name, message = "[red]\x1b[2Jwiped\u009b", "gone\r\x1b]0;title\x07"
    job = replace(RUNNING, spec=replace(RUNNING.spec, name=name), failure=replace(FAILURE, message=message))
    console = Console(width=200, file=io.StringIO())
    for text in (printed(block(job, NOW)), printed(table([job], NOW, console), columns=300), line(job, NOW)):
        assert set("\x1b\x07\r\u009b").isdisjoint(text)
    assert "[red]\\x1b[2Jwiped\\x9b" in printed(block(job, NOW))
