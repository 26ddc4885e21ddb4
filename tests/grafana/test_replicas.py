"""What the dashboards make of two replicas that disagree, of settings that differ, and of jobs without records."""

from pathlib import Path

import pytest
from computed import Samples, Series, complaints
from dashboard_files import ASKS
from programs import Program

JOB = 'account="acme", module="Leads", job_id="1"'
OF_JOB = '{account="acme", job_id="1", module="Leads"}'
TITLED = '{account="acme", group="spring", job_id="1", module="Leads", title="New"}'
SEEN: Series = {
    f'zoho_mass_update_job_first_seen_timestamp_seconds{{{JOB}, instance="a"}}': 60,
    f'zoho_mass_update_job_first_seen_timestamp_seconds{{{JOB}, instance="b"}}': 0,
}
SEEN_LATER_BY_B = {
    f'zoho_mass_update_job_first_seen_timestamp_seconds{{{JOB}, instance="a"}}': 60,
    f'zoho_mass_update_job_first_seen_timestamp_seconds{{{JOB}, instance="b"}}': 120,
}
INFO: Series = {
    f'zoho_mass_update_job_info{{{JOB}, group="spring", job_name="New", instance="a"}}': 1,
    f'zoho_mass_update_job_info{{{JOB}, group="spring", job_name="New", instance="b"}}': 1,
    'zoho_crm_account_info{account="acme", instance="a"}': 1,
} | SEEN
RENAMED = {
    f'zoho_mass_update_job_info{{{JOB}, group="spring", job_name="New", instance="a", source="config"}}': 1,
    f'zoho_mass_update_job_info{{{JOB}, group="spring", job_name="Old", instance="b", source="config"}}': 1,
}
DISAGREEING = {
    f'zoho_mass_update_job_state{{{JOB}, state="RUNNING", instance="a"}}': 1,
    f'zoho_mass_update_job_state{{{JOB}, state="COMPLETED", instance="a"}}': 0,
    f'zoho_mass_update_job_state{{{JOB}, state="RUNNING", instance="b"}}': 0,
    f'zoho_mass_update_job_state{{{JOB}, state="COMPLETED", instance="b"}}': 1,
}
ONE_FAILS = {
    f'zoho_mass_update_job_poll_success{{{JOB}, instance="a"}}': 0,
    f'zoho_mass_update_job_poll_error{{{JOB}, code="timeout", instance="a"}}': 1,
}
REPORTED = {f'zoho_mass_update_job_last_report_timestamp_seconds{{{JOB}, instance="a"}}': 200}
REPORTED_NOW_TO_B = {f'zoho_mass_update_job_last_report_timestamp_seconds{{{JOB}, instance="b"}}': 7_195}
WITHOUT_RECORDS = {
    f"zoho_mass_update_job_{count}_records{{{JOB}}}": 0 for count in ("updated", "failed", "not_updated", "total")
}


CASES = [
    pytest.param("All jobs A", INFO | DISAGREEING, {TITLED: 6}, id="the newer state counts"),
    pytest.param("Jobs by state D", INFO | DISAGREEING, {"{}": 0}, id="the older state does not"),
    pytest.param("Jobs by state F", INFO | DISAGREEING, {"{}": 1}, id="a job in two states is one job"),
    pytest.param("All jobs A", RENAMED | SEEN | DISAGREEING, {TITLED: 6}, id="the later replica's title"),
    pytest.param(
        "All jobs A",
        RENAMED | SEEN_LATER_BY_B | DISAGREEING,
        {TITLED.replace("New", "Old"): 6},
        id="the other replica's title, if that is the later",
    ),
    pytest.param("All jobs B", INFO | DISAGREEING | WITHOUT_RECORDS, {}, id="no records, no progress"),
    pytest.param("All jobs G", INFO | DISAGREEING | WITHOUT_RECORDS, {}, id="no records, no failed share"),
    pytest.param("Needs attention F", INFO | ONE_FAILS, {"{}": 1}, id="no replica gets a report"),
    pytest.param(
        "Needs attention F",
        INFO | ONE_FAILS | {f'zoho_mass_update_job_poll_error{{{JOB}, code="NOT_FOUND", instance="b"}}': 1},
        {"{}": 1},
        id="two codes are one job",
    ),
    pytest.param(
        "Needs attention F",
        INFO | ONE_FAILS | {f'zoho_mass_update_job_poll_success{{{JOB}, instance="b"}}': 1},
        {"{}": 0},
        id="another replica gets a report",
    ),
    pytest.param("Needs attention G", INFO | REPORTED, {"{}": 1}, id="no replica has had a report for long"),
    pytest.param(
        "Needs attention G", INFO | REPORTED | REPORTED_NOW_TO_B, {"{}": 0}, id="another replica just had one"
    ),
    pytest.param("Needs attention G", INFO, {"{}": 1}, id="no replica ever had a report"),
    pytest.param("Needs attention G", INFO | REPORTED | ONE_FAILS, {"{}": 0}, id="a failing poll says more than stale"),
    pytest.param("Needs attention G", INFO | REPORTED | DISAGREEING, {"{}": 0}, id="an end is final, not stale"),
    pytest.param(
        "What needs attention A",
        INFO | ONE_FAILS | REPORTED,
        {TITLED.replace("group", 'code="timeout", group').replace(", title", ', reason="5", title'): 7_000},
        id="polls have failed since the last report",
    ),
    pytest.param(
        "What needs attention A",
        INFO | ONE_FAILS,
        {TITLED.replace("group", 'code="timeout", group').replace(", title", ', reason="5", title'): 7_200},
        id="first seen is what the earlier replica saw",
    ),
]


@pytest.mark.parametrize(("place", "series", "expected"), CASES)
def test_replicas_that_disagree_are_one(
    program: Program, tmp_path: Path, place: str, series: Series, expected: Samples
) -> None:
    """One job is one row, one number and one state, whatever two replicas say of it."""
    [ask] = [ask for ask in ASKS if ask.dashboard == "zoho-mass-updates" and ask.place == place]
    assert complaints(program, tmp_path, ask.expression(), series, expected) == ""
