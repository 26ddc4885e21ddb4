"""The README against the code: its commands, flags and blocks are those that work."""

import re
import subprocess
from argparse import ArgumentParser
from pathlib import Path

import pytest
import requests
import yaml
from processes import bare_environment, eventually, started
from programs import Program

from exporter.cli.command import Command
from exporter.cli.commands import COMMANDS
from exporter.settings import load_settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Give the README's code blocks in a language."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", README, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) for indent, text in found]


def flags() -> set[str]:
    """Give every flag of every command, but `--help`."""
    found = set()
    for command in COMMANDS:
        parser = ArgumentParser(add_help=False)
        command.add_flags(parser)
        found |= set(re.findall(r"--[a-z.-]+", parser.format_usage()))
    return found


def test_every_command_is_in_the_table() -> None:
    """The table of commands says what `--help` says."""
    rows = dict(re.findall(r"^\| `([a-z]+)` \| (.*) \|$", README, re.MULTILINE))
    assert rows == {command.name: command.summary for command in COMMANDS}


def test_every_flag_is_named_and_every_named_flag_exists() -> None:
    """The README knows all flags that settings and files have, and invents none; docs/commands.md has the others."""
    assert set(re.findall(r"--[a-z]+(?:\.[a-z-]+)+", README)) == {flag for flag in flags() if "." in flag}


@pytest.mark.parametrize(
    "command", [command for command in COMMANDS if f"## `{command.name}`" in PAGE], ids=lambda c: c.name
)
def test_a_commands_section_names_each_of_its_flags(command: Command) -> None:
    """Whoever reads the section need not ask for help."""
    [section] = re.findall(rf"^## `{command.name}`\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert [flag for flag in command.flag_names if f"`{flag}" not in section] == []


def test_the_configuration_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The README's own configuration file loads in the directory in which its secrets have been made."""
    [text] = [block for block in blocks("yaml") if block.startswith("# zoho.yaml")]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secrets").mkdir()
    for name in ("zoho_client_secret", "zoho_refresh_token", "zoho_api_token"):
        (tmp_path / "secrets" / name).write_text("secret-of-the-test")
    file = tmp_path / "zoho.yaml"
    file.write_text(text)
    settings = load_settings(file, environ={}, dotenv_file=None, secrets_dir=tmp_path / "none")
    assert [str(spec.key) for spec in settings.job_specs] == ["zoho/Leads/3524033000006027001"]


def test_prometheus_accepts_the_scrape_configuration(tmp_path: Path, program: Program) -> None:
    """The real promtool has no remark on the scrape configuration."""
    [text] = [block for block in blocks("yaml") if block.startswith("scrape_configs")]
    file = tmp_path / "prometheus.yml"
    file.write_text(text)
    assert yaml.safe_load(text)["scrape_configs"][0]["job_name"] == "zoho-mass-updates"
    check = subprocess.run([program("promtool"), "check", "config", file], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stderr


def test_queries_name_families_that_exist() -> None:
    """Every metric that a query of the README names is in docs/metrics.md."""
    documented = set(re.findall(r"`(zoho_\w+)`", (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")))
    [queries] = blocks("promql")
    named = set(re.findall(r"zoho_\w+", queries))
    assert named
    assert named <= documented


def test_links_lead_somewhere() -> None:
    """Every file that the README links to is there."""
    targets = [target for target in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in target]
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_shell_blocks_work_as_written(tmp_path: Path, program: Program) -> None:
    """`make demo` serves, the README's curl shows counts, and Ctrl-C ends it without a traceback."""
    make_demo, curl, make_test = blocks("sh")
    program("curl")
    assert (make_demo, make_test) == ("make demo\n", "make test\n")
    environment = bare_environment()
    if is_taken("http://127.0.0.1:10042"):
        pytest.fail("port 10042 is taken: stop the exporter that listens there")
    with started([program("make"), "--no-print-directory", "-C", str(ROOT), "demo"], environment, tmp_path) as demo:
        eventually(lambda: "The demo is running" in "".join(demo.stdout), "the demo does not start")
        shown = subprocess.run(
            [program("bash"), "-c", curl], env=environment, capture_output=True, text=True, check=True
        )
        demo.interrupt()
    assert 'zoho_mass_update_job_updated_records{account="demo"' in shown.stdout
    assert "event=stopping" in "".join(demo.stderr)
    assert "Traceback" not in "".join(demo.stderr)
    assert "***" not in "".join(demo.stderr)  # make's own complaint


def is_taken(url: str) -> bool:
    """Whether something answers there."""
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False
