"""What files say, read again once they have changed and rest: half a file may be valid too, and say less."""

import logging
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Generic, TypeVar

from exporter.errors import ConfigurationError, Problem
from exporter.files import Stamp, stamp

_log = logging.getLogger(__name__)

T = TypeVar("T")

_REST_SECONDS = 0.1
"""How long a file must have stayed the same before its new version is believed."""


class Watched(Generic[T]):
    """The last good content of some files. A version that can't be used is logged once and told by `problems`.

    Only `look` reads the files; it is for one thread at a time.

    Args:
        lament: what the log says of a version that can't be used; `{}` stands for the problems.
        paths: where they are.
        read: reads them, given the last good content; may raise `ConfigurationError`.
        start: what counts while there was no good version; without it the files must be good.

    Raises:
        ConfigurationError: they can't be used.
    """

    def __init__(
        self, lament: str, paths: Collection[Path], read: Callable[[T | None], T], start: T | None = None
    ) -> None:
        self._lament = lament
        self._paths = paths
        self._read = read
        self._taken = self._stamps()
        self.problems: tuple[Problem, ...] = ()
        self.is_moving = False
        """Whether they have changed, and what they say now is not known yet."""
        self.content: T = start if start is not None else read(None)
        if start is not None:
            self._take(self._taken)

    def look(self, pause: Callable[[float], object] = time.sleep) -> None:
        """Read what has changed and rests, for which it pauses some seconds. Costs a look at each file otherwise."""
        stamps = self._stamps()
        self.is_moving = stamps != self._taken
        if not self.is_moving:
            return
        pause(_REST_SECONDS)
        if self._stamps() == stamps:
            self._take(stamps)
            if not self.is_moving and not self.problems:
                _log.info("read anew", extra={"files": ", ".join(map(str, self._paths))})

    def _take(self, stamps: tuple[Stamp, ...]) -> None:
        problems: tuple[Problem, ...] = ()
        content = self.content
        try:
            content = self._read(content)
        except ConfigurationError as error:
            problems = error.problems
        if self._stamps() != stamps:  # what was read may be half old and half new
            return
        if problems and problems != self.problems:
            said = "; ".join(map(str, problems))
            _log.error("%s", self._lament.format(said), extra={"problems": said})
        self.content, self.problems, self._taken, self.is_moving = content, problems, stamps, False

    def _stamps(self) -> tuple[Stamp, ...]:
        return tuple(map(stamp, self._paths))
