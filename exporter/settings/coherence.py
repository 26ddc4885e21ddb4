"""What settings ask of each other and of the file system: found on the raw tree, so beside every other problem."""

from collections.abc import Callable, Iterator
from pathlib import Path

from exporter.errors import ConfigurationError
from exporter.model import DataCenter
from exporter.settings.sections.redaction import quote, quote_path
from exporter.settings.sections.schema import SECTIONS, Settings
from exporter.settings.sections.secret_files import read_secret_file
from exporter.settings.sources.tree import (
    Branch,
    Finding,
    Leaf,
    Listing,
    Node,
    Place,
    children_at,
    dotted,
    find,
    is_given,
    items_at,
    place_at,
    text_at,
)
from exporter.settings.sources.tree import Path as TreePath
from exporter.settings.sections.values import format_duration, parse_duration, suggestion
from exporter.settings.sources.variables import ACCOUNT, variable_for

NO_ACCOUNT = """no account is configured; start with one of
  - environment variables: ZOHO_CLIENT_ID, ZOHO_CLIENT_SECRET, ZOHO_REFRESH_TOKEN and ZOHO_DATA_CENTER
  - a file with an accounts section: --config.file=zoho.yaml
  - the demo, which needs no account at Zoho: zoho-mass-update-exporter demo"""

Check = Callable[[Branch], Iterator[Finding]]


def incoherences(tree: Branch) -> Iterator[Finding]:
    """Find what is wrong between settings."""
    checks: tuple[Check, ...] = (_accounts, job_incoherences, _files, _durations)
    for check in checks:
        yield from check(tree)


def job_incoherences(tree: Branch) -> Iterator[Finding]:
    """Find what is wrong between jobs, and between them and the accounts and labels."""
    yield from _jobs(tree)
    yield from _repeated_jobs(tree)
    yield from _labels(tree)


def missing(tree: Branch, path: TreePath, text: str) -> Finding:
    """Place what is not there: where the file has its surroundings, or at the variable that would give it."""
    place = place_at(tree, path[:-1])
    if place.line is not None:
        return Finding(place, path, text)
    alias = str(path[1])
    others = ", ".join(name for name in children_at(tree, ("accounts",)) if name != alias)
    hint = f"; to complete another account by variables set {ACCOUNT} to its alias: {others}" if others else ""
    return Finding(Place(variable_for(path)), path, f"{text} by account {quote(alias)}{hint}")


def with_accounts_named(tree: Branch) -> Branch:
    """Name the account of jobs that leave it out, when there is exactly one account."""
    aliases = list(children_at(tree, ("accounts",)))
    jobs = find(tree, ("jobs",))
    if len(aliases) != 1 or not isinstance(jobs, Listing):
        return tree
    named = tuple(_with_account(job, aliases[0]) for job in jobs.items)
    return Branch({**tree.children, "jobs": Listing(named, jobs.place)}, tree.place)


def _with_account(job: Node, alias: str) -> Node:
    if not isinstance(job, Branch) or _is_given(job, ("account",)):
        return job
    return Branch({**job.children, "account": Leaf(alias, job.place)}, job.place)


def _is_given(node: Node, path: TreePath) -> bool:
    return is_given(find(node, path))


def _accounts(tree: Branch) -> Iterator[Finding]:
    accounts = children_at(tree, ("accounts",))
    if not accounts and not _is_given(tree, ("accounts",)):
        yield Finding(Place("accounts"), (), NO_ACCOUNT)
    for alias, account in accounts.items():
        if isinstance(account, Branch) or not _is_given(account, ()):
            yield from _secret(tree, ("accounts", alias, "client_secret"))
            yield from _secret(tree, ("accounts", alias, "refresh_token"))
            yield from _urls(tree, ("accounts", alias))


def _secret(tree: Branch, path: TreePath) -> Iterator[Finding]:
    name = str(path[-1])
    file_path = (*path[:-1], f"{name}_file")
    if not _is_given(tree, file_path):
        if not _is_given(tree, path):
            yield missing(tree, path, f"{name} or {name}_file is required")
        return
    if _is_given(tree, path):
        yield Finding(place_at(tree, path), path, f"give either {name} or {name}_file, not both")
    file = text_at(tree, file_path)
    if file is not None:
        yield from _secret_file(place_at(tree, file_path), file_path, file)


def _secret_file(place: Place, path: TreePath, file: str) -> Iterator[Finding]:
    if not file or not file.isprintable():
        return
    try:
        read_secret_file(Path(file))
    except ConfigurationError as error:
        subject = "" if place == Place(file) else f"{quote_path(file)} "
        yield from (Finding(place, path, f"{subject}{problem.message}") for problem in error.problems)


def _urls(tree: Branch, account: TreePath) -> Iterator[Finding]:
    given = {name: _is_given(tree, (*account, name)) for name in ("accounts_url", "api_url")}
    for name, other in (("accounts_url", "api_url"), ("api_url", "accounts_url")):
        if given[name] and not given[other]:
            path = (*account, name)
            yield Finding(place_at(tree, path), path, f"needs {other} beside it")
    if not any(given.values()) and not _is_given(tree, (*account, "data_center")):
        words = ", ".join(DataCenter)
        yield missing(tree, (*account, "data_center"), f"one of {words} (or accounts_url and api_url) is required")


def _jobs(tree: Branch) -> Iterator[Finding]:
    aliases = list(children_at(tree, ("accounts",)))
    for index, job in enumerate(items_at(tree, ("jobs",))):
        path = ("jobs", index, "account")
        account = text_at(job, ("account",))
        if not aliases or not isinstance(job, Branch):
            continue
        if account is not None and account not in aliases:
            known = suggestion(account, aliases) or f"; known: {_listed(aliases)}"
            yield Finding(place_at(tree, path), path, f"{quote(account)} is no account{known}")
        elif not _is_given(job, ("account",)):
            yield Finding(place_at(tree, path), path, f"is required, as there are several: {_listed(aliases)}")


def _repeated_jobs(tree: Branch) -> Iterator[Finding]:
    first: dict[tuple[str | None, ...], int] = {}
    for index, job in enumerate(items_at(tree, ("jobs",))):
        key = tuple(text_at(job, (name,)) for name in ("account", "module", "job_id"))
        if None in key:
            continue
        if key in first:
            place = place_at(tree, ("jobs", first[key]))
            text = f"{quote('/'.join(map(str, key)))} is listed twice, first at {place}"
            yield Finding(place_at(tree, ("jobs", index)), ("jobs", index), text)
        first.setdefault(key, index)


def _labels(tree: Branch) -> Iterator[Finding]:
    listed = {item.text for item in items_at(tree, ("job_labels",)) if isinstance(item, Leaf)}
    allowed = listed | {name.strip() for name in (text_at(tree, ("job_labels",)) or "").split(",")}
    for index in range(len(items_at(tree, ("jobs",)))):
        for label in children_at(tree, ("jobs", index, "labels")):
            if label not in allowed:
                path = ("jobs", index, "labels", label)
                yield Finding(place_at(tree, path), path, "is not in job_labels: add it there to allow it")


def _files(tree: Branch) -> Iterator[Finding]:
    path: TreePath = ("ca_bundle",)
    file = text_at(tree, path)
    if file and file.isprintable() and not Path(file).exists():
        yield Finding(place_at(tree, path), path, f"{quote_path(file)} does not exist")
    token_path: TreePath = ("web", "api_token_file")
    token_file = text_at(tree, token_path)
    if token_file is not None:
        yield from _secret_file(place_at(tree, token_path), token_path, token_file)


_SHORTER: tuple[tuple[TreePath, TreePath], ...] = (
    (("schedule", "longest"), ("stale_after",)),
    (("schedule", "shortest"), ("schedule", "longest")),
    (("schedule", "fault_shortest"), ("schedule", "fault_longest")),
    (("schedule", "refusal_shortest"), ("schedule", "refusal_longest")),
)
"""Durations of which the first must not be longer than the second."""


def _durations(tree: Branch) -> Iterator[Finding]:
    for short, long in _SHORTER:
        if _seconds(tree, short) > _seconds(tree, long):
            yield _conflict(tree, short, "must not be longer than", long)
    offset, timeout = ("scrape_timeout_offset",), ("scrape_timeout",)
    if _seconds(tree, offset) >= _seconds(tree, timeout):
        yield _conflict(tree, offset, "must be shorter than", timeout)


def _conflict(tree: Branch, path: TreePath, relation: str, other: TreePath) -> Finding:
    # Only one of the two may have been written: a default has no place.
    given = path if _is_given(tree, path) else other
    return Finding(place_at(tree, given), given, f"{_valued(tree, path)} {relation} {_valued(tree, other)}")


def _valued(tree: Branch, path: TreePath) -> str:
    # The other value may stand in another source, or nowhere at all.
    return f"{dotted(path)} ({text_at(tree, path) or f'{format_duration(_default(path))} by default'})"


def _seconds(tree: Branch, path: TreePath) -> float:
    text = text_at(tree, path)
    try:
        return parse_duration(text) if text else _default(path)
    except ValueError:
        # Told of by the model; not-a-number is neither shorter nor longer than anything.
        return float("nan")


def _default(path: TreePath) -> float:
    *sections, name = map(str, path)
    section = SECTIONS[sections[0]] if sections else Settings
    return float(section.model_fields[name].default)


def _listed(aliases: list[str]) -> str:
    return ", ".join(quote(alias) for alias in aliases)
