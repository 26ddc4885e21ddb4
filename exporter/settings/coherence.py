"""What settings ask of each other and of the file system: found on what was written, so beside every other problem."""

from collections.abc import Callable, Collection, Iterator
from itertools import chain, islice
from pathlib import Path

from exporter.errors import ConfigurationError
from exporter.files import read_bytes
from exporter.model import DataCenter
from exporter.settings.sections.redaction import quote
from exporter.settings.sections.schema import default_of
from exporter.settings.sections.secret_files import read_secret_file
from exporter.settings.sections.values import format_duration, parse_duration, suggestion
from exporter.settings.sources.tree import Finding, Place, Tree
from exporter.settings.sources.tree import Path as TreePath
from exporter.settings.sources.variables import ACCOUNT, variable_for

NO_ACCOUNT = """no account is configured; start with one of
  - environment variables: ZOHO_CLIENT_ID, ZOHO_CLIENT_SECRET, ZOHO_REFRESH_TOKEN and ZOHO_DATA_CENTER
  - a file with an accounts section: --config.file=zoho.yaml
  - the demo, which needs no account at Zoho: zoho-mass-update-exporter demo"""
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


def incoherences(tree: Tree) -> Iterator[Finding]:
    """Find what is wrong between settings."""
    labels = tree.text(("job_labels",))
    listed = labels.split(",") if labels else tree.listing(("job_labels",))
    allowed = {name.strip() for name in listed if isinstance(name, str)}
    jobs = job_incoherences(tree, tree.mapping(("accounts",)), allowed)
    return chain(_accounts(tree), jobs, _files(tree), _durations(tree))


def job_incoherences(tree: Tree, aliases: Collection[str], labels: Collection[str]) -> Iterator[Finding]:
    """Find what is wrong between jobs, and between them and the accounts and labels."""
    return chain(_jobs(tree, aliases), _repeated_jobs(tree), _labels(tree, labels))


def missing(tree: Tree, path: TreePath, text: str) -> Finding:
    """Place what is not there: where the file has its surroundings, or at the variable that would give it."""
    place = tree.place(path[:-1])
    if place.line is not None:
        return Finding(place, path, text)
    alias = str(path[1])
    others = ", ".join(islice((name for name in tree.mapping(("accounts",)) if name != alias), _MOST_LISTED))
    hint = f"; to complete another account by variables set {ACCOUNT} to its alias: {others}" if others else ""
    return Finding(Place(variable_for(path)), path, f"{text} by account {quote(alias)}{hint}")


def with_accounts_named(tree: Tree, aliases: Collection[str]) -> Tree:
    """Name the account of jobs that leave it out, when there is exactly one account."""
    jobs = tree.find(("jobs",))
    if len(aliases) != 1 or not isinstance(jobs, list):
        return tree
    (alias,) = aliases
    named = [{**job, "account": alias} if isinstance(job, dict) and job.get("account") is None else job for job in jobs]
    return Tree(tree.values | {"jobs": named}, tree.places, tree.root)


def _accounts(tree: Tree) -> Iterator[Finding]:
    if tree.find(("accounts",)) in (None, {}):
        yield Finding(Place("accounts"), (), NO_ACCOUNT)
    for alias, account in tree.mapping(("accounts",)).items():
        if isinstance(account, dict | None):
            yield from _secret(tree, ("accounts", alias, "client_secret"))
            yield from _secret(tree, ("accounts", alias, "refresh_token"))
            yield from _urls(tree, ("accounts", alias))


def _secret(tree: Tree, path: TreePath) -> Iterator[Finding]:
    name = str(path[-1])
    file_path = (*path[:-1], f"{name}_file")
    if tree.find(file_path) is None:
        if tree.find(path) is None:
            yield missing(tree, path, f"{name} or {name}_file is required")
        return
    if tree.find(path) is not None:
        yield tree.finding(path, f"give either {name} or {name}_file, not both")
    yield from _unreadable(tree, file_path, read_secret_file)


def _unreadable(tree: Tree, path: TreePath, read: Callable[[Path], object]) -> Iterator[Finding]:
    file = tree.text(path)
    if not file or not file.isprintable():
        return
    subject = "" if tree.place(path) == Place(file) else f"{quote(file, limit=_PATH_LENGTH)} "
    try:
        read(Path(file))
    except ConfigurationError as error:
        yield from (tree.finding(path, f"{subject}{problem.message}") for problem in error.problems)


def _urls(tree: Tree, account: TreePath) -> Iterator[Finding]:
    given = {name: tree.find((*account, name)) is not None for name in ("accounts_url", "api_url")}
    for name, other in (("accounts_url", "api_url"), ("api_url", "accounts_url")):
        if given[name] and not given[other]:
            yield tree.finding((*account, name), f"needs {other} beside it")
    if not any(given.values()) and tree.find((*account, "data_center")) is None:
        words = ", ".join(DataCenter)
        yield missing(tree, (*account, "data_center"), f"one of {words} (or accounts_url and api_url) is required")


def _jobs(tree: Tree, aliases: Collection[str]) -> Iterator[Finding]:
    listed = ", ".join(map(quote, islice(aliases, _MOST_LISTED)))
    for index, job in enumerate(tree.listing(("jobs",)) if aliases else ()):
        path = ("jobs", index, "account")
        account = tree.text(path)
        if account is not None and account not in aliases:
            known = suggestion(account, aliases) or f"; known: {listed}"
            yield tree.finding(path, f"{quote(account)} is no account{known}")
        elif isinstance(job, dict) and job.get("account") is None:
            yield tree.finding(path, f"is required, as there are several: {listed}")


def _repeated_jobs(tree: Tree) -> Iterator[Finding]:
    first: dict[tuple[str | None, ...], int] = {}
    for index in range(len(tree.listing(("jobs",)))):
        key = tree.texts(("jobs", index), "account", "module", "job_id")
        if None in key:
            continue
        if key in first:
            place = tree.place(("jobs", first[key]))
            text = f"{quote('/'.join(map(str, key)))} is listed twice, first at {place}"
            yield tree.finding(("jobs", index), text)
        first.setdefault(key, index)


def _labels(tree: Tree, allowed: Collection[str]) -> Iterator[Finding]:
    for index in range(len(tree.listing(("jobs",)))):
        for label in tree.mapping(("jobs", index, "labels")):
            if label not in allowed:
                yield tree.finding(("jobs", index, "labels", label), "is not in job_labels: add it there to allow it")


def _files(tree: Tree) -> Iterator[Finding]:
    yield from _unreadable(tree, ("ca_bundle",), _read_bundle)
    yield from _unreadable(tree, ("web", "api_token_file"), read_secret_file)


def _read_bundle(path: Path) -> None:
    try:
        read_bytes(path, _LARGEST_BUNDLE)
    except ConfigurationError as error:
        if not isinstance(error.__cause__, IsADirectoryError):  # a directory of certificates is as good
            raise


def _durations(tree: Tree) -> Iterator[Finding]:
    for name, relation, other in _ORDER:
        seconds, said = _length(tree, name)
        most, said_too = _length(tree, other)
        if seconds > most or (seconds == most and relation == _SHORTER):
            # Only one of the two may have been written: a default has no place.
            path = _path(name) if tree.find(_path(name)) is not None else _path(other)
            yield tree.finding(path, f"{name} ({said}) {relation} {other} ({said_too})")


def _length(tree: Tree, name: str) -> tuple[float, str]:
    """Give a duration in seconds and in words; not-a-number is neither shorter nor longer than anything."""
    text = tree.text(_path(name))
    if not text:
        default = float(str(default_of(name)))
        return default, f"{format_duration(default)} by default"
    try:
        return parse_duration(text), text
    except ValueError:  # told of by the model
        return float("nan"), text


def _path(name: str) -> TreePath:
    return tuple(name.split("."))
