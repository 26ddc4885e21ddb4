"""The page as HTML. Pure but for the answer itself: a snapshot, filters and the time in, text out.

Style and script stand in the page itself, so that it needs nothing else; the content security policy names their
hashes and lets nothing else run.
"""

import json
from collections.abc import Callable, Mapping
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.responses import Response

from exporter.model import JobKey, Snapshot, TrackedJob
from exporter.web.contract import Exporter
from exporter.web.problems import MEDIA_TYPE, UNSEEN, unheard, unread
from exporter.web.request import Request, listed, says_its_site
from exporter.web.status import accounts, advice, filters, leaf
from exporter.weights import weighed
from exporter.words import jobs
from exporter.words.standing import Standing

if TYPE_CHECKING:
    from exporter.web.status.templates import Templates


class StatusPage:
    """Writes the page. Immutable once built, so it may be shared among threads.

    Args:
        telemetry_path: where the metrics are.
        base: what the paths of its links begin with.
    """

    def __init__(self, telemetry_path: str, base: str = "") -> None:
        self._paths = (telemetry_path, base)

    @cached_property
    def _templates(self) -> "Templates":
        from exporter.web.status.templates import Templates  # noqa: PLC0415 - a start does not wait for the first page

        return Templates(*self._paths)

    def answer(self, exporter: Exporter, request: Request) -> Response:
        """Give the page of what is known now, with the filters and the leaf that the query names."""
        body = self.write(
            exporter.snapshot(),
            filters.asked(request.query),
            exporter.now(),
            number=leaf.number_asked(request.query),
            may_acknowledge=request.has_password,
            by_form=says_its_site(request.headers),
        )
        return Response(body, media_type="text/html", headers=self._templates.headers)

    def answer_job(self, exporter: Exporter, request: Request) -> Response:
        """Give the page of the job that the path names; where there is none say why, and lead back."""
        key, snapshot, now = JobKey(**request.names), exporter.snapshot(), exporter.now()
        job = next((job for job in snapshot.jobs if job.spec.key == key), None)
        if job is None:
            if snapshot.is_unread or exporter.is_cut_off():
                answer = Response(status_code=HTTPStatus.SERVICE_UNAVAILABLE)
                text = unread(key) if snapshot.is_unread else unheard(key)
                return self._text_page(answer, "Not known", text, has_plain=False)
            text = "\n".join(advice.why_absent(key, snapshot.departures, now))
            return self._text_page(Response(status_code=HTTPStatus.NOT_FOUND), "No such job", text, has_plain=False)
        held, by_form = accounts.holds(snapshot).get(key.account, ""), says_its_site(request.headers)
        notice = UNSEEN if snapshot.is_unread else ""
        body = self.write_job(job, now, held, notice, may_acknowledge=request.has_password, by_form=by_form)
        return Response(body, media_type="text/html", headers=self._templates.headers)

    def readable(
        self,
        answer: Callable[[Request], Response],
        heading: str,
        *,
        is_code: bool = False,
        about: Callable[[Request], JobKey | None] = lambda _: None,
    ) -> Callable[[Request], Response]:
        """Put what a route answers in plain text into a page, for those who ask for HTML: people in a browser.

        `about` gives the job that a good answer is about, to lead back to its page.
        """

        def answer_readably(request: Request) -> Response:
            plain = answer(request)
            plain.headers.add_vary_header("Accept")
            if not _asks_for_html(listed(request.headers, "Accept")):
                return plain
            key = about(request) if plain.status_code == HTTPStatus.OK else None
            return self._text_page(plain, heading, bytes(plain.body).decode(), is_code=is_code, key=key)

        return answer_readably

    def refused(self, request: Request, answer: Response) -> Response:
        """Put what the API refuses into a page that leads back, for people whose browser has sent a form."""
        is_problem = answer.headers.get("Content-Type") == MEDIA_TYPE and "WWW-Authenticate" not in answer.headers
        if not is_problem or not _asks_for_html(listed(request.headers, "Accept")):
            return answer
        return self._text_page(answer, "Not done", json.loads(bytes(answer.body))["detail"], has_plain=False)

    def write_job(
        self,
        job: TrackedJob,
        now: float,
        held: str = "",
        notice: str = "",
        *,
        may_acknowledge: bool = False,
        by_form: bool = True,
    ) -> bytes:
        """Give the page of one job as UTF-8; `held` says what holds its account, `notice` what the page may lack."""
        given = {"held": held, "notice": notice, "may_acknowledge": may_acknowledge, "by_form": by_form}
        return self._templates.job.render(job=job, now=now, **given).encode(errors="replace")

    def write(
        self,
        snapshot: Snapshot,
        given: Mapping[str, str],
        now: float,
        *,
        number: int = 1,
        may_acknowledge: bool = False,
        by_form: bool = True,
    ) -> bytes:
        """Give the page as UTF-8, with one leaf of the jobs.

        There are forms that acknowledge an end, or words on how, where the reader may. Half characters, which
        a name from JSON may hold, become question marks.
        """
        parts, held = jobs.by_standing(snapshot.jobs), accounts.holds(snapshot)
        standings = {standing: len(part) for standing, part in parts.items()}
        wanted = [job for standing, part in parts.items() for job in part if filters.is_shown(job, standing, given)]
        page = self._templates.status.render(
            snapshot=snapshot,
            standings=standings,
            urgent=[(standing, standings[standing]) for standing in Standing if standing.needs_attention],
            given=given,
            leaf=leaf.leaf_of(wanted, number),
            held=held,
            held_jobs=accounts.held_back(parts[Standing.WAITING], held),
            now=now,
            may_acknowledge=may_acknowledge,
            by_form=by_form,
            accounts=[one for one in snapshot.accounts if given.get("account") in {None, one.account.alias}],
        )
        return page.encode(errors="replace")

    def _text_page(
        self,
        answer: Response,
        heading: str,
        text: str,
        *,
        is_code: bool = False,
        has_plain: bool = True,
        key: JobKey | None = None,
    ) -> Response:
        given = {"heading": heading, "text": text, "is_code": is_code, "has_plain": has_plain, "key": key}
        page = self._templates.text.render(title=f"{heading} · Zoho mass updates", **given)
        return Response(page, answer.status_code, {**self._templates.headers, "Vary": "Accept"}, "text/html")


def _asks_for_html(accept: str) -> bool:
    """Whether HTML is named, and plain text is not wanted more: a program that takes anything gets plain text."""
    weights = {media_type: weight for media_type, _, weight in weighed(accept)}
    return 0 < weights.get("text/html", 0.0) >= weights.get("text/plain", 0.0)
