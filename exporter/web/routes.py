"""Which paths we answer, and with what. Nothing here knows Zoho or Prometheus' client."""

import logging
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exporter.web.access import RELOAD_PATH, Access
from exporter.web.api import JOB_PATH, JOBS_PATH, JobApi
from exporter.web.contract import Exporter
from exporter.web.discovery import PROBE_PATH, Discovery
from exporter.web.openapi import OPENAPI_PATH, openapi_document
from exporter.web.operations import HEALTH_PATH, READY_PATH, Operations
from exporter.web.options import WebOptions
from exporter.web.problems import refusal
from exporter.web.scrapes import Scrapes
from exporter.web.status.page import StatusPage, status_route

_log = logging.getLogger(__name__)

_SMALLEST_GZIP_BYTES = 1024


def create_routes(options: WebOptions, exporter: Exporter) -> Starlette:
    """Build the ASGI application."""
    access = Access(options.read_api_token)
    app = Starlette(
        routes=_routes(options, exporter, access),
        # Level 1: six times faster than the default for a page a quarter larger.
        middleware=[Middleware(GZipMiddleware, minimum_size=_SMALLEST_GZIP_BYTES, compresslevel=1)],
        exception_handlers={HTTPException: _refused, Exception: _failed},
    )
    app.router.redirect_slashes = False  # its redirects go to whatever host the request names
    return app


def _routes(options: WebOptions, exporter: Exporter, access: Access) -> list[Route]:
    scrapes, api = Scrapes(options, exporter), JobApi(exporter, access)
    operations = Operations(exporter, access)

    async def openapi(_: Request) -> Response:
        return JSONResponse(openapi_document(options.version, exporter.accounts, exporter.job_labels))

    status = status_route(StatusPage(options.telemetry_path), exporter.snapshot, exporter.now)
    return [
        Route(options.telemetry_path, scrapes.metrics),
        Route(PROBE_PATH, scrapes.probe),
        Route("/explain", scrapes.explain),
        Route("/sd/jobs", Discovery(exporter).jobs),
        Route(JOBS_PATH, api.jobs, methods=["GET", "POST"]),
        Route(JOB_PATH, api.job, methods=["GET", "DELETE"]),
        Route(OPENAPI_PATH, openapi),
        Route("/config", operations.configuration),
        Route(RELOAD_PATH, operations.reload, methods=["POST"]),
        Route(HEALTH_PATH, operations.healthy),
        Route(READY_PATH, operations.ready),
        Route("/", status),
    ]


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return refusal(request.url.path, HTTPStatus(error.status_code), error.detail, error.headers)


async def _failed(request: Request, error: Exception) -> Response:
    _log.error("a request failed in a way nobody foresaw", exc_info=error, extra={"path": request.url.path})
    text = "internal error: see the exporter's log"
    return refusal(request.url.path, HTTPStatus.INTERNAL_SERVER_ERROR, text)
