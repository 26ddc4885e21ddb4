"""The Helm chart and the manifests rendered from it: accepted by Kubernetes, in step with the exporter, and safe."""

import json
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import textwrap
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import derived
import pytest
import requests
import yaml
from chart import (
    CHART,
    ROOT,
    VALUE_SETS,
    WORKLOADS,
    Manifest,
    exporter_of,
    only,
    parse,
    pod_of,
    render,
    render_text,
    run,
    values_file,
    volumes_of,
    workload_of,
)
from processes import bare_environment, eventually, exporter_command, started
from programs import Program
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from settings_schema import chart_schema

from exporter import __version__
from exporter.cli import create_parser
from exporter.settings import AccountSettings, Settings, load_settings
from exporter.simulator import Scenario, Simulator

CONFIGURATION = "/etc/zoho-mass-update-exporter"
KUBERNETES = ["1.25.0", "1.27.0", "1.31.0", "1.37.0"]
CUSTOM_KINDS = {"HTTPRoute", "PrometheusRule", "ScrapeConfig", "ServiceMonitor"}
_MADE_UP = {
    "ca_bundle": Path(DEFAULT_CA_BUNDLE_PATH).read_text(encoding="utf-8"),
    "refresh_token_file": "1000.0123456789abcdef.0123456789abcdef",
}
SELECTED = {"app.kubernetes.io/name": "zoho-mass-update-exporter", "app.kubernetes.io/instance": "acme"}

RULES = """\
groups:
  - name: zoho-mass-update
    interval: 1m
    rules:
      - record: account:zoho_mass_update_jobs:sum
        expr: sum by (account) (zoho_mass_update_jobs)
"""
ALERTS = """\
groups:
  - name: zoho-mass-update-alerts
    rules:
      - alert: ZohoMassUpdateJobFailed
        expr: |
          max by (account) (zoho_mass_update_job_state{state="FAILED"})
            == 1
        for: 5m
        labels: {severity: critical}
        annotations:
          summary: 'A job of {{ $labels.account }} failed: {{ $value | humanize }}'
"""
DASHBOARD = '{\n  "title": "Mass updates",\n  "panels": [{"legend": "{{account}}"}]\n}\n'


def documented(language: str, start: str) -> list[str]:
    """Give the blocks of docs/kubernetes.md in a language that begin so."""
    text = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    blocks = [textwrap.dedent(block) for _, block in found]
    return [block for block in blocks if block.startswith(start)]


@pytest.fixture
def stocked_chart(tmp_path: Path) -> Path:
    """Give a copy of the chart with two known rule files and one known dashboard."""
    copy = tmp_path / CHART.name
    shutil.copytree(CHART, copy, ignore=shutil.ignore_patterns("files"))
    files = {"rules/rules.yml": RULES, "rules/alerts.yml": ALERTS, "dashboards/fleet.json": DASHBOARD}
    for name, text in files.items():
        (copy / "files" / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / "files" / name).write_text(text, encoding="utf-8")
    return copy


@pytest.fixture(scope="module")
def noted_chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy of the chart whose notes are an object, since `helm template` leaves notes out."""
    copy = tmp_path_factory.mktemp("noted") / CHART.name
    shutil.copytree(CHART, copy)
    notes = (copy / "templates" / "NOTES.txt").read_text(encoding="utf-8")
    (copy / "templates" / "_notes.tpl").write_text(f'{{{{ define "notes" }}}}{notes}{{{{ end }}}}', encoding="utf-8")
    (copy / "templates" / "notes.yaml").write_text('kind: Notes\ntext: {{ include "notes" . | quote }}\n')
    return copy


def settings_file(manifests: list[Manifest]) -> str:
    """Give the text of the settings file in its ConfigMap."""
    [text] = [manifest["data"]["zoho.yaml"] for manifest in manifests if "zoho.yaml" in manifest.get("data", {})]
    return str(text)


def with_secrets(settings: str, directory: Path) -> str:
    """Make up in a directory the files that a settings file names, and give the file with their paths."""
    text = re.sub(r"(/etc/zoho-mass-update-exporter|/vault)/", f"{directory}/", settings)
    for number, (name, secret) in enumerate(re.findall(r"(\w+_file|ca_bundle): (\S+)", text)):
        Path(secret).parent.mkdir(parents=True, exist_ok=True)
        made_up = _MADE_UP.get(name, "word-of-sixteen-letters")  # no two accounts have one refresh token
        own = f"{made_up[:-1]}{number}" if name == "refresh_token_file" else made_up
        Path(secret).write_text(own, encoding="utf-8")
        Path(secret).chmod(0o600)
    return text


def settings_of(manifests: list[Manifest], directory: Path) -> Settings:
    """Load the settings file of the ConfigMap; the files that it names are made up in the directory."""
    file = directory / "zoho.yaml"
    file.write_text(with_secrets(settings_file(manifests), directory), encoding="utf-8")
    return load_settings(file, environ={}, dotenv_file=None, secrets_dir=directory / "absent")


def mounts_of(manifests: list[Manifest]) -> dict[str, str]:
    """Give where the exporter's volumes are mounted, by their names."""
    return {mount["name"]: mount["mountPath"] for mount in exporter_of(manifests)["volumeMounts"]}


def test_value_sets_are_those_that_the_chart_promises() -> None:
    """None was lost on the way."""
    assert " ".join(VALUE_SETS) == (
        "alerts default demo discovery environment full ingress openshift pod postgres replicas route umbrella"
    )


@pytest.mark.parametrize("values", VALUE_SETS)
def test_lint_has_no_remark(values: str) -> None:
    """The strict linter accepts each value set."""
    done = run("helm", "lint", "--strict", "--quiet", CHART, f"--values={values_file(values)}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_accepts_every_manifest(version: str, tmp_path: Path) -> None:
    """Each object of each value set fits the oldest and the newest supported Kubernetes, and two between them.

    No field is unknown. Dashboards are long, and ConfigMaps whatever they hold: they are left out.
    """
    for values in VALUE_SETS:
        text = render_text(values, f"--kube-version={version}", "--set=dashboards.enabled=false")
        (tmp_path / f"{values}.yaml").write_text(text, encoding="utf-8")
    done = run("kubernetes-validate", "--strict", "--kubernetes-version", version, *tmp_path.glob("*.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(re.findall(r"find schema for kind (\w+)", done.stdout + done.stderr)) == CUSTOM_KINDS


def test_kubernetes_is_new_enough() -> None:
    """An older Kubernetes than those tried is refused."""
    done = run("helm", "template", CHART, f"--values={values_file('default')}", "--kube-version=1.24.9")
    assert "incompatible with Kubernetes v1.24.9" in done.stderr


@pytest.mark.parametrize(
    ("values", "kinds"),
    [
        ("default", ["ConfigMap", "Pod", "Service", "ServiceAccount", "StatefulSet"]),
        (
            "replicas",
            [
                "ConfigMap",
                "Pod",
                "PodDisruptionBudget",
                "ScrapeConfig",
                "Secret",
                "Service",
                "ServiceAccount",
                "StatefulSet",
            ],
        ),
    ],
)
def test_objects_are_those_asked_for(values: str, kinds: list[str]) -> None:
    """Nothing is made that the values do not ask for."""
    assert sorted(manifest["kind"] for manifest in render(values)) == kinds


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            "default",
            [
                "run",
                f"--config.file={CONFIGURATION}/config/zoho.yaml",
                "--state.path=/var/lib/zoho-mass-update-exporter/state.db",
                "--web.listen-address=:10042",
            ],
        ),
        ("demo", ["demo", "--web.listen-address=:10042"]),
        (
            "full",
            [
                "run",
                f"--config.file={CONFIGURATION}/config/zoho.yaml",
                "--state.path=/var/lib/zoho-mass-update-exporter/state.db",
                f"--web.config.file={CONFIGURATION}/web/web-config.yml",
                "--web.listen-address=:10042",
                "--log.level=info",
            ],
        ),
        (
            "postgres",
            ["run", f"--config.file={CONFIGURATION}/config/zoho.yaml", "--web.listen-address=:10042"],
        ),
    ],
)
def test_exporter_understands_its_arguments(values: str, expected: list[str]) -> None:
    """The command line of the pod is one that the exporter's own parser accepts."""
    arguments = exporter_of(render(values))["args"]
    assert arguments == expected
    assert create_parser().parse_args(arguments).command.name == expected[0]


@pytest.mark.parametrize(
    ("values", "jobs"),
    [
        ("default", ["acme/Leads/3524033000006027001"]),
        ("full", ["acme/Leads/3524033000006027001", "emea.test/Deals/3524033000006027002"]),
        ("replicas", ["acme/Leads/3524033000006027001"]),
        ("postgres", ["acme/Leads/3524033000006027001"]),
    ],
)
def test_settings_load(values: str, jobs: list[str], tmp_path: Path) -> None:
    """The exporter accepts the settings file of the ConfigMap, and warns of nothing but the made-up client id."""
    settings = settings_of(render(values), tmp_path)
    assert [str(spec.key) for spec in settings.job_specs] == jobs
    assert {warning.message.partition(": ")[2] for warning in settings.warnings} == {
        "looks like a placeholder: put Zoho's own value in its place"
    }


def test_settings_keep_what_was_written(tmp_path: Path) -> None:
    """Helm does not turn a large number, a fraction or a duration into another."""
    settings = settings_of(render("full"), tmp_path)
    assert settings.accounts["acme"].daily_credit_budget == 10_000_000
    assert settings.scrape_timeout_offset == 0.25
    assert settings.stale_after == 7200.0
    assert settings.ca_bundle == tmp_path / "ca" / "bundle.pem"


def test_account_may_come_by_variables_alone(tmp_path: Path) -> None:
    """The settings file is then empty, and the environment says all."""
    manifests = render("environment")
    (tmp_path / "zoho.yaml").write_text(settings_file(manifests), encoding="utf-8")
    variables = {
        "ZOHO_CLIENT_ID": "1000.X",
        "ZOHO_CLIENT_SECRET": "word",
        "ZOHO_REFRESH_TOKEN": "word",
        "ZOHO_DATA_CENTER": "eu",
    }
    settings = load_settings(
        tmp_path / "zoho.yaml", environ=variables, dotenv_file=None, secrets_dir=tmp_path / "absent"
    )
    assert list(settings.accounts) == ["default"]
    assert exporter_of(manifests)["envFrom"] == [{"secretRef": {"name": "zoho-variables"}}]


def test_each_secret_file_is_mounted_where_the_settings_look() -> None:
    """The paths in the settings file are those of the volume, and each comes from the right key."""
    manifests = render("full")
    accounts = yaml.safe_load(settings_file(manifests))["accounts"]
    mounted = {
        f"{mounts_of(manifests)['secrets']}/{item['path']}": f"{source['secret']['name']}/{item['key']}"
        for source in volumes_of(manifests)["secrets"]["projected"]["sources"]
        for item in source["secret"]["items"]
    }
    assert {
        f"{alias}.{name}": mounted.get(path)
        for alias, account in accounts.items()
        for name, path in account.items()
        if name.endswith("_file")
    } == {
        "acme.client_secret_file": "zoho-acme/secret",
        "acme.refresh_token_file": "zoho-acme/token",
        "emea.test.client_secret_file": "zoho/emea.test.client_secret",
        "emea.test.refresh_token_file": "zoho/emea.test.refresh_token",
        "vault.client_secret_file": None,
        "vault.refresh_token_file": None,
    }


@pytest.mark.parametrize("values", ["full", "replicas"])
def test_secrets_stand_in_the_secret_alone(values: str) -> None:
    """No other object, and no note to the operator, shows what is secret."""
    manifests = render(values)
    secret = only(manifests, "Secret")
    assert len(secret["stringData"]) == 2
    others = json.dumps([manifest for manifest in manifests if manifest is not secret])
    assert [text for text in secret["stringData"].values() if text in others] == []


def test_new_job_restarts_nothing() -> None:
    """Only the ConfigMap changes, which the exporter reads again."""
    job = "config.jobs[1].module=Deals,config.jobs[1].job_id="
    before = render("default")
    after = render("default", f"--set-string={job}3524033000006027002")
    assert [old["kind"] for old, new in zip(before, after, strict=True) if old != new] == ["ConfigMap"]


@pytest.mark.parametrize("argument", ["config.log.level=debug", "config.web.telemetry_path=/zoho"])
def test_settings_read_at_the_start_restart_the_pod(argument: str) -> None:
    """The exporter takes them up in no other way."""
    before, after = render("default"), render("default", f"--set={argument}")
    changed = [old["kind"] for old, new in zip(before, after, strict=True) if old != new]
    assert changed == ["ConfigMap", "StatefulSet"]


def test_api_token_is_read_from_its_secret() -> None:
    """The settings name the file that the volume holds, beside what the user wrote of the section."""
    manifests = render("full")
    web = yaml.safe_load(settings_file(manifests))["web"]
    assert web == {"telemetry_path": "/zoho/metrics", "api_token_file": f"{mounts_of(manifests)['api']}/bearer"}
    assert volumes_of(manifests)["api"]["secret"]["secretName"] == "zoho-api"


def test_mounts_change_when_their_objects_do() -> None:
    """A file mounted by subPath would stay as it was, and a mount inside a read-only one can't be made."""
    mounts = exporter_of(render("full"))["volumeMounts"]
    paths = [mount["mountPath"] for mount in mounts]
    assert [mount for mount in mounts if "subPath" in mount] == []
    assert [(a, b) for a in paths for b in paths if b.startswith(f"{a}/")] == []


@pytest.mark.parametrize("values", sorted({*VALUE_SETS} - {"openshift"}))
@pytest.mark.parametrize("kind", ["workload", "Pod"])
def test_pods_fit_the_restricted_standard(kind: str, values: str) -> None:
    """Each pod passes the Pod Security Standard "restricted", on a read-only root as a numeric user."""
    manifests = render(values)
    pod = pod_of(workload_of(manifests) if kind == "workload" else only(manifests, kind))["spec"]
    container = pod["containers"][0]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 65532
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    kinds = {next(iter(set(volume) - {"name"})) for volume in pod.get("volumes", [])}
    assert kinds <= {"configMap", "csi", "emptyDir", "persistentVolumeClaim", "projected", "secret"}


@pytest.mark.parametrize("kind", ["StatefulSet", "Pod"])
def test_pods_have_no_token_of_the_cluster(kind: str) -> None:
    """The exporter never speaks to Kubernetes, nor does it see the variables of other services."""
    pod = pod_of(only(render("default"), kind))["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert only(render("default"), "ServiceAccount")["automountServiceAccountToken"] is False


def test_selectors_find_the_exporter_and_not_the_test_pod() -> None:
    """All that select pods or the service select by the same labels."""
    manifests = [*render("full"), *render("replicas"), *render("postgres")]
    selectors = [
        manifest["spec"].get("selector") or manifest["spec"]["podSelector"]
        for manifest in manifests
        if manifest["kind"] in {"NetworkPolicy", "PodDisruptionBudget", "Service", "ServiceMonitor", *WORKLOADS}
    ]
    assert [selector.get("matchLabels", selector) for selector in selectors] == [SELECTED] * len(selectors)
    assert SELECTED.items() <= pod_of(only(render("full"), "StatefulSet"))["metadata"]["labels"].items()
    assert not SELECTED.items() <= only(render("full"), "Pod")["metadata"]["labels"].items()


@pytest.mark.parametrize("kind", ["StatefulSet", "Service", "ServiceMonitor"])
def test_labels_of_the_user_are_beside_those_of_the_chart(kind: str) -> None:
    """A label asked for appears, and takes no other away."""
    manifest = only(render("full"), kind)
    labels = (pod_of(manifest) if kind == "StatefulSet" else manifest)["metadata"]["labels"]
    asked = {"StatefulSet": "team", "Service": "team", "ServiceMonitor": "release"}[kind]
    assert {asked, *SELECTED} <= set(labels)


@pytest.mark.parametrize(
    ("arguments", "action"),
    [
        pytest.param((), {"httpGet": {"path": "/-/ready", "port": "http", "scheme": "HTTP"}}, id="plain"),
        pytest.param(
            ("--set=webConfig.existingSecret=web,webConfig.tls=true",),
            {"httpGet": {"path": "/-/ready", "port": "http", "scheme": "HTTPS"}},
            id="tls",
        ),
        pytest.param(
            ("--set=webConfig.existingSecret=web,webConfig.tls=true,webConfig.clientCertificate=true",),
            {"tcpSocket": {"port": "http"}},
            id="client certificate",
        ),
    ],
)
def test_readiness_is_asked_in_a_way_that_the_exporter_answers(
    arguments: tuple[str, ...], action: dict[str, object]
) -> None:
    """The kubelet trusts any certificate, but has none of its own."""
    assert exporter_of(render("default", *arguments))["readinessProbe"] == {**action, "timeoutSeconds": 5}


def test_liveness_does_not_depend_on_zoho() -> None:
    """A restart cures no refused token: liveness asks for another page than readiness."""
    container = exporter_of(render("default"))
    assert container["livenessProbe"]["httpGet"]["path"] == "/-/healthy"
    assert container["startupProbe"]["httpGet"]["path"] == "/-/healthy"


def test_web_config_is_read_from_its_secret() -> None:
    """The flag names the file that the volume holds."""
    manifests = render("full")
    assert f"--web.config.file={mounts_of(manifests)['web']}/web-config.yml" in exporter_of(manifests)["args"]
    assert volumes_of(manifests)["web"]["secret"]["secretName"] == "zoho-web"


def test_proxy_comes_by_the_usual_variables() -> None:
    """Beside the variables of the user."""
    variables = {variable["name"]: variable["value"] for variable in exporter_of(render("full"))["env"]}
    assert variables == {"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": ".svc", "TZ": "Europe/Berlin"}


def test_state_is_kept_for_each_replica() -> None:
    """Each pod claims a volume of its own, whose template never changes with the chart's version."""
    manifests = render("replicas")
    workload = only(manifests, "StatefulSet")["spec"]
    [claim] = workload["volumeClaimTemplates"]
    assert workload["replicas"] == 2
    assert {**claim, "spec": None} == {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "state", "labels": SELECTED},
        "spec": None,
    }
    assert claim["spec"] == {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    assert mounts_of(manifests)["state"] == "/var/lib/zoho-mass-update-exporter"


def test_state_may_go_with_the_pod() -> None:
    """Without persistence nothing is claimed."""
    manifests = render("environment")
    assert "volumeClaimTemplates" not in only(manifests, "StatefulSet")["spec"]
    assert volumes_of(manifests)["state"] == {"name": "state", "emptyDir": {}}


def test_service_shows_pods_that_are_not_ready() -> None:
    """Polls happen in scrapes: an exporter that is not scraped until it is ready might never be."""
    spec = only(render("default"), "Service")["spec"]
    assert spec["publishNotReadyAddresses"] is True
    assert spec["clusterIP"] == "None"
    assert spec["ports"] == [{"name": "http", "port": 10042, "targetPort": "http"}]
    assert exporter_of(render("default"))["ports"] == [{"name": "http", "containerPort": 10042}]


def test_service_monitor_says_what_was_asked() -> None:
    """Every field is one of the operator's API, and the path follows the settings."""
    monitor = only(render("full"), "ServiceMonitor")
    assert monitor["apiVersion"] == "monitoring.coreos.com/v1"
    assert monitor["spec"] == {
        "selector": {"matchLabels": SELECTED},
        "endpoints": [
            {
                "port": "http",
                "path": "/zoho/metrics",
                "scheme": "https",
                "interval": "30s",
                "scrapeTimeout": "20s",
                "basicAuth": {
                    "username": {"name": "zoho-scraper", "key": "username"},
                    "password": {"name": "zoho-scraper", "key": "password"},
                },
                "tlsConfig": {
                    "ca": {"configMap": {"name": "corporate-ca", "key": "bundle.pem"}},
                    "serverName": "zoho.example",
                },
                "relabelings": [
                    {"targetLabel": "job", "replacement": "zoho-mass-updates"},
                    {"targetLabel": "cluster", "replacement": "north"},
                ],
                "metricRelabelings": [{"action": "drop", "sourceLabels": ["__name__"], "regex": "python_.*"}],
            }
        ],
    }


def test_scrape_config_finds_each_replica() -> None:
    """The headless service's name has an address for each pod."""
    configuration = only(render("replicas"), "ScrapeConfig")
    assert configuration["apiVersion"] == "monitoring.coreos.com/v1alpha1"
    assert configuration["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    assert configuration["spec"] == {
        "jobName": "zoho-mass-updates",
        "metricsPath": "/metrics",
        "scheme": "HTTP",
        "dnsSDConfigs": [{"names": ["acme-zoho-mass-update-exporter.crm.svc"], "type": "A", "port": 10042}],
        "scrapeInterval": "30s",
        "relabelings": [{"targetLabel": "namespace", "replacement": "crm"}],
    }
    assert only(render("replicas"), "Service")["metadata"]["name"] == "acme-zoho-mass-update-exporter"


def test_network_policy_lets_in_prometheus_and_out_to_zoho() -> None:
    """Nobody else comes in; out go DNS, HTTPS and what the user adds."""
    spec = only(render("full"), "NetworkPolicy")["spec"]
    [ingress] = spec["ingress"]
    test_pod, prometheus = ingress["from"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert ingress["ports"] == [{"port": 10042, "protocol": "TCP"}]
    assert test_pod["podSelector"]["matchLabels"] == only(render("full"), "Pod")["metadata"]["labels"]
    assert prometheus["namespaceSelector"] == {"matchLabels": {"kubernetes.io/metadata.name": "observability"}}
    assert [(port["port"], port["protocol"]) for rule in spec["egress"] for port in rule["ports"]] == [
        (53, "UDP"),
        (53, "TCP"),
        (5353, "UDP"),
        (5353, "TCP"),
        (443, "TCP"),
        (3128, "TCP"),
    ]


def test_disruption_budget_never_blocks_a_drain_of_the_only_replica() -> None:
    """At most one may be away: with one replica a node can still be emptied."""
    assert only(render("replicas"), "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_rules_are_those_of_the_files(stocked_chart: Path, tmp_path: Path, program: Program) -> None:
    """Helm leaves Prometheus' own templates alone, and the real promtool accepts the groups."""
    rule = only(render("full", chart=stocked_chart), "PrometheusRule")
    assert rule["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    assert rule["spec"]["groups"] == [yaml.safe_load(text)["groups"][0] for text in (ALERTS, RULES)]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump(rule["spec"]), encoding="utf-8")
    check = subprocess.run([program("promtool"), "check", "rules", file], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stderr


def test_dashboards_reach_the_sidecar_as_they_are(stocked_chart: Path) -> None:
    """One ConfigMap each, with the sidecar's label, and the text untouched."""
    manifests = render("demo", chart=stocked_chart)
    [dashboard] = [manifest for manifest in manifests if "fleet.json" in manifest.get("data", {})]
    assert dashboard["metadata"]["name"] == "acme-zoho-mass-update-exporter-fleet"
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert dashboard["data"] == {"fleet.json": DASHBOARD}


def test_rules_and_dashboards_reach_the_cluster_unchanged() -> None:
    """The rules and dashboards that the chart holds reach the cluster as they are."""
    manifests = render("full")
    files = {path.name: path.read_text(encoding="utf-8") for path in (CHART / "files").rglob("*.*")}
    rules = [group for name in sorted(files) if name.endswith(".yml") for group in parse(files[name])[0]["groups"]]
    shown = {name: text for m in manifests if m["kind"] == "ConfigMap" for name, text in m["data"].items()}
    assert (only(manifests, "PrometheusRule")["spec"]["groups"] or []) == rules
    assert shown == {name: text for name, text in files.items() if name.endswith(".json")} | {
        "zoho.yaml": settings_file(manifests)
    }


def test_settings_that_the_chart_decides_are_no_values() -> None:
    """Secrets and what the pod's arguments say have no place in a ConfigMap; every other setting has."""
    schema = chart_schema()
    account = schema["$defs"]["AccountSettings"]["properties"]
    assert set(Settings.model_fields) - set(schema["properties"]) == {"proxy_url", "state"}
    assert set(AccountSettings.model_fields) - set(account) == {"client_secret", "refresh_token"}
    assert "listen_address" not in schema["$defs"]["WebSettings"]["properties"]


def test_chart_holds_what_it_copies() -> None:
    """Rules, dashboards and the settings' schema are those of the project."""
    files = derived.chart_files()
    assert {path: (ROOT / path).read_text(encoding="utf-8") for path in files} == files, "make manifests"
    assert derived.committed([derived.CHART / "files"]) == {path for path in files if "files" in path.parts}


def test_plain_manifests_are_those_of_the_chart() -> None:
    """What is committed is what the chart renders."""
    files = derived.manifests()
    assert {path: (ROOT / path).read_text(encoding="utf-8") for path in files} == files, "make manifests"
    assert derived.committed([derived.MANIFESTS]) == set(files)


def test_plain_manifests_do_not_pretend_to_be_helms() -> None:
    """Nothing says that Helm manages them, and Kubernetes accepts them."""
    texts = {path: (ROOT / path).read_text(encoding="utf-8") for path in derived.manifests()}
    assert [path for path, text in texts.items() if "helm.sh" in text or "managed-by" in text] == []
    assert only(parse(texts[derived.MANIFESTS / "exporter.yaml"]), "StatefulSet")["spec"]["replicas"] == 1
    done = run("kubernetes-validate", "--strict", *(ROOT / path for path in texts))
    assert done.returncode == 0, done.stdout + done.stderr


def test_chart_has_the_exporters_version() -> None:
    """The image's default tag is the version of this checkout."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert chart["appVersion"] == __version__
    assert exporter_of(render("default"))["image"] == f"zoho-mass-update-exporter:{__version__}"


def test_user_may_be_left_to_the_platform() -> None:
    """Null takes the numbers away, for a platform that gives each namespace its own."""
    assert set(pod_of(only(render("openshift"), "StatefulSet"))["spec"]["securityContext"]) == {
        "fsGroupChangePolicy",
        "runAsNonRoot",
        "seccompProfile",
    }


def test_digest_wins_over_the_tag() -> None:
    """An image may be pinned."""
    assert exporter_of(render("full"))["image"] == (
        "registry.example/monitoring/zoho-mass-update-exporter"
        "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    )


def test_package_has_all_that_it_needs(stocked_chart: Path, tmp_path: Path) -> None:
    """Rules and dashboards travel with the chart; its own trial values do not."""
    done = run("helm", "package", stocked_chart, "--destination", tmp_path)
    assert done.returncode == 0, done.stderr
    with tarfile.open(next(tmp_path.glob("*.tgz"))) as package:
        names = {name.removeprefix("zoho-mass-update-exporter/") for name in package.getnames()}
    assert {"files/rules/rules.yml", "files/dashboards/fleet.json", "values.schema.json", "README.md"} <= names
    assert [name for name in names if name.startswith("ci/")] == []


@pytest.mark.parametrize(
    ("values", "said", "unsaid"),
    [
        ("default", "set serviceMonitor.enabled=true", "replicas poll Zoho"),
        ("replicas", "2 replicas poll Zoho, and each spends", "set serviceMonitor.enabled=true"),
        ("replicas", "secrets.<account>.existingSecret", "Without persistence"),
        ("environment", "Without persistence", "kept in the Helm release"),
        ("demo", "made-up jobs", "Without persistence"),
        ("full", "https://127.0.0.1:10042/", "set serviceMonitor.enabled=true"),
        ("default", "  zoho-acme, with the keys client_secret and refresh_token (account acme)\n", "zoho-api"),
        ("full", "  zoho-acme, with the keys secret and token (account acme)\n  zoho-web, with the key", "emea.test"),
        ("full", "  zoho-api, with the key bearer\n", "networkPolicy.extraEgress"),
        ("environment", "describe pod", "The pod waits until"),
        ("ingress", "at the first replica, acme-zoho-mass-update-exporter-0", "Discovery brings jobs alone"),
        ("ingress", "networkPolicy.ingressFrom", "networkPolicy.extraEgress"),
        ("route", "at the first replica, acme-zoho-mass-update-exporter-0", "networkPolicy.ingressFrom"),
        ("pod", "kubectl --namespace watch logs", "crm"),
        ("postgres", "2 replicas share the database, and together spend what one would.", "poll Zoho, and each"),
        ("postgres", "logs deployment/acme-zoho-mass-update-exporter\n", "-0"),
        ("postgres", "zoho-database-login, with the keys tls.crt and tls.key", "Without persistence"),
        ("postgres", "  zoho-database, with the key password\n  zoho-database-ca, with the key ca.crt\n", "hunter2"),
    ],
)
def test_notes_say_what_to_mind(noted_chart: Path, values: str, said: str, unsaid: str) -> None:
    """The words after an installation fit its values, and show no secret."""
    notes = only(render(values, chart=noted_chart), "Notes")["text"]
    assert said in notes
    assert unsaid not in notes
    assert "hunter2" not in notes


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            "state.postgres.url=postgres://b,apiToken.existingSecret=a,ingress.enabled=true,ingress.hosts[0].host=b",
            "From outside the API is at any replica: all know the jobs that are registered there.",
        ),
        ("discovery.enabled=true", "Discovery brings jobs alone."),
        (
            "networkPolicy.enabled=true,proxy.url=http://proxy:3128",
            "If http://proxy:3128 is elsewhere: networkPolicy.e",
        ),
    ],
)
def test_notes_name_what_is_missing(noted_chart: Path, arguments: str, said: str) -> None:
    """What the values leave half done, and what no template can look for in the cluster."""
    assert said in only(render("default", f"--set={arguments}", chart=noted_chart), "Notes")["text"]


def test_chart_says_who_keeps_it() -> None:
    """A repository of charts asks whom to write to."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert [set(maintainer) for maintainer in chart["maintainers"]] == [{"name", "url"}]


def test_documented_installations_render(tmp_path: Path) -> None:
    """What docs/kubernetes.md installs is a whole exporter; the values are those of the page."""
    (tmp_path / "values.yaml").write_text(documented("yaml", "# values.yaml")[0], encoding="utf-8")
    demo, real, template = [*documented("sh", "helm upgrade"), *documented("sh", "helm template")]
    for command in (demo, real, template):
        arguments = command.replace("upgrade --install", "template").replace("values.yaml", f"{tmp_path}/values.yaml")
        done = run(*arguments.split())
        assert done.returncode == 0, done.stderr
        assert only(parse(done.stdout), "StatefulSet")["spec"]["replicas"] == 1


@pytest.mark.parametrize(
    ("start", "kind"),
    [("# ingress.yaml", "Ingress"), ("# alerts.yaml", "PrometheusRule"), ("# postgres.yaml", "Deployment")],
    ids=["ingress", "alerts", "postgres"],
)
def test_documented_additions_render(start: str, kind: str, tmp_path: Path) -> None:
    """Each is a values file to go with the page's first."""
    (tmp_path / "values.yaml").write_text(documented("yaml", start)[0], encoding="utf-8")
    assert only(render("default", f"--values={tmp_path}/values.yaml"), kind)["apiVersion"]


def test_documented_commands_work(tmp_path: Path) -> None:
    """The other commands of the page succeed as they stand, in a checkout of their own."""
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    (tmp_path / "values.yaml").write_text(documented("yaml", "# values.yaml")[0], encoding="utf-8")
    lint, package = documented("sh", "helm lint")[0].splitlines()
    for line in (lint, package):
        done = run(*line.split(), directory=tmp_path)
        assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.glob("*.tgz")] == ["zoho-mass-update-exporter-0.1.0.tgz"]


def test_documented_scrape_configuration_is_right(tmp_path: Path, program: Program) -> None:
    """The real promtool accepts it, and it names the job and the service as the chart does."""
    [text] = documented("yaml", "scrape_configs")
    file = tmp_path / "prometheus.yml"
    file.write_text(text, encoding="utf-8")
    check = subprocess.run([program("promtool"), "check", "config", file], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stderr
    [scrape] = yaml.safe_load(text)["scrape_configs"]
    rendered = render("default", "--set=fullnameOverride=zoho-mass-update-exporter,scrapeConfig.enabled=true")
    assert scrape["job_name"] == only(rendered, "ScrapeConfig")["spec"]["jobName"]
    service = only(rendered, "Service")["metadata"]["name"]
    assert scrape["dns_sd_configs"][0]["names"] == [f"{service}.monitoring.svc"]


class _Healthy(BaseHTTPRequestHandler):
    """Answers as the exporter does."""

    def do_GET(self) -> None:
        """Answer the health page alone."""
        self.send_response(200 if self.path == "/-/healthy" else 404)
        self.end_headers()
        self.wfile.write(b"healthy\n")

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def healthy_port() -> Iterator[int]:
    """Serve a health page, and give its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Healthy) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def run_helm_test(values: str, port: int) -> subprocess.CompletedProcess[str]:
    """Run the command of the pod of `helm test`, against a port of this machine instead of the service's."""
    [container] = only(render(values), "Pod")["spec"]["containers"]
    python, flag, code = container["command"]
    assert (python, flag) == ("python3", "-c")
    code = re.sub(r"acme-zoho-mass-update-exporter|(?<=\")zoho(?=\")", "127.0.0.1", code).replace("10042", str(port))
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("values", ["default", "full"])
def test_helm_test_passes_where_the_exporter_answers(values: str, healthy_port: int) -> None:
    """The pod's command succeeds; with TLS it only tries the port."""
    done = run_helm_test(values, healthy_port)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("values", ["default", "full"])
def test_helm_test_fails_where_nobody_answers(values: str) -> None:
    """The pod's command fails, and so does `helm test`."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        done = run_helm_test(values, closed.getsockname()[1])
    assert done.returncode == 1
    assert "Connection refused" in done.stderr


def mount(settings: str, directory: Path, revision: str) -> None:
    """Write the settings file as the kubelet does: a link to a link to a directory, which it exchanges at once."""
    (directory / revision).mkdir(parents=True)
    (directory / revision / "zoho.yaml").write_text(settings, encoding="utf-8")
    (directory / "..new").symlink_to(revision)
    (directory / "..new").rename(directory / "..data")
    if not (directory / "zoho.yaml").is_symlink():
        (directory / "zoho.yaml").symlink_to("..data/zoho.yaml")


def test_mounted_settings_are_read_again(tmp_path: Path) -> None:
    """A job that a later release adds is taken up by the exporter that runs."""
    job = "config.jobs[1].module=Deals,config.jobs[1].job_id=3524033000006027002"
    with Simulator(Scenario(jobs=())) as zoho:
        zoho_url = ",".join(f"config.accounts.acme.{name}={zoho.url}" for name in ("accounts_url", "api_url"))
        before, after = (
            with_secrets(settings_file(render("default", f"--set-string={values}")), tmp_path)
            for values in (zoho_url, f"{zoho_url},{job}")
        )
        mount(before, tmp_path / "config", "..first")
        flags = ("--web.listen-address=127.0.0.1:0", "--state.path=memory", "--log.format=json")
        command = exporter_command(f"--config.file={tmp_path}/config/zoho.yaml", *flags)
        with started(command, bare_environment(), tmp_path) as exporter:
            url = f"http://127.0.0.1:{exporter.log_event('serving metrics')['port']}/config"
            assert "3524033000006027002" not in requests.get(url, timeout=10).text
            mount(after, tmp_path / "config", "..second")
            eventually(lambda: "3524033000006027002" in requests.get(url, timeout=10).text, "the new job is not read")
