"""What the routes ask of the exporter behind them; the application gives it, and tests play it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from threading import Event
from typing import Protocol

from exporter.errors import Problem
from exporter.model import JobKey, JobSpec, Page, Snapshot, TrackedJob


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the exporter can do its work, and the sentences that say why, or why not."""

    is_ready: bool
    sentences: tuple[str, ...]


class Exporter(Protocol):
    """The exporter as HTTP sees it. Thread-safe. Times are Unix seconds."""

    @property
    def accounts(self) -> Collection[str]:
        """The aliases of the configured accounts."""

    @property
    def job_labels(self) -> Collection[str]:
        """The labels that a job may carry."""

    @property
    def discovery_linger_seconds(self) -> float:
        """How long an ended job stays a target."""

    @property
    def pace_seconds(self) -> tuple[float, float]:
        """How often a job is to be scraped: once it has begun, and before."""

    def now(self) -> float:
        """Give the time."""

    def catch_up(self, deadline: float) -> None:
        """Take up what others did that share the store, by half of the time until the deadline, and within a second."""

    def snapshot(self) -> Snapshot:
        """Give what is known. Touches no network."""

    def find(self, key: JobKey) -> TrackedJob | None:
        """Give what is known of one job; nothing for one that is not tracked."""

    def may_have(self, key: JobKey) -> bool:
        """Whether a job that is not tracked may be among what was kept and could not be read yet."""

    def is_cut_off(self) -> bool:
        """Whether others share the state, and what they were told can't be asked for now."""

    def scrape(self, deadline: float, accept: str, groups: Collection[str], enough: Event) -> Page:
        """Poll what is due if jobs are asked for, and render the groups, by the deadline (`time.monotonic`).

        Polls are waited for until `enough` is set, too, and may set it.
        """

    def probe(self, key: JobKey, deadline: float, accept: str, enough: Event) -> Page:
        """Poll one job if it is due, and render it, by the deadline, and waiting as `scrape` does.

        Raises:
            TooManyJobsError: it is not tracked, and there is no room for it.
        """

    def explain(self, key: JobKey) -> tuple[str, ...]:
        """Say why a job shows what it shows; nothing for a job that is not tracked."""

    def last_exchange(self, key: JobKey) -> tuple[str, ...]:
        """Say what was last asked of Zoho for a job and what came; nothing where nothing was asked."""

    def register(self, specs: Iterable[JobSpec]) -> tuple[bool, ...]:
        """Track jobs, all or none, and say of each whether it is new.

        Raises:
            RegistrationError: they are not taken in.
        """

    def forget(self, key: JobKey) -> bool:
        """Let go of a job, and say whether it was tracked.

        Raises:
            RegistrationError: the configuration lists it, or others share the store, which does not answer.
        """

    def acknowledge(self, key: JobKey, *, is_taken_back: bool = False) -> bool:
        """Keep that somebody has taken note of how a job ended, or that nobody has; say whether it is tracked.

        Raises:
            RegistrationError: it has not ended, or the configuration says that it is acknowledged.
        """

    def is_kept(self) -> bool:
        """Wait a little until what was registered and let go so far would outlive a crash, and say whether it would."""

    def reload(self) -> tuple[Problem, ...]:
        """Load the configuration anew, and give what is wrong with it; the last good one then stays in force."""

    def configuration(self) -> str:
        """Give the settings in force as YAML, secrets masked."""

    def readiness(self) -> Readiness:
        """Say whether the exporter can do its work, in fixed words, without waiting for anything."""
