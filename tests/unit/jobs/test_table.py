"""The one table of tracked jobs."""

import logging

import pytest
from samples import DEALS, FAILURE, LEADS, NOW, MemoryJournal, report, tracked

from exporter.errors import DeclaredJobError, TooManyJobsError
from exporter.jobs.outcome import note_failure, note_report
from exporter.jobs.table import Drop, Registry, Retention
from exporter.model import JobReport, JobSource, JobSpec, JobState, PollFailure, StoredState, TrackedJob


@pytest.fixture
def registry() -> Registry:
    """Give a registry that tracks one job."""
    registry = Registry(MemoryJournal())
    registry.declare([JobSpec(LEADS, JobSource.CONFIG)], NOW, accounts={"acme"})
    return registry


def take(registry: Registry, outcome: JobReport) -> None:
    """Let a report land."""
    registry.update(LEADS, lambda job: note_report(job, outcome, NOW + 1))


def test_jobs_come_sorted_by_key(registry: Registry) -> None:
    """The order of the page does not depend on the order of the configuration."""
    registry.declare([JobSpec(key, JobSource.CONFIG) for key in (LEADS, DEALS)], NOW, accounts={"acme"})
    assert [job.spec.key for job in registry.jobs()] == [DEALS, LEADS]


def test_tracking_again_keeps_what_is_known(registry: Registry) -> None:
    """A job listed twice is tracked once, with its report."""
    take(registry, report())
    registry.declare([JobSpec(LEADS, JobSource.ENVIRONMENT)], NOW + 60, accounts={"acme"})
    assert registry.jobs()[0].report == report()
    assert registry.jobs()[0].first_seen_at == NOW


def test_snapshot_is_not_touched_by_later_updates(registry: Registry) -> None:
    """What a scrape has read stays as it was read."""
    before = registry.jobs()
    take(registry, report())
    assert before == (tracked(),)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        pytest.param("", "job is RUNNING", id="a documented state"),
        pytest.param("ARCHIVED", "job is UNKNOWN", id="an undocumented word"),
    ],
)
def test_new_state_is_logged_once(registry: Registry, caplog: pytest.LogCaptureFixture, word: str, said: str) -> None:
    """A state is logged when it begins, with the job's identity, and not again."""
    caplog.set_level(logging.INFO)
    outcome = JobReport(JobState.UNKNOWN, 1, 0, 1, 2, undocumented_word=word) if word else report()
    take(registry, outcome)
    take(registry, outcome)
    [record] = caplog.records
    assert record.getMessage() == said
    assert vars(record)["crm_module"] == "Leads"
    assert vars(record)["job_id"] == "3524033000006027001"
    assert vars(record).get("zoho_status", "") == word


def test_failure_is_logged_when_it_begins_and_ends(registry: Registry, caplog: pytest.LogCaptureFixture) -> None:
    """A repeated failure logs its change, not each repetition, and says what to do."""
    caplog.set_level(logging.INFO)

    def fail(job: TrackedJob) -> TrackedJob:
        return note_failure(job, FAILURE, NOW)

    registry.update(LEADS, fail)
    registry.update(LEADS, fail)
    take(registry, report())
    assert [record.getMessage() for record in caplog.records] == [
        "poll failed: Zoho fell silent for 8 s",
        "job is RUNNING",
        "poll works again",
    ]
    assert vars(caplog.records[0])["advice"] == "check the network"


DAY = 86_400.0
UNKNOWN = PollFailure("NOT_FOUND", "no such job", "check the id", is_passing=False)


@pytest.fixture
def journal() -> MemoryJournal:
    """Give a journal to look into."""
    return MemoryJournal()


def ended(state: JobState = JobState.COMPLETED) -> TrackedJob:
    """Give a job that ended at `NOW`."""
    return note_report(tracked(), report(state), NOW)


@pytest.mark.parametrize(
    ("job", "age", "drop"),
    [
        pytest.param(ended(), 7 * DAY, None, id="completed, just within"),
        pytest.param(ended(), 7 * DAY + 1, Drop.RETENTION, id="completed, over"),
        pytest.param(ended(JobState.FAILED), 7 * DAY + 1, Drop.RETENTION, id="failed, over"),
        pytest.param(note_report(tracked(), report(), NOW), 100 * DAY, None, id="running stays"),
        pytest.param(tracked(), 100 * DAY, None, id="never polled stays"),
        pytest.param(note_failure(tracked(), FAILURE, NOW), 100 * DAY, None, id="failing stays"),
        pytest.param(note_failure(tracked(), UNKNOWN, NOW), DAY, None, id="unknown, just within"),
        pytest.param(note_failure(tracked(), UNKNOWN, NOW), DAY + 1, Drop.UNKNOWN_RETENTION, id="unknown, over"),
        pytest.param(
            note_failure(note_report(tracked(), report(), NOW + DAY), UNKNOWN, NOW + DAY),
            DAY + 1,
            None,
            id="forgotten by Zoho only lately",
        ),
    ],
)
def test_retention_is_over(job: TrackedJob, age: float, drop: Drop | None) -> None:
    """Ended jobs leave after seven days, unknown ones after one; live jobs stay."""
    assert Retention().is_over(job, NOW + age) is drop


def test_retired_job_is_not_tracked_again(journal: MemoryJournal) -> None:
    """A job whose retention is over stays away, also in the next process, while the configuration lists it."""
    specs = [JobSpec(LEADS, JobSource.CONFIG)]
    registry = Registry(journal)
    registry.declare(specs, NOW, accounts={"acme"})
    take(registry, report(JobState.COMPLETED))
    registry.retire(NOW + 8 * DAY)
    registry.declare(specs, NOW + 8 * DAY, accounts={"acme"})
    assert registry.jobs() == ()
    assert registry.dropped()["retention"] == 1
    assert (journal.jobs, journal.retired) == ({}, {LEADS})
    restarted = Registry(journal)
    restarted.restore(StoredState(retired=frozenset(journal.retired), totals=registry.totals()))
    restarted.declare(specs, NOW + 9 * DAY, accounts={"acme"})
    assert restarted.jobs() == ()
    assert restarted.totals()["acme", "Leads"].finished[JobState.COMPLETED] == 1


def test_unknown_job_gets_another_chance_after_a_restart(journal: MemoryJournal) -> None:
    """A job dropped as unknown is forgotten, so that a corrected account or a new start looks again."""
    registry = Registry(journal)
    registry.declare([JobSpec(LEADS, JobSource.CONFIG)], NOW, accounts={"acme"})
    registry.update(LEADS, lambda job: note_failure(job, UNKNOWN, NOW))
    registry.retire(NOW + 2 * DAY)
    assert registry.jobs() == ()
    assert (journal.jobs, journal.retired) == ({}, set())


def test_restart_takes_up_what_was_kept(journal: MemoryJournal) -> None:
    """A latched job is there again, under what the configuration says of it now."""
    registry = Registry(journal)
    registry.restore(StoredState(jobs=(ended(),)))
    registry.declare([JobSpec(LEADS, JobSource.CONFIG, name="renamed")], NOW + 60, accounts={"acme"})
    [job] = registry.jobs()
    assert (job.state, job.first_seen_at, job.spec.name) == (JobState.COMPLETED, NOW, "renamed")


def test_job_no_longer_listed_is_forgotten(journal: MemoryJournal) -> None:
    """What the configuration has lost leaves the state file, tombstones too."""
    journal.jobs, journal.retired = {LEADS: ended()}, {DEALS}
    registry = Registry(journal)
    registry.restore(StoredState(jobs=(ended(),), retired=frozenset({DEALS})))
    registry.declare([], NOW, accounts={"acme"})
    assert registry.jobs() == ()
    assert (journal.jobs, journal.retired) == ({}, set())


def test_cap_refuses_further_jobs(journal: MemoryJournal, caplog: pytest.LogCaptureFixture) -> None:
    """Beyond `max_jobs` a job is refused, counted and logged; a job already here is not concerned."""
    registry = Registry(journal, Retention(max_jobs=1))
    registry.declare([JobSpec(LEADS, JobSource.CONFIG), JobSpec(DEALS, JobSource.CONFIG)], NOW, accounts={"acme"})
    registry.declare([JobSpec(LEADS, JobSource.CONFIG)], NOW, accounts={"acme"})
    assert [job.spec.key for job in registry.jobs()] == [LEADS]
    assert registry.dropped()["max_jobs"] == 1
    [record] = caplog.records
    assert record.getMessage() == "job is not tracked: there are too many"
    assert vars(record)["job_id"] == DEALS.job_id


def test_update_counts_and_keeps(registry: Registry) -> None:
    """A report adds its growth to the module's counters, and an ended job is counted once."""
    take(registry, report(updated=30, failed=1))
    take(registry, report(updated=45, failed=2))
    take(registry, report(JobState.COMPLETED, updated=48, failed=2))
    totals = registry.totals()["acme", "Leads"]
    assert totals.records == {"updated": 48, "failed": 2}
    assert totals.finished == {JobState.COMPLETED: 1, JobState.FAILED: 0}


def test_update_of_a_job_that_has_gone_does_nothing(journal: MemoryJournal) -> None:
    """The outcome of a poll that outlived its job is dropped."""
    registry = Registry(journal)
    registry.update(LEADS, lambda job: note_report(job, report(), NOW))
    assert registry.jobs() == ()
    assert journal.jobs == {}


def registered(name: str = "", group: str = "") -> JobSpec:
    """Give what a script says of a job."""
    return JobSpec(LEADS, JobSource.API, name, group)


def test_registration_says_what_is_new(registry: Registry) -> None:
    """A job that is tracked already is known, one that is not is new."""
    answer = registry.register([JobSpec(DEALS, JobSource.API), JobSpec(LEADS, JobSource.API)], NOW)
    assert answer == (True, False)
    assert [job.spec.source for job in registry.jobs()] == [JobSource.API, JobSource.CONFIG]


def test_later_registration_completes_an_earlier_one(journal: MemoryJournal) -> None:
    """What is said later counts; what is not said stays."""
    registry = Registry(journal)
    registry.register([registered(name="Spring", group="campaign")], NOW)
    registry.register([registered(name="Summer")], NOW)
    assert registry.jobs()[0].spec == registered(name="Summer", group="campaign")
    assert journal.jobs[LEADS].spec == registered(name="Summer", group="campaign")


def test_configuration_has_the_last_word(registry: Registry) -> None:
    """A script that describes a configured job otherwise is told, and nothing of its request is done."""
    with pytest.raises(DeclaredJobError, match="describes acme/Leads/3524033000006027001 otherwise"):
        registry.register([JobSpec(DEALS, JobSource.API), registered(name="other")], NOW)
    with pytest.raises(DeclaredJobError, match="stands in the configuration: remove it there"):
        registry.forget(LEADS)
    assert registry.jobs() == (tracked(),)


def test_registration_is_all_or_none(journal: MemoryJournal) -> None:
    """Where there is no room for all, none is taken in, and each is counted."""
    registry = Registry(journal, Retention(max_jobs=1))
    with pytest.raises(TooManyJobsError, match="0 jobs are tracked, and 2 more would be above max_jobs, which is 1"):
        registry.register([JobSpec(key, JobSource.API) for key in (LEADS, DEALS)], NOW)
    assert registry.jobs() == ()
    assert registry.dropped()["max_jobs"] == 2


def test_refusals_are_logged_once_until_there_is_room(journal: MemoryJournal, caplog: pytest.LogCaptureFixture) -> None:
    """A flood of requests does not flood the log."""
    registry = Registry(journal, Retention(max_probed_jobs=1))
    registry.admit_probe(LEADS, NOW)
    for _ in range(3):
        with pytest.raises(TooManyJobsError):
            registry.admit_probe(DEALS, NOW)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    registry.forget(LEADS)
    registry.admit_probe(DEALS, NOW)
    with pytest.raises(TooManyJobsError):
        registry.admit_probe(LEADS, NOW)
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
    assert registry.dropped()["max_probed_jobs"] == 4


def test_job_is_let_go_on_request(journal: MemoryJournal) -> None:
    """A registered job leaves memory and file, and there is nothing left to let go."""
    registry = Registry(journal)
    registry.register([registered()], NOW)
    assert [registry.forget(LEADS), registry.forget(LEADS)] == [True, False]
    assert (registry.jobs(), journal.jobs) == ((), {})


def test_probed_job_leaves_when_nobody_probes_it(journal: MemoryJournal) -> None:
    """The last probe counts, not the first."""
    registry = Registry(journal, Retention(probed_seconds=100))
    registry.admit_probe(LEADS, NOW)
    registry.admit_probe(LEADS, NOW + 90)
    registry.retire(NOW + 190)
    assert [job.spec.source for job in registry.jobs()] == [JobSource.PROBE]
    registry.retire(NOW + 191)
    assert registry.jobs() == ()
    assert registry.dropped()["probe_retention"] == 1


def test_probe_of_a_tracked_job_changes_nothing(registry: Registry) -> None:
    """A job that is tracked for another reason stays what it is, whether probed or not."""
    registry.admit_probe(LEADS, NOW)
    registry.retire(NOW + 30 * DAY)
    assert registry.jobs() == (tracked(),)


@pytest.mark.parametrize(
    ("source", "stays"),
    [
        pytest.param(JobSource.CONFIG, False, id="configuration"),
        pytest.param(JobSource.ENVIRONMENT, False, id="environment"),
        pytest.param(JobSource.FILE, False, id="file"),
        pytest.param(JobSource.API, True, id="API"),
        pytest.param(JobSource.PROBE, True, id="probe"),
    ],
)
def test_job_that_is_no_longer_declared(source: JobSource, stays: bool) -> None:  # noqa: FBT001 - a table's cell
    """Declared jobs leave with the configuration; others stay, also across a restart."""
    registry = Registry(MemoryJournal())
    registry.restore(StoredState(jobs=(tracked(source=source),)))
    registry.declare([], NOW, accounts={"acme"})
    assert bool(registry.jobs()) is stays


def test_jobs_of_unreadable_files_stay() -> None:
    """While a file can't be read, the jobs that it may hold are kept."""
    registry = Registry(MemoryJournal())
    registry.restore(StoredState(jobs=(tracked(source=JobSource.FILE), tracked(DEALS))))
    registry.declare([], NOW, accounts={"acme"}, is_complete=False)
    assert registry.jobs() == (tracked(source=JobSource.FILE),)


def test_jobs_of_an_account_leave_with_it() -> None:
    """Nobody asks for a job of an account that is no longer configured."""
    registry = Registry(MemoryJournal())
    registry.register([registered()], NOW)
    registry.declare([], NOW, accounts={"other"})
    assert registry.jobs() == ()


def test_listed_job_of_an_unknown_account_is_not_tracked() -> None:
    """A broken job file keeps its last jobs, but not those of an account that has gone meanwhile."""
    registry = Registry(MemoryJournal())
    registry.declare([JobSpec(LEADS, JobSource.FILE)], NOW, accounts={"other"})
    assert registry.jobs() == ()


def test_module_that_nothing_was_counted_of_leaves_with_its_last_job(journal: MemoryJournal) -> None:
    """Modules that somebody made up for a probe leave no series behind, and no row in the state file."""
    registry = Registry(journal)
    for key in (LEADS, DEALS):
        registry.admit_probe(key, NOW)
    take(registry, report())
    registry.update(DEALS, lambda job: note_failure(job, FAILURE, NOW))
    assert set(registry.totals()) == {("acme", "Leads"), ("acme", "Deals")}
    registry.retire(NOW)
    registry.retire(NOW + 2 * DAY)
    assert registry.jobs() == ()
    assert set(registry.totals()) == set(journal.totals) == {("acme", "Leads")}


def test_module_of_a_declared_job_keeps_its_counters(journal: MemoryJournal) -> None:
    """An id that the configuration mistyped leaves after a day; the errors counted of its module go on being shown."""
    registry = Registry(journal)
    registry.declare([JobSpec(LEADS, JobSource.CONFIG)], NOW, accounts={"acme"})
    registry.update(LEADS, lambda job: note_failure(job, UNKNOWN, NOW))
    registry.retire(NOW + 2 * DAY)
    assert (registry.jobs(), set(registry.totals())) == ((), {("acme", "Leads")})


def test_first_of_two_declarations_counts() -> None:
    """The settings file stands before the job files."""
    registry = Registry(MemoryJournal())
    registry.declare([JobSpec(LEADS, JobSource.CONFIG), JobSpec(LEADS, JobSource.FILE)], NOW, accounts={"acme"})
    assert [job.spec.source for job in registry.jobs()] == [JobSource.CONFIG]


def test_retired_job_that_is_registered_again_is_tracked(journal: MemoryJournal) -> None:
    """Somebody asks for it: that is worth a poll."""
    registry = Registry(journal)
    registry.declare([JobSpec(LEADS, JobSource.CONFIG)], NOW, accounts={"acme"})
    take(registry, report(JobState.COMPLETED))
    registry.retire(NOW + 8 * DAY)
    assert registry.register([registered()], NOW + 8 * DAY) == (True,)
    assert (list(journal.jobs), journal.retired) == ([LEADS], set())


def test_live_jobs_are_counted(registry: Registry) -> None:
    """Jobs that have ended need no more credits."""
    registry.register([JobSpec(DEALS, JobSource.API)], NOW)
    take(registry, report(JobState.COMPLETED))
    assert registry.live_jobs() == {"acme": 1}
