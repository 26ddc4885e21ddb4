"""The second dashboard: one mass update from its start to its end."""

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard as models

from dashboards import controls, promql, trust
from dashboards.jobs import ONE_JOB, Jobs
from dashboards.layout import Section, Shelf, Tile, place
from dashboards.palette import OUTCOMES, Colour, state_map, value_map
from dashboards.panels import Drawn, lines, number, state_bars
from dashboards.queries import Query
from dashboards.tables import Column, rows

_NO_JOB = "no exporter tells of this job"
_NO_REPORT = "no exporter tells of a current report"
_NO_POLL = "no exporter tells of a poll"
_COURSE = ONE_JOB.over_time()
_POLL_RESULT = value_map({"0": ("failed", Colour.BAD), "1": ("report", Colour.GOOD)})
_ERROR_CODE = value_map({"0": ("none", Colour.GOOD), "1": ("error", Colour.BAD)})


def one_job() -> builders.Dashboard:
    """Give the dashboard of one job."""
    dashboard = builders.Dashboard("Zoho CRM / One mass update").uid(controls.JOB_UID).tags([controls.TAG])
    dashboard.description(
        "One mass update: what it is, how far it is, when it will be done, and what watching it costs."
    )
    dashboard.time("now-6h", "now").refresh("1m").tooltip(models.DashboardCursorSync.CROSSHAIR).editable()
    whose = [controls.data_source(), controls.cluster(), controls.namespace(), controls.account()]
    dashboard.variables([*whose, controls.module(), controls.one_job()])
    dashboard.annotations(controls.annotations(_COURSE, enabled=True)).link(controls.other_dashboards())
    return place(dashboard, _sections())


def _sections() -> tuple[Section, ...]:
    identity = (
        Shelf(4, (Tile(11, 16, _identity()), Tile(12, 4, _state()), Tile(13, 4, _progress()))),
        # Lower, Grafana puts a time's name beside it, in the smallest letters.
        Shelf(5, (Tile(14, 10, _counts()), Tile(15, 14, _times()))),
    )
    course = (
        Shelf(9, (Tile(21, 12, _counts_over_time()), Tile(22, 12, _time_left()))),
        Shelf(7, (Tile(23, 12, _pace()), Tile(24, 12, _state_over_time()))),
    )
    polls = (
        Shelf(7, (Tile(31, 12, _poll_results()), Tile(32, 12, _errors()))),
        Shelf(6, (Tile(33, 12, _poll_times()), Tile(34, 12, _cost()))),
    )
    return (
        trust.section(),
        Section(10, "This job", identity),
        Section(20, "Its course", course),
        Section(30, "Its polls", polls),
    )


def _identity() -> Drawn:
    info = ONE_JOB.passing("info", by="account, module, job_id, job_name, group, source")
    columns = (
        Column("Name", label="job_name"),
        Column("Account", label="account", width=100),
        Column("Module", label="module", width=110),
        Column("Job id", label="job_id", width=180),
        Column("Group", label="group", width=125),
        Column("Known from", label="source", width=100),
        Column("Tracked", query=info, unit="bool_yes_no", width=75),
        Column(
            "Acknowledged",
            query=ONE_JOB.acknowledgement(),
            unit="none",
            width=120,
            mappings=value_map({"0": ("no", Colour.BUSY), "1": ("yes", Colour.GOOD)}),
        ),
    )
    text = "What the configuration says of the job. Two rows: two exporters are configured differently, or ids repeat."
    return rows("Identity", text, columns, empty=_NO_JOB, sort=("Name", False))


def _state() -> Drawn:
    text = "The state that Zoho last gave. COMPLETED means that processing ended, not that every record was updated."
    queries = [Query(f"max({ONE_JOB.state_rank()})")]
    return number("State", text, queries, unit="none", empty=_NO_JOB, mappings=state_map())


def _progress() -> Drawn:
    text = "Records updated or failed, of the total. None where the total is 0 or not known."
    queries = [Query(f"max({ONE_JOB.progress()})")]
    return number("Progress", text, queries, unit="percentunit", empty=_NO_REPORT)


def _counts() -> Drawn:
    text = "The four counts as Zoho last gave them; they are never derived from each other, so they need not add up."
    return number("Records", text, [*_count_queries(ONE_JOB)], empty=_NO_REPORT)


def _count_queries(jobs: Jobs) -> list[Query]:
    return [
        Query(f"max({jobs.metric(name.replace(' ', '_') + '_records')})", name, colour)
        for name, colour in OUTCOMES.items()
    ]


def _time(name: str, *, pick: str = "min") -> str:
    return f"{pick}({ONE_JOB.metric(f'{name}_timestamp_seconds', pick=pick)}) * 1000"


def _passing_time(name: str) -> str:
    return f"max({ONE_JOB.passing(f'{name}_timestamp_seconds')}) * 1000"


def _times() -> Drawn:
    text = (
        "When the exporter first saw the job, saw it run, saw a count or the state change, and saw it end, and "
        "when it will be done at its pace. Zoho tells no times: each is that of the poll that saw it."
    )
    queries = [
        Query(_time("first_seen"), "first seen"),
        Query(_time("started"), "started"),
        Query(_time("last_progress", pick="max"), "last progress"),
        Query(_passing_time("estimated_completion"), "estimated end"),
        Query(_time("finished"), "ended"),
    ]
    return number("Times", text, queries, unit="dateTimeFromNow", empty=_NO_JOB)


def _counts_over_time() -> Drawn:
    text = (
        "The counts as the polls gave them, below the total: the sum of the areas reaches it when nothing is missing."
    )
    queries = _count_queries(_COURSE)
    return lines("Records over time", text, queries, unit="locale", stacked=True, limits=["total"], empty=_NO_REPORT)


def _time_left() -> Drawn:
    estimate = f"(max({_COURSE.estimated_end()}) - time() > 0) / 60"
    # Only while it ran: a line from the time range's start would leave the estimate no height.
    actual = f"min({_moment('finished')} - time() > 0 and time() - {_moment('started')} >= 0) / 60"
    text = (
        "The time left by the exporter's estimate and, once the job has ended, the time that was really left. A "
        "good estimate lies on the dashed line."
    )
    queries = [Query(estimate, "estimated", Colour.BUSY), Query(actual, "actual", Colour.GOOD)]
    return lines(
        "Time left: estimate and actual",
        text,
        queries,
        # In seconds, Grafana would write 50,000 of them as 13.9 hours: an axis without a whole number.
        unit="suffix:min",
        limits=["actual"],
        empty="no exporter told of an estimate or an end",
    )


def _moment(name: str) -> str:
    return _COURSE.metric(f"{name}_timestamp_seconds", pick="min", at=" @ end()")


def _pace() -> Drawn:
    queries = [Query(f"max({_COURSE.measured_pace(outcome)})", outcome) for outcome in ("updated", "failed")]
    text = (
        "Records a second as the counts grew, and by the exporter's estimate, which looks at the last polls. "
        "Counts arrive with polls, every 15 s to 2 min: over a short time range the measured lines are jagged."
    )
    queries.append(Query(f"max({_COURSE.estimated_pace()})", "by the estimate", Colour.BUSY))
    return lines("Pace", text, queries, unit="suffix:records/s", colours=OUTCOMES, empty=_NO_REPORT)


def _state_over_time() -> Drawn:
    text = "The state over time. A gap: the exporter was not scraped, or did not track the job."
    queries = [Query(f"max({_COURSE.state_rank()})", "state")]
    return state_bars("State over time", text, queries, state_map(), empty=_NO_JOB)


def _poll_results() -> Drawn:
    text = (
        "Whether the last poll gave a report. Failed: the counts above are older than they look; the panel beside "
        "says why."
    )
    queries = [Query(f"max({_COURSE.metric('poll_success')})", "last poll")]
    return state_bars("Poll results", text, queries, _POLL_RESULT, empty=_NO_POLL)


def _errors() -> Drawn:
    text = (
        "Why polls failed, by code, while they did. Codes in upper case are Zoho's, those in lower case the "
        "exporter's. With two exporters a code is shown while either of them meets it."
    )
    well = f"0 * (max({_COURSE.metric('poll_success')}) == 1)"
    queries = [Query(_COURSE.metric("poll_error", by="code"), "{{code}}"), Query(well, "error")]
    return state_bars("Errors by code", text, queries, _ERROR_CODE, empty=_NO_POLL)


def _poll_times() -> Drawn:
    text = (
        "When the job was last polled, with success or without, when the poll began that gave the counts shown, and "
        "when it will be polled next at the earliest."
    )
    queries = [
        Query(_time("last_poll", pick="max"), "last poll"),
        Query(_time("last_report", pick="max"), "last report"),
        Query(_passing_time("next_poll"), "next poll"),
    ]
    return number("Polls", text, queries, unit="dateTimeFromNow", empty=_NO_POLL)


def _cost() -> Drawn:
    spent = promql.spent("zoho_crm_api_credits_spent_total", "account", call="increase", window="$__range")
    text = (
        "How often this job was polled within the time range (of two exporters with a state file each, by the one that "
        "did so more often), and the credits that all jobs of its account cost meanwhile. A poll costs one credit."
    )
    queries = [
        Query(f"sum({ONE_JOB.polls()})", "polls of this job"),
        Query(f"sum({spent})", "credits of the account"),
    ]
    return number("Cost", text, queries, unit="locale", empty=_NO_POLL)
