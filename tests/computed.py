"""What promtool makes of one of the dashboards' queries, given some series."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import yaml
from programs import Program

Series = dict[str, float | str]
"""Values minute by minute, from the start on: one for two hours and a half, or promtool's own words for more."""
Samples = Mapping[str, float]

NOW_SECONDS = 7_200
"""The moment that is looked at: two hours after the start."""


def complaints(program: Program, folder: Path, expression: str, series: Series, expected: Samples) -> str:
    """Let promtool compute an expression, and say what it did not expect."""
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": _values(value)} for name, value in series.items()],
        "promql_expr_test": [
            {
                "expr": expression,
                "eval_time": f"{NOW_SECONDS}s",
                "exp_samples": [{"labels": labels, "value": value} for labels, value in expected.items()],
            }
        ],
    }
    file = folder / "test.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [], "evaluation_interval": "1m", "tests": [test]}))
    command = [program("promtool"), "test", "rules", str(file)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return "" if run.returncode == 0 else run.stdout + run.stderr


def _values(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value}x150"
