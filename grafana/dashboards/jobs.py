"""Queries on jobs: each gives one series a job, whatever number of replicas watch it.

Two exporters that watch the same account give the same series with another `instance`. A job's report is the same thing
seen twice, so one of both is taken: `max`, or `min` for what was seen first.

At the end of the time range queries look back, as the recording rules do: a missed scrape, an exporter that restarts
and a target that discovery gives anew take no job out of a table. Over time a gap is shown, for it says something.
"""

from dataclasses import dataclass, replace

from dashboards.palette import PARTLY_FAILED, STATES
from dashboards.promql import LOOK_BACK, OF_ACCOUNT, OF_MODULE, last

KEY = "account, module, job_id"
_ALWAYS = "first_seen_timestamp_seconds"
"""What every exporter that tracks a job tells of it."""


@dataclass(frozen=True, slots=True)
class Jobs:
    """The jobs that a dashboard's variables choose: `matchers` of every series, and more of the info metric's."""

    matchers: str
    of_info: str = ""
    window: str = LOOK_BACK

    def over_time(self) -> "Jobs":
        """Give the same jobs for queries over a range of time, which look no further back than each moment."""
        return replace(self, window="")

    def metric(self, name: str, *, pick: str = "max", by: str = KEY, at: str = "") -> str:
        """Give a metric; `name` is without its prefix, `at` modifies the time."""
        return f"{pick} by ({by}) ({last(self._series(name), self.window, at)})"

    def passing(self, name: str, *, by: str = KEY) -> str:
        """Give a metric that a job loses in its life: looked back for only while no exporter tells of the job."""
        now = self._series(name)
        if not self.window:
            return f"max by ({by}) ({now})"
        return f"max by ({by}) ({now} or ({last(now, self.window)} unless on ({KEY}) {self._series(_ALWAYS)}))"

    def _series(self, name: str) -> str:
        return f"zoho_mass_update_job_{name}{{{self.matchers}}}"

    def since(self, name: str, *, pick: str = "max") -> str:
        """Give the seconds since one of the times."""
        return f"(time() - {self.metric(f'{name}_timestamp_seconds', pick=pick)})"

    def in_state(self, state: str) -> str:
        """Give the jobs that are in a state: of the replicas' answers the newest counts."""
        states = list(STATES)
        newer = "|".join(states[states.index(state) + 1 :])
        here = f"max by ({KEY}) ({self._state(state)})"
        if not newer:
            return f"({here})"
        return f"({here} unless on ({KEY}) ({self._state(newer)}))"

    def _state(self, states: str, at: str = "") -> str:
        series = f'zoho_mass_update_job_state{{{self.matchers}, state=~"{states}"}}'
        return f"{last(series, self.window, at)} == 1"

    def state_rank(self, *, among: str = "") -> str:
        """Give each job's state as its rank in the palette's list: of the replicas' answers the newest.

        One that is COMPLETED and left records behind has a rank of its own. `among` leaves few jobs of many before the
        rest is computed.
        """
        few = f" and on ({KEY}) {among}" if among else ""
        in_state = {state: f"({self._state(state)}{few})" for state in STATES}
        ranks = [f"{rank} * {jobs}" for rank, jobs in enumerate(in_state.values(), start=1)]
        # First: of equal labels `or` keeps the left.
        partly = f"{PARTLY_FAILED.rank} * ({in_state['COMPLETED']} and on ({KEY}) {self.left_behind()})"
        return f"max by ({KEY}) ({' or '.join((partly, *ranks))})"

    def left_behind(self) -> str:
        """Give the jobs of which Zoho says that records were not updated, or could not be."""
        return f"({self.metric('failed_records')} > 0 or {self.metric('not_updated_records')} > 0)"

    def without_progress(self) -> str:
        """Give the seconds for which polls have seen the same state and the same counts.

        Until the last good report: of the time since then nothing is known.
        """
        changed = self.metric("last_progress_timestamp_seconds")
        return f"({self.metric('last_report_timestamp_seconds')} - {changed})"

    def acknowledged(self) -> str:
        """Give the jobs of whose end somebody has taken note."""
        return f"({self.metric('acknowledged')} == 1)"

    def acknowledgement(self) -> str:
        """Give of each bad end whether somebody has taken note of it, 1 or 0; a whole end asks nobody to."""
        bad = f"({self.in_state('FAILED')} or {self.left_behind()})"
        return f"({self.metric('acknowledged')} and on ({KEY}) {bad})"

    def info(self) -> str:
        """Give the info metric at the range's end, always 1, one series a job even where replicas' settings differ.

        The replica that saw the job later is taken: among equal values topk would take now this one, now that. At the
        end, since Prometheus then evaluates it once, not at each step; a job dropped within the range has no series.
        """
        info = f"zoho_mass_update_job_info{{{self.matchers}{self.of_info}}}"
        target = f"{KEY}, job, instance"
        seen, let_go = self._series(_ALWAYS), self._series("dropped_timestamp_seconds")
        known = (
            f"({info} @ end() or ({last(info, LOOK_BACK, ' @ end()')}"
            f" unless on ({KEY}) {seen} @ end() unless on ({KEY}) {let_go} @ end()))"
        )
        times = last(seen, LOOK_BACK, " @ end()")
        return f"(topk by ({KEY}) (1, {known} * on ({target}) group_left () max by ({target}) ({times})) ^ 0)"

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
        return self.passing("estimated_completion_timestamp_seconds")

    def estimated_pace(self) -> str:
        """Give the records a second that the estimated end rests on.

        It was estimated at the last good report: what is left until now says nothing while no poll comes in between.
        """
        ahead = f"({self.estimated_end()} - {self.metric('last_report_timestamp_seconds')} > 0)"
        return f"{self.metric('not_updated_records')} / {ahead}"

    def measured_pace(self, count: str) -> str:
        """Give by how much one of the counts grew in a second."""
        return f"max by ({KEY}) (deriv(zoho_mass_update_job_{count}_records{{{self.matchers}}}[$__rate_interval]))"

    def polls(self) -> str:
        """Give how often each job was polled within the time range; exporters that share a store share its polls."""
        polled = f"zoho_mass_update_job_last_poll_timestamp_seconds{{{self.matchers}}}"
        return f"max by ({KEY}) (changes({polled}[$__range]))"

    def in_chosen_state(self, expression: str, *, at: str = "") -> str:
        """Keep the jobs of the chosen states and groups."""
        return f"(({expression}) and on ({KEY}) ({self._state('$state', at)}) and on ({KEY}) {self.info()})"

    def count(self, expression: str) -> str:
        """Count those of the chosen groups; none is 0 where an exporter answers, and nothing where none does."""
        answers = last(f"zoho_crm_account_info{{{OF_ACCOUNT}}}", self.window)
        return f"count(({expression}) and on ({KEY}) {self.info()}) or 0 * count({answers})"


# The names differ: a link that keeps the variables would make the choice "all" that of the one job.
FLEET = Jobs(f'{OF_MODULE}, job_id=~"$jobs"', ', group=~"$group"')
ONE_JOB = Jobs(f'{OF_MODULE}, job_id=~"$job"')


def with_title(info: str) -> str:
    """Put the label `title` on the info metric's series: the job's name, or its id if it has none."""
    by_id = f'label_replace({info}, "title", "$1", "job_id", "(.+)")'
    return f'label_replace({by_id}, "title", "$1", "job_name", "(.+)")'


def labelled(expression: str, label: str, value: str) -> str:
    """Put a constant label on every series."""
    return f'label_replace({expression}, "{label}", "{value}", "", "")'
