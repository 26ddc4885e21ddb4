"""Which jobs a reader wants to see: the query parameters of the page. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from exporter.model import JobState, Snapshot, TrackedJob
from exporter.words.standing import Standing

FILTERS = ("account", "module", "state", "group")
ATTENTION = "attention"
"""A value of the state filter that is no state: whatever needs a person."""


def asked(query: Mapping[str, str]) -> dict[str, str]:
    """Give what a query filters by. Any value is taken as it is: one that no job has matches none."""
    return {name: query[name] for name in FILTERS if query.get(name)}


def is_shown(job: TrackedJob, standing: Standing, given: Mapping[str, str]) -> bool:
    """Whether a job of this standing has all that is filtered by."""
    if not given:
        return True
    own = {"account": job.spec.key.account, "module": job.spec.key.module, "group": job.spec.group}
    state = given.get("state", "").casefold()
    has_state = standing.needs_attention if state == ATTENTION else state in {"", job.state.value.casefold()}
    return has_state and all(given.get(name, value) == value for name, value in own.items())


def choices(snapshot: Snapshot, given: Mapping[str, str]) -> Iterator[tuple[str, Mapping[str, str], str]]:
    """Give the form's filters: the name of each, the texts of its values, and the value that is chosen.

    What the reader asked for is among the options even where no job has it.
    """
    states = {ATTENTION: "Needs attention"} | {state.value: state.value.capitalize() for state in JobState}
    state = given.get("state", "")
    chosen = {**given, "state": next((value for value in states if value.casefold() == state.casefold()), state)}
    for name, texts in _offered(snapshot, states):
        value = chosen.get(name, "")
        yield name, texts if value in {"", *texts} else {**texts, value: value}, value


def _offered(snapshot: Snapshot, states: Mapping[str, str]) -> Iterator[tuple[str, Mapping[str, str]]]:
    specs = [job.spec for job in snapshot.jobs]
    yield "account", _same(account.account.alias for account in snapshot.accounts)
    yield "module", _same(spec.key.module for spec in specs)
    yield "state", states
    yield "group", _same(spec.group for spec in specs)


def _same(values: Iterable[str]) -> dict[str, str]:
    return {value: value for value in sorted(set(values)) if value}
