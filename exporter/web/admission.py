"""Who may come in now: the web-config file and its certificates, read again when they change.

A new version that can't be used leaves the last good one in force, which is logged once and told by `problems`.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TypeAlias

from exporter.errors import ConfigurationError, Problem
from exporter.model import WebAccess
from exporter.web.tls import Tls, open_tls

_log = logging.getLogger(__name__)

_Stamp: TypeAlias = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class Admission:
    """Who may come in, ready for use: TLS where it is spoken, the users' bcrypt hashes, headers to add."""

    tls: Tls | None = None
    users: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


OPEN = Admission()
"""No TLS, and nobody is asked for a password."""


class AdmissionFile:
    """Gives the access that a web-config file describes. Thread-safe.

    Args:
        path: the file.
        read: reads it; may raise `ConfigurationError`.
        clock: gives Unix seconds.

    Raises:
        ConfigurationError: the file or one that it names can't be used.
    """

    def __init__(
        self, path: Path, read: Callable[[Path], WebAccess], *, clock: Callable[[], float] = time.time
    ) -> None:
        self._path = path
        self._read = read
        self._clock = clock
        self._lock = Lock()
        self._stamps: dict[Path, _Stamp] = {}
        self._access = self._load()
        self._problems: tuple[Problem, ...] = ()
        self._loaded_at = clock()

    def __call__(self) -> Admission:
        """Give the access of now. Costs a look at each file's date, and reads them when one has changed."""
        with self._lock:
            if any(_stamp(file) != stamp for file, stamp in self._stamps.items()):
                self._reload()
            return self._access

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the files' latest version; nothing while what is in force is what they say."""
        return self._problems

    @property
    def loaded_at(self) -> float:
        """When what is in force was read, Unix seconds."""
        return self._loaded_at

    def _reload(self) -> None:
        try:
            self._access = self._load()
        except ConfigurationError as error:
            self._problems = error.problems
            problems = "; ".join(str(problem) for problem in error.problems)
            _log.error(
                "the web-config file can't be used, the last good one stays in force", extra={"problems": problems}
            )
            return
        self._problems = ()
        self._loaded_at = self._clock()
        _log.info("read the web-config file anew", extra={"file": str(self._path)})

    def _load(self) -> Admission:
        # Stamped before it is read: what changes meanwhile is seen the next time.
        self._stamps = {self._path: _stamp(self._path)}
        described = self._read(self._path)
        if described.tls is None:
            return Admission(None, described.users, described.headers)
        self._stamps |= {file: _stamp(file) for file in described.tls.files}
        return Admission(open_tls(described.tls), described.users, described.headers)


def _stamp(file: Path) -> _Stamp:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
