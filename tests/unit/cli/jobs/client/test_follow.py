"""A job followed to its end."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import pytest
from samples import FAILURE, NOW, Clock, report, tracked

from exporter.cli.jobs.client.exporter_client import ExporterRefusedError, NoExporterError
from exporter.cli.jobs.client.follow import Follower, first_look
from exporter.errors import ExporterError
from exporter.jobs.outcome import note_failure, note_report
from exporter.model import JobState, PollFailure, TrackedJob

GONE = NoExporterError("no exporter answers")
SLOW = NoExporterError("no exporter answers (timed out)", is_there=True)
BUSY = ExporterRefusedError(503, "not now")
LIVE = replace(note_report(tracked(), report(), NOW), next_poll_at=None)
ENDED = note_report(tracked(), report(JobState.COMPLETED), NOW)
NO_TOKEN = PollFailure("token_refused", "invalid_code", "new token", is_account_wide=True)


def due(job: TrackedJob, seconds: float) -> TrackedJob:
    """Give a job that is polled next so many seconds after `NOW`."""
    return replace(job, next_poll_at=NOW + seconds)


@dataclass
class Watched:
    """Plays what looks give, one after the other, and remembers what was done."""

    answers: Iterator[TrackedJob | ExporterError]
    clock: Clock = field(default_factory=Clock)
    slept: list[float] = field(default_factory=list)
    shown: list[TrackedJob] = field(default_factory=list)
    missed: list[ExporterError] = field(default_factory=list)

    def look(self) -> TrackedJob:
        """Give the next answer."""
        answer = next(self.answers)
        if isinstance(answer, ExporterError):
            raise answer
        return answer

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept.append(seconds)
        self.clock.now += seconds


def followed(
    job: TrackedJob, answers: Iterable[TrackedJob | ExporterError], seconds: float = math.inf
) -> tuple[Watched, TrackedJob]:
    """Follow a job for so many seconds at most."""
    watched = Watched(iter(answers))
    follower = Follower(watched.look, watched.shown.append, watched.missed.append, watched.clock, watched.sleep)
    return watched, follower.follow(job, NOW + seconds)


def test_ended_job_is_not_looked_at_again() -> None:
    """It is shown once, and that is all."""
    watched, last = followed(ENDED, [])
    assert (watched.shown, watched.slept, last) == ([ENDED], [], ENDED)


def test_schedule_is_followed() -> None:
    """The next look is when the next poll is due, and each is shown."""
    second = due(LIVE, 45)
    watched, last = followed(due(LIVE, 15), [second, ENDED])
    assert (watched.slept, watched.shown[1:], last) == ([15, 30], [second, ENDED], ENDED)


@pytest.mark.parametrize(
    ("next_poll", "seconds"),
    [
        pytest.param(due(LIVE, -60), 5, id="held back, or a clock that is ahead"),
        pytest.param(due(LIVE, 0.2), 1, id="at once"),
        pytest.param(due(LIVE, 9000), 300, id="far away, or a clock that is behind"),
        pytest.param(LIVE, 5, id="not said"),
    ],
)
def test_wait_is_bounded(next_poll: TrackedJob, seconds: float) -> None:
    """Whatever the clocks of two machines say, the exporter is neither flooded nor forgotten."""
    watched, _ = followed(next_poll, [ENDED])
    assert watched.slept == [seconds]


def test_time_out_ends_it_with_a_last_look() -> None:
    """No longer than was asked for."""
    watched, last = followed(due(LIVE, 15), [due(LIVE, 30), due(LIVE, 45)], seconds=20)
    assert (watched.slept, last) == ([15, 5], due(LIVE, 45))


@pytest.mark.parametrize("code", ["NOT_FOUND", "OAUTH_SCOPE_MISMATCH"])
def test_refusal_ends_it(code: str) -> None:
    """Only a person can help."""
    refused = note_failure(LIVE, PollFailure(code, "refused", "mend it", is_passing=False), NOW + 15)
    assert followed(LIVE, [refused])[1] == refused


def test_passing_fault_does_not_end_it() -> None:
    """Time may cure it."""
    assert followed(LIVE, [*[note_failure(LIVE, FAILURE, NOW)] * 9, ENDED])[1] == ENDED


@pytest.mark.parametrize("code", ["token_refused", "INVALID_TOKEN"])
def test_token_refused_again_and_again_ends_it(code: str) -> None:
    """Once may be the network."""
    refused = note_failure(LIVE, replace(NO_TOKEN, code=code), NOW)
    assert followed(LIVE, [refused, LIVE, refused, refused, ENDED])[1] == ENDED
    watched, last = followed(LIVE, [refused, refused, refused])
    assert (len(watched.slept), last) == (3, refused)


@pytest.mark.parametrize(
    "miss",
    [
        pytest.param(GONE, id="nobody"),
        *(
            pytest.param(ExporterRefusedError(status, "not now"), id=f"HTTP {status}")
            for status in (429, 500, 502, 503, 504)
        ),
    ],
)
def test_exporter_that_restarts_is_waited_for(miss: ExporterError) -> None:
    """It, or a proxy before it, says so itself, or nobody does: each miss is told, and shown is what was known."""
    watched, last = followed(due(LIVE, 5), [miss, miss, ENDED])
    assert (watched.slept, watched.missed, last) == ([5, 15, 15], [miss, miss], ENDED)


def test_exporter_that_refuses_ends_it() -> None:
    """It would say the same again."""
    with pytest.raises(ExporterRefusedError):
        followed(LIVE, [ExporterRefusedError(401, "it does not let us in"), ENDED])


def test_exporter_that_is_gone_is_given_up() -> None:
    """A script does not wait for ever for nobody."""
    with pytest.raises(NoExporterError):
        followed(LIVE, [GONE] * 30)
    watched, _ = followed(LIVE, [*[GONE] * 20, LIVE, *[GONE] * 20, ENDED])
    assert len(watched.missed) == 40


def looked(
    answers: Iterable[TrackedJob | ExporterError], seconds: float = math.inf
) -> tuple[Watched, TrackedJob | None]:
    """Look for a first time, for so many seconds at most."""
    watched = Watched(iter(answers))
    job = first_look(watched.look, watched.missed.append, NOW + seconds, clock=watched.clock, sleep=watched.sleep)
    return watched, job


@pytest.mark.parametrize("miss", [SLOW, BUSY], ids=["slow", "busy"])
def test_exporter_that_is_busy_at_first_is_waited_for(miss: ExporterError) -> None:
    """It is there; each miss is told."""
    watched, job = looked([miss, miss, LIVE])
    assert (watched.slept, watched.missed, job) == ([15, 15], [miss, miss], LIVE)


@pytest.mark.parametrize("miss", [GONE, ExporterRefusedError(404, "it is not tracked")], ids=["gone", "refused"])
def test_exporter_that_is_not_there_at_first_is_an_error(miss: ExporterError) -> None:
    """A typing error in its address would be waited for in vain."""
    with pytest.raises(type(miss)):
        looked([miss, LIVE])


def test_first_look_is_over_in_time() -> None:
    """With a last look when the time is up."""
    watched, job = looked([BUSY, BUSY, BUSY, LIVE], seconds=20)
    assert (watched.slept, job) == ([15, 5], None)


def test_exporter_that_stays_busy_is_given_up() -> None:
    """As one that was there."""
    with pytest.raises(ExporterRefusedError):
        looked([BUSY] * 21)
    assert looked([*[BUSY] * 20, LIVE])[1] == LIVE
