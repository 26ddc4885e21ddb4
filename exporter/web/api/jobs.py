"""`/api/v1/jobs`: jobs registered, listed and let go by the programs that schedule them."""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from http import HTTPStatus
from itertools import islice

from pydantic import BaseModel
from starlette.responses import JSONResponse, RedirectResponse, Response

from exporter.errors import (
    DeclaredJobError,
    LiveJobError,
    RegistrationError,
    SilentStoreError,
    TooManyJobsError,
)
from exporter.forms import nearest
from exporter.model import JobKey, JobSource, JobSpec, TrackedJob
from exporter.web.api import pages, schemas
from exporter.web.contract import Exporter
from exporter.web.problems import UNREAD, UNSEEN, problem, unheard, unread
from exporter.web.prometheus import account_asked
from exporter.web.request import Request, is_of_own_page

JOBS_PATH = "/api/v1/jobs"
JOB_PATH = "/api/v1/jobs/{account}/{module}/{job_id}"
ACK_PATH = f"{JOB_PATH}/ack"
THEN = "then"
"""The parameter by which the form on a job's own page asks to be led back there."""
_MOST_LISTED = 20
NOT_KEPT = "It is done, but a restart would undo it: the state can't be written now. Send the request again later."


def list_jobs(exporter: Exporter, request: Request) -> Response:
    """List all jobs, or the page of them that is asked for."""
    asked, faults = pages.asked(request.query)
    if faults:
        return problem(400, "Wrong parameter", f"{'; '.join(faults)}.")
    snapshot = exporter.snapshot()
    page = pages.cut(snapshot.jobs, asked)
    warnings = [f"{UNREAD}: jobs and ends of before are missing."] if snapshot.is_unread else []
    if exporter.is_cut_off() and not warnings:
        warnings = ["The database does not answer: this is what was known last."]
    view = schemas.JobsPageView(jobs=_views(page.jobs), next=page.cursor, warnings=warnings)
    absent = {name for name in ("next", "warnings") if not getattr(view, name)}
    answer = JSONResponse(view.model_dump(mode="json", exclude=absent))
    if page.cursor:
        answer.headers["Link"] = pages.link(asked, page.cursor)
    return answer


def show(exporter: Exporter, request: Request) -> Response:
    """Show one job with its history."""
    key = JobKey(**request.names)
    job = exporter.find(key)
    if job is None:
        return _not_tracked(exporter, key)
    view = schemas.JobWithHistoryView.model_validate(job)
    if exporter.snapshot().is_unread:
        view.warnings.append(UNSEEN)
    return _json(view)


def forget(exporter: Exporter, request: Request) -> Response:
    """Let a job go."""
    key = JobKey(**request.names)
    try:
        was_tracked = exporter.forget(key)
    except DeclaredJobError as error:
        return problem(409, "Conflict", f"{error}.")
    except SilentStoreError as error:
        return problem(503, "Not done", f"{error}. Send the request again later.")
    return _undone(exporter, key, is_tracked=was_tracked) or Response(status_code=204)


def acknowledge(exporter: Exporter, request: Request) -> Response:
    """Keep that somebody has taken note of how a job ended; to DELETE that takes it back."""
    key = JobKey(**request.names)
    try:
        is_tracked = exporter.acknowledge(key, is_taken_back=request.method == "DELETE")
    except RegistrationError as error:
        if isinstance(error, LiveJobError) and exporter.snapshot().is_unread:
            return problem(503, "Not known", f"{UNREAD}: whether {key} has ended is not known.")
        return problem(409, "Conflict", f"{error}.")
    if undone := _undone(exporter, key, is_tracked=is_tracked):
        return undone
    if not is_of_own_page(request.headers):
        return Response(status_code=204)
    # A browser that sent a form of the status site is led back there, whatever prefix a proxy has put before it.
    page = f"jobs/{key}" if request.query.get(THEN) == "job" else ""
    return RedirectResponse("../" * 6 + page, HTTPStatus.SEE_OTHER)


def _undone(exporter: Exporter, key: JobKey, *, is_tracked: bool) -> Response | None:
    """Refuse what could not be done to a job, or not so that it lasts; nothing where it is done."""
    is_kept = exporter.is_kept()
    if is_tracked:
        return None if is_kept else problem(503, "Not kept", NOT_KEPT)
    if not is_kept and not exporter.may_have(key):
        return problem(503, "Not known", unheard(key))
    return _not_tracked(exporter, key)


class _RepeatedKeyError(Exception):
    """A key stands twice in an object: which of the two is meant is not known."""


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(made := dict(pairs)) < len(pairs):
        raise _RepeatedKeyError
    return made


def register(exporter: Exporter, request: Request) -> Response:
    """Register one job, or many."""
    try:
        document = json.loads(request.body, object_pairs_hook=_object)
    except _RepeatedKeyError:
        return problem(400, "Wrong body", "A key stands twice in one object.")
    except RecursionError:
        return problem(400, "Not JSON", "The body is nested too deeply.")
    except ValueError as error:
        return problem(400, "Not JSON", f"The body is not JSON: {error}.")
    is_list = isinstance(document, list)
    bodies, faults = schemas.read_bodies(document)
    specs = [_spec(body, exporter) for body in bodies]
    faults = faults or list(islice(_unconfigured(specs, exporter, is_list=is_list), schemas.MOST_FAULTS))
    if faults:
        return problem(400, "Wrong body", "Nothing is registered: each of the errors says what to change.", faults)
    return _take_in(specs, exporter, is_list=is_list)


def _take_in(specs: Sequence[JobSpec], exporter: Exporter, *, is_list: bool) -> Response:
    try:
        is_new = exporter.register(specs)
    except DeclaredJobError as error:
        return problem(409, "Conflict", f"{error}.")
    except TooManyJobsError as error:
        return problem(429, "Too many jobs", f"{error}.")
    if not exporter.is_kept():
        return problem(503, "Not kept", NOT_KEPT)
    views = _views(job for spec in specs if (job := exporter.find(spec.key)))
    return _json(schemas.JobsView(jobs=views) if is_list or not views else views[0], 201 if any(is_new) else 200)


def _spec(body: schemas.JobBody, exporter: Exporter) -> JobSpec:
    key = JobKey(account_asked(body.account, exporter), body.module, body.job_id)
    return JobSpec(key, JobSource.API, body.name, body.group, body.labels)


def _unconfigured(specs: Sequence[JobSpec], exporter: Exporter, *, is_list: bool) -> Iterator[schemas.Fault]:
    """Give each account and label that the configuration does not have."""
    for number, spec in enumerate(specs):
        place = (number,) if is_list else ()
        if spec.key.account not in exporter.accounts:
            yield schemas.fault_at((*place, "account"), _no_account(spec.key.account, exporter.accounts))
        for name in spec.labels:
            if name not in exporter.job_labels:
                text = "is not in job_labels: add it there to allow it"
                yield schemas.fault_at((*place, "labels", name), text)


def _no_account(named: str, accounts: Collection[str]) -> str:
    known = ", ".join(f'"{alias}"' for alias in islice(sorted(accounts), _MOST_LISTED))
    if not named:
        return f"is required, as there are several: {known}"
    near = nearest(named, accounts)
    return f'is no account; did you mean "{near}"?' if near else f"is no account; known: {known}"


def _not_tracked(exporter: Exporter, key: JobKey) -> Response:
    if exporter.may_have(key):
        return problem(503, "Not known", unread(key))
    if exporter.is_cut_off():
        return problem(503, "Not known", unheard(key))
    return problem(404, "Not tracked", f"{key} is not tracked.")


def _views(jobs: Iterable[TrackedJob]) -> list[schemas.JobView]:
    return [schemas.JobView.model_validate(job) for job in jobs]


def _json(view: BaseModel, status: int = 200) -> Response:
    return JSONResponse(view.model_dump(mode="json"), status_code=status)
