"""`plan`: what the configuration will cost. Nobody is asked, and nothing is written."""

import json
import math
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple

from exporter.app.application import schedule_of
from exporter.app.inspection import inspect
from exporter.cli.given import sources_of
from exporter.cli.output import say
from exporter.files import refused
from exporter.jobs import Schedule
from exporter.jobs.forecast import DAY_SECONDS, Fleet, Forecast, Life, forecast
from exporter.settings import MOST_CREDITS, MOST_JOBS, format_duration
from exporter.words.phrases import counted
from exporter.zoho.editions import EDITIONS
from exporter.zoho.permits import scarcity

if TYPE_CHECKING:
    from rich.table import Table

SCRAPE_SECONDS = 15.0
"""How often Prometheus scrapes in deploy/prometheus."""
_OTHER_SCRAPES_SECONDS = (60.0, 300.0)
_OTHER_LONGEST = (0.5, 2.5)
"""Shares of the present setting."""
_OTHER_FRACTIONS = (0.2, 0.35, 0.7)
_NUMBERS = (1, 2)
"""The columns of numbers."""


class Length(NamedTuple):
    """How long a job lasts."""

    name: str
    life: Life


TYPICAL = Length("30m (typical)", Life(60, 1740))
WORST = Length("1d (worst)", Life(60, DAY_SECONDS - 60))
LENGTHS = (Length("5m", Life(60, 240)), TYPICAL, Length("4h", Life(60, 4 * 3600 - 60)), WORST)


@dataclass(frozen=True, slots=True)
class Plan:
    """An account's jobs under the settings: `played` by length, and under `other` settings typical and worst."""

    alias: str
    fleet: Fleet
    played: dict[Length, Forecast]
    enough: tuple[int, int]
    """Daily budgets that typical and worst jobs would not feel."""
    other: dict[str, tuple[Forecast, Forecast]]

    def as_json(self) -> dict[str, object]:
        """Give it as plain data. Durations in seconds."""
        return {
            "account": self.alias,
            "jobs": self.fleet.jobs,
            "daily_credit_budget": self.fleet.budget,
            "scrape_interval_seconds": self.fleet.scrape_seconds,
            "lengths": [_day_as_json(length, day) for length, day in self.played.items()],
            "budgets_not_felt": dict(zip(("typical", "worst"), self.enough, strict=True)),
            "other_settings": [
                {"setting": name, "typical_credits": typical.credits, "worst_credits": worst.credits}
                for name, (typical, worst) in self.other.items()
            ],
        }


def _day_as_json(length: Length, day: Forecast) -> dict[str, object]:
    return {
        "runs_seconds": length.life.runs_seconds,
        "waits_seconds": length.life.waits_seconds,
        "credits": day.credits,
        "tokens": day.tokens,
        "longest_wait_seconds": day.longest_wait_seconds,
        "stretched_after_seconds": day.stretched_at,
        "spent_after_seconds": day.spent_at,
        "shares": {edition.name: day.credits / edition.fewest for edition in EDITIONS},
    }


def execute(options: Namespace) -> int:
    """Reckon what each account will cost, and say it."""
    found = inspect(sources_of(options))
    settings, wanted = found.settings(), _wanted(options.jobs)
    jobs = {alias: sum(key.account == alias for key in found.jobs) for alias in sorted(settings.accounts)}
    plans = [
        plan_of(
            alias, schedule_of(settings), Fleet(wanted or max(1, listed), SCRAPE_SECONDS, account.daily_credit_budget)
        )
        for alias, listed in jobs.items()
        for account in (settings.accounts[alias],)
    ]
    for alias in (alias for alias, listed in jobs.items() if not (listed or wanted)):
        say(f"{alias}: no job is configured: this is what one would cost; --jobs=N reckons with more")
    if options.format == "json":
        sys.stdout.write(json.dumps({"accounts": [plan.as_json() for plan in plans]}, indent=2) + "\n")
    else:
        _show(plans)
    return 0


def plan_of(alias: str, schedule: Schedule, fleet: Fleet) -> Plan:
    """Play an account's jobs."""
    played = {length: _played(schedule, length, fleet) for length in LENGTHS}
    other = {
        name: (_played(changed, TYPICAL, among), _played(changed, WORST, among))
        for name, changed, among in _others(schedule, fleet)
    }
    enough = (_enough(schedule, TYPICAL, fleet), _enough(schedule, WORST, fleet))
    return Plan(alias, fleet, played, enough, other)


def _played(schedule: Schedule, length: Length, fleet: Fleet) -> Forecast:
    """Play a fleet under its budget, or multiply what one job costs where the budget will not be felt."""
    free = _free(schedule, length.life, fleet.scrape_seconds)
    scarce = partial(_scarcity, fleet.budget)
    if scarce((free.credits - 1) * fleet.jobs, _needed(schedule, fleet)):
        return forecast(schedule, length.life, fleet, scarce)
    return replace(free, credits=free.credits * fleet.jobs)


@cache
def _free(schedule: Schedule, life: Life, scrape_seconds: float) -> Forecast:
    return forecast(schedule, life, Fleet(1, scrape_seconds, None), partial(_scarcity, None))


def _scarcity(budget: int | None, used: float, needed: float) -> float:
    return 0.0 if budget is None else scarcity(used, budget, needed)


def _enough(schedule: Schedule, length: Length, fleet: Fleet) -> int:
    """Give a budget of which a day uses half of what is not set aside: from there on polls are stretched."""
    most = _played(schedule, length, replace(fleet, budget=None)).credits
    return math.ceil(2 * most + _needed(schedule, fleet))


def _needed(schedule: Schedule, fleet: Fleet) -> float:
    return fleet.jobs * DAY_SECONDS / schedule.stale_after_seconds


def _others(schedule: Schedule, fleet: Fleet) -> Iterator[tuple[str, Schedule, Fleet]]:
    for seconds in _OTHER_SCRAPES_SECONDS:
        yield f"a scrape each {format_duration(seconds)}", schedule, replace(fleet, scrape_seconds=seconds)
    for share in _OTHER_LONGEST:
        seconds = share * schedule.longest_seconds
        most = min(schedule.stale_after_seconds, DAY_SECONDS)
        if schedule.shortest_seconds <= seconds <= most and seconds != schedule.longest_seconds:
            changed = replace(schedule, longest_seconds=seconds)
            yield f"schedule.longest: {format_duration(seconds)}", changed, fleet
    for fraction in _OTHER_FRACTIONS:
        if fraction != schedule.remaining_fraction:
            changed = replace(schedule, remaining_fraction=fraction)
            yield f"schedule.remaining_fraction: {fraction}", changed, fleet


def _wanted(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= MOST_JOBS:
        raise refused("--jobs", f'"{text}" is not a whole number from 1 to {MOST_JOBS}')
    return int(text)


def _show(plans: list[Plan]) -> None:
    from rich.console import Console  # noqa: PLC0415 - scripts need no tables

    console = Console(highlight=False, soft_wrap=True)
    for plan in plans:
        console.print(f"\n[bold]{plan.alias}[/bold]: {_told(plan.fleet)}\n")
        for table in (
            _table(("a job lasts", "credits", "tokens", "the budget"), _lengths(plan)),
            _table(("of what Zoho grants a day", "typical", "worst"), _shares(plan)),
            _table(("credits with other settings", "typical", "worst"), _changed(plan)),
        ):
            console.print(table, "", sep="\n", crop=False)
        console.print(*_advice(plan), sep="\n")


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> "Table":
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415
    from rich.table import Column, Table  # noqa: PLC0415

    columns = (
        Column(head, no_wrap=True, justify="right" if number in _NUMBERS else "left")
        for number, head in enumerate(heads)
    )
    table = Table(*columns, box=SIMPLE_HEAD, show_edge=False)
    for row in rows:
        table.add_row(*row)
    return table


def _told(fleet: Fleet) -> str:
    budget = "no daily_credit_budget" if fleet.budget is None else f"daily_credit_budget {fleet.budget:,}"
    return f"a day of {counted(fleet.jobs, 'job')} with {budget}, a scrape each {format_duration(fleet.scrape_seconds)}"


def _lengths(plan: Plan) -> Iterator[tuple[str, ...]]:
    for length, day in plan.played.items():
        yield length.name, f"{day.credits:,}", f"{day.tokens}", _felt(plan.fleet, day)


def _felt(fleet: Fleet, day: Forecast) -> str:
    """Say what becomes of the budget, and of the polls by it."""
    if fleet.budget is None:
        return "there is none"
    if not fleet.budget:
        return "lets nothing be polled"
    if day.spent_at is not None:
        return f"is spent after {_rounded(day.spent_at)}"
    if day.stretched_at is None:
        return "is not felt"
    return f"binds after {_rounded(day.stretched_at)}, polls up to {_rounded(day.longest_wait_seconds)} apart"


def _shares(plan: Plan) -> Iterator[tuple[str, ...]]:
    for edition in EDITIONS:
        shares = (f"{plan.played[length].credits / edition.fewest:.1%}" for length in (TYPICAL, WORST))
        yield (f"{edition.name}: {edition.fewest:,}", *shares)


def _changed(plan: Plan) -> Iterator[tuple[str, ...]]:
    for name, days in plan.other.items():
        yield (name, *(f"{day.credits:,}" for day in days))


def _advice(plan: Plan) -> Iterator[str]:
    days = plan.played.values()
    if plan.fleet.budget == 0:
        yield "A daily_credit_budget of 0 lets nothing be polled, ever."
    elif any(day.spent_at is not None for day in days):
        yield "Where the budget is spent nothing is polled until credits come back, 24 hours after each was spent."
    if any(day.stretched_at is not None for day in days):
        typical, worst = (f"{enough:,}" if enough <= MOST_CREDITS else "unlimited" for enough in plan.enough)
        yield "Where it binds, polls wait longer the less is left, those of slow jobs first."
        yield f"Not felt: a daily_credit_budget of {typical} by typical jobs, of {worst} by the worst."
    yield "Ended jobs cost nothing. Each user brings a paid edition more credits."


def _rounded(seconds: float) -> str:
    return format_duration(round(seconds / 60) * 60 if seconds >= 60 else round(seconds))  # noqa: PLR2004
