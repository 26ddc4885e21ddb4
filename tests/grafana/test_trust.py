"""What the dashboards say while exporters are away, have said that they let go of something, or have come back."""

import re
from pathlib import Path
from typing import Any

import pytest
from computed import Samples, Series, complaints
from dashboard_files import ALL_PANELS, ASKS, PANEL_IDS
from programs import Program

from exporter.metrics.families import table

AWAY = "1x110 stale"
"""There until ten minutes before the moment that is looked at."""
RESTARTS = "1x118 stale"
"""There until two minutes before."""
ACCOUNT = 'account="acme", data_center="eu", instance="a", job="zoho"'
JOB = 'account="acme", module="Leads", job_id="1"'
TITLED = '{account="acme", group="spring", job_id="1", module="Leads", title="Spring"}'
LIVING: Series = {f"zoho_crm_account_info{{{ACCOUNT}}}": 1}
LOST: Series = {f"zoho_crm_account_info{{{ACCOUNT}}}": AWAY}
NEVER = {'{code="no exporter answers", reason="0"}': 259_200}
LOST_ROW = {'{account="acme", code="no exporter answers", reason="0"}': 600}
NOTHING = {'{code="nothing needs attention", reason="99"}': -1}


def tracked(state: str, there: str = "1x150", **counts: float) -> Series:
    """Give the series of a job that is in a state, whose end was seen two hours before."""
    absent = there.replace("1x", "0x")
    return {
        **LIVING,
        f'zoho_mass_update_job_info{{{JOB}, group="spring", job_name="Spring", instance="a", job="zoho"}}': there,
        f'zoho_mass_update_job_first_seen_timestamp_seconds{{{JOB}, instance="a", job="zoho"}}': absent,
        f'zoho_mass_update_job_state{{{JOB}, state="{state}", instance="a", job="zoho"}}': there,
        f'zoho_mass_update_job_finished_timestamp_seconds{{{JOB}, instance="a", job="zoho"}}': absent,
        **{f'zoho_mass_update_job_{count}_records{{{JOB}, instance="a"}}': value for count, value in counts.items()},
    }


def acknowledged(value: int) -> Series:
    """Give what an exporter says of an end."""
    return {f'zoho_mass_update_job_acknowledged{{{JOB}, instance="a"}}': value}


LEFT_BEHIND = tracked("COMPLETED", updated=970, failed=0, not_updated=30, total=1_000)
WHOLE = tracked("COMPLETED", updated=1_000, failed=0, not_updated=0, total=1_000)
FAILED = tracked("FAILED")
PARTLY_FAILED = {TITLED.replace(", title", ', reason="4", title'): 7_200}
FAILED_ROW = {TITLED.replace(", title", ', reason="1", title'): 7_200}
DROPPED = "zoho_crm_account_dropped_timestamp_seconds{" + ACCOUNT.replace('"a"', '"b"') + "}"
OWNED = 'cluster="west", namespace="crm", '
OTHER_OWNER: Series = {f'zoho_crm_account_info{{cluster="east", namespace="crm", {ACCOUNT}}}': 1}

ACME = '{account="acme"}'
ATTENTION, ACCOUNTS, ALL_JOBS = "What needs attention A", "Accounts A", "All jobs A"
CASES = [
    pytest.param(ATTENTION, {}, NEVER, id="no exporter ever: not that nothing needs attention"),
    pytest.param(ATTENTION, LIVING, NOTHING, id="that all is well is said where an exporter answers"),
    pytest.param(ATTENTION, LOST, LOST_ROW, id="an account whose exporter is away is named"),
    pytest.param(
        ATTENTION,
        {f"zoho_crm_account_info{{{OWNED}{ACCOUNT}}}": AWAY} | OTHER_OWNER,
        LOST_ROW,
        id="the same alias of somebody else does not hide it",
    ),
    pytest.param(
        ATTENTION, LOST | {DROPPED: "_x110 6590x20"}, NOTHING, id="one that an exporter let go of is not lost"
    ),
    pytest.param(ATTENTION, LOST | {DROPPED: "60x20"}, LOST_ROW, id="one that came back since is"),
    pytest.param(ACCOUNTS, {}, {"{}": 0}, id="the accounts say so without an account"),
    pytest.param(ACCOUNTS, LOST, {'{account="acme"}': 0}, id="an account without an exporter"),
    pytest.param(ACCOUNTS, LIVING, {'{account="acme"}': 6}, id="an account that was not polled yet"),
    pytest.param(
        ACCOUNTS, LIVING | {f"zoho_crm_api_up{{{ACCOUNT}}}": 1}, {'{account="acme"}': 7}, id="an account to trust"
    ),
    pytest.param(
        ACCOUNTS,
        LIVING
        | {
            f"zoho_crm_api_up{{{ACCOUNT}}}": 1,
            f"zoho_crm_api_circuit_open{{{ACCOUNT}}}": 1,
            f"zoho_crm_oauth_token_valid{{{ACCOUNT}}}": 0,
        },
        {'{account="acme"}': 1},
        id="an account whose token is refused",
    ),
    pytest.param(
        ACCOUNTS,
        LIVING
        | {
            f"zoho_crm_api_up{{{ACCOUNT}}}": 1,
            f"zoho_crm_api_circuit_open{{{ACCOUNT}}}": 0,
            f"zoho_crm_oauth_token_valid{{{ACCOUNT}}}": 0,
        },
        {'{account="acme"}': 7},
        id="an idle account may let its token run out",
    ),
    pytest.param("Exporters A", {}, {"{}": 0}, id="no exporter is counted as none"),
    pytest.param("Last scrape A", LOST, {"{}": 600}, id="the last scrape is known after it"),
    pytest.param("Jobs by state F", {}, {}, id="no zeros while no exporter answers"),
    pytest.param("Jobs by state F", LIVING, {"{}": 0}, id="zeros where one does"),
    pytest.param("Needs attention A", {}, {"{}": 1}, id="that no exporter answers is counted"),
    pytest.param(ALL_JOBS, {}, {"{}": 0}, id="no jobs because no exporter answers"),
    pytest.param(ALL_JOBS, LIVING, {"{}": -1}, id="no jobs because there are none"),
    pytest.param(ALL_JOBS, tracked("RUNNING", RESTARTS), {TITLED: 4}, id="a restart takes no job out of the table"),
    pytest.param("Jobs by state D", tracked("RUNNING", RESTARTS), {"{}": 1}, id="nor out of the numbers"),
    pytest.param(ATTENTION, tracked("FAILED", RESTARTS), FAILED_ROW, id="nor off the list"),
    pytest.param(
        ALL_JOBS,
        tracked("RUNNING", RESTARTS)
        | {
            f'zoho_mass_update_job_dropped_timestamp_seconds{{{JOB}, reason="untracked", instance="a"}}': "_x118 7130x9"
        },
        {"{}": -1},
        id="but a job that was let go is gone",
    ),
    pytest.param(ATTENTION, LEFT_BEHIND, PARTLY_FAILED, id="records left behind are a partial failure"),
    pytest.param(ATTENTION, WHOLE, NOTHING, id="a whole end is none"),
    pytest.param(ALL_JOBS, LEFT_BEHIND, {TITLED: 6.5}, id="the state says so too"),
    pytest.param(ALL_JOBS, WHOLE, {TITLED: 6}, id="and that it is whole"),
    pytest.param(ATTENTION, FAILED | acknowledged(0), FAILED_ROW, id="a failure stays until it is acknowledged"),
    pytest.param(ATTENTION, FAILED | acknowledged(1), NOTHING, id="and then leaves the list"),
    pytest.param(ATTENTION, LEFT_BEHIND | acknowledged(1), NOTHING, id="a partial one too"),
    pytest.param(
        "All jobs H",
        tracked("RUNNING", not_updated=600)
        | {
            f'zoho_mass_update_job_{name}_timestamp_seconds{{{JOB}, instance="a"}}': value
            for name, value in (("last_report", 7_000), ("estimated_completion", 7_300))
        },
        {f"{{{JOB}}}": 2},
        id="a pace does not grow while no poll comes",
    ),
    pytest.param("All jobs K", FAILED | acknowledged(1), {f"{{{JOB}}}": 1}, id="the table shows that it was"),
    pytest.param("All jobs K", LEFT_BEHIND | acknowledged(0), {f"{{{JOB}}}": 0}, id="and that it was not"),
    pytest.param("All jobs K", WHOLE | acknowledged(0), {}, id="a whole end waits for nobody"),
]


@pytest.mark.parametrize(("place", "series", "expected"), CASES)
def test_what_is_shown_can_be_trusted(
    program: Program, tmp_path: Path, place: str, series: Series, expected: Samples
) -> None:
    """The fleet's panels tell nothing to do from nobody to say so."""
    [ask] = [ask for ask in ASKS if ask.dashboard == "zoho-mass-updates" and ask.place == place]
    assert complaints(program, tmp_path, ask.expression(), series, expected) == ""


@pytest.mark.parametrize(
    ("said", "whole", "few"),
    [
        pytest.param({"s_remaining": 501, "_reserve_reached": 0}, {ACME: 501}, {}, id="enough"),
        pytest.param({"s_remaining": 499, "_reserve_reached": 1}, {}, {ACME: 499}, id="below the reserve"),
        pytest.param({"s_remaining": 0, "_reserve_reached": 1}, {}, {ACME: 0}, id="none"),
        pytest.param({"_reserve_reached": 0}, {ACME: -1}, {}, id="plenty"),
    ],
)
def test_credits_below_the_reserve_stand_out(
    program: Program, tmp_path: Path, said: dict[str, int], whole: Samples, few: Samples
) -> None:
    """They are another series, in red."""
    series = LIVING | {f"zoho_crm_api_credit{name}{{{ACCOUNT}}}": value for name, value in said.items()}
    for letter, expected in (("A", whole), ("B", few)):
        [ask] = [ask for ask in ASKS if ask.place == f"Credits left to the organisation {letter}"]
        assert complaints(program, tmp_path, ask.expression(), series, expected) == ""


@pytest.mark.parametrize(("name", "panel"), ALL_PANELS, ids=PANEL_IDS)
def test_empty_panel_claims_nothing(name: str, panel: dict[str, object]) -> None:
    """A panel without data says that no exporter tells of any, never that all is well: nobody may be there to know."""
    [empty] = re.findall(r"'noValue': '([^'-]+)'", str(panel["fieldConfig"]))[:1]
    assert re.match(r"no exporter (answers|tells|told)|never", empty), name


@pytest.mark.parametrize(("name", "panel"), ALL_PANELS, ids=PANEL_IDS)
def test_panel_of_jobs_alone_blames_no_exporter(name: str, panel: dict[str, Any]) -> None:
    """What only jobs and their modules tell is missing without a job, though an exporter answers."""
    of_jobs = {
        family.name for group in table((), ()) if group.title in {"jobs", "modules"} for family in group.families
    }
    asked = {metric for target in panel["targets"] for metric in re.findall(r"zoho_\w+", target["expr"])}
    told = {re.sub(r"_bucket$", "", metric) for metric in asked}
    assert told - of_jobs or panel["fieldConfig"]["defaults"]["noValue"] != "no exporter answers", name


@pytest.mark.parametrize("dashboard", ["zoho-mass-updates", "zoho-mass-update-job", "zoho-crm-api"])
def test_trust_comes_first(dashboard: str) -> None:
    """Whether an exporter answers, when it was scraped, and what is the matter with each account stand on top."""
    tops = sorted(
        (panel["gridPos"]["y"], panel["gridPos"]["x"], panel["title"])
        for name, panel in ALL_PANELS
        if name == dashboard
    )
    assert [title for _, _, title in tops[:3]] == ["Exporters", "Last scrape", "Accounts"]
