"""Bad settings and the exact words of their refusal."""

from collections.abc import Callable
from pathlib import Path

import pytest

_Problems = Callable[..., list[str]]

_DATA_CENTERS = "us, eu, in, au, cn, jp, ca, sa, uk, ae"
_TOP_LEVEL = (
    "accounts, jobs, job_labels, freshness, stale_after, poll_timeout, connect_timeout, scrape_timeout,"
    " scrape_timeout_offset, ca_bundle, proxy_url, web, log"
)

# Each text follows the six lines of a valid account, so it begins on line 7.
_AFTER_AN_ACCOUNT = {
    "unknown key": ("wibble: 1", f"7: wibble: unknown key; known: {_TOP_LEVEL}"),
    "unknown key, near": ("freshnes: 1", '7: freshnes: unknown key; did you mean "freshness"?'),
    "unknown account key": (
        "    data_centre: eu",
        '7: accounts.acme.data_centre: unknown key; did you mean "data_center"?',
    ),
    "unknown null key": ("    data_centre:", '7: accounts.acme.data_centre: unknown key; did you mean "data_center"?'),
    "unknown web key": ("web: {zzz: 1}", "7: web.zzz: unknown key; known: listen_address, telemetry_path"),
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
    "account is a list": ("  beta: []", "7: accounts.beta: expected a mapping of settings"),
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
    "jobs is a mapping": ("jobs: {a: 1}", "7: jobs: expected a list"),
    "jobs is a word": ("jobs: a", "7: jobs: expected a list"),
    "job is a word": ("jobs:\n- a", "8: jobs[0]: expected a mapping of settings"),
    "empty job": (
        "jobs:\n-",
        "8: jobs[0].module: is required",
        "8: jobs[0].job_id: is required",
    ),
    "scientific job id": (
        "jobs: [{module: L, job_id: 1e5}]",
        '7: jobs[0].job_id: "1e5" is not a job id: digits only, exactly as Zoho gave them',
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
        "8: jobs[0].labels.team: expected a text of one line, got nothing",
    ),
    "labels is a list": (
        "jobs: [{module: L, job_id: 1, labels: [a]}]",
        "7: jobs[0].labels: expected a mapping",
    ),
    "label name": (
        "job_labels: [__a]",
        '7: job_labels[0]: "__a" is not a label name: letters, digits or _, no digit first, no __ first',
    ),
    "repeated label": ("job_labels: [a, a]", '7: job_labels: "a" is listed twice'),
    "duration": ("freshness: 2 weeks", '7: freshness: "2 weeks" is not a duration such as 15s, 1m30s, 7d or 500ms'),
    "duration is a mapping": ("freshness: {a: 1}", "7: freshness: expected a duration from 0s to 1d, not a mapping"),
    "duration out of range": ("poll_timeout: 0", '7: poll_timeout: "0" is out of range: from 100ms to 5m'),
    "stale before fresh": ("freshness: 2h", "7: freshness: stale_after must not be shorter than freshness"),
    "offset eats the deadline": (
        "scrape_timeout: 1s\nscrape_timeout_offset: 1s",
        "8: scrape_timeout_offset: scrape_timeout_offset must be shorter than scrape_timeout",
    ),
    "ca bundle": ("ca_bundle: nope.pem", '7: ca_bundle: "nope.pem" does not exist'),
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
    "section is a word": ("web: 7", "7: web: expected a mapping of settings"),
    "log level": (
        "log: {level: warn}",
        '7: log.level: "warn" is not one of debug, info, warning, error; did you mean "warning"?',
    ),
    "complex key": ("? [a]\n: 1", "7: has a key that is not a plain word"),
    "tag": ("freshness: !fresh 1s", '7: freshness: has the tag "!fresh": tags are not supported'),
    "merge of a word": ("web: {<<: a}", "7: web: <<: expects a mapping, or a list of mappings"),
    "cycle": ("jobs: &all [*all]", "7: jobs[0]: an alias that contains itself"),
}


@pytest.mark.parametrize(
    ("text", "expected"), [(row[0], row[1:]) for row in _AFTER_AN_ACCOUNT.values()], ids=list(_AFTER_AN_ACCOUNT)
)
def test_file_is_refused(problems: _Problems, account: str, text: str, expected: tuple[str, ...]) -> None:
    """Each problem is placed at its line and begins with its path."""
    assert problems(account + text) == [f"zoho.yaml:{problem}" for problem in expected]
