"""The page as HTML. Pure but for the answer itself: a snapshot, filters and the time in, text out.

Style and script stand in the page itself, so that it needs nothing else; the content security policy names their
hashes and lets nothing else run.
"""

from base64 import b64encode
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import Response

from exporter.model import Snapshot, TrackedJob
from exporter.web.request import Request
from exporter.web.status.accounts import AccountCard, account_card
from exporter.web.status.filters import ATTENTION, Choice, Filters, choices
from exporter.web.status.jobs import JobRow, job_rows
from exporter.web.status.notices import notices
from exporter.web.status.phrases import Moment, moment
from exporter.web.status.standing import Standing, standing_of

DOCS_URL = "https://github.com/zoho-mass-update-exporter/zoho-mass-update-exporter/blob/main"


@dataclass(frozen=True, slots=True)
class Overview:
    """How all jobs stand, whatever is filtered. `details` names what needs attention."""

    attention: int
    details: str
    running: int
    waiting: int
    completed: int


@dataclass(frozen=True, slots=True)
class View:
    """All that the template shows."""

    version: str
    written: Moment
    overview: Overview
    notices: tuple[str, ...]
    choices: tuple[Choice, ...]
    given: Mapping[str, str]
    tracked: int
    rows: tuple[JobRow, ...]
    accounts: tuple[AccountCard, ...]


def view_of(snapshot: Snapshot, filters: Filters, now: float) -> View:
    """Put what is known at `now` (Unix seconds) into words."""
    return View(
        version=snapshot.exporter.version,
        written=moment(now, moment(now, "").exact.split(" ", 1)[1]),
        overview=_overview(snapshot.jobs),
        notices=notices(snapshot, now),
        choices=choices(snapshot, filters),
        given=filters.given(),
        tracked=len(snapshot.jobs),
        rows=job_rows(tuple(filter(filters.match, snapshot.jobs)), now),
        accounts=tuple(
            account_card(account, now)
            for account in snapshot.accounts
            if filters.account in {"", account.account.alias}
        ),
    )


class StatusPage:
    """Writes the page. Immutable once built, so it may be shared among threads.

    Args:
        telemetry_path: where the metrics are.
    """

    def __init__(self, telemetry_path: str) -> None:
        loader = PackageLoader("exporter.web.status")
        environment = Environment(
            loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        style, script = (loader.get_source(environment, name)[0] for name in ("status.css", "status.js"))
        environment.globals = {
            "style": style,
            "script": script,
            "telemetry_path": telemetry_path,
            "docs_url": DOCS_URL,
            "attention": ATTENTION,
        }
        self._template = environment.get_template("status.html")
        self.headers: Mapping[str, str] = _headers(style, script)

    def answer(self, request: Request, snapshot: Snapshot, now: float) -> Response:
        """Give the page of what is known now (Unix seconds), with the filters that the query names."""
        body = self.write(view_of(snapshot, Filters.of(request.query), now))
        return Response(body, media_type="text/html", headers=self.headers)

    def write(self, view: View) -> bytes:
        """Give the page as UTF-8; half characters, which a name from JSON may hold, become question marks."""
        return self._template.render(view=view).encode(errors="replace")


def _overview(jobs: tuple[TrackedJob, ...]) -> Overview:
    standings = Counter(map(standing_of, jobs))
    urgent = [(standing, standings[standing]) for standing in Standing if standing.needs_attention]
    return Overview(
        attention=sum(count for _, count in urgent),
        details=", ".join(f"{count} {standing.value}" for standing, count in urgent if count),
        running=standings[Standing.RUNNING],
        waiting=standings[Standing.WAITING],
        completed=standings[Standing.COMPLETED],
    )


def _headers(style: str, script: str) -> dict[str, str]:
    policy = {
        "default-src": "'none'",
        "style-src": _hash_source(style),
        "script-src": _hash_source(script),
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }


def _hash_source(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
