"""Rules in fast time."""

import subprocess
from pathlib import Path

import pytest
from programs import Program
from rehearsal import accelerated, write_files


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("rate(x[10m])", "rate(x[10000ms])", id="range"),
        pytest.param("x offset 7h > 1", "x offset 420000ms > 1", id="offset"),
        pytest.param("for: 15m", "for: 15000ms", id="for"),
        pytest.param("keep_firing_for: 30s", "keep_firing_for: 500ms", id="keep-firing-for"),
        pytest.param("repeat_interval: 1d", "repeat_interval: 1440000ms", id="interval"),
        pytest.param("time() - x > 24 * 3600", "time() - x > 24 * 3600 / 60", id="seconds"),
        pytest.param("x < 0.5 and y > 5", "x < 0.5 and y > 5", id="no-durations"),
        pytest.param("suspended for more than 15 minutes", "suspended for more than 15 minutes", id="text"),
        pytest.param("group_wait: 10ms", "group_wait: 1ms", id="never-nothing"),
    ],
)
def test_durations_are_divided(text: str, expected: str) -> None:
    """Every duration shrinks by the factor, nothing else changes."""
    assert accelerated(text, 60) == expected


def test_written_files_are_accepted(program: Program, tmp_path: Path) -> None:
    """Prometheus and Alertmanager load what a rehearsal writes."""
    write_files(
        tmp_path,
        factor=60,
        interval="1s",
        exporter="127.0.0.1:10042",
        alertmanager="127.0.0.1:10093",
        messages_url="http://127.0.0.1:10094",
    )
    for check in (
        [program("promtool"), "check", "config", str(tmp_path / "prometheus.yml")],
        [program("amtool"), "check-config", str(tmp_path / "alertmanager.yml")],
    ):
        assert subprocess.run(check, capture_output=True, check=False).returncode == 0
