"""Queries on jobs: each gives one series a job, whatever number of replicas watch it.

Two exporters that watch the same account give the same series with another `instance`. A job's report is the same thing
seen twice, so one of both is taken: `max`, or `min` for what was seen first.
"""

from dataclasses import dataclass

from dashboards.palette import STATES

KEY = "account, module, job_id"
_STATE = "zoho_mass_update_job_state"


@dataclass(frozen=True, slots=True)
class Jobs:
    """The jobs that a dashboard's variables choose: `matchers` of every series, and more of the info metric's."""

    matchers: str
    of_info: str = ""

    def metric(self, name: str, *, pick: str = "max", by: str = KEY, at: str = "") -> str:
        """Give a metric; `name` is without its prefix, `at` modifies the time."""
        return f"{pick} by ({by}) (zoho_mass_update_job_{name}{{{self.matchers}}}{at})"

    def since(self, name: str, *, pick: str = "max") -> str:
        """Give the seconds since one of the times."""
        return f"(time() - {self.metric(f'{name}_timestamp_seconds', pick=pick)})"

    def in_state(self, state: str) -> str:
        """Give the jobs that are in a state: of the replicas' answers the newest counts."""
        states = list(STATES)
        newer = "|".join(states[states.index(state) + 1 :])
        here = f'max by ({KEY}) ({_STATE}{{{self.matchers}, state="{state}"}} == 1)'
        if not newer:
            return f"({here})"
        return f'({here} unless on ({KEY}) ({_STATE}{{{self.matchers}, state=~"{newer}"}} == 1))'

    def state_rank(self, *, among: str = "") -> str:
        """Give each job's state as its rank in the palette's list: of the replicas' answers the newest.

        `among` leaves few jobs of many before the rest is computed.
        """
        few = f" and on ({KEY}) {among}" if among else ""
        states = (f'({_STATE}{{{self.matchers}, state="{state}"}} == 1{few})' for state in STATES)
        ranks = (f"{rank} * {state}" for rank, state in enumerate(states, start=1))
        return f"max by ({KEY}) ({' or '.join(ranks)})"

    def info(self) -> str:
        """Give the info metric at the range's end, always 1, one series a job even where replicas' settings differ.

        The replica that saw the job later is taken: among equal values topk would take now this one, now that. At the
        end, since Prometheus then evaluates it once, not at each step; a job dropped within the range has no series.
        """
        info = f"zoho_mass_update_job_info{{{self.matchers}{self.of_info}}} @ end()"
        target = f"{KEY}, job, instance"
        seen = f"zoho_mass_update_job_first_seen_timestamp_seconds{{{self.matchers}}} @ end()"
        return f"(topk by ({KEY}) (1, {info} * on ({target}) group_left () max by ({target}) ({seen})) ^ 0)"

    def titled(self, expression: str) -> str:
        """Put the title and the group beside each series; the title is the job's name, or its id if it has none."""
        return f"({expression}) * on ({KEY}) group_left (title, group) {with_title(self.info())}"

    def processed(self) -> str:
        """Give how many records are dealt with, well or badly."""
        return f"({self.metric('updated_records')} + {self.metric('failed_records')})"

    def progress(self) -> str:
        """Give the share that is dealt with, 0 to 1; a job without records has none."""
        return f"clamp_max({self.processed()} / ({self.metric('total_records')} > 0), 1)"

    def failed_share(self) -> str:
        """Give the share of the records that failed, 0 to 1; a job without records has none."""
        return f"{self.metric('failed_records')} / ({self.metric('total_records')} > 0)"

    def estimated_end(self) -> str:
        """Give when each job will be done, Unix seconds."""
        return self.metric("estimated_completion_timestamp_seconds")

    def estimated_pace(self) -> str:
        """Give the records a second that the estimated end rests on."""
        return f"{self.metric('not_updated_records')} / ({self.estimated_end()} - time() > 0)"

    def measured_pace(self, count: str) -> str:
        """Give by how much one of the counts grew in a second."""
        return f"max by ({KEY}) (deriv(zoho_mass_update_job_{count}_records{{{self.matchers}}}[$__rate_interval]))"

    def polls(self) -> str:
        """Give how often each job was polled within the time range; every replica polls for itself."""
        last = f"zoho_mass_update_job_last_poll_timestamp_seconds{{{self.matchers}}}"
        return f"sum by ({KEY}) (changes({last}[$__range]))"

    def in_chosen_state(self, expression: str, *, at: str = "") -> str:
        """Keep the jobs of the chosen states and groups."""
        state = f'({_STATE}{{{self.matchers}, state=~"$state"}}{at} == 1)'
        return f"(({expression}) and on ({KEY}) {state} and on ({KEY}) {self.info()})"

    def count(self, expression: str) -> str:
        """Count those of the chosen groups; none is 0 where there are jobs, and nothing where there are none."""
        return f"count(({expression}) and on ({KEY}) {self.info()}) or 0 * count({self.info()})"


_OF_ACCOUNT = 'account=~"$account", module=~"$module"'
# The names differ: a link that keeps the variables would make the choice "all" that of the one job.
FLEET = Jobs(f'{_OF_ACCOUNT}, job_id=~"$jobs"', ', group=~"$group"')
ONE_JOB = Jobs(f'{_OF_ACCOUNT}, job_id=~"$job"')


def with_title(info: str) -> str:
    """Put the label `title` on the info metric's series: the job's name, or its id if it has none."""
    by_id = f'label_replace({info}, "title", "$1", "job_id", "(.+)")'
    return f'label_replace({by_id}, "title", "$1", "job_name", "(.+)")'


def labelled(expression: str, label: str, value: str) -> str:
    """Put a constant label on every series."""
    return f'label_replace({expression}, "{label}", "{value}", "", "")'
