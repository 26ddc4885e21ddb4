"""The one door before a call: whether the account may ask Zoho now, and the credit that pays for it.

Asked here, in this order: does a refused token cool down, did Zoho ask for a pause (the circuit), are too many credits
unwritten, are Zoho's remaining ones below the reserve, is there budget, does nobody else poll the job.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from threading import Lock

from exporter.errors import DeadTokenError, HeldBackError, OutOfCreditsError, RefusedError, ThrottledError
from exporter.model import JobKey, JobReport, Pause, Standing, TrackedJob
from exporter.state.port import BUDGET, CIRCUIT, AccountState, Claim, Note, Purse

RESERVE_LOOK_SECONDS = 3600.0
"""How often one poll looks whether Zoho's remaining credits are above the reserve again: only an answer tells."""
PLENTY = 0.5
"""The share of the free budget that may be used before polls are stretched."""
MOST_SET_ASIDE = 0.5
"""The share of the budget that is not free at most: many jobs at once may be short ones, that need no whole day."""
HOURS = 24
"""A budget's share of one hour may be spent unwritten while the disk is behind."""
PROBES_SHARE = 4
"""Jobs that only probes brought get a quarter of the budget while others live."""
_MOST_DOUBLINGS = 30


@dataclass(frozen=True, slots=True)
class CoolDown:
    """A pause that begins at `shortest_seconds` and doubles with each refusal in a row up to `longest_seconds`."""

    shortest_seconds: float
    longest_seconds: float

    def seconds(self, refusals: int) -> float:
        """Give the pause after so many refusals in a row (1 or more)."""
        return min(self.longest_seconds, self.shortest_seconds * 2.0 ** min(refusals - 1, _MOST_DOUBLINGS))

    def jittered(self, refusals: int, draw: float) -> float:
        """Give a pause at the point `draw` (0 to 1) between the shortest and twice the one of `seconds`."""
        longest = min(self.longest_seconds, 2 * self.seconds(refusals))
        return self.shortest_seconds + draw * (longest - self.shortest_seconds)


SHORT = CoolDown(15, 600)
DAILY = CoolDown(900, 3600)
"""After a 429 about the day's credits: they come back over hours."""


@dataclass(frozen=True, slots=True)
class CreditLimits:
    """What an account may spend: credits in any 24 hours (`None` for no limit), and what it leaves to others.

    `at_once` is how many calls may be under way at a time, of all who share the store.
    """

    daily_budget: int | None
    reserve: int
    at_once: int | None


def scarcity(used: float, limit: int, needed: float) -> float:
    """Give how scarce credits are: 0 while there are plenty, 1 when none are free.

    Free are those that are not set aside for the `needed` ones: what the live jobs cost in 24 hours at their slowest.
    Without them a busy morning would leave nothing for the rest of the day.
    """
    free = limit - min(needed, MOST_SET_ASIDE * limit)
    share = used / free if free else 1.0
    return min(1.0, max(0.0, (share - PLENTY) / (1 - PLENTY)))


@dataclass(slots=True)
class Permit:
    """The right to poll one job, once, with the credit of its first call. For one thread; another one may close it.

    `purse` pays for further calls, `ask` makes them, `leave` ends the trial that the poll may be.
    """

    _account: AccountState
    claim: Claim
    _purse: Purse
    _ask: "Callable[[Permit], JobReport]"
    _leave: Callable[[JobKey], object]
    _is_paid: bool = True
    _has_landed: bool = False
    _is_closed: bool = False
    _lock: Lock = field(default_factory=Lock)
    """Of whether it is paid, and closed: what is given back is not sent."""

    def fetch(self) -> JobReport:
        """Ask Zoho, for one credit, or another one where the token or the connection had died.

        Raises:
            HeldBackError: nothing was sent.
            PollError: there is no report.
        """
        return self._ask(self)

    def pay(self) -> None:
        """Have a credit booked for the next call, so that no crash forgets it.

        Raises:
            HeldBackError: there is none.
        """
        with self._lock:
            if self._is_closed:
                raise HeldBackError(CIRCUIT, "the poll was given up")
            is_paid, self._is_paid = self._is_paid, False
        if not is_paid:
            self._account.book(self.claim, self._purse)
        self._account.wait_written()

    def give_back(self) -> None:
        """Return the credit of a call that never reached Zoho."""
        self._account.give_back(self.claim)

    def land(self, note: Note) -> tuple[TrackedJob, TrackedJob] | None:
        """Put what the poll gave, and give the job before and after; `None` where it is not tracked any more."""
        self._return_unused()
        landed = self._account.land(self.claim, note)
        self._has_landed = landed is not None
        return landed

    def close(self) -> None:
        """Give up the right, and the credit if nothing was sent."""
        self._leave(self.claim.key)
        with self._lock:
            self._is_closed = True
        if not self._has_landed:
            self._return_unused()
            self._account.release(self.claim)

    def _return_unused(self) -> None:
        """Return the credit of a poll that never came to a call; with its claim it would be out of reach."""
        with self._lock:
            is_paid, self._is_paid = self._is_paid, False
        if is_paid:
            self._account.give_back(self.claim)


class Permits:
    """Lets an account's calls through, or not. Thread-safe; `limits` may be replaced at any time.

    Args:
        is_cooling_down: whether the next access token would be refused without asking Zoho.
        ask: makes the poll of a permit.
        lease_seconds: how long a poll may take.
        draw: gives a number from 0 to 1, so that the exporters of one organisation do not try again together.
    """

    def __init__(
        self,
        account: AccountState,
        limits: CreditLimits,
        is_cooling_down: Callable[[], bool],
        ask: Callable[[Permit], JobReport],
        *,
        lease_seconds: float,
        clock: Callable[[], float],
        draw: Callable[[], float],
    ) -> None:
        self._account = account
        self.limits = limits
        self.lease_seconds = lease_seconds
        self._is_cooling_down = is_cooling_down
        self._ask = ask
        self._clock = clock
        self._draw = draw
        self._lock = Lock()
        self._trial: JobKey | None = None

    def take(self, key: JobKey, *, is_probe: bool, are_others_live: bool, is_overdue: bool) -> Permit:
        """Give the right to poll a job: one of probes alone, beside live others, or that waited as long as any may.

        Raises:
            HeldBackError: not now.
        """
        if self._is_cooling_down():
            raise HeldBackError(CIRCUIT, "there is no access token")
        is_trial = self._enter_circuit(key)
        purse = self._purse(are_others_live=are_others_live)
        purse = replace(purse, at_once=1) if is_trial else purse
        try:
            self._check_unwritten(is_overdue=is_overdue)
            self._check_reserve()
            claim = self._account.claim(key, purse, self.lease_seconds, is_probe=is_probe)
        except BaseException:
            self._leave_trial(key)
            raise
        return Permit(self._account, claim, purse, self._ask, self._leave_trial)

    def expect(self, wanted: Collection[tuple[JobKey, bool]], first: int, *, are_others_live: bool) -> None:
        """Have the polls of jobs made ready, with whether it is for a probe: their credits share one write."""
        if self.is_open or self._is_cooling_down() or self.is_reserve_reached:
            return
        purse = self._purse(are_others_live=are_others_live)
        self._account.expect_calls(len(wanted), purse)
        if self._account.standing.circuit is None:  # after a pause one goes first, alone
            self._account.expect_claims(wanted, first, purse, self.lease_seconds)

    def _purse(self, *, are_others_live: bool) -> Purse:
        limit = self.limits.daily_budget
        share = None if limit is None or not are_others_live else limit // PROBES_SHARE
        return Purse(limit, share, self.limits.at_once)

    @property
    def is_open(self) -> bool:
        """Whether Zoho's pause is in force."""
        pause = self._account.standing.circuit
        return pause is not None and pause.is_in_force(self._clock())

    def leave(self, key: JobKey, failure: Exception | None) -> None:
        """End a poll that `take` let through. An answer of Zoho's that is no 429 ends the pause for good."""
        is_trial = self._leave_trial(key)
        match failure:
            case ThrottledError():
                self._account.stand(lambda standing: self._paused(standing, failure, is_trial=is_trial))
            case None | RefusedError() | DeadTokenError() if is_trial:
                self._account.stand(lambda standing: replace(standing, circuit=None))

    def note_remaining(self, remaining: int | None, answered_at: float) -> None:
        """Keep what Zoho said is left of the day's credits; `None` for plenty, which is no news after plenty."""

        def noted(standing: Standing) -> Standing:
            if remaining is None and standing.credits_remaining is None:
                return standing
            return replace(standing, credits_remaining=remaining, answered_at=answered_at)

        self._account.stand(noted, can_wait=True)

    @property
    def is_reserve_reached(self) -> bool:
        """Whether fewer credits are left to the organisation than are to be left to others."""
        remaining = self._account.standing.credits_remaining
        return remaining is not None and remaining < self.limits.reserve

    def pressure(self, needed: float = 0.0) -> float:
        """Give how scarce credits are, from 0 to 1; the live jobs take `needed` in 24 hours at their slowest."""
        limit = self.limits.daily_budget
        if limit is None:
            return 0.0
        return 1.0 if self._is_too_much_unwritten() else scarcity(self._account.used(), limit, needed)

    def _enter_circuit(self, key: JobKey) -> bool:
        """Let one call at a time through once the pause is over, until one succeeds, and say whether this is it."""
        with self._lock:
            pause = self._account.standing.circuit
            if pause is None:
                return False
            if self._trial is not None or pause.is_in_force(self._clock()):
                raise HeldBackError(CIRCUIT, pause.message)
            self._trial = key
            return True

    def _leave_trial(self, key: JobKey) -> bool:
        with self._lock:
            is_trial = self._trial == key
            self._trial = None if is_trial else self._trial
            return is_trial

    def _paused(self, standing: Standing, error: ThrottledError, *, is_trial: bool) -> Standing:
        if standing.circuit and not is_trial:
            return standing  # calls that went out beside the one that began the pause
        in_a_row = standing.circuit.in_a_row + 1 if standing.circuit else 1
        cool_down, now = DAILY if isinstance(error, OutOfCreditsError) else SHORT, self._clock()
        seconds = max(cool_down.jittered(in_a_row, self._draw()), error.retry_after_seconds or 0.0)
        message = "Zoho asked the account to pause"
        return replace(standing, circuit=Pause(CIRCUIT, message, error.advice, now, now + seconds, in_a_row))

    def _check_reserve(self) -> None:
        """Hold polls back below the reserve, but for one look an hour, whether that is answered or not."""
        if self.is_reserve_reached:
            self._account.stand(self._looked)

    def _looked(self, standing: Standing) -> Standing:
        now = self._clock()
        # A look of the future is one of before a clock was set back: nobody knows how long ago.
        if 0 <= now - standing.answered_at < RESERVE_LOOK_SECONDS:
            raise HeldBackError(BUDGET, f"fewer than {self.limits.reserve} credits are left to the organisation")
        return replace(standing, answered_at=now)

    def _check_unwritten(self, *, is_overdue: bool) -> None:
        if is_overdue or not self._is_too_much_unwritten():
            return
        self._account.wait_written()  # a disk that is well is behind for a moment only
        if self._is_too_much_unwritten():
            raise HeldBackError(BUDGET, "more credits than one hour's share can't be written to the state file")

    def _is_too_much_unwritten(self) -> bool:
        limit = self.limits.daily_budget
        return limit is not None and self._account.unwritten() >= max(1.0, limit / HOURS)
