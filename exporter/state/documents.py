"""What the rows of the state file hold: one JSON document each, out of the product's own words and back.

A new field of a kept dataclass needs nothing here: it has a default, and an older document lacks it.
"""

import json
import math
import re
from functools import cache
from itertools import pairwise
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
    plain = _adapter(type(value).__name__).dump_python(value, mode="json", exclude_defaults=True)
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode(errors="replace").decode()


def decode(text: str, kind: type[T]) -> T:
    """Read a document.

    Raises:
        ValueError: it is not one of this kind, whole and sound; the message shows nothing of it, for it may be secret.
    """
    value: T | None = None
    try:
        json.loads(text, parse_constant=_refuse, parse_float=_number, parse_int=_integer)
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


def _unsound(value: TrackedJob | ModuleTotals | Standing | int) -> str:
    match value:
        case TrackedJob():
            return _unsound_job(value)
        case ModuleTotals():
            return _unsound_totals(value)
        case Standing():
            return _unsound_standing(value)
    return "fewer than no credits" if value < 0 else ""


def _unsound_job(job: TrackedJob) -> str:
    if _is_impossible(job.first_seen_at, job.reported_at, job.polled_at, job.next_poll_at, job.started_at):
        return "a time that can't be"
    if _is_impossible(job.finished_at, job.progressed_at, job.completes_at, *(seen.at for seen in job.history)):
        return "a time that can't be"
    polled_at = job.first_seen_at if job.polled_at is None else job.polled_at
    if job.next_poll_at is not None and job.next_poll_at - polled_at > LONGEST_WAIT_SECONDS:
        return "a wait that is too long"
    if len(job.history) > MOST_OBSERVATIONS:
        return "a history that is too long"
    told = job.report
    counts = (told.updated, told.failed, told.not_updated, told.total) if told else ()
    seen = (one.processed for one in job.history)
    return _negative(*counts, *seen, *job.counted.values(), job.failures_in_a_row, job.records_per_second)


def _unsound_totals(totals: ModuleTotals) -> str:
    for one in totals.durations.values():
        if len(one.counts) != len(one.bounds) + 1 or any(high <= low for low, high in pairwise(one.bounds)):
            return "a histogram that does not fit its bounds"
    observed = (number for one in totals.durations.values() for number in (*one.counts, one.total))
    return _negative(*totals.finished.values(), *totals.records.values(), *observed)


def _unsound_standing(standing: Standing) -> str:
    token = standing.token
    if token is not None and not re.fullmatch(TOKEN_PATTERN, token.value):
        return "an access token that can't be sent"
    pauses = [pause for pause in (standing.token_pause, standing.circuit) if pause is not None]
    if any(pause.until - pause.since > LONGEST_WAIT_SECONDS for pause in pauses):
        return "a wait that is too long"
    if _is_impossible(token.expires_at if token else None, standing.answered_at, *standing.mints):
        return "a time that can't be"
    if any(_is_impossible(pause.since, pause.until) for pause in pauses):
        return "a time that can't be"
    return _negative(standing.credits_remaining, *(pause.in_a_row for pause in pauses))


def _is_impossible(*times: float | None) -> bool:
    return any(at is not None and not 0 <= at <= LATEST for at in times)


def _negative(*numbers: float | None) -> str:
    return "a number below 0" if any(number is not None and number < 0 for number in numbers) else ""
