"""`check`: say whether a configuration is right, without serving; and, on demand, whether Zoho agrees."""

import json
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import asdict
from typing import Any

from exporter.app import Inspection, Spent, inspect
from exporter.cli.account.live import OK, UNKNOWN, WRONG, Check, live_checks, most_spent
from exporter.cli.given import counted, sources_of, start_logging
from exporter.errors import ConfigurationError, Problem
from exporter.model import JobKey
from exporter.settings import Settings

_SIGNS = {OK: ("✓", "ok", "green"), WRONG: ("✗", "NO", "red")}
"""How a result is shown: where the output is UTF-8, where it is not, and in colour."""


def execute(options: Namespace) -> int:
    """Read the configuration, and tell what is wrong with it."""
    found = inspect(sources_of(options))
    return _for_scripts(found, options) if options.format == "json" else _for_people(found, options)


def _for_people(found: Inspection, options: Namespace) -> int:
    settings = _settings(found)
    for warning in found.warnings:
        sys.stderr.write(f"warning: {warning}\n")
    sys.stdout.write("\n".join(["The configuration is right.", *_lines(settings, found.jobs)]) + "\n")
    if not options.live:
        return 0
    spent: list[Spent] = []
    results = Counter(map(_shown, _live(options, settings, found.jobs, spent)))
    sys.stdout.write(f"{_verdict(results)} Spent: {_costs(sum(spent, Spent()))}.\n")
    return int(results.keys() != {OK})


def _for_scripts(found: Inspection, options: Namespace) -> int:
    settings: Settings | None = None
    problems: tuple[Problem, ...] = ()
    try:
        settings = _settings(found)
    except ConfigurationError as error:
        problems = error.problems
    document: dict[str, Any] = {
        "is_right": settings is not None,
        "problems": [asdict(problem) for problem in problems],
        "warnings": [asdict(warning) for warning in found.warnings],
    }
    if settings and options.live:
        spent: list[Spent] = []
        checks = list(_live(options, settings, found.jobs, spent))
        document["is_right"] = all(check.result == OK for check in checks)
        document |= {"live": [asdict(check) for check in checks], "spent": asdict(sum(spent, Spent()))}
    sys.stdout.write(json.dumps(document, indent=2) + "\n")
    return 0 if document["is_right"] else 1 if settings else 2


def _settings(found: Inspection) -> Settings:
    settings = found.settings()
    if found.dropped:
        raise ConfigurationError(found.dropped, found.warnings)
    return settings


def _lines(settings: Settings, keys: Collection[JobKey]) -> Iterator[str]:
    """Say of each account where it is, and how many jobs it has."""
    for alias, account in sorted(settings.accounts.items()):
        jobs = counted(sum(key.account == alias for key in keys), "job")
        yield f"  {alias}: data centre {account.data_center_name}, {account.environment}, {jobs}"


def _live(options: Namespace, settings: Settings, keys: Collection[JobKey], spent: list[Spent]) -> Iterator[Check]:
    """Say what it takes, and look; news of the exporter's own parts are left out where none were asked for."""
    sys.stdout.flush()
    sys.stderr.write(f"Asking Zoho takes up to {_costs(most_spent(settings.accounts, keys))}.\n")
    is_quiet = getattr(options, "log.level") is None
    return live_checks(settings, keys, start_logging(settings, "error" if is_quiet else ""), spent)


def _costs(spent: Spent) -> str:
    return f"{counted(spent.credits, 'API credit')} and {counted(spent.tokens, 'access token')}"


def _shown(check: Check) -> str:
    """Write a check's line, but for one that nothing is known of, and give its result."""
    from rich.console import Console  # noqa: PLC0415 - without --live there is nothing to colour
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    if check.result == UNKNOWN:
        return check.result
    sign, plain, colour = _SIGNS[check.result]
    console = Console(highlight=False)
    mark = sign if console.encoding.startswith("utf") else plain
    told = f"{check.subject} {check.check}" + (f": {check.message}" if check.message else "")
    if not console.is_terminal:
        console.print(f"{mark} {told}", soft_wrap=True, markup=False)
        return check.result
    grid = Table.grid(padding=(0, 1))
    grid.add_row(Text(mark, colour), Text(told))
    console.print(grid)
    return check.result


def _verdict(results: Counter[str]) -> str:
    if not (results[WRONG] or results[UNKNOWN]):
        return "All is right."
    left = f", {results[UNKNOWN]} could not be looked at" if results[UNKNOWN] else ""
    verb = "is" if results[WRONG] == 1 else "are"
    return f"{results[WRONG]} of {results.total()} {verb} not right{left}."
