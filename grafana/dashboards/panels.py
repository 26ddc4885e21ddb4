"""The kinds of panels that the dashboards are made of, each drawn alike wherever it stands."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias, TypeVar

from grafana_foundation_sdk.builders import common, heatmap, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heatmap_models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.palette import Colour, Steps, thresholds
from dashboards.queries import DATA_SOURCE, Query, at_end, over_time

_TIMELINE_POINTS = 200
_NAME_PIXELS = 14

Drawn: TypeAlias = stat.Panel | timeseries.Panel | statetimeline.Panel | heatmap.Panel | table.Panel

Panel = TypeVar("Panel", stat.Panel, timeseries.Panel, statetimeline.Panel, heatmap.Panel, table.Panel)


def describe(panel: Panel, title: str, description: str, unit: str, empty: str) -> Panel:
    """Give a panel what every panel has."""
    return panel.title(title).description(description).datasource(DATA_SOURCE).unit(unit).no_value(empty)


def number(
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    unit: str = "locale",
    empty: str = "none",
    base: Colour = Colour.WAITING,
    steps: Steps = ((0, Colour.BUSY),),
    mappings: list[models.ValueMapping] | None = None,
) -> stat.Panel:
    """Draw the numbers at the end of the time range.

    The base is the colour of the text that stands there without a value. A query's own colour counts from 1 on: 0 is
    grey.
    """
    panel = describe(stat.Panel(), title, description, unit, empty).targets([*at_end(queries)])
    panel.reduce_options(common.ReduceDataOptions().values(False).fields("").calcs(["lastNotNull"]))
    panel.color_mode(common_models.BigValueColorMode.VALUE).graph_mode(common_models.BigValueGraphMode.NONE)
    panel.text_mode(
        common_models.BigValueTextMode.VALUE_AND_NAME if len(queries) > 1 else common_models.BigValueTextMode.AUTO
    )
    # Else the names of several accounts become too small to read.
    panel.text(common.VizTextDisplayOptions().title_size(_NAME_PIXELS))
    panel.orientation(common_models.VizOrientation.AUTO).thresholds(thresholds(base, steps)).mappings(mappings or [])
    if unit == "locale":
        # Counts are whole, but increase() extrapolates. Not for lines: their axes would say `empty` at each half.
        panel.decimals(0)
    for query in queries:
        if query.colour:
            limits = thresholds(Colour.WAITING, ((1, query.colour),)).build()
            panel.override_by_name(query.legend, [models.DynamicConfigValue(id_val="thresholds", value=limits)])
    return panel


def lines(
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    unit: str,
    empty: str = "no data in this time range",
    stacked: bool = False,
    total: Query | None = None,
    colours: Mapping[str, Colour] = MappingProxyType({}),
    kinds: Mapping[str, Colour] = MappingProxyType({}),
    limits: Iterable[str] = (),
    top: float | None = None,
) -> timeseries.Panel:
    """Draw values over time.

    `colours` gives those of series by name, beside the queries' own, `kinds` by regular expressions that match whole
    names. `limits` names the series that bound the others, by such an expression, drawn dashed and unfilled. So is the
    `total` of stacked ones, which tells 0 from nothing.
    """
    if total:
        queries, limits = [*queries, total], [*limits, total.legend]
    panel = describe(timeseries.Panel(), title, description, unit, empty).targets([*over_time(queries)])
    # Stacked areas have no edge: that of a series at 0 would lie on the one below, in a colour that means something.
    panel.min(0).fill_opacity(70 if stacked else 8).line_width(0 if stacked else 2)
    panel.show_points(common_models.VisibilityMode.AUTO)
    panel.legend(_legend()).tooltip(_tooltip())
    if top is not None:
        panel.max(top)
    if unit == "locale":
        # Else an axis on which nothing was counted runs to 100.
        panel.axis_soft_max(1)
    if stacked:
        panel.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL).group("A"))
    own = {query.legend: query.colour for query in queries if query.colour}
    for pattern, colour in kinds.items():
        panel.override_by_regexp(f"/^({pattern})$/", [_fixed(colour)])
    for name, colour in {**colours, **own}.items():
        panel.override_by_name(name, [_fixed(colour)])
    for pattern in limits:
        panel.override_by_regexp(f"/^({pattern})$/", [*_limit_style()])
    return panel


def _fixed(colour: Colour) -> models.DynamicConfigValue:
    return models.DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": colour.value})


def state_bars(
    title: str,
    description: str,
    queries: Sequence[Query],
    mappings: list[models.ValueMapping],
    *,
    empty: str,
) -> statetimeline.Panel:
    """Draw states over time as bars, one a series, with the state's word on them."""
    panel = describe(statetimeline.Panel(), title, description, "none", empty).targets([*over_time(queries)])
    panel.mappings(mappings).thresholds(thresholds(Colour.WAITING)).merge_values(True).row_height(0.8)
    panel.show_value(common_models.VisibilityMode.AUTO).fill_opacity(80).legend(_legend()).tooltip(_tooltip())
    # A bar needs no more, and each point costs a query over all jobs.
    panel.max_data_points(_TIMELINE_POINTS)
    # Value mappings colour the bars only where the scheme is by thresholds.
    panel.color_scheme(builders.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
    return panel


def latency_map(title: str, description: str, expression: str, *, empty: str) -> heatmap.Panel:
    """Draw a histogram over time; the scheme runs from dark to light for every kind of sight."""
    queries = over_time([Query(expression, "{{le}}")], PromQueryFormat.HEATMAP)
    panel = describe(heatmap.Panel(), title, description, "short", empty).targets([*queries]).calculate(False)
    colour = heatmap.HeatmapColorOptions().mode(heatmap_models.HeatmapColorMode.SCHEME).scheme("Cividis").steps(64)
    panel.color(colour.fill(Colour.BUSY.value).exponent(0.5).scale(heatmap_models.HeatmapColorScale.EXPONENTIAL))
    panel.y_axis(heatmap.YAxisConfig().unit("s").axis_placement(common_models.AxisPlacement.LEFT))
    panel.cell_values(heatmap.CellValues().unit("short")).cell_gap(1).show_legend().show_tooltip()
    return panel


def _legend() -> common.VizLegendOptions:
    legend = common.VizLegendOptions().show_legend(True).display_mode(common_models.LegendDisplayMode.LIST)
    return legend.placement(common_models.LegendPlacement.BOTTOM).calcs([])


def _tooltip() -> common.VizTooltipOptions:
    tooltip = common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI)
    return tooltip.sort(common_models.SortOrder.DESCENDING)


def _limit_style() -> Iterable[models.DynamicConfigValue]:
    yield models.DynamicConfigValue(id_val="custom.lineStyle", value={"fill": "dash", "dash": [10, 10]})
    yield models.DynamicConfigValue(id_val="custom.lineWidth", value=2)
    yield models.DynamicConfigValue(id_val="custom.fillOpacity", value=0)
    yield models.DynamicConfigValue(id_val="custom.stacking", value={"mode": "none"})
