"""A state file as the first release made it. Versions to come must read it for ever: do not change it."""

TABLES = """
CREATE TABLE jobs (
    account TEXT NOT NULL, module TEXT NOT NULL, job_id TEXT NOT NULL,
    source TEXT NOT NULL, job_name TEXT NOT NULL, job_group TEXT NOT NULL, labels TEXT NOT NULL,
    state TEXT, undocumented_word TEXT,
    updated INTEGER, failed INTEGER, not_updated INTEGER, total INTEGER,
    first_seen_at REAL NOT NULL, reported_at REAL, polled_at REAL, next_poll_at REAL,
    started_at REAL, finished_at REAL, progressed_at REAL,
    failure_code TEXT, failure_message TEXT, failure_advice TEXT,
    failure_is_passing INTEGER, failure_is_account_wide INTEGER, failure_retry_at REAL,
    failures_in_a_row INTEGER NOT NULL, history TEXT NOT NULL,
    PRIMARY KEY (account, module, job_id)
) WITHOUT ROWID;
CREATE TABLE retired (
    account TEXT NOT NULL, module TEXT NOT NULL, job_id TEXT NOT NULL,
    PRIMARY KEY (account, module, job_id)
) WITHOUT ROWID;
CREATE TABLE totals (
    account TEXT NOT NULL, module TEXT NOT NULL,
    finished TEXT NOT NULL, records TEXT NOT NULL, durations TEXT NOT NULL,
    PRIMARY KEY (account, module)
) WITHOUT ROWID;
CREATE TABLE credits (
    account TEXT NOT NULL, minute INTEGER NOT NULL, credits INTEGER NOT NULL,
    PRIMARY KEY (account, minute)
) WITHOUT ROWID;
CREATE TABLE mints (
    account TEXT NOT NULL, position INTEGER NOT NULL, minted_at REAL NOT NULL,
    PRIMARY KEY (account, position)
) WITHOUT ROWID;
CREATE TABLE tokens (
    account TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL, expires_at REAL NOT NULL, api_domain TEXT NOT NULL, fingerprint TEXT NOT NULL
) WITHOUT ROWID;
"""
MARKS = "PRAGMA application_id = 0x5A4D5545; PRAGMA user_version = 1;"
SCHEMA = TABLES + MARKS
