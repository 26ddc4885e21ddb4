"""Who may come in, and what they may do there."""

import asyncio
import ipaddress
import logging
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum, auto
from http import HTTPStatus
from math import ceil

from starlette.exceptions import HTTPException

from exporter.access import WebAccess
from exporter.errors import Problem
from exporter.web.guard.bearer import BearerToken
from exporter.web.guard.limiter import Limiter
from exporter.web.guard.passwords import Passwords, Verdict, parse_login
from exporter.web.guard.tls import Tls
from exporter.web.guard.web_config import WebConfig
from exporter.web.news import News
from exporter.web.problems import API_PATH, SOON
from exporter.web.request import Request, is_of_own_page, says_its_site, site_of
from exporter.web.threads import Threads

_log = logging.getLogger(__name__)

_READING = {"GET", "HEAD"}
RELOAD_PATH = "/-/reload"
"""Where the bearer token counts too, beside the API."""
_FORWARDED = ("Forwarded", "Via", "X-Forwarded-For", "X-Real-IP")
"""Headers by which a proxy says that it asks for somebody else."""
_LONGEST_LOOK_SECONDS = 0.5
"""How long a request waits for files that may have changed; a disk that hangs must not hold it up. As long none waits
again for files that did not rest."""
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="zoho-mass-update-exporter", charset="UTF-8"'}

API_IS_OFF = (
    "The job API is off. To switch it on, set web.api_token_file to a file that holds a bearer token, or guard the "
    "server with basic auth (--web.config.file)"
)
FOR_SHOW = (
    "The demo takes no changes. An exporter of your own takes them once web.api_token_file names a file with a token; "
    "'zoho-mass-update-exporter simulate' is a Zoho to try that on"
)
SEND_BEARER = "send the header Authorization: Bearer, with the token of api_token_file"
TOO_MANY = "too many requests: rate_limit of the web-config file lets in no more"
NOT_FROM_A_PAGE = "a web page in a browser may not do this: send the request without the header {}"
NOT_KNOWN_TO_BE_OURS = (
    "the browser does not say that our own page asks, as it does over https and to localhost: open the page there, or "
    "send the request without the header Origin"
)
NOT_FROM_ANOTHER_PAGE = "a page of another site may not ask for this: it costs credits. Open the address itself"


class Entry(Enum):
    """Whom a path is for. Scrapers, probers and those who ask whether we are ready keep none of the others out."""

    HEALTH = auto()
    """Anybody, without a password, a thread or anything to wait for: the answer is a constant."""
    READINESS = auto()
    """Anybody, without a password."""
    READER = auto()
    SCRAPER = auto()
    """As a reader, but no page of another site except by a link that is followed: it may cost credits."""
    PROBER = auto()
    """As a reader, but no page of another site at all."""
    PROGRAM = auto()
    """With the token or a password; a page in a browser changes nothing."""
    ATTENDANT = auto()
    """As a program, or a reader with a password by a form of our own page."""
    OPERATOR = auto()
    """As a program, or from this machine."""


class Guard:
    """Lets requests through, or says why not. For use in one event loop; it reads files in threads.

    Args:
        web_config: what TLS, passwords and headers there are; without it everybody may read.
        token: the job API's; without it the API is off, unless there are passwords.
        is_for_show: everybody may read the job API, as they may its page, and without a token nobody changes anything.
    """

    def __init__(
        self, web_config: WebConfig | None = None, token: BearerToken | None = None, *, is_for_show: bool = False
    ) -> None:
        self._web_config = web_config
        self._token = token
        self._is_for_show = is_for_show
        self._watched = [watched for watched in (web_config, token) if watched is not None]
        self._passwords = Passwords()
        self._limiter = Limiter()
        self._threads = Threads()
        self._turn = asyncio.Lock()
        self._looking: asyncio.Task[None] | None = None
        self._looked_at = 0.0
        self._is_news = News()

    @property
    def headers(self) -> Mapping[str, str]:
        """The configured headers of every answer."""
        return self._web_config.access.headers if self._web_config else {}

    def problems(self) -> tuple[Problem, ...]:
        """Give what is wrong with the web-config file of now, where an older version is in force. Reads nothing."""
        return self._web_config.problems if self._web_config else ()

    def warnings(self) -> tuple[Problem, ...]:
        """Warn of certificates in force that are not valid, or not for long."""
        return self._web_config.warnings() if self._web_config else ()

    async def tls(self) -> Tls | None:
        """Give what a new connection's TLS is made with; nothing where none is spoken."""
        if self._web_config is None or self._web_config.tls is None:
            return None
        await self._look()
        return self._web_config.tls

    async def admit(self, request: Request, entry: Entry | None) -> bool:
        """Let a request through, and say whether it came with a password.

        Args:
            request: what is asked.
            entry: whom its path is for; `None` for a path that we do not have.

        Raises:
            HTTPException: whoever asks may not.
        """
        await self._look()
        access = self._web_config.access if self._web_config else WebAccess()
        self._check_rate(access)
        users = access.users
        login = request.headers.get("Authorization", "")
        # A request has room for one login only: where the API's token counts, it needs no password beside it.
        takes_token = request.path == RELOAD_PATH or request.path.startswith(API_PATH)
        has_token = takes_token and self._token is not None and self._token.matches(login)
        if users and not has_token:
            await self._check_password(login, users)
        self._check_entry(request, entry, is_known=has_token or bool(users))
        return bool(users) and not has_token

    async def _look(self) -> None:
        """Look after the files; what can't be seen in time stays as it was, and is waited for only once."""
        if not self._watched:
            return
        loop = asyncio.get_running_loop()
        arrived_at = loop.time()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_LOOK_SECONDS), self._turn:
                # A look that began before may have missed what has changed since.
                if self._looked_at <= arrived_at and (not self._looking or self._looking.done()):
                    self._looked_at = loop.time()
                    self._looking = loop.create_task(self._threads.call(self._look_at_all))
                    await asyncio.shield(self._looking)
                    if any(watched.is_moving for watched in self._watched):
                        self._looked_at += _LONGEST_LOOK_SECONDS

    def _look_at_all(self) -> None:
        for watched in self._watched:
            try:
                watched.look()
            except Exception as error:  # noqa: BLE001 - the edge of the thread: the last good one stays, whatever comes
                if self._is_news(str(type(error))):
                    _log.error("the files that say who may come in can't be looked at", exc_info=error)

    def _check_rate(self, access: WebAccess) -> None:
        seconds = self._limiter.wait_seconds(access.request_interval_seconds, access.request_burst)
        if seconds:
            if self._is_news("rate_limit"):
                _log.warning("requests are refused: more come than rate_limit of the web-config file lets in")
            raise HTTPException(HTTPStatus.TOO_MANY_REQUESTS, TOO_MANY, {"Retry-After": str(ceil(seconds))})

    async def _check_password(self, header: str, users: Mapping[str, bytes]) -> None:
        login = parse_login(header)
        if login is None:
            raise HTTPException(HTTPStatus.UNAUTHORIZED, "a user and a password are needed", _CHALLENGE)
        match await self._passwords.judge(login, users):
            case Verdict.REFUSED:
                raise HTTPException(HTTPStatus.UNAUTHORIZED, "this user and password are not known", _CHALLENGE)
            case Verdict.BUSY:
                raise HTTPException(HTTPStatus.TOO_MANY_REQUESTS, "too many passwords are being checked", SOON)

    def _check_entry(self, request: Request, entry: Entry | None, *, is_known: bool) -> None:
        match entry:
            case Entry.PROBER | Entry.SCRAPER if _is_foreign(request, is_link_allowed=entry is Entry.SCRAPER):
                raise HTTPException(HTTPStatus.FORBIDDEN, NOT_FROM_ANOTHER_PAGE)
            case Entry.ATTENDANT if is_known and is_of_own_page(request.headers):
                return
            case Entry.ATTENDANT if "Origin" in request.headers and not says_its_site(request.headers):
                raise HTTPException(HTTPStatus.FORBIDDEN, NOT_KNOWN_TO_BE_OURS)
            case Entry.PROGRAM | Entry.ATTENDANT | Entry.OPERATOR if signs := _signs_of_a_page(request):
                raise HTTPException(HTTPStatus.FORBIDDEN, NOT_FROM_A_PAGE.format(" and ".join(signs)))
            case Entry.OPERATOR if _is_local(request):
                return
            case Entry.PROGRAM if self._is_for_show and request.method in _READING:
                return
            case Entry.PROGRAM | Entry.ATTENDANT | Entry.OPERATOR if not is_known:
                if self._token is None or not self._token.value:
                    raise HTTPException(HTTPStatus.FORBIDDEN, FOR_SHOW if self._is_for_show else API_IS_OFF)
                raise HTTPException(HTTPStatus.UNAUTHORIZED, SEND_BEARER, {"WWW-Authenticate": "Bearer"})


def _signs_of_a_page(request: Request) -> list[str]:
    """Give the headers by which a web page asks for a change."""
    signs = ["Origin"] if "Origin" in request.headers else []
    signs += ["Sec-Fetch-Site"] if site_of(request.headers) != "none" else []
    return signs if request.method not in _READING else []


def _is_foreign(request: Request, *, is_link_allowed: bool) -> bool:
    """Whether a page of another site asks. Source: W3C, Fetch Metadata Request Headers."""
    headers = request.headers
    if "Origin" in headers and headers["Origin"].partition("://")[2].lower() != headers.get("Host", "").lower():
        return True
    is_link = (headers.get("Sec-Fetch-Mode"), headers.get("Sec-Fetch-Dest")) == ("navigate", "document")
    return site_of(headers) not in {"none", "same-origin"} and not (is_link_allowed and is_link)


def _is_local(request: Request) -> bool:
    """Whether a program of this machine asks; whoever comes by a proxy may be anybody."""
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        address = ipaddress.ip_address(request.client)
    except ValueError:
        return False
    # A socket for both IP versions shows 127.0.0.1 as ::ffff:127.0.0.1, which is no loopback address to every Python.
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
