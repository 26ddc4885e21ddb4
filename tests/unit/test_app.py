"""How the parts are joined, without a network."""

from contextlib import closing
from pathlib import Path

import pytest
from samples import Clock, within

from exporter.app.accounts import proxies_by_host
from exporter.app.application import Application, WritingTime
from exporter.errors import ConfigurationError, Problem
from exporter.jobs import Refresher
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


def test_store_that_takes_all_its_time_leaves_the_page_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many jobs it tells of: what a page of so many takes is kept back from it too."""
    store, asked = SqliteStore(None), list[float]()
    monkeypatch.setattr(store, "refresh", asked.append)
    monkeypatch.setattr(Refresher, "refresh", lambda *_, **__: None)
    jobs = ",".join(f"Leads/{number}" for number in range(500))
    with closing(Application(settings_of(jobs=jobs), store, clock=Clock())) as application:
        deadline = within(10)
        application.scrape(deadline)
    assert asked == [pytest.approx(deadline - WritingTime().expected(500))]


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


GOOD_JOB = 'jobs: [{module: Leads, job_id: "1"}]'


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Give the level and the text of what was logged since the last look."""
    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    caplog.clear()
    return told


def test_what_waits_for_a_start_is_told_and_not_shown_as_in_force(caplog: pytest.LogCaptureFixture) -> None:
    """`/config` shows what is in force; what waits stands above it, until it is changed back."""
    caplog.set_level("INFO", "exporter")
    settings = settings_of(log__level="error", scrape_timeout="9s")
    changed = settings_of(log__level="debug", scrape_timeout="7s", retention="1h")
    news = [settings, changed, changed]
    with closing(Application(settings, SqliteStore(None), news.pop, clock=Clock())) as application:
        shown = application.configuration()
        application.reload()
        waits = "a changed section takes effect at the next start only"
        assert lines(caplog) == [("WARNING", waits)] * 2 + [("INFO", "configuration reloaded")]
        expected = shown.replace("\nretention: 604800.0\n", "\nretention: 3600.0\n")
        assert application.configuration() == (
            f"# Changed, and in force at the next start only: log.level, scrape_timeout\n{expected}"
        )
        application.reload()
        assert lines(caplog) == [("INFO", "configuration reloaded")]
        application.reload()
        assert lines(caplog) == [("INFO", "configuration reloaded")]
        assert application.configuration() == shown


def test_reload_tells_new_warnings_once(caplog: pytest.LogCaptureFixture) -> None:
    """Those of the start have been told; those of a refused configuration are told beside it."""
    known, new = Problem("ZOHO_CLIENTID", "did you mean ZOHO_CLIENT_ID?"), Problem("ZOHO_DC", "ignored")
    settings = load_settings(
        None,
        environ={**ACCOUNT, "ZOHO_JOBS": "Leads/1", "ZOHO_RETENTIO": "1"},
        dotenv_file=None,
        secrets_dir=Path("no secrets directory"),
    )
    refusals = [(new, known), (known,)]

    def load() -> Settings:
        if refusals:
            raise ConfigurationError((Problem("ZOHO_CLIENT_ID", "is required"),), refusals.pop())
        return settings

    with closing(Application(settings_of(), SqliteStore(None), load, clock=Clock())) as application:
        for _ in range(4):
            application.reload()
    told = [message for level, message in lines(caplog) if level == "WARNING"]
    assert told == [
        "did you mean ZOHO_CLIENT_ID?",
        "ignored",
        "not a variable of ours and ignored; did you mean ZOHO_RETENTION?",
    ]


def test_job_file_is_told_once_when_it_breaks_and_once_when_it_is_mended(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """However often it is read; and no reload is called done that has left something out."""
    caplog.set_level("INFO", "exporter")
    file = tmp_path / "a.yaml"
    file.write_text("jobs: [{}]")
    with closing(Application(settings_of(job_files=str(file)), SqliteStore(None), clock=Clock())) as application:
        broken = [
            ("ERROR", "a job file can't be used: jobs[0].module: is required"),
            ("ERROR", "a job file can't be used: jobs[0].job_id: is required"),
        ]
        assert lines(caplog) == broken
        assert [len(application.reload_jobs()), len(application.reload())] == [2, 2]
        assert lines(caplog) == []
        file.write_text(GOOD_JOB)
        assert application.reload_jobs() == ()
        assert lines(caplog) == [("INFO", "a job file is in order again")]
        assert (application.reload(), application.declared_jobs) == ((), 1)
        assert lines(caplog) == [("INFO", "configuration reloaded")]
        assert caplog.records == []


def test_registered_job_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """Who asks twice has changed nothing."""
    caplog.set_level("INFO", "exporter")
    spec = JobSpec(JobKey("default", "Leads", "35"), JobSource.API)
    with closing(Application(settings_of(), SqliteStore(None), clock=Clock())) as application:
        application.register([spec])
        application.register([spec])
        [record] = caplog.records
    assert (record.getMessage(), record.__dict__["job_id"], record.__dict__["source"]) == (
        "job is tracked",
        "35",
        "api",
    )
