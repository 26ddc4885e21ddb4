"""The board shows what a look at every job would show, whatever happened between two looks, and in whatever order."""

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from samples import FAILURE, NOW, Clock, report, schedule

from exporter.errors import UNKNOWN_JOB
from exporter.jobs.board import Board
from exporter.jobs.outcome import fade, note_failure, note_report
from exporter.jobs.table import JobTable, Retention, is_made_up
from exporter.model import Census, JobKey, JobReport, JobSource, JobSpec, JobState, PollFailure, TrackedJob
from exporter.state import SqliteStore

KEYS = [
    JobKey(account, module, f"{number}")
    for account in ("acme", "beta")
    for module in ("Deals", "Leads")
    for number in (1, 2)
]
OUTCOMES: list[JobReport | PollFailure] = [
    *(report(state) for state in JobState),
    FAILURE,
    PollFailure(UNKNOWN_JOB, "no such job", "look it up", is_passing=False),
    replace(FAILURE, retry_at=NOW + 900),
]
RETENTION = Retention(7200.0, 3600.0, 1800.0, max_jobs=100, max_probed_jobs=50)
key, outcome = st.sampled_from(KEYS), st.sampled_from(OUTCOMES)


class Boards(RuleBasedStateMachine):
    """A board beside a table, and a clock that runs and jumps."""

    @initialize(is_kept=st.booleans())
    def start(self, *, is_kept: bool) -> None:
        """Begin with some jobs that are there already, or none."""
        self.clock = Clock()
        self.store = SqliteStore(None, self.clock)
        self.table = JobTable(self.store, RETENTION)
        self.schedule = schedule()
        self.scarcity = {"acme": 0.0, "beta": 0.0}
        self.declared = KEYS[:5] if is_kept else []
        self.declare()
        self.board = Board(self.table, self.schedule)

    @rule(keys=st.lists(key, max_size=6))
    def list_others(self, keys: list[JobKey]) -> None:
        """Reload another list of jobs."""
        self.declared = keys
        self.declare()

    @rule(which=key)
    def register(self, which: JobKey) -> None:
        """Take in a job on request, unless the configuration has it."""
        if which not in self.declared:
            self.table.register([JobSpec(which, JobSource.API)], self.clock.now)

    @rule(which=key)
    def probe(self, which: JobKey) -> None:
        """Take in a job because it is probed."""
        self.table.admit_probe(which, self.clock.now)

    @rule(which=key)
    def forget(self, which: JobKey) -> None:
        """Let go of a job, unless the configuration has it."""
        job = self.table.get(which)
        if job and not job.spec.source.is_declared:
            self.table.forget(which)

    @rule(which=key, what=outcome, wait=st.sampled_from([0.0, 15.0, 600.0]))
    def land(self, which: JobKey, what: JobReport | PollFailure, wait: float) -> None:
        """Let a poll's outcome land."""
        now = self.clock.now

        def landed(job: TrackedJob) -> TrackedJob:
            noted = note_report(job, what, now) if isinstance(what, JobReport) else note_failure(job, what, now)
            return noted if noted.is_terminal else replace(noted, next_poll_at=now + wait)

        if (job := self.table.get(which)) and not job.is_terminal:
            self.store.account(which.account).change(which, landed)

    @rule(seconds=st.sampled_from([0.0, 1.0, 15.0, 600.0, 1801.0, 3601.0, 7201.0, -1.0, -20.0, -5000.0]))
    def let_time_pass(self, seconds: float) -> None:
        """Move the clock, back too."""
        self.clock.now += seconds

    @rule(alias=st.sampled_from(["acme", "beta"]), scarcity=st.sampled_from([0.0, 0.4, 1.0]))
    def spend(self, alias: str, scarcity: float) -> None:
        """Have another scarcity of credits."""
        self.scarcity[alias] = scarcity

    @rule()
    def break_off(self) -> None:
        """Let a look end in an error of somebody else's."""

        def broken(alias: str, _: int) -> float:
            raise LookupError(alias)

        with pytest.raises(LookupError, match="acme"):
            self.board.catch_up(self.clock.now, broken, self.scarcity)

    @rule()
    def reconfigure(self) -> None:
        """Take the same schedule anew."""
        self.board.reconfigure(self.schedule)

    def declare(self) -> None:
        """Have the jobs that are listed."""
        specs = [JobSpec(key, JobSource.CONFIG) for key in self.declared]
        self.table.declare(specs, self.clock.now, accounts={"acme", "beta"})

    @invariant()
    def shows_what_there_is(self) -> None:
        """The page, the numbers, and what is due are those of a look at every job."""
        live: dict[str, int] = {}

        def pressure(alias: str, number: int) -> float:
            live[alias] = number
            return self.scarcity[alias]

        now = self.clock.now
        self.table.retire(now, [job.spec.key for job in self.table.jobs()])
        pressures = self.board.catch_up(now, pressure, self.scarcity)
        jobs = self.table.jobs()
        page, census = self.board.page()
        assert pressures == self.scarcity
        assert page == tuple(self.shown(job) for job in jobs)
        assert self.board.shown([KEYS[5], KEYS[1]]) == tuple(job for job in page if job.spec.key in {KEYS[5], KEYS[1]})
        expected = Census.of(page)
        assert {name: number for name, number in census.states.items() if number} == expected.states
        assert {name: number for name, number in census.sources.items() if number} == expected.sources
        alive = [job.spec.key.account for job in jobs if not job.is_terminal and not is_made_up(job)]
        assert live == {alias: alive.count(alias) for alias in self.scarcity}
        due = {job.spec.key for job in jobs if not is_made_up(job) and self.schedule.is_due(job, now, 0.0)}
        assert due <= self.board.due()
        idle = self.board.idle(self.board.due())
        assert idle.total() == len(jobs) - len(self.board.due())

    def shown(self, job: TrackedJob) -> TrackedJob:
        """Give a job as a page is to show it."""
        due_at = self.schedule.due_at(job, self.scarcity[job.spec.key.account])
        planned = replace(job, next_poll_at=due_at, delay=self.schedule.delay_of(job))
        return fade(planned, self.clock.now, self.schedule.stale_after_seconds)


TestBoard = Boards.TestCase
TestBoard.settings = settings(max_examples=60, stateful_step_count=30)
