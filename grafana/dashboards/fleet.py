"""The first dashboard: all mass updates, and what needs attention first."""

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard as models

from dashboards import controls, promql, trust
from dashboards.controls import link_to_job
from dashboards.jobs import FLEET, KEY, labelled
from dashboards.layout import Section, Shelf, Tile, place
from dashboards.palette import OUTCOMES, STATES, Colour, state_map, value_map
from dashboards.panels import Drawn, lines, number, state_bars
from dashboards.queries import Query
from dashboards.tables import COLOURED, COLOURED_TEXT, GAUGE, Column, rows
from dashboards.trust import NO_EXPORTER

_NO_JOBS = "no exporter told of a job"
_NO_JOBS_NOW = "no exporter tells of a job"
_NO_STATE = {"0": ("no exporter", Colour.BAD), "-1": ("no jobs", Colour.WAITING)}
_NO_TIME = {"-1": ("-", Colour.WAITING), str(trust.REMEMBERED_SECONDS): ("over 3 days", Colour.BAD)}
_TIMELINE_JOBS = 25
_TIMELINE = FLEET.over_time()
_ATTENTION = {
    "0": ("No exporter", Colour.BAD),
    "1": ("Failed", Colour.BAD),
    "2": ("Stalled", Colour.BAD),
    "3": ("Takes too long", Colour.BAD),
    "4": ("Partly failed", Colour.WARNING),
    "5": ("In error", Colour.ODD),
    "6": ("Stale", Colour.ODD),
    "7": ("State unknown", Colour.ODD),
    "8": ("Suspended", Colour.WARNING),
    "9": ("Waits long", Colour.SOON),
    "99": ("Nothing", Colour.GOOD),
}
"""Why a job needs attention, the most urgent first."""


def fleet() -> builders.Dashboard:
    """Give the dashboard of all jobs."""
    dashboard = builders.Dashboard("Zoho CRM / Mass updates").uid(controls.FLEET_UID).tags([controls.TAG])
    dashboard.description("All mass updates that the exporter watches: what they do now, and which need attention.")
    dashboard.time("now-24h", "now").refresh("1m").tooltip(models.DashboardCursorSync.CROSSHAIR).editable()
    dashboard.variables(
        [
            controls.data_source(),
            controls.cluster(),
            controls.namespace(),
            controls.account(),
            controls.module(),
            controls.group(),
            controls.jobs(),
            controls.state(),
            controls.stalled_after(),
            *controls.limits(),
        ]
    )
    dashboard.annotations(controls.annotations(_TIMELINE, enabled=False)).link(controls.other_dashboards())
    return place(dashboard, _sections())


def _sections() -> tuple[Section, ...]:
    now = (
        Shelf(4, (Tile(12, 24, _attention_counts()),)),
        Shelf(11, (Tile(13, 24, _attention()),)),
    )
    jobs = (
        Shelf(4, (Tile(11, 24, _states()),)),
        Shelf(14, (Tile(21, 24, _jobs()),)),
        # Lower, the names of so many jobs touch each other.
        Shelf(13, (Tile(22, 24, _timeline()),)),
    )
    work = (
        Shelf(8, (Tile(31, 12, _records()), Tile(32, 12, _states_over_time()))),
        Shelf(8, (Tile(33, 12, _finished()), Tile(34, 12, _durations()))),
    )
    return (trust.section(), Section(10, "Now", now), Section(20, "Jobs", jobs), Section(30, "Work done", work))


def _states() -> Drawn:
    queries = [Query(FLEET.count(FLEET.in_state(state)), state, colour) for state, colour in STATES.items()]
    text = (
        "Chosen jobs by the state that Zoho last gave. COMPLETED means that processing ended, not that every "
        "record was updated. UNKNOWN: no current report, or a word that Zoho does not document. The variable "
        "State is not applied."
    )
    return number("Jobs by state", text, queries, empty=NO_EXPORTER, base=Colour.BAD)


def _failed() -> str:
    return _ended(FLEET.in_state("FAILED"))


def _partly_failed() -> str:
    return f"{_ended(FLEET.in_state('COMPLETED'))} and on ({KEY}) {FLEET.left_behind()}"


def _ended(jobs: str) -> str:
    return f"{FLEET.since('finished', pick='min')} and on ({KEY}) {jobs} unless on ({KEY}) {FLEET.acknowledged()}"


def _unchanged(state: str, seconds: str) -> str:
    return f"({FLEET.without_progress()} > {seconds}) and on ({KEY}) {FLEET.in_state(state)}"


def _takes_too_long() -> str:
    reported, started = "last_report_timestamp_seconds", "started_timestamp_seconds"
    running = f"({FLEET.metric(reported)} - {FLEET.metric(started, pick='min')})"
    late = f"({running} > $takes_too_long_after) and on ({KEY}) {FLEET.in_state('RUNNING')}"
    return f"{late} unless on ({KEY}) ({FLEET.without_progress()} > $stalled_after)"


def _state_unknown() -> str:
    fresh = f"({FLEET.since('last_report')} <= $stale_after)"
    return f"{FLEET.without_progress()} and on ({KEY}) {FLEET.in_state('UNKNOWN')} and on ({KEY}) {fresh}"


def _poll_fails() -> str:
    return f"{_report_age()} * on ({KEY}) group_right () ({_failing()})"


def _failing() -> str:
    codes = FLEET.passing("poll_error", by=f"{KEY}, code")
    return f"{codes} unless on ({KEY}) ({FLEET.metric('poll_success')} == 1)"


def _stale() -> str:
    ended = " or ".join(FLEET.in_state(state) for state in ("COMPLETED", "FAILED"))
    return f"({_report_age()} > $stale_after) unless on ({KEY}) ({ended}) unless on ({KEY}) ({_failing()})"


def _report_age() -> str:
    """Give the seconds since the last good report, or since a job without one was first seen."""
    reported = FLEET.metric("last_report_timestamp_seconds")
    return f"(time() - ({reported} or {FLEET.metric('first_seen_timestamp_seconds', pick='min')}))"


def _suspended() -> str:
    return f"{FLEET.since('last_progress')} and on ({KEY}) {FLEET.in_state('SUSPENDED')}"


def _waits_long() -> str:
    return f"{_unchanged('SCHEDULED', '$waits_long_after')} or {_unchanged('QUEUED', '$waits_long_after')}"


def _attention_counts() -> Drawn:
    counts = {"0": f"count({_unwatched()}) or vector(0)"} | {
        reason: FLEET.count(f"max by ({KEY}) ({expression})") for reason, expression in _reasons().items()
    }
    queries = [Query(count, *_ATTENTION[reason]) for reason, count in counts.items()]
    queries.append(Query(f"count({_found()} or {_unwatched()}) or vector(0)", "In all", Colour.BUSY))
    text = (
        "How many accounts have no exporter that answers, and how many chosen jobs need attention, by reason; the "
        "list below says which. A job counts under each reason that holds for it. In all: the rows of the list, also "
        "those that do not fit."
    )
    return number("Needs attention", text, queries, empty=NO_EXPORTER, base=Colour.BAD)


def _reasons() -> dict[str, str]:
    return {
        "1": _failed(),
        "2": _unchanged("RUNNING", "$stalled_after"),
        "3": _takes_too_long(),
        "4": _partly_failed(),
        "5": _poll_fails(),
        "6": _stale(),
        "7": _state_unknown(),
        "8": _suspended(),
        "9": _waits_long(),
    }


def _attention() -> Drawn:
    columns = (
        Column("Why", label="reason", width=130, cell=COLOURED, mappings=value_map(_ATTENTION, is_ground=True)),
        Column("Job", label="title", least=220, links=[link_to_job()]),
        Column(
            "For",
            query=f"{_found()} or {_unwatched()} or on () {_nothing()}",
            unit="s",
            width=105,
            decimals=1,
            mappings=value_map(_NO_TIME),
        ),
        Column("Error code", label="code", width=220),
        Column("Account", label="account", width=160),
        Column("Module", label="module", width=150),
        Column("Group", label="group", width=150),
        Column("Job id", label="job_id", width=190),
    )
    text = (
        "The jobs to look at first, the most urgent on top; In all above says how many rows there are. No exporter: "
        "none answers for the account, its jobs are not watched. Failed, partly failed: how long ago the job ended; it "
        "leaves when somebody has acknowledged it, or its retention is over. Stalled: RUNNING, and polls have seen no "
        "change for longer than the variable Stalled after. Takes too long: RUNNING for more than 4 hours. In error: "
        "Zoho refuses, or does not answer; the code says why, the time is since the last good report. Stale: that is "
        "more than an hour ago, though no poll failed (credits are used up, or the account is paused). State unknown: "
        "Zoho gives a word that it does not document. Waits long: not begun for more than an hour. The variable State "
        "is not applied."
    )
    # That all is well is a row and not the empty text, which stands there as well while nothing answers.
    return rows("What needs attention", text, columns, empty=NO_EXPORTER, sort=("Why", False))


def _found() -> str:
    """Give a row for each reason of each job."""
    found = " or ".join(labelled(f"({query})", "reason", reason) for reason, query in _reasons().items())
    return FLEET.titled(f"({found})")


def _unwatched() -> str:
    """Give a row for each account that no exporter watches."""
    # By account, as jobs are: the list of accounts says in which cluster and namespace.
    return labelled(labelled(f"max by (account) ({trust.lost()})", "reason", "0"), "code", NO_EXPORTER)


def _nothing() -> str:
    """Give the row that stands there when there is no other."""
    return labelled(labelled("vector(-1)", "reason", "99"), "code", "nothing needs attention")


def _jobs() -> Drawn:
    chosen = FLEET.in_chosen_state
    columns = (
        Column("Job", label="title", least=200, links=[link_to_job()]),
        Column(
            "State",
            query=f"{FLEET.titled(chosen(FLEET.state_rank()))} or on () {_no_exporter()} or on () {_no_jobs()}",
            width=105,
            unit="none",
            cell=COLOURED,
            mappings=[*state_map(is_ground=True), *value_map(_NO_STATE, is_ground=True)],
        ),
        Column("Progress", query=chosen(FLEET.progress()), unit="percentunit", width=105, cell=GAUGE, top=1),
        Column("Updated", query=chosen(FLEET.metric("updated_records")), unit="locale", width=75),
        Column("Failed", query=chosen(FLEET.metric("failed_records")), unit="locale", width=60),
        Column("Not updated", query=chosen(FLEET.metric("not_updated_records")), unit="locale", width=100),
        Column("Total", query=chosen(FLEET.metric("total_records")), unit="locale", width=75),
        Column(
            "Failed share",
            query=chosen(FLEET.failed_share()),
            unit="percentunit",
            width=100,
            cell=COLOURED_TEXT,
            decimals=2,
            base=Colour.WAITING,
            steps=((0.000001, Colour.WARNING), (0.05, Colour.BAD)),
        ),
        Column("Records/s", query=chosen(FLEET.estimated_pace()), unit="short", width=85),
        Column("Estimated end", query=chosen(f"{FLEET.estimated_end()} * 1000"), unit="dateTimeFromNow", width=125),
        Column("Age", query=chosen(FLEET.since("last_report")), unit="s", width=80, decimals=1),
        Column(
            "Acknowledged",
            query=chosen(FLEET.acknowledgement()),
            unit="none",
            width=120,
            mappings=value_map({"0": ("no", Colour.BUSY), "1": ("yes", Colour.GOOD)}),
        ),
        Column("Account", label="account", width=105),
        Column("Module", label="module", width=100),
        Column("Group", label="group", width=125),
        Column("Job id", label="job_id", width=190),
    )
    text = (
        "Every chosen job. Progress: records updated or failed, of the total; none where the total is 0 or not "
        "known. Records/s and the estimated end come from the exporter's estimate, which needs a steadily running "
        "job. Age: that of the last good report, which is final once the job has ended. Acknowledged: whether "
        "somebody has taken note of a bad end. A click on a name opens the job. The table holds the first 1,000 jobs."
    )
    return rows("All jobs", text, columns, empty=NO_EXPORTER, sort=("State", True))


def _no_exporter() -> str:
    """Give the row that stands there when no exporter answers and none did lately."""
    here = promql.last(f"zoho_crm_account_info{{{promql.OF_ACCOUNT}}}", promql.LOOK_BACK)
    return f"(vector(0) unless on () {here})"


def _no_jobs() -> str:
    """Give the row that stands there when an exporter answers, and has no job that was chosen."""
    return "vector(-1)"


def _timeline() -> Drawn:
    # @ end(): the same jobs at every step, and found only once.
    end = " @ end()"
    changed = FLEET.metric("last_progress_timestamp_seconds", at=end)
    latest = f"topk({_TIMELINE_JOBS}, {FLEET.in_chosen_state(changed, at=end)})"
    query = Query(_TIMELINE.titled(_TIMELINE.state_rank(among=latest)), "{{account}}, {{module}}: {{title}}")
    text = f"The states of the {_TIMELINE_JOBS} chosen jobs that changed last. A gap: the exporter was not scraped."
    return state_bars("States of the latest jobs", text, [query], state_map(), empty=_NO_JOBS_NOW)


def _records() -> Drawn:
    rate = promql.seen("zoho_mass_update_records_processed_total", "outcome")
    text = (
        "How many records a second all jobs of the chosen accounts and modules updated, and failed to. Counts "
        "arrive with polls, every 15 s to 2 min: over a short time range the line is jagged."
    )
    queries = [Query(rate, "{{outcome}}")]
    return lines(
        "Records a second",
        text,
        queries,
        unit="suffix:records/s",
        stacked=True,
        total=Query(f"sum({rate})", "all records", Colour.WAITING),
        colours=OUTCOMES,
        empty=_NO_JOBS,
    )


def _states_over_time() -> Drawn:
    text = (
        "How many jobs of the chosen accounts and modules were in each state. Jobs leave when their retention is "
        "over, by default 7 days after their end."
    )
    queries = [Query(promql.module("zoho_mass_update_jobs", "state"), "{{state}}")]
    return lines("Jobs by state, over time", text, queries, unit="locale", stacked=True, colours=STATES, empty=_NO_JOBS)


def _finished() -> Drawn:
    ended = promql.seen("zoho_mass_update_jobs_finished_total", "state", call="increase")
    text = "How many jobs of the chosen accounts and modules ended around each point of time, by how they ended."
    queries = [Query(ended, "{{state}}")]
    return lines(
        "Jobs finished",
        text,
        queries,
        unit="locale",
        stacked=True,
        total=Query(f"sum({ended})", "all jobs", Colour.WAITING),
        colours=STATES,
        empty=_NO_JOBS,
    )


def _durations() -> Drawn:
    metric = "zoho_mass_update_job_duration_seconds_bucket"
    buckets = promql.seen(metric, "le", "state", call="increase", window="$__range")
    queries = [
        Query(f"histogram_quantile({share}, {buckets})", f"{{{{state}}}}, {name}")
        for name, share in (("median", 0.5), ("90 %", 0.9))
    ]
    text = (
        "How long jobs of the chosen accounts and modules took that ended within the time range, from the first "
        "poll that saw them RUNNING to the one that saw their end: half took longer than the median, one in ten "
        "longer than the 90th percentile."
    )
    return number("Durations", text, queries, unit="s", empty="no exporter told of an end")
