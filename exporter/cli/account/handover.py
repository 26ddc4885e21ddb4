"""What a login leaves behind: secret files beside a settings file, or the same as a text for somewhere else."""

import json
import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from exporter import DOCS_URL
from exporter.errors import ConfigurationError, Problem
from exporter.files import refuse_to_replace, refused, write_whole
from exporter.kinds import READ
from exporter.settings import read_sources

SECRETS = "secrets"
_AS_LONG_AS_SECRETS = "x" * 8192


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account as it is to be configured. `settings` has what is no secret, by the settings' names."""

    alias: str
    settings: Mapping[str, str]
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    api_domain: str = ""
    scope: str = ""
    module: str = "Leads"
    """One that the token should be able to read."""


@dataclass(frozen=True, slots=True)
class Places:
    """The files of an account. The exporter looks for them from where it is started, so most paths are whole."""

    config_file: Path
    alias: str
    right: str = READ
    """What the refresh token allows: one that may change records is no server's, and stands by itself."""

    @property
    def client_secret(self) -> Path:
        """The client secret's file."""
        return self._directory / f"{self.alias}_client_secret"

    @property
    def refresh_token(self) -> Path:
        """The refresh token's file."""
        use = "" if self.right == READ else "_schedule"
        return self._directory / f"{self.alias}{use}_refresh_token"

    @property
    def written(self) -> tuple[Path, ...]:
        """The secret files that a login writes."""
        return (self.client_secret, self.refresh_token) if self.right == READ else (self.refresh_token,)

    @property
    def _directory(self) -> Path:
        parent = self.config_file.parent
        return (Path() if parent == Path() else parent.absolute()) / SECRETS

    @property
    def there(self) -> list[Path]:
        """The secret files of an earlier login, the token's first."""
        return [file for file in reversed(self.written) if os.path.lexists(file)]

    def prepare(self) -> None:
        """See that secrets can be written, before anything is asked that can't be asked again. Nothing is left behind.

        Raises:
            ConfigurationError: nothing can be written there.
        """
        for file in self.written:
            try:
                refuse_to_replace(file)
            except OSError as error:
                raise refused(file, f"can't be written: {error.strerror}") from error
        is_new = not os.path.lexists(self._directory)
        self._make_directory()
        tried = self._directory / f".{os.getpid()}.try"
        try:
            write_whole(tried, _AS_LONG_AS_SECRETS, mode=0o600)
        except OSError as error:
            raise refused(self._directory, f"can't be written to: {error.strerror}") from error
        finally:
            with suppress(OSError):
                tried.unlink(missing_ok=True)
                if is_new:
                    self._directory.rmdir()

    def write_secrets(self, account: NewAccount, *, is_over: bool) -> None:
        """Write the secrets, for this user alone; where `is_over`, in place of earlier ones.

        Raises:
            ConfigurationError: the disk does not take them, or another login was faster.
        """
        self._make_directory()
        secrets = {self.client_secret: account.client_secret, self.refresh_token: account.refresh_token}
        written: list[Path] = []
        for path in self.written:
            try:
                write_whole(path, secrets[path], mode=0o600, is_over=is_over)
            except OSError as error:
                for other in [] if is_over else written:
                    other.unlink(missing_ok=True)
                is_late = isinstance(error, FileExistsError)
                text = "was written by another login meanwhile" if is_late else f"can't be written: {error.strerror}"
                raise refused(path, text) from error
            written.append(path)

    def _make_directory(self) -> None:
        is_new = not os.path.lexists(self._directory)
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if is_new:
                self._directory.chmod(0o700)  # whatever the umask says
        except OSError as error:
            text = f"can't be made ({error.strerror}): name a file elsewhere by --config.file"
            raise refused(self._directory, text) from error


def settings_file(account: NewAccount, places: Places) -> str:
    """Give a settings file of one account, and no job yet."""
    job = f'{{account: {_scalar(account.alias)}, module: {account.module}, job_id: "3524033000006027001"}}'
    return f"""\
# Every setting: {DOCS_URL}/docs/settings.md
accounts:
{account_block(account, places)}
# The mass updates to watch, each by the job_id that Zoho answered when it was scheduled. In place of the next line:
# jobs:
#   - {job}
jobs: []
"""


def account_block(account: NewAccount, places: Places) -> str:
    """Give an account as it stands in a settings file."""
    return _block(account.alias, _entries(account, places))


def said_in(config_file: Path, alias: str) -> dict[str, object]:
    """Give what a settings file alone says of an account; nothing where there is no such file.

    Raises:
        ConfigurationError: it is there and can't be read, and who goes on passes over a proxy, say, that it names.
    """
    file = config_file if os.path.lexists(config_file) else None
    sources = read_sources(file, environ={}, dotenv_file=None, secrets_dir=Path("no secrets directory"))
    if sources.unreadable:
        raise ConfigurationError(sources.unreadable)
    return sources.tree.at(("accounts", alias), dict)


def addition(account: NewAccount, places: Places) -> Iterator[str]:
    """Say what is to be changed in a settings file that is there, if anything is."""
    file, entries = places.config_file, _entries(account, places)
    there = said_in(file, account.alias)
    if not there:
        yield f"{file} stays as it is. The account belongs under its accounts:"
        yield _block(account.alias, entries)
    elif other := {name: text for name, text in entries.items() if there.get(name) != text}:
        yield f"{file} stays as it is. It has the account {account.alias}, with other settings than these:"
        yield _block(account.alias, other)
    else:
        yield f"{file} has this account already, and stays as it is."


def _entries(account: NewAccount, places: Places) -> dict[str, str]:
    files = {"client_secret_file": str(places.client_secret), "refresh_token_file": str(places.refresh_token)}
    return {**account.settings, **files}


def _block(alias: str, entries: Mapping[str, str]) -> str:
    lines = (f"    {name}: {_scalar(text)}" for name, text in entries.items())
    return "\n".join([f"  {_scalar(alias)}:", *lines])


def as_environment(account: NewAccount) -> str:
    """Give an env file, for a shell, systemd, Docker or as `.env`."""
    values = {"account": account.alias, **account.settings, **_secrets(account)}
    return "".join(f"ZOHO_{name.upper()}={shlex.quote(text)}\n" for name, text in values.items())


def as_json(account: NewAccount) -> str:
    """Give all that is known, for a script."""
    found = {"api_domain": account.api_domain, "scope": account.scope}
    return json.dumps({"account": account.alias, **account.settings, **_secrets(account), **found}, indent=2) + "\n"


def as_secret(account: NewAccount) -> str:
    """Give a Kubernetes Secret, with the keys that the chart expects."""
    name = re.sub(r"[^a-z0-9]+", "-", account.alias.lower()).strip("-") or "account"
    lines = "".join(f"  {key}: {json.dumps(text)}\n" for key, text in _secrets(account).items())
    return (
        f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: zoho-{name}\ntype: Opaque\nstringData:\n{lines}"
        f"# In the chart's values: secrets: {{{_scalar(account.alias)}: {{existingSecret: zoho-{name}}}}}, and under "
        f"config.accounts:\n# {_scalar(account.alias)}: {json.dumps(dict(account.settings))}\n"
    )


OUTPUTS: Mapping[str, Callable[[NewAccount], str]] = {
    "kubernetes": as_secret,
    "env": as_environment,
    "json": as_json,
}
"""What may be printed instead of files."""


def ruling(places: Places) -> Iterator[Problem]:
    """Name the variables that say something of accounts too, and have the last word over the settings file."""
    tree = read_sources(places.config_file).tree
    for alias, account in tree.at(("accounts",), dict).items():
        for name in account if isinstance(account, dict) else ():
            place = tree.place(("accounts", alias, name))
            if place.line is None:
                said = f"rules over {places.config_file}: it says the {name} of {alias}"
                if alias != places.alias:
                    said = f"describes another account, {alias}: unset it, or set ZOHO_ACCOUNT={places.alias}"
                yield Problem(" ".join(filter(None, (str(place), place.entry))), said)


def _secrets(account: NewAccount) -> dict[str, str]:
    return {"client_secret": account.client_secret, "refresh_token": account.refresh_token}


def _scalar(text: str) -> str:
    """Write a text so that YAML reads a text."""
    is_plain = re.fullmatch(r"[\w./:-]+", text) and yaml.safe_load(f"- {text}") == [text]
    return text if is_plain else json.dumps(text)
