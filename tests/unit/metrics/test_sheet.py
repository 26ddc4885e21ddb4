"""What a page costs, in work: lines written, bytes compressed and functions called, whatever the machine."""

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import FrameType

import pytest
from prometheus_client import CollectorRegistry
from samples import NOW, report, snapshot_of, tracked

from exporter.blocks import Block
from exporter.metrics.families import SCRAPED, table
from exporter.metrics.page import Pages
from exporter.metrics.sheet import BLOCK_JOBS
from exporter.model import JobKey, Page, Snapshot, TrackedJob

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def jobs_of(count: int) -> list[TrackedJob]:
    """Give jobs that were polled at `NOW`."""
    keys = (JobKey("acme", "Leads", str(number)) for number in range(count))
    return [replace(tracked(key), report=report(), reported_at=NOW, polled_at=NOW) for key in keys]


def kept_pages() -> Callable[[Snapshot], Page]:
    """Give a function that writes one page after the other of one table."""
    pages = Pages(table((), ()), CollectorRegistry())
    return lambda snapshot: pages.write(snapshot, OPENMETRICS, SCRAPED)


def calls(work: Callable[[], object]) -> int:
    """Count the Python functions that are called."""
    count = 0

    def note(_: FrameType, event: str, __: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def blocks_of(page: Page) -> set[Block]:
    """Give the blocks of a page by their identity: what was compressed once stays so with its block."""
    return {block for stretch in page.content.stretches for block in stretch.blocks}


def idle_calls(count: int) -> int:
    """Count the functions that a page calls of which nothing has changed since the last."""
    write, snapshot = kept_pages(), snapshot_of(*jobs_of(count))
    write(snapshot)
    return calls(partial(write, snapshot))


def test_page_of_which_nothing_changed_costs_the_same_for_any_table() -> None:
    """No function is called for a job, nor for a block of jobs."""
    assert idle_calls(1) == idle_calls(BLOCK_JOBS) == idle_calls(10 * BLOCK_JOBS)


def test_changed_job_costs_its_own_lines_and_their_blocks() -> None:
    """Of all blocks those are new that the job's changed lines are in; the table's size adds a call for each block."""
    costs = []
    for count in (2 * BLOCK_JOBS, 10 * BLOCK_JOBS):
        write, jobs, anew = kept_pages(), jobs_of(count), list[Page]()
        before = blocks_of(write(snapshot_of(*jobs)))
        jobs[7] = replace(jobs[7], report=report(updated=31))
        snapshot = snapshot_of(*jobs)
        busy = calls(lambda write=write, snapshot=snapshot, anew=anew: anew.append(write(snapshot)))  # type: ignore[misc]
        after = blocks_of(anew[0])
        own = {block for block in after - before if b'job_id="7"' in block.plain}
        assert {block.plain.split(b"{")[0] for block in own} == {b"zoho_mass_update_job_updated_records"}
        assert after - before == own
        costs.append((busy, sum(len(stretch.blocks) for stretch in anew[0].content.stretches)))
    (few_calls, few_blocks), (many_calls, many_blocks) = costs
    assert many_calls - few_calls <= many_blocks - few_blocks


@pytest.mark.parametrize(
    ("is_packed", "times", "is_ready"),
    [
        pytest.param(True, 1, True, id="compressed"),
        pytest.param(False, 1, False, id="not compressed"),
        pytest.param(True, 2, False, id="nobody asked since the last time"),
    ],
)
def test_next_page_is_made_ready_as_the_last_was_asked_for(*, is_packed: bool, times: int, is_ready: bool) -> None:
    """Jobs that changed are written, and compressed for those who want that."""
    pages, jobs = Pages(table((), ()), CollectorRegistry()), jobs_of(3)
    page = pages.write(snapshot_of(*jobs), OPENMETRICS, SCRAPED)
    assert page.content.gzip() if is_packed else page.body
    for updated in range(times):
        jobs[1] = replace(jobs[1], report=report(updated=40 + updated))
        pages.write_ahead(tuple(jobs), is_whole=True)
    [stretch, _] = pages.write(snapshot_of(*jobs), OPENMETRICS, SCRAPED).content.stretches
    assert ("packed" in stretch.found_out()) is is_ready
