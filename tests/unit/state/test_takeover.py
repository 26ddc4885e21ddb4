"""A state file of the first version: everything good in it goes on, whatever stands beside it."""

import json
import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import DEALS, LEADS, NOW
from version_1 import SCHEMA

from exporter.jobs.outcome import growth_of, note_report
from exporter.model import (
    Distribution,
    Growth,
    JobKey,
    JobReport,
    JobSource,
    JobSpec,
    JobState,
    KeptToken,
    ModuleTotals,
    Observation,
    PollFailure,
    Standing,
    TrackedJob,
)
from exporter.state import Purse, SqliteStore

# Versions to come must read these rows for ever: do not change them.
ROWS = """
    INSERT INTO jobs VALUES (
        'acme', 'Leads', '3524033000006027001', 'config', 'Spring', 'campaign', '{"team":"sales"}',
        'RUNNING', '', 30, 0, 20, 50, 1790000000.0, 1790000030.0, 1790000045.0, 1790000060.0,
        1790000015.0, NULL, 1790000030.0, 'timeout', 'Zoho fell silent', 'check the network', 1, 0, 1790000099.0,
        2, '[[1790000015.0,"RUNNING",0],[1790000030.0,"RUNNING",30]]'
    ), (
        'acme', 'Deals', '3524033000006027002', 'api', '', '', '{}',
        NULL, NULL, NULL, NULL, NULL, NULL, 1790000000.0, NULL, NULL, NULL,
        NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '[]'
    );
    INSERT INTO retired VALUES ('acme', 'Leads', '3524033000006027000');
    INSERT INTO totals VALUES (
        'acme', 'Leads', '{"COMPLETED":3}', '{"updated":7,"failed":1}',
        '{"COMPLETED":{"bounds":[60.0,600.0],"counts":[1,2,0],"total":400.0}}'
    );
    INSERT INTO credits VALUES ('acme', 29833333, 2), ('acme', 29833332, 1);
    INSERT INTO mints VALUES ('acme', 0, 1789999000.0), ('acme', 1, 1790000000.0);
    INSERT INTO tokens VALUES ('acme', '1000.secret', 1790003600.0, 'https://www.zohoapis.com', 'f1');
"""
RUNNING = TrackedJob(
    JobSpec(LEADS, JobSource.CONFIG, "Spring", "campaign", {"team": "sales"}),
    first_seen_at=NOW,
    report=JobReport(JobState.RUNNING, 30, 0, 20, 50),
    reported_at=NOW + 30,
    polled_at=NOW + 45,
    next_poll_at=NOW + 60,
    started_at=NOW + 15,
    progressed_at=NOW + 30,
    failure=PollFailure("timeout", "Zoho fell silent", "check the network", retry_at=NOW + 99),
    failures_in_a_row=2,
    counted={"updated": 30, "failed": 0},
    history=(Observation(NOW + 15, JobState.RUNNING, 0), Observation(NOW + 30, JobState.RUNNING, 30)),
)
NEVER_POLLED = TrackedJob(JobSpec(DEALS, JobSource.API), first_seen_at=NOW, counted={"updated": 0, "failed": 0})
TOTALS = ModuleTotals(
    {JobState.COMPLETED: 3},
    {"updated": 7, "failed": 1},
    {JobState.COMPLETED: Distribution((60.0, 600.0), (1, 2, 0), 400.0)},
)
STANDING = Standing(KeptToken("1000.secret", NOW + 3600, "https://www.zohoapis.com", "f1"), (NOW - 1000, NOW))
ALL = (
    {LEADS: RUNNING, DEALS: NEVER_POLLED},
    {JobKey("acme", "Leads", "3524033000006027000")},
    {"Leads": TOTALS},
    3,
    STANDING,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the path of a file of version 1."""
    path = tmp_path / "state.db"
    write(path, SCHEMA + ROWS)
    return path


def write(path: Path, script: str) -> None:
    """Write to a database without our help."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


def taken_over(path: Path) -> tuple[tuple[object, ...], int]:
    """Open a file, and give what is known of the account, and how many rows were left out."""
    store = SqliteStore(path, lambda: NOW)
    account = store.account("acme")
    known = (account.jobs(), account.retired(), account.totals(), account.used(), account.standing)
    unreadable = store.health().errors["load"]
    store.close()
    return known, unreadable


def test_everything_is_taken_over(path: Path) -> None:
    """A file of the first release gives all that it holds, and gives it again at the next start."""
    assert taken_over(path) == (ALL, 0)
    assert taken_over(path) == (ALL, 0)


def test_counting_goes_on(path: Path) -> None:
    """What version 1 has counted of a job is not counted again."""
    assert RUNNING.counted == {"updated": 30, "failed": 0}
    (jobs, *_), _ = taken_over(path)
    assert isinstance(jobs, dict)
    assert jobs[LEADS].counted == {"updated": 30, "failed": 0}


ODD = [
    pytest.param("UPDATE jobs SET state = 'DONE' WHERE module = 'Leads'", 0, id="unknown state"),
    pytest.param("UPDATE jobs SET source = 'gossip' WHERE module = 'Leads'", 0, id="unknown source"),
    pytest.param("UPDATE jobs SET updated = 'many' WHERE module = 'Leads'", 0, id="count that is text"),
    pytest.param("UPDATE jobs SET updated = 2.5 WHERE module = 'Leads'", 0, id="half a record"),
    pytest.param("UPDATE jobs SET updated = -1 WHERE module = 'Leads'", 0, id="negative count"),
    pytest.param("UPDATE jobs SET total = 9223372036854775807 WHERE module = 'Leads'", 0, id="huge count"),
    pytest.param("UPDATE jobs SET updated = x'3330' WHERE module = 'Leads'", 0, id="count that is bytes"),
    pytest.param("UPDATE jobs SET polled_at = 'noon' WHERE module = 'Leads'", 0, id="time that is text"),
    pytest.param("UPDATE jobs SET polled_at = 9e999 WHERE module = 'Leads'", 0, id="infinite time"),
    pytest.param("UPDATE jobs SET next_poll_at = 9e999 WHERE module = 'Leads'", 0, id="never polled again"),
    pytest.param("UPDATE jobs SET next_poll_at = 1e15 WHERE module = 'Leads'", 0, id="polled in a million years"),
    pytest.param("UPDATE jobs SET first_seen_at = -1 WHERE module = 'Leads'", 0, id="time before all times"),
    pytest.param("UPDATE jobs SET undocumented_word = NULL WHERE module = 'Leads'", 0, id="NULL word"),
    pytest.param("UPDATE jobs SET failure_message = NULL WHERE module = 'Leads'", 0, id="NULL message"),
    pytest.param("UPDATE jobs SET failure_is_passing = NULL WHERE module = 'Leads'", 0, id="NULL truth"),
    pytest.param("UPDATE jobs SET failure_is_passing = 7 WHERE module = 'Leads'", 0, id="truth of another kind"),
    pytest.param("UPDATE jobs SET job_name = x'ff' WHERE module = 'Leads'", 0, id="name that is bytes"),
    pytest.param("UPDATE jobs SET labels = '{' WHERE module = 'Leads'", 0, id="broken labels"),
    pytest.param("UPDATE jobs SET labels = x'7b7d' WHERE module = 'Leads'", 0, id="labels that are bytes"),
    pytest.param("UPDATE jobs SET labels = '[]' WHERE module = 'Leads'", 0, id="labels that are a list"),
    pytest.param("UPDATE jobs SET labels = '{\"team\":1}' WHERE module = 'Leads'", 0, id="label that is a number"),
    pytest.param(
        "UPDATE jobs SET labels = replace(hex(zeroblob(60000)), '0', '[') WHERE module = 'Leads'", 0, id="deep labels"
    ),
    pytest.param("UPDATE jobs SET history = '' WHERE module = 'Leads'", 0, id="no history"),
    pytest.param("UPDATE jobs SET history = '{}' WHERE module = 'Leads'", 0, id="history that is an object"),
    pytest.param("UPDATE jobs SET history = '[[1]]' WHERE module = 'Leads'", 0, id="half an observation"),
    pytest.param("UPDATE jobs SET history = '[\"x\"]' WHERE module = 'Leads'", 0, id="observation that is a word"),
    pytest.param("UPDATE jobs SET history = '[\"xyz\"]' WHERE module = 'Leads'", 0, id="word of three letters"),
    pytest.param("UPDATE jobs SET history = '[null]' WHERE module = 'Leads'", 0, id="no observation"),
    pytest.param("UPDATE jobs SET history = '[[1,\"DONE\",1]]' WHERE module = 'Leads'", 0, id="unknown past state"),
    pytest.param("UPDATE jobs SET history = '[[1e999,\"FAILED\",1]]' WHERE module = 'Leads'", 0, id="infinite past"),
    pytest.param("UPDATE jobs SET history = '[[NaN,\"FAILED\",1]]' WHERE module = 'Leads'", 0, id="no number"),
    pytest.param(
        "UPDATE jobs SET history = '[[1' || replace(hex(zeroblob(400)), '0', '1') || ',\"FAILED\",1]]'"
        " WHERE module = 'Leads'",
        0,
        id="time of 801 digits",
    ),
    pytest.param("UPDATE retired SET account = x'ff'", 1, id="account that is bytes"),
    pytest.param("UPDATE totals SET finished = '{\"DONE\":1}'", 2, id="unknown end"),
    pytest.param("UPDATE totals SET finished = '{'", 2, id="broken ends"),
    pytest.param('UPDATE totals SET records = \'{"updated":"1"}\'', 2, id="records that are text"),
    pytest.param("UPDATE totals SET records = '{\"updated\":-1}'", 2, id="negative records"),
    pytest.param("UPDATE totals SET records = '{\"updated\":1e999}'", 2, id="infinite records"),
    pytest.param("UPDATE totals SET records = x'ff'", 2, id="records that are bytes"),
    pytest.param("UPDATE totals SET module = x'ff'", 2, id="module that is bytes"),
    pytest.param(
        'UPDATE totals SET durations = \'{"FAILED":{"bounds":[1],"counts":[1],"total":1}}\'', 2, id="too few buckets"
    ),
    pytest.param(
        'UPDATE totals SET durations = \'{"FAILED":{"bounds":["1"],"counts":[1,1],"total":1}}\'', 2, id="text bound"
    ),
    pytest.param("UPDATE credits SET credits = 'all' WHERE minute = 29833332", 3, id="credits that are text"),
    pytest.param("UPDATE credits SET credits = -1 WHERE minute = 29833332", 3, id="fewer than no credits"),
    pytest.param("UPDATE credits SET credits = 9e999 WHERE minute = 29833332", 3, id="infinite credits"),
    pytest.param("UPDATE credits SET credits = x'31' WHERE minute = 29833332", 3, id="credits that are bytes"),
    pytest.param("UPDATE credits SET minute = 'noon' WHERE minute = 29833332", 3, id="minute that is text"),
    pytest.param("UPDATE credits SET minute = 2.5 WHERE minute = 29833332", 3, id="half a minute"),
    pytest.param("UPDATE mints SET minted_at = 'noon' WHERE position = 0", 4, id="mint that is text"),
    pytest.param("UPDATE mints SET minted_at = 9e999 WHERE position = 0", 4, id="infinite mint"),
    pytest.param("UPDATE mints SET minted_at = x'ff' WHERE position = 0", 4, id="mint that is bytes"),
    pytest.param("UPDATE tokens SET expires_at = '1000.secret'", 5, id="end that is text"),
    pytest.param("UPDATE tokens SET expires_at = 9e999", 5, id="token for ever"),
    pytest.param("UPDATE tokens SET value = '1000.secret' || char(8232)", 5, id="line separator in a token"),
    pytest.param("UPDATE tokens SET value = '1000.secret' || char(10) || 'X: y'", 5, id="header in a token"),
    pytest.param("UPDATE tokens SET value = ''", 5, id="token without a character"),
    pytest.param("UPDATE tokens SET value = x'ff'", 5, id="token that is bytes"),
]
"""Edits by hand, each with what is missing then: a job, the tombstone, totals, a credit, a mint, the token."""
LEFT = [
    ({DEALS: NEVER_POLLED}, *ALL[1:]),
    (ALL[0], set(), *ALL[2:]),
    (*ALL[:2], {}, *ALL[3:]),
    (*ALL[:3], 2, STANDING),
    (*ALL[:4], Standing(STANDING.token, (NOW,))),
    (*ALL[:4], Standing(None, STANDING.mints)),
]


@pytest.mark.parametrize(("edit", "missing"), ODD)
def test_odd_row_is_left_out(path: Path, caplog: pytest.LogCaptureFixture, edit: str, missing: int) -> None:
    """It is counted and told at each start, nothing of it is shown, and everything else is there."""
    write(path, edit)
    for _ in range(2):
        caplog.clear()
        assert taken_over(path) == (LEFT[missing], 1)
        (record,) = caplog.records
        assert record.levelno == logging.WARNING
        assert record.getMessage().startswith("a row of the state file can't be read and is left out: ")
        assert "1000.secret" not in str(record.__dict__)


def test_bytes_that_are_no_text_stop_nothing(path: Path) -> None:
    """They show as such, and the job is there."""
    write(path, "UPDATE jobs SET job_name = CAST(x'ff' AS TEXT) WHERE module = 'Leads'")
    (jobs, *_), unreadable = taken_over(path)
    assert isinstance(jobs, dict)
    assert (jobs[LEADS].spec.name, unreadable) == ("\ufffd", 0)


def test_row_without_a_column_is_left_out(path: Path) -> None:
    """Somebody's own tool has changed the table: the other tables are taken over."""
    write(path, "ALTER TABLE jobs DROP COLUMN progressed_at")
    assert taken_over(path) == (({}, *ALL[1:]), 2)


moments = st.floats(0, 4e9)


@settings(max_examples=20, deadline=None)
@given(moments, moments, st.integers(0, 2**53), st.text(st.characters(exclude_categories=["Cs"]), max_size=9))
def test_every_digit_and_letter_is_taken_over(
    tmp_path_factory: pytest.TempPathFactory, first: float, seen: float, count: int, name: str
) -> None:
    """Times to the last bit, counts beyond a float's digits, names in any script."""
    path = tmp_path_factory.mktemp("state") / "state.db"
    write(path, SCHEMA + ROWS)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "UPDATE jobs SET first_seen_at = ?, started_at = ?, updated = ?, job_name = ?, history = ?, labels = ?"
            " WHERE module = 'Leads'",
            (first, first, count, name, json.dumps([[seen, "RUNNING", count]]), json.dumps({"team": name})),
        )
        connection.execute("UPDATE mints SET minted_at = ? WHERE position = 0", (seen,))
    (jobs, _, _, _, standing), unreadable = taken_over(path)
    assert isinstance(jobs, dict)
    assert isinstance(standing, Standing)
    job = jobs[LEADS]
    assert (job.first_seen_at, job.started_at, job.report.updated, job.spec.name) == (first, first, count, name)
    assert (job.history, job.spec.labels) == ((Observation(seen, JobState.RUNNING, count),), {"team": name})
    assert (sorted(standing.mints), unreadable) == (sorted([seen, NOW]), 0)


def failed(job: TrackedJob) -> tuple[TrackedJob, Growth]:
    """Note that a job has failed, one record later."""
    after = note_report(job, JobReport(JobState.FAILED, 31, 0, 19, 50), NOW + 100)
    return after, growth_of(job, after)


def test_kept_totals_that_lack_words_go_on(path: Path) -> None:
    """The counters of the sample know no FAILED job yet: the first one is counted, not lost."""
    assert JobState.FAILED not in TOTALS.finished
    taken_over(path)
    store = SqliteStore(path, lambda: NOW)
    account = store.account("acme")
    before = account.get(LEADS)
    assert before is not None
    landed = account.land(account.claim(LEADS, Purse(None), 60), failed)
    totals = account.totals()["Leads"]
    store.close()
    assert landed is not None
    assert (totals.finished, totals.records) == (
        {JobState.COMPLETED: 3, JobState.FAILED: 1},
        {"updated": 8, "failed": 1},
    )
