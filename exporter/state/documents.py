"""What the rows of the state file hold: one JSON document each, out of the product's own words and back.

A new field of a kept dataclass needs nothing here: it has a default, and an older document lacks it.
"""

import json
import math
import re
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from exporter.model import MOST_OBSERVATIONS, TOKEN_PATTERN, ModuleTotals, Standing, TrackedJob

T = TypeVar("T", TrackedJob, ModuleTotals, Standing, int)

LATEST = 253_402_300_799.0
"""The last second of the year 9999: what claims to be later is no time."""
LARGEST_DOCUMENT = 1024 * 1024
"""Characters. No setting, body or answer makes a document so large."""
LONGEST_WAIT_SECONDS = 31 * 86_400.0
"""Longer than any setting lets a job wait for its next poll."""
_LARGEST_NUMBER = 2.0**53


def encode(value: TrackedJob | ModuleTotals | Standing | int) -> str:
    """Write a document. Half characters, which JSON can express and a database refuses, are replaced."""
    return _adapter(type(value).__name__).dump_json(value, exclude_defaults=True).decode(errors="replace")


def decode(text: object, kind: type[T]) -> T:
    """Read a document.

    Raises:
        ValueError: it is not one of this kind, whole and sound; the message shows nothing of it, for it may be secret.
    """
    value: T | None = None
    try:
        written = json.loads(str(text), parse_constant=_refuse, parse_float=_number, parse_int=_integer)
        value = _adapter(kind.__name__).validate_python(written)
        problem = _unsound(value)
    except ValidationError as error:
        places = (".".join(map(str, detail["loc"])) for detail in error.errors(include_url=False, include_input=False))
        problem = f"wrong at {', '.join(places) or 'the top'}"
    except (ValueError, RecursionError):
        problem = "not JSON of sound numbers"
    # Raised out of the `except`: the error's context would quote the document.
    if problem or value is None:
        raise ValueError(problem)
    return value


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    kinds: tuple[type, ...] = (TrackedJob, ModuleTotals, Standing, int)
    return next(TypeAdapter(kind) for kind in kinds if kind.__name__ == name)


def _refuse(word: str) -> float:
    raise ValueError(word)


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number) or abs(number) > _LARGEST_NUMBER:
        raise ValueError("no sound number")
    return number


def _integer(text: str) -> int:
    return int(_number(text)) if len(text) < 15 else _checked(int(text[:20]))  # noqa: PLR2004 - what a float holds


def _checked(number: int) -> int:
    _number(str(number))
    return number


def _unsound(value: object) -> str:
    match value:
        case TrackedJob() if _waits_too_long(value) or any(at > LATEST or at < 0 for at in _times(value)):
            return "a time that can't be"
        case TrackedJob(history=history) if len(history) > MOST_OBSERVATIONS:
            return "a history that is too long"
        case Standing(token=token) if token is not None and not re.fullmatch(TOKEN_PATTERN, token.value):
            return "an access token that can't be sent"
        case ModuleTotals(durations=durations) if any(
            len(one.counts) != len(one.bounds) + 1 for one in durations.values()
        ):
            return "a histogram that does not fit its bounds"
        case int() if value < 0:
            return "fewer than no credits"
    return ""


def _times(job: TrackedJob) -> tuple[float, ...]:
    known = (job.first_seen_at, job.reported_at, job.polled_at, job.next_poll_at, job.started_at, job.finished_at)
    return tuple(at for at in (*known, job.progressed_at, *(seen.at for seen in job.history)) if at is not None)


def _waits_too_long(job: TrackedJob) -> bool:
    polled_at = job.first_seen_at if job.polled_at is None else job.polled_at
    return job.next_poll_at is not None and job.next_poll_at - polled_at > LONGEST_WAIT_SECONDS
