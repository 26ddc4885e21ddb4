"""`check --live` as a person types it, with a terminal and without one, and as a script does."""

import json
import os
import pty
import subprocess
from collections.abc import Mapping
from pathlib import Path

from journey import account_variables
from processes import bare_environment, exporter_command

from exporter.simulator import Phase, SimulatedJob, Simulator

RUNNING = SimulatedJob("Leads", "3524033000006027001", 50, (Phase("RUNNING", None, updated=20),))
ANNOUNCED = "Asking Zoho takes up to {} and 1 access token, and as much again where Zoho refuses an access token.\n"


def typed(directory: Path, variables: Mapping[str, str], *flags: str) -> subprocess.CompletedProcess[str]:
    """Type the command, without a terminal."""
    return subprocess.run(
        exporter_command("check", "--live", *flags),
        env=bare_environment(**variables),
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_account_is_looked_at_before_it_is_served(simulator: Simulator, tmp_path: Path) -> None:
    """What it will take is said before, what is right or to be mended then, what it took at the end."""
    simulator.add_job(RUNNING)
    variables = account_variables(simulator) | {
        "XDG_STATE_HOME": str(tmp_path),
        "ZOHO_JOBS": "Leads/3524033000006027001",
        "PYTHONIOENCODING": "utf-8",
    }
    right = typed(tmp_path, variables)
    assert (right.returncode, right.stderr) == (0, ANNOUNCED.format("1 API credit"))
    assert right.stdout == (
        "The configuration is right.\n"
        "  acme: data centre custom, production, 1 job\n"
        "✓ acme token\n"
        "✓ acme/Leads scope\n"
        "✓ acme/Leads module\n"
        "✓ acme/Leads permission\n"
        "✓ acme/Leads/3524033000006027001 job: RUNNING, 20 of 50 records updated\n"
        "All is right. Spent: 1 API credit and 1 access token.\n"
    )

    wrong = typed(tmp_path, variables | {"ZOHO_JOBS": "Leads/77", "PYTHONIOENCODING": "ascii"})
    assert (wrong.returncode, wrong.stderr) == (1, ANNOUNCED.format("1 API credit"))
    assert "ok acme/Leads permission\nNO acme/Leads/77 job: Zoho answered NOT_FOUND" in wrong.stdout
    assert wrong.stdout.endswith("1 of 5 is not right. Spent: 1 API credit and 0 access tokens.\n")

    for_script = typed(tmp_path, variables | {"ZOHO_JOBS": "Leads/77,Deals/78"}, "--format=json")
    told = json.loads(for_script.stdout)
    assert (for_script.returncode, told["is_right"], told["problems"]) == (1, False, [])
    assert told["spent"] == {"credits": 2, "tokens": 0}
    assert [check["job_id"] for check in told["live"] if check["result"] == "wrong"] == ["78", "77"]

    shown = in_terminal(tmp_path, variables)
    assert "\x1b[32m✓\x1b[0m acme token" in shown
    assert "\x1b[" not in in_terminal(tmp_path, variables | {"NO_COLOR": "1"})
    assert simulator.stats().tokens_minted == 1


def in_terminal(directory: Path, variables: Mapping[str, str]) -> str:
    """Type the command in a terminal, and give what it shows."""
    ours, theirs = pty.openpty()
    environment = bare_environment(**variables, TERM="xterm")
    command = exporter_command("check", "--live")
    with subprocess.Popen(command, env=environment, cwd=directory, stdin=theirs, stdout=theirs, stderr=theirs) as shown:
        os.close(theirs)
        text = b""
        try:
            while data := os.read(ours, 4096):
                text += data
        except OSError:  # the other end is closed
            os.close(ours)
        assert shown.wait() == 0
    return text.decode()
