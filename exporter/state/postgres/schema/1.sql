-- Version 1. Every write is one call of a function here: it takes the account's row first, and reads what it decides on
-- in statements after that, whose snapshots are newer than the lock. So a client holds no lock between two messages,
-- however long it sleeps, and nothing is decided on what was there before the wait. A single statement with several
-- parts would decide on one snapshot, that of before the wait.
--
-- Times are Unix seconds by clock_timestamp(), which is no transaction's beginning; a test alone gives another (p_at).
-- Documents are text: jsonb refuses the escaped zero bytes that JSON allows.
-- Numbers are told as text, whole (extra_float_digits), whatever a role, a database or a server says of that.

CREATE TABLE zoho_mass_update.accounts (
    alias text PRIMARY KEY,
    revision bigint NOT NULL DEFAULT 0 CHECK (revision >= 0), -- of the last change of anything of the account's
    forgotten bigint NOT NULL DEFAULT 0, -- the last revision of which traces are wiped: who knows less has to read all
    standing text NOT NULL DEFAULT '{}',
    mints double precision[] NOT NULL DEFAULT '{}',
    stood bigint NOT NULL DEFAULT 0, -- the revision of the standing and the mints
    turn bigint, -- who asks for an access token
    turn_expires_at double precision,
    turn_lease double precision CHECK (turn_lease <= 3600)
);

CREATE TABLE zoho_mass_update.jobs (
    account text NOT NULL,
    module text NOT NULL,
    job_id text NOT NULL,
    revision bigint NOT NULL CHECK (revision > 0),
    document text, -- none for a job that has gone: its row tells others so for a while
    is_retired boolean NOT NULL DEFAULT false,
    gone_at double precision,
    PRIMARY KEY (account, module, job_id)
);
CREATE INDEX jobs_revision ON zoho_mass_update.jobs (account, revision);
CREATE INDEX jobs_gone ON zoho_mass_update.jobs (account, gone_at) WHERE document IS NULL AND NOT is_retired;

CREATE TABLE zoho_mass_update.claims (
    account text NOT NULL,
    module text NOT NULL,
    job_id text NOT NULL,
    token bigint NOT NULL, -- drawn for each acquisition: a job that goes and comes back never has an old one again
    expires_at double precision NOT NULL,
    lease double precision NOT NULL CHECK (lease <= 3600), -- seconds; or nobody would outlast one that is no number
    is_probe boolean NOT NULL,
    minute bigint, -- of the last credit booked under it, unless that was given back
    PRIMARY KEY (account, module, job_id)
);

CREATE TABLE zoho_mass_update.credits (
    account text NOT NULL,
    minute bigint NOT NULL,
    lineage text NOT NULL, -- of the server that booked them: another one knows of them by what it was told
    revision bigint NOT NULL CHECK (revision > 0),
    spent bigint NOT NULL,
    on_probes bigint NOT NULL,
    PRIMARY KEY (account, minute, lineage)
);
CREATE INDEX credits_revision ON zoho_mass_update.credits (account, revision);

CREATE TABLE zoho_mass_update.totals (
    account text NOT NULL,
    module text NOT NULL,
    counter text NOT NULL,
    revision bigint NOT NULL CHECK (revision > 0),
    total double precision NOT NULL, -- whole numbers are exact up to 2^53
    PRIMARY KEY (account, module, counter)
);
CREATE INDEX totals_revision ON zoho_mass_update.totals (account, revision);

-- One thing that a copy is to know: kind and key say which, body what; none for gone.
CREATE TYPE zoho_mass_update.news AS (account text, kind text, key text, revision bigint, body text);

CREATE FUNCTION zoho_mass_update.moment(p_at double precision) RETURNS double precision
LANGUAGE sql VOLATILE AS $$
    SELECT coalesce(p_at, extract(epoch FROM clock_timestamp())::double precision)
$$;

-- Whether a lease holds. One that has far longer to go than it was given is of before a clock was set back.
CREATE FUNCTION zoho_mass_update.is_live(p_expires_at double precision, p_lease double precision, p_now double precision)
RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(p_expires_at > p_now AND p_expires_at - p_now <= 2 * p_lease, false)
$$;

CREATE FUNCTION zoho_mass_update.answer(p_body text) RETURNS zoho_mass_update.news
LANGUAGE sql IMMUTABLE AS $$
    SELECT ROW('', 'answer', '', 0, p_body)::zoho_mass_update.news
$$;

-- What is newer than a revision.
CREATE FUNCTION zoho_mass_update.changes(p_account text, p_since bigint) RETURNS SETOF zoho_mass_update.news
LANGUAGE sql STABLE AS $$
    SELECT account, CASE WHEN document IS NOT NULL THEN 'job' WHEN is_retired THEN 'retired' ELSE 'gone' END,
        module || '/' || job_id, revision, coalesce(document, gone_at::text)
    FROM zoho_mass_update.jobs WHERE account = p_account AND revision > p_since
    UNION ALL
    SELECT account, 'totals', module || '/' || counter, revision, total::text
    FROM zoho_mass_update.totals WHERE account = p_account AND revision > p_since
    UNION ALL
    SELECT account, 'credits', minute || '/' || lineage, revision, spent || '/' || on_probes
    FROM zoho_mass_update.credits WHERE account = p_account AND revision > p_since
    UNION ALL
    SELECT alias, 'standing', array_to_json(mints)::text, stood, standing
    FROM zoho_mass_update.accounts WHERE alias = p_account AND stood > p_since
$$;

-- Which schema this is, and since when its server runs: whatever may have lost commits since (a crash, a standby that
-- took over, a backup, a schema made anew) has another one. What was lost can't be seen by revisions once new commits have
-- passed the old ones.
CREATE FUNCTION zoho_mass_update.lineage() RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT 'zoho_mass_update'::regnamespace::oid || '/' || extract(epoch FROM pg_postmaster_start_time())
$$;

-- All that is newer than the revisions that a copy holds, and the clock. A copy that holds what was wiped here, or what
-- was told by another lineage and may never have been here, is told all, and that it is all for one that holds as much as
-- this one. PL/pgSQL plans it once for each connection; in plain SQL the plan of each scrape took longer than its answer.
-- What has changed is asked for in a statement of its own, which is not even begun where nothing has: most often.
CREATE FUNCTION zoho_mass_update.refresh(
    p_aliases text[], p_revisions bigint[], p_lineages text[], p_at double precision DEFAULT NULL
) RETURNS SETOF zoho_mass_update.news
LANGUAGE plpgsql STABLE SET extra_float_digits TO 1 AS $$
DECLARE
    here text := zoho_mass_update.lineage();
    stale record;
BEGIN
    RETURN NEXT ROW('', 'clock', '', 0::bigint, zoho_mass_update.moment(p_at)::text)::zoho_mass_update.news;
    FOR stale IN
        SELECT alias, coalesce(revision, -1) AS revision, coalesce(held.known, -1) AS known,
            CASE WHEN held.lineage = here AND held.known BETWEEN forgotten AND revision
                THEN held.known ELSE -1 END AS since
        FROM zoho_mass_update.accounts
        FULL JOIN unnest(p_aliases, p_revisions, p_lineages) AS held (alias, known, lineage) USING (alias)
        WHERE held.known IS DISTINCT FROM coalesce(revision, -1)
            OR (revision IS NOT NULL AND held.lineage IS DISTINCT FROM here)
    LOOP
        RETURN NEXT ROW(
            stale.alias, 'account', CASE WHEN stale.since < 0 THEN stale.known::text ELSE '' END, stale.revision, here
        )::zoho_mass_update.news;
        RETURN QUERY SELECT * FROM zoho_mass_update.changes(stale.alias, stale.since);
    END LOOP;
END $$;

-- Takes an account's row, made if there is none, and gives the revision of what is about to change. Every function that
-- writes begins with it, so that all take their locks in one order, and revisions come up in the order of commits.
CREATE FUNCTION zoho_mass_update.enter(p_account text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    known bigint;
BEGIN
    SELECT revision INTO known FROM zoho_mass_update.accounts WHERE alias = p_account FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO zoho_mass_update.accounts (alias) VALUES (p_account) ON CONFLICT DO NOTHING;
        SELECT revision INTO known FROM zoho_mass_update.accounts WHERE alias = p_account FOR UPDATE;
    END IF;
    RETURN known + 1;
END $$;

-- Ends what enter began, and gives what changed.
CREATE FUNCTION zoho_mass_update.leave(p_account text, p_revision bigint, p_answer text)
RETURNS SETOF zoho_mass_update.news
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE zoho_mass_update.accounts SET revision = p_revision WHERE alias = p_account;
    RETURN NEXT zoho_mass_update.answer(p_answer);
    RETURN QUERY SELECT * FROM zoho_mass_update.changes(p_account, p_revision - 1);
END $$;

CREATE FUNCTION zoho_mass_update.credit(
    p_account text, p_minute bigint, p_revision bigint, p_spent bigint, p_on_probes bigint
) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO zoho_mass_update.credits AS there (account, minute, lineage, revision, spent, on_probes)
    VALUES (p_account, p_minute, zoho_mass_update.lineage(), p_revision, p_spent, p_on_probes)
    ON CONFLICT (account, minute, lineage) DO UPDATE SET
        revision = excluded.revision,
        spent = greatest(0, there.spent + excluded.spent),
        on_probes = greatest(0, there.on_probes + excluded.on_probes)
$$;

-- Lets go of credits that are back (a minute's are a day after its end), which is told for an hour, or who has not looked
-- meanwhile would count them when a clock is set back; and has those of before a clock was set back count as spent now:
-- they would come back too late.
CREATE FUNCTION zoho_mass_update.follow(p_account text, p_revision bigint, p_now double precision) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    this_minute bigint := floor(p_now / 60);
    ahead record;
BEGIN
    UPDATE zoho_mass_update.credits SET spent = 0, on_probes = 0, revision = p_revision
    WHERE account = p_account AND minute <= (p_now - 86400) / 60 - 1 AND spent > 0;
    DELETE FROM zoho_mass_update.credits WHERE account = p_account AND minute <= (p_now - 90000) / 60 - 1;
    SELECT sum(spent) AS spent, sum(on_probes) AS on_probes INTO ahead
    FROM zoho_mass_update.credits WHERE account = p_account AND minute > this_minute;
    IF ahead.spent > 0 THEN
        UPDATE zoho_mass_update.credits SET spent = 0, on_probes = 0, revision = p_revision
        WHERE account = p_account AND minute > this_minute;
        UPDATE zoho_mass_update.claims SET minute = this_minute WHERE account = p_account AND minute > this_minute;
        PERFORM zoho_mass_update.credit(p_account, this_minute, p_revision, ahead.spent::bigint, ahead.on_probes::bigint);
    END IF;
END $$;

-- Books a credit for a call made now, or says which limit stands against it.
CREATE FUNCTION zoho_mass_update.spend(
    p_account text, p_revision bigint, p_limit bigint, p_share bigint, p_is_probe boolean, p_now double precision
) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    used record;
BEGIN
    PERFORM zoho_mass_update.follow(p_account, p_revision, p_now);
    SELECT coalesce(sum(spent), 0) AS spent, coalesce(sum(on_probes), 0) AS on_probes INTO used
    FROM zoho_mass_update.credits WHERE account = p_account;
    IF used.spent >= p_limit THEN
        RETURN 'limit';
    END IF;
    IF p_is_probe AND used.on_probes >= p_share THEN
        RETURN 'share';
    END IF;
    PERFORM zoho_mass_update.credit(p_account, floor(p_now / 60)::bigint, p_revision, 1, p_is_probe::int);
    RETURN '';
END $$;

-- The right to poll a job, its credit and its place among the account's calls, all or nothing. p_known is the revision
-- of the job that made the claimer want it: what changed since may have been somebody else's poll, and the claimer, who
-- holds what there was up to p_since, is told. One whose copy is of another lineage has credits to make up for first.
CREATE FUNCTION zoho_mass_update.claim(
    p_account text, p_module text, p_job_id text, p_known bigint, p_since bigint, p_lineage text, p_token bigint,
    p_lease double precision, p_is_probe boolean, p_limit bigint, p_share bigint, p_at_once bigint,
    p_at double precision DEFAULT NULL
) RETURNS SETOF zoho_mass_update.news
LANGUAGE plpgsql SET lock_timeout TO '2s' SET extra_float_digits TO 1 AS $$
DECLARE
    own bigint := zoho_mass_update.enter(p_account);
    at double precision := zoho_mass_update.moment(p_at);
    held record;
    refusal text;
BEGIN
    IF p_lineage <> zoho_mass_update.lineage() THEN
        RETURN NEXT zoho_mass_update.answer('moved');
        RETURN;
    END IF;
    PERFORM FROM zoho_mass_update.jobs
    WHERE account = p_account AND module = p_module AND job_id = p_job_id AND revision > p_known;
    IF FOUND THEN
        RETURN NEXT zoho_mass_update.answer('news');
        RETURN QUERY SELECT * FROM zoho_mass_update.changes(p_account, p_since);
        RETURN;
    END IF;
    SELECT * INTO held FROM zoho_mass_update.claims
    WHERE account = p_account AND module = p_module AND job_id = p_job_id;
    IF held.token = p_token THEN -- asked again, for the first answer was lost on the way
        RETURN NEXT zoho_mass_update.answer(held.expires_at::text);
        RETURN;
    END IF;
    IF zoho_mass_update.is_live(held.expires_at, held.lease, at) THEN
        RETURN NEXT zoho_mass_update.answer('claimed');
        RETURN;
    END IF;
    IF p_at_once <= (
        SELECT count(*) FROM zoho_mass_update.claims
        WHERE account = p_account AND zoho_mass_update.is_live(expires_at, lease, at)
    ) THEN
        RETURN NEXT zoho_mass_update.answer('busy');
        RETURN;
    END IF;
    refusal := zoho_mass_update.spend(p_account, own, p_limit, p_share, p_is_probe, at);
    IF refusal = '' THEN
        INSERT INTO zoho_mass_update.claims (account, module, job_id, token, expires_at, lease, is_probe, minute)
        VALUES (p_account, p_module, p_job_id, p_token, at + p_lease, p_lease, p_is_probe, floor(at / 60)::bigint)
        ON CONFLICT (account, module, job_id) DO UPDATE SET
            token = excluded.token, expires_at = excluded.expires_at, lease = excluded.lease,
            is_probe = excluded.is_probe, minute = excluded.minute;
        refusal := (at + p_lease)::text;
    END IF;
    RETURN QUERY SELECT * FROM zoho_mass_update.leave(p_account, own, refusal);
END $$;

-- Books a further credit under a claim.
CREATE FUNCTION zoho_mass_update.book(
    p_account text, p_module text, p_job_id text, p_token bigint, p_limit bigint, p_share bigint,
    p_at double precision DEFAULT NULL
) RETURNS SETOF zoho_mass_update.news
LANGUAGE plpgsql SET lock_timeout TO '2s' SET extra_float_digits TO 1 AS $$
DECLARE
    own bigint := zoho_mass_update.enter(p_account);
    at double precision := zoho_mass_update.moment(p_at);
    is_probed boolean;
    refusal text;
BEGIN
    SELECT is_probe INTO is_probed FROM zoho_mass_update.claims
    WHERE account = p_account AND module = p_module AND job_id = p_job_id AND token = p_token;
    IF NOT FOUND THEN
        RETURN NEXT zoho_mass_update.answer('lost');
        RETURN;
    END IF;
    refusal := zoho_mass_update.spend(p_account, own, p_limit, p_share, is_probed, at);
    IF refusal = '' THEN
        UPDATE zoho_mass_update.claims SET minute = floor(at / 60)::bigint
        WHERE account = p_account AND module = p_module AND job_id = p_job_id;
    END IF;
    RETURN QUERY SELECT * FROM zoho_mass_update.leave(p_account, own, refusal);
END $$;

-- Returns the credit last booked under a claim, once.
CREATE FUNCTION zoho_mass_update.give_back(p_account text, p_module text, p_job_id text, p_token bigint)
RETURNS SETOF zoho_mass_update.news
LANGUAGE plpgsql SET lock_timeout TO '2s' SET extra_float_digits TO 1 AS $$
DECLARE
    own bigint := zoho_mass_update.enter(p_account);
    held record;
BEGIN
    SELECT * INTO held FROM zoho_mass_update.claims
    WHERE account = p_account AND module = p_module AND job_id = p_job_id AND token = p_token;
    IF held.minute IS NOT NULL THEN
        UPDATE zoho_mass_update.claims SET minute = NULL
        WHERE account = p_account AND module = p_module AND job_id = p_job_id;
        UPDATE zoho_mass_update.credits SET
            spent = greatest(0, spent - 1), on_probes = greatest(0, on_probes - held.is_probe::int), revision = own
        WHERE account = p_account AND minute = held.minute AND lineage = (
            SELECT lineage FROM zoho_mass_update.credits
            WHERE account = p_account AND minute = held.minute AND spent > 0
            ORDER BY lineage = zoho_mass_update.lineage() DESC LIMIT 1
        );
        RETURN QUERY SELECT * FROM zoho_mass_update.leave(p_account, own, '');
    END IF;
END $$;

CREATE FUNCTION zoho_mass_update.release(p_account text, p_module text, p_job_id text, p_token bigint)
RETURNS SETOF zoho_mass_update.news
LANGUAGE sql AS $$
    DELETE FROM zoho_mass_update.claims
    WHERE account = p_account AND module = p_module AND job_id = p_job_id AND token = p_token;
    SELECT zoho_mass_update.answer('');
$$;

-- Writes a job over what there is of a revision (0 where there is nothing), adds to its module's totals, and ends the claim
-- that is given: without that claim nothing is written. What stands of a job that has gone is wiped after a while.
CREATE FUNCTION zoho_mass_update.put(
    p_account text, p_module text, p_job_id text, p_known bigint, p_document text, p_token bigint,
    p_counters text[], p_growths double precision[]
) RETURNS SETOF zoho_mass_update.news
LANGUAGE plpgsql SET lock_timeout TO '2s' SET extra_float_digits TO 1 AS $$
DECLARE
    own bigint := zoho_mass_update.enter(p_account);
    there record;
BEGIN
    IF p_token IS NOT NULL THEN
        PERFORM FROM zoho_mass_update.claims
        WHERE account = p_account AND module = p_module AND job_id = p_job_id AND token = p_token;
        IF NOT FOUND THEN
            RETURN NEXT zoho_mass_update.answer('lost');
            RETURN;
        END IF;
    END IF;
    SELECT * INTO there FROM zoho_mass_update.jobs
    WHERE account = p_account AND module = p_module AND job_id = p_job_id;
    IF (CASE WHEN FOUND THEN there.revision <> p_known
        ELSE p_known > (SELECT forgotten FROM zoho_mass_update.accounts WHERE alias = p_account) END) THEN
        RETURN NEXT zoho_mass_update.answer('changed');
        RETURN;
    END IF;
    DELETE FROM zoho_mass_update.claims
    WHERE account = p_account AND module = p_module AND job_id = p_job_id AND token = p_token;
    INSERT INTO zoho_mass_update.jobs (account, module, job_id, revision, document)
    VALUES (p_account, p_module, p_job_id, own, p_document)
    ON CONFLICT (account, module, job_id) DO UPDATE SET
        revision = excluded.revision, document = excluded.document, is_retired = false, gone_at = NULL;
    INSERT INTO zoho_mass_update.totals AS counted (account, module, counter, revision, total)
    SELECT p_account, p_module, counter, own, growth FROM unnest(p_counters, p_growths) AS grown (counter, growth)
    ON CONFLICT (account, module, counter) DO UPDATE SET
        total = counted.total + excluded.total, revision = excluded.revision;
    RETURN QUERY SELECT * FROM zoho_mass_update.leave(p_account, own, '');
END $$;

-- Lets go of jobs and of their claims, and remembers them as retired, or no longer, as it was said at a time; only of those
-- that have not changed since a revision. What went long ago is wiped.
CREATE FUNCTION zoho_mass_update.forget(
    p_account text, p_modules text[], p_job_ids text[], p_known bigint[], p_is_retired boolean,
    p_said_at double precision, p_at double precision DEFAULT NULL
) RETURNS SETOF zoho_mass_update.news
LANGUAGE plpgsql SET lock_timeout TO '2s' SET extra_float_digits TO 1 AS $$
DECLARE
    own bigint := zoho_mass_update.enter(p_account);
    at double precision := zoho_mass_update.moment(p_at);
    wiped bigint;
    asked bigint := cardinality(p_modules);
BEGIN
    SELECT coalesce(array_agg(module), '{}'), coalesce(array_agg(job_id), '{}') INTO p_modules, p_job_ids
    FROM unnest(p_modules, p_job_ids, p_known) AS gone (module, job_id, known)
    WHERE NOT EXISTS (
        SELECT FROM zoho_mass_update.jobs
        WHERE account = p_account AND jobs.module = gone.module AND jobs.job_id = gone.job_id AND revision > known
    );
    DELETE FROM zoho_mass_update.claims USING unnest(p_modules, p_job_ids) AS gone (module, job_id)
    WHERE account = p_account AND claims.module = gone.module AND claims.job_id = gone.job_id;
    UPDATE zoho_mass_update.jobs SET document = NULL, is_retired = p_is_retired, gone_at = p_said_at, revision = own
    FROM unnest(p_modules, p_job_ids) AS gone (module, job_id)
    WHERE account = p_account AND jobs.module = gone.module AND jobs.job_id = gone.job_id
        AND (document IS NOT NULL OR is_retired <> p_is_retired);
    IF p_is_retired THEN
        INSERT INTO zoho_mass_update.jobs (account, module, job_id, revision, is_retired, gone_at)
        SELECT p_account, module, job_id, own, true, p_said_at
        FROM unnest(p_modules, p_job_ids) AS gone (module, job_id)
        ON CONFLICT DO NOTHING;
    END IF;
    WITH old AS (
        DELETE FROM zoho_mass_update.jobs
        WHERE account = p_account AND document IS NULL AND NOT is_retired AND gone_at < at - 86400
        RETURNING revision
    )
    SELECT max(revision) INTO wiped FROM old;
    UPDATE zoho_mass_update.accounts SET forgotten = greatest(forgotten, wiped) WHERE alias = p_account;
    RETURN QUERY SELECT * FROM zoho_mass_update.leave(
        p_account, own, CASE WHEN cardinality(p_modules) < asked THEN 'changed' ELSE '' END
    );
END $$;

-- Writes a standing over the one of a revision, or tells the one that is there by now. With a turn that is somebody
-- else's by now, nothing is written.
CREATE FUNCTION zoho_mass_update.stand(
    p_account text, p_known bigint, p_standing text, p_mints double precision[], p_turn bigint
) RETURNS SETOF zoho_mass_update.news
LANGUAGE plpgsql SET lock_timeout TO '2s' SET extra_float_digits TO 1 AS $$
DECLARE
    own bigint := zoho_mass_update.enter(p_account);
    there record;
BEGIN
    SELECT * INTO there FROM zoho_mass_update.accounts WHERE alias = p_account;
    IF p_turn IS NOT NULL AND there.turn IS DISTINCT FROM p_turn THEN
        RETURN NEXT zoho_mass_update.answer('lost');
    ELSIF there.stood <> p_known THEN
        RETURN NEXT zoho_mass_update.answer('outdated');
        RETURN QUERY SELECT * FROM zoho_mass_update.changes(p_account, there.stood - 1) WHERE kind = 'standing';
    ELSE
        UPDATE zoho_mass_update.accounts SET standing = p_standing, mints = p_mints, stood = own
        WHERE alias = p_account;
        RETURN QUERY SELECT * FROM zoho_mass_update.leave(p_account, own, '');
    END IF;
END $$;

-- Counts one access token asked for, or says when the next may be.
CREATE FUNCTION zoho_mass_update.book_mint(
    p_account text, p_most bigint, p_window double precision, p_at double precision DEFAULT NULL
) RETURNS SETOF zoho_mass_update.news
LANGUAGE plpgsql SET lock_timeout TO '2s' SET extra_float_digits TO 1 AS $$
DECLARE
    own bigint := zoho_mass_update.enter(p_account);
    now double precision := zoho_mass_update.moment(p_at);
    recent double precision[];
    next_at text := '';
BEGIN
    -- Those of the future are of before a clock was set back: they count as made now.
    SELECT coalesce(array_agg(least(mint, now) ORDER BY mint), '{}') INTO recent
    FROM zoho_mass_update.accounts, unnest(mints) AS mint
    WHERE alias = p_account AND now - least(mint, now) < p_window;
    IF cardinality(recent) >= p_most THEN
        next_at := (recent[1] + p_window)::text;
    ELSE
        recent := recent || now;
    END IF;
    UPDATE zoho_mass_update.accounts SET mints = recent, stood = own WHERE alias = p_account;
    RETURN QUERY SELECT * FROM zoho_mass_update.leave(p_account, own, next_at);
END $$;

-- Puts back what a copy of before a lineage began holds and this database has never heard of: jobs (without a document
-- those that have gone), totals, credits, access tokens asked for, and the standing where there is none. However many
-- copies are put back, and whatever was booked meanwhile, each credit counts once, for no server adds to what another one
-- has booked, and the most that anybody was told of that holds; those of before yesterday are left out.
CREATE FUNCTION zoho_mass_update.make_up(
    p_account text, p_modules text[], p_job_ids text[], p_documents text[], p_are_retired boolean[],
    p_gone_at double precision[], p_counted text[], p_counters text[], p_totals double precision[],
    p_minutes bigint[], p_lineages text[], p_spent bigint[], p_on_probes bigint[],
    p_standing text, p_mints double precision[], p_at double precision DEFAULT NULL
) RETURNS SETOF zoho_mass_update.news
LANGUAGE plpgsql SET lock_timeout TO '2s' SET extra_float_digits TO 1 AS $$
DECLARE
    own bigint := zoho_mass_update.enter(p_account);
    at double precision := zoho_mass_update.moment(p_at);
BEGIN
    INSERT INTO zoho_mass_update.jobs (account, module, job_id, revision, document, is_retired, gone_at)
    SELECT p_account, module, job_id, own, document, is_retired, gone_at
    FROM unnest(p_modules, p_job_ids, p_documents, p_are_retired, p_gone_at)
        AS held (module, job_id, document, is_retired, gone_at)
    ON CONFLICT DO NOTHING;
    INSERT INTO zoho_mass_update.totals (account, module, counter, revision, total)
    SELECT p_account, module, counter, own, total
    FROM unnest(p_counted, p_counters, p_totals) AS held (module, counter, total)
    ON CONFLICT DO NOTHING;
    INSERT INTO zoho_mass_update.credits AS there (account, minute, lineage, revision, spent, on_probes)
    SELECT p_account, minute, lineage, own, spent, on_probes
    FROM unnest(p_minutes, p_lineages, p_spent, p_on_probes) AS held (minute, lineage, spent, on_probes)
    WHERE minute > (at - 86400) / 60 - 1
    ON CONFLICT (account, minute, lineage) DO UPDATE SET
        revision = own,
        spent = greatest(there.spent, excluded.spent),
        on_probes = greatest(there.on_probes, excluded.on_probes)
    WHERE excluded.spent > there.spent OR excluded.on_probes > there.on_probes;
    UPDATE zoho_mass_update.accounts SET
        standing = CASE WHEN stood = 0 THEN p_standing ELSE standing END,
        mints = ARRAY(SELECT mint FROM unnest(mints) AS mint UNION SELECT mint FROM unnest(p_mints) AS mint ORDER BY mint),
        stood = own
    WHERE alias = p_account AND (stood = 0 OR NOT p_mints <@ mints);
    RETURN QUERY SELECT * FROM zoho_mass_update.leave(p_account, own, '');
END $$;

-- Takes the right to ask for an access token, alone among all; who gets it is told what is new.
CREATE FUNCTION zoho_mass_update.take_turn(
    p_account text, p_turn bigint, p_lease double precision, p_since bigint, p_at double precision DEFAULT NULL
) RETURNS SETOF zoho_mass_update.news
LANGUAGE plpgsql SET lock_timeout TO '2s' SET extra_float_digits TO 1 AS $$
DECLARE
    at double precision;
    there record;
BEGIN
    PERFORM zoho_mass_update.enter(p_account);
    at := zoho_mass_update.moment(p_at);
    SELECT * INTO there FROM zoho_mass_update.accounts WHERE alias = p_account;
    IF there.turn <> p_turn AND zoho_mass_update.is_live(there.turn_expires_at, there.turn_lease, at) THEN
        RETURN NEXT zoho_mass_update.answer('busy');
        RETURN;
    END IF;
    UPDATE zoho_mass_update.accounts SET turn = p_turn, turn_expires_at = at + p_lease, turn_lease = p_lease
    WHERE alias = p_account;
    RETURN NEXT zoho_mass_update.answer('');
    RETURN QUERY SELECT * FROM zoho_mass_update.changes(p_account, p_since);
END $$;

CREATE FUNCTION zoho_mass_update.end_turn(p_account text, p_turn bigint) RETURNS SETOF zoho_mass_update.news
LANGUAGE sql AS $$
    UPDATE zoho_mass_update.accounts SET turn = NULL WHERE alias = p_account AND turn = p_turn;
    SELECT zoho_mass_update.answer('');
$$;
