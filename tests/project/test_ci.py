""".ci/run and scripts/test, with what they start replaced by a program that writes its call down."""

import shutil
import subprocess
from pathlib import Path

import pytest
from workflows import ROOT

RECORDER = """#!/bin/bash
printf 'begin %s\\n' "$*" >>"$LOG"
[[ $FAIL && $* == *"$FAIL"* ]] && status=3
printf 'end %s\\n' "$*" >>"$LOG"
echo "words of $*"
exit "${status:-0}"
"""


def _run(work: Path, script: str, *programs: str, fail: str = "") -> tuple[int, str, list[str]]:
    """Give the status and the words of a script in a checkout of its own, and the calls it made."""
    for name in (*programs, script):
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(RECORDER)
        (work / name).chmod(0o755)
    shutil.copy(ROOT / script, work / script)
    done = subprocess.run(
        [work / script],
        env={"PATH": f"{work}/bin:/usr/bin:/bin", "LOG": str(work / "log"), "FAIL": fail},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr, (work / "log").read_text().splitlines()


def test_every_test_is_in_one_part(tmp_path: Path) -> None:
    """What one part leaves out another has, and the tests that look at the clock come last, alone."""
    status, _, calls = _run(tmp_path, "scripts/test", ".venv/bin/coverage")
    assert status == 0
    parts = [call.partition("-m pytest ")[2].split() for call in calls if call.startswith("begin")]
    named = [word for part in parts for word in part if not word.startswith("--")]
    left_out = [word.removeprefix("--ignore=") for part in parts for word in part if word.startswith("--")]
    assert set(named) == {*left_out, "tests"}
    assert len(named) == len(set(named))
    assert calls[-2].startswith("begin")
    assert parts[-1][0] == "tests"


@pytest.mark.parametrize("fail", ["pytest tests/unit/state", "pytest tests/deploy", "pytest tests --ignore"])
def test_part_that_fails_fails_the_whole(tmp_path: Path, fail: str) -> None:
    """The others run all the same, and everybody's words are shown."""
    status, words, calls = _run(tmp_path, "scripts/test", ".venv/bin/coverage", fail=fail)
    assert status == 1
    assert len(calls) == 14
    assert words.count("words of") == 7


def test_ci_names_all_that_failed(tmp_path: Path) -> None:
    """A step that ran beside another counts like the others; all run, and tell what they said."""
    status, words, calls = _run(tmp_path, ".ci/run", "bin/make", "scripts/install-programs", fail="-")
    assert status == 1
    assert words.endswith(
        "Failed: [make .venv/.dev-installed] [make lint-deploy] [make test-wheel]"
        " [make systemd-test] [make image-test]\n"
    )
    assert len(calls) == 16
    assert words.count("words of") == 8


def test_ci_lets_nothing_run_beside_the_tests(tmp_path: Path) -> None:
    """Some of them look at the clock."""
    status, words, calls = _run(tmp_path, ".ci/run", "bin/make", "scripts/install-programs")
    assert (status, words.endswith("\nAll steps passed.\n")) == (0, True)
    assert calls[calls.index("begin test") + 1] == "end test"
    assert {"end lint", "end lint-deploy"} <= set(calls[: calls.index("begin test")])
