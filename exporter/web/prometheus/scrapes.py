"""`/metrics` and `/probe`: what Prometheus scrapes. `/explain`: the same job in sentences."""

import math
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response

from exporter.errors import TooManyJobsError
from exporter.model import JobKey, Page
from exporter.web.contract import Exporter
from exporter.web.prometheus.jobs_asked import job_asked
from exporter.web.request import Request

TIMEOUT_HEADER = "X-Prometheus-Scrape-Timeout-Seconds"
_LONGEST_SECONDS = 300.0
COLLECT = "collect[]"
GROUPS = ("jobs", "modules", "accounts", "exporter")
"""The groups of families that `collect[]` may ask for."""


class Scrapes:
    """Answers scrapes, probes and questions about them."""

    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter

    def metrics(self, request: Request) -> Response:
        """Give the page of every job, or of the groups that `collect[]` names."""
        groups = set(request.query.getlist(COLLECT) or GROUPS)
        if groups - set(GROUPS):
            return _refused([f"{COLLECT}: expected one of {', '.join(GROUPS)}"])
        return _page(self._exporter.scrape(request.deadline, _accept(request), groups))

    def probe(self, request: Request) -> Response:
        """Give the page of one job; with `debug=true` say in plain text how it came about."""
        key, faults = job_asked(request.query, self._exporter)
        if faults:
            return _refused(faults)
        try:
            page = self._exporter.probe(key, request.deadline, _accept(request))
        except TooManyJobsError as error:
            return PlainTextResponse(f"{key} is not tracked: {error}\n", status_code=429)
        if request.query.get("debug") == "true":
            return PlainTextResponse(self._debug(key, page))
        return _page(page)

    def explain(self, request: Request) -> Response:
        """Say why a job shows what it shows."""
        key, faults = job_asked(request.query, self._exporter)
        if faults:
            return _refused(faults)
        sentences = self._exporter.explain(key)
        if not sentences:
            return PlainTextResponse(f"{key} is not tracked: list it, register it, or probe it.\n", status_code=404)
        return PlainTextResponse(_text(sentences))

    def _debug(self, key: JobKey, page: Page) -> str:
        exchange = self._exporter.last_exchange(key) or ("Nothing, since the exporter started.",)
        sections = (
            ("Last asked of Zoho", exchange),
            ("What is known", self._exporter.explain(key)),
            ("The page", (page.body.decode(errors="replace"),)),
        )
        return "\n".join(f"{title}\n{'-' * len(title)}\n{_text(lines)}" for title, lines in sections)


def granted_seconds(headers: Headers, *, default_seconds: float, offset_seconds: float) -> float:
    """Give the seconds that a request has; the default where the header is absent or makes no sense.

    At least half of what Prometheus grants is used, however large the offset.
    """
    try:
        granted = float(headers.get(TIMEOUT_HEADER, ""))
    except ValueError:
        return default_seconds
    if not 0 < granted < math.inf:
        return default_seconds
    return min(max(granted - offset_seconds, granted / 2), _LONGEST_SECONDS)


def _accept(request: Request) -> str:
    return request.headers.get("Accept", "")


def _page(page: Page) -> Response:
    return Response(page.body, headers={"Content-Type": page.content_type, "Vary": "Accept"})


def _refused(faults: Iterable[str]) -> Response:
    return PlainTextResponse(_text(faults), status_code=400)


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
