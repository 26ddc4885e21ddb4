"""The rules and alerts of deploy/prometheus, and the cases that promtool tries them with."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser
import yaml

ROOT = Path(__file__).parents[1]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RUNBOOKS = ROOT / "docs" / "runbooks"
CASE_FILES = sorted((Path(__file__).parent / "deploy" / "promtool").glob("*.yml"))


@dataclass(frozen=True)
class Alert:
    """One alerting rule as it stands in the file."""

    name: str
    expr: str
    waits: str
    lingers: bool
    """Whether it goes on firing for a while after its condition has ended."""
    severity: str
    annotations: Mapping[str, str]


@cache
def rules(file: str) -> list[dict[str, Any]]:
    """Give the rules of a file in deploy/prometheus, of all its groups; they are shared, and only to be read."""
    return [rule for group in _read(PROMETHEUS / file)["groups"] for rule in group["rules"]]


def alert_groups() -> dict[str, list[str]]:
    """Give the names of the alerts by their group, in the order in which Prometheus looks at them."""
    groups = _read(PROMETHEUS / "alerts.yml")["groups"]
    return {group["name"]: [rule["alert"] for rule in group["rules"]] for group in groups}


def alerts() -> list[Alert]:
    """Give every alert."""
    return [
        Alert(
            rule["alert"],
            rule["expr"],
            rule.get("for", "-"),
            "keep_firing_for" in rule,
            rule["labels"]["severity"],
            rule["annotations"],
        )
        for rule in rules("alerts.yml")
    ]


def selectors(expr: str) -> list[promql_parser.VectorSelector]:
    """Give every selector of an expression."""
    found: list[promql_parser.VectorSelector] = []

    def visit(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        elif isinstance(node, promql_parser.MatrixSelector):
            found.append(node.vector_selector)

    promql_parser.walk(promql_parser.parse(expr), visit)
    return found


def matched_values(alert: Alert, metric: str, label: str) -> Iterator[str]:
    """Give the regular expressions by which an alert selects a label of a metric."""
    for selector in selectors(alert.expr):
        if selector.name == metric:
            yield from (matcher.value for matcher in selector.matchers.matchers if matcher.name == label)


def cases() -> Iterator[tuple[str, bool]]:
    """Give each of promtool's cases: the alert, and whether it must fire."""
    for case in _cases():
        yield case["alertname"], bool(case["exp_alerts"])


def labels_of_cases(alert: str) -> set[str]:
    """Give the labels that an alert has in promtool's cases, but for its name."""
    fired = [fired for case in _cases() if case["alertname"] == alert for fired in case["exp_alerts"]]
    return {label for one in fired for label in one["exp_labels"]}


def _cases() -> Iterator[dict[str, Any]]:
    for file in CASE_FILES:
        for test in _read(file)["tests"]:
            yield from test.get("alert_rule_test", [])


@cache
def _read(file: Path) -> dict[str, Any]:
    """Read a file once: the cases are long, and each alert looks for its own."""
    document: dict[str, Any] = yaml.load(file.read_text(), Loader=yaml.CSafeLoader)
    return document
