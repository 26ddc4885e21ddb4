"""Our lines are the Prometheus client's, byte for byte, in both formats, from the first page to the last."""

import zlib
from dataclasses import replace
from gzip import decompress

import pytest
from encoded import encoded
from hypothesis import example, given, settings
from hypothesis import strategies as st
from samples import FAILURE, NOW, report, tracked

from exporter.jobs.outcome import note_failure, note_report
from exporter.metrics.families import SCRAPED, Family, Group, Value, table
from exporter.metrics.page import Pages
from exporter.metrics.sheet import BLOCK_JOBS
from exporter.model import Census, Distribution, ExporterSnapshot, JobKey, JobState, Page, Snapshot, TrackedJob

OWN = ExporterSnapshot("1.2.3", "3.11.2", True, NOW, Distribution.empty((1.0,)))
ACCEPTS = {True: "application/openmetrics-text", False: ""}
NAMES = ("team", "le_", "Zone", "a", "_b", "job_name")
texts = st.text(st.characters(codec="utf-8"), max_size=8)
numbers = st.one_of(st.floats(), st.integers(-(10**18), 10**18), st.booleans())
bounds = st.lists(st.floats(0, 1e9), min_size=1, max_size=4, unique=True).map(lambda found: tuple(sorted(found)))


@st.composite
def distributions(draw: st.DrawFn) -> Distribution:
    """Give a histogram's content."""
    found = draw(bounds)
    count = st.integers(0, 10**6)
    counts = draw(st.tuples(*[count] * (len(found) + 1)))
    return Distribution(found, counts, draw(st.floats(allow_nan=False)))


@st.composite
def groups(draw: st.DrawFn) -> Group[object]:
    """Give a group of up to three families of any kind, with any labels, that describe up to three subjects."""
    names = draw(st.permutations(NAMES))
    split, end = sorted(draw(st.tuples(st.integers(0, 6), st.integers(0, 6))))
    labels, own = tuple(names[:split]), tuple(names[split:end])
    identities = [tuple(draw(texts) for _ in labels) for _ in range(draw(st.integers(0, 3)))]

    def family(number: int) -> Family[object]:
        kind = draw(st.sampled_from(("gauge", "seconds", "total", "seconds_total", "histogram")))
        value: st.SearchStrategy[Value] = distributions() if kind == "histogram" else numbers
        rows = [(tuple(draw(texts) for _ in own), draw(value)) for _ in range(draw(st.integers(0, 2)))]
        is_alone = not own and draw(st.booleans())
        told = draw(st.none() | value) if is_alone else rows
        return Family(f"f{number}_{kind}", draw(texts), lambda _: told, own, is_histogram=kind == "histogram")

    families = tuple(family(number) for number in range(draw(st.integers(1, 3))))
    return Group("exporter", labels, lambda _: [(identity, None) for identity in identities], families)


def group_of(*values: Value) -> Group[object]:
    """Give a group of a gauge that has some values."""
    rows = [(str(number), value) for number, value in enumerate(values)]
    family: Family[object] = Family("f", "F.", lambda _: rows, ("number",))
    return Group("exporter", (), lambda _: [((), None)], (family,))


@given(group=groups(), is_openmetrics=st.booleans())
@example(group=group_of(0.0, -0.0, 0, False), is_openmetrics=False)
@settings(max_examples=300)
def test_page_of_any_table_is_the_clients(group: Group[object], *, is_openmetrics: bool) -> None:
    """Whatever its families are called, say, and are labelled with."""
    rows = (*table((), ()), group)
    snapshot = Snapshot((), (), OWN)
    page = Pages(rows, None).write(snapshot, ACCEPTS[is_openmetrics], SCRAPED)
    shown = [row for row in rows if row.title in SCRAPED]
    assert page.body == encoded(shown, snapshot, is_openmetrics=is_openmetrics)


def job(number: int) -> TrackedJob:
    """Give a job that was never polled."""
    return tracked(JobKey("acme", ("Leads", "Deals")[number % 2], f"{number:04}"))


def polled(before: TrackedJob, number: int) -> TrackedJob:
    """Give a job after another poll."""
    at = NOW + 15 * number
    if number % 5 == 0:
        return note_failure(before, replace(FAILURE, code=("timeout", "other")[number % 2]), at)
    state = tuple(JobState)[number % 7]
    return note_report(before, report(state, updated=number, failed=None if number % 3 else 1), at)


changes = st.lists(
    st.tuples(st.sampled_from(["poll", "add", "remove", "nothing"]), st.lists(st.integers(0, 3000), max_size=40)),
    min_size=1,
    max_size=6,
)


@given(st.integers(0, 2 * BLOCK_JOBS + 3), changes)
@settings(max_examples=25)
def test_pages_are_the_clients_whatever_changed_since_the_last(count: int, rounds: list[tuple[str, list[int]]]) -> None:
    """Jobs that were polled, came and left; both formats by turns; and compressed it is the same."""
    rows = table(("team",), ())
    shown = [row for row in rows if row.title in SCRAPED]
    pages, jobs = Pages(rows, None), {one.spec.key: one for one in map(job, range(count))}
    for turn, (what, numbers_) in enumerate(rounds):
        keys = sorted(jobs)
        for number in numbers_:
            if what == "add":
                jobs.setdefault(job(number).spec.key, job(number))
            elif what == "poll" and keys:
                key = keys[number % len(keys)]
                jobs[key] = polled(jobs[key], number)
            elif what == "remove" and keys:
                jobs.pop(keys[number % len(keys)], None)
        found = tuple(jobs[key] for key in sorted(jobs))
        own = replace(OWN, jobs_dropped={"retention": turn // 2, "untracked": len(found)})
        snapshot = Snapshot(found, (), own, census=Census.of(found))
        page = pages.write(snapshot, ACCEPTS[bool(turn % 2)], SCRAPED)
        assert page.body == encoded(shown, snapshot, is_openmetrics=bool(turn % 2))
        assert_compressed_alike(page)


def assert_compressed_alike(page: Page) -> None:
    """Whoever decompresses gets the page: also who stops at the end of the first member."""
    packed = page.content.gzip()
    first = zlib.decompressobj(wbits=31)
    assert (decompress(packed), first.decompress(packed), first.unused_data) == (page.body, page.body, b"")
    assert b"".join(page.content.pieces()) == page.body
    assert len(page.content) == len(page.body)


def test_what_has_not_changed_is_neither_written_nor_compressed_again() -> None:
    """A block of lines stays the same object until a job in it shows something else."""
    pages = Pages(table((), ()), None)
    jobs = [job(number) for number in range(0, 6 * BLOCK_JOBS, 2)]

    def blocks() -> set[int]:
        snapshot = Snapshot(tuple(jobs), (), OWN)
        stretch, _ = pages.write(snapshot, "", SCRAPED).content.stretches
        kept.append(stretch)
        return {id(block) for block in stretch.blocks}

    kept: list[object] = []
    first = blocks()
    assert blocks() == first
    assert kept[0] is kept[1]
    jobs[200] = note_failure(jobs[200], FAILURE, NOW)
    after = blocks()
    assert len(after - first) == 3  # when it was polled, that it failed, and why


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text"])
def test_probe_leaves_what_is_kept_alone(accept: str) -> None:
    """Its page has one job; the next scrape shows all of them again."""
    pages, jobs = Pages(table((), ()), None), (job(2), job(4))
    first = pages.write(Snapshot(jobs, (), OWN), accept, SCRAPED)
    pages.write(Snapshot(jobs[:1], (), OWN), accept, ("jobs", "probe"))
    assert pages.write(Snapshot(jobs, (), OWN), accept, SCRAPED).content.stretches[0] is first.content.stretches[0]
