"""Whether files have changed: looked at by time, size and identity, which works on every file system and mount."""

from collections.abc import Callable, Iterable
from pathlib import Path

Signature = tuple[int, int, int]


class Watch:
    """Remembers how files looked. Not thread-safe.

    Args:
        files: gives the files to look at, anew at each look; some may not exist.
    """

    def __init__(self, files: Callable[[], Iterable[Path]]) -> None:
        self._files = files
        self._seen = self._look()

    @classmethod
    def of_unseen(cls, files: Callable[[], Iterable[Path]]) -> "Watch":
        """Give a watch to which every file that is there is news: whoever has read them may have missed a change."""
        watch = cls(files)
        watch._seen = {}
        return watch

    def has_changed(self) -> bool:
        """Whether any file has changed, come or gone since the last call, or since the start."""
        before, self._seen = self._seen, self._look()
        return self._seen != before

    def _look(self) -> dict[Path, Signature | None]:
        return {file: _signature(file) for file in self._files()}


def _signature(file: Path) -> Signature | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
