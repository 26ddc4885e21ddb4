"""Every metric family, one row each: name, type, help, labels and a plain function of what it describes.

The rows know no encoder. HELP, docs/metrics.md, the lint and the dashboards' names come from them or are tested
against them. The next metric is one row here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from operator import attrgetter
from typing import Any, Generic, TypeVar

from exporter.model import (
    AccountSnapshot,
    Departure,
    Distribution,
    ExporterSnapshot,
    JobKey,
    JobSource,
    JobState,
    Probe,
    Snapshot,
    TrackedJob,
)

JOBS, MODULES, ACCOUNTS, EXPORTER, PROBE = "jobs", "modules", "accounts", "exporter", "probe"
"""The titles of the groups."""
SCRAPED = (JOBS, MODULES, ACCOUNTS, EXPORTER)
"""The groups that a scrape gives, in this order."""
PROBED = (JOBS, PROBE)
"""The groups that a probe gives."""

Labels = tuple[str, ...]
_JOB_LABELS = ("account", "module", "job_id")
Value = float | Distribution
Given = Value | Iterable[tuple[str | Labels, Value]] | None
Subject = TypeVar("Subject")


class Kind(StrEnum):
    """A family's type in the exposition format."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Family(Generic[Subject]):
    """One metric family.

    `value` gives a subject's value, or one for each value of the row's own `labels`; `None` for no sample, as absent
    beats wrong.
    """

    name: str
    help: str
    value: Callable[[Subject], Given]
    labels: Labels = ()
    is_histogram: bool = False
    is_own: bool = False
    """Whether it tells of this process since its start, also where several exporters share what is known."""

    @property
    def kind(self) -> Kind:
        """The type; a counter is known by its name, as OpenMetrics wants it."""
        if self.is_histogram:
            return Kind.HISTOGRAM
        return Kind.COUNTER if self.name.endswith("_total") else Kind.GAUGE


@dataclass(frozen=True, slots=True)
class Group(Generic[Subject]):
    """The families that describe one kind of subject.

    `subjects` finds them in a snapshot, each with the values of `labels`, which stand before the labels of each row.
    """

    title: str
    labels: Labels
    subjects: Callable[[Snapshot], Iterable[tuple[Labels, Subject]]]
    families: tuple[Family[Subject], ...]


@dataclass(frozen=True, slots=True)
class Share:
    """What is known of an account, or of its module of this name, and how many jobs it has."""

    state: AccountSnapshot
    tracked: Mapping[JobSource, int] = field(default_factory=dict)
    ended: Mapping[JobSource, int] = field(default_factory=dict)
    """Of those that are tracked."""
    states: Mapping[JobState, int] = field(default_factory=dict)
    """Of a module."""
    name: str = ""


def spread(given: Given) -> Iterator[tuple[Labels, Value]]:
    """Give the samples that a row's value stands for, each with the values of the row's own labels."""
    if given is None:
        return
    if isinstance(given, int | float | Distribution):
        yield (), given
        return
    for labels, value in given:
        yield (labels,) if isinstance(labels, str) else labels, value


def settled(given: Given) -> Given:
    """Give what a row gave so that it can be compared, and read more than once."""
    return given if given is None or isinstance(given, (int, float, Distribution)) else tuple(given)


_IN_STATE = {now: tuple((state, state is now) for state in JobState) for now in JobState}
"""Of a job in each state: whether it is in each of them."""
_LAST_POLL = "as of the last good poll"


def _count(name: str, count: str, text: str) -> Family[TrackedJob]:
    field = f"{count.title()}_Count"
    return Family(name, f"{text} (Zoho field {field}), {_LAST_POLL}.", lambda job: getattr(job.report, count, None))


_JOB_FAMILIES: tuple[Family[TrackedJob], ...] = (
    Family(
        "zoho_mass_update_job_state",
        f"State of the job (Zoho field Status), {_LAST_POLL}: 1 for the state it is in, 0 for the others. "
        "UNKNOWN: an undocumented word, or no current report. COMPLETED: processing ended; records may have failed.",
        lambda job: _IN_STATE[job.state],
        ("state",),
    ),
    _count("zoho_mass_update_job_updated_records", "updated", "Records updated so far"),
    _count("zoho_mass_update_job_failed_records", "failed", "Records that could not be updated"),
    _count("zoho_mass_update_job_not_updated_records", "not_updated", "Records not updated yet"),
    _count("zoho_mass_update_job_total_records", "total", "Records the job was scheduled to update"),
    Family(
        "zoho_mass_update_job_first_seen_timestamp_seconds",
        "When the exporter began to track the job, Unix time.",
        lambda job: job.first_seen_at,
    ),
    Family(
        "zoho_mass_update_job_started_timestamp_seconds",
        "When a poll first saw the job RUNNING, Unix time; absent if none did.",
        lambda job: job.started_at,
    ),
    Family(
        "zoho_mass_update_job_finished_timestamp_seconds",
        "When a poll first saw the job COMPLETED or FAILED, Unix time; absent until then.",
        lambda job: job.finished_at,
    ),
    Family(
        "zoho_mass_update_job_last_progress_timestamp_seconds",
        "When a poll last saw the state or a count change, Unix time.",
        lambda job: job.progressed_at,
    ),
    Family(
        "zoho_mass_update_job_last_poll_timestamp_seconds",
        "When the job was last polled, with success or without, Unix time.",
        lambda job: job.polled_at,
    ),
    Family(
        "zoho_mass_update_job_last_report_timestamp_seconds",
        "When the poll began that gave the last good report, Unix time; kept when that report is too old to be shown "
        "(setting stale_after); absent before the first.",
        lambda job: job.reported_at,
    ),
    Family(
        "zoho_mass_update_job_next_poll_timestamp_seconds",
        "Earliest time at which a scrape polls the job again, Unix time; absent once its report is final.",
        lambda job: job.next_poll_at,
    ),
    Family(
        "zoho_mass_update_job_estimated_completion_timestamp_seconds",
        "When the job will be done at the pace of its last polls, Unix time; absent unless it runs at a steady pace.",
        lambda job: job.completes_at,
    ),
    Family(
        "zoho_mass_update_job_poll_success",
        "Whether the last poll of the job gave a report (1) or failed (0); absent before the first.",
        lambda job: None if job.polled_at is None else job.failure is None,
    ),
    Family(
        "zoho_mass_update_job_poll_error",
        "Why the last poll of the job failed, always 1; absent while polls succeed. "
        "Upper-case codes are Zoho's, lower-case ones the exporter's.",
        lambda job: ((job.failure.code, 1),) if job.failure else None,
        ("code",),
    ),
    Family(
        "zoho_mass_update_job_acknowledged",
        "Whether somebody has taken note of how the job ended (1) or nobody has (0); absent before its end.",
        lambda job: job.is_acknowledged,
    ),
)


def _info_family(job_labels: Labels) -> Family[TrackedJob]:
    def labels(job: TrackedJob) -> Labels:
        spec = job.spec
        # Plain text, not a member of an enumeration: what is kept of each job is then nothing to look for garbage in.
        return spec.name, spec.group, spec.source.value, *(spec.labels.get(name, "") for name in job_labels)

    return Family(
        "zoho_mass_update_job_info",
        "What the configuration says of the job, always 1: its name, group, source and allowed labels.",
        lambda job: ((labels(job), 1),),
        ("job_name", "group", "source", *(f"label_{name}" for name in job_labels)),
    )


def _module_families(codes: Labels) -> tuple[Family[Share], ...]:
    return (
        Family(
            "zoho_mass_update_jobs",
            f"Tracked jobs in each state, {_LAST_POLL}.",
            lambda module: module.states.items(),
            ("state",),
        ),
        Family(
            "zoho_mass_update_jobs_finished_total",
            "Jobs that a poll saw end, by terminal state; kept across restarts.",
            lambda module: module.state.totals[module.name].finished.items(),
            ("state",),
        ),
        Family(
            "zoho_mass_update_records_processed_total",
            "Growth of the counts of all jobs, by outcome (updated, failed); kept across restarts.",
            lambda module: module.state.totals[module.name].records.items(),
            ("outcome",),
        ),
        Family(
            "zoho_mass_update_job_duration_seconds",
            "How long jobs took, from the first poll that saw them RUNNING to the one that saw their end, by terminal "
            "state; kept across restarts.",
            lambda module: module.state.totals[module.name].durations.items(),
            ("state",),
            is_histogram=True,
        ),
        Family(
            "zoho_mass_update_polls_total",
            "Polls of jobs, failed ones included, since the exporter started. Credits are counted by "
            "zoho_crm_api_credits_spent_total.",
            lambda module: module.state.tally.polls.get(module.name, 0),
            is_own=True,
        ),
        Family(
            "zoho_mass_update_poll_errors_total",
            "Polls of jobs that gave no report, by reason. Codes in lower case are our own.",
            lambda module: ((code, module.state.tally.errors.get((module.name, code), 0)) for code in codes),
            ("code",),
            is_own=True,
        ),
    )


_where = attrgetter("data_center", "environment", "api_version")

_ACCOUNT_FAMILIES: tuple[Family[Share], ...] = (
    Family(
        "zoho_mass_update_polls_skipped_total",
        "Jobs that a scrape did not poll, by reason: fresh (its report is recent enough), terminal (its report is "
        "final), backoff (it failed and waits), budget (credits are scarce), circuit (Zoho asked the account to pause, "
        "or there is no access token), deadline (the page was due before the poll ended; it lands in the next scrape).",
        lambda account: sorted(account.state.tally.skipped.items()),
        ("reason",),
        is_own=True,
    ),
    Family(
        "zoho_crm_account_info",
        "Where the account's data lives, always 1.",
        lambda account: ((_where(account.state.account), 1),),
        ("data_center", "environment", "api_version"),
    ),
    Family(
        "zoho_crm_api_up",
        "Whether the last poll got an answer of Zoho's CRM API (1, also when that was a refusal), or none: network, "
        "server fault or no access token (0). Absent before the first.",
        lambda account: account.state.upstream.is_up,
        is_own=True,
    ),
    Family(
        "zoho_crm_api_request_duration_seconds",
        "How long calls to Zoho took, failed ones included; endpoint is status (one job's state) or token (a refresh).",
        lambda account: sorted(account.state.upstream.durations.items()),
        ("endpoint",),
        is_histogram=True,
        is_own=True,
    ),
    Family(
        "zoho_crm_api_in_flight_requests",
        "Calls to Zoho under way while this page was written.",
        lambda account: account.state.upstream.in_flight,
        is_own=True,
    ),
    Family(
        "zoho_crm_api_concurrency_limit",
        "Most status calls that the exporter has under way at once (setting max_concurrency).",
        lambda account: account.state.account.max_concurrency,
    ),
    Family(
        "zoho_crm_api_credits_spent_total",
        "API credits that the exporter's status calls have cost since it started: one for each that reached Zoho.",
        lambda account: account.state.upstream.credits.spent,
        is_own=True,
    ),
    Family(
        "zoho_crm_api_credits_used_24h",
        "API credits that the exporter has spent in the last 24 hours; kept across restarts. Absent while what was "
        "kept could not be read yet.",
        lambda account: account.state.upstream.credits.used_24h,
    ),
    Family(
        "zoho_crm_api_credits_unwritten",
        "API credits spent that the state file does not hold yet: a crash would now forget them. 0 while the disk "
        "follows, and with a database, where no credit is spent before it is written.",
        lambda account: account.state.upstream.credits.unwritten,
        is_own=True,
    ),
    Family(
        "zoho_crm_api_credit_budget",
        "Most API credits to spend in any 24 hours (setting daily_credit_budget); absent if unlimited.",
        lambda account: account.state.upstream.credits.budget,
    ),
    Family(
        "zoho_crm_api_credit_reserve",
        "API credits that are left to others (setting credit_reserve): below them polling stops.",
        lambda account: account.state.upstream.credits.reserve,
    ),
    Family(
        "zoho_crm_api_credit_reserve_reached",
        "Whether polling has stopped because Zoho says that fewer credits are left than the reserve.",
        lambda account: account.state.upstream.credits.is_reserve_reached,
    ),
    Family(
        "zoho_crm_api_circuit_open",
        "Whether all polls of the account wait: Zoho asked for a pause (429), or refuses an access token.",
        lambda account: account.state.upstream.is_circuit_open,
    ),
    Family(
        "zoho_crm_api_credits_remaining",
        "API credits left to the whole organisation (Zoho header X-API-CREDITS-REMAINING), as last said. Zoho says it "
        "only once half of the day's credits are used: absent means plenty.",
        lambda account: account.state.upstream.credits.remaining,
    ),
    Family(
        "zoho_crm_oauth_token_valid",
        "Whether the exporter holds an access token that has not run out and that Zoho has not refused.",
        lambda account: account.state.upstream.token.is_valid,
    ),
    Family(
        "zoho_crm_oauth_token_expiry_timestamp_seconds",
        "When the access token runs out, Unix time; absent while there is none.",
        lambda account: account.state.upstream.token.expires_at,
    ),
    Family(
        "zoho_crm_oauth_refreshes_total",
        "Access tokens asked of Zoho, refused ones included. Zoho grants 10 in 10 minutes.",
        lambda account: account.state.upstream.token.refreshes,
        is_own=True,
    ),
    Family(
        "zoho_crm_oauth_refresh_errors_total",
        "Refreshes that gave no access token, by reason: Zoho's own words, faults of the network, too_many_requests "
        "(another 429), mint_limit (held back by the exporter) and credentials_unreadable (a secret file).",
        lambda account: sorted(account.state.upstream.token.refresh_errors.items()),
        ("reason",),
        is_own=True,
    ),
    Family(
        "zoho_mass_update_exporter_coalesced_polls_total",
        "Polls that a scrape found under way for another one and joined, at no cost.",
        lambda account: account.state.tally.coalesced,
        is_own=True,
    ),
    Family(
        "zoho_mass_update_exporter_tracked_jobs",
        "Jobs that the exporter tracks, by where their ids came from.",
        lambda account: account.tracked.items(),
        ("source",),
    ),
    Family(
        "zoho_mass_update_exporter_ended_jobs",
        "Tracked jobs that have ended, by where their ids came from.",
        lambda account: account.ended.items(),
        ("source",),
    ),
)

_DROPPED_ACCOUNT_FAMILIES: tuple[Family[float], ...] = (
    Family(
        "zoho_crm_account_dropped_timestamp_seconds",
        "When the account was taken out of the configuration, Unix time; shown for three days after.",
        lambda at: at,
    ),
)

_DROPPED_JOB_FAMILIES: tuple[Family[Departure], ...] = (
    Family(
        "zoho_mass_update_job_dropped_timestamp_seconds",
        "When the exporter let go of a job that it tracked, Unix time; shown for seven hours after. By reason, as in "
        "zoho_mass_update_exporter_jobs_dropped_total.",
        lambda departure: ((departure.reason, departure.at),),
        ("reason",),
        is_own=True,
    ),
)

_EXPORTER_FAMILIES: tuple[Family[ExporterSnapshot], ...] = (
    Family(
        "zoho_mass_update_exporter_build_info",
        "Which exporter this is, always 1.",
        lambda exporter: (((exporter.version, exporter.python_version), 1),),
        ("version", "python_version"),
    ),
    Family(
        "zoho_mass_update_exporter_config_last_reload_successful",
        "Whether the last attempt to load the configuration and the job files succeeded; otherwise the last good ones "
        "are in force.",
        lambda exporter: exporter.config_reload_succeeded,
    ),
    Family(
        "zoho_mass_update_exporter_config_last_reload_success_timestamp_seconds",
        "When the configuration in force was loaded, Unix time.",
        lambda exporter: exporter.config_reloaded_at,
    ),
    Family(
        "zoho_mass_update_exporter_scrape_duration_seconds",
        "How long earlier scrapes took, their polls included.",
        lambda exporter: exporter.scrape_durations,
        is_histogram=True,
    ),
    Family(
        "zoho_mass_update_exporter_jobs_dropped_total",
        "Jobs let go or not taken in, by reason: retention (ended long ago), unknown_retention (Zoho does not know "
        "it), probe_retention (nobody probes it any more), max_jobs and max_probed_jobs (there are too many), "
        "untracked (by the API), undeclared (no longer in the configuration), account (its account is not).",
        lambda exporter: sorted(exporter.jobs_dropped.items()),
        ("reason",),
    ),
    Family(
        "zoho_mass_update_exporter_store_errors_total",
        "Reads and writes of the state, in its file or database, that failed, by operation; they are tried again.",
        lambda exporter: sorted(exporter.store_errors.items()),
        ("operation",),
    ),
    Family(
        "zoho_mass_update_exporter_store_behind_since_timestamp_seconds",
        "Since when there is news that the state's file or database lacks, Unix time; absent while it holds all.",
        lambda exporter: exporter.store_behind_since,
    ),
)


_PROBE_FAMILIES: tuple[Family[Probe], ...] = (
    Family(
        "zoho_mass_update_probe_success",
        "Whether the probed job has a current report and its last poll did not fail.",
        lambda probe: probe.is_success,
    ),
    Family(
        "zoho_mass_update_probe_duration_seconds",
        "How long the probe took, its poll included where one was due.",
        lambda probe: probe.duration_seconds,
    ),
)


def _identity(key: JobKey) -> Labels:
    return key.account, key.module, key.job_id


def _jobs(snapshot: Snapshot) -> Iterator[tuple[Labels, TrackedJob]]:
    for job in snapshot.jobs:
        yield _identity(job.spec.key), job


def _accounts(snapshot: Snapshot) -> Iterator[tuple[Labels, Share]]:
    for state in snapshot.accounts:
        alias, sources = state.account.alias, snapshot.census.sources
        ended = {source: sources.get((alias, source, True), 0) for source in JobSource}
        tracked = {source: ended[source] + sources.get((alias, source, False), 0) for source in JobSource}
        yield (alias,), Share(state, tracked, ended)


def _dropped_accounts(snapshot: Snapshot) -> Iterator[tuple[Labels, float]]:
    for alias, at in sorted(snapshot.accounts_dropped.items()):
        yield (alias,), at


def _dropped_jobs(snapshot: Snapshot) -> Iterator[tuple[Labels, Departure]]:
    for departure in snapshot.departures:
        yield _identity(departure.key), departure


def _modules(snapshot: Snapshot) -> Iterator[tuple[Labels, Share]]:
    """Give each module that has a job, or that had one."""
    for account in snapshot.accounts:
        alias = account.account.alias
        for name in sorted(account.totals):
            states = {state: snapshot.census.states.get((alias, name, state), 0) for state in JobState}
            yield (alias, name), Share(account, states=states, name=name)


def table(job_labels: Labels, codes: Labels) -> tuple[Group[Any], ...]:
    """Give every family.

    Args:
        job_labels: the users' own labels of the info metric, as allowed by the settings.
        codes: every value of the label `code`, so that each error is there at 0 before it first happens.
    """
    return (
        Group(JOBS, _JOB_LABELS, _jobs, (_info_family(job_labels), *_JOB_FAMILIES)),
        Group(MODULES, ("account", "module"), _modules, _module_families(codes)),
        Group(ACCOUNTS, ("account",), _accounts, _ACCOUNT_FAMILIES),
        Group(ACCOUNTS, ("account",), _dropped_accounts, _DROPPED_ACCOUNT_FAMILIES),
        Group(ACCOUNTS, _JOB_LABELS, _dropped_jobs, _DROPPED_JOB_FAMILIES),
        Group(EXPORTER, (), lambda snapshot: [((), snapshot.exporter)], _EXPORTER_FAMILIES),
        Group(PROBE, (), lambda snapshot: [((), snapshot.probe)] if snapshot.probe else [], _PROBE_FAMILIES),
    )
