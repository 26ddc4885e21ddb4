"""The chart, as helm renders it."""

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from processes import bare_environment

ROOT = Path(__file__).parents[1]
CHART = ROOT / "deploy" / "helm" / "zoho-mass-update-exporter"
BIN = Path(sys.executable).parent

Manifest = dict[str, Any]
"""One Kubernetes object."""

WORKLOADS = {"StatefulSet", "Deployment"}
"""The kinds of which one starts the exporter's pods: each pod with a volume of its own, or all with one database."""

VALUE_SETS = sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").glob("*-values.yaml"))
"""The names of the value sets that the chart is tried with."""


def values_file(name: str) -> Path:
    """Give the file of a value set."""
    return CHART / "ci" / f"{name}-values.yaml"


def run(program: str, *arguments: str | Path, directory: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a program of the development environment, away from the tester's own cluster and settings."""
    command = [BIN / program, *arguments]
    return subprocess.run(
        command,
        cwd=directory,
        env=bare_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def render_text(values: str, *arguments: str | Path, chart: Path = CHART) -> str:
    """Give what `helm template` makes of a value set, as the release `acme` in the namespace `crm`."""
    done = run("helm", "template", "acme", chart, "--namespace=crm", f"--values={values_file(values)}", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def render(values: str, *arguments: str | Path, chart: Path = CHART) -> list[Manifest]:
    """Give the objects that `helm template` makes of a value set; they are shared, and only to be read."""
    return parse(render_text(values, *arguments, chart=chart))


def parse(text: str) -> list[Manifest]:
    """Read the objects of a file of manifests."""
    # The C loader: dashboards are long, and the other one slow.
    return [document for document in yaml.load_all(text, Loader=yaml.CSafeLoader) if document]


def only(manifests: list[Manifest], kind: str) -> Manifest:
    """Give the one object of a kind; of the pods, the exporter's comes by its workload."""
    [found] = [manifest for manifest in manifests if manifest["kind"] == kind]
    return found


def workload_of(manifests: list[Manifest]) -> Manifest:
    """Give what starts the exporter's pods."""
    [found] = [manifest for manifest in manifests if manifest["kind"] in WORKLOADS]
    return found


def exporter_of(manifests: list[Manifest]) -> Manifest:
    """Give the exporter's container."""
    return dict(pod_of(workload_of(manifests))["spec"]["containers"][0])


def volumes_of(manifests: list[Manifest]) -> dict[str, Manifest]:
    """Give the exporter's volumes, by their names."""
    volumes = pod_of(workload_of(manifests))["spec"]["volumes"]
    return {volume["name"]: volume for volume in volumes}


def refusal(values: str, *arguments: str, chart: Path = CHART) -> str:
    """Give what `helm template` says of values that it refuses."""
    done = run("helm", "template", "acme", chart, f"--values={values_file(values)}", *arguments)
    assert done.returncode == 1, done.stdout
    return done.stderr


def pod_of(manifest: Manifest) -> Manifest:
    """Give the pod that a workload starts, or the pod itself."""
    template: Manifest = manifest["spec"]["template"] if manifest["kind"] in WORKLOADS else manifest
    return template
