"""Why a state file can't be used, and what to do: what there is to say before anybody opens it."""

import errno
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
    errno.ENOSPC: FREE_SPACE,
    errno.EDQUOT: FREE_SPACE,
    errno.ENOLCK: "this file system has no locks: choose a path on a local disk",
}


_WHY = "can't be used: "


def refusal(path: Path, message: str) -> ConfigurationError:
    """Give the problem with the state file at `path`."""
    return refused("state.path", f"the state file {path} {_WHY}{message}")


def reason_of(error: ConfigurationError) -> str:
    """Give why a state file can't be used, for whoever uses one that no setting names."""
    return str(error).partition(_WHY)[2]


def advice_of_system(error: OSError) -> str:
    """Say what an operator can do about an error of the file system."""
    return _ADVICE_BY_ERRNO.get(error.errno or 0, CHECK_DISK)
