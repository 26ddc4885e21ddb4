"""One write for what is written in one turn of the event loop: an answer's head, and its body where it is short."""

import asyncio
from typing import Any

SHORT_BYTES = 64 * 1024
"""What is longer is not copied to be joined: a body of many megabytes goes as it is."""


class OneWrite:
    """A transport that sends what is short at the end of the turn, together, and is the given one in all else.

    uvicorn writes head and body apart, which makes two system calls, two packets and, under TLS, two records of each
    answer.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a transport has
        """Give what the transport has of this name."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send, with what is held before it; what is short waits for more until the turn ends."""
        if len(self._held) + len(data) > SHORT_BYTES:
            self.flush()
            self._transport.write(data)
            return
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held += data

    def flush(self) -> None:
        """Send what is held."""
        held, self._held = self._held, b""
        if held:
            self._transport.write(held)

    def close(self) -> None:
        """End once all is sent."""
        self.flush()
        self._transport.close()
