"""The third dashboard: Zoho's API as the exporter meets it, what it costs, and how the exporter itself fares."""

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard as models

from dashboards import controls, promql, trust
from dashboards.layout import Section, Shelf, Tile, place
from dashboards.palette import FAULTS, Colour, thresholds, value_map
from dashboards.panels import Drawn, latency_map, lines, number, state_bars
from dashboards.queries import Query
from dashboards.tables import COLOURED, Column, rows
from dashboards.trust import NO_EXPORTER

_DAY_SECONDS = 86_400
_NO_CALLS = "no exporter told of a call"
_NO_POLLS = "no exporter told of a poll"
_YES = {"0": ("no", Colour.BAD), "1": ("yes", Colour.GOOD)}
_SKIPPED = {
    "fresh": Colour.GOOD,
    "terminal": Colour.WAITING,
    "backoff": Colour.WARNING,
    "budget": Colour.ODD,
    "circuit": Colour.BAD,
    "deadline": Colour.SOON,
}
_DROPPED = {
    "retention": Colour.GOOD,
    "probe_retention": Colour.WAITING,
    "unknown_retention": Colour.ODD,
    "untracked": Colour.BUSY,
    "undeclared": Colour.SOON,
    "account": Colour.SOON,
    "max_probed_jobs": Colour.WARNING,
    "max_jobs": Colour.BAD,
}
_SOURCES = {
    "config": Colour.BUSY,
    "environment": Colour.SOON,
    "file": Colour.GOOD,
    "api": Colour.ODD,
    "probe": Colour.WAITING,
}
_RELOAD = value_map({"0": ("failed", Colour.BAD), "1": ("succeeded", Colour.GOOD)}, is_ground=True)


def api() -> builders.Dashboard:
    """Give the dashboard of Zoho's API and the exporter."""
    dashboard = builders.Dashboard("Zoho CRM / API and exporter").uid(controls.API_UID).tags([controls.TAG])
    dashboard.description("What watching costs in API credits, how Zoho answers, and how the exporter itself fares.")
    dashboard.time("now-24h", "now").refresh("1m").tooltip(models.DashboardCursorSync.CROSSHAIR).editable()
    whose = [controls.data_source(), controls.cluster(), controls.namespace(), controls.account()]
    dashboard.variables(whose).link(controls.other_dashboards())
    return place(dashboard, _sections())


def _sections() -> tuple[Section, ...]:
    credit = (
        # Lower, the names of several accounts leave their numbers no room.
        Shelf(5, (Tile(11, 5, _used()), Tile(12, 5, _forecast()), Tile(13, 5, _burn()), Tile(14, 9, _remaining()))),
        Shelf(8, (Tile(15, 12, _used_over_time()), Tile(16, 12, _spending()))),
    )
    answers = (
        Shelf(8, (Tile(21, 12, _health()), Tile(22, 12, _errors()))),
        Shelf(8, (Tile(23, 12, _latency()), Tile(24, 12, _percentiles()))),
        Shelf(8, (Tile(25, 8, _concurrency()), Tile(26, 8, _skipped()), Tile(27, 8, _polls()))),
        Shelf(7, (Tile(28, 8, _token_expiry()), Tile(29, 16, _refreshes()))),
    )
    exporter = (
        Shelf(6, (Tile(31, 12, _replicas()), Tile(32, 12, _tracked()))),
        Shelf(8, (Tile(33, 8, _scrapes()), Tile(34, 8, _memory()), Tile(35, 8, _processor()))),
        Shelf(7, (Tile(36, 12, _dropped()), Tile(37, 12, _store_errors()))),
    )
    return (
        trust.section(),
        Section(10, "API credits", credit),
        Section(20, "How Zoho answers", answers),
        Section(30, "The exporter", exporter),
    )


def _credits_used() -> str:
    return promql.account("zoho_crm_api_credits_used_24h", pick="max")


def _budget() -> str:
    return promql.account("zoho_crm_api_credit_budget", pick="max")


def _daily_burn() -> str:
    spent = promql.spent("zoho_crm_api_credits_spent_total", "account", window="$__range")
    return f"({spent} * {_DAY_SECONDS})"


def _used() -> Drawn:
    text = (
        "The share of the budget that the last 24 hours have used. From a half on polls are stretched; at the "
        "whole they stop until credits return. Of two exporters with a state file each, the one that used more."
    )
    queries = [Query(promql.account_or(f"{_credits_used()} / ({_budget()} > 0)", -1), "{{account}}")]
    unlimited = value_map({"-1": ("no budget is set", Colour.WAITING)})
    steps = ((0, Colour.BUSY), (0.5, Colour.WARNING), (0.9, Colour.BAD))
    return number("Budget used", text, queries, unit="percentunit", empty=NO_EXPORTER, steps=steps, mappings=unlimited)


def _forecast() -> Drawn:
    left = f"clamp_min({_budget()} - {_credits_used()}, 0)"
    text = (
        "When the budget will be used up if spending goes on as it did on average in the time range. Not at this "
        "pace: it spends less than the budget in 24 hours, or there is none."
    )
    running_out = f"{left} / ({_daily_burn()} / {_DAY_SECONDS} > 0) and on (account) ({_daily_burn()} > {_budget()})"
    queries = [Query(promql.account_or(running_out, -1), "{{account}}")]
    never = value_map({"-1": ("not at this pace", Colour.GOOD)})
    steps = ((0, Colour.BAD), (3_600, Colour.WARNING), (21_600, Colour.BUSY))
    return number("Budget used up in", text, queries, unit="s", empty=NO_EXPORTER, steps=steps, mappings=never)


def _burn() -> Drawn:
    text = "The credits that 24 hours will cost if spending goes on as it did on average in the time range."
    return number("Credits a day, at this pace", text, [Query(_daily_burn(), "{{account}}")], empty=NO_EXPORTER)


def _remaining() -> Drawn:
    text = (
        "Credits left to the whole organisation, all its integrations together, as Zoho last said. Plenty: Zoho says "
        "it only once half of the day's credits are used. Below the reserve (red) the exporter stops."
    )
    left = promql.account_or(promql.account("zoho_crm_api_credits_remaining", pick="min"), -1)
    low = f"({promql.account('zoho_crm_api_credit_reserve_reached', pick='min')} == 1)"
    queries = [
        Query(f"({left}) unless on (account) {low}", "{{account}}: left"),
        Query(f"({left}) and on (account) {low}", "{{account}}: too few"),
        Query(promql.account("zoho_crm_api_credit_reserve", pick="max"), "{{account}}: reserve"),
    ]
    unsaid = value_map({"-1": ("plenty", Colour.GOOD)})
    panel = number("Credits left to the organisation", text, queries, empty=NO_EXPORTER, mappings=unsaid)
    red = models.DynamicConfigValue(id_val="thresholds", value=thresholds(Colour.BAD).build())
    return panel.override_by_regexp("/: too few$/", [red])


def _used_over_time() -> Drawn:
    text = "Credits that the exporter's calls have used in the 24 hours before, and the most that it may use in any."
    # By account: in a sum, one that has used up its own would hide behind the others.
    queries = [Query(_credits_used(), "{{account}}: used"), Query(_budget(), "{{account}}: budget")]
    budgets = ".*: budget"
    return lines(
        "Credits used in 24 hours",
        text,
        queries,
        unit="locale",
        kinds={budgets: Colour.BAD},
        limits=[budgets],
        empty=NO_EXPORTER,
    )


def _spending() -> Drawn:
    spent = promql.spent("zoho_crm_api_credits_spent_total", "account")
    text = "Credits an hour, by account: one for each status call that reached Zoho."
    return lines(
        "Credits an hour",
        text,
        [Query(f"{spent} * 3600", "{{account}}")],
        unit="suffix:credits/h",
        stacked=True,
        total=Query(f"sum({spent}) * 3600", "all accounts", Colour.WAITING),
        empty=NO_EXPORTER,
    )


def _health() -> Drawn:
    text = (
        "Whether Zoho answers, and whether the exporter has the access token that it needs, by account; yes is well. "
        "Of two replicas the worse is shown. The panel beside and the log say why it is not well."
    )
    # An account whose jobs have ended lets its token run out: that is no fault.
    has_token = promql.account("zoho_crm_oauth_token_valid", pick="min")
    paused = promql.account("zoho_crm_api_circuit_open", pick="max")
    queries = [
        Query(promql.account("zoho_crm_api_up", pick="min"), "{{account}}: Zoho answers"),
        Query(_not(f"{paused} * ({_not(has_token)})"), "{{account}}: has a token if it needs one"),
        Query(_not(paused), "{{account}}: polls go on (circuit)"),
        Query(
            _not(promql.account("zoho_crm_api_credit_reserve_reached", pick="max")), "{{account}}: above the reserve"
        ),
    ]
    return state_bars("Account health", text, queries, value_map(_YES), empty=NO_EXPORTER)


def _not(expression: str) -> str:
    return f"1 - {expression}"


def _errors() -> Drawn:
    errors = promql.spent("zoho_mass_update_poll_errors_total", "code", call="increase")
    text = (
        "Polls that gave no report, by code. Codes in upper case are Zoho's, those in lower case the exporter's. "
        "docs/runbooks say what to do about each. Codes of one colour have one kind of cure: rights, names, "
        "credentials, limits, or the way to Zoho."
    )
    return lines(
        "Errors by code",
        text,
        [Query(f"{errors} > 0", "{{code}}")],
        unit="locale",
        stacked=True,
        total=Query(f"sum({errors})", "all codes", Colour.WAITING),
        kinds=FAULTS,
        empty=_NO_POLLS,
    )


def _latency() -> Drawn:
    calls = promql.spent("zoho_crm_api_request_duration_seconds_bucket", "le", call="increase")
    text = "How long calls to Zoho took, failed ones included: the more a field stands out, the more calls."
    return latency_map("Duration of calls", text, calls, empty=_NO_CALLS)


def _percentiles() -> Drawn:
    buckets = promql.spent("zoho_crm_api_request_duration_seconds_bucket", "le", "endpoint")
    text = (
        "How long calls to Zoho took: half took longer than the median, one in twenty longer than the 95th "
        "percentile. status: the state of one job; token: an access token."
    )
    queries = [
        Query(f"histogram_quantile({share}, {buckets})", f"{{{{endpoint}}}}, {name}")
        for name, share in (("median", 0.5), ("95 %", 0.95))
    ]
    return lines("Duration of calls, percentiles", text, queries, unit="s", empty=_NO_CALLS)


def _concurrency() -> Drawn:
    text = "Calls to Zoho under way while pages were written, and the most status calls at once (max_concurrency)."
    queries = [
        Query(f"sum({promql.account('zoho_crm_api_in_flight_requests', pick='sum')})", "under way", Colour.BUSY),
        Query(f"sum({promql.account('zoho_crm_api_concurrency_limit', pick='max')})", "limit", Colour.BAD),
    ]
    return lines("Concurrency", text, queries, unit="locale", limits=["limit"], empty=NO_EXPORTER)


def _skipped() -> Drawn:
    skipped = promql.spent("zoho_mass_update_polls_skipped_total", "reason")
    text = (
        "Jobs that scrapes did not poll, by reason. fresh, terminal: nothing to ask. backoff: it failed and "
        "waits. budget: credits are scarce. circuit: the account is paused. deadline: the answer came too late "
        "for the page."
    )
    return lines(
        "Polls skipped",
        text,
        [Query(skipped, "{{reason}}")],
        unit="suffix:jobs/s",
        stacked=True,
        total=Query(f"sum({skipped})", "all reasons", Colour.WAITING),
        colours=_SKIPPED,
        empty=NO_EXPORTER,
    )


def _polls() -> Drawn:
    text = "Polls of jobs, failed ones included, and those that a scrape found under way and joined at no cost."
    queries = [
        Query(f"sum({promql.spent('zoho_mass_update_polls_total', 'account')})", "polls", Colour.BUSY),
        Query(
            f"sum({promql.spent('zoho_mass_update_exporter_coalesced_polls_total', 'account')})", "joined", Colour.GOOD
        ),
    ]
    return lines("Polls", text, queries, unit="suffix:polls/s", empty=NO_EXPORTER)


def _token_expiry() -> Drawn:
    text = "When the access token runs out. The exporter asks for a new one a minute before."
    expiry = promql.account("zoho_crm_oauth_token_expiry_timestamp_seconds", pick="min")
    queries = [Query(promql.account_or(f"{expiry} * 1000", -1), "{{account}}")]
    none = value_map({"-1": ("no token", Colour.WAITING)})
    return number("Access token runs out", text, queries, unit="dateTimeFromNow", empty=NO_EXPORTER, mappings=none)


def _refreshes() -> Drawn:
    asked = promql.spent("zoho_crm_oauth_refreshes_total", "account", call="increase")
    refused = promql.spent("zoho_crm_oauth_refresh_errors_total", "reason", call="increase")
    text = "Access tokens asked of Zoho (it grants 10 in 10 minutes), and refreshes that gave none, by reason."
    queries = [Query(f"sum({asked})", "asked", Colour.BUSY), Query(f"{refused} > 0", "{{reason}}")]
    return lines("Token refreshes", text, queries, unit="locale", kinds=FAULTS, empty=NO_EXPORTER)


def _replicas() -> Drawn:
    columns = (
        Column("Replica", label="instance"),
        Column("Version", label="version", width=120),
        Column("Python", label="python_version", width=120),
        Column(
            "Answers", query=_answers(), width=90, unit="none", cell=COLOURED, mappings=value_map(_YES, is_ground=True)
        ),
        Column(
            "Configuration loaded",
            query=f"{promql.replica('config_last_reload_success_timestamp_seconds')} * 1000",
            unit="dateTimeFromNow",
            width=170,
        ),
        Column(
            "Last reload",
            query=promql.replica("config_last_reload_successful"),
            width=110,
            unit="none",
            cell=COLOURED,
            mappings=_RELOAD,
        ),
    )
    text = (
        "The exporters that Prometheus knows, whether each answers it, and whether its configuration could be loaded "
        "when it last changed."
    )
    return rows("Replicas", text, columns, empty=NO_EXPORTER, sort=("Replica", False))


def _answers() -> str:
    """Give 1 for each exporter that answers, and 0 for one that did within 3 days and is still scraped in vain."""
    build = f"zoho_mass_update_exporter_build_info{{{promql.OF_TARGET}}}"
    known = f"({build} or (0 * last_over_time({build}[3d]) unless on (job, instance) {build}))"
    scraped = f"up{{{promql.OF_TARGET}}}"
    return f"max by (instance, version, python_version) ({known} and on (job, instance) {scraped})"


def _tracked() -> Drawn:
    tracked = promql.account("zoho_mass_update_exporter_tracked_jobs", "source", pick="max")
    text = "Jobs that the exporter tracks, by where their ids came from. The setting max_jobs bounds them."
    return lines(
        "Tracked jobs",
        text,
        [Query(f"sum by (source) ({tracked})", "{{source}}")],
        unit="locale",
        stacked=True,
        total=Query(f"sum({tracked})", "all jobs", Colour.WAITING),
        colours=_SOURCES,
        empty=NO_EXPORTER,
    )


def _scrapes() -> Drawn:
    buckets = promql.replica_growth("scrape_duration_seconds_bucket", "instance", "le")
    text = (
        "How long 19 of 20 scrapes took at most, polls included, by replica. A scrape that reaches its time-out "
        "is cut short."
    )
    queries = [Query(f"histogram_quantile(0.95, {buckets})", "{{instance}}")]
    return lines("Scrape duration, 95th percentile", text, queries, unit="s", empty=NO_EXPORTER)


def _memory() -> Drawn:
    text = "Memory that the exporter's process holds, by replica."
    queries = [Query(promql.process("process_resident_memory_bytes"), "{{instance}}")]
    return lines("Memory", text, queries, unit="bytes", empty=NO_EXPORTER)


def _processor() -> Drawn:
    text = "Processor time that the exporter's process uses, by replica: 100 % is one whole core."
    queries = [Query(promql.process("rate(process_cpu_seconds_total[$__rate_interval])"), "{{instance}}")]
    return lines("Processor", text, queries, unit="percentunit", empty=NO_EXPORTER)


def _dropped() -> Drawn:
    metric = f"increase(zoho_mass_update_exporter_jobs_dropped_total{{{promql.OF_TARGET}}}[$__rate_interval])"
    text = (
        "Jobs let go or not taken in, by reason. retention: it ended long ago. unknown_retention: Zoho does not "
        "know it. max_jobs: there are too many, and some are not watched. untracked, undeclared, account: somebody "
        "took them out, by the API or the configuration."
    )
    dropped = f"max by (reason) ({metric})"
    return lines(
        "Jobs dropped",
        text,
        [Query(dropped, "{{reason}}")],
        unit="locale",
        stacked=True,
        total=Query(f"sum({dropped})", "all reasons", Colour.WAITING),
        colours=_DROPPED,
        empty=NO_EXPORTER,
    )


def _store_errors() -> Drawn:
    errors = promql.replica_growth("store_errors_total", "instance", "operation", call="increase")
    text = "Reads and writes of the state that failed, by replica and operation. It goes on with what it knows."
    all_errors = promql.replica_growth("store_errors_total", call="increase")
    return lines(
        "State file errors",
        text,
        [Query(f"{errors} > 0", "{{instance}}: {{operation}}")],
        unit="locale",
        stacked=True,
        total=Query(all_errors, "all replicas", Colour.WAITING),
        empty=NO_EXPORTER,
    )
