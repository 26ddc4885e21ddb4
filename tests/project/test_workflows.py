"""The files of .github: what the workflows run in, and what dependabot watches."""

import re
from pathlib import Path

import pytest
import yaml
from workflows import ROOT, WORKFLOWS, load, script_steps

CI = ROOT / ".github" / "workflows" / "ci.yml"
CI_RUN = ROOT / ".ci" / "run"
# As dependabot reads a Dockerfile: variables are no image to it.
WATCHED = re.compile(r"^FROM (?:--platform=\S+ )?([a-z0-9./-]+:[\w.-]+)(?:@\S+)?(?: AS .*)?$", re.MULTILINE)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_failure_in_a_pipe_fails_the_step(path: Path) -> None:
    """A shell that is not named would run without pipefail; in a container it would not even be bash."""
    shells = {(name, step["run"]): shell for name, step, shell in script_steps(path)}
    assert shells
    assert set(shells.values()) == {"bash"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_script_is_the_same_whatever_the_run_is_about(path: Path) -> None:
    """What comes from outside reaches a script as a variable, and never as a part of its text."""
    assert [step["run"] for _, step, _ in script_steps(path) if "${{" in step["run"]] == []


def test_tests_run_in_debian_with_each_python() -> None:
    """Their programs are Debian's packages: on Ubuntu, chromium is none."""
    job = load(CI)["jobs"]["make"]
    assert job["container"]["image"] == "python:${{ matrix.python }}-bookworm"
    matrix = job["strategy"]["matrix"]
    assert matrix["verb"] == ["test"]
    assert matrix["python"] == ["3.11", "3.12", "3.13", "3.14"]


def test_workflow_runs_what_ci_runs() -> None:
    """Each step of .ci/run is a job, so that whoever runs it sees what the workflow sees."""
    jobs = load(CI)["jobs"]
    verbs = [*jobs["make"]["strategy"]["matrix"]["verb"], *jobs["containers"]["strategy"]["matrix"]["verb"]]
    verbs += [row["verb"] for row in jobs["make"]["strategy"]["matrix"]["include"]]
    verbs += [step["run"].removeprefix("make ") for step in jobs["lint-deploy"]["steps"] if "run" in step]
    wanted = re.findall(r"^(?:step|beside) make ([a-z-]+)$", CI_RUN.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(verbs) == sorted(wanted)


def test_each_tested_python_is_a_classifier() -> None:
    """PyPI shows what the workflow tries."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.findall(r"Python :: (3\.\d+)", text) == load(CI)["jobs"]["make"]["strategy"]["matrix"]["python"]


def test_dependabot_watches_all_that_is_pinned() -> None:
    """Actions, the base image and Python's packages; with a few days for others to find what is wrong with them."""
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text(encoding="utf-8"))["updates"]
    assert {update["package-ecosystem"]: update["directory"] for update in updates} == {
        "github-actions": "/",
        "docker": "/",
        "pip": "/",
    }
    assert {update["cooldown"]["default-days"] for update in updates} == {7}


def test_dependabot_can_read_the_base_image() -> None:
    """It reads a name in FROM, and no variable: one alone would leave the base unwatched, and without a digest."""
    images = WATCHED.findall((ROOT / "Dockerfile").read_text(encoding="utf-8"))
    assert [image.partition(":")[0] for image in images] == ["python"]
