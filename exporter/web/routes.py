"""Which paths we answer. What they do comes in as plain callables, so nothing here knows Zoho or Prometheus' client."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from exporter.web.deadline import HEADER, scrape_timeout_seconds
from exporter.web.landing import landing_page

_log = logging.getLogger(__name__)

HEALTH_PATH = "/-/healthy"
_SMALLEST_GZIP_BYTES = 1024


class Page(Protocol):
    """A rendered page."""

    @property
    def content_type(self) -> str:
        """The full media type, with version and charset."""

    @property
    def body(self) -> bytes:
        """The page."""


@dataclass(frozen=True, slots=True)
class WebOptions:
    """What the routes need to know. Time-outs in seconds, as `scrape_timeout_seconds` takes them."""

    version: str
    telemetry_path: str = "/metrics"
    default_timeout_seconds: float = 10.0
    timeout_offset_seconds: float = 0.5


def create_routes(options: WebOptions, scrape: Callable[[float, str], Page]) -> Starlette:
    """Build the ASGI application.

    Args:
        options: paths and time-outs.
        scrape: polls what is due within so many seconds, and renders the page for an `Accept` header.
    """

    async def metrics(request: Request) -> Response:
        timeout_seconds = scrape_timeout_seconds(
            request.headers.get(HEADER),
            default_seconds=options.default_timeout_seconds,
            offset_seconds=options.timeout_offset_seconds,
        )
        page = await run_in_threadpool(scrape, timeout_seconds, request.headers.get("Accept", ""))
        return Response(page.body, headers={"Content-Type": page.content_type, "Vary": "Accept"})

    async def healthy(_: Request) -> Response:
        return PlainTextResponse("healthy\n")

    async def landing(_: Request) -> Response:
        return HTMLResponse(landing_page(options.version, options.telemetry_path))

    async def failed(request: Request, error: Exception) -> Response:
        _log.error("a request failed in a way nobody foresaw", exc_info=error, extra={"path": request.url.path})
        return PlainTextResponse("internal error: see the exporter's log\n", status_code=500)

    app = Starlette(
        routes=[
            Route(options.telemetry_path, metrics),
            Route(HEALTH_PATH, healthy),
            Route("/", landing),
        ],
        # Level 1: six times faster than the default for a page a quarter larger.
        middleware=[Middleware(GZipMiddleware, minimum_size=_SMALLEST_GZIP_BYTES, compresslevel=1)],
        exception_handlers={Exception: failed},
    )
    app.router.redirect_slashes = False  # its redirects go to whatever host the request names
    return app
