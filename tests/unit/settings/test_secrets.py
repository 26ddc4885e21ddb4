"""Secrets: where they are read from, and that nothing ever shows one."""

import os
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st

from exporter.errors import ConfigurationError, Problem
from exporter.files import read_secret_file
from exporter.settings import Settings, load_settings

_Load = Callable[..., Settings]

_SECRET = "1000.feedfacefeedfacefeedfacefeedface.feedfacefeedfacefeedfacefeedface"


# Apart from the calls below: a traceback shows the line of the call.
_UNFIT = {"ZOHO_REFRESH_TOKEN": "hunter2 hunter2"}


def _everything_said(error: BaseException) -> str:
    chain = "".join(traceback.format_exception(error, chain=True))
    return f"{error!r}\n{error}\n{chain}\n{error.__context__!r}\n{error.__cause__!r}\n{error.args}"


def test_secrets_are_hidden_in_settings(load: _Load, variables: dict[str, str]) -> None:
    """Neither the settings nor the credentials show them, and yet they are there."""
    settings = load(None, variables | {"ZOHO_PROXY_URL": "http://user:swordfish@proxy:1"})
    credentials = settings.accounts["default"].credentials()
    shown = f"{settings!r} {settings} {credentials!r} {settings.model_dump()} {settings.model_dump_json()}"
    assert "hunter2" not in shown
    assert "0123456789abcdef" not in shown
    assert "swordfish" not in shown
    assert (credentials.client_secret, credentials.refresh_token) == (
        "hunter2hunter2",
        "1000.0123456789abcdef.0123456789abcdef",
    )
    assert settings.proxies_for("https://x") == {"https": "http://user:swordfish@proxy:1"}


@pytest.mark.parametrize(
    "text",
    [
        "accounts: {acme: {client_secret: [hunter2]}}",
        "accounts: {acme: {client_secret: {hunter2: hunter2, hunter2: 1}}}",
        "accounts: {acme: {client_secret:hunter2, refresh_token=hunter2}}",
        "accounts: {acme: {client_secret: 'hunter2 hunter2', client_secret: hunter2}}",
        "accounts: {acme: {client_secret: *hunter2}}",
        "accounts: {acme: {client_secret: !hunter2}}",
        "accounts: {acme: {client_secret: hunter2",
        "accounts: {acme: {client_secret: @hunter2}}",
        "accounts: {acme: {client_secret: %hunter2}}",
        'accounts: {acme: {client_secret: "\\hunter2"}}',
        "accounts: {acme: {client_secret: !<hunter2> x}}",
        "proxy_url: 'ftp://user:hunter2@proxy'",
        "proxy_url: 'http://user:hunter2@pro xy'",
        "accounts: {acme: {api_url: 'https://user:hunter2@x'}}",
        "accounts: {acme: {api_url: 'https://x?token=hunter2'}}",
    ],
)
def test_no_error_shows_a_secret(load: _Load, text: str) -> None:
    """Whatever is wrong around it, and however the error is written out."""
    with pytest.raises(ConfigurationError) as caught:
        load(text, _UNFIT)
    assert "hunter2" not in _everything_said(caught.value)


_WORDS = (_SECRET, "accounts", "acme", "client_secret", "jobs", "web", "retention", "1e5", "<<", "\n  ", ": ", "- ")
_SIGNS = "\n\t{}[]'\"&*!?|#,~%@\\x"


@trials(deadline=None)  # the machine may have other things to do
@given(st.lists(st.sampled_from((*_WORDS, *_SIGNS)), max_size=40).map("".join))
def test_any_text_gives_settings_or_our_error_and_never_the_secret(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    """Nothing but these two outcomes, whatever stands in the file."""
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_text(text, encoding="utf-8")
    try:
        said = repr(load_settings(file, environ={"ZOHO_CLIENT_SECRET": _SECRET}, dotenv_file=None))
    except ConfigurationError as error:
        said = _everything_said(error)
    assert "feedface" not in said


@trials(deadline=None)  # the machine may have other things to do
@given(st.binary(max_size=200))
def test_any_bytes_give_settings_or_our_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Files of any other kind are refused in words."""
    file = tmp_path_factory.getbasetemp() / "bytes.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError):
        load_settings(file, environ={}, dotenv_file=None)


def test_credentials_are_read_anew(load: _Load, account: str) -> None:
    """A rotated secret is used without a restart; one that went away is an error at that moment."""
    file = Path("secret")
    file.write_text("  first\n", encoding="utf-8")
    acme = load(account.replace("client_secret: hunter2hunter2", "client_secret_file: secret")).accounts["acme"]
    assert acme.credentials().client_secret == "first"
    file.write_text("second\r\n", encoding="utf-8")
    assert acme.credentials().client_secret == "second"
    file.unlink()
    with pytest.raises(ConfigurationError, match=r"^secret: does not exist$"):
        acme.credentials()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"two words", "holds more than one word or line: expected the secret alone"),
        (b"two\nlines", "holds more than one word or line: expected the secret alone"),
        (b"\xff", "is not UTF-8 text: save it as UTF-8"),
        (b"x" * 65_537, "is larger than 64 KiB: expected a secret alone"),
    ],
)
def test_unfit_secret_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    """The message says what is wrong and nothing of the content."""
    file = tmp_path / "secret"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        read_secret_file(file)
    assert caught.value.problems == (Problem(str(file), message),)
    assert caught.value.__context__ is None


_PIPE = "is a pipe, not a regular file: put the content into a file, which can be read again"


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A directory, and a pipe that nobody writes to."""
    os.mkfifo(tmp_path / "pipe")
    for path, message in ((tmp_path, "is a directory, not a file"), (tmp_path / "pipe", _PIPE)):
        with pytest.raises(ConfigurationError) as caught:
            read_secret_file(path)
        assert caught.value.problems == (Problem(str(path), message),)


def test_debugging_of_the_library_shows_no_secret(
    load: _Load,
    account: str,
    variables: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """pydantic-settings logs what each source says, if a variable asks for it."""
    monkeypatch.setenv("PYDANTIC_SETTINGS_DEBUG", "1")
    caplog.set_level("DEBUG")
    load(account, variables, {"proxy_url": "http://user:hunter2@proxy:1"})
    assert "Source: …" in caplog.text
    assert not any(secret in caplog.text for secret in ("hunter2", "0123456789abcdef"))


_OPEN = "has the mode 0644, so any user may read it: chmod 600"


@pytest.mark.parametrize(
    ("text", "files", "told"),
    [
        pytest.param("{account}", {"zoho.yaml": 0o644}, [f"zoho.yaml: holds a secret and {_OPEN}"], id="settings"),
        pytest.param("{account}", {"zoho.yaml": 0o640}, [], id="a group's settings"),
        pytest.param(
            "{other}proxy_url: http://u:p@proxy:1",
            {"zoho.yaml": 0o644},
            [f"zoho.yaml: holds a secret and {_OPEN}"],
            id="proxy",
        ),
        pytest.param("{other}proxy_url: http://proxy:1", {"zoho.yaml": 0o644}, [], id="proxy without a password"),
        pytest.param("{other}", {"zoho.yaml": 0o644, "secret": 0o600}, [], id="settings without a secret"),
        pytest.param(
            "{other}",
            {"secret": 0o644},
            [f'zoho.yaml:5: accounts.acme.client_secret_file: "secret" {_OPEN}'],
            id="secret",
        ),
        pytest.param(
            "{other}web: {{api_token_file: token}}",
            {"token": 0o644},
            [f'zoho.yaml:7: web.api_token_file: "token" {_OPEN}'],
            id="token",
        ),
        pytest.param(
            "{other}web: {{api_token_file: short}}",
            {"short": 0o600},
            ['zoho.yaml:7: web.api_token_file: "short" holds a token of fewer than 16 characters: it can be guessed'],
            id="short token",
        ),
        pytest.param(
            "{other}state: {{url: 'postgresql://db/zoho', password_file: token}}",
            {"token": 0o644},
            [f'zoho.yaml:7: state.password_file: "token" {_OPEN}'],
            id="database's password",
        ),
        pytest.param("{other}", {".env": 0o644}, [f".env: holds a secret and {_OPEN}"], id=".env"),
    ],
)
@pytest.mark.usefixtures("load")
def test_secret_that_everybody_may_read_is_told(
    account: str, text: str, files: dict[str, int], told: list[str]
) -> None:
    """Wherever it stands, by the mode that its file has."""
    words = {"secret": "swordfish", "short": "fifteen-letters", "token": "sixteen--letters"}
    words[".env"] = "ZOHO_ACCOUNT=acme\nZOHO_REFRESH_TOKEN=1000.0123456789abcdef.0123456789abcdef"
    other = account.replace("client_secret: hunter2hunter2", "client_secret_file: secret")
    other = other.replace(
        "    refresh_token: 1000.0123456789abcdef.0123456789abcdef\n", "    refresh_token_file: refresh\n"
    )
    Path("refresh").write_text("1000.0123456789abcdef.0123456789abcdef")
    Path("refresh").chmod(0o600)
    for name in words.keys() if ".env" in files else words.keys() - {".env"}:
        Path(name).write_text(words[name])
        Path(name).chmod(files.get(name, 0o600))
    Path("zoho.yaml").write_text(text.format(account=account, other=other) + "\njobs: [{module: Leads, job_id: 1}]\n")
    Path("zoho.yaml").chmod(files.get("zoho.yaml", 0o600))
    settings = load_settings(Path("zoho.yaml"), environ={}, secrets_dir=Path("absent"))
    assert list(map(str, settings.warnings)) == told


@pytest.mark.parametrize(
    ("more", "told"),
    [
        pytest.param(
            "    accounts_url: https://a.example\n    api_url: https://b.example\n",
            "data_center: is left aside",
            id="URLs",
        ),
        pytest.param(
            "  beta:\n    data_center: eu\n    client_id: 1000.ABCDEF\n    client_secret: other\n"
            "    refresh_token: 1000.0123456789abcdef.0123456789abcdef\n",
            'beta.refresh_token: is the refresh token of "acme" too',
            id="one account twice",
        ),
    ],
)
def test_account_that_is_described_twice_is_told(load: _Load, account: str, more: str, told: str) -> None:
    """Which of two counts, and that two are one."""
    [warning] = load(f"{account}{more}jobs: [{{account: acme, module: Leads, job_id: 1}}]\n").warnings
    assert told in str(warning)


def test_path_in_the_place_of_a_secret_is_told(load: _Load, account: str) -> None:
    """The name of a setting lacks its end."""
    Path("secrets").mkdir()
    Path("secrets/cs").touch()
    text = account.replace("hunter2hunter2", "secrets/cs") + "jobs: [{module: Leads, job_id: 1}]\n"
    assert "client_secret: is the path of a file: is client_secret_file meant?" in str(load(text).warnings)


def test_account_by_nested_variables_is_told(load: _Load, variables: dict[str, str]) -> None:
    """Which pydantic reads, and we do not."""
    environ = variables | {"ZOHO_JOBS": "Leads/1", "ZOHO_ACCOUNTS__ACME__CLIENT_SECRET": _SECRET}
    [warning] = load(None, environ).warnings
    assert warning.place == "ZOHO_ACCOUNTS__ACME__CLIENT_SECRET"
    assert "ZOHO_ACCOUNT names" in warning.message
    assert "feedface" not in str(warning)
