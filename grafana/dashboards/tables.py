"""Tables: one row per job or replica, one query per column, joined by the labels that all of them share."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from grafana_foundation_sdk.builders import common, table
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.palette import Colour, Steps, thresholds
from dashboards.panels import describe
from dashboards.queries import REF_IDS, Query, at_end

MOST_ROWS = 1_000
_WORDS = {"none", "bool_yes_no"}
"""The units of numbers that are shown as words."""

GAUGE = common_models.TableBarGaugeCellOptions(
    mode=common_models.BarGaugeDisplayMode.BASIC, value_display_mode=common_models.BarGaugeValueMode.TEXT
)
COLOURED = common_models.TableColoredBackgroundCellOptions(mode=common_models.TableCellBackgroundDisplayMode.BASIC)
COLOURED_TEXT = common_models.TableColorTextCellOptions()


@dataclass(frozen=True, slots=True)
class Column:
    """A column: a label of the first query, or a query's value. One without a width takes what the others leave."""

    title: str
    label: str = ""
    query: str = ""
    unit: str = "string"
    width: int | None = None
    least: int | None = None
    cell: common_models.TableCellOptions | None = None
    base: Colour = Colour.BUSY
    steps: Steps = ()
    top: float | None = None
    decimals: int | None = None
    mappings: list[models.ValueMapping] = field(default_factory=list)
    links: Sequence[dict[str, object]] = ()


def rows(
    title: str,
    description: str,
    columns: Sequence[Column],
    *,
    empty: str,
    sort: tuple[str, bool],
) -> table.Panel:
    """Draw a table, sorted by a column (downwards if true).

    Without pages: a pager takes the place of a row, before Grafana 12 of two, even below a single page. Rows that do
    not fit are scrolled to, and Grafana draws only those in sight.
    """
    asked = [column for column in columns if column.query]
    panel = describe(table.Panel(), title, description, "string", empty)
    panel.targets([*at_end([Query(column.query) for column in asked], PromQueryFormat.TABLE)])
    for transformation in _transformations(columns, asked, sort):
        panel.with_transformation(transformation)
    panel.footer(common.TableFooterOptions().enable_pagination(False).show(False).reducer(["sum"]))
    for column in columns:
        panel.override_by_name(column.title, [*_properties(column)])
    return panel


def _transformations(
    columns: Sequence[Column], asked: Sequence[Column], sort: tuple[str, bool]
) -> Iterable[models.DataTransformerConfig]:
    values = {f"Value #{ref_id}": column.title for ref_id, column in zip(REF_IDS, asked, strict=False)}
    # A lone frame's column is called Value, whatever its query.
    names = {column.label: column.title for column in columns if column.label} | values | {"Value": asked[0].title}
    order = {column.title: position for position, column in enumerate(columns)}
    yield models.DataTransformerConfig(id_val="merge", options={})
    yield models.DataTransformerConfig(
        id_val="organize",
        options={
            "excludeByName": {"Time": True},
            "indexByName": {name: order[title] for name, title in names.items()},
            "renameByName": names,
        },
    )
    yield models.DataTransformerConfig(id_val="sortBy", options={"sort": [{"field": sort[0], "desc": sort[1]}]})
    yield models.DataTransformerConfig(id_val="limit", options={"limitField": MOST_ROWS})


def _properties(column: Column) -> Iterable[models.DynamicConfigValue]:
    yield models.DynamicConfigValue(id_val="unit", value=column.unit)
    yield models.DynamicConfigValue(id_val="thresholds", value=thresholds(column.base, column.steps).build())
    # Else a cell without a value would say what the empty table says.
    # One with a link has none for what is not there.
    yield models.DynamicConfigValue(id_val="noValue", value=" " if column.links else "-")
    if column.unit in _WORDS:
        # Grafana puts a number to the right, also one that a word stands for.
        yield models.DynamicConfigValue(id_val="custom.align", value="left")
    if column.decimals is not None:
        yield models.DynamicConfigValue(id_val="decimals", value=column.decimals)
    if column.width:
        yield models.DynamicConfigValue(id_val="custom.width", value=column.width)
    if column.least:
        yield models.DynamicConfigValue(id_val="custom.minWidth", value=column.least)
    if column.cell:
        yield models.DynamicConfigValue(id_val="custom.cellOptions", value=column.cell)
    if column.top is not None:
        yield models.DynamicConfigValue(id_val="min", value=0)
        yield models.DynamicConfigValue(id_val="max", value=column.top)
    if column.mappings:
        yield models.DynamicConfigValue(id_val="mappings", value=column.mappings)
    if column.links:
        yield models.DynamicConfigValue(id_val="links", value=list(column.links))
