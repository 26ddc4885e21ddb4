"""The jobs' lines, kept from page to page: what a scrape costs is what has changed since the last one."""

from collections.abc import Sequence
from itertools import compress, count
from operator import is_not
from typing import Generic, TypeVar

from exporter.blocks import Block, Stretch
from exporter.metrics.exposition import Format, Identity, Lines
from exporter.metrics.families import Family, Given, Group, Labels, settled
from exporter.model import TrackedJob

BLOCK_JOBS = 128
"""How many jobs' lines of a family are compressed together: more compress little better, and change more often."""
Subject = TypeVar("Subject")


class Sheet:
    """Lines of all jobs, a column for each family. Not thread-safe.

    It goes by the identity of jobs: who shows another of the same key has another to show.
    """

    def __init__(self, group: Group[TrackedJob]) -> None:
        self._columns = [_Column(group.labels, family) for family in group.families]
        self._jobs: Sequence[TrackedJob] = ()
        self._labels = group.labels
        self._identities: list[Identity] = []
        self._stretches: dict[Format, Stretch] = {}
        self._asked: set[Format] = set()
        self._wanted: dict[Format, frozenset[str]] = {}
        """What was asked of the stretches that are no more."""

    def stretch(self, jobs: Sequence[TrackedJob], format_: Format) -> Stretch:
        """Give the families of these jobs: the same object as long as nothing has changed."""
        self.take(jobs)
        self._asked.add(format_)
        return self._whole(format_)

    def take(self, jobs: Sequence[TrackedJob]) -> None:
        """Write the lines of those that have changed."""
        changed = self._changed(jobs)
        if changed is None:
            self._begin(jobs)
            changed = range(len(jobs))
        if changed:
            self._let_go()
            for column in self._columns:
                column.take(self._identities, jobs, changed)
        self._jobs = jobs

    def make_ready(self, jobs: Sequence[TrackedJob]) -> None:
        """Have these jobs as pages were asked for since the last time: in which formats, and compressed or not."""
        self.take(jobs)
        for format_, names in self._wanted.items():
            self._whole(format_).find_out(names)
        self._asked, self._wanted = set(), {}

    def _let_go(self) -> None:
        asked = ((format_, stretch) for format_, stretch in self._stretches.items() if format_ in self._asked)
        self._wanted |= {format_: stretch.found_out() for format_, stretch in asked}
        self._stretches.clear()

    def _whole(self, format_: Format) -> Stretch:
        if format_ not in self._stretches:
            blocks = (block for column in self._columns for block in (column.heads[format_], *column.blocks))
            self._stretches[format_] = Stretch(blocks)
        return self._stretches[format_]

    def _changed(self, jobs: Sequence[TrackedJob]) -> Sequence[int] | None:
        """Say where jobs differ from the last ones; `None` where there are others."""
        if len(jobs) != len(self._jobs):
            return None
        changed = list(compress(count(), map(is_not, self._jobs, jobs)))
        is_same = all(self._jobs[index].spec.key == jobs[index].spec.key for index in changed)
        return changed if is_same else None

    def _begin(self, jobs: Sequence[TrackedJob]) -> None:
        keys = (job.spec.key for job in jobs)
        self._identities = [Identity.of(self._labels, (key.account, key.module, key.job_id)) for key in keys]
        self._let_go()
        for column in self._columns:
            column.begin(len(jobs))


class _Column(Generic[Subject]):
    """A family's lines, by subject, and in blocks."""

    def __init__(self, labels: Labels, family: Family[Subject]) -> None:
        self._lines = Lines(labels, family)
        self.heads = {format_: Block(head.encode()) for format_, head in self._lines.heads.items()}
        self.blocks: list[Block] = []
        self._given: list[Given] = []
        self._texts: list[str] = []

    def begin(self, subjects: int) -> None:
        """Have room for so many subjects, and nothing of any."""
        self._given, self._texts = [None] * subjects, [""] * subjects
        self.blocks = [Block(b"")] * -(-subjects // BLOCK_JOBS)

    def take(self, identities: Sequence[Identity], subjects: Sequence[Subject], changed: Sequence[int]) -> None:
        """Write the lines of those that have changed, and the blocks that these are in."""
        value, write, known, texts = self._lines.family.value, self._lines.write, self._given, self._texts
        numbers = set()
        for index in changed:
            given = settled(value(subjects[index]))
            if given != known[index]:
                known[index] = given
                texts[index] = write(identities[index], given)
                numbers.add(index // BLOCK_JOBS)
        for block in numbers:
            first = block * BLOCK_JOBS
            self.blocks[block] = Block("".join(texts[first : first + BLOCK_JOBS]).encode())
