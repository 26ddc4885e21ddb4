"""The families and values of a page of ours, as an exporter shows them that has prometheus-client alone."""

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Metric, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector


class _Page(Collector):
    """Makes all families anew at each scrape, as such exporters do."""

    def __init__(self, path: Path) -> None:
        self._families = json.loads(path.read_text(encoding="utf-8"))

    def collect(self) -> Iterator[Metric]:
        for family in self._families:
            kind = CounterMetricFamily if family["type"] == "counter" else GaugeMetricFamily
            if family["type"] == "histogram":
                yield _histograms(family)
                continue
            made = kind(family["name"], family["help"], labels=family["labels"])
            for sample in family["samples"]:
                made.add_metric(sample["values"], float(sample["value"]))
            yield made


def _histograms(family: dict[str, Any]) -> Metric:
    made = HistogramMetricFamily(family["name"], family["help"], labels=family["labels"])
    for one in family["histograms"]:
        made.add_metric(one["values"], list(one["buckets"].items()), float(one["sum"]))
    return made


def main() -> None:
    """Serve until a signal ends it."""
    registry = CollectorRegistry()
    registry.register(_Page(Path(sys.argv[1])))
    server, _ = start_http_server(0, "127.0.0.1", registry)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
