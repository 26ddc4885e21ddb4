"""The token of the job API, and no token at all while its file can't be trusted."""

import hmac
from collections.abc import Callable
from pathlib import Path

from exporter.files import refused
from exporter.web.guard.watched import Watched


class BearerToken(Watched[str]):
    """Knows the token that stands in a file. `look` is for one thread at a time."""

    def __init__(self, path: Path, read: Callable[[Path], str]) -> None:
        def read_whole(old: str | None) -> str:
            new = read(path)
            if old and old != new and old.startswith(new):
                raise refused(path, "holds the beginning of the last token: is it cut off?")
            return new

        super().__init__("the API's token can't be read: {}", [path], read_whole, start="")

    @property
    def value(self) -> str:
        """The token; empty where there is none, or none that can be relied on: then the API is off."""
        return "" if self.problems or self.is_moving else self.content

    def matches(self, header: str) -> bool:
        """Whether an `Authorization` header carries the token; takes as long for a wrong one as for a right one."""
        scheme, _, given = header.partition(" ")
        is_equal = hmac.compare_digest(given.strip().encode(), self.value.encode())
        return scheme.lower() == "bearer" and is_equal and bool(self.value)
