"""What `login` says to each answer of Zoho's; the journeys of tests/integration have the terminal."""

import getpass
import json
import os
import signal
import sys
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qs

import pytest
import requests
from requests_mock import Mocker
from unit.cli.account.conftest import Run

ID, SECRET, CODE = "1000.CLIENT", "client-secret-0a1b", "1000.code-8c9d"
EU, US = "https://accounts.zoho.eu", "https://accounts.zoho.com"
REFRESH_TOKEN, ACCESS_TOKEN = "1000.refresh-2c3d", "1000.access-4e5f"
GRANTED = {
    "access_token": ACCESS_TOKEN,
    "refresh_token": REFRESH_TOKEN,
    "scope": "ZohoCRM.mass_update.READ",
    "api_domain": "https://www.zohoapis.eu",
}
BEGUN = {"user_code": "AB12CD34", "device_code": "device-code-6a7b", "interval": 1, "expires_in": 300}
MINTED = {"access_token": ACCESS_TOKEN, "api_domain": "https://www.zohoapis.eu", "expires_in": 3600}
UNKNOWN_JOB = {"code": "NOT_FOUND", "details": {}, "message": "Empty response", "status": "error"}
STATUS = "https://www.zohoapis.eu/crm/v8/Leads/actions/mass_update"
BY_CODE = ("login", f"--client-id={ID}", "--client-secret-file=-", "--grant-code-file=-", "--data-center=eu")
PIPED = f"{SECRET}\n{CODE}\n"


def hosts() -> list[str]:
    """Give the accounts servers of all data centres."""
    names = "zoho.com zoho.eu zoho.in zoho.com.au zoho.com.cn zoho.jp zohocloud.ca zoho.sa zoho.uk zoho.ae"
    return [f"https://accounts.{name}" for name in names.split()]


def play(http: Mocker, *answers: dict[str, object], status: dict[str, object] | None = None) -> None:
    """Let the EU's accounts server answer so, one after the other, and its API once."""
    http.post(f"{EU}/oauth/v2/token", list(answers))
    http.get(STATUS, [status or {"status_code": 404, "json": UNKNOWN_JOB}])


def test_a_code_becomes_files_that_check_accepts(run: Run, requests_mock: Mocker) -> None:
    """What was found, what was written and what it cost is said; nothing secret is."""
    play(requests_mock, {"json": GRANTED}, {"json": MINTED})
    ended = run(*BY_CODE, "--account=acme", piped=PIPED)
    assert (ended.status, ended.err) == (
        0,
        "Trying it with one call, which costs one API credit: a job that can't exist, so only that may be refused.\n",
    )
    assert (
        ended.out
        == """\
Zoho gave a refresh token, one of the 20 that it keeps for each user and client.
  data centre  eu
  API          https://www.zohoapis.eu (production)
  scope        ZohoCRM.mass_update.READ
Written, for you alone to read: secrets/acme_client_secret, secrets/acme_refresh_token
Written: zoho.yaml
It works: the token, its scope and the permission for Leads are right. Spent: 1 API credit, 1 access token.
Next: list a job in zoho.yaml, and start with
  zoho-mass-update-exporter check --config.file=zoho.yaml
  zoho-mass-update-exporter --config.file=zoho.yaml
"""
    )
    checked = run("check", "--config.file=zoho.yaml")
    assert checked.out == "The configuration is right.\n  acme: data centre eu, production, 0 jobs\n"


_LAST = "https://accounts.zoho.eu knows this client.\n"


@pytest.mark.parametrize(
    ("answer", "said", "advice"),
    [
        pytest.param(
            {"json": {"error": "invalid_client_secret"}},
            "Zoho refused: invalid_client_secret",
            "the client lives in another data centre, which gave it another secret",
            id="secret",
        ),
        pytest.param(
            {"json": {"error": "invalid_code"}},
            "Zoho refused: invalid_code",
            "the code was made in another data centre, was used before, or is too old: generate a new one",
            id="code",
        ),
        pytest.param(
            {"json": {"error": "Access Denied", "error_description": "You have made too many requests"}},
            "Zoho refused: Access Denied",
            "too many codes or tokens were asked for within ten minutes: wait for fifteen",
            id="throttle",
        ),
        pytest.param(
            {"json": {"access_token": ACCESS_TOKEN}},
            "Zoho gave an access token, and no refresh token",
            "the code was used before, or was made without offline access: generate a new one",
            id="no-refresh-token",
        ),
        pytest.param(
            {"json": {"error": "general_error"}},
            "Zoho refused: general_error",
            "Zoho's accounts server had a fault: try again in a minute",
            id="fault",
        ),
        pytest.param(
            {"json": {"error": f"\x1b[2J{SECRET} of {CODE}"}},
            "Zoho refused: [2J<secret> of <secret>",
            "an undocumented refusal",
            id="echo",
        ),
        pytest.param(
            {"status_code": 502, "text": "<html>", "headers": {"Content-Type": "text/html"}},
            "expected an answer of Zoho's as JSON, got HTTP 502 with text/html, 6 bytes",
            "a server has failed, Zoho's or one before it: wait some minutes",
            id="html",
        ),
    ],
)
def test_each_refusal_of_a_code_has_a_next_step(
    run: Run, requests_mock: Mocker, answer: dict[str, object], said: str, advice: str
) -> None:
    """Nothing is written, and the status is 1."""
    play(requests_mock, answer)
    ended = run(*BY_CODE, piped=PIPED)
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.startswith(f"{said}\nWhat to do: {advice}")
    assert not Path("zoho.yaml").exists()


_MAY_BE_MADE = "a refresh token may have been made all the same, one of the 20 that Zoho keeps: remove it under "


@pytest.mark.parametrize(
    ("answer", "is_told"),
    [
        pytest.param({"exc": requests.ReadTimeout("slow")}, True, id="slow"),
        pytest.param({"exc": requests.exceptions.InvalidURL("odd")}, False, id="never-sent"),
        pytest.param({"status_code": 504, "text": "<html>"}, True, id="gateway"),
        pytest.param({"status_code": 429, "text": "<html>"}, False, id="throttle"),
        pytest.param({"status_code": 429, "json": {"error": "slow_mode"}}, False, id="undocumented-throttle"),
        pytest.param({"json": {"error": "general_error"}}, False, id="zohos-fault"),
        pytest.param({"json": {"error": "invalid_code"}}, False, id="refusal"),
    ],
)
def test_an_exchange_that_breaks_off_may_have_made_a_token(
    run: Run, requests_mock: Mocker, answer: dict[str, object], *, is_told: bool
) -> None:
    """Which nobody has, and which is one of twenty."""
    play(requests_mock, answer)
    ended = run(*BY_CODE, piped=PIPED)
    assert (ended.status, ended.out) == (1, "")
    assert (f"; {_MAY_BE_MADE}" in ended.err) is is_told


@pytest.mark.usefixtures("_kept_signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("is_device", [False, True], ids=["code", "device"])
def test_who_does_not_wait_for_a_token_is_told_that_it_may_be_made(
    run: Run, requests_mock: Mocker, number: signal.Signals, *, is_device: bool
) -> None:
    """Whatever ends the command."""

    def end(*_: object) -> NoReturn:
        signal.raise_signal(number)
        pytest.fail("nothing was ended")

    requests_mock.post(f"{EU}/oauth/v3/device/code", json=BEGUN)
    requests_mock.post(f"{EU}/oauth/v3/device/token", text=end)
    requests_mock.post(f"{EU}/oauth/v2/token", text=end)
    by_device = (*BY_DEVICE, "--data-center=eu")
    ended = run(*by_device, piped=f"{SECRET}\n") if is_device else run(*BY_CODE, piped=PIPED)
    assert (ended.status, ended.out) == (130, "")
    assert f"\nZoho's answer was not waited for: {_MAY_BE_MADE}" in ended.err


@pytest.mark.parametrize(
    ("knowing", "said"),
    [
        pytest.param((), "no data centre of Zoho's knows this client\nWhat to do: check the client ID", id="none"),
        pytest.param(
            (hosts()[2], hosts()[5]),
            "several data centres know this client: https://accounts.zoho.in, https://accounts.zoho.jp\n"
            "What to do: log in again with --data-center; the code was not used",
            id="several",
        ),
    ],
)
def test_the_data_centre_is_looked_for_without_the_code(
    run: Run, requests_mock: Mocker, knowing: tuple[str, ...], said: str
) -> None:
    """A client that the named one does not know may live in another one."""
    for host in hosts():
        word = "invalid_code" if host in knowing else "invalid_client"
        requests_mock.post(f"{host}/oauth/v2/token", json={"error": word})
    ended = run(*BY_CODE, piped=PIPED)
    assert ended.status == 1
    assert said in ended.err
    assert ["code-8c9d" in request.text for request in requests_mock.request_history] == [True, *[False] * 9]


def test_a_data_centre_that_could_not_be_asked_may_know_the_client(run: Run, requests_mock: Mocker) -> None:
    """Which one, and why, is told before anything is blamed."""
    for host in hosts():
        requests_mock.post(f"{host}/oauth/v2/token", json={"error": "invalid_client"})
    requests_mock.post(f"{EU}/oauth/v2/token", exc=requests.ConnectionError("reset"))
    ended = run(*BY_CODE[:-1], piped=PIPED)
    assert ended.status == 1
    assert ended.err == (
        f"{EU} could not be asked: the connection to Zoho broke: ConnectionError: reset\n"
        "no data centre that could be asked knows this client\n"
        "What to do: check the network, DNS, the firewall and the proxy between the exporter and Zoho\n"
    )


def test_the_data_centre_that_knows_the_client_gets_the_code(run: Run, requests_mock: Mocker) -> None:
    """Where none is named, and one alone knows the client."""
    for host in hosts():
        requests_mock.post(f"{host}/oauth/v2/token", json={"error": "invalid_client"})
    play(requests_mock, {"json": {"error": "invalid_code"}}, {"json": GRANTED}, {"json": MINTED})
    ended = run(*BY_CODE[:-1], piped=PIPED)
    assert ended.status == 0
    assert ended.err.startswith("https://accounts.zoho.eu knows this client.\n")
    assert "  data centre  eu\n" in ended.out


@pytest.mark.parametrize(
    ("minted", "answer", "said"),
    [
        pytest.param(
            {"json": MINTED},
            {"status_code": 401, "json": {"code": "OAUTH_SCOPE_MISMATCH", "message": "Unauthorized"}},
            "It does not work yet: Zoho answered OAUTH_SCOPE_MISMATCH Unauthorized (HTTP 401)\n"
            "What to do: the token lacks the scope ZohoCRM.mass_update.READ (or ZohoCRM.mass_update.leads.READ)",
            id="scope",
        ),
        pytest.param(
            {"json": MINTED},
            {"status_code": 403, "json": {"code": "NO_PERMISSION", "message": "permission denied"}},
            "What to do: the user who made the token may not see mass updates of this module",
            id="permission",
        ),
        pytest.param(
            {"json": MINTED},
            {"status_code": 400, "json": {"code": "INVALID_MODULE", "message": "The module name given seems invalid"}},
            "What to do: no such module, or its tab is hidden",
            id="module",
        ),
        pytest.param({"json": {"error": "invalid_code"}}, {}, "What to do: the refresh token is wrong", id="token"),
    ],
)
def test_what_does_not_work_yet_is_said_with_its_fix(
    run: Run, requests_mock: Mocker, minted: dict[str, object], answer: dict[str, object], said: str
) -> None:
    """The files are kept: the refresh token is one of twenty."""
    play(requests_mock, {"json": GRANTED}, minted, status=answer)
    ended = run(*BY_CODE, piped=PIPED)
    assert ended.status == 1
    assert said in ended.err
    assert "Spent: " in ended.err
    assert ended.out.endswith(
        "Next: mend that, and try again; where it takes another token, for other modules, say, log in again:\n"
        "  zoho-mass-update-exporter check --live --config.file=zoho.yaml\n"
        "  zoho-mass-update-exporter login --account=zoho --config.file=zoho.yaml --force\n"
    )
    assert Path("secrets/zoho_refresh_token").read_text() == REFRESH_TOKEN


def test_a_token_that_can_not_be_tried_is_kept(run: Run, requests_mock: Mocker) -> None:
    """Where no state can be written, in a container, say."""
    play(requests_mock, {"json": GRANTED})
    Path("state").write_text("in the way")
    ended = run(*BY_CODE, "--output=env", piped=PIPED, XDG_STATE_HOME="state")
    assert ended.status == 1
    assert "It could not be tried: state/zoho-mass-update-exporter/direct/" in ended.err
    assert f"ZOHO_REFRESH_TOKEN={REFRESH_TOKEN}\n" in ended.out


def test_a_settings_file_that_can_not_be_written_is_no_success(run: Run, requests_mock: Mocker) -> None:
    """What it should say is shown, and nothing that takes it is named as the next step."""
    play(requests_mock, {"json": GRANTED}, {"json": MINTED})
    name = f"{'x' * 245}.yaml"  # not with what a new file has behind it
    ended = run(*BY_CODE, f"--config.file={name}", piped=PIPED)
    assert ended.status == 1
    assert f"\n{name} can't be written: File name too long. It should say:\n# Every setting: " in ended.out
    assert "It works" in ended.out
    assert "Next: " not in ended.out


_REVOKED = "It was revoked: log in again once that is mended.\n"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param({"json": {"status": "success"}}, _REVOKED, id="revoked"),
        pytest.param(
            {"json": {}, "status_code": 500},
            "It could not be revoked: expected an answer of Zoho's as JSON, got HTTP 500 with no content type, "
            "2 bytes\n"
            "What to do: remove it under Connected Apps in your Zoho account.\n",
            id="not-revoked",
        ),
    ],
)
def test_a_token_that_can_not_be_kept_is_given_back(
    run: Run, requests_mock: Mocker, answer: dict[str, Any], said: str
) -> None:
    """Here another login was faster: its files stay as they are."""

    def other_login(*_: object) -> dict[str, str]:
        Path("secrets").mkdir()
        Path("secrets/zoho_client_secret").write_text("another's")
        return GRANTED

    requests_mock.post(f"{EU}/oauth/v2/token", json=other_login)
    requests_mock.post(f"{EU}/oauth/v2/token/revoke", [answer])
    ended = run(*BY_CODE, piped=PIPED)
    assert (ended.status, ended.out) == (1, "")
    assert ended.err == (
        "Zoho gave a refresh token, which can't be kept:\n"
        f"  secrets/zoho_client_secret: was written by another login meanwhile\n{said}"
    )
    assert requests_mock.request_history[-1].text == f"token={REFRESH_TOKEN}"
    assert [file.read_text() for file in Path("secrets").iterdir()] == ["another's"]


def test_a_token_that_can_not_be_printed_is_given_back(
    run: Run, requests_mock: Mocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where standard output is a file on a full disk, say."""
    play(requests_mock, {"json": GRANTED})
    requests_mock.post(f"{EU}/oauth/v2/token/revoke", json={"status": "success"})
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        ended = run(*BY_CODE, "--output=env", piped=PIPED)
    assert ended.status == 1
    assert "  --output: standard output can't be written: No space left on device\n" + _REVOKED in ended.err


@pytest.mark.parametrize(
    "token",
    ["1000." + "a" * 5000, " 1000.a.b", "1000.a\nb", "1000.\xe4.b", "1000.\ud800.b"],
    ids=["long", "blank", "line-break", "no-ascii", "half-a-letter"],
)
def test_a_token_that_can_not_be_used_is_given_back(run: Run, requests_mock: Mocker, token: str) -> None:
    """It is none of what a file, a header or a variable takes, and one of the twenty."""
    play(requests_mock, {"json": {**GRANTED, "refresh_token": token}})
    requests_mock.post(f"{EU}/oauth/v2/token/revoke", json={"status": "success"})
    ended = run(*BY_CODE, piped=PIPED)
    assert (ended.status, ended.out) == (1, "")
    assert ended.err == (
        "Zoho gave a refresh token, which can't be kept:\n"
        f"  {EU}: gave one that is too long, or that holds what stands in none of Zoho's\n{_REVOKED}"
    )
    assert parse_qs(requests_mock.request_history[-1].text) == {"token": [token.replace("\ud800", "?")]}
    assert not Path("secrets").exists()


def test_a_token_that_would_be_thrown_away_is_not_asked_for(
    run: Run, requests_mock: Mocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are as good as ever where nobody sees what is printed."""
    play(requests_mock, {"json": GRANTED}, {"json": MINTED})
    with Path(os.devnull).open("w") as nowhere:
        monkeypatch.setattr(sys, "stdout", nowhere)
        refused = run(*BY_CODE, "--output=env", piped=PIPED)
        assert (refused.status, requests_mock.request_history) == (2, [])
        assert "--output: has nowhere to go: standard output is closed, or thrown away\n" in refused.err
        assert run(*BY_CODE, "--output=files", piped=PIPED).status == 0


@pytest.mark.parametrize(
    ("grant", "lines"),
    [
        pytest.param(
            {"api_domain": "https://sandbox.zohoapis.eu"},
            ["  API          https://sandbox.zohoapis.eu (sandbox)"],
            id="sandbox",
        ),
        pytest.param(
            {"api_domain": "https://www.zohoapis.in"},
            [
                "  data centre  eu\n  API          https://www.zohoapis.in (production)\n",
                "  The exporter asks https://www.zohoapis.eu: check api_url and the data centre\n",
            ],
            id="another-api",
        ),
        pytest.param(
            {"scope": "ZohoCRM.mass_update.READ,ZohoCRM.mass_update.leads.UPDATE ZohoCRM.modules.ALL"},
            [
                "  It allows more than to watch, which the exporter never needs: ZohoCRM.mass_update.leads.UPDATE, Z",
            ],
            id="more-scope",
        ),
        pytest.param({"api_domain": None}, ["  API          not said (production)"], id="no-api"),
        pytest.param({"scope": None}, ["not said; asked for was ZohoCRM.mass_update.READ"], id="no-scope"),
    ],
)
def test_what_was_found_is_said(run: Run, requests_mock: Mocker, grant: dict[str, object], lines: list[str]) -> None:
    """As Zoho said it, or that it did not."""
    play(requests_mock, {"json": {**GRANTED, **grant}}, {"json": MINTED})
    requests_mock.get(STATUS.replace("www.", "sandbox."), status_code=404, json=UNKNOWN_JOB)
    ended = run(*BY_CODE, piped=PIPED)
    assert ended.status == 0
    for line in lines:
        assert line in ended.out


@pytest.mark.parametrize(
    ("scope", "status", "said"),
    [
        pytest.param(
            "ZohoCRM.mass_update.deals.READ",
            1,
            "  It lacks ZohoCRM.mass_update.leads.READ: log in again, with a code of this scope\n",
            id="one-of-two",
        ),
        pytest.param(
            "ZohoCRM.modules.READ",
            1,
            "  It lacks ZohoCRM.mass_update.deals.READ, ZohoCRM.mass_update.leads.READ: log in again",
            id="neither",
        ),
        pytest.param(
            None, 0, "\nOf Deals nothing is known: Zoho did not say the scope, and one module was tried.\n", id="unsaid"
        ),
    ],
)
def test_a_token_that_lacks_a_scope_does_not_work(
    run: Run, requests_mock: Mocker, scope: str | None, status: int, said: str
) -> None:
    """Whatever the one module that is tried would answer; its files are kept."""
    play(requests_mock, {"json": {**GRANTED, "scope": scope}}, {"json": MINTED})
    ended = run(*BY_CODE, "--modules=Leads,Deals", piped=PIPED)
    assert ended.status == status
    assert said in ended.out
    assert ("It works" in ended.out) is (status == 0)
    assert ("Next: mend that" in ended.out) is (status == 1)
    assert Path("secrets/zoho_refresh_token").read_text() == REFRESH_TOKEN


def test_a_second_login_is_made_on_purpose(run: Run, requests_mock: Mocker) -> None:
    """Nothing is asked of Zoho before; a settings file that is there is never touched."""
    play(requests_mock, {"json": GRANTED}, {"json": MINTED}, {"json": {**GRANTED, "refresh_token": "1000.new-6a7b"}})
    assert run(*BY_CODE, piped=PIPED).status == 0
    Path("zoho.yaml").write_text(written := Path("zoho.yaml").read_text() + "# mine\n")
    asked = len(requests_mock.request_history)
    again = run(*BY_CODE, piped=PIPED)
    assert again.status == 2
    assert "secrets/zoho_refresh_token: is there already, of an earlier login. Zoho keeps 20 refresh tok" in again.err
    assert len(requests_mock.request_history) == asked
    forced = run(*BY_CODE, "--force", piped=PIPED)
    assert "\nzoho.yaml has this account already, and stays as it is.\nIt works" in forced.out
    assert Path("secrets/zoho_refresh_token").read_text() == "1000.new-6a7b"
    assert Path("zoho.yaml").read_text() == written


@pytest.mark.parametrize(
    ("there", "said"),
    [
        pytest.param(
            "accounts: {}",
            "zoho.yaml stays as it is. The account belongs under its accounts:\n  zoho:\n    data_center: eu\n",
            id="none",
        ),
        pytest.param(
            "accounts: {zoho: {data_center: eu, client_id: 1000.OLD, client_secret_file: secrets/zoho_client_secret}}",
            "zoho.yaml stays as it is. It has the account zoho, with other settings than these:\n"
            "  zoho:\n    client_id: 1000.CLIENT\n    refresh_token_file: secrets/zoho_refresh_token\nIt works",
            id="another",
        ),
    ],
)
def test_what_is_to_be_changed_in_a_settings_file_is_said(
    run: Run, requests_mock: Mocker, there: str, said: str
) -> None:
    """And nothing that stands there already."""
    Path("zoho.yaml").write_text(there)
    play(requests_mock, {"json": GRANTED}, {"json": MINTED})
    assert said in run(*BY_CODE, piped=PIPED).out


def test_what_the_settings_file_says_of_the_account_is_not_asked_again(run: Run, requests_mock: Mocker) -> None:
    """Hosts, client ID and client secret; a flag rules."""
    play(requests_mock, {"json": GRANTED}, {"json": MINTED}, {"json": TO_CHANGE}, {"json": {"error": "invalid_code"}})
    assert run(*BY_CODE, piped=PIPED).status == 0
    flags = ("login", "--grant-code-file=-", "--for=schedule", "--modules=Leads")
    ended = run(*flags, piped=f"{CODE}\n")
    assert (ended.status, ended.err) == (
        0,
        "Taken from zoho.yaml, which has zoho: data_center, client_id, client_secret_file.\n",
    )
    other = run(*flags, "--force", "--client-id=1000.OTHER", "--data-center=eu", piped=f"{CODE}\n")
    assert other.err.startswith("Taken from zoho.yaml, which has zoho: client_secret_file.\nZoho refused")
    assert "client_id=1000.OTHER&" in requests_mock.request_history[-1].text


def test_hosts_of_the_settings_file_are_asked(run: Run, requests_mock: Mocker) -> None:
    """As those of the flags would be."""
    Path("secret").write_text(SECRET)
    Path("zoho.yaml").write_text(
        "accounts: {acme: {accounts_url: 'https://accounts.example.org', api_url: 'https://api.example.org', "
        "client_id: 1000.CLIENT, client_secret_file: secret}}"
    )
    requests_mock.post("https://accounts.example.org/oauth/v3/device/code", exc=requests.ConnectionError("reset"))
    ended = run("login", "--device", "--account=acme")
    assert ended.status == 1
    assert ended.err.startswith(
        "Taken from zoho.yaml, which has acme: accounts_url, api_url, client_id, client_secret_file.\n"
        "https://accounts.example.org: the connection to Zoho broke: ConnectionError: reset\nWhat to do: check the net"
    )


def test_a_settings_file_to_be_filled_in_says_nothing(run: Run) -> None:
    """What `init` leaves open is lacking."""
    assert run("init").status == 0
    ended = run("login", "--device", "--account=acme")
    assert ended.status == 2
    assert [line.partition(":")[0] for line in ended.err.splitlines()[1:]] == [
        "  --client-id",
        "  --client-secret-file",
    ]


def test_json_has_all_that_is_known(run: Run, requests_mock: Mocker) -> None:
    """Alone on standard output, and no file is made."""
    play(requests_mock, {"json": GRANTED}, {"json": MINTED})
    ended = run(*BY_CODE, "--output=json", piped=PIPED)
    assert json.loads(ended.out) == {
        "account": "zoho",
        "data_center": "eu",
        "client_id": ID,
        "client_secret": SECRET,
        "refresh_token": REFRESH_TOKEN,
        "api_domain": "https://www.zohoapis.eu",
        "scope": "ZohoCRM.mass_update.READ",
    }
    assert ended.err.startswith(
        "Zoho gave a refresh token, one of the 20 that it keeps for each user and client.\n  data centre  eu\n"
    )
    assert not Path("secrets").exists()


BY_DEVICE = ("login", "--device", f"--client-id={ID}", "--client-secret-file=-")


def test_a_device_is_let_in(run: Run, requests_mock: Mocker) -> None:
    """What to open is said first, then what is waited for; Zoho leads to the account's data centre."""
    requests_mock.post(f"{US}/oauth/v3/device/code", json={"error": "invalid_client"})
    requests_mock.post(f"{EU}/oauth/v3/device/code", json=BEGUN)
    elsewhere = {"error": "other_dc", "user_location": "in"}
    requests_mock.post(
        f"{EU}/oauth/v3/device/token", [{"json": {"error": "authorization_pending"}}, {"json": elsewhere}]
    )
    india = "https://www.zohoapis.in"
    requests_mock.post("https://accounts.zoho.in/oauth/v3/device/token", json={**GRANTED, "api_domain": india})
    requests_mock.post("https://accounts.zoho.in/oauth/v2/token", json={**MINTED, "api_domain": india})
    requests_mock.get(STATUS.replace(".eu", ".in"), status_code=404, json=UNKNOWN_JOB)
    ended = run(*BY_DEVICE, piped=f"{SECRET}\n")
    assert ended.status == 0
    assert (
        ended.err
        == f"""\
{US} does not know this client; {EU} does.

Open this address in any browser, signed in to Zoho as the user whose rights the exporter is to have:
  {EU}/oauth/v3/device
Accept there what it asks for, if it shows this code (enter it where it asks for one):  AB12CD34

Waiting until you have accepted, for 5 minutes at most; Zoho is asked every 1 s. Ctrl-C ends it.
The account lives in the data centre in: it is asked from now on.
Trying it with one call, which costs one API credit: a job that can't exist, so only that may be refused.
"""
    )
    assert "  data centre  in\n  API          https://www.zohoapis.in (production)\n" in ended.out


@pytest.mark.parametrize(
    ("begun", "answer", "said"),
    [
        pytest.param(
            {"error": "invalid_client"},
            {},
            "Zoho refused: invalid_client\n"
            "What to do: the client lives in another data centre (the address of Zoho CRM in your browser tells "
            "which), is a self client (log in with --self-client), or its ID has a typing error\n",
            id="client",
        ),
        pytest.param({"error": f"odd {SECRET}"}, {}, "Zoho refused: odd <secret>\n", id="echo"),
        pytest.param({"error": "invalid_oauthscope"}, {}, "What to do: Zoho knows no such scope", id="scope"),
        pytest.param(BEGUN, {"error": "access_denied"}, "What to do: it was turned away in the browser", id="declined"),
        pytest.param(BEGUN, {"error": "expired"}, "What to do: nobody accepted in time: log in again", id="expired"),
        pytest.param(BEGUN, {"error": "invalid_client_secret"}, "or the secret has a typing error", id="secret"),
        pytest.param(
            BEGUN, {"access_token": ACCESS_TOKEN}, "Zoho let the exporter in, but for an hour only", id="hour"
        ),
    ],
)
def test_each_refusal_of_a_device_has_a_next_step(
    run: Run, requests_mock: Mocker, begun: dict[str, object], answer: dict[str, object], said: str
) -> None:
    """The data centre first, where that may be the reason."""
    for host in hosts():
        requests_mock.post(f"{host}/oauth/v3/device/code", json=begun)
        requests_mock.post(f"{host}/oauth/v3/device/token", json=answer)
    ended = run(*BY_DEVICE, piped=f"{SECRET}\n")
    assert (ended.status, ended.out) == (1, "")
    assert said in ended.err


def test_a_fault_while_a_person_is_waited_for_is_told_once(run: Run, requests_mock: Mocker) -> None:
    """And that it may have cost the token, where none is had."""
    requests_mock.post(f"{US}/oauth/v3/device/code", json={**BEGUN, "expires_in": 20})
    page = {"status_code": 502, "text": "<html>"}
    requests_mock.post(f"{US}/oauth/v3/device/token", [page, page, {"json": {"error": "invalid_code"}}])
    ended = run(*BY_DEVICE, piped=f"{SECRET}\n")
    assert ended.status == 1
    assert "Waiting until you have accepted, for 20 s at most; Zoho is asked every 1 s." in ended.err
    assert ended.err.count("got HTTP 502 with no content type, 6 bytes. It may pass: Zoho is asked on.\n") == 1
    assert f"What to do: Zoho has forgotten this attempt: log in again; {_MAY_BE_MADE}" in ended.err


def test_a_custom_accounts_server_leads_nowhere_else(run: Run, requests_mock: Mocker) -> None:
    """A client secret goes to hosts that the user has named, and to Zoho's."""
    requests_mock.post("https://accounts.example.org/oauth/v3/device/code", json=BEGUN)
    elsewhere = {"error": "other_dc", "user_location": "eu"}
    requests_mock.post("https://accounts.example.org/oauth/v3/device/token", json=elsewhere)
    urls = ("--accounts-url=https://accounts.example.org/", "--api-url=https://api.example.org")
    ended = run(*BY_DEVICE, *urls, piped=f"{SECRET}\n")
    assert ended.status == 1
    assert "What to do: log in again with --data-center=eu, without --accounts-url\n" in ended.err


@pytest.mark.parametrize(("has_opened", "hint"), [(True, False), (False, True)], ids=["a-browser-opens", "none-opens"])
def test_a_browser_is_a_convenience(
    run: Run, requests_mock: Mocker, monkeypatch: pytest.MonkeyPatch, *, has_opened: bool, hint: bool
) -> None:
    """It is opened at a terminal with a display, once the address is shown; none is no error."""
    monkeypatch.setattr(getpass, "getpass", lambda _: SECRET)
    opened: list[str] = []

    def open_page(page: str) -> bool:
        opened.append(page)
        if not has_opened:
            raise webbrowser.Error
        return True

    monkeypatch.setattr(webbrowser, "open", open_page)
    requests_mock.post(f"{US}/oauth/v3/device/code", json=BEGUN)
    requests_mock.post(f"{US}/oauth/v3/device/token", json={"error": "access_denied"})
    ended = run("login", "--device", typed=f"\nLeads\n{ID}\n", DISPLAY=":0")
    assert opened == [f"{US}/oauth/v3/device"]
    assert ("No browser opened here: open the address yourself.\n" in ended.err) is hint


@pytest.mark.parametrize(
    ("there", "said"),
    [
        pytest.param("ca_bundle: missing.pem\n", 'zoho.yaml:1: "missing.pem" does not exist', id="ca-bundle"),
        pytest.param("proxy_url: http://proxy:3128\njobs: [\n", "zoho.yaml:2: is not valid YAML", id="typing-error"),
        pytest.param("- proxy_url: http://proxy:3128\n", "zoho.yaml: expected a mapping at the top level", id="list"),
        pytest.param(None, "zoho.yaml: is a directory, not a file", id="directory"),
        pytest.param(Path("nowhere.yaml"), "zoho.yaml: does not exist in the working directory", id="dangling"),
    ],
)
def test_settings_of_the_network_hold_for_a_login_too(
    run: Run, requests_mock: Mocker, there: str | Path | None, said: str
) -> None:
    """Where they can't be read, or are of no use, no secret goes another way than they say."""
    match there:
        case None:
            Path("zoho.yaml").mkdir()
        case Path():
            Path("zoho.yaml").symlink_to(there)
        case str():
            Path("zoho.yaml").write_text(there)
    play(requests_mock, {"json": GRANTED}, {"json": MINTED})
    ended = run(*BY_CODE, piped=PIPED)
    assert (ended.status, ended.out, requests_mock.request_history) == (2, "", [])
    assert f" problem:\n  {said}" in ended.err
    assert not Path("secrets").exists()


def test_variables_that_can_not_be_read_are_not_passed_over(run: Run, requests_mock: Mocker) -> None:
    """They may name a proxy too."""
    Path(".env").write_bytes(b"ZOHO_PROXY_URL=http://proxy:3128\n# gr\xfcn\n")
    play(requests_mock, {"json": GRANTED}, {"json": MINTED})
    ended = run(*BY_CODE, piped=PIPED)
    assert (ended.status, requests_mock.request_history) == (2, [])
    assert "  .env: is not UTF-8 text: save it as UTF-8\n" in ended.err


@pytest.mark.parametrize(
    ("make", "variable", "said"),
    [
        pytest.param(
            lambda: os.mkfifo("given/zoho_proxy_url"),
            "given",
            "given/zoho_proxy_url: is a pipe, not a regular file: put the content into a file, which can be read again",
            id="pipe",
        ),
        pytest.param(
            Path("given/zoho_ca_bundle").mkdir,
            "given",
            "given/zoho_ca_bundle: is a directory, not a file",
            id="directory",
        ),
        pytest.param(
            Path("given/zoho_poll_timeout").touch, "given", "given/zoho_poll_timeout: is empty", id="nothing in it"
        ),
        pytest.param(lambda: None, "missing", 'ZOHO_SECRETS_DIR: "missing" does not exist', id="no directory"),
    ],
)
def test_secrets_that_can_not_be_read_are_not_passed_over(
    run: Run, requests_mock: Mocker, make: Callable[[], object], variable: str, said: str
) -> None:
    """Nothing is asked before that is told, neither of the person nor of Zoho."""
    Path("given").mkdir()
    make()
    ended = run("login", typed="", ZOHO_SECRETS_DIR=variable)
    assert (ended.status, ended.out, requests_mock.request_history) == (2, "", [])
    assert ended.err.startswith(f"zoho-mass-update-exporter: 1 problem:\n  {said}\n")


def test_secret_of_the_settings_file_that_can_not_be_read_is_told(run: Run, requests_mock: Mocker) -> None:
    """Whoever were asked for it instead might give another one."""
    Path("secret").mkdir()
    account = "{data_center: eu, client_id: 1000.CLIENT, client_secret_file: secret}"
    Path("zoho.yaml").write_text(f"accounts: {{zoho: {account}}}")
    ended = run("login", "--device", typed=f"\n\n{SECRET}\n")
    assert (ended.status, requests_mock.request_history) == (2, [])
    assert ended.err.endswith('--client-secret-file: "secret" is a directory, not a file\n')


def test_nobody_at_the_terminal_is_no_traceback(run: Run) -> None:
    """Ctrl-D ends it."""
    ended = run("login", typed="1\n")
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.endswith("\nNobody answers: nothing was done.\n")


TO_CHANGE = {**GRANTED, "scope": "ZohoCRM.mass_update.leads.UPDATE"}
BY_CODE_TO_CHANGE = (*BY_CODE, "--for=schedule", "--account=acme", "--modules=Leads")


def test_a_token_to_change_records_stands_by_itself(run: Run, requests_mock: Mocker) -> None:
    """Neither the settings file nor the client's secret is written, nothing is tried, and what to type next is told."""
    requests_mock.post(f"{EU}/oauth/v2/token", json=TO_CHANGE)
    ended = run(*BY_CODE_TO_CHANGE, piped=PIPED)
    assert (ended.status, ended.err) == (0, "")
    assert (
        ended.out
        == """\
Zoho gave a refresh token, one of the 20 that it keeps for each user and client.
  data centre  eu
  API          https://www.zohoapis.eu (production)
  scope        ZohoCRM.mass_update.leads.UPDATE
Written, for you alone to read: secrets/acme_schedule_refresh_token
It can't be tried without changing records, so it was not. To use it:
  zoho-mass-update-exporter schedule acme/Leads --view=VIEW_ID --set=FIELD=VALUE --config.file=zoho.yaml \
--refresh-token-file=secrets/acme_schedule_refresh_token
"""
    )
    assert [file.name for file in Path("secrets").iterdir()] == ["acme_schedule_refresh_token"]
    assert not Path("zoho.yaml").exists()
    again = run(*BY_CODE_TO_CHANGE, typed="\n")
    assert again.status == 1
    assert (
        "'zoho-mass-update-exporter logout --config.file=zoho.yaml "
        "--refresh-token-file=secrets/acme_schedule_refresh_token' gives it back.\n"
    ) in again.err


def test_a_token_that_may_only_read_is_said_to_lack_the_rest(run: Run, requests_mock: Mocker) -> None:
    """As for any other, and not how it would be used."""
    requests_mock.post(f"{EU}/oauth/v2/token", json=GRANTED)
    ended = run(*BY_CODE_TO_CHANGE, piped=PIPED)
    assert (ended.status, "To use it" in ended.out) == (1, False)
    assert "  It lacks ZohoCRM.mass_update.leads.UPDATE: log in again, with a code of this scope\n" in ended.out


@pytest.mark.parametrize("output", ["kubernetes", "env", "json"])
def test_a_token_to_change_records_is_given_to_no_server(run: Run, requests_mock: Mocker, output: str) -> None:
    """Which is what the other outputs are for."""
    ended = run(*BY_CODE_TO_CHANGE, f"--output={output}", piped=PIPED)
    assert (ended.status, ended.out, requests_mock.request_history) == (2, "", [])
    assert "--output: does not go together with --for=schedule: no server is to have that token" in ended.err


def test_a_device_asks_for_the_right_to_change_records(run: Run, requests_mock: Mocker) -> None:
    """Of the modules that were named, and nothing else."""
    requests_mock.post(f"{EU}/oauth/v3/device/code", json=BEGUN)
    requests_mock.post(f"{EU}/oauth/v3/device/token", json={**TO_CHANGE, "scope": "ZohoCRM.mass_update.UPDATE"})
    flags = ("--device", "--for=schedule", "--account=acme", f"--client-id={ID}", "--data-center=eu")
    ended = run("login", *flags, "--modules=Leads,Deals", "--client-secret-file=-", piped=f"{SECRET}\n")
    assert ended.status == 0
    assert "signed in to Zoho as the user in whose name records are to be changed:\n" in ended.err
    asked = "scope=ZohoCRM.mass_update.deals.UPDATE%2CZohoCRM.mass_update.leads.UPDATE"
    assert asked in requests_mock.request_history[0].text
