"""Answers of an exporter as they come: from outside, so neither their text nor their form is to be trusted."""

import io
import json
import time
from http.client import HTTPResponse
from socket import socket
from typing import Any, NoReturn

from exporter.cli.output import visible

LONGEST_TEXT = 1000
"""Characters; the exporter's own texts are shorter."""
_MOST_FAULTS = 10


def printable(text: str) -> str:
    """Give a text from outside without what moves a terminal's cursor or changes its colours, and not too long."""
    if len(text) <= LONGEST_TEXT and text.isprintable():
        return text
    shown = visible(text[: LONGEST_TEXT + 1])
    return shown if len(shown) <= LONGEST_TEXT else f"{shown[:LONGEST_TEXT]}…"


def read_document(body: bytes) -> dict[str, Any]:
    """Give the JSON object that a body holds, with every text in it made printable.

    Raises:
        ValueError: it holds none.
    """
    try:
        document = _printable_within(json.loads(body, parse_constant=_refuse))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(document, dict):
        raise ValueError("no object")  # noqa: TRY004 - as any other body that is of no use
    return document


def read_problem(body: bytes) -> tuple[str, str]:
    """Give what a refusal's body says, and which values it says are wrong; either may be empty."""
    try:
        problem = read_document(body)
        detail, errors = problem.get("detail", ""), problem.get("errors", [])
        told = [": ".join((one["pointer"].rpartition("/")[2], one["detail"])) for one in errors[:_MOST_FAULTS]]
    except (AttributeError, KeyError, TypeError, ValueError):
        return "", ""
    left = f"; and {len(errors) - _MOST_FAULTS} more" if len(errors) > _MOST_FAULTS else ""
    return detail if isinstance(detail, str) else "", printable("; ".join(told)) + left


class TimelyResponse(HTTPResponse):
    """An answer that comes whole, head and body, in the time that its socket would wait for a single byte."""

    def __init__(self, sock: socket, *more: Any, **named: Any) -> None:  # noqa: ANN401 - http.client's own
        super().__init__(sock, *more, **named)
        self.fp = io.BufferedReader(_Timely(sock, self.fp.detach()))


class _Timely(io.RawIOBase):
    """What a socket brings before its time is up."""

    def __init__(self, sock: socket, raw: io.RawIOBase) -> None:
        self._sock, self._raw = sock, raw
        self._until = time.monotonic() + (sock.gettimeout() or 0.0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - io's own
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _printable_within(value: Any) -> Any:  # noqa: ANN401 - JSON
    match value:
        case str():
            return printable(value)
        case list():
            return [_printable_within(one) for one in value]
        case dict():
            return {printable(name): _printable_within(one) for name, one in value.items()}
        case _:
            return value
