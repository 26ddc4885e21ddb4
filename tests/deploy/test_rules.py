"""The rules and alerts: promtool tries them, and each alert is whole."""

import os
import re
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from programs import Program
from rule_files import CASE_FILES, PROMETHEUS, RUNBOOKS, Alert, alerts, cases, matched_values, rules, selectors

from exporter.errors import RefusedError
from exporter.metrics.families import Kind, table
from exporter.settings import default_of
from exporter.words.standing import Standing
from exporter.zoho.codes import ERROR_CODES, LABEL_VALUES
from exporter.zoho.oauth import FAILED_TO_ASK, MINT_LIMIT, PASSING_REFUSALS, REASONS

ALERTS = alerts()
RECORDED = {rule["record"] for rule in rules("rules.yml")}
RUNBOOK_ROOT = "https://github.com/zoho-mass-update-exporter/zoho-mass-update-exporter/blob/main/docs/runbooks/"
FOREIGN = {"up"}
"""A metric of Prometheus' own: the Python client's may be switched off."""
OUR_FAULTS = {"MANDATORY_NOT_FOUND", "INVALID_REQUEST_METHOD", "REQUIRED_PARAM_MISSING", "BAD_REQUEST"}
"""Refusals that only a bug of the exporter can cause: ZohoMassUpdateJobDataStale tells them."""
REFUSAL_ALERTS = ("ZohoMassUpdateAccessRefused", "ZohoMassUpdateModuleInvalid", "ZohoMassUpdateJobUnknown")
POLL_ERROR = "account_module_job_id_code:zoho_mass_update_job_poll_error:max"
REFRESH_ERRORS = "zoho_crm_oauth_refresh_errors_total"

of_each_alert = pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)


def series_names() -> set[str]:
    """Give the name of every series that a page of the exporter has."""
    names: set[str] = set()
    for family in (family for group in table((), LABEL_VALUES) for family in group.families):
        suffixes = ("_bucket", "_sum", "_count") if family.kind is Kind.HISTOGRAM else ("",)
        names |= {family.name + suffix for suffix in suffixes}
    return names


def values_selected(name: str, metric: str, label: str, values: set[str]) -> set[str]:
    """Give those of some label values that an alert selects."""
    alert = next(alert for alert in ALERTS if alert.name == name)
    return {
        value
        for value in values
        if any(re.fullmatch(pattern, value) for pattern in matched_values(alert, metric, label))
    }


@pytest.mark.parametrize("file", ["rules.yml", "alerts.yml"])
def test_promtool_accepts_the_rules(program: Program, file: str) -> None:
    """Every expression and template is one that Prometheus loads."""
    check = subprocess.run(
        [program("promtool"), "check", "rules", PROMETHEUS / file], capture_output=True, text=True, check=False
    )
    assert (check.returncode, check.stderr) == (0, "")


def test_promtool_accepts_the_example_configuration(program: Program) -> None:
    """The example names the files that are there."""
    check = subprocess.run(
        [program("promtool"), "check", "config", PROMETHEUS / "prometheus.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (check.returncode, check.stderr) == (0, "")
    assert "2 rule files found" in check.stdout


@pytest.fixture(scope="module")
def played(program: Program) -> Mapping[Path, subprocess.CompletedProcess[str]]:
    """Let promtool play the cases, as many files at once as there are processors."""
    command = [program("promtool"), "test", "rules"]

    def play(file: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, file], capture_output=True, text=True, check=False)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(CASE_FILES, pool.map(play, CASE_FILES), strict=True))


@pytest.mark.timeout(600)  # a day in steps of a minute takes promtool half a minute of its own
@pytest.mark.parametrize("file", CASE_FILES, ids=lambda file: file.stem)
def test_rules_do_what_their_cases_say(played: Mapping[Path, subprocess.CompletedProcess[str]], file: Path) -> None:
    """Promtool plays each case: what fires, with its exact text, and what keeps quiet."""
    assert played[file].returncode == 0, played[file].stdout + played[file].stderr


@of_each_alert
def test_each_alert_has_a_case_of_both_kinds(alert: Alert) -> None:
    """There is a case in which it fires and one in which it must not."""
    assert {fires for name, fires in cases() if name == alert.name} == {True, False}


@of_each_alert
def test_each_alert_tells_a_person_what_to_do(alert: Alert) -> None:
    """It has a severity that routes, a summary, a description, and a runbook that exists and bears its name."""
    assert alert.severity in {"critical", "warning"}
    assert set(alert.annotations) == {"summary", "description", "runbook_url"}
    assert all(alert.annotations.values())
    assert alert.annotations["runbook_url"] == f"{RUNBOOK_ROOT}{alert.name}.md"
    assert (RUNBOOKS / f"{alert.name}.md").read_text().startswith(f"# {alert.name}\n")


@of_each_alert
def test_each_runbook_has_the_same_four_parts(alert: Alert) -> None:
    """A person who was woken finds the same headings everywhere, and the alert in the index as it is."""
    page = (RUNBOOKS / f"{alert.name}.md").read_text()
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == ["What it means", "See it", "What to do", "Silence it"]
    index = (RUNBOOKS / "README.md").read_text()
    assert f"| [{alert.name}]({alert.name}.md) | {alert.severity} | {alert.waits} |" in index


def test_no_runbook_outlives_its_alert() -> None:
    """Every page belongs to an alert."""
    assert {page.stem for page in RUNBOOKS.glob("*.md")} == {alert.name for alert in ALERTS} | {"README"}


def test_rules_ask_for_series_that_exist() -> None:
    """Every name in an expression is a series of the exporter's, a recorded one, or Prometheus' own `up`."""
    expressions = [rule["expr"] for file in ("rules.yml", "alerts.yml") for rule in rules(file)]
    asked = {selector.name for expr in expressions for selector in selectors(expr)}
    assert asked <= series_names() | RECORDED | FOREIGN


def test_texts_ask_for_series_that_are_recorded() -> None:
    """The queries inside descriptions name recorded series."""
    texts = " ".join(alert.annotations["description"] for alert in ALERTS)
    asked = r'printf ["`](?:label_replace\()?'
    assert set(re.findall(rf"{asked}(\w+:\w+:\w+)\{{", texts)) <= RECORDED
    assert len(re.findall(r"\| query", texts)) == len(re.findall(rf"{asked}\w+:\w+:\w+\{{", texts))


def test_every_refusal_has_its_alert() -> None:
    """Each code that a person must cure is told by exactly one alert, unless only our own bug can cause it."""
    refusals = {row.code for row in ERROR_CODES if row.raises is RefusedError}
    told = [code for name in REFUSAL_ALERTS for code in values_selected(name, POLL_ERROR, "code", refusals)]
    assert sorted(told) == sorted(refusals - OUR_FAULTS)


def test_every_reason_of_a_refused_token_has_its_alert() -> None:
    """Reasons that pass by themselves warn, all others are critical."""
    passing = {*PASSING_REFUSALS, *FAILED_TO_ASK, MINT_LIMIT}
    warned = values_selected("ZohoMassUpdateTokenRefreshFailing", REFRESH_ERRORS, "reason", set(REASONS))
    critical = values_selected("ZohoMassUpdateTokenRefused", REFRESH_ERRORS, "reason", set(REASONS))
    assert warned == passing
    assert critical == set(REASONS) - passing


@of_each_alert
def test_runbooks_ask_for_series_that_exist(alert: Alert) -> None:
    """Each query of a page is one that Prometheus understands, of series that it has."""
    page = (RUNBOOKS / f"{alert.name}.md").read_text()
    blocks = re.findall(r"^```promql\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    queries = [query for block in blocks for query in re.sub(r"\n +", " ", block).splitlines()]
    assert queries
    asked = {selector.name for query in queries for selector in selectors(query)}
    assert asked <= series_names() | RECORDED | FOREIGN


def test_index_lists_every_recorded_series() -> None:
    """Whoever writes a dashboard finds what is there."""
    assert set(re.findall(r"^\| `(\w+:\w+:\w+)` \|", (RUNBOOKS / "README.md").read_text(), re.MULTILINE)) == RECORDED


LATER_SECONDS = 15 * 60
"""How much later than `stale_after` the alert on stale data comes."""


@pytest.mark.parametrize(
    ("alert", "setting", "later_seconds"),
    [
        pytest.param("JobStalled", "stalled_after", 0, id="stalled"),
        pytest.param("JobTakesTooLong", "takes_too_long_after", 0, id="takes-too-long"),
        pytest.param("JobWaitingTooLong", "waits_long_after", 0, id="waits-long"),
        pytest.param("JobDataStale", "stale_after", LATER_SECONDS, id="stale"),
        pytest.param("JobStateUnknown", "stalled_after", 0, id="unknown"),
    ],
)
def test_thresholds_are_the_defaults_of_the_settings(alert: str, setting: str, later_seconds: int) -> None:
    """The status page and the alert begin to call a job late at the same moment."""
    expr = next(one.expr for one in ALERTS if one.name == f"ZohoMassUpdate{alert}")
    count, unit = re.findall(r"> (\d+) \* (\d+)", expr)[0]
    assert int(count) * int(unit) == float(str(default_of(setting))) + later_seconds


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("stalled_after", "30 minutes"),
        ("takes_too_long_after", "4 hours"),
        ("waits_long_after", "1 hour"),
        ("stale_after", "1 hour"),
    ],
)
def test_words_have_the_defaults_of_the_settings(setting: str, words: str) -> None:
    """The page that says what each word means says how long that is."""
    [row] = [row for row in (RUNBOOKS.parent / "words.md").read_text().splitlines() if f"| `{setting}` |" in row]
    count, unit = words.split()
    assert f"| {words} |" in row
    assert default_of(setting) == int(count) * {"minutes": 60, "hour": 3600, "hours": 3600}[unit]


def test_words_lead_to_alerts_that_exist() -> None:
    """Each alert that the words name has its page, and each alert on a job's standing has a word."""
    named = set(re.findall(r"runbooks/(ZohoMassUpdate\w+)\.md", (RUNBOOKS.parent / "words.md").read_text()))
    assert named <= {alert.name for alert in ALERTS}


def test_standings_are_words() -> None:
    """What the status page calls a job that needs a person is told on the page of words."""
    page = (RUNBOOKS.parent / "words.md").read_text()
    assert [
        str(standing) for standing in Standing if standing.needs_attention and f"| **{standing}** |" not in page
    ] == []


def test_only_what_leaves_jobs_unwatched_is_critical() -> None:
    """Nobody is woken by what can't be mended at night."""
    assert {alert.name.removeprefix("ZohoMassUpdate") for alert in ALERTS if alert.severity == "critical"} == {
        "AccountLost",
        "ExporterDown",
        "JobVanished",
        "NotPolled",
        "TokenRefused",
    }
