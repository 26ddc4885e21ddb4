"""Which jobs a reader wants to see: the query parameters of the page. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exporter.model import JobState, Snapshot, TrackedJob
from exporter.web.status.standing import standing_of

FILTERS = ("account", "module", "state", "group")
ATTENTION = "attention"
"""A value of the state filter that is no state: whatever needs a person."""


def asked(query: Mapping[str, str]) -> dict[str, str]:
    """Give what a query filters by. Any value is taken as it is: one that no job has matches none."""
    return {name: query[name] for name in FILTERS if query.get(name)}


def is_shown(job: TrackedJob, given: Mapping[str, str]) -> bool:
    """Whether a job has all that is filtered by."""
    own = {"account": job.spec.key.account, "module": job.spec.key.module, "group": job.spec.group}
    state = given.get("state", "").casefold()
    has_state = standing_of(job).needs_attention if state == ATTENTION else state in {"", job.state.value.casefold()}
    return has_state and all(given.get(name, value) == value for name, value in own.items())


@dataclass(frozen=True, slots=True)
class Choice:
    """One filter of the form: the texts of its values, and the value that is chosen."""

    name: str
    texts: Mapping[str, str]
    chosen: str


def choices(snapshot: Snapshot, given: Mapping[str, str]) -> tuple[Choice, ...]:
    """Give the form's filters. What the reader asked for is among the options even where no job has it."""
    specs = [job.spec for job in snapshot.jobs]
    states = {ATTENTION: "Needs attention"} | {state.value: state.value.capitalize() for state in JobState}
    state = given.get("state", "")
    return (
        _choice("account", _same(account.account.alias for account in snapshot.accounts), given.get("account", "")),
        _choice("module", _same(spec.key.module for spec in specs), given.get("module", "")),
        _choice("state", states, next((value for value in states if value.casefold() == state.casefold()), state)),
        _choice("group", _same(spec.group for spec in specs), given.get("group", "")),
    )


def _same(values: Iterable[str]) -> dict[str, str]:
    return {value: value for value in sorted(set(values)) if value}


def _choice(name: str, texts: Mapping[str, str], chosen: str) -> Choice:
    return Choice(name, texts if chosen in texts or not chosen else {**texts, chosen: chosen}, chosen)
