"""The gate before every route: what comes in is one of our paths, small enough, from somebody who may, and in time.

All work is done in threads, so that the event loop is free for the next request whatever the last one costs. Only that
we are healthy it says by itself: a crowd at the gate is not to be mistaken for a dead exporter.
"""

import asyncio
import logging
import re
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from email.utils import formatdate
from functools import cached_property, lru_cache, partial
from http import HTTPStatus
from traceback import extract_tb
from typing import Any

from starlette.datastructures import Headers, QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.requests import Request as Incoming
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from exporter.blocks import Body
from exporter.web.door.connections import INPUT_END
from exporter.web.door.places import Places, late
from exporter.web.guard import Entry, Guard
from exporter.web.long_answer import LongAnswer
from exporter.web.news import News
from exporter.web.problems import SOON, STARTING, refusal
from exporter.web.request import Request, listed
from exporter.web.threads import Threads
from exporter.weights import weighed

_log = logging.getLogger(__name__)

MOST_HEAD_BYTES = 16 * 1024
_MOST_BODY_BYTES = 1024 * 1024
_MOST_BYTES_AT_ONCE = 16 * _MOST_BODY_BYTES
_ABSOLUTE = re.compile(rb"https?://([^/@\\]+)(/.*)?", re.IGNORECASE | re.DOTALL)
_PART = r"[A-Za-z0-9_.-]{1,128}"
_BUSY_THREADS = 8
_CHECKS_AT_ONCE = 1000
_DEFAULTS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "deny",
}
_SMALLEST_GZIP_BYTES = 1024
_KEPT_HEADERS = 32
"""How many `Accept-Encoding` headers are known: each scraper sends its own, and always the same."""
_HEALTH = frozenset({Entry.HEALTH, Entry.READINESS})


@dataclass(frozen=True)
class Route:
    """One row of what we answer: a method and a path, `{parts}` of which may vary, for whom, and with what."""

    method: str
    path: str
    answer: Callable[[Request], Response]
    entry: Entry = Entry.READER

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\\{(\w+)\\}", rf"(?P<\1>{_PART})", re.escape(self.path)))

    def names(self, path: str) -> dict[str, str] | None:
        """Give the parts of a path, as it was sent; nothing where it is not to the last character one of ours."""
        match = self._pattern.fullmatch(path)
        return match.groupdict() if match else None


class Gate:
    """The ASGI application. For use in one event loop.

    Args:
        routes: what is behind the gate.
        guard: says who may come in.
        begun: done once there is what the routes ask: until then only health and readiness are answered.
        max_requests: how many scrapes, and how many probes, may be worked on at once, while as many more wait; a page
            that is being sent is none of them.
        granted: gives the seconds that a request has from its arrival, by its headers.
        prefix: what every path begins with, behind a proxy. Health is answered without it too: who asks for that need
            not know it.
        shown: gives an answer as whoever asks wants to see it.
    """

    def __init__(
        self,
        routes: Iterable[Route],
        guard: Guard | None = None,
        *,
        begun: Future[Any] | None = None,
        max_requests: int = 40,
        granted: Callable[[Headers], float] = lambda _: 10.0,
        prefix: str = "",
        shown: Callable[[Request, Response], Response] = lambda _, answer: answer,
    ) -> None:
        self._fixed: defaultdict[str, list[Route]] = defaultdict(list)
        self._varying: list[Route] = []
        for route in routes:
            (self._varying if "{" in route.path else self._fixed[route.path]).append(route)
        self._begun = begun or _done()
        self._prefix = prefix
        self._shown = shown
        self._guard = guard or Guard()
        self._granted = granted
        self._held_bytes = 0
        threads = Threads()
        self._places = {entry: Places(max_requests, max_requests, threads) for entry in (Entry.SCRAPER, Entry.PROBER)}
        self._places[Entry.READINESS] = Places(2, _CHECKS_AT_ONCE, threads)
        # What only costs time is not done faster by more threads, but all else more slowly.
        self._other_places = Places(min(max_requests, _BUSY_THREADS), max_requests, threads)
        self._is_news = News()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = self._read_head(scope)
        try:
            answer = await self._answer(request, Incoming(scope, receive))
        except ClientDisconnect:
            return
        except HTTPException as error:
            answer = refusal(request.path, error)
        except asyncio.CancelledError:
            stopping = HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, "the exporter is stopping", SOON)
            answer = refusal(request.path, stopping)
        except Exception as error:  # noqa: BLE001 - the edge of a request: one bug must not end the others
            answer = self._failed(request, error)
        answer = self._shown(request, answer)
        _add_headers(answer, self._guard.headers)
        await answer(scope, receive, send)

    def _read_head(self, scope: Scope) -> Request:
        path, headers = _asked(scope)
        return Request(
            method=scope["method"],
            path=self._inside(path.decode("latin-1")),
            headers=headers,
            query=QueryParams(scope["query_string"]),
            scheme=scope["scheme"],
            client=str((scope.get("client") or ("",))[0]),
            deadline=asyncio.get_running_loop().time() + self._granted(headers),
        )

    def _inside(self, path: str) -> str:
        """Give a path as the routes have it; an empty one where the prefix alone is missing, or all that is there."""
        if path.startswith(f"{self._prefix}/") or any(route.entry in _HEALTH for route in self._routes(path)):
            return path.removeprefix(self._prefix)
        return "" if path in {"/", self._prefix} else f"outside {path}"

    async def _answer(self, request: Request, incoming: Incoming) -> Response:
        _refuse_oversized(request, incoming.scope)
        _refuse_ambiguous(request.headers, incoming.scope)
        body = bytearray()
        try:
            async with asyncio.timeout_at(request.deadline):
                route, has_password = await self._find(request)
                if route.entry is Entry.HEALTH:
                    return route.answer(request)
                if route.entry is not Entry.READINESS:
                    await self._wait_begun()
                # Read before a request takes a place: whoever brings a body slowly holds up nobody.
                if route.method == "POST":
                    await self._read(incoming.stream(), body)
            names = route.names(request.path) or {}
            asked = replace(request, names=names, body=bytes(body), has_password=has_password)
            places = self._places.get(route.entry, self._other_places)
            work = partial(_respond, route, asked)
            with _hurried(request, incoming.scope["state"][INPUT_END]):
                return await places.work(work, request.client, request.deadline, request.enough)
        except TimeoutError:
            raise (late() if self._begun.done() else _starting()) from None
        finally:
            self._held_bytes -= len(body)

    async def _wait_begun(self) -> None:
        if not self._begun.done():
            await asyncio.wait((asyncio.wrap_future(self._begun),))
        if self._begun.cancelled():
            raise _starting()

    async def _find(self, request: Request) -> tuple[Route, bool]:
        routes = self._routes(request.path)
        method = "GET" if request.method == "HEAD" else request.method
        route = next((route for route in routes if route.method == method), None)
        is_open = any(route.entry in _HEALTH for route in routes)
        has_password = not is_open and await self._guard.admit(request, route.entry if route else None)
        if route is None:
            raise _missing(routes)
        return route, has_password

    def _routes(self, path: str) -> Sequence[Route]:
        """Give the rows of a path, of which each scrape asks for the same."""
        return self._fixed.get(path) or [route for route in self._varying if route.names(path) is not None]

    async def _read(self, chunks: AsyncIterator[bytes], body: bytearray) -> None:
        async for chunk in chunks:
            body += chunk
            self._held_bytes += len(chunk)
            if self._held_bytes > _MOST_BYTES_AT_ONCE:
                raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, "too many bodies at once", SOON)
            _refuse_large(len(body))

    def _failed(self, request: Request, error: Exception) -> Response:
        # Once for each bug, not for each request that meets it: anybody could fill the log.
        if self._is_news(f"{type(error)} {extract_tb(error.__traceback__)[-1:]}"):
            _log.error("a request failed in a way nobody foresaw", exc_info=error, extra={"path": request.path[:200]})
        text = "internal error: see the exporter's log"
        return refusal(request.path, HTTPException(HTTPStatus.INTERNAL_SERVER_ERROR, text))


def _asked(scope: Scope) -> tuple[bytes, Headers]:
    """Give path and headers; of the absolute form, as for a proxy, with the host that it names.

    Source: RFC 9112, 3.2.2.
    """
    absolute = _ABSOLUTE.fullmatch(scope["raw_path"])
    if not absolute:
        return scope["raw_path"], Headers(scope=scope)
    others = [(name, value) for name, value in scope["headers"] if name != b"host"]
    return absolute[2] or b"/", Headers(raw=[(b"host", absolute[1]), *others])


@contextmanager
def _hurried(request: Request, input_end: asyncio.Future[None]) -> Iterator[None]:
    """Let nothing more be waited for once a client has ended what it sends: mostly it has gone."""

    def hurry(_: object) -> None:
        request.enough.set()

    input_end.add_done_callback(hurry)
    try:
        yield
    finally:
        input_end.remove_done_callback(hurry)


def _respond(route: Route, request: Request) -> Response:
    answer = route.answer(request)
    if int(answer.headers.get("Content-Length", "0")) < _SMALLEST_GZIP_BYTES:
        return answer
    answer.headers.add_vary_header("Accept-Encoding")
    if _takes_gzip(listed(request.headers, "Accept-Encoding")):
        content = answer.content if isinstance(answer, LongAnswer) else Body.of(bytes(answer.body))
        answer.body = content.gzip()
        answer.headers["Content-Encoding"] = "gzip"
        answer.headers["Content-Length"] = str(len(answer.body))
    return answer


@lru_cache(_KEPT_HEADERS)
def _takes_gzip(accepted: str) -> bool:
    """Whether a client takes gzip, and does not take what is not compressed rather. Source: RFC 9110, 12.5.3."""
    weights = {coding: weight for coding, _, weight in weighed(accepted)}
    gzip_weight = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return gzip_weight > 0 and gzip_weight >= weights.get("identity", 0.0)


def _done() -> Future[None]:
    future: Future[None] = Future()
    future.set_result(None)
    return future


def _starting() -> HTTPException:
    return HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, STARTING, SOON)


def _missing(routes: Sequence[Route]) -> HTTPException:
    if not routes:
        return HTTPException(HTTPStatus.NOT_FOUND, "there is no such page")
    methods = [route.method for route in routes]
    allow = {"Allow": ", ".join(["HEAD", *methods] if "GET" in methods else methods)}
    return HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, "this page has no such method", allow)


def _refuse_oversized(request: Request, scope: Scope) -> None:
    lines = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
    if len(scope["raw_path"]) + len(scope["query_string"]) + lines > MOST_HEAD_BYTES:
        text = f"the request's head is larger than {MOST_HEAD_BYTES // 1024} KiB"
        raise HTTPException(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, text)
    _refuse_large(int(request.headers.get("Content-Length", "0")))


def _refuse_ambiguous(headers: Headers, scope: Scope) -> None:
    """Refuse what a proxy may hold for longer or shorter than we do. Source: RFC 9112, 6.1."""
    if "Transfer-Encoding" in headers and ("Content-Length" in headers or scope["http_version"] < "1.1"):
        text = "Transfer-Encoding is neither for HTTP/1.0 nor beside a Content-Length"
        raise HTTPException(HTTPStatus.BAD_REQUEST, text, {"Connection": "close"})


def _refuse_large(body_bytes: int) -> None:
    if body_bytes > _MOST_BODY_BYTES:
        text = f"the request's body is larger than {_MOST_BODY_BYTES // 1024 // 1024} MiB"
        raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text)


_date = lru_cache(maxsize=1)(partial(formatdate, usegmt=True))


def _add_headers(answer: Response, configured: Mapping[str, str]) -> None:
    # An empty one that is configured is left out.
    answer.headers["Date"] = _date(int(time.time()))
    for name, value in {**_DEFAULTS, **configured}.items():
        if value:
            answer.headers.setdefault(name, value)
