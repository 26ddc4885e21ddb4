"""What files say, read again once they have changed and rest: half a file may be valid too, and say less."""

import logging
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar

from exporter.errors import ConfigurationError, Problem

_log = logging.getLogger(__name__)

T = TypeVar("T")
_Stamp: TypeAlias = tuple[int, int, int, int] | None

REST_SECONDS = 0.1
"""How long a file must have stayed the same before its new version is believed."""
_PATIENCE_SECONDS = 0.5
"""How long after its first change a file is waited for: one that is written all the time never rests."""


class Watched(Generic[T]):
    """The last good content of some files. A version that can't be used is logged once and told by `problems`.

    Only `look` reads the files; it is for one thread at a time.

    Args:
        lament: what the log says of a version that can't be used; `{}` stands for the problems.
        paths: where they are.
        read: reads them; may raise `ConfigurationError`.
        check: may refuse new content after the last good one by raising `ConfigurationError`.
        start: what counts while there was no good version; without it the files must be good.
        stopwatch: gives seconds that never go backwards.

    Raises:
        ConfigurationError: they can't be used.
    """

    def __init__(
        self,
        lament: str,
        paths: Collection[Path],
        read: Callable[[], T],
        check: Callable[[T, T], None] = lambda _old, _new: None,
        *,
        start: T | None = None,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lament = lament
        self._paths = paths
        self._read = read
        self._check = check
        self._stopwatch = stopwatch
        self._taken = self._seen = self._stamps()
        self._seen_at = self._moving_since = 0.0
        self.problems: tuple[Problem, ...] = ()
        self.content: T = start if start is not None else read()
        if start is not None:
            self._take(self._taken)

    @property
    def is_moving(self) -> bool:
        """Whether they have changed, and what they say now is not known yet."""
        return self._seen != self._taken

    @property
    def will_rest(self) -> bool:
        """Whether it is worth waiting for them: they changed a moment ago."""
        return self.is_moving and self._stopwatch() - self._moving_since < _PATIENCE_SECONDS

    def look(self) -> None:
        """Read what has changed and rests. Costs a look at each file's date otherwise."""
        stamps, now = self._stamps(), self._stopwatch()
        if stamps != self._seen:
            self._moving_since = self._moving_since if self.is_moving else now
            self._seen, self._seen_at = stamps, now
        elif self.is_moving and now - self._seen_at >= REST_SECONDS:
            self._take(stamps)
            if not self.is_moving and not self.problems:
                _log.info("read anew", extra={"files": ", ".join(map(str, self._paths))})

    def _take(self, stamps: tuple[_Stamp, ...]) -> None:
        problems: tuple[Problem, ...] = ()
        content = self.content
        try:
            content = self._read()
        except ConfigurationError as error:
            problems = error.problems
        if self._stamps() != stamps:  # what was read may be half old and half new
            return
        self._taken = stamps
        try:
            if not problems:
                self._check(self.content, content)
        except ConfigurationError as error:
            problems = error.problems
        self._tell(problems)
        if not problems:
            self.content = content

    def _tell(self, problems: tuple[Problem, ...]) -> None:
        if problems and problems != self.problems:
            said = "; ".join(map(str, problems))
            _log.error("%s", self._lament.format(said), extra={"problems": said})
        self.problems = problems

    def _stamps(self) -> tuple[_Stamp, ...]:
        return tuple(map(_stamp, self._paths))


def _stamp(file: Path) -> _Stamp:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino
