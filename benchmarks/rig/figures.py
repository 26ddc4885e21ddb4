"""How a row is told: a median with its spread, and how quiet the machine was."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median


class UnmeasurableError(Exception):
    """A row can't be measured on this machine; the message says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """A figure, or why there is none. `is_extra` is for rows that only the table has."""

    name: str
    value: float | None
    note: str
    spread: tuple[float, float] | None = None
    is_extra: bool = False

    def told(self) -> str:
        """Give its line of the table."""
        if self.value is None:
            return f"{self.name:44} {'-':>9}  {self.note}"
        between = f"{self.spread[0]:.3g} to {self.spread[1]:.3g}" if self.spread else ""
        return f"{self.name:44} {self.value:9.3f}  {between:18} {self.note}"

    def assigned(self) -> str:
        """Give it as `name=value`."""
        return f"{self.name}=" + (f"not measured: {self.note}" if self.value is None else f"{self.value:.3f}")


@dataclass(frozen=True, slots=True)
class Run:
    """What was asked for. `seconds_by_jobs` learns how long a page takes, for the row on growth."""

    rounds: int
    directory: Path
    seconds_by_jobs: dict[int, float]


Measure = Callable[[Run], Sequence[Row]]


@dataclass(frozen=True, slots=True)
class Question:
    """Rows that are measured together."""

    names: tuple[str, ...]
    measure: Measure

    def rows(self, run: Run) -> Sequence[Row]:
        """Measure them, or say why not."""
        try:
            return self.measure(run)
        except (UnmeasurableError, OSError) as error:
            return [Row(name, None, str(error)) for name in self.names]


def row(name: str, values: Sequence[float], note: str, *, is_extra: bool = False) -> Row:
    """Make a row of what the rounds gave."""
    spread = (min(values), max(values)) if len(values) > 1 else None
    return Row(name, median(values), note, spread, is_extra)


def milliseconds(values: Sequence[float]) -> str:
    """Tell the median of some seconds."""
    return f"{median(values) * 1000:.2f} ms"


class Noise:
    """Watches what else the machine did: the host's share that it took (steal), and the load."""

    def __init__(self) -> None:
        self._before = self._jiffies()
        self._begun = time.monotonic()

    def told(self) -> str:
        """Say how it was since the beginning."""
        spent = [after - before for before, after in zip(self._before, self._jiffies(), strict=True)]
        everything = sum(spent) or 1
        busy = 1 - (spent[3] + spent[4]) / everything
        load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
        seconds = time.monotonic() - self._begun
        return f"{seconds:.0f} s, steal {spent[7] / everything:.1%}, processors busy {busy:.0%}, load {load}"

    @staticmethod
    def _jiffies() -> list[int]:
        """Read user, nice, system, idle, iowait, irq, softirq and steal."""
        with Path("/proc/stat").open(encoding="ascii") as file:
            return [int(word) for word in file.readline().split()[1:9]]
