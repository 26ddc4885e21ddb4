"""What the rows of the state file hold: one JSON document each, out of the product's own words and back.

A new field of a kept dataclass needs nothing here: it has a default, and an older document lacks it.
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from exporter.model import MOST_OBSERVATIONS, TOKEN_PATTERN, Distribution, KeptToken, ModuleTotals, Standing, TrackedJob

Value: TypeAlias = TrackedJob | ModuleTotals | Standing | int


class Kind(StrEnum):
    """What a document tells of."""

    JOB = "job"
    RETIRED = "retired"
    TOTALS = "totals"
    CREDITS = "credits"
    PROBE_CREDITS = "probe_credits"
    STANDING = "standing"


class Row(NamedTuple):
    """Which document: of what kind, and of which job, module or minute."""

    account: str
    kind: Kind
    key: str


Changes: TypeAlias = dict[Row, Value | None]
"""What documents become; `None` for gone."""
T = TypeVar("T", bound=Value)

LATEST = 253_402_300_799.0
"""The last second of the year 9999: what claims to be later is no time."""
LARGEST_DOCUMENT = 1024 * 1024
"""Characters. No setting, body or answer makes a document so large."""
LONGEST_WAIT_SECONDS = 31 * 86_400.0
"""Longer than any setting lets a job wait for its next poll."""
_LARGEST_NUMBER = 2.0**53


def encode(value: Value) -> str:
    """Write a document. Half characters, which JSON can express and a database refuses, are replaced."""
    adapter = _adapter(type(value).__name__)
    with suppress(PydanticSerializationError):  # which tells of a half character
        return adapter.dump_json(value, exclude_defaults=True, warnings=False, fallback=_plain).decode()
    plain = adapter.dump_python(value, mode="json", exclude_defaults=True, warnings=False, fallback=_plain)
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode(errors="replace").decode()


def decode(text: str, kind: type[T]) -> T:
    """Read a document.

    Raises:
        ValueError: it is not one of this kind, whole and sound; the message shows nothing of it, for it may be secret.
    """
    value: T | None = None
    try:
        json.loads(text, parse_constant=sound, parse_float=sound, parse_int=sound)
        value = _adapter(kind.__name__).validate_json(text, strict=True)
        problem = _unsound(value)
    except ValidationError as error:
        # Deeper down the names may be the document's own, in any number and of any length.
        places = {
            str(detail["loc"][0]) for detail in error.errors(include_url=False, include_input=False) if detail["loc"]
        }
        problem = f"wrong at {', '.join(sorted(places)) or 'the top'}"
    except (ValueError, RecursionError):
        problem = "not JSON of sound numbers"
    # Raised out of the `except`: the error's context would quote the document.
    if problem or value is None:
        raise ValueError(problem)
    return value


def _plain(value: object) -> object:
    """Give what pydantic does not know, which is whatever else is a mapping."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"no document holds a {type(value).__name__}")


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(next(kind for kind in (TrackedJob, ModuleTotals, Standing, int) if kind.__name__ == name))


def sound(number: object) -> float:
    """Let no number through that is none, or that nothing kept holds: counts and times begin at 0.

    Raises:
        ValueError: it is no such number.
    """
    if not 0 <= (value := float(str(number))) <= _LARGEST_NUMBER:
        raise ValueError("no sound number")
    return value


def _unsound(value: Value) -> str:
    if any(at is not None and at > LATEST for at in _times(value)):
        return "a time that can't be"
    if any(end - begin > LONGEST_WAIT_SECONDS for begin, end in _waits(value)):
        return "a wait that is too long"
    match value:
        case TrackedJob(history=history) if len(history) > MOST_OBSERVATIONS:
            return "a history that is too long"
        case ModuleTotals(durations=durations) if not all(map(_fits, durations.values())):
            return "a histogram that does not fit its bounds"
        case Standing(token=KeptToken(value=token)) if not re.fullmatch(TOKEN_PATTERN, token):
            return "an access token that can't be sent"
    return ""


def _times(value: object) -> tuple[float | None, ...]:
    match value:
        case TrackedJob() as job:
            known = (job.first_seen_at, job.reported_at, job.polled_at, job.next_poll_at, job.started_at)
            seen = (*(one.at for one in job.history), *job.said_at.values())
            return (*known, job.finished_at, job.progressed_at, job.completes_at, job.acknowledged_at, *seen)
        case Standing() as standing:
            pauses = (at for wait in _waits(standing) for at in wait)
            expires_at = standing.token.expires_at if standing.token else None
            return (expires_at, standing.answered_at, standing.dropped_at, *standing.mints, *pauses)
    return ()


def _waits(value: object) -> list[tuple[float, float]]:
    match value:
        case TrackedJob(next_poll_at=float() as end) as job:
            return [(job.first_seen_at if job.polled_at is None else job.polled_at, end)]
        case Standing() as standing:
            return [(one.since, one.until) for one in (standing.token_pause, standing.circuit) if one]
    return []


def _fits(one: Distribution) -> bool:
    return len(one.counts) == len(one.bounds) + 1 and all(low < high for low, high in pairwise(one.bounds))
