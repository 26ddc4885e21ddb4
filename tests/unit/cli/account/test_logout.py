"""`logout`: what is revoked, and what is said."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from requests_mock import Mocker
from unit.cli.account.conftest import Run

FILE = """\
accounts:
  acme:
    data_center: eu
    client_id: 1000.ABCDEF
    client_secret_file: client_secret
    refresh_token: 1000.refresh-2c3d
  globex:
    accounts_url: https://accounts.example.org
    api_url: https://api.example.org
    client_id: 1000.ABCDEF
    client_secret: hunter2hunter2
    refresh_token_file: token
"""
EU = "https://accounts.zoho.eu/oauth/v2/token/revoke"
LOGOUT = ("logout", "--config.file=zoho.yaml")


@pytest.fixture(autouse=True)
def files(run: Run) -> None:
    """Write a configuration of two accounts."""
    assert run("check").status == 2
    Path("zoho.yaml").write_text(FILE)
    Path("client_secret").write_text("hunter2hunter2")
    Path("token").write_text("1000.refresh-4e5f")


@pytest.mark.parametrize(
    ("alias", "address", "token", "left"),
    [
        pytest.param(
            "acme",
            EU,
            "1000.refresh-2c3d",
            ["Delete zoho.yaml:6", "Delete client_secret, unless another account uses this client"],
            id="by-data-center",
        ),
        pytest.param(
            "globex",
            "https://accounts.example.org/oauth/v2/token/revoke",
            "1000.refresh-4e5f",
            ["Delete token", "Delete zoho.yaml:11, unless another account uses this client"],
            id="by-url",
        ),
    ],
)
def test_a_token_is_revoked(
    run: Run, requests_mock: Mocker, *, alias: str, address: str, token: str, left: list[str]
) -> None:
    """At the account's own server; where the secrets stand is said."""
    requests_mock.post(address, json={"status": "success"})
    ended = run(*LOGOUT, f"--account={alias}", "--yes")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        f"Zoho has revoked the refresh token of {alias}.",
        *left,
        f"Take {alias} and its jobs out of the configuration, or log in again.",
    ]
    assert parse_qs(requests_mock.request_history[0].text) == {"token": [token]}


def test_another_token_is_revoked(run: Run, requests_mock: Mocker) -> None:
    """One of the same client that a file has; the account's own goes on."""
    requests_mock.post(EU, json={"status": "success"})
    ended = run(*LOGOUT, "--account=acme", "--refresh-token-file=token", "--yes")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out == "Zoho has revoked the refresh token in token.\nDelete token\n"
    assert parse_qs(requests_mock.request_history[0].text) == {"token": ["1000.refresh-4e5f"]}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("--yes",), "--account: expected one of the accounts acme, globex", id="which"),
        pytest.param(("--yes", "--account=acne"), "--account: did you mean the account acme?", id="slip"),
        pytest.param(
            ("--yes", "--account=acme", "--refresh-token-file="), "--refresh-token-file: names no file", id="no-file"
        ),
        pytest.param(("--account=acme",), "--yes: is needed where no terminal is there to ask", id="unasked"),
    ],
)
def test_nothing_is_revoked_by_mistake(run: Run, arguments: tuple[str, ...], said: str) -> None:
    """With status 2."""
    ended = run(*LOGOUT, *arguments)
    assert ended.status == 2
    assert f"  {said}" in ended.err


@pytest.mark.parametrize(("typed", "status"), [("y\n", 0), ("n\n", 1), ("\n", 1), ("", 1)])
def test_a_person_is_asked(run: Run, requests_mock: Mocker, typed: str, status: int) -> None:
    """Only a yes is a yes."""
    requests_mock.post(EU, json={"status": "success"})
    ended = run(*LOGOUT, "--account=acme", typed=typed)
    assert ended.status == status
    assert len(requests_mock.request_history) == int(status == 0)
    assert "Revoke the refresh token of acme (client 1000.ABCDEF)?" in ended.err
    assert ("othing was revoked." in ended.err) == (status == 1)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(
            {"status_code": 400, "text": "<html>", "headers": {"Content-Type": "text/html"}},
            "Zoho knows no such refresh token (HTTP 400 with text/html, 6 bytes)\n"
            "What to do: it was revoked before, or is one of another data centre\n",
            id="unknown",
        ),
        pytest.param(
            {"status_code": 403, "text": "<html>", "headers": {"Content-Type": "text/html"}},
            "It is not known to be revoked: expected an answer of Zoho's as JSON, "
            "got HTTP 403 with text/html, 6 bytes\n"
            "What to do: check the data centre, accounts_url and the proxy\n",
            id="firewall",
        ),
        pytest.param(
            {"json": {"error": "Access Denied"}},
            "It is not known to be revoked: Zoho refused: Access Denied\n"
            "What to do: too many codes or tokens were asked for within ten minutes: wait for fifteen\n",
            id="throttle",
        ),
    ],
)
def test_a_token_that_is_not_revoked_is_told(
    run: Run, requests_mock: Mocker, answer: dict[str, Any], said: str
) -> None:
    """With status 1, and what to do: only of one that Zoho does not know it is said that it is gone."""
    requests_mock.post(EU, [answer])
    ended = run(*LOGOUT, "--account=acme", "--yes")
    assert (ended.status, ended.out, ended.err) == (1, "", said)
