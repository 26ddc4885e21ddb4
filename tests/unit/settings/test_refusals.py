"""Bad settings and the exact words of their refusal."""

from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.errors import ConfigurationError
from exporter.settings import Settings, load_settings

_Problems = Callable[..., list[str]]

_DATA_CENTERS = "us, eu, in, au, cn, jp, ca, sa, uk, ae"
_TOP_LEVEL = (
    "accounts, jobs, job_labels, job_files, stale_after, stalled_after, takes_too_long_after, waits_long_after, "
    "retention, unknown_retention, max_jobs, probe_retention, "
    "max_probed_jobs, discovery_linger, poll_timeout, connect_timeout,"
    " scrape_timeout, scrape_timeout_offset, ca_bundle, proxy_url, schedule, state, web, log"
)
_OF_AN_ACCOUNT = (
    "data_center, environment, api_version, client_id, client_secret, client_secret_file, refresh_token,"
    " refresh_token_file, max_concurrency, daily_credit_budget, credit_reserve, accounts_url, api_url"
)
_OF_WEB = (
    "listen_address, systemd_socket, telemetry_path, disable_exporter_metrics, external_url, route_prefix,"
    " api_token_file, config_file, max_requests"
)

# Each text follows the six lines of a valid account, so it begins on line 7.
_AFTER_AN_ACCOUNT = {
    "unknown key": ("wibble: 1", f"7: wibble: unknown key; known: {_TOP_LEVEL}"),
    "unknown key, near": ("retentio: 1", '7: retentio: unknown key; did you mean "retention"?'),
    "misplaced schedule key": ("longest: 5m", "7: longest: unknown key; it belongs under schedule"),
    "misplaced account key": (
        "credit_reserve: 5",
        "7: credit_reserve: unknown key; it belongs under accounts, below the account's alias",
    ),
    "unknown account key": (
        "    data_centre: eu",
        '7: accounts.acme.data_centre: unknown key; did you mean "data_center"?',
    ),
    "a token that may change records": (
        "    schedule_refresh_token_file: x",
        '7: accounts.acme.schedule_refresh_token_file: unknown key; did you mean "refresh_token_file"?',
    ),
    "unknown null key": ("    data_centre:", '7: accounts.acme.data_centre: unknown key; did you mean "data_center"?'),
    "unknown web key": (
        "web: {zzz: 1}",
        f"7: web.zzz: unknown key; known: {_OF_WEB}",
    ),
    "unknown log key": ("log: {levle: info}", '7: log.levle: unknown key; did you mean "level"?'),
    "unknown job key": (
        "jobs: [{module: L, job_id: 1, nme: x}]",
        '7: jobs[0].nme: unknown key; did you mean "name"?',
    ),
    "concurrency too high": (
        "    max_concurrency: 26",
        '7: accounts.acme.max_concurrency: "26" is not a whole number from 1 to 25',
    ),
    "concurrency no number": (
        "    max_concurrency: 0x5",
        '7: accounts.acme.max_concurrency: "0x5" is not a whole number from 1 to 25',
    ),
    "version": (
        "    api_version: 8",
        '7: accounts.acme.api_version: "8" is not one of v2, v2.1, v3, v4, v5, v6, v7, v8; did you mean "v8"?',
    ),
    "environment": (
        "    environment: prod",
        '7: accounts.acme.environment: "prod" is not one of production, sandbox, developer; did you mean "production"?',
    ),
    "one URL": ("    api_url: https://x", "7: accounts.acme.api_url: needs accounts_url beside it"),
    "the other URL": ("    accounts_url: https://x", "7: accounts.acme.accounts_url: needs api_url beside it"),
    "duplicate key": (
        "    data_center: us",
        "7: accounts.acme.data_center: duplicate key, first on line 3",
    ),
    "both forms": (
        "    client_secret_file: zoho.yaml",
        "5: accounts.acme.client_secret: give either client_secret or client_secret_file, not both",
        '7: accounts.acme.client_secret_file: "zoho.yaml" holds more than one word or line: expected the secret alone',
    ),
    "account is a list": ("  beta: []", f"7: accounts.beta: expected a mapping of settings; known: {_OF_AN_ACCOUNT}"),
    "empty account": (
        "  beta:",
        "7: accounts.beta.client_secret: client_secret or client_secret_file is required",
        "7: accounts.beta.refresh_token: refresh_token or refresh_token_file is required",
        f"7: accounts.beta.data_center: one of {_DATA_CENTERS} (or accounts_url and api_url) is required",
        "7: accounts.beta.client_id: is required",
    ),
    "alias": (
        "  a b: {data_center: us, client_id: x, client_secret: x, refresh_token: x}",
        '7: accounts.a b: "a b" is not an account alias: 1 to 64 letters, digits, _ . or -',
    ),
    "jobs is a mapping": ("jobs: {a: 1}", '7: jobs: expected a list: begin each entry with "- "'),
    "jobs is a word": ("jobs: a", '7: jobs: expected a list: begin each entry with "- "'),
    "job is a word": (
        "jobs:\n- a",
        "8: jobs[0]: expected a mapping of settings; known: account, module, job_id, name, group, labels, acknowledged",
    ),
    "empty job": (
        "jobs:\n-",
        "8: jobs[0].module: is required",
        "8: jobs[0].job_id: is required",
    ),
    "scientific job id": (
        "jobs: [{module: L, job_id: 1e5}]",
        (
            '7: jobs[0].job_id: "1e5" is not a job id: digits only, exactly as Zoho gave them; a spreadsheet or a'
            " program made a number of it and lost its digits: take it from Zoho's answer again"
        ),
    ),
    "underscored job id": (
        "jobs: [{module: L, job_id: 1_000}]",
        '7: jobs[0].job_id: "1_000" is not a job id: digits only, exactly as Zoho gave them',
    ),
    "job id is a list": (
        "jobs: [{module: L, job_id: [1]}]",
        "7: jobs[0].job_id: expected a job id: digits only, exactly as Zoho gave them, not a list",
    ),
    "module": (
        "jobs: [{module: 1L, job_id: 1}]",
        '7: jobs[0].module: "1L" is not a module\'s API name: a letter, then letters, digits or _, such as Leads',
    ),
    "name of two lines": (
        'jobs: [{module: L, job_id: 1, name: "a\\nb"}]',
        r'7: jobs[0].name: "a\nb" is not a text of one line with at most 256 characters',
    ),
    "unknown account": (
        "jobs: [{account: acmee, module: L, job_id: 1}]",
        '7: jobs[0].account: "acmee" is no account; did you mean "acme"?',
    ),
    "far account": (
        "jobs: [{account: zzz, module: L, job_id: 1}]",
        '7: jobs[0].account: "zzz" is no account; known: "acme"',
    ),
    "account left out": (
        "  b: {data_center: us, client_id: x, client_secret: x, refresh_token: x}\njobs:\n- module: L\n  job_id: 1",
        '9: jobs[0].account: is required, as there are several: "acme", "b"',
    ),
    "repeated job": (
        "jobs:\n- {module: L, job_id: 1}\n- {account: acme, module: L, job_id: '1'}",
        '9: jobs[1]: "acme/L/1" is listed twice, first at zoho.yaml:8',
    ),
    "label not allowed": (
        "jobs: [{module: L, job_id: 1, labels: {team: x}}]",
        "7: jobs[0].labels.team: is not in job_labels: add it there to allow it",
    ),
    "null label": (
        "job_labels: team\njobs: [{module: L, job_id: 1, labels: {team: }}]",
        "8: jobs[0].labels.team: expected a text of one line with at most 256 characters, got nothing",
    ),
    "labels is a list": (
        "jobs: [{module: L, job_id: 1, labels: [a]}]",
        "7: jobs[0].labels: expected a mapping: each name with a colon behind it, its value indented below",
    ),
    "label name": (
        "job_labels: [__a]",
        '7: job_labels[0]: "__a" is not a label name: letters, digits or _, no digit first, no __ first',
    ),
    "repeated label": ("job_labels: [a, a]", '7: job_labels: "a" is listed twice'),
    "duration": (
        "retention: 2 weeks",
        '7: retention: "2 weeks" is not a duration such as 15s, 1m30s, 7d or 500ms; did you mean "2w"?',
    ),
    "duration is a mapping": ("retention: {a: 1}", "7: retention: expected a duration from 0s to 3650d, not a mapping"),
    "duration out of range": ("poll_timeout: 0", '7: poll_timeout: "0" is out of range: from 100ms to 5m'),
    "stale before the next poll": (
        "schedule: {longest: 2h}",
        "7: schedule.longest: schedule.longest (2h) must not be longer than stale_after (1h by default)",
    ),
    "stale before the next poll, by default": (
        "stale_after: 60",
        "7: stale_after: schedule.longest (2m by default) must not be longer than stale_after (60)",
    ),
    "stale before the next poll, both given": (
        "stale_after: 3m\nschedule:\n  longest: 4m",
        "9: schedule.longest: schedule.longest (4m) must not be longer than stale_after (3m)",
    ),
    "shortest above longest": (
        "schedule:\n  longest: 10s\n  shortest: 10001ms",
        "9: schedule.shortest: schedule.shortest (10001ms) must not be longer than schedule.longest (10s)",
    ),
    "longest below the default shortest": (
        "schedule: {longest: 14s}",
        "7: schedule.longest: schedule.shortest (15s by default) must not be longer than schedule.longest (14s)",
    ),
    "faults": (
        "schedule: {fault_longest: 5s}",
        (
            "7: schedule.fault_longest: schedule.fault_shortest (15s by default) must not be longer than"
            " schedule.fault_longest (5s)"
        ),
    ),
    "refusals": (
        "schedule: {refusal_shortest: 1d}",
        (
            "7: schedule.refusal_shortest: schedule.refusal_shortest (1d) must not be longer than"
            " schedule.refusal_longest (6h by default)"
        ),
    ),
    "a bad duration is longer than nothing": (
        "schedule: {longest: 1 day}",
        '7: schedule.longest: "1 day" is not a duration such as 15s, 1m30s, 7d or 500ms; did you mean "1d"?',
    ),
    "offset eats the deadline": (
        "scrape_timeout: 1s\nscrape_timeout_offset: 1s",
        "8: scrape_timeout_offset: scrape_timeout_offset (1s) must be shorter than scrape_timeout (1s)",
    ),
    "deadline below the default offset": (
        "scrape_timeout: 400ms",
        "7: scrape_timeout: scrape_timeout_offset (500ms by default) must be shorter than scrape_timeout (400ms)",
    ),
    "ca bundle": ("ca_bundle: nope.pem", '7: ca_bundle: "nope.pem" does not exist'),
    "empty secret path": (
        "  b: {data_center: us, client_id: x, client_secret_file: '', refresh_token: x}",
        '7: accounts.b.client_secret_file: "" is not a path',
    ),
    "secret is a list": (
        "  b: {data_center: us, client_id: x, client_secret: [x], refresh_token: x}",
        "7: accounts.b.client_secret: expected a secret, not a list",
    ),
    "empty secret": (
        "  b: {data_center: us, client_id: x, client_secret: '', refresh_token: x}",
        "7: accounts.b.client_secret: is empty",
    ),
    "empty path": ("ca_bundle: ''", '7: ca_bundle: "" is not a path'),
    "proxy": (
        "proxy_url: socks5://user:swordfish@proxy",
        "7: proxy_url: is not a proxy's URL such as http://proxy:3128 (http or https, host, optional port)",
    ),
    "proxy with a path": (
        "proxy_url: http://proxy/x",
        "7: proxy_url: is not a proxy's URL such as http://proxy:3128 (http or https, host, optional port)",
    ),
    "telemetry path": (
        "web: {telemetry_path: /-/healthy}",
        '7: web.telemetry_path: "/-/healthy" is a page of the exporter\'s own: choose another, such as /metrics',
    ),
    "section is a word": (
        "web: 7",
        f"7: web: expected a mapping of settings; known: {_OF_WEB}",
    ),
    "state is a path": ("state: memory", "7: state: expected a mapping of settings; known: path, url, password_file"),
    "empty state path": ("state: {path: ''}", '7: state.path: "" is not a path'),
    "two states": (
        "state: {path: memory, url: 'postgresql://db/zoho'}",
        "7: state.url: give either state.path or state.url, not both",
    ),
    "password of no database": (
        "state: {password_file: /proc/sys/kernel/ostype}",
        "7: state.password_file: needs state.url beside it",
    ),
    "database's password file is missing": (
        "state: {url: 'postgresql://db/zoho', password_file: none}",
        '7: state.password_file: "none" does not exist',
    ),
    "password in an address": (
        "state: {url: 'postgresql://zoho:hunter2@db/zoho'}",
        (
            "7: state.url: holds a password, and is shown: name its file by state.password_file, or let PGPASSFILE, a"
            " service file or a client certificate tell who we are"
        ),
    ),
    "unknown schedule key": ("schedule: {longst: 5m}", '7: schedule.longst: unknown key; did you mean "longest"?'),
    "schedule out of range": (
        "schedule: {suspended: 2d}",
        '7: schedule.suspended: "2d" is out of range: from 0s to 1d',
    ),
    "fraction": (
        "schedule: {remaining_fraction: 35%}",
        '7: schedule.remaining_fraction: "35%" is not a fraction above 0, at most 1, such as 0.35',
    ),
    "fraction is a list": (
        "schedule: {waiting_fraction: [1]}",
        "7: schedule.waiting_fraction: expected a fraction above 0, at most 1, not a list",
    ),
    "no jobs allowed": ("max_jobs: 0", '7: max_jobs: "0" is not a whole number from 1 to 100000'),
    "budget": (
        "    daily_credit_budget: lots",
        '7: accounts.acme.daily_credit_budget: "lots" is not a whole number from 0 to 10000000, or unlimited',
    ),
    "budget is a mapping": (
        "    daily_credit_budget: {acme: 1}",
        "7: accounts.acme.daily_credit_budget: expected a whole number from 0 to 10000000, or unlimited, not a mapping",
    ),
    "unlimited reserve": (
        "    credit_reserve: unlimited",
        '7: accounts.acme.credit_reserve: "unlimited" is not a whole number from 0 to 10000000',
    ),
    "log level": (
        "log: {level: warnin}",
        '7: log.level: "warnin" is not one of debug, info, warning, error, warn; did you mean "warning"?',
    ),
    "complex key": ("? [a]\n: 1", "7: has a key that is not a plain word"),
    "tag": ("retention: !fresh 1s", "7: retention: has a YAML tag: put a value that begins with ! in quotes"),
    "merge of a word": ("web: {<<: a}", "7: web: <<: expects a mapping, or a list of mappings"),
    "cycle": ("jobs: &all [*all]", "7: jobs[0]: an alias that contains itself"),
}


@pytest.mark.parametrize(
    ("text", "expected"), [(row[0], row[1:]) for row in _AFTER_AN_ACCOUNT.values()], ids=list(_AFTER_AN_ACCOUNT)
)
def test_file_is_refused(problems: _Problems, account: str, text: str, expected: tuple[str, ...]) -> None:
    """Each problem is placed at its line and begins with its path."""
    assert problems(account + text) == [f"zoho.yaml:{problem}" for problem in expected]


_NO_FILE = {
    "flag": (
        {},
        {"web.listen_address": "x"},
        '--web.listen-address: "x" is not host:port, :port or [IPv6 address]:port; did you mean "x:10042"?',
    ),
    "unknown flag": (
        {},
        {"web.port": 1},
        f"--web.port: unknown key; known: {_OF_WEB}",
    ),
    "variable": (
        {"ZOHO_LOG__FORMAT": "xml"},
        {},
        'ZOHO_LOG__FORMAT: "xml" is not one of auto, logfmt, json',
    ),
    "data center": (
        {"ZOHO_DATA_CENTER": "eurp"},
        {},
        f'ZOHO_DATA_CENTER: "eurp" is not one of {_DATA_CENTERS}; did you mean "eu"?',
    ),
    "job without an id": (
        {"ZOHO_JOBS": "Leads,Leads/1"},
        {},
        'ZOHO_JOBS: "Leads": expected Module/job_id or account/Module/job_id, such as Leads/3524033000006027001',
    ),
    "job id": (
        {"ZOHO_JOBS": "Leads/1x"},
        {},
        'ZOHO_JOBS: "Leads/1x": "1x" is not a job id: digits only, exactly as Zoho gave them',
    ),
    "job of an unknown account": (
        {"ZOHO_JOBS": "defalt/Leads/1"},
        {},
        'ZOHO_JOBS: "defalt/Leads/1": "defalt" is no account; did you mean "default"?',
    ),
    "repeated job": (
        {"ZOHO_JOBS": "Leads/1,default/Leads/1"},
        {},
        'ZOHO_JOBS: "default/Leads/1": "default/Leads/1" is listed twice',
    ),
    "alias": (
        {"ZOHO_ACCOUNT": "a b"},
        {},
        'ZOHO_ACCOUNT: "a b" is not an account alias: 1 to 64 letters, digits, _ . or -',
    ),
    "secrets directory": ({"ZOHO_SECRETS_DIR": "nope"}, {}, 'ZOHO_SECRETS_DIR: "nope" does not exist'),
    "secret file": (
        {"ZOHO_CLIENT_SECRET": "", "ZOHO_CLIENT_SECRET_FILE": "nope"},
        {},
        'ZOHO_CLIENT_SECRET_FILE: "nope" does not exist',
    ),
    "both forms": (
        {"ZOHO_CLIENT_SECRET_FILE": "nope"},
        {},
        "ZOHO_CLIENT_SECRET: give either client_secret or client_secret_file, not both",
        'ZOHO_CLIENT_SECRET_FILE: "nope" does not exist',
    ),
    "secret of two words": (
        {"ZOHO_CLIENT_SECRET": "hunter2 hunter2"},
        {},
        "ZOHO_CLIENT_SECRET: holds more than one word or line: expected the secret alone",
    ),
    "plain HTTP": (
        {"ZOHO_ACCOUNTS_URL": "https://a", "ZOHO_API_URL": "http://b"},
        {},
        'ZOHO_API_URL: "http://b" would send secrets unencrypted: use https:// (http:// is for loopback only)',
    ),
    "schedule by variable": (
        {"ZOHO_SCHEDULE__LONGEST": "2h"},
        {},
        "ZOHO_SCHEDULE__LONGEST: schedule.longest (2h) must not be longer than stale_after (1h by default)",
    ),
    "schedule by variable and flag": (
        {"ZOHO_STALE_AFTER": "1m"},
        {"schedule.longest": "90s"},
        "--schedule.longest: schedule.longest (90s) must not be longer than stale_after (1m)",
    ),
    "budget": (
        {"ZOHO_DAILY_CREDIT_BUDGET": "1e3"},
        {},
        'ZOHO_DAILY_CREDIT_BUDGET: "1e3" is not a whole number from 0 to 10000000, or unlimited',
    ),
    "state path": ({}, {"state.path": ""}, '--state.path: "" is not a path'),
    "state flag": ({}, {"state.file": "x"}, '--state.file: unknown key; did you mean "password_file"?'),
    "missing id": ({"ZOHO_CLIENT_ID": " "}, {}, 'ZOHO_CLIENT_ID: is required by account "default"'),
}


@pytest.mark.parametrize(
    ("environ", "flags", "expected"),
    [(environ, flags, said) for environ, flags, *said in _NO_FILE.values()],
    ids=list(_NO_FILE),
)
def test_variable_or_flag_is_refused(
    problems: _Problems,
    variables: dict[str, str],
    environ: dict[str, str],
    flags: dict[str, object],
    expected: list[str],
) -> None:
    """Each problem is placed at the variable or the flag."""
    assert problems(None, variables | environ, flags) == expected


def test_equal_durations_are_coherent(load: Callable[..., Settings], account: str) -> None:
    """A pair may be equal: a constant interval is a schedule too."""
    text = "{shortest: 1m, longest: 1m, fault_shortest: 10m, refusal_longest: 15m}"
    assert load(account + f"stale_after: 1m\nschedule: {text}").schedule.longest == 60.0


def test_dotenv_is_refused(problems: _Problems, variables: dict[str, str]) -> None:
    """The file is the place, the variable begins the message."""
    Path(".env").write_text("ZOHO_RETENTION=soon\nZOHO_JOBS=x\n", encoding="utf-8")
    assert problems(None, variables) == [
        '.env:2: ZOHO_JOBS: "x": expected Module/job_id or account/Module/job_id, such as Leads/3524033000006027001',
        '.env:1: ZOHO_RETENTION: "soon" is not a duration such as 15s, 1m30s, 7d or 500ms',
    ]


def test_dotenv_must_be_text(problems: _Problems, variables: dict[str, str]) -> None:
    """Bytes that are not UTF-8 are told of, not shown."""
    Path(".env").write_bytes(b"ZOHO_CLIENT_SECRET=\xff\xfe")
    assert problems(None, variables) == [".env: is not UTF-8 text: save it as UTF-8"]


def test_no_account_says_how_to_start(problems: _Problems) -> None:
    """The first start of all ends with three ways on."""
    assert "\n".join(problems(None)).splitlines() == [
        "accounts: no account is configured; start with one of",
        "  - environment variables: ZOHO_CLIENT_ID, ZOHO_CLIENT_SECRET, ZOHO_REFRESH_TOKEN and ZOHO_DATA_CENTER",
        "  - a file with an accounts section: --config.file=zoho.yaml",
        "  - the demo, which needs no account at Zoho: zoho-mass-update-exporter demo",
    ]


@pytest.mark.parametrize("text", ["", "# nothing\n", "~", "{}", "accounts:\n", "accounts: {}\n"])
def test_empty_file_is_no_file(problems: _Problems, text: str) -> None:
    """An empty file is allowed; what is missing is an account."""
    (only,) = problems(text)
    assert only.startswith("zoho.yaml:1: accounts: ")
    assert "no account is configured" in only


def test_accounts_of_the_wrong_kind(problems: _Problems, variables: dict[str, str]) -> None:
    """The wrong value is told of, even where variables would replace it."""
    assert problems("accounts: 5", variables) == [
        "zoho.yaml:1: accounts: expected a mapping: each name with a colon behind it, its value indented below"
    ]


def test_jobs_of_the_wrong_kind(problems: _Problems, variables: dict[str, str]) -> None:
    """ZOHO_JOBS does not hide it."""
    assert problems("jobs: 5", variables | {"ZOHO_JOBS": "Leads/1"}) == [
        'zoho.yaml:1: jobs: expected a list: begin each entry with "- "'
    ]


def test_incomplete_account_by_variables_points_at_the_files(problems: _Problems, account: str) -> None:
    """A single secret by variable is most likely meant for the file's account."""
    hint = "; to complete another account by variables set ZOHO_ACCOUNT to its alias: acme"
    environ = {"ZOHO_REFRESH_TOKEN": "letmein", "ZOHO_DATA_CENTER": "us"}
    assert problems(account, environ) == [
        f'ZOHO_CLIENT_SECRET: client_secret or client_secret_file is required by account "default"{hint}',
        f'ZOHO_CLIENT_ID: is required by account "default"{hint}',
    ]


def test_every_problem_is_told_at_once_in_the_order_of_the_file(problems: _Problems, account: str) -> None:
    """Lines ascend; what is not of the file comes last."""
    text = account.replace("eu", "xx") + "retention: x\nwibble: 1\n"
    places = [problem.split(": ")[0] for problem in problems(text, {"ZOHO_LOG__LEVEL": "x"}, {"log.format": "x"})]
    assert places == ["zoho.yaml:3", "zoho.yaml:7", "zoho.yaml:8", "ZOHO_LOG__LEVEL", "--log.format"]


@pytest.mark.parametrize(
    ("text", "flags", "told"),
    [
        pytest.param("", {"state.path": "Memory"}, '"Memory" is a file\'s name; did you mean memory?', id="memory"),
        pytest.param("", {"state.path": ":memory:"}, '":memory:" is a file\'s name; did you mean memory?', id="SQLite"),
        pytest.param("", {"state.path": "postgresql://db/zoho"}, "looks like an address, not like a path", id="URL"),
        pytest.param("", {"state.path": "host=db password=SECRET"}, "looks like an address, not", id="keywords"),
        pytest.param("", {"state.path": "-"}, "- is no file's name here: name one, such as ./-", id="standard output"),
        pytest.param("", {"web.listen_address": f"{'ab12' * 8}"}, "is not host:port, :port or [IPv6", id="masked host"),
        pytest.param("jobs: [{module: \"'SECRET'\", job_id: 1}]", {}, "is not a module's API name", id="masked module"),
        pytest.param("  jobs: []", {}, "jobs: stands below accounts: move it to the left", id="indented too far"),
        pytest.param("basic_auth_users: {}", {}, "it belongs into the file of --web.config.file", id="web-config"),
        pytest.param("ca_bundle: ~/ca.pem", {}, "begins with what only a shell fills in", id="home directory"),
    ],
)
def test_message_says_what_to_do_once(
    problems: Callable[..., list[str]], account: str, text: str, flags: dict[str, str], told: str
) -> None:
    """One for each mistake, and what is masked in it is nowhere to be read."""
    [problem] = problems(f"{account}{text.replace('SECRET', 'ab12' * 8)}\n", flags=flags)
    assert told in problem
    assert "ab12" not in problem


def test_file_of_no_name_is_told(tmp_path: Path) -> None:
    """As a script's empty variable gives it."""
    with pytest.raises(ConfigurationError, match=r"^--config\.file: names no file"):
        load_settings(Path(), environ={}, dotenv_file=None, secrets_dir=tmp_path / "absent")
