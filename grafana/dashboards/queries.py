"""What a panel asks Prometheus."""

import string
from collections.abc import Iterable
from dataclasses import dataclass

from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.palette import Colour

REF_IDS = string.ascii_uppercase
DATA_SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")


@dataclass(frozen=True, slots=True)
class Query:
    """A query, what its series are called, and the colour that they always have, if it is one."""

    expression: str
    legend: str = "__auto"
    colour: Colour | None = None


def over_time(
    queries: Iterable[Query], style: PromQueryFormat = PromQueryFormat.TIME_SERIES
) -> list[prometheus.Dataquery]:
    """Ask for the whole time range."""
    return [_dataquery(query, ref_id, style).range() for ref_id, query in zip(REF_IDS, queries, strict=False)]


def at_end(
    queries: Iterable[Query], style: PromQueryFormat = PromQueryFormat.TIME_SERIES
) -> list[prometheus.Dataquery]:
    """Ask for the time range's end alone."""
    return [_dataquery(query, ref_id, style).instant() for ref_id, query in zip(REF_IDS, queries, strict=False)]


def _dataquery(query: Query, ref_id: str, style: PromQueryFormat) -> prometheus.Dataquery:
    dataquery = prometheus.Dataquery().expr(query.expression).ref_id(ref_id).legend_format(query.legend)
    return dataquery.format(style).datasource(DATA_SOURCE)
