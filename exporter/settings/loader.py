"""From sources to settings, and from job files to jobs: every problem is told at once."""

import glob
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from pydantic import ValidationError

from exporter.errors import ConfigurationError, Problem
from exporter.files import explain, refused
from exporter.identity import JobSource, JobSpec
from exporter.settings.sections.schema import AccountSettings, JobFile, Settings, split_at_commas
from exporter.settings.sections.values import quote
from exporter.settings.sources.tree import Finding, Place, Tree, flags, merged, path_of
from exporter.settings.sources.variables import JOBS, Variables
from exporter.settings.sources.yaml_file import read_yaml
from exporter.settings.validation import (
    doubts,
    incoherences,
    job_incoherences,
    jobs_of,
    name_accounts,
    validated,
)

DOTENV = Path(".env")
_SECRETS_DIR = Path("/run/secrets")
_EXPECTED_ENTRY = "expected Module/job_id or account/Module/job_id, such as Leads/3524033000006027001"
_NO_JOB = (
    f"no job is configured: list some under jobs, set {JOBS}, or set web.api_token_file "
    "and let the commands track and schedule add them"
)
_PLACES = ("data_center", "environment", "accounts_url", "api_url")
_ENTRY_SHAPES = {2: ("module", "job_id"), 3: ("account", "module", "job_id")}


def load_settings(
    config_file: Path | None,
    *,
    overrides: Mapping[str, object] = MappingProxyType({}),
    environ: Mapping[str, str] | None = None,
    dotenv_file: Path | None = DOTENV,
    secrets_dir: Path = _SECRETS_DIR,
) -> Settings:
    """Give the settings of all sources together; the arguments are those of `read_sources`.

    Raises:
        ConfigurationError: with every problem at once.
    """
    sources = read_sources(
        config_file, overrides=overrides, environ=environ, dotenv_file=dotenv_file, secrets_dir=secrets_dir
    )
    return sources.settings()


def read_sources(
    config_file: Path | None,
    *,
    overrides: Mapping[str, object] = MappingProxyType({}),
    environ: Mapping[str, str] | None = None,
    dotenv_file: Path | None = DOTENV,
    secrets_dir: Path = _SECRETS_DIR,
) -> "Sources":
    """Read what all sources say together, right or wrong.

    `overrides` are the flags by dotted setting (`{"web.listen_address": ":9000"}`); `None` is a flag not given.
    `environ` is the process's environment unless given. `secrets_dir` is used when it exists and `ZOHO_SECRETS_DIR`
    is not set.
    """
    file, findings, unreadable = _read_file(config_file)
    variables = Variables(os.environ if environ is None else environ, dotenv_file, secrets_dir, file)
    tree = merged(file, (flags(overrides), *variables.layers(file)))
    malformed = _add_environment_jobs(tree, variables)
    name_accounts(tree, tree.at(("accounts",), dict))
    unread = tuple(finding.problem() for finding in variables.unread)
    found = (*findings, *variables.findings, *variables.unread, *malformed)
    return Sources(tree, found, unreadable, unread, tuple(variables.warnings))


def _read_file(config_file: Path | None) -> tuple[Tree, tuple[Finding, ...], tuple[Problem, ...]]:
    """Read the settings file; give what is wrong in it, and what kept it from being read."""
    if config_file == Path():
        return Tree({}, {(): Place(str(config_file))}), (), (Problem("--config.file", "names no file"),)
    if config_file is None:
        return Tree({}, {(): Place("environment")}), (), ()
    try:
        file, findings = read_yaml(config_file)
    except ConfigurationError as error:
        problems = error.problems
        if isinstance(error.__cause__, FileNotFoundError) and not config_file.is_absolute():
            text = "does not exist in the working directory: start there, or give the file's whole path"
            if str(config_file).startswith("~"):
                text = "begins with what only a shell fills in: write the whole path"
            problems = (Problem(str(config_file), text),)
        return Tree({}, {(): Place(str(config_file))}), (), problems
    # The patterns of job files start from the settings file's own directory, where they are looked for.
    if isinstance(listed := split_at_commas(file.find(("job_files",))), list):
        paths = [_found_from(config_file.parent, item) for item in listed]
        file.values["job_files"] = paths
    return file, findings, ()


def _found_from(directory: Path, item: object) -> object:
    """Give a pattern from where it starts; what is refused stays as it was written."""
    is_pattern = isinstance(item, str) and item and not item.startswith(("~", "$"))
    return str(directory / str(item)) if is_pattern else item


@dataclass(frozen=True, slots=True)
class Sources:
    """What all sources say together, right or wrong.

    `unreadable` is why nothing is known of the settings file, `unread` of others: that is among the findings too.
    """

    tree: Tree
    findings: tuple[Finding, ...]
    unreadable: tuple[Problem, ...]
    unread: tuple[Problem, ...]
    misspelt: tuple[Problem, ...]

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What is allowed and yet probably not meant."""
        return self.misspelt if self.unreadable else (*self.misspelt, *_warnings(self.tree), *doubts(self.tree))

    def settings(self) -> Settings:
        """Give the settings.

        Raises:
            ConfigurationError: with every problem at once.
        """
        tree, warnings = self.tree, self.warnings
        if self.unreadable:
            found = (finding.problem() for finding in self.findings)
            raise ConfigurationError((*self.unreadable, *found), warnings)
        by_variable = frozenset(key for path, key in jobs_of(tree) if tree.place(path).line is None)
        try:
            return validated(Settings, tree, chain(self.findings, incoherences(tree)), (by_variable, warnings))
        except ConfigurationError as error:
            problems = error.problems
        raise ConfigurationError(problems, warnings)

    def job_files(self) -> "JobFilesReading":
        """Read the job files that are named, whatever else is wrong."""
        patterns = split_at_commas(self.tree.find(("job_files",)))
        texts = [text for text in patterns if isinstance(text, str)] if isinstance(patterns, list) else []
        labels = split_at_commas(self.tree.find(("job_labels",)))
        allowed = frozenset(map(str, labels)) if isinstance(labels, list) else frozenset()
        return _read_job_files(texts, _Allowed(self.tree.at(("accounts",), dict), allowed), {})

    def accounts(self) -> Iterator[AccountSettings]:
        """Give the accounts of which it is right where they are, and nothing else of them, whatever else is wrong."""
        for alias in self.tree.at(("accounts",), dict):
            places = {name: self.tree.find(("accounts", alias, name)) for name in _PLACES}
            with suppress(ValidationError):
                yield AccountSettings.model_validate({"client_id": "unknown", **places})

    def path(self, name: str) -> Path | None:
        """Give the path that stands at a dotted setting; `None` for none that could be one."""
        text = self.tree.at(path_of(name), str)
        return Path(text) if text and text.isprintable() and not text.startswith(("~", "$")) else None

    def problem(self, name: str, message: str) -> Problem:
        """Give a problem with a dotted setting, at its place."""
        return self.tree.finding(path_of(name), message).problem()


def _add_environment_jobs(tree: Tree, variables: Variables) -> list[Finding]:
    """Add the jobs of `ZOHO_JOBS`: entries `Module/job_id` or `account/Module/job_id`, between commas."""
    written = variables.written.get(JOBS)
    if written is None or not isinstance(jobs := tree.find(("jobs",)), list | None):
        return []
    default = {"account": variables.alias} if variables.alias in tree.at(("accounts",), dict) else {}
    findings = []
    tree.places.setdefault(("jobs",), written.place)
    tree.values["jobs"] = jobs = jobs or []
    for entry in _entries(str(written.value)):
        place = Place(written.place.name, entry=": ".join(filter(None, (written.place.entry, quote(entry)))))
        parts = entry.split("/")
        if len(parts) in _ENTRY_SHAPES:
            tree.places["jobs", len(jobs)] = place
            jobs.append(default | dict(zip(_ENTRY_SHAPES[len(parts)], parts, strict=True)))
        else:
            findings.append(Finding(place, (), _EXPECTED_ENTRY))
    return findings


def _entries(text: str) -> Iterator[str]:
    """Split at commas and line ends, and at spaces between what are whole entries."""
    for entry in filter(None, map(str.strip, re.split(r"[,;\n\r]", text))):
        words = [word.strip("/") for word in entry.split()]
        yield from words if all("/" in word for word in words) else [entry]


def _warnings(tree: Tree) -> Iterator[Problem]:
    """Warn of no job by any road, and of one whose module Zoho's API no longer has.

    Source: Zoho CRM v3, Get Mass Update Status.
    """
    roads = (tree.find(("jobs",)) or None, tree.find(("job_files",)), tree.find(("web", "api_token_file")))
    if all(road is None for road in roads) and tree.at(("accounts",), dict) and JOBS not in str(tree.place(("jobs",))):
        yield Problem("jobs", _NO_JOB)
    for path, key in jobs_of(tree):
        if key.module == "Activities" and tree.find(("accounts", key.account, "api_version")) not in ("v2", "v2.1"):
            text = "from v3 on Zoho has no module Activities: name Tasks, Calls or Events, or set api_version: v2.1"
            yield tree.finding((*path, "module"), text).problem()


@dataclass(frozen=True, slots=True)
class JobFilesReading:
    """What the job files say now. `is_complete` is false where jobs of a broken file or directory are not known."""

    specs: tuple[JobSpec, ...]
    problems: tuple[Problem, ...]
    is_complete: bool


class JobFiles:
    """Reads the watched job files again and again; a broken one keeps the jobs that it last had. Not thread-safe."""

    def __init__(self) -> None:
        self._good: dict[Path, tuple[JobSpec, ...]] = {}

    def read(self, settings: Settings) -> JobFilesReading:
        """Read every file; one that can't be used keeps its last good jobs, and is told of."""
        allowed = _Allowed(settings.accounts, frozenset(settings.job_labels))
        return _read_job_files(settings.job_files, allowed, self._good)


class _Allowed(NamedTuple):
    """Which accounts and labels the jobs of a file may name."""

    aliases: Collection[str]
    labels: frozenset[str]


def _read_job_files(
    patterns: Collection[str], allowed: _Allowed, known: dict[Path, tuple[JobSpec, ...]]
) -> JobFilesReading:
    """Read the files; `known` has the last good jobs of each, and is brought up to date."""
    files, barred = matching(patterns), tuple(dict.fromkeys(chain.from_iterable(map(_barred, patterns))))
    problems = list(barred)
    good: dict[Path, tuple[JobSpec, ...]] = {}
    for file in files:
        try:
            good[file] = _specs(file, allowed)
        except ConfigurationError as error:
            problems += error.problems
            good |= {file: known[file]} if file in known else {}
    known.clear()
    known.update(good)
    specs = tuple(chain.from_iterable(good.values()))
    return JobFilesReading(specs, tuple(problems), is_complete=len(good) == len(files) and not barred)


def matching(patterns: Iterable[str]) -> tuple[Path, ...]:
    """Give the files that match any of the patterns, each once, sorted."""
    return tuple(sorted({Path(name) for pattern in patterns for name in glob.glob(pattern)}))  # noqa: PTH207 - Path.glob takes no absolute pattern


def _barred(pattern: str) -> Iterator[Problem]:
    """Tell of the directories on a pattern's way that can't be looked into now: to glob they are empty."""
    above, name = os.path.split(pattern)
    if not name:
        return
    yield from _barred(above)
    for directory in glob.glob(above or "."):  # noqa: PTH207 - as above
        try:
            # "." in it may be looked at by whoever may search it; only what has wildcards is listed.
            os.listdir(directory) if glob.has_magic(name) else os.stat(f"{directory}/.")  # noqa: PTH116, PTH208
        except NotADirectoryError:
            continue
        except FileNotFoundError:
            yield Problem(directory, "leads to a directory that does not exist")
        except OSError as error:
            yield Problem(directory, explain(error, Path(directory)))


def _specs(file: Path, allowed: _Allowed) -> tuple[JobSpec, ...]:
    if file.is_dir():
        raise refused(file, f"is a directory, not a file: for the files in it write {file}/*.yaml")
    tree, findings = read_yaml(file)
    name_accounts(tree, allowed.aliases)
    found = chain(findings, job_incoherences(tree, allowed.aliases, allowed.labels))
    return tuple(job.spec(JobSource.FILE) for job in validated(JobFile, tree, found).jobs)
