"""`/api/v1/jobs`: jobs registered, listed and let go by the programs that schedule them."""

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from types import MappingProxyType

from pydantic import BaseModel
from starlette.responses import JSONResponse, RedirectResponse, Response

from exporter.errors import DeclaredJobError, RegistrationError, TooManyJobsError
from exporter.model import JobKey, JobSource, JobSpec
from exporter.web.api import schemas
from exporter.web.contract import Exporter
from exporter.web.problems import problem
from exporter.web.prometheus import account_asked, faults_of
from exporter.web.request import Request, is_of_own_page

JOBS_PATH = "/api/v1/jobs"
JOB_PATH = "/api/v1/jobs/{account}/{module}/{job_id}"
ACK_PATH = f"{JOB_PATH}/ack"
NOT_KEPT = "It is done, but a restart would undo it: the state file can't be written now. Send the request again later."


def list_jobs(exporter: Exporter, _: Request) -> Response:
    """List all jobs."""
    return _json(schemas.JobsView.model_validate(exporter.snapshot()))


def show(exporter: Exporter, request: Request) -> Response:
    """Show one job with its history."""
    key = JobKey(**request.names)
    job = exporter.find(key)
    return _json(schemas.JobWithHistoryView.model_validate(job)) if job else _not_tracked(key)


def forget(exporter: Exporter, request: Request) -> Response:
    """Let a job go."""
    key = JobKey(**request.names)
    try:
        was_tracked = exporter.forget(key)
    except DeclaredJobError as error:
        return problem(409, "Conflict", f"{error}.")
    if not was_tracked:
        return _not_tracked(key)
    return Response(status_code=204) if exporter.is_kept() else problem(503, "Not kept", NOT_KEPT)


def acknowledge(exporter: Exporter, request: Request) -> Response:
    """Keep that somebody has taken note of how a job ended; to DELETE that takes it back."""
    key = JobKey(**request.names)
    try:
        is_tracked = exporter.acknowledge(key, is_taken_back=request.method == "DELETE")
    except RegistrationError as error:
        return problem(409, "Conflict", f"{error}.")
    if not is_tracked:
        return _not_tracked(key)
    if not exporter.is_kept():
        return problem(503, "Not kept", NOT_KEPT)
    # A browser that sent the status page's form is led back there, whatever prefix a proxy has put before it.
    return RedirectResponse("../" * 6, 303) if is_of_own_page(request.headers) else Response(status_code=204)


def register(exporter: Exporter, request: Request) -> Response:
    """Register one job, or many."""
    try:
        document = json.loads(request.body)
    except RecursionError:
        return problem(400, "Not JSON", "The body is nested too deeply.")
    except ValueError as error:
        return problem(400, "Not JSON", f"The body is not JSON: {error}.")
    is_list = isinstance(document, list)
    bodies, faults = schemas.read_bodies(document)
    specs = [_spec(body, exporter) for body in bodies]
    faults = faults or list(islice(_unconfigured(specs, exporter, is_list=is_list), schemas.MOST_FAULTS))
    if faults:
        return problem(400, "Wrong body", "The body is not one job or a list of jobs; see errors.", faults)
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
    known = {job.spec.key: job for job in exporter.snapshot().jobs}
    views = [schemas.JobView.model_validate(known[spec.key]) for spec in specs if spec.key in known]
    return _json(schemas.JobsView(jobs=views) if is_list or not views else views[0], 201 if any(is_new) else 200)


def _spec(body: schemas.JobBody, exporter: Exporter) -> JobSpec:
    key = JobKey(account_asked(body.account, exporter), body.module, body.job_id)
    return JobSpec(key, JobSource.API, body.name, body.group, MappingProxyType(body.labels))


def _unconfigured(specs: Sequence[JobSpec], exporter: Exporter, *, is_list: bool) -> Iterator[schemas.Fault]:
    """Give each account and label that the configuration does not have."""
    allowed = exporter.job_labels
    known = f"; it has {', '.join(allowed)}" if allowed else ", which is empty"
    for number, spec in enumerate(specs):
        labels = (f'labels: "{name}" is not in job_labels{known}' for name in spec.labels if name not in allowed)
        for fault in (*faults_of(spec.key, exporter), *labels):
            yield schemas.fault_at((number,) if is_list else (), fault)


def _not_tracked(key: JobKey) -> Response:
    return problem(404, "Not tracked", f"{key} is not tracked.")


def _json(view: BaseModel, status: int = 200) -> Response:
    return JSONResponse(view.model_dump(mode="json"), status_code=status)
