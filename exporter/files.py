"""Files that somebody else names: only regular ones are read, only so much of them, without waiting for a writer.

Those of our own are written whole or not at all.
"""

import codecs
import errno
import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias

from exporter.errors import ConfigurationError, Problem

_KINDS = {"p": "a pipe", "s": "a socket", "b": "a device", "c": "a device"}
"""By the letter that `ls` shows."""
_NOT_UTF8 = "is not UTF-8 text: save it as UTF-8"
_UTF16 = "is UTF-16, as some editors and PowerShell write: save it as UTF-8"
_LARGEST_SECRET = 64 * 1024
_OTHERS = stat.S_IROTH | stat.S_IWOTH
_OURS, _READABLE = 0o600, 0o644

Stamp: TypeAlias = tuple[int, int, int, int] | None


class Watch:
    """Remembers how files looked. Not thread-safe.

    Args:
        files: gives the files to look at, anew at each look; some may not exist.
        is_news: whether what is there at the start is news: whoever has read it before may have missed a change.
    """

    def __init__(self, files: Callable[[], Iterable[Path]], *, is_news: bool = False) -> None:
        self._files = files
        self._seen = {} if is_news else self._look()

    def has_changed(self) -> bool:
        """Whether any file has changed, come or gone since the last call, or since the start."""
        before, self._seen = self._seen, self._look()
        return self._seen != before

    def _look(self) -> dict[Path, Stamp]:
        return {file: stamp(file) for file in self._files()}


def stamp(file: Path) -> Stamp:
    """Give what tells a file's versions apart, also two of one date and size; `None` where there is none."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def open_to_all(file: Path) -> str:
    """Say of a file of our own that every user of the machine may read it; empty where none may."""
    try:
        status = file.stat()
    except (OSError, ValueError):
        return ""
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or not status.st_mode & _OTHERS:
        return ""
    return f"has the mode {stat.S_IMODE(status.st_mode):04o}, so any user may read it: chmod 600"


def read_named_secret(place: str, file: str) -> str:
    """Read a secret file that a flag or a variable names, which is the place of what is wrong with it.

    Raises:
        ConfigurationError: it can't be used.
    """
    if not file:
        raise refused(place, "names no file")
    try:
        return read_secret_file(Path(file))
    except ConfigurationError as error:
        raise refused(place, "; ".join(f'"{file}" {problem.message}' for problem in error.problems)) from error


def read_secret_file(path: Path) -> str:
    """Give the secret in a file, without the white space around it. Reads the file anew at each call.

    Raises:
        ConfigurationError: with one problem, placed at the file, that says what is wrong with it.
    """
    text = read_text(path, _LARGEST_SECRET, expected="a secret alone")
    try:
        return refuse_unfit(text)
    except ValueError as error:
        message = str(error)
    # Raised out of the `except`: the error's frames hold the secret.
    raise refused(path, message)


def refuse_unfit(secret: str) -> str:
    """Give a secret without the white space around it.

    Raises:
        ValueError: when it is empty or several words or lines.
    """
    secret = secret.strip()
    if not secret:
        raise ValueError("is empty")
    if not secret.isprintable() or " " in secret:
        raise ValueError("holds more than one word or line: expected the secret alone")
    return secret


def read_text(path: Path, most_bytes: int, *, expected: str = "") -> str:
    """Give a file's text, without its byte order mark; as `read_bytes` otherwise."""
    content = read_bytes(path, most_bytes, expected=expected)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    # Raised out of the `except`: the error carries the bytes, which may be a secret.
    raise refused(path, _UTF16 if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else _NOT_UTF8)


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


def write_whole(file: Path, text: str, *, mode: int | None = None, is_over: bool = False) -> None:
    """Write a file by a new one that takes its place, also that of another one where `is_over`.

    `mode` is the file's whatever the umask says; without one its owner may read and write, others read at most.

    Raises:
        FileExistsError: another one is there, and stays.
        OSError: it can't be written; what was there stays.
    """
    if is_over:
        refuse_to_replace(file)
    new = file.parent / f".{file.name}.{os.getpid()}.new"
    new.unlink(missing_ok=True)  # of one that was killed
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _READABLE if mode is None else mode)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            os.fchmod(descriptor, stat.S_IMODE(os.fstat(descriptor).st_mode) | _OURS if mode is None else mode)
            stream.write(text)
        if not is_over:
            file.touch(_OURS, exist_ok=False)  # of several writers the first has the name
        new.replace(file)
    finally:
        new.unlink(missing_ok=True)


def refuse_to_replace(file: Path) -> None:
    """Let a file of ours take the place of a regular one, or of nothing: a device or a pipe is somebody's.

    Raises:
        OSError: something else is there.
    """
    if not os.path.lexists(file):
        return
    if not file.exists():
        raise OSError(errno.EINVAL, "it is a link to nothing")
    mode = file.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, f"it is {_kind(mode)}, not a regular file")


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
        raise ValueError(f"is {_kind(mode)}, not a regular file: put the content into a file, which can be read again")


def _kind(mode: int) -> str:
    return _KINDS.get(stat.filemode(mode)[0], "of another kind")


def _ownership(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return " (nor may its directory)"
    return f": it belongs to uid {status.st_uid} and its mode is {stat.S_IMODE(status.st_mode):04o}"
