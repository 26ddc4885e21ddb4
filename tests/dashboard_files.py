"""The committed dashboards, as tests read them: their panels, and everything that they ask Prometheus."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "grafana"
DASHBOARDS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))
}
"""Each dashboard by its file's name, without the ending."""

VALUES = {
    "$__rate_interval": "15s",
    "$__range_s": "120",
    "$__range": "120s",
    "$cluster": ".*",
    "$namespace": ".*",
    "$account": ".*",
    "$module": ".*",
    "$group": ".*",
    "$jobs": ".*",
    "$job": ".*",
    "$state": ".*",
    "$stalled_after": "10",
    "$takes_too_long_after": "14400",
    "$waits_long_after": "3600",
    "$stale_after": "3600",
}
"""What Grafana would put in the place of each variable, in this order: one name begins with another."""


@dataclass(frozen=True)
class Ask:
    """Something that a dashboard asks Prometheus."""

    dashboard: str
    place: str
    text: str
    is_instant: bool = False

    def __str__(self) -> str:
        """Name it in the list of the tests."""
        return f"{self.dashboard}: {self.place}"

    def expression(self) -> str:
        """Give the query as Prometheus gets it."""
        text = self.text
        for variable, value in VALUES.items():
            text = text.replace(variable, value)
        return text


def panels(dashboard: str) -> list[dict[str, Any]]:
    """Give a dashboard's panels, without its rows."""
    return [panel for panel in DASHBOARDS[dashboard]["panels"] if panel["type"] != "row"]


ALL_PANELS = [(name, panel) for name in DASHBOARDS for panel in panels(name)]
PANEL_IDS = [f"{name}: {panel.get('title')}" for name, panel in ALL_PANELS]


def _of_panels(name: str) -> Iterator[Ask]:
    for panel in panels(name):
        for target in panel["targets"]:
            yield Ask(name, f"{panel['title']} {target['refId']}", target["expr"], bool(target.get("instant")))


def _of_annotations(name: str) -> Iterator[Ask]:
    for annotation in DASHBOARDS[name]["annotations"].get("list", ()):
        yield Ask(name, f"annotation {annotation['name']}", annotation["expr"])


def variable_query(variable: dict[str, Any]) -> tuple[str, str]:
    """Give the PromQL of a variable, and the label whose values it lists, or "" for a whole query."""
    text = str(variable["query"]["query"])
    values = re.fullmatch(r"label_values\((.+), (\w+)\)", text)
    if values:
        return values[1], values[2]
    whole = re.fullmatch(r"query_result\((.+)\)", text)
    assert whole, text
    return whole[1], ""


def _of_variables(name: str) -> Iterator[Ask]:
    for variable in DASHBOARDS[name]["templating"]["list"]:
        if variable["type"] == "query":
            yield Ask(name, f"variable {variable['name']}", variable_query(variable)[0], is_instant=True)


ASKS = [ask for name in DASHBOARDS for asked in (_of_panels, _of_annotations, _of_variables) for ask in asked(name)]
"""Every query of every panel, annotation and variable."""
