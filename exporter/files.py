"""Read files that somebody else names: only regular ones, only so much of them, and without waiting for a writer."""

import os
import stat
from pathlib import Path

from exporter.errors import ConfigurationError, Problem

_KINDS = {"p": "a pipe", "s": "a socket", "b": "a device", "c": "a device"}
"""By the letter that `ls` shows."""


def read_text(path: Path, most_bytes: int, *, expected: str = "") -> str:
    """Give a file's text, without its byte order mark; as `read_bytes` otherwise."""
    content = read_bytes(path, most_bytes, expected=expected)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    # Raised out of the `except`: the error carries the bytes, which may be a secret.
    raise refused(path, "is not UTF-8 text")


def read_bytes(path: Path, most_bytes: int, *, expected: str = "") -> bytes:
    """Give a regular file's content. `expected` says in a noun phrase what should stand in it.

    Raises:
        ConfigurationError: with one problem, placed at the file, that says what is wrong with it.
    """
    try:
        content = _read(path, most_bytes + 1)
    except (OSError, ValueError) as error:
        raise refused(path, explain(error, path)) from error
    if len(content) > most_bytes:
        limit = f"{most_bytes >> 20} MiB" if most_bytes >> 20 else f"{most_bytes >> 10} KiB"
        raise refused(path, f"is larger than {limit}" + (f": expected {expected}" if expected else ""))
    return content


def refused(place: object, message: str) -> ConfigurationError:
    """Give the error of one problem."""
    return ConfigurationError((Problem(str(place), message),))


def explain(error: Exception, path: Path) -> str:
    """Say what kept a file from being read, in words that follow the file's name."""
    match error:
        case FileNotFoundError():
            return "does not exist"
        case PermissionError():
            return f"may not be read by uid {os.geteuid()}{_ownership(path)}"
        case IsADirectoryError():
            return "is a directory, not a file"
        case OSError():
            return f"can't be read: {error.strerror or type(error).__name__}"
        case _:
            return str(error)


def _read(path: Path, most_bytes: int) -> bytes:
    # Opened without waiting and looked at once it is open: what is checked is what is read, whatever happens to the
    # path meanwhile.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        _refuse_kind(path.stat().st_mode)  # a socket can't be opened at all
        raise
    with os.fdopen(descriptor, "rb") as file:
        _refuse_kind(os.fstat(descriptor).st_mode)
        return file.read(most_bytes)


def _refuse_kind(mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.filemode(mode)[0], "of another kind")
        raise ValueError(f"is {kind}, not a regular file: put the content into a file, which can be read again")


def _ownership(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return " (nor may its directory)"
    return f": it belongs to uid {status.st_uid} and its mode is {stat.S_IMODE(status.st_mode):04o}"
