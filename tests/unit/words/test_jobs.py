"""One job in words."""

from dataclasses import replace

import pytest
from samples import DEALS, FAILURE, LEADS, NOW, report, tracked

from exporter.model import Delay, JobReport, JobSource, JobSpec, JobState, TrackedJob
from exporter.words.jobs import (
    end,
    failed_share,
    in_order,
    look,
    next_poll,
    note,
    progress,
    state_word,
)

LATER = NOW + 600
RUNNING = replace(
    tracked(),
    spec=JobSpec(LEADS, JobSource.ENVIRONMENT, name="Reassign EMEA leads", group="spring"),
    report=report(updated=40_000, failed=300, not_updated=9_700, total=50_000),
    reported_at=NOW + 585,
    polled_at=NOW + 585,
    next_poll_at=NOW + 645,
    started_at=NOW,
    progressed_at=NOW + 585,
    completes_at=NOW + 900,
    records_per_second=67.2,
)


def test_running_job_in_words() -> None:
    """A row has all that is known of a job."""
    assert (look(RUNNING), state_word(RUNNING), note(RUNNING, LATER)) == ("running", "Running", "for 10 min")
    assert progress(RUNNING.report) == (40_300, 50_000)
    assert failed_share(RUNNING.report) == "0.7 %"
    assert end(RUNNING, LATER) == (NOW + 900, "in 5 min")
    assert next_poll(RUNNING, LATER) == (NOW + 645, "next in 45 s")


def test_job_that_was_never_polled() -> None:
    """There is nothing to show yet, and the row says so."""
    job = tracked()
    assert (state_word(job), note(job, LATER)) == ("Not polled yet", "for 10 min")
    assert (progress(job.report), end(job, LATER)) == (None, None)
    assert next_poll(job, LATER) == (NOW, "due at the next scrape")


def test_job_that_its_account_holds_says_so() -> None:
    """It is due, and no scrape polls it: what holds it is named; one that is not due yet is not held."""
    assert next_poll(tracked(), LATER, "Zoho gives no access token") == (NOW, "held: Zoho gives no access token")
    assert next_poll(RUNNING, LATER, "Zoho gives no access token") == (NOW + 645, "next in 45 s")


ENDED = replace(RUNNING, next_poll_at=None, finished_at=NOW + 300, completes_at=None, records_per_second=None)
DONE = report(JobState.COMPLETED, updated=50, failed=0, not_updated=0)


@pytest.mark.parametrize(
    ("job", "drawn", "state", "noted"),
    [
        pytest.param(replace(ENDED, report=DONE), "completed", "Completed", "took 5 min", id="completed"),
        pytest.param(
            replace(ENDED, report=DONE, started_at=None), "completed", "Completed", "", id="completed before we looked"
        ),
        pytest.param(
            replace(ENDED, report=replace(DONE, failed=1)),
            "partly_failed",
            "Completed",
            "1 record failed",
            id="completed with failed records",
        ),
        pytest.param(
            replace(ENDED, report=replace(DONE, not_updated=20)),
            "partly_failed",
            "Completed",
            "20 records not updated",
            id="completed with records left out",
        ),
        pytest.param(
            replace(ENDED, report=replace(DONE, failed=40, not_updated=1060)),
            "partly_failed",
            "Completed",
            "40 records failed, 1,060 not updated",
            id="completed with both",
        ),
        pytest.param(replace(ENDED, report=report(JobState.FAILED)), "failed", "Failed", "after 5 min", id="failed"),
        pytest.param(
            replace(ENDED, report=report(JobState.FAILED), started_at=None),
            "failed",
            "Failed",
            "over when first seen",
            id="failed before we looked",
        ),
        pytest.param(
            replace(RUNNING, delay=Delay.STALLED, progressed_at=NOW),
            "stalled",
            "Running",
            "stalled: no change for 10 min",
            id="stalled",
        ),
        pytest.param(
            replace(RUNNING, delay=Delay.TAKES_TOO_LONG, started_at=NOW),
            "stalled",
            "Running",
            "takes too long: 10 min so far",
            id="takes too long",
        ),
        pytest.param(
            replace(RUNNING, report=report(JobState.QUEUED), delay=Delay.WAITS_LONG, progressed_at=NOW),
            "stalled",
            "Queued",
            "waits long: 10 min so far",
            id="waits long",
        ),
        pytest.param(
            replace(RUNNING, report=report(JobState.SUSPENDED)), "suspended", "Suspended", "for 15 s", id="suspended"
        ),
        pytest.param(
            replace(RUNNING, report=report(JobState.SCHEDULED)), "scheduled", "Scheduled", "for 15 s", id="scheduled"
        ),
        pytest.param(replace(RUNNING, report=report(JobState.QUEUED)), "queued", "Queued", "for 15 s", id="queued"),
        pytest.param(
            replace(RUNNING, report=replace(report(JobState.UNKNOWN), undocumented_word="ARCHIVED")),
            "unknown",
            "ARCHIVED",
            "not documented by Zoho",
            id="undocumented word",
        ),
        pytest.param(replace(RUNNING, report=None), "unknown", "Unknown", "last report is too old", id="too old"),
        pytest.param(
            replace(RUNNING, failure=FAILURE, polled_at=LATER), "running", "Running", "no report for 15 s", id="failing"
        ),
        pytest.param(
            replace(tracked(), failure=FAILURE, polled_at=LATER), "unknown", "Unknown", "never answered", id="refused"
        ),
    ],
)
def test_states_in_words(job: TrackedJob, drawn: str, state: str, noted: str) -> None:
    """Each state has a word, a look, and a note that says what is odd about it."""
    assert (look(job), state_word(job), note(job, LATER)) == (drawn, state, noted)


def test_ended_job_is_never_polled_again() -> None:
    """An ended job shows when it ended."""
    job = replace(ENDED, report=DONE)
    assert next_poll(job, LATER) is None
    assert end(job, LATER) == (NOW + 300, "5 min ago")


@pytest.mark.parametrize(
    ("answer", "done", "failed"),
    [
        pytest.param(report(total=None), None, "", id="no total"),
        pytest.param(report(total=0), None, "", id="nothing to do"),
        pytest.param(report(updated=None, failed=3), None, "", id="no updated count"),
        pytest.param(report(failed=None), None, "", id="no failed count"),
        pytest.param(report(updated=0, failed=0), (0, 50), "", id="not begun"),
        pytest.param(report(updated=49, failed=1), (50, 50), "2 %", id="all processed"),
        pytest.param(report(updated=70, failed=30), (50, 50), "30 %", id="more than there are"),
    ],
)
def test_progress_needs_counts(answer: JobReport, done: tuple[int, int] | None, failed: str) -> None:
    """No more is done than there is, and is absent where Zoho gave too little."""
    assert (progress(answer), failed_share(answer)) == (done, failed)


def test_rows_stand_in_the_order_of_need() -> None:
    """Failed jobs come first, and of the ended ones the latest."""
    early = replace(ENDED, report=DONE)
    late = replace(ENDED, report=DONE, spec=replace(RUNNING.spec, key=DEALS), finished_at=NOW + 400)
    failed = replace(ENDED, report=report(JobState.FAILED))
    jobs = (early, tracked(), RUNNING, late, failed)
    assert in_order(jobs) == [failed, RUNNING, tracked(), late, early]
