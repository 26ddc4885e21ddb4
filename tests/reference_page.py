"""The families as a page of documentation: docs/metrics.md is this, word for word."""

from itertools import groupby
from operator import attrgetter

from exporter.metrics.families import Family, Group

_HEAD = """\
# Metrics

Every family that the exporter exposes, as the code declares it (`exporter/metrics/families.py`). Times are Unix
seconds; an age is `time() - x_timestamp_seconds`. A sample that is not known is absent, never a guess.

Whose it is matters with [more than one exporter](operations.md#more-than-one-exporter). What is a **job's** or an
**account's** is the same at all that share a database: take it once (`max`). What is a **process'** tells of that one
alone: add it up (`sum`), but of times take the latest (`max`).
"""

_TITLES = {
    "jobs": """\
## One job

Labels `account`, `module` and `job_id` on every family. A job's series end when the exporter no longer tracks it. Join
the name and the group on with
`* on (account, module, job_id) group_left (job_name, group) zoho_mass_update_job_info`.
""",
    "modules": """\
## Sums by module

Labels `account` and `module` on every family. They outlive the jobs.
""",
    "accounts": """\
## Accounts: polls, Zoho's API and tokens

Label `account` on every family.
""",
    "exporter": """\
## The exporter itself

Beside these come the Python client's own `process_*` and `python_*` families.
""",
    "probe": """\
## A probe

On `/probe` alone, beside the families of the one job.
""",
}

_WHOSE = {"jobs": "job", "modules": "account", "accounts": "account", "exporter": "process", "probe": "process"}


def reference_page(groups: tuple[Group[object], ...]) -> str:
    """Give the page as Markdown."""
    sections = (_section(title, tuple(section)) for title, section in groupby(groups, attrgetter("title")))
    return "\n".join([_HEAD, *sections])


def _section(title: str, groups: tuple[Group[object], ...]) -> str:
    common = len(groups[0].labels)
    rows = "\n".join(_row(title, family, group.labels[common:]) for group in groups for family in group.families)
    head = "| metric | type | whose | more labels | meaning |\n| --- | --- | --- | --- | --- |"
    return f"{_TITLES[title]}\n{head}\n{rows}\n"


def _row(title: str, family: Family[object], more: tuple[str, ...]) -> str:
    labels = ", ".join(f"`{label}`" for label in (*more, *family.labels)) or "-"
    whose = "process" if family.is_own else _WHOSE[title]
    return f"| `{family.name}` | {family.kind} | {whose} | {labels} | {family.help} |"
