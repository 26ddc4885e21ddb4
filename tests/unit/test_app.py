"""How the parts are joined, without a network."""

from contextlib import closing
from pathlib import Path

import pytest
from samples import Clock, within

from exporter.app import Application
from exporter.app.accounts import proxies_by_host
from exporter.app.application import WritingTime
from exporter.errors import ConfigurationError, Problem
from exporter.model import JobKey, JobSource, JobSpec
from exporter.settings import Settings, load_settings
from exporter.state import SqliteStore
from exporter.zoho.data_centers import Endpoints

ACCOUNT = {
    "ZOHO_CLIENT_ID": "1000.ABC",
    "ZOHO_CLIENT_SECRET": "secret",
    "ZOHO_REFRESH_TOKEN": "1000.refresh",
    "ZOHO_DATA_CENTER": "eu",
    "ZOHO_ENVIRONMENT": "sandbox",
}


def settings_of(**variables: str) -> Settings:
    """Give settings by variables alone."""
    environ = {**ACCOUNT, **{f"ZOHO_{name.upper()}": value for name, value in variables.items()}}
    return load_settings(None, environ=environ, dotenv_file=None, secrets_dir=Path("no secrets directory"))


def test_account_of_a_data_centre_is_shown() -> None:
    """The page says where an account's data lives, and what it may spend, before the first call."""
    with closing(Application(settings_of(daily_credit_budget="77"), SqliteStore(None), clock=Clock())) as application:
        page = application.scrape(within(10)).body.decode()
    info = 'zoho_crm_account_info{account="default",api_version="v8",data_center="eu",environment="sandbox"} 1.0'
    assert info in page
    assert 'zoho_crm_api_credit_budget{account="default"} 77.0' in page
    assert "zoho_crm_api_up{" not in page


def test_accounts_without_a_budget_show_none() -> None:
    """An unlimited budget is absent, not a number."""
    settings = settings_of(daily_credit_budget="unlimited")
    with closing(Application(settings, SqliteStore(None), clock=Clock())) as application:
        assert "zoho_crm_api_credit_budget{" not in application.scrape(within(10)).body.decode()


def test_certificates_that_are_none_are_told(tmp_path: Path) -> None:
    """A CA bundle without certificates ends the start with a clear error."""
    bundle = tmp_path / "ca.pem"
    bundle.write_text("not a certificate")
    with (
        closing(SqliteStore(None)) as store,
        pytest.raises(ConfigurationError, match="can't be used as CA certificates"),
    ):
        Application(settings_of(ca_bundle=str(bundle)), store)


def test_each_host_has_its_own_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """`NO_PROXY` for the API's host leaves the accounts' host its proxy, and the other way round."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", "accounts.zoho.eu")
    endpoints = Endpoints("https://accounts.zoho.eu", "https://www.zohoapis.eu")
    assert proxies_by_host(settings_of(), endpoints) == {
        "https://www.zohoapis.eu": "http://proxy:3128",
        "https://zohoapis.eu": "http://proxy:3128",
    }


def test_good_job_file_does_not_hide_a_wrong_configuration(tmp_path: Path) -> None:
    """The reload's metric stays 0 until the configuration is mended; job files are followed all the while."""
    settings = settings_of(job_files=str(tmp_path / "*.yaml"))
    news = [settings]

    def load() -> Settings:
        if not news:
            raise ConfigurationError((Problem("zoho.yaml:1", "max_jbos: unknown key"),))
        return news.pop()

    def told() -> tuple[bool, int]:
        """Give the metric, and the number of jobs."""
        seen = application.snapshot()
        return seen.exporter.config_reload_succeeded, len(seen.jobs)

    with closing(Application(settings, SqliteStore(None), load, clock=Clock())) as application:
        assert (application.reload(), told()) == ((), (True, 0))
        (tmp_path / "a.yaml").write_text('jobs: [{module: Leads, job_id: "1"}]')
        assert [problem.place for problem in application.reload()] == ["zoho.yaml:1"]
        assert told() == (False, 1)
        (tmp_path / "b.yaml").write_text('jobs: [{module: Leads, job_id: "2"}]')
        assert (application.reload_jobs(), told()) == ((), (False, 2))
        news.append(settings)
        assert (application.reload(), told()) == ((), (True, 2))


def test_no_page_was_written_yet() -> None:
    """The first scrape keeps back what a slow machine takes."""
    writing = WritingTime()
    assert 0.02 < writing.expected(0) < 0.2
    assert 1.0 < writing.expected(1000) < 2.0


def test_time_for_the_page_follows_the_slowest_of_the_last_ones() -> None:
    """Twice what it would take for as many jobs; what was long ago is forgotten."""
    writing = WritingTime()
    writing.note(950, 1.0)
    writing.note(950, 0.1)
    assert writing.expected(950) == pytest.approx(2.02)
    assert writing.expected(1950) == pytest.approx(4.02)
    for _ in range(8):
        writing.note(950, 0.1)
    assert writing.expected(950) == pytest.approx(0.22)


def test_one_job_is_found_as_a_page_shows_it() -> None:
    """Without a look at all the others; nothing where it is not tracked."""
    key = JobKey("default", "Leads", "35")
    with closing(Application(settings_of(jobs="Leads/35"), SqliteStore(None), clock=Clock())) as application:
        found = application.find(key)
        assert found is not None
        assert found.spec.key == key
        assert application.find(JobKey("default", "Leads", "36")) is None
        assert application.find(JobKey("nobody", "Leads", "35")) is None


def test_page_without_jobs_asks_nothing() -> None:
    """The exporter's own families cost no credit, and no look at the deadline."""
    with closing(Application(settings_of(jobs="Leads/35"), SqliteStore(None), clock=Clock())) as application:
        page = application.scrape(0.0, groups=("exporter",)).body.decode()
    assert "zoho_mass_update_exporter_build_info{" in page
    assert "zoho_mass_update_job_state{" not in page


def test_state_that_can_not_be_kept_is_told() -> None:
    """Where the operator chose memory all is well; where a file fails it is not."""
    with closing(Application(settings_of(), SqliteStore(None), clock=Clock())) as application:
        assert application.is_kept()


def test_job_that_was_restored_is_on_the_first_page(tmp_path: Path) -> None:
    """A restart begins with all that was known, before any poll."""
    path, settings = tmp_path / "state.db", settings_of()
    spec = JobSpec(JobKey("default", "Leads", "35"), JobSource.API, "Spring")
    with closing(Application(settings, SqliteStore(path), clock=Clock())) as application:
        assert application.register([spec]) == (True,)
    with closing(Application(settings, SqliteStore(path), clock=Clock())) as application:
        assert [job.spec for job in application.snapshot().jobs] == [spec]
        assert [account.totals.keys() for account in application.snapshot().accounts] == [{"Leads": 0}.keys()]
