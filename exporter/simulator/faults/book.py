"""The faults in force, and which of them a request meets."""

import itertools
import threading
from dataclasses import dataclass, replace

from exporter.simulator.faults.fault import Endpoint, Fault
from exporter.simulator.faults.transport import TRANSPORT


@dataclass(frozen=True, slots=True)
class Met:
    """What a request meets: a fault that makes its answer, and one that makes it travel."""

    content: Fault | None = None
    transport: Fault | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """The words of what is met."""
        return tuple(fault.kind for fault in (self.content, self.transport) if fault)


class FaultBook:
    """The faults in force. Thread-safe: one lock for the list and what is left of each."""

    def __init__(self, faults: tuple[Fault, ...] = ()) -> None:
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._entries: dict[int, Fault] = {}
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault) -> int:
        """Put a fault in force and give its number."""
        with self._lock:
            number = next(self._ids)
            self._entries[number] = fault
            return number

    def clear(self) -> None:
        """Put every fault out of force."""
        with self._lock:
            self._entries.clear()

    def meet(self, endpoint: Endpoint, module: str | None, job_id: str | None) -> Met:
        """Give the newest fault of each sort that a request meets, and use up one of its times."""
        with self._lock:
            found: dict[bool, int] = {}
            for number, fault in self._entries.items():
                if fault.matches(endpoint, module, job_id):
                    found[fault.kind in TRANSPORT] = number
            return Met(self._use(found.get(False)), self._use(found.get(True)))

    def _use(self, number: int | None) -> Fault | None:
        if number is None:
            return None
        fault = self._entries[number]
        if fault.times == 1:
            del self._entries[number]
        elif fault.times is not None:
            self._entries[number] = replace(fault, times=fault.times - 1)
        return fault
