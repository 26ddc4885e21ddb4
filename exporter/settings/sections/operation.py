"""The settings of the exporter's own operation: when it polls, what it keeps, how it serves and logs."""

from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field

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

    shortest: Annotated[float, BeforeValidator(duration("0s", "1d"))] = Field(
        default=15.0, description="Shortest time between two polls of a job; also that of a job in an unknown state."
    )
    longest: Annotated[float, BeforeValidator(duration("0s", "1d"))] = Field(
        default=120.0, description="Longest time between two polls of a job that runs or waits to run."
    )
    remaining_fraction: Annotated[float, BeforeValidator(Parser("a fraction above 0, at most 1", parse_fraction))] = (
        Field(default=0.35, description="Share of a running job's estimated time left after which it is polled again.")
    )
    waiting_fraction: Annotated[float, BeforeValidator(Parser("a fraction above 0, at most 1", parse_fraction))] = (
        Field(
            default=0.25,
            description="Share of the time since its last change after which any other job is polled again.",
        )
    )
    suspended: Annotated[float, BeforeValidator(duration("0s", "1d"))] = Field(
        default=300.0, description="Time between two polls of a suspended job."
    )
    fault_shortest: Annotated[float, BeforeValidator(duration("0s", "1d"))] = Field(
        default=15.0, description="Shortest time to the next attempt after a passing fault; doubles, with jitter."
    )
    fault_longest: Annotated[float, BeforeValidator(duration("0s", "1d"))] = Field(
        default=600.0, description="Longest time to the next attempt after repeated passing faults."
    )
    refusal_shortest: Annotated[float, BeforeValidator(duration("0s", "30d"))] = Field(
        default=900.0, description="Time to the next attempt after a refusal that a person must cure; doubles."
    )
    refusal_longest: Annotated[float, BeforeValidator(duration("0s", "30d"))] = Field(
        default=21_600.0, description="Longest time to the next attempt after repeated refusals."
    )


class StateSettings(Section):
    """What is kept across restarts."""

    path: FilePath | None = Field(
        default=None,
        description="State file, or `memory` for none. Where it is by default is said below this table.",
    )


class WebSettings(Section):
    """The exporter's own web server."""

    listen_address: Annotated[
        ListenAddress, BeforeValidator(Parser("host:port, :port or [IPv6 address]:port", parse_listen_address))
    ] = Field(default=ListenAddress("", 10042), description="Where to listen; without a host on every interface.")
    telemetry_path: Annotated[str, BeforeValidator(Parser("a path such as /metrics", parse_telemetry_path))] = Field(
        default="/metrics", description="Path of the metrics page."
    )
    api_token_file: FilePath | None = Field(
        default=None,
        description="File that holds the bearer token of the job API; read again when it changes. Without it the API "
        "is off, unless basic auth guards the server.",
    )
    config_file: FilePath | None = Field(
        default=None,
        description="File that says who may come in: TLS, users and passwords. See [web-config.md](web-config.md).",
    )
    max_requests: Annotated[int, BeforeValidator(whole_number(1, 1000))] = Field(
        default=40, description="Most requests to work on at once; further ones are answered with 503."
    )


class LogSettings(Section):
    """The exporter's log."""

    level: Annotated[LogLevel, BeforeValidator(choice(LogLevel))] = Field(
        default=LogLevel.INFO, description="Least severe line to log."
    )
    format: Annotated[LogFormat, BeforeValidator(choice(LogFormat))] = Field(
        default=LogFormat.LOGFMT, description="How a line is written: for people or for machines."
    )
