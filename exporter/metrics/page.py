"""Pages of metrics: a snapshot in, bytes out, by way of the Prometheus client's encoders."""

import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector, CollectorRegistry

from exporter.metrics.families import EXPORTER, SCRAPED, Family, Group, Kind, Samples
from exporter.model import Distribution, Snapshot


@dataclass(frozen=True, slots=True)
class Page:
    """One rendered page."""

    content_type: str
    body: bytes


class Renderer:
    """Writes pages. Thread-safe: it keeps no state between them.

    Args:
        groups: the table of families.
        with_runtime: whether the process's own families (CPU, memory, garbage collection) follow.
    """

    def __init__(self, groups: tuple[Group[object], ...], *, with_runtime: bool = True) -> None:
        self._groups = groups
        self._runtime = CollectorRegistry()
        if with_runtime:
            ProcessCollector(registry=self._runtime)
            PlatformCollector(registry=self._runtime)
            GCCollector(registry=self._runtime)

    def render(self, snapshot: Snapshot, accept: str, titles: Collection[str] = SCRAPED) -> Page:
        """Write a page of the groups with these titles, the process's own families beside the exporter's.

        The `Accept` header chooses the format: OpenMetrics, or the text format.
        """
        encode, content_type = _negotiate(accept)
        groups = tuple(group for group in self._groups if group.title in titles)
        runtime = self._runtime if EXPORTER in titles else CollectorRegistry()
        return Page(content_type, encode(_SnapshotCollector(groups, snapshot, runtime)))


class _SnapshotCollector(Collector):
    """Gives one snapshot's families to the client's encoder; made anew for each page, so nothing dead lives on."""

    def __init__(self, groups: tuple[Group[object], ...], snapshot: Snapshot, runtime: Collector) -> None:
        self._groups = groups
        self._snapshot = snapshot
        self._runtime = runtime

    def collect(self) -> Iterator[Metric]:
        for group in self._groups:
            for family in group.families:
                yield _metric(group, family, self._snapshot)
        yield from self._runtime.collect()


def _negotiate(accept: str) -> tuple[Callable[[Collector], bytes], str]:
    """Choose the encoder. Only whether OpenMetrics is asked for matters: nothing of the header reaches the answer."""
    for offer in accept.split(","):
        media_type, *parameters = (part.strip().lower() for part in offer.split(";"))
        if media_type == "application/openmetrics-text" and "q=0" not in parameters:
            return openmetrics.generate_latest, openmetrics.CONTENT_TYPE_LATEST
    return generate_latest, CONTENT_TYPE_PLAIN_0_0_4


def _metric(group: Group[object], family: Family[object], snapshot: Snapshot) -> Metric:
    labels = (*group.labels, *family.labels)
    samples = group.samples(family, snapshot)
    match family.kind:
        case Kind.HISTOGRAM:
            return _histogram(HistogramMetricFamily(family.name, family.help, labels=labels), samples)
        case Kind.COUNTER:
            return _plain(CounterMetricFamily(family.name, family.help, labels=labels), samples)
        case Kind.GAUGE:
            return _plain(GaugeMetricFamily(family.name, family.help, labels=labels), samples)


def _plain(metric: CounterMetricFamily | GaugeMetricFamily, samples: Samples) -> Metric:
    for values, value in samples:
        if isinstance(value, Distribution):
            raise TypeError(f"{metric.name} is a {metric.type}, not a histogram")
        metric.add_metric(values, value)
    return metric


def _histogram(metric: HistogramMetricFamily, samples: Samples) -> Metric:
    for values, value in samples:
        if not isinstance(value, Distribution):
            raise TypeError(f"{metric.name} is a histogram, not a number")
        buckets = [(_le(bound), float(count)) for bound, count in value.cumulative()]
        metric.add_metric(values, buckets, value.total)
    return metric


def _le(bound: float) -> str:
    """Write a bucket's bound canonically: `1.0`, `+Inf`."""
    return "+Inf" if math.isinf(bound) else repr(float(bound))
