"""Settings from all sources: the values, and which source wins."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from pydantic import SecretStr

from exporter.model import DataCenter, Environment, JobKey, JobSource, JobSpec
from exporter.settings import JobSettings, ListenAddress, Settings, load_settings
from exporter.settings.sections.schema import ScheduleSettings, WebSettings

_Load = Callable[..., Settings]

_FULL = """\
accounts:
  acme:
    data_center: in
    environment: sandbox
    api_version: v2.1
    client_id: 1000.ABCDEF
    client_secret: hunter2hunter2
    refresh_token: 1000.0123456789abcdef.0123456789abcdef
    max_concurrency: 25
    daily_credit_budget: 20000
    credit_reserve: 0
  proxy:
    accounts_url: http://127.0.0.1:8080/
    api_url: http://127.0.0.1:8081
    client_id: 1000.YYYY
    client_secret: hunter2hunter2
    refresh_token: letmein
    daily_credit_budget: unlimited
jobs:
  - {account: acme, module: Leads, job_id: "3524033000006027001", name: Reassign, group: g, labels: {team: sales}}
  - {account: proxy, module: Deals, job_id: 0123}
job_labels: [team, region]
retention: 0
unknown_retention: 3650d
max_jobs: 1
stale_after: 2h
poll_timeout: 1m
connect_timeout: 500ms
scrape_timeout: 30
scrape_timeout_offset: 1s
ca_bundle: .
proxy_url: http://user:swordfish@proxy:3128
schedule:
  shortest: 1s
  longest: 2s
  remaining_fraction: 1
  waiting_fraction: 0.5
  suspended: 3s
  fault_shortest: 4s
  fault_longest: 5s
  refusal_shortest: 6s
  refusal_longest: 7s
state: {path: kept/jobs.db}
web: {listen_address: "[::1]:9000", telemetry_path: /m}
log: {level: debug, format: json}
"""


def test_every_setting_of_the_file_is_read(load: _Load) -> None:
    """Each value arrives in its own type; durations are seconds."""
    Path("0a1b2c3d.0").touch()  # a certificate's name by its hash
    settings = load(_FULL)
    acme, proxy = settings.accounts["acme"], settings.accounts["proxy"]
    assert (acme.data_center, acme.environment, acme.api_version) == (
        DataCenter.IN,
        Environment.SANDBOX,
        "v2.1",
    )
    assert (acme.client_id, acme.max_concurrency, acme.data_center_name) == ("1000.ABCDEF", 25, "in")
    assert (proxy.accounts_url, proxy.api_url) == ("http://127.0.0.1:8080", "http://127.0.0.1:8081")
    assert (proxy.data_center, proxy.data_center_name) == (None, "custom")
    assert (acme.daily_credit_budget, acme.credit_reserve) == (20_000, 0)
    assert (proxy.daily_credit_budget, proxy.credit_reserve) == (None, 500)
    assert settings.job_labels == ("team", "region")
    assert (settings.retention, settings.unknown_retention, settings.max_jobs) == (0.0, 315_360_000.0, 1)
    assert settings.stale_after == 7200.0
    assert (settings.poll_timeout, settings.connect_timeout) == (60.0, 0.5)
    assert (settings.scrape_timeout, settings.scrape_timeout_offset) == (30.0, 1.0)
    assert settings.ca_bundle == Path()
    assert settings.schedule == ScheduleSettings(
        shortest=1.0,
        longest=2.0,
        remaining_fraction=1.0,
        waiting_fraction=0.5,
        suspended=3.0,
        fault_shortest=4.0,
        fault_longest=5.0,
        refusal_shortest=6.0,
        refusal_longest=7.0,
    )
    assert settings.state.path == Path("kept/jobs.db")
    assert settings.web.listen_address == ListenAddress("::1", 9000)
    assert settings.web.telemetry_path == "/m"
    assert (settings.log.level, settings.log.format) == ("debug", "json")
    assert settings.warnings == ()


def test_defaults(load: _Load, account: str) -> None:
    """One account is all that must be given; a file without jobs deserves a warning."""
    settings = load(account)
    acme = settings.accounts["acme"]
    assert (acme.environment, acme.api_version, acme.max_concurrency) == (
        Environment.PRODUCTION,
        "v8",
        5,
    )
    assert (acme.daily_credit_budget, acme.credit_reserve) == (1000, 500)
    assert settings.job_specs == ()
    assert (settings.retention, settings.unknown_retention, settings.max_jobs) == (604_800.0, 86_400.0, 1000)
    assert settings.stale_after == 3600.0
    assert settings.state.path is None
    assert (settings.poll_timeout, settings.connect_timeout) == (8.0, 3.0)
    assert (settings.scrape_timeout, settings.scrape_timeout_offset) == (10.0, 0.5)
    assert (settings.ca_bundle, settings.proxy_url) == (None, None)
    assert settings.web.listen_address == ListenAddress("", 10042)
    assert settings.web.telemetry_path == "/metrics"
    assert (settings.log.level, settings.log.format) == ("info", "auto")
    [warning] = settings.warnings
    assert str(warning) == (
        "jobs: no job is configured: list some under jobs, set ZOHO_JOBS, or set web.api_token_file "
        "and let the commands track and schedule add them"
    )


def test_default_schedule(load: _Load, account: str) -> None:
    """From 15 s to 2 min while a job lives, back-off to 10 min after faults and to 6 h after refusals."""
    assert load(account).schedule.model_dump() == {
        "shortest": 15.0,
        "longest": 120.0,
        "remaining_fraction": 0.35,
        "waiting_fraction": 0.25,
        "suspended": 300.0,
        "fault_shortest": 15.0,
        "fault_longest": 600.0,
        "refusal_shortest": 900.0,
        "refusal_longest": 21_600.0,
    }


def test_null_is_the_same_as_nothing(load: _Load, account: str) -> None:
    """A key left empty, or a section whose lines are commented out, keeps its default."""
    settings = load(account + "jobs:\nretention: ~\nweb:\nschedule:\nstate: {path: }\nlog: {level: null}\n")
    assert (settings.jobs, settings.retention, settings.log.level) == ((), 604_800.0, "info")
    assert (settings.schedule.shortest, settings.state.path) == (15.0, None)


def test_null_budget_is_no_unlimited_one(load: _Load, account: str) -> None:
    """A number that somebody forgot to write costs nobody their credits."""
    assert load(account + "    daily_credit_budget:\n").accounts["acme"].daily_credit_budget == 1000


def test_jobs_keep_what_the_user_said(load: _Load) -> None:
    """The specs carry identity, source, name, group and labels."""
    first, second = load(_FULL).job_specs
    key = JobKey("acme", "Leads", "3524033000006027001")
    assert first == JobSpec(key, JobSource.CONFIG, "Reassign", "g", {"team": "sales"})
    assert second == JobSpec(JobKey("proxy", "Deals", "0123"), JobSource.CONFIG)


@pytest.mark.parametrize("written", ["0123", "'0123'", "3524033000006027001", "99999999999999999999999", "!!str 7"])
def test_job_id_keeps_its_digits(load: _Load, account: str, written: str) -> None:
    """A bare number is neither octal nor a float."""
    settings = load(account + f"jobs: [{{module: Leads, job_id: {written}}}]")
    assert settings.jobs[0].job_id == written.strip("'").removeprefix("!!str ")


def test_job_of_the_only_account_need_not_name_it(load: _Load, account: str) -> None:
    """With one account there is no doubt."""
    settings = load(account + "jobs:\n- {module: Leads, job_id: 1}\n- {account: , module: Leads, job_id: 2}\n")
    assert [str(job.key) for job in settings.job_specs] == ["acme/Leads/1", "acme/Leads/2"]


def test_account_by_environment_alone(load: _Load, variables: dict[str, str]) -> None:
    """No file is needed."""
    settings = load(None, variables | {"ZOHO_JOBS": " Leads/1, default/Deals/2 ,", "ZOHO_MAX_CONCURRENCY": "3"})
    assert settings.accounts["default"].data_center is DataCenter.US
    assert settings.accounts["default"].max_concurrency == 3
    assert settings.job_specs == (
        JobSpec(JobKey("default", "Leads", "1"), JobSource.ENVIRONMENT),
        JobSpec(JobKey("default", "Deals", "2"), JobSource.ENVIRONMENT),
    )


def test_variables_complete_the_account_they_name(load: _Load, account: str) -> None:
    """They are merged over that account's values of the file, and ZOHO_JOBS adds to its jobs."""
    environ = {"ZOHO_ACCOUNT": "acme", "ZOHO_ENVIRONMENT": "developer", "ZOHO_JOBS": "Deals/2"}
    settings = load(account + "jobs: [{module: Leads, job_id: 1}]", environ)
    assert settings.accounts["acme"].environment is Environment.DEVELOPER
    assert settings.accounts["acme"].data_center is DataCenter.EU
    assert [(str(job.key), job.source) for job in settings.job_specs] == [
        ("acme/Leads/1", JobSource.CONFIG),
        ("acme/Deals/2", JobSource.ENVIRONMENT),
    ]


def test_jobs_by_variable_are_of_the_files_only_account(load: _Load, account: str) -> None:
    """Without variables of an account, an entry of two parts means the only one."""
    assert str(load(account, {"ZOHO_JOBS": "Deals/2"}).job_specs[0].key) == "acme/Deals/2"


def test_variable_replaces_the_other_form_of_a_secret(load: _Load, account: str) -> None:
    """A secret by variable wins over a file's `client_secret_file`, and the other way round."""
    Path("token").write_text("from-a-file\n", encoding="utf-8")
    text = account.replace("client_secret: hunter2hunter2", "client_secret_file: /nonexistent")
    environ = {
        "ZOHO_ACCOUNT": "acme",
        "ZOHO_CLIENT_SECRET": "by-variable",
        "ZOHO_REFRESH_TOKEN_FILE": "token",
    }
    credentials = load(text, environ).accounts["acme"].credentials()
    assert (credentials.client_secret, credentials.refresh_token) == ("by-variable", "from-a-file")


def test_every_source_wins_over_the_ones_below(load: _Load, account: str, variables: dict[str, str]) -> None:
    """Flags, environment, .env, secrets directory, file, default: taken away one by one."""
    Path("secrets").mkdir()
    Path("secrets/zoho_retention").write_text("3s\n", encoding="utf-8")
    Path(".env").write_text("ZOHO_RETENTION=4s\n", encoding="utf-8")
    text = account + "retention: 2s"
    environ = variables | {"ZOHO_RETENTION": "5s"}
    assert load(text, environ, {"retention": "6s"}).retention == 6.0
    assert load(text, environ, {"retention": None}).retention == 5.0
    assert load(text, variables).retention == 4.0
    Path(".env").unlink()
    assert load(text, variables).retention == 3.0
    Path("secrets/zoho_retention").unlink()
    assert load(text, variables).retention == 2.0
    assert load(None, variables).retention == 604_800.0


def test_nested_settings_by_variable_and_flag(load: _Load, account: str) -> None:
    """A section is merged key by key; a flag may be a list."""
    text = account + "web: {telemetry_path: /m}\nlog: {level: error}\n"
    environ = {"ZOHO_WEB__LISTEN_ADDRESS": ":1", "ZOHO_LOG__LEVEL": "warning", "ZOHO_JOB_LABELS": "team, region"}
    settings = load(text, environ, {"web.listen_address": ":2"})
    assert settings.web.telemetry_path == "/m"
    assert settings.web.listen_address == ListenAddress("", 2)
    assert settings.log.level == "warning"
    assert settings.job_labels == ("team", "region")
    assert load(text, environ, {"job_labels": "squad"}).job_labels == ("squad",)


def test_state_path_by_every_source(load: _Load, account: str) -> None:
    """The flag wins over the variable, the variable over the file."""
    text, environ = account + "state: {path: by-file.db}", {"ZOHO_STATE__PATH": "by-variable.db"}
    assert load(text, environ, {"state.path": "by-flag.db"}).state.path == Path("by-flag.db")
    assert load(text, environ, {"state.path": None}).state.path == Path("by-variable.db")
    assert load(text).state.path == Path("by-file.db")


def test_schedule_and_credits_by_variable(load: _Load, variables: dict[str, str]) -> None:
    """A section's variables have two underscores, an account's have none."""
    environ = {
        "ZOHO_SCHEDULE__LONGEST": "5m",
        "ZOHO_SCHEDULE__REMAINING_FRACTION": "0.5",
        "ZOHO_DAILY_CREDIT_BUDGET": "unlimited",
        "ZOHO_CREDIT_RESERVE": "7",
    }
    settings = load(None, variables | environ)
    assert (settings.schedule.longest, settings.schedule.remaining_fraction) == (300.0, 0.5)
    account = settings.accounts["default"]
    assert (account.daily_credit_budget, account.credit_reserve) == (None, 7)


def test_environment_of_the_process_is_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without an injected mapping the process's variables are read."""
    (tmp_path / "zoho.yaml").write_text("retention: 1s", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for name in ("CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN"):
        monkeypatch.setenv(f"ZOHO_{name}", "word")
    monkeypatch.setenv("ZOHO_DATA_CENTER", "jp")
    settings = load_settings(Path("zoho.yaml"), secrets_dir=tmp_path / "absent")
    assert settings.accounts["default"].data_center is DataCenter.JP


def test_settings_can_be_built_in_python(load: _Load, account: str) -> None:
    """Values of the right type are accepted as they are, and jobs may be replaced."""
    proxy = SecretStr("http://proxy:3128")
    web = WebSettings(listen_address=ListenAddress("::1", 1))
    assert Settings(retention=1.5, web=web, proxy_url=proxy).web.listen_address.port == 1
    settings = load(account)
    copy = settings.model_copy(update={"jobs": (JobSettings(account="acme", module="Leads", job_id="1"),)})
    assert copy.job_specs == (JobSpec(JobKey("acme", "Leads", "1"), JobSource.CONFIG),)


@pytest.mark.parametrize(
    ("version", "is_told"), [("", True), ("v8", True), ("v3", True), ("v2.1", False), ("v2", False)]
)
def test_a_module_that_zoho_no_longer_has_is_told(
    load: _Load, variables: Mapping[str, str], version: str, *, is_told: bool
) -> None:
    """`Activities` can't be asked from v3 on: a warning says what to name instead, where the job was written."""
    warnings = load(None, {**variables, "ZOHO_JOBS": "Activities/7,Leads/7", "ZOHO_API_VERSION": version}).warnings
    text = "from v3 on Zoho has no module Activities: name Tasks, Calls or Events, or set api_version: v2.1"
    assert [str(warning) for warning in warnings] == ([f'ZOHO_JOBS: "Activities/7": {text}'] if is_told else [])
