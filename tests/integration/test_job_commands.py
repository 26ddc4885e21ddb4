"""The commands about jobs as a person types them, in a terminal and without one, and what a script learns from them."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from journey import Exporter, every
from processes import PATIENCE_SECONDS, bare_environment, eventually, exporter_command, started
from terminals import terminal

from exporter.simulator import Simulator

LEADS, DEALS = "3524033000006027001", "3524033000006027002"
ERASED, CURSOR_SHOWN = "\x1b[2K", "\x1b[?25h"


@pytest.fixture
def environment(simulator: Simulator, start_exporter: Callable[..., Exporter], tmp_path: Path) -> dict[str, str]:
    """Give the environment of somebody who may use the API of an exporter that watches one job."""
    simulator.set_status("Leads", LEADS, "RUNNING", updated=30, total=50)
    simulator.set_status("Deals", DEALS, "RUNNING", updated=10, total=50)
    token = tmp_path / "token"
    token.write_text("swordfish")
    exporter = start_exporter(jobs=f"Leads/{LEADS}", web__api_token_file=str(token), **every("1s"))
    return bare_environment(ZOHO_EXPORTER_URL=exporter.url, ZOHO_EXPORTER_TOKEN_FILE=str(token))


def test_job_is_tracked_and_followed_to_its_end(
    simulator: Simulator, environment: dict[str, str], tmp_path: Path
) -> None:
    """The bar moves as the schedule has it, and the exit status says that records were left out."""
    track = subprocess.run(
        exporter_command("track", f"Deals/{DEALS}", "--name=Close stale deals"),
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    _, _, command = track.stdout.strip().partition(" To follow it: zoho-mass-update-exporter ")
    with terminal(exporter_command(*command.split()), environment, tmp_path) as shown:
        shown.shows("10 updated, 0 failed, 40 not updated")
        simulator.set_status("Deals", DEALS, "RUNNING", updated=30, total=50)
        shown.shows("30 updated, 0 failed, 20 not updated")
        simulator.set_status("Deals", DEALS, "COMPLETED", updated=48, failed=2, total=50)
        assert shown.end() == 4
        shown.shows("this is final")
    assert "Close stale deals" in shown.screen
    assert "━━━" in shown.screen
    assert ERASED in shown.screen
    assert CURSOR_SHOWN in shown.screen


def test_watching_ends_before_the_job_and_says_how_to_go_on(
    simulator: Simulator, environment: dict[str, str], tmp_path: Path
) -> None:
    """By Ctrl-C, in a terminal and without one, it leaves neither a traceback nor a hidden cursor; or time is out."""
    words = ("status", f"acme/Leads/{LEADS}", "--watch")
    go_on = f"zoho-mass-update-exporter status acme/Leads/{LEADS} --watch"
    with terminal(exporter_command(*words), {**environment, "NO_COLOR": "1"}, tmp_path) as shown:
        shown.shows("30 updated")
        shown.type("\x03")
        assert shown.end() == 130
        shown.shows(f"To go on:\r\n  {go_on}\r\n")
    assert shown.screen.rindex(CURSOR_SHOWN) > shown.screen.rindex("30 updated")
    assert "\x1b[36m" not in shown.screen
    with started(exporter_command(*words), environment, tmp_path) as plain:
        eventually(lambda: any("30 updated" in text for text in plain.stdout), "nothing is told")
        simulator.set_status("Leads", LEADS, "RUNNING", updated=40, total=50)
        eventually(lambda: any("40 updated" in text for text in plain.stdout), "the change is not told")
        assert plain.interrupt() == 130
    assert [" Running" in text and text.startswith("20") for text in plain.stdout] == [True, True]
    assert "\x1b" not in "".join(plain.stdout)
    assert f"To go on: {go_on}\n" in "".join(plain.stderr)
    assert "Traceback" not in shown.screen + "".join(plain.stderr)
    late = subprocess.run(
        exporter_command(*words, "--timeout=1s", "--json"), env=environment, capture_output=True, text=True, check=False
    )
    assert (late.returncode, len(late.stdout.splitlines())) == (7, 1)
    assert late.stderr.splitlines()[-1] == f"It has not ended after 1s. To go on: {go_on} --timeout=1s --json"


def test_board_shows_all_jobs_as_they_change(simulator: Simulator, environment: dict[str, str], tmp_path: Path) -> None:
    """It asks the exporter alone: only a scrape, or a status, polls."""
    with terminal(exporter_command("jobs", "--watch"), environment, tmp_path) as board:
        board.shows("Not polled yet")
        assert simulator.stats().crm_calls == 0
        simulator.set_status("Leads", LEADS, "FAILED", updated=30, failed=20, total=50)
        look = exporter_command("status", f"Leads/{LEADS}")
        assert subprocess.run(look, env=environment, capture_output=True, check=False).returncode == 3
        board.shows("need attention: 1 failed")
        ack = exporter_command("ack", f"Leads/{LEADS}")
        assert subprocess.run(ack, env=environment, capture_output=True, check=False).returncode == 0
        board.shows("Failed\x1b[0m, acknowledged")
        board.type("\x03")
        assert board.end() == 130
    assert board.screen.rindex(CURSOR_SHOWN) > board.screen.rindex("acknowledged")
    assert "Traceback" not in board.screen


@pytest.mark.parametrize(
    "words",
    [
        ("status", f"Leads/{LEADS}", "--watch"),
        ("status", f"Leads/{LEADS}", "--watch", "--json"),
        ("jobs", "--watch"),
    ],
    ids=" ".join,
)
def test_watching_ends_when_its_reader_has_gone(environment: dict[str, str], words: tuple[str, ...]) -> None:
    """At once, with nothing more to write, without a word, and with the status that a shell gives other programs."""
    watching = subprocess.Popen(
        exporter_command(*words), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert watching.stdout
    assert LEADS in watching.stdout.readline()
    watching.stdout.close()
    try:
        _, said = watching.communicate(timeout=PATIENCE_SECONDS)
    finally:
        watching.kill()
        watching.wait()
    assert watching.returncode == 141
    assert [line for line in said.splitlines() if "answers." not in line] == []
