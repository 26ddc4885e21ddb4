"""Which jobs are tracked: who comes in, who leaves when, and who makes room."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from samples import DEALS, FAILURE, LEADS, NOW, Clock, report, tracked

from exporter.errors import DeclaredJobError, LiveJobError, TooManyJobsError
from exporter.jobs.outcome import growth_of, note_failure, note_report
from exporter.jobs.table import Drop, JobTable, Retention
from exporter.model import Growth, JobKey, JobReport, JobSource, JobSpec, JobState, PollFailure, TrackedJob
from exporter.state import Purse, SqliteStore, Store
from exporter.state.account import MemoryAccount

DAY = 86_400.0
UNKNOWN = PollFailure("NOT_FOUND", "no such job", "check the id", is_passing=False)
RETENTION = Retention(
    retention_seconds=7 * DAY,
    unknown_retention_seconds=DAY,
    probe_retention_seconds=DAY,
    max_jobs=1000,
    max_probed_jobs=100,
)


@pytest.fixture
def store() -> Store:
    """Give a store to look into."""
    return SqliteStore(None, Clock())


def spec_of(number: int) -> JobSpec:
    """Describe a job that the configuration lists."""
    return JobSpec(JobKey("acme", "Leads", f"35240330000060{number:05}"), JobSource.CONFIG)


def table_of(store: Store, retention: Retention = RETENTION) -> JobTable:
    """Give a table of the one account's jobs, none of which is declared."""
    table = JobTable(store, retention)
    table.declare([], NOW, accounts={"acme"})
    return table


@pytest.fixture
def table(store: Store) -> JobTable:
    """Give a table that tracks one job."""
    table = JobTable(store, RETENTION)
    table.declare([JobSpec(LEADS, JobSource.CONFIG)], NOW, accounts={"acme"})
    return table


def land(store: Store, note: Callable[[TrackedJob], TrackedJob], key: JobKey = LEADS) -> None:
    """Let a poll's outcome land."""

    def noted(job: TrackedJob) -> tuple[TrackedJob, Growth]:
        after = note(job)
        return after, growth_of(job, after)

    account = store.account(key.account)
    account.land(account.claim(key, Purse(None), 10), noted)


def take(store: Store, outcome: JobReport, at: float = NOW + 1) -> None:
    """Let a report land."""
    land(store, lambda job: note_report(job, outcome, at))


def kept(store: Store) -> tuple[set[JobKey], set[JobKey]]:
    """Give the jobs that are kept, and those of which only the end is remembered."""
    account = store.account("acme")
    return set(account.jobs()), set(account.retired())


def not_found(store: Store, key: JobKey = LEADS, at: float = NOW) -> None:
    """Let Zoho say that there is no such job."""
    land(store, lambda job: note_failure(job, UNKNOWN, at), key)


def retire(table: JobTable, now: float) -> None:
    """Let go of whatever time is over."""
    table.retire(now, [job.spec.key for job in table.jobs()])


def test_jobs_come_sorted_by_key(table: JobTable) -> None:
    """The order of the page does not depend on the order of the configuration."""
    table.declare([JobSpec(key, JobSource.CONFIG) for key in (LEADS, DEALS)], NOW, accounts={"acme"})
    assert [job.spec.key for job in table.jobs()] == [DEALS, LEADS]


def test_tracking_again_keeps_what_is_known(table: JobTable, store: Store) -> None:
    """A job listed twice is tracked once, with its report."""
    take(store, report())
    table.declare([JobSpec(LEADS, JobSource.ENVIRONMENT)], NOW + 60, accounts={"acme"})
    assert table.jobs()[0].report == report()
    assert table.jobs()[0].first_seen_at == NOW


def test_snapshot_is_not_touched_by_later_updates(table: JobTable, store: Store) -> None:
    """What a scrape has read stays as it was read."""
    before = table.jobs()
    take(store, report())
    assert before == (tracked(),)


OF_API = tracked(source=JobSource.API)


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
        pytest.param(note_failure(OF_API, UNKNOWN, NOW), DAY, None, id="unknown, just within"),
        pytest.param(note_failure(OF_API, UNKNOWN, NOW), DAY + 1, Drop.UNKNOWN_RETENTION, id="unknown, over"),
        pytest.param(note_failure(tracked(), UNKNOWN, NOW), 100 * DAY, None, id="unknown, but listed"),
        pytest.param(
            note_failure(note_report(OF_API, report(), NOW + DAY), UNKNOWN, NOW + DAY),
            DAY + 1,
            None,
            id="forgotten by Zoho only lately",
        ),
    ],
)
def test_retention_says_when_a_job_leaves(job: TrackedJob, age: float, drop: Drop | None) -> None:
    """Ended jobs leave after seven days, unknown ones that nobody lists after one; live and listed jobs stay."""
    end = RETENTION.end_of(job)
    assert (end[1] if end and NOW + age > end[0] else None) is drop


def test_retired_job_is_not_tracked_again(store: Store) -> None:
    """A job whose retention is over stays away, also in the next process, while the configuration lists it."""
    specs = [JobSpec(LEADS, JobSource.CONFIG)]
    table = table_of(store)
    table.declare(specs, NOW, accounts={"acme"})
    take(store, report(JobState.COMPLETED))
    retire(table, NOW + 8 * DAY)
    table.declare(specs, NOW + 8 * DAY, accounts={"acme"})
    assert table.jobs() == ()
    assert table.dropped()["retention"] == 1
    assert kept(store) == (set(), {LEADS})
    restarted = JobTable(store, RETENTION)
    restarted.declare(specs, NOW + 9 * DAY, accounts={"acme"})
    assert restarted.jobs() == ()
    assert store.account("acme").totals()["Leads"].finished[JobState.COMPLETED] == 1


def test_unknown_job_gets_another_chance(store: Store) -> None:
    """A job dropped as unknown is forgotten, so that whoever registers it again has it looked for again."""
    table = table_of(store)
    table.register([JobSpec(LEADS, JobSource.API)], NOW)
    not_found(store)
    retire(table, NOW + 2 * DAY)
    assert table.jobs() == ()
    assert kept(store) == (set(), set())


def test_restart_takes_up_what_was_kept(store: Store) -> None:
    """A latched job is there again, under what the configuration says of it now."""
    store.account("acme").track(JobSpec(LEADS, JobSource.CONFIG), NOW)
    take(store, report(JobState.COMPLETED))
    table = JobTable(store, RETENTION)
    table.declare([JobSpec(LEADS, JobSource.CONFIG, name="renamed")], NOW + 60, accounts={"acme"})
    [job] = table.jobs()
    assert (job.state, job.first_seen_at, job.spec.name) == (JobState.COMPLETED, NOW, "renamed")


def test_job_no_longer_listed_is_forgotten(store: Store) -> None:
    """What the configuration has lost leaves the state file, tombstones too."""
    store.account("acme").track(JobSpec(LEADS, JobSource.CONFIG), NOW)
    store.account("acme").forget({DEALS}, retired=True)
    assert kept(store) == ({LEADS}, {DEALS})
    assert table_of(store).jobs() == ()
    assert kept(store) == (set(), set())


def test_cap_refuses_further_jobs(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """Beyond `max_jobs` a job is refused, counted and logged; a job already here is not concerned."""
    table = table_of(store, replace(RETENTION, max_jobs=1))
    table.declare([JobSpec(LEADS, JobSource.CONFIG), JobSpec(DEALS, JobSource.CONFIG)], NOW, accounts={"acme"})
    table.declare([JobSpec(LEADS, JobSource.CONFIG)], NOW, accounts={"acme"})
    assert [job.spec.key for job in table.jobs()] == [LEADS]
    assert table.dropped()["max_jobs"] == 1
    [record] = caplog.records
    assert record.getMessage() == "job is not tracked: there are too many"
    assert vars(record)["job_id"] == DEALS.job_id


@pytest.mark.parametrize("most", [pytest.param(1000, id="room for all"), pytest.param(2, id="room for two")])
def test_jobs_are_counted_once_for_all_that_are_listed(
    store: Store, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not anew for each of them, or a hundred thousand jobs of a thousand accounts take minutes."""
    looks: list[str] = []

    def counted(name: str) -> Callable[[MemoryAccount], object]:
        look = getattr(MemoryAccount, name)

        def counting(account: MemoryAccount) -> object:
            looks.append(name)
            return look(account)

        return counting

    for name in ("job_count", "jobs"):
        monkeypatch.setattr(MemoryAccount, name, counted(name))
    table = JobTable(store, replace(RETENTION, max_jobs=most))
    table.declare([spec_of(number) for number in range(10)], NOW, accounts={"acme"})
    few = len(looks)
    table.declare([spec_of(number) for number in range(100)], NOW, accounts={"acme"})
    assert len(looks) <= 2 * few


def test_polls_are_counted_and_kept(table: JobTable, store: Store) -> None:
    """A report adds its growth to the module's counters, and an ended job is counted once."""
    take(store, report(updated=30, failed=1))
    take(store, report(updated=45, failed=2))
    take(store, report(JobState.COMPLETED, updated=48, failed=2))
    assert [job.state for job in table.jobs()] == [JobState.COMPLETED]
    totals = store.account("acme").totals()["Leads"]
    assert totals.records == {"updated": 48, "failed": 2}
    assert totals.finished == {JobState.COMPLETED: 1, JobState.FAILED: 0}


def test_change_of_a_job_that_has_gone_does_nothing(store: Store) -> None:
    """What comes late for a job brings it not back."""
    table = table_of(store)
    store.account("acme").change(LEADS, lambda job: note_report(job, report(), NOW))
    assert table.jobs() == ()
    assert kept(store) == (set(), set())


def registered(name: str = "", group: str = "") -> JobSpec:
    """Give what a script says of a job."""
    return JobSpec(LEADS, JobSource.API, name, group)


def test_registration_says_what_is_new(table: JobTable) -> None:
    """A job that is tracked already is known, one that is not is new."""
    answer = table.register([JobSpec(DEALS, JobSource.API), JobSpec(LEADS, JobSource.API)], NOW)
    assert answer == (True, False)
    assert [job.spec.source for job in table.jobs()] == [JobSource.API, JobSource.CONFIG]


def test_later_registration_completes_an_earlier_one(store: Store) -> None:
    """What is said later counts; what is not said stays."""
    table = table_of(store)
    table.register([registered(name="Spring", group="campaign")], NOW)
    table.register([registered(name="Summer")], NOW)
    assert table.jobs()[0].spec == registered(name="Summer", group="campaign")
    assert store.account("acme").jobs()[LEADS].spec == registered(name="Summer", group="campaign")


def test_configuration_has_the_last_word(table: JobTable) -> None:
    """A script that describes a configured job otherwise is told, and nothing of its request is done."""
    with pytest.raises(DeclaredJobError, match="describes acme/Leads/3524033000006027001 otherwise"):
        table.register([JobSpec(DEALS, JobSource.API), registered(name="other")], NOW)
    with pytest.raises(DeclaredJobError, match="stands in the configuration: remove it there"):
        table.forget(LEADS)
    assert table.jobs() == (tracked(),)


def test_registration_is_all_or_none(store: Store) -> None:
    """Where there is no room for all, none is taken in, and each is counted."""
    table = table_of(store, replace(RETENTION, max_jobs=1))
    with pytest.raises(TooManyJobsError, match="0 jobs are tracked, and 2 more would be above max_jobs, which is 1"):
        table.register([JobSpec(key, JobSource.API) for key in (LEADS, DEALS)], NOW)
    assert table.jobs() == ()
    assert table.dropped()["max_jobs"] == 2


def test_refusals_are_logged_once_until_there_is_room(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """A flood of requests does not flood the log."""
    table = table_of(store, replace(RETENTION, max_probed_jobs=1))
    table.admit_probe(LEADS, NOW)
    for _ in range(3):
        with pytest.raises(TooManyJobsError):
            table.admit_probe(DEALS, NOW)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    table.forget(LEADS)
    table.admit_probe(DEALS, NOW)
    with pytest.raises(TooManyJobsError):
        table.admit_probe(LEADS, NOW)
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
    assert table.dropped()["max_probed_jobs"] == 4


def test_job_is_let_go_on_request(store: Store) -> None:
    """A registered job leaves memory and file, and there is nothing left to let go."""
    table = table_of(store)
    table.register([registered()], NOW)
    assert [table.forget(LEADS), table.forget(LEADS)] == [True, False]
    assert (table.jobs(), kept(store)) == ((), (set(), set()))


def test_probed_job_leaves_when_nobody_probes_it(store: Store) -> None:
    """The last probe counts, not the first."""
    table = table_of(store, replace(RETENTION, probe_retention_seconds=100))
    table.admit_probe(LEADS, NOW)
    table.admit_probe(LEADS, NOW + 90)
    retire(table, NOW + 190)
    assert [job.spec.source for job in table.jobs()] == [JobSource.PROBE]
    retire(table, NOW + 191)
    assert table.jobs() == ()
    assert table.dropped()["probe_retention"] == 1


def test_job_that_another_exporter_is_probed_for_stays(store: Store) -> None:
    """Whoever shares the store hears of the probes, if not of each; so does a later start."""
    probed, other = table_of(store), table_of(store)
    other.retire(NOW, [LEADS])
    for hour in range(31):
        probed.admit_probe(LEADS, NOW + hour * DAY / 24)
        other.retire(NOW + hour * DAY / 24, [LEADS])
    assert kept(store) == ({LEADS}, set())
    later = table_of(store)
    later.retire(NOW + 54 * DAY / 24 - 1, [LEADS])
    assert kept(store) == ({LEADS}, set())
    later.retire(NOW + 54 * DAY / 24 + 1, [LEADS])
    assert kept(store) == (set(), set())


def test_probe_of_a_tracked_job_changes_nothing(table: JobTable) -> None:
    """A job that is tracked for another reason stays what it is, whether probed or not."""
    table.admit_probe(LEADS, NOW)
    retire(table, NOW + 30 * DAY)
    assert table.jobs() == (tracked(),)


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
def test_job_that_is_no_longer_declared(store: Store, source: JobSource, *, stays: bool) -> None:
    """Declared jobs leave with the configuration; others stay, also across a restart."""
    store.account("acme").track(JobSpec(LEADS, source), NOW)
    table = table_of(store)
    assert bool(table.jobs()) is stays


def test_jobs_of_unreadable_files_stay(store: Store) -> None:
    """While a file can't be read, the jobs that it may hold are kept, but no longer."""
    store.account("acme").track(JobSpec(LEADS, JobSource.FILE), NOW)
    store.account("acme").track(JobSpec(DEALS, JobSource.CONFIG), NOW)
    table = JobTable(store, RETENTION)
    table.declare([], NOW, accounts={"acme"}, is_complete=False)
    assert table.jobs() == (tracked(source=JobSource.FILE),)
    table.declare([], NOW, accounts={"acme"})
    assert table.jobs() == ()


def test_jobs_of_an_account_leave_with_it() -> None:
    """Nobody asks for a job of an account that is no longer configured."""
    table = JobTable(SqliteStore(None, Clock()), RETENTION)
    table.register([registered()], NOW)
    table.declare([], NOW, accounts={"other"})
    assert table.jobs() == ()


def test_listed_job_of_an_unknown_account_is_not_tracked() -> None:
    """A broken job file keeps its last jobs, but not those of an account that has gone meanwhile."""
    table = JobTable(SqliteStore(None, Clock()), RETENTION)
    table.declare([JobSpec(LEADS, JobSource.FILE)], NOW, accounts={"other"})
    assert table.jobs() == ()


def test_module_that_somebody_made_up_has_no_counters(store: Store) -> None:
    """A module that only a probe names is counted once Zoho has given a report of it; its failures count nothing."""
    table = table_of(store)
    for key in (LEADS, DEALS):
        table.admit_probe(key, NOW)
    assert store.account("acme").totals() == {}
    take(store, report())
    land(store, lambda job: note_failure(job, FAILURE, NOW), DEALS)
    assert set(store.account("acme").totals()) == {"Leads"}
    retire(table, NOW)
    retire(table, NOW + 2 * DAY)
    assert table.jobs() == ()
    assert set(store.account("acme").totals()) == {"Leads"}


def test_module_of_a_declared_job_keeps_its_counters(store: Store) -> None:
    """A mistyped id leaves when it is mended; the errors counted of its module go on being shown."""
    table = table_of(store)
    table.declare([JobSpec(LEADS, JobSource.CONFIG)], NOW, accounts={"acme"})
    not_found(store)
    table.declare([], NOW + 2 * DAY, accounts={"acme"})
    assert (table.jobs(), set(store.account("acme").totals())) == ((), {"Leads"})


def test_first_of_two_declarations_counts() -> None:
    """The settings file stands before the job files."""
    table = JobTable(SqliteStore(None, Clock()), RETENTION)
    table.declare([JobSpec(LEADS, JobSource.CONFIG), JobSpec(LEADS, JobSource.FILE)], NOW, accounts={"acme"})
    assert [job.spec.source for job in table.jobs()] == [JobSource.CONFIG]


def test_retired_job_that_is_registered_again_is_tracked(store: Store) -> None:
    """Somebody asks for it: that is worth a poll."""
    table = table_of(store)
    table.declare([JobSpec(LEADS, JobSource.CONFIG)], NOW, accounts={"acme"})
    take(store, report(JobState.COMPLETED))
    retire(table, NOW + 8 * DAY)
    assert table.register([registered()], NOW + 8 * DAY) == (True,)
    assert kept(store) == ({LEADS}, set())


@pytest.fixture
def full(store: Store) -> JobTable:
    """Give a table with room for three: a configured job, and two that somebody made up; LEADS was probed last."""
    table = JobTable(store, replace(RETENTION, max_jobs=3))
    table.declare([JobSpec(OTHER, JobSource.CONFIG)], NOW, accounts={"acme"})
    for number, key in enumerate((DEALS, LEADS)):
        table.admit_probe(key, NOW + number)
        not_found(store, key, NOW + number)
    return table


NEW = JobKey("acme", "Leads", "1")
OTHER = JobKey("acme", "Leads", "2")


def test_made_up_job_makes_room_first(full: JobTable) -> None:
    """Whoever asks next gets the room of the one that was not probed for longest, and it is counted."""
    full.admit_probe(NEW, NOW + 5)
    assert {job.spec.key for job in full.jobs()} == {OTHER, LEADS, NEW}
    assert full.dropped()["max_jobs"] == 1


def test_made_up_jobs_make_room_for_registered_and_declared_ones(full: JobTable) -> None:
    """A script and a configuration need not wait until the made-up ones have left by themselves."""
    assert full.register([JobSpec(NEW, JobSource.API)], NOW) == (True,)
    declared = [JobSpec(key, JobSource.CONFIG) for key in (OTHER, JobKey("acme", "Leads", "3"))]
    full.declare(declared, NOW, accounts={"acme"})
    assert {job.spec.source for job in full.jobs()} == {JobSource.CONFIG, JobSource.API}
    assert full.dropped()["max_jobs"] == 2


def test_registered_job_does_not_make_room_for_its_neighbour(full: JobTable) -> None:
    """What a request asks for is not what is let go for its sake, though Zoho did not know it yet."""
    first_seen = {job.spec.key: job.first_seen_at for job in full.jobs()}
    answer = full.register([JobSpec(DEALS, JobSource.API), JobSpec(NEW, JobSource.API)], NOW + 60)
    assert answer == (False, True)
    assert {job.spec.key: job.first_seen_at for job in full.jobs()} == {
        OTHER: NOW,
        DEALS: first_seen[DEALS],
        NEW: NOW + 60,
    }
    assert {(job.spec.key, job.spec.source) for job in full.jobs()} == {
        (OTHER, JobSource.CONFIG),
        (DEALS, JobSource.API),
        (NEW, JobSource.API),
    }


def test_request_that_only_its_own_jobs_could_make_room_for_is_refused(full: JobTable) -> None:
    """All or none: the made-up jobs that it names are not spent on it."""
    wanted = [JobSpec(key, JobSource.API) for key in (LEADS, DEALS, NEW)]
    with pytest.raises(TooManyJobsError):
        full.register(wanted, NOW)
    assert {job.spec.key for job in full.jobs()} == {OTHER, LEADS, DEALS}


def test_job_that_zoho_knows_makes_no_room(store: Store) -> None:
    """A probed job that has a report, or that merely fails, stays where it is."""
    table = table_of(store, replace(RETENTION, max_jobs=2))
    for key in (LEADS, DEALS):
        table.admit_probe(key, NOW)
    take(store, report())
    land(store, lambda job: note_failure(job, FAILURE, NOW), DEALS)
    with pytest.raises(TooManyJobsError):
        table.admit_probe(NEW, NOW)
    assert {job.spec.key for job in table.jobs()} == {LEADS, DEALS}


def departures(table: JobTable, now: float = NOW) -> dict[JobKey, str]:
    """Give why the jobs left that are told of."""
    return {gone.key: gone.reason for gone in table.departures(now)}


def test_whoever_leaves_is_told_of_for_seven_hours() -> None:
    """With the reason, so that an alert can tell a job that was let go from one that was lost."""
    clock = Clock()
    store = SqliteStore(None, clock)
    third = JobKey("acme", "Leads", "3524033000006027003")
    table = JobTable(store, RETENTION)
    declared = [JobSpec(LEADS, JobSource.CONFIG), JobSpec(third, JobSource.FILE)]
    table.declare(declared, NOW, accounts={"acme"})
    table.register([JobSpec(DEALS, JobSource.API)], NOW)
    take(store, report(JobState.COMPLETED))
    table.forget(DEALS)
    table.declare(declared[:1], NOW, accounts={"acme"})
    clock.now = NOW + 8 * DAY
    retire(table, clock.now)
    assert departures(table) == {DEALS: "untracked", third: "undeclared", LEADS: "retention"}
    assert departures(table, NOW + 7 * 3600) == {LEADS: "retention"}
    assert departures(table, NOW + 8 * DAY + 7 * 3600) == {}
    assert {reason: count for reason, count in table.dropped().items() if count} == {
        "untracked": 1,
        "undeclared": 1,
        "retention": 1,
    }


def test_whoever_comes_back_has_not_left(store: Store) -> None:
    """And one that only probes made up never was."""
    table = table_of(store, replace(RETENTION, max_jobs=1))
    table.admit_probe(DEALS, NOW)
    not_found(store, DEALS)
    table.register([registered()], NOW)
    table.forget(LEADS)
    assert departures(table) == {LEADS: "untracked"}
    table.register([registered()], NOW)
    assert departures(table) == {}


def test_no_more_are_told_of_than_may_be_tracked(store: Store) -> None:
    """Whoever registers and forgets all day fills no memory: the latest count."""
    table = table_of(store, replace(RETENTION, max_jobs=2))
    for number in range(5):
        key = JobKey("acme", "Leads", f"352403300000602700{number}")
        table.register([JobSpec(key, JobSource.API)], NOW)
        table.forget(key)
    assert [key.job_id[-1] for key in departures(table)] == ["3", "4"]


def test_account_that_leaves_is_told_of_for_three_days(store: Store) -> None:
    """Once, though it is found again at each start; and no longer once it is back."""
    table = JobTable(store, RETENTION)
    table.declare([JobSpec(LEADS, JobSource.CONFIG)], NOW, accounts={"acme"})
    assert table.accounts_dropped(NOW) == {}
    table.declare([], NOW + 60, accounts={"other"})
    assert table.accounts_dropped(NOW + 60) == {"acme": NOW + 60}
    assert departures(table, NOW + 60) == {LEADS: "account"}
    JobTable(store, RETENTION).declare([], NOW + 600, accounts={"other"})
    assert table.accounts_dropped(NOW + 600) == {"acme": NOW + 60}
    assert table.accounts_dropped(NOW + 59 + 3 * DAY) == {"acme": NOW + 60}
    assert table.accounts_dropped(NOW + 60 + 3 * DAY) == {}
    table.declare([], NOW + 700, accounts={"acme", "other"})
    assert table.accounts_dropped(NOW + 700) == {}


def test_job_that_a_person_asks_for_is_due(table: JobTable, store: Store) -> None:
    """However lately it was polled, and whatever went wrong."""
    land(store, lambda job: replace(note_failure(job, FAILURE, NOW + 1), next_poll_at=NOW + 600))
    table.make_due(LEADS, NOW + 2)
    [job] = table.jobs()
    assert job.next_poll_at == NOW + 1


@pytest.mark.parametrize(
    "job",
    [
        pytest.param(ended(), id="ended"),
        pytest.param(note_failure(tracked(), replace(FAILURE, retry_at=NOW + 600), NOW), id="Zoho said when"),
    ],
)
def test_job_that_may_not_be_asked_for_is_not_due(table: JobTable, store: Store, job: TrackedJob) -> None:
    """A person's wish changes neither an end nor what Zoho wants."""
    land(store, lambda _: replace(job, next_poll_at=NOW + 600))
    table.make_due(LEADS, NOW + 2)
    assert [job.next_poll_at for job in table.jobs()] == [NOW + 600]


def test_end_is_acknowledged(store: Store) -> None:
    """By whoever says so, until it is taken back; the configuration has the last word here too."""
    table = table_of(store)
    table.register([registered()], NOW)
    with pytest.raises(LiveJobError, match="has not ended: acknowledge it when it has"):
        table.acknowledge(LEADS, NOW)
    take(store, report(JobState.FAILED))
    assert [job.is_acknowledged for job in table.jobs()] == [False]
    assert [table.acknowledge(LEADS, NOW + 2), table.acknowledge(DEALS, NOW + 2)] == [True, False]
    table.acknowledge(LEADS, NOW + 3)
    table.register([registered(name="again")], NOW + 4)
    assert [(job.is_acknowledged, job.acknowledged_at) for job in table.jobs()] == [(True, NOW + 2)]
    table.acknowledge(LEADS, None)
    assert [job.is_acknowledged for job in table.jobs()] == [False]
    table.declare([JobSpec(LEADS, JobSource.CONFIG, is_acknowledged=True)], NOW, accounts={"acme"})
    assert [job.is_acknowledged for job in table.jobs()] == [True]
    with pytest.raises(DeclaredJobError, match=f"the configuration says that {LEADS} is acknowledged"):
        table.acknowledge(LEADS, None)
    assert table.register([registered()], NOW) == (False,)
