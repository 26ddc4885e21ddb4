"""The jobs that a page shows, of all that are wanted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import tracked

from exporter.model import JobKey, TrackedJob
from exporter.web.status.leaf import leaf_of, leaf_query, number_asked


@pytest.mark.parametrize(
    ("text", "number"),
    [
        pytest.param("2", 2, id="second"),
        pytest.param("", 1, id="none"),
        pytest.param("0", 0, id="before the first"),
        pytest.param("999999999", 999_999_999, id="far too large"),
        pytest.param("9" * 5000, 1, id="no number that anybody means"),
        pytest.param("-1", 1, id="negative"),
        pytest.param("1.5", 1, id="half"),
        pytest.param("two", 1, id="a word"),
        pytest.param("\N{FULLWIDTH DIGIT TWO}", 1, id="digits of another script"),
        pytest.param("<script>", 1, id="markup"),
    ],
)
def test_nonsense_asks_for_the_first(text: str, number: int) -> None:
    """A number is a number, whether or not there is such a page; everything else is as if nothing was said."""
    assert number_asked({"page": text}) == number


def test_no_query_asks_for_the_first() -> None:
    """The address without anything is the first page."""
    assert number_asked({}) == 1


def jobs_of(number: int) -> list[TrackedJob]:
    """Give so many jobs."""
    return [tracked(JobKey("acme", "Leads", str(each))) for each in range(number)]


@given(number=st.integers(0, 350))
def test_leaves_show_every_job_once(number: int) -> None:
    """From the first to the last, each in its place."""
    jobs = jobs_of(number)
    leaves = [leaf_of(jobs, at) for at in range(1, leaf_of(jobs, 1).last + 1)]
    assert [job for leaf in leaves for job in leaf.rows] == jobs
    assert [leaf.begin for leaf in leaves] == [1, 101, 201, 301][: len(leaves)]
    assert leaves[-1].end == number


@pytest.mark.parametrize(("number", "shown"), [(0, 1), (-5, 1), (3, 3), (4, 3), (999_999_999, 3)])
def test_nearest_leaf_is_shown(number: int, shown: int) -> None:
    """Jobs come and go while somebody reads."""
    assert leaf_of(jobs_of(250), number).number == shown


@pytest.mark.parametrize(
    ("given", "number", "query"),
    [
        pytest.param({}, 1, "", id="the page itself"),
        pytest.param({}, 2, "?page=2", id="second"),
        pytest.param({"state": "attention"}, 1, "?state=attention", id="filtered"),
        pytest.param({"group": "a&b \ud800"}, 3, "?group=a%26b+%3F&page=3", id="what an address can't hold"),
    ],
)
def test_query_of_a_leaf(given: dict[str, str], number: int, query: str) -> None:
    """The first page's address is the one that people know."""
    assert leaf_query(given, number) == query
