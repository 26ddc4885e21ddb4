"""What is said of a command line that can't be carried out."""

from pathlib import Path

import pytest

from exporter.cli import main

TOKEN = "1000.0a1b2c3d4e5f60718293a4b5c6d7e8f9.0a1b2c3d4e5f60718293a4b5c6d7e8f9"
SECRET = "5e7d2c1b90a84f63b1d0c9e8f7a6b5c4d3e2f1a0b9"
LEFT_OUT = "What is left out above looks like a token or a secret: that belongs into a file, which a flag names.\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param((TOKEN,), 'unknown command "1000.…"; ', id="command"),
        pytest.param(("status", "1000.0a1b2c3d.x"), "  1000.…: expected ACCOUNT/MODULE/JOB_ID", id="half a token"),
        pytest.param(("login", SECRET), 'unknown word "…"; ', id="word"),
        pytest.param(("logout", f"--config.file={TOKEN}"), "  1000.…: does not exist in ", id="settings file"),
        pytest.param(
            ("login", "--device", f"--client-secret-file={SECRET}", "--client-id=1000.A"),
            '  --client-secret-file: "…" does not exist\n',
            id="secret file",
        ),
        pytest.param(("login", f"--for={TOKEN}"), "invalid choice: '1000.…'", id="choice"),
    ],
)
def test_a_secret_in_the_wrong_place_is_not_repeated(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: tuple[str, ...],
    told: str,
) -> None:
    """Whoever gives a secret in place of a file's name is told where it belongs."""
    monkeypatch.chdir(tmp_path)
    assert told in (complaint := _complaint(capsys, *arguments))
    assert complaint.endswith(LEFT_OUT)
    assert TOKEN not in complaint
    assert SECRET not in complaint


@pytest.mark.parametrize("file", ["3524033000006027001.yaml", f"/srv/{SECRET}/zoho.yaml", "1000.CLIENT0123456789"])
def test_a_name_of_a_file_is_told(capsys: pytest.CaptureFixture[str], file: str) -> None:
    """Also one that has a long number in it, or stands below one."""
    complaint = _complaint(capsys, "check", f"--config.file={file}")
    assert f"  {file}: does not exist" in complaint
    assert LEFT_OUT not in complaint


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(("schedule", "Leads", "--set=Lead_Status=\udcff"), "--set: is not UTF-8 text", id="value"),
        pytest.param(("track", "Leads/1", "--name=\udcff"), "--name: is not UTF-8 text", id="name"),
        pytest.param(("untrack", "Leads/1", "\udcff/Leads/2"), "JOB: is not UTF-8 text", id="word"),
    ],
)
def test_a_word_that_is_no_text_is_sent_to_nobody(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], told: str
) -> None:
    """As Zoho, or an exporter, would be sent something else than was typed."""
    assert told in _complaint(capsys, *arguments)


def _complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Type a command that is refused, and give what is said."""
    try:
        status: object = main(arguments)
    except SystemExit as end:
        status = end.code
    assert status == 2
    return capsys.readouterr().err
