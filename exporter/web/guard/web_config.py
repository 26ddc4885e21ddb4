"""What the web-config file and its certificates ask for; each is read again when it changes, and taken for itself."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from exporter.errors import Problem
from exporter.files import refused
from exporter.model import TlsServer, WebAccess
from exporter.web.guard.tls import Tls, open_tls
from exporter.web.guard.watched import Watched

_NOBODY = re.compile(r"""(?:^|[{,])\s*["']?basic_auth_users["']?\s*:\s*\{\s*\}""", re.MULTILINE)
"""The explicit word that nobody is asked for a password."""
_COMMENT = re.compile(r"(?:^|\s)#.*")

_Written: TypeAlias = tuple[str, WebAccess]
"""The file's text, and what it asks for."""


class WebConfig:
    """Gives what a web-config file asks for. `look` is for one thread at a time.

    Args:
        path: the file.
        read: reads it; may raise `ConfigurationError`.
        stopwatch: gives seconds that never go backwards.

    Raises:
        ConfigurationError: the file or one that it names can't be used.
    """

    def __init__(
        self, path: Path, read: Callable[[Path], WebAccess], *, stopwatch: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = path
        self._reader = read
        self._stopwatch = stopwatch
        lament = "the web-config file can't be used, the last good one stays in force"
        self._file = Watched(lament, [path], self._read, self._take_certificates_of, stopwatch=stopwatch)
        self._certificates = self._open(self.access.tls)

    @property
    def tls(self) -> Tls | None:
        """What TLS is made with; nothing where none is spoken."""
        return self._certificates.content if self._certificates else None

    @property
    def access(self) -> WebAccess:
        """What the file asks for."""
        return self._file.content[1]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the files' latest version; nothing while what is in force is what they say."""
        return (*self._file.problems, *(self._certificates.problems if self._certificates else ()))

    @property
    def will_rest(self) -> bool:
        """Whether a new version is about to be believed."""
        return self._file.will_rest or (self._certificates is not None and self._certificates.will_rest)

    def look(self) -> None:
        """Read what has changed and rests."""
        self._file.look()
        if self._certificates:
            self._certificates.look()

    def _read(self) -> _Written:
        # In this order: what is no regular file the reader refuses, which here would hang.
        access = self._reader(self._path)
        try:
            return self._path.read_text(encoding="utf-8", errors="replace"), access
        except OSError as error:
            raise refused(self._path, f"can't be read: {error.strerror}") from error

    def _open(self, server: TlsServer | None) -> Watched[Tls] | None:
        lament = "the certificates can't be used, the last good ones stay in force"
        return Watched(lament, server.files, lambda: open_tls(server), stopwatch=self._stopwatch) if server else None

    def _take_certificates_of(self, old: _Written, new: _Written) -> None:
        if fault := _fault(old, new):
            raise refused(self._path, fault)
        if old[1].tls != new[1].tls:
            self._certificates = self._open(new[1].tls)


def _fault(old: _Written, new: _Written) -> str:
    """Say what a person would not write, but a file that is being written, emptied or cut off may well say."""
    (old_text, before), (text, access) = old, new
    if (before.tls is None) is not (access.tls is None):
        return "tls_server_config: TLS goes on or off at a start only: restart the exporter, or write it as it was"
    if before.users and not access.users and not _NOBODY.search(_COMMENT.sub("", text)):
        return "basic_auth_users: is gone; to ask nobody for a password write basic_auth_users: {}"
    is_beginning = old_text.startswith(text) and old_text.strip() != text.strip()
    asks_less = (access.tls, access.headers) != (before.tls, before.headers)
    # A person who takes away the last user leaves a whole line before it.
    if is_beginning and (asks_less or not text.endswith("\n")):
        return "is the beginning of the last good version: is it cut off? A comment at its end says that it is not"
    return ""
