"""The dashboards' queries, as a parser reads them: their metrics and labels are the exporter's."""

from collections.abc import Iterator

import promql_parser
import pytest
from dashboard_files import ASKS, DASHBOARDS, VALUES, Ask

from exporter.metrics.families import Kind, table

PROCESS = {"process_resident_memory_bytes", "process_cpu_seconds_total", "up"}
"""What the Python client exposes of itself, and what Prometheus says of each target."""
TARGET = {"job", "instance"}
"""The labels that Prometheus itself gives."""
OWNER = {"cluster", "namespace"}
"""Labels that people let Prometheus give to what it scrapes, and that every series has where one has them."""
SUFFIXES = {Kind.HISTOGRAM: {"_bucket": ("le",), "_sum": (), "_count": ()}}
LABELS = {
    family.name + suffix: {*group.labels, *family.labels, *more}
    for group in table((), ())
    for family in group.families
    for suffix, more in SUFFIXES.get(family.kind, {"": ()}).items()
}
"""The labels of each name that the exporter exposes."""

CHOICES = {
    "cluster": ["$cluster"],
    "namespace": ["$namespace"],
    "account": ["$account"],
    "module": ["$module"],
    "job_id": ["$jobs", "$job"],
    "group": ["$group"],
}
"""What may choose the values of a label."""

every_query = pytest.mark.parametrize("ask", [pytest.param(ask, id=str(ask)) for ask in ASKS])


def selectors(expression: promql_parser.Expr) -> Iterator[promql_parser.VectorSelector]:
    """Give everything in a query that selects series."""
    if isinstance(expression, promql_parser.VectorSelector):
        yield expression
    if isinstance(expression, promql_parser.MatrixSelector):
        yield expression.vector_selector
    for part in ("lhs", "rhs", "expr", "param"):
        if inner := getattr(expression, part, None):
            yield from selectors(inner)
    for argument in getattr(expression, "args", ()):
        yield from selectors(argument)


@every_query
def test_metrics_and_their_labels_are_the_exporters(ask: Ask) -> None:
    """A metric that is renamed, or loses a label, is missed here."""
    found = list(selectors(promql_parser.parse(ask.expression())))
    assert found
    for selector in found:
        assert selector.name in LABELS or selector.name in PROCESS
        assert {matcher.name for matcher in selector.matchers.matchers} <= LABELS.get(selector.name, set()) | OWNER


@every_query
def test_nothing_is_named_that_a_user_chooses(ask: Ask) -> None:
    """Accounts, modules, jobs and groups come from variables, and Prometheus' own labels choose nothing."""
    for selector in selectors(parsed(ask)):
        values = {matcher.name: matcher.value for matcher in selector.matchers.matchers}
        assert all(values[label] in CHOICES[label] for label in CHOICES if label in values)
        assert not TARGET & set(values)


@pytest.mark.parametrize(
    "ask", [pytest.param(ask, id=str(ask)) for ask in ASKS if not ask.place.startswith("variable")]
)
def test_choice_is_applied_to_every_series(ask: Ask) -> None:
    """No selector of a panel or an annotation forgets whom or what the user has chosen.

    The processes' own metrics are joined with the exporters'.
    """
    variables = {variable["name"] for variable in DASHBOARDS[ask.dashboard]["templating"]["list"]}
    offered = {"account", "module", "job_id"} if "module" in variables else {"account"}
    for selector in selectors(parsed(ask)):
        named = {matcher.name for matcher in selector.matchers.matchers}
        assert offered & LABELS.get(selector.name or "", set()) <= named
        assert named >= OWNER or selector.name in PROCESS


def parsed(ask: Ask) -> promql_parser.Expr:
    """Give the query with its variables still in it; only those that are numbers have a value."""
    text = ask.text
    for variable, value in VALUES.items():
        text = text.replace(variable, value) if value[0].isdigit() else text
    return promql_parser.parse(text)


OF_PROCESS = {
    "zoho_mass_update_polls_total",
    "zoho_mass_update_poll_errors_total",
    "zoho_mass_update_polls_skipped_total",
    "zoho_mass_update_exporter_coalesced_polls_total",
    "zoho_mass_update_exporter_scrape_duration_seconds_bucket",
    "zoho_mass_update_exporter_store_errors_total",
    "zoho_crm_api_credits_spent_total",
    "zoho_crm_api_in_flight_requests",
    "zoho_crm_api_request_duration_seconds_bucket",
    "zoho_crm_oauth_refreshes_total",
    "zoho_crm_oauth_refresh_errors_total",
}
"""What each exporter did itself since it started; all else is the same at every exporter that shares a store."""


def aggregated(expression: promql_parser.Expr, by: str = "") -> Iterator[tuple[str, str]]:
    """Give each selected metric, with the aggregation that is nearest to it."""
    if isinstance(expression, promql_parser.VectorSelector):
        yield expression.name or "", by
    if isinstance(expression, promql_parser.MatrixSelector):
        yield expression.vector_selector.name or "", by
    by = str(expression.op) if isinstance(expression, promql_parser.AggregateExpr) else by
    for part in ("lhs", "rhs", "expr"):
        if inner := getattr(expression, part, None):
            yield from aggregated(inner, by)
    for argument in getattr(expression, "args", ()):
        yield from aggregated(argument, by)


@pytest.mark.parametrize(
    "ask", [pytest.param(ask, id=str(ask)) for ask in ASKS if not ask.place.startswith("variable")]
)
def test_replicas_are_added_only_where_each_acts_for_itself(ask: Ask) -> None:
    """Two exporters that share a store say the same of a job and of an account: added up it would count twice."""
    for metric, by in aggregated(promql_parser.parse(ask.expression())):
        assert (by == "sum") == (metric in OF_PROCESS)
