"""What `login` has to know: from flags, from the person at the terminal, or said to be lacking."""

import getpass
import signal
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest
from requests_mock import Mocker
from unit.cli.account.conftest import Keyboard, Run

from exporter.cli.account.asking import Asker
from exporter.cli.account.questions import lacking_scopes, scope_of
from exporter.errors import ConfigurationError

SECRET = "client-secret-0a1b"


@pytest.mark.parametrize(
    ("arguments", "lacking"),
    [
        pytest.param((), ["--device or --self-client", "--client-id", "--client-secret-file"], id="all"),
        pytest.param(("--device",), ["--client-id", "--client-secret-file"], id="device"),
        pytest.param(
            ("--self-client",), ["--client-id", "--client-secret-file", "--grant-code-file"], id="self-client"
        ),
        pytest.param(("--grant-code-file=code", "--client-id=1000.A"), ["--client-secret-file"], id="code"),
    ],
)
def test_without_a_terminal_all_that_is_lacking_is_named_at_once(
    run: Run, arguments: tuple[str, ...], lacking: list[str]
) -> None:
    """With status 2, and nothing is asked."""
    Path("code").write_text("1000.code-8c9d")
    ended = run("login", *arguments)
    assert ended.status == 2
    assert ended.err.splitlines()[1:] == [f"  {flag}: is needed where no terminal is there to ask" for flag in lacking]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(
            ("--device", "--self-client"), "--device: does not go together with --self-client", id="both-kinds"
        ),
        pytest.param(
            ("--device", "--grant-code-file=-"), "--device: does not go together with --self-client", id="device-code"
        ),
        pytest.param(
            ("--device", "--account=a/b"), "--account: expected 1 to 64 letters, digits, _ . or -", id="alias"
        ),
        pytest.param(("--device", "--client-id=a b"), "--client-id: expected one word, as the API", id="two-words"),
        pytest.param(
            ("--device", "--client-id=0123456789abcdef0123456789abcdef0123456789"),
            "--client-id: looks like a client secret, not like a client id",
            id="swapped",
        ),
        pytest.param(
            ("--device", "--modules=Leads,Sales Orders"), '--modules: "Sales Orders" is not a module', id="module"
        ),
        pytest.param(("--device", "--data-center=mars"), "--data-center: is no data centre of Zoho's", id="place"),
        pytest.param(
            ("--device", "--accounts-url=https://a.example"), "--accounts-url: goes together with --api-url", id="url"
        ),
        pytest.param(
            ("--device", "--client-id=1000.A", "--client-secret-file=-"),
            "--client-secret-file: standard input is empty",
            id="empty-input",
        ),
        pytest.param(
            ("--device", "--client-id=1000.A", "--client-secret-file=missing"),
            '--client-secret-file: "missing" does not exist',
            id="no-file",
        ),
        pytest.param(
            ("--device", "--client-id=1000.A", "--client-secret-file=swapped"),
            "--client-secret-file: looks like a client id, not like a client secret",
            id="id-for-secret",
        ),
        pytest.param(
            (
                *("--device", "--client-id=1000.A", "--client-secret-file=secret"),
                *("--accounts-url=http://a.example", "--api-url=https://b.example"),
            ),
            "--accounts-url: ",
            id="plain-http",
        ),
        pytest.param(("--output=xml",), "", id="output"),
    ],
)
def test_a_flag_of_no_use_is_refused(run: Run, arguments: tuple[str, ...], said: str) -> None:
    """At its name, and before Zoho is asked."""
    Path("swapped").write_text("1000.ABCDEFGHIJKLMNOPQRSTUVWXYZ1234")
    Path("secret").write_text(SECRET)
    if not said:
        with pytest.raises(SystemExit, match="2"):
            run("login", *arguments)
        return
    ended = run("login", *arguments)
    assert ended.status == 2
    assert f"  {said}" in ended.err


def test_a_place_that_can_not_be_written_to_is_told_first(run: Run) -> None:
    """A code is not used up for nothing."""
    Path("secrets").write_text("in the way")
    ended = run("login", "--device")
    assert ended.status == 2
    assert "  secrets: can't be made (File exists): name a file elsewhere by --config.file" in ended.err


def test_a_person_is_asked_until_the_answer_is_right(
    run: Run, requests_mock: Mocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each question says what it falls back on, the scope stands before the code, and no secret is shown."""
    answers = iter(["", SECRET, "1000.code-8c9d"])
    monkeypatch.setattr(getpass, "getpass", lambda _: next(answers))
    requests_mock.post("https://accounts.zoho.in/oauth/v2/token", json={"error": "invalid_code"})
    typed = "3\n2\na b\n\nmars\nhttps://crm.zoho.in/crm\nPrice Books\nLeads,Price_Books\n1000.x\n"
    ended = run("login", typed=typed)
    assert (ended.status, ended.out) == (1, "")
    assert (
        ended.err
        == """\
Two types of client let the exporter in. You make one in Zoho's API console: https://api-console.zoho.com, or its
sister in your data centre, such as https://api-console.zoho.eu
  1  "Non-browser application": you accept in a browser, on any machine; there is nothing to paste
  2  "Self client": you generate a code in the console, and enter it here
Which is yours? [1]   1 or 2
Which is yours? [1] A name for the account [zoho]:   expected 1 to 64 letters, digits, _ . or -
A name for the account [zoho]: Data centre, or the address of Zoho CRM in your browser [have it found]: \
  is no data centre of Zoho's: one of us, eu, in, au, cn, jp, ca, sa, uk, ae
Data centre, or the address of Zoho CRM in your browser [have it found]: \
Modules to watch, by API name, with commas [all]:   "Price Books" is not a module's API name: a letter, then letters, \
digits or _, such as Leads; did you mean "Price_Books"? Setup > APIs and SDKs lists the names
Modules to watch, by API name, with commas [all]: Client ID:   The client ID looks like a placeholder: put Zoho's own \
value in its place
  It is empty
Open https://api-console.zoho.in, your self client, Generate Code, with this scope:
  ZohoCRM.mass_update.leads.READ,ZohoCRM.mass_update.pricebooks.READ
Zoho refused: invalid_code
What to do: the code was made in another data centre, was used before, or is too old: generate a new one and enter it \
at once
"""
    )


def test_variables_that_say_where_hold(run: Run, requests_mock: Mocker) -> None:
    """The hosts that the exporter would ask are asked, too."""
    requests_mock.post("https://a.example/oauth/v3/device/code", json={"error": "invalid_client"})
    flags = ("login", "--device", "--client-id=1000.A", "--client-secret-file=-")
    urls = {"ZOHO_ACCOUNTS_URL": "https://a.example", "ZOHO_API_URL": "https://b.example"}
    refused = run(*flags, piped=SECRET, **urls, ZOHO_ACCOUNT="a/b")
    assert refused.err.endswith('  --account: "a/b" is not an account alias: 1 to 64 letters, digits, _ . or -\n')
    assert run(*flags, piped=SECRET, **urls, ZOHO_ACCOUNT="acme").status == 1
    assert [request.url for request in requests_mock.request_history] == ["https://a.example/oauth/v3/device/code"]


@pytest.mark.parametrize(
    ("modules", "scope"),
    [
        ((), "ZohoCRM.mass_update.READ"),
        (("Leads",), "ZohoCRM.mass_update.leads.READ"),
        (("Sales_Orders", "My_Module", "Own"), "ZohoCRM.mass_update.custom.READ,ZohoCRM.mass_update.salesorders.READ"),
    ],
)
def test_the_scope_follows_from_the_modules(modules: tuple[str, ...], scope: str) -> None:
    """In Zoho's spelling, each once."""
    assert scope_of(modules) == scope


HOSTS = ("--accounts-url=https://a.example", "--api-url=https://b.example")
_OF_CUSTOM_ONES = "is no module of Zoho's own, and gets the scope of custom ones; did you mean"


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("Lead", f'  "Lead" {_OF_CUSTOM_ONES} "Leads"?'),
        ("Sale_Orders", f'  "Sale_Orders" {_OF_CUSTOM_ONES} "Sales_Orders"?'),
        ("leads", '  Zoho spells the module "leads" Leads: list its jobs so'),
        ("PriceBooks", '  Zoho spells the module "PriceBooks" Price_Books: list its jobs so'),
        ("Leads", ""),
        ("Purchase_Orders", ""),
        ("Projects", ""),
    ],
)
def test_a_module_that_is_near_to_another_is_told(run: Run, requests_mock: Mocker, module: str, said: str) -> None:
    """Before Zoho is asked; as the name may be one of the organisation's own, it is asked all the same."""
    requests_mock.post("https://a.example/oauth/v3/device/code", json={"error": "invalid_client"})
    flags = ("login", "--device", "--client-id=1000.A", "--client-secret-file=-", *HOSTS)
    ended = run(*flags, f"--modules={module}", piped=SECRET)
    assert requests_mock.call_count == 1
    assert [line for line in ended.err.splitlines() if f'"{module}"' in line] == list(filter(None, [said]))


@pytest.mark.parametrize(
    ("granted", "lacking"),
    [
        ("ZohoCRM.mass_update.leads.READ", ["ZohoCRM.mass_update.deals.READ"]),
        ("ZohoCRM.mass_update.leads.ALL zohocrm.mass_update.deals.read", []),
        ("ZohoCRM.mass_update.ALL", []),
        ("ZohoCRM.mass_update.READ,ZohoCRM.users.READ", []),
        ("ZohoCRM.mass_update.UPDATE", ["ZohoCRM.mass_update.leads.READ", "ZohoCRM.mass_update.deals.READ"]),
    ],
)
def test_what_a_scope_lacks_is_known(granted: str, lacking: list[str]) -> None:
    """One for all modules, or for all operations, covers each."""
    assert lacking_scopes(granted, "ZohoCRM.mass_update.leads.READ,ZohoCRM.mass_update.deals.READ") == lacking


@pytest.mark.parametrize(
    ("granted", "lacking"),
    [
        ("ZohoCRM.mass_update.READ", ["ZohoCRM.mass_update.leads.UPDATE"]),
        ("ZohoCRM.mass_update.leads.ALL", []),
        ("ZohoCRM.mass_update.UPDATE", []),
    ],
)
def test_the_right_to_read_is_none_to_change(granted: str, lacking: list[str]) -> None:
    """A token for the command that changes records is told apart."""
    assert lacking_scopes(granted, "ZohoCRM.mass_update.leads.UPDATE") == lacking


def test_a_secret_that_is_no_text_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a person; nothing of it is shown."""
    typed = [b"\xffsecret", SECRET.encode()]
    monkeypatch.setattr(getpass, "getpass", lambda _: typed.pop(0).decode())
    monkeypatch.setattr(sys, "stdin", Keyboard("", is_terminal=True))
    assert Asker().secret("--client-secret-file", None, "", lambda _: "") == SECRET
    assert capsys.readouterr().err == "  It is not UTF-8 text\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT], ids=str)
def test_what_is_typed_is_shown_again_before_a_signal_ends_the_command(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """The terminal is given back, and then the process ends by that very signal."""
    done: list[str] = []

    def ask(_: str) -> str:
        try:
            signal.raise_signal(number)
        finally:
            done.append("shown again")
        return SECRET

    before = signal.signal(number, lambda *_: done.append("ended"))
    monkeypatch.setattr(getpass, "getpass", ask)
    monkeypatch.setattr(sys, "stdin", Keyboard("", is_terminal=True))
    try:
        with pytest.raises(KeyboardInterrupt):
            Asker().secret("--client-secret-file", None, "", lambda _: "")
    finally:
        signal.signal(number, before)
    assert done == ["shown again", "ended"]


@pytest.mark.parametrize(
    ("piped", "said"),
    [
        pytest.param(b"\xffsecret\n", "standard input is not UTF-8 text", id="bytes"),
        pytest.param("secret\n".encode("utf-16-be"), "standard input is UTF-16, as some editors", id="utf-16"),
    ],
)
def test_a_piped_secret_that_is_no_text_is_refused(monkeypatch: pytest.MonkeyPatch, piped: bytes, said: str) -> None:
    """At its flag."""
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(piped), "utf-8"))
    with pytest.raises(ConfigurationError, match=f"^--client-secret-file: {said}"):
        Asker().secret("--client-secret-file", "-", "", lambda _: "")


def test_a_piped_secret_is_read_without_its_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which some editors put before a text."""
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(f"\ufeff{SECRET}\n".encode()), "utf-8"))
    assert Asker().secret("--client-secret-file", "-", "", lambda _: "") == SECRET


def test_a_line_that_is_no_text_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As any other answer of no use."""
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(b"\xff\n"), "utf-8"))
    asker = Asker()
    asker.is_person = True

    def odd(text: str) -> str:
        monkeypatch.setattr(sys, "stdin", Keyboard("acme\n", is_terminal=True))
        return "" if text == "acme" else "a word"

    assert asker.text("--account", None, "", odd) == "acme"
