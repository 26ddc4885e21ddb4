"""Pages of metrics: a snapshot in, bytes out, by way of the Prometheus client's encoders."""

from collections.abc import Callable, Collection, Iterable
from itertools import chain

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, REGISTRY, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from exporter.metrics.families import EXPORTER, Family, Group, Kind
from exporter.model import Distribution, Page, Snapshot
from exporter.weights import Parameters, weighed

PROCESS: Collector = REGISTRY
"""Gives the families of the process itself and of Python."""
_OPENMETRICS, _TEXT = ("application/openmetrics-text", "1.0.0"), ("text/plain", "0.0.4")
"""The formats that we write, with their versions."""
_UNITS = ("seconds", "bytes")
"""What names end in that are measured in it. Source: OpenMetrics, Units and Base Units."""
_METRICS = {Kind.GAUGE: GaugeMetricFamily, Kind.COUNTER: CounterMetricFamily, Kind.HISTOGRAM: HistogramMetricFamily}


def render(
    groups: Iterable[Group[object]],
    snapshot: Snapshot,
    accept: str,
    titles: Collection[str],
    process: Collector | None,
) -> Page:
    """Write a page of the groups with these titles; the families of `process` follow the exporter's.

    The `Accept` header chooses the format: OpenMetrics, or the text format.
    """
    encode, content_type = _negotiate(accept)
    chosen = (group for group in groups if group.title in titles)
    own = (_metric(group, family, snapshot) for group in chosen for family in group.families)
    own_process = process.collect() if process and EXPORTER in titles else ()
    return Page(content_type, encode(Families(map(_with_unit, chain(own, own_process)))))


class Families(Collector):
    """Gives families to the client's encoder, once: made anew for each page, so nothing dead lives on."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """Give them."""
        return self._metrics


def _negotiate(accept: str) -> tuple[Callable[[Collector], bytes], str]:
    """Choose the encoder. Only the weights of our formats matter: nothing of the header reaches the answer."""
    openmetrics_weight, is_named = _weight(accept, *_OPENMETRICS)
    text_weight, _ = _weight(accept, *_TEXT)
    # Of two that are wanted alike it is OpenMetrics, where somebody knows it.
    if openmetrics_weight > text_weight or (is_named and openmetrics_weight == text_weight > 0):
        return openmetrics.generate_latest, openmetrics.CONTENT_TYPE_LATEST
    return generate_latest, CONTENT_TYPE_PLAIN_0_0_4


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
    metric.unit = next((unit for unit in _UNITS if metric.name.endswith(f"_{unit}")), "")
    return metric


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
