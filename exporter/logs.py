"""Logs: one line per event on standard error, as logfmt for people or JSON for collectors.

Modules use the standard library's loggers and put identities into `extra`; structlog's processors write the line.
"""

import logging
import sys
import threading
from collections.abc import Callable, Mapping
from typing import TextIO

import structlog

_log = logging.getLogger(__name__)

LONGEST_LINE = 8192
"""Characters."""
_LONGEST_VALUES = (4096, 1024, 256, 64)
"""Characters of each value of a line that would be too long, as many as fit."""
_RENDERERS: Mapping[str, structlog.typing.Processor] = {
    "logfmt": structlog.processors.LogfmtRenderer(
        key_order=["timestamp", "level", "logger", "event"], drop_missing=True
    ),
    "json": structlog.processors.JSONRenderer(sort_keys=False),
}


def configure_logging(
    level: str, log_format: str, stream: TextIO = sys.stderr, *, clean: Callable[[str], str] = str
) -> None:
    """Send our loggers' events at or above `level` to `stream`, and of others' their errors; nothing else is left.

    `clean` takes secrets out of each line.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(log_format, clean))
    # Others' news below an error is about themselves, or what somebody sent them, not about jobs.
    logging.basicConfig(level=logging.ERROR, handlers=[handler], force=True)
    logging.getLogger(__package__).setLevel(level.upper())
    threading.excepthook = _log_end_of_thread
    # A line that can't be written is lost: a traceback in its place would show what is in it.
    logging.raiseExceptions = False


def _log_end_of_thread(ended: threading.ExceptHookArgs) -> None:
    _log.error("a thread ended in a way nobody foresaw", exc_info=ended.exc_value)


def _formatter(log_format: str, clean: Callable[[str], str]) -> logging.Formatter:
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
            _bounded(_RENDERERS[log_format], clean),
        ],
    )


def _bounded(render: structlog.typing.Processor, clean: Callable[[str], str]) -> structlog.typing.Processor:
    """Write lines without secrets and of bounded length, which a parser can still read."""

    def write(logger: object, name: str, event: structlog.typing.EventDict) -> str:
        line = clean(str(render(logger, name, dict(event))))
        for longest in _LONGEST_VALUES:
            if len(line) <= LONGEST_LINE:
                break
            short = {key: _cut(clean(str(value)), longest) for key, value in event.items()}
            line = clean(str(render(logger, name, short)))
        return line[:LONGEST_LINE]

    return write


def _cut(text: str, longest: int) -> str:
    """Keep the beginning, and the end: of a traceback it tells the most."""
    return text if len(text) <= longest else f"{text[: longest // 2]} … {text[-longest // 2 :]}"
