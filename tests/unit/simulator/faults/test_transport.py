"""Each fault of the way, as the steps in which an answer travels."""

import pytest

from exporter.simulator.faults import Fault, FaultKind, Stage
from exporter.simulator.faults.transport import spoil_delivery
from exporter.simulator.transport import Answer, Delivery, Pause, Reset, Send, Stall, head, whole

STATUS_LINE = b"HTTP/1.1 200 OK\r\n"
SHORT = Answer(200, b"[]", content_type="x")
SHORT_HEADERS = b"Content-Type: x\r\nContent-Length: 2\r\n\r\n"
WHOLE = Send(head(SHORT) + b"[]")
CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nServer: ZGS\r\nContent-Type: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("fault", "delivery"),
    [
        (None, whole(SHORT)),
        (Fault(FaultKind.TIMEOUT, seconds=3), Delivery((Stall(3),))),
        (Fault(FaultKind.STALLED_HEADERS), Delivery((Send(STATUS_LINE), Stall()))),
        (Fault(FaultKind.STALLED_BODY), Delivery((Send(head(SHORT) + b"["), Stall()))),
        (Fault(FaultKind.RESET), Delivery((Reset(),))),
        (Fault(FaultKind.RESET_IN_BODY), Delivery((Send(head(SHORT) + b"["), Reset()))),
        (
            Fault(FaultKind.LATENCY, seconds=2),
            Delivery((Pause(2), Send(head(SHORT) + b"[]")), keeps_alive=True),
        ),
        (
            Fault(FaultKind.TRICKLE, seconds=1),
            Delivery((Send(head(SHORT)), Stall(1), Send(b"["), Stall(1), Send(b"]"))),
        ),
        (
            Fault(FaultKind.INTERIM),
            Delivery((Send(b"HTTP/1.1 103 Early Hints\r\n\r\n"), Pause(0), WHOLE), keeps_alive=True),
        ),
        (
            Fault(FaultKind.INTERIM, status=102, seconds=1),
            Delivery((Send(b"HTTP/1.1 102 Processing\r\n\r\n"), Pause(1), WHOLE), keeps_alive=True),
        ),
        (
            Fault(FaultKind.CHUNKED),
            Delivery((Send(CHUNKED_HEAD + b"2\r\n[]\r\n0\r\n\r\n"),), keeps_alive=True),
        ),
        (
            Fault(FaultKind.LATE_BODY, seconds=0.02),
            Delivery((Send(head(SHORT)), Pause(0.02), Send(b"[]")), keeps_alive=True),
        ),
        (Fault(FaultKind.TWICE), Delivery((WHOLE, WHOLE), keeps_alive=True)),
        (Fault(FaultKind.CLOSE_ON_REUSE), Delivery((WHOLE,), keeps_alive=True, drops_next=True)),
        (Fault(FaultKind.IDLE_CLOSE, seconds=5), Delivery((WHOLE,), keeps_alive=True, idle_seconds=5)),
    ],
    ids=lambda value: str(value.kind) if isinstance(value, Fault) else None,
)
def test_an_answer_travels_in_the_steps_of_the_fault(fault: Fault | None, delivery: Delivery) -> None:
    """Only an answer that gets there leaves the connection in use."""
    assert spoil_delivery(fault, SHORT) == delivery


@pytest.mark.parametrize(
    ("stage", "at_once", "slowly", "rest"),
    [
        (Stage.INTERIM, b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 50, head(SHORT) + b"[]"),
        (Stage.STATUS_LINE, b"", b"HTTP/1.1 200 OK", b"\r\nServer: ZGS\r\n" + SHORT_HEADERS + b"[]"),
        (Stage.HEADERS, STATUS_LINE, b"Server: ZGS\r\n" + SHORT_HEADERS, b"[]"),
        (Stage.BODY, head(SHORT), b"[]", b""),
        (Stage.CHUNK_EXTENSION, CHUNKED_HEAD + b"2", b";" + b"x" * 200, b"\r\n[]\r\n0\r\n\r\n"),
        (Stage.TRAILER, CHUNKED_HEAD + b"2\r\n[]\r\n0\r\n", b"X-Trailer: " + b"x" * 200, b"\r\n\r\n"),
    ],
    ids=lambda value: str(value) if isinstance(value, Stage) else None,
)
def test_any_part_of_an_answer_may_come_drop_by_drop(stage: Stage, at_once: bytes, slowly: bytes, rest: bytes) -> None:
    """A wait before each byte of it, and none before the rest."""
    steps = spoil_delivery(Fault(FaultKind.TRICKLE, seconds=1, stage=stage), SHORT).steps
    first = [Send(at_once)] if at_once else []
    drops = [step for byte in slowly for step in (Stall(1), Send(bytes([byte])))]
    assert steps == (*first, *drops, *([Send(rest)] if rest else []))
