"""All that is kept goes from one store into another, and back, whole."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from databases import Server
from houses import file_house
from samples import DEALS, FAILURE, LEADS, NOW, Clock, report

from exporter.errors import ConfigurationError
from exporter.jobs.outcome import growth_of, note_failure, note_report
from exporter.model import JobKey, JobSource, JobSpec, JobState, KeptToken, TrackedJob
from exporter.state import AccountState, Purse, SqliteStore, Store
from exporter.state.documents import Row, Value
from exporter.state.moving import FilePlace, copy
from exporter.state.postgres import PostgresStore
from exporter.state.postgres.moving import DatabasePlace

FREE = Purse(None)
TOKEN = KeptToken("1000.secret", NOW + 3600, "https://www.zohoapis.com", "f1")
OTHER = JobKey("beta", "Leads", "1")


@pytest.fixture
def url(server: Server, state_database: str) -> str:
    """Give an empty database."""
    server.clear("state")
    return state_database


def poll(account: AccountState, key: JobKey, state: JobState, at: float, *, is_probe: bool = False) -> None:
    """Poll a job."""

    def note(job: TrackedJob) -> tuple[TrackedJob, object]:
        after = note_report(job, report(state, updated=7, failed=2), at)
        return after, growth_of(job, after)

    assert account.land(account.claim(key, FREE, 60, is_probe=is_probe), note)  # type: ignore[arg-type]


def lived(store: Store) -> None:
    """Let two accounts have all that can be kept."""
    acme, beta = store.account("acme"), store.account("beta")
    for key in (LEADS, DEALS):
        acme.track(JobSpec(key, JobSource.API, "Spring", labels={"team": "sales"}), NOW)
    poll(acme, LEADS, JobState.RUNNING, NOW)
    poll(acme, LEADS, JobState.COMPLETED, NOW + 90, is_probe=True)
    acme.change(DEALS, lambda job: note_failure(job, FAILURE, NOW))
    acme.forget([JobKey("acme", "Leads", "2")], retired=True)
    acme.book_mint(10, 600)
    acme.stand(lambda standing: replace(standing, token=TOKEN, credits_remaining=77, answered_at=NOW))
    beta.track(JobSpec(OTHER, JobSource.CONFIG), NOW)


def told(store: Store) -> Mapping[str, tuple[object, ...]]:
    """Give all that a store says of its accounts."""
    accounts = {alias: store.account(alias) for alias in sorted(store.accounts())}
    return {
        alias: (one.jobs(), one.retired(), one.totals(), one.standing, one.used(), one.used(by_probes=True))
        for alias, one in accounts.items()
    }


def copied(source: object, target: object) -> Mapping[Row, Value]:
    """Copy."""
    return copy(source, target, lambda _: None)  # type: ignore[arg-type]


def test_copy_there_and_back_changes_nothing(tmp_path: Path, url: str) -> None:
    """A store on the copy says what one on the source says, of every account."""
    clock = Clock()
    house = file_house(tmp_path / "a" / "state.db")
    house.clock.now = clock.now
    lived(house.store)
    before = told(house.store)
    house.close()
    there = copied(FilePlace(tmp_path / "a" / "state.db", "FROM"), DatabasePlace(url, "TO"))
    with closing(PostgresStore(url, clock)) as store:
        assert told(store) == before
    back = copied(DatabasePlace(url, "FROM"), FilePlace(tmp_path / "b" / "state.db", "TO"))
    assert back == there
    with closing(SqliteStore(tmp_path / "b" / "state.db", clock)) as alone:
        assert told(alone) == before


def test_copy_that_is_there_is_left_and_another_is_refused(tmp_path: Path, url: str) -> None:
    """Begun anew after it was broken off it says so; over something else nothing is written."""
    house = file_house(tmp_path / "state.db")
    lived(house.store)
    house.close()
    said: list[str] = []
    source, target = FilePlace(tmp_path / "state.db", "FROM"), DatabasePlace(url, "TO")
    for _ in range(2):
        copy(source, target, said.append)
    assert said == ["It is there already."]
    other = file_house(tmp_path / "other.db")
    other.account.track(JobSpec(LEADS, JobSource.API, "Summer"), NOW)
    other.close()
    before = target.read()
    with pytest.raises(ConfigurationError, match=r"^TO: has something of acme already"):
        copied(FilePlace(tmp_path / "other.db", "FROM"), target)
    assert target.read() == before


def test_of_two_copies_at_once_one_is_refused_whole(tmp_path: Path, url: str) -> None:
    """Whoever looked before the other wrote adds nothing to what that wrote."""
    houses = [file_house(tmp_path / name) for name in ("one.db", "two.db")]
    for house, key in zip(houses, (LEADS, DEALS), strict=True):
        house.account.track(JobSpec(key, JobSource.API), NOW)
        house.close()
    first, second = (FilePlace(tmp_path / name, "FROM").read() for name in ("one.db", "two.db"))
    target = DatabasePlace(url, "TO")
    target.write(first)
    with pytest.raises(ConfigurationError, match=r"^TO: the database has had something of acme since"):
        target.write(second)
    assert target.read() == first


def test_what_somebody_works_with_is_not_copied(tmp_path: Path, url: str) -> None:
    """Neither the file that is open nor the database by which a job is being polled."""
    house = file_house(tmp_path / "state.db")
    house.account.track(JobSpec(LEADS, JobSource.API), NOW)
    with pytest.raises(ConfigurationError, match=r"^FROM: .*another exporter uses it"):
        copied(FilePlace(tmp_path / "state.db", "FROM"), DatabasePlace(url, "TO"))
    house.close()
    with closing(PostgresStore(url)) as store:
        store.account("acme").track(JobSpec(LEADS, JobSource.API), NOW)
        store.account("acme").claim(LEADS, FREE, 600)
        with pytest.raises(ConfigurationError, match=r"^FROM: an exporter polls by the database"):
            copied(DatabasePlace(url, "FROM"), FilePlace(tmp_path / "new.db", "TO"))


def test_database_that_does_not_answer_is_told(tmp_path: Path, server: Server) -> None:
    """In a line, and the file is untouched."""
    house = file_house(tmp_path / "state.db")
    house.account.track(JobSpec(LEADS, JobSource.API), NOW)
    house.close()
    with pytest.raises(ConfigurationError, match=r"^TO: the database can't be used: .*does not exist"):
        copied(FilePlace(tmp_path / "state.db", "FROM"), DatabasePlace(server.url("nowhere"), "TO"))
