"""What follows the jobs on a page, kept from page to page: most of it says what it said on the last one."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, Generic, TypeVar

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from exporter.blocks import Block, Stretch
from exporter.metrics.exposition import Format, Identity, Lines, unit_of
from exporter.metrics.families import EXPORTER, Family, Given, Group, Labels, settled
from exporter.model import Snapshot

Subject = TypeVar("Subject")
Texts = tuple[str, ...]


class Families(Collector):
    """Gives families to the client's encoder, once: made anew for each page, so nothing dead lives on."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """Give them."""
        return self._metrics


class Tail:
    """Families that describe few subjects, and those of `process`, which follow the exporter's own. Not thread-safe."""

    def __init__(self, groups: Iterable[Group[Any]], process: Collector | None) -> None:
        self._groups = [(group, [_Row(group.labels, family) for family in group.families]) for group in groups]
        self._process = process
        self._encoded: dict[Format, dict[str, tuple[Metric, str]]] = {}
        self._blocks: dict[Format, dict[Texts, Block]] = {}

    def stretch(self, snapshot: Snapshot, format_: Format, titles: Collection[str]) -> Stretch:
        """Write the groups with these titles, and the end of the page."""
        return Stretch(self._kept((*self._texts(snapshot, format_, titles), format_.end.decode()), format_))

    def _texts(self, snapshot: Snapshot, format_: Format, titles: Collection[str]) -> Iterator[str]:
        for group, rows in self._groups:
            if group.title in titles:
                subjects = tuple(group.subjects(snapshot))
                yield from (row.text(subjects, format_) for row in rows)
        if self._process is not None and EXPORTER in titles:
            yield from self._of_the_process(self._process, format_)

    def _of_the_process(self, process: Collector, format_: Format) -> Iterator[str]:
        before, now = self._encoded.get(format_, {}), {}
        for metric in process.collect():
            # OpenMetrics says what a family is measured in, where its name ends in that.
            metric.unit = unit_of(metric.name)
            known = before.get(metric.name)
            now[metric.name] = known if known and known[0] == metric else (metric, _encoded(metric, format_))
        self._encoded[format_] = now
        return (text for _, text in now.values())

    def _kept(self, texts: Texts, format_: Format) -> Sequence[Block]:
        """Put what was on the last page in blocks of its own, which then are compressed already."""
        known = self._blocks.get(format_, {})
        on_the_last = {text for run in known for text in run}
        runs = [tuple(run) for _, run in groupby(texts, on_the_last.__contains__)]
        self._blocks[format_] = {run: known.get(run) or Block("".join(run).encode()) for run in runs}
        return [self._blocks[format_][run] for run in runs]


class _Row(Generic[Subject]):
    """A family as it was last written."""

    def __init__(self, labels: Labels, family: Family[Subject]) -> None:
        self._names, self._lines = labels, Lines(labels, family)
        self._given: list[tuple[Labels, Given]] = []
        self._written: list[str] = []
        self._texts: dict[Format, str] = {}

    def text(self, subjects: Iterable[tuple[Labels, Subject]], format_: Format) -> str:
        """Write it: the same object as long as nothing in it changes."""
        value = self._lines.family.value
        given = [(labels, settled(value(subject))) for labels, subject in subjects]
        if given != self._given:
            self._take(given)
        if format_ not in self._texts:
            self._texts[format_] = self._lines.heads[format_] + "".join(self._written)
        return self._texts[format_]

    def _take(self, given: list[tuple[Labels, Given]]) -> None:
        known = {labels: (was, text) for (labels, was), text in zip(self._given, self._written, strict=True)}
        self._written = [self._samples(labels, now, known.get(labels)) for labels, now in given]
        self._given = given
        self._texts.clear()

    def _samples(self, labels: Labels, now: Given, known: tuple[Given, str] | None) -> str:
        return known[1] if known and known[0] == now else self._lines.write(Identity.of(self._names, labels), now)


def _encoded(metric: Metric, format_: Format) -> str:
    return format_.encode(Families([metric])).removesuffix(format_.end).decode()
