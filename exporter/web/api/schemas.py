"""The bodies of the job API: what may be sent, what comes back, and their JSON schemas for the OpenAPI document."""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Annotated, Any

from pydantic import AliasPath, BaseModel, ConfigDict, Field, ValidationError

from exporter.errors import RegistrationError
from exporter.model import JOB_ID_PATTERN, MODULE_PATTERN, JobSource, JobState

MOST_JOBS = 1000
MOST_FAULTS = 100
"""How many wrong values of a body are told; a hostile one has tens of thousands."""
_MOST_KEYS = 100
"""Of a job or its labels; what has more is not looked at any closer."""
_LONGEST_KEY = 256
_ONE_LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"

Text = Annotated[str, Field(max_length=256, pattern=_ONE_LINE)]
Moment = Annotated[datetime, Field(description="UTC, as seen by the exporter.")]
Count = Annotated[int | None, Field(description="As Zoho answered it last; null where it did not.")]


class BodyError(RegistrationError):
    """A body that can't be used; `errors` tells of each wrong value by its JSON pointer."""

    def __init__(self, errors: Sequence[dict[str, str]]) -> None:
        super().__init__("the body can't be used")
        self.errors = tuple(errors)


class JobBody(BaseModel):
    """A mass-update job to watch."""

    model_config = ConfigDict(strict=True, extra="forbid", title="JobToWatch")

    account: Annotated[
        str, Field(default="", description="Alias of the account; may be left out where there is one account.")
    ]
    module: Annotated[str, Field(pattern=f"^{MODULE_PATTERN}$", description="API name of the module, such as Leads.")]
    job_id: Annotated[
        str, Field(pattern=f"^{JOB_ID_PATTERN}$", description="The digits that Zoho answered, as a string.")
    ]
    name: Annotated[Text, Field(default="", description="Name to show for the job.")]
    group: Annotated[Text, Field(default="", description="Campaign of several jobs that this one belongs to.")]
    labels: Annotated[
        dict[Text, Text], Field(default_factory=dict, description="Labels that the setting job_labels allows.")
    ]


def _at(*path: str) -> Any:  # noqa: ANN401 - as pydantic's own, it stands for a value of any type
    return Field(validation_alias=AliasPath(*path))


def _counted(name: str) -> Any:  # noqa: ANN401 - as above
    return Field(default=None, validation_alias=AliasPath("report", name))  # there may be no report


class _View(BaseModel):
    model_config = ConfigDict(from_attributes=True, json_schema_serialization_defaults_required=True)


class ErrorView(_View):
    """Why the last poll of a job failed."""

    code: str
    message: str
    advice: str


class ObservationView(_View):
    """What a poll saw when something had changed."""

    at: Moment
    state: JobState
    processed_records: Count = _at("processed")


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
    updated_records: Count = _counted("updated")
    failed_records: Count = _counted("failed")
    not_updated_records: Count = _counted("not_updated")
    total_records: Count = _counted("total")
    first_seen_at: Moment
    started_at: Moment | None
    finished_at: Moment | None
    last_progress_at: Moment | None = _at("progressed_at")
    last_report_at: Moment | None = _at("reported_at")
    last_poll_at: Moment | None = _at("polled_at")
    next_poll_at: Moment | None
    estimated_completion_at: Moment | None = _at("completes_at")
    error: ErrorView | None = _at("failure")


class JobWithHistoryView(JobView):
    """A job with what its polls have seen, oldest first."""

    model_config = ConfigDict(title="JobWithHistory")

    history: list[ObservationView]


class JobsView(_View):
    """All jobs."""

    model_config = ConfigDict(title="Jobs")

    jobs: list[JobView]


class FaultView(BaseModel):
    """One wrong value."""

    pointer: str
    detail: str


class ProblemView(BaseModel):
    """A refusal, as RFC 9457 tells it."""

    model_config = ConfigDict(title="Problem")

    type: str
    title: str
    status: int
    detail: str
    errors: Annotated[list[FaultView], Field(default_factory=list, description="Each wrong value of the body.")]


def parse_bodies(document: object) -> tuple[JobBody, ...]:
    """Read one job or a list of jobs.

    Raises:
        BodyError: with every wrong value at once, up to a hundred.
    """
    if not isinstance(document, list):
        return (_parse(document, ()),)
    if not 1 <= len(document) <= MOST_JOBS:
        raise BodyError([_fault((), f"A list has 1 to {MOST_JOBS} jobs")])
    bodies: list[JobBody] = []
    faults: list[dict[str, str]] = []
    for number, job in enumerate(document):
        try:
            bodies.append(_parse(job, (number,)))
        except BodyError as error:
            faults += error.errors
        if len(faults) >= MOST_FAULTS:
            break
    if faults:
        raise BodyError(faults[:MOST_FAULTS])
    return tuple(bodies)


def _parse(job: object, place: tuple[int, ...]) -> JobBody:
    _refuse_endless(job, place)
    faults: list[dict[str, str]] = []
    try:
        return JobBody.model_validate(job)
    except ValidationError as error:
        details = islice(error.errors(include_url=False, include_input=False), MOST_FAULTS)
        faults = [_fault((*place, *detail["loc"]), detail["msg"]) for detail in details]
    # Raised out of the `except`: pydantic's error carries all that was sent.
    raise BodyError(faults)


def _refuse_endless(job: object, place: tuple[int, ...]) -> None:
    """Refuse what would cost much to validate, and more to tell.

    Raises:
        BodyError: there are too many keys, or one is too long.
    """
    labels = job.get("labels") if isinstance(job, dict) else None
    places: tuple[tuple[Sequence[int | str], object], ...] = ((place, job), ((*place, "labels"), labels))
    for steps, keys in places:
        names = keys if isinstance(keys, dict) else ()
        if len(names) > _MOST_KEYS:
            raise BodyError([_fault(steps, f"There may be {_MOST_KEYS} keys at most")])
        if any(len(name) > _LONGEST_KEY for name in names):
            raise BodyError([_fault(steps, f"A key may have {_LONGEST_KEY} characters at most")])


def _fault(steps: Sequence[int | str], detail: str) -> dict[str, str]:
    """Point at a value by a JSON pointer, at a wrong key like at its value. Source: RFC 6901."""
    escaped = (str(step).replace("~", "~0").replace("/", "~1") for step in steps if step != "[key]")
    return {"pointer": "".join(f"/{step}" for step in escaped), "detail": detail}
