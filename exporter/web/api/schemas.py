"""The bodies of the job API: what may be sent, what comes back, and their JSON schemas for the OpenAPI document."""

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Annotated, Any

from pydantic import AliasPath, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from exporter.forms import JOB_ID, LONGEST_TEXT, MODULE, NO_LINE, TEXT, job_id_advice, module_advice, nearest
from exporter.model import JOB_ID_PATTERN, MODULE_PATTERN, Delay, JobSource, JobState

MOST_JOBS = 1000
MOST_FAULTS = 100
"""How many wrong values of a body are told; a hostile one has tens of thousands."""
_MOST_KEYS = 100
"""Of a job or its labels; what has more is not looked at any closer."""
_LONGEST_KEY = 256

Text = Annotated[str, Field(max_length=LONGEST_TEXT, pattern=f"^[^{NO_LINE}]*$")]
Moment = Annotated[datetime, Field(description="UTC, as seen by the exporter.")]
Fault = dict[str, str]
"""A JSON pointer, and what is wrong there."""
Count = Annotated[int | None, Field(description="As Zoho answered it; null where it did not.")]


def _without_nulls(value: object) -> object:
    """Read null as absent, as a file's key without a value is."""
    if not isinstance(value, dict):
        return value
    return {key: inner for key, inner in value.items() if inner is not None or key not in JobBody.model_fields}


def _bounded(value: object) -> object:
    """Refuse what would cost much to validate, and more to tell."""
    keys = value if isinstance(value, dict) else ()
    if len(keys) > _MOST_KEYS:
        raise PydanticCustomError("too_many_keys", f"There may be {_MOST_KEYS} keys at most")
    if any(len(key) > _LONGEST_KEY for key in keys):
        raise PydanticCustomError("too_long_key", f"A key may have {_LONGEST_KEY} characters at most")
    return value


class JobBody(BaseModel):
    """A mass-update job to watch."""

    model_config = ConfigDict(strict=True, extra="forbid", title="JobToWatch", defer_build=True)

    account: str = Field("", description="Alias of the account; may be left out where there is one account.")
    module: str = Field(pattern=f"^{MODULE_PATTERN}$", description="API name of the module, such as Leads.")
    job_id: str = Field(pattern=f"^{JOB_ID_PATTERN}$", description="The digits that Zoho answered, as a string.")
    name: Text = Field("", description="Name to show for the job.")
    group: Text = Field("", description="Campaign of several jobs that this one belongs to.")
    labels: Annotated[dict[Text, Text], BeforeValidator(_bounded)] = Field(
        default_factory=dict, description="Labels that the setting job_labels allows."
    )


@cache
def _job() -> TypeAdapter[JobBody]:
    return TypeAdapter(Annotated[JobBody, BeforeValidator(_without_nulls), BeforeValidator(_bounded)])


_EXPECTED = {
    "account": "an account's alias",
    "module": MODULE,
    "job_id": JOB_ID,
    "labels": "an object of names and texts",
}
_ADVICE = {"module": module_advice, "job_id": job_id_advice}
_KEYS = ", ".join(JobBody.model_fields)
_NUMBER = ", as a text in quotes: as a number it loses digits on its way"


def _at(*path: str, **options: Any) -> Any:  # noqa: ANN401 - as pydantic's own, it stands for a value of any type
    return Field(validation_alias=AliasPath(*path), **options)


class _View(BaseModel):
    model_config = ConfigDict(from_attributes=True, json_schema_serialization_defaults_required=True, defer_build=True)


class ErrorView(_View):
    """Why the last poll of a job failed."""

    code: str
    message: str
    advice: str
    passing: bool = _at("is_passing", description="Whether time may cure it; false where a person must act.")


class ObservationView(_View):
    """What a poll saw when something had changed. An earlier version of the exporter kept no count but `processed`."""

    at: Moment
    state: JobState
    processed_records: Count = _at("processed")
    updated_records: Count = _at("updated")
    failed_records: Count = _at("failed")
    not_updated_records: Count = _at("not_updated")
    total_records: Count = _at("total")


class JobView(_View):
    """A job as the exporter knows it."""

    model_config = ConfigDict(title="Job")

    account: str = _at("spec", "key", "account")
    module: str = _at("spec", "key", "module")
    job_id: str = _at("spec", "key", "job_id")
    name: str = _at("spec", "name")
    group: str = _at("spec", "group")
    labels: dict[str, str] = _at("spec", "labels")
    source: JobSource = _at("spec", "source")
    state: JobState
    undocumented_state: str = _at("report", "undocumented_word", default="", description="Zoho's word for UNKNOWN.")
    delay: Delay | None = Field(description="What the job does too long.")
    updated_records: Count = _at("report", "updated", default=None)  # there may be no report
    failed_records: Count = _at("report", "failed", default=None)
    not_updated_records: Count = _at("report", "not_updated", default=None)
    total_records: Count = _at("report", "total", default=None)
    first_seen_at: Moment
    started_at: Moment | None
    finished_at: Moment | None
    last_progress_at: Moment | None = _at("progressed_at")
    last_report_at: Moment | None = _at("reported_at")
    last_poll_at: Moment | None = _at("polled_at")
    last_poll_by: str = _at("polled_by", description="Who made it, by host and port, where exporters share the state.")
    next_poll_at: Moment | None
    estimated_completion_at: Moment | None = _at("completes_at")
    records_per_second: float | None = Field(description="The pace behind the estimated completion.")
    acknowledged: bool | None = Field(
        validation_alias="is_acknowledged", description="Whether somebody took note of the end; null before it."
    )
    error: ErrorView | None = _at("failure")


class JobWithHistoryView(JobView):
    """A job with what its polls have seen, oldest first."""

    model_config = ConfigDict(title="JobWithHistory")

    history: list[ObservationView]
    warnings: list[str] = Field(default_factory=list, description="What may be missing of it.")


class JobsView(_View):
    """All jobs."""

    model_config = ConfigDict(title="Jobs")

    jobs: list[JobView]


class JobsPageView(JobsView):
    """All jobs, or a page of them."""

    model_config = ConfigDict(title="JobsPage", json_schema_serialization_defaults_required=False)

    next: str = Field("", description="The cursor of the next page; not there where no job follows.")
    warnings: list[str] = Field(default_factory=list, description="What the list may lack; not there where nothing.")


class FaultView(BaseModel):
    """One wrong value."""

    pointer: str
    detail: str


class ProblemView(BaseModel):
    """A refusal, as RFC 9457 tells it."""

    model_config = ConfigDict(title="Problem", defer_build=True)

    type: str
    title: str
    status: int
    detail: str
    errors: list[FaultView] = Field(default_factory=list, description="Each wrong value of the body.")


def read_bodies(document: object) -> tuple[list[JobBody], list[Fault]]:
    """Read one job or a list of jobs, and tell of each wrong value, up to a hundred; with faults nothing is of use."""
    if not isinstance(document, list):
        return _read([((), document)])
    if not 1 <= len(document) <= MOST_JOBS:
        return [], [fault_at((), f"A list has 1 to {MOST_JOBS} jobs")]
    return _read(((number,), job) for number, job in enumerate(document))


def _read(jobs: Iterable[tuple[tuple[int, ...], object]]) -> tuple[list[JobBody], list[Fault]]:
    bodies: list[JobBody] = []
    faults: list[Fault] = []
    for place, job in jobs:
        try:
            bodies.append(_job().validate_python(job))
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
            faults += [fault_at((*place, *detail["loc"]), _wording(detail, job)) for detail in details]
        if len(faults) >= MOST_FAULTS:
            break
    return bodies, faults[:MOST_FAULTS]


def _meant(key: str) -> str:
    if key == "jobs":
        return "send the list itself, with nothing around it"
    near = nearest(key, JobBody.model_fields)
    return f'did you mean "{near}"?' if near else f"known: {_KEYS}"


def _wording(detail: ErrorDetails, job: object) -> str:
    """Say what is wrong in the words that a file's mistakes are told in."""
    path = detail["loc"]
    name = str(path[0]) if path else ""
    match detail["type"]:
        case "too_many_keys" | "too_long_key":
            return detail["msg"]
        case "missing":
            return "is required"
        case "extra_forbidden":
            return f"unknown key; {_meant(name)}"
        case _ if not path:
            return "expected a job: an object with module and job_id"
    value = job.get(name) if isinstance(job, dict) else None
    if name == "job_id" and not isinstance(value, str):
        return f"expected {JOB_ID}{_NUMBER}"
    advice = _ADVICE[name](value) if name in _ADVICE and isinstance(value, str) else ""
    return f"expected {_EXPECTED.get(name, TEXT) if len(path) == 1 else TEXT}{advice}"


def fault_at(steps: Iterable[int | str], detail: str) -> Fault:
    """Point at a value by a JSON pointer, at a wrong key like at its value. Source: RFC 6901."""
    escaped = (str(step).replace("~", "~0").replace("/", "~1") for step in steps if step != "[key]")
    return {"pointer": "".join(f"/{step}" for step in escaped), "detail": detail}
