"""`check`: say whether a configuration is right, without serving."""

import sys
from argparse import Namespace

from exporter.cli.command import Command, add_config_flag, settings_of


def _execute(options: Namespace) -> int:
    settings = settings_of(options)
    for warning in settings.warnings:
        sys.stderr.write(f"warning: {warning}\n")
    lines = [
        f"  {alias}: data centre {account.data_center_name}, {account.environment}, "
        f"{_jobs(sum(job.account == alias for job in settings.jobs))}"
        for alias, account in sorted(settings.accounts.items())
    ]
    sys.stdout.write("\n".join(["The configuration is right.", *lines]) + "\n")
    return 0


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"


COMMAND = Command(
    name="check",
    summary="say whether the configuration is right",
    description="Read the configuration and tell every problem in it at once. Nothing is asked of Zoho yet.",
    add_flags=add_config_flag,
    execute=_execute,
)
