"""From sources to settings, and from job files to jobs: every problem is told at once."""

import glob
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import MappingProxyType

from exporter.errors import ConfigurationError, Problem
from exporter.model import JobSource, JobSpec
from exporter.settings.sections.schema import JobFile, Settings
from exporter.settings.sections.values import quote
from exporter.settings.sources.tree import Finding, Place, Tree, flags, merged
from exporter.settings.sources.variables import JOBS, Variables
from exporter.settings.sources.yaml_file import read_yaml
from exporter.settings.validation import incoherences, job_incoherences, jobs_of, name_accounts, validated

DOTENV = Path(".env")
_SECRETS_DIR = Path("/run/secrets")
_ENTRY_SHAPES = {2: ("module", "job_id"), 3: ("account", "module", "job_id")}


def load_settings(
    config_file: Path | None,
    *,
    overrides: Mapping[str, object] = MappingProxyType({}),
    environ: Mapping[str, str] | None = None,
    dotenv_file: Path | None = DOTENV,
    secrets_dir: Path = _SECRETS_DIR,
) -> Settings:
    """Give the settings of all sources together.

    `overrides` are the flags by dotted setting (`{"web.listen_address": ":9000"}`); `None` is a flag not given.
    `environ` is the process's environment unless given. `secrets_dir` is used when it exists and `ZOHO_SECRETS_DIR`
    is not set.

    Raises:
        ConfigurationError: with every problem at once.
    """
    file, findings = read_yaml(config_file) if config_file else (Tree({}, {(): Place("environment")}), ())
    if config_file:
        # The patterns of job files start from the settings file's own directory, where they are looked for.
        patterns = file.at(("job_files",), list)
        patterns[:] = [str(config_file.parent / item) if item and isinstance(item, str) else item for item in patterns]
    variables = Variables(os.environ if environ is None else environ, dotenv_file, secrets_dir, file)
    tree = merged(file, (flags(overrides), *variables.layers(file)))
    malformed = _add_environment_jobs(tree, variables)
    name_accounts(tree, tree.at(("accounts",), dict))
    found = chain(findings, variables.findings, malformed, incoherences(tree))
    by_variable = frozenset(key for path, key in jobs_of(tree) if tree.place(path).line is None)
    return validated(Settings, tree, found, (by_variable, (*variables.warnings, *_warnings(tree))))


def _add_environment_jobs(tree: Tree, variables: Variables) -> list[Finding]:
    """Add the jobs of `ZOHO_JOBS`: entries `Module/job_id` or `account/Module/job_id`, between commas."""
    written = variables.written.get(JOBS)
    if written is None or not isinstance(jobs := tree.find(("jobs",)), list | None):
        return []
    default = {"account": variables.alias} if variables.alias in tree.at(("accounts",), dict) else {}
    findings = []
    tree.places.setdefault(("jobs",), written.place)
    tree.values["jobs"] = jobs = jobs or []
    for entry in filter(None, map(str.strip, str(written.value).split(","))):
        place = Place(written.place.name, entry=": ".join(filter(None, (written.place.entry, quote(entry)))))
        parts = entry.split("/")
        if len(parts) in _ENTRY_SHAPES:
            tree.places["jobs", len(jobs)] = place
            jobs.append(default | dict(zip(_ENTRY_SHAPES[len(parts)], parts, strict=True)))
        else:
            findings.append(Finding(place, (), "expected Module/job_id or account/Module/job_id"))
    return findings


def _warnings(tree: Tree) -> Iterator[Problem]:
    """Warn of no job by any road, and of one whose module Zoho's API no longer has.

    Source: Zoho CRM v3, Get Mass Update Status.
    """
    roads = tree.at(("jobs",), list) or (tree.find(("job_files",)), tree.find(("web", "api_token_file")))
    if all(road is None for road in roads):
        yield Problem("jobs", f"no job is configured: list some under jobs, or set {JOBS}")
    for path, key in jobs_of(tree):
        if key.module == "Activities" and tree.find(("accounts", key.account, "api_version")) not in ("v2", "v2.1"):
            text = "from v3 on Zoho has no module Activities: name Tasks, Calls or Events, or set api_version: v2.1"
            yield tree.finding((*path, "module"), text).problem()


@dataclass(frozen=True, slots=True)
class JobFilesReading:
    """What the job files say now. `is_complete` is false where a broken file's jobs are not known from before."""

    specs: tuple[JobSpec, ...]
    problems: tuple[Problem, ...]
    is_complete: bool


class JobFiles:
    """Reads the watched job files again and again; a broken one keeps the jobs that it last had. Not thread-safe."""

    def __init__(self) -> None:
        self._good: dict[Path, tuple[JobSpec, ...]] = {}

    def read(self, settings: Settings) -> JobFilesReading:
        """Read every file; one that can't be used keeps its last good jobs, and is told of."""
        problems: list[Problem] = []
        good: dict[Path, tuple[JobSpec, ...]] = {}
        files = matching(settings.job_files)
        for file in files:
            try:
                good[file] = _specs(file, settings)
            except ConfigurationError as error:
                problems += error.problems
                good |= {file: self._good[file]} if file in self._good else {}
        self._good = good
        specs = tuple(chain.from_iterable(good.values()))
        return JobFilesReading(specs, tuple(problems), is_complete=len(good) == len(files))


def matching(patterns: Iterable[str]) -> tuple[Path, ...]:
    """Give the files that match any of the patterns, each once, sorted."""
    return tuple(sorted({Path(name) for pattern in patterns for name in glob.glob(pattern)}))  # noqa: PTH207 - Path.glob takes no absolute pattern


def _specs(file: Path, settings: Settings) -> tuple[JobSpec, ...]:
    tree, findings = read_yaml(file)
    name_accounts(tree, settings.accounts)
    found = chain(findings, job_incoherences(tree, settings.accounts, frozenset(settings.job_labels)))
    return tuple(job.spec(JobSource.FILE) for job in validated(JobFile, tree, found).jobs)
