"""From values to a model, or to every problem at once, each with its place.

Pydantic's findings are told in our words. What settings ask of each other and of the file system is found on what was
written, so beside every other problem.
"""

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from exporter.errors import ConfigurationError, Problem
from exporter.files import open_to_all, read_bytes, read_secret_file, refused
from exporter.forms import doubtful, misplaced
from exporter.identity import DataCenter, JobKey
from exporter.settings.sections.schema import AccountSettings, JobFile, Section, Settings, default_of, split_at_commas
from exporter.settings.sections.values import format_duration, parse_duration, quote, suggestion
from exporter.settings.sources.tree import TWO_FORMS, Finding, Place, Tree, path_of
from exporter.settings.sources.tree import Path as TreePath
from exporter.settings.sources.variables import ACCOUNT, variable_for

Model = TypeVar("Model", bound=Section)

_MOST_TOLD = 100
_HOMES = {"accounts": "accounts, below the account's alias"}
NO_ACCOUNT = """no account is configured; start with one of
  - environment variables: ZOHO_CLIENT_ID, ZOHO_CLIENT_SECRET, ZOHO_REFRESH_TOKEN and ZOHO_DATA_CENTER
  - a file with an accounts section: --config.file=zoho.yaml
  - the demo, which needs no account at Zoho: zoho-mass-update-exporter demo"""
_MAPPING = "expected a mapping: each name with a colon behind it, its value indented below"
_SHAPES = {
    "tuple_type": 'expected a list: begin each entry with "- "',
    "dict_type": _MAPPING,
    "mapping_type": _MAPPING,
}
_OF_OTHER_FILES = {
    "Settings": ("tls_server_config", "http_server_config", "basic_auth_users", "rate_limit"),
    "WebConfigFile": tuple(Settings.model_fields),
}
"""What is written into the wrong one of two files, by that one's model."""
_SHORTER, _NOT_LONGER = "must be shorter than", "must not be longer than"
_ORDER = (
    ("schedule.longest", _NOT_LONGER, "stale_after"),
    ("schedule.shortest", _NOT_LONGER, "schedule.longest"),
    ("schedule.fault_shortest", _NOT_LONGER, "schedule.fault_longest"),
    ("schedule.refusal_shortest", _NOT_LONGER, "schedule.refusal_longest"),
    ("scrape_timeout_offset", _SHORTER, "scrape_timeout"),
)
_MOST_LISTED = 20
_PATH_LENGTH = 300
"""Longer than other values, since its end is what tells files apart."""
_LARGEST_BUNDLE = 16 * 1024 * 1024
_HASH_NAME = re.compile(r"[0-9a-f]{8}\.[0-9]+")
"""How OpenSSL finds a certificate in a directory."""
_SHORTEST_TOKEN = 16
"""What is shorter can be guessed."""


def validated(model: type[Model], tree: Tree, findings: Iterable[Finding], context: object = None) -> Model:
    """Give the model of the tree's values.

    Raises:
        ConfigurationError: with every problem, and those of the `findings`; with the first ones where they are many.
    """
    found = list(islice(findings, _MOST_TOLD + 1))
    try:
        valid = model.model_validate(tree.values, context=context)
    except ValidationError as error:
        told = frozenset(finding.path for finding in found)
        found.extend(islice(_described(error, model, tree, told), _MOST_TOLD + 1))
    else:
        if not found:
            return valid
    # Raised out of the `except`: pydantic's error carries what was written, secrets too.
    raise _refusal(found)


def _refusal(found: list[Finding]) -> ConfigurationError:
    """Word the findings: those of the file first, by line."""
    ordered = sorted(found, key=lambda finding: finding.place.line or float("inf"))
    problems = tuple(dict.fromkeys(finding.problem() for finding in ordered[:_MOST_TOLD]))
    if len(ordered) > _MOST_TOLD:
        problems += (Problem("and more", f"these are {_MOST_TOLD} of the problems: mend them first"),)
    return ConfigurationError(problems)


def _described(
    error: ValidationError, model: type[Section], tree: Tree, told: frozenset[TreePath]
) -> Iterator[Finding]:
    for detail in error.errors(include_url=False, include_input=False):
        path = detail["loc"]
        if path[-1] == "[key]" and tree.find(path, absent := object()) is absent:
            path = path[:-1]
        if detail["type"] != "missing":
            yield tree.finding(path, _wording(detail, model, path, tree.find(path)))
        elif not any(path[:length] in told for length in range(1, len(path) + 1)):
            yield missing(tree, path, "is required")


def _wording(detail: ErrorDetails, model: type[Section], path: TreePath, value: object) -> str:
    match detail["type"]:
        case "value_error":
            return str(detail["ctx"]["error"])
        case "unknown_word":
            said = detail["ctx"]
            return f"{said['said']}{suggestion(said['word'], said['known']) or said['otherwise']}"
        case "extra_forbidden":
            return f"unknown key{_advice(model, path, value)}"
        case "model_type":
            return _no_account(path) or f"expected a mapping of settings{_known(_section_at(model, path))}"
        case kind:
            return _SHAPES.get(kind, detail["msg"])


def _no_account(path: TreePath) -> str:
    """Say of a setting that stands where an alias belongs where it belongs itself; nothing of any other."""
    if path[:1] != ("accounts",):
        return ""
    if path[-1] in Settings.model_fields:
        return "stands below accounts: move it to the left, where accounts stands"
    if path[-1] in AccountSettings.model_fields:
        return "stands where an account's alias belongs: write one above it, such as acme:, and indent it more"
    return ""


def _advice(model: type[Section], path: TreePath, value: object) -> str:
    section, name = _section_at(model, path[:-1]), str(path[-1])
    if model is JobFile and len(path) == 1:
        return "; a job file holds nothing but jobs"
    if model is Settings and len(path) == 1 and isinstance(value, dict) and value.keys() & AccountSettings.model_fields:
        return "; it looks like an account: indent it below accounts"
    if len(path) == 1 and name in _OF_OTHER_FILES.get(model.__name__, ()):
        return f"; it belongs into the file of --{'web.' * (model is Settings)}config.file"
    for home, field in section.model_fields.items() if len(path) == 1 else ():
        if (inner := _section_in(field.annotation)) and name in inner.model_fields:
            return f"; it belongs under {_HOMES.get(home, home)}"
    return suggestion(name, section.model_fields) or _known(section)


def _known(section: type[Section]) -> str:
    return f"; known: {', '.join(section.model_fields)}"


def _section_at(model: type[Section], path: TreePath) -> type[Section]:
    """Give the model that `path` leads to; an alias or an index leads no further."""
    for step in path:
        field = model.model_fields.get(str(step))
        model = (_section_in(field.annotation) if field else None) or model
    return model


def _section_in(annotation: object) -> type[Section] | None:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next(filter(None, map(_section_in, get_args(annotation))), None)


def incoherences(tree: Tree) -> Iterator[Finding]:
    """Find what is wrong between settings."""
    labels = split_at_commas(tree.find(("job_labels",)))
    allowed = set(map(str, labels)) if isinstance(labels, list) else set()
    jobs = job_incoherences(tree, tree.at(("accounts",), dict), allowed)
    bundle = _unreadable(tree, ("ca_bundle",), _read_bundle)
    token = _unreadable(tree, ("web", "api_token_file"), read_secret_file)
    return chain(_accounts(tree), jobs, bundle, token, _state(tree), _durations(tree))


def job_incoherences(tree: Tree, aliases: Collection[str], labels: Collection[str]) -> Iterator[Finding]:
    """Find what is wrong between jobs, and between them and the accounts and labels."""
    first: dict[JobKey, Place] = {}
    for path, key in jobs_of(tree):
        if aliases:
            yield from _account_of(tree, path, aliases)
        if key in first:
            at = "" if first[key] == tree.place(path) or first[key].line is None else f", first at {first[key]}"
            yield tree.finding(path, f"{quote(key)} is listed twice{at}")
        elif key.account and key.module and key.job_id:
            first[key] = tree.place(path)
        for label in tree.at((*path, "labels"), dict):
            if label not in labels:
                yield tree.finding((*path, "labels", label), "is not in job_labels: add it there to allow it")


def jobs_of(tree: Tree) -> Iterator[tuple[TreePath, JobKey]]:
    """Give each job's path and what identifies it, empty where it is no text."""
    for index in range(len(tree.at(("jobs",), list))):
        path = ("jobs", index)
        yield path, JobKey(*(tree.at((*path, name), str) for name in ("account", "module", "job_id")))


def missing(tree: Tree, path: TreePath, text: str) -> Finding:
    """Place what is not there: where the file has its surroundings, or at the variable that would give it."""
    place = tree.places.get(path[:-1])
    if place and place.line is not None:
        return Finding(place, path, text)
    alias = str(path[1])
    others = ", ".join(islice((name for name in tree.at(("accounts",), dict) if name != alias), _MOST_LISTED))
    hint = f"; to complete another account by variables set {ACCOUNT} to its alias: {others}" if others else ""
    return Finding(Place(variable_for(path)), path, f"{text} by account {quote(alias)}{hint}")


def name_accounts(tree: Tree, aliases: Collection[str]) -> None:
    """Name the account of jobs that leave it out, when there is exactly one account."""
    for job in tree.at(("jobs",), list) if len(aliases) == 1 else ():
        if isinstance(job, dict) and job.get("account") is None:
            (job["account"],) = aliases


def _accounts(tree: Tree) -> Iterator[Finding]:
    if tree.find(("accounts",)) in (None, {}):
        home, found = tree.places[()], NO_ACCOUNT if tree.values else f"the file is empty, and {NO_ACCOUNT}"
        yield Finding(Place("accounts"), (), NO_ACCOUNT) if home.line is None else Finding(home, ("accounts",), found)
    for alias, account in tree.at(("accounts",), dict).items():
        if isinstance(account, dict | None):
            given = {name for name, value in (account or {}).items() if value is not None}
            yield from _secrets(tree, ("accounts", alias), given)
            yield from _urls(tree, ("accounts", alias), given)
            yield from _misplaced(tree, alias)


def _secrets(tree: Tree, account: TreePath, given: set[str]) -> Iterator[Finding]:
    for name in TWO_FORMS:
        file = f"{name}_file"
        if not given & {name, file}:
            yield missing(tree, (*account, name), f"{name} or {file} is required")
        if given >= {name, file}:
            yield tree.finding((*account, name), f"give either {name} or {file}, not both")
        yield from _unreadable(tree, (*account, file), read_secret_file)


def _state(tree: Tree) -> Iterator[Finding]:
    """Find what keeps the state from being in one place."""
    given = {name for name in ("path", "url", "password_file") if tree.find(("state", name)) is not None}
    if given >= {"path", "url"}:
        yield tree.finding(("state", "url"), "give either state.path or state.url, not both")
    if "password_file" in given and "url" not in given:
        yield tree.finding(("state", "password_file"), "needs state.url beside it")
    yield from _unreadable(tree, ("state", "password_file"), read_secret_file)


def _misplaced(tree: Tree, alias: str) -> Iterator[Finding]:
    for path, name, value in _credentials(tree, alias):
        if text := misplaced(name, value):
            yield tree.finding(path, f"{_subject(tree, path)}{text}")


def doubts(tree: Tree) -> Iterator[Problem]:
    """Warn of what is allowed and yet probably not meant."""
    bundle = tree.at(("ca_bundle",), str)
    with suppress(OSError, ValueError):
        if bundle and not any(map(_HASH_NAME.fullmatch, os.listdir(bundle))):  # noqa: PTH208 - names are enough
            text = f"{quote(bundle, limit=_PATH_LENGTH)} has no certificate under its hash: run openssl rehash on it"
            yield tree.finding(("ca_bundle",), text).problem()
    yield from _credential_doubts(tree)
    yield from _account_doubts(tree)
    yield from _token_doubts(tree)
    yield from _open_to_all(tree, ("state", "password_file"))
    for file in dict.fromkeys(_files_with_secrets(tree)):
        if text := open_to_all(Path(file)):
            yield Problem(file, f"holds a secret and {text}")


def _credential_doubts(tree: Tree) -> Iterator[Problem]:
    """Warn of credentials that Zoho has probably not made, and of files that let everybody read them."""
    for alias in tree.at(("accounts",), dict):
        # Whatever stands in for Zoho may have forms of its own.
        has_own_urls = bool(tree.at(("accounts", alias, "accounts_url"), str))
        for path, name, value in _credentials(tree, alias):
            if not has_own_urls and not misplaced(name, value) and (text := doubtful(name, value)):
                yield tree.finding(path, f"{_subject(tree, path)}{text}").problem()
        for name in TWO_FORMS:
            yield from _open_to_all(tree, ("accounts", alias, f"{name}_file"))


def _account_doubts(tree: Tree) -> Iterator[Problem]:
    """Warn of an account that is described twice, and of two that are one."""
    owners: dict[str, str] = {}
    for alias, account in tree.at(("accounts",), dict).items():
        path = ("accounts", alias)
        if isinstance(account, dict) and all(account.get(name) for name in ("data_center", "accounts_url", "api_url")):
            yield tree.finding((*path, "data_center"), "is left aside: accounts_url and api_url count").problem()
        for where, name, value in _credentials(tree, alias):
            if name in TWO_FORMS and where[-1] == name and "/" in value and os.path.isfile(value):  # noqa: PTH113 - text
                yield tree.finding(where, f"is the path of a file: is {name}_file meant?").problem()
            if name == "refresh_token" and (owner := owners.setdefault(value, alias)) != alias:
                text = f"{_subject(tree, where)}is the refresh token of {quote(owner)} too: are the two one account?"
                yield tree.finding(where, text).problem()


def _credentials(tree: Tree, alias: str) -> Iterator[tuple[TreePath, str, str]]:
    """Give what stands for an account's credentials, in the tree or in a file that can be read: path, name, value."""
    for name in ("client_id", *TWO_FORMS):
        path = ("accounts", alias, name)
        value = tree.at(path, str).strip()
        if value and " " not in value:
            yield path, name, value
        file = tree.at(("accounts", alias, f"{name}_file"), str) if name in TWO_FORMS else ""
        if file and file.isprintable():
            with suppress(ConfigurationError):
                yield ("accounts", alias, f"{name}_file"), name, read_secret_file(Path(file))


def _open_to_all(tree: Tree, path: TreePath) -> Iterator[Problem]:
    """Warn of a secret's file that every user of the machine may read."""
    file = tree.at(path, str)
    if text := open_to_all(Path(file)):
        yield tree.finding(path, f"{quote(file, limit=_PATH_LENGTH)} {text}").problem()


def _token_doubts(tree: Tree) -> Iterator[Problem]:
    """Warn of a token of the job API that others may read or guess."""
    path = ("web", "api_token_file")
    yield from _open_to_all(tree, path)
    file = tree.at(path, str)
    with suppress(ConfigurationError):
        if file and file.isprintable() and len(read_secret_file(Path(file))) < _SHORTEST_TOKEN:
            text = f"{_subject(tree, path)}holds a token of fewer than {_SHORTEST_TOKEN} characters: it can be guessed"
            yield tree.finding(path, text).problem()


def _files_with_secrets(tree: Tree) -> Iterator[str]:
    """Give the settings file and `.env` where secrets stand in them."""
    accounts = (("accounts", alias, name) for alias in tree.at(("accounts",), dict) for name in TWO_FORMS)
    proxy = (("proxy_url",),) if "@" in tree.at(("proxy_url",), str) else ()
    for path in (*accounts, *proxy):
        place = tree.place(path)
        # Of .env the line is part of the name; a variable of the environment has neither.
        file = place.name.rpartition(":")[0] if place.line is None else place.name
        if file and tree.at(path, str):
            yield file


def _urls(tree: Tree, account: TreePath, given: set[str]) -> Iterator[Finding]:
    for name, other in (("accounts_url", "api_url"), ("api_url", "accounts_url")):
        if name in given and other not in given:
            yield tree.finding((*account, name), f"needs {other} beside it")
    if not given & {"accounts_url", "api_url", "data_center"}:
        words = ", ".join(DataCenter)
        yield missing(tree, (*account, "data_center"), f"one of {words} (or accounts_url and api_url) is required")


def _unreadable(tree: Tree, path: TreePath, read: Callable[[Path], object]) -> Iterator[Finding]:
    file = tree.at(path, str)
    if not file or not file.isprintable() or file.startswith(("~", "$")):  # told of by the model
        return
    try:
        read(Path(file))
    except ConfigurationError as error:
        yield from (tree.finding(path, f"{_subject(tree, path)}{problem.message}") for problem in error.problems)


def _subject(tree: Tree, path: TreePath) -> str:
    """Name the file at `path` before what is said of it, unless it is the place itself; nothing for a value."""
    file = tree.at(path, str)
    is_named = not str(path[-1]).endswith(("_file", "_bundle")) or tree.place(path) == Place(file)
    return "" if is_named else f"{quote(file, limit=_PATH_LENGTH)} "


def _read_bundle(path: Path) -> None:
    try:
        read_bytes(path, _LARGEST_BUNDLE)
    except ConfigurationError as error:
        if not isinstance(error.__cause__, IsADirectoryError):  # a directory of certificates is as good
            raise
    else:
        _load_certificates(path)


def _load_certificates(path: Path) -> None:
    import ssl  # noqa: PLC0415 - few settings name certificates

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError as error:
        said = "can't be used as CA certificates: expected PEM, from -----BEGIN CERTIFICATE----- on"
        raise refused(path, said) from error


def _account_of(tree: Tree, job: TreePath, aliases: Collection[str]) -> Iterator[Finding]:
    path = (*job, "account")
    account = tree.find(path)
    if isinstance(account, str) and account not in aliases:
        known = suggestion(account, aliases) or f"; known: {_listed(aliases)}"
        yield tree.finding(path, f"{quote(account)} is no account{known}")
    elif account is None and isinstance(tree.find(job), dict):
        yield tree.finding(path, f"is required, as there are several: {_listed(aliases)}")


def _listed(aliases: Collection[str]) -> str:
    return ", ".join(map(quote, islice(aliases, _MOST_LISTED)))


def _durations(tree: Tree) -> Iterator[Finding]:
    for name, relation, other in _ORDER:
        seconds, said = _length(tree, name)
        most, said_too = _length(tree, other)
        if seconds > most or (seconds == most and relation == _SHORTER):
            # Only one of the two may have been written: a default has no place.
            path = path_of(name if tree.find(path_of(name)) is not None else other)
            yield tree.finding(path, f"{name} ({said}) {relation} {other} ({said_too})")


def _length(tree: Tree, name: str) -> tuple[float, str]:
    """Give a duration in seconds and in words; not-a-number is neither shorter nor longer than anything."""
    default = format_duration(float(str(default_of(name))))
    text = tree.at(path_of(name), str) or default
    try:
        return parse_duration(text), text if text is not default else f"{default} by default"
    except ValueError:  # told of by the model
        return float("nan"), text
