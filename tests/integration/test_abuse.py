"""Abuse of every kind we could think of, by the script that also measures it: scrapes are answered all the while."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from processes import unmeasured_environment

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "abuse.py"


@pytest.mark.parametrize(
    ("attack", "clients"),
    [
        pytest.param("silent", "1000", id="connections that say nothing"),
        pytest.param("silent-tls", "1000", id="connections that never begin TLS"),
        pytest.param("handshakes", "50", id="handshakes and nothing after them"),
        pytest.param("slow-heads", "1000", id="heads that come byte by byte"),
        pytest.param("slow-bodies", "1000", id="bodies that come byte by byte"),
        pytest.param("unread-answers", "100", id="pages that are not read"),
        pytest.param("large-heads", "100", id="heads of a mebibyte"),
        pytest.param("large-bodies", "20", id="bodies of 64 mebibytes"),
        pytest.param("odd-paths", "50", id="paths that lead nowhere"),
        pytest.param("passwords", "100", id="passwords that are guessed"),
    ],
)
def test_scrapes_are_answered_all_the_while(attack: str, clients: str, tmp_path: Path) -> None:
    """Every page comes whole, and memory and files stay within bounds however many come."""
    command = [sys.executable, str(SCRIPT), f"--attack={attack}", f"--clients={clients}", "--seconds=3"]
    ended = subprocess.run(
        command, env=unmeasured_environment(), cwd=tmp_path, capture_output=True, text=True, timeout=110, check=False
    )
    assert ended.returncode == 0, ended.stderr
    figures = {name: float(value) for name, value in re.findall(r"(\w+)=([\d.]+)", ended.stdout)}
    assert figures["scrapes"] > 0
    assert figures["failed"] == 0, ended.stderr
    assert figures["memory_mib"] < 300
    assert figures["files"] < 700
