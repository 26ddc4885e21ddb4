"""What a Prometheus saw of the demonstration's fleet, asked as Grafana asks."""

import math
from dataclasses import dataclass
from typing import Any

import requests
from dashboard_files import Ask
from journey import Prometheus

Series = dict[str, str]


@dataclass(frozen=True)
class Watched:
    """A Prometheus that has watched two replicas, and the moment at which there was everything to see."""

    prometheus: Prometheus
    moment: float

    def at_moment(self, expression: str) -> list[tuple[Series, float]]:
        """Give what an instant query finds."""
        rows = self._ask("query", {"query": expression, "time": f"{self.moment}"})
        return [(row["metric"], float(row["value"][1])) for row in rows]

    def over_time(self, expression: str) -> list[tuple[Series, list[float]]]:
        """Give what a query over the time until the moment finds, second by second."""
        span = {"start": f"{self.moment - 60}", "end": f"{self.moment}", "step": "1"}
        rows = self._ask("query_range", {"query": expression, **span})
        return [(row["metric"], [float(value) for _, value in row["values"]]) for row in rows]

    def numbers(self, ask: Ask) -> list[float]:
        """Give every number that one of the dashboards' queries finds; NaN is none."""
        if ask.is_instant:
            found = [value for _, value in self.at_moment(ask.expression())]
        else:
            found = [value for _, values in self.over_time(ask.expression()) for value in values]
        return [value for value in found if not math.isnan(value)]

    def _ask(self, endpoint: str, parameters: dict[str, str]) -> list[dict[str, Any]]:
        answer = requests.post(f"{self.prometheus.url}/api/v1/{endpoint}", data=parameters, timeout=30).json()
        assert answer["status"] == "success", answer
        rows: list[dict[str, Any]] = answer["data"]["result"]
        return rows
