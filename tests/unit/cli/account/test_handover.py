"""What a login leaves behind."""

import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from unit.cli.account.conftest import Run

from exporter.cli.account.handover import NewAccount, Places, as_environment, as_secret, ruling, settings_file
from exporter.errors import ConfigurationError, Problem
from exporter.settings import load_settings

SETTINGS = {"data_center": "eu", "client_id": "1000.CLIENT"}


def account(alias: str = "acme") -> NewAccount:
    """Give an account that was just let in."""
    return NewAccount(
        alias,
        SETTINGS,
        "client-secret-0a1b",
        "1000.refresh-2c3d",
        "https://www.zohoapis.eu",
        "ZohoCRM.mass_update.READ",
    )


@pytest.mark.parametrize("alias", ["acme", "on", "12", "1e3", "a.b-c", "null", "-"])
def test_the_settings_file_loads_whatever_the_account_is_called(run: Run, alias: str) -> None:
    """YAML takes some words for something else."""
    places = Places(Path("conf/zoho.yaml"), alias)
    places.prepare()
    places.write_secrets(account(alias), is_over=False)
    places.config_file.write_text(settings_file(account(alias), places))
    loaded = load_settings(places.config_file, environ={}, dotenv_file=None, secrets_dir=Path("none"))
    credentials = loaded.accounts[alias].credentials()
    assert (credentials.client_secret, credentials.refresh_token) == ("client-secret-0a1b", "1000.refresh-2c3d")
    assert loaded.jobs == ()
    assert run("check", "--config.file=conf/zoho.yaml").status == 0


def test_secret_files_are_for_their_owner_alone(run: Run) -> None:
    """Also where there was one that others could read; nothing else is left lying about."""
    assert run("check").status == 2
    places = Places(Path("zoho.yaml"), "acme")
    places.write_secrets(account(), is_over=False)
    places.client_secret.chmod(0o644)
    places.prepare()
    places.write_secrets(account(), is_over=True)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in Path("secrets").iterdir()}
    assert modes == {"acme_client_secret": 0o600, "acme_refresh_token": 0o600}
    assert stat.S_IMODE(Path("secrets").stat().st_mode) == 0o700


def test_a_disk_that_takes_nothing_is_told(tmp_path: Path) -> None:
    """With the file's name, and without the secret."""
    places = Places(tmp_path / "zoho.yaml", "acme")
    (tmp_path / "secrets").symlink_to("/proc/self")
    with pytest.raises(ConfigurationError) as raised:
        places.write_secrets(account(), is_over=False)
    file = tmp_path / "secrets" / "acme_client_secret"
    assert raised.value.problems == (Problem(str(file), "can't be written: No such file or directory"),)


def test_a_directory_that_takes_nothing_is_told(tmp_path: Path) -> None:
    """Before anything is asked of Zoho."""
    (tmp_path / "secrets").symlink_to("/proc/self")
    with pytest.raises(ConfigurationError, match="secrets: can't be written to: No such file or directory"):
        Places(tmp_path / "zoho.yaml", "acme").prepare()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        pytest.param(os.mkfifo, "it is a pipe, not a regular file", id="pipe"),
        pytest.param(lambda file: file.symlink_to("nowhere"), "it is a link to nothing", id="dangling"),
    ],
)
def test_what_is_no_file_is_told_before_zoho_is_asked(
    tmp_path: Path, make: Callable[[Path], object], said: str
) -> None:
    """It could not be overwritten, and a code is used up by then."""
    places = Places(tmp_path / "zoho.yaml", "acme")
    places.refresh_token.parent.mkdir()
    make(places.refresh_token)
    with pytest.raises(ConfigurationError, match=f"acme_refresh_token: can't be written: {said}"):
        places.prepare()


def test_secrets_are_for_their_owner_whatever_the_mask(tmp_path: Path) -> None:
    """Who may not read their own directory can't use what is in it."""
    places, before = Places(tmp_path / "zoho.yaml", "acme"), os.umask(0o777)
    try:
        places.write_secrets(account(), is_over=False)
    finally:
        os.umask(before)
    made = (places.refresh_token.parent, *places.written)
    assert [stat.S_IMODE(path.stat().st_mode) for path in made] == [0o700, 0o600, 0o600]


def test_trying_leaves_nothing_behind(tmp_path: Path) -> None:
    """No directory for secrets that may never come; one that was there stays."""
    places = Places(tmp_path / "zoho.yaml", "acme")
    places.prepare()
    assert [*tmp_path.iterdir()] == []
    (tmp_path / "secrets").mkdir()
    places.prepare()
    assert [*tmp_path.rglob("*")] == [tmp_path / "secrets"]


def test_half_of_the_secrets_is_none(tmp_path: Path) -> None:
    """What another login wrote stays as it is."""
    places = Places(tmp_path / "zoho.yaml", "acme")
    places.refresh_token.parent.mkdir()
    places.refresh_token.write_text("another's")
    with pytest.raises(ConfigurationError, match="acme_refresh_token: was written by another login meanwhile"):
        places.write_secrets(account(), is_over=False)
    assert [*places.refresh_token.parent.iterdir()] == [places.refresh_token]
    assert places.refresh_token.read_text() == "another's"


def test_an_env_file_survives_a_shell() -> None:
    """One variable a line; what a shell would read otherwise is quoted."""
    assert as_environment(replace(account(), client_secret="it's $1")) == (
        "ZOHO_ACCOUNT=acme\nZOHO_DATA_CENTER=eu\nZOHO_CLIENT_ID=1000.CLIENT\n"
        "ZOHO_CLIENT_SECRET='it'\"'\"'s $1'\nZOHO_REFRESH_TOKEN=1000.refresh-2c3d\n"
    )


@pytest.mark.parametrize(
    ("alias", "name"), [("acme", "zoho-acme"), ("Acme_EU.1", "zoho-acme-eu-1"), ("_", "zoho-account")]
)
def test_a_secret_has_the_keys_that_the_chart_expects(alias: str, name: str) -> None:
    """And a name that Kubernetes takes; comments say what belongs into the chart's values."""
    text = as_secret(account(alias))
    assert yaml.safe_load(text) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "type": "Opaque",
        "stringData": {"client_secret": "client-secret-0a1b", "refresh_token": "1000.refresh-2c3d"},
    }
    assert f"existingSecret: {name}}}" in text
    assert '"data_center": "eu", "client_id": "1000.CLIENT"}' in text


@pytest.mark.parametrize(
    ("variables", "dotenv", "named"),
    [
        pytest.param({}, "", [], id="none"),
        pytest.param(
            {"ZOHO_ACCOUNT": "acme", "ZOHO_DATA_CENTER": "us"},
            "",
            ["ZOHO_DATA_CENTER: rules over zoho.yaml: it says the data_center of acme"],
            id="same-account",
        ),
        pytest.param(
            {"ZOHO_CLIENT_SECRET": "hunter2hunter2"},
            "",
            ["ZOHO_CLIENT_SECRET: describes another account, default: unset it, or set ZOHO_ACCOUNT=acme"],
            id="another-account",
        ),
        pytest.param(
            {"ZOHO_ACCOUNT": "acme"},
            "ZOHO_REFRESH_TOKEN=1000.old-token\n",
            [".env:1 ZOHO_REFRESH_TOKEN: rules over zoho.yaml: it says the refresh_token of acme"],
            id="dotenv",
        ),
    ],
)
def test_what_rules_over_the_file_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], dotenv: str, named: list[str]
) -> None:
    """Whoever looks for a mistake in the file would not find it."""
    places = Places(Path("zoho.yaml"), "acme")
    places.config_file.write_text(settings_file(account(), places))
    Path(".env").write_text(dotenv)
    assert run("check", **variables).status == 2
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    assert [str(problem) for problem in ruling(places)] == named
