"""The gate before every route: who comes in, how much they may bring, and how many are inside at once.

Health checks pass always, so that a crowd at the gate is not mistaken for a dead exporter.
"""

from collections import Counter
from collections.abc import Callable
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.web.access import USER
from exporter.web.admission import OPEN, Admission
from exporter.web.headers import with_headers
from exporter.web.operations import HEALTH_PATH, READY_PATH
from exporter.web.passwords import Passwords, Verdict, parse_login
from exporter.web.problems import refusal

OPEN_PATHS = frozenset({HEALTH_PATH, READY_PATH})
"""What orchestrators ask for, without a password and however busy we are."""

MOST_HEAD_BYTES = 16 * 1024
MOST_BODY_BYTES = 1024 * 1024
_MOST_BODY_BYTES_AT_ONCE = 16 * MOST_BODY_BYTES
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="zoho-mass-update-exporter", charset="UTF-8"'}
_SOON = {"Retry-After": "1"}


def is_health_check(scope: Scope) -> bool:
    """Whether a request may pass without a password and without waiting."""
    return scope["path"] in OPEN_PATHS


class Gate:
    """Wraps an ASGI application. For use in one event loop.

    The user who has been admitted is named in the request's scope, under `exporter.user`.

    Args:
        app: what is behind the gate.
        access: says who may come in now.
        max_requests: how many requests may be worked on at once, half of them for one address; a page that is being
            sent is not worked on any more.
        needs_no_password: whether a request passes without basic authentication.
    """

    def __init__(
        self,
        app: ASGIApp,
        access: Callable[[], Admission] = lambda: OPEN,
        *,
        max_requests: int = 40,
        needs_no_password: Callable[[Scope], bool] = is_health_check,
    ) -> None:
        self._app = app
        self._access = access
        self._max_requests = max_requests
        self._needs_no_password = needs_no_password
        self._passwords = Passwords()
        self._under_way: Counter[str] = Counter()
        self._held_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        access = self._access()
        send = with_headers(send, access.headers)
        refused = _oversized(scope) or await self._unknown(scope, access)
        if refused:
            await refused(scope, receive, send)
        elif is_health_check(scope):
            await self._app(scope, receive, send)
        else:
            await self._with_body(scope, receive, send)

    async def _unknown(self, scope: Scope, access: Admission) -> Response | None:
        if not access.users or self._needs_no_password(scope):
            return None
        login = parse_login(Headers(scope=scope).get("Authorization", ""))
        if login is None:
            return refusal(scope["path"], HTTPStatus.UNAUTHORIZED, "a user and a password are needed", _CHALLENGE)
        match await self._passwords.judge(login, access.users, _address(scope)):
            case Verdict.ADMITTED:
                scope[USER] = login.user
                return None
            case Verdict.REFUSED:
                return refusal(
                    scope["path"], HTTPStatus.UNAUTHORIZED, "this user and password are not known", _CHALLENGE
                )
            case Verdict.BUSY:
                return refusal(
                    scope["path"], HTTPStatus.TOO_MANY_REQUESTS, "too many passwords are being checked", _SOON
                )

    async def _with_body(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The body is read before a request counts as one under way: whoever brings it slowly holds up nobody.
        body = _Body(receive, self._hold)
        try:
            refused = await body.read(scope) if _has_body(scope) else None
            if refused:
                await refused(scope, receive, send)
            elif not body.is_abandoned:
                await self._counted(scope, body.replay, send)
        finally:
            self._held_bytes -= len(body.content)

    def _hold(self, count: int) -> bool:
        self._held_bytes += count
        return self._held_bytes <= _MOST_BODY_BYTES_AT_ONCE

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = _address(scope)
        if self._is_full(client):
            await refusal(scope["path"], HTTPStatus.SERVICE_UNAVAILABLE, "too many requests at once", _SOON)(
                scope, receive, send
            )
            return
        self._under_way[client] += 1
        is_counted = True

        def leave() -> None:
            nonlocal is_counted
            if is_counted:
                self._under_way -= Counter((client,))
            is_counted = False

        async def send_and_leave(message: Message) -> None:
            # Once it is answered it is off our hands: whoever reads slowly holds up nobody.
            leave()
            await send(message)

        try:
            await self._app(scope, receive, send_and_leave)
        finally:
            leave()

    def _is_full(self, client: str) -> bool:
        # Half is left to others: one client, however eager, does not keep Prometheus out.
        of_client = max(1, self._max_requests // 2)
        return self._under_way.total() >= self._max_requests or self._under_way[client] >= of_client


class _Body:
    """One request's body, read whole."""

    def __init__(self, receive: Receive, hold: Callable[[int], bool]) -> None:
        self._receive = receive
        self._hold = hold
        self._is_replayed = False
        self.content = bytearray()
        self.is_abandoned = False

    async def read(self, scope: Scope) -> Response | None:
        """Read it, and give the refusal of what is too large."""
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.is_abandoned = True
                return None
            chunk = message.get("body", b"")
            self.content += chunk
            if not self._hold(len(chunk)):
                return refusal(scope["path"], HTTPStatus.SERVICE_UNAVAILABLE, "too many bodies at once", _SOON)
            if len(self.content) > MOST_BODY_BYTES:
                return _too_large_body(scope)
            if not message.get("more_body", False):
                return None

    async def replay(self) -> Message:
        """Give the body as one message, and then what comes after it."""
        if self._is_replayed:
            return await self._receive()
        self._is_replayed = True
        return {"type": "http.request", "body": bytes(self.content), "more_body": False}


def _address(scope: Scope) -> str:
    return str((scope.get("client") or ("",))[0])


def _oversized(scope: Scope) -> Response | None:
    lines = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
    if len(scope["raw_path"]) + len(scope["query_string"]) + lines > MOST_HEAD_BYTES:
        text = f"the request's head is larger than {MOST_HEAD_BYTES // 1024} KiB"
        return refusal(scope["path"], HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, text)
    announced = Headers(scope=scope).get("Content-Length", "0")
    return _too_large_body(scope) if int(announced) > MOST_BODY_BYTES else None


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return "Transfer-Encoding" in headers or headers.get("Content-Length", "0") != "0"


def _too_large_body(scope: Scope) -> Response:
    text = f"the request's body is larger than {MOST_BODY_BYTES // 1024 // 1024} MiB"
    return refusal(scope["path"], HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text)
