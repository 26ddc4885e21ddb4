"""What the chart gives Prometheus Operator: scrapes, discovery, rules and alerts."""

import subprocess
from pathlib import Path

import pytest
import yaml
from chart import CHART, Manifest, only, parse, render
from programs import Program

SELECTED = {"app.kubernetes.io/name": "zoho-mass-update-exporter", "app.kubernetes.io/instance": "acme"}
CREDENTIALS = {
    "username": {"name": "zoho-scraper", "key": "username"},
    "password": {"name": "zoho-scraper", "key": "password"},
}
LIMITS = {
    "sampleLimit": 50_000,
    "targetLimit": 10,
    "labelLimit": 30,
    "labelNameLengthLimit": 200,
    "labelValueLengthLimit": 1000,
}


def test_service_monitor_says_all_that_the_operator_knows() -> None:
    """Each field stands where the operator looks for it; from another namespace it looks into the exporter's."""
    monitor = only(render("discovery"), "ServiceMonitor")
    assert monitor["metadata"]["namespace"] == "monitoring"
    assert monitor["spec"] == {
        "selector": {"matchLabels": SELECTED},
        "namespaceSelector": {"matchNames": ["crm"]},
        "targetLabels": ["team"],
        "podTargetLabels": ["app.kubernetes.io/version"],
        "scrapeClass": "tls",
        "scrapeProtocols": ["OpenMetricsText1.0.0", "PrometheusText0.0.4"],
        **LIMITS,
        "endpoints": [
            {
                "port": "http",
                "path": "/metrics",
                "scheme": "http",
                "params": {"collect[]": ["modules", "accounts", "exporter"]},
                "honorLabels": True,
                "authorization": {"type": "Bearer", "credentials": {"name": "zoho-scraper", "key": "token"}},
                "proxyUrl": "http://proxy.example:3128",
                "relabelings": [{"targetLabel": "job", "replacement": "zoho-mass-updates"}],
            }
        ],
    }


def test_discovery_asks_each_replica_by_its_own_name() -> None:
    """A target is scraped at the name by which the list was asked for: it must not lead to another replica."""
    configuration = only(render("discovery"), "ScrapeConfig")
    name, namespace = configuration["metadata"]["name"], configuration["metadata"]["namespace"]
    assert (name, namespace) == ("acme-zoho-mass-update-exporter-jobs", "monitoring")
    service = "acme-zoho-mass-update-exporter"
    assert configuration["spec"] == {
        "jobName": "zoho-mass-update-jobs",
        "scheme": "HTTP",
        "httpSDConfigs": [
            {
                "url": f"http://{service}-{replica}.{service}.crm.svc:10042/sd/jobs",
                "refreshInterval": "30s",
                "basicAuth": CREDENTIALS,
            }
            for replica in (0, 1)
        ],
        "basicAuth": CREDENTIALS,
        "honorLabels": True,
        "scrapeClass": "tls",
        "scrapeProtocols": ["PrometheusText1.0.0"],
        "sampleLimit": 1000,
        "relabelings": [
            {"targetLabel": "namespace", "replacement": "crm"},
            {"targetLabel": "cluster", "replacement": "north"},
        ],
        "metricRelabelings": [{"action": "drop", "sourceLabels": ["__name__"], "regex": "python_.*"}],
    }


def test_discovered_job_is_scraped_at_the_replica_that_knows_it() -> None:
    """With an external URL the list leads there, and from there to whichever replica."""
    flags = ("--skip-schema-validation", "--set=config.web.external_url=https://ops.example/zoho")
    spec = only(render("discovery", *flags), "ScrapeConfig")["spec"]
    assert spec["httpSDConfigs"][0]["url"].endswith("crm.svc:10042/zoho/sd/jobs")
    assert spec["relabelings"][1:4] == [
        {"sourceLabels": ["__meta_url"], "regex": "https?://([^/]+)/.*", "targetLabel": "__address__"},
        {"targetLabel": "__scheme__", "replacement": "http"},
        {"targetLabel": "__metrics_path__", "replacement": "/zoho/probe"},
    ]


@pytest.mark.parametrize(
    ("switch", "expected"),
    [("true", {"collect[]": ["modules", "accounts", "exporter"]}), ("false", None)],
)
def test_job_is_scraped_once(switch: str, expected: object) -> None:
    """What discovery brings is left out of the scrape of the whole page, and of nothing else."""
    manifests = render("replicas", f"--set=discovery.enabled={switch}")
    [spec] = [m["spec"] for m in manifests if m["kind"] == "ScrapeConfig" and "dnsSDConfigs" in m["spec"]]
    assert spec.get("params") == expected


def test_scrapes_know_tls_and_addresses() -> None:
    """With TLS the scheme is https; a Service that has IPv6 alone has no A record."""
    spec = only(render("route", "--set=discovery.enabled=true,scrapeConfig.enabled=false"), "ScrapeConfig")["spec"]
    assert spec["scheme"] == "HTTPS"
    assert spec["httpSDConfigs"][0]["url"].startswith("https://")
    assert only(render("route"), "ScrapeConfig")["spec"]["dnsSDConfigs"][0]["type"] == "AAAA"


def rules_of(values: str, *arguments: str) -> dict[str, Manifest]:
    """Give the rules of a rendered PrometheusRule by their names."""
    groups = only(render(values, *arguments), "PrometheusRule")["spec"]["groups"]
    return {rule.get("alert", rule.get("record")): rule for group in groups for rule in group["rules"]}


@pytest.fixture(scope="module")
def plain() -> dict[str, Manifest]:
    """Give the rules as the chart has them."""
    files = sorted((CHART / "files" / "rules").glob("*.yml"))
    groups = [group for file in files for group in parse(file.read_text(encoding="utf-8"))[0]["groups"]]
    return {rule.get("alert", rule.get("record")): rule for group in groups for rule in group["rules"]}


def test_each_alert_can_be_switched_off(plain: dict[str, Manifest]) -> None:
    """One by one, by its name; recording rules stay."""
    alerts = [name for name, rule in plain.items() if "alert" in rule]
    off = ",".join(f"prometheusRule.alerts.{name}.enabled=false" for name in alerts[1:])
    left = rules_of("alerts", f"--set=prometheusRule.alerts.{alerts[0]}.enabled=true,{off}")
    assert [name for name, rule in left.items() if "alert" in rule] == [alerts[0]]
    assert {name for name, rule in plain.items() if "record" in rule} < set(left)


def test_group_without_a_rule_is_left_out(plain: dict[str, Manifest]) -> None:
    """Prometheus would take an empty one, but it says nothing."""
    off = ",".join(f"prometheusRule.alerts.{name}.enabled=false" for name, rule in plain.items() if "alert" in rule)
    groups = only(render("alerts", f"--set={off}"), "PrometheusRule")["spec"]["groups"]
    assert [group["name"] for group in groups if not group["rules"]] == []
    assert [group["name"] for group in groups if group["name"].endswith("-alerts")] == []


def test_alert_is_changed_where_the_values_say_so(plain: dict[str, Manifest]) -> None:
    """Severity, waits, labels and annotations; the rest of the rule stays."""
    before, after = plain["ZohoMassUpdateExporterDown"], rules_of("alerts")["ZohoMassUpdateExporterDown"]
    assert after == {
        **before,
        "for": "5m",
        "keep_firing_for": "30m",
        "labels": {**before["labels"], "team": "platform"},
        "annotations": {
            **before["annotations"],
            "owner": "crm",
            "runbook_url": "https://wiki.example/zoho",
        },
    }
    assert rules_of("alerts")["ZohoMassUpdateJobPartlyFailed"]["labels"]["severity"] == "info"


@pytest.mark.parametrize(
    ("alert", "own", "threshold", "changed"),
    [
        ("ZohoMassUpdateJobStalled", "> 30 * 60", "1h30m", "> 5400"),
        ("ZohoMassUpdateJobWaitingTooLong", "> 60 * 60", "90s", "> 90"),
        ("ZohoMassUpdateJobDataStale", "> 75 * 60", "1d", "> 86400"),
    ],
)
def test_threshold_takes_the_place_of_the_alerts_own(
    alert: str, own: str, threshold: str, changed: str, plain: dict[str, Manifest]
) -> None:
    """Nothing else of the expression changes."""
    after = rules_of("alerts", f"--set=prometheusRule.alerts.{alert}.threshold={threshold}")[alert]["expr"]
    assert after.count(changed) == 1
    assert after.replace(changed, own) == plain[alert]["expr"]


def test_labels_for_all_reach_alerts_alone(plain: dict[str, Manifest]) -> None:
    """A label more on a recorded series would part it from those that it is joined with."""
    after = rules_of("alerts")
    labelled = {name for name, rule in after.items() if "team" in rule.get("labels", {})}
    assert labelled == {name for name, rule in plain.items() if "alert" in rule} - {"ZohoMassUpdateJobSuspended"}
    assert {name: after[name] for name, rule in plain.items() if "record" in rule} == {
        name: rule for name, rule in plain.items() if "record" in rule
    }


def test_promtool_accepts_changed_rules(tmp_path: Path, program: Program) -> None:
    """With the user's own in a group of their own, in the namespace that was asked for."""
    rule = only(render("alerts"), "PrometheusRule")
    assert rule["metadata"]["namespace"] == "rules"
    assert rule["spec"]["groups"][-1] == {
        "name": "acme-zoho-mass-update-exporter",
        "rules": [{"record": "account:zoho_mass_update_jobs:sum", "expr": "sum by (account) (zoho_mass_update_jobs)"}],
    }
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump(rule["spec"]), encoding="utf-8")
    check = subprocess.run([program("promtool"), "check", "rules", file], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stderr
