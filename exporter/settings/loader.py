"""From sources to settings: read each, lay the higher over the lower, validate, and tell every problem at once."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from exporter.errors import Problem
from exporter.model import JobKey
from exporter.settings.sections.accounts import AccountSettings
from exporter.settings.coherence import incoherences, job_incoherences, missing, with_accounts_named
from exporter.settings.sections.jobs import JobFile, JobSettings
from exporter.settings.sections.schema import SECTIONS, Origin, Settings
from exporter.settings.sections.section import Section
from exporter.settings.sources.tree import (
    Branch,
    Finding,
    Leaf,
    Listing,
    Node,
    Place,
    children_at,
    find,
    grow,
    is_given,
    items_at,
    overlay,
    place_at,
    plain,
    refusal,
    text_at,
)
from exporter.settings.sources.tree import Path as TreePath
from exporter.settings.sections.values import suggestion
from exporter.settings.sources.variables import (
    ACCOUNT,
    JOBS,
    SECRETS_DIR,
    Layer,
    Variables,
    environment_jobs,
    environment_layer,
    read_dotenv,
    secrets_layer,
    variables_branch,
)
from exporter.settings.sources.yaml_file import read_yaml

DOTENV = Path(".env")
_SECRETS_DIR = Path("/run/secrets")
_FILE_KEYS = ("client_secret_file", "refresh_token_file")
_JOB_KEY = ("account", "module", "job_id")
_FLAGS = {"web.config_file": "--web.config.file"}  # Prometheus' own name for it
_NO_FLAGS: Mapping[str, object] = {}
_OTHER_ROADS: tuple[TreePath, ...] = (("job_files",), ("web", "api_token_file"))
"""Settings by which jobs may come later."""
_EXPECTED = {
    "dict_type": "expected a mapping",
    "mapping_type": "expected a mapping",
    "tuple_type": "expected a list",
}


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
    file, findings = read_yaml(config_file) if config_file else (Branch({}, Place("environment")), ())
    file = _with_job_files_based(file, config_file.parent if config_file else Path())
    environment, misspelt = environment_layer(os.environ if environ is None else environ)
    dotenv, misspelt_too = environment_layer(read_dotenv(dotenv_file), source=str(dotenv_file))
    secrets, unreadable = _secrets(Variables((dotenv, environment)), secrets_dir, file)
    variables = Variables((secrets, dotenv, environment))
    tree = _overlaid(file, variables, overrides)
    tree, malformed = _with_environment_jobs(tree, variables)
    tree = with_accounts_named(tree)
    return _validated(tree, (*findings, *unreadable, *malformed), (*misspelt, *misspelt_too))


def load_job_file(file: Path, settings: Settings) -> tuple[JobSettings, ...]:
    """Give the jobs of a file that holds nothing but a `jobs` list, for the accounts and labels of the settings.

    Raises:
        ConfigurationError: with every problem of the file at once.
    """
    written, findings = read_yaml(file)
    tree = with_accounts_named(_beside(settings, written))
    found = [*findings, *job_incoherences(tree)]
    jobs: tuple[JobSettings, ...] | None = None
    try:
        jobs = JobFile.model_validate({name: plain(tree.children[name]) for name in written.children}).jobs
    except ValidationError as error:
        found.extend(_described(error, tree, frozenset(finding.path for finding in found)))
    if jobs is None or found:
        raise refusal(found)
    return jobs


def _beside(settings: Settings, written: Branch) -> Branch:
    """Put a job file's tree beside what the settings say that its jobs may refer to."""
    place = written.place
    accounts = Branch({alias: Branch({}, place) for alias in settings.accounts}, place)
    labels = Listing(tuple(Leaf(name, place) for name in settings.job_labels), place)
    return Branch({**written.children, "accounts": accounts, "job_labels": labels}, place)


def _with_job_files_based(file: Branch, directory: Path) -> Branch:
    """Let the patterns of job files start from the settings file's own directory, where they are looked for."""
    listing = find(file, ("job_files",))
    if not isinstance(listing, Listing):
        return file
    based = tuple(
        Leaf(str(directory / item.text), item.place) if isinstance(item, Leaf) and item.text else item
        for item in listing.items
    )
    return Branch({**file.children, "job_files": Listing(based, listing.place)}, file.place)


def _secrets(variables: Variables, default: Path, file: Branch) -> tuple[Layer, tuple[Finding, ...]]:
    chosen = variables.get(SECRETS_DIR)
    if chosen is None and not default.is_dir():
        return {}, ()
    named = (text_at(account, (key,)) for account in children_at(file, ("accounts",)).values() for key in _FILE_KEYS)
    taken = frozenset(os.path.realpath(name) for name in named if name and name.isprintable())
    return secrets_layer(Path(str(chosen.text)) if chosen else default, taken)


def _overlaid(file: Branch, variables: Variables, overrides: Mapping[str, object]) -> Branch:
    tree = file
    if account := variables.get(ACCOUNT):
        tree = overlay(tree, grow([(("accounts", variables.alias), Branch({}, account.place))], account.place))
    for layer in variables.layers:
        tree = overlay(tree, variables_branch(layer, variables.alias))
    return overlay(tree, _flags(overrides))


def _flags(overrides: Mapping[str, object]) -> Branch:
    given = {name: value for name, value in overrides.items() if value is not None}
    leaves = ((tuple(name.split(".")), _flag(name, value)) for name, value in given.items())
    return grow(leaves, Place("flags"))


def _flag(name: str, value: object) -> Node:
    place = Place(_FLAGS.get(name) or f"--{name.replace('_', '-')}")
    if isinstance(value, list | tuple):
        return Listing(tuple(Leaf(str(item), place) for item in value), place)
    return Leaf(str(value), place)


def _with_environment_jobs(tree: Branch, variables: Variables) -> tuple[Branch, tuple[Finding, ...]]:
    leaf = variables.get(JOBS)
    below = find(tree, ("jobs",))
    if leaf is None or (is_given(below) and not isinstance(below, Listing)):
        return tree, ()
    is_described = variables.alias in children_at(tree, ("accounts",))
    jobs, findings = environment_jobs(leaf, variables.alias if is_described else None)
    listing = Listing((*items_at(tree, ("jobs",)), *jobs), below.place if below else leaf.place)
    return Branch({**tree.children, "jobs": listing}, tree.place), findings


def _validated(tree: Branch, findings: tuple[Finding, ...], warnings: tuple[Problem, ...]) -> Settings:
    found = [*findings, *incoherences(tree)]
    settings: Settings | None = None
    try:
        settings = Settings.model_validate(plain(tree), context=_origin(tree, warnings))
    except ValidationError as error:
        found.extend(_described(error, tree, frozenset(finding.path for finding in found)))
    # Raised out of the `except`: pydantic's error carries what was written, secrets too.
    if settings is None or found:
        raise refusal(found)
    return settings


def _origin(tree: Branch, warnings: tuple[Problem, ...]) -> Origin:
    jobs = items_at(tree, ("jobs",))
    if not jobs and not any(is_given(find(tree, path)) for path in _OTHER_ROADS):
        warnings = (*warnings, Problem("jobs", f"no job is configured: list some under jobs, or set {JOBS}"))
    by_variable = (job for job in jobs if job.place.line is None)
    keys = (JobKey(*(text_at(job, (name,)) or "" for name in _JOB_KEY)) for job in by_variable)
    return Origin(frozenset(keys), warnings)


def _described(error: ValidationError, tree: Branch, told: frozenset[TreePath]) -> Iterator[Finding]:
    for detail in error.errors(include_url=False, include_input=False):
        path = detail["loc"]
        if path[-1] == "[key]" and find(tree, path) is None:
            path = path[:-1]
        if detail["type"] == "value_error":
            yield Finding(place_at(tree, path), path, str(detail["ctx"]["error"]))
        elif detail["type"] == "extra_forbidden":
            yield Finding(place_at(tree, path), path, _unknown(path))
        elif detail["type"] == "model_type":
            yield Finding(place_at(tree, path), path, f"expected a mapping of settings{_known(path)}")
        elif detail["type"] != "missing":
            yield Finding(place_at(tree, path), path, _EXPECTED.get(detail["type"], detail["msg"]))
        elif not any(path[:length] in told for length in range(1, len(path) + 1)):
            yield missing(tree, path, "is required")


def _unknown(path: TreePath) -> str:
    section, name = path[:-1], str(path[-1])
    misplaced = "" if section else _home(name)
    return "unknown key" + (misplaced or suggestion(name, _section(section).model_fields) or _known(section))


def _home(name: str) -> str:
    """Name the section that a setting written at the top level belongs to."""
    homes: dict[str, type[Section]] = {
        "accounts, below the account's alias": AccountSettings,
        "jobs": JobSettings,
        **SECTIONS,
    }
    return next((f"; it belongs under {home}" for home, section in homes.items() if name in section.model_fields), "")


def _known(path: TreePath) -> str:
    return f"; known: {', '.join(_section(path).model_fields)}"


def _section(path: TreePath) -> type[Section]:
    match path:
        case ("accounts", _):
            return AccountSettings
        case ("jobs", _):
            return JobSettings
        case (str(name),) if name in SECTIONS:
            return SECTIONS[name]
        case _:
            return Settings
