"""What the web-config file and its certificates ask for; each is read again when it changes, and taken for itself."""

import re
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from exporter.access import TlsServer, WebAccess
from exporter.errors import ConfigurationError, Problem
from exporter.files import open_to_all, read_text, refused
from exporter.web.guard.tls import Tls, open_tls
from exporter.web.guard.watched import Watched

_MOST_BYTES = 4 * 1024 * 1024
_NOBODY = re.compile(r"""(?:^|[{,])\s*["']?basic_auth_users["']?\s*:\s*\{\s*\}""", re.MULTILINE)
"""The explicit word that nobody is asked for a password."""
_COMMENT = re.compile(r"(?:^|\s)#.*")


class _InForce(NamedTuple):
    """The file's text, what it asks for, and what TLS is made with."""

    text: str
    access: WebAccess
    certificates: Watched[Tls | None]


class WebConfig:
    """Gives what a web-config file asks for. `look` is for one thread at a time.

    Args:
        path: the file.
        read: reads it; may raise `ConfigurationError`.

    Raises:
        ConfigurationError: the file or one that it names can't be used.
    """

    def __init__(self, path: Path, read: Callable[[Path], WebAccess]) -> None:
        self._path = path
        self._reader = read
        lament = "the web-config file can't be used, the last good one stays in force"
        self._file = Watched(lament, [path], self._read)

    @property
    def tls(self) -> Tls | None:
        """What TLS is made with; nothing where none is spoken."""
        return self._file.content.certificates.content

    @property
    def access(self) -> WebAccess:
        """What the file asks for."""
        return self._file.content.access

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the files' latest version; nothing while what is in force is what they say."""
        return self._file.problems + self._file.content.certificates.problems

    def warnings(self) -> tuple[Problem, ...]:
        """Warn of certificates in force that are not valid, or not for long, and of a key that anybody may read."""
        if not self.access.tls or not self.tls:
            return ()
        file = self.access.tls.key_file or self._path
        text = open_to_all(file)
        exposed = (Problem(str(file), f"holds the key of TLS and {text}"),) if text else ()
        return (*exposed, *chain.from_iterable(each.doubts(time.time()) for each in self.tls.validities))

    @property
    def is_moving(self) -> bool:
        """Whether the files have changed, and what they say now is not known yet."""
        return self._file.is_moving or self._file.content.certificates.is_moving

    def look(self, pause: Callable[[float], object] = time.sleep) -> None:
        """Read what has changed and rests, for which it pauses some seconds."""
        self._file.look(pause)
        self._file.content.certificates.look(pause)

    def _read(self, old: _InForce | None) -> _InForce:
        # In this order: the reader's refusals say what should stand in the file.
        access = self._reader(self._path)
        text = read_text(self._path, _MOST_BYTES)
        if old and (fault := _fault(old, text, access)):
            raise refused(self._path, fault)
        is_same = old is not None and old.access.tls == access.tls
        return _InForce(text, access, old.certificates if old and is_same else self._watch_certificates(access.tls))

    def _watch_certificates(self, server: TlsServer | None) -> Watched[Tls | None]:
        lament = "the certificates can't be used, the last good ones stay in force"
        return Watched(lament, server.files if server else (), lambda _: self._open_tls(server) if server else None)

    def _open_tls(self, server: TlsServer) -> Tls:
        try:
            return open_tls(server)
        except ConfigurationError as error:
            problems = (Problem(str(self._path), _said(server, problem)) for problem in error.problems)
            raise ConfigurationError(tuple(problems)) from error


def _said(server: TlsServer, problem: Problem) -> str:
    """Give what is wrong with a certificate behind the key that names it, or has it."""
    for key in ("cert_file", "key_file", "client_ca_file"):
        if problem.place == str(getattr(server, key)):
            return f'tls_server_config.{key}: "{problem.place}" {problem.message}'
    return str(problem)


def _fault(old: _InForce, text: str, access: WebAccess) -> str:
    """Say what a person would not write, but a file that is being written, emptied or cut off may well say."""
    before = old.access
    if (before.tls is None) is not (access.tls is None):
        return "tls_server_config: TLS goes on or off at a start only: restart the exporter, or write it as it was"
    if before.users and not access.users and not _NOBODY.search(_COMMENT.sub("", text)):
        return "basic_auth_users: is gone; to ask nobody for a password write basic_auth_users: {}"
    is_beginning = old.text.startswith(text) and old.text.strip() != text.strip()
    asks_less = replace(access, users={}) != replace(before, users={})
    # A person who takes away the last user leaves a whole line before it.
    if is_beginning and (asks_less or not text.endswith("\n")):
        return "is the beginning of the last good version: is it cut off? A comment at its end says that it is not"
    return ""
