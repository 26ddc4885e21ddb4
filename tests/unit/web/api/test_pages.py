"""Pages of the list of jobs."""

from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import DEALS, LEADS, tracked
from starlette.datastructures import QueryParams

from exporter.model import JobKey, TrackedJob
from exporter.web.api.pages import Asked, asked, cut

KEYS = [
    JobKey(account, module, job_id)
    for account in ("acme", "acme.eu", "zoo")
    for module in ("Deals", "Leads", "Leads_2")
    for job_id in ("1", "10", "2")
]
TABLES = st.sets(st.sampled_from(KEYS))


def jobs_of(keys: Iterable[JobKey]) -> list[TrackedJob]:
    """Give jobs as a snapshot has them."""
    return [tracked(key) for key in sorted(keys)]


def walk(tables: Iterator[set[JobKey]], limit: int) -> Iterator[JobKey]:
    """Go from page to page, of what there is at the time of each."""
    page = Asked(limit)
    while True:
        found = cut(jobs_of(next(tables)), page)
        assert len(found.jobs) <= limit
        yield from (job.spec.key for job in found.jobs)
        if not found.cursor:
            return
        page, faults = asked(QueryParams({"limit": str(limit), "cursor": found.cursor}))
        assert faults == ()


@given(always=TABLES, passing=st.lists(TABLES, min_size=28, max_size=28), limit=st.integers(1, 28))
def test_every_job_comes_once(always: set[JobKey], passing: list[set[JobKey]], limit: int) -> None:
    """One that is there all the time comes once, whatever comes and goes between two pages, and none comes twice."""
    walked = list(walk((always | some for some in passing), limit))
    assert len(set(walked)) == len(walked)
    assert set(walked) >= always
    assert walked == sorted(walked)


def test_page_goes_on_behind_a_job_that_is_gone() -> None:
    """A cursor says what was shown last, which need not be there any more."""
    first = cut(jobs_of([DEALS, LEADS]), Asked(1))
    page, _ = asked(QueryParams({"cursor": first.cursor}))
    assert page == Asked(None, DEALS)
    assert [job.spec.key for job in cut(jobs_of([LEADS]), page).jobs] == [LEADS]
    assert cut([], page).jobs == []


_LIMIT = "limit: expected a whole number from 1 to 1000"
_CURSOR = "cursor: expected what the page before gives as next; leave it out to begin anew"


@pytest.mark.parametrize(
    ("query", "faults"),
    [
        pytest.param("", (), id="nothing"),
        pytest.param("limit=&cursor=", (_LIMIT, _CURSOR), id="an empty form"),
        pytest.param("limit=1000", (), id="most"),
        pytest.param("limit=1001", (_LIMIT,), id="too many"),
        pytest.param("limit=0", (_LIMIT,), id="none"),
        pytest.param("limit=-1", (_LIMIT,), id="negative"),
        pytest.param("limit=1e3", (_LIMIT,), id="no whole number"),
        pytest.param("limit=" + "9" * 5000, (_LIMIT,), id="a number that is too long"),
        pytest.param("limit=%D9%A3", (_LIMIT,), id="a digit of another script"),
        pytest.param("limit=5&limit=6", ("limit: is there twice",), id="two limits"),
        pytest.param("cursor=a/Leads/1&cursor=a/Leads/1", ("cursor: is there twice",), id="two cursors"),
        pytest.param("cursor=2", (_CURSOR,), id="a page's number"),
        pytest.param("cursor=acme.eu/Leads/1", (), id="a job that there need not be"),
        pytest.param("cursor=acme%2FLeads%2F1", (), id="escaped"),
        pytest.param("cursor=acme/Leads/1%0A", (_CURSOR,), id="with a line's end"),
        pytest.param("cursor=acme/Leads", (_CURSOR,), id="no id"),
        pytest.param("cursor=acme/Leads/x", (_CURSOR,), id="no digits"),
        pytest.param("cursor=a/acme/Leads/1", (_CURSOR,), id="too many parts"),
        pytest.param("cursor=" + "a" * 65 + "/Leads/1", (_CURSOR,), id="too long"),
        pytest.param("after=x", (), id="no parameter of ours"),
    ],
)
def test_nonsense_is_told(query: str, faults: tuple[str, ...]) -> None:
    """What is wrong, and what was expected."""
    assert asked(QueryParams(query))[1] == faults


@given(text=st.text())
def test_any_cursor_is_a_job_or_a_fault(text: str) -> None:
    """Whatever somebody sends, the answer is a page or a sentence."""
    page, faults = asked(QueryParams({"cursor": text}))
    assert (page.after is None) == (faults == (_CURSOR,))
