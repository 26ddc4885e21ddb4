"""The example configuration of Alertmanager."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from programs import Program
from rule_files import ROOT, alert_groups, alerts

CONFIG = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"


def amtool(program: Program, *arguments: str) -> str:
    """Run amtool, and give what it prints."""
    ran = subprocess.run([program("amtool"), *arguments], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def inhibitions() -> list[dict[str, Any]]:
    """Give the inhibition rules."""
    rules: list[dict[str, Any]] = yaml.safe_load(CONFIG.read_text())["inhibit_rules"]
    return rules


def matched_alerts(matchers: list[str]) -> set[str]:
    """Give the names of the alerts that matchers on `alertname` select."""
    found = (re.fullmatch(r'alertname=~?"(.*)"', matcher) for matcher in matchers)
    patterns = [match[1] for match in found if match]
    return {alert.name for alert in alerts() if any(re.fullmatch(pattern, alert.name) for pattern in patterns)}


def test_amtool_accepts_the_configuration(program: Program) -> None:
    """Alertmanager would load it, with its template."""
    report = amtool(program, "check-config", str(CONFIG))
    assert "1 templates" in report
    assert "FAILED" not in report


@pytest.mark.parametrize(
    ("alert", "account", "severity", "receivers"),
    [
        pytest.param("JobVanished", "acme", "critical", "on-call,acme-crm-team", id="critical-job-of-a-team"),
        pytest.param("JobVanished", "beta", "critical", "on-call,nobody", id="critical-job"),
        pytest.param("JobFailed", "acme", "warning", "acme-crm-team", id="ended-job-of-a-team"),
        pytest.param("JobPartlyFailed", "beta", "warning", "operators", id="ended-job"),
        pytest.param("JobStalled", "acme", "warning", "acme-crm-team", id="warning-job-of-a-team"),
        pytest.param("JobStalled", "beta", "warning", "operators", id="warning-job"),
        pytest.param("TokenRefused", "acme", "critical", "on-call,nobody", id="critical-account"),
        pytest.param("CreditsRunningOut", "acme", "warning", "operators", id="warning-account"),
    ],
)
def test_alerts_reach_those_whom_they_concern(
    program: Program, alert: str, account: str, severity: str, receivers: str
) -> None:
    """Severity leads to the person on call, an account's jobs to its team, the rest to the operators."""
    labels = [f"alertname=ZohoMassUpdate{alert}", f"account={account}", f"severity={severity}"]
    assert amtool(program, "config", "routes", "test", f"--config.file={CONFIG}", *labels).strip() == receivers


def repeats(route: dict[str, Any], labels: dict[str, str], interval: str = "") -> list[str]:
    """Give how often an alert is repeated at each route that it ends in: Alertmanager's own walk, in short."""
    interval = route.get("repeat_interval", interval)
    found: list[str] = []
    for child in route.get("routes", ()):
        if all(is_matched(matcher, labels) for matcher in child["matchers"]):
            found += repeats(child, labels, interval)
            if not child.get("continue"):
                return found
    return found or [interval]


def is_matched(matcher: str, labels: dict[str, str]) -> bool:
    """Whether labels have what a matcher wants."""
    [(name, pattern)] = re.findall(r'(\w+)=~?"(.*)"', matcher)
    return re.fullmatch(pattern, labels.get(name, "")) is not None


@pytest.mark.parametrize("account", ["acme", "beta"])
@pytest.mark.parametrize(
    ("alert", "severity", "intervals"),
    [
        pytest.param("JobFailed", "warning", ["24h"], id="failed"),
        pytest.param("JobPartlyFailed", "warning", ["24h"], id="partly-failed"),
        pytest.param("JobStalled", "warning", ["12h"], id="live"),
        pytest.param("AccountLost", "critical", ["4h", "12h"], id="critical"),
    ],
)
def test_what_has_ended_is_repeated_once_a_day(account: str, alert: str, severity: str, intervals: list[str]) -> None:
    """An end that nobody acknowledged comes back with each day, what leaves jobs unwatched every four hours."""
    labels = {"alertname": f"ZohoMassUpdate{alert}", "account": account, "severity": severity}
    assert repeats(yaml.safe_load(CONFIG.read_text())["route"], labels) == intervals


def said(
    program: Program, folder: Path, *, firing: int = 0, resolved: int = 0, name: str = "ZohoMassUpdateJobFailed"
) -> list[str]:
    """Give the lines of a message of some alerts, without the empty ones."""
    alerts_of_group = [
        {
            "status": status,
            "labels": {"alertname": name, "group": "spring"},
            "annotations": {"summary": f"Job {number}.", "description": "It failed.", "runbook_url": "https://page"},
        }
        for status, count in (("firing", firing), ("resolved", resolved))
        for number in range(1, count + 1)
    ]
    data = folder / "data.json"
    data.write_text(json.dumps({"alerts": alerts_of_group, "groupLabels": {"alertname": name}}))
    options = (f"--template.glob={CONFIG.parent / 'templates' / '*.tmpl'}", f"--template.data={data}")
    text = amtool(program, "template", "render", *options, '--template.text={{ template "zoho.text" . }}')
    return [line for line in text.splitlines() if line]


def test_message_tells_each_alert_and_what_to_do(program: Program, tmp_path: Path) -> None:
    """A person reads what happened, to which campaign, where help is, and what is over."""
    assert said(program, tmp_path, firing=1, resolved=1) == [
        "Job 1. Campaign: spring.",
        "It failed.",
        "What to do: https://page",
        "Acknowledged, or no longer reported because its retention is over:",
        "- Job 1.",
    ]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param(
            "JobPartlyFailed", "Acknowledged, or no longer reported because its retention is over:", id="ended"
        ),
        pytest.param("AccountLost", "Back, or no longer reported because it has been gone for too long:", id="lost"),
        pytest.param("JobStalled", "Over, or no longer reported because it was let go of:", id="live"),
    ],
)
def test_message_of_an_end_promises_no_cure(program: Program, tmp_path: Path, name: str, words: str) -> None:
    """An alert that ends does not say why; nobody may read that something was mended."""
    assert said(program, tmp_path, resolved=1, name=f"ZohoMassUpdate{name}") == [words, "- Job 1."]


@pytest.mark.parametrize(("firing", "resolved"), [(11, 0), (0, 11)], ids=["firing", "resolved"])
def test_message_of_many_alerts_stays_readable(program: Program, tmp_path: Path, firing: int, resolved: int) -> None:
    """The first ten stand for all of them."""
    lines = said(program, tmp_path, firing=firing, resolved=resolved)
    assert [line for line in lines if "Job" in line][-1].strip("- ").startswith("Job 10.")
    assert lines[-1] == "These are the first 10 of 11."


def test_inhibitions_name_alerts_that_exist() -> None:
    """Each rule has a source, a target, and labels in which they agree: it inhibits a part, never all."""
    for rule in inhibitions():
        assert matched_alerts(rule["source_matchers"])
        assert matched_alerts(rule["target_matchers"])
        assert rule["equal"]


def follows(name: str, others: set[str]) -> bool:
    """Whether an alert stands behind others in one group, so that Prometheus ends it after them."""
    [names] = [names for names in alert_groups().values() if name in names]
    return others <= set(names[: names.index(name)])


def test_inhibiting_alerts_outlast_what_they_inhibit() -> None:
    """One goes on a while after its cure, or follows its targets: they are not sent in the moment between."""
    for rule in (rule for rule in inhibitions() if "account" in rule["equal"]):
        sources = matched_alerts(rule["source_matchers"])
        lingering = {alert.name for alert in alerts() if alert.lingers}
        targets = matched_alerts(rule["target_matchers"])
        assert all(follows(source, targets) for source in sources - lingering)
