"""Which paths we answer, for whom, and with what. Nothing here knows Zoho or Prometheus' client."""

from dataclasses import dataclass
from functools import partial

from starlette.responses import JSONResponse, Response

from exporter.web.api import JOB_PATH, JOBS_PATH, OPENAPI_PATH, JobApi, openapi_document
from exporter.web.contract import Exporter
from exporter.web.door import Gate, Route
from exporter.web.guard import RELOAD_PATH, Entry, Guard
from exporter.web.operations import HEALTH_PATH, READY_PATH, Operations
from exporter.web.prometheus import PROBE_PATH, Discovery, Scrapes, granted_seconds
from exporter.web.request import Request
from exporter.web.status import StatusPage


@dataclass(frozen=True, slots=True)
class WebOptions:
    """What the routes need to know. Time-outs in seconds, as `granted_seconds` takes them."""

    version: str
    telemetry_path: str
    default_timeout_seconds: float
    timeout_offset_seconds: float
    max_requests: int
    """How many requests of each kind are worked on at once."""


def create_gate(options: WebOptions, exporter: Exporter, guard: Guard | None = None) -> Gate:
    """Build the ASGI application; without a guard everybody may read."""
    granted = partial(
        granted_seconds,
        default_seconds=options.default_timeout_seconds,
        offset_seconds=options.timeout_offset_seconds,
    )
    return Gate(create_routes(options, exporter), guard, max_requests=options.max_requests, granted=granted)


def create_routes(options: WebOptions, exporter: Exporter) -> tuple[Route, ...]:
    """Give a row for each method of each path."""
    scrapes, api, operations = Scrapes(exporter), JobApi(exporter), Operations(exporter)
    page = StatusPage(options.telemetry_path)

    def status(request: Request) -> Response:
        return page.answer(request, exporter.snapshot(), exporter.now())

    def openapi(_: Request) -> Response:
        return JSONResponse(openapi_document(options.version, exporter.accounts, exporter.job_labels))

    return (
        Route("GET", options.telemetry_path, scrapes.metrics, Entry.SCRAPER),
        Route("GET", PROBE_PATH, scrapes.probe, Entry.PROBER),
        Route("GET", "/explain", scrapes.explain),
        Route("GET", "/sd/jobs", Discovery(exporter).jobs),
        Route("GET", JOBS_PATH, api.list, Entry.PROGRAM),
        Route("POST", JOBS_PATH, api.register, Entry.PROGRAM),
        Route("GET", JOB_PATH, api.show, Entry.PROGRAM),
        Route("DELETE", JOB_PATH, api.forget, Entry.PROGRAM),
        Route("GET", OPENAPI_PATH, openapi),
        Route("GET", "/config", operations.configuration),
        Route("POST", RELOAD_PATH, operations.reload, Entry.OPERATOR),
        Route("GET", HEALTH_PATH, operations.healthy, Entry.HEALTH),
        Route("GET", READY_PATH, operations.ready, Entry.READINESS),
        Route("GET", "/", status),
    )
