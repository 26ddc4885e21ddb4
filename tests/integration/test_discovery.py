"""Service discovery, with a real Prometheus that has nothing but the documented scrape configuration."""

import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import requests
from certificates import open_authority
from fronts import TlsFront
from journey import Exporter, Prometheus
from processes import eventually
from programs import Program

from exporter.simulator import Simulator

DOCS = Path(__file__).parents[2] / "docs" / "http.md"
FAST, SLOW, ENDING = "3524033000006027001", "3524033000006027002", "3524033000006027003"


def documented_configuration() -> str:
    """Give the four lines of the documentation."""
    [block] = re.findall(
        r"```yaml\n(scrape_configs:\n  - job_name: zoho-mass-update-jobs\n.*?)```", DOCS.read_text(), re.DOTALL
    )
    return str(block)


@pytest.fixture
def prometheus(
    simulator: Simulator,
    start_exporter: Callable[..., Exporter],
    start_prometheus: Callable[..., Prometheus],
) -> Prometheus:
    """Let Prometheus discover three jobs: one that hurries, one that is suspended, one that is about to end."""
    simulator.set_status("Leads", FAST, "RUNNING", updated=10, total=50)
    simulator.set_status("Leads", SLOW, "SUSPENDED", updated=10, total=50)
    simulator.set_status("Leads", ENDING, "RUNNING", updated=10, total=50)
    exporter = start_exporter(
        jobs=",".join(f"Leads/{job_id}" for job_id in (FAST, SLOW, ENDING)),
        schedule__shortest="1s",
        schedule__longest="10s",
        schedule__suspended="5s",
        discovery_linger="8s",
    )
    documented = documented_configuration()
    assert len(documented.splitlines()) == 4
    here = documented.replace("localhost:10042", "{target}") + "        refresh_interval: 1s\n"
    return start_prometheus(exporter, here)


def intervals(prometheus: Prometheus) -> dict[str, str]:
    """Give the scrape interval of each target, by the digits of its job."""
    answer = requests.get(f"{prometheus.url}/api/v1/targets?state=active", timeout=10).json()
    return {
        target["labels"]["instance"].rpartition("/")[2]: target["scrapeInterval"]
        for target in answer["data"]["activeTargets"]
    }


def test_jobs_are_scraped_at_their_own_pace(prometheus: Prometheus, simulator: Simulator) -> None:
    """Three jobs have intervals of their own, are re-paced while they live, and leave some time after their end.

    Until then a job that has ended is the same target as before, so that its series have no gap.
    """
    eventually(lambda: intervals(prometheus) == {FAST: "1s", SLOW: "5s", ENDING: "1s"}, "three paces")
    simulator.set_status("Leads", SLOW, "RUNNING", updated=20, total=50)
    simulator.set_status("Leads", ENDING, "COMPLETED", updated=50, total=50)
    paces = {job_id: {pace} for job_id, pace in intervals(prometheus).items()}

    def both_moved() -> bool:
        for job_id, seen in paces.items():
            seen.add(intervals(prometheus).get(job_id, "none"))
        return "1s" in paces[SLOW] and "none" in paces[ENDING]

    eventually(both_moved, "a resumed job is scraped faster, an ended one leaves")
    assert paces == {FAST: {"1s"}, SLOW: {"5s", "1s"}, ENDING: {"1s", "none"}}
    ended = f'zoho_mass_update_job_state{{job_id="{ENDING}",state="COMPLETED"}}'
    prometheus.wait_for(f"max_over_time({ended}[5m])", 1)
    prometheus.wait_for(f'zoho_mass_update_probe_success{{instance="acme/Leads/{FAST}"}}', 1)


SECURED = """\
scrape_configs:
  - job_name: zoho-mass-update-jobs
    scheme: https
    basic_auth: &login {{username: prometheus, password: swordfish}}
    tls_config: &trust {{ca_file: {authority}}}
    http_sd_configs:
      - url: https://{front}/sd/jobs
        refresh_interval: 1s
        basic_auth: *login
        tls_config: *trust
"""


def test_scheme_is_the_scrape_jobs_own(
    simulator: Simulator,
    start_exporter: Callable[..., Exporter],
    start_prometheus: Callable[..., Prometheus],
    program: Program,
    tmp_path: Path,
) -> None:
    """Behind a front that ends TLS Prometheus asks by TLS for what it discovers: no password crosses in clear."""
    simulator.set_status("Leads", FAST, "RUNNING", updated=10, total=50)
    exporter = start_exporter(jobs=f"Leads/{FAST}", schedule__shortest="1s", schedule__suspended="1s")
    authority = open_authority(program("openssl"), tmp_path)
    with closing(TlsFront(authority.issue("front"), exporter.url.removeprefix("http://"))) as front:
        secured = SECURED.format(authority=authority.identity.file, front=front.address)
        prometheus = start_prometheus(exporter, secured.replace("{", "{{").replace("}", "}}"))
        eventually(lambda: front.in_clear or prometheus.query("zoho_mass_update_probe_success == 1"), "no scrape")
        assert front.in_clear == []
