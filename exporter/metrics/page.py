"""Pages of metrics: a snapshot in, bytes out, by way of the Prometheus client's encoders."""

from collections.abc import Callable, Collection, Iterable
from itertools import chain

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, REGISTRY, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from exporter.metrics.families import EXPORTER, SCRAPED, Family, Group, Kind
from exporter.model import Distribution, Page, Snapshot

_METRICS = {Kind.GAUGE: GaugeMetricFamily, Kind.COUNTER: CounterMetricFamily, Kind.HISTOGRAM: HistogramMetricFamily}


def render(
    groups: Iterable[Group[object]],
    snapshot: Snapshot,
    accept: str,
    titles: Collection[str] = SCRAPED,
    runtime: Collector = REGISTRY,
) -> Page:
    """Write a page of the groups with these titles; the process's own families, of `runtime`, follow the exporter's.

    The `Accept` header chooses the format: OpenMetrics, or the text format.
    """
    encode, content_type = _negotiate(accept)
    chosen = (group for group in groups if group.title in titles)
    own = (_metric(group, family, snapshot) for group in chosen for family in group.families)
    return Page(content_type, encode(_Families(chain(own, runtime.collect() if EXPORTER in titles else ()))))


class _Families(Collector):
    """Gives families to the client's encoder, once: made anew for each page, so nothing dead lives on."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _negotiate(accept: str) -> tuple[Callable[[Collector], bytes], str]:
    """Choose the encoder. Only whether OpenMetrics is asked for matters: nothing of the header reaches the answer."""
    for offer in accept.split(","):
        media_type, *parameters = (part.strip().lower() for part in offer.split(";"))
        if media_type == "application/openmetrics-text" and "q=0" not in parameters:
            return openmetrics.generate_latest, openmetrics.CONTENT_TYPE_LATEST
    return generate_latest, CONTENT_TYPE_PLAIN_0_0_4


def _metric(group: Group[object], family: Family[object], snapshot: Snapshot) -> Metric:
    metric: Metric = _METRICS[family.kind](family.name, family.help, labels=(*group.labels, *family.labels))
    for labels, value in group.samples(family, snapshot):
        match metric, value:
            case HistogramMetricFamily(), Distribution():
                buckets = [(floatToGoString(bound), float(count)) for bound, count in value.cumulative()]
                metric.add_metric(labels, buckets, value.total)
            case GaugeMetricFamily() | CounterMetricFamily(), float():
                metric.add_metric(labels, value)
            case _:
                raise TypeError(f"{family.name} is a {family.kind}, and its row gives a {type(value).__name__}")
    return metric
