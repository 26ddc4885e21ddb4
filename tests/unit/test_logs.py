"""What a line of the log may hold."""

import io
import json
import logging
import re
import threading
import time
from collections.abc import Callable

import pytest

from exporter.logs import LONGEST_LINE, configure_logging
from exporter.redactor import Redactor

SECRET = "1000.token-7f3a/x"
Logs = Callable[..., io.StringIO]


@pytest.fixture(autouse=True)
def hear_uvicorn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take back what a server that another test has run in this process says of its own logger."""
    monkeypatch.setattr(logging.getLogger("uvicorn.error"), "level", logging.NOTSET)
    logging.getLogger("uvicorn.error").manager._clear_cache()  # type: ignore[attr-defined]  # noqa: SLF001


@pytest.fixture
def open_logs(_kept_logs: None) -> Logs:
    """Give a function that configures the logs, and what they write."""
    redactor = Redactor()
    redactor.know(SECRET)

    def open_some(log_format: str, level: str = "info") -> io.StringIO:
        stream = io.StringIO()
        configure_logging(level, log_format, stream, clean=redactor.clean)
        return stream

    return open_some


class Terminal(io.StringIO):
    """A stream that a person sees."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.mark.parametrize(
    ("stream", "is_coloured", "line"),
    [
        pytest.param(
            io.StringIO(), True, r"timestamp=\S+Z level=warning logger=exporter.jobs event=\"a b\" id=7", id="file"
        ),
        pytest.param(Terminal(), False, r"[0-9:]{8} warning a b  id=7", id="no-colour"),
        pytest.param(
            Terminal(),
            True,
            r"\x1b\[2m[0-9:]{8}\x1b\[0m \x1b\[33mwarning\x1b\[0m a b  \x1b\[2mid=7\x1b\[0m",
            id="terminal",
        ),
    ],
)
@pytest.mark.usefixtures("open_logs")
def test_a_person_sees_short_lines(stream: io.StringIO, line: str, *, is_coloured: bool) -> None:
    """In a terminal; whatever else takes the lines gets logfmt."""
    configure_logging("info", "auto", stream, is_coloured=is_coloured)
    logging.getLogger("exporter.jobs").warning("a b", extra={"id": 7})
    assert re.fullmatch(line + "\n", stream.getvalue())


@pytest.mark.usefixtures("open_logs")
def test_a_person_reads_a_clock_and_nothing_twice() -> None:
    """A time is no number of seconds, and an address has its port and path in it."""
    stream = Terminal()
    configure_logging("info", "auto", stream, is_coloured=False)
    log = logging.getLogger("exporter.jobs")
    log.info("a", extra={"url": "http://127.0.0.1:10042/metrics", "port": 10042, "path": "/metrics", "expires_at": 5})
    log.info("b", extra={"path": "/own"})
    clock = time.strftime("%H:%M:%S", time.localtime(5))
    told = [line.partition("info    ")[2] for line in stream.getvalue().splitlines()]
    assert told == [f"a  url=http://127.0.0.1:10042/metrics expires_at={clock}", "b  path=/own"]


def test_what_came_from_outside_moves_no_cursor() -> None:
    """Neither in the words nor in the details."""
    stream = Terminal()
    configure_logging("info", "auto", stream, is_coloured=False)
    logging.getLogger("exporter.jobs").warning("a\x1b[2Jb\nc", extra={"word": "d\x1b[2Je\nf"})
    assert "\x1b" not in stream.getvalue()
    assert stream.getvalue().count("\n") == 1


FORMATS = pytest.mark.parametrize("log_format", ["logfmt", "json", "people"])


@FORMATS
@pytest.mark.parametrize("name", ["exporter.zoho.client", "urllib3.connection", "uvicorn.error", "asyncio", "other"])
def test_no_line_has_a_secret(open_logs: Logs, log_format: str, name: str) -> None:
    """Not in the event, in a field or in a traceback, whoever writes it."""
    stream = open_logs(log_format)
    try:
        raise ValueError(f"no {SECRET.upper()}")  # noqa: TRY301 - a traceback is wanted
    except ValueError:
        logging.getLogger(name).exception(
            "said %s", SECRET, extra={"url": f"https://x/?t={SECRET}", "object": [SECRET]}
        )
    written = stream.getvalue()
    assert written.count("<secret>") == 4
    assert "7f3a" not in written.lower()


def test_thread_that_ends_by_an_error_is_logged(open_logs: Logs, capsys: pytest.CaptureFixture[str]) -> None:
    """One line as any other, without the secret, and nothing beside the log."""

    def fail() -> None:
        raise ValueError(f"no {SECRET}")

    stream = open_logs("logfmt")
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    written = stream.getvalue()
    assert 'event="a thread ended in a way nobody foresaw"' in written
    assert ("ValueError: no <secret>" in written, written.count("\n"), capsys.readouterr().err) == (True, 1, "")


@pytest.mark.parametrize("name", ["urllib3.connection", "requests", "uvicorn.error", "asyncio", "anybody"])
def test_others_are_heard_when_they_fail(open_logs: Logs, name: str) -> None:
    """Their warnings quote what somebody sent them."""
    stream = open_logs("logfmt", "debug")
    logging.getLogger(name).warning("Failed to parse headers (url=%s)", "http://x/")
    assert stream.getvalue() == ""
    logging.getLogger(name).error("gone")
    assert "event=gone" in stream.getvalue()


@pytest.mark.parametrize(("level", "heard"), [("debug", 3), ("info", 2), ("warning", 1), ("error", 0)])
def test_our_own_events_are_heard_from_the_level_on(open_logs: Logs, level: str, heard: int) -> None:
    """The level is ours alone."""
    stream = open_logs("logfmt", level)
    logger = logging.getLogger("exporter.jobs")
    logger.debug("a")
    logger.info("b")
    logger.warning("c")
    assert stream.getvalue().count("\n") == heard


@FORMATS
@pytest.mark.parametrize(
    "letter", ["e", "\u00e9", "\n", "\x00", '"'], ids=["ascii", "accent", "newline", "nul", "quote"]
)
def test_a_line_has_an_end(open_logs: Logs, log_format: str, letter: str) -> None:
    """An event of any length becomes one bounded line, which still has a beginning and an end."""
    stream = open_logs(log_format)
    fields = {f"field_{number}": letter * 2_000 for number in range(10)}
    logging.getLogger("exporter.jobs").error("begins %s ends", letter * 20_000, extra=fields)
    (line,) = stream.getvalue().splitlines()
    assert len(line) <= LONGEST_LINE
    assert "begins" in line
    assert "ends" in line


def test_a_line_that_was_cut_is_still_json(open_logs: Logs) -> None:
    """A collector can read it."""
    stream = open_logs("json")
    logging.getLogger("exporter.jobs").error("x" * 20_000, extra={"job_id": "3524033000006027001"})
    line = json.loads(stream.getvalue())
    assert (line["level"], line["job_id"]) == ("error", "3524033000006027001")


def test_a_secret_is_hidden_before_a_line_is_cut(open_logs: Logs) -> None:
    """Half a secret would be known to nobody."""
    stream = open_logs("json")
    logging.getLogger("exporter.jobs").error("%s", "x" * 2040 + SECRET + "x" * 20_000)
    assert "1000" not in stream.getvalue()


def test_an_event_that_cannot_be_written_shows_nothing(open_logs: Logs, capsys: pytest.CaptureFixture[str]) -> None:
    """Python's own words about it would show the event."""
    stream = open_logs("logfmt")
    logging.getLogger("exporter.jobs").error("%d", SECRET)
    assert (stream.getvalue(), capsys.readouterr().err) == ("", "")
