"""Settings given as variables: of the environment, of a `.env` file, and as the files of a secrets directory."""

import difflib
import io
import os
import re
from collections import ChainMap
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from exporter.errors import ConfigurationError, Problem
from exporter.files import explain, read_secret_file, read_text
from exporter.forms import unquoted
from exporter.settings.sections.schema import SECTIONS, AccountSettings, Settings
from exporter.settings.sections.values import quote
from exporter.settings.sources.tree import TWO_FORMS, Finding, Layer, Place, Tree, Written
from exporter.settings.sources.tree import Path as TreePath

if TYPE_CHECKING:
    from dotenv.parser import Binding

PREFIX = "ZOHO_"
ACCOUNT = "ZOHO_ACCOUNT"
JOBS = "ZOHO_JOBS"
SECRETS_DIR = "ZOHO_SECRETS_DIR"
DEFAULT_ALIAS = "default"
"""The account that the variables describe when `ZOHO_ACCOUNT` is not set."""

_NEAR = 0.8
_MEANT = {
    "ZOHO_CONFIG_FILE": "the flag --config.file",
    "ZOHO_CONFIG": "the flag --config.file",
    **dict.fromkeys(("ZOHO_DC", "ZOHO_REGION", "ZOHO_DOMAIN"), "ZOHO_DATA_CENTER"),
}
"""What somebody means by variables that other programs have, or that no spelling is near to."""
_OF_COMMANDS = frozenset({"ZOHO_EXPORTER_URL", "ZOHO_EXPORTER_TOKEN_FILE", "ZOHO_SCHEDULE_REFRESH_TOKEN_FILE"})
"""What commands read by themselves: no settings, and no slips of one."""
_SERVICE_LINK = re.compile(r"_SERVICE_HOST$|_SERVICE_PORT(?:_\w+)?$|_PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_\w+)?$")
_OF_ACCOUNTS = f"{PREFIX}ACCOUNTS__"
_NO_ALIAS = (
    f"ignored: variables describe one account, which {ACCOUNT} names, and say nothing of an alias "
    f"(ZOHO_CLIENT_SECRET); several accounts stand in the settings file"
)
_OPEN_QUOTE = re.compile(r"=\s*[\"']")
_MOST_BYTES = 64 * 1024
_MOST_FOREIGN = 100


class _Line(NamedTuple):
    """What a variable of a file says, and where."""

    text: str
    place: str


_NO_LINES: Mapping[str, _Line] = MappingProxyType({})


class Variables:
    """What the variables say; those of the highest source come first in `written`.

    Files that the settings file names are its own, and no variables.
    """

    def __init__(self, environ: Mapping[str, str], dotenv_file: Path | None, secrets_dir: Path, file: Tree) -> None:
        self.warnings: list[Problem] = []
        self.findings: list[Finding] = []
        self.unread: list[Finding] = []
        """Why nothing is known of a file."""
        lines = dict(self._read_dotenv(dotenv_file)) if dotenv_file else {}
        dotenv = {name: line.text for name, line in lines.items()}
        self.written = ChainMap(self._picked(environ), self._picked(dotenv, lines))
        chosen = self.written.get(SECRETS_DIR)
        if chosen or os.path.isdir(secrets_dir):  # noqa: PTH112 - Path's own raises where it may not look
            directory = Path(str(chosen.value)) if chosen else secrets_dir
            self.written.maps.append(self._secrets(directory, _named_files(file)))

    @property
    def alias(self) -> str:
        """The account that the variables describe."""
        return str(self.written[ACCOUNT].value) if ACCOUNT in self.written else DEFAULT_ALIAS

    def layers(self, file: Tree) -> Iterator[Layer]:
        """Give what each source says, jobs apart, to be laid over the file."""
        known = known_variables(self.alias)
        for source in self.written.maps:
            yield {known[name]: written for name, written in source.items() if name in known}
        path = ("accounts", self.alias)
        if ACCOUNT in self.written and path not in file.places:
            yield {path: Written({}, self.written[ACCOUNT].place)}

    def _picked(self, environ: Mapping[str, str], lines: Mapping[str, "_Line"] = _NO_LINES) -> dict[str, Written]:
        """Pick our variables, and warn of those that look misspelt. An empty variable is the same as none.

        `lines` are where they stand in a file, if they are not the environment's own.
        """
        foreign = (name for name, text in environ.items() if name.upper().startswith(PREFIX) and (text or not lines))
        for name in islice((name for name in foreign if name not in _KNOWN), _MOST_FOREIGN):
            # Platforms inject variables of their own (ZOHO_EXPORTER_PORT_10042_TCP): only a near miss is worth a word.
            place = Place(lines[name].place, entry=quote(name)) if lines else Place(quote(name)[1:-1])
            if near := "" if _is_foreign(name, environ[name]) else _near(name.upper()):
                text = f"not a variable of ours and ignored; did you mean {near}?"
                text = _NO_ALIAS if name.upper().startswith(_OF_ACCOUNTS) else text
                self.warnings.append(Finding(place, (), text).problem())
        return {
            name: self._written(text.strip(), Place(lines[name].place, entry=name) if lines else Place(name))
            for name, text in environ.items()
            if name in _KNOWN and text.strip()
        }

    def _written(self, text: str, place: Place) -> Written:
        """Take a value; quotes around it, which a shell drops and Docker's --env-file keeps, are told of."""
        if (bare := unquoted(text)) is not text:
            self.findings.append(Finding(place, (), "stands in quotes that are part of it: take them away"))
        return Written(bare, place)

    def _read_dotenv(self, file: Path) -> Iterator[tuple[str, "_Line"]]:
        """Read `.env` where there is one, every value as it stands, and tell of lines that say nothing."""
        try:
            text = read_text(file, _MOST_BYTES)
        except ConfigurationError as error:
            if isinstance(error.__cause__, PermissionError) and not _may_look(file):
                said = "can't be looked for, as its directory may not be searched by this user: left out"
                self.warnings.append(Problem(str(file), said))
            elif isinstance(error.__cause__, IsADirectoryError):  # a virtual environment, as a rule
                self.warnings.append(Problem(str(file), "is a directory, not a file: left out"))
            elif not isinstance(error.__cause__, FileNotFoundError):
                self.unread += [Finding(Place(str(file)), (), problem.message) for problem in error.problems]
            return
        from dotenv.parser import parse_stream  # noqa: PLC0415 - most have no such file

        seen: dict[str, str] = {}
        for binding in parse_stream(io.StringIO(text)):
            place = f"{file}:{_line_of(binding)}"
            if binding.error:
                advice = "; is a quote not closed?" if _OPEN_QUOTE.search(binding.original.string) else ""
                self.findings.append(Finding(Place(place), (), f"is not NAME=value, one on each line{advice}"))
            elif name := binding.key:
                if name in seen and name in _KNOWN:
                    self.warnings.append(
                        Problem(place, f"{name}: stands there twice, first at {seen[name]}: this one counts")
                    )
                seen.setdefault(name, place)
                yield name, _Line(binding.value or "", place)

    def _secrets(self, directory: Path, taken: frozenset[str]) -> dict[str, Written]:
        """Take the files of a directory that are named like variables, whatever the case of their letters.

        A secret is kept as the file's path, so that it is read again when it changes.
        """
        layer: dict[str, Written] = {}
        try:
            files = sorted(directory.iterdir())
        except OSError as error:
            self.unread.append(Finding(Place(SECRETS_DIR), (), f"{quote(directory)} {explain(error, directory)}"))
            files = []
        for file in files:
            name, place = file.name.upper(), Place(str(file))
            if name not in _KNOWN or name == SECRETS_DIR or os.path.realpath(file) in taken:
                continue
            if f"{name}_FILE" in _KNOWN:
                layer[f"{name}_FILE"] = Written(str(file), place)
                continue
            try:
                layer[name] = Written(read_secret_file(file), place)
            except ConfigurationError as error:
                self.unread.extend(Finding(place, (), problem.message) for problem in error.problems)
        return layer


def known_variables(alias: str = DEFAULT_ALIAS) -> Mapping[str, tuple[str, ...]]:
    """Give every variable that stands for one setting, and that setting's path, for the account `alias`."""
    paths: list[tuple[str, ...]] = [("accounts", alias, name) for name in AccountSettings.model_fields]
    for name in Settings.model_fields.keys() - {"accounts", "jobs"}:
        paths += [(name, inner) for inner in SECTIONS[name].model_fields] if name in SECTIONS else [(name,)]
    return {variable_for(path): path for path in paths}


def variable_for(path: TreePath) -> str:
    """Give the variable that sets a setting; which account is meant goes without saying."""
    return PREFIX + "__".join(map(str, path[2:] if path[0] == "accounts" else path)).upper()


_KNOWN = dict.fromkeys(sorted({*known_variables(), ACCOUNT, JOBS, SECRETS_DIR}))


def _line_of(binding: "Binding") -> int:
    """Give the line where a variable stands: the empty lines before it are counted to it."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")


def _may_look(file: Path) -> bool:
    try:
        file.stat()
    except PermissionError:
        return False
    return True


def _is_foreign(name: str, text: str) -> bool:
    """Whether it is a command's, or Kubernetes or Docker's links made it for a service named `zoho…`."""
    return (
        name in _OF_COMMANDS
        or _SERVICE_LINK.search(name) is not None
        or text.startswith(("tcp://", "udp://", "sctp://"))
    )


def _near(name: str) -> str:
    """Give the variable of ours that a name is meant for; empty for none."""
    if name in _MEANT:
        return _MEANT[name]
    if name.startswith(_OF_ACCOUNTS):
        return ACCOUNT
    ends = [known for known in _KNOWN if known.endswith(name.removeprefix(PREFIX.rstrip("_")))]
    near = ends if len(ends) == 1 else difflib.get_close_matches(name, _KNOWN, n=1, cutoff=_NEAR)
    return next(iter(near), "")


def _named_files(file: Tree) -> frozenset[str]:
    """Give the real paths of the files that an account names itself, by whatever links."""
    aliases = file.at(("accounts",), dict)
    named = (file.at(("accounts", alias, f"{name}_file"), str) for alias in aliases for name in TWO_FORMS)
    return frozenset(os.path.realpath(name) for name in named if name and name.isprintable())
