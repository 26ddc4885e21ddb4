"""Whole looks for garbage: once memory has grown, and while nobody waits."""

import gc
import sys
from collections.abc import Iterator

import pytest

from exporter.app.garbage import Garbage

WHOLE = 2


@pytest.fixture
def looks() -> Iterator[list[int]]:
    """Note whole looks, and leave Python's own limits as they were."""
    limits, looks = gc.get_threshold(), list[int]()

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start" and info["generation"] == WHOLE:
            looks.append(WHOLE)

    gc.callbacks.append(note)
    yield looks
    gc.callbacks.remove(note)
    gc.set_threshold(*limits)


def test_python_takes_no_whole_look_while_jobs_are_loaded(looks: list[int]) -> None:
    """Of some ten thousand it would take several."""
    Garbage.put_off()
    held = [[number] for number in range(300_000)]
    assert (len(held), looks) == (300_000, [])


def test_one_whole_look_is_taken_when_memory_has_grown_and_it_is_quiet(looks: list[int]) -> None:
    """No other before there is more again."""
    requests = ["one under way"]
    garbage = Garbage(lambda: not requests)
    held = [str(number) for number in range(sys.getallocatedblocks())]
    garbage.look()
    while_busy = len(looks)
    requests.clear()
    for _ in range(3):
        garbage.look()
    assert (while_busy, len(looks), held[0]) == (0, 1, "0")
