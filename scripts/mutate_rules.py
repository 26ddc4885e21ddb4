"""See what promtool's cases would not notice: break one thing at a time in a copy of the rules, and play them.

A label is dropped from a clause, a window halved, a threshold doubled or halved, a comparison made to take in its
bound, `for` or `keep_firing_for` removed. Of the rules only those are played that the broken one stands on or that
stand on it, and of the cases only what is said of these: promtool's time goes into rules.

What nothing notices is listed. It lacks a case, or has its reason in `EXPLAINED`.
"""

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
RULES = ROOT / "deploy" / "prometheus"
CASES = ROOT / "tests" / "deploy" / "promtool"
FILES = ("rules.yml", "alerts.yml")
PROMTOOL = shutil.which("promtool") or "promtool"
USUAL = 54
"""How many of the changes are tried, drawn at random, unless another number is asked for."""
INSTEAD = {">": ">=", "<": "<=", ">=": ">", "<=": "<", "==": "!="}
EXPLAINED: dict[str, str] = {
    "ZohoMassUpdateScrapeSlow: line 6: > as >=": "one scrape in ten exactly, and never one more or less",
}
"""Changes that nobody could see, by what is printed of them, and why."""

Rule = dict[str, Any]
Case = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """One thing to break: a rule's field, and what stands there instead; `None` for nothing."""

    rule: str
    field: str
    told: str
    after: str | None

    def __str__(self) -> str:
        return f"{self.rule}: {self.told}"


def name_of(rule: Rule) -> str:
    """Give the name of a rule, of either kind."""
    return str(rule.get("alert") or rule["record"])


def changes(rule: Rule) -> Iterator[Change]:
    """Give everything that can be broken in a rule."""
    name, expr = name_of(rule), rule["expr"]
    for field in ("for", "keep_firing_for"):
        if field in rule:
            yield Change(name, field, f"no {field} ({rule[field]})", None)
    for found, told, text in (*_labels(expr), *_windows(expr), *_thresholds(expr), *_comparisons(expr)):
        line = expr[: found.start()].count("\n") + 1
        yield Change(name, "expr", f"line {line}: {told}", expr[: found.start()] + text + expr[found.end() :])


Found = Iterator[tuple[re.Match[str], str, str]]


def _labels(expr: str) -> Found:
    for clause in re.finditer(r"\b(by|on|ignoring|group_left) \(([^()]+)\)", expr):
        labels = clause[2].split(", ")
        for dropped in labels:
            kept = ", ".join(label for label in labels if label != dropped)
            yield clause, f"{clause[1]} without {dropped}", f"{clause[1]} ({kept})"


def _windows(expr: str) -> Found:
    for window in re.finditer(r"(\[|offset )(\d+)([smhd])", expr):
        seconds = int(window[2]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[window[3]]
        yield window, f"{window[0].strip('[')} halved", f"{window[1]}{seconds // 2}s"


def _thresholds(expr: str) -> Found:
    for bound in re.finditer(r"([<>]=?) (-?[\d.]+(?: \* \d+)?)(?![\w.])", expr):
        if bound[2] not in {"0", "1"}:
            for told, factor in (("doubled", "2"), ("halved", "0.5")):
                yield bound, f"{bound[0]} {told}", f"{bound[1]} {bound[2]} * {factor}"


def _comparisons(expr: str) -> Found:
    for sign in re.finditer(r"(?<=[ )])([<>]=?|==)(?= )", expr):
        yield sign, f"{sign[1]} as {INSTEAD[sign[1]]}", INSTEAD[sign[1]]


def kin(name: str, rules: Iterable[Rule]) -> set[str]:
    """Give the rules that a rule stands on, and those that stand on it with what they stand on."""
    texts = {name_of(rule): yaml.safe_dump({**rule, "record": "", "alert": ""}) for rule in rules}
    recorded = [one for one in texts if ":" in one]
    below = {one: {other for other in recorded if other in texts[one] and other != one} for one in texts}
    above = _closure({name}, lambda one: {other for other in texts if one in below[other]})
    return _closure(above, below.__getitem__)


def _closure(found: set[str], follow: Callable[[str], set[str]]) -> set[str]:
    while more := {new for one in found for new in follow(one)} - found:
        found = found | more
    return found


def about(case: Case, kept: set[str]) -> Case | None:
    """Give a case with what it says of some rules alone; nothing where it says nothing of them."""
    told = [test for test in case.get("alert_rule_test", ()) if test["alertname"] in kept]
    asked = [
        {**test, "exp_samples": [sample for sample in test["exp_samples"] if _is_about(sample, kept)]}
        for test in case.get("promql_expr_test", ())
        if "ALERTS" in test["expr"] or any(name in test["expr"] for name in kept)
    ]
    return {**case, "alert_rule_test": told, "promql_expr_test": asked} if told or asked else None


def _is_about(sample: dict[str, Any], kept: set[str]) -> bool:
    alert = re.search(r'alertname="(\w+)"', sample["labels"])
    return alert is None or alert[1] in kept


def write_rules(directory: Path, kept: set[str], change: Change | None = None) -> None:
    """Write some of the rules, one of them changed."""
    for name in FILES:
        content = yaml.safe_load((RULES / name).read_text(encoding="utf-8"))
        for group in content["groups"]:
            group["rules"] = [_changed(rule, change) for rule in group["rules"] if name_of(rule) in kept]
        content["groups"] = [group for group in content["groups"] if group["rules"]]
        (directory / name).write_text(yaml.safe_dump(content), encoding="utf-8")


def write_cases(directory: Path, kept: set[str]) -> Iterator[Path]:
    """Write a file for each case that says something of some rules, and give those that pass as the rules stand."""
    write_rules(directory, kept)
    for file in sorted(CASES.glob("*.yml")):
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        content["rule_files"] = list(FILES)
        for number, case in enumerate(content["tests"]):
            path = directory / f"{file.stem}-{number}.yml"
            if shown := about(case, kept):
                path.write_text(yaml.safe_dump({**content, "tests": [shown]}), encoding="utf-8")
                if passes(path):
                    yield path


def passes(file: Path) -> bool:
    """Whether promtool finds that the rules do what a case says."""
    command = [PROMTOOL, "test", "rules", file.name]
    return subprocess.run(command, capture_output=True, check=False, cwd=file.parent).returncode == 0


def _changed(rule: Rule, change: Change | None) -> Rule:
    if change is None or change.rule != name_of(rule):
        return rule
    broken = deepcopy(rule)
    if change.after is None:
        del broken[change.field]
    else:
        broken[change.field] = change.after
    return broken


def unnoticed(changed: list[Change], rules: list[Rule]) -> list[Change]:
    """Give those changes of one rule that no case notices."""
    kept = kin(changed[0].rule, rules)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        files = list(write_cases(directory, kept))

        def survives(change: Change) -> bool:
            write_rules(directory, kept, change)
            return all(map(passes, files))

        return [change for change in changed if survives(change)]


def main() -> int:
    """Try changes, and list those that nothing notices."""
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=USUAL, help="how many changes to draw; 0 for all")
    parser.add_argument("--seed", type=int, default=0, help="which ones")
    parser.add_argument("rule", nargs="*", help="names of rules; all where none is given")
    asked = parser.parse_args()
    contents = [yaml.safe_load((RULES / name).read_text(encoding="utf-8")) for name in FILES]
    rules = [rule for content in contents for group in content["groups"] for rule in group["rules"]]
    found = [change for rule in rules if name_of(rule) in (asked.rule or {name_of(rule)}) for change in changes(rule)]
    drawn = random.Random(asked.seed).sample(found, min(asked.count or len(found), len(found)))  # noqa: S311
    by_rule = [list(group) for _, group in groupby(sorted(drawn, key=str), key=lambda change: change.rule)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        left = []
        for change in (
            change for group in pool.map(lambda group: unnoticed(group, rules), by_rule) for change in group
        ):
            left.append(change)
            sys.stdout.write(f"{change}\n    {EXPLAINED.get(str(change), 'no case notices it')}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{len(left)} of {len(drawn)} changes are unnoticed, of {len(found)} that there are.\n")
    return 1 if any(str(change) not in EXPLAINED for change in left) else 0


if __name__ == "__main__":
    sys.exit(main())
