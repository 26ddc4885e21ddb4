"""The workflows of .github, run here: script steps for real, and of actions what they leave for the others."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))

Fields = dict[str, Any]
"""A mapping of a workflow's file: a job, a step, inputs, variables."""

DIGEST = "sha256:" + "1" * 64
"""What the registry knows the image by."""


def load(path: Path) -> Fields:
    """Read a workflow."""
    loaded: Fields = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


def script_steps(path: Path) -> Iterator[tuple[str, Fields, str | None]]:
    """Give the script steps of a workflow: the job's name, the step, the shell that is named for it."""
    workflow = load(path)
    for name, job in workflow["jobs"].items():
        shell = _shell(job) or _shell(workflow)
        yield from ((name, step, step.get("shell", shell)) for step in job.get("steps", []) if "run" in step)


def _shell(fields: Fields) -> str | None:
    shell: str | None = fields.get("defaults", {}).get("run", {}).get("shell")
    return shell


class WorkflowRun:
    """One run of a workflow, from a checkout of its own for each job, against what stands in for the programs outside.

    `log` has a line for each call of such a program, and one for each action with what it was given, in their order.
    """

    def __init__(self, workflow: Fields, work: Path, checkout: Path, *, path: str, contexts: dict[str, str]) -> None:
        self._jobs: dict[str, Fields] = workflow["jobs"]
        self._workflow = workflow
        self._work = work
        self._checkout = checkout
        self._path = path
        self._contexts = contexts
        self._log = work / "log"
        self._log.touch()
        self.words = ""
        """What the script steps printed."""

    @property
    def log(self) -> list[str]:
        """The calls and actions so far."""
        return self._log.read_text(encoding="utf-8").splitlines()

    def start(self) -> str | None:
        """Run each job after those it needs, up to the first that fails; give that one's name."""
        done: set[str] = set()
        while waiting := [name for name in self._jobs if name not in done]:
            name = next(name for name in waiting if done >= set(self._needs(name)))
            if not self.run_job(name):
                return name
            done.add(name)
        return None

    def run_job(self, name: str) -> bool:
        """Run one job in a fresh checkout; say whether it went well."""
        job = self._jobs[name]
        directory = self._work / f"{name}-{len(list(self._work.glob(f'{name}-*')))}"
        directory.mkdir()
        variables = self._resolved(self._workflow.get("env", {})) | self._resolved(job.get("env", {}))
        for step in job.get("steps", []):
            if not self._run_step(name, step, directory, variables):
                return False
        for output, value in job.get("outputs", {}).items():
            self._contexts[f"needs.{name}.outputs.{output}"] = self._resolve(value)
        return True

    def _needs(self, name: str) -> list[str]:
        needs = self._jobs[name].get("needs", [])
        return [needs] if isinstance(needs, str) else needs

    def _run_step(self, job: str, step: Fields, directory: Path, variables: dict[str, str]) -> bool:
        given = {f"env.{name}": value for name, value in variables.items()}
        own = self._resolved(step.get("env", {}), given)
        if "run" in step:
            return self._run_script(step, directory, variables | own)
        inputs = self._resolved(step.get("with", {}), given)
        self._act(job, step, inputs, directory)
        return True

    def _run_script(self, step: Fields, directory: Path, variables: dict[str, str]) -> bool:
        outputs = self._work / "outputs"
        outputs.write_text("", encoding="utf-8")
        shell = "--noprofile --norc -eo pipefail" if _shell(self._workflow) == "bash" else "-e"
        done = subprocess.run(
            ["/bin/bash", *shell.split(), "-c", step["run"]],
            cwd=directory,
            env={**self._runner(), **variables, "GITHUB_OUTPUT": str(outputs)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.words += done.stdout
        self._keep_outputs(step, dict(re.findall(r"^(\w+)=(.*)$", outputs.read_text(encoding="utf-8"), re.MULTILINE)))
        return done.returncode == 0

    def _runner(self) -> dict[str, str]:
        return {
            "PATH": self._path,
            "HOME": str(self._work),
            "LOG": str(self._log),
            "GITHUB_REF_NAME": self._contexts["github.ref_name"],
            "GITHUB_REPOSITORY": "acme/exporter",
        }

    def _act(self, job: str, step: Fields, inputs: dict[str, str], directory: Path) -> None:
        """Do what an action does to the files and outputs, as far as the other steps see it."""
        action = step["uses"].partition("@")[0]
        match action:
            case "actions/checkout":
                shutil.copytree(self._checkout, directory, symlinks=True, dirs_exist_ok=True)
            case "actions/upload-artifact":
                shutil.copytree(directory / inputs["path"], self._artifacts / inputs["name"], dirs_exist_ok=True)
            case "actions/download-artifact":
                for artifact in self._artifacts.glob(inputs.get("name", "*")):
                    shutil.copytree(artifact, directory / inputs["path"], dirs_exist_ok=True)
            case "docker/build-push-action":
                self._keep_outputs(step, {"digest": DIGEST})
                self._leave_build_record(step)
        words = [action, *(f"{name}={' '.join(value.split())}" for name, value in inputs.items())]
        with self._log.open("a", encoding="utf-8") as log:
            log.write(f"{job}: {' '.join(words)}\n")

    def _leave_build_record(self, step: Fields) -> None:
        if step.get("env", {}).get("DOCKER_BUILD_RECORD_UPLOAD") != "false":
            record = self._artifacts / "acme~exporter~ABCDEF.dockerbuild"
            record.mkdir(parents=True, exist_ok=True)
            (record / "acme~exporter~ABCDEF.dockerbuild").touch()

    @property
    def _artifacts(self) -> Path:
        return self._work / "artifacts"

    def _keep_outputs(self, step: Fields, outputs: dict[str, str]) -> None:
        if "id" in step:
            self._contexts |= {f"steps.{step['id']}.outputs.{name}": value for name, value in outputs.items()}

    def _resolved(self, fields: Fields, given: dict[str, str] | None = None) -> dict[str, str]:
        return {name: self._resolve(value, given) for name, value in fields.items()}

    def _resolve(self, value: object, given: dict[str, str] | None = None) -> str:
        """Put in what an expression stands for: a name, or the first of several that says something."""
        known = self._contexts | (given or {})

        def look_up(found: re.Match[str]) -> str:
            names = [name.strip() for name in found[1].split("||")]
            return next((known[name] for name in names if known.get(name)), "")

        text = str(value).lower() if isinstance(value, bool) else str(value)
        return re.sub(r"\$\{\{(.*?)\}\}", look_up, text)
