"""The committed dashboards: they are what the builders give, and they keep the rules of good dashboards."""

import re
from collections.abc import Iterator, Sequence
from operator import mul
from typing import Any

import pytest
from dashboard_files import ALL_PANELS, ASKS, DASHBOARDS, FOLDER, PANEL_IDS, Ask, panels
from dashboards.document import document
from dashboards.every import DASHBOARDS as BUILDERS

from exporter.jobs.table import Drop
from exporter.model import JobSource
from exporter.zoho.codes import LABEL_VALUES
from exporter.zoho.oauth import REASONS

every_dashboard = pytest.mark.parametrize("name", sorted(DASHBOARDS))
every_panel = pytest.mark.parametrize(("name", "panel"), ALL_PANELS, ids=PANEL_IDS)
UNITS = {"bool_yes_no", "bytes", "dateTimeFromNow", "locale", "none", "percentunit", "s", "short", "string"}
STATE_COLOURS = {
    "UNKNOWN": "#CC79A7",
    "SCHEDULED": "#999999",
    "QUEUED": "#56B4E9",
    "RUNNING": "#0072B2",
    "SUSPENDED": "#E69F00",
    "COMPLETED": "#009E73",
    "FAILED": "#D55E00",
}
STATE_GROUNDS = {
    "UNKNOWN": "#E3AECB",
    "SCHEDULED": "#C8C8C8",
    "QUEUED": "#8FCDF2",
    "RUNNING": "#0072B2",
    "SUSPENDED": "#F5B83D",
    "COMPLETED": "#00785A",
    "FAILED": "#B84F00",
}
"""The same below words."""


def test_files_are_what_the_builders_give() -> None:
    """The committed files are up to date; `make dashboards` writes them anew."""
    built = {make().build().uid: document(make()) for make in BUILDERS}
    assert built == {path.stem: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}


def test_uids_stay() -> None:
    """People's bookmarks and links name the uids; each is its file's name."""
    uids = {name: dashboard["uid"] for name, dashboard in DASHBOARDS.items()}
    names = ("zoho-crm-api", "zoho-mass-update-job", "zoho-mass-updates")
    assert uids == {name: name for name in names}


@every_dashboard
def test_panel_ids_are_unique(name: str) -> None:
    """Each panel and row has an id of its own, as each panel has a title."""
    content = DASHBOARDS[name]["panels"]
    assert len({panel["id"] for panel in content}) == len(content)
    assert len({panel["title"] for panel in content}) == len(content)


@every_dashboard
def test_panels_lie_side_by_side(name: str) -> None:
    """No panel covers another or leaves the 24 columns, and no shelf leaves columns empty."""
    cells = [cell for panel in DASHBOARDS[name]["panels"] for cell in _cells(panel["gridPos"])]
    rows = max(y for _, y in cells) + 1
    assert sorted(cells) == [(x, y) for x in range(24) for y in range(rows)]


def _cells(place: dict[str, int]) -> Iterator[tuple[int, int]]:
    for x in range(place["x"], place["x"] + place["w"]):
        for y in range(place["y"], place["y"] + place["h"]):
            yield x, y


@every_panel
def test_units_are_grafanas(name: str, panel: dict[str, Any]) -> None:
    """A unit that Grafana does not know would be printed behind each number; before a suffix it puts a blank itself."""
    columns = [item["value"] for override in panel["fieldConfig"]["overrides"] for item in _units(override)]
    units = {panel["fieldConfig"]["defaults"]["unit"], *columns}
    assert {unit for unit in units if not re.match(r"suffix:\S", unit)} <= UNITS, name


def _units(override: dict[str, Any]) -> list[dict[str, str]]:
    return [item for item in override["properties"] if item["id"] == "unit"]


@every_panel
def test_panel_says_what_it_shows(name: str, panel: dict[str, Any]) -> None:
    """Every panel of every dashboard has a title, a sentence of description, a unit, and words for nothing to show."""
    defaults = panel["fieldConfig"]["defaults"]
    assert panel["title"], name
    assert re.fullmatch(r"[A-Z].{30,}\.", panel["description"])
    assert defaults["unit"]
    assert re.fullmatch(r"[a-z].+", defaults["noValue"])
    assert panel["targets"]
    assert panel["options"]


@every_panel
def test_panel_asks_the_chosen_data_source(name: str, panel: dict[str, Any]) -> None:
    """Panel and queries name the variable, and no interval of their own."""
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    assert [panel["datasource"], *(target["datasource"] for target in panel["targets"])] == [
        chosen for _ in range(1 + len(panel["targets"]))
    ], name
    assert not {"interval", "timeFrom", "repeat"} & set(panel)
    assert not [target for target in panel["targets"] if "interval" in target]


@every_dashboard
def test_annotations_and_variables_ask_the_chosen_data_source(name: str) -> None:
    """Nothing names a data source but by the variable."""
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    variables = [item for item in DASHBOARDS[name]["templating"]["list"] if item["type"] == "query"]
    asking = [*DASHBOARDS[name]["annotations"].get("list", ()), *variables]
    assert [item["datasource"] for item in asking] == [chosen for _ in asking]


@every_dashboard
def test_import_asks_for_the_data_source(name: str) -> None:
    """The answer to the import's question becomes the variable's value; without one Grafana takes the first it has."""
    dashboard = DASHBOARDS[name]
    [asked] = dashboard["__inputs"]
    variable = dashboard["templating"]["list"][0]
    assert (asked["name"], asked["type"], asked["pluginId"]) == ("DS_PROMETHEUS", "datasource", "prometheus")
    assert (variable["name"], variable["type"], variable["query"]) == ("datasource", "datasource", "prometheus")
    assert variable["current"]["value"] == "${DS_PROMETHEUS}"


@every_dashboard
def test_requirements_name_what_is_used(name: str) -> None:
    """A Grafana that lacks a panel's plugin says so at the import."""
    required = {item["id"] for item in DASHBOARDS[name]["__requires"]}
    assert required == {"grafana", "prometheus"} | {panel["type"] for panel in panels(name)}


@every_dashboard
def test_variables_are_used_and_known(name: str) -> None:
    """Each variable is in some query, and each name in a query is a variable's or Grafana's."""
    variables = {variable["name"] for variable in DASHBOARDS[name]["templating"]["list"]}
    asked = {word for ask in ASKS if ask.dashboard == name for word in re.findall(r"\$(\w+)", ask.text)}
    groups = {"1"}  # of label_replace
    grafana = {"__rate_interval", "__range", "__range_s"}
    assert asked - groups - grafana == variables - {"datasource"}


@every_dashboard
def test_other_dashboards_are_linked(name: str) -> None:
    """The link finds every dashboard by their tag, and keeps the time range and the variables."""
    [link] = DASHBOARDS[name]["links"]
    assert (link["type"], link["keepTime"], link["includeVars"]) == ("dashboards", True, True)
    assert all(set(link["tags"]) <= set(dashboard["tags"]) for dashboard in DASHBOARDS.values())


@pytest.mark.parametrize("title", ["What needs attention", "All jobs"])
def test_rows_lead_to_the_job(title: str) -> None:
    """A click on a job's name opens its dashboard with the job, the data source and the time range."""
    [panel] = [panel for panel in panels("zoho-mass-updates") if panel["title"] == title]
    [links] = [
        item["value"]
        for override in panel["fieldConfig"]["overrides"]
        for item in override["properties"]
        if item["id"] == "links"
    ]
    url = (
        "/d/zoho-mass-update-job?var-account=${__data.fields.Account}&var-module=${__data.fields.Module}"
        '&var-job=${__data.fields["Job id"]}&var-datasource=${datasource}&${__url_time_range}'
    )
    assert [link["url"] for link in links] == [url]


@every_panel
def test_counts_are_whole(name: str, panel: dict[str, Any]) -> None:
    """Numbers that count have no decimals; lines leave them open, or Grafana labels ticks with the empty text."""
    defaults = panel["fieldConfig"]["defaults"]
    whole = panel["type"] == "stat" and defaults["unit"] == "locale"
    assert defaults.get("decimals") == (0 if whole else None), name


@pytest.mark.parametrize(
    ("title", "rows"),
    [("Accounts", 2), ("What needs attention", 9), ("All jobs", 12), ("Identity", 1), ("Replicas", 3)],
)
def test_table_shows_the_rows_that_fit(title: str, rows: int) -> None:
    """No pager takes their room, and that of a row with it; sizes as Grafana 13 draws them, in pixels."""
    panel = next(panel for _, panel in ALL_PANELS if panel["title"] == title)
    height = panel["gridPos"]["h"] * 38 - 8
    frame, header, row = 50, 36, 36
    assert panel["options"]["footer"]["enablePagination"] is False
    assert panel["options"]["cellHeight"] == "sm"
    assert (height - frame - header) // row == rows


def test_names_fit_beside_the_other_columns() -> None:
    """On a screen 1,600 pixels wide the names are legible, and only the last column, the id, needs scrolling."""
    [table] = [panel for _, panel in ALL_PANELS if panel["title"] == "All jobs"]
    widths = {
        override["matcher"]["options"]: item["value"]
        for override in table["fieldConfig"]["overrides"]
        for item in override["properties"]
        if item["id"] in {"custom.width", "custom.minWidth"}
    }
    assert widths["Job"] >= 200
    assert sum(width for title, width in widths.items() if title != "Job id") <= 1_560


@every_panel
def test_times_fit_their_columns(name: str, panel: dict[str, Any]) -> None:
    """A time stands to the right: cut at its left, 12 hours would read 2 hours."""
    least = {"s": 80, "dateTimeFromNow": 125}
    properties = [
        {item["id"]: item["value"] for item in override["properties"]} for override in panel["fieldConfig"]["overrides"]
    ]
    columns = [column for column in properties if column.get("unit") in least and panel["type"] == "table"]
    assert all(column["custom.width"] >= least[column["unit"]] for column in columns), name


@every_panel
def test_words_stand_left(name: str, panel: dict[str, Any]) -> None:
    """Words that stand for numbers are words: to the right they run into the next column's."""
    columns = [
        {item["id"]: item["value"] for item in override["properties"]} for override in panel["fieldConfig"]["overrides"]
    ]
    words = [column for column in columns if column.get("unit") in {"none", "bool_yes_no"}]
    assert all(column["custom.align"] == "left" for column in words), name


@every_panel
def test_numbers_can_be_read(name: str, panel: dict[str, Any]) -> None:
    """Each name stands above its number and keeps its size; no text for a missing number looks like one."""
    if panel["type"] == "stat":
        assert panel["options"]["wideLayout"] is False, name
        assert panel["options"]["text"] == {"titleSize": 14}
        assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["color"] in {"#999999", "#D55E00"}


@every_panel
def test_stacked_areas_have_no_edge(name: str, panel: dict[str, Any]) -> None:
    """The edge of what is 0 would lie on the area below, as failures on a job without any; the total has a line."""
    custom = panel["fieldConfig"]["defaults"].get("custom", {})
    if custom.get("stacking", {}).get("mode") == "normal" and panel["title"] != "Jobs by state, over time":
        drawn = [
            override["matcher"]["options"].strip("/")
            for override in panel["fieldConfig"]["overrides"]
            if {"id": "custom.lineWidth", "value": 2} in override["properties"]
        ]
        assert custom["lineWidth"] == 0, name
        assert [target for target in panel["targets"] if re.search(drawn[0], target["legendFormat"])]


@pytest.mark.parametrize(
    ("title", "values"), [("Jobs dropped", Drop), ("Tracked jobs", JobSource)], ids=["reasons", "sources"]
)
def test_each_value_has_a_colour(title: str, values: type[Drop | JobSource]) -> None:
    """No reason and no source is left to Grafana's own colours, which mean nothing here."""
    [panel] = [panel for panel in panels("zoho-crm-api") if panel["title"] == title]
    matchers = [override["matcher"] for override in panel["fieldConfig"]["overrides"]]
    assert set(values) <= {matcher["options"] for matcher in matchers if matcher["id"] == "byName"}


@every_dashboard
def test_states_keep_their_colours(name: str) -> None:
    """A state has the same colour wherever it is shown, but for a shade of it below words."""
    shown = [item for panel in panels(name) for item in _state_colours(panel["fieldConfig"])]
    assert set(shown) <= STATE_COLOURS.items() | STATE_GROUNDS.items()
    assert bool(shown) == (name != "zoho-crm-api")


def test_words_on_colours_can_be_read() -> None:
    """Grafana writes in black where a ground is light, else in white; WCAG 2.2 asks for 4.5 at level AA."""
    grounds = {
        found["color"]
        for _, panel in ALL_PANELS
        for override in panel["fieldConfig"]["overrides"]
        if "color-background" in str(override["properties"])
        for found in _mappings(override["properties"])
    }
    assert {colour for colour in grounds if _contrast_to_words(colour) < 4.5} == set()
    assert len(grounds) == 7


def _contrast_to_words(ground: str) -> float:
    """Source: Grafana, getTextColorForAlphaBackground; WCAG 2.2, relative luminance."""
    channels = [int(ground[at : at + 2], 16) for at in (1, 3, 5)]
    is_light = sum(map(mul, channels, (0.299, 0.587, 0.114))) > 180
    darker, lighter = sorted(map(_luminance, ((32, 34, 38) if is_light else (247, 248, 250), channels)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(channels: Sequence[int]) -> float:
    parts = (value / 255 for value in channels)
    linear = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return float(sum(map(mul, linear, (0.2126, 0.7152, 0.0722))))


def _state_colours(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for found in _mappings(config):
        if found.get("text") in STATE_COLOURS:
            yield found["text"], found["color"]
    for override in config["overrides"]:
        values = {item["id"]: item["value"] for item in override["properties"]}
        series = override["matcher"]["options"]
        if series in STATE_COLOURS and "color" in values:
            yield series, values["color"]["fixedColor"]
        if series in STATE_COLOURS and "thresholds" in values:
            yield series, values["thresholds"]["steps"][-1]["color"]


def _mappings(value: object) -> Iterator[dict[str, str]]:
    """Find whatever maps a value to a text, however deep it lies."""
    if isinstance(value, dict):
        if "text" in value:
            yield value
        yield from (found for inner in value.values() for found in _mappings(inner))
    if isinstance(value, list):
        yield from (found for inner in value for found in _mappings(inner))


@pytest.mark.parametrize(
    ("title", "faults"), [("Errors by code", LABEL_VALUES), ("Token refreshes", REASONS)], ids=["codes", "reasons"]
)
def test_each_fault_has_one_colour(title: str, faults: tuple[str, ...]) -> None:
    """No code is left to Grafana's own colours, of which some people can't tell red from green."""
    [panel] = [panel for panel in panels("zoho-crm-api") if panel["title"] == title]
    matchers = [override["matcher"] for override in panel["fieldConfig"]["overrides"]]
    patterns = [matcher["options"].strip("/") for matcher in matchers if matcher["id"] == "byRegexp"]
    assert {fault for fault in faults if sum(bool(re.search(pattern, fault)) for pattern in patterns) != 1} == set()


def test_annotations_stand_at_the_times_that_they_tell() -> None:
    """Start, end and failure are marked at the value of the timestamp metrics, in milliseconds."""
    marked = [item for dashboard in DASHBOARDS.values() for item in dashboard["annotations"].get("list", ())]
    assert [item["name"] for item in marked] == ["Job started", "Job completed", "Job failed"] * 2
    assert all(item["useValueForTime"] and " * 1000" in item["expr"] for item in marked)


@pytest.mark.parametrize("ask", [pytest.param(ask, id=str(ask)) for ask in ASKS])
def test_windows_fit_the_time_range(ask: Ask) -> None:
    """Growth is that of $__rate_interval, at the end of $__range; only what looks back says how far."""
    windows = re.findall(r"(\w+)\((?:timestamp\()?\w+(?:\{[^}]*\})?\)?\[([^]]*)\]", ask.text)
    assert len(windows) == ask.text.count("[")
    growth = "$__range" if ask.is_instant else "$__rate_interval"
    allowed = {"last_over_time": {"10m", "3d"}, "max_over_time": {"3d:1m"}}
    assert all(window in allowed.get(function, {growth}) for function, window in windows)
