"""What the chart makes of replicas that share a database: no volume, nothing of which one alone is the first."""

import pytest
import yaml
from chart import Manifest, exporter_of, only, render, volumes_of, workload_of

NAME = "acme-zoho-mass-update-exporter"
SELECTED = {"app.kubernetes.io/name": "zoho-mass-update-exporter", "app.kubernetes.io/instance": "acme"}
FILES = "/etc/zoho-mass-update-exporter"


def with_url(url: str, *more: str) -> list[Manifest]:
    """Give what the chart makes of an address and more values, beside those of an account."""
    return render("default", "--set=" + ",".join((f"state.postgres.url={url}", *more)))


def settings(manifests: list[Manifest]) -> dict[str, object]:
    """Give what stands in the settings file."""
    [text] = [manifest["data"]["zoho.yaml"] for manifest in manifests if "zoho.yaml" in manifest.get("data", {})]
    return dict(yaml.safe_load(text))


def database_variables(manifests: list[Manifest]) -> dict[str, str]:
    """Give the variables that the database's driver reads."""
    return {
        variable["name"]: variable["value"]
        for variable in exporter_of(manifests).get("env", [])
        if variable["name"].startswith("PG")
    }


def ports_out(manifests: list[Manifest]) -> list[int]:
    """Give the ports that the NetworkPolicy lets out to, beside those of DNS and of Zoho."""
    rules = only(manifests, "NetworkPolicy")["spec"]["egress"]
    return [port["port"] for rule in rules for port in rule["ports"] if port["port"] not in {53, 5353, 443}]


def test_replicas_are_alike() -> None:
    """Two that are replaced one by one, a new one first, and that a drain takes one at a time."""
    manifests = render("postgres")
    workload = workload_of(manifests)
    assert workload["kind"] == "Deployment"
    assert workload["spec"]["replicas"] == 2
    assert workload["spec"]["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
    }
    assert only(manifests, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_state_takes_no_volume() -> None:
    """Whatever persistence says: nothing is claimed, and nothing is mounted to be written to."""
    manifests = render("postgres")
    assert [m["kind"] for m in manifests if m["kind"] in {"StatefulSet", "PersistentVolumeClaim"}] == []
    assert [
        volume for volume in volumes_of(manifests).values() if not {"configMap", "projected", "secret"} & {*volume}
    ] == []
    assert [mount for mount in exporter_of(manifests)["volumeMounts"] if not mount.get("readOnly")] == []


def test_settings_name_the_database() -> None:
    """As the values do, and where the password is."""
    assert settings(render("postgres"))["state"] == {
        "url": "postgresql://zoho@db-0.example:6432,db-1.example:6432/zoho"
        "?sslmode=verify-full&target_session_attrs=read-write",
        "password_file": f"{FILES}/postgres/password",
    }


def test_certificates_come_by_the_drivers_own_variables() -> None:
    """Certificates lie, as the password does, in files that the exporter's group may read."""
    manifests = render("postgres")
    assert database_variables(manifests) == {
        "PGSSLROOTCERT": f"{FILES}/postgres-ca/ca.crt",
        "PGSSLCERT": f"{FILES}/postgres-certificate/tls.crt",
        "PGSSLKEY": f"{FILES}/postgres-certificate/tls.key",
    }
    mounts = {mount["name"]: mount["mountPath"] for mount in exporter_of(manifests)["volumeMounts"]}
    assert {
        mounts[name]: volume["secret"] for name, volume in volumes_of(manifests).items() if name.startswith("postgres")
    } == {
        f"{FILES}/postgres": {"secretName": "zoho-database", "defaultMode": 0o440},
        f"{FILES}/postgres-ca": {"secretName": "zoho-database-ca", "defaultMode": 0o440},
        f"{FILES}/postgres-certificate": {"secretName": "zoho-database-login", "defaultMode": 0o440},
    }


def test_service_file_takes_the_place_of_the_password() -> None:
    """It may hold that, and says where the database is."""
    named = ("state.postgres.existingSecret=zoho-database", "state.postgres.serviceKey=pg_service.conf")
    manifests = with_url("postgresql:///?service=zoho", *named)
    assert database_variables(manifests) == {"PGSERVICEFILE": f"{FILES}/postgres/pg_service.conf"}
    assert volumes_of(manifests)["postgres"]["secret"] == {"secretName": "zoho-database", "defaultMode": 0o440}
    assert settings(manifests)["state"] == {"url": "postgresql:///?service=zoho"}


def test_database_that_trusts_its_network_takes_no_secret() -> None:
    """An address is enough."""
    manifests = with_url("postgresql://zoho@db.example/zoho")
    assert database_variables(manifests) == {}
    assert [name for name in volumes_of(manifests) if name.startswith("postgres")] == []


@pytest.mark.parametrize(
    ("hosts", "ports"),
    [
        pytest.param("db.example", [5432], id="usual"),
        pytest.param("db.example:6432", [6432], id="pooler"),
        pytest.param(r"a.example:6432\,b.example", [6432, 5432], id="several"),
        pytest.param(r"a.example\,b.example", [5432], id="alike"),
        pytest.param("", [5432], id="service file"),
    ],
)
def test_policy_lets_the_exporter_reach_the_database(hosts: str, ports: list[int]) -> None:
    """At the ports that the address names."""
    assert ports_out(with_url(f"postgresql://zoho@{hosts}/zoho", "networkPolicy.enabled=true")) == ports


def test_policy_without_a_database_lets_nothing_more_out() -> None:
    """The state file is at home."""
    assert ports_out(render("default", "--set=networkPolicy.enabled=true")) == []


@pytest.mark.parametrize(("given", "expected"), [("replicaCount=1", 1), ("replicaCount=5", 5), ("replicaCount=0", 0)])
def test_number_of_replicas_is_the_users(given: str, expected: int) -> None:
    """One alone has no budget for disruptions, which would only be in the way."""
    manifests = with_url("postgresql://db.example/zoho", given)
    assert workload_of(manifests)["spec"]["replicas"] == expected
    assert [m["kind"] for m in manifests if m["kind"] == "PodDisruptionBudget"] == ["PodDisruptionBudget"] * (
        expected > 1
    )


def test_replicas_are_spread_over_the_nodes() -> None:
    """Unless the user says how."""
    shared = with_url("postgresql://db.example/zoho")
    [spread] = workload_of(shared)["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert (spread["topologyKey"], spread["whenUnsatisfiable"]) == ("kubernetes.io/hostname", "ScheduleAnyway")
    assert spread["labelSelector"] == {"matchLabels": SELECTED}
    asked = with_url("postgresql://db.example/zoho", "topologySpreadConstraints[0].topologyKey=zone")
    assert workload_of(asked)["spec"]["template"]["spec"]["topologySpreadConstraints"] == [{"topologyKey": "zone"}]
    assert "topologySpreadConstraints" not in workload_of(render("default"))["spec"]["template"]["spec"]


def test_api_and_list_of_jobs_are_those_of_any_replica() -> None:
    """All know the same jobs, and pods of a Deployment have no names to ask one by."""
    ingress = "ingress.enabled=true,ingress.hosts[0].host=zoho.example"
    manifests = render("postgres", f"--set=apiToken.existingSecret=zoho-api,{ingress}")
    [api] = [m for m in manifests if m["metadata"]["name"] == f"{NAME}-api"]
    assert api["spec"]["selector"] == SELECTED
    discovery = only(manifests, "ScrapeConfig")["spec"]["httpSDConfigs"]
    assert [each["url"] for each in discovery] == [f"http://{NAME}.crm.svc:10042/sd/jobs"]


def test_another_database_restarts_the_pods() -> None:
    """The address is read at a start only."""
    before, after = (with_url(f"postgresql://{host}/zoho") for host in ("a.example", "b.example"))
    changed = [old["kind"] for old, new in zip(before, after, strict=True) if old != new]
    assert changed == ["ConfigMap", "Deployment"]


def test_demo_needs_no_database() -> None:
    """Its jobs are made up anew at each start."""
    assert workload_of(render("demo", "--set=state.postgres.url=postgresql://db.example/zoho"))["kind"] == "StatefulSet"
