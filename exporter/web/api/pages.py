"""Pages of the list of jobs: how many are wanted of it, and where it goes on. Pure.

A page goes on behind a job, not at a place: so jobs that come and go in between move no other from page to page.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from exporter.model import JOB_ID_PATTERN, MODULE_PATTERN, JobKey, TrackedJob

LIMIT, CURSOR = "limit", "cursor"
MOST_LISTED = 1000
"""Jobs of one page; who says no limit gets them all."""
CURSOR_PATTERN = rf"[A-Za-z0-9_.-]{{1,64}}/{MODULE_PATTERN}/{JOB_ID_PATTERN}"
"""The job that was shown last, whole."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The page that a query asks for; `None` for all, and for the first."""

    limit: int | None = None
    after: JobKey | None = None


@dataclass(frozen=True, slots=True)
class ListPage:
    """Some of the jobs; `cursor` leads to those that follow, and is empty where none do."""

    jobs: Sequence[TrackedJob]
    cursor: str = ""


def asked(query: QueryParams) -> tuple[Asked, tuple[str, ...]]:
    """Give the page that a query asks for, and what is wrong with it; a page with faults must not be used."""
    limit, cursor = query.get(LIMIT, ""), query.get(CURSOR, "")
    after = JobKey(*cursor.split("/")) if re.fullmatch(CURSOR_PATTERN, cursor) else None
    page = Asked(int(limit) if re.fullmatch("[0-9]{1,9}", limit) else None, after)
    faults = [f"{name}: is there twice" for name in (LIMIT, CURSOR) if len(query.getlist(name)) > 1]
    if LIMIT in query and not 1 <= (page.limit or 0) <= MOST_LISTED:
        faults.append(f"{LIMIT}: expected a whole number from 1 to {MOST_LISTED}")
    if CURSOR in query and after is None:
        faults.append(f"{CURSOR}: expected what the page before gives as next; leave it out to begin anew")
    return page, tuple(faults)


def cut(jobs: Sequence[TrackedJob], page: Asked) -> ListPage:
    """Give a page of jobs, which are sorted by key."""
    begin = bisect_right(jobs, page.after, key=lambda job: job.spec.key) if page.after else 0
    end = len(jobs) if page.limit is None else begin + page.limit
    shown = jobs[begin:end]
    return ListPage(shown, str(shown[-1].spec.key) if end < len(jobs) else "")


def link(page: Asked, cursor: str) -> str:
    """Give the header `Link` to the page behind, which a proxy's paths do not change. Source: RFC 8288."""
    return f'<?{urlencode({LIMIT: page.limit, CURSOR: cursor}, safe="/")}>; rel="next"'
