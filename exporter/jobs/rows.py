"""What the rows of the state file mean: jobs, totals and ledgers out of our words into cells, and back.

A new column is a migration in `tables`, a cell where the row is encoded, and a look where it is decoded.
"""

import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from exporter.jobs.tables import (
    CREDITS,
    JOBS,
    MINTS,
    RETIRED,
    TOKENS,
    TOTALS,
    Cell,
    Cells,
    Changes,
    Row,
    RowId,
    Table,
    read_rows,
)
from exporter.jobs.tracking import estimate
from exporter.model import (
    AccountLedger,
    Distribution,
    JobKey,
    JobReport,
    JobSource,
    JobSpec,
    JobState,
    ModuleTotals,
    Observation,
    PollFailure,
    StoredState,
    StoredToken,
    TrackedJob,
)

_log = logging.getLogger(__name__)
T = TypeVar("T")


def job_saved(job: TrackedJob) -> Changes:
    """Keep a job; one that is tracked again is retired no more."""
    return {_job_row(JOBS, job.spec.key): _encode_job(job), _job_row(RETIRED, job.spec.key): None}


def job_forgotten(key: JobKey, *, retired: bool) -> Changes:
    """Drop a job, and leave a tombstone if it retires."""
    return {_job_row(JOBS, key): None, _job_row(RETIRED, key): _encode_key(key) if retired else None}


def totals_saved(totals: Mapping[tuple[str, str], ModuleTotals]) -> Changes:
    """Keep the totals of modules, by account and module."""
    return {RowId(TOTALS, key): _encode_totals(key, module_totals) for key, module_totals in totals.items()}


def ledger_changed(account: str, before: AccountLedger, after: AccountLedger) -> Changes:
    """Keep of a ledger only what differs: a day has 1,440 minutes, and a poll changes one."""
    changes = _numbers_changed(account, CREDITS, "credits", before.credits_by_minute, after.credits_by_minute)
    if before.mints != after.mints:
        old, new = dict(enumerate(before.mints)), dict(enumerate(after.mints))
        changes |= _numbers_changed(account, MINTS, "minted_at", old, new)
    if before.token != after.token:
        changes[RowId(TOKENS, (account,))] = _encode_token(account, after.token) if after.token else None
    return changes


def _numbers_changed(
    account: str, table: Table, column: str, old: Mapping[int, float], new: Mapping[int, float]
) -> Changes:
    _, number_column = table.key
    changes: Changes = {RowId(table, (account, number)): None for number in old.keys() - new.keys()}
    for number, value in new.items():
        if old.get(number) != value:
            changes[RowId(table, (account, number))] = {"account": account, number_column: number, column: value}
    return changes


def _job_row(table: Table, key: JobKey) -> RowId:
    return RowId(table, (key.account, key.module, key.job_id))


def _encode_key(key: JobKey) -> Cells:
    return {"account": key.account, "module": key.module, "job_id": key.job_id}


def _encode_job(job: TrackedJob) -> Cells:
    return {
        **_encode_spec(job.spec),
        **(_encode_report(job.report) if job.report else {}),
        "first_seen_at": job.first_seen_at,
        "reported_at": job.reported_at,
        "polled_at": job.polled_at,
        "next_poll_at": job.next_poll_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "progressed_at": job.progressed_at,
        **(_encode_failure(job.failure) if job.failure else {}),
        "failures_in_a_row": job.failures_in_a_row,
        "history": _json([[seen.at, seen.state, seen.processed] for seen in job.history]),
    }


def _encode_spec(spec: JobSpec) -> Cells:
    described = {"source": spec.source.value, "job_name": spec.name, "job_group": spec.group}
    return {**_encode_key(spec.key), **described, "labels": _json(dict(spec.labels))}


def _encode_report(report: JobReport) -> Cells:
    return {
        "state": report.state.value,
        "undocumented_word": report.undocumented_word,
        "updated": report.updated,
        "failed": report.failed,
        "not_updated": report.not_updated,
        "total": report.total,
    }


def _encode_failure(failure: PollFailure) -> Cells:
    return {
        "failure_code": failure.code,
        "failure_message": failure.message,
        "failure_advice": failure.advice,
        "failure_is_passing": failure.is_passing,
        "failure_is_account_wide": failure.is_account_wide,
        "failure_retry_at": failure.retry_at,
    }


def _encode_totals(key: tuple[str, str], totals: ModuleTotals) -> Cells:
    account, module = key
    durations = {
        state: {"bounds": seconds.bounds, "counts": seconds.counts, "total": seconds.total}
        for state, seconds in totals.durations.items()
    }
    return {
        "account": account,
        "module": module,
        "finished": _json(dict(totals.finished)),
        "records": _json(dict(totals.records)),
        "durations": _json(durations),
    }


def _encode_token(account: str, token: StoredToken) -> Cells:
    return {
        "account": account,
        "value": token.value,
        "expires_at": token.expires_at,
        "api_domain": token.api_domain,
        "fingerprint": token.fingerprint,
    }


def _json(value: object) -> Cell:
    return json.dumps(value, separators=(",", ":"))


@dataclass(slots=True)
class Contents:
    """What a state file holds: the state, which rows there are, and how many of them can't be read."""

    state: StoredState = field(default_factory=StoredState)
    rows: set[RowId] = field(default_factory=set)
    unreadable: int = 0

    def read(self, connection: sqlite3.Connection, table: Table, decode: Callable[[Row], T]) -> Iterator[T]:
        """Give what a table's rows mean. A row that can't be read, edited by hand perhaps, is logged and left out."""
        for row in read_rows(connection, table):
            self.rows.add(row.row_id)
            try:
                yield decode(row)
            except (ValueError, OverflowError) as error:
                self.unreadable += 1
                where = {"table": table.name, "row": str(row.row_id)}
                _log.warning("a row of the state file can't be read and is left out: %s", error, extra=where)


def read_contents(connection: sqlite3.Connection) -> Contents:
    """Read every table."""
    contents = Contents()
    contents.state = StoredState(
        jobs=tuple(contents.read(connection, JOBS, _decode_job)),
        retired=frozenset(contents.read(connection, RETIRED, _decode_key)),
        totals=dict(contents.read(connection, TOTALS, _decode_totals)),
        ledgers=_assemble_ledgers(
            contents.read(connection, CREDITS, _decode_credits),
            contents.read(connection, MINTS, _decode_mint),
            dict(contents.read(connection, TOKENS, _decode_token)),
        ),
    )
    return contents


def _decode_key(row: Row) -> JobKey:
    return JobKey(row.get("account", str), row.get("module", str), row.get("job_id", str))


def _decode_job(row: Row) -> TrackedJob:
    kept = TrackedJob(
        spec=_decode_spec(row),
        report=_decode_report(row),
        first_seen_at=row.get("first_seen_at", float),
        reported_at=row.find("reported_at", float),
        polled_at=row.find("polled_at", float),
        next_poll_at=row.find("next_poll_at", float),
        started_at=row.find("started_at", float),
        finished_at=row.find("finished_at", float),
        progressed_at=row.find("progressed_at", float),
        failure=_decode_failure(row),
        failures_in_a_row=row.get("failures_in_a_row", int),
        history=_decode_history(row.document("history")),
    )
    return estimate(kept)


def _decode_spec(row: Row) -> JobSpec:
    return JobSpec(
        key=_decode_key(row),
        source=JobSource(row.get("source", str)),
        name=row.get("job_name", str),
        group=row.get("job_group", str),
        labels=row.mapping("labels", str),
    )


def _decode_report(row: Row) -> JobReport | None:
    if (state := row.find("state", str)) is None:
        return None
    return JobReport(
        state=JobState(state),
        updated=row.find("updated", int),
        failed=row.find("failed", int),
        not_updated=row.find("not_updated", int),
        total=row.find("total", int),
        undocumented_word=row.get("undocumented_word", str),
    )


def _decode_failure(row: Row) -> PollFailure | None:
    if (code := row.find("failure_code", str)) is None:
        return None
    return PollFailure(
        code=code,
        message=row.get("failure_message", str),
        advice=row.get("failure_advice", str),
        is_passing=bool(row.get("failure_is_passing", int)),
        is_account_wide=bool(row.get("failure_is_account_wide", int)),
        retry_at=row.find("failure_retry_at", float),
    )


def _decode_history(document: object) -> tuple[Observation, ...]:
    match document:
        case [*items]:
            return tuple(map(_decode_observation, items))
    raise ValueError("history is not a JSON list")


def _decode_observation(item: object) -> Observation:
    match item:
        case [int() | float() as at, str(state), (int() | None) as processed]:
            return Observation(float(at), JobState(state), processed)
    raise ValueError("history is not a list of [time, state, records processed]")


def _decode_totals(row: Row) -> tuple[tuple[str, str], ModuleTotals]:
    totals = ModuleTotals(
        finished={JobState(state): jobs for state, jobs in row.mapping("finished", int).items()},
        records=row.mapping("records", int),
        durations={
            JobState(state): _decode_distribution(item) for state, item in row.mapping("durations", dict).items()
        },
    )
    return (row.get("account", str), row.get("module", str)), totals


def _decode_distribution(item: object) -> Distribution:
    match item:
        case {"bounds": [*bounds], "counts": [*counts], "total": int() | float() as total} if (
            len(counts) == len(bounds) + 1
            and all(isinstance(bound, int | float) for bound in bounds)
            and all(isinstance(count, int) for count in counts)
        ):
            return Distribution(tuple(map(float, bounds)), tuple(counts), float(total))
    raise ValueError("durations is not bounds, counts (one more than bounds) and total")


def _decode_credits(row: Row) -> tuple[str, int, int]:
    return row.get("account", str), row.get("minute", int), row.get("credits", int)


def _decode_mint(row: Row) -> tuple[str, float]:
    return row.get("account", str), row.get("minted_at", float)


def _decode_token(row: Row) -> tuple[str, StoredToken]:
    return row.get("account", str), StoredToken(
        value=row.get("value", str),
        expires_at=row.get("expires_at", float),
        api_domain=row.get("api_domain", str),
        fingerprint=row.get("fingerprint", str),
    )


def _assemble_ledgers(
    spent: Iterable[tuple[str, int, int]], minted: Iterable[tuple[str, float]], tokens: Mapping[str, StoredToken]
) -> dict[str, AccountLedger]:
    credits_by_minute: dict[str, dict[int, int]] = {}
    for account, minute, count in spent:
        credits_by_minute.setdefault(account, {})[minute] = count
    mints: dict[str, list[float]] = {}
    for account, minted_at in minted:
        mints.setdefault(account, []).append(minted_at)
    return {
        account: AccountLedger(credits_by_minute.get(account, {}), tuple(mints.get(account, ())), tokens.get(account))
        for account in sorted(credits_by_minute.keys() | mints.keys() | tokens.keys())
    }
