"""`/metrics` and `/probe`: what Prometheus scrapes. `/explain`: the same job in sentences."""

from collections.abc import Iterable

from starlette.responses import PlainTextResponse, Response

from exporter.errors import TooManyJobsError
from exporter.model import JobKey, Page
from exporter.web.contract import Exporter
from exporter.web.long_answer import LongAnswer
from exporter.web.problems import unheard, unread
from exporter.web.prometheus.jobs_asked import job_asked
from exporter.web.request import Request, listed

COLLECT, DEBUG = "collect[]", "debug"
GROUPS = ("jobs", "modules", "accounts", "exporter")
"""The groups of families that `collect[]` may ask for."""


def metrics(exporter: Exporter, request: Request) -> Response:
    """Give the page of every job, or of the groups that `collect[]` names."""
    groups = set(request.query.getlist(COLLECT) or GROUPS)
    if groups - set(GROUPS):
        return _refused([f"{COLLECT}: expected one of {', '.join(GROUPS)}"])
    return _page(exporter.scrape(request.deadline, listed(request.headers, "Accept"), groups, request.enough))


def probe(exporter: Exporter, request: Request) -> Response:
    """Give the page of one job; with `debug=true` say in plain text how it came about."""
    key, faults = job_asked(request.query, exporter)
    if set(request.query.getlist(DEBUG)) - {"true", "false"}:
        faults += (f"{DEBUG}: expected true or false",)
    if faults:
        return _refused(faults)
    if exporter.may_have(key):
        return _unknown(key)
    try:
        page = exporter.probe(key, request.deadline, listed(request.headers, "Accept"), request.enough)
    except TooManyJobsError as error:
        return PlainTextResponse(f"{key} is not tracked: {error}\n", status_code=429)
    if request.query.get(DEBUG) == "true":
        return PlainTextResponse(_debug(exporter, key, page))
    return _page(page)


def explain(exporter: Exporter, request: Request) -> Response:
    """Say why a job shows what it shows."""
    key, faults = job_asked(request.query, exporter)
    if faults:
        return _refused(faults)
    if exporter.may_have(key):
        return _unknown(key)
    sentences = exporter.explain(key)
    if not sentences and exporter.is_cut_off():
        return PlainTextResponse(f"{unheard(key)}\n", status_code=503)
    if not sentences:
        return PlainTextResponse(f"{key} is not tracked: list it, register it, or probe it.\n", status_code=404)
    return PlainTextResponse(_text(sentences))


def _unknown(key: JobKey) -> Response:
    return PlainTextResponse(f"{unread(key)}\n", status_code=503)


def _debug(exporter: Exporter, key: JobKey, page: Page) -> str:
    sections = (
        ("Last asked of Zoho", exporter.last_exchange(key) or ("Nothing, since the exporter started.",)),
        ("What is known", exporter.explain(key)),
        ("The page", (page.body.decode(errors="replace"),)),
    )
    return "\n".join(f"{title}\n{'-' * len(title)}\n{_text(lines)}" for title, lines in sections)


def _page(page: Page) -> Response:
    return LongAnswer(page.content, {"Content-Type": page.content_type, "Vary": "Accept"})


def _refused(faults: Iterable[str]) -> Response:
    return PlainTextResponse(_text(faults), status_code=400)


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
