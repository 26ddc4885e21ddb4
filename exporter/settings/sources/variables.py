"""Settings given as variables: of the environment, of a `.env` file, and as the files of a secrets directory."""

import difflib
import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values

from exporter.errors import ConfigurationError, Problem
from exporter.files import explain, read_text
from exporter.settings.sections.accounts import AccountSettings
from exporter.settings.sections.redaction import quote
from exporter.settings.sections.schema import SECTIONS, Settings
from exporter.settings.sections.secret_files import read_secret_file
from exporter.settings.sources.tree import Finding, Place, Source, Tree, Written
from exporter.settings.sources.tree import Path as TreePath

PREFIX = "ZOHO_"
ACCOUNT = "ZOHO_ACCOUNT"
JOBS = "ZOHO_JOBS"
SECRETS_DIR = "ZOHO_SECRETS_DIR"
DEFAULT_ALIAS = "default"
"""The account that the variables describe when `ZOHO_ACCOUNT` is not set."""

_NEAR = 0.8
_MOST_BYTES = 64 * 1024
_MOST_FOREIGN = 100
_FILE_KEYS = ("client_secret_file", "refresh_token_file")

Layer = Mapping[str, Written]
"""The variables of one source."""


@dataclass(frozen=True, slots=True)
class Variables:
    """What the variables say of the settings, and of the account they describe; layers with the highest first."""

    layers: tuple[Layer, ...]
    warnings: tuple[Problem, ...]
    findings: tuple[Finding, ...]

    @classmethod
    def read(cls, environ: Mapping[str, str], dotenv_file: Path | None, secrets_dir: Path, file: Tree) -> "Variables":
        """Read every variable; files that the settings file names are its own, and no variables.

        Raises:
            ConfigurationError: the `.env` file is there and can't be read.
        """
        environment, misspelt = _picked(environ)
        dotenv, misspelt_too = _picked(_read_dotenv(dotenv_file), source=str(dotenv_file))
        findings: list[Finding] = []
        chosen = environment.get(SECRETS_DIR) or dotenv.get(SECRETS_DIR)
        secrets: Layer = {}
        if chosen or secrets_dir.is_dir():
            directory = Path(chosen.value) if chosen else secrets_dir
            secrets = _secrets(directory, _named_files(file), findings)
        return cls((environment, dotenv, secrets), (*misspelt, *misspelt_too), tuple(findings))

    def get(self, name: str) -> Written | None:
        """Give the variable from the highest source that has it."""
        return next((layer[name] for layer in self.layers if name in layer), None)

    @property
    def alias(self) -> str:
        """The account that the variables describe."""
        written = self.get(ACCOUNT)
        return written.value if written else DEFAULT_ALIAS

    def sources(self, file: Tree) -> Iterator[Source]:
        """Give each source of variables, jobs apart, to be laid over the file."""
        known = known_variables(self.alias)
        for layer in self.layers:
            yield Source.of({known[name]: written for name, written in layer.items() if name in known})
        account, path = self.get(ACCOUNT), ("accounts", self.alias)
        place = account.place if account else Place(ACCOUNT)
        # An account that the file describes too stands in the file.
        yield Source({"accounts": {self.alias: {}}} if account else {}, {path: file.places.get(path, place)})


def known_variables(alias: str = DEFAULT_ALIAS) -> Mapping[str, tuple[str, ...]]:
    """Give every variable that stands for one setting, and that setting's path, for the account `alias`."""
    paths: list[tuple[str, ...]] = [("accounts", alias, name) for name in AccountSettings.model_fields]
    for name in [name for name in Settings.model_fields if name not in {"accounts", "jobs"}]:
        paths += [(name, inner) for inner in SECTIONS[name].model_fields] if name in SECTIONS else [(name,)]
    return {variable_for(path): path for path in paths}


def variable_for(path: TreePath) -> str:
    """Give the variable that sets a setting; which account is meant goes without saying."""
    return PREFIX + "__".join(map(str, path[2:] if path[0] == "accounts" else path)).upper()


def _picked(environ: Mapping[str, str | None], *, source: str = "") -> tuple[Layer, tuple[Problem, ...]]:
    """Pick our variables, and warn of those that look misspelt. An empty variable is the same as none.

    `source` is the file that the variables stand in, if they are not the environment's own.
    """
    known = {*known_variables(), ACCOUNT, JOBS, SECRETS_DIR}
    layer: dict[str, Written] = {}
    foreign: list[str] = []
    for name, text in environ.items():
        if name in known and text and text.strip():
            layer[name] = Written(text.strip(), Place(source, entry=name) if source else Place(name))
        elif name.startswith(PREFIX) and name not in known and (text or not source):
            foreign.append(name)
    return layer, tuple(warning for name in foreign[:_MOST_FOREIGN] for warning in _misspelt(name, known, source))


def _misspelt(name: str, known: set[str], source: str) -> Iterator[Problem]:
    # Platforms inject variables of their own (ZOHO_EXPORTER_PORT_10042_TCP): only a near miss is worth a word.
    for near in difflib.get_close_matches(name, sorted(known), n=1, cutoff=_NEAR):
        place = source or quote(name).strip('"')
        prefix = f"{quote(name)}: " if source else ""
        yield Problem(place, f"{prefix}not a variable of ours and ignored; did you mean {near}?")


def _read_dotenv(file: Path | None) -> Mapping[str, str | None]:
    try:
        text = read_text(file, _MOST_BYTES) if file else ""
    except ConfigurationError as error:
        if not isinstance(error.__cause__, FileNotFoundError | IsADirectoryError):  # a virtual environment
            raise
        return {}
    return dotenv_values(stream=io.StringIO(text))


def _named_files(file: Tree) -> frozenset[str]:
    """Give the real paths of the files that an account names itself, by whatever links."""
    named = (file.text(("accounts", alias, key)) for alias in file.mapping(("accounts",)) for key in _FILE_KEYS)
    return frozenset(os.path.realpath(name) for name in named if name and name.isprintable())


def _secrets(directory: Path, taken: frozenset[str], findings: list[Finding]) -> Layer:
    """Take the files of a directory that are named like variables, whatever the case of their letters.

    A secret is kept as the file's path, so that it is read again when it changes.
    """
    layer: dict[str, Written] = {}
    known = {*known_variables(), ACCOUNT, JOBS}
    try:
        files = sorted(directory.iterdir())
    except OSError as error:
        findings.append(Finding(Place(SECRETS_DIR), (), f"{quote(directory)} {explain(error, directory)}"))
        return layer
    for file in files:
        name, place = file.name.upper(), Place(str(file))
        if name not in known or os.path.realpath(file) in taken:
            continue
        if f"{name}_FILE" in known:
            layer[f"{name}_FILE"] = Written(str(file), place)
            continue
        try:
            layer[name] = Written(read_secret_file(file), place)
        except ConfigurationError as error:
            findings.extend(Finding(place, (), problem.message) for problem in error.problems)
    return layer
