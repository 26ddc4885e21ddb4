"""`check`: say whether a configuration is right, without serving."""

import sys
from argparse import Namespace

from exporter.app import guard_of
from exporter.cli.command import Command, counted, settings_of
from exporter.errors import ConfigurationError
from exporter.settings import JobFiles, matching


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
    specs = (*settings.job_specs, *reading.specs)
    lines = [
        f"  {alias}: data centre {account.data_center_name}, {account.environment}, "
        f"{counted(len({spec.key for spec in specs if spec.key.account == alias}), 'job')}"
        for alias, account in sorted(settings.accounts.items())
    ]
    sys.stdout.write("\n".join(["The configuration is right.", *lines]) + "\n")
    return 0


COMMAND = Command(
    name="check",
    summary="say whether the configuration is right",
    description="Read the configuration and tell every problem in it at once. Nothing is asked of Zoho yet.",
    execute=_execute,
    flags=("config_file", "web.config_file", "web.max_requests"),
)
