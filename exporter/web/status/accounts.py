"""One account in words. Pure: a snapshot and the time in, words out."""

from collections.abc import Container, Iterable
from dataclasses import dataclass

from exporter.model import CreditStatus, Snapshot, TokenStatus, TrackedJob, UpstreamStatus
from exporter.words.phrases import counted, lasting, number


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing about an account. Its tone is good, calm or bad."""

    name: str
    text: str
    tone: str = "calm"


def facts(upstream: UpstreamStatus, now: float) -> tuple[Fact, ...]:
    """Say how an account is at `now` (Unix seconds)."""
    return _API[upstream.is_up], _token(upstream.token, now), _polling(upstream), _remaining(upstream.credits)


def why_paused(upstream: UpstreamStatus) -> str:
    """Say why an account polls nothing for now, whoever scrapes; empty where it polls."""
    credit = upstream.credits
    if credit.used_24h is None:
        return "the database has not answered yet"
    if upstream.is_circuit_open:
        return "Zoho asked to slow down, or gives no token"
    if credit.is_reserve_reached:
        return "credits are below the reserve; one look an hour"
    is_spent = credit.budget is not None and credit.used_24h >= credit.budget
    return "the day's budget is used up" if is_spent else ""


def holds(snapshot: Snapshot) -> dict[str, str]:
    """Say of each account that polls nothing for now what holds it."""
    return {state.account.alias: why for state in snapshot.accounts if (why := _why_held(state.upstream))}


def held_back(waiting: Iterable[TrackedJob], held: Container[str]) -> int:
    """Count the jobs that wait because their account is one of those that poll nothing for now."""
    return sum(job.spec.key.account in held for job in waiting)


def _why_held(upstream: UpstreamStatus) -> str:
    if upstream.is_circuit_open and not upstream.token.is_valid and any(upstream.token.refresh_errors.values()):
        return "Zoho gives no access token"
    return why_paused(upstream)


_API = {
    None: Fact("Zoho's API", "not asked yet"),
    True: Fact("Zoho's API", "answers", "good"),
    False: Fact("Zoho's API", "no answer", "bad"),
}


def _token(token: TokenStatus, now: float) -> Fact:
    errors = {reason: count for reason, count in token.refresh_errors.items() if count}
    if token.is_valid and token.expires_at is not None:
        return Fact("Access token", f"valid for {lasting(token.expires_at - now)}", "good")
    if errors:
        refusals = ", ".join(f"{reason} ({counted(count, 'time')})" for reason, count in sorted(errors.items()))
        return Fact("Access token", f"none; refused: {refusals}", "bad")
    return Fact("Access token", "not asked for yet" if token.expires_at is None else "expired; the next poll renews it")


def _polling(upstream: UpstreamStatus) -> Fact:
    if why := why_paused(upstream):
        return Fact("Polling", f"paused: {why}", "bad")
    under_way = f", {counted(upstream.in_flight, 'call')} under way" if upstream.in_flight else ""
    return Fact("Polling", f"at each scrape{under_way}", "good")


def _remaining(credit: CreditStatus) -> Fact:
    left = "not said yet" if credit.remaining is None else number(credit.remaining)
    tone = "bad" if credit.is_reserve_reached else "calm"
    return Fact("Left at Zoho", f"{left} (reserve {number(credit.reserve)})", tone)


def spent(credit: CreditStatus) -> str:
    """Say what an account spent in 24 hours, of what it may spend."""
    if credit.used_24h is None:
        return "not known yet"
    if credit.budget:
        return f"{number(credit.used_24h)} of {number(credit.budget)}"
    return f"{number(credit.used_24h)}, {'no limit' if credit.budget is None else 'a budget of 0'}"
