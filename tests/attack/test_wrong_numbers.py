"""Attacks on the numbers: an answer that is not this request's, counts that jump, credits that nobody can read."""

from collections.abc import Callable

import pytest
from attack.attacked import Attacked
from attack.peer import Call, Peer, Step, answer, head, report

Start = Callable[..., Attacked]


def jobs(*job_ids: object) -> str:
    """Give the setting that watches these jobs of Leads."""
    return ",".join(f"Leads/{job_id}" for job_id in job_ids)


@pytest.mark.parametrize(
    "interim",
    [
        pytest.param(head("103 Early Hints", "Link: </a.css>; rel=preload"), id="early hints"),
        pytest.param(head("102 Processing"), id="processing"),
        pytest.param(head("100 Continue") + head("103 Early Hints") * 7, id="eight of them"),
    ],
)
def test_z1_interim_answers_never_swap_jobs(start: Start, peer: Peer, interim: bytes) -> None:
    """Every job shows its own counts, however late the final answer comes behind an interim one."""

    def late(call: Call) -> list[Step]:
        return [interim, int(call.job_id) % 5 * 0.08, answer(report("COMPLETED", updated=int(call.job_id), left=0))]

    peer.status = late
    ids = range(1001, 1021)
    page = start(environment={"ZOHO_JOBS": jobs(*ids)}).scrape()
    assert page.by_job("updated_records") == {str(job_id): job_id for job_id in ids}
    assert page.total("zoho_mass_update_records_processed_total", outcome="updated") == sum(ids)
