"""The page as HTML. Pure but for the answer itself: a snapshot, filters and the time in, text out.

Style and script stand in the page itself, so that it needs nothing else; the content security policy names their
hashes and lets nothing else run.
"""

from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from hashlib import sha256

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import Response

from exporter.model import Snapshot
from exporter.web.contract import Exporter
from exporter.web.request import Request
from exporter.web.status import phrases
from exporter.web.status.accounts import facts, spent
from exporter.web.status.filters import ATTENTION, Filters, choices
from exporter.web.status.jobs import (
    end,
    explain_url,
    failed_share,
    in_order,
    look,
    next_poll,
    note,
    progress,
    state_word,
)
from exporter.web.status.notices import notices
from exporter.web.status.phrases import moment
from exporter.web.status.standing import Standing, standing_of

DOCS_URL = "https://github.com/zoho-mass-update-exporter/zoho-mass-update-exporter/blob/main"


_WORDS: tuple[Callable[..., object], ...] = (
    *(phrases.ago, phrases.bar, phrases.counted, phrases.lasting, phrases.moment, phrases.number, phrases.pace),
    *(facts, spent, standing_of, end, explain_url, failed_share, look, next_poll, note, progress, state_word),
)
"""What the template may ask."""


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
        environment.globals |= {
            "style": style,
            "script": script,
            "telemetry_path": telemetry_path,
            "docs_url": DOCS_URL,
            "attention_filter": ATTENTION,
        }
        environment.globals |= {word.__name__: word for word in _WORDS}
        self._template = environment.get_template("status.html")
        self.headers = _headers(style, script)

    def answer(self, exporter: Exporter, request: Request) -> Response:
        """Give the page of what is known now, with the filters that the query names."""
        body = self.write(exporter.snapshot(), Filters.of(request.query), exporter.now())
        return Response(body, media_type="text/html", headers=self.headers)

    def write(self, snapshot: Snapshot, filters: Filters, now: float) -> bytes:
        """Give the page as UTF-8; half characters, which a name from JSON may hold, become question marks."""
        standings = Counter(map(standing_of, snapshot.jobs))
        page = self._template.render(
            version=snapshot.exporter.version,
            written=moment(now, moment(now, "").exact.split(" ", 1)[1]),
            standings=standings,
            urgent=[(standing, standings[standing]) for standing in Standing if standing.needs_attention],
            notices=notices(snapshot, now),
            choices=choices(snapshot, filters),
            given=filters.given(),
            tracked=len(snapshot.jobs),
            rows=in_order(filter(filters.match, snapshot.jobs)),
            now=now,
            accounts=[one for one in snapshot.accounts if filters.account in {"", one.account.alias}],
        )
        return page.encode(errors="replace")


def _headers(style: str, script: str) -> dict[str, str]:
    policy = (
        "default-src 'none'",
        f"style-src {_hash_source(style)}",
        f"script-src {_hash_source(script)}",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
    return {"Content-Security-Policy": "; ".join(policy), "Cache-Control": "no-store"}


def _hash_source(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
