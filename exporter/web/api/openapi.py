"""The OpenAPI document of the job API, made from the same models that read and write its bodies."""

from collections.abc import Collection, Mapping

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from exporter.web.api.jobs import JOB_PATH, JOBS_PATH
from exporter.web.api.schemas import JobBody, JobsView, JobView, JobWithHistoryView, ProblemView

OPENAPI_PATH = "/api/v1/openapi.json"
_REFERENCES = "#/components/schemas/{model}"

Document = dict[str, object]


def openapi_document(version: str, accounts: Collection[str], job_labels: Collection[str]) -> Document:
    """Give the document; it names the accounts and labels that this exporter is configured with."""
    _, definitions = models_json_schema(
        [
            (JobBody, "validation"),
            *((view, "serialization") for view in (JobView, JobsView, JobWithHistoryView, ProblemView)),
        ],
        ref_template=_REFERENCES,
    )
    components = dict(definitions["$defs"])
    _name_configured(components["JobBody"], accounts, job_labels)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Zoho CRM mass-update exporter: jobs", "version": version},
        "security": [{"bearer": []}, {"basic": []}],
        "paths": _paths(),
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "The token of web.api_token_file."},
                "basic": {"type": "http", "scheme": "basic", "description": "A user of --web.config.file."},
            },
        },
    }


def _name_configured(body: Document, accounts: Collection[str], job_labels: Collection[str]) -> None:
    """Narrow the schema of a body to what is configured."""
    properties = body["properties"]
    if not isinstance(properties, dict):
        raise TypeError("a model's schema has properties")
    is_one = len(accounts) == 1
    properties["account"] |= {"enum": [*sorted(accounts), *([""] if is_one else [])]}
    labels = properties["labels"]
    del labels["propertyNames"]
    [text] = labels.pop("patternProperties").values()
    labels |= {"properties": dict.fromkeys(sorted(job_labels), text), "additionalProperties": False}
    if not is_one:
        del properties["account"]["default"]
        body["required"] = ["account", "module", "job_id"]


def _paths() -> Document:
    either = {"oneOf": [_reference(JobBody), {"type": "array", "items": _reference(JobBody), "minItems": 1}]}
    taken = {"application/json": {"schema": {"oneOf": [_reference(JobView), _reference(JobsView)]}}}
    register = {
        "201": {"description": "At least one job is new.", "content": taken},
        "200": {"description": "All were known.", "content": taken},
        "400": _refusal("The body can't be used; nothing was registered."),
        "409": _refusal("The configuration describes one of the jobs otherwise."),
        "413": _refusal("The body is too large."),
        "429": _refusal("There is no room for so many jobs."),
        "503": _refusal("The state file can't be written: a restart would forget the jobs."),
    }
    unknown = {"404": _refusal("It is not tracked.")}
    show = {"200": _body("The job.", JobWithHistoryView), **unknown}
    forget = {
        "204": {"description": "It is no longer tracked."},
        **unknown,
        "409": _refusal("It stands in the configuration."),
        "503": _refusal("The state file can't be written: a restart would bring it back."),
    }
    body = {"required": True, "content": {"application/json": {"schema": either}}}
    return {
        JOBS_PATH: {
            "get": _operation("listJobs", "List all jobs", {"200": _body("All jobs, sorted.", JobsView)}),
            "post": _operation("registerJobs", "Register one job, or many", register) | {"requestBody": body},
        },
        JOB_PATH: {
            "parameters": [
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in ("account", "module", "job_id")
            ],
            "get": _operation("showJob", "Show a job with its history", show),
            "delete": _operation("forgetJob", "Let go of a job", forget),
        },
    }


def _operation(name: str, summary: str, answers: Mapping[str, object]) -> Document:
    refusals = {"401": _refusal("No valid token or password."), "403": _refusal("The API is off.")}
    return {"operationId": name, "summary": summary, "responses": {**answers, **refusals}}


def _body(description: str, model: type[BaseModel]) -> Document:
    return {"description": description, "content": {"application/json": {"schema": _reference(model)}}}


def _refusal(description: str) -> Document:
    return {"description": description, "content": {"application/problem+json": {"schema": _reference(ProblemView)}}}


def _reference(model: type[BaseModel]) -> Document:
    return {"$ref": _REFERENCES.format(model=model.__name__)}
