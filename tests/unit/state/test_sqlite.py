"""The embedded store: what a lost, odd, slow or failing file does to it, which is next to nothing."""

import gc
import json
import logging
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from threading import enumerate as threads

import pytest
from houses import House, killed
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import DEALS, LEADS, NOW, Clock, report

from exporter.errors import HeldBackError
from exporter.jobs.outcome import growth_of, note_report
from exporter.model import Growth, JobKey, JobReport, JobSource, JobSpec, JobState, Standing, TrackedJob
from exporter.state import AccountState, Purse, SqliteStore, Store
from exporter.state.file import StateFile
from exporter.state.writer import GATHER_SECONDS
from exporter.zoho.permits import CreditLimits, Permits

PATIENCE_SECONDS = 10.0
FREE = Purse(None)


def eventually(look: Callable[[], bool], what: str = "it") -> None:
    """Wait for what the writing thread is about to do."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not look():
        assert time.monotonic() < deadline, f"gave up: {what}"
        Event().wait(0.01)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a path for a state file, in a directory that is not there yet."""
    return tmp_path / "state" / "state.db"


@pytest.fixture
def house(path: Path) -> Iterator[House]:
    """Give a store that knows a little of everything."""
    house = House(lambda clock: SqliteStore(path, clock))
    fill(house.account)
    eventually(lambda: is_written(house.store))
    yield house
    house.close()


def fill(account: AccountState) -> None:
    """Let an account have something of everything."""
    for key in (LEADS, DEALS):
        account.track(JobSpec(key, JobSource.CONFIG, "Spring"), NOW)
    poll(account, report())
    account.forget({JobKey("acme", "Leads", "1")}, retired=True)
    account.release(account.claim(DEALS, FREE, 60, is_probe=True))
    account.stand(lambda standing: replace(standing, mints=(NOW,), credits_remaining=399))


def poll(account: AccountState, outcome: JobReport, key: JobKey = LEADS) -> None:
    """Let a poll land."""

    def note(job: TrackedJob) -> tuple[TrackedJob, Growth]:
        after = note_report(job, outcome, NOW)
        return after, growth_of(job, after)

    assert account.land(account.claim(key, FREE, 60), note) is not None


def known(store: Store, alias: str = "acme") -> tuple[object, ...]:
    """Give all that is known of an account."""
    account = store.account(alias)
    spent = (account.used(), account.used(by_probes=True))
    return account.jobs(), account.retired(), account.totals(), spent, account.standing


def is_written(store: Store) -> bool:
    """Whether the file holds all that is known."""
    health = store.health()
    return health.behind_since is None and not health.is_failing


def truncate(path: Path, size: int = 0) -> None:
    """Cut a file."""
    with path.open("r+b") as file:
        file.truncate(size)


def cut_in_half(path: Path) -> None:
    """Cut a file in its middle."""
    truncate(path, path.stat().st_size // 2)


def beside(path: Path, suffix: str) -> Path:
    """Give a side file."""
    return path.with_name(path.name + suffix)


def replace_with_garbage(path: Path) -> None:
    """Put another file in the place of it."""
    other = beside(path, ".other")
    other.write_bytes(b"somebody's file " * 10_000)
    other.replace(path)


def replace_with_a_state_file(path: Path) -> None:
    """Put another state file in the place of it, as a restored backup would be."""
    other = path.with_name("other.db")
    store = SqliteStore(other, Clock())
    store.account("beta").track(JobSpec(JobKey("beta", "Leads", "9"), JobSource.API), NOW)
    store.close()
    other.replace(path)


def write_over(path: Path) -> None:
    """Write something longer over it in place, as `cp` does."""
    path.write_bytes(b"somebody's file " * 10_000)


def write_itself_over(path: Path) -> None:
    """Write the same bytes over it in place, as `cp` of a backup just made does."""
    content = path.read_bytes()
    path.write_bytes(content)


def truncate_all(path: Path) -> None:
    """Empty it and all side files, as `: >` does in a loop."""
    for suffix in ("", "-wal", "-shm", ".lock"):
        truncate(beside(path, suffix))


def delete_all(path: Path, *suffixes: str) -> None:
    """Delete side files."""
    for suffix in suffixes:
        beside(path, suffix).unlink()


def replace_with_a_directory(path: Path) -> None:
    """Put a directory in the place of a file."""
    path.unlink()
    path.mkdir()


def replace_log(path: Path) -> None:
    """Put another file in the place of the log."""
    shutil.copy(path, beside(path, ".other"))
    beside(path, ".other").replace(beside(path, "-wal"))


def replace_lock(path: Path) -> None:
    """Put another file in the place of the lock."""
    delete_all(path, ".lock")
    beside(path, ".lock").touch()


MISCHIEF: dict[str, Callable[[Path], object]] = {
    "deleted": lambda path: delete_all(path, ""),
    "deleted with all beside it": lambda path: delete_all(path, "", "-wal", "-shm", ".lock"),
    "truncated": truncate,
    "cut in half": cut_in_half,
    "cut by a byte": lambda path: truncate(path, path.stat().st_size - 1),
    "replaced by another file": replace_with_garbage,
    "replaced by another state file": replace_with_a_state_file,
    "replaced by a directory": replace_with_a_directory,
    "written over": write_over,
    "written over with itself": write_itself_over,
    "log deleted": lambda path: delete_all(path, "-wal"),
    "log truncated": lambda path: truncate(beside(path, "-wal")),
    "log cut in half": lambda path: cut_in_half(beside(path, "-wal")),
    "log replaced": replace_log,
    "index truncated": lambda path: truncate(beside(path, "-shm")),
    "index cut in half": lambda path: cut_in_half(beside(path, "-shm")),
    "index deleted": lambda path: delete_all(path, "-shm"),
    "all truncated": truncate_all,
    "index and log deleted": lambda path: delete_all(path, "-wal", "-shm"),
    "lock deleted": lambda path: delete_all(path, ".lock"),
    "lock replaced": replace_lock,
    "directory moved away": lambda path: path.parent.rename(path.parent.with_name("elsewhere")),
    "directory deleted": lambda path: shutil.rmtree(path.parent),
}
mischief = pytest.mark.parametrize("spoil", MISCHIEF.values(), ids=list(MISCHIEF))


@mischief
def test_lost_file_is_noticed_and_written_whole_again(
    house: House, path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, spoil: Callable[[Path], object]
) -> None:
    """At the next write it is told and counted, and from then on no kill loses more than before."""
    spoil(path)
    house.account.track(JobSpec(JobKey("acme", "Leads", "7"), JobSource.API), NOW)
    eventually(lambda: house.store.health().errors["renew"] == 1)
    eventually(lambda: is_written(house.store))
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert errors == ["the state file was deleted, replaced or cut: it is written whole again"]
    before = known(house.store)
    crashed = SqliteStore(killed(path, tmp_path / "crashed"), house.clock)
    assert (known(crashed), crashed.health().errors["load"]) == (before, 0)
    crashed.close()
    house.restart()
    assert known(house.store) == before
    assert house.store.health().errors == dict.fromkeys(house.store.health().errors, 0)


@mischief
def test_renewed_file_is_as_private_and_as_ours_as_before(
    house: House, path: Path, spoil: Callable[[Path], object]
) -> None:
    """No other exporter gets in between, and nobody else can read it."""
    spoil(path)
    house.account.forget({DEALS})
    eventually(lambda: house.store.health().errors["renew"] == 1 and is_written(house.store))
    with pytest.raises(Exception, match="another exporter uses it"):
        SqliteStore(path, house.clock)
    for name in ("", "-wal", "-shm"):
        assert beside(path, name).stat().st_mode & 0o777 == 0o600
    house.account.track(JobSpec(DEALS, JobSource.API), NOW)
    eventually(lambda: is_written(house.store))
    assert house.store.health().errors["renew"] == 1


@mischief
def test_lost_file_is_whole_after_a_stop(house: House, path: Path, spoil: Callable[[Path], object]) -> None:
    """Also where nothing was to be written any more."""
    before = known(house.store)
    spoil(path)
    house.restart()
    assert known(house.store) == before


def test_file_of_somebody_else_is_put_aside(house: House, path: Path) -> None:
    """Whoever put it there finds it again."""
    replace_with_garbage(path)
    house.account.forget({DEALS})
    eventually(lambda: house.store.health().errors["renew"] == 1 and is_written(house.store))
    assert beside(path, ".replaced").read_bytes() == b"somebody's file " * 10_000


def test_readers_and_other_writers_are_no_loss(house: House, path: Path) -> None:
    """Whoever looks into the file, copies it or adds a row disturbs nothing."""
    with closing(sqlite3.connect(path, isolation_level=None)) as shell:
        shell.execute("SELECT * FROM documents").fetchall()
        shell.execute("INSERT INTO documents VALUES ('acme', 'note', '', 'mine')")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(":memory:")) as copy:
        source.backup(copy)
    house.account.forget({DEALS})
    eventually(lambda: is_written(house.store))
    assert house.store.health().errors["renew"] == 0
    with closing(sqlite3.connect(path)) as shell:
        assert shell.execute("SELECT document FROM documents WHERE kind = 'note'").fetchall() == [("mine",)]


def test_file_that_can_not_be_written_again_is_told_once(
    house: House, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each attempt is counted, the log tells the beginning and the end, and then nothing is missing."""
    caplog.set_level(logging.INFO)
    path.parent.rename(path.parent.with_name("elsewhere"))
    path.parent.write_text("in the way")
    house.account.track(JobSpec(JobKey("acme", "Leads", "7"), JobSource.API), NOW)
    eventually(lambda: house.store.health().errors["renew"] >= 2)
    health = house.store.health()
    assert (health.is_failing, health.behind_since) == (True, NOW)
    path.parent.unlink()
    eventually(lambda: is_written(house.store) and len(caplog.records) >= 3)
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "the state file was deleted, replaced or cut",
        "the state file can't be written; a restart would forget news",
        "the state file is written again, with all that it missed",
    ]
    before = known(house.store)
    house.restart()
    assert known(house.store) == before


def test_file_that_comes_back_is_written_again(path: Path) -> None:
    """A directory that is there again as if nothing had happened finds nobody on a connection that is closed."""
    StateFile(path).close()
    with closing(StateFile(path)) as file:
        away = path.parent.rename(path.parent.with_name("elsewhere"))
        path.parent.write_text("in the way")
        assert file.is_lost()
        with pytest.raises(OSError, match="exists"):
            file.renew([])
        path.parent.unlink()
        away.rename(path.parent)
        assert file.is_lost()
        file.renew([("acme", "credits", "1", "2")])
        assert not file.is_lost()
        file.write([("acme", "credits", "2", "3")])
        assert list(file.rows()) == [("acme", "credits", "1", "2"), ("acme", "credits", "2", "3")]


def insert(path: Path, *rows: tuple[object, object, object, object]) -> None:
    """Write rows without our help."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany("REPLACE INTO documents VALUES (?, ?, ?, ?)", rows)


ENDLESS = json.dumps({"finished": {}, "records": {"x" * 2**20: 1}, "durations": {}})
KEY = f'{{"account":"acme","module":"Leads","job_id":"{LEADS.job_id}"}}'
JOB = f'{{"spec":{{"key":{KEY},"source":"api"}},"first_seen_at":1}}'


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(("beta", "job", f"Leads/{LEADS.job_id}", JOB), id="another account's job"),
        pytest.param(("acme", "job", f"Deals/{LEADS.job_id}", JOB), id="another module's job"),
        pytest.param(("acme", "job", "Leads/1", JOB), id="another job's document"),
        pytest.param(("acme", "job", "", JOB), id="job without a key"),
        pytest.param(("acme", "jobs", f"Leads/{LEADS.job_id}", JOB), id="unknown kind"),
        pytest.param(("acme", "", "", ""), id="nothing"),
        pytest.param(("acme", "job", "Leads/1", "{"), id="half a document"),
        pytest.param(("acme", "job", "Leads/1", "null"), id="no document"),
        pytest.param(
            ("acme", "totals", "Contacts", json.dumps({"records": {"x" * 2**20: 1}})), id="document without an end"
        ),
        pytest.param(("acme", "totals", "Contacts", "{}"), id="totals without a word"),
        pytest.param(("acme", "totals", "Contacts", JOB), id="job where totals belong"),
        pytest.param(("acme", "credits", "noon", "1"), id="minute that is none"),
        pytest.param(("acme", "credits", "", "1"), id="no minute"),
        pytest.param(("acme", "credits", "1" * 5000, "1"), id="minute of many digits"),
        pytest.param(("acme", "credits", "29833334", "-1"), id="fewer than no credits"),
        pytest.param(("acme", "credits", "29833334", "1e999"), id="endless credits"),
        pytest.param(("acme", "credits", "29833334", "true"), id="credits that are a truth"),
        pytest.param(("acme", "probe_credits", "29833334", "1.5"), id="half a credit"),
        pytest.param((b"acme", "retired", "Leads/1", "1"), id="account that is bytes"),
        pytest.param(("acme", b"retired", "Leads/1", "1"), id="kind that is bytes"),
        pytest.param(("acme", "retired", b"Leads/2", "1"), id="key that is bytes"),
        pytest.param(("acme", "totals", b"Contacts", "{}"), id="module that is bytes"),
        pytest.param(("acme", "credits", b"29833334", "1"), id="minute that is bytes"),
        pytest.param(("acme", "credits", "29833334", b"1"), id="document that is bytes"),
    ],
)
def test_odd_row_is_left_out(
    house: House, path: Path, caplog: pytest.LogCaptureFixture, row: tuple[object, object, object, object]
) -> None:
    """It is counted and told; everything else is there, and no account is made of it."""
    before = known(house.store)
    house.close()
    insert(path, row)
    house.store = house.open_store(house.clock)
    assert known(house.store) == before
    assert house.store.health().errors["load"] == 1
    assert known(house.store, "beta") == ({}, frozenset(), {}, (0, 0), Standing())
    (record,) = caplog.records
    assert record.getMessage().startswith("a row of the state file can't be read and is left out: ")


cells = st.one_of(
    st.text(max_size=8),
    st.binary(max_size=8),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.sampled_from(["acme", "job", "retired", "totals", "credits", "probe_credits", "standing", "", "Leads/1", JOB]),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(cells, cells, cells, cells), max_size=8))
def test_any_rows_open(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[object, object, object, object]]
) -> None:
    """Whatever stands in the file, the start does not fail for it, and what was read can be written again."""
    path = tmp_path_factory.mktemp("state") / "state.db"
    StateFile(path).close()
    insert(path, *rows)
    store = SqliteStore(path, Clock())
    for alias in store.accounts():
        account = store.account(alias)
        account.forget([*account.jobs(), *account.retired()])
        assert account.used() >= 0
        account.book_mint(10, 600)
    eventually(lambda: is_written(store))
    store.close()
    again = SqliteStore(path, Clock())
    assert set(again.accounts()) <= set(store.accounts())
    again.close()


def test_what_was_loaded_is_let_go(path: Path) -> None:
    """A job that has left is not kept in memory for as long as the process lives, nor is what it was read from."""
    keys = [JobKey("acme", "Memory", str(number)) for number in range(50)]
    house = House(lambda clock: SqliteStore(path, clock))
    for key in keys:
        house.account.track(JobSpec(key, JobSource.API), NOW)
    house.restart()
    house.account.forget(keys)
    eventually(lambda: is_written(house.store))
    gc.collect()
    kept = [one for one in gc.get_objects() if isinstance(one, TrackedJob) and one.spec.key.module == "Memory"]
    house.close()
    assert kept == []


class HeldFile(StateFile):
    """A state file whose disk a test can hold, or let fail."""

    def __init__(self, path: Path) -> None:
        self.free, self.writing = Event(), Event()
        self.free.set()
        self.error: Exception | None = None
        self.writes: list[float] = []
        super().__init__(path)

    def write(self, rows: Iterable[tuple[str, str, str, str | None]]) -> None:
        """Write once the disk is free."""
        self.writing.set()
        assert self.free.wait(PATIENCE_SECONDS), "the test has forgotten the disk"
        if self.error:
            raise self.error
        self.writes.append(time.monotonic())
        super().write(rows)


class Slow:
    """A store on a disk that a test holds."""

    def __init__(self, path: Path) -> None:
        self.clock = Clock()
        self.files: list[HeldFile] = []
        self.path = path
        self.store = SqliteStore(path, self.clock, self._opened)
        self.account = self.store.account("acme")
        (self.file,) = self.files

    def _opened(self, path: Path) -> StateFile:
        self.files.append(HeldFile(path))
        return self.files[-1]

    def hold(self) -> None:
        """Let the disk take nothing, and wait until a write has met that."""
        self.file.free.clear()
        self.file.writing.clear()
        self.account.stand(lambda standing: replace(standing, answered_at=standing.answered_at + 1))
        assert self.file.writing.wait(PATIENCE_SECONDS)

    def free(self) -> None:
        """Let the disk go on, and wait until all is written."""
        self.file.free.set()
        eventually(lambda: is_written(self.store))

    def claim(self, number: int) -> None:
        """Claim a job."""
        self.account.claim(JobKey("acme", "Leads", str(number)), FREE, 60)


@pytest.fixture
def slow(path: Path) -> Iterator[Slow]:
    """Give a store whose disk can be held."""
    slow = Slow(path)
    yield slow
    slow.file.free.set()
    slow.store.close()


def test_nobody_waits_for_a_slow_disk(slow: Slow) -> None:
    """All that a page, a health check, a registration or another poll needs goes on while a write stands."""
    slow.hold()
    done = Event()

    def use() -> None:
        fill(slow.account)
        slow.account.expect_calls(3, FREE)
        slow.account.book_mint(10, 600)
        slow.account.change(DEALS, lambda job: replace(job, next_poll_at=NOW))
        slow.account.rest()
        fill(slow.store.account("beta"))
        known(slow.store)
        slow.store.refresh(0.0)
        slow.store.health()
        done.set()

    def fill(account: AccountState) -> None:
        account.track(JobSpec(LEADS, JobSource.API), NOW)
        account.track(JobSpec(DEALS, JobSource.API), NOW)
        poll(account, report())
        account.forget({LEADS}, retired=True)

    Thread(target=use, daemon=True).start()
    assert done.wait(PATIENCE_SECONDS / 2)
    assert not is_written(slow.store)
    before = known(slow.store)
    slow.free()
    slow.store.close()
    store = SqliteStore(slow.path, slow.clock)
    assert known(store) == before
    store.close()


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", ".lock"], ids=["file", "log", "index", "lock"])
def test_file_that_goes_during_a_write_is_noticed_after_it(slow: Slow, suffix: str) -> None:
    """A write that takes its time takes nobody's eyes off the file."""
    fill(slow.account)
    slow.hold()
    delete_all(slow.path, suffix)
    slow.file.free.set()
    slow.account.forget({DEALS})
    eventually(lambda: slow.store.health().errors["renew"] == 1)
    eventually(lambda: is_written(slow.store))
    assert slow.account.job_count() == 1


def test_slow_disk_is_told(slow: Slow) -> None:
    """Since when the file is behind, and how many credits a crash would forget; it is no failure."""
    slow.clock.now += 5
    slow.hold()
    slow.clock.now += 60
    for number in range(3):
        slow.claim(number)
    health = slow.store.health()
    assert (health.behind_since, health.is_failing, set(health.errors.values())) == (NOW + 5, False, {0})
    assert slow.account.unwritten() == 3
    slow.free()
    assert slow.account.unwritten() == 0


def test_credit_that_was_written_before_the_disk_stood_still_counts_as_written(slow: Slow) -> None:
    """Only those after it would be forgotten."""
    slow.claim(1)
    eventually(lambda: is_written(slow.store))
    slow.hold()
    slow.claim(2)
    assert slow.account.unwritten() == 1


def test_calls_wait_a_quarter_of_a_second_in_all(slow: Slow) -> None:
    """Twenty calls on a disk that stands still wait together as long as one."""
    slow.hold()
    begun = time.monotonic()
    for number in range(20):
        slow.claim(number)
        slow.account.wait_written()
    assert time.monotonic() - begun < 2.0
    assert slow.account.unwritten() == 20


def test_call_waits_until_its_credit_is_written(slow: Slow) -> None:
    """A disk that takes a moment makes no credit forgettable."""
    slow.hold()
    slow.claim(1)
    waiting = Thread(target=slow.account.wait_written)
    waiting.start()
    slow.file.free.set()
    waiting.join(PATIENCE_SECONDS)
    eventually(lambda: slow.account.unwritten() == 0)


def test_credits_of_a_round_share_one_write(slow: Slow) -> None:
    """Thirty calls that were announced cost the disk one transaction, not thirty."""
    slow.account.expect_calls(30, FREE)
    slow.account.wait_written()
    eventually(lambda: is_written(slow.store))
    slow.hold()
    slow.file.free.set()
    eventually(lambda: is_written(slow.store))
    before = len(slow.file.writes)
    for number in range(30):
        slow.claim(number)
        slow.account.wait_written()
    assert slow.account.unwritten() == 0
    assert len(slow.file.writes) == before


def test_writes_that_wait_are_written_together(slow: Slow) -> None:
    """A disk that comes back is not asked a thousand times."""
    slow.hold()
    before = len(slow.file.writes)
    for number in range(200):
        slow.claim(number)
        slow.account.track(JobSpec(JobKey("acme", "Leads", str(number)), JobSource.API), NOW)
    slow.free()
    assert len(slow.file.writes) - before <= 3


def test_polls_that_land_one_after_the_other_share_writes(slow: Slow) -> None:
    """What they bring is gathered: the disk is asked ten times a second at most, and what rests is written."""
    fill(slow.account)
    slow.account.expect_calls(200, FREE)
    slow.account.wait_written()
    eventually(lambda: is_written(slow.store))
    before, begun = len(slow.file.writes), time.monotonic()
    for _ in range(200):
        poll(slow.account, report())
    slow.account.rest()
    eventually(lambda: is_written(slow.store))
    assert len(slow.file.writes) - before <= 3 + (time.monotonic() - begun) / GATHER_SECONDS


def permits_of(slow: Slow, budget: int) -> Permits:
    """Give the door before the calls of an account with a budget."""
    return Permits(
        slow.account,
        CreditLimits(budget, 0, None),
        lambda: False,
        lambda permit: pytest.fail(f"{permit.claim.key} is not asked about"),
        lease_seconds=60,
        clock=slow.clock,
        draw=lambda: 0.0,
    )


def test_no_more_than_an_hours_share_goes_out_unwritten(slow: Slow) -> None:
    """Beyond it only jobs are polled that have waited as long as any may; all goes on once the disk is back."""
    permits = permits_of(slow, 240)
    slow.hold()
    for number in range(9):
        slow.claim(number)
    assert permits.pressure() < 1.0
    slow.claim(9)
    assert permits.pressure() == 1.0
    with pytest.raises(HeldBackError) as caught:
        permits.take(LEADS, is_probe=False, are_others_live=True, is_overdue=False)
    assert caught.value.reason == "budget"
    permits.take(LEADS, is_probe=False, are_others_live=True, is_overdue=True).close()
    slow.free()
    assert permits.pressure() < 1.0
    permits.take(LEADS, is_probe=False, are_others_live=True, is_overdue=False).close()


def test_stop_does_not_wait_for_a_disk_that_hangs(slow: Slow, caplog: pytest.LogCaptureFixture) -> None:
    """It ends within its grace and says what is missing; where the disk comes back after all, nothing is."""
    slow.hold()
    fill(slow.account)
    before = known(slow.store)
    begun = time.monotonic()
    slow.store.close(0.05)
    assert time.monotonic() - begun < 2.0
    assert "the state file is behind at the end" in caplog.text
    slow.file.free.set()
    eventually(lambda: not any(thread.name == "state" for thread in threads()))
    store = SqliteStore(slow.path, slow.clock)
    assert known(store) == before
    store.close()


def test_writing_thread_holds_up_no_end(slow: Slow) -> None:
    """The interpreter ends without it."""
    assert slow.store.health().errors["load"] == 0
    assert [thread.daemon for thread in threads() if thread.name == "state"] == [True]


FULL = sqlite3.OperationalError("database or disk is full")
FULL.sqlite_errorcode = sqlite3.SQLITE_FULL
FAULTS: dict[str, Exception] = {
    "full": FULL,
    "gone": OSError(5, "Input/output error"),
    "locked": sqlite3.OperationalError("database is locked"),
    "closed": sqlite3.ProgrammingError("Cannot operate on a closed database."),
    "a bug of ours": ZeroDivisionError("boom"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_failing_disk_is_told_and_made_up_for(slow: Slow, caplog: pytest.LogCaptureFixture, fault: Exception) -> None:
    """Each operation that failed is counted, the log tells the beginning and the end, memory goes on."""
    caplog.set_level(logging.INFO)
    slow.file.error = fault
    fill(slow.account)
    eventually(lambda: slow.store.health().is_failing)
    slow.account.forget({DEALS})
    eventually(lambda: slow.store.health().errors["forget_jobs"] >= 1)
    health = slow.store.health()
    assert health.behind_since == NOW
    assert min(health.errors[name] for name in ("save_job", "save_ledger", "forget_jobs")) >= 1
    assert health.errors["renew"] == 0
    assert slow.account.unwritten() == 2
    assert slow.account.job_count() == 1
    slow.file.error = None
    eventually(lambda: is_written(slow.store) and len(caplog.records) >= 2)
    assert slow.account.unwritten() == 0
    said = [(record.levelname, record.getMessage().partition(":")[0]) for record in caplog.records]
    assert said == [
        ("ERROR", "the state file can't be written; a restart would forget news"),
        ("INFO", "the state file is written again, with all that it missed"),
    ]
    assert "advice" in vars(caplog.records[0])
    before = known(slow.store)
    slow.store.close()
    store = SqliteStore(slow.path, slow.clock)
    assert known(store) == before
    store.close()


def test_real_full_disk_is_survived(path: Path) -> None:
    """SQLite's own word for it, with the file as it was."""
    store = SqliteStore(path, Clock(), TightFile)
    account = store.account("acme")
    for number in range(500):
        account.track(JobSpec(JobKey("acme", "Leads", str(number)), JobSource.API, "x" * 200), NOW)
    eventually(lambda: store.health().is_failing)
    assert account.job_count() == 500
    store.close()
    again = SqliteStore(path, Clock())
    assert again.health().errors["load"] == 0
    again.close()


class TightFile(StateFile):
    """A state file on a disk without room."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._connection.execute("PRAGMA max_page_count = 4")


def test_half_a_character_stops_no_write(house: House) -> None:
    """A word of Zoho's that no database takes is written as well as it can be, and what comes after it too."""
    odd = replace(report(JobState.UNKNOWN), undocumented_word="H\ud800LD")
    poll(house.account, odd)
    house.account.track(JobSpec(JobKey("acme", "Leads", "7"), JobSource.API, "\udfff"), NOW)
    eventually(lambda: is_written(house.store))
    assert house.store.health().errors == dict.fromkeys(house.store.health().errors, 0)
    house.restart()
    job = house.account.get(LEADS)
    assert job is not None
    assert job.report == replace(odd, undocumented_word="H?LD")
    assert house.account.job_count() == 3


def test_signals_are_not_the_writers(house: House) -> None:
    """They stay with the thread that waits for them, whichever started first."""
    (writer,) = [thread for thread in threads() if thread.name == "state"]
    status = Path(f"/proc/self/task/{writer.native_id}/status").read_text(encoding="ascii")
    (blocked,) = [int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigBlk")]
    terminate, interrupt, hang_up = 1 << 14, 1 << 1, 1 << 0
    assert blocked & (terminate | interrupt | hang_up) == terminate | interrupt | hang_up
    assert house.account.job_count() == 2


def after_a_crash(house: House, path: Path, to: Path) -> SqliteStore:
    """Open what a crash would leave once everything is written."""
    assert house.store.wait_kept(PATIENCE_SECONDS)
    return SqliteStore(killed(path, to), house.clock)


def test_what_a_person_said_of_a_job_outlives_a_crash(house: House, path: Path, tmp_path: Path) -> None:
    """A change beside the polls is written at once, and not with the next poll."""
    house.account.track(JobSpec(LEADS, JobSource.API), NOW)
    house.account.change(LEADS, lambda job: replace(job, acknowledged_at=NOW))
    crashed = after_a_crash(house, path, tmp_path / "crashed")
    job = crashed.account("acme").get(LEADS)
    crashed.close()
    assert job
    assert job.acknowledged_at == NOW


def test_credits_of_a_clock_that_was_set_back_outlive_a_crash_where_they_are(
    house: House, path: Path, tmp_path: Path
) -> None:
    """They come back a day after the clock was set back, and not a day after the crash."""
    house.clock.now -= 200_000
    assert house.account.used() == 2
    crashed = after_a_crash(house, path, tmp_path / "crashed")
    house.clock.now += 86_460
    used = crashed.account("acme").used()
    crashed.close()
    assert used == 0


def test_crash_finds_no_more_credits_booked_than_may_be_spent(house: House, path: Path, tmp_path: Path) -> None:
    """What is announced of a round is what the budget has left, and no call more."""
    house.account.expect_calls(10, Purse(5))
    crashed = after_a_crash(house, path, tmp_path / "crashed")
    used = crashed.account("acme").used()
    crashed.close()
    assert used == 5


def test_credit_that_was_given_back_stays_so_after_a_crash(house: House, path: Path, tmp_path: Path) -> None:
    """A call that never reached Zoho costs nothing, whatever becomes of the process."""
    house.account.give_back(house.account.claim(LEADS, FREE, 60))
    crashed = after_a_crash(house, path, tmp_path / "crashed")
    used = crashed.account("acme").used()
    crashed.close()
    assert used == 2
