"""What flags show and settings start from: plain data, so that `--help` loads no settings. Each is written once."""

from typing import Literal

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "logfmt", "json"]

LOG_LEVELS: dict[str, LogLevel] = {
    "debug": "debug",
    "info": "info",
    "warning": "warning",
    "error": "error",
    "warn": "warning",
}
"""The words for a level, and what each stands for: Go's exporters say `warn`."""
LOG_FORMATS: tuple[LogFormat, ...] = ("auto", "logfmt", "json")

LOG_LEVEL: LogLevel = "info"
LOG_FORMAT: LogFormat = "auto"
LISTEN_PORT = 10042
TELEMETRY_PATH = "/metrics"
MAX_REQUESTS = 40
MEMORY = "memory"
"""What is written instead of a state file's path to keep nothing."""
