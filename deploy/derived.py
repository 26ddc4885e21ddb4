"""Write what `deploy/` derives from others: the chart's copies, its schema of the settings, the plain manifests."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema
from values_table import with_table

from exporter.settings import Settings

ROOT = Path(__file__).parents[1]
CHART = Path("deploy/helm/zoho-mass-update-exporter")
MANIFESTS = Path("deploy/kubernetes")
MANIFEST_VALUES = Path("deploy/helm/manifests-values.yaml")

_ORIGINALS = {
    "files/rules": ("deploy/prometheus/rules.yml", "deploy/prometheus/alerts.yml"),
    "files/dashboards": ("grafana/zoho-*.json",),
}
# What the chart decides itself, by flags.
_OWNED = {"config_file", "listen_address", "state"}
_NEEDS_OPERATOR = ("servicemonitor.yaml", "prometheusrule.yaml")
_HELM_LABELS = ("helm.sh/chart:", "app.kubernetes.io/managed-by:")
_HEADER = f"# Rendered from the chart with {MANIFEST_VALUES}; make manifests writes it anew.\n"


class _ValuesSchema(GenerateJsonSchema):
    """What may be written in a values file: numbers as texts too, and nothing that a default already says."""

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        """Accept a duration such as 15s."""
        return super().float_schema(schema) | {"type": ["number", "string"]}

    def int_schema(self, schema: core_schema.IntSchema) -> JsonSchemaValue:
        """Accept a word such as unlimited."""
        return super().int_schema(schema) | {"type": ["integer", "string"]}

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Leave null to Helm, for which it means "no such key"."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Leave defaults to the exporter."""
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: core_schema.CoreSchema) -> bool:  # noqa: ARG002 - overrides
        """Leave out titles, which repeat the key."""
        return False


def settings_schema() -> JsonSchemaValue:
    """Give the JSON schema of the settings that the chart's value `config` may hold: all but secrets and its own."""
    schema = Settings.model_json_schema(
        ref_template="#/$defs/config/$defs/{model}", schema_generator=_ValuesSchema, mode="validation"
    )
    for section in (schema, *schema["$defs"].values()):
        section["properties"] = {
            name: value
            for name, value in section.get("properties", {}).items()
            if name not in _OWNED and not value.get("writeOnly")
        }
    used = json.dumps(schema)
    schema["$defs"] = {name: part for name, part in schema["$defs"].items() if f'/{name}"' in used}
    return schema


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
    schema["$defs"]["config"] = settings_schema()
    readme_path = CHART / "README.md"
    readme, values = ((ROOT / CHART / name).read_text(encoding="utf-8") for name in ("README.md", "values.yaml"))
    return {**copies, schema_path: json.dumps(schema, indent=2) + "\n", readme_path: with_table(readme, values)}


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
    write(chart_files(), [CHART / "files"])
    write(manifests(), [MANIFESTS])
