"""Logs: one line per event on standard error, as logfmt for people or JSON for collectors.

Modules use the standard library's loggers and put identities into `extra`; structlog's processors write the line.
"""

import logging
import sys
from typing import TextIO

import structlog

FORMATS = ("logfmt", "json")
LEVELS = ("debug", "info", "warning", "error")


def configure_logging(level: str, log_format: str, stream: TextIO = sys.stderr) -> None:
    """Send every logger's events at or above `level` to `stream`, replacing what was configured before."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(log_format))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Their news at "info" is about themselves, not about jobs.
    for name in ("uvicorn.error", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _formatter(log_format: str) -> logging.Formatter:
    order = ["timestamp", "level", "logger", "event"]
    renderer = (
        structlog.processors.LogfmtRenderer(key_order=order, drop_missing=True)
        if log_format == "logfmt"
        else structlog.processors.JSONRenderer(sort_keys=False)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            renderer,
        ],
    )
