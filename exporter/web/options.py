"""What the routes need to know of the configuration."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WebOptions:
    """What the routes need to know. Time-outs in seconds, as `granted_seconds` takes them."""

    version: str
    telemetry_path: str
    default_timeout_seconds: float
    timeout_offset_seconds: float
    max_requests: int
    """How many requests of each kind are worked on at once."""
