"""What the dashboards make of two exporters that share a database: what one exporter's page would give."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import yaml
from computed import NOW_SECONDS
from dashboard_files import ASKS, Ask
from programs import Program
from prometheus_client.parser import text_string_to_metric_families

from exporter.metrics.families import table
from exporter.zoho.codes import LABEL_VALUES

PAGE = Path(__file__).parents[1] / "unit" / "metrics" / "golden" / "metrics.txt"
NOT_ADDED_UP = {
    "zoho_crm_api_credits_unwritten",
    "zoho_crm_api_up",
    "zoho_mass_update_job_dropped_timestamp_seconds",
}
"""What the last call of each, or its own file, says, and when one of them let go of a job."""
EACH_ONES_OWN = {
    family.name for group in table((), LABEL_VALUES) for family in group.families if family.is_own
} - NOT_ADDED_UP
OF_THE_EXPORTERS = re.compile(
    r"\bup\{|process_|_exporter_(build_info|config_|jobs_dropped|scrape_duration|store_errors)"
)
"""Where each exporter is told of by itself."""
SPANS = {"$__rate_interval": "5m", "$__range_s": "3600", "$__range": "1h"}
ONE, FIRST, SECOND = ("a", 10.0, 1.0), ("a", 8.0, 0.75), ("b", 2.0, 0.25)
"""An instance, the growth of its own counters in a second, and its share of what is under way."""

Exporter = tuple[str, float, float]
Results = Mapping[str, str]


def series(exporters: list[Exporter]) -> Iterator[dict[str, str]]:
    """Give the page of each exporter as promtool takes it, over two hours; a counter of both grows as that of one."""
    for family in text_string_to_metric_families(PAGE.read_text()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        for instance, growth, share in exporters:
            is_own = name in EACH_ONES_OWN
            step = (growth if is_own else ONE[1]) * 60 if family.type in {"counter", "histogram"} else 0
            for sample in family.samples:
                labels = {**sample.labels, "job": "zoho", "instance": instance}
                text = ",".join(f"{key}={json.dumps(value)}" for key, value in labels.items())
                first = sample.value * share if is_own else sample.value
                yield {"series": f"{sample.name}{{{text}}}", "values": f"{first:.9f}+{step}x130"}


def results(program: Program, folder: Path, exporters: list[Exporter], asks: list[Ask]) -> Results:
    """Give what promtool computes of each query, as it says what it did not expect; nothing is expected."""
    test = {
        "interval": "1m",
        "input_series": list(series(exporters)),
        "promql_expr_test": [
            {"expr": expression(ask), "eval_time": f"{NOW_SECONDS}s", "exp_samples": []} for ask in asks
        ],
    }
    file = folder / "test.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [], "evaluation_interval": "1m", "tests": [test]}))
    command = [program("promtool"), "test", "rules", str(file)]
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    found = re.findall(r'expr: (".*"), time: .*\n\s+exp: .*\n\s+got: (.*)', said.stdout + said.stderr)
    return {yaml.safe_load(expr): re.sub(r"(?<=[ }])\S+(?=,|$)", _rounded, got) for expr, got in found}


def _rounded(number: re.Match[str]) -> str:
    try:
        return f"{float(number[0]):.6g}"
    except ValueError:
        return number[0]


def expression(ask: Ask) -> str:
    """Give a query over spans that hold several scrapes."""
    text = ask.text
    for variable, span in SPANS.items():
        text = text.replace(variable, span)
    return replace(ask, text=text).expression()


def test_pair_on_a_database_shows_what_one_would(program: Program, tmp_path: Path) -> None:
    """No number is doubled, and none of what each did by itself is left out."""
    asks = [ask for ask in ASKS if not (OF_THE_EXPORTERS.search(ask.text) or ask.place.startswith("variable"))]
    one, pair = (results(program, tmp_path, exporters, asks) for exporters in ([ONE], [FIRST, SECOND]))
    assert len(one) > 100
    assert [(str(ask), one.get(e), pair.get(e)) for ask in asks if one.get(e := expression(ask)) != pair.get(e)] == []
