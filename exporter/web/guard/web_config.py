"""What the web-config file and its certificates ask for, read again when they change.

A new version that can't be used, or that says less than a person would write, leaves the last good one in force, which
is logged once and told by `problems`. File and certificates are each taken for themselves.
"""

import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from exporter.errors import ConfigurationError, Problem
from exporter.model import WebAccess
from exporter.web.guard.files import Files
from exporter.web.guard.tls import Tls, open_tls

_log = logging.getLogger(__name__)

_NOBODY = re.compile(r"""(?:^|[{,])\s*["']?basic_auth_users["']?\s*:\s*\{\s*\}""", re.MULTILINE)
"""The explicit word that nobody is asked for a password."""
_COMMENT = re.compile(r"(?:^|\s)#.*")


class WebConfig:
    """Gives what a web-config file asks for. Only `look` reads files; it is for one thread at a time.

    Args:
        path: the file.
        read: reads it; may raise `ConfigurationError`.
        make_files: gives the watch over some files.

    Raises:
        ConfigurationError: the file or one that it names can't be used.
    """

    def __init__(
        self, path: Path, read: Callable[[Path], WebAccess], *, make_files: Callable[..., Files] = Files
    ) -> None:
        self._path = path
        self._reader = read
        self._make_files = make_files
        self._problems: dict[str, tuple[Problem, ...]] = {}
        self._file = make_files(path)
        self._text, self._access = self._file.read(self._read) or self._read()
        self._certificates = make_files()
        self.tls: Tls | None = self._open(self._access)

    @property
    def users(self) -> Mapping[str, bytes]:
        """The users' bcrypt hashes; none where nobody is asked for a password."""
        return self._access.users

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers to add to every answer."""
        return self._access.headers

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the files' latest version; nothing while what is in force is what they say."""
        return tuple(problem for problems in tuple(self._problems.values()) for problem in problems)

    @property
    def will_rest(self) -> bool:
        """Whether a new version is about to be believed."""
        return self._file.will_rest() or self._certificates.will_rest()

    def look(self) -> None:
        """Read what has changed and rests. Costs a look at each file's date otherwise."""
        if self._file.have_changed() and self._file.rest():
            self._take("the web-config file", self._take_file)
        if self._certificates.have_changed() and self._certificates.rest():
            self._take("the certificates", self._take_certificates)

    def _take(self, what: str, take: Callable[[], bool]) -> None:
        try:
            is_taken = take()
        except ConfigurationError as error:
            self._problems[what] = error.problems
            problems = "; ".join(map(str, error.problems))
            _log.error("%s can't be used, the last good one stays in force", what, extra={"problems": problems})
            return
        if is_taken:
            self._problems.pop(what, None)
            _log.info("read %s anew", what, extra={"file": str(self._path)})

    def _take_file(self) -> bool:
        found = self._file.read(self._read)
        if found is None:
            return False
        text, access = found
        self._refuse_weaker(text, access)
        if access.tls != self._access.tls:
            self.tls = self._open(access)
            self._problems.pop("the certificates", None)
        self._text, self._access = text, access
        return True

    def _take_certificates(self) -> bool:
        described = self._access.tls
        tls = self._certificates.read(lambda: open_tls(described)) if described else None
        self.tls = tls or self.tls
        return tls is not None

    def _read(self) -> tuple[str, WebAccess]:
        # In this order: what is no regular file the reader refuses, which here would hang.
        access = self._reader(self._path)
        try:
            return self._path.read_text(encoding="utf-8", errors="replace"), access
        except OSError as error:
            raise ConfigurationError((Problem(str(self._path), f"can't be read: {error.strerror}"),)) from error

    def _open(self, access: WebAccess) -> Tls | None:
        described = access.tls
        certificates = self._make_files(*(described.files if described else ()))
        tls = (certificates.read(lambda: open_tls(described)) or open_tls(described)) if described else None
        self._certificates = certificates
        return tls

    def _refuse_weaker(self, text: str, access: WebAccess) -> None:
        """Refuse what a person would not write but a file that is being written, emptied or cut off may well say.

        Raises:
            ConfigurationError: with the advice.
        """
        if (access.tls is None) is not (self._access.tls is None):
            fault = "tls_server_config: TLS goes on or off at a start only: restart the exporter, or write it as it was"
        elif self._access.users and not access.users and not _NOBODY.search(_COMMENT.sub("", text)):
            fault = "basic_auth_users: is gone; to ask nobody for a password write basic_auth_users: {}"
        elif self._is_cut_off(text, access):
            fault = "is the beginning of the last good version: is it cut off? A comment at its end says that it is not"
        else:
            return
        raise ConfigurationError((Problem(str(self._path), fault),))

    def _is_cut_off(self, text: str, access: WebAccess) -> bool:
        is_beginning = self._text.startswith(text) and self._text.strip() != text.strip()
        asks_less = (access.tls, access.headers) != (self._access.tls, self._access.headers)
        # A person who takes away the last user leaves a whole line before it.
        return is_beginning and (asks_less or not text.endswith("\n"))
