"""`run`: serve metrics."""

import logging
from argparse import Namespace
from functools import partial

from exporter.app.certificates import Certificates
from exporter.app.inspection import inspect
from exporter.cli.command import importing
from exporter.cli.given import config_file, settings_of, sources_of, start_logging
from exporter.errors import ConfigurationError, Problem
from exporter.settings import DOTENV, Sources

_FOUND_BY_A_START = {"--web.listen-address": "web.listen_address", "state.path": "state.path"}
"""Settings, by what they are called there."""
_log = logging.getLogger(__name__)


def execute(options: Namespace) -> int:
    """Serve until a signal ends it."""
    sources = sources_of(options)
    found = inspect(sources)
    settings = found.settings()
    certificates = Certificates(settings.ca_bundle)
    with importing():
        from exporter.app.serving import serve  # noqa: PLC0415 - certificates are read meanwhile
    redactor = start_logging(settings)
    for warning in found.warnings:
        _log.warning("%s", warning.message, extra={"place": warning.place})
    file = config_file(options)
    try:
        files = (DOTENV, file) if file else (DOTENV,)
        return serve(partial(settings_of, options), files, redactor, tls_context=certificates)
    except ConfigurationError as error:
        problems = tuple(_placed(problem, sources) for problem in error.problems)
        raise ConfigurationError(problems, error.warnings) from error


def _placed(problem: Problem, sources: Sources) -> Problem:
    """Tell a problem that only a start finds where its setting was written."""
    name = _FOUND_BY_A_START.get(problem.place, "")
    is_written = name and sources.tree.find(tuple(name.split("."))) is not None
    return sources.problem(name, problem.message) if is_written else problem
