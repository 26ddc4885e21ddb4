"""A page of ours as its peers take it in: the same families, labels and values, as JSON."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


def write_families(page: bytes, path: Path) -> None:
    """Write the families of a page in the text format."""
    families = [_family(family) for family in text_string_to_metric_families(page.decode())]
    path.write_text(json.dumps(families), encoding="utf-8")


def _family(family: Metric) -> dict[str, object]:
    is_histogram = family.type == "histogram"
    labels = list(family.samples[0].labels) if family.samples else []
    names = [name for name in labels if not (is_histogram and name == "le")]
    return {
        # The parser takes the end off a counter's name.
        "name": family.samples[0].name if family.type == "counter" and family.samples else family.name,
        "help": family.documentation,
        "type": family.type,
        "labels": names,
        "samples": [_sample(sample, names) for sample in family.samples],
        "histograms": _histograms(family.samples, names) if is_histogram else [],
    }


def _sample(sample: Sample, names: list[str]) -> dict[str, object]:
    pairs = ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in sample.labels.items())
    return {
        "job": sample.labels.get("job_id", ""),
        "series": f"{sample.name}{{{pairs}}}" if pairs else sample.name,
        "values": [sample.labels[name] for name in names],
        "value": str(sample.value),
    }


def _histograms(samples: list[Sample], names: list[str]) -> list[dict[str, object]]:
    made: dict[tuple[str, ...], dict[str, Any]] = defaultdict(lambda: {"buckets": {}})
    for sample in samples:
        values = tuple(sample.labels[name] for name in names)
        histogram = made[values]
        histogram["values"] = values
        if sample.name.endswith("_bucket"):
            histogram["buckets"][sample.labels["le"]] = int(sample.value)
        elif sample.name.endswith("_count"):
            histogram["count"] = int(sample.value)
        else:
            histogram["sum"] = str(sample.value)
    return list(made.values())
