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

Journey = Callable[[Fault, Answer], Delivery]


def _broken(steps: Callable[[Fault, Answer], tuple[Step, ...]]) -> Journey:
    """Make a journey of steps after which the connection is over."""
    return lambda fault, answer: Delivery(steps(fault, answer))


def _kept(steps: Callable[[Fault, Answer], tuple[Step, ...]]) -> Journey:
    """Make a journey of steps after which the connection goes on."""
    return lambda fault, answer: replace(whole(answer), steps=steps(fault, answer))


def _status_line(answer: Answer) -> Send:
    return Send(head(answer).split(b"\r\n", 1)[0] + b"\r\n")


def _pause(fault: Fault) -> Pause:
    return Pause(fault.seconds or 0.0)


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


def _trickle(fault: Fault, answer: Answer) -> tuple[Step, ...]:
    before, slow, after = _slow_parts(fault.stage, answer)
    steps: list[Step] = [Send(before)] if before else []
    for position in range(len(slow)):
        steps += [Stall(fault.seconds or 0.0), Send(slow[position : position + 1])]
    return (*steps, Send(after)) if after else tuple(steps)


def _interim(fault: Fault, answer: Answer) -> tuple[Step, ...]:
    return Send(interim(fault.status or HTTPStatus.EARLY_HINTS)), _pause(fault), *whole(answer).steps


TRANSPORT: Mapping[FaultKind, Journey] = {
    FaultKind.TIMEOUT: _broken(lambda fault, _: (Stall(fault.seconds),)),
    FaultKind.STALLED_HEADERS: _broken(lambda fault, answer: (_status_line(answer), Stall(fault.seconds))),
    FaultKind.STALLED_BODY: _broken(lambda fault, answer: (half(answer), Stall(fault.seconds))),
    FaultKind.RESET: _broken(lambda _, __: (Reset(),)),
    FaultKind.RESET_IN_BODY: _broken(lambda _, answer: (half(answer), Reset())),
    FaultKind.TRICKLE: _broken(_trickle),
    FaultKind.LATENCY: _kept(lambda fault, answer: (_pause(fault), *whole(answer).steps)),
    FaultKind.INTERIM: _kept(_interim),
    FaultKind.CHUNKED: _kept(lambda _, answer: (Send(chunked_head(answer) + chunks(answer.body)),)),
    FaultKind.LATE_BODY: _kept(lambda fault, answer: (Send(head(answer)), _pause(fault), Send(answer.body))),
    FaultKind.TWICE: _kept(lambda _, answer: whole(answer).steps * 2),
    FaultKind.CLOSE_ON_REUSE: lambda _, answer: replace(whole(answer), drops_next=True),
    FaultKind.IDLE_CLOSE: lambda fault, answer: replace(whole(answer), idle_seconds=fault.seconds or 0.0),
}
"""How an answer travels wrongly. The request itself has been carried out, as behind a real broken line."""


def spoil_delivery(fault: Fault | None, answer: Answer) -> Delivery:
    """Give the steps in which an answer travels."""
    return TRANSPORT[fault.kind](fault, answer) if fault else whole(answer)
