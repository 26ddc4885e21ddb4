"""`check`: say whether a configuration is right, without serving."""

import sys
from argparse import Namespace
from collections.abc import Collection, Iterator

from exporter.app import inspect
from exporter.cli.given import counted, sources_of
from exporter.errors import ConfigurationError
from exporter.model import JobKey
from exporter.settings import Settings


def execute(options: Namespace) -> int:
    """Read the configuration, and tell what is wrong with it."""
    found = inspect(sources_of(options))
    settings = found.settings()
    if found.dropped:
        raise ConfigurationError(found.dropped, found.warnings)
    for warning in found.warnings:
        sys.stderr.write(f"warning: {warning}\n")
    sys.stdout.write("\n".join(["The configuration is right.", *_lines(settings, found.jobs)]) + "\n")
    return 0


def _lines(settings: Settings, keys: Collection[JobKey]) -> Iterator[str]:
    """Say of each account where it is, and how many jobs it has."""
    for alias, account in sorted(settings.accounts.items()):
        jobs = counted(sum(key.account == alias for key in keys), "job")
        yield f"  {alias}: data centre {account.data_center_name}, {account.environment}, {jobs}"
