"""What the routes need to know of the configuration."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WebOptions:
    """What the routes need to know. Time-outs in seconds, as `scrape_timeout_seconds` takes them.

    `read_api_token` gives the bearer token of the job API, or nothing where there is none.
    """

    version: str
    telemetry_path: str = "/metrics"
    default_timeout_seconds: float = 10.0
    timeout_offset_seconds: float = 0.5
    read_api_token: Callable[[], str] = lambda: ""
