"""How an answer travels wrongly. The next fault of this sort is a word in `FaultKind` and one row in `TRANSPORT`."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from http import HTTPStatus

from exporter.simulator.faults.fault import Fault, FaultKind, Stage
from exporter.simulator.transport import (
    Answer,
    Delivery,
    Pause,
    Reset,
    Send,
    Stall,
    Step,
    chunked_head,
    chunks,
    half,
    head,
    interim,
    whole,
)


def _timeout(fault: Fault, _: Answer) -> Delivery:
    return Delivery((Stall(fault.seconds),))


def _stalled_headers(fault: Fault, answer: Answer) -> Delivery:
    status_line = head(answer).split(b"\r\n", 1)[0] + b"\r\n"
    return Delivery((Send(status_line), Stall(fault.seconds)))


def _stalled_body(fault: Fault, answer: Answer) -> Delivery:
    return Delivery((half(answer), Stall(fault.seconds)))


def _reset(_: Fault, __: Answer) -> Delivery:
    return Delivery((Reset(),))


def _reset_in_body(_: Fault, answer: Answer) -> Delivery:
    return Delivery((half(answer), Reset()))


def _latency(fault: Fault, answer: Answer) -> Delivery:
    return replace(whole(answer), steps=(Pause(fault.seconds or 0.0), *whole(answer).steps))


PADDING = b"x" * 200


def _slow_parts(stage: Stage, answer: Answer) -> tuple[bytes, bytes, bytes]:
    """Give what comes at once, what comes byte by byte after it, and what comes at once after that."""
    if stage is Stage.INTERIM:
        return b"", interim(HTTPStatus.PROCESSING) * 50, head(answer) + answer.body
    if stage is Stage.CHUNK_EXTENSION:
        size = b"%x" % len(answer.body)
        return chunked_head(answer) + size, b";" + PADDING, chunks(answer.body).removeprefix(size)
    if stage is Stage.TRAILER:
        before = (chunked_head(answer) + chunks(answer.body)).removesuffix(b"\r\n")
        return before, b"X-Trailer: " + PADDING, b"\r\n\r\n"
    line, _, headers = head(answer).partition(b"\r\n")
    if stage is Stage.STATUS_LINE:
        return b"", line, b"\r\n" + headers + answer.body
    if stage is Stage.HEADERS:
        return line + b"\r\n", headers, answer.body
    return head(answer), answer.body, b""


def _trickle(fault: Fault, answer: Answer) -> Delivery:
    before, slow, after = _slow_parts(fault.stage, answer)
    steps: list[Step] = [Send(before)] if before else []
    for position in range(len(slow)):
        steps += [Stall(fault.seconds or 0.0), Send(slow[position : position + 1])]
    return Delivery((*steps, Send(after)) if after else tuple(steps))


def _interim(fault: Fault, answer: Answer) -> Delivery:
    before = Send(interim(fault.status or HTTPStatus.EARLY_HINTS))
    return replace(whole(answer), steps=(before, Pause(fault.seconds or 0.0), *whole(answer).steps))


def _chunked(_: Fault, answer: Answer) -> Delivery:
    return replace(whole(answer), steps=(Send(chunked_head(answer) + chunks(answer.body)),))


def _late_body(fault: Fault, answer: Answer) -> Delivery:
    return replace(whole(answer), steps=(Send(head(answer)), Pause(fault.seconds or 0.0), Send(answer.body)))


def _twice(_: Fault, answer: Answer) -> Delivery:
    return replace(whole(answer), steps=whole(answer).steps * 2)


def _close_on_reuse(_: Fault, answer: Answer) -> Delivery:
    return replace(whole(answer), drops_next=True)


def _idle_close(fault: Fault, answer: Answer) -> Delivery:
    return replace(whole(answer), idle_seconds=fault.seconds or 0.0)


TRANSPORT: Mapping[FaultKind, Callable[[Fault, Answer], Delivery]] = {
    FaultKind.TIMEOUT: _timeout,
    FaultKind.STALLED_HEADERS: _stalled_headers,
    FaultKind.STALLED_BODY: _stalled_body,
    FaultKind.RESET: _reset,
    FaultKind.RESET_IN_BODY: _reset_in_body,
    FaultKind.LATENCY: _latency,
    FaultKind.TRICKLE: _trickle,
    FaultKind.INTERIM: _interim,
    FaultKind.CHUNKED: _chunked,
    FaultKind.LATE_BODY: _late_body,
    FaultKind.TWICE: _twice,
    FaultKind.CLOSE_ON_REUSE: _close_on_reuse,
    FaultKind.IDLE_CLOSE: _idle_close,
}
"""How an answer travels wrongly. The request itself has been carried out, as behind a real broken line."""


def spoil_delivery(fault: Fault | None, answer: Answer) -> Delivery:
    """Give the steps in which an answer travels."""
    return TRANSPORT[fault.kind](fault, answer) if fault else whole(answer)
