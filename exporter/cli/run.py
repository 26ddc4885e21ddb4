"""`run`: serve metrics."""

import logging
from argparse import Namespace
from functools import partial

from exporter.app import serve
from exporter.cli.command import Command, settings_of, start_logging
from exporter.settings import DOTENV

_log = logging.getLogger(__name__)


def _execute(options: Namespace) -> int:
    settings = settings_of(options)
    redactor = start_logging(settings)
    for warning in settings.warnings:
        _log.warning("%s", warning.message, extra={"place": warning.place})
    files = (DOTENV, options.config_file) if options.config_file else (DOTENV,)
    return serve(partial(settings_of, options), files, redactor)


COMMAND = Command(
    name="run",
    summary="serve metrics (the default command)",
    description="Serve metrics until SIGTERM or Ctrl-C. Zoho is asked only while Prometheus scrapes.",
    execute=_execute,
    flags=(
        *("config_file", "web.listen_address", "web.systemd_socket", "web.telemetry_path"),
        *("web.disable_exporter_metrics", "web.external_url", "web.route_prefix"),
        *("web.config_file", "web.max_requests", "state.path", "log.level", "log.format"),
    ),
    defaults={"state.path": "below STATE_DIRECTORY, /var/lib or ~/.local/state"},
)
