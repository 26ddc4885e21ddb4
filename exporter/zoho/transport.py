"""HTTP as the exporter allows it: verified TLS, no redirects, no cookies, bounded in bytes and in time.

One session serves all threads of an account, one TLS context all accounts: `requests` would load the CA bundle anew
for each connection, which costs more than everything else in a poll.
"""

import socket
import ssl
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import requests
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH, select_proxy
from urllib3.connection import ProxyConfig, port_by_scheme
from urllib3.exceptions import DecodeError, HTTPError
from urllib3.util import make_headers, parse_url

from exporter.errors import PassingError
from exporter.files import refused
from exporter.redactor import Redactor
from exporter.zoho.connection import Connection, EndlessError, Limit, Lookups, Resolve, TlsConnection, TlsSocket
from exporter.zoho.wire import Answer, SealedAnswer, quote

LARGEST_BODY_BYTES = 1024 * 1024
_BODILESS = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
_PUBLIC_FIELDS = ("grant_type", "client_id")
_NETWORK_ADVICE = "check the network, DNS, the firewall and the proxy between the exporter and Zoho"
_TLS_ADVICE = "check the clock, and ca_bundle if a proxy re-signs TLS"
_PEER_ADVICE = "a status has some hundred bytes: check what answers in Zoho's place"
_FAULTS = (OSError, HTTPException, HTTPError, ValueError)
"""What a connection, http.client and urllib3 raise, a `ValueError` for what they can't read or write."""


class UnsentError(PassingError):
    """The request never reached Zoho, so it can't have cost a credit."""


class StaleConnectionError(PassingError):
    """A connection that was used before broke before a byte of the answer came: a fresh one may do better.

    The request may have cost a credit.
    """


_FAILED = {
    UnsentError: "no connection to Zoho",
    StaleConnectionError: "a connection to Zoho was closed at the other end",
    PassingError: "the connection to Zoho broke",
}


@dataclass(frozen=True, slots=True)
class TransportOptions:
    """How to reach Zoho. Time-outs in seconds.

    `timeout_seconds` is for a whole call, `connect_timeout_seconds` for each address of a host within it. `pool_size`
    is how many calls there are at once.
    """

    timeout_seconds: float
    connect_timeout_seconds: float
    pool_size: int
    proxies: Mapping[str, str] = field(default_factory=dict)
    user_agent: str = "zoho-mass-update-exporter"


def tls_context(ca_bundle: Path | None) -> ssl.SSLContext:
    """Build the context that verifies Zoho: once for all accounts, since loading the certificates costs 30 ms.

    Args:
        ca_bundle: a file or a directory of CA certificates; `None` for those that come with `requests`.

    Raises:
        ConfigurationError: they can't be read.
    """
    bundle = ca_bundle or Path(DEFAULT_CA_BUNDLE_PATH)
    try:
        folder, file = (str(bundle), None) if bundle.is_dir() else (None, str(bundle))
        context = ssl.create_default_context(capath=folder, cafile=file)
    except OSError as error:
        message = f"{bundle} can't be used as CA certificates: {error.strerror or error}; expected PEM files"
        raise refused("ca_bundle", message) from error
    context.sslsocket_class = TlsSocket
    return context


class Transport:
    """Sends one account's requests. Thread-safe.

    It names the secrets that it sends to `redactor`, and gives no answer and no error that has one of them.

    Args:
        options: time limits, proxies and the like.
        context: verifies Zoho's certificates; from `tls_context`.
        redactor: the process' one.
        clock: gives Unix seconds, for `Answer.received_at`.
        stopwatch: gives seconds that never go backwards, for the time limit.
        resolve: looks names up.
    """

    def __init__(
        self,
        options: TransportOptions,
        context: ssl.SSLContext,
        redactor: Redactor,
        *,
        clock: Callable[[], float] = time.time,
        stopwatch: Callable[[], float] = time.monotonic,
        resolve: Resolve = socket.getaddrinfo,
    ) -> None:
        self._options = options
        self._redactor = redactor
        self._clock = clock
        self._stopwatch = stopwatch
        self._headers = {
            "User-Agent": options.user_agent,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Connection": "keep-alive",
        }
        self._adapter = _Adapter(context, Lookups(options.pool_size, resolve))
        self._session = _Session(self._adapter)
        self._proxy_secrets = [secret for proxy in options.proxies.values() for secret in _proxy_secrets(proxy)]

    @property
    def timeout_seconds(self) -> float:
        """How long a whole call may take."""
        return self._options.timeout_seconds

    def get(
        self,
        url: str,
        params: Mapping[str, str],
        headers: Mapping[str, str],
        *,
        deadline: float,
        fresh: bool = False,
    ) -> Answer:
        """Fetch `url` before `deadline` (on the stopwatch), on a connection that was never used where `fresh`.

        Raises:
            UnsentError: nothing was sent.
            StaleConnectionError: never where `fresh`.
            PassingError: no whole answer came: `timeout`, `connection`, `tls` or `invalid_response`.
        """
        self._redactor.know(headers.get("Authorization", "").rpartition(" ")[2])
        request = requests.Request("GET", url, {**self._headers, **headers}, params=params)
        return self._send(request, deadline, season=self._adapter.season, is_fresh=fresh).open()

    def post_form(self, url: str, fields: Mapping[str, str], *, deadline: float) -> SealedAnswer:
        """Post form fields, in the body, where proxies and access logs don't see them. The connection is not kept.

        Raises:
            PassingError: as `get`.
        """
        self._redactor.know(*(value for name, value in fields.items() if name not in _PUBLIC_FIELDS))
        request = requests.Request("POST", url, self._headers, data=dict(fields))
        return self._send(request, deadline, season=None, is_fresh=True)

    def rest(self) -> None:
        """Close idle connections, and those in flight once they have their answer: a refresh is over."""
        self._adapter.rest()

    def close(self) -> None:
        """Close idle connections, and keep none any more; a request in flight ends on its own time limit."""
        self._adapter.close()

    def _send(self, request: requests.Request, deadline: float, *, season: int | None, is_fresh: bool) -> SealedAnswer:
        self._redactor.know(*self._proxy_secrets)
        try:
            prepared = request.prepare()
        except requests.RequestException as error:
            said = f"nothing can be asked for there: {self._said(error)}"
            raise UnsentError("connection", said, advice="check api_url and accounts_url") from error
        call = _Call(Limit(deadline, self._options.connect_timeout_seconds, self._stopwatch), season, is_fresh=is_fresh)
        proxies = dict(self._options.proxies)
        try:
            response = self._session.send(prepared, allow_redirects=False, proxies=proxies, call=call)
        except _FAULTS as error:
            if not call.failure and not isinstance(error, requests.RequestException):
                raise  # nothing went out yet: it is a fault of our own
            raise self._failure(error, call.failure or PassingError) from error
        if response.is_redirect:
            raise PassingError(
                "invalid_response",
                f"refused a redirect (HTTP {response.status_code}): Zoho's API does not redirect",
                advice="check the data centre and whether a proxy or a sign-in page stands in between",
            )
        headers = {name.lower(): value for name, value in response.headers.items()}
        answer = Answer(response.status_code, headers, response.content, self._clock())
        return SealedAnswer(answer, self._redactor)

    def _failure(self, error: Exception, kind: type[PassingError]) -> PassingError:
        root, is_unsent = _root(error), kind is UnsentError
        match root:
            case _ if isinstance(error, DecodeError):
                return kind("invalid_response", "the answer's compression is damaged", advice=_PEER_ADVICE)
            case TimeoutError() if not is_unsent:
                said = f"Zoho gave no whole answer within {self.timeout_seconds:g} s"
                return kind("timeout", said, advice=_NETWORK_ADVICE)
            case EndlessError() if not is_unsent:
                return kind("invalid_response", str(root), advice=_PEER_ADVICE)
            case TimeoutError():
                return kind("timeout", f"no connection to Zoho in time: {self._said(root)}", advice=_NETWORK_ADVICE)
            case ssl.SSLError() if is_unsent:
                return kind("tls", f"TLS to Zoho failed: {self._said(root)}", advice=_TLS_ADVICE)
            case _:
                return kind("connection", f"{_FAILED[kind]}: {self._said(root)}", advice=_NETWORK_ADVICE)

    def _said(self, error: BaseException) -> str:
        return quote(self._redactor.clean(f"{type(error).__name__}: {error}".strip()))


class _Route(NamedTuple):
    """Where a connection leads; empty `proxy` for straight there."""

    scheme: str
    host: str
    port: int
    proxy: str


@dataclass(slots=True)
class _Call:
    """How one request is sent, and what a failure is by how far it came.

    `season` is when its connection may be kept, `None` for never.
    """

    limit: Limit
    season: int | None
    is_fresh: bool
    failure: type[PassingError] | None = None


class _Session(requests.Session):
    """A session that leaves redirects alone: even one not followed would be parsed."""

    def __init__(self, adapter: BaseAdapter) -> None:
        super().__init__()
        # A .netrc entry would replace our Authorization header, and the environment's proxies ours.
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def resolve_redirects(self, *_args: object, **_keywords: object) -> Iterator[Response]:
        """Give nothing to follow."""
        return iter(())


class _Adapter(BaseAdapter):
    """Sends a session's requests, each over a connection of which all that came before was asked for. Thread-safe.

    Between the calls of one season, which `rest` ends, it keeps their connections.
    """

    def __init__(self, context: ssl.SSLContext, lookups: Lookups) -> None:
        super().__init__()
        self._context = context
        self._lookups = lookups
        self._lock = Lock()
        self._resting: defaultdict[_Route, list[Connection]] = defaultdict(list)
        self._is_closed = False
        self.season = 0

    def send(  # type: ignore[override]
        self, request: PreparedRequest, *, proxies: Mapping[str, str], call: _Call, **_: object
    ) -> Response:
        """Send one request, and give its answer with all of its body."""
        call.failure = UnsentError
        route = _route(request, proxies)
        idle = None if call.is_fresh else self._take(route)
        connection = idle or self._build(route)
        connection.limit, response = call.limit, None
        try:
            if not idle:
                _connect(connection)
            call.failure = PassingError
            response = _exchange(connection, request, route)
            if idle and response.status_code == HTTPStatus.REQUEST_TIMEOUT:
                call.failure = StaleConnectionError
                raise ConnectionError("HTTP 408")
        except _FAULTS as error:
            has_heard = connection.reply and connection.reply.source.has_begun
            if idle and not has_heard and not isinstance(error, TimeoutError):
                call.failure = StaleConnectionError
            raise
        finally:
            is_sound = response is not None and response.content and connection.reply and connection.reply.is_whole
            self._put(route, connection, call.season if is_sound else None)
        return response

    def rest(self) -> None:
        """Close all that are between two calls."""
        with self._lock:
            self.season += 1
            resting, self._resting = self._resting, defaultdict(list)
        for connection in (each for connections in resting.values() for each in connections):
            connection.discard()

    def close(self) -> None:
        """Close them all, and keep none any more."""
        self._is_closed = True
        self.rest()

    def _take(self, route: _Route) -> Connection | None:
        """Give one that is open and on which nothing came unasked."""
        while True:
            with self._lock:
                connection = self._resting[route].pop() if self._resting[route] else None
            if connection is None or connection.is_silent:
                return connection
            connection.discard()

    def _put(self, route: _Route, connection: Connection, season: int | None) -> None:
        """Keep a connection, or close it where its season is over."""
        with self._lock:
            is_kept = season == self.season and not self._is_closed
            if is_kept:
                connection.reply = None
                self._resting[route].append(connection)
        if not is_kept:
            connection.discard()

    def _build(self, route: _Route) -> Connection:
        if not route.proxy:
            return self._connection(route.scheme, route.host, route.port)
        proxy = urlsplit(route.proxy)
        is_tunnel = route.scheme == "https"
        connection = self._connection(
            route.scheme if is_tunnel else proxy.scheme,
            proxy.hostname or "",
            proxy.port or port_by_scheme.get(proxy.scheme),
            proxy=parse_url(route.proxy),
            proxy_config=ProxyConfig(self._context, False, None, None),
        )
        if is_tunnel:
            connection.set_tunnel(route.host, route.port, _proxy_headers(route.proxy), proxy.scheme)
        return connection

    def _connection(self, scheme: str, host: str, port: int | None, **proxy: Any) -> Connection:  # noqa: ANN401 - urllib3's
        is_tls = scheme == "https"
        make = partial(TlsConnection, ssl_context=self._context) if is_tls else Connection
        connection = make(host, port, **proxy)
        connection.lookups = self._lookups
        return connection


def _connect(connection: Connection) -> None:
    connection.connect()
    if not connection.is_silent:
        raise UnsentError("invalid_response", "what answers there speaks before it is asked", advice=_PEER_ADVICE)


def _exchange(connection: Connection, request: PreparedRequest, route: _Route) -> Response:
    """Send a request and read its answer, all of it but for what a redirect or an answer without a body has."""
    is_forwarded = bool(route.proxy) and route.scheme == "http"
    target = request.url if is_forwarded else request.path_url
    headers = {**request.headers, **(_proxy_headers(route.proxy) if is_forwarded else {})}
    # A server may answer, and close, before it has read the request.
    with suppress(ConnectionError):
        connection.request(str(request.method), str(target), request.body, headers, preload_content=False)
    raw = connection.getresponse()
    response = Response()
    response.status_code, response.headers, response.request = raw.status, CaseInsensitiveDict(raw.headers), request
    body = b"" if response.is_redirect or raw.status in _BODILESS else raw.read(LARGEST_BODY_BYTES + 1)
    if len(body) > LARGEST_BODY_BYTES:
        said = f"an answer of more than {LARGEST_BODY_BYTES} bytes was cut off (HTTP {raw.status})"
        raise PassingError("invalid_response", said, advice=_PEER_ADVICE)
    response.raw = BytesIO(body)
    return response


def _route(request: PreparedRequest, proxies: Mapping[str, str]) -> _Route:
    url = urlsplit(str(request.url))
    proxy = select_proxy(str(request.url), proxies) or ""
    if proxy and "://" not in proxy:
        proxy = f"http://{proxy}"
    return _Route(url.scheme, url.hostname or "", url.port or port_by_scheme[url.scheme], proxy)


def _proxy_secrets(proxy: str) -> tuple[str, str]:
    parts = urlsplit(proxy)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return password, f"{user}:{password}"


def _proxy_headers(proxy: str) -> dict[str, str]:
    pair = _proxy_secrets(proxy)[1]
    return {"Proxy-Authorization": make_headers(basic_auth=pair)["authorization"]} if pair != ":" else {}


def _root(error: BaseException) -> BaseException:
    """Give what went wrong first."""
    while cause := error.__cause__ or (None if error.__suppress_context__ else error.__context__):
        error = cause
    return error
