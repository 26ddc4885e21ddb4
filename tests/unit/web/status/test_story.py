"""What happened to one job, in order."""

from dataclasses import replace

import pytest
from samples import FAILURE, NOW, report, tracked

from exporter.jobs.outcome import note_failure, note_report
from exporter.model import JobSource, JobState, Observation, TrackedJob
from exporter.web.status.story import Event, gains, stays, story

SCHEDULED, RUNNING, COMPLETED = JobState.SCHEDULED, JobState.RUNNING, JobState.COMPLETED


def polled(*polls: tuple[float, JobState, int | None]) -> TrackedJob:
    """Give a job after polls: each so many seconds after `NOW`, with a state and the records that were updated."""
    job = tracked()
    for after, state, updated in polls:
        job = note_report(job, report(state, updated=updated), NOW + after)
    return job


WAITED = (10, SCHEDULED, 0)
ENDED = polled(WAITED, (70, RUNNING, 1), (85, RUNNING, 30), (100, COMPLETED, 50))


def after(seconds: float, words: str, note: str = "", look: str = "") -> Event:
    """Give an event so many seconds after `NOW`."""
    return Event(NOW + seconds, words, note, look)


TRACKED = after(0, "Tracked", "from the configuration")


@pytest.mark.parametrize(
    ("job", "events"),
    [
        pytest.param(tracked(), [TRACKED], id="never polled"),
        pytest.param(
            ENDED,
            [
                TRACKED,
                after(10, "Scheduled", "for 1 min", "scheduled"),
                after(70, "Running", "for 30 s, 1 to 30 records processed, 2 polls saw a change", "running"),
                after(100, "Completed", "50 records processed", "completed"),
            ],
            id="ended",
        ),
        pytest.param(
            replace(ENDED, acknowledged_at=NOW + 200),
            [*story(ENDED, NOW), after(200, "Acknowledged")],
            id="acknowledged",
        ),
        pytest.param(
            polled(WAITED, (40, SCHEDULED, 0)),
            [TRACKED, after(10, "Scheduled", "for 30 s", "scheduled"), after(40, "Polled", "nothing new")],
            id="a poll that saw nothing new",
        ),
        pytest.param(
            note_failure(polled(WAITED), FAILURE, NOW + 40),
            [TRACKED, after(10, "Scheduled", "", "scheduled"), after(40, "Poll failed", "timeout", "failed")],
            id="a failed poll",
        ),
        pytest.param(
            note_failure(note_failure(tracked(), FAILURE, NOW + 40), FAILURE, NOW + 70),
            [TRACKED, after(70, "Poll failed", "timeout, 2 polls in a row", "failed")],
            id="failed polls alone",
        ),
        pytest.param(
            replace(polled(WAITED), next_poll_at=NOW + 340, completes_at=NOW + 400),
            [
                TRACKED,
                after(10, "Scheduled", "", "scheduled"),
                after(340, "Next poll", "at the earliest, in a scrape"),
                after(400, "Expected end", "at its pace"),
            ],
            id="what is to come",
        ),
        pytest.param(
            polled((10, RUNNING, None), (20, COMPLETED, None)),
            [TRACKED, after(10, "Running", "for 10 s", "running"), after(20, "Completed", "", "completed")],
            id="no counts",
        ),
    ],
)
def test_story_is_told_from_the_beginning(job: TrackedJob, events: list[Event]) -> None:
    """States and how long they lasted, polls, and what is to come."""
    assert story(job, NOW + 300) == events


def test_zohos_own_word_is_told_of_the_last_state() -> None:
    """Of an earlier one it is not known any more."""
    odd = replace(report(JobState.UNKNOWN), undocumented_word="ARCHIVED")
    assert story(note_report(polled(WAITED), odd, NOW + 40), NOW + 40)[-1].words == "ARCHIVED"
    history = (Observation(NOW, JobState.UNKNOWN, 1), Observation(NOW + 10, RUNNING, 1))
    past = replace(tracked(), history=history, report=report(), reported_at=NOW + 10)
    assert story(past, NOW + 40)[1].words == "Unknown"


@pytest.mark.parametrize("source", list(JobSource))
def test_every_source_has_words(source: JobSource) -> None:
    """Wherever a job came from, its story begins."""
    assert story(tracked(source=source), NOW)[0].note.startswith("from ")


def test_stays_are_from_poll_to_poll() -> None:
    """A state that came again is another stay; the last one lasts until the last good poll."""
    job = polled((0, RUNNING, 1), (10, SCHEDULED, 1), (20, RUNNING, 1), (50, RUNNING, 1))
    assert [(stay.state, stay.since - NOW, stay.until - NOW) for stay in stays(job)] == [
        (RUNNING, 0, 10),
        (SCHEDULED, 10, 20),
        (RUNNING, 20, 50),
    ]


def test_gains_are_since_the_poll_before() -> None:
    """More, fewer, and not known where one of the two had no counts."""
    job = polled((0, RUNNING, 1), (15, RUNNING, 1_201), (30, RUNNING, 700), (45, RUNNING, None), (60, RUNNING, 9))
    assert [gain for _, gain in gains(job)] == ["", "+1,200 in 15 s", "-501 in 15 s", "", ""]
    assert gains(tracked()) == []
