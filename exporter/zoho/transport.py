"""HTTP as the exporter allows it: verified TLS, no redirects, no cookies, bounded in bytes and in time.

One session serves all threads of an account, one TLS context all accounts: `requests` would load the CA bundle anew
for each connection, which costs more than everything else in a poll.
"""

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    HTTPError,
    NewConnectionError,
    ReadTimeoutError,
)
from urllib3.exceptions import (
    ProxyError as ProxyConnectionError,
)
from urllib3.exceptions import (
    SSLError as TLSError,
)

from exporter.errors import ConfigurationError, PassingError, Problem
from exporter.redactor import Redactor
from exporter.zoho.wire import Answer, quote

LARGEST_BODY_BYTES = 1024 * 1024
_CHUNK_BYTES = 16 * 1024
_NETWORK_ADVICE = "check the network, DNS, the firewall and the proxy between the exporter and Zoho"
_TLS_ADVICE = "check the clock, and ca_bundle if a proxy re-signs TLS"


class UnsentError(PassingError):
    """The request never reached Zoho, so it can't have cost a credit."""


class StaleConnectionError(PassingError):
    """A kept connection failed before a byte of answer came."""


@dataclass(frozen=True, slots=True)
class TransportOptions:
    """How to reach Zoho. Time-outs in seconds.

    `timeout_seconds` bounds a whole call: the silence before and within its headers, and all of its body. Headers that
    trickle in are bounded by the silence between two bytes only.
    """

    timeout_seconds: float = 8.0
    connect_timeout_seconds: float = 3.0
    proxies: Mapping[str, str] = field(default_factory=dict)
    pool_size: int = 5
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
        if bundle.is_dir():
            return ssl.create_default_context(capath=str(bundle))
        return ssl.create_default_context(cafile=str(bundle))
    except OSError as error:
        message = f"{bundle} can't be used as CA certificates: {error.strerror or error}; expected PEM files"
        raise ConfigurationError((Problem("ca_bundle", message),)) from error


class Transport:
    """Sends one account's requests. Thread-safe.

    Args:
        options: time limits, proxies and the like.
        context: verifies Zoho's certificates.
        clock: gives Unix seconds, for `Answer.received_at`.
        stopwatch: gives seconds that never go backwards, for the time limit.
    """

    def __init__(
        self,
        options: TransportOptions,
        context: ssl.SSLContext,
        redactor: Redactor,
        *,
        clock: Callable[[], float] = time.time,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        self._options = options
        self._clock = clock
        self._stopwatch = stopwatch
        self._session = _open_session(options, context)

    @property
    def timeout_seconds(self) -> float:
        """The time limit of a call."""
        return self._options.timeout_seconds

    def rest(self) -> None:
        """Close idle connections."""

    def get(
        self, url: str, params: Mapping[str, str], headers: Mapping[str, str], *, deadline: float, fresh: bool = False
    ) -> Answer:
        """Fetch `url`.

        Raises:
            PassingError: no whole answer came: `timeout`, `connection`, `tls`, `deadline` or `invalid_response`.
        """
        return self._send(requests.Request("GET", url, params=dict(params), headers=dict(headers)))

    def post_form(self, url: str, fields: Mapping[str, str], *, deadline: float) -> Answer:
        """Post form fields, in the body, where proxies and access logs don't see them.

        Raises:
            PassingError: as `get`.
        """
        return self._send(requests.Request("POST", url, data=dict(fields)))

    def close(self) -> None:
        """Close idle connections; a request in flight ends on its own time limit."""
        self._session.close()

    def _send(self, request: requests.Request) -> Answer:
        deadline = self._stopwatch() + self._options.timeout_seconds
        response = self._open(request)
        with response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            if response.is_redirect:
                raise PassingError(
                    "invalid_response",
                    f"refused a redirect (HTTP {response.status_code}): Zoho's API does not redirect",
                    advice="check the data centre and whether a proxy or a sign-in page stands in between",
                )
            body = self._read(response, deadline)
        return Answer(response.status_code, headers, body, self._clock())

    def _open(self, request: requests.Request) -> requests.Response:
        options = self._options
        connect_timeout = min(options.connect_timeout_seconds, options.timeout_seconds)
        try:
            return self._session.send(
                self._session.prepare_request(request),
                timeout=(connect_timeout, options.timeout_seconds),
                allow_redirects=False,
                stream=True,
                proxies=dict(options.proxies),
            )
        except (requests.RequestException, HTTPError) as error:
            raise _failure_to_open(error, options) from error

    def _read(self, response: requests.Response, deadline: float) -> bytes:
        """Read the body as it arrives: a read that waits for more would start the time-out anew with each byte."""
        body = bytearray()
        try:
            while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
                body += chunk
                self._check_bounds(response, len(body), deadline)
        except (requests.RequestException, HTTPError) as error:
            raise _failure_to_read(error, self._options) from error
        return bytes(body)

    def _check_bounds(self, response: requests.Response, size: int, deadline: float) -> None:
        if size > LARGEST_BODY_BYTES:
            raise PassingError(
                "invalid_response",
                f"an answer of more than {LARGEST_BODY_BYTES} bytes was cut off (HTTP {response.status_code})",
                advice="a status has some hundred bytes: check what answers in Zoho's place",
            )
        if self._stopwatch() > deadline:
            raise PassingError(
                "deadline",
                f"the answer was still trickling in after {self._options.timeout_seconds:g} s",
                advice=_NETWORK_ADVICE,
            )


class _Session(requests.Session):
    """A session that leaves redirects alone: even one not followed would be parsed, and its body read to the end."""

    def resolve_redirects(self, *_args: object, **_keywords: object) -> Iterator[requests.Response]:
        """Give nothing to follow."""
        return iter(())


class _SharedContextAdapter(HTTPAdapter):
    """Gives every connection the same TLS context, instead of a CA bundle to load."""

    def __init__(self, context: ssl.SSLContext, pool_size: int) -> None:
        self._context = context
        super().__init__(pool_connections=4, pool_maxsize=pool_size)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **keywords: object) -> None:  # noqa: FBT001, FBT002 - as its parent
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._context, **keywords)

    def proxy_manager_for(self, proxy: str, **keywords: object) -> object:
        return super().proxy_manager_for(proxy, ssl_context=self._context, proxy_ssl_context=self._context, **keywords)

    def cert_verify(self, conn: object, url: str, verify: object, cert: object) -> None:
        """Leave verification to the context, which requires it."""


def _open_session(options: TransportOptions, context: ssl.SSLContext) -> requests.Session:
    session = _Session()
    # A .netrc entry would replace our Authorization header, and REQUESTS_CA_BUNDLE our context.
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers["Accept"] = "application/json"
    session.headers["Accept-Encoding"] = "identity"
    session.headers["User-Agent"] = options.user_agent
    session.mount("https://", _SharedContextAdapter(context, options.pool_size))
    session.mount("http://", HTTPAdapter(pool_maxsize=options.pool_size))
    return session


def _failure_to_open(error: Exception, options: TransportOptions) -> PassingError:
    causes = tuple(_causes(error))
    detail = _describe(causes[-1])
    if _has(causes, ssl.SSLError) or (_has(causes, ProxyConnectionError) and _has(causes, TLSError)):
        return UnsentError("tls", f"TLS to Zoho failed: {detail}", advice=_TLS_ADVICE)
    # Before the time-out: a refused connection is one of its kinds to urllib3.
    if _has(causes, NewConnectionError, ProxyConnectionError):
        return UnsentError("connection", f"no connection to Zoho: {detail}", advice=_NETWORK_ADVICE)
    if _has(causes, ConnectTimeoutError):
        seconds = min(options.connect_timeout_seconds, options.timeout_seconds)
        return UnsentError("timeout", f"no connection to Zoho within {seconds:g} s", advice=_NETWORK_ADVICE)
    return _failure_to_read(error, options)


def _failure_to_read(error: Exception, options: TransportOptions) -> PassingError:
    causes = tuple(_causes(error))
    if _has(causes, ReadTimeoutError):
        return PassingError("timeout", f"Zoho fell silent for {options.timeout_seconds:g} s", advice=_NETWORK_ADVICE)
    if _has(causes, DecodeError):
        return PassingError(
            "invalid_response", "the answer's compression is damaged", advice="check what stands between us and Zoho"
        )
    return PassingError("connection", f"the connection to Zoho broke: {_describe(causes[-1])}", advice=_NETWORK_ADVICE)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Walk from an error down to what first went wrong."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _has(causes: tuple[BaseException, ...], *kinds: type[BaseException]) -> bool:
    return any(isinstance(cause, kinds) for cause in causes)


def _describe(cause: BaseException) -> str:
    return quote(f"{type(cause).__name__}: {cause}")
