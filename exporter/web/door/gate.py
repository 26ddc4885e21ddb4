"""The gate before every route: what comes in is one of our paths, small enough, from somebody who may, and in time.

All work is done in threads, so that the event loop is free for the next request whatever the last one costs. Only that
we are healthy it says by itself: a crowd at the gate is not to be mistaken for a dead exporter.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from http import HTTPStatus
from traceback import extract_tb

from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from exporter.web.door.bodies import MOST_BODY_BYTES, Bodies, ClientGoneError, has_body, too_large
from exporter.web.door.headers import compressed, with_headers
from exporter.web.door.places import Kind, Places
from exporter.web.guard import Entry, Guard
from exporter.web.news import News
from exporter.web.problems import refusal
from exporter.web.request import Request

_log = logging.getLogger(__name__)

MOST_HEAD_BYTES = 16 * 1024
_PART = r"[A-Za-z0-9_.-]{1,128}"
_BUSY_THREADS = 8
_CHECKS_AT_ONCE = 1000
_SOON = {"Retry-After": "1"}


@dataclass(frozen=True)
class Route:
    """One row of what we answer: a method and a path, `{parts}` of which may vary, for whom, and with what."""

    method: str
    path: str
    answer: Callable[[Request], Response]
    entry: Entry = Entry.READER
    kind: Kind = Kind.OTHER

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What a path must be, to the last character, as it was sent."""
        return re.compile(re.sub(r"\\{(\w+)\\}", rf"(?P<\1>{_PART})", re.escape(self.path)))


class Gate:
    """The ASGI application. For use in one event loop.

    Args:
        routes: what is behind the gate.
        guard: says who may come in.
        max_requests: how many requests of each kind may be worked on at once, while as many more wait; a page that is
            being sent is none of them.
        granted: gives the seconds that a request has from its arrival, by its headers.
    """

    def __init__(
        self,
        routes: Iterable[Route],
        guard: Guard | None = None,
        *,
        max_requests: int = 40,
        granted: Callable[[Headers], float] = lambda _: 10.0,
    ) -> None:
        self._routes = tuple(routes)
        self._guard = guard or Guard()
        self._granted = granted
        self._bodies = Bodies()
        # What only costs time is not done faster by more threads, but all else more slowly.
        threads = {Kind.METRICS: max_requests, Kind.PROBE: max_requests, Kind.OTHER: min(max_requests, _BUSY_THREADS)}
        self._places = {kind: Places(most, max_requests) for kind, most in threads.items()}
        self._places[Kind.READINESS] = Places(2, _CHECKS_AT_ONCE)
        self._is_news = News()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = self._read_head(scope)
        try:
            answer = _oversized(request, scope) or await self._answer(request, receive)
        except ClientGoneError:
            return
        except asyncio.CancelledError:
            answer = refusal(request.path, HTTPStatus.SERVICE_UNAVAILABLE, "the exporter is stopping", _SOON)
        except Exception as error:  # noqa: BLE001 - the edge of a request: one bug must not end the others
            answer = self._failed(request, error)
        await answer(scope, receive, with_headers(send, self._guard.headers))

    def _read_head(self, scope: Scope) -> Request:
        headers = Headers(scope=scope)
        return Request(
            method=scope["method"],
            path=scope["raw_path"].decode("latin-1"),
            headers=headers,
            query=QueryParams(scope["query_string"]),
            scheme=scope["scheme"],
            client=str((scope.get("client") or ("",))[0]),
            deadline=asyncio.get_running_loop().time() + self._granted(headers),
        )

    async def _answer(self, request: Request, receive: Receive) -> Response:
        route, parts = self._find(request)
        content = bytearray()
        try:
            try:
                async with asyncio.timeout_at(request.deadline):
                    refused = await self._refusal(request, route, receive, content)
            except TimeoutError:
                refused = _late(request)
            if refused:
                return refused
            if route is None:
                return self._not_found(request)
            if route.kind is Kind.HEALTH:
                return route.answer(request)
            work = partial(_respond, route, replace(request, names=parts, body=bytes(content)))
            answer = await self._places[route.kind].work(work, request.client, request.deadline)
            return answer or _late(request)
        finally:
            self._bodies.forget(content)

    async def _refusal(
        self, request: Request, route: Route | None, receive: Receive, content: bytearray
    ) -> Response | None:
        """Refuse a request, or read its body."""
        is_health_check = any(one.entry is Entry.ANYBODY for one in self._routes if one.path == request.path)
        entry = Entry.ANYBODY if is_health_check else route.entry if route else None
        if refused := await self._guard.refusal(request, entry):
            return refused
        # The body is read before a request takes a place: whoever brings it slowly holds up nobody.
        if route and not is_health_check and has_body(request.headers):
            return await self._bodies.read(request.path, receive, content)
        return None

    def _find(self, request: Request) -> tuple[Route | None, dict[str, str]]:
        method = "GET" if request.method == "HEAD" else request.method
        for route in self._routes:
            if route.method == method and (match := route.pattern.fullmatch(request.path)):
                return route, match.groupdict()
        return None, {}

    def _not_found(self, request: Request) -> Response:
        allowed = [route.method for route in self._routes if route.pattern.fullmatch(request.path)]
        if not allowed:
            return refusal(request.path, HTTPStatus.NOT_FOUND, "there is no such page")
        allow = {"Allow": ", ".join(allowed)}
        return refusal(request.path, HTTPStatus.METHOD_NOT_ALLOWED, "this page has no such method", allow)

    def _failed(self, request: Request, error: Exception) -> Response:
        # Once for each bug, not for each request that meets it: anybody could fill the log.
        if self._is_news(f"{type(error)} {extract_tb(error.__traceback__)[-1:]}"):
            _log.error("a request failed in a way nobody foresaw", exc_info=error, extra={"path": request.path[:200]})
        text = "internal error: see the exporter's log"
        return refusal(request.path, HTTPStatus.INTERNAL_SERVER_ERROR, text)


def _respond(route: Route, request: Request) -> Response:
    return compressed(route.answer(request), request.headers.get("Accept-Encoding", ""))


def _late(request: Request) -> Response:
    return refusal(request.path, HTTPStatus.SERVICE_UNAVAILABLE, "too many requests at once", _SOON)


def _oversized(request: Request, scope: Scope) -> Response | None:
    lines = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
    if len(scope["raw_path"]) + len(scope["query_string"]) + lines > MOST_HEAD_BYTES:
        text = f"the request's head is larger than {MOST_HEAD_BYTES // 1024} KiB"
        return refusal(request.path, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, text)
    return too_large(request.path) if int(request.headers.get("Content-Length", "0")) > MOST_BODY_BYTES else None
