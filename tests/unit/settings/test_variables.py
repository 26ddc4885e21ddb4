"""Variables: of the environment, of `.env`, and as files of a secrets directory."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.errors import Problem
from exporter.settings import Settings

_Load = Callable[..., Settings]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("ZOHO_RETENTIO", "ZOHO_RETENTION"),
        ("ZOHO_SCHEDULE_LONGEST", "ZOHO_SCHEDULE__LONGEST"),
        ("ZOHO_STATE_PATH", "ZOHO_STATE__PATH"),
        ("ZOHO_LOG_LEVEL", "ZOHO_LOG__LEVEL"),
        ("ZOHO_REFRESH_TOKENS", "ZOHO_REFRESH_TOKEN"),
        ("ZOHO_ACCOUNTS", "ZOHO_ACCOUNT"),
    ],
)
def test_misspelt_variable_gives_a_warning(load: _Load, variables: dict[str, str], name: str, near: str) -> None:
    """It is ignored, and told of."""
    settings = load(None, variables | {"ZOHO_JOBS": "Leads/1", name: "hunter2"})
    assert settings.warnings == (Problem(name, f"not a variable of ours and ignored; did you mean {near}?"),)


@pytest.mark.parametrize("name", ["ZOHO_EXPORTER_URL", "ZOHO_EXPORTER_TOKEN_FILE", "ZOHO_SCHEDULE_REFRESH_TOKEN_FILE"])
def test_variable_of_a_command_is_no_slip_of_a_setting(load: _Load, variables: dict[str, str], name: str) -> None:
    """What it names is not to become the exporter's refresh token."""
    assert load(None, variables | {"ZOHO_JOBS": "Leads/1", name: "secrets/token"}).warnings == ()


@pytest.mark.parametrize("name", ["ZOHO_EXPORTER_PORT_10042_TCP", "ZOHO_EXPORTER_SERVICE_HOST", "RETENTION", "ZOHO_X"])
def test_foreign_variable_is_left_alone(load: _Load, variables: dict[str, str], name: str) -> None:
    """Platforms inject variables of their own."""
    assert load(None, variables | {"ZOHO_JOBS": "Leads/1", name: "tcp://10.0.0.1"}).warnings == ()


def test_misspelt_variable_of_dotenv_gives_a_warning(load: _Load, variables: dict[str, str]) -> None:
    """The place is the file."""
    Path(".env").write_text("ZOHO_RETENTIO=1\nZOHO_RETENTION=\n", encoding="utf-8")
    settings = load(None, variables | {"ZOHO_JOBS": "Leads/1"})
    assert settings.warnings == (
        Problem(".env:1", '"ZOHO_RETENTIO": not a variable of ours and ignored; did you mean ZOHO_RETENTION?'),
    )


def test_dotenv_gives_a_whole_account(load: _Load, variables: dict[str, str]) -> None:
    """It may hold all that the environment may."""
    Path(".env").write_text("".join(f'{name}="{text}"\n' for name, text in variables.items()), encoding="utf-8")
    assert load(None).accounts["default"].credentials().client_secret == "hunter2hunter2"


def test_secrets_directory_gives_a_whole_account(load: _Load, variables: dict[str, str], tmp_path: Path) -> None:
    """Its files are named like the variables, and secrets are read anew."""
    directory = tmp_path / "run"
    directory.mkdir()
    (directory / "kubernetes.io").mkdir()
    for name, text in variables.items():
        (directory / name.lower()).write_text(f"{text}\n", encoding="utf-8")
    account = load(None, {"ZOHO_SECRETS_DIR": str(directory)}).accounts["default"]
    assert account.client_secret_file == directory / "zoho_client_secret"
    (directory / "zoho_client_secret").write_text("rotated", encoding="utf-8")
    assert account.credentials().client_secret == "rotated"


def test_default_secrets_directory_is_used_when_it_exists(load: _Load, variables: dict[str, str]) -> None:
    """Docker and Kubernetes mount secrets where nobody had to say so."""
    Path("secrets").mkdir()
    Path("secrets/ZOHO_REFRESH_TOKEN").write_text("mounted", encoding="utf-8")
    del variables["ZOHO_REFRESH_TOKEN"]
    assert load(None, variables).accounts["default"].credentials().refresh_token == "mounted"


def test_file_that_an_account_names_is_no_variable(load: _Load, account: str) -> None:
    """A mounted secret that the file points at does not begin an account of its own."""
    Path("secrets").mkdir()
    Path("secrets/zoho_client_secret").write_text("mounted", encoding="utf-8")
    text = account.replace("client_secret: hunter2hunter2", "client_secret_file: secrets/zoho_client_secret")
    assert list(load(text).accounts) == ["acme"]


def test_file_that_an_account_names_through_a_link_is_no_variable(load: _Load, account: str) -> None:
    """`/var/run` is a link to `/run`: a secret named by the longer path is the account's all the same."""
    Path("secrets").mkdir()
    Path("secrets/zoho_client_secret").write_text("mounted", encoding="utf-8")
    Path("link").symlink_to("secrets")
    text = account.replace("client_secret: hunter2hunter2", "client_secret_file: link/zoho_client_secret")
    assert list(load(text).accounts) == ["acme"]


def test_unfit_file_of_the_secrets_directory_is_refused(
    problems: Callable[..., list[str]], variables: dict[str, str]
) -> None:
    """The place is the file, for a secret as for another setting."""
    Path("secrets").mkdir()
    Path("secrets/zoho_retention").write_text("", encoding="utf-8")
    Path("secrets/zoho_client_secret").write_text("", encoding="utf-8")
    Path("secrets/zoho_log__level").write_text("loud", encoding="utf-8")
    del variables["ZOHO_CLIENT_SECRET"]
    assert problems(None, variables) == [
        "secrets/zoho_retention: is empty",
        "secrets/zoho_client_secret: is empty",
        'secrets/zoho_log__level: "loud" is not one of debug, info, warning, error, warn',
    ]


@pytest.mark.timeout(30)
def test_many_foreign_variables_cost_no_time(load: _Load, variables: dict[str, str]) -> None:
    """What each may have been is looked for of the first hundred."""
    Path(".env").write_text("".join(f"ZOHO_RETENTION_{i}=1\n" for i in range(2_500)), encoding="utf-8")
    assert len(load(None, variables | {"ZOHO_JOBS": "Leads/1"}).warnings) == 100


@pytest.mark.parametrize("sign", ["", "'", '"'])
def test_dotenv_says_what_stands_there(load: _Load, variables: dict[str, str], sign: str) -> None:
    """Nothing is put in for what looks like a variable: a secret may hold a dollar."""
    Path(".env").write_text(f"HOME=x\nZOHO_CLIENT_SECRET={sign}a${{HOME}}b$HOME{sign}\n", encoding="utf-8")
    del variables["ZOHO_CLIENT_SECRET"]
    assert load(None, variables).accounts["default"].credentials().client_secret == "a${HOME}b$HOME"


def test_name_that_stands_twice_in_dotenv_is_told(load: _Load, variables: dict[str, str]) -> None:
    """The last one counts; names of others are theirs. Empty lines count as lines."""
    text = "\n\nA=1\nA=2\nZOHO_RETENTION=1d\n\n# more\n\nZOHO_RETENTION=2d\n"
    Path(".env").write_text(text, encoding="utf-8")
    settings = load(None, variables | {"ZOHO_JOBS": "Leads/1"})
    assert settings.retention == 172_800
    assert settings.warnings == (
        Problem(".env:9", "ZOHO_RETENTION: stands there twice, first at .env:5: this one counts"),
    )


def test_directory_in_the_place_of_dotenv_is_told(load: _Load, variables: dict[str, str]) -> None:
    """A virtual environment may be called so; whoever meant a file learns that it is none."""
    Path(".env").mkdir()
    assert load(None, variables | {"ZOHO_JOBS": "Leads/1"}).warnings == (
        Problem(".env", "is a directory, not a file: left out"),
    )


def test_quote_that_is_not_closed_in_dotenv_is_told(
    problems: Callable[..., list[str]], variables: dict[str, str]
) -> None:
    """At the line where it was opened."""
    Path(".env").write_text('\nZOHO_RETENTION="1d\nZOHO_MAX_JOBS=5\n', encoding="utf-8")
    assert problems(None, variables) == [".env:2: is not NAME=value, one on each line; is a quote not closed?"]


def test_large_dotenv_is_refused(problems: Callable[..., list[str]], variables: dict[str, str]) -> None:
    """Nobody writes one."""
    Path(".env").write_text("#" * 70_000, encoding="utf-8")
    assert problems(None, variables) == [".env: is larger than 64 KiB"]


def test_dotenv_where_nobody_may_look_is_none(load: _Load, variables: dict[str, str]) -> None:
    """A program that another user starts, from a home that only its owner may enter, goes on and says so."""
    Path("home").mkdir()
    os.chdir("home")
    Path().chmod(0o600)
    is_root = os.geteuid() == 0
    if is_root:  # who may look anywhere
        os.seteuid(65534)
    try:
        settings = load(None, variables | {"ZOHO_JOBS": "Leads/1"})
    finally:
        if is_root:
            os.seteuid(0)
        Path("..", "home").resolve().chmod(0o700)
    assert settings.warnings == (
        Problem(".env", "can't be looked for, as its directory may not be searched by this user: left out"),
    )


def test_dotenv_that_may_not_be_read_is_refused(problems: Callable[..., list[str]], variables: dict[str, str]) -> None:
    """It is there, and somebody meant it to be read."""
    Path(".env").touch(mode=0o000)
    is_root = os.geteuid() == 0
    if is_root:
        Path().chmod(0o755)
        os.seteuid(65534)
    try:
        [told] = problems(None, variables)
    finally:
        if is_root:
            os.seteuid(0)
    assert told.startswith(".env: may not be read by uid ")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ZOHO_PROXY_PORT", "tcp://10.0.0.1:3128"),
        ("ZOHO_JOBS_PORT", "udp://10.0.0.1:53"),
        ("ZOHO_STATE_PATH_SERVICE_HOST", "10.0.0.1"),
        ("ZOHO_STATE_PATH_SERVICE_PORT", "80"),
        ("ZOHO_STATE_PATH_SERVICE_PORT_HTTP", "80"),
        ("ZOHO_STATE_PATH_PORT_80_TCP_ADDR", "10.0.0.1"),
    ],
)
def test_link_to_a_service_is_no_slip(load: _Load, variables: dict[str, str], name: str, text: str) -> None:
    """Kubernetes sets them for every service of the namespace whose name begins with zoho."""
    assert load(None, variables | {"ZOHO_JOBS": "Leads/1", name: text}).warnings == ()


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("ZOHO_DC", "ZOHO_DATA_CENTER"),
        ("ZOHO_SECRET", "ZOHO_CLIENT_SECRET"),
        ("ZOHO_TOKEN", "ZOHO_REFRESH_TOKEN"),
        ("zoho_client_id", "ZOHO_CLIENT_ID"),
        ("ZOHO_CONFIG_FILE", "the flag --config.file"),
    ],
)
def test_other_word_for_a_variable_is_told(load: _Load, variables: dict[str, str], name: str, near: str) -> None:
    """No spelling is near, and yet it is plain what is meant."""
    [warning] = load(None, variables | {"ZOHO_JOBS": "Leads/1", name: "x"}).warnings
    assert warning == Problem(name, f"not a variable of ours and ignored; did you mean {near}?")
