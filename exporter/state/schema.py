"""The schema of the state file, version by version."""

APPLICATION_ID = 0x5A4D5545
"""Marks the file as ours in its header: "ZMUE", the exporter's initials."""
MIGRATIONS: tuple[str, ...] = (
    # Never change one that was released: the n-th makes schema version n out of version n-1.
    """
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
    """,
    # What is no JSON becomes null, which is no document of its kind: it is then left out, counted and told.
    """
    CREATE TABLE documents (
        account TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, document TEXT NOT NULL,
        PRIMARY KEY (account, kind, key)
    ) WITHOUT ROWID;
    INSERT INTO documents SELECT account, 'job', module || '/' || job_id, json_object(
        'spec', json_object(
            'key', json_object('account', account, 'module', module, 'job_id', job_id),
            'source', source, 'name', job_name, 'group', job_group,
            'labels', json(iif(json_valid(labels), labels, 'null'))
        ),
        'first_seen_at', first_seen_at, 'reported_at', reported_at, 'polled_at', polled_at,
        'next_poll_at', next_poll_at, 'started_at', started_at, 'finished_at', finished_at,
        'progressed_at', progressed_at,
        'report', json(iif(state IS NULL, 'null', json_object(
            'state', state, 'undocumented_word', undocumented_word,
            'updated', updated, 'failed', failed, 'not_updated', not_updated, 'total', total
        ))),
        'failure', json(iif(failure_code IS NULL, 'null', json_object(
            'code', failure_code, 'message', failure_message, 'advice', failure_advice,
            'is_passing', failure_is_passing, 'is_account_wide', failure_is_account_wide, 'retry_at', failure_retry_at
        ))),
        'failures_in_a_row', failures_in_a_row,
        'counted', json_object('updated', coalesce(updated, 0), 'failed', coalesce(failed, 0)),
        'history', json(iif(json_valid(history), (
            SELECT json_group_array(json_object(
                'at', json_extract(value, '$[0]'),
                'state', json_extract(value, '$[1]'),
                'processed', json_extract(value, '$[2]')
            )) FROM json_each(iif(json_valid(history), history, '[]'))
        ), 'null'))
    ) FROM jobs;
    INSERT INTO documents SELECT account, 'retired', module || '/' || job_id, '1' FROM retired;
    INSERT INTO documents SELECT account, 'totals', module, json_object(
        'finished', json(iif(json_valid(finished), finished, 'null')),
        'records', json(iif(json_valid(records), records, 'null')),
        'durations', json(iif(json_valid(durations), durations, 'null'))
    ) FROM totals;
    INSERT INTO documents SELECT account, 'credits', CAST(minute AS TEXT), CAST(credits AS TEXT) FROM credits;
    INSERT INTO documents SELECT account, 'standing', '', json_object(
        'token', json((
            SELECT json_object(
                'value', value, 'expires_at', expires_at, 'api_domain', api_domain, 'fingerprint', fingerprint
            ) FROM tokens WHERE tokens.account = known.account
        )),
        'mints', json((
            SELECT json_group_array(minted_at) FROM (
                SELECT minted_at FROM mints WHERE mints.account = known.account ORDER BY minted_at
            )
        ))
    ) FROM (SELECT account FROM tokens UNION SELECT account FROM mints) AS known;
    DROP TABLE jobs; DROP TABLE retired; DROP TABLE totals; DROP TABLE credits; DROP TABLE mints; DROP TABLE tokens;
    """,
)
