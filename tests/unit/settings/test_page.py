"""docs/settings.md against the models: every setting and variable is on the page, and nothing else."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.settings import AccountSettings, Settings, load_settings, outline
from exporter.settings.sources.variables import ACCOUNT, JOBS, SECRETS_DIR, known_variables

PAGE = Path(__file__).parents[3] / "docs" / "settings.md"

_PREFIXES = {"accounts": "accounts.<alias>.", "jobs": "jobs[].", "": ""}
_ORDER = ("accounts", "jobs", "schedule", "state", "", "web", "log")


def rows() -> Iterator[str]:
    """Write the table of the page: name, what may be written, default, variable, meaning."""
    variables = {
        path[-1] if path[0] == "accounts" else ".".join(path): name for name, path in known_variables().items()
    }
    groups = outline()
    assert {*_ORDER} == groups.keys()
    for group in _ORDER:
        prefix = _PREFIXES.get(group, f"{group}.")
        for name, expected, default, meaning in groups[group].rows:
            key = f"{prefix}{name}".removeprefix("accounts.<alias>.")
            variable = f"`{JOBS}`" if key == "jobs" else f"`{variables[key]}`" if key in variables else ""
            shown = f"`{default}`" if default else ""
            yield f"| `{prefix}{name}` | {expected} | {shown} | {variable} | {meaning} |"


@pytest.fixture(scope="module")
def page() -> str:
    """Give the page's text."""
    return PAGE.read_text(encoding="utf-8")


def test_page_has_a_row_for_each_setting_and_no_other(page: str) -> None:
    """The table is exactly the models' own words."""
    assert [line for line in page.splitlines() if line.startswith("| `")] == list(rows())


def test_page_names_every_variable_and_no_other(page: str) -> None:
    """In the table or in the text."""
    assert set(re.findall(r"`(ZOHO_[A-Z0-9_]+)[`=]", page)) == {*known_variables(), ACCOUNT, JOBS, SECRETS_DIR}


def test_no_variable_stands_for_two_settings() -> None:
    """Variables of an account and those of all share one prefix."""
    assert not set(AccountSettings.model_fields) & set(Settings.model_fields)


def test_page_example_is_accepted(page: str, tmp_path: Path) -> None:
    """The file that people copy names no setting that does not exist; what they must replace is told."""
    example = page.split("```yaml\n")[1].split("```", maxsplit=1)[0]
    for name in ("client_secret", "refresh_token"):
        (tmp_path / name).write_text("1000.0123456789abcdef.0123456789abcdef" if name == "refresh_token" else "word")
        (tmp_path / name).chmod(0o600)
        example = example.replace(f"/run/secrets/zoho_{name}", str(tmp_path / name))
    (tmp_path / "zoho.yaml").write_text(example, encoding="utf-8")
    settings = load_settings(tmp_path / "zoho.yaml", environ={}, dotenv_file=None, secrets_dir=tmp_path / "absent")
    assert len(settings.job_specs) == 2
    assert [warning.message for warning in settings.warnings] == [
        "accounts.zoho.client_id: looks like a placeholder: put Zoho's own value in its place"
    ]
