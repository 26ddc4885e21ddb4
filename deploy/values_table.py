"""The table of the chart's values, as helm-docs writes it, from the comments in values.yaml that begin with `# --`."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

START, END = "<!-- values: make manifests writes this table anew -->\n", "<!-- end of values -->\n"

_TYPES = {bool: "bool", int: "int", str: "string", list: "list", dict: "object"}
_MARK = "# -- "


@dataclass(frozen=True)
class Value:
    """One value of the chart: its dotted key, its default, and what its comment says."""

    key: str
    default: object
    description: str


def values(text: str) -> Iterator[Value]:
    """Give each value of a values file; a section whose comment describes it is one value."""
    if whole := yaml.compose(text, Loader=yaml.SafeLoader):
        yield from _values(whole, yaml.safe_load(text), text.splitlines(), "")


def _values(section: yaml.Node, defaults: dict[str, Any], lines: Sequence[str], prefix: str) -> Iterator[Value]:
    for name, value in section.value:
        description, default = _description(lines, name.start_mark.line), defaults[name.value]
        if default and isinstance(default, dict) and not description:
            yield from _values(value, default, lines, f"{prefix}{name.value}.")
        else:
            yield Value(f"{prefix}{name.value}", default, description)


def _description(lines: Sequence[str], line: int) -> str:
    """Give the comment right above a line, from its last mark on; empty without a mark."""
    comment: list[str] = []
    while line and lines[line - 1].lstrip().startswith("#"):
        line -= 1
        comment.insert(0, lines[line].strip())
        if comment[0].startswith(_MARK):
            return " ".join(part.removeprefix(_MARK).removeprefix("# ") for part in comment)
    return ""


def table(text: str) -> str:
    """Give the table of a values file, in Markdown."""
    head = "| Key | Type | Default | Description |\n|-----|------|---------|-------------|\n"
    return head + "".join(_row(value) for value in values(text))


def _row(value: Value) -> str:
    default = json.dumps(value.default, ensure_ascii=False)
    cells = (value.key, _TYPES[type(value.default)], f"`{default}`", value.description)
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |\n"


def with_table(readme: str, text: str) -> str:
    """Give a readme with the table of a values file between its two marks."""
    before, _, rest = readme.partition(START)
    return f"{before}{START}\n{table(text)}\n{END}{rest.partition(END)[2]}"
