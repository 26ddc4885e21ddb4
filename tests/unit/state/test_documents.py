"""What the rows of the state file mean: everything comes back as it went in, and a row edited by hand stops nothing."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from exporter.jobs.rows import job_forgotten, job_saved, ledger_changed, read_contents, totals_saved
from exporter.jobs.tables import MIGRATIONS, Changes, apply_changes
from hypothesis import given
from hypothesis import strategies as st
from samples import LEADS, NOW, report, tracked

from exporter.jobs.outcome import estimate, note_report
from exporter.model import (
    AccountLedger,
    Distribution,
    JobKey,
    JobReport,
    JobSource,
    JobSpec,
    JobState,
    ModuleTotals,
    Observation,
    PollFailure,
    StoredState,
    StoredToken,
    TrackedJob,
)

TOTALS = ModuleTotals(
    {JobState.COMPLETED: 3}, {"updated": 50}, {JobState.COMPLETED: Distribution((1.0, 60.0), (0, 2, 1), 500.5)}
)
LEDGER = AccountLedger({29833333: 2, 29833334: 1}, (NOW, NOW), StoredToken("1000.secret", NOW + 3600, "https://x", "f"))

times = st.floats(allow_nan=False)
counts = st.integers(0, 2**53)
words = st.text(max_size=20)
names = st.from_regex(r"[a-zA-Z0-9_.-]{1,12}", fullmatch=True)
keys = st.builds(JobKey, names, names, st.from_regex(r"[0-9]{1,32}", fullmatch=True))
maybe_counts = st.none() | counts
maybe_times = st.none() | times
jobs = st.builds(
    TrackedJob,
    spec=st.builds(JobSpec, keys, st.sampled_from(JobSource), words, words, st.dictionaries(words, words, max_size=3)),
    first_seen_at=times,
    report=st.none()
    | st.builds(JobReport, st.sampled_from(JobState), maybe_counts, maybe_counts, maybe_counts, maybe_counts, words),
    reported_at=maybe_times,
    polled_at=maybe_times,
    next_poll_at=maybe_times,
    started_at=maybe_times,
    finished_at=maybe_times,
    progressed_at=maybe_times,
    failure=st.none() | st.builds(PollFailure, words, words, words, st.booleans(), maybe_times, st.booleans()),
    failures_in_a_row=counts,
    history=st.lists(st.builds(Observation, times, st.sampled_from(JobState), maybe_counts), max_size=4).map(tuple),
).map(estimate)


@st.composite
def distributions(draw: st.DrawFn) -> Distribution:
    """Draw a histogram's content."""
    bounds = draw(st.lists(times, max_size=4, unique=True).map(sorted))
    slots = draw(st.lists(counts, min_size=len(bounds) + 1, max_size=len(bounds) + 1))
    return Distribution(tuple(bounds), tuple(slots), draw(times))


by_state = st.sampled_from(JobState)
totals = st.builds(
    ModuleTotals,
    st.dictionaries(by_state, counts),
    st.dictionaries(words, counts, max_size=3),
    st.dictionaries(by_state, distributions(), max_size=2),
)
tokens = st.builds(StoredToken, words, times, words, words)
ledgers = st.builds(
    AccountLedger,
    st.dictionaries(st.integers(0, 2**40), counts, max_size=5),
    st.lists(times, max_size=5).map(tuple),
    st.none() | tokens,
)


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """Give a database with our tables and nothing in them."""
    with closing(new_database()) as connection:
        yield connection


def new_database() -> sqlite3.Connection:
    """Make a database with our tables."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for script in MIGRATIONS:
        connection.executescript(script)
    return connection


def kept(*changes: Changes) -> StoredState:
    """Write changes one after the other and give what is read back."""
    with closing(new_database()) as connection:
        for change in changes:
            apply_changes(connection, change)
        return read_contents(connection).state


@given(jobs)
def test_any_job_comes_back(job: TrackedJob) -> None:
    """All that is known of a job survives, and the id is a string from end to end."""
    (read,) = kept(job_saved(job)).jobs
    assert read == job
    assert type(read.spec.key.job_id) is str


def test_estimated_end_is_there_again() -> None:
    """The expected end of a running job needs no further poll after a restart."""
    job = tracked()
    for second, updated in ((0, 0), (15, 150), (30, 300)):
        job = note_report(job, report(updated=updated, total=600), NOW + second)
    (read,) = kept(job_saved(job)).jobs
    assert read.completes_at == NOW + 60


@given(jobs, jobs)
def test_job_replaces_itself_whole(before: TrackedJob, after: TrackedJob) -> None:
    """Nothing of an earlier report or failure shines through a later row."""
    after = replace(after, spec=replace(after.spec, key=before.spec.key))
    assert kept(job_saved(before), job_saved(after)).jobs == (after,)


@given(st.dictionaries(st.tuples(names, names), totals, max_size=3))
def test_any_totals_come_back(by_module: dict[tuple[str, str], ModuleTotals]) -> None:
    """The counters and histograms of every module survive."""
    assert kept(totals_saved(by_module)).totals == by_module


@given(ledgers, ledgers)
def test_difference_of_ledgers_gives_the_later_one(before: AccountLedger, after: AccountLedger) -> None:
    """Writing only what differs leaves exactly the later ledger, whatever the earlier was."""
    empty = AccountLedger()
    read = kept(ledger_changed("acme", empty, before), ledger_changed("acme", before, after))
    assert read.ledgers.get("acme", empty) == after


def test_one_more_credit_is_one_row() -> None:
    """A poll's credit costs one row, not those of the day."""
    credits_by_minute = dict.fromkeys(range(1440), 1)
    day = AccountLedger(credits_by_minute, LEDGER.mints, LEDGER.token)
    (cells,) = ledger_changed("acme", day, replace(day, credits_by_minute=credits_by_minute | {1439: 2})).values()
    assert cells == {"account": "acme", "minute": 1439, "credits": 2}


def test_credits_that_left_the_ledger_leave_the_file() -> None:
    """The file grows no longer than the ledger's 24 hours."""
    after = AccountLedger({29833334: 1})
    read = kept(ledger_changed("acme", AccountLedger(), LEDGER), ledger_changed("acme", LEDGER, after))
    assert read.ledgers == {"acme": after}


def test_accounts_do_not_mix() -> None:
    """Each account has its own credits, mints and token, even where another has none of them."""
    others = {
        "credits": AccountLedger({5: 1}),
        "mints": AccountLedger(mints=(1.5,)),
        "token": AccountLedger(token=LEDGER.token),
    }
    changes = [ledger_changed(alias, AccountLedger(), ledger) for alias, ledger in others.items()]
    assert kept(*changes).ledgers == others


def test_retired_job_leaves_a_tombstone() -> None:
    """Its row goes, its key stays."""
    read = kept(job_saved(tracked()), job_forgotten(LEADS, retired=True))
    assert (read.jobs, read.retired) == ((), frozenset({LEADS}))


@pytest.mark.parametrize(
    ("last", "left"),
    [
        pytest.param(job_forgotten(LEADS, retired=False), (), id="forgotten"),
        pytest.param(job_saved(tracked()), (tracked(),), id="tracked again"),
    ],
)
def test_tombstone_can_be_lifted(last: Changes, left: tuple[TrackedJob, ...]) -> None:
    """A job that is forgotten altogether or tracked again is not retired."""
    read = kept(job_forgotten(LEADS, retired=True), last)
    assert (read.jobs, read.retired) == (left, frozenset())


def test_half_characters_are_replaced() -> None:
    """A word of Zoho that is no Unicode text costs that word, not the job."""
    odd = replace(tracked(), report=replace(report(JobState.UNKNOWN), undocumented_word="H\ud800LD"))
    (read,) = kept(job_saved(odd)).jobs
    assert read.report == replace(report(JobState.UNKNOWN), undocumented_word="H?LD")


@pytest.mark.parametrize(
    ("edit", "table", "complaint"),
    [
        ("UPDATE jobs SET state = 'DONE'", "jobs", "'DONE' is not a valid JobState"),
        ("UPDATE jobs SET source = 'gossip'", "jobs", "'gossip' is not a valid JobSource"),
        ("UPDATE jobs SET updated = 'many'", "jobs", "updated is str, expected int"),
        ("UPDATE jobs SET polled_at = 'noon'", "jobs", "polled_at is str, expected float"),
        ("UPDATE jobs SET undocumented_word = NULL", "jobs", "undocumented_word is NULL, expected str"),
        ("UPDATE jobs SET job_name = x'ff'", "jobs", "job_name is bytes, expected str"),
        ("UPDATE jobs SET labels = '{'", "jobs", "labels is not JSON"),
        ("UPDATE jobs SET labels = '[]'", "jobs", "labels is not a JSON object of str"),
        ("UPDATE jobs SET labels = '{\"team\":1}'", "jobs", "labels is not a JSON object of str"),
        ("UPDATE jobs SET history = replace(hex(zeroblob(60000)), '0', '[')", "jobs", "history is not JSON"),
        ("UPDATE jobs SET history = '{}'", "jobs", "history is not a JSON list"),
        ("UPDATE jobs SET history = '[[1]]'", "jobs", "history is not a list of [time, state, records processed]"),
        ("UPDATE jobs SET history = '[[1,\"DONE\",1]]'", "jobs", "'DONE' is not a valid JobState"),
        (
            "UPDATE jobs SET history = '[[1' || replace(hex(zeroblob(400)), '0', '1') || ',\"FAILED\",1]]'",
            "jobs",
            "int too large to convert to float",
        ),
        ("ALTER TABLE jobs DROP COLUMN progressed_at", "jobs", "there is no column progressed_at"),
        ("UPDATE totals SET finished = '{\"DONE\":1}'", "totals", "'DONE' is not a valid JobState"),
        ('UPDATE totals SET records = \'{"updated":"1"}\'', "totals", "records is not a JSON object of int"),
        (
            'UPDATE totals SET durations = \'{"FAILED":{"bounds":[1],"counts":[1],"total":1}}\'',
            "totals",
            "durations is not bounds, counts (one more than bounds) and total",
        ),
        (
            'UPDATE totals SET durations = \'{"FAILED":{"bounds":["1"],"counts":[1,1],"total":1}}\'',
            "totals",
            "durations is not bounds, counts (one more than bounds) and total",
        ),
        ("UPDATE credits SET credits = 'all'", "credits", "credits is str, expected int"),
        ("UPDATE mints SET minted_at = 'noon'", "mints", "minted_at is str, expected float"),
        ("UPDATE tokens SET expires_at = '1000.secret'", "tokens", "expires_at is str, expected float"),
    ],
)
def test_row_edited_by_hand_is_left_out(
    connection: sqlite3.Connection, caplog: pytest.LogCaptureFixture, edit: str, table: str, complaint: str
) -> None:
    """It is logged with its place and counted; the other tables are read, and no cell of it is shown."""
    one_credit = replace(LEDGER, credits_by_minute={29833333: 2}, mints=(NOW,))
    apply_changes(connection, job_saved(replace(tracked(), report=report(), failure=None)))
    apply_changes(connection, totals_saved({("acme", "Leads"): TOTALS}))
    apply_changes(connection, ledger_changed("acme", AccountLedger(), one_credit))
    connection.execute(edit)
    contents = read_contents(connection)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == f"a row of the state file can't be read and is left out: {complaint}"
    assert record.__dict__["table"] == table
    assert record.__dict__["row"].startswith("acme")
    assert contents.unreadable == 1
    assert len(contents.rows) == 5
    assert "1000.secret" not in str(record.__dict__)


def test_bytes_that_are_no_text_stop_nothing(connection: sqlite3.Connection) -> None:
    """They show as such, and the job is there."""
    apply_changes(connection, job_saved(tracked()))
    connection.execute("UPDATE jobs SET job_name = CAST(x'ff' AS TEXT)")
    assert [job.spec.name for job in read_contents(connection).state.jobs] == ["\ufffd"]
