"""A dashboard as the JSON that Grafana imports."""

import json
from collections.abc import Iterator
from typing import Any

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.controls import IMPORT_INPUT

Json = dict[str, Any]

_OLDEST_GRAFANA = "10.0.0"


def document(dashboard: builders.Dashboard) -> str:
    """Give the text of the file: the typed dashboard, and what the types know nothing of."""
    content: Json = json.loads(JSONEncoder().encode(dashboard.build()))
    _time_annotations_by_value(content)
    _write_names_above_numbers(content)
    complete = {"__inputs": [_import_input()], "__requires": [*_requirements(content)], **content}
    return json.dumps(complete, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _time_annotations_by_value(content: Json) -> None:
    """Let Prometheus' annotations stand at the time that is their value; the typed builders lack those fields."""
    for annotation in content["annotations"].get("list", ()):
        annotation.update(
            useValueForTime=True, titleFormat=f"{annotation['name']}: {{{{title}}}}", textFormat="{{module}} {{job_id}}"
        )


def _write_names_above_numbers(content: Json) -> None:
    """Let no name stand beside its number, where it is as close to another's; the typed builders lack that field."""
    for panel in content["panels"]:
        if panel["type"] == "stat":
            panel["options"]["wideLayout"] = False


def _import_input() -> Json:
    return {
        "name": IMPORT_INPUT,
        "label": "Prometheus",
        "description": "The Prometheus that scrapes the exporter.",
        "type": "datasource",
        "pluginId": "prometheus",
        "pluginName": "Prometheus",
    }


def _requirements(content: Json) -> Iterator[Json]:
    yield {"type": "grafana", "id": "grafana", "name": "Grafana", "version": _OLDEST_GRAFANA}
    yield {"type": "datasource", "id": "prometheus", "name": "Prometheus", "version": "1.0.0"}
    for kind in sorted({panel["type"] for panel in content["panels"]} - {"row"}):
        yield {"type": "panel", "id": kind, "name": kind, "version": ""}
