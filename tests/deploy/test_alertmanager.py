"""The example configuration of Alertmanager."""

import re
import subprocess
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
