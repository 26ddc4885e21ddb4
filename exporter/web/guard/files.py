"""Files that are read again when they have changed, and not before they rest: half a file may be valid too."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias, TypeVar

from exporter.errors import ConfigurationError

T = TypeVar("T")
_Stamp: TypeAlias = tuple[int, int, int, int] | None

REST_SECONDS = 0.1
"""How long a file must have stayed the same before its new version is believed."""
_PATIENCE_SECONDS = 0.5
"""How long after its first change a file is waited for: one that is written all the time never rests."""


class Files:
    """Some files, read together. Not thread-safe.

    Args:
        paths: where they are.
        stopwatch: gives seconds that never go backwards.
    """

    def __init__(self, *paths: Path, stopwatch: Callable[[], float] = time.monotonic) -> None:
        self._paths = paths
        self._stopwatch = stopwatch
        self._taken: tuple[_Stamp, ...] = ()
        self._seen: tuple[_Stamp, ...] = ()
        self._seen_at = 0.0
        self._moving_since = 0.0

    def have_changed(self) -> bool:
        """Whether they are others than those that were read."""
        stamps, now = self._stamps(), self._stopwatch()
        if stamps != self._seen:
            if self._seen == self._taken:
                self._moving_since = now
            self._seen, self._seen_at = stamps, now
        return stamps != self._taken

    def rest(self) -> bool:
        """Whether they have stayed the same for a while, as they were last seen."""
        return self._stopwatch() - self._seen_at >= REST_SECONDS

    def will_rest(self) -> bool:
        """Whether it is worth waiting for them: they changed a moment ago."""
        return self._seen != self._taken and self._stopwatch() - self._moving_since < _PATIENCE_SECONDS

    def read(self, reader: Callable[[], T]) -> T | None:
        """Read them; `None` where they changed meanwhile, so that they are looked at again.

        Raises:
            ConfigurationError: they can't be used, which is not said again until they change.
        """
        before = self._stamps()
        refused: ConfigurationError | None = None
        content: T | None = None
        try:
            content = reader()
        except ConfigurationError as error:
            refused = error
        if self._stamps() != before:
            return None
        self._taken = self._seen = before
        if refused:
            raise refused
        return content

    def _stamps(self) -> tuple[_Stamp, ...]:
        return tuple(map(_stamp, self._paths))


def _stamp(file: Path) -> _Stamp:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino
