"""The one door before a call, over the real state of an account."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import DEALS, LEADS, NOW, Clock

from exporter.errors import DeadTokenError, HeldBackError, OutOfCreditsError, PassingError, RefusedError, ThrottledError
from exporter.model import Growth, JobKey, JobReport, JobSource, JobSpec, JobState, Pause, Standing, TrackedJob
from exporter.state import Claim, Purse, SqliteStore
from exporter.state.account import MemoryAccount
from exporter.state.documents import Changes, Kind, Row, Value
from exporter.state.writer import Writer
from exporter.zoho.permits import CreditLimits, Permit, Permits

MINUTE = 29_833_333
"""The minute of `NOW`, which is 20 s old then."""
THROTTLED = ThrottledError("TOO_MANY_REQUESTS", "slow down", advice="lower max_concurrency")
DAILY = OutOfCreditsError("TOO_MANY_REQUESTS", "past 24 hours")
PAUSE = Pause("circuit", "Zoho asked the account to pause", "wait", NOW, NOW + 100, 1)
REPORT = JobReport(JobState.RUNNING, updated=30, failed=0, not_updated=20, total=50)
OTHERS = tuple(JobKey("acme", "Contacts", str(number)) for number in range(30))


def spent_before(count: int, minute: int = MINUTE) -> dict[Row, Value]:
    """Give what is kept of credits that were spent in a minute."""
    return {Row("acme", Kind.CREDITS, str(minute)): count}


class Disk(Writer):
    """A writer that a test stops: it writes at once, only what is waited for, or nothing."""

    def __init__(self) -> None:
        super().__init__(Clock())
        self.rows: dict[Row, Value] = {}
        self.put_so_far = 0
        self.written = 0
        self.is_stopped = False
        self.is_merely_slow = False

    def put(self, changes: Changes) -> int:
        """Take changes."""
        for row, value in changes.items():
            if value is None:
                self.rows.pop(row, None)
            else:
                self.rows[row] = value
        self.put_so_far += 1
        if not (self.is_stopped or self.is_merely_slow):
            self.written = self.put_so_far
        return self.put_so_far

    def wait(self, number: int, seconds: float) -> bool:
        """Write what is waited for, or give up at once."""
        del seconds
        if not self.is_stopped:
            self.written = number
        return self.written >= number


class Account(MemoryAccount):
    """An account in which a test can break what nobody foresees, and look up what is booked."""

    fault: Exception | None = None

    def claim(self, key: JobKey, purse: Purse, lease_seconds: float, *, is_probe: bool = False) -> Claim:
        """Claim a job, or break."""
        if self.fault:
            raise self.fault
        return super().claim(key, purse, lease_seconds, is_probe=is_probe)

    def booked(self) -> int:
        """Give the credits that a restart would count as spent."""
        assert isinstance(self._writer, Disk)
        return MemoryAccount("acme", self._writer.rows, Writer(self._now), self._now).used()


@dataclass
class Scene:
    """A door whose clock, draw, disk and tokens the test holds."""

    limits: CreditLimits = field(default_factory=lambda: CreditLimits(10, 0, None))
    draw: float = 0.0
    kept: dict[Row, Value] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    disk: Disk = field(default_factory=Disk)
    is_cooling_down: bool = False
    looks_at_tokens: int = 0

    def __post_init__(self) -> None:
        self.disk.rows |= self.kept
        self.account = Account("acme", self.disk.rows, self.disk, self.clock)
        self.restart()

    def restart(self) -> None:
        """Begin with nothing but what is kept of the account."""
        self.permits = Permits(
            self.account,
            self.limits,
            self._look_at_tokens,
            lambda _: REPORT,
            lease_seconds=10,
            clock=self.clock,
            draw=lambda: self.draw,
        )

    def take(
        self, key: JobKey = LEADS, *, is_probe: bool = False, are_others_live: bool = False, is_overdue: bool = False
    ) -> Permit:
        """Ask for the right to poll a job."""
        return self.permits.take(key, is_probe=is_probe, are_others_live=are_others_live, is_overdue=is_overdue)

    def held_back(self, key: JobKey = LEADS, *, is_probe: bool = False, are_others_live: bool = False) -> str:
        """Give why a poll is held back, reason and message."""
        with pytest.raises(HeldBackError) as raised:
            self.take(key, is_probe=is_probe, are_others_live=are_others_live)
        return f"{raised.value.reason}: {raised.value}"

    def poll(self, failure: Exception | None = None, key: JobKey = LEADS, *, is_probe: bool = False) -> None:
        """Make a poll of one call with an outcome."""
        with closing(self.take(key, is_probe=is_probe, are_others_live=is_probe)) as permit:
            permit.pay()
            self.permits.leave(key, failure)

    def try_to_poll(self) -> bool:
        """Make a poll that ends well, and say whether it was let through."""
        try:
            self.poll()
        except HeldBackError:
            return False
        return True

    def is_one_at_a_time(self) -> bool:
        """Say whether a second poll is held back by the circuit while a first one is under way."""
        with closing(self.take(OTHERS[0])):
            try:
                self.take(OTHERS[1]).close()
            except HeldBackError as error:
                return error.reason == "circuit"
        return False

    def pause(self) -> float:
        """Move the clock to where the pause is over, and give how long it was."""
        started = self.clock.now
        while self.permits.is_open:
            self.clock.now += 1
        return self.clock.now - started

    def _look_at_tokens(self) -> bool:
        self.looks_at_tokens += 1
        return self.is_cooling_down


@pytest.fixture
def scene() -> Scene:
    """Give a door that is open, before 10 credits, and that always draws the shortest pause."""
    return Scene()


@pytest.mark.parametrize(
    "failure",
    [
        None,
        PassingError("timeout", "silent"),
        RefusedError("NO_PERMISSION", "no"),
        DeadTokenError("INVALID_TOKEN", "dead"),
        ValueError("unexpected"),
    ],
    ids=["success", "passing", "refused", "dead-token", "unexpected"],
)
def test_only_a_429_opens_the_circuit(scene: Scene, failure: Exception | None) -> None:
    """Every other outcome concerns its job alone."""
    scene.poll(failure)
    assert not scene.permits.is_open
    assert not scene.is_one_at_a_time()
    assert scene.account.standing == Standing()


def test_a_429_holds_every_call_of_the_account_back(scene: Scene) -> None:
    """During the pause no call is made, and no credit booked."""
    scene.poll(THROTTLED)
    assert scene.permits.is_open
    scene.clock.now = NOW + 14.9
    assert scene.held_back(DEALS) == "circuit: Zoho asked the account to pause"
    assert scene.account.used() == 1


def test_a_pause_says_why_and_until_when(scene: Scene) -> None:
    """What is kept of a pause tells all that there is to tell."""
    scene.poll(THROTTLED)
    assert scene.account.standing.circuit == Pause(
        "circuit", "Zoho asked the account to pause", "lower max_concurrency", NOW, NOW + 15, 1
    )


def test_one_call_at_a_time_tries_after_the_pause(scene: Scene) -> None:
    """While one call tries, the others are still held back."""
    scene.poll(THROTTLED)
    scene.clock.now = NOW + 15
    assert scene.is_one_at_a_time()


@pytest.mark.parametrize(
    "outcome",
    [None, RefusedError("NO_PERMISSION", "no"), DeadTokenError("INVALID_TOKEN", "dead")],
    ids=["success", "refused", "dead-token"],
)
def test_an_answer_of_zohos_that_is_no_429_ends_the_pause(scene: Scene, outcome: Exception | None) -> None:
    """Zoho answers again, whatever it answers: all calls go through, also after a restart."""
    scene.poll(THROTTLED)
    scene.pause()
    scene.poll(outcome)
    assert not scene.is_one_at_a_time()
    assert scene.account.standing.circuit is None


@pytest.mark.parametrize(
    "outcome", [PassingError("timeout", "silent"), HeldBackError("budget", "spent"), ValueError("unexpected")]
)
def test_a_trial_without_an_answer_leaves_the_next_call_to_try(scene: Scene, outcome: Exception) -> None:
    """Silence proves nothing, and does not lock the account out."""
    scene.poll(THROTTLED)
    scene.pause()
    scene.poll(outcome)
    assert scene.is_one_at_a_time()
    scene.poll()
    assert not scene.is_one_at_a_time()


def test_a_trial_that_never_came_to_a_call_leaves_the_next_one_to_try(scene: Scene) -> None:
    """Whatever a poll ends with before it asks, the account is not locked out."""
    scene.poll(THROTTLED)
    scene.pause()
    scene.take().close()
    assert scene.is_one_at_a_time()
    scene.poll()
    assert not scene.is_one_at_a_time()


def let_the_disk_stop(scene: Scene) -> None:
    """Leave a credit unwritten."""
    scene.disk.is_stopped = True
    scene.account.release(scene.account.claim(OTHERS[5], Purse(None), 10))


def reach_the_reserve(scene: Scene) -> None:
    """Let Zoho say that hardly a credit is left."""
    scene.permits.limits = CreditLimits(10, 500, None)
    scene.permits.note_remaining(499, scene.clock.now)


def spend_the_budget(scene: Scene) -> None:
    """Leave no credit."""
    scene.permits.limits = CreditLimits(1, 0, None)


def claim_the_job(scene: Scene) -> None:
    """Let somebody else poll it."""
    scene.account.claim(LEADS, Purse(None), 10)


@pytest.mark.parametrize("obstruct", [let_the_disk_stop, reach_the_reserve, spend_the_budget, claim_the_job])
def test_a_trial_that_is_held_back_leaves_the_next_one_to_try(scene: Scene, obstruct: Callable[[Scene], None]) -> None:
    """A poll that passed the circuit and is stopped behind it does not stay in the door."""
    scene.poll(THROTTLED)
    scene.pause()
    obstruct(scene)
    assert "Zoho asked" not in scene.held_back()
    scene.disk.is_stopped = False
    scene.permits.limits = CreditLimits(10, 0, None)
    scene.clock.now += 60  # whoever polled the job has done
    scene.take(DEALS).close()


def test_after_a_pause_one_call_of_all_exporters_tries(scene: Scene) -> None:
    """While another one's is under way, ours waits."""
    scene.poll(THROTTLED)
    scene.pause()
    other = scene.account.claim(OTHERS[0], Purse(None), 10)
    assert "1 calls of the account are under way" in scene.held_back()
    scene.account.release(other)
    scene.take(DEALS).close()


def test_no_more_calls_are_under_way_than_the_account_may_have(scene: Scene) -> None:
    """Those of other exporters count too."""
    scene.permits.limits = CreditLimits(10, 0, at_once=2)
    other = scene.account.claim(OTHERS[0], Purse(None), 10)
    ours = scene.take(DEALS)
    assert "2 calls of the account are under way" in scene.held_back()
    scene.account.release(other)
    scene.take(LEADS).close()
    ours.close()


def test_an_error_that_nobody_foresaw_leaves_the_next_one_to_try(scene: Scene) -> None:
    """Even what should be impossible does not lock the account out."""
    scene.poll(THROTTLED)
    scene.pause()
    scene.account.fault = ValueError("a bug")
    with pytest.raises(ValueError, match="a bug"):
        scene.take()
    scene.account.fault = None
    scene.take(DEALS).close()


@pytest.mark.parametrize(
    ("failure", "draw", "pauses"),
    [
        pytest.param(THROTTLED, 0.0, [15, 15, 15], id="short-shortest"),
        pytest.param(THROTTLED, 1.0, [30, 60, 120, 240, 480, 600, 600], id="short-longest"),
        pytest.param(DAILY, 0.0, [900, 900], id="daily-shortest"),
        pytest.param(DAILY, 1.0, [1800, 3600, 3600], id="daily-longest"),
        pytest.param(ThrottledError("x", "x", retry_after_seconds=120), 0.0, [120, 120], id="zohos-longer"),
        pytest.param(ThrottledError("x", "x", retry_after_seconds=1), 0.0, [15, 15], id="zohos-shorter"),
    ],
)
@pytest.mark.parametrize("is_restarted", [False, True], ids=["running", "restarted"])
def test_the_pause_grows_with_each_429_in_a_row(
    failure: Exception, draw: float, pauses: list[float], *, is_restarted: bool
) -> None:
    """The back-off is drawn, doubles, is never shorter than what Zoho asks for, and is not forgotten."""
    scene = Scene(draw=draw)
    seen = []
    for _ in pauses:
        scene.poll(failure)
        if is_restarted:
            scene.restart()
        seen.append(scene.pause())
    assert seen == pauses


def test_the_row_of_429s_is_over_once_zoho_answered(scene: Scene) -> None:
    """The next pause is a first one again."""
    scene.draw = 1.0
    scene.poll(THROTTLED)
    scene.pause()
    scene.poll()
    scene.poll(THROTTLED)
    assert scene.pause() == 30


def test_the_other_429s_of_one_burst_do_not_lengthen_the_pause(scene: Scene) -> None:
    """Calls that were under way when the first 429 came are one refusal with it."""
    scene.draw = 1.0
    permits = [scene.take(key) for key in OTHERS[:3]]
    for permit in permits:
        scene.permits.leave(permit.claim.key, THROTTLED)
    assert scene.pause() == 30


def test_an_old_success_does_not_end_a_newer_pause(scene: Scene) -> None:
    """A call that began before the pause proves nothing about it."""
    scene.take(DEALS)
    scene.poll(THROTTLED)
    scene.permits.leave(DEALS, None)
    assert scene.permits.is_open


def test_an_old_success_does_not_end_a_trial(scene: Scene) -> None:
    """A call that began before the pause and ends during the trial lets no second one in."""
    scene.take(DEALS)
    scene.poll(THROTTLED)
    scene.pause()
    scene.take(OTHERS[0])
    scene.permits.leave(DEALS, None)
    assert scene.held_back(OTHERS[1]) == "circuit: Zoho asked the account to pause"


def test_a_clock_that_is_set_back_lets_one_call_try(scene: Scene) -> None:
    """A pause of seconds does not become one of the whole jump."""
    scene.poll(THROTTLED)
    scene.clock.now = NOW - 86_400
    assert not scene.permits.is_open
    assert scene.is_one_at_a_time()
    scene.poll(THROTTLED)
    assert scene.permits.is_open


def test_reasons_are_asked_in_order_and_nothing_is_booked() -> None:
    """Each obstacle is told once those before it are gone, tokens are looked at once, and nothing is spent."""
    standing = Standing(circuit=PAUSE, credits_remaining=499, answered_at=NOW)
    scene = Scene(CreditLimits(10, 500, None), kept={**spent_before(9), Row("acme", Kind.STANDING, ""): standing})
    scene.disk.is_stopped = True
    scene.account.claim(DEALS, Purse(None), 10)
    scene.is_cooling_down = True
    seen = [scene.held_back()]
    scene.is_cooling_down = False
    seen.append(scene.held_back())
    scene.account.stand(lambda standing: replace(standing, circuit=None))
    seen.append(scene.held_back())
    scene.disk.is_stopped = False
    seen.append(scene.held_back())
    scene.permits.note_remaining(None, NOW)
    seen.append(scene.held_back())
    assert seen == [
        "circuit: there is no access token",
        "circuit: Zoho asked the account to pause",
        "budget: more credits than one hour's share can't be written to the state file",
        "budget: fewer than 500 credits are left to the organisation",
        "budget: all 10 credits of the last 24 hours' budget are spent",
    ]
    assert (scene.account.used(), scene.account.booked(), scene.looks_at_tokens) == (10, 10, 5)


def test_a_job_that_is_polled_already_is_held_back(scene: Scene) -> None:
    """A job is polled by one at a time, until the claim is given up or has run out."""
    permit = scene.take()
    assert scene.held_back() == "circuit: acme/Leads/3524033000006027001 is polled already"
    assert scene.account.used() == 1
    scene.clock.now = NOW + 9.9
    scene.held_back()
    scene.clock.now = NOW + 10
    scene.take().close()
    permit.close()
    assert scene.account.used() == 0


@pytest.mark.parametrize(("limit", "most"), [(10, 1), (24, 1), (48, 2), (1000, 42)])
def test_no_more_than_an_hours_share_stands_unwritten(limit: int, most: int) -> None:
    """While the disk is behind, a crash forgets no more than a 24th of the budget, and one credit at least."""
    scene = Scene(CreditLimits(limit, 0, None))
    scene.disk.is_stopped = True
    for key in range(most):
        scene.poll(key=JobKey("acme", "Leads", str(key)))
    assert scene.held_back() == "budget: more credits than one hour's share can't be written to the state file"
    assert (scene.account.unwritten(), scene.permits.pressure()) == (most, 1.0)


def test_a_job_that_waited_too_long_is_polled_though_the_disk_is_behind(scene: Scene) -> None:
    """The promise that no report grows stale goes before."""
    let_the_disk_stop(scene)
    scene.take(is_overdue=True).close()
    scene.held_back()


def test_without_a_budget_the_disk_holds_nothing_back() -> None:
    """There is nothing to be kept to."""
    scene = Scene(CreditLimits(None, 0, None))
    scene.disk.is_stopped = True
    for key in OTHERS:
        scene.poll(key=key)
    assert (scene.account.unwritten(), scene.permits.pressure()) == (30, 0.0)


def test_a_disk_that_is_well_holds_no_small_budget_back(scene: Scene) -> None:
    """Polls of one scrape stand unwritten together for a moment: that is waited for, and no reason to skip one."""
    scene.disk.is_merely_slow = True
    permits = [scene.take(key) for key in OTHERS[:5]]
    assert scene.account.used() == len(permits) == 5


def test_polling_goes_on_once_the_disk_follows(scene: Scene) -> None:
    """What is written is no longer unwritten."""
    let_the_disk_stop(scene)
    scene.held_back()
    scene.disk.is_stopped = False
    scene.account.track(JobSpec(LEADS, JobSource.CONFIG), NOW)
    scene.poll()
    assert (scene.account.unwritten(), scene.permits.pressure()) == (0, 0.0)


def test_below_the_reserve_there_is_one_look_an_hour() -> None:
    """Only an answer tells that there is more; an unanswered look is the look of its hour, too."""
    scene = Scene(CreditLimits(10, 500, None))
    scene.permits.note_remaining(500, NOW)
    assert not scene.permits.is_reserve_reached
    scene.permits.note_remaining(499, NOW)
    assert (scene.permits.is_reserve_reached, scene.account.standing.credits_remaining) == (True, 499)
    seen = []
    for seconds in (0.0, 3599.9, 3600.0, 3600.0, 7199.9, 7200.0):
        scene.clock.now = NOW + seconds
        seen.append(scene.try_to_poll())
    assert seen == [False, False, True, False, False, True]


def test_below_the_reserve_an_answer_begins_the_hour_anew() -> None:
    """The hour counts from what Zoho said last."""
    scene = Scene(CreditLimits(10, 500, None))
    scene.permits.note_remaining(400, NOW)
    scene.clock.now = NOW + 3600
    scene.poll()
    scene.clock.now = NOW + 4000
    scene.permits.note_remaining(400, NOW + 4000)
    scene.clock.now = NOW + 7599.9
    assert not scene.try_to_poll()
    scene.clock.now = NOW + 7600
    assert scene.try_to_poll()


@pytest.mark.parametrize("seconds", [0.5, 86_400])
@pytest.mark.parametrize("is_answered", [True, False])
def test_below_the_reserve_a_clock_that_is_set_back_allows_one_look(seconds: float, *, is_answered: bool) -> None:
    """Neither does the hour become the whole jump, nor is the way free until then."""
    scene = Scene(CreditLimits(10, 500, None))
    scene.permits.note_remaining(499, NOW)
    scene.clock.now = NOW - seconds
    assert scene.try_to_poll()
    if is_answered:
        scene.permits.note_remaining(499, scene.clock.now)
    assert not scene.try_to_poll()


def test_what_is_left_is_not_forgotten_by_a_restart(tmp_path: Path) -> None:
    """The reserve, the circuit and their times stand in the state file."""
    clock = Clock()
    for kept in (None, 499):
        store = SqliteStore(tmp_path / "state.db", clock)
        account = store.account("acme")
        permits = Permits(
            account,
            CreditLimits(10, 500, None),
            lambda: False,
            lambda _: REPORT,
            lease_seconds=10,
            clock=clock,
            draw=lambda: 0.0,
        )
        assert (account.standing.credits_remaining, permits.is_open) == (kept, kept is not None)
        permits.note_remaining(499, NOW)
        permits.leave(LEADS, THROTTLED)
        store.close(30)


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_no_credit_is_spent_beyond_the_limit(limit: int) -> None:
    """At the limit the next call is held back, and the message says by what."""
    scene = Scene(CreditLimits(limit, 0, None))
    for _ in range(limit):
        scene.poll()
    assert scene.held_back() == f"budget: all {limit} credits of the last 24 hours' budget are spent"
    assert scene.account.used() == limit


def test_without_a_limit_credits_are_counted_and_never_held_back() -> None:
    """`None` is no limit, and no pressure."""
    scene = Scene(CreditLimits(None, 0, None))
    for _ in range(2000):
        scene.poll()
    assert (scene.account.used(), scene.permits.pressure()) == (2000, 0.0)


@pytest.mark.parametrize(("seconds", "used"), [(0, 1), (86_400, 1), (86_439, 1), (86_440, 0)])
def test_a_credit_comes_back_24_hours_after_its_minute(seconds: float, used: int) -> None:
    """No window of 24 hours holds more than the budget, though credits are counted by the minute."""
    scene = Scene(CreditLimits(1, 0, None))
    scene.poll()
    scene.clock.now = NOW + seconds
    assert scene.account.used() == used
    assert scene.try_to_poll() is (used == 0)


@pytest.mark.parametrize(
    ("limit", "spent", "pressure"),
    [(8, 0, 0.0), (8, 4, 0.0), (8, 5, 0.25), (8, 6, 0.5), (8, 8, 1.0), (8, 9, 1.0), (0, 0, 1.0)],
)
def test_the_pressure_grows_once_half_of_the_budget_is_used(limit: int, spent: int, pressure: float) -> None:
    """0 is plenty and 1 nothing left, also when the limit was lowered since."""
    scene = Scene(CreditLimits(limit, 0, None), kept=spent_before(spent))
    assert scene.permits.pressure() == pressure


@pytest.mark.parametrize(
    ("spent", "needed", "pressure"),
    [
        pytest.param(76, 24, 1.0, id="only the needed ones are left"),
        pytest.param(57, 24, 0.5, id="half of the free ones are left"),
        pytest.param(38, 24, 0.0, id="plenty"),
        pytest.param(50, 2400, 1.0, id="no more than half is set aside"),
        pytest.param(25, 2400, 0.0, id="half of what is free then"),
    ],
)
def test_what_live_jobs_need_is_set_aside(spent: int, needed: float, pressure: float) -> None:
    """Polls slow down before they use up what is needed to go on slowly."""
    scene = Scene(CreditLimits(100, 0, None), kept=spent_before(spent))
    assert scene.permits.pressure(needed) == pressure


def test_a_budget_spent_in_the_future_comes_back_a_day_later() -> None:
    """A clock that is set back by a month does not stop polling for a month."""
    scene = Scene(CreditLimits(3, 0, None), kept=spent_before(3, MINUTE + 43_200))
    assert not scene.try_to_poll()
    scene.clock.now = NOW + 86_400 + 60
    assert scene.try_to_poll()


def test_probes_have_a_quarter_while_others_live() -> None:
    """Jobs that only probes brought leave three quarters to the others, and have all where there are none."""
    scene = Scene(CreditLimits(12, 0, None))
    for _ in range(3):
        scene.poll(is_probe=True)
    held_back = "budget: all 3 credits for jobs that only probes brought are spent"
    assert scene.held_back(is_probe=True, are_others_live=True) == held_back
    scene.take(is_probe=True).close()
    for _ in range(9):
        scene.poll()
    assert scene.account.used() == 12
    assert scene.account.used(by_probes=True) == 3


def test_a_probes_second_call_is_of_its_quarter_too() -> None:
    """A call that has to be made again is paid from the same share."""
    scene = Scene(CreditLimits(7, 0, None))
    with closing(scene.take(is_probe=True, are_others_live=True)) as permit:
        permit.pay()
        with pytest.raises(HeldBackError, match="all 1 credits for jobs that only probes brought are spent"):
            permit.pay()
    assert (scene.account.used(), scene.account.used(by_probes=True)) == (1, 1)


def test_a_probe_that_was_not_sent_gives_its_share_back() -> None:
    """The quarter is of calls that were made."""
    scene = Scene(CreditLimits(7, 0, None))
    scene.take(is_probe=True, are_others_live=True).close()
    assert (scene.account.used(), scene.account.used(by_probes=True)) == (0, 0)


def test_a_poll_that_sends_nothing_costs_nothing(scene: Scene) -> None:
    """Its credit and its claim are returned."""
    scene.take().close()
    assert (scene.account.used(), scene.account.booked()) == (0, 0)
    scene.take().close()


def test_a_poll_that_another_thread_gives_up_sends_nothing_more(scene: Scene) -> None:
    """What a stop has given back is not sent, nor is what would be paid anew."""
    permit = scene.take()
    permit.close()
    for _ in range(2):
        with pytest.raises(HeldBackError, match="given up"):
            permit.pay()
    permit.close()
    assert (scene.account.used(), scene.account.booked()) == (0, 0)
    sent = scene.take()
    sent.pay()
    sent.close()
    with pytest.raises(HeldBackError, match="given up"):
        sent.pay()
    assert scene.account.used() == 1


def test_a_call_is_paid_and_the_claim_given_up(scene: Scene) -> None:
    """What was sent stays spent; the job may be polled again."""
    with closing(scene.take()) as permit:
        permit.pay()
    assert (scene.account.used(), scene.account.booked()) == (1, 1)
    scene.take().close()


def test_a_credit_is_written_before_its_call_where_the_disk_is_well(scene: Scene) -> None:
    """No crash forgets it."""
    scene.disk.is_merely_slow = True
    with closing(scene.take()) as permit:
        assert scene.account.unwritten() == 1
        permit.pay()
        assert scene.account.unwritten() == 0


def test_each_further_call_has_a_credit_of_its_own(scene: Scene) -> None:
    """A call that is made again may have been charged twice."""
    with closing(scene.take()) as permit:
        permit.pay()
        permit.pay()
    assert scene.account.used() == 2


def test_a_further_call_without_a_credit_is_held_back_and_the_first_stays_spent() -> None:
    """The first call was made."""
    scene = Scene(CreditLimits(1, 0, None))
    with closing(scene.take()) as permit:
        permit.pay()
        with pytest.raises(HeldBackError) as raised:
            permit.pay()
    assert (raised.value.reason, scene.account.used()) == ("budget", 1)


@pytest.mark.parametrize(("calls", "returns", "used"), [(1, 1, 0), (1, 2, 0), (2, 1, 1), (2, 2, 1)])
def test_a_call_that_never_reached_zoho_costs_nothing(scene: Scene, calls: int, returns: int, used: int) -> None:
    """The credit of the last call is returned, once; those of the calls before it were spent."""
    with closing(scene.take()) as permit:
        for _ in range(calls):
            permit.pay()
        for _ in range(returns):
            permit.give_back()
    assert (scene.account.used(), scene.account.booked()) == (used, used)


def keep(job: TrackedJob) -> tuple[TrackedJob, Growth]:
    """Make nothing of a poll."""
    return replace(job, polled_at=NOW), Growth()


@pytest.mark.parametrize(("is_sent", "used"), [(True, 1), (False, 0)])
def test_a_poll_that_lands_keeps_its_credit_only_if_something_was_sent(
    scene: Scene, used: int, *, is_sent: bool
) -> None:
    """A poll that failed for want of a token lands, and has cost nothing."""
    scene.account.track(JobSpec(LEADS, JobSource.CONFIG), NOW)
    with closing(scene.take()) as permit:
        if is_sent:
            permit.pay()
        landed = permit.land(keep)
    assert landed is not None
    assert [job.polled_at for job in landed] == [None, NOW]
    assert (scene.account.used(), scene.account.booked()) == (used, used)
    scene.take().close()


def test_a_poll_of_a_job_that_left_gives_up_its_claim(scene: Scene) -> None:
    """The job may come back at once."""
    with closing(scene.take()) as permit:
        permit.pay()
        assert permit.land(keep) is None
    scene.take().close()
    assert scene.account.used() == 1


def test_an_error_in_what_is_made_of_a_poll_gives_up_its_claim(scene: Scene) -> None:
    """An error of ours costs the job one poll, not all that follow."""

    def fail(_: TrackedJob) -> tuple[TrackedJob, Growth]:
        raise ValueError("a bug")

    scene.account.track(JobSpec(LEADS, JobSource.CONFIG), NOW)
    with closing(scene.take()) as permit:
        permit.pay()
        with pytest.raises(ValueError, match="a bug"):
            permit.land(fail)
    scene.take().close()
    assert scene.account.used() == 1


def test_a_single_call_that_is_expected_is_booked_beforehand() -> None:
    """As many are."""
    scene = Scene()
    scene.permits.expect([(LEADS, False)] * 1, 0, are_others_live=False)
    assert scene.account.booked() == 1


def test_expected_calls_share_one_booking(scene: Scene) -> None:
    """They are booked before the first, and no poll books again."""
    scene.permits.expect([(LEADS, False)] * 3, 0, are_others_live=False)
    assert (scene.account.booked(), scene.account.used()) == (3, 0)
    puts = scene.disk.put_so_far
    for key in OTHERS[:3]:
        scene.poll(key=key)
    assert (scene.account.booked(), scene.account.used(), scene.disk.put_so_far) == (3, 3, puts)


def test_what_was_expected_and_not_called_is_returned(scene: Scene) -> None:
    """At rest the account has spent what was sent, and has all the others."""
    scene.permits.expect([(LEADS, False)] * 8, 0, are_others_live=False)
    scene.poll()
    scene.account.rest()
    assert (scene.account.booked(), scene.account.used()) == (1, 1)
    assert [scene.try_to_poll() for _ in range(10)] == [True] * 9 + [False]


@pytest.mark.parametrize(("limit", "booked"), [(2, 2), (None, 5), (0, 0)])
def test_no_more_is_expected_than_there_is(limit: int | None, booked: int) -> None:
    """What can't be paid is not booked."""
    scene = Scene(CreditLimits(limit, 0, None))
    scene.permits.expect([(LEADS, False)] * 5, 0, are_others_live=False)
    assert scene.account.booked() == booked


def test_expected_calls_are_no_credits_beside_the_budget(scene: Scene) -> None:
    """Whoever comes, expected or not, finds no more than there is."""
    scene.permits.expect([(LEADS, False)] * 6, 0, are_others_live=False)
    assert [scene.try_to_poll() for _ in range(12)] == [True] * 10 + [False] * 2
    assert (scene.account.used(), scene.account.booked()) == (10, 10)


@pytest.mark.parametrize("why", ["tokens", "circuit", "reserve"])
def test_nothing_is_expected_of_an_account_that_may_not_call(scene: Scene, why: str) -> None:
    """A scrape during a pause books nothing."""
    if why == "tokens":
        scene.is_cooling_down = True
    elif why == "circuit":
        scene.account.stand(lambda standing: replace(standing, circuit=PAUSE))
    else:
        reach_the_reserve(scene)
    scene.permits.expect([(LEADS, False)] * 5, 0, are_others_live=False)
    assert scene.account.booked() == 0


def test_other_limits_count_at_once(scene: Scene) -> None:
    """A reload needs no restart."""
    for _ in range(3):
        scene.poll()
    scene.permits.limits = CreditLimits(3, 0, None)
    assert scene.held_back() == "budget: all 3 credits of the last 24 hours' budget are spent"


def test_25_threads_spend_no_more_than_the_budget() -> None:
    """Whoever comes at once shares one budget, and nothing of it is lost."""
    scene = Scene(CreditLimits(10, 0, None))
    scene.permits.expect([(LEADS, False)] * 7, 0, are_others_live=False)
    barrier = Barrier(25)

    def poll(key: JobKey) -> int:
        barrier.wait(30)
        passed = 0
        for _ in range(20):
            with suppress(HeldBackError), closing(scene.take(key)) as permit:
                permit.pay()
                passed += 1
        return passed

    with ThreadPoolExecutor(25) as pool:
        passed = sum(future.result(30) for future in [pool.submit(poll, key) for key in OTHERS[:25]])
    assert (passed, scene.account.used(), scene.account.booked()) == (10, 10, 10)


def test_25_threads_return_all_that_they_did_not_send() -> None:
    """Credits and claims that come and go at once leave nothing behind."""
    scene = Scene(CreditLimits(10, 0, None))
    barrier = Barrier(25)

    def poll(key: JobKey) -> None:
        barrier.wait(30)
        for _ in range(20):
            with suppress(HeldBackError), closing(scene.take(key)) as permit:
                permit.pay()
                permit.give_back()
            with suppress(HeldBackError):
                scene.take(key).close()

    with ThreadPoolExecutor(25) as pool:
        for future in [pool.submit(poll, key) for key in OTHERS[:25]]:
            future.result(30)
    assert (scene.account.used(), scene.account.booked()) == (0, 0)
    assert [scene.try_to_poll() for _ in range(11)] == [True] * 10 + [False]


def test_one_of_25_threads_tries_after_a_pause(scene: Scene) -> None:
    """However many come at once, one call finds out whether Zoho answers again."""
    scene.poll(THROTTLED)
    scene.pause()
    barrier = Barrier(25)

    def attempt(key: JobKey) -> bool:
        barrier.wait(30)
        try:
            permit = scene.take(key)
        except HeldBackError:
            permit = None
        barrier.wait(30)
        if permit:
            permit.close()
        return permit is not None

    with ThreadPoolExecutor(25) as pool:
        passed = [future.result(30) for future in [pool.submit(attempt, key) for key in OTHERS[:25]]]
    assert passed.count(True) == 1


@given(
    limit=st.integers(0, 8),
    steps=st.lists(st.floats(0, 90_000) | st.sampled_from([0.0, 59.9, 60.0, 86_399.0, 86_400.0]), max_size=60),
)
def test_no_24_hours_ever_hold_more_than_the_budget(limit: int, steps: list[float]) -> None:
    """However the polls fall, every rolling window keeps the limit."""
    scene = Scene(CreditLimits(limit, 0, None))
    spent = []
    for seconds in steps:
        scene.clock.now += seconds
        if scene.try_to_poll():
            spent.append(scene.clock.now)
    assert all(sum(1 for at in spent if end - 86_400 <= at <= end) <= limit for end in spent)
