"""The main road, end to end: simulated Zoho, exporter, and a real Prometheus that is asked what it saw."""

from collections.abc import Callable

import pytest
from journey import Exporter, Prometheus, every

from exporter.simulator import Simulator

LEADS, DEALS, GONE = "3524033000006027001", "3524033000006027002", "3524033000006027099"
COUNTS = ("updated", "failed", "not_updated", "total")


@pytest.fixture
def prometheus(
    simulator: Simulator,
    start_exporter: Callable[..., Exporter],
    start_prometheus: Callable[[Exporter], Prometheus],
) -> Prometheus:
    """Let Prometheus watch two scheduled jobs and one that Zoho does not know."""
    for module, job_id in (("Leads", LEADS), ("Deals", DEALS)):
        simulator.set_status(module, job_id, "SCHEDULED", total=50)
    jobs = f"Leads/{LEADS},Deals/{DEALS},Leads/{GONE}"
    return start_prometheus(start_exporter(jobs=jobs, **every("200ms")))


def wait_for_job(prometheus: Prometheus, job_id: str, state: str, counts: tuple[int, int, int, int]) -> None:
    """Wait until Prometheus shows a job in a state, and check every count of it and every other state."""
    selector = f'{{account="acme",job_id="{job_id}"}}'
    prometheus.wait_for(f'zoho_mass_update_job_state{{job_id="{job_id}",state="{state}"}}', 1)
    for name, count in zip(COUNTS, counts, strict=True):
        prometheus.wait_for(f"zoho_mass_update_job_{name}_records{selector}", count)
    prometheus.wait_for(f"sum(zoho_mass_update_job_state{selector})", 1)


def test_job_is_followed_from_scheduled_to_completed(prometheus: Prometheus, simulator: Simulator) -> None:
    """Prometheus sees each state of a job that completes, with its four counts, and then no more calls for it."""
    wait_for_job(prometheus, LEADS, "SCHEDULED", (0, 0, 50, 50))
    simulator.set_status("Leads", LEADS, "RUNNING", updated=30, total=50)
    wait_for_job(prometheus, LEADS, "RUNNING", (30, 0, 20, 50))
    simulator.set_status("Leads", LEADS, "COMPLETED", updated=48, failed=2, total=50)
    wait_for_job(prometheus, LEADS, "COMPLETED", (48, 2, 0, 50))
    asked = simulator.stats().status_calls[f"Leads/{LEADS}"]
    simulator.set_status("Deals", DEALS, "RUNNING", updated=1, total=50)
    wait_for_job(prometheus, DEALS, "RUNNING", (1, 0, 49, 50))
    assert simulator.stats().status_calls[f"Leads/{LEADS}"] == asked


def test_job_that_fails_half_way_is_seen_to_fail(prometheus: Prometheus, simulator: Simulator) -> None:
    """Prometheus sees the counts of a job that stopped half-way, and when it ended."""
    simulator.set_status("Deals", DEALS, "RUNNING", updated=20, failed=5, total=50)
    wait_for_job(prometheus, DEALS, "RUNNING", (20, 5, 25, 50))
    simulator.set_status("Deals", DEALS, "FAILED", updated=20, failed=30, total=50)
    wait_for_job(prometheus, DEALS, "FAILED", (20, 30, 0, 50))
    prometheus.wait_for(f'count(zoho_mass_update_job_finished_timestamp_seconds{{job_id="{DEALS}"}})', 1)


def test_errors_are_counted_by_code(prometheus: Prometheus, simulator: Simulator) -> None:
    """Prometheus sees the unknown job's error increase, every other code at 0, and the good job untouched."""
    errors = 'zoho_mass_update_poll_errors_total{account="acme",module="Leads"}'
    prometheus.wait_for(f'zoho_mass_update_job_poll_error{{job_id="{GONE}",code="NOT_FOUND"}}', 1)
    prometheus.wait_for(f'{errors[:-1]},code="NOT_FOUND"}} > bool 1', 1)
    prometheus.wait_for(f'sum({errors[:-1]},code!="NOT_FOUND"}})', 0)
    prometheus.wait_for(f'count({errors[:-1]},code="OAUTH_SCOPE_MISMATCH"}})', 1)
    wait_for_job(prometheus, LEADS, "SCHEDULED", (0, 0, 50, 50))
    simulator.set_status("Leads", GONE, "COMPLETED", updated=1, total=1)
    wait_for_job(prometheus, GONE, "COMPLETED", (1, 0, 0, 1))
    assert prometheus.query(f'zoho_mass_update_job_poll_success{{job_id="{GONE}"}}') != {}
    prometheus.wait_for(f'zoho_mass_update_job_poll_success{{job_id="{GONE}"}}', 1)
