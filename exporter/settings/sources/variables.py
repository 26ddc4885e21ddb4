"""Settings given as variables: of the environment, of a `.env` file, and as the files of a secrets directory."""

import difflib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic_settings import BaseSettings, DotEnvSettingsSource

from exporter.errors import ConfigurationError, Problem
from exporter.settings.sections.accounts import AccountSettings
from exporter.settings.sections.redaction import quote
from exporter.settings.sections.schema import SECTIONS, Settings
from exporter.settings.sections.secret_files import explain, read_secret_file
from exporter.settings.sources.tree import Branch, Finding, Leaf, Node, Place, grow
from exporter.settings.sources.tree import Path as TreePath

PREFIX = "ZOHO_"
ACCOUNT = "ZOHO_ACCOUNT"
JOBS = "ZOHO_JOBS"
SECRETS_DIR = "ZOHO_SECRETS_DIR"
DEFAULT_ALIAS = "default"
"""The account that the variables describe when `ZOHO_ACCOUNT` is not set."""

_NEAR = 0.8
_ENTRY_SHAPES = {2: ("module", "job_id"), 3: ("account", "module", "job_id")}

Layer = Mapping[str, Leaf]
"""The variables of one source."""


@dataclass(frozen=True, slots=True)
class Variables:
    """What the variables say of the settings, and of the account they describe."""

    layers: tuple[Layer, ...]
    """Lowest precedence first."""
    warnings: tuple[Problem, ...] = ()

    def get(self, name: str) -> Leaf | None:
        """Give the variable from the highest source that has it."""
        return next((layer[name] for layer in reversed(self.layers) if name in layer), None)

    @property
    def alias(self) -> str:
        """The account that the variables describe."""
        leaf = self.get(ACCOUNT)
        return (leaf.text if leaf else None) or DEFAULT_ALIAS


def known_variables(alias: str = DEFAULT_ALIAS) -> Mapping[str, tuple[str, ...]]:
    """Give every variable that stands for one setting, and that setting's path, for the account `alias`."""
    account = {_variable(name): ("accounts", alias, name) for name in AccountSettings.model_fields}
    return account | {_variable(*path): path for path in _shared_paths()}


def _shared_paths() -> Iterator[tuple[str, ...]]:
    for name in Settings.model_fields:
        if name in SECTIONS:
            yield from ((name, inner) for inner in SECTIONS[name].model_fields)
        elif name not in {"accounts", "jobs"}:
            yield (name,)


def _variable(*path: str) -> str:
    return PREFIX + "__".join(path).upper()


def variable_for(path: TreePath) -> str:
    """Give the variable that sets an account's setting."""
    return _variable(str(path[-1]))


def environment_layer(environ: Mapping[str, str], *, source: str = "") -> tuple[Layer, tuple[Problem, ...]]:
    """Pick our variables, and warn of those that look misspelt. An empty variable is the same as none.

    `source` is the file that the variables stand in, if they are not the environment's own.
    """
    known = {*known_variables(), ACCOUNT, JOBS, SECRETS_DIR}
    layer: dict[str, Leaf] = {}
    warnings: list[Problem] = []
    for name, text in environ.items():
        if name in known and text.strip():
            layer[name] = Leaf(text.strip(), Place(source, entry=name) if source else Place(name))
        elif name.startswith(PREFIX) and name not in known:
            warnings.extend(_misspelt(name, known, source))
    return layer, tuple(warnings)


def _misspelt(name: str, known: set[str], source: str) -> Iterator[Problem]:
    # Platforms inject variables of their own (ZOHO_EXPORTER_PORT_10042_TCP): only a near miss is worth a word.
    for near in difflib.get_close_matches(name, sorted(known), n=1, cutoff=_NEAR):
        place = source or quote(name).strip('"')
        prefix = f"{quote(name)}: " if source else ""
        yield Problem(place, f"{prefix}not a variable of ours and ignored; did you mean {near}?")


def read_dotenv(file: Path | None) -> Mapping[str, str]:
    """Read the variables of a `.env` file; none when there is no such file.

    Raises:
        ConfigurationError: when the file is there and can't be read.
    """
    if file is None or not file.is_file():
        return {}
    problem = ""
    found: Mapping[str, str | None] = {}
    try:
        found = DotEnvSettingsSource(BaseSettings, env_file=file, case_sensitive=True).env_vars
    except (OSError, ValueError) as error:
        problem = explain(error, file)
    # Raised out of the `except`: a decoding error carries the bytes it failed on.
    if problem:
        raise ConfigurationError((Problem(str(file), problem),))
    return {name: text for name, text in found.items() if text}


def secrets_layer(directory: Path, taken: frozenset[str]) -> tuple[Layer, tuple[Finding, ...]]:
    """Take the files of a directory that are named like variables, whatever the case of their letters.

    A secret is kept as the file's path, so that it is read again when it changes. `taken` are the real paths of the
    files that an account names itself, by whatever links: they are that account's, and no variables.
    """
    layer: dict[str, Leaf] = {}
    findings: list[Finding] = []
    known = {*known_variables(), ACCOUNT, JOBS}
    for file in _listed(directory, findings):
        name = file.name.upper()
        if name not in known or os.path.realpath(file) in taken:
            continue
        place = Place(str(file))
        if f"{name}_FILE" in known:
            layer[f"{name}_FILE"] = Leaf(str(file), place)
            continue
        try:
            layer[name] = Leaf(read_secret_file(file), place)
        except ConfigurationError as error:
            findings.extend(Finding(place, (), problem.message) for problem in error.problems)
    return layer, tuple(findings)


def _listed(directory: Path, findings: list[Finding]) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except OSError as error:
        findings.append(Finding(Place(SECRETS_DIR), (), f"{quote(directory)} {explain(error, directory)}"))
        return []


def variables_branch(layer: Layer, alias: str) -> Branch:
    """Give one source's variables as a tree of settings; jobs apart."""
    known = known_variables(alias)
    return grow(((known[name], leaf) for name, leaf in layer.items() if name in known), Place("environment"))


def environment_jobs(leaf: Leaf, default_account: str | None) -> tuple[tuple[Node, ...], tuple[Finding, ...]]:
    """Split `ZOHO_JOBS`: entries `Module/job_id` or `account/Module/job_id`, between commas."""
    jobs: list[Node] = []
    findings: list[Finding] = []
    for entry in filter(None, map(str.strip, (leaf.text or "").split(","))):
        place = Place(leaf.place.name, entry=": ".join(filter(None, (leaf.place.entry, quote(entry)))))
        parts = entry.split("/")
        if len(parts) not in _ENTRY_SHAPES:
            findings.append(Finding(place, (), "expected Module/job_id or account/Module/job_id"))
            continue
        named = dict(zip(_ENTRY_SHAPES[len(parts)], parts, strict=True))
        if default_account:
            named = {"account": default_account} | named
        jobs.append(Branch({key: Leaf(text, place) for key, text in named.items()}, place))
    return tuple(jobs), tuple(findings)
