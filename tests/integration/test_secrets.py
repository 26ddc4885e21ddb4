"""No secret is ever shown: not in logs, on pages or in errors, whatever goes wrong."""

import signal
from collections.abc import Callable

import pytest
import requests
from journey import Exporter, every

from exporter.simulator import Endpoint, Fault, FaultKind, Simulator

JOB = "Leads/3524033000006027001"


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(None, id="all is well"),
        pytest.param(Fault(FaultKind.DEAD_TOKEN), id="dead token"),
        pytest.param(Fault(FaultKind.ERROR, endpoint=Endpoint.TOKEN, code="invalid_code"), id="refresh refused"),
        pytest.param(Fault(FaultKind.RESET, endpoint=Endpoint.TOKEN), id="token connection reset"),
        pytest.param(Fault(FaultKind.RESET_IN_BODY, endpoint=Endpoint.STATUS), id="connection reset"),
        pytest.param(Fault(FaultKind.HTML, endpoint=Endpoint.STATUS, status=502), id="html"),
        pytest.param(Fault(FaultKind.REDIRECT), id="redirect"),
    ],
)
def test_no_secret_is_shown(simulator: Simulator, start_exporter: Callable[..., Exporter], fault: Fault | None) -> None:
    """With the log at its most talkative, neither it nor any page holds a secret or a token."""
    simulator.set_status("Leads", "3524033000006027001", "RUNNING", updated=1, total=2)
    if fault:
        simulator.add_fault(fault)
    exporter = start_exporter(jobs=JOB, log__level="debug", **every("0s"))
    pages = [requests.get(exporter.url + path, timeout=30).text for path in ("/metrics", "/metrics", "/", "/-/healthy")]
    exporter.running.stop(signal.SIGTERM)
    shown = "\n".join([*pages, *exporter.running.stdout, *exporter.running.stderr])
    scenario = simulator.scenario
    assert "zoho_mass_update_job_info{" in pages[0]
    assert scenario.client_secret not in shown
    assert scenario.refresh_token not in shown
    assert "Zoho-oauthtoken" not in shown
    assert "access_token" not in shown
