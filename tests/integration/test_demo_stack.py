"""The rehearsal that people watch: it starts, tells of alerts, and leaves nothing behind."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from processes import Running, bare_environment, eventually, started
from programs import Program

SCRIPT = Path(__file__).parents[2] / "scripts" / "demo_stack.py"


@pytest.fixture
def rehearsal(program: Program, tmp_path: Path) -> Iterator[Running]:
    """Start a rehearsal on free ports, its files in a directory of the test's."""
    program("prometheus")
    program("prometheus-alertmanager")
    command = [sys.executable, str(SCRIPT), "--free-ports"]
    with started(command, bare_environment(TMPDIR=str(tmp_path)), tmp_path) as running:
        yield running


def printed(running: Running, pattern: str) -> str:
    """Wait until a line is printed, and give what its one group holds."""

    def look() -> str | None:
        if running.process.poll() is not None:
            pytest.fail("the rehearsal ended: " + "".join(running.stderr))
        found = re.search(pattern, "".join(tuple(running.stdout)), re.MULTILINE)
        return found[1] if found else None

    return eventually(look, f"nothing printed matches {pattern}")


def answers(url: str) -> bool:
    """Whether somebody serves a page."""
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False


def test_rehearsal_tells_of_alerts_and_ends_cleanly(rehearsal: Running, tmp_path: Path) -> None:
    """All three servers answer, a message is shown as its receiver gets it, and Ctrl-C ends all of them."""
    pages = [printed(rehearsal, pattern) for pattern in (r"exporter sees them +(\S+)$", r"pending and firing +(\S+)$")]
    alertmanager = printed(rehearsal, r"--alertmanager\.url=(\S+) alert query --active$")
    urls = [*pages, f"{alertmanager}/-/ready"]
    assert all(answers(url) for url in urls)
    assert printed(rehearsal, r"^--- to operators: 1 firing: (\w+) \(account demo\)") in {
        "ZohoMassUpdateAccessRefused",
        "ZohoMassUpdateJobUnknown",
    }
    assert rehearsal.interrupt() == 0
    assert [url for url in urls if answers(url)] == []
    assert list(tmp_path.iterdir()) == []
    assert rehearsal.stderr == []
