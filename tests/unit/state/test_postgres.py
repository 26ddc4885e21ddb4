"""The shared store on a database that is away, odd, slow or silent: told, waited for within bounds, and made up for.

Behind a pooler in transaction mode the whole conformance suite runs.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

import psycopg
import pytest
from databases import GUARDED, Server, ask, fall_back, keep
from samples import LEADS, NOW, Clock, report
from wires import Loss, Wire

from exporter.errors import HeldBackError
from exporter.files import read_secret_file
from exporter.jobs import JobTable, Retention
from exporter.jobs.outcome import growth_of, note_report
from exporter.model import Growth, JobKey, JobSource, JobSpec, JobState, KeptToken, Pause, TrackedJob
from exporter.state import Claim, Purse, Store
from exporter.state.postgres import PostgresStore
from exporter.state.postgres.account import PostgresAccount
from exporter.state.postgres.copy import held
from exporter.state.postgres.database import Database, News, Question

PATIENCE_SECONDS = 20.0
FREE = Purse(None)
SPEC = JobSpec(LEADS, JobSource.API)
TOKEN = KeptToken("1000.secret", NOW + 3600, "https://www.zohoapis.com", "f1")


def eventually(look: Callable[[], bool]) -> None:
    """Wait for what happens by itself."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not look():
        assert time.monotonic() < deadline, "gave up"
        Event().wait(0.05)


def scraped(store: Store, seconds: float = 5.0) -> Store:
    """Take up the news, as a scrape does."""
    store.refresh(time.monotonic() + seconds)
    return store


def is_well(store: Store) -> bool:
    """Scrape, and say whether the database answers and has all that is known."""
    health = scraped(store).health()
    return not health.is_failing and health.behind_since is None


def is_claimable(store: Store) -> bool:
    """Whether a job can be polled."""
    try:
        store.account("acme").release(store.account("acme").claim(LEADS, FREE, 60))
    except HeldBackError:
        return False
    return True


def ended(job: TrackedJob) -> tuple[TrackedJob, Growth]:
    """Note the end of a job."""
    after = note_report(job, report(JobState.COMPLETED, updated=50), NOW)
    return after, growth_of(job, after)


def cut(server: Server, database: str) -> None:
    """End all connections of exporters."""
    with psycopg.connect(server.url()) as connection:
        ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        connection.execute(ending, (database,))


@pytest.fixture
def name() -> str:
    """Name a database that is not there yet."""
    return f"d{uuid4().hex}"


@pytest.fixture
def store(server: Server, name: str) -> Iterator[PostgresStore]:
    """Give a store in a database of its own, with a job."""
    with closing(PostgresStore(server.create(name))) as store:
        store.account("acme").track(SPEC, NOW)
        yield store


@pytest.mark.parametrize("alias", ["acme", "null", "a b", "a,b", "{}", 'a "b" \\ c', "Zürich"])
def test_what_is_held_of_an_account_is_not_told_again(
    server: Server, name: str, store: PostgresStore, alias: str
) -> None:
    """Whatever its name: it travels in an array, where some words and letters mean something else."""
    key = JobKey(alias, "Leads", "1")
    account = store.account(alias)
    account.track(JobSpec(key, JobSource.API), NOW)
    with closing(PostgresStore(server.url(name), lambda: NOW)) as other:
        assert other.account(alias).get(key) == account.get(key)
    scraped(store)
    known = held(store.account(one).copy for one in store.accounts())
    with psycopg.connect(server.url(name)) as connection:
        told = connection.execute("SELECT kind FROM zoho_mass_update.refresh(%s, %s, %s)", known)
        assert told.fetchall() == [("clock",)]


def test_database_may_come_later(server: Server, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Until it is there all is shown that is known, nothing is polled, and it is told; then the database has it all."""
    caplog.set_level(logging.INFO, "exporter")
    with closing(PostgresStore(server.url(name), rest_seconds=0.1)) as store:
        account = store.account("acme")
        account.track(SPEC, NOW)
        account.stand(lambda standing: replace(standing, credits_remaining=7))
        with pytest.raises(HeldBackError) as caught:
            account.claim(LEADS, FREE, 60)
        assert caught.value.reason == "budget"
        assert account.jobs() == {LEADS: TrackedJob(SPEC, NOW)}
        assert account.standing.credits_remaining == 7
        assert account.book_mint(10, 600) is not None
        health = store.health()
        assert (health.is_failing, health.behind_since is None) == (True, False)
        assert (health.errors["refresh"] > 0, health.errors["load"]) == (True, 0)
        assert not store.wait_kept(0.0)
        server.create(name)
        eventually(lambda: is_well(store))
        assert store.wait_kept(0.0)
        eventually(lambda: is_claimable(store) and "answers again" in caplog.text)
    with closing(PostgresStore(server.url(name))) as other:
        assert other.account("acme").jobs() == {LEADS: TrackedJob(SPEC, NOW)}
        assert other.account("acme").standing.credits_remaining == 7
    said = [(record.levelname, record.getMessage().partition(":")[0]) for record in caplog.records]
    assert said == [
        ("ERROR", "the database can't be used; no job is polled"),
        ("INFO", "the database answers again"),
    ]
    assert f'database "{name}" does not exist' in caplog.records[0].getMessage()


def test_jobs_that_went_meanwhile_stay_away(server: Server, name: str) -> None:
    """What was done without the database is done there in its order."""
    with closing(PostgresStore(server.url(name))) as store:
        account = store.account("acme")
        account.track(SPEC, NOW)
        account.change(LEADS, lambda job: replace(job, acknowledged_at=NOW))
        account.forget([LEADS], retired=True)
        assert (account.jobs(), account.retired()) == ({}, {LEADS})
        server.create(name)
        eventually(lambda: is_well(store))
        assert (account.jobs(), account.retired()) == ({}, {LEADS})


def test_lost_connections_cost_nothing(server: Server, name: str, store: PostgresStore) -> None:
    """The next question goes on another one."""
    cut(server, name)
    assert is_claimable(store)
    cut(server, name)
    store.account("acme").track(replace(SPEC, name="Spring"), NOW)
    assert set(store.health().errors.values()) == {0}


def test_database_that_takes_no_writes_is_left_alone_until_it_does(
    server: Server, name: str, store: PostgresStore
) -> None:
    """As a standby is, to which old connections lead after a failover."""
    ask(server, name, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    cut(server, name)
    assert not is_claimable(store)
    assert store.health().is_failing
    assert store.account("acme").jobs() == {LEADS: TrackedJob(SPEC, NOW)}
    ask(server, "postgres", f"ALTER DATABASE {name} RESET default_transaction_read_only")
    eventually(lambda: is_well(store))
    assert is_claimable(store)


def test_outage_with_answers_in_between_is_told_once(
    server: Server, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Its end is told when it has lasted a while."""
    caplog.set_level(logging.INFO, "exporter")
    with closing(PostgresStore(server.create(name), rest_seconds=0.1)) as store:
        store.account("acme").track(SPEC, NOW)
        for _ in range(2):
            ask(server, name, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
            cut(server, name)
            assert not is_claimable(store)
            ask(server, "postgres", f"ALTER DATABASE {name} RESET default_transaction_read_only")
            eventually(lambda: is_claimable(store))
            assert not store.health().is_failing
        eventually(lambda: is_claimable(store) and "answers again" in caplog.text)
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]


def test_schema_of_a_newer_version_is_left_alone(
    server: Server, name: str, store: PostgresStore, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told what to do, and the exporters of that version go on."""
    ask(server, name, "UPDATE zoho_mass_update.version SET version = 99")
    with closing(PostgresStore(server.url(name))) as other:
        assert not is_claimable(other)
    newer = "a newer version of the exporter made its schema (99, known here: up to 1): run that version here too"
    assert newer in caplog.text
    assert is_claimable(store)


def test_schema_of_no_version_is_left_alone(
    server: Server, name: str, store: PostgresStore, caplog: pytest.LogCaptureFixture
) -> None:
    """An exporter starts, and says that it can't use it."""
    ask(server, name, "UPDATE zoho_mass_update.version SET version = -1")
    with closing(PostgresStore(server.url(name))) as other:
        assert not is_claimable(other)
    assert "the database can't be used" in caplog.text
    assert is_claimable(store)


@pytest.mark.parametrize("table", ["accounts", "jobs", "totals", "credits"])
def test_revision_that_nobody_would_be_told_of_is_refused(
    server: Server, name: str, store: PostgresStore, table: str
) -> None:
    """By the database: whoever starts would not even know that there is such a row."""
    claim = store.account("acme").claim(LEADS, FREE, 60)
    store.account("acme").land(claim, lambda job: (job, Growth(records={"updated": 1})))
    with pytest.raises(psycopg.errors.CheckViolation):
        ask(server, name, f"UPDATE zoho_mass_update.{table} SET revision = -1")  # noqa: S608 - our names


@pytest.mark.parametrize("seconds", ["'Infinity'", "'NaN'", "1e300"])
def test_lease_that_nobody_would_outlast_is_refused(
    server: Server, name: str, store: PostgresStore, seconds: str
) -> None:
    """By the database: else a job would never be polled again, or no access token asked for, and nobody be told."""
    store.account("acme").claim(LEADS, FREE, 60)
    for change in (f"claims SET lease = {seconds}", f"accounts SET turn_lease = {seconds}"):
        with pytest.raises(psycopg.errors.CheckViolation):
            ask(server, name, f"UPDATE zoho_mass_update.{change}")


def test_user_without_rights_is_told(
    server: Server, name: str, store: PostgresStore, caplog: pytest.LogCaptureFixture
) -> None:
    """By the database's own word for it."""
    ask(server, name, "CREATE ROLE stranger LOGIN")
    with closing(PostgresStore(server.url(name, user="stranger"))) as other:
        assert not is_claimable(other)
    assert "permission denied for schema zoho_mass_update" in caplog.text
    assert is_claimable(store)


@pytest.mark.parametrize("how", ["ENCODING 'SQL_ASCII' LOCALE 'C'", "ENCODING 'UTF8'"])
def test_names_are_kept_whatever_a_database_speaks(server: Server, name: str, how: str) -> None:
    """Of any script, where initdb knew no locale, and where somebody has set what clients speak."""
    ask(server, "postgres", f"CREATE DATABASE {name} TEMPLATE template0 {how}")
    ask(server, "postgres", f"ALTER DATABASE {name} SET client_encoding = 'LATIN1'")
    with closing(PostgresStore(server.url(name))) as one, closing(PostgresStore(server.url(name))) as other:
        one.account("acme").track(JobSpec(LEADS, JobSource.API, "Łódź 🚀"), NOW)
        job = scraped(other).account("acme").get(LEADS)
        assert job
        assert job.spec.name == "Łódź 🚀"


@pytest.mark.parametrize("digits", [-15, -5, 0, 3])
def test_numbers_are_exact_however_a_database_shows_them(server: Server, name: str, digits: int) -> None:
    """Times and counters, though all of them travel as text."""

    def counted(job: TrackedJob) -> tuple[TrackedJob, Growth]:
        return ended(job)[0], Growth({"updated": 1_234_567_890_123})

    at, url = NOW + 0.03125, server.create(name)
    ask(server, name, f"ALTER DATABASE {name} SET extra_float_digits = {digits}")
    with closing(PostgresStore(url, lambda: at)) as one, closing(PostgresStore(url, lambda: at)) as other:
        account = one.account("acme")
        account.track(SPEC, NOW)
        claim = account.claim(LEADS, FREE, 60)
        assert claim.expires_at == at + 60
        assert [account.book_mint(1, 600) for _ in range(2)] == [None, at + 600]
        account.land(claim, counted)
        told = scraped(other).account("acme")
        assert told.used() == 1
        assert told.totals()["Leads"].records["updated"] == 1_234_567_890_123
        assert told.standing.mints == (at,)
    with psycopg.connect(url) as connection:
        clock = "SELECT body FROM zoho_mass_update.refresh('{}', '{}', '{}', %s) WHERE kind = 'clock'"
        told_at = connection.execute(clock, (at,)).fetchone()
        assert told_at
        assert float(told_at[0]) == at


def test_database_that_lacks_letters_is_refused_in_words(
    server: Server, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Before a job is lost in it."""
    ask(server, "postgres", f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    with closing(PostgresStore(server.url(name))) as store:
        assert store.health().is_failing
    assert "its encoding is LATIN1, which lacks letters: create one with ENCODING 'UTF8'" in caplog.text


def test_schema_that_somebody_made_for_us_is_enough(server: Server, name: str) -> None:
    """Who may make tables in it need not be let to make others."""
    ask(server, "postgres", f"CREATE ROLE r{name} LOGIN")
    server.create(name)
    ask(server, name, f"CREATE SCHEMA zoho_mass_update AUTHORIZATION r{name}")
    with closing(PostgresStore(server.url(name, f"r{name}"))) as store:
        assert is_well(store)
        assert is_claimable(store)


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_stricter_isolation_of_a_database_only_takes_longer(server: Server, name: str, isolation: str) -> None:
    """Questions that meet are asked again: nothing is lost, and nobody is told that the database fails."""
    server.create(name)
    ask(server, "postgres", f"ALTER DATABASE {name} SET default_transaction_isolation = '{isolation}'")
    with ExitStack() as ends, ThreadPoolExecutor(4) as pool:
        stores = [ends.enter_context(closing(PostgresStore(server.url(name)))) for _ in range(4)]
        keys = [JobKey("acme", "Leads", str(number)) for number in range(40)]

        def polled(key: JobKey) -> None:
            account = stores[int(key.job_id) % 4].account("acme")
            account.track(JobSpec(key, JobSource.API), NOW)
            account.land(account.claim(key, FREE, 60), ended)

        list(pool.map(polled, keys))
        assert [store.health().errors["save_ledger"] for store in stores] == [0] * 4
        assert {scraped(store).account("acme").used() for store in stores} == {40}
        assert {store.account("acme").totals()["Leads"].records["updated"] for store in stores} == {40 * 50}


def test_schema_that_goes_comes_back(server: Server, name: str, store: PostgresStore) -> None:
    """Somebody dropped it, or restored an empty database: it is made anew, and what is registered then is kept."""
    ask(server, name, "DROP SCHEMA zoho_mass_update CASCADE")
    store.account("acme").track(replace(SPEC, name="Spring"), NOW)
    eventually(lambda: is_well(store))
    with closing(PostgresStore(server.url(name))) as other:
        assert set(other.account("acme").jobs()) == {LEADS}


def test_schema_that_goes_takes_nothing_along(server: Server, name: str, store: PostgresStore) -> None:
    """All that exporters hold is there again, once, whoever of them comes first, and pages show it all the while."""
    account = store.account("acme")
    assert account.land(account.claim(LEADS, FREE, 60), ended) is not None
    account.stand(lambda standing: replace(standing, token=TOKEN, mints=(NOW,)))
    account.track(replace(SPEC, key=replace(LEADS, job_id="7")), NOW)
    with closing(PostgresStore(server.url(name))) as other:
        before = kept(store)
        assert kept(other) == before
        ask(server, name, "DROP SCHEMA zoho_mass_update CASCADE")
        assert kept(other) == before
        assert kept(store) == before
    with closing(PostgresStore(server.url(name))) as new:
        assert kept(new) == before


def kept(store: PostgresStore) -> list[object]:
    """Give what a store holds once it has scraped."""
    eventually(lambda: is_well(store))
    account = store.account("acme")
    return [account.jobs(), account.totals(), account.used(), account.standing]


def test_many_that_begin_together_make_one_schema(server: Server, name: str) -> None:
    """Replicas of a new deployment all find it missing."""
    url, stores = server.create(name), list[PostgresStore]()
    threads = [Thread(target=lambda: stores.append(PostgresStore(url))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert [set(store.health().errors.values()) for store in stores] == [{0}] * 4
    for store in stores:
        store.close()


class Holding:
    """Somebody else's transaction, that has taken an account's row."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url)
        self.connection.execute("SELECT FROM zoho_mass_update.accounts WHERE alias = 'acme' FOR UPDATE")

    def close(self) -> None:
        """Let go of it."""
        self.connection.close()


def test_claim_that_waited_longer_than_its_lease_holds_all_of_it(
    server: Server, name: str, store: PostgresStore
) -> None:
    """It begins when it is given, not when it was asked for."""
    holding = Holding(server.url(name))
    begun = store.now()
    letting_go = threading.Timer(0.6, holding.close)
    letting_go.start()
    claim = store.account("acme").claim(LEADS, FREE, 0.3)
    letting_go.join()
    assert claim.expires_at - begun >= 0.9


def test_account_that_somebody_holds_is_not_waited_for_long(server: Server, name: str, store: PostgresStore) -> None:
    """The poll is held back, another account's goes on, and a page is written meanwhile."""
    with closing(Holding(server.url(name))):
        assert not is_claimable(store)
        eventually(lambda: is_well(store))
        other = store.account("beta")
        other.claim(replace(LEADS, account="beta"), FREE, 60)
    assert is_claimable(store)


def test_answer_waits_for_a_database_that_is_away_for_a_moment(server: Server, name: str, store: PostgresStore) -> None:
    """It paid for it: it lands as soon as it can, once."""
    account = store.account("acme")
    claim = account.claim(LEADS, FREE, 60)
    ask(server, "postgres", f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    cut(server, name)
    back = threading.Timer(0.5, ask, (server, "postgres", f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
    back.start()
    landed = account.land(claim, ended)
    back.join()
    assert landed is not None
    assert account.totals()["Leads"].finished[JobState.COMPLETED] == 1


@pytest.fixture
def wire(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """Give a way to the server."""
    with closing(Wire(server, tmp_path_factory.mktemp("w"))) as wire:
        yield wire


def test_each_question_is_one_round_trip(server: Server, name: str, wire: Wire) -> None:
    """A scrape without news, a claim with its credit, an answer with what it adds."""
    url = wire.through(server.create(name))
    with closing(PostgresStore(url)) as store:
        account = store.account("acme")
        account.track(SPEC, NOW)
        scraped(store)
        seen = [wire.questions]
        scraped(store)
        seen.append(wire.questions)
        claim = account.claim(LEADS, Purse(10, 2, 5), 60)
        seen.append(wire.questions)
        assert account.land(claim, ended) is not None
        seen.append(wire.questions)
        assert [after - before for before, after in pairwise(seen)] == [1, 1, 1]


def test_answer_that_is_lost_on_the_way_changes_nothing(server: Server, name: str, wire: Wire) -> None:
    """The question is asked again, and what was done once is not done twice."""

    def lossy(store: PostgresStore) -> PostgresAccount:
        wire.lose(Loss.ANSWER, 1)
        return store.account("acme")

    with closing(PostgresStore(wire.through(server.create(name)))) as store:
        lossy(store).track(SPEC, NOW)
        claim = lossy(store).claim(LEADS, FREE, 60)
        assert scraped(store).account("acme").used() == 1
        lossy(store).claim(replace(LEADS, job_id="2"), FREE, 60)
        lossy(store).give_back(claim)
        assert scraped(store).account("acme").used() == 1
        lossy(store).stand(lambda standing: replace(standing, credits_remaining=7))
        lossy(store).land(claim, ended)
        account = scraped(store).account("acme")
        assert (account.standing.credits_remaining, account.jobs()[LEADS].state) == (7, JobState.COMPLETED)
        assert account.totals()["Leads"].finished[JobState.COMPLETED] == 1
        assert account.totals()["Leads"].records["updated"] == 50
        lossy(store).forget([LEADS])
        assert scraped(store).account("acme").jobs() == {}
        assert set(store.health().errors.values()) == {0}


def test_job_that_is_listed_no_more_leaves_though_the_database_came_late(server: Server, name: str, wire: Wire) -> None:
    """Who started without it lets go of what it finds there at its next reload, as at a start."""
    listed = JobSpec(LEADS, JobSource.CONFIG)
    with closing(PostgresStore(server.create(name))) as store:
        store.account("acme").track(listed, NOW)
    wire.lose(Loss.QUESTION)
    with closing(PostgresStore(wire.through(server.url(name)))) as store:
        table = JobTable(store, Retention(7200.0, 7200.0, 7200.0, 1000, 100))
        table.declare([], NOW, accounts={"acme"})
        wire.mend()
        eventually(lambda: is_well(store))
        assert [job.spec for job in table.jobs()] == [listed]
        table.declare([], NOW, accounts={"acme"})
        assert scraped(store).account("acme").jobs() == {}


def test_silence_is_waited_for_no_longer_than_there_is_time(server: Server, name: str, wire: Wire) -> None:
    """A peer that is gone without a word holds up no page, and all goes on when it is back."""
    url = wire.through(server.create(name))
    with closing(PostgresStore(url)) as store:
        store.account("acme").track(SPEC, NOW)
        assert is_well(store)
        wire.flowing.clear()
        scraped(store, 0.5)
        assert store.health().is_failing
        assert store.account("acme").job_count() == 1
        wire.flowing.set()
        eventually(lambda: is_well(store))
        assert is_claimable(store)


def test_odd_row_is_left_out_and_told(
    server: Server, name: str, store: PostgresStore, caplog: pytest.LogCaptureFixture
) -> None:
    """What somebody edited by hand stops nothing else."""
    pause = Pause("circuit", "wait", "wait", NOW, NOW + 15, 1)
    store.account("acme").stand(lambda standing: replace(standing, circuit=pause))
    ask(server, name, "UPDATE zoho_mass_update.jobs SET document = '{\"spec\": 7}'")
    with closing(PostgresStore(server.url(name))) as other:
        assert (other.account("acme").jobs(), other.account("acme").standing.circuit) == ({}, pause)
        assert other.health().errors["load"] == 1
    assert "a row of the database can't be read and is left out: wrong at" in caplog.text


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE zoho_mass_update.totals SET total = 'NaN'",
        "UPDATE zoho_mass_update.totals SET total = 'Infinity'",
        "UPDATE zoho_mass_update.totals SET total = -1",
        "UPDATE zoho_mass_update.totals SET counter = 'within/FAILED/soon' WHERE counter = 'records/failed'",
        "UPDATE zoho_mass_update.totals SET counter = 'finished/SOON' WHERE counter = 'records/failed'",
        "UPDATE zoho_mass_update.credits SET spent = -5",
        "UPDATE zoho_mass_update.accounts SET mints = '{NULL}'",
        "UPDATE zoho_mass_update.accounts SET mints = '{NaN}'",
        "UPDATE zoho_mass_update.jobs SET document = NULL, gone_at = 'NaN'",
    ],
)
def test_number_that_is_none_is_left_out_and_told(
    server: Server, name: str, store: PostgresStore, statement: str
) -> None:
    """By one that runs as by one that starts; what they have beside it they show."""
    account = store.account("acme")
    account.book_mint(10, 600.0)
    claim = account.claim(LEADS, FREE, 60)
    account.land(claim, lambda job: (job, Growth(records={"updated": 1})))
    ask(
        server,
        name,
        "UPDATE zoho_mass_update.accounts SET revision = revision + 1, stood = revision + 1",
        "UPDATE zoho_mass_update.jobs SET revision = revision + 9",
        "UPDATE zoho_mass_update.totals SET revision = revision + 9",
        "UPDATE zoho_mass_update.credits SET revision = revision + 9",
        statement,
    )
    with closing(PostgresStore(server.url(name))) as other:
        for one in (scraped(store), other):
            assert one.health().errors["load"] >= 1
            assert set(one.account("acme").totals()) <= {"Leads"}
            assert (one.account("acme").used(), len(one.account("acme").jobs())) in {(1, 1), (0, 1), (1, 0)}


def test_statement_that_comes_late_undoes_nothing_newer(server: Server, name: str, store: PostgresStore) -> None:
    """One that stalled on its way is carried out though nobody waits for it: what was said since stands."""
    account, deals = store.account("acme"), JobKey("acme", "Deals", "1")
    known = account.copy.revision_of(LEADS)
    account.change(LEADS, lambda job: replace(job, acknowledged_at=NOW))
    account.track(JobSpec(deals, JobSource.API), NOW)
    account.forget([deals])
    names = f"'acme', '{{{LEADS.module}}}', '{{{LEADS.job_id}}}', '{{{known}}}', false, {NOW}"
    ask(server, name, f"SELECT zoho_mass_update.forget({names})")
    ask(server, name, "SELECT zoho_mass_update.put('acme', 'Deals', '1', 0, '{}', NULL, '{}', '{}')")
    assert scraped(store).account("acme").jobs().keys() == {LEADS}
    assert account.jobs()[LEADS].acknowledged_at == NOW
    account.track(JobSpec(deals, JobSource.API), NOW)
    assert account.jobs().keys() == {LEADS, deals}


def test_database_of_before_a_failover_is_taken_as_it_is(server: Server, name: str, store: PostgresStore) -> None:
    """A standby that had not heard of the last changes took over: what it has counts, whatever we held."""
    account = store.account("acme")
    keep(server, name)
    assert account.land(account.claim(LEADS, FREE, 60), ended) is not None
    scraped(store)
    fall_back(server, name)
    scraped(store)
    assert account.jobs() == {LEADS: TrackedJob(SPEC, NOW)}
    assert is_claimable(store)


def go_on_without(server: Server, name: str, store: PostgresStore) -> None:
    """Lose what the store has just written, and have another one write so much that no revision tells of it."""
    account = store.account("acme")
    keep(server, name)
    account.change(LEADS, lambda job: replace(job, next_poll_at=NOW + 7))
    scraped(store)
    fall_back(server, name)
    with closing(PostgresStore(server.url(name))) as other:
        for number in range(4):
            other.account("acme").track(JobSpec(replace(LEADS, job_id=f"{number}"), JobSource.API), NOW)


def test_commits_that_another_server_has_not_heard_of_are_seen(server: Server, name: str, store: PostgresStore) -> None:
    """Revisions alone don't tell, once new ones have passed those that were lost: which server it is does."""
    go_on_without(server, name, store)
    take_over(server, name)
    scraped(store)
    with closing(PostgresStore(server.url(name))) as other:
        assert store.account("acme").jobs() == other.account("acme").jobs()
    assert len(store.account("acme").jobs()) == 5


def take_over(server: Server, name: str, another: str = "another") -> None:
    """Have the database be another server's, as revisions alone do not tell."""
    head = "CREATE OR REPLACE FUNCTION zoho_mass_update.lineage() RETURNS text LANGUAGE sql AS"
    ask(server, name, f"{head} $$ SELECT 'zoho_mass_update'::regnamespace::oid || '/{another}' $$")


def test_answer_of_the_server_of_before_that_comes_late_counts_for_nothing(
    server: Server, name: str, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once another one is known to have taken over, who may never have heard of it."""
    account, ask_all = store.account("acme"), Database.ask_all
    scraped(store)
    keep(server, name)
    claim = account.claim(LEADS, FREE, 60)

    def late(database: Database, questions: Sequence[Question]) -> list[list[News]]:
        told = ask_all(database, questions)
        if questions[0].function == "put":
            monkeypatch.undo()
            fall_back(server, name)
            take_over(server, name)
            scraped(store)
        return told

    monkeypatch.setattr(Database, "ask_all", late)
    account.land(claim, ended)
    with closing(PostgresStore(server.url(name))) as other:
        assert scraped(store).account("acme").jobs() == other.account("acme").jobs() == {LEADS: TrackedJob(SPEC, NOW)}


def test_nothing_that_a_standby_has_not_heard_of_is_lost(server: Server, name: str, store: PostgresStore) -> None:
    """Nor counted twice, however many exporters put it back: jobs, credits, tokens; and no counter goes back."""
    account, few = store.account("acme"), Purse(7)
    lost = replace(SPEC, key=replace(LEADS, job_id="7"))
    gone, older, retired = (replace(LEADS, job_id=job_id) for job_id in "890")
    with closing(PostgresStore(server.url(name))) as other:
        account.release(account.claim(LEADS, few, 60))
        for key in (older, retired):
            account.track(replace(SPEC, key=key), NOW)
        keep(server, name)
        booked = account.claim(LEADS, few, 60)
        account.track(lost, NOW)
        account.track(replace(SPEC, key=gone), NOW)
        account.forget([gone, retired], retired=True)
        account.forget([older])
        assert account.land(booked, ended) is not None
        account.release(account.claim(lost.key, few, 60))
        scraped(other).account("acme").release(other.account("acme").claim(lost.key, few, 60))
        assert account.book_mint(2, 600) is None
        before = scraped(store).account("acme").totals()
        assert before["Leads"].records["updated"] == 50

        fall_back(server, name)
        take_over(server, name)
        with closing(PostgresStore(server.url(name))) as new:
            new.account("acme").release(new.account("acme").claim(LEADS, few, 60))  # it can't know
        for one in (store, other):
            one.account("acme").release(one.account("acme").claim(lost.key, few, 60))
            assert one.account("acme").totals() == before
            assert one.account("acme").jobs().keys() == {LEADS, lost.key}
            assert one.account("acme").retired() == {gone, retired}
        scraped(store)
        assert account.used() == 7
        with pytest.raises(HeldBackError, match="7 credits"):
            account.claim(lost.key, few, 60)
        assert account.book_mint(2, 600) is None
        assert account.book_mint(2, 600) is not None
        assert account.totals() == before
        assert account.land(account.claim(LEADS, FREE, 60), ended) is not None
        assert scraped(other).account("acme").totals() == before
    with closing(PostgresStore(server.url(name))) as new:
        assert new.account("acme").totals()["Leads"].records["updated"] == 50


@pytest.mark.parametrize("is_ours_first", [True, False])
def test_last_words_outlive_a_standby_that_has_not_heard_of_them(
    server: Server, name: str, store: PostgresStore, *, is_ours_first: bool
) -> None:
    """Names, groups, what was registered anew and what was let go of, by whom another one had not heard since."""
    account, said = store.account("acme"), {"spec.source", "spec.name"}
    named, listed, anew, back, brief = (
        replace(SPEC, key=replace(LEADS, job_id=job_id), name="old") for job_id in "12345"
    )
    with closing(PostgresStore(server.url(name))) as other:
        for spec in (named, replace(listed, source=JobSource.CONFIG), replace(anew, group="old"), back):
            account.track(spec, store.now(), says=said)
        account.forget([back.key])
        scraped(store), scraped(other)
        keep(server, name)
        account.track(replace(named, name="new", group="new"), NOW, says={"spec.name", "spec.group"})
        account.track(replace(listed, source=JobSource.CONFIG, name="new"), NOW)
        account.track(brief, store.now())
        scraped(store), scraped(other)
        account.forget([anew.key, brief.key])
        for spec in (anew, back):
            account.track(replace(spec, name="new"), store.now(), says=said)
        fall_back(server, name)
        take_over(server, name)
        for one in [store, other, store, other][not is_ours_first :]:
            scraped(one)
        assert account.jobs() == other.account("acme").jobs()
    jobs = {job.spec.key: (job.spec.name, job.spec.group) for job in account.jobs().values()}
    jobs.pop(LEADS)
    expected = {spec.key: ("new", "") for spec in (listed, anew, back)}
    assert jobs == {named.key: ("new", "new"), **expected}


def test_first_job_of_an_account_outlives_a_standby_that_knows_neither(
    server: Server, name: str, store: PostgresStore
) -> None:
    """Though it was registered a moment ago, and its exporter was not scraped since."""
    keep(server, name)
    key = replace(LEADS, account="beta")
    store.account("beta").track(replace(SPEC, key=key), NOW)
    fall_back(server, name)
    take_over(server, name)
    scraped(store)
    with closing(PostgresStore(server.url(name))) as other:
        assert other.account("beta").jobs().keys() == store.account("beta").jobs().keys() == {key}


@pytest.mark.parametrize("is_ours_first", [True, False])
def test_word_that_takes_no_job_in_brings_none_back_after_a_failover(
    server: Server, name: str, store: PostgresStore, *, is_ours_first: bool
) -> None:
    """As that somebody has taken note of its end, said at one that had not heard that it had gone."""
    keep(server, name)
    with closing(PostgresStore(server.url(name))) as other:
        scraped(store), scraped(other)
        other.account("acme").forget([LEADS])
        noted = partial(replace, acknowledged_at=store.now())
        store.account("acme").change(LEADS, noted, says={"acknowledged_at"}, later=True)
        fall_back(server, name)
        take_over(server, name)
        for one in [store, other, store, other][not is_ours_first :]:
            scraped(one)
        assert (store.account("acme").jobs(), other.account("acme").jobs()) == ({}, {})


def test_job_that_was_taken_in_anew_after_a_clock_was_set_back_outlives_a_restart(server: Server, name: str) -> None:
    """Whoever let go of it before, and has not heard of it since, does not take it for what the database has lost."""
    clock, spec = Clock(), replace(SPEC, source=JobSource.CONFIG)
    with (
        closing(PostgresStore(server.create(name), clock)) as one,
        closing(PostgresStore(server.url(name), clock)) as other,
    ):
        one.account("acme").track(spec, clock.now)
        scraped(one), scraped(other)
        one.account("acme").forget([LEADS])
        clock.now -= 40
        scraped(other).account("acme").track(spec, clock.now)
        take_over(server, name)
        for store in (one, other):
            assert scraped(store).account("acme").jobs() == {LEADS: TrackedJob(spec, clock.now)}


def test_job_that_was_let_go_of_just_before_the_schema_was_dropped_is_not_counted_anew(
    server: Server, name: str, store: PostgresStore
) -> None:
    """Whoever had not heard of that does not bring it back."""
    account = store.account("acme")
    with closing(PostgresStore(server.url(name))) as other:
        assert account.land(account.claim(LEADS, FREE, 60), ended) is not None
        before = scraped(other).account("acme").totals()
        account.forget([LEADS])
        ask(server, name, "DROP SCHEMA zoho_mass_update CASCADE")
        for one in (store, other):
            eventually(lambda one=one: is_well(one))  # type: ignore[misc]
        for one in (store, other):
            assert not scraped(one).account("acme").jobs()
            assert one.account("acme").totals() == before


def test_credits_count_once_at_a_server_that_is_come_back_to(server: Server, name: str, store: PostgresStore) -> None:
    """It has what was spent there, and hears of what was spent at the other one since; again and again."""
    account, spent, left = store.account("acme"), 0, set[str]()
    take_over(server, name, "one")
    for here, there in pairwise(("one", "two", "one", "two", "one")):
        for _ in range(3):
            scraped(store)
            account.release(account.claim(LEADS, FREE, 60))
            spent += 1
        keep(server, name, here)
        if there in left:
            fall_back(server, name, there)
        left.add(here)
        take_over(server, name, there)
        assert scraped(store).account("acme").used() == spent
    with closing(PostgresStore(server.url(name))) as other:
        assert other.account("acme").used() == spent


def test_answer_lands_where_what_was_held_was_never_there(server: Server, name: str, store: PostgresStore) -> None:
    """Tables that somebody put back don't tell it either: then the first answer does, and is not paid for twice."""
    go_on_without(server, name, store)
    account = scraped(store).account("acme")
    assert account.land(account.claim(LEADS, FREE, 60), ended) is not None
    assert account.used() == 1
    account.stand(lambda standing: replace(standing, credits_remaining=7))
    with closing(PostgresStore(server.url(name))) as other:
        assert account.jobs() == other.account("acme").jobs()
        assert other.account("acme").standing.credits_remaining == 7


def test_password_is_read_anew_for_each_connection(
    server: Server, name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One that is missing or was changed is told, never shown, and taken as soon as its file has it."""
    file, url = tmp_path / "password", server.url(name, user=GUARDED)
    server.create(name)
    ask(
        server, name, f"CREATE ROLE {GUARDED} LOGIN PASSWORD 'hunter2'", f"GRANT CREATE ON DATABASE {name} TO {GUARDED}"
    )
    with closing(PostgresStore(url, password=lambda: read_secret_file(file))) as store:
        assert store.health().is_failing
        file.write_text("hunter1")
        eventually(lambda: not is_well(store))
        file.write_text("hunter2")
        eventually(lambda: is_well(store))
    assert f"no job is polled: {file}: does not exist" in caplog.text
    assert "hunter" not in caplog.text.replace(str(file), "")


def test_store_that_is_closed_has_given_back_what_nobody_wanted_and_says_nothing(
    server: Server, name: str, store: PostgresStore, caplog: pytest.LogCaptureFixture
) -> None:
    """Others may poll it, for the same credits; whoever asks afterwards hears it, and the log does not."""
    caplog.set_level(logging.INFO)
    other = PostgresStore(server.url(name))
    account, keys = other.account("acme"), [JobKey("acme", "Leads", str(number)) for number in range(4)]
    account.expect_claims([(key, False) for key in keys], 4, FREE, 60)
    account.claim(keys[0], FREE, 60)
    assert scraped(store).account("acme").used() == 4
    other.close()
    assert scraped(store).account("acme").used() == 1
    for key in keys[1:]:
        store.account("acme").claim(key, FREE, 60)
    with pytest.raises(HeldBackError):
        account.claim(LEADS, FREE, 60)
    assert account.land(Claim(keys[0], 1, NOW, is_probe=False), ended) is None
    assert not other.health().is_failing
    assert not caplog.text


def test_signals_are_not_the_pools(store: PostgresStore) -> None:
    """They stay with the thread that waits for them."""
    assert is_well(store)
    workers = [thread for thread in threading.enumerate() if thread.name.startswith("state-")]
    assert workers
    for worker in workers:
        status = Path(f"/proc/self/task/{worker.native_id}/status").read_text(encoding="ascii")
        (blocked,) = [int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigBlk")]
        assert blocked & (1 << 14 | 1 << 1 | 1) == 1 << 14 | 1 << 1 | 1
