"""Secrets that live in files of their own, as Docker and Kubernetes mount them: read, never quoted."""

import os
import stat
from pathlib import Path

from exporter.errors import ConfigurationError, Problem

_MAX_BYTES = 64 * 1024


def read_secret_file(path: Path) -> str:
    """Give the secret in a file, without the white space around it. Reads the file anew at each call.

    Raises:
        ConfigurationError: with one problem, placed at the file, that says what is wrong with it.
    """
    problem = ""
    secret = ""
    try:
        secret = _read(path)
    except (OSError, ValueError) as error:
        problem = explain(error, path)
    # Raised out of the `except`: a decoding error carries the bytes it failed on.
    if problem:
        raise ConfigurationError((Problem(str(path), problem),))
    return secret


def refuse_unfit(secret: str) -> str:
    """Give a secret stripped of the white space around it.

    Raises:
        ValueError: when it is empty or several words or lines.
    """
    secret = secret.strip()
    if not secret:
        raise ValueError("is empty")
    if not secret.isprintable() or " " in secret:
        raise ValueError("holds more than one word or line: expected the secret alone")
    return secret


def explain(error: Exception, path: Path) -> str:
    """Say what kept a file from being read, in words that follow the file's name."""
    match error:
        case FileNotFoundError():
            return "does not exist"
        case PermissionError():
            return f"may not be read by uid {os.geteuid()}{_ownership(path)}"
        case IsADirectoryError():
            return "is a directory, not a file"
        case UnicodeDecodeError():
            return "is not UTF-8 text"
        case OSError():
            return f"can't be read: {error.strerror or type(error).__name__}"
        case _:
            return str(error)


def _ownership(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return " (nor may its directory)"
    return f": it belongs to uid {status.st_uid} and its mode is {stat.S_IMODE(status.st_mode):04o}"


def _read(path: Path) -> str:
    # A named pipe would block the start for ever.
    if path.exists() and not path.is_file() and not path.is_dir():
        raise ValueError("is not a regular file")
    with path.open("rb") as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise ValueError(f"is larger than {_MAX_BYTES // 1024} KiB: expected a secret alone")
    return refuse_unfit(content.decode("utf-8-sig"))
