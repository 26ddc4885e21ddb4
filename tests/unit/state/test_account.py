"""What an account has written at once, and what waits for more of its kind."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from samples import LEADS, NOW, Clock, report

from exporter.jobs.outcome import growth_of, note_report
from exporter.model import Growth, JobSource, JobSpec, JobState, KeptToken, Standing, TrackedJob
from exporter.state import Purse
from exporter.state.account import MemoryAccount
from exporter.state.documents import Changes
from exporter.state.writer import Writer

TOKEN = KeptToken("1000.token", NOW + 3600, "https://www.zohoapis.com", "f")


class Recorder(Writer):
    """A writer that notes whether it was hurried since it was given something."""

    is_hurried = False

    def put(self, changes: Changes) -> int:
        """Take changes."""
        self.is_hurried = not changes
        return 0

    def hurry(self) -> None:
        """Note that what was given is urgent."""
        self.is_hurried = True


def stand(**changes: object) -> Callable[[MemoryAccount], object]:
    """Give what changes the standing."""

    def change(standing: Standing) -> Standing:
        return replace(standing, **changes)  # type: ignore[arg-type]

    return lambda account: account.stand(change)


def land(state: JobState) -> Callable[[MemoryAccount], object]:
    """Give what lets a poll land whose credit was booked before."""

    def note(job: TrackedJob) -> tuple[TrackedJob, Growth]:
        after = note_report(job, report(state), NOW)
        return after, growth_of(job, after)

    return lambda account: account.land(account.claim(LEADS, Purse(None), 60), note)


@pytest.mark.parametrize(
    ("change", "is_urgent"),
    [
        pytest.param(land(JobState.RUNNING), False, id="poll"),
        pytest.param(land(JobState.COMPLETED), True, id="end"),
        pytest.param(stand(credits_remaining=400, answered_at=NOW), False, id="what-zoho-says-is-left"),
        pytest.param(stand(token=TOKEN), True, id="token"),
        pytest.param(lambda account: account.book_mint(10, 600.0), True, id="mint"),
        pytest.param(lambda account: account.forget({LEADS}), True, id="job-that-leaves"),
        pytest.param(
            lambda account: account.change(LEADS, lambda job: replace(job, acknowledged_at=NOW)), True, id="person"
        ),
    ],
)
def test_only_what_each_poll_brings_waits(change: Callable[[MemoryAccount], object], *, is_urgent: bool) -> None:
    """A kill may cost a moment's polls, which are made again; not a token, an end or a person's word."""
    writer = Recorder(Clock())
    account = MemoryAccount("acme", {}, writer, Clock())
    account.track(JobSpec(LEADS, JobSource.API), NOW)
    account.expect_calls(1, Purse(None))
    writer.is_hurried = False
    change(account)
    assert writer.is_hurried is is_urgent


def test_news_is_urgent_once_the_last_poll_has_ended() -> None:
    """Nothing more comes for a while."""
    writer = Recorder(Clock())
    account = MemoryAccount("acme", {}, writer, Clock())
    account.track(JobSpec(LEADS, JobSource.API), NOW)
    account.expect_calls(1, Purse(None))
    land(JobState.RUNNING)(account)
    assert not writer.is_hurried
    account.rest()
    assert writer.is_hurried
