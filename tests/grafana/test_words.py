"""What the words of docs/words.md mean in the dashboards, to the second."""

import re
from pathlib import Path

import pytest
from computed import NOW_SECONDS, Series, complaints
from dashboard_files import ASKS, DASHBOARDS
from programs import Program

from exporter.settings import default_of

OF_JOB = '{account="acme", module="Leads", job_id="1", instance="a", job="zoho"}'
NAMED = OF_JOB.replace("}", ', group="spring", job_name="Spring"}')
NOTHING = {'{code="nothing needs attention", reason="99"}': -1}


def test_limits_stand_in_variables() -> None:
    """Each limit stands once, in the variable that is called as its setting is."""
    fleet = DASHBOARDS["zoho-mass-updates"]
    values = {item["name"]: item["query"] for item in fleet["templating"]["list"] if item["type"] == "constant"}
    assert values == {"takes_too_long_after": "14400", "waits_long_after": "3600", "stale_after": "3600"}
    [stalled] = [item for item in fleet["templating"]["list"] if item["name"] == "stalled_after"]
    assert stalled["current"]["value"] == "1800"
    asked = " ".join(ask.text for ask in ASKS if ask.dashboard == "zoho-mass-updates")
    assert not re.findall(r"[<>]=? \d{2,}", asked)


@pytest.mark.parametrize("setting", ["stalled_after", "takes_too_long_after", "waits_long_after", "stale_after"])
def test_limit_is_the_settings_default(setting: str) -> None:
    """Page, rules and dashboards begin to say a word at the same time."""
    [variable] = [item for item in DASHBOARDS["zoho-mass-updates"]["templating"]["list"] if item["name"] == setting]
    seconds = variable["query"] if variable["type"] == "constant" else variable["current"]["value"]
    assert float(seconds) == default_of(setting)


def job(state: str, *, reported: float, progressed: float = 0, started: float = 0) -> Series:
    """Give a job whose last good report, last progress and start were at these seconds."""
    moments = {"first_seen": 0, "last_report": reported, "last_progress": progressed, "started": started}
    return {
        'zoho_crm_account_info{account="acme", instance="a", job="zoho"}': 1,
        f"zoho_mass_update_job_info{NAMED}": 1,
        "zoho_mass_update_job_state" + OF_JOB.replace("}", f', state="{state}"}}'): 1,
        f"zoho_mass_update_job_poll_success{OF_JOB}": 1,
        **{f"zoho_mass_update_job_{name}_timestamp_seconds{OF_JOB}": value for name, value in moments.items()},
    }


def attention(reason: str) -> str:
    """Give the labels of a row of the list."""
    return f'{{account="acme", group="spring", job_id="1", module="Leads", reason="{reason}", title="Spring"}}'


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        pytest.param(job("RUNNING", reported=7_200, progressed=7_190), NOTHING, id="stalled: not yet"),
        pytest.param(job("RUNNING", reported=7_200, progressed=7_189), {attention("2"): 11}, id="stalled"),
        pytest.param(
            job("RUNNING", reported=7_000, progressed=6_990), NOTHING, id="a poll that is missing is no stall"
        ),
        pytest.param(
            job("RUNNING", reported=7_200, progressed=7_200, started=-7_200), NOTHING, id="takes too long: not yet"
        ),
        pytest.param(
            job("RUNNING", reported=7_200, progressed=7_200, started=-7_201),
            {attention("3"): 14_401},
            id="takes too long",
        ),
        pytest.param(
            job("RUNNING", reported=7_200, started=-7_201),
            {attention("2"): 7_200},
            id="stalled says more than too long",
        ),
        pytest.param(job("SCHEDULED", reported=7_200, progressed=3_600), NOTHING, id="waits long: not yet"),
        pytest.param(job("SCHEDULED", reported=7_200, progressed=3_599), {attention("9"): 3_601}, id="waits long"),
        pytest.param(job("QUEUED", reported=7_200, progressed=3_599), {attention("9"): 3_601}, id="in the queue too"),
        pytest.param(job("RUNNING", reported=3_600, progressed=3_600), NOTHING, id="stale: not yet"),
        pytest.param(job("RUNNING", reported=3_599, progressed=3_599), {attention("6"): 3_601}, id="stale"),
        pytest.param(job("UNKNOWN", reported=3_600, progressed=3_600), {attention("7"): 0}, id="unknown, told by Zoho"),
        pytest.param(
            job("UNKNOWN", reported=3_599, progressed=3_599), {attention("6"): 3_601}, id="unknown, for it is stale"
        ),
        pytest.param(job("SUSPENDED", reported=7_200, progressed=7_100), {attention("8"): 100}, id="suspended"),
    ],
)
def test_word_holds_from_its_limit_on(
    program: Program, tmp_path: Path, series: Series, expected: dict[str, float]
) -> None:
    """A job is in the list from the second on that docs/words.md says; Stalled after is ten seconds here."""
    assert NOW_SECONDS == 7_200
    [ask] = [ask for ask in ASKS if str(ask) == "zoho-mass-updates: What needs attention A"]
    assert complaints(program, tmp_path, ask.expression(), series, expected) == ""
