"""What a command says: its answer on standard output, all else on standard error.

Whatever was typed, or came from somewhere, moves no cursor and turns no words round there.
"""

import errno
import os
import select
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TextIO

from exporter.cli.command import PROGRAM

_LOST = frozenset({errno.EPIPE, errno.ENOSPC, errno.EIO, errno.EDQUOT})
_UNWRITTEN, _UNREAD = 1, 128 + signal.SIGPIPE
"""How a command ends whose answer is lost: what reads no further ends most programs by that signal."""
_STANDARD_OUTPUT = 1

_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"
"""Some writing systems need them, and they move no cursor."""

_FORMULA = ("=", "+", "-", "@")
"""What a spreadsheet reckons with begins so."""


def write(text: str) -> None:
    """Write a line of the answer, at once."""
    put(sys.stdout, text)


def put(stream: TextIO, *lines: str) -> None:
    """Write lines for people, at once."""
    stream.write("".join(f"{line}\n" for line in _shown(lines)))
    stream.flush()


def say(*lines: str) -> None:
    """Write lines about the answer; a terminal gets them broken where it would break them within a word."""
    width = os.get_terminal_size(sys.stderr.fileno()).columns if sys.stderr.isatty() else 0
    put(sys.stderr, *(_fitting(_shown(lines), width) if width else lines))


def tell(*lines: str) -> None:
    """Say what is to be said if it can be: whatever becomes of standard error, the command goes on."""
    try:
        say(*lines)
    except OSError:
        let_go(sys.stderr)


def put_surely(stream: TextIO, *lines: str) -> None:
    """Write lines that tell of what is done: where the stream does not take them, these and all others go to the other.

    That is standard error; whatever becomes of that, the command goes on.
    """
    try:
        put(stream, *lines)
    except OSError:
        let_go(stream)
        stream.flush()
        os.dup2(sys.stderr.fileno(), stream.fileno())
        tell(*lines)


def visible(text: str, spared: str = _JOINERS) -> str:
    """Write out what a terminal would not show, or would turn round, but for what is spared."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() or letter in spared else ascii(letter)[1:-1] for letter in text)


def _shown(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield from map(visible, line.split("\n"))


def is_closed(stream: TextIO) -> bool:
    """Whether the shell has closed it (`>&-`), so that it was opened to nobody; who says `>/dev/null` means it."""
    return getattr(stream, "name", "") == os.devnull


def is_lost(error: OSError) -> bool:
    """Whether it says that an answer can't be written."""
    return error.errno in _LOST


def give_up(error: OSError) -> int:
    """Say why the answer can't be written, let go of the rest of it, and give the exit status."""
    let_go(sys.stdout)
    tell()  # what standard error does not take either would end the process with a status of Python's own
    if error.errno == errno.EPIPE:  # whoever reads no further needs no word
        return _UNREAD
    tell(f"{PROGRAM}: the output can't be written: {error.strerror}")
    return _UNWRITTEN


def pause(seconds: float) -> None:
    """Wait before there is more to write, for as long as somebody reads it.

    Raises:
        BrokenPipeError: nobody does any more.
    """
    output = select.poll()
    output.register(_STANDARD_OUTPUT, 0)
    if output.poll(seconds * 1000):
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def let_go(stream: TextIO) -> None:
    """Lead what is left to flush to where that does not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _fitting(lines: Iterable[str], width: int) -> Iterator[str]:
    """Break lines between words; a command to type stays whole, on a line of its own, and so does an address."""
    from textwrap import wrap  # noqa: PLC0415 - a terminal alone needs it

    for line in lines:
        # Before what it says its name is no command.
        words, program, rest = (line, "", "") if line.startswith(PROGRAM) else line.partition(f"{PROGRAM} ")
        if len(line) <= width or not words.strip():
            yield line
            continue
        margin = " " * (len(line) - len(line.lstrip()))
        yield from wrap(words, width, subsequent_indent=margin, break_long_words=False, break_on_hyphens=False)
        if program:
            yield f"{margin}  {program}{rest}"


def write_csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write rows with these columns; what is not known is empty, and truth is true or false as in JSON.

    No text is a formula to the spreadsheet that opens it: an apostrophe before it says so.
    """
    import csv  # noqa: PLC0415 - few ask for it

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row.get(column)) for column in columns])


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return str(value).lower() if isinstance(value, bool) else value
