"""A running exporter, asked over its own API."""

import base64
import json
import os
import re
import ssl
from argparse import Namespace
from collections.abc import Collection, Iterator, Mapping
from http import HTTPStatus
from http.client import BadStatusLine, HTTPException
from itertools import chain
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from exporter.cli.ending import LateError
from exporter.cli.jobs.client.answers import printable, read_document, read_problem
from exporter.cli.jobs.client.connections import TimelyConnection, TimelyTlsConnection
from exporter.defaults import LISTEN_PORT
from exporter.errors import ExporterError
from exporter.files import read_named_secret, refused
from exporter.model import JobKey

URL_VARIABLE, TOKEN_FILE_VARIABLE = "ZOHO_EXPORTER_URL", "ZOHO_EXPORTER_TOKEN_FILE"
DEFAULT_URL = f"http://127.0.0.1:{LISTEN_PORT}"
_TIMEOUT_SECONDS = 30.0
"""A scrape's own deadline is 10 s, unless a header says another."""
_LARGEST_ANSWER = 64 * 1024 * 1024
_JOBS_A_PAGE, _MOST_PAGES = 1000, 200
"""An exporter has 100,000 jobs at most; one of an earlier version gives them all at once."""
JOBS_PATH = "/api/v1/jobs"
_SHOWN, _DONE = (HTTPStatus.OK, HTTPStatus.CREATED), (HTTPStatus.NO_CONTENT,)
"""How the exporter answers where it has something to show, and where it has done what was asked."""
_PROBED = b"zoho_mass_update_probe_success"
"""What the page of a probe tells, whatever became of the poll."""
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST"})
"""What OpenSSL calls an answer of somebody who does not speak it."""
_SAYS_TLS = re.compile(rb"\b(?:https|ssl|tls)\b", re.IGNORECASE)
"""How servers that do tell a client who does not: Go's and ours, nginx, Apache."""
_ALERT = "\x15\x03"
_BY_TLS = "ask with https:// instead"
_START = f"start it, name another by --exporter.url or {URL_VARIABLE}, or try the demo"


class NoExporterError(ExporterError):
    """Nobody answers at the exporter's address. `advice` is what to do, where the message does not say it.

    Somebody `is_there` who took the question, and has not answered it in time.
    """

    is_passing = True

    def __init__(self, message: str, advice: str = "", *, is_there: bool = False) -> None:
        super().__init__(message)
        self.advice = advice
        self.is_there = is_there


class ExporterRefusedError(ExporterError):
    """The exporter answered that it does not do what was asked. `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    @property
    def is_passing(self) -> bool:
        """Whether it, or a proxy before it, may do it later: who goes on asking waits, as for one that is away."""
        return _is_passing(self.status)


class ExporterClient:
    """Asks one exporter. For one thread.

    Args:
        url: where it is, with what every path begins with there.
        credentials: the value of the header `Authorization`; empty for none.
        timeout_seconds: how long an answer as a whole may take.
    """

    def __init__(self, url: str, credentials: str = "", *, timeout_seconds: float = _TIMEOUT_SECONDS) -> None:
        parts = urlsplit(url)
        kind = TimelyTlsConnection if parts.scheme == "https" else TimelyConnection
        self.url = url.rstrip("/")
        self._is_plain = parts.scheme == "http"
        self._connection = kind(parts.hostname or "", parts.port, timeout=timeout_seconds)
        self._prefix = parts.path.rstrip("/")
        self._headers = {"Authorization": credentials} if credentials else {}
        self.warnings: tuple[str, ...] = ()
        """What may be missing of the jobs that it has given."""

    def jobs(self) -> list[dict[str, Any]]:
        """Give all jobs, as the API shows them, page by page; one that comes or goes meanwhile may be there or not."""
        self.warnings = ()
        return list(chain.from_iterable(self._pages()))

    def look(self) -> None:
        """See whether it answers and lets us in, for the price of a single job."""
        next(self._pages("1"))

    def job(self, key: JobKey) -> dict[str, Any]:
        """Give a job with its history, as the API shows it."""
        shown = self._json("GET", _path(key))
        self._take_warnings(shown)
        return shown

    def track(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Register a job."""
        return self._json("POST", JOBS_PATH, job)

    def untrack(self, key: JobKey) -> None:
        """Let a job go."""
        self._ask("DELETE", _path(key), expected=_DONE)

    def acknowledge(self, key: JobKey, *, is_taken_back: bool = False) -> None:
        """Take note of how a job ended, or take that back."""
        self._ask("DELETE" if is_taken_back else "POST", f"{_path(key)}/ack", expected=_DONE)

    def poll(self, key: JobKey) -> None:
        """Have a job polled if it is due."""
        asked = {"account": key.account, "crm_module": key.module, "job_id": key.job_id}
        if _PROBED not in self._ask("GET", f"/probe?{urlencode(asked)}"):
            raise self._stranger()

    def _pages(self, jobs_a_page: str = str(_JOBS_A_PAGE)) -> Iterator[list[dict[str, Any]]]:
        asked = {"limit": jobs_a_page}
        for _ in range(_MOST_PAGES):
            answer = self._json("GET", f"{JOBS_PATH}?{urlencode(asked)}")
            shown, cursor = answer.get("jobs"), answer.get("next", "")
            if not (isinstance(shown, list) and isinstance(cursor, str)) or cursor == asked.get("cursor"):
                break
            self._take_warnings(answer)
            yield shown
            if not cursor:
                return
            asked["cursor"] = cursor
        raise self._stranger()

    def _take_warnings(self, answer: Mapping[str, Any]) -> None:
        warnings = answer.get("warnings", [])
        if not isinstance(warnings, list):
            raise self._stranger()
        self.warnings = tuple(map(str, warnings))

    def _json(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        try:
            return read_document(self._ask(method, path, body))
        except ValueError as error:
            raise self._stranger() from error

    def _stranger(self) -> NoExporterError:
        return NoExporterError(f"{self.url} answers, but not as the exporter does: check the address")

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, expected: Collection[int] = _SHOWN
    ) -> bytes:
        """Ask, and give the answer's body: a page of somebody else's is no success, whatever its status.

        Raises:
            NoExporterError: nobody answers there, or somebody else.
            ExporterRefusedError: it does not do that.
        """
        is_asked = False
        try:
            content = None if body is None else json.dumps(body)
            headers = self._headers | ({} if body is None else {"Content-Type": "application/json"})
            self._connection.connect()
            is_asked = True
            self._connection.request(method, self._prefix + path, content, headers)
            answer = self._connection.getresponse()
            text = answer.read(_LARGEST_ANSWER)
        except LateError as late:
            raise LateError(f"{self._connection.lack} ({self.url})") from late
        except ssl.SSLCertVerificationError as error:
            hint = "name its CA's certificates in SSL_CERT_FILE"
            raise NoExporterError(
                f"{self.url}: its certificate is not trusted ({error.verify_message}): {hint}"
            ) from error
        except ssl.SSLError as error:
            raise NoExporterError(self._told_of_tls(error)) from error
        except (OSError, HTTPException) as error:
            raise self._unanswered(error, is_asked=is_asked) from error
        finally:
            self._connection.close()
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            leads_to = printable(answer.getheader("Location", "")).removesuffix(path).partition("?")[0]
            told = _told(answer.status, text, leads_to, is_known=bool(self._headers), is_plain=self._is_plain)
            raise ExporterRefusedError(answer.status, f"{self.url}: {told}")
        if answer.status not in expected:
            raise self._stranger()
        return text

    def _unanswered(self, error: OSError | HTTPException, *, is_asked: bool) -> NoExporterError:
        """Say why there is no answer: what speaks TLS sends an alert to who does not, or closes the connection."""
        if isinstance(error, BadStatusLine) and str(error).startswith(_ALERT):
            return NoExporterError(f"{self.url} speaks TLS: {_BY_TLS}")
        is_late = isinstance(error, TimeoutError)
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        reason = self._connection.lack if is_late else printable(reason)
        may_speak_tls = self._is_plain and is_asked and isinstance(error, ConnectionError)
        advice = f"if it speaks TLS, {_BY_TLS}" if may_speak_tls else _START
        return NoExporterError(f"no exporter answers at {self.url} ({reason})", advice, is_there=is_asked and is_late)

    def _told_of_tls(self, error: ssl.SSLError) -> str:
        """Say what is wrong with TLS; who is told to ask without it would send a token that anybody can read."""
        if error.reason in _NO_TLS:
            return f"{self.url} does not speak TLS: ask with http:// instead"
        return f"{self.url}: TLS failed ({printable(error.reason or str(error))}): see what it asks of its clients"


def client_of(options: Namespace) -> ExporterClient:
    """Give the exporter that the flags name, or the environment, or the one on this machine.

    Raises:
        ConfigurationError: the address or a secret's file is of no use.
    """
    flag = getattr(options, "exporter.url")
    url = flag or os.environ.get(URL_VARIABLE) or DEFAULT_URL
    if not _is_address(url):
        raise refused(
            "--exporter.url" if flag else URL_VARIABLE,
            f"expected an address such as {DEFAULT_URL}, without a user or a password in it",
        )
    return ExporterClient(url, _credentials(options))


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")
        return bool(
            parts.scheme in {"http", "https"}
            and host
            and url.isprintable()
            and parts.path.isascii()
            and " " not in url
            and parts.port != 0
            and not (parts.query or parts.username or parts.password)
        )
    except ValueError:
        return False


def _credentials(options: Namespace) -> str:
    """Give who asks: what the flags name, or else the environment."""
    names = ("exporter.token_file", "exporter.user", "exporter.password_file")
    token_file, user, password_file = (getattr(options, name) for name in names)
    if bool(user) != bool(password_file):
        raise refused("--exporter.user", "goes together with --exporter.password-file")
    if user and token_file:
        raise refused("--exporter.token-file", "does not go together with --exporter.user: one of them is enough")
    if user:
        pair = f"{user}:{read_named_secret('--exporter.password-file', password_file)}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"
    place = "--exporter.token-file" if token_file else TOKEN_FILE_VARIABLE
    file = token_file or os.environ.get(TOKEN_FILE_VARIABLE)
    token = read_named_secret(place, file) if file else ""
    if not token.isascii():
        raise refused(place, f'"{file}" holds more than ASCII characters, which no request can carry')
    return f"Bearer {token}" if token else ""


def _path(key: JobKey) -> str:
    return f"{JOBS_PATH}/{quote(key.account)}/{quote(key.module)}/{quote(key.job_id)}"


def _is_passing(status: int) -> bool:
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS


def _told(status: int, text: bytes, leads_to: str, *, is_known: bool, is_plain: bool) -> str:
    """Give what a refusal says, in one line, and what to do where the exporter does not say it."""
    detail, faults = read_problem(text)
    match status:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN if status == HTTPStatus.UNAUTHORIZED or not detail:
            hint = "give the API's token by --exporter.token-file, or --exporter.user and --exporter.password-file"
            if is_known:
                hint = "the token, or the user and the password, is not one of its own: look into the file"
            return f"it does not let us in (HTTP {status}): {hint}"
        case HTTPStatus.BAD_REQUEST if is_plain and not (faults or detail):
            is_told = _SAYS_TLS.search(text)
            return (
                f"it speaks TLS (HTTP {status}): {_BY_TLS}"
                if is_told
                else f"HTTP {status}: if it speaks TLS, {_BY_TLS}"
            )
        case HTTPStatus.NOT_FOUND if not detail:
            return "no such page there (HTTP 404): check the address and its route prefix"
        case _ if leads_to and status < HTTPStatus.BAD_REQUEST:
            return f"it leads to {leads_to} (HTTP {status}): give that address, if the exporter is there"
        case _ if _is_passing(status) and not detail:
            return f"it, or a proxy before it, is busy or fails for now (HTTP {status}): it may answer in a moment"
    return faults or detail or f"HTTP {status}"
