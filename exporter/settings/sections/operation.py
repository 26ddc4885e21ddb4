"""The settings of the exporter's own operation: when it polls, what it keeps, how it serves and logs."""

from enum import StrEnum
from typing import Annotated

from pydantic import PlainSerializer

from exporter.settings.sections.section import FilePath, Section
from exporter.settings.sections.values import (
    ListenAddress,
    Parser,
    choice,
    duration,
    parse_fraction,
    parse_listen_address,
    parse_telemetry_path,
    whole_number,
)


class LogLevel(StrEnum):
    """The least severe line that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """How a log line is written."""

    LOGFMT = "logfmt"
    JSON = "json"


class ScheduleSettings(Section):
    """How often jobs are polled."""

    shortest: Annotated[float, duration("0s", "1d")] = 15.0
    """Shortest time between two polls of a job; also that of a job in an unknown state."""
    longest: Annotated[float, duration("0s", "1d")] = 120.0
    """Longest time between two polls of a job that runs or waits to run."""
    remaining_fraction: Annotated[float, Parser("a fraction above 0, at most 1", parse_fraction)] = 0.35
    """Share of a running job's estimated time left after which it is polled again."""
    waiting_fraction: Annotated[float, Parser("a fraction above 0, at most 1", parse_fraction)] = 0.25
    """Share of the time since its last change after which any other job is polled again."""
    suspended: Annotated[float, duration("0s", "1d")] = 300.0
    """Time between two polls of a suspended job."""
    fault_shortest: Annotated[float, duration("0s", "1d")] = 15.0
    """Shortest time to the next attempt after a passing fault; doubles, with jitter."""
    fault_longest: Annotated[float, duration("0s", "1d")] = 600.0
    """Longest time to the next attempt after repeated passing faults."""
    refusal_shortest: Annotated[float, duration("0s", "30d")] = 900.0
    """Time to the next attempt after a refusal that a person must cure; doubles."""
    refusal_longest: Annotated[float, duration("0s", "30d")] = 21_600.0
    """Longest time to the next attempt after repeated refusals."""


class StateSettings(Section):
    """What is kept across restarts."""

    path: FilePath | None = None
    """State file, or `memory` for none. Where it is by default is said below this table."""


class WebSettings(Section):
    """The exporter's own web server."""

    listen_address: Annotated[
        ListenAddress, Parser("host:port, :port or [IPv6 address]:port", parse_listen_address), PlainSerializer(str)
    ] = ListenAddress("", 10042)
    """Where to listen; without a host on every interface."""
    telemetry_path: Annotated[str, Parser("a path such as /metrics", parse_telemetry_path)] = "/metrics"
    """Path of the metrics page."""
    api_token_file: FilePath | None = None
    """File that holds the job API's bearer token, read anew at each change; without it or basic auth the API is off."""
    config_file: FilePath | None = None
    """File that says who may come in: TLS, users and passwords. See [web-config.md](web-config.md)."""
    max_requests: Annotated[int, whole_number(1, 1000)] = 40
    """Most requests to work on at once; further ones are answered with 503."""


class LogSettings(Section):
    """The exporter's log."""

    level: Annotated[LogLevel, choice(LogLevel)] = LogLevel.INFO
    """Least severe line to log."""
    format: Annotated[LogFormat, choice(LogFormat)] = LogFormat.LOGFMT
    """How a line is written: for people or for machines."""
