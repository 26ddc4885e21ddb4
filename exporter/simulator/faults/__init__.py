"""Faults on demand: what is said wrongly, how an answer travels wrongly, and which of them a request meets."""

from exporter.simulator.faults.book import FaultBook, Met
from exporter.simulator.faults.content import CONTENT, Encounter, spoil_content
from exporter.simulator.faults.fault import ACCOUNTS, Endpoint, Fault, FaultKind, Stage, ThrottleShape
from exporter.simulator.faults.transport import TRANSPORT, spoil_delivery

__all__ = [
    "ACCOUNTS",
    "CONTENT",
    "TRANSPORT",
    "Encounter",
    "Endpoint",
    "Fault",
    "FaultBook",
    "FaultKind",
    "Met",
    "Stage",
    "ThrottleShape",
    "spoil_content",
    "spoil_delivery",
]
