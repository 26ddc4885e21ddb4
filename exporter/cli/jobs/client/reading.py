"""Jobs out of what the API shows of them: each is then shown alike, whoever has answered."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from types import NoneType
from typing import Any, TypeVar

from exporter.cli.jobs.client.exporter_client import NoExporterError
from exporter.model import (
    Delay,
    JobKey,
    JobReport,
    JobSource,
    JobSpec,
    JobState,
    Observation,
    PollFailure,
    TrackedJob,
)

Shown = Mapping[str, Any]
"""A job, as the API shows it."""
_COUNTS = ("updated", "failed", "not_updated", "total")
_MOMENTS = ("started_at", "finished_at", "last_progress_at", "last_report_at", "last_poll_at", "next_poll_at")
_KINDS: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("account", "module", "job_id", "name", "group", "source", "state", "undocumented_state"), (str,)),
    **dict.fromkeys(("code", "message", "advice", "at", "first_seen_at"), (str,)),
    **dict.fromkeys((*_MOMENTS, "estimated_completion_at", "delay"), (str, NoneType)),
    **{f"{count}_records": (int, NoneType) for count in (*_COUNTS, "processed")},
    "records_per_second": (int, float, NoneType),
    "acknowledged": (bool, NoneType),
    "passing": (bool,),
    "labels": (dict,),
    "history": (list,),
    "error": (dict, NoneType),
}
"""What JSON has for each field that is read."""
_Word = TypeVar("_Word", bound=StrEnum)
_LABEL = r"[A-Za-z_][A-Za-z0-9_]*"


def job_of(shown: Shown, asked: JobKey | None = None) -> TrackedJob:
    """Give what is known of a job. What an older exporter does not tell is not known.

    Raises:
        NoExporterError: this is no job, or another than was `asked` for, in whichever account where none is named.
    """
    try:
        return _job(shown, asked)
    except (KeyError, TypeError, ValueError) as error:
        told = f"{error.args[0]} is missing" if isinstance(error, KeyError) else error
        advice = "check the address, and whether the exporter is of another version than this command"
        raise NoExporterError(f"somebody answers, but not as the exporter does ({told}): {advice}") from error


def _job(shown: Shown, asked: JobKey | None) -> TrackedJob:
    _refuse_other_kinds(shown)
    finished_at, spec = _moment(shown["finished_at"]), _spec(shown)
    if asked and spec.key != replace(asked, account=asked.account or spec.key.account):
        raise ValueError(f"it tells of {spec.key}")
    return TrackedJob(
        spec,
        first_seen_at=_moment(shown["first_seen_at"]) or 0.0,
        report=_report(shown),
        reported_at=_moment(shown["last_report_at"]),
        polled_at=_moment(shown["last_poll_at"]),
        polled_by=shown.get("last_poll_by", ""),
        next_poll_at=_moment(shown["next_poll_at"]),
        started_at=_moment(shown["started_at"]),
        finished_at=finished_at,
        progressed_at=_moment(shown["last_progress_at"]),
        completes_at=_moment(shown["estimated_completion_at"]),
        records_per_second=shown.get("records_per_second"),
        delay=_word(Delay, shown["delay"], "delay") if shown.get("delay") else None,
        failure=_failure(shown["error"]) if shown["error"] else None,
        history=tuple(map(_observation, shown.get("history", ()))),
        acknowledged_at=finished_at if shown["acknowledged"] else None,
    )


def _spec(shown: Shown) -> JobSpec:
    key = JobKey(shown["account"], shown["module"], shown["job_id"])
    for name, value in shown["labels"].items():
        if type(value) is not str or not re.fullmatch(_LABEL, name):
            raise ValueError(f"{name} is no label")
    return JobSpec(key, _word(JobSource, shown["source"], "source"), shown["name"], shown["group"], shown["labels"])


def _report(shown: Shown) -> JobReport | None:
    state = _state(shown)
    word = shown.get("undocumented_state") or ("" if state == shown["state"] else shown["state"])
    updated, failed, not_updated, total = counts = [shown[f"{count}_records"] for count in _COUNTS]
    if state is JobState.UNKNOWN and not word and counts == [None] * len(_COUNTS):
        return None
    return JobReport(state, updated, failed, not_updated, total, word)


def _observation(shown: Shown) -> Observation:
    _refuse_other_kinds(shown)
    failed, not_updated, total = (shown.get(f"{count}_records") for count in _COUNTS[1:])
    at = _moment(shown["at"]) or 0.0
    return Observation(at, _state(shown), shown["processed_records"], failed, not_updated, total)


def _failure(shown: Shown) -> PollFailure:
    _refuse_other_kinds(shown)
    return PollFailure(shown["code"], shown["message"], shown["advice"], is_passing=shown.get("passing", True))


def _state(shown: Shown) -> JobState:
    """Give a state; a word of a newer exporter is as good as one of Zoho's that is not documented."""
    return JobState(shown["state"]) if shown["state"] in list(JobState) else JobState.UNKNOWN


def _word(kind: type[_Word], text: str, name: str) -> _Word:
    if text not in list(kind):
        raise ValueError(f'the {name} "{text}" is not known here')
    return kind(text)


def _refuse_other_kinds(shown: Shown) -> None:
    if not isinstance(shown, Mapping):
        raise TypeError("what should be an object is none")
    for name, value in shown.items():
        if type(value) not in _KINDS.get(name, (type(value),)):
            raise TypeError(f"{name} is of another kind")


def _moment(text: str | None) -> float | None:
    return None if text is None else datetime.fromisoformat(text).timestamp()
