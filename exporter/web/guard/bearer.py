"""The token of the job API: read again when its file changes, and no token at all while the file can't be trusted."""

import hmac
import logging
from collections.abc import Callable
from pathlib import Path

from exporter.errors import ConfigurationError
from exporter.web.guard.files import Files

_log = logging.getLogger(__name__)


class BearerToken:
    """Knows the token. Only `look` reads its file; it is for one thread at a time.

    Args:
        path: the file.
        read: reads it; may raise `ConfigurationError`.
        make_files: gives the watch over the file.
    """

    def __init__(self, path: Path, read: Callable[[Path], str], *, make_files: Callable[..., Files] = Files) -> None:
        self._path = path
        self._reader = read
        self._file = make_files(path)
        self._last_good = ""
        self._told = ""
        self.value = ""
        """Empty where there is none: then the API is off."""
        self._take()

    @property
    def will_rest(self) -> bool:
        """Whether a new token is about to be believed."""
        return self._file.will_rest()

    def look(self) -> None:
        """Read the file if it has changed. Until it rests, no token counts but the last one, where it still stands."""
        if self._file.have_changed():
            if self._file.rest():
                self._take()
            else:
                self.value = self._last_good if self._peek() == self._last_good else ""

    def matches(self, header: str) -> bool:
        """Whether an `Authorization` header carries the token; takes as long for a wrong one as for a right one."""
        scheme, _, given = header.partition(" ")
        is_equal = hmac.compare_digest(given.strip().encode(), self.value.encode())
        return scheme.lower() == "bearer" and is_equal and bool(self.value)

    def _take(self) -> None:
        try:
            token = self._file.read(lambda: self._reader(self._path))
        except ConfigurationError as error:
            self._close(str(error))
            return
        if token is None:
            return
        if token != self._last_good and self._last_good.startswith(token):
            self._close(f"{self._path}: holds the beginning of the last token: is it cut off?")
            return
        self.value = self._last_good = token
        self._told = ""

    def _close(self, problem: str) -> None:
        self.value = ""
        if problem != self._told:
            _log.error("the API's token can't be read: %s", problem)
        self._told = problem

    def _peek(self) -> str:
        try:
            return self._reader(self._path)
        except ConfigurationError:
            return ""
