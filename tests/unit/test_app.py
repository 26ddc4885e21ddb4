"""How the parts are joined, without a network."""

from contextlib import closing
from pathlib import Path

import pytest
from samples import Clock, within

from exporter.app import Application
from exporter.app.accounts import proxies_by_host
from exporter.errors import ConfigurationError, Problem
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
