"""Every query of the dashboards, run against a real Prometheus that has watched the demonstration's fleet."""

import re

import pytest
from dashboard_files import ASKS, DASHBOARDS, Ask, variable_query
from watching import Watched

MAY_BE_EMPTY = {
    **{
        f"{name}: Accounts E": "Zoho says what is left only once half of the day's credits are used"
        for name in DASHBOARDS
    },
    "zoho-crm-api: Credits left to the organisation B": "as many credits are left as are to be left to others",
    "zoho-crm-api: State file errors A": "the disk takes every write",
    "zoho-crm-api: Token refreshes B": "the simulated Zoho grants every token",
}
"""The queries that the demonstration's fleet has no data for, and why."""

STATES = {
    "UNKNOWN": 3,
    "SCHEDULED": 1,
    "QUEUED": 0,
    "RUNNING": 3,
    "SUSPENDED": 1,
    "COMPLETED": 2,
    "FAILED": 1,
}
"""The fleet's eleven jobs at the moment at which they are looked at."""

ATTENTION = {
    "No exporter": [],
    "Failed": ["Close stale deals"],
    "Stalled": ["Set mailing consent"],
    "Takes too long": [],
    "Partly failed": ["Re-assign spring leads"],
    "In error": ["Mistyped job id", "Vendor terms (scope missing)"],
    "Stale": [],
    "State unknown": ["Archive expired contracts"],
    "Suspended": ["Extend open quotes"],
    "Waits long": [],
}
"""Which of them need attention, and why, in the order of the reasons' numbers."""

LEADS = "3524033000006027001"
KEY = ("account", "module", "job_id")


def asked(place: str, dashboard: str = "zoho-mass-updates") -> str:
    """Give the query of a place on a dashboard."""
    [ask] = [ask for ask in ASKS if ask.dashboard == dashboard and ask.place == place]
    return ask.expression()


def panel_numbers(watched: Watched, title: str) -> dict[str, float]:
    """Give what a panel of several numbers shows, by the numbers' names."""
    [panel] = [panel for panel in DASHBOARDS["zoho-mass-updates"]["panels"] if panel["title"] == title]
    shown = {}
    for target in panel["targets"]:
        [(_, value)] = watched.at_moment(asked(f"{title} {target['refId']}"))
        shown[target["legendFormat"]] = value
    return shown


def is_of_exporters(ask: Ask) -> bool:
    """Whether a query is on the exporters themselves, which are told apart, or on a label's values alone."""
    return ask.place.startswith("variable") or bool(re.search(r"by \(instance", ask.text))


@pytest.mark.parametrize("ask", [pytest.param(ask, id=str(ask)) for ask in ASKS if str(ask) not in MAY_BE_EMPTY])
def test_query_finds_data(watched: Watched, ask: Ask) -> None:
    """Prometheus takes the query, and finds numbers."""
    assert watched.numbers(ask)


@pytest.mark.parametrize("ask", [pytest.param(ask, id=str(ask)) for ask in ASKS if not is_of_exporters(ask)])
def test_replicas_are_aggregated_away(watched: Watched, ask: Ask) -> None:
    """No series tells one replica from the other."""
    found = watched.at_moment(ask.expression())
    assert not [series for series, _ in found if "instance" in series]


@pytest.mark.parametrize("place", sorted(MAY_BE_EMPTY))
def test_query_that_may_be_empty_is_taken(watched: Watched, place: str) -> None:
    """Prometheus takes the query; an entry of the list is a query that there is, and that finds nothing."""
    [ask] = [ask for ask in ASKS if str(ask) == place]
    assert watched.numbers(ask) == []


def test_states_are_counted_once(watched: Watched) -> None:
    """Two replicas that watch the same eleven jobs count as one."""
    assert panel_numbers(watched, "Jobs by state") == STATES


def test_attention_is_counted_once(watched: Watched) -> None:
    """A job that two replicas find in need of attention is one."""
    counts = {reason: len(jobs) for reason, jobs in ATTENTION.items()}
    assert panel_numbers(watched, "Needs attention") == {**counts, "In all": 7}


@pytest.mark.parametrize("place", ["Jobs by state A", "Needs attention B", "All jobs B", "Records a second A"])
def test_nothing_is_found_where_there_are_no_jobs(watched: Watched, place: str) -> None:
    """Without jobs a panel is empty, and says so in its own words, instead of showing zeros."""
    assert watched.at_moment(asked(place).replace('account=~".*"', 'account="nobody"')) == []


def test_finished_job_tells_its_whole_course(watched: Watched) -> None:
    """One job alone has data for every panel, but those on what it never had."""
    asks = [ask for ask in ASKS if ask.dashboard == "zoho-mass-update-job" and not ask.place.startswith("variable")]
    leads = [Ask(ask.dashboard, ask.place, ask.text.replace("$job", LEADS), ask.is_instant) for ask in asks]
    assert {ask.place for ask in leads if not watched.numbers(ask)} == {
        "Accounts E",  # Zoho has not said what is left
        "Times D",  # it ran too short for an estimate
        "Time left: estimate and actual A",
        "Pace C",
        "Errors by code A",  # no poll failed
        "Polls C",  # its report is final: no next poll
        "annotation Job failed",
    }


def test_actual_time_left_begins_with_the_job(watched: Watched) -> None:
    """A line from the time range's start would leave the estimate beside it no height."""
    [ask] = [ask for ask in ASKS if ask.place == "Time left: estimate and actual B"]
    [(_, left)] = watched.over_time(Ask(ask.dashboard, ask.place, ask.text.replace("$job", LEADS)).expression())
    ended, began = (
        watched.at_moment(f'min(zoho_mass_update_job_{name}_timestamp_seconds{{job_id="{LEADS}"}})')[0][1]
        for name in ("finished", "started")
    )
    assert 0 < max(left) <= ended - began


def test_attention_names_the_jobs(watched: Watched) -> None:
    """The list has each job once for each reason, by name, and the code where Zoho refuses."""
    reasons = dict(enumerate(ATTENTION))
    rows = [series for series, _ in watched.at_moment(asked("What needs attention A"))]
    listed = sorted((reasons[int(row["reason"])], row["title"]) for row in rows)
    assert listed == sorted((reason, job) for reason, jobs in ATTENTION.items() for job in jobs)
    assert {row["title"]: row["code"] for row in rows if "code" in row} == {
        "Mistyped job id": "NOT_FOUND",
        "Vendor terms (scope missing)": "OAUTH_SCOPE_MISMATCH",
    }


@pytest.mark.parametrize(
    ("column", "jobs"),
    [("A", 11), ("B", 9), ("C", 9), ("D", 9), ("E", 9), ("F", 9), ("G", 9), ("J", 9), ("K", 2)],
)
def test_table_has_a_row_for_each_job(watched: Watched, column: str, jobs: int) -> None:
    """Each job is there once in each column, and missing where a number is not known."""
    rows = [series for series, _ in watched.at_moment(asked(f"All jobs {column}"))]
    assert len({tuple(row[label] for label in KEY) for row in rows}) == len(rows) == jobs


def test_estimates_are_there_once(watched: Watched) -> None:
    """The steady job has one pace, that of the simulated Zoho: 36,000 records in an hour, six times as fast."""
    paces = [pace for series, pace in watched.at_moment(asked("All jobs H")) if series["module"] == "Tasks"]
    assert paces == [pytest.approx(60, rel=0.2)]


def test_job_without_a_name_is_called_by_its_id(watched: Watched) -> None:
    """A table that would show an empty name could not be clicked."""
    titles = {series["module"]: series["title"] for series, _ in watched.at_moment(asked("All jobs A"))}
    assert (titles["Tasks"], titles["Leads"]) == ("3524033000006027011", "Re-assign spring leads")


@pytest.mark.parametrize(
    ("place", "dashboard", "number"),
    [
        pytest.param("Credits used in 24 hours B", "zoho-crm-api", 5_000, id="the budget is the account's"),
        pytest.param("Concurrency B", "zoho-crm-api", 5, id="so is the limit"),
        pytest.param("Tracked jobs A", "zoho-crm-api", 11, id="jobs are tracked by both"),
    ],
)
def test_what_holds_for_the_account_is_taken_once(watched: Watched, place: str, dashboard: str, number: float) -> None:
    """What two replicas both say of an account is not added up."""
    values = [values[-1] for _, values in watched.over_time(asked(place, dashboard))]
    assert max(values) == number


def test_records_are_counted_once(watched: Watched) -> None:
    """The finished job's counts are what Zoho said, not twice that."""
    query = asked("Records A", "zoho-mass-update-job").replace('job_id=~".*"', 'job_id="3524033000006027001"')
    assert [value for _, value in watched.at_moment(query)] == [49_640]


@pytest.mark.parametrize(
    ("variable", "choice", "modules"),
    [
        ("$group", "quarter-end", {"Deals", "Accounts"}),
        ("$state", "FAILED", {"Deals"}),
        ("$module", "Deals|Leads", {"Deals", "Leads"}),
        ("$jobs", "3524033000006027001", {"Leads"}),
        ("$account", "another", set()),
    ],
)
def test_table_holds_the_chosen_jobs(watched: Watched, variable: str, choice: str, modules: set[str]) -> None:
    """Each variable leaves its jobs in the table and takes the others out."""
    [ask] = [ask for ask in ASKS if str(ask) == "zoho-mass-updates: All jobs B"]
    chosen = Ask(ask.dashboard, ask.place, ask.text.replace(f'"{variable}"', f'"{choice}"'))
    assert {series["module"] for series, _ in watched.at_moment(chosen.expression())} == modules


def test_variable_offers_jobs_by_name(watched: Watched) -> None:
    """Grafana reads name and id out of each series' text: labels in alphabetical order."""
    [variable] = [item for item in DASHBOARDS["zoho-mass-update-job"]["templating"]["list"] if item["name"] == "job"]
    query = asked("variable job", "zoho-mass-update-job")
    pattern = variable["regex"].strip("/").replace("(?<", "(?P<")
    texts = ["{" + ",".join(f'{k}="{v}"' for k, v in row.items()) + "}" for row, _ in watched.at_moment(query)]
    offered = {found["value"]: found["text"] for found in map(re.compile(pattern).search, texts) if found}
    assert len(offered) == len(texts) == 11
    assert offered["3524033000006027002"] == "Close stale deals"
    assert offered["3524033000006027011"] == "3524033000006027011"


@pytest.mark.parametrize(
    ("dashboard", "variable", "values"),
    [
        ("zoho-mass-updates", "account", {"acme"}),
        ("zoho-mass-updates", "state", set(STATES)),
        (
            "zoho-mass-updates",
            "group",
            {"spring-campaign", "quarter-end", "price-change", "housekeeping", "operator-errors", ""},
        ),
    ],
)
def test_variable_offers_the_labels_values(watched: Watched, dashboard: str, variable: str, values: set[str]) -> None:
    """A variable offers every value that there is."""
    [item] = [item for item in DASHBOARDS[dashboard]["templating"]["list"] if item["name"] == variable]
    label = variable_query(item)[1]
    found = {row.get(label, "") for row, _ in watched.at_moment(asked(f"variable {variable}", dashboard))}
    assert found == values
