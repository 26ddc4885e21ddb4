"""Which jobs a reader wants to see: the query parameters of the page. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields

from exporter.model import JobState, Snapshot, TrackedJob
from exporter.web.status.standing import standing_of

ATTENTION = "attention"
"""A value of the state filter that is no state: whatever needs a person."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What the jobs shown have in common; an empty text filters nothing."""

    account: str = ""
    module: str = ""
    state: str = ""
    group: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Filters":
        """Read a query. Any value is taken as it is: one that no job has matches none."""
        return cls(**{named.name: query.get(named.name, "") for named in fields(cls)})

    def given(self) -> dict[str, str]:
        """Give what is filtered by."""
        return {name: value for name, value in asdict(self).items() if value}

    def match(self, job: TrackedJob) -> bool:
        """Whether a job is shown."""
        key = job.spec.key
        pairs = ((self.account, key.account), (self.module, key.module), (self.group, job.spec.group))
        return all(wanted in {"", own} for wanted, own in pairs) and self._match_state(job)

    def _match_state(self, job: TrackedJob) -> bool:
        wanted = self.state.casefold()
        if wanted == ATTENTION:
            return standing_of(job).needs_attention
        return wanted in {"", job.state.value.casefold()}


@dataclass(frozen=True, slots=True)
class Choice:
    """One filter of the form: the texts of its values, and the value that is chosen."""

    name: str
    label: str
    everything: str
    texts: Mapping[str, str]
    chosen: str


def choices(snapshot: Snapshot, filters: Filters) -> tuple[Choice, ...]:
    """Give the form's filters. What the reader asked for is among the options even where no job has it."""
    specs = [job.spec for job in snapshot.jobs]
    accounts = {account.account.alias for account in snapshot.accounts}
    states = {ATTENTION: "Needs attention"} | {state.value: state.value.capitalize() for state in JobState}
    asked_state = next((value for value in states if value.casefold() == filters.state.casefold()), filters.state)
    return (
        _choice("account", "Account", "All accounts", _same(accounts), filters.account),
        _choice("module", "Module", "All modules", _same(spec.key.module for spec in specs), filters.module),
        _choice("state", "State", "All states", states, asked_state),
        _choice("group", "Group", "All groups", _same(spec.group for spec in specs), filters.group),
    )


def _same(values: Iterable[str]) -> dict[str, str]:
    return {value: value for value in sorted(set(values)) if value}


def _choice(name: str, label: str, everything: str, texts: Mapping[str, str], asked: str) -> Choice:
    return Choice(name, label, everything, texts if asked in texts or not asked else {**texts, asked: asked}, asked)
