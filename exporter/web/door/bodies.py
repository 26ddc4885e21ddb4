"""The bodies of requests: read whole before a request takes a place, bounded each and together."""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive

from exporter.web.problems import refusal

MOST_BODY_BYTES = 1024 * 1024
_MOST_BYTES_AT_ONCE = 16 * MOST_BODY_BYTES


class Bodies:
    """Reads bodies, and knows how much of them is held. For use in one event loop."""

    def __init__(self) -> None:
        self._held_bytes = 0

    async def read(self, path: str, receive: Receive, content: bytearray) -> Response | None:
        """Read a body into `content`, and give the refusal of what is too large.

        Raises:
            ClientGoneError: there is nobody any more to answer.
        """
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            chunk = message.get("body", b"")
            content += chunk
            self._held_bytes += len(chunk)
            if self._held_bytes > _MOST_BYTES_AT_ONCE:
                text = "too many bodies at once"
                return refusal(path, HTTPStatus.SERVICE_UNAVAILABLE, text, {"Retry-After": "1"})
            if len(content) > MOST_BODY_BYTES:
                return too_large(path)
            if not message.get("more_body", False):
                return None

    def forget(self, content: bytearray) -> None:
        """Let go of what was read."""
        self._held_bytes -= len(content)


class ClientGoneError(Exception):
    """The client has gone before its request was whole."""


def has_body(headers: Headers) -> bool:
    """Whether a body follows the head."""
    return "Transfer-Encoding" in headers or headers.get("Content-Length", "0") != "0"


def too_large(path: str) -> Response:
    """Refuse a body."""
    text = f"the request's body is larger than {MOST_BODY_BYTES // 1024 // 1024} MiB"
    return refusal(path, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text)
