"""The account's circuit."""

import pytest
from exporter.zoho.circuit import Circuit
from samples import NOW, Clock

from exporter.errors import DeadTokenError, HeldBackError, PassingError, RefusedError, ThrottledError

THROTTLED = ThrottledError("TOO_MANY_REQUESTS", "slow down")
DAILY = ThrottledError("TOO_MANY_REQUESTS", "past 24 hours")
DAILY.is_daily = True


class Scene:
    """A circuit whose clock and draw the test holds."""

    def __init__(self, draw: float = 0.0) -> None:
        self.clock = Clock()
        self.circuit = Circuit(self.clock, lambda: draw)

    def call(self, failure: Exception | None = None) -> bool:
        """Make a call with an outcome, and say whether it was the one that tries."""
        is_trial = self.circuit.enter()
        self.circuit.leave(failure, is_trial=is_trial)
        return is_trial

    def pause(self) -> float:
        """Move the clock to where the pause is over, and give how long it was."""
        started = self.clock.now
        while self.circuit.is_open:
            self.clock.now += 1
        return self.clock.now - started


@pytest.fixture
def scene() -> Scene:
    """Give a closed circuit that always draws the shortest pause."""
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
    scene.call(failure)
    assert not scene.circuit.is_open
    assert scene.call() is False


def test_a_429_holds_every_call_of_the_account_back(scene: Scene) -> None:
    """During the pause no call is made."""
    scene.call(THROTTLED)
    assert scene.circuit.is_open
    scene.clock.now = NOW + 14.9
    with pytest.raises(HeldBackError, match="Zoho asked the account to pause") as raised:
        scene.circuit.enter()
    assert raised.value.reason == "circuit"


def test_one_call_at_a_time_tries_after_the_pause(scene: Scene) -> None:
    """While one call tries, the others are still held back."""
    scene.call(THROTTLED)
    scene.pause()
    assert scene.circuit.enter() is True
    with pytest.raises(HeldBackError):
        scene.circuit.enter()


@pytest.mark.parametrize(
    "outcome",
    [None, RefusedError("NO_PERMISSION", "no"), DeadTokenError("INVALID_TOKEN", "dead")],
    ids=["success", "refused", "dead-token"],
)
def test_an_answer_of_zohos_that_is_no_429_ends_the_pause(scene: Scene, outcome: Exception | None) -> None:
    """Zoho answers again, whatever it answers: all calls go through."""
    scene.call(THROTTLED)
    scene.pause()
    assert scene.call(outcome) is True
    assert [scene.call(), scene.call()] == [False, False]


@pytest.mark.parametrize(
    "outcome", [PassingError("timeout", "silent"), HeldBackError("budget", "spent"), ValueError("unexpected")]
)
def test_a_trial_without_an_answer_leaves_the_next_call_to_try(scene: Scene, outcome: Exception) -> None:
    """Silence proves nothing, and does not lock the account out."""
    scene.call(THROTTLED)
    scene.pause()
    assert scene.call(outcome) is True
    assert scene.call() is True
    assert scene.call() is False


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
def test_the_pause_grows_with_each_429_in_a_row(failure: Exception, draw: float, pauses: list[float]) -> None:
    """The back-off is drawn, doubles, and is never shorter than what Zoho asks for."""
    scene = Scene(draw)
    seen = []
    for _ in pauses:
        scene.call(failure)
        seen.append(scene.pause())
    assert seen == pauses


def test_the_other_429s_of_one_burst_do_not_lengthen_the_pause() -> None:
    """Calls that were under way when the first 429 came are one refusal with it."""
    scene = Scene(draw=1.0)
    calls = [scene.circuit.enter() for _ in range(3)]
    for is_trial in calls:
        scene.circuit.leave(THROTTLED, is_trial=is_trial)
    assert scene.pause() == 30


def test_an_old_success_does_not_end_a_newer_pause(scene: Scene) -> None:
    """A call that began before the pause proves nothing about it."""
    slow = scene.circuit.enter()
    scene.call(THROTTLED)
    scene.circuit.leave(None, is_trial=slow)
    assert scene.circuit.is_open


def test_a_clock_that_is_set_back_lets_one_call_try(scene: Scene) -> None:
    """A pause of seconds does not become one of the whole jump."""
    scene.call(THROTTLED)
    scene.clock.now = NOW - 86_400
    assert not scene.circuit.is_open
    assert [scene.call(THROTTLED), scene.circuit.is_open] == [True, True]
