"""An answer that is long, and most of which stays the same: nothing of it is put together only to be sent."""

from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from exporter.blocks import Body


class LongAnswer(Response):
    """Sends its content in pieces, or its `body` once that is set: the same, compressed."""

    def __init__(self, content: Body, headers: Mapping[str, str]) -> None:
        super().__init__(headers={**headers, "Content-Length": str(len(content))})
        self.content = content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        if self.body:
            await super().__call__(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for piece in self.content.pieces():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})
