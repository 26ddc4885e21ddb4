"""Why a state file can't be used, and what to do: what there is to say before anybody opens it."""

import errno
import stat
from pathlib import Path

from exporter.errors import ConfigurationError
from exporter.files import refused

APPLICATION_ID = 0x5A4D5545
"""Marks the file as ours in its header: "ZMUE", the exporter's initials."""
VERSION = 2
"""Of the schema. Version 1 had a column for each value: `takeover` makes documents of them."""

MOVE_AWAY = "move it away and start again; losing it costs one poll per live job"
MAKE_WRITABLE = "let the exporter's user write there, or choose another path"
FREE_SPACE = "the disk is full: free some space"
CHECK_DISK = "check the disk, its file system and the system's log"
_ADVICE_BY_ERRNO = {
    errno.EACCES: MAKE_WRITABLE,
    errno.EPERM: MAKE_WRITABLE,
    errno.EROFS: MAKE_WRITABLE,
    errno.ENOENT: MAKE_WRITABLE,  # some file systems, such as /proc, say so of a new file
    errno.ENOTDIR: "a part of the path is a file: choose another path",
    errno.EEXIST: "a part of the path is a file: choose another path",
    errno.ELOOP: "a part of the path is a link that leads to itself: choose another path",
    errno.ENAMETOOLONG: "choose another path",
    errno.ENOSPC: FREE_SPACE,
    errno.EDQUOT: FREE_SPACE,
    errno.EFBIG: "no file may be as large as it needs: raise the limit (ulimit -f, LimitFSIZE= of systemd)",
    errno.ENOLCK: "this file system has no locks: choose a path on a local disk",
}

LOCK = ".lock"
BESIDE = ("-wal", "-shm", LOCK)
"""What stands beside the file is called as it is, with one of these after it."""
_NOT_BESIDE = "move it away, or choose another path"
_LONGEST_LOCK = 64

_WHY = "can't be used: "


def refusal(path: Path, message: str) -> ConfigurationError:
    """Give the problem with the state file at `path`."""
    return refused("state.path", f"the state file {path} {_WHY}{message}")


def is_there(path: Path, real: Path) -> bool:
    """Whether there is a file; `real` is what `path` leads to. What stands beside it is looked at too.

    Raises:
        ConfigurationError: something else is there.
        OSError: nobody can look.
    """
    if (is_file := _is_file(real, follow=True)) is False:
        raise refusal(path, f"it is a directory or a device: name a file, such as {path / 'state.db'}")
    for suffix in BESIDE:
        beside = real.with_name(f"{real.name}{suffix}")
        if (is_beside := _is_file(beside, follow=False)) is False:
            raise refusal(path, f"{beside} is a directory, a device or a link: {_NOT_BESIDE}")
        if is_beside and suffix == LOCK and not _is_ours(beside):
            raise refusal(path, f"{beside} is another program's: {_NOT_BESIDE}")
    return bool(is_file)


def _is_file(path: Path, *, follow: bool) -> bool | None:
    """Whether it is a regular file; `None` where there is nothing."""
    try:
        return stat.S_ISREG(path.stat(follow_symlinks=follow).st_mode)
    except FileNotFoundError:
        return None


def _is_ours(lock: Path) -> bool:
    """Whether a lock is one that an exporter has made, which holds a process number or nothing."""
    with lock.open("rb") as file:
        content = file.read(_LONGEST_LOCK).strip()
    return not content or content.isdigit()


def reason_of(error: ConfigurationError) -> str:
    """Give why a state file can't be used, for whoever uses one that no setting names."""
    return str(error).partition(_WHY)[2]


def advice_of_system(error: OSError) -> str:
    """Say what an operator can do about an error of the file system."""
    return _ADVICE_BY_ERRNO.get(error.errno or 0, CHECK_DISK)
