"""docs/commands.md against the commands: each has a section with its flags."""

import re
from pathlib import Path

import pytest

from exporter.cli.command import Command
from exporter.cli.commands import COMMANDS

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
SECTIONS = dict(
    re.findall(r"^## `(\w+)`\n(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
)
SERVING = {"run", "demo", "simulate"}
"""Their flags are in the README."""


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.name not in SERVING], ids=lambda each: each.name)
def test_section_has_the_flags_of_its_command(command: Command) -> None:
    """A row for every flag, and for no other, an example, and the exit status."""
    section = SECTIONS[command.name]
    rows = " ".join(re.findall(r"^\| (`--[^|]*) \|", section, re.MULTILINE))
    assert set(re.findall(r"`(--[a-z.-]+)`", rows)) == set(command.flag_names)
    assert f"zoho-mass-update-exporter {command.name}" in section
    assert "Exit status: 0" in section


def test_page_has_no_section_of_a_command_that_does_not_exist() -> None:
    """What was taken away is not documented."""
    assert SECTIONS.keys() <= {command.name for command in COMMANDS}
