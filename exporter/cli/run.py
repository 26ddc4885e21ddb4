"""`run`: serve metrics."""

import logging
from argparse import ArgumentParser, Namespace
from functools import partial

from exporter.app import Source, serve
from exporter.cli.command import (
    Command,
    add_access_flags,
    add_config_flag,
    add_log_flags,
    add_state_flag,
    add_web_flags,
    settings_of,
    start_logging,
)
from exporter.settings import DOTENV

_log = logging.getLogger(__name__)


def _add_flags(parser: ArgumentParser) -> None:
    add_config_flag(parser)
    add_web_flags(parser)
    add_access_flags(parser)
    add_state_flag(parser, "below STATE_DIRECTORY, /var/lib or ~/.local/state, see docs/settings.md")
    add_log_flags(parser)


def _execute(options: Namespace) -> int:
    settings = settings_of(options)
    redactor = start_logging(settings)
    for warning in settings.warnings:
        _log.warning("%s", warning.message, extra={"place": warning.place})
    files = (DOTENV, options.config_file) if options.config_file else (DOTENV,)
    return serve(Source(partial(settings_of, options), files), redactor=redactor)


COMMAND = Command(
    name="run",
    summary="serve metrics (the default command)",
    description="Serve metrics until SIGTERM or Ctrl-C. Zoho is asked only while Prometheus scrapes.",
    add_flags=_add_flags,
    execute=_execute,
)
