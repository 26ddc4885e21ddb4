"""The JSON schema of the settings file that editors read: as the models are, and as strict."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import derived
import pytest
import yaml
from jsonschema import Draft7Validator  # type: ignore[import-untyped] # it has no annotations

from exporter.settings import Settings

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / derived.EDITOR_SCHEMA
VALIDATOR = Draft7Validator(json.loads(PUBLISHED.read_text(encoding="utf-8")))

_ACCOUNT = "accounts: {acme: {data_center: eu, client_id: 1000.AB, client_secret: x, refresh_token: y}}\n"


def faults(text: str) -> list[str]:
    """Validate a settings file; give the paths of what an editor marks."""
    return sorted(".".join(map(str, error.absolute_path)) for error in VALIDATOR.iter_errors(yaml.safe_load(text)))


def examples() -> Iterator[tuple[str, str]]:
    """Give the settings files that people copy: from the pages and from what stands ready in deploy/."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)):
            document = yaml.safe_load(block)
            if isinstance(document, dict) and document.keys() <= Settings.model_fields.keys() and document:
                yield f"{page.relative_to(ROOT)}, block {number}", block
    yield "compose", (ROOT / "deploy/compose/exporter/zoho.yaml").read_text(encoding="utf-8")


EXAMPLES = dict(examples())


def test_published_schema_is_the_models() -> None:
    """Whoever changes a setting writes it anew."""
    assert {path: (ROOT / path).read_text(encoding="utf-8") for path in derived.editor_files()} == dict(
        derived.editor_files()
    ), "make manifests"


def test_schema_is_one() -> None:
    """Editors would ignore a schema that is none."""
    Draft7Validator.check_schema(json.loads(PUBLISHED.read_text(encoding="utf-8")))


def test_pages_have_examples() -> None:
    """An empty table would prove nothing."""
    assert len(EXAMPLES) >= 4


@pytest.mark.parametrize("text", EXAMPLES.values(), ids=list(EXAMPLES))
def test_example_is_accepted(text: str) -> None:
    """What the documentation shows is marked nowhere."""
    assert faults(text) == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("retention: 7d", id="duration"),
        pytest.param("retention: 0", id="seconds"),
        pytest.param("poll_timeout: 1m30s", id="two units"),
        pytest.param("accounts: {a: {max_concurrency: '5', daily_credit_budget: unlimited}}", id="number as a text"),
        pytest.param("jobs: [{module: Leads, job_id: '3524033000006027001'}]", id="id in quotes"),
        pytest.param("jobs: [{module: Leads, job_id: 3524033000006027001}]", id="id without"),
        pytest.param("jobs: [{account: acme, module: Leads, job_id: 1, labels: {team: 7}}]", id="label"),
        pytest.param("job_labels: team, region", id="names between commas"),
        pytest.param("log: {level: warn}", id="Go's word for a level"),
        pytest.param("web:\nstate:\nretention:\njobs:", id="keys without a value"),
        pytest.param("schedule: {remaining_fraction: 0.5, longest: 30}", id="schedule"),
    ],
)
def test_what_is_accepted_is_not_marked(text: str) -> None:
    """The editor is no stricter than the exporter."""
    assert faults(text) == []


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        pytest.param("retentio: 7d", [""], id="key"),
        pytest.param(_ACCOUNT + "data_center: eu", [""], id="misplaced key"),
        pytest.param("accounts: {a: {data_centre: eu}}", ["accounts.a"], id="key of an account"),
        pytest.param("accounts: {a: {data_center: com}}", ["accounts.a.data_center"], id="data centre"),
        pytest.param("accounts: {'a b': {data_center: eu}}", ["accounts"], id="alias"),
        pytest.param("accounts: {a: {max_concurrency: 26}}", ["accounts.a.max_concurrency"], id="number too high"),
        pytest.param("accounts: {a: {daily_credit_budget: -1}}", ["accounts.a.daily_credit_budget"], id="negative"),
        pytest.param("accounts: {a: {daily_credit_budget: lots}}", ["accounts.a.daily_credit_budget"], id="no number"),
        pytest.param("accounts: [{name: a}]", ["accounts"], id="list for a mapping"),
        pytest.param("jobs: {module: Leads, job_id: 1}", ["jobs"], id="mapping for a list"),
        pytest.param("jobs: [{module: Leads}]", ["jobs.0"], id="no id"),
        pytest.param("jobs: [{module: Sales Orders, job_id: 1}]", ["jobs.0.module"], id="a module's label"),
        pytest.param("jobs: [{module: Leads, job_id: 3.52e+18x}]", ["jobs.0.job_id"], id="job id"),
        pytest.param("jobs: [{module: Leads, job_id: 3.5}]", ["jobs.0.job_id"], id="fraction of a job id"),
        pytest.param("retention: 2 weeks", ["retention"], id="duration"),
        pytest.param("retention: -5", ["retention"], id="negative duration"),
        pytest.param("log: {level: loud}", ["log.level"], id="level"),
        pytest.param("log: info", ["log"], id="word for a section"),
    ],
)
def test_mistake_is_marked(text: str, paths: list[str]) -> None:
    """At the value, or at the mapping that has the key."""
    assert faults(text) == paths
