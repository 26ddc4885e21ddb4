"""The token of the job API, and no token at all while its file can't be trusted."""

import hmac
from collections.abc import Callable
from functools import partial
from pathlib import Path

from exporter.errors import ConfigurationError, Problem
from exporter.web.guard.watched import Watched


class BearerToken:
    """Knows the token. `look` is for one thread at a time.

    Args:
        path: its file.
        read: reads the file; may raise `ConfigurationError`.
        watch: makes the watch over it.
    """

    def __init__(
        self, path: Path, read: Callable[[Path], str], *, watch: Callable[..., Watched[str]] = Watched
    ) -> None:
        self._path = path
        self._file = watch(
            "the API's token can't be read: {}", [path], partial(read, path), self._refuse_cut_off, start=""
        )
        self.look = self._file.look

    @property
    def value(self) -> str:
        """The token; empty where there is none, or none that can be relied on: then the API is off."""
        return "" if self._file.problems or self._file.is_moving else self._file.content

    @property
    def will_rest(self) -> bool:
        """Whether a new token is about to be believed."""
        return self._file.will_rest

    def matches(self, header: str) -> bool:
        """Whether an `Authorization` header carries the token; takes as long for a wrong one as for a right one."""
        scheme, _, given = header.partition(" ")
        is_equal = hmac.compare_digest(given.strip().encode(), self.value.encode())
        return scheme.lower() == "bearer" and is_equal and bool(self.value)

    def _refuse_cut_off(self, old: str, new: str) -> None:
        if old != new and old.startswith(new):
            problem = Problem(str(self._path), "holds the beginning of the last token: is it cut off?")
            raise ConfigurationError((problem,))
