"""`check`: say whether a configuration is right, without serving."""

import sys
from argparse import Namespace
from collections.abc import Collection, Iterator

from exporter.app import guard_of
from exporter.cli.command import Command, counted, settings_of
from exporter.errors import ConfigurationError
from exporter.model import JobKey
from exporter.settings import JobFiles, Settings, matching


def _execute(options: Namespace) -> int:
    settings = settings_of(options)
    guard_of(settings)
    for warning in settings.warnings:
        sys.stderr.write(f"warning: {warning}\n")
    reading = JobFiles().read(settings)
    if reading.problems:
        raise ConfigurationError(reading.problems)
    for pattern in settings.job_files:
        if not matching([pattern]):
            sys.stderr.write(f"warning: job_files: no file matches {pattern}\n")
    keys = {spec.key for spec in (*settings.job_specs, *reading.specs)}
    sys.stdout.write("\n".join(["The configuration is right.", *_lines(settings, keys)]) + "\n")
    return 0


def _lines(settings: Settings, keys: Collection[JobKey]) -> Iterator[str]:
    """Say of each account where it is, and how many jobs it has."""
    for alias, account in sorted(settings.accounts.items()):
        jobs = counted(sum(key.account == alias for key in keys), "job")
        yield f"  {alias}: data centre {account.data_center_name}, {account.environment}, {jobs}"


COMMAND = Command(
    name="check",
    summary="say whether the configuration is right",
    description="Read the configuration and tell every problem in it at once. Nothing is asked of Zoho yet.",
    execute=_execute,
    flags=("config_file", "web.config_file", "web.max_requests"),
)
