"""Whole looks for garbage: once memory has grown, and while nobody waits."""

import gc
import sys
import weakref
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.app.garbage import Garbage
from exporter.cli.command import Command

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


def test_whole_looks_are_taken_after_the_start_and_when_memory_has_grown_while_it_is_quiet(looks: list[int]) -> None:
    """No other before there is more again."""
    requests = ["one under way"]
    garbage = Garbage(lambda: not requests)
    taken = list[int]()
    for is_quiet in (False, True, True):
        requests = [] if is_quiet else requests
        garbage.look()
        taken.append(len(looks))
    held = [str(number) for number in range(sys.getallocatedblocks())]
    for _ in range(3):
        garbage.look()
    assert (taken, len(looks), held[0]) == ([0, 1, 1], 2, "0")


class Ring:
    """An object that holds itself."""

    def __init__(self) -> None:
        self.itself = self


def test_what_a_start_has_put_aside_is_looked_at_too() -> None:
    """What it imports leaves garbage, which nobody would ever let go of."""
    left = weakref.ref(Ring())
    gc.freeze()
    Garbage(lambda: True).look()
    assert left() is None


def test_nothing_is_looked_for_while_a_command_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looks: list[int]
) -> None:
    """It took a sixth of a start; what is looked at later is not what was imported."""
    source = "import gc\nheld = [[number] for number in range(100_000)]\nseen = gc.get_count()[0], gc.isenabled()\n"
    (tmp_path / "imported_command.py").write_text(f"{source}def execute(_): return gc.get_freeze_count()\n")
    monkeypatch.syspath_prepend(tmp_path)
    command = Command("imported", "", "", "imported_command", ())
    put_aside = command.execute(Namespace())
    count, is_enabled = sys.modules.pop("imported_command").seen
    assert (is_enabled, gc.isenabled(), looks, gc.get_freeze_count()) == (False, True, [], 0)
    assert count > 100_000 < put_aside
