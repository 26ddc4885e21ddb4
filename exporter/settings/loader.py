"""From sources to settings: read each, lay the higher over the lower, validate, and tell every problem at once."""

import os
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

from exporter.errors import Problem
from exporter.model import JobKey
from exporter.settings.coherence import incoherences, with_accounts_named
from exporter.settings.sections.redaction import quote
from exporter.settings.sections.schema import Origin, Settings
from exporter.settings.sources.tree import Finding, Place, Source, Tree, merged
from exporter.settings.sources.tree import Path as TreePath
from exporter.settings.sources.variables import JOBS, Variables
from exporter.settings.sources.yaml_file import read_yaml
from exporter.settings.validation import validated

DOTENV = Path(".env")
_SECRETS_DIR = Path("/run/secrets")
_ENTRY_SHAPES = {2: ("module", "job_id"), 3: ("account", "module", "job_id")}
_NO_FLAGS: Mapping[str, object] = {}
_OTHER_ROADS: tuple[TreePath, ...] = (("job_files",), ("web", "api_token_file"))
"""Settings by which jobs may come later."""


def load_settings(
    config_file: Path | None,
    *,
    overrides: Mapping[str, object] = _NO_FLAGS,
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
    file, findings = read_yaml(config_file) if config_file else (Tree({}, {}, Place("environment")), ())
    if config_file:
        _base_job_files(file, config_file.parent)
    variables = Variables.read(os.environ if environ is None else environ, dotenv_file, secrets_dir, file)
    tree = merged(file, (Source.of_flags(overrides), *variables.sources(file)))
    tree, malformed = _with_environment_jobs(tree, variables)
    tree = with_accounts_named(tree, tree.mapping(("accounts",)))
    found = chain(findings, variables.findings, malformed, incoherences(tree))
    return validated(Settings, tree, found, _origin(tree, variables.warnings))


def _base_job_files(file: Tree, directory: Path) -> None:
    """Let the patterns of job files start from the settings file's own directory, where they are looked for."""
    patterns = file.listing(("job_files",))
    patterns[:] = [str(directory / item) if item and isinstance(item, str) else item for item in patterns]


def _with_environment_jobs(tree: Tree, variables: Variables) -> tuple[Tree, list[Finding]]:
    """Add the jobs of `ZOHO_JOBS`: entries `Module/job_id` or `account/Module/job_id`, between commas."""
    written = variables.get(JOBS)
    if written is None or not isinstance(tree.find(("jobs",)), list | None):
        return tree, []
    default = {"account": variables.alias} if variables.alias in tree.mapping(("accounts",)) else {}
    jobs, findings = [*tree.listing(("jobs",))], []
    places = {("jobs",): written.place, **tree.places}
    for entry in filter(None, map(str.strip, written.value.split(","))):
        place = Place(written.place.name, entry=": ".join(filter(None, (written.place.entry, quote(entry)))))
        parts = entry.split("/")
        if len(parts) in _ENTRY_SHAPES:
            places["jobs", len(jobs)] = place
            jobs.append(default | dict(zip(_ENTRY_SHAPES[len(parts)], parts, strict=True)))
        else:
            findings.append(Finding(place, (), "expected Module/job_id or account/Module/job_id"))
    return Tree(tree.values | {"jobs": jobs}, places, tree.root), findings


def _origin(tree: Tree, warnings: tuple[Problem, ...]) -> Origin:
    count = len(tree.listing(("jobs",)))
    if not count and not any(tree.find(path) is not None for path in _OTHER_ROADS):
        warnings = (*warnings, Problem("jobs", f"no job is configured: list some under jobs, or set {JOBS}"))
    warnings = (*warnings, *(problem for index in range(count) for problem in _outdated(tree, index)))
    by_variable = (index for index in range(count) if tree.place(("jobs", index)).line is None)
    keys = (tree.texts(("jobs", index), "account", "module", "job_id") for index in by_variable)
    return Origin(frozenset(JobKey(*(text or "" for text in key)) for key in keys), warnings)


def _outdated(tree: Tree, index: int) -> Iterator[Problem]:
    """Warn of a job whose module Zoho's API no longer has. Source: Zoho CRM v3, Get Mass Update Status."""
    path, account = ("jobs", index, "module"), tree.text(("jobs", index, "account")) or ""
    version = tree.text(("accounts", account, "api_version"))
    if tree.text(path) == "Activities" and version not in {"v2", "v2.1"}:
        text = "from v3 on Zoho has no module Activities: name Tasks, Calls or Events, or set api_version: v2.1"
        yield tree.finding(path, text).problem()
