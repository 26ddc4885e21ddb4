"""The OpenAPI document of the job API, made from the same models that read and write its bodies."""

from collections.abc import Collection, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.responses import JSONResponse, Response

from exporter import __version__
from exporter.web.api.jobs import ACK_PATH, JOB_PATH, JOBS_PATH
from exporter.web.api.pages import CURSOR, CURSOR_PATTERN, LIMIT, MOST_LISTED
from exporter.web.api.schemas import JobBody, JobsPageView, JobsView, JobView, JobWithHistoryView, ProblemView
from exporter.web.contract import Exporter
from exporter.web.problems import MEDIA_TYPE
from exporter.web.request import Request

OPENAPI_PATH = "/api/v1/openapi.json"
_REFERENCES = "#/components/schemas/{model}"

Document = dict[str, object]


def openapi(exporter: Exporter, _: Request, path: str = "") -> Response:
    """Give the document as JSON; `path` is what every path begins with as it is seen from outside."""
    servers = {"servers": [{"url": path}]} if path else {}
    return JSONResponse({**openapi_document(exporter.accounts, exporter.job_labels), **servers})


def openapi_document(accounts: Collection[str], job_labels: Collection[str]) -> Document:
    """Give the document; it names the accounts and labels that this exporter is configured with."""
    views = (JobView, JobsView, JobsPageView, JobWithHistoryView, ProblemView)
    _, definitions = models_json_schema(
        [(JobBody, "validation"), *((view, "serialization") for view in views)], ref_template=_REFERENCES
    )
    components = definitions["$defs"]
    _name_configured(components["JobBody"], accounts, job_labels)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Zoho CRM mass-update exporter: jobs", "version": __version__},
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


def _name_configured(body: dict[str, Any], accounts: Collection[str], job_labels: Collection[str]) -> None:
    """Narrow the schema of a body to what is configured."""
    account, labels = body["properties"]["account"], body["properties"]["labels"]
    account["enum"] = sorted(accounts)
    if len(accounts) == 1:
        account["enum"] += ["", None]
        account["type"] = ["string", "null"]
    else:
        del account["default"]
        body["required"] = ["account", "module", "job_id"]
    del labels["propertyNames"]
    [text] = labels.pop("patternProperties").values()
    for value in (body["properties"]["name"], body["properties"]["group"], labels):
        value["type"] = [value["type"], "null"]  # read as absent
    labels |= {"properties": dict.fromkeys(sorted(job_labels), text), "additionalProperties": False}


def _paths() -> Document:
    names = ("account", "module", "job_id")
    body = {"oneOf": [_schema(JobBody), {"type": "array", "items": _schema(JobBody), "minItems": 1}]}
    register = {
        201: "At least one job is new.",
        200: "All were known.",
        400: "The body can't be used; nothing was registered.",
        409: "The configuration describes one of the jobs otherwise.",
        413: "The body is too large.",
        429: "There is no room for so many jobs.",
        503: "The state can't be written: a restart would forget the jobs.",
    }
    show = {200: "The job.", 404: "It is not tracked.", 503: "What is kept, and may have it, can't be read."}
    forget = {
        204: "It is no longer tracked.",
        404: "It is not tracked.",
        409: "It stands in the configuration.",
        503: "The state can't be written, so that a restart would bring it back, or could not be read yet.",
    }
    acknowledge = {
        204: "Somebody has taken note.",
        404: "It is not tracked.",
        409: "It has not ended.",
        503: "The state can't be written, so that a restart would undo it, or could not be read yet.",
    }
    take_back = acknowledge | {
        204: "Nobody has taken note.",
        409: "It has not ended, or the configuration says that it is acknowledged.",
    }
    listed = {200: "The jobs, sorted.", 400: "A parameter is wrong."}
    job = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
    return {
        JOBS_PATH: {
            "get": _operation("listJobs", "List all jobs, or a page of them", listed, JobsPageView)
            | {"parameters": _page_parameters()},
            "post": _operation("registerJobs", "Register one job, or many", register, JobView, JobsView)
            | {"requestBody": {"required": True, "content": {"application/json": {"schema": body}}}},
        },
        JOB_PATH: {
            "parameters": job,
            "get": _operation("showJob", "Show a job with its history", show, JobWithHistoryView),
            "delete": _operation("forgetJob", "Let go of a job", forget),
        },
        ACK_PATH: {
            "parameters": job,
            "post": _operation("acknowledgeJob", "Say that somebody has taken note of how a job ended", acknowledge),
            "delete": _operation("unacknowledgeJob", "Take that back", take_back),
        },
    }


def _page_parameters() -> list[Document]:
    limit = {"type": "integer", "minimum": 1, "maximum": MOST_LISTED}
    texts = {
        LIMIT: (limit, "How many jobs are wanted at most; all unless given."),
        CURSOR: (
            {"type": "string", "pattern": f"^{CURSOR_PATTERN}$"},
            "What the page before gives as next; from the first job on unless given.",
        ),
    }
    return [
        {"name": name, "in": "query", "schema": schema, "description": text} for name, (schema, text) in texts.items()
    ]


def _operation(name: str, summary: str, answers: Mapping[int, str], *views: type[BaseModel]) -> Document:
    """Describe an operation: what each status means, and what is shown where nothing is refused."""
    said = {**answers, 401: "No valid token or password.", 403: "The API is off."}
    responses = {str(status): _answer(status, text, views) for status, text in said.items()}
    return {"operationId": name, "summary": summary, "responses": responses}


def _answer(status: int, text: str, views: Sequence[type[BaseModel]]) -> Document:
    if status >= HTTPStatus.BAD_REQUEST:
        return {"description": text, "content": {MEDIA_TYPE: {"schema": _schema(ProblemView)}}}
    return {"description": text} | ({"content": {"application/json": {"schema": _schema(*views)}}} if views else {})


def _schema(*models: type[BaseModel]) -> Document:
    references: list[Document] = [{"$ref": _REFERENCES.format(model=model.__name__)} for model in models]
    return {"oneOf": references} if len(references) > 1 else references[0]
