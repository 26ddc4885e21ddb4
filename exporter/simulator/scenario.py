"""What the simulated organisation holds, and how it is read from YAML: strictly, naming the place in each complaint."""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import TypeVar

import yaml

from exporter.simulator.crm import (
    ConsentRules,
    Credentials,
    JobScript,
    Phase,
    SimulatedJob,
    State,
    Status,
    TokenLimits,
    UnknownJob,
)
from exporter.simulator.faults import Endpoint, Fault, FaultKind, Stage, ThrottleShape

T = TypeVar("T")
Key = TypeVar("Key")
Word = TypeVar("Word", bound=StrEnum)

# Source: Zoho CRM v2.1 and v8, Get Mass Update Status, Supported modules, by their API names.
MODULES = frozenset(
    {
        "Leads",
        "Accounts",
        "Contacts",
        "Deals",
        "Campaigns",
        "Activities",
        "Tasks",
        "Calls",
        "Events",
        "Meetings",
        "Cases",
        "Solutions",
        "Products",
        "Vendors",
        "Price_Books",
        "Quotes",
        "Sales_Orders",
        "Purchase_Orders",
        "Invoices",
    }
)


class ScenarioError(Exception):
    """A scenario, a job or a fault can't be read; each line names a key and what is expected there."""


def _together(complaints: Iterable[ScenarioError]) -> None:
    """Raise all that was complained of as one error."""
    if lines := [str(one) for one in complaints]:
        raise ScenarioError("\n  ".join(lines))


@dataclass(frozen=True, slots=True)
class Scenario:
    """A simulated organisation. Seconds are real ones, but jobs age `speed` times as fast.

    `modules` are the known ones by API name. `scheduled_job` is the course of each job that comes through the API.
    """

    client_id: str = "1000.SIMULATEDCLIENT0000000000000000"
    client_secret: str = "5e7d2c1b90a84f63b1d0c9e8f7a6b5c4d3e2f1a0b9"  # noqa: S105 - a made-up one, printed by `simulate`
    refresh_token: str = "1000.0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f.f5e6d7c8b9a0f1e2d3c4b5a6f7e8d9c0"  # noqa: S105 - a made-up one
    jobs: tuple[SimulatedJob, ...] = ()
    modules: frozenset[str] = MODULES
    speed: float = 1.0
    daily_credits: int = 5_000
    concurrency_limit: int = 10
    latency_seconds: float = 0.0
    token_lifetime_seconds: float = 3_600.0
    tokens_per_window: int = 10
    token_window_seconds: float = 600.0
    live_tokens: int = 15
    data_center: str = "us"
    client_data_centers: tuple[str, ...] = ()
    device_interval_seconds: float = 30.0
    device_code_seconds: float = 300.0
    device_milliseconds: bool = False
    device_link: bool = True
    unknown_job: UnknownJob = UnknownJob.NOT_FOUND
    scheduled_job: JobScript = field(
        default=JobScript(
            1_000,
            (Phase(State.SCHEDULED, 5), Phase(State.RUNNING, 60, updated=990, failed=10), Phase(State.COMPLETED, None)),
        )
    )
    faults: tuple[Fault, ...] = ()

    @property
    def credentials(self) -> Credentials:
        """What a client must present."""
        return Credentials(self.client_id, self.client_secret, self.refresh_token)

    @property
    def consent_rules(self) -> ConsentRules:
        """How a person lets a client in."""
        return ConsentRules(
            self.data_center,
            self.client_data_centers,
            self.device_interval_seconds,
            self.device_code_seconds,
            self.device_milliseconds,
            self.device_link,
        )

    @property
    def token_limits(self) -> TokenLimits:
        """The limits of the accounts server."""
        return TokenLimits(
            self.tokens_per_window, self.token_window_seconds, self.live_tokens, self.token_lifetime_seconds
        )


def load_scenario(text: str) -> Scenario:
    """Read a scenario from YAML; every key has a default.

    Raises:
        ScenarioError: It is no YAML, a key is unknown, or a value is not what the key expects.
    """
    try:
        content: object = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}: " if mark else ""
        said = getattr(error, "problem", None) or "a character that YAML does not allow"
        raise ScenarioError(f"scenario: {place}expected YAML, and it can't be read: {said}") from error
    return read_scenario({} if content is None else content)


def read_scenario(value: object) -> Scenario:
    """Read a scenario from plain data.

    Raises:
        ScenarioError: A key is unknown, or a value is not what the key expects.
    """
    section = _section(value, "scenario", _SCENARIO_KEYS)
    scenario = Scenario(**section)  # type: ignore[arg-type] # the table gives each key its type
    _together(
        ScenarioError(f"scenario.jobs[{position}].module: unknown module {job.module!r}; name it under 'modules' too")
        for position, job in enumerate(scenario.jobs)
        if job.module not in scenario.modules
    )
    return scenario


def read_job(value: object, place: str) -> SimulatedJob:
    """Read a job from plain data; `place` names it in complaints.

    Raises:
        ScenarioError: As above, or the phases do not fit together.
    """
    section = _section(value, place, _JOB_KEYS, required=("module", "job_id", "total", "phases"))
    return _built(lambda: SimulatedJob(**section), place)  # type: ignore[arg-type] # the table gives each key its type


def read_fault(value: object, place: str) -> Fault:
    """Read a fault from plain data; `place` names it in complaints.

    Raises:
        ScenarioError: As above.
    """
    section = _section(value, place, _FAULT_KEYS, required=("kind",))
    return Fault(**section)  # type: ignore[arg-type] # the table gives each key its type


def read_status(value: object, place: str) -> Status:
    """Read a job's fixed answer from plain data; `not_updated` is what is left of the total unless given.

    Raises:
        ScenarioError: As above.
    """
    section = _section(value, place, _STATUS_KEYS, required=("state", "total"))
    counts = {key: number for key, number in section.items() if isinstance(number, int)}
    updated, failed, total = counts.get("updated", 0), counts.get("failed", 0), counts["total"]
    left = counts.get("not_updated", total - updated - failed)
    return Status(str(section["state"]), updated, failed, left, total)


def read_decision(value: object, place: str) -> bool:
    """Read whether a person lets a device in.

    Raises:
        ScenarioError: As above.
    """
    return bool(_section(value, place, {"approve": _truth}, required=("approve",))["approve"])


def read_code(value: object, place: str) -> tuple[str, float]:
    """Read the scope of a grant code, and for how many seconds it is good: three minutes unless given.

    Raises:
        ScenarioError: As above.
    """
    section = _section(value, place, {"scope": _text, "seconds": _seconds}, required=("scope",))
    return str(section["scope"]), float(str(section.get("seconds", 180)))


def _read_script(value: object, place: str) -> JobScript:
    section = _section(value, place, _SCRIPT_KEYS, required=("total", "phases"))
    return _built(lambda: JobScript(**section), place)  # type: ignore[arg-type] # the table gives each key its type


def _read_phase(value: object, place: str) -> Phase:
    section = _section(value, place, _PHASE_KEYS, required=("state", "seconds"))
    return Phase(**section)  # type: ignore[arg-type] # the table gives each key its type


Reader = Callable[[object, str], T]


def _built(build: Callable[[], T], place: str) -> T:
    """Make an object, and name the place when its parts do not fit together."""
    try:
        return build()
    except ValueError as error:
        raise ScenarioError(f"{place}: {error}") from error


def _section(
    value: object, place: str, keys: Mapping[str, Reader[object]], *, required: Iterable[str] = ()
) -> dict[str, object]:
    """Read a mapping, each key by its own reader; unknown and missing keys are refused."""
    if not isinstance(value, dict):
        raise ScenarioError(f"{place}: expected a mapping, got {_kind(value)}")
    complaints = [
        ScenarioError(f"{place}: unknown key {str(key)!r}{_nearest(str(key), keys)}")
        for key in value
        if key not in keys
    ]
    complaints += [ScenarioError(f"{place}: the key {key!r} is missing") for key in required if key not in value]
    known = ((key, item) for key, item in value.items() if key in keys)
    return dict(_each(((key, partial(keys[key], item, f"{place}.{key}")) for key, item in known), complaints))


def _each(reads: Iterable[tuple[Key, Callable[[], T]]], complaints: list[ScenarioError]) -> Iterator[tuple[Key, T]]:
    """Give what each read gives; at the end raise all complaints, those of before too, as one."""
    for key, read in reads:
        try:
            yield key, read()
        except ScenarioError as error:
            complaints.append(error)
    _together(complaints)


def _nearest(word: str, words: Iterable[str]) -> str:
    """Name what was probably meant, or else all that there is."""
    choices = sorted(str(choice) for choice in words)
    near = difflib.get_close_matches(word, choices, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; expected one of: {', '.join(choices)}"


def _kind(value: object) -> str:
    return "nothing" if value is None else type(value).__name__


def _text(value: object, place: str) -> str:
    if isinstance(value, str) and value:
        return value
    hint = " (put it in quotes)" if isinstance(value, int) else ""
    raise ScenarioError(f"{place}: expected a text, got {_kind(value)}{hint}")


def _whole(value: object, place: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ScenarioError(f"{place}: expected a whole number, got {_kind(value)}")


def _count(value: object, place: str) -> int:
    number = _whole(value, place)
    if number < 0:
        raise ScenarioError(f"{place}: expected 0 or more, got {number}")
    return number


def _positive(value: object, place: str) -> int:
    number = _whole(value, place)
    if number < 1:
        raise ScenarioError(f"{place}: expected 1 or more, got {number}")
    return number


def _seconds(value: object, place: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf"):
        return float(value)
    raise ScenarioError(f"{place}: expected a number, 0 or more, got {value!r}")


def _speed(value: object, place: str) -> float:
    speed = _seconds(value, place)
    if speed == 0:
        raise ScenarioError(f"{place}: expected more than 0, got 0")
    return speed


def _truth(value: object, place: str) -> bool:
    if isinstance(value, bool):
        return value
    raise ScenarioError(f"{place}: expected true or false, got {value!r}")


def _details(value: object, place: str) -> dict[str, object]:
    if isinstance(value, dict):
        return {str(key): item for key, item in value.items()}
    raise ScenarioError(f"{place}: expected a mapping, got {_kind(value)}")


def _word(words: type[Word]) -> Reader[Word]:
    """Make a reader of one of the words."""

    def read(value: object, place: str) -> Word:
        text = _text(value, place)
        if text not in set(words):
            raise ScenarioError(f"{place}: unknown word {text!r}{_nearest(text, words)}")
        return words(text)

    return read


def _optional(reader: Reader[T]) -> Reader[T | None]:
    """Make a reader that takes null too."""
    return lambda value, place: None if value is None else reader(value, place)


def _many(reader: Reader[T]) -> Reader[tuple[T, ...]]:
    """Make a reader of a list."""

    def read(value: object, place: str) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise ScenarioError(f"{place}: expected a list, got {_kind(value)}")
        reads = (partial(reader, item, f"{place}[{position}]") for position, item in enumerate(value))
        return tuple(item for _, item in _each(enumerate(reads), []))

    return read


def _modules(value: object, place: str) -> frozenset[str]:
    """Read the organisation's own modules; they come on top of the documented ones."""
    return MODULES | frozenset(_many(_text)(value, place))


_PHASE_KEYS: Mapping[str, Reader[object]] = {
    "state": _text,
    "seconds": _optional(_seconds),
    "updated": _optional(_count),
    "failed": _optional(_count),
}
_SCRIPT_KEYS: Mapping[str, Reader[object]] = {"total": _count, "phases": _many(_read_phase)}
_JOB_KEYS: Mapping[str, Reader[object]] = {"module": _text, "job_id": _text, **_SCRIPT_KEYS}
_STATUS_KEYS: Mapping[str, Reader[object]] = {
    "state": _text,
    "updated": _whole,
    "failed": _whole,
    "not_updated": _whole,
    "total": _whole,
}
_FAULT_KEYS: Mapping[str, Reader[object]] = {
    "kind": _word(FaultKind),
    "endpoint": _optional(_word(Endpoint)),
    "module": _optional(_text),
    "job_id": _optional(_text),
    "times": _optional(_positive),
    "seconds": _optional(_seconds),
    "status": _optional(_positive),
    "code": _text,
    "message": _optional(_text),
    "details": _optional(_details),
    "state": _text,
    "field": _optional(_text),
    "location": _text,
    "shape": _word(ThrottleShape),
    "retry_after": _optional(_text),
    "unknown": _word(UnknownJob),
    "stage": _word(Stage),
    "values": _many(_text),
    "size": _positive,
}
_SCENARIO_KEYS: Mapping[str, Reader[object]] = {
    "client_id": _text,
    "client_secret": _text,
    "refresh_token": _text,
    "jobs": _many(read_job),
    "modules": _modules,
    "speed": _speed,
    "daily_credits": _count,
    "concurrency_limit": _positive,
    "latency_seconds": _seconds,
    "token_lifetime_seconds": _seconds,
    "tokens_per_window": _count,
    "token_window_seconds": _seconds,
    "live_tokens": _positive,
    "data_center": _text,
    "client_data_centers": _many(_text),
    "device_interval_seconds": _seconds,
    "device_code_seconds": _seconds,
    "device_milliseconds": _truth,
    "device_link": _truth,
    "unknown_job": _word(UnknownJob),
    "scheduled_job": _read_script,
    "faults": _many(read_fault),
}
