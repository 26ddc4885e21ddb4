"""What the chart makes of the values that most charts have: names, images, volumes, ways in, and objects besides."""

import pytest
from chart import VALUE_SETS, Manifest, exporter_of, only, pod_of, render, volumes_of

NAME = "acme-zoho-mass-update-exporter"
SELECTED = {"app.kubernetes.io/name": "zoho-mass-update-exporter", "app.kubernetes.io/instance": "acme"}


def objects(values: str) -> list[Manifest]:
    """Give the objects that are the chart's, without those of the user's extraManifests."""
    return [m for m in render(values) if m["metadata"]["name"] not in {"acme-extra", f"{NAME}-text"}]


@pytest.mark.parametrize(
    ("values", "image"),
    [
        ("repository=exporter", "exporter:0.1.0"),
        ("repository=q.example/x,tag=v2", "q.example/x:v2"),
        ("registry=r.example,repository=a/exporter", "r.example/a/exporter:0.1.0"),
        ("registry=r.example/sub,repository=exporter", "r.example/sub/exporter:0.1.0"),
        ("registry=r.example,repository=q.example/exporter", "r.example/exporter:0.1.0"),
        ("registry=r.example,repository=localhost/exporter", "r.example/exporter:0.1.0"),
        ("registry=r.example:5000,repository=q:5000/a/exporter", "r.example:5000/a/exporter:0.1.0"),
        ("repository=q.example/a/exporter,global.imageRegistry=m.example", "m.example/a/exporter:0.1.0"),
        ("registry=r.example,repository=exporter,global.imageRegistry=m.example", "m.example/exporter:0.1.0"),
    ],
)
def test_image_has_one_registry(values: str, image: str) -> None:
    """The one of all charts, else the image's own, else the one that the repository begins with."""
    given = ",".join(pair if pair.startswith("global.") else f"image.{pair}" for pair in values.split(","))
    rendered = render("default", f"--set={given}")
    assert exporter_of(rendered)["image"] == image
    assert only(rendered, "Pod")["spec"]["containers"][0]["image"] == image


def test_pull_secrets_of_all_charts_are_added() -> None:
    """As names or as objects, in both pods."""
    rendered = render("umbrella")
    for kind in ("StatefulSet", "Pod"):
        assert pod_of(only(rendered, kind))["spec"]["imagePullSecrets"] == [{"name": "registry"}, {"name": "mirror"}]


@pytest.mark.parametrize(
    ("given", "expected"),
    [("", {}), ("-", {"storageClassName": ""}), ("fast", {"storageClassName": "fast"})],
)
def test_storage_class_is_read_as_in_other_charts(given: str, expected: Manifest) -> None:
    """Nothing is the cluster's default, a dash is none."""
    [claim] = only(render("default", f"--set=persistence.storageClass={given}"), "StatefulSet")["spec"][
        "volumeClaimTemplates"
    ]
    assert {key: value for key, value in claim["spec"].items() if key == "storageClassName"} == expected


def test_existing_claim_takes_the_place_of_a_template() -> None:
    """The state file is on the user's volume."""
    rendered = render("pod")
    assert "volumeClaimTemplates" not in only(rendered, "StatefulSet")["spec"]
    assert volumes_of(rendered)["state"] == {"name": "state", "persistentVolumeClaim": {"claimName": "zoho-state"}}


def test_upgrade_changes_nothing_that_kubernetes_holds_fast() -> None:
    """What version 0.1.0 of the chart said of a StatefulSet, each later one must say: an upgrade would be refused."""
    spec = only(render("default"), "StatefulSet")["spec"]
    changeable = {"replicas", "template", "revisionHistoryLimit"}
    assert {key: value for key, value in spec.items() if key not in changeable} == {
        "serviceName": NAME,
        "podManagementPolicy": "Parallel",
        "selector": {"matchLabels": SELECTED},
        "volumeClaimTemplates": [
            {
                # Kubernetes itself has always added these two.
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": "state", "labels": SELECTED},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
            }
        ],
    }


@pytest.mark.parametrize(
    ("values", "version", "policy"),
    [
        ("replicas", "1.25.0", None),
        ("replicas", "1.26.9", None),
        ("replicas", "1.27.0", "AlwaysAllow"),
        ("replicas", "1.37.0", "AlwaysAllow"),
        ("replicas", "v1.31.4-eks-1-0", "AlwaysAllow"),
        ("umbrella", "1.31.0", "IfHealthyBudget"),
    ],
)
def test_replica_without_a_token_holds_up_no_drain(values: str, version: str, policy: str | None) -> None:
    """A pod that is not ready may be evicted whatever the budget, where Kubernetes knows the field."""
    spec = only(render(values, f"--kube-version={version}"), "PodDisruptionBudget")["spec"]
    assert spec.get("unhealthyPodEvictionPolicy") == policy


def test_common_labels_are_on_every_object_and_pod() -> None:
    """They replace no label by which something is selected, and change nothing that can't be changed."""
    common = {"team": "crm", "app.kubernetes.io/part-of": "crm"}
    manifests = objects("pod")
    pods = [pod_of(only(manifests, kind)) for kind in ("StatefulSet", "Pod")]
    labelled = [found["metadata"]["labels"] for found in (*manifests, *pods)]
    assert [labels for labels in labelled if not common.items() <= labels.items()] == []
    assert [labels for labels in labelled if labels["app.kubernetes.io/name"] == "not-mine"] == []
    assert only(manifests, "StatefulSet")["spec"]["selector"] == {"matchLabels": SELECTED}
    assert only(manifests, "Service")["spec"]["selector"] == SELECTED


def test_service_keeps_the_labels_that_it_is_found_by() -> None:
    """A ServiceMonitor looks for them."""
    service = only(render("default", '--set-json=service.labels={"app.kubernetes.io/name": "mine"}'), "Service")
    assert SELECTED.items() <= service["metadata"]["labels"].items()


def test_namespace_holds_for_every_object() -> None:
    """Names of the chart's Service follow."""
    assert {manifest["metadata"]["namespace"] for manifest in objects("pod")} == {"watch"}
    scrape = only(render("pod", "--set=scrapeConfig.enabled=true"), "ScrapeConfig")
    assert scrape["spec"]["dnsSDConfigs"][0]["names"] == [f"{NAME}.watch.svc"]


def test_pod_has_what_was_asked_for() -> None:
    """Beside the exporter, before it, and around it."""
    workload = only(render("pod"), "StatefulSet")
    pod = pod_of(workload)["spec"]
    assert workload["metadata"]["annotations"] == {"reloader.example/auto": "true"}
    assert workload["spec"]["revisionHistoryLimit"] == 3
    assert [container["name"] for container in pod["initContainers"]] == ["wait"]
    assert [container["name"] for container in pod["containers"]] == ["exporter", "proxy"]
    assert pod["hostAliases"] == [{"ip": "192.0.2.7", "hostnames": ["accounts.zoho.eu"]}]
    assert pod["dnsPolicy"] == "None"
    assert pod["dnsConfig"] == {"nameservers": ["192.0.2.53"], "options": [{"name": "ndots", "value": "2"}]}
    assert pod["automountServiceAccountToken"] is True


def test_times_of_probes_are_added_to_the_charts() -> None:
    """The page that is asked for stays the chart's."""
    container = exporter_of(render("pod"))
    page = {"path": "/-/healthy", "port": "http", "scheme": "HTTP"}
    assert container["startupProbe"] == {
        "httpGet": page,
        "timeoutSeconds": 5,
        "periodSeconds": 2,
        "failureThreshold": 90,
    }
    assert container["livenessProbe"] == {"httpGet": page, "timeoutSeconds": 10, "periodSeconds": 30}


def test_objects_of_the_user_are_filled_in() -> None:
    """Maps and texts alike."""
    found = {m["metadata"]["name"]: m for m in render("pod") if m not in objects("pod")}
    assert set(found) == {"acme-extra", f"{NAME}-text"}
    assert found["acme-extra"]["data"] == {"namespace": "crm"}


@pytest.mark.parametrize("values", ["ingress", "route"])
def test_api_from_outside_is_the_first_replicas(values: str) -> None:
    """What is registered at one replica is unknown to the others; Prometheus does not scrape by this Service."""
    [api] = [m for m in render(values) if m["metadata"]["name"] == f"{NAME}-api"]
    assert api["spec"]["selector"] == {**SELECTED, "statefulset.kubernetes.io/pod-name": f"{NAME}-0"}
    assert api["spec"]["publishNotReadyAddresses"] is True
    assert "clusterIP" not in api["spec"]
    assert not SELECTED.items() <= api["metadata"]["labels"].items()
    assert api["spec"]["ports"][0]["appProtocol"] == {"ingress": "http", "route": "https"}[values]


def test_ingress_leads_to_the_api() -> None:
    """Of a host without paths, to the API alone."""
    ingress = only(render("ingress"), "Ingress")
    backend = {"service": {"name": f"{NAME}-api", "port": {"name": "http"}}}
    assert ingress["metadata"]["annotations"] == {"cert-manager.io/cluster-issuer": "letsencrypt"}
    assert ingress["spec"] == {
        "ingressClassName": "nginx",
        "rules": [
            {
                "host": "acme.zoho.example",
                "http": {"paths": [{"path": "/api/v1", "pathType": "Prefix", "backend": backend}]},
            },
            {
                "host": "zoho.example",
                "http": {"paths": [{"path": "/api/v1/jobs", "pathType": "Exact", "backend": backend}]},
            },
        ],
        "tls": [{"secretName": "zoho-tls", "hosts": ["acme.zoho.example", "zoho.example"]}],
    }


def test_routes_lead_to_the_api() -> None:
    """The main one by default to the API alone; another may redirect."""
    routes = {m["metadata"]["name"]: m["spec"] for m in render("route") if m["kind"] == "HTTPRoute"}
    assert routes == {
        NAME: {
            "parentRefs": [{"name": "front", "namespace": "gateways", "sectionName": "https"}],
            "hostnames": ["acme.zoho.example"],
            "rules": [
                {
                    "backendRefs": [{"name": f"{NAME}-api", "port": 10042}],
                    "matches": [{"path": {"type": "PathPrefix", "value": "/api/v1"}}],
                    "filters": [
                        {
                            "type": "RequestHeaderModifier",
                            "requestHeaderModifier": {"set": [{"name": "X-Front", "value": "gateway"}]},
                        }
                    ],
                }
            ],
        },
        f"{NAME}-redirect": {
            "parentRefs": [{"name": "front", "namespace": "gateways", "sectionName": "http"}],
            "rules": [
                {"filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}}]}
            ],
        },
    }


@pytest.mark.parametrize("values", sorted({*VALUE_SETS} - {"ingress", "route"}))
def test_nothing_leads_in_unless_asked_for(values: str) -> None:
    """No Ingress, no route, and no Service for them."""
    assert {"Ingress", "HTTPRoute"} & {manifest["kind"] for manifest in render(values)} == set()
    assert [m for m in render(values) if m["metadata"]["name"].endswith("-api") and m["kind"] == "Service"] == []


@pytest.mark.parametrize(
    ("web", "prefix"),
    [
        ("route_prefix=/zoho/", "/zoho"),
        ("external_url=https://ops.example/watch/zoho", "/watch/zoho"),
        ("external_url=https://ops.example/watch,config.web.route_prefix=/", ""),
        ("external_url=https://ops.example", ""),
    ],
)
def test_paths_follow_the_prefix(web: str, prefix: str) -> None:
    """Whoever asks the exporter asks below its prefix, which is the external address's unless another is set."""
    flags = ("--skip-schema-validation", "--set=scrapeConfig.enabled=true", f"--set=config.web.{web}")
    manifests = render("ingress", *flags)
    container = exporter_of(manifests)
    assert container["livenessProbe"]["httpGet"]["path"] == f"{prefix}/-/healthy"
    assert container["readinessProbe"]["httpGet"]["path"] == f"{prefix}/-/ready"
    assert only(manifests, "ScrapeConfig")["spec"]["metricsPath"] == f"{prefix}/metrics"
    assert only(manifests, "Ingress")["spec"]["rules"][0]["http"]["paths"][0]["path"] == f"{prefix}/api/v1"
    assert f":10042{prefix}/-/healthy" in str(only(manifests, "Pod")["spec"]["containers"][0]["command"])
