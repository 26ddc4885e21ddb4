"""Which paths we answer, for whom, and with what. Nothing here knows Zoho or Prometheus' client."""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response

from exporter.web import api, operations, prometheus
from exporter.web.contract import Exporter
from exporter.web.door import Gate, Route
from exporter.web.guard import RELOAD_PATH, Entry, Guard
from exporter.web.request import Outside, Request
from exporter.web.status import StatusPage

TIMEOUT_HEADER = "X-Prometheus-Scrape-Timeout-Seconds"
_LONGEST_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class WebOptions:
    """What the routes need to know. Time-outs in seconds."""

    telemetry_path: str
    default_timeout_seconds: float
    timeout_offset_seconds: float
    max_requests: int
    """How many requests of each kind are worked on at once."""
    prefix: str
    """What every path begins with that is answered, without a slash at its end."""
    outside: Outside

    def granted_seconds(self, headers: Headers) -> float:
        """Give the seconds that a request has; the default where the header is absent or makes no sense.

        At least half of what Prometheus grants is used, however large the offset, and no more than a minute, or the
        default where that is longer: anybody may send the header.
        """
        try:
            granted = float(headers.get(TIMEOUT_HEADER, ""))
        except ValueError:
            granted = math.nan
        if not 0 < granted < math.inf:
            return self.default_timeout_seconds
        longest = max(_LONGEST_SECONDS, self.default_timeout_seconds)
        return min(max(granted - self.timeout_offset_seconds, granted / 2), longest)


def create_gate(options: WebOptions, exporter: Future[Exporter], guard: Guard | None = None) -> Gate:
    """Build the ASGI application; without a guard everybody may read.

    The exporter may come later: until then all wait for it but those who ask for health and readiness.
    """
    page = StatusPage(options.telemetry_path, options.outside.path)
    return Gate(
        create_routes(options, exporter, page),
        guard,
        begun=exporter,
        max_requests=options.max_requests,
        granted=options.granted_seconds,
        prefix=options.prefix,
        shown=page.refused,
    )


def create_routes(options: WebOptions, exporter: Future[Exporter], page: StatusPage) -> tuple[Route, ...]:
    """Give a row for each method of each path."""
    outside = options.outside

    def by(answer: Callable[[Exporter, Request], Response]) -> Callable[[Request], Response]:
        return lambda request: answer(exporter.result(), request)

    def of_jobs(answer: Callable[[Exporter, Request], Response]) -> Callable[[Request], Response]:
        """Show what was done at another exporter, too."""

        def caught_up(request: Request) -> Response:
            exporter.result().catch_up(request.deadline)
            return answer(exporter.result(), request)

        return caught_up

    return (
        Route("GET", options.telemetry_path, by(prometheus.metrics), Entry.SCRAPER),
        Route("GET", prometheus.PROBE_PATH, of_jobs(prometheus.probe), Entry.PROBER),
        Route(
            "GET",
            "/explain",
            page.readable(
                of_jobs(prometheus.explain),
                "Why a job shows what it shows",
                about=lambda request: prometheus.job_asked(request.query, exporter.result())[0],
            ),
        ),
        Route("GET", "/sd/jobs", of_jobs(prometheus.Targets(outside).answer)),
        Route("GET", api.JOBS_PATH, of_jobs(api.list_jobs), Entry.PROGRAM),
        Route("POST", api.JOBS_PATH, by(api.register), Entry.PROGRAM),
        Route("GET", api.JOB_PATH, of_jobs(api.show), Entry.PROGRAM),
        Route("DELETE", api.JOB_PATH, by(api.forget), Entry.PROGRAM),
        Route("POST", api.ACK_PATH, by(api.acknowledge), Entry.ATTENDANT),
        Route("DELETE", api.ACK_PATH, by(api.acknowledge), Entry.ATTENDANT),
        Route("GET", api.OPENAPI_PATH, by(partial(api.openapi, path=outside.path))),
        Route("GET", "/config", page.readable(by(operations.configuration), "Configuration in force", is_code=True)),
        Route("POST", RELOAD_PATH, by(operations.reload), Entry.OPERATOR),
        Route("GET", "/-/healthy", page.readable(operations.healthy, "Health"), Entry.HEALTH),
        Route("GET", "/-/ready", page.readable(partial(operations.ready, exporter), "Readiness"), Entry.READINESS),
        Route("GET", "/", of_jobs(page.answer)),
        Route("GET", "/jobs/{account}/{module}/{job_id}", of_jobs(page.answer_job)),
        *(_to_the_first_page(f"{outside.path or options.prefix}/") if options.prefix else ()),
    )


def _to_the_first_page(url: str) -> Iterator[Route]:
    """Lead whoever leaves out the prefix to where the first page is."""
    yield Route("GET", "", lambda _: RedirectResponse(url, HTTPStatus.FOUND))
