"""`check`: say whether a configuration is right, without serving; and, on demand, whether Zoho agrees."""

import json
import sys
from argparse import Namespace
from collections.abc import Collection, Iterator
from dataclasses import asdict
from typing import Any

from exporter.app.inspection import Inspection, inspect
from exporter.cli.ending import INTERRUPTED
from exporter.cli.given import sources_of
from exporter.cli.output import say
from exporter.errors import ConfigurationError, Problem
from exporter.identity import JobKey
from exporter.settings import Settings
from exporter.words.phrases import counted


def execute(options: Namespace) -> int:
    """Read the configuration, and tell what is wrong with it."""
    found = inspect(sources_of(options))
    try:
        return _for_scripts(found, options) if options.format == "json" else _for_people(found, options)
    except KeyboardInterrupt:
        return INTERRUPTED


def _for_people(found: Inspection, options: Namespace) -> int:
    settings = _settings(found)
    say(*(f"warning: {warning}" for warning in found.warnings))
    sys.stdout.write("\n".join(["The configuration is right.", *_lines(settings, found.jobs)]) + "\n")
    if not options.live:
        return 0
    from exporter.cli.account.live import tell_live  # noqa: PLC0415 - it loads what asks Zoho

    return tell_live(options, settings, found.jobs)


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
        from exporter.cli.account.live import live_document  # noqa: PLC0415 - it loads what asks Zoho

        document |= live_document(options, settings, found.jobs)
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
