"""The mistakes that people make when they configure: `check` names the place of each, and what to do next."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from exporter.cli import main

_ACCOUNT = """\
accounts:
  acme:
    data_center: eu
    client_id: 1000.ABCDEF
    client_secret: hunter2hunter2
    refresh_token: 1000.0123456789abcdef.0123456789abcdef
"""
_JOBS = """\
jobs:
  - {module: Leads, job_id: 3524033000006027001}
"""
_FILE = _ACCOUNT + _JOBS
_OF_A_FILE = _FILE.replace("client_secret: hunter2hunter2", "client_secret_file: secret")
_VARIABLES = {
    "ZOHO_CLIENT_ID": "1000.ABCDEF",
    "ZOHO_CLIENT_SECRET": "hunter2hunter2",
    "ZOHO_REFRESH_TOKEN": "1000.0123456789abcdef.0123456789abcdef",
    "ZOHO_DATA_CENTER": "us",
    "ZOHO_JOBS": "Leads/3524033000006027001",
}
_A_CLIENT_ID = "1000.ABCDEFGHIJKLMNOPQRSTUVWXYZ1234"
_A_SECRET = "0123456789abcdef0123456789abcdef0123456789"
_QUOTES = "stands in quotes that are part of it: take them away"
_A_JOB_ID = "is not a job id: digits only, exactly as Zoho gave them"
_A_MODULE = "is not a module's API name: a letter, then letters, digits or _, such as Leads"
_A_DURATION = "is not a duration such as 15s, 1m30s, 7d or 500ms"
_A_PROXY = "is not a proxy's URL such as http://proxy:3128 (http or https, host, optional port)"
_AN_ENTRY = "expected Module/job_id or account/Module/job_id, such as Leads/3524033000006027001"
_UTF16 = "is UTF-16, as some editors and PowerShell write: save it as UTF-8"
_ADDRESS = "is not host:port, :port or [IPv6 address]:port"
_BUDGET = "is not a whole number from 0 to 10000000, or unlimited"

Check = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Check:
    """Give what checks files, variables and flags in a directory of their own: the status, and what was told."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.lower().startswith("zoho") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)

    def run(files: Mapping[str, str | bytes], variables: Mapping[str, str], *flags: str) -> tuple[int, list[str]]:
        for name, content in files.items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
            Path(name).chmod(0o600)
        for name, text in variables.items():
            monkeypatch.setenv(name, text)
        status = main(["check", *(["--config.file=zoho.yaml"] if "zoho.yaml" in files else []), *flags])
        return status, [line.strip() for line in capsys.readouterr().err.splitlines()]

    return run


def of_file(after: str = _JOBS, **replaced: str) -> str:
    """Write a settings file that is right but for some values of its account, or for what follows that."""
    text = _ACCOUNT + after
    for name, value in replaced.items():
        before, key, rest = text.partition(f"    {name}: ")
        text = "".join((before, key, value, "\n", rest.partition("\n")[2]))
    return text


_WEB_TLS = "tls_server_config:\n  cert_file: tls.crt\n  key_file: tls.key\n"
_IN_THE_FILE = {
    # Form.
    "tab": (
        _FILE.replace("    data", "\tdata"),
        "zoho.yaml:3: is not valid YAML: is indented by a tab, where only spaces may stand",
    ),
    "tab after spaces": (
        _FILE.replace("    client_id", "    \tclient_id"),
        "zoho.yaml:4: is not valid YAML: is indented by a tab, where only spaces may stand",
    ),
    "UTF-16": (_FILE.encode("utf-16"), f"zoho.yaml: {_UTF16}"),
    "UTF-16 without a mark": (
        _FILE.encode("utf-16-le"),
        "zoho.yaml:1: is not valid YAML: has a character that YAML does not allow: is it UTF-16? save it as UTF-8",
    ),
    "Latin-1": (_FILE.encode() + b"# \xe9", "zoho.yaml: is not UTF-8 text: save it as UTF-8"),
    "no space after the colon": (
        _FILE.replace("data_center: ", "data_center:"),
        (
            "zoho.yaml:4: is not valid YAML: mapping values are not allowed in this context; is a space missing"
            " after a colon just above, or is this line indented too far?"
        ),
    ),
    "line too far to the right": (
        _FILE.replace("    client_id", "      client_id"),
        (
            "zoho.yaml:4: is not valid YAML: mapping values are not allowed in this context; is a space missing"
            " after a colon just above, or is this line indented too far?"
        ),
    ),
    "line too far to the left": (
        _FILE.replace("    client_secret", "   client_secret"),
        "zoho.yaml:5: is not valid YAML: did not find expected key; is this line indented like its neighbours?",
    ),
    "no colon": (
        _FILE.replace("client_id:", "client_id"),
        "zoho.yaml:5: is not valid YAML: could not find expected ':'; each name has a colon and a space behind it",
    ),
    "open quote": (
        _FILE.replace("hunter2hunter2", "'hunter2"),
        "zoho.yaml:5: is not valid YAML: found unexpected end of stream; a quote or a bracket is not closed",
    ),
    "open bracket": (
        of_file("jobs: [{module: Leads, job_id: 1}\n"),
        (
            "zoho.yaml:7: is not valid YAML: did not find expected ',' or ']'; is a bracket not closed, or a comma"
            " missing?"
        ),
    ),
    "value that begins with @": (
        _FILE.replace("hunter2hunter2", "@hunter"),
        (
            "zoho.yaml:5: is not valid YAML: found character that cannot start any token; put a value that begins"
            " with @, ` or % in quotes"
        ),
    ),
    "variables in the place of YAML": (
        "ZOHO_CLIENT_ID=1000.A\n",
        (
            "zoho.yaml: expected a mapping at the top level, such as accounts: and jobs:; it looks like variables:"
            " name it .env, or begin with accounts:"
        ),
    ),
    "key twice": (
        _FILE.replace("data_center: eu", "data_center: eu\n    data_center: us"),
        "zoho.yaml:4: accounts.acme.data_center: duplicate key, first on line 3",
    ),
    # Shape.
    "account not indented": (
        "accounts:\nacme:\n  data_center: eu\n",
        "zoho.yaml:2: acme: unknown key; it looks like an account: indent it below accounts",
    ),
    "account without an alias": (
        "accounts:\n  data_center: eu\n",
        (
            "zoho.yaml:2: accounts.data_center: stands where an account's alias belongs: write one above it, such"
            " as acme:, and indent it more"
        ),
    ),
    "list of accounts": (
        "accounts:\n- name: acme\n",
        "zoho.yaml:1: accounts: expected a mapping: each name with a colon behind it, its value indented below",
    ),
    "job without a dash": (
        of_file("jobs:\n  module: Leads\n"),
        'zoho.yaml:7: jobs: expected a list: begin each entry with "- "',
    ),
    "key of an account at the top": (
        "data_center: eu\n",
        "zoho.yaml:1: data_center: unknown key; it belongs under accounts, below the account's alias",
    ),
    "key by half its name": (
        of_file("jobs:\n- {module: Leads, id: 1}\n"),
        'zoho.yaml:8: jobs[0].id: unknown key; did you mean "job_id"?',
    ),
    "key with a dash": (
        of_file(_JOBS + "stale-after: 1h\n"),
        'zoho.yaml:9: stale-after: unknown key; did you mean "stale_after"?',
    ),
    # Values.
    "data centre by its domain": (
        of_file(data_center="com"),
        (
            'zoho.yaml:3: accounts.acme.data_center: "com" is not one of us, eu, in, au, cn, jp, ca, sa, uk, ae;'
            ' did you mean "us"?'
        ),
    ),
    "data centre by two domains": (
        of_file(data_center="com.au"),
        (
            'zoho.yaml:3: accounts.acme.data_center: "com.au" is not one of us, eu, in, au, cn, jp, ca, sa, uk,'
            ' ae; did you mean "au"?'
        ),
    ),
    "data centre by its host": (
        of_file(data_center="zoho.in"),
        (
            'zoho.yaml:3: accounts.acme.data_center: "zoho.in" is not one of us, eu, in, au, cn, jp, ca, sa, uk,'
            ' ae; did you mean "in"?'
        ),
    ),
    "data centre by the browser's address": (
        of_file(data_center="https://crm.zoho.com.cn/crm/org7/tab"),
        (
            'zoho.yaml:3: accounts.acme.data_center: "https://crm.zoho.com.cn/crm/org7/tab" is not one of us, eu,'
            ' in, au, cn, jp, ca, sa, uk, ae; did you mean "cn"?'
        ),
    ),
    "data centre by its continent": (
        of_file(data_center="europe"),
        (
            'zoho.yaml:3: accounts.acme.data_center: "europe" is not one of us, eu, in, au, cn, jp, ca, sa, uk,'
            ' ae; did you mean "eu"?'
        ),
    ),
    "module by its label": (
        of_file("jobs:\n- {module: Sales Orders, job_id: 1}\n"),
        (
            f'zoho.yaml:8: jobs[0].module: "Sales Orders" {_A_MODULE}; did you mean "Sales_Orders"? Setup > APIs'
            " and SDKs lists the names"
        ),
    ),
    "job id of a spreadsheet": (
        of_file("jobs:\n- {module: Leads, job_id: 3.52e18}\n"),
        (
            f'zoho.yaml:8: jobs[0].job_id: "3.52e18" {_A_JOB_ID}; a spreadsheet or a program made a number of it'
            " and lost its digits: take it from Zoho's answer again"
        ),
    ),
    "job id with a prefix": (
        of_file("jobs:\n- {module: Leads, job_id: zcrm_3524033000006027001}\n"),
        f'zoho.yaml:8: jobs[0].job_id: "zcrm_3524033000006027001" {_A_JOB_ID}; did you mean "3524033000006027001"?',
    ),
    "job id with separators": (
        of_file('jobs:\n- {module: Leads, job_id: "3,524,033,000,006,027,001"}\n'),
        f'zoho.yaml:8: jobs[0].job_id: "3,524,033,000,006,027,001" {_A_JOB_ID}; did you mean "3524033000006027001"?',
    ),
    "job id with spaces": (
        of_file("jobs:\n- {module: Leads, job_id: 3524 0330 0000 6027 001}\n"),
        f'zoho.yaml:8: jobs[0].job_id: "3524 0330 0000 6027 001" {_A_JOB_ID}; did you mean "3524033000006027001"?',
    ),
    "job id in two pairs of quotes": (
        of_file("jobs:\n- {module: Leads, job_id: '\"3524033000006027001\"'}\n"),
        f'zoho.yaml:8: jobs[0].job_id: "\\"3524033000006027001\\"" {_A_JOB_ID}; did you mean "3524033000006027001"?',
    ),
    "job id out of a URL": (
        of_file("jobs:\n- {module: Leads, job_id: 'https://x/y?job_id=3524033000006027001'}\n"),
        f'zoho.yaml:8: jobs[0].job_id: "https://x/y?***" {_A_JOB_ID}; did you mean "3524033000006027001"?',
    ),
    "the same job twice": (
        of_file(_JOBS + "  - {module: Leads, job_id: '3524033000006027001'}\n"),
        'zoho.yaml:9: jobs[1]: "acme/Leads/3524033000006027001" is listed twice, first at zoho.yaml:8',
    ),
    "job of an unknown account": (
        of_file("jobs:\n- {account: acne, module: Leads, job_id: 1}\n"),
        'zoho.yaml:8: jobs[0].account: "acne" is no account; did you mean "acme"?',
    ),
    "duration in words": (
        of_file(_JOBS + "retention: 2 weeks\n"),
        f'zoho.yaml:9: retention: "2 weeks" {_A_DURATION}; did you mean "2w"?',
    ),
    "duration with a space": (
        of_file(_JOBS + "stale_after: 1h 30m\n"),
        f'zoho.yaml:9: stale_after: "1h 30m" {_A_DURATION}; did you mean "1h30m"?',
    ),
    "negative duration": (of_file(_JOBS + "retention: -7d\n"), f'zoho.yaml:9: retention: "-7d" {_A_DURATION}'),
    "duration without a unit, too short": (
        of_file(_JOBS + "stale_after: 1\n"),
        "zoho.yaml:9: stale_after: schedule.longest (2m by default) must not be longer than stale_after (1)",
    ),
    "negative budget": (
        of_file("    daily_credit_budget: -1\n" + _JOBS),
        f'zoho.yaml:7: accounts.acme.daily_credit_budget: "-1" {_BUDGET}',
    ),
    "budget with a separator": (
        of_file("    daily_credit_budget: 1,000\n" + _JOBS),
        f'zoho.yaml:7: accounts.acme.daily_credit_budget: "1,000" {_BUDGET}; did you mean "1000"?',
    ),
    "path that a shell would fill in": (
        of_file(_JOBS + "ca_bundle: ~/ca.pem\n"),
        'zoho.yaml:9: ca_bundle: "~/ca.pem" begins with what only a shell fills in: write the whole path',
    ),
    "CA bundle that is none": (
        of_file(_JOBS + "ca_bundle: zoho.yaml\n"),
        (
            'zoho.yaml:9: ca_bundle: "zoho.yaml" can\'t be used as CA certificates: expected PEM, from -----BEGIN'
            " CERTIFICATE----- on"
        ),
    ),
    "port that is none": (
        of_file(_JOBS + "web: {listen_address: 99999}\n"),
        f'zoho.yaml:9: web.listen_address: "99999" {_ADDRESS}',
    ),
    "duration out of range": (
        of_file(_JOBS + "poll_timeout: 90 minutes\n"),
        'zoho.yaml:9: poll_timeout: "90 minutes" is not a duration such as 15s, 1m30s, 7d or 500ms',
    ),
    "number out of range": (
        of_file("    max_concurrency: 1,000\n" + _JOBS),
        'zoho.yaml:7: accounts.acme.max_concurrency: "1,000" is not a whole number from 1 to 25',
    ),
    "label that is not allowed": (
        of_file("jobs:\n- {module: Leads, job_id: 1, labels: {team: x}}\n"),
        "zoho.yaml:8: jobs[0].labels.team: is not in job_labels: add it there to allow it",
    ),
    "more jobs than may be tracked": (
        of_file(_JOBS + "  - {module: Deals, job_id: 1}\nmax_jobs: 1\n"),
        "zoho.yaml:10: max_jobs: 2 jobs are listed, and max_jobs is 1: raise it, or list fewer jobs",
    ),
    # Credentials, whose values are never shown.
    "client id and secret swapped": (
        of_file(client_id=_A_SECRET, client_secret=_A_CLIENT_ID),
        (
            "zoho.yaml:4: accounts.acme.client_id: looks like a client secret, not like a client id: is it swapped"
            " with another value?"
        ),
    ),
    "client id for the token": (
        of_file(refresh_token=_A_CLIENT_ID),
        (
            "zoho.yaml:6: accounts.acme.refresh_token: looks like a client id, not like a token: is it swapped"
            " with another value?"
        ),
    ),
    "secret for the token": (
        of_file(refresh_token=_A_SECRET),
        (
            "zoho.yaml:6: accounts.acme.refresh_token: looks like a client secret, not like a token: is it swapped"
            " with another value?"
        ),
    ),
    "token for the client id": (
        of_file(client_id="1000.0123456789abcdef.0123456789abcdef"),
        (
            "zoho.yaml:4: accounts.acme.client_id: looks like a token, not like a client id: is it swapped with"
            " another value?"
        ),
    ),
    "quotes within quotes": (
        of_file(client_id="'\"1000.ABCDEF\"'"),
        f"zoho.yaml:4: accounts.acme.client_id: {_QUOTES}",
    ),
    "variable that nobody filled in": (
        of_file(client_secret="${ZOHO_CLIENT_SECRET}"),
        "zoho.yaml:5: accounts.acme.client_secret: is a placeholder: put Zoho's own value in its place",
    ),
    "name before the value": (
        of_file(refresh_token="refresh_token=1000.0123456789abcdef.0123456789abcdef"),
        "zoho.yaml:6: accounts.acme.refresh_token: has a word in front of it: write Zoho's value alone",
    ),
}


@pytest.mark.parametrize(("content", "told"), _IN_THE_FILE.values(), ids=list(_IN_THE_FILE))
def test_mistake_in_the_file_is_told(check: Check, content: str | bytes, told: str) -> None:
    """One line names the place and the next step, and none shows a secret."""
    status, lines = check({"zoho.yaml": content}, {})
    assert status == 2
    assert told in lines
    assert not [line for line in lines if _A_SECRET in line or _A_CLIENT_ID in line or "hunter2hunter2" in line]


_IN_VARIABLES: Mapping[str, tuple[Mapping[str, str], str]] = {
    "quotes that Docker keeps": ({"ZOHO_CLIENT_ID": '"1000.ABCDEF"'}, f"ZOHO_CLIENT_ID: {_QUOTES}"),
    "quotes around a word": ({"ZOHO_DATA_CENTER": "'eu'"}, f"ZOHO_DATA_CENTER: {_QUOTES}"),
    "data centre in other words": (
        {"ZOHO_DATA_CENTER": "United States"},
        'ZOHO_DATA_CENTER: "United States" is not one of us, eu, in, au, cn, jp, ca, sa, uk, ae; did you mean "us"?',
    ),
    "job id alone": ({"ZOHO_JOBS": "3524033000006027001"}, f'ZOHO_JOBS: "3524033000006027001": {_AN_ENTRY}'),
    "job with a colon": ({"ZOHO_JOBS": "Leads:1"}, f'ZOHO_JOBS: "Leads:1": {_AN_ENTRY}'),
    "job of a label": (
        {"ZOHO_JOBS": "Sales Orders/1"},
        (
            f'ZOHO_JOBS: "Sales Orders/1": "Sales Orders" {_A_MODULE}; did you mean "Sales_Orders"? Setup > APIs'
            " and SDKs lists the names"
        ),
    ),
    "job of an unknown account": (
        {"ZOHO_JOBS": "defalt/Leads/1"},
        'ZOHO_JOBS: "defalt/Leads/1": "defalt" is no account; did you mean "default"?',
    ),
    "secret and its file": (
        {"ZOHO_CLIENT_SECRET_FILE": "nope"},
        "ZOHO_CLIENT_SECRET: give either client_secret or client_secret_file, not both",
    ),
    "secrets directory that is none": ({"ZOHO_SECRETS_DIR": "nope"}, 'ZOHO_SECRETS_DIR: "nope" does not exist'),
    "SOCKS proxy": ({"HTTPS_PROXY": "socks5://proxy:1080"}, f"HTTPS_PROXY: {_A_PROXY}"),
    "proxy with a word for its port": ({"https_proxy": "http://user:swordfish@proxy:port"}, f"https_proxy: {_A_PROXY}"),
    "proxy for all": ({"ALL_PROXY": "socks5h://proxy:1080"}, f"ALL_PROXY: {_A_PROXY}"),
}


@pytest.mark.parametrize(("variables", "told"), _IN_VARIABLES.values(), ids=list(_IN_VARIABLES))
def test_mistake_in_a_variable_is_told(check: Check, variables: Mapping[str, str], told: str) -> None:
    """The place is the variable."""
    status, lines = check({}, {**_VARIABLES, **variables})
    assert status == 2
    assert told in lines
    assert "swordfish" not in "".join(lines)


_IN_OTHER_FILES: Mapping[str, tuple[Mapping[str, str | bytes], str]] = {
    "secret missing": (
        {"zoho.yaml": _OF_A_FILE},
        'zoho.yaml:5: accounts.acme.client_secret_file: "secret" does not exist',
    ),
    "secret is a directory": (
        {"zoho.yaml": _OF_A_FILE, "secret/x": ""},
        'zoho.yaml:5: accounts.acme.client_secret_file: "secret" is a directory, not a file',
    ),
    "secret is empty": (
        {"zoho.yaml": _OF_A_FILE, "secret": "\n"},
        'zoho.yaml:5: accounts.acme.client_secret_file: "secret" is empty',
    ),
    "secret of two lines": (
        {"zoho.yaml": _OF_A_FILE, "secret": "a\nb"},
        (
            'zoho.yaml:5: accounts.acme.client_secret_file: "secret" holds more than one word or line: expected'
            " the secret alone"
        ),
    ),
    "secret as a variable": (
        {"zoho.yaml": _OF_A_FILE, "secret": "ZOHO_CLIENT_SECRET=abc"},
        'zoho.yaml:5: accounts.acme.client_secret_file: "secret" has a word in front of it: write Zoho\'s value alone',
    ),
    "secret in quotes": (
        {"zoho.yaml": _OF_A_FILE, "secret": '"abc"'},
        f'zoho.yaml:5: accounts.acme.client_secret_file: "secret" {_QUOTES}',
    ),
    "secret in UTF-16": (
        {"zoho.yaml": _OF_A_FILE, "secret": "abc".encode("utf-16")},
        f'zoho.yaml:5: accounts.acme.client_secret_file: "secret" {_UTF16}',
    ),
    "job file with accounts": (
        {"zoho.yaml": _FILE + "job_files: [jobs.d/*.yaml]", "jobs.d/a.yaml": "jobs: []\naccounts: {}"},
        "jobs.d/a.yaml:2: accounts: unknown key; a job file holds nothing but jobs",
    ),
    "job files at home": (
        {"zoho.yaml": _FILE + "job_files: [~/jobs.d/*.yaml]"},
        'zoho.yaml:9: job_files[0]: "~/jobs.d/*.yaml" begins with what only a shell fills in: write the whole path',
    ),
    "web-config file that is missing": (
        {"zoho.yaml": _FILE + "web: {config_file: web.yml}"},
        'zoho.yaml:9: web.config_file: "web.yml" does not exist',
    ),
    "certificate that is missing": (
        {"zoho.yaml": _FILE + "web: {config_file: web.yml}", "web.yml": _WEB_TLS},
        'web.yml: tls_server_config.cert_file: "tls.crt" does not exist',
    ),
    "key that is missing": (
        {"zoho.yaml": _FILE + "web: {config_file: web.yml}", "web.yml": _WEB_TLS, "tls.crt": "-----BEGIN "},
        'web.yml: tls_server_config.key_file: "tls.key" does not exist',
    ),
    "certificate in the file that is none": (
        {
            "zoho.yaml": _FILE + "web: {config_file: web.yml}",
            "web.yml": "tls_server_config: {cert: '-----BEGIN X', key: '-----BEGIN X'}",
        },
        "web.yml: tls_server_config.cert: holds no certificate: expected PEM",
    ),
    "job files by their directory": (
        {"zoho.yaml": _FILE + "job_files: [jobs.d]", "jobs.d/a.yaml": "jobs: []"},
        "jobs.d: is a directory, not a file: for the files in it write jobs.d/*.yaml",
    ),
    "line of .env that says nothing": (
        {"zoho.yaml": _FILE, ".env": "ZOHO_RETENTION=1d\nZOHO_MAX_JOBS: 5\n"},
        ".env:2: is not NAME=value, one on each line",
    ),
    ".env in UTF-16": ({"zoho.yaml": _FILE, ".env": "A=1".encode("utf-16")}, f".env: {_UTF16}"),
}


@pytest.mark.parametrize(("files", "told"), _IN_OTHER_FILES.values(), ids=list(_IN_OTHER_FILES))
def test_mistake_in_another_file_is_told(check: Check, files: Mapping[str, str | bytes], told: str) -> None:
    """The place is the line that names the file, or the file itself."""
    status, lines = check(files, {})
    assert status == 2
    assert told in lines


_IN_FLAGS = {
    "host alone": (
        "--web.listen-address=localhost",
        (
            '--web.listen-address: "localhost" is not host:port, :port or [IPv6 address]:port; did you mean'
            ' "localhost:10042"?'
        ),
    ),
    "port alone": (
        "--web.listen-address=10042",
        '--web.listen-address: "10042" is not host:port, :port or [IPv6 address]:port; did you mean ":10042"?',
    ),
    "telemetry path without a slash": (
        "--web.telemetry-path=metrics",
        '--web.telemetry-path: "metrics" is not a path such as /metrics (not / alone; letters, digits, _ . ~ -)',
    ),
    "state file that is a directory": (
        "--state.path=/",
        "--state.path: the state file / can't be used: it is a directory or a device: name a file, such as /state.db",
    ),
    "state file below a file": (
        "--state.path=zoho.yaml/state.db",
        (
            "--state.path: the state file zoho.yaml/state.db can't be used: Not a directory: a part of the path is"
            " a file: choose another path"
        ),
    ),
    "state file that is another file": (
        "--state.path=zoho.yaml",
        (
            "--state.path: the state file zoho.yaml can't be used: it is not a state file: choose another path, or"
            " move it away and start again; losing it costs one poll per live job"
        ),
    ),
    "state file where nothing can be made": (
        "--state.path=/proc/none/state.db",
        (
            "--state.path: the state file /proc/none/state.db can't be used: No such file or directory: let the"
            " exporter's user write there, or choose another path"
        ),
    ),
    "state file at home": (
        "--state.path=~/state.db",
        '--state.path: "~/state.db" begins with what only a shell fills in: write the whole path',
    ),
    "database that is none": (
        "--state.url=mysql://db/zoho",
        "--state.url: is not a database's URL such as postgresql://zoho@db.example.com/zoho",
    ),
    "database's unknown parameter": (
        "--state.url=postgresql://db/zoho?ssl=1",
        '--state.url: "ssl" is no parameter that PostgreSQL\'s driver knows, such as sslmode=verify-full',
    ),
    "web-config file that is missing": ("--web.config.file=web.yml", '--web.config.file: "web.yml" does not exist'),
    "requests without end": (
        "--web.max-requests=unlimited",
        '--web.max-requests: "unlimited" is not a whole number from 1 to 1000',
    ),
}


@pytest.mark.parametrize(("flag", "told"), _IN_FLAGS.values(), ids=list(_IN_FLAGS))
def test_mistake_in_a_flag_is_told(check: Check, flag: str, told: str) -> None:
    """`check` takes what `run` takes, and tries it without leaving anything behind."""
    status, lines = check({"zoho.yaml": _FILE}, {}, flag)
    assert status == 2
    assert told in lines
    assert os.listdir() == ["zoho.yaml"]  # noqa: PTH208 - names are enough


def test_settings_file_that_is_missing_is_told(check: Check) -> None:
    """A path of one word starts from wherever the program does."""
    expected = "nope.yaml: does not exist in the working directory: start there, or give the file's whole path"
    assert expected in check({}, {}, "--config.file=nope.yaml")[1]


def test_empty_settings_file_is_told(check: Check) -> None:
    """The file is there, and says nothing."""
    status, [_, told, *_] = check({"zoho.yaml": ""}, {})
    assert (status, told) == (
        2,
        "zoho.yaml:1: accounts: the file is empty, and no account is configured; start with one of",
    )


_WARNED: Mapping[str, tuple[Mapping[str, str | bytes], Mapping[str, str], str]] = {
    "placeholder": (
        {"zoho.yaml": of_file(client_id="1000.XXXX")},
        {},
        "zoho.yaml:4: accounts.acme.client_id: looks like a placeholder: put Zoho's own value in its place",
    ),
    "word for a secret": (
        {"zoho.yaml": of_file(client_secret="changeme")},
        {},
        "zoho.yaml:5: accounts.acme.client_secret: looks like a placeholder: put Zoho's own value in its place",
    ),
    "token of another form": (
        {"zoho.yaml": of_file(refresh_token="letmein")},
        {},
        (
            "zoho.yaml:6: accounts.acme.refresh_token: does not look like a refresh token of Zoho's: 1000., 32 hex"
            " digits, a dot and 32 more"
        ),
    ),
    "pattern without a file": (
        {"zoho.yaml": _FILE + "job_files: [none/*.yaml]"},
        {},
        "job_files: no file matches none/*.yaml",
    ),
    "variable in small letters": (
        {"zoho.yaml": _FILE},
        {"zoho_retention": "1d"},
        "zoho_retention: not a variable of ours and ignored; did you mean ZOHO_RETENTION?",
    ),
    "settings file by a variable": (
        {"zoho.yaml": _FILE},
        {"ZOHO_CONFIG_FILE": "zoho.yaml"},
        "ZOHO_CONFIG_FILE: not a variable of ours and ignored; did you mean the flag --config.file?",
    ),
    "directory of certificates without their hashes": (
        {"zoho.yaml": _FILE + "ca_bundle: ca", "ca/a.pem": ""},
        {},
        'zoho.yaml:9: ca_bundle: "ca" has no certificate under its hash: run openssl rehash on it',
    ),
}


@pytest.mark.parametrize(("files", "variables", "told"), _WARNED.values(), ids=list(_WARNED))
def test_what_is_probably_not_meant_is_told(
    check: Check, files: Mapping[str, str | bytes], variables: Mapping[str, str], told: str
) -> None:
    """A start would go on, and the operator would wonder."""
    assert check(files, variables) == (0, [f"warning: {told}"])


def test_secret_that_anybody_may_read_is_told(check: Check) -> None:
    """Its owner can mend that; a secret that a platform mounts belongs to another."""
    check({"zoho.yaml": _OF_A_FILE, "secret": "hunter2hunter2"}, {})
    Path("secret").chmod(0o644)
    told = (
        'zoho.yaml:5: accounts.acme.client_secret_file: "secret" has the mode 0644, so any user may read it: chmod 600'
    )
    assert check({}, {}, "--config.file=zoho.yaml") == (0, [f"warning: {told}"])


@pytest.mark.parametrize(
    ("files", "variables", "flags"),
    [
        pytest.param({}, {"ZOHO_JOBS": "Leads/1\nDeals/2\n"}, [], id="jobs on several lines"),
        pytest.param({}, {"ZOHO_JOBS": "Leads/1 Deals/2\tTasks/3"}, [], id="jobs with spaces between"),
        pytest.param({}, {"ZOHO_JOBS": "Leads/1,\n  Deals/2,\n"}, [], id="commas and lines"),
        pytest.param({}, {"ZOHO_JOBS": "/Leads/1/"}, [], id="slashes around"),
        pytest.param({}, {"ZOHO_PROXY_PORT": "tcp://10.0.0.1:3128"}, [], id="a service called zoho-proxy"),
        pytest.param({}, {"ZOHO_STATE_PATH_SERVICE_HOST": "10.0.0.1"}, [], id="a service's host"),
        pytest.param({}, {"HTTPS_PROXY": "proxy:3128"}, [], id="proxy without a scheme"),
        pytest.param({}, {"HTTPS_PROXY": "socks5://p:1", "NO_PROXY": "*"}, [], id="proxy that is not used"),
        pytest.param({"zoho.yaml": b"\xef\xbb\xbf" + _FILE.encode()}, {}, [], id="byte order mark"),
        pytest.param({"zoho.yaml": _FILE.replace("\n", "\r\n")}, {}, [], id="line ends of Windows"),
        pytest.param(
            {"zoho.yaml": _OF_A_FILE, "secret": b"\xef\xbb\xbfabc\r\n"}, {}, [], id="secret with mark and line end"
        ),
        pytest.param({"zoho.yaml": _FILE}, {}, ["--log.level=warn"], id="Go's word for a level"),
        pytest.param({"zoho.yaml": _FILE}, {}, ["--state.path=memory"], id="no state"),
        pytest.param({"zoho.yaml": _FILE}, {}, ["--state.path=new/folder/state.db"], id="state file to be made"),
        pytest.param(
            {"zoho.yaml": _FILE}, {}, ["--state.url=postgresql://127.0.0.1:1/zoho"], id="database that is away"
        ),
    ],
)
def test_what_is_right_is_not_told(
    check: Check, files: Mapping[str, str | bytes], variables: Mapping[str, str], flags: list[str]
) -> None:
    """A message too many is the next mistake."""
    before = {} if files else _VARIABLES
    assert check(files, {**before, **variables}, *flags) == (0, [])


def test_hints_stand_beside_what_is_missing(check: Check) -> None:
    """The variable that is misspelt is the one that is missing."""
    variables = {**_VARIABLES, "ZOHO_CLIENTID": "1000.ABCDEF", "ZOHO_DC": "eu"}
    del variables["ZOHO_CLIENT_ID"], variables["ZOHO_DATA_CENTER"]
    _, lines = check({}, variables)
    assert lines[-2:] == [
        "warning: ZOHO_CLIENTID: not a variable of ours and ignored; did you mean ZOHO_CLIENT_ID?",
        "warning: ZOHO_DC: not a variable of ours and ignored; did you mean ZOHO_DATA_CENTER?",
    ]


@pytest.mark.parametrize("zoho", [of_file(data_center="eurp"), _ACCOUNT + "\t"], ids=["wrong value", "no YAML"])
def test_everything_is_told_in_one_round(check: Check, zoho: str) -> None:
    """The settings file, a job file, the web-config file, the state file and .env at once."""
    files = {"zoho.yaml": zoho, "jobs.d/a.yaml": "jobs: [{}]", "web.yml": "basic_auth_user: {}", ".env": "x y z"}
    variables = {"ZOHO_JOB_FILES": "jobs.d/*.yaml"}
    _, [_, *lines] = check(files, variables, "--web.config.file=web.yml", "--state.path=/")
    assert {line.split(":")[0] for line in lines} == {"zoho.yaml", "jobs.d/a.yaml", "web.yml", "--state.path", ".env"}


def test_scripts_are_told_what_is_wrong(check: Check, capsys: pytest.CaptureFixture[str]) -> None:
    """`--format=json` has every problem and warning with its place on standard output, and the status tells too."""
    check({"zoho.yaml": of_file(_JOBS.replace("352", "x352"))}, {"ZOHO_DC": "eu"})
    assert main(["check", "--config.file=zoho.yaml", "--format=json"]) == 2
    told = capsys.readouterr()
    warning = {
        "place": "ZOHO_DC",
        "message": "not a variable of ours and ignored; did you mean ZOHO_DATA_CENTER?",
    }
    message = f'jobs[0].job_id: "x3524033000006027001" {_A_JOB_ID}; did you mean "3524033000006027001"?'
    problem = {"place": "zoho.yaml:8", "message": message}
    assert told.err == ""
    assert json.loads(told.out) == {"is_right": False, "problems": [problem], "warnings": [warning]}
    Path("zoho.yaml").write_text(_FILE)
    assert main(["check", "--config.file=zoho.yaml", "--format=json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"is_right": True, "problems": [], "warnings": [warning]}
