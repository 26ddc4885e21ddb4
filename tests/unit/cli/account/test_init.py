"""A settings file to begin with: complete, refused while it asks for something, and then right."""

import os
import re
import stat
from argparse import Namespace
from pathlib import Path

import pytest
import yaml

from exporter.cli import main
from exporter.cli.account.init import commented_settings, execute
from exporter.errors import ExporterError
from exporter.settings import Settings, load_settings, outline

FILLED_IN = {
    "<data-centre>": "eu",
    "<client-id>": "1000.ABCDEF",
    "<module>": "Leads",
    "<job-id>": "3524033000006027001",
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty directory to work in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def filled_in(text: str, folder: Path) -> str:
    """Do what the file asks for."""
    (folder / "secrets").mkdir()
    for name, secret in (
        ("zoho_client_secret", "hunter2hunter2"),
        ("zoho_refresh_token", "1000.0123456789abcdef.0123456789abcdef"),
    ):
        (folder / "secrets" / name).write_text(secret)
        (folder / "secrets" / name).chmod(0o600)
    for placeholder, value in FILLED_IN.items():
        text = text.replace(placeholder, value)
    return text


def test_file_is_refused_until_it_is_filled_in(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each thing that it asks for is a line of `check`; then it is right, without a warning."""
    assert main(["init"]) == 0
    assert capsys.readouterr().out == (
        "zoho.yaml is written: fill in what stands in < >, and put the secrets into the files that it names. Where "
        "there is no\nrefresh token yet, this has one made, and says what belongs into the file:\n"
        "  zoho-mass-update-exporter login --account=zoho --config.file=zoho.yaml\n"
        "Then:\n"
        "  zoho-mass-update-exporter check --config.file=zoho.yaml\n"
    )
    assert main(["check", "--config.file=zoho.yaml"]) == 2
    _, *problems = capsys.readouterr().err.splitlines()
    assert [re.sub(r"^  zoho.yaml:\d+: ", "", problem) for problem in problems] == [
        'accounts.zoho.data_center: "<data-centre>" is not one of us, eu, in, au, cn, jp, ca, sa, uk, ae',
        "accounts.zoho.client_id: is a placeholder: put Zoho's own value in its place",
        'accounts.zoho.client_secret_file: "secrets/zoho_client_secret" does not exist',
        'accounts.zoho.refresh_token_file: "secrets/zoho_refresh_token" does not exist',
        'jobs[0].module: "<module>" is not a module\'s API name: a letter, then letters, digits or _, such as Leads',
        'jobs[0].job_id: "<job-id>" is not a job id: digits only, exactly as Zoho gave them',
    ]
    file = here / "zoho.yaml"
    file.write_text(filled_in(file.read_text(), here))
    assert main(["check", "--config.file=zoho.yaml"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert told.out == "The configuration is right.\n  zoho: data centre eu, production, 1 job\n"


def test_what_stands_in_comments_is_the_default(here: Path) -> None:
    """With every default uncommented the settings are the same."""
    text = filled_in(commented_settings(here / "zoho.yaml"), here)
    (here / "plain.yaml").write_text(text)
    (here / "all.yaml").write_text(re.sub(r"^( *)# (\w+: \S+)$", r"\1\2", text, flags=re.MULTILINE))
    plain, everything = (
        load_settings(here / name, environ={}, dotenv_file=None, secrets_dir=here / "none")
        for name in ("plain.yaml", "all.yaml")
    )
    assert everything == plain
    assert plain.model_copy(update={"accounts": {}, "jobs": ()}) == Settings()


def test_every_setting_is_in_the_file(here: Path) -> None:
    """Each in its group, asked for or as a comment, and no other."""
    text = commented_settings(here / "zoho.yaml")
    uncommented = re.sub(r"^( *)# ([a-z_]+:)( .*)?$", r"\1\2\3", text, flags=re.MULTILINE)
    written = yaml.safe_load(uncommented.replace("<", '"').replace(">", '"'))
    groups = {group: [row.name for row in found.rows] for group, found in outline().items()}
    assert sorted(written["accounts"]["zoho"]) == sorted(groups.pop("accounts"))
    assert sorted(written["jobs"][0]) == sorted(groups.pop("jobs"))
    assert sorted(written) == sorted({*groups.pop(""), *groups})
    assert {group: sorted(written[group]) for group in groups} == {
        group: sorted(names) for group, names in groups.items()
    }


def test_lines_are_not_too_long_for_a_terminal() -> None:
    """What is not an address is wrapped."""
    lines = commented_settings(Path("zoho.yaml")).splitlines()
    assert [line for line in lines if len(line) > 120 and "https://" not in line] == []


@pytest.mark.parametrize(
    ("file", "is_forced", "told"),
    [
        pytest.param(
            None, None, "zoho.yaml is there: name another by --config.file, or write over it by --force", id="there"
        ),
        pytest.param("no/zoho.yaml", None, "no/zoho.yaml: its directory does not exist", id="no directory"),
        pytest.param(".", "true", ". can't be written: Is a directory", id="directory"),
        pytest.param("pipe", "true", "pipe can't be written: it is a pipe, not a regular file", id="pipe"),
    ],
)
def test_nothing_is_overwritten_by_mistake(here: Path, file: str | None, is_forced: str | None, told: str) -> None:
    """What is there stays, and the way out is said."""
    (here / "zoho.yaml").write_text("mine")
    os.mkfifo("pipe")
    with pytest.raises(ExporterError, match=re.escape(told)):
        execute(Namespace(config_file=file, force=is_forced))
    assert (here / "zoho.yaml").read_text() == "mine"
    assert (here / "pipe").is_fifo()


def test_name_of_the_file_moves_no_cursor(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever stands in it."""
    assert main(["init", "--config.file=a\x1b[2J.yaml"]) == 0
    assert capsys.readouterr().out.startswith("a\\x1b[2J.yaml is written: ")
    assert "\x1b" not in (here / "a\x1b[2J.yaml").read_text()


def test_file_is_overwritten_on_purpose(here: Path) -> None:
    """Or written elsewhere."""
    (here / "zoho.yaml").write_text("mine")
    (here / "zoho.yaml").chmod(0o600)
    assert main(["init", "--force"]) == 0
    assert stat.S_IMODE((here / "zoho.yaml").stat().st_mode) == 0o600
    assert main(["init", "--config.file=other.yaml"]) == 0
    written, other = ((here / name).read_text() for name in ("zoho.yaml", "other.yaml"))
    assert written == other.replace("other.yaml", "zoho.yaml")
