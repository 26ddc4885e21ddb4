"""Write what is derived from others: the chart's copies, the schemas of the settings, the plain manifests."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from settings_schema import chart_schema, editor_schema
from values_table import with_table

ROOT = Path(__file__).parents[1]
CHART = Path("deploy/helm/zoho-mass-update-exporter")
MANIFESTS = Path("deploy/kubernetes")
MANIFEST_VALUES = Path("deploy/helm/manifests-values.yaml")
EDITOR_SCHEMA = Path("docs/settings.schema.json")

_ORIGINALS = {
    "files/rules": ("deploy/prometheus/rules.yml", "deploy/prometheus/alerts.yml"),
    "files/dashboards": ("grafana/zoho-*.json",),
}
_NEEDS_OPERATOR = ("servicemonitor.yaml", "prometheusrule.yaml")
_HELM_LABELS = ("helm.sh/chart:", "app.kubernetes.io/managed-by:")
_HEADER = f"# Rendered from the chart with {MANIFEST_VALUES}; make manifests writes it anew.\n"


def chart_files() -> Mapping[Path, str]:
    """Give the derived files of the chart, by their paths from the root."""
    copies = {
        CHART / folder / original.name: original.read_text(encoding="utf-8")
        for folder, patterns in _ORIGINALS.items()
        for pattern in patterns
        for original in sorted(ROOT.glob(pattern))
    }
    schema_path = CHART / "values.schema.json"
    schema = json.loads((ROOT / schema_path).read_text(encoding="utf-8"))
    schema["$defs"]["config"] = chart_schema()
    readme_path = CHART / "README.md"
    readme, values = ((ROOT / CHART / name).read_text(encoding="utf-8") for name in ("README.md", "values.yaml"))
    return {**copies, schema_path: json.dumps(schema, indent=2) + "\n", readme_path: with_table(readme, values)}


def editor_files() -> Mapping[Path, str]:
    """Give what editors read, by the paths from the root."""
    return {EDITOR_SCHEMA: json.dumps(editor_schema(), indent=2) + "\n"}


def manifests() -> Mapping[Path, str]:
    """Give the plain manifests, by their paths from the root; `helm` must be installed beside this Python."""
    helm = Path(sys.executable).parent / "helm"
    command: list[str | Path] = [helm, "template", CHART.name, CHART, "--values", MANIFEST_VALUES, "--skip-tests"]
    rendered = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files: dict[Path, str] = {}
    for document in rendered.split("---\n# Source: ")[1:]:
        template, _, body = document.partition("\n")
        path = MANIFESTS / _manifest_name(template)
        files[path] = files.get(path, _HEADER) + "---\n" + _without_helm(body)
    return files


def _manifest_name(template: str) -> str:
    return "prometheus-operator.yaml" if template.endswith(_NEEDS_OPERATOR) else "exporter.yaml"


def _without_helm(text: str) -> str:
    lines = text.rstrip("\n").splitlines()
    return "".join(f"{line}\n" for line in lines if not line.strip().startswith(_HELM_LABELS))


def committed(folders: Iterable[Path]) -> set[Path]:
    """Give the files below folders that only hold derived ones, by their paths from the root."""
    return {path.relative_to(ROOT) for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()}


def write(files: Mapping[Path, str], folders: Iterable[Path]) -> None:
    """Write the files anew, and remove what else is in the folders."""
    for path in committed(folders) - set(files):
        (ROOT / path).unlink()
    for path, text in files.items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(editor_files(), [])
    write(chart_files(), [CHART / "files"])
    write(manifests(), [MANIFESTS])
