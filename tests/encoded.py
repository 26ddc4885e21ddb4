"""The table of families by the Prometheus client's own means: what our pages are to be, byte for byte."""

from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from exporter.metrics.exposition import unit_of
from exporter.metrics.families import Family, Group, Kind, Labels, Value, spread
from exporter.model import Distribution, Snapshot

METRICS = {Kind.GAUGE: GaugeMetricFamily, Kind.COUNTER: CounterMetricFamily, Kind.HISTOGRAM: HistogramMetricFamily}


def samples(group: Group[Any], family: Family[Any], snapshot: Snapshot) -> Iterator[tuple[Labels, Value]]:
    """Give a family's samples of the whole snapshot, with the values of all labels."""
    for identity, subject in group.subjects(snapshot):
        for labels, value in spread(family.value(subject)):
            yield (*identity, *labels), value if isinstance(value, Distribution) else float(value)


class Families(Collector):
    """Gives families to the client's encoder."""

    def __init__(self, groups: Iterable[Group[Any]], snapshot: Snapshot) -> None:
        self._groups = groups
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        """Give them in the order of the table."""
        for group in self._groups:
            for family in group.families:
                yield self._metric(group, family)

    def _metric(self, group: Group[Any], family: Family[Any]) -> Metric:
        metric: Any = METRICS[family.kind](family.name, family.help, labels=(*group.labels, *family.labels))
        metric.unit = unit_of(metric.name)
        for labels, value in samples(group, family, self._snapshot):
            if isinstance(value, Distribution):
                buckets = [(floatToGoString(bound), float(count)) for bound, count in value.cumulative()]
                metric.add_metric(labels, buckets, value.total)
            else:
                metric.add_metric(labels, value)
        written: Metric = metric
        return written


def encoded(groups: Iterable[Group[Any]], snapshot: Snapshot, *, is_openmetrics: bool) -> bytes:
    """Write a page."""
    encode = openmetrics.generate_latest if is_openmetrics else generate_latest
    page: bytes = encode(Families(groups, snapshot))
    return page
