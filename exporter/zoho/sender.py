"""HTTP as the exporter allows it: verified TLS, no redirects, no cookies, bounded in bytes and in time.

One session serves all threads of an account, one TLS context all accounts: `requests` would load the CA bundle anew
for each connection, which costs more than everything else in a poll.
"""

import ssl
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from functools import lru_cache, partial
from threading import BoundedSemaphore
from typing import Any, cast
from urllib.parse import urlencode

import requests
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidHeader, InvalidSchema, InvalidURL, MissingSchema
from requests.utils import get_auth_from_url
from urllib3 import PoolManager
from urllib3.exceptions import DecodeError, LocationValueError

from exporter.errors import PassingError, kind_and_words
from exporter.redactor import Redactor
from exporter.zoho.connection import FAULTS, Call, Content, OddError, Pool, adopt
from exporter.zoho.transport import StaleConnectionError, TransportOptions, UnsentError
from exporter.zoho.wire import Answer, SealedAnswer, quote

MOST_PREPARED = 32
"""How many kinds of GET are kept as they are sent: one for each module and token."""
_PUBLIC_FIELDS = ("grant_type", "client_id", "scope", "access_type", "prompt")
_DEFAULT_PORTS = {"https": ":443", "http": ":80"}
_UNASKABLE = (MissingSchema, InvalidSchema, InvalidURL, InvalidHeader)
_SETTINGS_ADVICE = "check api_url, accounts_url and the proxy"
_NETWORK_ADVICE = "check the network, DNS, the firewall and the proxy between the exporter and Zoho"
_TLS_ADVICE = "what answers there may speak no TLS: check api_url, accounts_url and the proxy"
_CERTIFICATE_ADVICE = {
    "whoever signed it is not trusted: if a proxy re-signs TLS, put its CA's certificate into ca_bundle": (
        2,
        18,
        19,
        20,
        21,
    ),
    "check this machine's clock; if it is right, who runs what answers there must renew the certificate": (9, 10),
    "it is made out to another host: check api_url, accounts_url and what stands in between": (62, 64),
}
"""By OpenSSL's numbers for what is wrong with a certificate."""
_UNSOUND = (
    "a certificate breaks the rules for certificates, which Python keeps strictly from 3.13 on; ca_bundle can't help: "
    "whoever runs the CA, of a re-signing proxy as a rule, must issue one that keeps them"
)
_PEER_ADVICE = "a status has some hundred bytes: check what answers in Zoho's place"
_FAILED = {
    UnsentError: "no connection to Zoho",
    StaleConnectionError: "a connection to Zoho was closed at the other end",
    PassingError: "the connection to Zoho broke",
}


class Sender:
    """What `Transport` says, done. Thread-safe."""

    def __init__(
        self,
        options: TransportOptions,
        context: ssl.SSLContext,
        redactor: Redactor,
        clock: Callable[[], float],
        stopwatch: Callable[[], float],
    ) -> None:
        self._timeout_seconds = options.timeout_seconds
        self._redactor = redactor
        self._clock = clock
        self._headers = {
            "User-Agent": options.user_agent,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Connection": "keep-alive",
        }
        lookups = BoundedSemaphore(options.pool_size)
        self._call = partial(Call, options.connect_timeout_seconds, stopwatch, lookups)
        self._kind_of_get = lru_cache(MOST_PREPARED)(self._prepared_get)
        self._session = _Session()
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, _Adapter(context, options.pool_size))
        self._proxies = {to: url if "://" in url else f"http://{url}" for to, url in options.proxies.items()}
        pairs = map(get_auth_from_url, self._proxies.values())
        self._proxy_secrets = [secret for user, password in pairs for secret in (password, f"{user}:{password}")]

    def get(
        self,
        url: str,
        params: Mapping[str, str],
        headers: Mapping[str, str],
        *,
        deadline: float,
        fresh: bool = False,
    ) -> Answer:
        """Fetch `url`."""
        self._redactor.know(headers.get("Authorization", "").rpartition(" ")[2])
        prepare = partial(self._get_request, url, params, headers)
        return self._send(prepare, self._call(deadline, is_fresh=fresh)).open()

    def post_form(self, url: str, fields: Mapping[str, str], *, deadline: float) -> SealedAnswer:
        """Post form fields."""
        self._redactor.know(*(value for name, value in fields.items() if name not in _PUBLIC_FIELDS))
        # JSON may bring half a letter, which no encoding takes; who made it is to say what becomes of it.
        content = {name: value.encode(errors="replace") for name, value in fields.items()}
        request = requests.Request("POST", url, self._headers, data=content)
        return self._send(request.prepare, self._call(deadline, is_fresh=True))

    def post_json(
        self, url: str, content: Mapping[str, object], headers: Mapping[str, str], *, deadline: float
    ) -> Answer:
        """Post JSON."""
        self._redactor.know(headers.get("Authorization", "").rpartition(" ")[2])
        request = requests.Request("POST", url, {**self._headers, **headers}, json=dict(content))
        return self._send(request.prepare, self._call(deadline, is_fresh=True)).open()

    def rest(self) -> None:
        """Close idle connections, and those in flight once they have their answer."""
        self._session.close()

    def _get_request(self, url: str, params: Mapping[str, str], headers: Mapping[str, str]) -> PreparedRequest:
        """Give a GET, prepared: those of one kind differ in their parameters alone."""
        request = copy(self._kind_of_get(url, *headers.items()))
        if params:
            request.url = f"{request.url}?{urlencode(params)}"
        return request

    def _prepared_get(self, url: str, *headers: tuple[str, str]) -> PreparedRequest:
        return requests.Request("GET", url, {**self._headers, **dict(headers)}).prepare()

    def _send(self, prepare: Callable[[], PreparedRequest], call: Call) -> SealedAnswer:
        self._redactor.know(*self._proxy_secrets)
        keywords: dict[str, Any] = {"proxies": dict(self._proxies), "timeout": call}
        try:
            response = self._session.send(prepare(), stream=True, allow_redirects=False, **keywords)
        except FAULTS as error:
            if call.is_unsent is None and not isinstance(error, requests.RequestException):
                raise  # a fault of our own
            raise self._failure(error, call) from error
        if response.is_redirect:
            raise _redirected(response.status_code)
        headers = {name.lower(): value for name, value in response.headers.items()}
        answer = Answer(response.status_code, headers, response.raw.data or b"", self._clock())
        return SealedAnswer(answer, self._redactor)

    def _failure(self, error: Exception, call: Call) -> PassingError:
        root, kind = _root(error, call), _kind(error, call)
        said = quote(self._redactor.clean(kind_and_words(root)))
        is_unsent = kind is UnsentError
        match root:
            case _ if isinstance(error, DecodeError):
                told = "invalid_response", "the answer's compression is damaged", _PEER_ADVICE
            case OddError():
                told = "invalid_response", str(root), _PEER_ADVICE
            case TimeoutError() if is_unsent:
                told = "timeout", f"no connection to Zoho in time: {said}", _NETWORK_ADVICE
            case TimeoutError():
                told = "timeout", f"Zoho gave no whole answer within {self._timeout_seconds:g} s", _NETWORK_ADVICE
            case ssl.SSLCertVerificationError() if is_unsent:
                reason = self._redactor.clean(root.verify_message)  # whole: it is OpenSSL's own, and names the remedy
                told = "tls", f"the certificate can't be verified: {reason}", _certificate_advice(root.verify_code)
            case ssl.SSLError() if is_unsent:
                told = "tls", f"TLS to Zoho failed: {said}", _TLS_ADVICE
            case _ if is_unsent and isinstance(error, _UNASKABLE):
                told = "connection", f"nothing can be asked for there: {said}", _SETTINGS_ADVICE
            case _:
                told = "connection", f"{_FAILED[kind]}: {said}", _NETWORK_ADVICE
        code, message, advice = told
        return kind(code, message, advice=advice)


class _Session(requests.Session):
    """A session that leaves redirects alone: even one not followed would be parsed."""

    def resolve_redirects(self, *_args: object, **_keywords: object) -> Iterator[Response]:
        """Give nothing to follow."""
        return iter(())


class _Adapter(HTTPAdapter):
    """Sends over pools of ours, and gives each connection the same TLS context, instead of a CA bundle to load.

    It finds the pool of a host once, so a host's proxy must stay the same.
    """

    def __init__(self, context: ssl.SSLContext, pool_size: int) -> None:
        self._context = context
        self._pools: dict[str, Pool] = {}
        super().__init__(pool_maxsize=pool_size)

    def send(  # type: ignore[override]
        self, request: PreparedRequest, *, timeout: Call, proxies: Mapping[str, str], **_: object
    ) -> Response:
        """Send a request, and give its answer whole."""
        url, body = request.url or "", request.body or b""
        scheme, _slashes, rest = url.partition("://")
        netloc, slash, path = rest.partition("#")[0].partition("/")
        host = netloc.rpartition("@")[2].removesuffix(_DEFAULT_PORTS[scheme])
        pool = self._pools.get(f"{scheme}://{netloc}")
        if pool is None or pool.pool is None:  # that of a refresh that has ended is closed
            pool = self._pools[f"{scheme}://{netloc}"] = self._pool(request, proxies)
        target = f"{scheme}://{host}/{path}" if pool.proxy and scheme == "http" else slash + path
        body = body.encode() if isinstance(body, str) else body
        content = pool.urlopen(request.method or "", target, body, {"Host": host, **request.headers}, timeout=timeout)
        return _response(content)

    def _pool(self, request: PreparedRequest, proxies: Mapping[str, str]) -> Pool:
        try:
            return cast("Pool", self.get_connection_with_tls_context(request, True, dict(proxies)))
        except LocationValueError as error:
            raise InvalidURL(error, request=request) from error

    def init_poolmanager(self, *arguments: Any, **keywords: Any) -> None:  # noqa: ANN401 - as its parent
        super().init_poolmanager(*arguments, **keywords, ssl_context=self._context)
        adopt(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **_: object) -> PoolManager:
        return adopt(super().proxy_manager_for(proxy, ssl_context=self._context, proxy_ssl_context=self._context))


def _response(content: Content) -> Response:
    response = Response()
    response.status_code, response.raw = content.status, content
    response.headers.update(content.headers)
    return response


def _redirected(status: int) -> PassingError:
    return PassingError(
        "invalid_response",
        f"refused a redirect (HTTP {status}): Zoho's API does not redirect",
        advice="check the data centre and whether a proxy or a sign-in page stands in between",
    )


def _certificate_advice(number: int) -> str:
    return next((advice for advice, numbers in _CERTIFICATE_ADVICE.items() if number in numbers), _UNSOUND)


def _kind(error: Exception, call: Call) -> type[PassingError]:
    if call.is_unsent or (isinstance(error, _UNASKABLE) and not call.has_heard):
        return UnsentError
    is_stale = call.is_kept and not call.has_heard and not isinstance(_root(error, call), TimeoutError)
    return StaleConnectionError if is_stale else PassingError


def _root(error: BaseException, call: Call) -> BaseException:
    """Give what went wrong first in a call."""
    while cause := error.__cause__ or (None if error.__suppress_context__ else error.__context__):
        if cause is call.handled:
            break
        error = cause
    return error
