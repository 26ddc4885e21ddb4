"""What a simulated mass update goes through: a pure function from elapsed seconds to state and counts."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """The status words. Source: Zoho CRM's OpenAPI v8; the pages for v2 to v8 name four of the six."""

    SCHEDULED = "SCHEDULED"
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUSPENDED = "SUSPENDED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


TERMINAL_STATES = frozenset({State.COMPLETED, State.FAILED})


@dataclass(frozen=True, slots=True)
class Status:
    """One answer about a job: its state word and its four counts (records), which need not add up."""

    state: str
    updated: int
    failed: int
    not_updated: int
    total: int


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of a job's life in one state.

    `seconds` is its length, `None` for ever. `updated` and `failed` are the counts (records) at its end, `None` for
    those of the phase before. A phase with an end moves towards them evenly; one without an end has them at once.
    """

    state: str
    seconds: float | None
    updated: int | None = None
    failed: int | None = None


@dataclass(frozen=True, slots=True)
class JobScript:
    """The course of a job of `total` records. The last phase stays when its time is over.

    Raises:
        ValueError: The phases do not fit together.
    """

    total: int
    phases: tuple[Phase, ...]

    def __post_init__(self) -> None:
        if not self.phases:
            raise ValueError("phases: expected at least one phase, got none")
        if any(phase.seconds is None for phase in self.phases[:-1]):
            raise ValueError("phases: only the last phase may last for ever (seconds: null)")
        for phase in self.phases:
            if phase.seconds is not None and phase.seconds < 0:
                raise ValueError(f"phases: seconds must be 0 or more, got {phase.seconds:g}")
        for updated, failed in self._ends():
            if min(updated, failed) < 0 or updated + failed > self.total:
                raise ValueError(
                    f"phases: updated {updated} and failed {failed} must be 0 or more and fit into total {self.total}"
                )

    def _ends(self) -> list[tuple[int, int]]:
        """Give (updated, failed) at the end of each phase."""
        ends = [(0, 0)]
        for phase in self.phases:
            updated, failed = ends[-1]
            ends.append(
                (updated if phase.updated is None else phase.updated, failed if phase.failed is None else phase.failed)
            )
        return ends[1:]

    def status_at(self, elapsed_seconds: float) -> Status:
        """Give the job's status that many seconds after its beginning."""
        begin = (0, 0)
        left = max(elapsed_seconds, 0.0)
        for phase, end in zip(self.phases, self._ends(), strict=True):
            if phase.seconds is None:
                return self._status(phase.state, end)
            if left < phase.seconds:
                return self._status(phase.state, _between(begin, end, left / phase.seconds))
            left -= phase.seconds
            begin = end
        return self._status(self.phases[-1].state, begin)

    def _status(self, state: str, counts: tuple[int, int]) -> Status:
        updated, failed = counts
        return Status(state, updated, failed, self.total - updated - failed, self.total)


def _between(begin: tuple[int, int], end: tuple[int, int], share: float) -> tuple[int, int]:
    """Interpolate both counts, in whole records."""
    updated, failed = (start + int((target - start) * share) for start, target in zip(begin, end, strict=True))
    return updated, failed


@dataclass(frozen=True, slots=True)
class SimulatedJob:
    """One job that the organisation holds from the start. `job_id` is a string of digits.

    Raises:
        ValueError: The id is not made of digits, or the phases do not fit together.
    """

    module: str
    job_id: str
    total: int
    phases: tuple[Phase, ...]

    def __post_init__(self) -> None:
        if not is_digits(self.job_id):
            raise ValueError(f"job_id: expected a string of digits, got {self.job_id!r}")
        JobScript(self.total, self.phases)

    @property
    def script(self) -> JobScript:
        """The course of the job without its identity."""
        return JobScript(self.total, self.phases)


def is_digits(text: str) -> bool:
    """Whether Zoho would read this as an id. Source: Zoho CRM's OpenAPI v8, pattern of `job_id`."""
    return text.isascii() and text.isdigit()
