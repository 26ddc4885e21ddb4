"""Whether a state file or a database could be used, for who asks before a start: nothing stays, or is changed."""

import os
import re
from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryFile

from exporter.files import refused
from exporter.state.refusal import APPLICATION_ID, MOVE_AWAY, VERSION, advice_of_system, is_there, refusal

_PROGRAM = "zoho-mass-update-exporter"
_NAME = re.compile("[A-Za-z_]{1,40}")
_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 108
_ROOM_BYTES = 64 * 1024
"""What a start takes of the disk: a new file, its log and the log's index."""
_EMPTY_LEAF = b"\x0d\0\0\0\0"
"""How the first page's tree begins where there is no table."""


def inspect_state(path: Path | None) -> None:
    """Look whether the state file could be opened, or made where there is none; `None` for memory is always fine.

    That another exporter has it open is no fault: whoever asks may be about to stop that one.

    Raises:
        ConfigurationError: it could not; the problem says what to do.
    """
    if path is None:
        return
    real = Path(os.path.realpath(path))
    try:
        if is_there(path, real):
            _inspect_file(path, real)
        folder = next(parent for parent in real.parents if parent.exists())
        with TemporaryFile(dir=folder) as file:
            file.write(os.urandom(_ROOM_BYTES))  # what a file system can't make smaller
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise refusal(path, f"{error.strerror}: {advice_of_system(error)}") from error


def inspect_database(url: str, parameters: Collection[str], place: str = "state.url") -> None:
    """Look whether a database could be asked, without asking: the driver is here, and takes the URL and its parameters.

    That it does not answer is no fault: an exporter starts without it, and waits.

    Raises:
        ConfigurationError: it could not; the problem says what to do.
    """
    try:
        from exporter.state.postgres.database import can_parse, known_parameters  # noqa: PLC0415 - an extra, which few have
    except ImportError as error:
        needs = f"needs PostgreSQL's driver, which is not here: pip install '{_PROGRAM}[postgres]'"
        raise refused(place, needs) from error
    if unknown := sorted(set(parameters) - known_parameters()):
        # What looks like no name may be a piece of a password.
        name = next((f'"{name}"' for name in unknown if _NAME.fullmatch(name)), "what stands behind a ? or &")
        raise refused(place, f"{name} is no parameter that PostgreSQL's driver knows, such as sslmode=verify-full")
    if not can_parse(url):
        raise refused(place, "is not as PostgreSQL's driver takes it: see to each % and = in it")


def _inspect_file(path: Path, real: Path) -> None:
    with real.open("r+b") as file:
        header = file.read(_HEADER_BYTES)
    if header and not header.startswith(_MAGIC):
        raise refusal(path, f"it is not a state file: choose another path, or {MOVE_AWAY}")
    version, application = (int.from_bytes(header[at : at + 4]) for at in (60, 68))
    if application != APPLICATION_ID and (application or not header[100:].startswith(_EMPTY_LEAF)) and header:
        raise refusal(path, f"it is another program's database: choose another path, or {MOVE_AWAY}")
    if version > VERSION:
        made_by = f"a newer version of the exporter made it (schema {version}, known here: up to {VERSION})"
        raise refusal(path, f"{made_by}: run that version, or {MOVE_AWAY}")
