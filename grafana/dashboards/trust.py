"""What stands above everything else: whether what a dashboard shows can be trusted.

An account is one alias in one cluster and namespace, where there are such labels. One that had an exporter within the
last days and has none is shown as long as that, unless an exporter said that it let go of it.
"""

from grafana_foundation_sdk.models import dashboard as models

from dashboards.layout import Section, Shelf, Tile
from dashboards.palette import Colour, value_map
from dashboards.panels import Drawn, number
from dashboards.promql import OF_ACCOUNT, OF_TARGET
from dashboards.queries import Query
from dashboards.tables import COLOURED, COLOURED_TEXT, GAUGE, Column, rows

NO_EXPORTER = "no exporter answers"
_REMEMBERED, REMEMBERED_SECONDS = "3d", 3 * 86_400
_OWNER = "cluster, namespace, account"
_INFO = f"zoho_crm_account_info{{{OF_ACCOUNT}}}"
_BUILD = f"zoho_mass_update_exporter_build_info{{{OF_TARGET}}}"
_CLOCKS_DIFFER_SECONDS = 60
_VERDICTS = {
    "0": (NO_EXPORTER, Colour.BAD),
    "1": ("no access token", Colour.BAD),
    "2": ("Zoho does not answer", Colour.BAD),
    "3": ("polls are paused", Colour.WARNING),
    "4": ("below the reserve", Colour.WARNING),
    "5": ("budget is used up", Colour.WARNING),
    "6": ("not polled yet", Colour.WAITING),
    "7": ("can be trusted", Colour.GOOD),
}
"""What may be wrong with an account, the worst first."""


def section() -> Section:
    """Give the first section of a dashboard; its ids are kept free for it."""
    shelf = Shelf(5, (Tile(6, 5, _exporters()), Tile(7, 3, _last_scrape()), Tile(8, 16, _accounts())))
    return Section(5, "Can this be trusted?", (shelf,))


def lost() -> str:
    """Give the seconds for which accounts have had no exporter, by owner; a nameless one where there never was any."""
    age = f"(time() - {_last_scraped()}) unless on ({_OWNER}) {_INFO}"
    never = f"vector({REMEMBERED_SECONDS}) unless on () last_over_time({_INFO}[{_REMEMBERED}])"
    return f"({age} or ({never}))"


def _last_scraped() -> str:
    """Give when an exporter last told of each account, to a minute once it does no more."""
    times = f"timestamp({_INFO})"
    told = f"max by ({_OWNER}) ({times} or max_over_time({times}[{_REMEMBERED}:1m]))"
    dropped = f"last_over_time(zoho_crm_account_dropped_timestamp_seconds{{{OF_ACCOUNT}}}[{_REMEMBERED}])"
    let_go = f"max by ({_OWNER}) ({dropped}) + {_CLOCKS_DIFFER_SECONDS} > {told}"
    return f"({told} unless on ({_OWNER}) ({let_go} unless on ({_OWNER}) {_INFO}))"


def _account(metric: str, pick: str) -> str:
    return f"{pick} by ({_OWNER}) ({metric}{{{OF_ACCOUNT}}})"


def _used() -> str:
    """Give the used share of the budget, of the exporter that has used less of its own."""
    used, budget = (f"zoho_crm_api_{name}{{{OF_ACCOUNT}}}" for name in ("credits_used_24h", "credit_budget"))
    return f"min by ({_OWNER}) ({used} / ({budget} > 0))"


def _verdict() -> str:
    """Give what is the matter with each account: where two exporters differ, one that works is enough."""
    paused = f"({_account('zoho_crm_api_circuit_open', 'min')} == 1)"
    no_token = f"({_account('zoho_crm_oauth_token_valid', 'max')} == 0 and on ({_OWNER}) {paused})"
    no_answer = f"({_account('zoho_crm_api_up', 'max')} == 0)"
    reserve = f"({_account('zoho_crm_api_credit_reserve_reached', 'min')} == 1)"
    here = f"max by ({_OWNER}) ({_INFO})"
    unasked = f"({here} unless on ({_OWNER}) zoho_crm_api_up{{{OF_ACCOUNT}}})"
    found = (lost(), no_token, no_answer, paused, reserve, f"({_used()} >= 1)", unasked, here)
    return " or ".join(f"{rank} * ({expression} ^ 0)" for rank, expression in enumerate(found))


def _exporters() -> Drawn:
    text = (
        "How many exporters answer Prometheus, and how many that did within the last 3 days do not, though Prometheus "
        "still knows their addresses. Not by account: the list beside has those."
    )
    answer = f"count(max by (job, instance) ({_BUILD})) or vector(0)"
    known = f"last_over_time({_BUILD}[{_REMEMBERED}])"
    silent = f"count(max by (job, instance) (up{{{OF_TARGET}}}) == 0 and on (job, instance) {known}) or vector(0)"
    queries = [Query(answer, "answer", Colour.GOOD), Query(silent, "do not answer", Colour.BAD)]
    panel = number("Exporters", text, queries, empty=NO_EXPORTER)
    none = value_map({"0": ("none", Colour.BAD)})
    return panel.override_by_name("answer", [models.DynamicConfigValue(id_val="mappings", value=none)])


def _last_scrape() -> Drawn:
    text = "How long ago an exporter last answered Prometheus: what is shown is as old as that, or older."
    age = f"min(time() - {_last_scraped()})"
    steps = ((0, Colour.GOOD), (150, Colour.WARNING), (600, Colour.BAD))
    return number("Last scrape", text, [Query(age)], unit="s", empty="never", base=Colour.BAD, steps=steps)


def _accounts() -> Drawn:
    columns = (
        Column(
            "What is shown",
            query=_verdict(),
            unit="none",
            width=180,
            cell=COLOURED,
            mappings=value_map(_VERDICTS, is_ground=True),
        ),
        Column("Account", label="account", least=110),
        Column("Cluster", label="cluster", width=110),
        Column("Namespace", label="namespace", width=130),
        Column(
            "Last scrape",
            query=f"time() - {_last_scraped()}",
            unit="s",
            width=100,
            cell=COLOURED_TEXT,
            base=Colour.BAD,
            steps=((0, Colour.GOOD), (150, Colour.WARNING), (600, Colour.BAD)),
        ),
        Column(
            "Access token until",
            query=f"{_account('zoho_crm_oauth_token_expiry_timestamp_seconds', 'max')} * 1000",
            unit="dateTimeFromNow",
            width=145,
        ),
        Column(
            "Budget used",
            query=_used(),
            unit="percentunit",
            width=130,
            cell=GAUGE,
            top=1,
            steps=((0.5, Colour.WARNING), (0.9, Colour.BAD)),
        ),
        Column("Credits left", query=_account("zoho_crm_api_credits_remaining", "min"), unit="locale", width=100),
    )
    text = (
        "What is the matter with each chosen account, the worst on top; of two exporters one that works is enough. No "
        "exporter answers: nothing below has changed since the last scrape; shown for 3 days, or until an exporter "
        "lets go of the account. No access token: Zoho refuses one, or the way to it is cut. Polls are paused: Zoho "
        "asked for that. Without a date of its token an account needs none now; credits left are not known before "
        "half of the day's are used."
    )
    return rows("Accounts", text, columns, empty=NO_EXPORTER, sort=("What is shown", False))
