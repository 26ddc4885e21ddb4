"""What stands above the panels: variables, annotations and links to the other dashboards."""

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from dashboards.jobs import KEY, Jobs, with_title
from dashboards.palette import Colour
from dashboards.promql import OF_ACCOUNT, OF_MODULE, OF_TARGET
from dashboards.queries import DATA_SOURCE
from dashboards.words import LIMITS

TAG = "zoho-mass-update"
FLEET_UID, JOB_UID, API_UID = "zoho-mass-updates", "zoho-mass-update-job", "zoho-crm-api"
IMPORT_INPUT = "DS_PROMETHEUS"
_ALL = models.VariableOption(selected=True, text=["All"], value=["$__all"])
_PATIENCE = {"5 min": 300, "15 min": 900, "30 min": 1_800, "1 hour": 3_600, "6 hours": 21_600}
_INFO = "zoho_mass_update_job_info"


def data_source() -> builders.DatasourceVariable:
    """Let the user choose the Prometheus.

    At an import by hand Grafana puts the answer to the input in the place of the current value. Provisioned, nobody
    does, and Grafana takes the first Prometheus of its list, since there is none of that name.
    """
    asked = f"${{{IMPORT_INPUT}}}"
    variable = builders.DatasourceVariable("datasource").id("datasource").label("Data source").type("prometheus")
    return variable.current(models.VariableOption(selected=False, text=asked, value=asked))


def filter_by(name: str, label: str, query: str, *, regex: str = "") -> builders.QueryVariable:
    """Let the user choose some values of a label, or all."""
    variable = _chooser(name, label, query).regex(regex)
    # ".*", not a list of all values: short with a thousand jobs, and it finds jobs whose group is empty.
    return variable.multi(True).include_all(True).all_value(".*").current(_ALL)


def cluster() -> builders.QueryVariable:
    """Let the user choose clusters, where Prometheus puts such a label on what it scrapes."""
    return filter_by("cluster", "Cluster", "label_values(zoho_crm_account_info, cluster)")


def namespace() -> builders.QueryVariable:
    """Let the user choose namespaces, where there are any."""
    query = 'label_values(zoho_crm_account_info{cluster=~"$cluster"}, namespace)'
    return filter_by("namespace", "Namespace", query)


def account() -> builders.QueryVariable:
    """Let the user choose accounts."""
    return filter_by("account", "Account", f"label_values(zoho_crm_account_info{{{OF_TARGET}}}, account)")


def module() -> builders.QueryVariable:
    """Let the user choose modules of the accounts."""
    return filter_by("module", "Module", f"label_values(zoho_mass_update_jobs{{{OF_ACCOUNT}}}, module)")


def state() -> builders.QueryVariable:
    """Let the user choose the states that jobs are in now."""
    return filter_by("state", "State", f"label_values(zoho_mass_update_jobs{{{OF_MODULE}}}, state)")


def group() -> builders.QueryVariable:
    """Let the user choose groups of jobs."""
    return filter_by("group", "Group", f"label_values({_INFO}{{{OF_MODULE}}}, group)")


def jobs() -> builders.QueryVariable:
    """Let the user choose jobs by their names."""
    return filter_by("jobs", "Job", _named_jobs(', group=~"$group"'), regex=_NAME_AND_ID)


def one_job() -> builders.QueryVariable:
    """Let the user choose the one job to look at, by its name."""
    return _chooser("job", "Job", _named_jobs("")).regex(_NAME_AND_ID)


def stalled_after() -> builders.CustomVariable:
    """Let the user say how long a job may run without progress; the setting's default is chosen at first."""
    variable = builders.CustomVariable("stalled_after").id("stalled_after").label("Stalled after")
    options = [
        models.VariableOption(selected=seconds == LIMITS["stalled_after"], text=text, value=str(seconds))
        for text, seconds in _PATIENCE.items()
    ]
    variable.values(", ".join(f"{option.text} : {option.value}" for option in options)).options(options)
    return variable.current(next(option for option in options if option.selected))


def limits() -> list[builders.ConstantVariable]:
    """Give the other limits of time, out of sight: who changes a setting changes its number here, or in the address."""
    return [
        builders.ConstantVariable(name).id(name).value(str(seconds))
        for name, seconds in LIMITS.items()
        if name != "stalled_after"
    ]


# query_result gives each series as text, its labels in alphabetical order.
_NAME_AND_ID = '/job_id="(?<value>[^"]+)".*title="(?<text>[^"]+)"/'


def _named_jobs(more: str) -> str:
    info = f"{_INFO}{{{OF_MODULE}{more}}}"
    return f"query_result(max by (job_id, title) ({with_title(info)}))"


def _chooser(name: str, label: str, query: str) -> builders.QueryVariable:
    variable = builders.QueryVariable(name).id(name).label(label).datasource(DATA_SOURCE)
    variable.query({"query": query, "refId": "StandardVariableQuery"})
    return variable.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(
        models.VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC
    )


def other_dashboards() -> builders.DashboardLink:
    """Link the dashboards with each other, keeping the time range and the variables."""
    link = builders.DashboardLink("Zoho mass updates").type(models.DashboardLinkType.DASHBOARDS).tags([TAG])
    return link.include_vars(True).keep_time(True)


def link_to_job() -> dict[str, object]:
    """Link a table's row with the job's own dashboard."""
    account_and_module = "var-account=${__data.fields.Account}&var-module=${__data.fields.Module}"
    job = 'var-job=${__data.fields["Job id"]}'
    rest = "var-datasource=${datasource}&${__url_time_range}"
    url = f"/d/{JOB_UID}?{account_and_module}&{job}&{rest}"
    return {"title": "Look at this job", "url": url, "targetBlank": False}


def annotations(jobs: Jobs, *, enabled: bool) -> list[Builder[models.AnnotationQuery]]:
    """Mark when jobs started, completed and failed; only failures are shown unless the others are `enabled`."""
    started, ended = (jobs.metric(f"{name}_timestamp_seconds", pick="min") for name in ("started", "finished"))
    completed, failed = (f"{ended} and on ({KEY}) {jobs.in_state(state)}" for state in ("COMPLETED", "FAILED"))
    return [
        _annotation("Job started", jobs.titled(_mark(started)), Colour.BUSY).enable(enabled),
        _annotation("Job completed", jobs.titled(_mark(completed)), Colour.GOOD).enable(enabled),
        _annotation("Job failed", jobs.titled(_mark(failed)), Colour.BAD).enable(True),
    ]


def _mark(times: str) -> str:
    """Give times in milliseconds, as Grafana takes them."""
    return f"({times}) * 1000"


def _annotation(name: str, times: str, colour: Colour) -> builders.AnnotationQuery:
    # The latest fifty: more marks than that hide what they mark.
    annotation = builders.AnnotationQuery().name(name).datasource(DATA_SOURCE).expr(f"topk(50, {times})")
    return annotation.icon_color(colour.value)
