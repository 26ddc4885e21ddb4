"""How an answer travels: as one write, or as steps that go wrong half-way. Pure; the listener carries the steps out."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from exporter.simulator.transport.answer import Answer, phrase


@dataclass(frozen=True, slots=True)
class Send:
    """Write these bytes at once."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Pause:
    """Work for that many seconds before the next step, whatever becomes of the faults."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Stall:
    """Fall silent for that many seconds, `None` for ever. Clearing the faults ends the silence and the connection."""

    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Reset:
    """Break the connection with a TCP reset."""


Step = Send | Pause | Stall | Reset


@dataclass(frozen=True, slots=True)
class Delivery:
    """The steps of one answer, and whether the connection serves another request afterwards.

    `idle_seconds`: how long it waits for that request, for ever when `None`. `drops_next`: it takes the request, and
    closes without a word.
    """

    steps: tuple[Step, ...]
    keeps_alive: bool = False
    idle_seconds: float | None = None
    drops_next: bool = False


@dataclass(frozen=True, slots=True)
class Exchange:
    """An answer on its way. `release` ends the call's share in the concurrency; it must be called, once is enough."""

    delivery: Delivery
    release: Callable[[], None]


def head(answer: Answer) -> bytes:
    """Write the status line and the headers, with the blank line that ends them."""
    return _head(answer, f"Content-Length: {len(answer.body)}")


def chunked_head(answer: Answer) -> bytes:
    """Write the same for a body in chunks."""
    return _head(answer, "Transfer-Encoding: chunked")


def _head(answer: Answer, framing: str) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {phrase(answer.status)}", "Server: ZGS"]
    if answer.body or answer.status != HTTPStatus.NO_CONTENT:
        lines += [f"Content-Type: {answer.content_type}", framing]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def chunks(body: bytes) -> bytes:
    """Write a body as one chunk and the empty one that ends it."""
    return (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"


def interim(status: int) -> bytes:
    """Write an answer that only says that there is more to come."""
    return f"HTTP/1.1 {status} {phrase(status)}\r\n\r\n".encode()


def whole(answer: Answer) -> Delivery:
    """Deliver the answer properly, in a single write."""
    return Delivery((Send(head(answer) + answer.body),), keeps_alive=True)


def half(answer: Answer) -> Send:
    """Send the headers, which promise the whole body, and half of it."""
    return Send(head(answer) + answer.body[: len(answer.body) // 2])
