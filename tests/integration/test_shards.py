"""Two exporters and one Prometheus: replicas, and shards by account, configured as docs/operations.md says."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from journey import Exporter, Prometheus, account_variables, every
from processes import bare_environment, eventually, exporter_command, started

from exporter.simulator import Simulator

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
ACCOUNTS = ("acme", "globex", "initech", "umbrella")
POLLS = "zoho_mass_update_polls_total"


def documented_configuration(name: str) -> str:
    """Give the scrape configuration that has a job of this name first."""
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    [block] = [block for block in blocks if block.startswith(f"scrape_configs:\n  - job_name: {name}\n")]
    return f"global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n{block}"


@pytest.fixture
def exporters(simulator: Simulator, tmp_path: Path) -> Iterator[list[Exporter]]:
    """Serve the same four accounts twice, one running job each."""
    variables = account_variables(simulator)
    keys = ("accounts_url", "api_url", "client_id", "client_secret", "refresh_token")
    lines = ["accounts:"]
    for alias in ACCOUNTS:
        lines += [f"  {alias}:", *(f'    {key}: "{variables[f"ZOHO_{key.upper()}"]}"' for key in keys)]
    lines.append("jobs:")
    for number, alias in enumerate(ACCOUNTS):
        simulator.set_status("Leads", f"35{number}", "RUNNING", updated=1 + number, total=50)
        lines.append(f'- {{account: {alias}, module: Leads, job_id: "35{number}"}}')
    file = tmp_path / "zoho.yaml"
    file.write_text("\n".join(lines))
    schedule = {f"ZOHO_{name.upper()}": value for name, value in every("1s").items()}
    command = exporter_command(f"--config.file={file}", "--web.listen-address=127.0.0.1:0", "--log.format=json")
    with ExitStack() as stack:
        served = []
        for _ in range(2):
            environment = bare_environment(ZOHO_STATE__PATH="memory", **schedule)
            running = stack.enter_context(started(command, environment, tmp_path))
            served.append(Exporter(running, f"http://127.0.0.1:{running.log_event('serving metrics')['port']}"))
        yield served


def configured(name: str, exporters: list[Exporter]) -> str:
    """Give a documented configuration with the addresses of these exporters."""
    text = documented_configuration(name)
    for number, exporter in enumerate(exporters):
        text = text.replace(f"exporter-{number}:10042", exporter.url.removeprefix("http://"))
    return (
        text.replace("{", "{{")
        .replace("}", "}}")
        .replace("http_sd_configs: [{{", "http_sd_configs: [{{refresh_interval: 1s, ")
    )


def polled(prometheus: Prometheus, exporter: Exporter) -> set[str]:
    """Give the accounts that an exporter has polled."""
    target = exporter.url.removeprefix("http://")
    samples = prometheus.query(f'{POLLS}{{instance="{target}"}} > 0')
    return {dict(labels)["account"] for labels in samples}


def test_no_account_is_polled_by_two_shards(
    exporters: list[Exporter], start_prometheus: Callable[..., Prometheus], simulator: Simulator
) -> None:
    """Each account has one shard, every account has one, and what both spent is what Zoho has counted."""
    prometheus = start_prometheus(exporters[0], configured("zoho-shard-0", exporters))
    prometheus.wait_for("count(count by (account) (zoho_mass_update_job_updated_records))", 4)
    shards = eventually(
        lambda: (
            found
            if set().union(*(found := [polled(prometheus, exporter) for exporter in exporters])) == set(ACCOUNTS)
            else None
        ),
        "not every account is polled",
    )
    assert shards[0] & shards[1] == set()
    assert all(shards)
    [shards_by_account] = re.findall(r"```promql\n(.*?)\n```", PAGE, re.DOTALL)
    assert list(prometheus.query(shards_by_account).values()) == [1] * len(ACCOUNTS)
    prometheus.wait_for("sum(zoho_mass_update_job_updated_records)", 1 + 2 + 3 + 4)
    assert prometheus.query("count by (job_id) (zoho_mass_update_job_updated_records) > 1") == {}
    for number in range(len(ACCOUNTS)):
        simulator.set_status("Leads", f"35{number}", "COMPLETED", updated=50, total=50)
    prometheus.wait_for('sum(zoho_mass_update_jobs_finished_total{state="COMPLETED"})', 4)
    prometheus.wait_for("sum(zoho_crm_api_credits_spent_total)", sum(simulator.stats().status_calls.values()))


def test_replicas_show_the_same_and_are_aggregated_away(
    exporters: list[Exporter], start_prometheus: Callable[..., Prometheus]
) -> None:
    """Two replicas give every series twice, and `max without (instance)` gives the truth."""
    prometheus = start_prometheus(exporters[0], configured("zoho-mass-updates", exporters))
    prometheus.wait_for("count(zoho_mass_update_job_updated_records)", 8)
    prometheus.wait_for("sum(max without (instance) (zoho_mass_update_job_updated_records))", 1 + 2 + 3 + 4)
    assert [polled(prometheus, exporter) for exporter in exporters] == [set(ACCOUNTS)] * 2
