"""Every metric family, one row each: name, type, help, labels and a plain function of what it describes.

The rows know no encoder. HELP, docs/metrics.md, the lint and the dashboards' names come from them or are tested
against them. The next metric is one row here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from exporter.model import (
    Account,
    Distribution,
    ExporterSnapshot,
    JobSource,
    JobState,
    ModuleTotals,
    PollTally,
    Probe,
    Snapshot,
    TrackedJob,
    UpstreamStatus,
)

JOBS, MODULES, ACCOUNTS, EXPORTER, PROBE = "Jobs", "Modules", "Accounts", "Exporter", "Probe"
"""The titles of the groups."""
SCRAPED = (JOBS, MODULES, ACCOUNTS, EXPORTER)
"""The groups that a scrape gives, in this order."""
PROBED = (JOBS, PROBE)
"""The groups that a probe gives."""

Value = float | Distribution
Samples = Iterable[tuple[tuple[str, ...], Value]]
Subject = TypeVar("Subject")


class Kind(StrEnum):
    """A family's type in the exposition format."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Family(Generic[Subject]):
    """One metric family. `samples` gives a subject's values of the row's own `labels`, and the sample's value."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...]
    samples: Callable[[Subject], Samples]


@dataclass(frozen=True, slots=True)
class Group(Generic[Subject]):
    """The families that describe one kind of subject, and how to find the subjects in a snapshot.

    `identify` gives the values of `labels`, which stand before the labels of each row.
    """

    title: str
    labels: tuple[str, ...]
    subjects: Callable[[Snapshot], Iterable[Subject]]
    identify: Callable[[Subject], tuple[str, ...]]
    families: tuple[Family[Subject], ...]

    def samples(self, family: Family[Subject], snapshot: Snapshot) -> Iterator[tuple[tuple[str, ...], Value]]:
        """Give a family's samples of the whole snapshot, with the values of all labels."""
        for subject in self.subjects(snapshot):
            identity = self.identify(subject)
            for labels, value in family.samples(subject):
                yield (*identity, *labels), value


@dataclass(frozen=True, slots=True)
class AccountView:
    """One account with its jobs."""

    account: Account
    upstream: UpstreamStatus
    tally: PollTally
    totals: Mapping[str, ModuleTotals]
    jobs: tuple[TrackedJob, ...]


@dataclass(frozen=True, slots=True)
class ModuleView:
    """One module of an account: its jobs and what its polls came to."""

    alias: str
    module: str
    tally: PollTally
    totals: ModuleTotals
    jobs: tuple[TrackedJob, ...]


def one(value: float | None) -> Samples:
    """Give the one sample of a row without labels of its own, or none: absent beats wrong."""
    return () if value is None else (((), float(value)),)


def _gauge(name: str, text: str, value: Callable[[Subject], float | None]) -> Family[Subject]:
    """Give the row of a gauge without labels of its own."""
    return Family(name, Kind.GAUGE, text, (), lambda subject: one(value(subject)))


def _counter(name: str, text: str, value: Callable[[Subject], float | None]) -> Family[Subject]:
    """Give the row of a counter without labels of its own."""
    return Family(name, Kind.COUNTER, text, (), lambda subject: one(value(subject)))


def _job_states(job: TrackedJob) -> Samples:
    return (((state.value,), float(state is job.state)) for state in JobState)


def _poll_error(job: TrackedJob) -> Samples:
    return (((job.failure.code,), 1.0),) if job.failure else ()


_LAST_POLL = "as of the last good poll"

_JOB_FAMILIES: tuple[Family[TrackedJob], ...] = (
    Family(
        "zoho_mass_update_job_state",
        Kind.GAUGE,
        f"State of the job (Zoho field Status), {_LAST_POLL}: 1 for the state it is in, 0 for the others. "
        "UNKNOWN: an undocumented word, or no current report. COMPLETED: processing ended; records may have failed.",
        ("state",),
        _job_states,
    ),
    _gauge(
        "zoho_mass_update_job_updated_records",
        f"Records updated so far (Zoho field Updated_Count), {_LAST_POLL}.",
        lambda job: job.report.updated if job.report else None,
    ),
    _gauge(
        "zoho_mass_update_job_failed_records",
        f"Records that could not be updated (Zoho field Failed_Count), {_LAST_POLL}.",
        lambda job: job.report.failed if job.report else None,
    ),
    _gauge(
        "zoho_mass_update_job_not_updated_records",
        f"Records not updated yet (Zoho field Not_Updated_Count), {_LAST_POLL}.",
        lambda job: job.report.not_updated if job.report else None,
    ),
    _gauge(
        "zoho_mass_update_job_total_records",
        f"Records the job was scheduled to update (Zoho field Total_Count), {_LAST_POLL}.",
        lambda job: job.report.total if job.report else None,
    ),
    _gauge(
        "zoho_mass_update_job_first_seen_timestamp_seconds",
        "When the exporter began to track the job, Unix time.",
        lambda job: job.first_seen_at,
    ),
    _gauge(
        "zoho_mass_update_job_started_timestamp_seconds",
        "When a poll first saw the job RUNNING, Unix time; absent if none did.",
        lambda job: job.started_at,
    ),
    _gauge(
        "zoho_mass_update_job_finished_timestamp_seconds",
        "When a poll first saw the job COMPLETED or FAILED, Unix time; absent until then.",
        lambda job: job.finished_at,
    ),
    _gauge(
        "zoho_mass_update_job_last_progress_timestamp_seconds",
        "When a poll last saw the state or a count change, Unix time.",
        lambda job: job.progressed_at,
    ),
    _gauge(
        "zoho_mass_update_job_last_poll_timestamp_seconds",
        "When the job was last polled, with success or without, Unix time.",
        lambda job: job.polled_at,
    ),
    _gauge(
        "zoho_mass_update_job_last_report_timestamp_seconds",
        "When the poll began that gave the last good report, Unix time; kept when that report is too old to be shown "
        "(setting stale_after); absent before the first.",
        lambda job: job.reported_at,
    ),
    _gauge(
        "zoho_mass_update_job_next_poll_timestamp_seconds",
        "Earliest time at which a scrape polls the job again, Unix time; absent once its report is final.",
        lambda job: job.next_poll_at,
    ),
    _gauge(
        "zoho_mass_update_job_estimated_completion_timestamp_seconds",
        "When the job will be done at the pace of its last polls, Unix time; absent unless it runs at a steady pace.",
        lambda job: job.completes_at,
    ),
    _gauge(
        "zoho_mass_update_job_poll_success",
        "Whether the last poll of the job gave a report (1) or failed (0); absent before the first.",
        lambda job: None if job.polled_at is None else job.failure is None,
    ),
    Family(
        "zoho_mass_update_job_poll_error",
        Kind.GAUGE,
        "Why the last poll of the job failed, always 1; absent while polls succeed. "
        "Upper-case codes are Zoho's, lower-case ones the exporter's.",
        ("code",),
        _poll_error,
    ),
)


def _info_family(job_labels: tuple[str, ...]) -> Family[TrackedJob]:
    def samples(job: TrackedJob) -> Samples:
        own = tuple(job.spec.labels.get(name, "") for name in job_labels)
        yield (job.spec.name, job.spec.group, job.spec.source.value, *own), 1.0

    return Family(
        "zoho_mass_update_job_info",
        Kind.GAUGE,
        "What the configuration says of the job, always 1: its name, group, source and allowed labels.",
        ("job_name", "group", "source", *(f"label_{name}" for name in job_labels)),
        samples,
    )


def _jobs_by_state(view: ModuleView) -> Samples:
    return (((state.value,), _number(job.state is state for job in view.jobs)) for state in JobState)


def _module_families(codes: tuple[str, ...]) -> tuple[Family[ModuleView], ...]:
    def errors(view: ModuleView) -> Samples:
        return (((code,), float(view.tally.errors.get((view.module, code), 0))) for code in codes)

    return (
        Family(
            "zoho_mass_update_jobs",
            Kind.GAUGE,
            f"Tracked jobs in each state, {_LAST_POLL}.",
            ("state",),
            _jobs_by_state,
        ),
        Family(
            "zoho_mass_update_jobs_finished_total",
            Kind.COUNTER,
            "Jobs that a poll saw end, by terminal state; kept across restarts.",
            ("state",),
            lambda view: (((state.value,), float(count)) for state, count in view.totals.finished.items()),
        ),
        Family(
            "zoho_mass_update_records_processed_total",
            Kind.COUNTER,
            "Growth of the counts of all jobs, by outcome (updated, failed); kept across restarts.",
            ("outcome",),
            lambda view: (((outcome,), float(count)) for outcome, count in view.totals.records.items()),
        ),
        Family(
            "zoho_mass_update_job_duration_seconds",
            Kind.HISTOGRAM,
            "How long jobs took, from the first poll that saw them RUNNING to the one that saw their end, by terminal "
            "state; kept across restarts.",
            ("state",),
            lambda view: (((state.value,), durations) for state, durations in view.totals.durations.items()),
        ),
        Family(
            "zoho_mass_update_polls_total",
            Kind.COUNTER,
            "Polls of jobs, failed ones included, since the exporter started. Credits are counted by "
            "zoho_crm_api_credits_spent_total.",
            (),
            lambda view: one(view.tally.polls.get(view.module, 0)),
        ),
        Family(
            "zoho_mass_update_poll_errors_total",
            Kind.COUNTER,
            "Polls of jobs that gave no report, by reason. Codes in lower case are our own.",
            ("code",),
            errors,
        ),
    )


def _number(happenings: Iterable[bool]) -> float:
    return float(sum(happenings))


def _pairs(counts: Iterable[tuple[str, float]]) -> Samples:
    return (((label,), float(value)) for label, value in sorted(counts))


_ACCOUNT_FAMILIES: tuple[Family[AccountView], ...] = (
    Family(
        "zoho_mass_update_polls_skipped_total",
        Kind.COUNTER,
        "Jobs that a scrape did not poll, by reason: fresh (its report is recent enough), terminal (its report is "
        "final), backoff (it failed and waits), budget (credits are scarce), circuit (Zoho asked the account to pause, "
        "or there is no access token), deadline (the page was due before the poll ended; it lands in the next scrape).",
        ("reason",),
        lambda view: _pairs(view.tally.skipped.items()),
    ),
    Family(
        "zoho_crm_account_info",
        Kind.GAUGE,
        "Where the account's data lives, always 1.",
        ("data_center", "environment", "api_version"),
        lambda view: (((view.account.data_center, view.account.environment, view.account.api_version), 1.0),),
    ),
    _gauge(
        "zoho_crm_api_up",
        "Whether the last poll got an answer of Zoho's CRM API (1, also when that was a refusal), or none: network, "
        "server fault or no access token (0). Absent before the first.",
        lambda view: view.upstream.is_up,
    ),
    Family(
        "zoho_crm_api_request_duration_seconds",
        Kind.HISTOGRAM,
        "How long calls to Zoho took, failed ones included; endpoint is status (one job's state) or token (a refresh).",
        ("endpoint",),
        lambda view: (((endpoint,), value) for endpoint, value in sorted(view.upstream.durations.items())),
    ),
    _gauge(
        "zoho_crm_api_in_flight_requests",
        "Calls to Zoho under way while this page was written.",
        lambda view: view.upstream.in_flight,
    ),
    _gauge(
        "zoho_crm_api_concurrency_limit",
        "Most status calls that the exporter has under way at once (setting max_concurrency).",
        lambda view: view.account.max_concurrency,
    ),
    _counter(
        "zoho_crm_api_credits_spent_total",
        "API credits that the exporter's status calls have cost since it started: one for each that reached Zoho.",
        lambda view: view.upstream.credits.spent,
    ),
    _gauge(
        "zoho_crm_api_credits_used_24h",
        "API credits that the exporter has spent in the last 24 hours; kept across restarts.",
        lambda view: view.upstream.credits.used_24h,
    ),
    _gauge(
        "zoho_crm_api_credits_unwritten",
        "API credits spent that the state file does not hold yet: a crash would now forget them. 0 while the disk "
        "follows.",
        lambda view: view.upstream.credits.unwritten,
    ),
    _gauge(
        "zoho_crm_api_credit_budget",
        "Most API credits to spend in any 24 hours (setting daily_credit_budget); absent if unlimited.",
        lambda view: view.upstream.credits.budget,
    ),
    _gauge(
        "zoho_crm_api_credit_reserve",
        "API credits that are left to others (setting credit_reserve): below them polling stops.",
        lambda view: view.upstream.credits.reserve,
    ),
    _gauge(
        "zoho_crm_api_credit_reserve_reached",
        "Whether polling has stopped because Zoho says that fewer credits are left than the reserve.",
        lambda view: view.upstream.credits.is_reserve_reached,
    ),
    _gauge(
        "zoho_crm_api_circuit_open",
        "Whether all polls of the account wait: Zoho asked for a pause (429), or refuses an access token.",
        lambda view: view.upstream.is_circuit_open,
    ),
    _gauge(
        "zoho_crm_api_credits_remaining",
        "API credits left to the whole organisation (Zoho header X-API-CREDITS-REMAINING), as last said. Zoho says it "
        "only once half of the day's credits are used: absent means plenty.",
        lambda view: view.upstream.credits.remaining,
    ),
    _gauge(
        "zoho_crm_oauth_token_valid",
        "Whether the exporter holds an access token that has not run out and that Zoho has not refused.",
        lambda view: view.upstream.token.is_valid,
    ),
    _gauge(
        "zoho_crm_oauth_token_expiry_timestamp_seconds",
        "When the access token runs out, Unix time; absent while there is none.",
        lambda view: view.upstream.token.expires_at,
    ),
    _counter(
        "zoho_crm_oauth_refreshes_total",
        "Access tokens asked of Zoho, refused ones included. Zoho grants 10 in 10 minutes.",
        lambda view: view.upstream.token.refreshes,
    ),
    Family(
        "zoho_crm_oauth_refresh_errors_total",
        Kind.COUNTER,
        "Refreshes that gave no access token, by reason: Zoho's own words, faults of the network, mint_limit (held "
        "back by the exporter) and credentials_unreadable (a secret file).",
        ("reason",),
        lambda view: _pairs(view.upstream.token.refresh_errors.items()),
    ),
    _counter(
        "zoho_mass_update_exporter_coalesced_polls_total",
        "Polls that a scrape found under way for another one and joined, at no cost.",
        lambda view: view.tally.coalesced,
    ),
    Family(
        "zoho_mass_update_exporter_tracked_jobs",
        Kind.GAUGE,
        "Jobs that the exporter tracks, by where their ids came from.",
        ("source",),
        lambda view: (
            ((source.value,), _number(job.spec.source is source for job in view.jobs)) for source in JobSource
        ),
    ),
)

_EXPORTER_FAMILIES: tuple[Family[ExporterSnapshot], ...] = (
    Family(
        "zoho_mass_update_exporter_build_info",
        Kind.GAUGE,
        "Which exporter this is, always 1.",
        ("version", "python_version"),
        lambda exporter: (((exporter.version, exporter.python_version), 1.0),),
    ),
    _gauge(
        "zoho_mass_update_exporter_config_last_reload_successful",
        "Whether the last attempt to load the configuration and the job files succeeded; otherwise the last good ones "
        "are in force.",
        lambda exporter: exporter.config_reload_succeeded,
    ),
    _gauge(
        "zoho_mass_update_exporter_config_last_reload_success_timestamp_seconds",
        "When the configuration in force was loaded, Unix time.",
        lambda exporter: exporter.config_reloaded_at,
    ),
    Family(
        "zoho_mass_update_exporter_scrape_duration_seconds",
        Kind.HISTOGRAM,
        "How long earlier scrapes took, their polls included.",
        (),
        lambda exporter: (((), exporter.scrape_durations),),
    ),
    Family(
        "zoho_mass_update_exporter_jobs_dropped_total",
        Kind.COUNTER,
        "Jobs let go or not taken in, by reason: retention (ended long ago), unknown_retention (Zoho does not know "
        "it), probe_retention (nobody probes it any more), max_jobs and max_probed_jobs (there are too many).",
        ("reason",),
        lambda exporter: _pairs(exporter.jobs_dropped.items()),
    ),
    Family(
        "zoho_mass_update_exporter_store_errors_total",
        Kind.COUNTER,
        "Writes to the state file that failed, by operation; the exporter goes on from memory and tries again.",
        ("operation",),
        lambda exporter: _pairs(exporter.store_errors.items()),
    ),
    _gauge(
        "zoho_mass_update_exporter_store_behind_since_timestamp_seconds",
        "Since when there is news that the state file does not hold yet, Unix time; absent while it holds all.",
        lambda exporter: exporter.store_behind_since,
    ),
)


_PROBE_FAMILIES: tuple[Family[Probe], ...] = (
    _gauge(
        "zoho_mass_update_probe_success",
        "Whether the probed job has a current report and its last poll did not fail.",
        lambda probe: probe.is_success,
    ),
    _gauge(
        "zoho_mass_update_probe_duration_seconds",
        "How long the probe took, its poll included where one was due.",
        lambda probe: probe.duration_seconds,
    ),
)


def _accounts(snapshot: Snapshot) -> Iterator[AccountView]:
    for state in snapshot.accounts:
        jobs = tuple(job for job in snapshot.jobs if job.spec.key.account == state.account.alias)
        yield AccountView(state.account, state.upstream, state.tally, state.totals, jobs)


def _modules(snapshot: Snapshot) -> Iterator[ModuleView]:
    """Give each module that has a job, or that had one."""
    for view in _accounts(snapshot):
        for name, totals in sorted(view.totals.items()):
            jobs = tuple(job for job in view.jobs if job.spec.key.module == name)
            yield ModuleView(view.account.alias, name, view.tally, totals, jobs)


def table(job_labels: tuple[str, ...], codes: tuple[str, ...]) -> tuple[Group[object], ...]:
    """Give every family.

    Args:
        job_labels: the users' own labels of the info metric, as allowed by the settings.
        codes: every value of the label `code`, so that each error is there at 0 before it first happens.
    """
    jobs = Group(
        JOBS,
        ("account", "module", "job_id"),
        lambda snapshot: snapshot.jobs,
        lambda job: (job.spec.key.account, job.spec.key.module, job.spec.key.job_id),
        (_info_family(job_labels), *_JOB_FAMILIES),
    )
    modules = Group(
        MODULES,
        ("account", "module"),
        _modules,
        lambda view: (view.alias, view.module),
        _module_families(codes),
    )
    accounts = Group(
        ACCOUNTS,
        ("account",),
        _accounts,
        lambda view: (view.account.alias,),
        _ACCOUNT_FAMILIES,
    )
    exporter = Group(EXPORTER, (), lambda snapshot: (snapshot.exporter,), lambda _: (), _EXPORTER_FAMILIES)
    probe = Group(
        PROBE, (), lambda snapshot: (snapshot.probe,) if snapshot.probe else (), lambda _: (), _PROBE_FAMILIES
    )
    return (jobs, modules, accounts, exporter, probe)  # type: ignore[return-value]
