"""Exporters that share a database, as tests scrape them, and what their pages say."""

import requests
from databases import Server, ask
from journey import Exporter
from prometheus_client.parser import text_string_to_metric_families

from exporter.simulator import Simulator

INTERVAL_SECONDS = 1.9
"""Between two polls of a job: two seconds, and a clock that may be corrected a little."""


def sample(page: str, name: str, **labels: str) -> float:
    """Give the sum of the samples of a name that have these labels."""
    samples = (sample for family in text_string_to_metric_families(page) for sample in family.samples)
    return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())


def updated(page: str) -> dict[str, float]:
    """Give the updated records by job."""
    samples = (sample for family in text_string_to_metric_families(page) for sample in family.samples)
    return {one.labels["job_id"]: one.value for one in samples if one.name == "zoho_mass_update_job_updated_records"}


def calls(simulator: Simulator) -> int:
    """Give how many calls for a job's status Zoho has counted."""
    return sum(simulator.stats().status_calls.values())


def page_in_time(exporter: Exporter, seconds: float, path: str = "/metrics") -> str:
    """Give what a Prometheus gets that waits no longer."""
    header = {"X-Prometheus-Scrape-Timeout-Seconds": str(seconds)}
    answer = requests.get(f"{exporter.url}{path}", headers=header, timeout=seconds)
    assert answer.status_code == 200, answer.text
    return answer.text


def scraped(exporter: Exporter, seconds: float) -> str:
    """Scrape it so, and give the page, which is whole."""
    page = page_in_time(exporter, seconds)
    assert sample(page, "zoho_mass_update_exporter_build_info") == 1
    assert sample(page, "zoho_crm_account_info") == 1
    return page


def ready(exporter: Exporter) -> list[str]:
    """Give what it says of itself."""
    return requests.get(f"{exporter.url}/-/ready", timeout=10).text.splitlines()


def check_outage_is_told_once(exporter: Exporter) -> None:
    """See that its log tells once that the database is away, and of its end once at most: that is to last a while."""
    told = [line for line in exporter.running.stderr if "the database" in line]
    assert ["can't be used" in line for line in told] in ([True], [True, False]), told


def pass_time(server: Server, database: str, seconds: float) -> None:
    """Have so much time pass at once by the clock of a database that exporters have used."""
    moment = (
        "CREATE OR REPLACE FUNCTION zoho_mass_update.moment(p_at double precision) RETURNS double precision "
        "LANGUAGE sql VOLATILE AS "
        "$$ SELECT coalesce(p_at, extract(epoch FROM clock_timestamp())::double precision + {}) $$"
    )
    ask(server, database, moment.format(seconds))
