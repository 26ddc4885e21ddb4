"""`run`: serve metrics."""

import logging
from argparse import Namespace
from functools import partial

from exporter.app.inspection import inspect
from exporter.app.serving import serve
from exporter.cli.given import config_file, settings_of, sources_of, start_logging
from exporter.settings import DOTENV

_log = logging.getLogger(__name__)


def execute(options: Namespace) -> int:
    """Serve until a signal ends it."""
    found = inspect(sources_of(options))
    redactor = start_logging(found.settings())
    for warning in found.warnings:
        _log.warning("%s", warning.message, extra={"place": warning.place})
    file = config_file(options)
    return serve(partial(settings_of, options), (DOTENV, file) if file else (DOTENV,), redactor)
