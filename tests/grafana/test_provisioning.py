"""The ways into Grafana: the provisioning examples, and what the README says of them."""

from typing import Any

import pytest
import yaml
from dashboard_files import DASHBOARDS, FOLDER

README = (FOLDER / "README.md").read_text(encoding="utf-8")


def example(path: str) -> dict[str, Any]:
    """Read one of the examples."""
    content = yaml.safe_load((FOLDER / "provisioning" / path).read_text(encoding="utf-8"))
    assert content.pop("apiVersion") == 1
    return dict(content)


def test_data_source_is_the_default_prometheus() -> None:
    """The example is Grafana's default, and rates are made from its scrape interval."""
    [source] = example("datasources/prometheus.yaml")["datasources"]
    assert (source["type"], source["isDefault"], source["jsonData"]["timeInterval"]) == ("prometheus", True, "15s")


def test_provider_reads_the_folder_that_the_readme_fills() -> None:
    """The dashboards are copied to where Grafana looks for them."""
    [provider] = example("dashboards/zoho-mass-updates.yaml")["providers"]
    assert provider["type"] == "file"
    assert f"cp *.json {provider['options']['path']}/" in README


@pytest.mark.parametrize("name", sorted(DASHBOARDS))
def test_readme_names_each_dashboard(name: str) -> None:
    """Each has its row with its title, and its place in the sidecar's ConfigMap."""
    assert f"| [{name}.json]({name}.json) | {DASHBOARDS[name]['title']} |" in README
    assert f"--from-file={name}.json" in README


@pytest.mark.parametrize("name", sorted(DASHBOARDS))
def test_readmes_command_names_a_data_source(name: str) -> None:
    """What the command replaces stands in each file, as text and value of the variable, and nowhere else."""
    text = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert "sed -i 's/${DS_PROMETHEUS}/default/' zoho-*.json" in README
    assert text.count("${DS_PROMETHEUS}") == 2
