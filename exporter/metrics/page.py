"""Pages of metrics: a snapshot in, bytes out, as the Prometheus client's encoders write them."""

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import Any

from prometheus_client import REGISTRY
from prometheus_client.registry import Collector

from exporter.blocks import Body
from exporter.metrics.exposition import OPENMETRICS, TEXT, Format, Identity, Lines
from exporter.metrics.families import JOBS, PROBE, Group
from exporter.metrics.sheet import Sheet
from exporter.metrics.tail import Tail
from exporter.model import Page, Snapshot, TrackedJob
from exporter.weights import Parameters, weighed

PROCESS: Collector = REGISTRY
"""Gives the families of the process itself and of Python."""
_OPENMETRICS, _TEXT = ("application/openmetrics-text", "1.0.0", "0.0.1"), ("text/plain", "0.0.4")
"""The formats that we write, with their versions, of which pages say the first."""
_KEPT_HEADERS = 32
"""How many `Accept` headers are known: each scraper sends its own, and always the same."""


class Pages:
    """Writes pages of a table of families; those of `process` follow the exporter's own.

    Pages of a scrape are written one at a time; those of probes beside them, for nothing of them is kept.
    """

    def __init__(self, groups: Iterable[Group[Any]], process: Collector | None) -> None:
        self._groups = tuple(groups)
        self._probed = [(group, [Lines(group.labels, family) for family in group.families]) for group in self._groups]
        self._sheet = Sheet(next(group for group in self._groups if group.title == JOBS))
        self._tail = Tail(self._groups, process)

    def write(self, snapshot: Snapshot, accept: str, titles: Collection[str]) -> Page:
        """Write a page of the groups with these titles.

        The `Accept` header chooses the format: OpenMetrics, or the text format. What is shown is kept for the next
        page, but not what one job shows that is probed.
        """
        format_ = _negotiate(accept)
        if PROBE in titles:
            return Page(format_.content_type, Body.of(self._once(snapshot, format_, titles)))
        jobs = [self._sheet.stretch(snapshot.jobs, format_)] if JOBS in titles else []
        return Page(format_.content_type, Body(*jobs, self._tail.stretch(snapshot, format_, {*titles} - {JOBS})))

    def write_ahead(self, jobs: Sequence[TrackedJob], *, is_whole: bool) -> None:
        """Write what has changed of jobs; `is_whole` also what else the next page wants, if it is as the last one."""
        (self._sheet.make_ready if is_whole else self._sheet.take)(jobs)

    def _once(self, snapshot: Snapshot, format_: Format, titles: Collection[str]) -> bytes:
        texts = (_text(group, lines, snapshot, format_) for group, lines in self._probed if group.title in titles)
        return "".join(texts).encode() + format_.end


def _text(group: Group[Any], families: Iterable[Lines[Any]], snapshot: Snapshot, format_: Format) -> str:
    subjects = [(Identity.of(group.labels, labels), subject) for labels, subject in group.subjects(snapshot)]
    return "".join(
        lines.heads[format_] + "".join(lines.write(whose, lines.family.value(subject)) for whose, subject in subjects)
        for lines in families
    )


@lru_cache(_KEPT_HEADERS)
def _negotiate(accept: str) -> Format:
    """Choose the format. Only the weights of ours matter: nothing of the header reaches the answer."""
    openmetrics_weight, is_named = _weight(accept, *_OPENMETRICS)
    text_weight, _ = _weight(accept, *_TEXT)
    # Of two that are wanted alike it is OpenMetrics, where somebody knows it.
    if openmetrics_weight > text_weight or (is_named and openmetrics_weight == text_weight > 0):
        return OPENMETRICS
    return TEXT


def _weight(accept: str, media_type: str, *versions: str) -> tuple[float, bool]:
    """Give a format's weight, by what names it most exactly, and whether it is named itself."""
    named = [(_exactness(range_, parameters, media_type, versions), q) for range_, parameters, q in weighed(accept)]
    exactness, weight = max(named)
    return (weight, exactness > 2) if exactness else (0.0, False)  # noqa: PLR2004 - 2 is its kind, 3 itself


def _exactness(range_: str, parameters: Parameters, media_type: str, versions: Sequence[str]) -> int:
    kinds = ("*/*", f"{media_type.partition('/')[0]}/*", media_type)
    if range_ != media_type:
        return kinds.index(range_) + 1 if range_ in kinds else 0
    version = parameters.get("version", "")
    return 0 if version and version not in versions else len(kinds) + (version == versions[0])
