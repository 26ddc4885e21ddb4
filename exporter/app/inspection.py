"""What a start would refuse, drop or be surprised by: found all at once, and without starting."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from exporter.app.hosts import endpoints
from exporter.errors import ConfigurationError, Problem
from exporter.identity import JobKey
from exporter.settings import Settings, Sources, matching, parameters_of, parse_database_url, state_file
from exporter.state import inspect_database, inspect_state

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found: `refused` ends a start, `dropped` are jobs that it does without."""

    loaded: Settings | None
    jobs: frozenset[JobKey]
    refused: tuple[Problem, ...]
    dropped: tuple[Problem, ...]
    warnings: tuple[Problem, ...]

    def settings(self) -> Settings:
        """Give the settings that a start can use.

        Raises:
            ConfigurationError: there are none; with all that was found.
        """
        if self.loaded is None or self.refused:
            raise ConfigurationError((*self.refused, *self.dropped), self.warnings)
        return self.loaded


def inspect(sources: Sources) -> Inspection:
    """Look at everything that the sources name, right or wrong."""
    refused: list[Problem] = []
    config_file = sources.path("web.config_file")
    loaded = _attempt(sources.settings, refused)
    web_warnings = _attempt(lambda: _web_config(sources, config_file), refused) if config_file else ()
    refused += (*_state(sources, sources.path("state.path")), *_database(sources), *_proxies(sources))
    reading = sources.job_files()
    jobs = frozenset(spec.key for spec in (*(loaded.job_specs if loaded else ()), *reading.specs))
    dropped = list(reading.problems)
    warnings = [*sources.warnings, *(web_warnings or ())]
    if loaded:
        dropped += _too_many(sources, loaded, len(jobs))
        warnings += _without_files(loaded)
    return Inspection(loaded, jobs, tuple(refused), tuple(dropped), tuple(warnings))


def _attempt(look: Callable[[], T], refused: list[Problem]) -> T | None:
    try:
        return look()
    except ConfigurationError as error:
        refused += error.problems
    return None


def _web_config(sources: Sources, file: Path) -> tuple[Problem, ...]:
    """Load what guards the web server, and give its warnings; where nothing can be read, the place is what names it."""
    from exporter.settings.web_config import read_web_config  # noqa: PLC0415 - a server alone needs them
    from exporter.web.guard import WebConfig  # noqa: PLC0415

    try:
        return tuple(WebConfig(file, read_web_config).warnings())
    except ConfigurationError as error:
        if not isinstance(error.__cause__, OSError):
            raise
        told = (sources.problem("web.config_file", f'"{file}" {problem.message}') for problem in error.problems)
        raise ConfigurationError(tuple(told)) from error


def _state(sources: Sources, path: Path | None) -> Iterator[Problem]:
    found: list[Problem] = []
    if path or sources.tree.find(("state", "url")) is None:
        _attempt(lambda: inspect_state(state_file(path)), found)
    yield from (sources.problem("state.path", problem.message) if path else problem for problem in found)


def _database(sources: Sources) -> Iterator[Problem]:
    found: list[Problem] = []
    with suppress(ValueError):  # told of by the model
        if url := sources.tree.at(("state", "url"), str):
            parsed = parse_database_url(url)
            _attempt(lambda: inspect_database(parsed, parameters_of(parsed)), found)
    yield from (sources.problem("state.url", problem.message) for problem in found)


def _too_many(sources: Sources, settings: Settings, count: int) -> Iterator[Problem]:
    if count > settings.max_jobs:
        text = f"{count} jobs are listed, and max_jobs is {settings.max_jobs}: raise it, or list fewer jobs"
        yield sources.problem("max_jobs", text)


def _without_files(settings: Settings) -> Iterator[Problem]:
    for pattern in settings.job_files:
        if not matching([pattern]):
            yield Problem("job_files", f"no file matches {pattern}")


def _proxies(sources: Sources) -> Iterator[Problem]:
    found = map(endpoints, sources.accounts() if sources.tree.find(("proxy_url",)) is None else ())
    yield from Settings().proxy_problems(url for each in found for url in (each.accounts_url, each.api_url) if url)
