"""deploy/systemd and its chapter of docs/install.md against the exporter's own settings."""

import re
import subprocess
from pathlib import Path

import pytest
from processes import bare_environment, exporter_command

from exporter.settings import Settings, load_settings, state_file

ROOT = Path(__file__).parents[2]
UNIT = (ROOT / "deploy" / "systemd" / "zoho-mass-update-exporter.service").read_text(encoding="utf-8")
ENVIRONMENT = (ROOT / "deploy" / "systemd" / "environment").read_text(encoding="utf-8")
VARIABLES = {
    "ZOHO_CLIENT_ID": "1000.ABC",
    "ZOHO_CLIENT_SECRET": "swordfish",
    "ZOHO_REFRESH_TOKEN": "swordfish",
    "ZOHO_DATA_CENTER": "eu",
}
INSTALL = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")


def test_the_secrets_reach_the_account(tmp_path: Path) -> None:
    """The unit's credentials, its environment file and the configuration of docs/install.md make one account."""
    for name in re.findall(r"^LoadCredential=(\w+):", UNIT, re.MULTILINE):
        (tmp_path / name).write_text(name)
    [text] = re.findall(r"^```yaml\n(.*?)^```$", INSTALL, re.MULTILINE | re.DOTALL)
    file = tmp_path / "zoho.yaml"
    file.write_text(text)
    assert "Environment=ZOHO_SECRETS_DIR=%d" in UNIT.splitlines()
    environment = dict(re.findall(r"^(\w+)=(.*)$", ENVIRONMENT, re.MULTILINE)) | {"ZOHO_SECRETS_DIR": str(tmp_path)}
    settings = load_settings(file, environ=environment, dotenv_file=None)
    [(alias, account)] = settings.accounts.items()
    credentials = account.credentials()
    assert (alias, credentials.client_secret, credentials.refresh_token) == (
        "zoho",
        "zoho_client_secret",
        "zoho_refresh_token",
    )


def test_the_check_of_the_chapter_reports_no_false_problem(tmp_path: Path) -> None:
    """The command that docs/install.md tells to run knows the unit's environment and secrets."""
    [command] = re.findall(r"^```sh\n([^`]* check [^`]*)^```$", INSTALL, re.MULTILINE)
    [text] = re.findall(r"^```yaml\n(.*?)^```$", INSTALL, re.MULTILINE | re.DOTALL)
    configuration = "/etc/zoho-mass-update-exporter"
    program = "/opt/zoho-mass-update-exporter/bin/zoho-mass-update-exporter"
    (tmp_path / "zoho.yaml").write_text(text)
    (tmp_path / "environment").write_text(ENVIRONMENT)
    for name in re.findall(r"^LoadCredential=(\w+):", UNIT, re.MULTILINE):
        (tmp_path / name).write_text(name)
    command = command.replace(program, " ".join(exporter_command())).replace(configuration, str(tmp_path))
    checked = subprocess.run(
        ["/bin/sh", "-c", command], env=bare_environment(), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout.splitlines()[:1]) == (0, ["The configuration is right."])
    assert "problem" not in checked.stderr


def test_the_state_is_in_the_state_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The unit's state directory is where docs/install.md says that the state is."""
    [name] = re.findall(r"^StateDirectory=(\S+)$", UNIT, re.MULTILINE)
    monkeypatch.setenv("STATE_DIRECTORY", f"/var/lib/{name}")
    assert state_file(None) == Path("/var/lib/zoho-mass-update-exporter/state.db")
    assert f"`/var/lib/{name}`" in INSTALL


def test_the_chapter_names_the_paths_of_the_unit() -> None:
    """Every file that the unit reads is put there by the chapter's commands."""
    paths = set(re.findall(r"/(?:etc|opt)/[\w/.-]+", UNIT))
    assert paths
    assert {path for path in paths if path not in INSTALL and Path(path).name != "zoho-mass-update-exporter"} == set()


def test_the_unit_checks_what_it_runs_with() -> None:
    """The check before a start reads what the exporter reads, and decides nothing: that is the exporter's."""
    commands = dict(re.findall(r"^(ExecStart\w*)=(.+)$", UNIT, re.MULTILINE))
    program, *flags = commands["ExecStart"].split()
    assert commands["ExecStartPre"] == " ".join((f"-{program}", "check", *flags))


def test_the_socket_listens_where_the_exporter_would() -> None:
    """At the default port, under the unit's own name, by the setting that its comment tells."""
    socket = (ROOT / "deploy" / "systemd" / "zoho-mass-update-exporter.socket").read_text(encoding="utf-8")
    [port] = re.findall(r"^ListenStream=(\d+)$", socket, re.MULTILINE)
    assert f":{port}" == str(Settings().web.listen_address)
    [setting] = re.findall(r"ZOHO_\w+=true", socket)
    name, _, value = setting.partition("=")
    settings = load_settings(None, environ={**VARIABLES, name: value}, dotenv_file=None, secrets_dir=Path("absent"))
    assert settings.web.systemd_socket
