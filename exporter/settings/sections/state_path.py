"""Where the state file lives when nobody says: right for a service, a container and a laptop."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

MEMORY = "memory"
"""What is written instead of a path to keep nothing."""

_PROGRAM = "zoho-mass-update-exporter"
_FILE = "state.db"
_SYSTEM = Path("/var/lib") / _PROGRAM


def state_file(
    path: Path | None,
    environ: Mapping[str, str] | None = None,
    system: Path = _SYSTEM,
    can_write: Callable[[Path], bool] = lambda directory: os.access(directory, os.W_OK),
) -> Path | None:
    """Give the state file; `None` for memory only.

    Args:
        path: what the settings say, if they do.
        environ: the process's environment unless given; `STATE_DIRECTORY` is systemd's, the others a desktop's.
        system: the directory of a container's volume, used where it exists and can be written.
        can_write: whether this process may write to a directory.
    """
    if path is not None:
        return None if str(path) == MEMORY else path
    environ = os.environ if environ is None else environ
    if service := environ.get("STATE_DIRECTORY", "").split(":")[0]:
        return Path(service) / _FILE
    if system.is_dir() and can_write(system):
        return system / _FILE
    home = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME") or Path.cwd()) / ".local" / "state")
    return Path(home) / _PROGRAM / _FILE
