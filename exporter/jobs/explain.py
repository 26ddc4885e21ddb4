"""Why a job shows what it shows, in sentences. Pure: what is known comes in, what a person may read goes out."""

from datetime import UTC, datetime

from exporter.jobs.refresh import Plan, Skip
from exporter.model import AccountSnapshot, JobReport, JobState, TrackedJob

_VERDICTS = {
    Skip.TERMINAL: "Its report is final: it is never polled again.",
    Skip.FRESH: "A scrape now would not poll it: the report is recent enough.",
    Skip.BACKOFF: "A scrape now would not poll it: the last poll failed and the next attempt waits.",
    Skip.BUDGET: "A scrape now would not poll it: credits are scarce, so its polls are spaced out.",
}


def explain_job(job: TrackedJob, plan: Plan, now: float, stale_after_seconds: float) -> tuple[str, ...]:
    """Explain one job: what is known, how old it is, what went wrong, and when it is polled next (Unix seconds)."""
    origin = f"since {_moment(job.first_seen_at, now)}, from the source {job.spec.source}"
    name = f" ({job.spec.name})" if job.spec.name else ""
    return (
        f"{job.spec.key}{name} is tracked {origin}.",
        *_known(job, now, stale_after_seconds),
        *_failing(job, now),
        _planned(*plan, now),
    )


def explain_account(state: AccountSnapshot, now: float) -> tuple[str, ...]:
    """Explain what an account may spend, and whether Zoho lets it."""
    upstream, credits_ = state.upstream, state.upstream.credits
    budget = "without a limit" if credits_.budget is None else f"of a budget of {credits_.budget}"
    spent = "1 credit" if credits_.used_24h == 1 else f"{credits_.used_24h} credits"
    sentences = [
        f"What the account {state.account.alias} has spent in 24 hours is not known: its state could not be read yet."
        if credits_.used_24h is None
        else f"The account {state.account.alias} has spent {spent} in 24 hours, {budget}."
    ]
    if credits_.remaining is not None:
        sentences.append(
            f"Zoho says that {credits_.remaining} credits are left to the organisation; the reserve is "
            f"{credits_.reserve}{': polling has stopped' if credits_.is_reserve_reached else ''}."
        )
    if upstream.is_circuit_open:
        sentences.append("All its polls wait: Zoho asked for a pause, or gives no access token.")
    expires_at = upstream.token.expires_at
    sentences.append(
        f"Its access token is good until {_moment(expires_at, now)}."
        if upstream.token.is_valid and expires_at is not None
        else "It holds no access token that is good now; the next poll asks for one."
    )
    return tuple(sentences)


def _known(job: TrackedJob, now: float, stale_after_seconds: float) -> tuple[str, ...]:
    if job.report is None or job.reported_at is None:
        return ("No poll has given a report yet: it shows the state UNKNOWN and no counts.",)
    told = f"Zoho reported {_state(job.report)} at {_moment(job.reported_at, now)}: {_counts(job.report)}."
    if job.state is JobState.COMPLETED and job.has_ended_badly:
        return told, "COMPLETED means that processing ended; it left records as they were: it has partly failed."
    if not job.is_terminal and now - job.reported_at > stale_after_seconds:
        return told, f"That is older than stale_after ({_span(stale_after_seconds)}): the page shows UNKNOWN instead."
    if job.completes_at is not None:
        return told, f"At its pace it will be done at {_moment(job.completes_at, now)}."
    return (told,)


def _state(report: JobReport) -> str:
    return f'the undocumented word "{report.undocumented_word}"' if report.undocumented_word else report.state


def _counts(report: JobReport) -> str:
    counts = (report.updated, report.failed, report.not_updated, report.total)
    told = zip(counts, ("updated", "failed", "not updated", "in total"), strict=True)
    return ", ".join(f"{'no count' if count is None else count} {name}" for count, name in told)


def _failing(job: TrackedJob, now: float) -> tuple[str, ...]:
    if job.failure is None or job.polled_at is None:
        return ()
    times = "once" if job.failures_in_a_row == 1 else f"{job.failures_in_a_row} times in a row"
    told = f"The last poll, at {_moment(job.polled_at, now)}, failed with {job.failure.code} ({times}): "
    return told + job.failure.message + ".", f"What to do: {job.failure.advice}."


def _planned(skip: Skip | None, due_at: float | None, now: float) -> str:
    if skip is None:
        return "The next scrape polls it."
    return _VERDICTS[skip] + ("" if due_at is None else f" It is due at {_moment(due_at, now)}.")


def _moment(at: float, now: float) -> str:
    clock = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"{clock} ({_span(now - at)} ago)" if at <= now else f"{clock} (in {_span(at - now)})"


def _span(seconds: float) -> str:
    for unit_seconds, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= unit_seconds:
            return f"{seconds / unit_seconds:.1f} {unit}"
    return f"{seconds:.0f} s"
