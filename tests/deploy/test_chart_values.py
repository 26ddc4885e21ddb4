"""What may be written in the chart's values: what is refused and with which words, and the table that describes it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import derived
import pytest
import values_table
import yaml
from chart import CHART, Manifest, exporter_of, only, parse, refusal, render, run, values_file


@pytest.mark.parametrize(
    ("values", "argument", "complaint"),
    [
        ("default", "--set=replicas=2", "- (root): Additional property replicas is not allowed"),
        ("default", "--set=image.repo=x", "- image: Additional property repo is not allowed"),
        ("default", "--set=image.repository=exporter:1.0", "- image.repository: Does not match pattern"),
        ("default", "--set=replicaCount=two", "- replicaCount: Does not match pattern"),
        ("default", "--set=persistence=null", "- (root): persistence is required"),
        ("default", "--set=persistence.enabled=no", "- persistence.enabled: Invalid type. Expected: boolean, given: s"),
        ("default", "--set=serviceMonitor.interval=fast", "- serviceMonitor.interval: Does not match pattern"),
        ("default", "--set=config.acounts.acme.client_id=x", "- config: Additional property acounts is not allowed"),
        (
            "default",
            "--set=config.accounts.acme.data_center=mars",
            "- config.accounts.acme.data_center: config.account",
        ),
        ("default", "--set=config.jobs[0].job_id=3524033000006027001", "- config.jobs.0.job_id: Invalid type. Expecte"),
        ("default", "--set=config.jobs[0].modul=Leads", "- config.jobs.0: Additional property modul is not allowed"),
        (
            "default",
            "--set=config.accounts.acme.client_secret=hunter2hunter2",
            "- config.accounts.acme: Additional property client_secret is not allowed",
        ),
        ("default", "--set=config.state.path=/tmp/x", "- config: Additional property state is not allowed"),
        ("default", "--set=proxy.url=http://me:hunter2hunter2@proxy:1", "- proxy.url: Does not match pattern"),
        (
            "default",
            "--set=secrets.acme.clientSecret=hunter2hunter2",
            "- secrets.acme: Additional property clientSecret is not allowed",
        ),
        ("replicas", "--set=secrets.b.clientSecret=hunter2hunter2", "- secrets.b: refreshToken is required"),
        ("default", "--set=secrets.acne.existingSecret=x", "secrets.acne: config.accounts has no account of that name"),
        (
            "default",
            "--set=config.accounts.emea.client_id=x",
            "config.accounts.emea has no secrets: set secrets.emea.existingSecret to a Secret with the keys client_",
        ),
        (
            "environment",
            "--set-json=envFrom=[]",
            "no account: describe one in config.accounts, give its variables by env or envFrom, or set demo=true",
        ),
        (
            "replicas",
            "--set=serviceMonitor.enabled=true",
            "serviceMonitor and scrapeConfig are both enabled: Prometheus would scrape everything twice; enable one",
        ),
        ("default", "--set=serviceMonitor.interval=10s1m", "- serviceMonitor.interval: Does not match pattern"),
        (
            "default",
            "--set=serviceMonitor.interval=10s,serviceMonitor.scrapeTimeout=30s",
            "serviceMonitor.scrapeTimeout (30s) is longer than serviceMonitor.interval (10s), which Prometheus refuses",
        ),
        (
            "default",
            "--set=scrapeConfig.interval=1m,scrapeConfig.scrapeTimeout=1m1ms",
            "scrapeConfig.scrapeTimeout (1m1ms) is longer than scrapeConfig.interval (1m), which Prometheus refuses: s",
        ),
        ("default", "--set-json=env={}", "- env: Invalid type. Expected: array, given: object"),
        (
            "default",
            '--set-json=commonLabels={"team": 7}',
            "- commonLabels.team: Invalid type. Expected: string, given: i",
        ),
        (
            "default",
            "--set-json=extraManifests=[7]",
            "- extraManifests.0: Invalid type. Expected: [object,string], given",
        ),
        ("default", "--set=hostAliases=192.0.2.7", "- hostAliases: Invalid type. Expected: array, given: string"),
        ("default", "--set=dnsPolicy=none", "- dnsPolicy: dnsPolicy must be one of the following"),
        ("default", "--set=livenessProbe.timeout=3", "- livenessProbe: Additional property timeout is not allowed"),
        (
            "default",
            "--set=service.ipFamilies={IPv5}",
            "- service.ipFamilies.0: service.ipFamilies.0 must be one of the foll",
        ),
        ("default", "--set=route.Main.enabled=true", '- route: Property name of "Main" does not match'),
        ("default", "--set=route.main=null", "- route: main is required"),
        ("default", "--set=ingress.enabled=true", "- ingress.hosts: Array must have at least 1 items"),
        (
            "ingress",
            "--set=apiToken.existingSecret=",
            "ingress or route lets the outside in, and nothing asks who it is: set apiToken.existingSecret for the job",
        ),
        (
            "route",
            "--set=webConfig.existingSecret=",
            "ingress or route lets the outside in, and nothing asks who it is: set apiToken.existingSecret for the job",
        ),
        (
            "pod",
            "--set=replicaCount=2",
            "persistence.existingClaim is one volume, and each replica needs its own: set replicaCount to 1, or leave ",
        ),
        (
            "pod",
            "--set=state.postgres.url=postgresql://db.example/zoho",
            "persistence.existingClaim is a volume for a state file, but state.postgres.url keeps the state",
        ),
        ("default", "--set=state.postgres.url=mysql://db.example", "- state.postgres.url: Does not match pattern"),
        (
            "default",
            "--set=state.postgres.url=postgresql://zoho:hunter2hunter2@db.example/zoho",
            "state.postgres.url holds a password, which everybody would see: take it out, and name a Secret in state.p",
        ),
        (
            "default",
            "--set=state.postgres.url=postgresql://db.example/zoho?user=zoho&password=hunter2hunter2",
            "state.postgres.url holds a password, which everybody would see: take it out, and name a Secret in state.p",
        ),
        (
            "default",
            "--set=state.postgres.serviceKey=pg_service.conf",
            "state.postgres.serviceKey is a key of state.postgres.existingSecret: name that Secret",
        ),
        (
            "default",
            "--set=enabled=false",
            "enabled=false leaves this chart out only where a parent chart names it in the condition of its dependency",
        ),
        (
            "default",
            "--set=prometheusRule.alerts.ZohoMassUpdateJobFail.enabled=false",
            "prometheusRule.alerts.ZohoMassUpdateJobFail: there is no alert of that name; there are ZohoMassUpdateJobF",
        ),
        (
            "default",
            '--set-json=prometheusRule.additionalRuleLabels={"owner.example": "crm"}',
            '- prometheusRule.additionalRuleLabels: Property name of "owner.example" does not match',
        ),
        (
            "default",
            "--set=prometheusRule.alerts.ZohoMassUpdateJobFailed.wait=1h",
            "- prometheusRule.alerts.ZohoMassUpdateJobFailed: Additional property wait is not allowed",
        ),
        (
            "default",
            "--set=prometheusRule.alerts.ZohoMassUpdateJobStalled.threshold=",
            "- prometheusRule.alerts.ZohoMassUpdateJobStalled.threshold: String length must be greater than",
        ),
        (
            "alerts",
            "--set=prometheusRule.alerts.ZohoMassUpdateJobFailed.threshold=1h",
            "prometheusRule.alerts.ZohoMassUpdateJobFailed.threshold: this alert does not stand on one time",
        ),
        (
            "default",
            "--set=prometheusRule.alerts.ZohoMassUpdateJobFailed=false",
            "- prometheusRule.alerts.ZohoMassUpdateJobFailed: Invalid type. Expected: object, given: boolean",
        ),
    ],
)
def test_bad_values_are_refused_with_their_place(values: str, argument: str, complaint: str) -> None:
    """What the schema or the chart refuses is named, and no secret is repeated."""
    said = refusal(values, argument)
    assert complaint in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("", "no account: describe one in config.accounts", id="empty"),
        pytest.param("# config:\n", "no account: describe one in config.accounts", id="only a comment"),
        pytest.param("config:\n", "- (root): config is required", id="nothing below a key"),
        pytest.param("- config: {}\n", "cannot unmarshal array", id="a list"),
        pytest.param("config: [\n", "error converting YAML to JSON", id="no YAML"),
    ],
)
def test_values_file_that_says_nothing_is_refused(text: str, complaint: str, tmp_path: Path) -> None:
    """An empty or broken file does not install an exporter that watches nothing."""
    (tmp_path / "values.yaml").write_text(text, encoding="utf-8")
    done = run("helm", "template", "acme", CHART, f"--values={tmp_path}/values.yaml")
    assert done.returncode == 1
    assert complaint in done.stderr


@pytest.mark.parametrize(
    "argument",
    [
        "serviceMonitor.interval=30s,serviceMonitor.scrapeTimeout=30s",
        "serviceMonitor.interval=1m30s,serviceMonitor.scrapeTimeout=80s",
        "serviceMonitor.interval=5s",
        "serviceMonitor.scrapeTimeout=1h",
    ],
)
def test_timeout_within_the_interval_is_accepted(argument: str) -> None:
    """Where one of the two is Prometheus' own, the chart can not know."""
    monitor = only(render("default", f"--set=serviceMonitor.enabled=true,{argument}"), "ServiceMonitor")
    given = dict(pair.removeprefix("serviceMonitor.").split("=") for pair in argument.split(","))
    assert given.items() <= monitor["spec"]["endpoints"][0].items()


def parent_chart(directory: Path, dependency: Manifest, values: Manifest) -> Path:
    """Write a chart that depends on ours, and give its folder."""
    parent = directory / "parent"
    name = dependency.get("alias", CHART.name)
    shutil.copytree(CHART, parent / "charts" / CHART.name)
    whole = {"name": CHART.name, "version": "0.1.0", "repository": "", "condition": f"{name}.enabled", **dependency}
    chart = {"apiVersion": "v2", "name": "parent", "version": "1.0.0", "dependencies": [whole]}
    (parent / "Chart.yaml").write_text(yaml.safe_dump(chart), encoding="utf-8")
    (parent / "values.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    return parent


@pytest.mark.parametrize("dependency", [{}, {"alias": "zoho"}], ids=["its own name", "alias"])
@pytest.mark.parametrize(("enabled", "expected"), [(True, 1), (False, 0)])
def test_parent_chart_may_switch_it_on_and_off(
    dependency: Manifest, *, enabled: bool, expected: int, tmp_path: Path
) -> None:
    """The condition of a dependency is a value of the chart that depends on it, handed down as any other."""
    ours = {"enabled": enabled, **yaml.safe_load(values_file("default").read_text(encoding="utf-8"))}
    values = {"global": {"imageRegistry": "mirror.example", "owner": {"team": "crm"}}, "other": 1}
    parent = parent_chart(tmp_path, dependency, {**values, dependency.get("alias", CHART.name): ours})
    done = run("helm", "template", "acme", parent)
    assert done.returncode == 0, done.stderr
    workloads = [manifest for manifest in parse(done.stdout) if manifest["kind"] == "StatefulSet"]
    assert len(workloads) == expected
    assert [exporter_of([w])["image"] for w in workloads] == [
        "mirror.example/zoho-mass-update-exporter:0.1.0"
    ] * expected


def keys(values: Manifest, prefix: str = "") -> Iterator[str]:
    """Give the dotted names of all values that have a key of their own in the chart."""
    for key, value in values.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict):
            yield from keys(value, f"{prefix}{key}.")


def allowed(schema: Manifest, definitions: Manifest, prefix: str = "") -> Iterator[str]:
    """Give the dotted names of all values that the schema knows and that templates rely on."""
    for key, part in schema.get("properties", {}).items():
        yield f"{prefix}{key}"
        target = definitions[part["$ref"].rpartition("/")[2]] if "$ref" in part else part
        if "required" in target:
            yield from allowed(target, definitions, f"{prefix}{key}.")


def schema_of_values() -> Manifest:
    """Give the chart's schema of its values."""
    return dict(json.loads((CHART / "values.schema.json").read_text(encoding="utf-8")))


def test_each_allowed_value_has_its_default_and_its_place() -> None:
    """values.yaml, which is the reference, names all that the schema allows; a parent's condition has no default."""
    schema = schema_of_values()
    names = set(keys(yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))))
    assert set(allowed(schema, schema["$defs"])) - names == {"enabled"}


def test_no_value_may_be_taken_away() -> None:
    """An empty key is Helm's way to delete one, and templates rely on all but a parent's: each is required."""
    schema = schema_of_values()
    assert set(schema["properties"]) - set(schema["required"]) == {"global", "enabled"}
    sections = [part for key, part in schema["properties"].items() if "properties" in part and key != "global"]
    assert len(sections) > 15
    assert [section["properties"] for section in sections if [*section["properties"]] != section["required"]] == []


def test_table_describes_each_value() -> None:
    """No row is without its words, and each section of the file is in the table."""
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    rows = list(values_table.values(text))
    assert [row.key for row in rows if not row.description] == []
    assert {row.key.partition(".")[0] for row in rows} == set(yaml.safe_load(text))


def test_table_is_as_helm_docs_writes_it() -> None:
    """A section is taken apart unless its comment describes it as a whole; plain comments are for the file's reader."""
    text = """\
# A remark.
image:
  # -- Where it is: a|b.
  repository: zoho
  # Not this line.
  # -- Pull
  # always.
  pull: true
# -- As a whole.
resources:
  cpu: 1
# -- None.
labels: {}
count: 3
"""
    assert values_table.table(text) == (
        "| Key | Type | Default | Description |\n"
        "|-----|------|---------|-------------|\n"
        '| image.repository | string | `"zoho"` | Where it is: a\\|b. |\n'
        "| image.pull | bool | `true` | Pull always. |\n"
        '| resources | object | `{"cpu": 1}` | As a whole. |\n'
        "| labels | object | `{}` | None. |\n"
        "| count | int | `3` |  |\n"
    )


def test_table_takes_the_place_of_the_one_before() -> None:
    """What stands before and after it stays, however often it is written."""
    start, end = values_table.START, values_table.END
    once = values_table.with_table(f"# Chart\n\n{start}{end}\nThe end.\n", "a: 1\n")
    assert once.startswith(f"# Chart\n\n{start}\n| Key |")
    assert once.endswith(f"| a | int | `1` |  |\n\n{end}\nThe end.\n")
    assert values_table.with_table(once, "a: 1\n") == once


def test_readme_has_the_table_of_the_values() -> None:
    """The chart's page describes the values that it has."""
    readme = (CHART / "README.md").read_text(encoding="utf-8")
    assert values_table.table((CHART / "values.yaml").read_text(encoding="utf-8")) in readme
    assert derived.chart_files()[derived.CHART / "README.md"] == readme, "make manifests"
