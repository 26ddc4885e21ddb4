"""The example configuration of Alertmanager."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from programs import Program
from rule_files import ROOT, alerts

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
        pytest.param("JobFailed", "acme", "critical", "on-call,acme-crm-team", id="critical-job-of-a-team"),
        pytest.param("JobFailed", "beta", "critical", "on-call,nobody", id="critical-job"),
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


def said(program: Program, folder: Path, *, firing: int = 0, resolved: int = 0) -> list[str]:
    """Give the lines of a message of some alerts, without the empty ones."""
    alerts_of_group = [
        {
            "status": status,
            "labels": {"alertname": "ZohoMassUpdateJobFailed", "group": "spring"},
            "annotations": {"summary": f"Job {number}.", "description": "It failed.", "runbook_url": "https://page"},
        }
        for status, count in (("firing", firing), ("resolved", resolved))
        for number in range(1, count + 1)
    ]
    data = folder / "data.json"
    data.write_text(json.dumps({"alerts": alerts_of_group}))
    options = (f"--template.glob={CONFIG.parent / 'templates' / '*.tmpl'}", f"--template.data={data}")
    text = amtool(program, "template", "render", *options, '--template.text={{ template "zoho.text" . }}')
    return [line for line in text.splitlines() if line]


def test_message_tells_each_alert_and_what_to_do(program: Program, tmp_path: Path) -> None:
    """A person reads what happened, to which campaign, where help is, and what is over."""
    assert said(program, tmp_path, firing=1, resolved=1) == [
        "Job 1. Campaign: spring.",
        "It failed.",
        "What to do: https://page",
        "Resolved:",
        "- Job 1.",
    ]


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


def test_inhibiting_alerts_outlast_what_they_inhibit() -> None:
    """An alert on an account or a job goes on a while after its cure, lest its targets be sent meanwhile."""
    account_rules = [rule for rule in inhibitions() if "account" in rule["equal"]]
    sources = set().union(*(matched_alerts(rule["source_matchers"]) for rule in account_rules))
    assert {alert.name for alert in alerts() if alert.name in sources and not alert.lingers} == set()
