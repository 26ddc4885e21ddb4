"""`/api/v1/jobs`: jobs registered, listed and let go by the programs that schedule them."""

import json
from itertools import islice
from types import MappingProxyType

from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from exporter.errors import DeclaredJobError, TooManyJobsError
from exporter.model import JobKey, JobSource, JobSpec
from exporter.web.api.schemas import (
    MOST_FAULTS,
    BodyError,
    JobBody,
    JobsView,
    JobView,
    JobWithHistoryView,
    parse_bodies,
)
from exporter.web.contract import Exporter
from exporter.web.problems import problem
from exporter.web.prometheus import account_asked, faults_of
from exporter.web.request import Request

JOBS_PATH = "/api/v1/jobs"
JOB_PATH = "/api/v1/jobs/{account}/{module}/{job_id}"
NOT_KEPT = "It is done, but a restart would undo it: the state file can't be written now. Send the request again later."


class JobApi:
    """Answers the programs that schedule mass updates."""

    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter

    def list(self, _: Request) -> Response:
        """List all jobs."""
        return _json(JobsView.model_validate(self._exporter.snapshot()))

    def show(self, request: Request) -> Response:
        """Show one job with its history."""
        key = JobKey(**request.names)
        job = self._exporter.find(key)
        return _json(JobWithHistoryView.model_validate(job)) if job else _not_tracked(key)

    def forget(self, request: Request) -> Response:
        """Let a job go."""
        key = JobKey(**request.names)
        try:
            was_tracked = self._exporter.forget(key)
        except DeclaredJobError as error:
            return problem(409, "Conflict", f"{error}.")
        if not was_tracked:
            return _not_tracked(key)
        return Response(status_code=204) if self._exporter.is_kept() else problem(503, "Not kept", NOT_KEPT)

    def register(self, request: Request) -> Response:
        """Register one job, or many."""
        try:
            document = json.loads(request.body)
        except RecursionError:
            return problem(400, "Not JSON", "The body is nested too deeply.")
        except ValueError as error:
            return problem(400, "Not JSON", f"The body is not JSON: {error}.")
        return self._take_in(document)

    def _take_in(self, document: object) -> Response:
        is_list = isinstance(document, list)
        try:
            specs = self._specs(parse_bodies(document), is_list=is_list)
            is_new = self._exporter.register(specs)
        except BodyError as error:
            return problem(400, "Wrong body", "The body is not one job or a list of jobs; see errors.", error.errors)
        except DeclaredJobError as error:
            return problem(409, "Conflict", f"{error}.")
        except TooManyJobsError as error:
            return problem(429, "Too many jobs", f"{error}.")
        if not self._exporter.is_kept():
            return problem(503, "Not kept", NOT_KEPT)
        known = {job.spec.key: job for job in self._exporter.snapshot().jobs}
        views = [JobView.model_validate(known[spec.key]) for spec in specs if spec.key in known]
        status = 201 if any(is_new) else 200
        return _json(JobsView(jobs=views) if is_list or not views else views[0], status)

    def _specs(self, bodies: tuple[JobBody, ...], *, is_list: bool) -> tuple[JobSpec, ...]:
        """Give the jobs in the product's own words.

        Raises:
            BodyError: an account or a label is not one of the configuration's.
        """
        specs = [self._spec(body) for body in bodies]
        faults = (
            {"pointer": f"/{number}" if is_list else "", "detail": fault}
            for number, spec in enumerate(specs)
            for fault in (*faults_of(spec.key, self._exporter), *self._label_faults(spec))
        )
        if first := tuple(islice(faults, MOST_FAULTS)):
            raise BodyError(first)
        return tuple(specs)

    def _spec(self, body: JobBody) -> JobSpec:
        key = JobKey(account_asked(body.account, self._exporter), body.module, body.job_id)
        return JobSpec(key, JobSource.API, body.name, body.group, MappingProxyType(dict(body.labels)))

    def _label_faults(self, spec: JobSpec) -> tuple[str, ...]:
        allowed = self._exporter.job_labels
        known = f"; it has {', '.join(allowed)}" if allowed else ", which is empty"
        return tuple(f'labels: "{name}" is not in job_labels{known}' for name in spec.labels if name not in allowed)


def _not_tracked(key: JobKey) -> Response:
    return problem(404, "Not tracked", f"{key} is not tracked.")


def _json(view: BaseModel, status: int = 200) -> Response:
    return JSONResponse(view.model_dump(mode="json"), status_code=status)
