"""Pages of metrics: a snapshot in, bytes out, as the Prometheus client's encoders write them."""

from collections.abc import Collection, Iterable
from typing import Any

from prometheus_client import REGISTRY
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from exporter.blocks import Block, Body, Stretch
from exporter.metrics.exposition import OPENMETRICS, TEXT, Format, Lines, escaped, head, unit_of
from exporter.metrics.families import EXPORTER, JOBS, PROBE, Group
from exporter.metrics.sheet import Sheet
from exporter.model import Page, Snapshot
from exporter.weights import Parameters, weighed

PROCESS: Collector = REGISTRY
"""Gives the families of the process itself and of Python."""
_OPENMETRICS, _TEXT = ("application/openmetrics-text", "1.0.0"), ("text/plain", "0.0.4")
"""The formats that we write, with their versions."""


class Pages:
    """Writes pages of a table of families; those of `process` follow the exporter's own. One page at a time."""

    def __init__(self, groups: Iterable[Group[Any]], process: Collector | None) -> None:
        self._groups = [(group, [Lines(group.labels, family) for family in group.families]) for group in groups]
        self._sheet = Sheet(next(group for group, _ in self._groups if group.title == JOBS))
        self._process = process

    def write(self, snapshot: Snapshot, accept: str, titles: Collection[str]) -> Page:
        """Write a page of the groups with these titles.

        The `Accept` header chooses the format: OpenMetrics, or the text format. What all jobs show is kept for the
        next page, but not what one shows that is probed.
        """
        format_ = _negotiate(accept)
        is_kept = JOBS in titles and PROBE not in titles
        kept = [self._sheet.stretch(snapshot.jobs, format_)] if is_kept else []
        others = {*titles} - ({JOBS} if is_kept else set())
        texts = (_text(group, lines, snapshot, format_) for group, lines in self._groups if group.title in others)
        own = "".join(texts).encode() + self._of_the_process(others, format_) + format_.end
        return Page(format_.content_type, Body(*kept, Stretch([Block(own)])))

    def _of_the_process(self, titles: Collection[str], format_: Format) -> bytes:
        if self._process is None or EXPORTER not in titles:
            return b""
        families = Families(map(_with_unit, self._process.collect()))
        return format_.encode(families).removesuffix(format_.end)


def _text(group: Group[Any], lines: Iterable[Lines[Any]], snapshot: Snapshot, format_: Format) -> str:
    subjects = [(tuple(map(escaped, labels)), subject) for labels, subject in group.subjects(snapshot)]
    return "".join(
        head(family.family, format_)
        + "".join(family.write(labels, family.family.value(subject)) for labels, subject in subjects)
        for family in lines
    )


class Families(Collector):
    """Gives families to the client's encoder, once: made anew for each page, so nothing dead lives on."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """Give them."""
        return self._metrics


def _negotiate(accept: str) -> Format:
    """Choose the format. Only the weights of ours matter: nothing of the header reaches the answer."""
    openmetrics_weight, is_named = _weight(accept, *_OPENMETRICS)
    text_weight, _ = _weight(accept, *_TEXT)
    # Of two that are wanted alike it is OpenMetrics, where somebody knows it.
    if openmetrics_weight > text_weight or (is_named and openmetrics_weight == text_weight > 0):
        return OPENMETRICS
    return TEXT


def _weight(accept: str, media_type: str, version: str) -> tuple[float, bool]:
    """Give a format's weight, by what names it most exactly, and whether it is named itself."""
    named = [(_exactness(range_, parameters, media_type, version), q) for range_, parameters, q in weighed(accept)]
    exactness, weight = max(named)
    return (weight, exactness > 2) if exactness else (0.0, False)  # noqa: PLR2004 - 2 is its kind, 3 itself


def _exactness(range_: str, parameters: Parameters, media_type: str, version: str) -> int:
    kinds = ("*/*", f"{media_type.partition('/')[0]}/*", media_type)
    exactness = kinds.index(range_) + 1 if range_ in kinds else 0
    return exactness + (range_ == media_type and parameters.get("version") == version)


def _with_unit(metric: Metric) -> Metric:
    """Say in OpenMetrics what a family is measured in, where its name ends in that."""
    metric.unit = unit_of(metric.name)
    return metric
