"""Logs: one line per event on standard error, short for people in a terminal, else logfmt, or JSON for collectors.

Modules use the standard library's loggers and put identities into `extra`; structlog's processors write the line.
"""

import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import TextIO

# structlog loads rich where it finds it, for tracebacks that we do not write; a server has no use for its megabytes.
if "rich" not in sys.modules:
    sys.modules["rich"] = None  # type: ignore[assignment]
import structlog

if sys.modules["rich"] is None:
    del sys.modules["rich"]

_log = logging.getLogger(__name__)

LONGEST_LINE = 8192
"""Characters."""
_LONGEST_VALUES = (4096, 1024, 256, 64)
"""Characters of each value of a line that would be too long, as many as fit."""
_PEOPLE = "people"
_COLOUR = re.compile("\x1b\\[[0-9]+m")
_RESET, _FAINT = "\x1b[0m", "\x1b[2m"
_COLOURS = {"debug": _FAINT, "info": "\x1b[32m", "warning": "\x1b[33m", "error": "\x1b[31m", "critical": "\x1b[31m"}


def _for_people(_: object, __: str, event: structlog.typing.EventDict) -> str:
    """Write what happened, when by the clock on the wall, and then the rest, as logfmt. Colours, but no secrets."""
    rest = {key: _clock(key, value) for key, value in event.items() if key not in _told_already(event)}
    colour, level = _COLOURS[event["level"]], event["level"]
    details = structlog.processors.LogfmtRenderer()(None, "", rest)
    told = f"{colour}{level:7}{_RESET} {_printable(str(event['event']))}"
    return f"{_FAINT}{event['timestamp']}{_RESET} {told}" + (f"  {_FAINT}{_printable(details)}{_RESET}" if rest else "")


def _told_already(event: structlog.typing.EventDict) -> set[str]:
    return {"timestamp", "level", "logger", "event"} | ({"port", "path"} if "url" in event else set())


def _clock(key: str, value: object) -> object:
    """Give a time as the line's own is given."""
    if key.endswith("_at") and isinstance(value, int):
        return time.strftime("%H:%M:%S", time.localtime(value))
    return value


def _printable(text: str) -> str:
    """Leave nothing that moves a terminal's cursor."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


_RENDERERS: Mapping[str, structlog.typing.Processor] = {
    _PEOPLE: _for_people,
    "logfmt": structlog.processors.LogfmtRenderer(
        key_order=["timestamp", "level", "logger", "event"], drop_missing=True
    ),
    "json": structlog.processors.JSONRenderer(sort_keys=False),
}


def configure_logging(
    level: str,
    log_format: str,
    stream: TextIO | None = None,
    *,
    clean: Callable[[str], str] = str,
    is_coloured: bool = True,
) -> None:
    """Send our loggers' events at or above `level` to a stream, and of others' their errors; nothing else is left.

    It is standard error unless another is given. `clean` takes secrets out of each line. `log_format` is `logfmt`,
    `json`, or `auto`: short lines for people where the stream is a terminal, coloured unless they do not want that, and
    logfmt elsewhere.
    """
    stream = stream or sys.stderr
    if log_format == "auto":
        log_format = _PEOPLE if stream.isatty() else "logfmt"
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(log_format, clean if is_coloured else lambda line: clean(_COLOUR.sub("", line))))
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
            structlog.processors.TimeStamper(*(("%H:%M:%S", False) if log_format == _PEOPLE else ("iso", True))),
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
