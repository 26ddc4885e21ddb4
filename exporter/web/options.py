"""What the routes need to know of the configuration."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WebOptions:
    """What the routes need to know. Time-outs in seconds, as `granted_seconds` takes them."""

    version: str
    telemetry_path: str = "/metrics"
    default_timeout_seconds: float = 10.0
    timeout_offset_seconds: float = 0.5
    max_requests: int = 40
    """How many requests of each kind are worked on at once."""
